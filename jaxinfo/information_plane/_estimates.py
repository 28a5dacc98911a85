"""Coordinates by the estimators of other packages."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

import jaxinfo.neighbors
from jaxinfo import diffusion, gmm
from jaxinfo._numerics import checks, compiled
from jaxinfo.information_plane import _common
from jaxinfo.information_plane._types import Coordinates


@compiled.jit(
    static_argnames=(
        "num_classes",
        "num_input_classes",
        "num_repetitions",
        "input_kind",
        "is_noisy",
    )
)
def spectral(
    key: jax.Array,
    activations: ArrayLike,
    labels: ArrayLike,
    input_labels: ArrayLike,
    *,
    num_classes: int,
    num_input_classes: int,
    bandwidth: ArrayLike,
    diffusion_time: ArrayLike = 1.0,
    num_repetitions: int = 5,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates by diffusion spectral mutual information.

    The diffusion spectral mutual information of the activations with clusters of the
    inputs, and with the labels, see `diffusion.spectral_mutual_information`. It
    measures how much less spread out in diffusion space the members of a cluster or
    class are than random samples. Either can exceed the entropy :math:`H(Y)` of its
    labels.

    Differentiable in the activations, the bandwidth and the time. Costs are those of
    two calls of that function.

    Args:
        key: Random key.
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        input_labels: Clusters of the inputs from 0 to ``num_input_classes - 1``, as
            `diffusion.cluster_labels` gives them. Shape ``(n,)``.
        num_classes: Number of classes. Static.
        num_input_classes: Number of clusters. Static.
        bandwidth: Standard deviation of the kernel. Positive scalar.
        diffusion_time: Power of the diffusion matrix. Scalar.
        num_repetitions: Random subsets of each size. Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats. Shapes ``()``.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, section IV.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> labels = jnp.arange(40) % 2
        >>> noise = jax.random.normal(jax.random.key(0), (40, 2))
        >>> plane = information_plane.spectral(
        ...     jax.random.key(1),
        ...     noise + 9.0 * labels[:, None].astype(float),
        ...     labels,
        ...     labels,
        ...     num_classes=2,
        ...     num_input_classes=2,
        ...     bandwidth=1.0,
        ... )
        >>> print(bool(plane.information_y > 0.1))
        True
    """
    key = checks.as_key("key", key)
    array, labels = _common.read(activations, labels, num_classes)
    checks.at_least("num_input_classes", num_input_classes, 1)
    clusters = checks.as_labels("input_labels", input_labels, "(n,)", n=array.shape[0])
    width = checks.as_scalar("bandwidth", bandwidth, array.dtype)
    steps = checks.as_scalar("diffusion_time", diffusion_time, array.dtype)
    information = functools.partial(
        diffusion.spectral_mutual_information,
        bandwidth=width,
        diffusion_time=steps,
        num_repetitions=num_repetitions,
    )
    key_x, key_y = jax.random.split(key)
    with_inputs = information(key_x, array, clusters, num_classes=num_input_classes)
    with_labels = information(key_y, array, labels, num_classes=num_classes)
    return _common.coordinates(
        with_inputs.value,
        with_labels.value,
        labels,
        num_classes,
        estimator="spectral",
        quantity_x="spectral I(clusters of X; T)",
        quantity_y="spectral I(T; Y)",
        truth=_common.true_information(input_kind, is_noisy),
        parameters={"bandwidth": width, "diffusion_time": steps},
    )


@compiled.jit(static_argnames=("num_classes", "input_kind", "is_noisy"))
def mixture(
    key: jax.Array,
    inputs: ArrayLike,
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    fitting: gmm.Fitting = gmm.Fitting(),
    sampling: gmm.Sampling = gmm.Sampling(),
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates by Gaussian mixtures of the activations.

    :math:`I(X; T)` by `gmm.mutual_information` of inputs and activations, and
    :math:`I(T; Y)` by `gmm.class_mutual_information` of activations and labels. A
    mixture has a density: where activations lie on a surface, as those of a
    deterministic layer do, the value is that of a smoothed layer, or NaN. Call these
    functions directly for the uncertainty.

    Differentiable to the extent these functions are. Costs are those of the two.

    Args:
        key: Random key.
        inputs: Inputs of the network, or some projections. Shape ``(n, q)``.
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes. Static.
        fitting: How mixtures are fitted, see `gmm.Fitting`.
        sampling: How their uncertainty is sampled, see `gmm.Sampling`.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats, corrected for the sampling bias. Shapes ``()``.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm, information_plane
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 200, 1))
        >>> plane = information_plane.mixture(
        ...     jax.random.key(1),
        ...     x,
        ...     x + noise,
        ...     x[:, 0] > 0,
        ...     num_classes=2,
        ...     fitting=gmm.Fitting(max_components=1),
        ...     sampling=gmm.Sampling(num_replicates=0),
        ...     is_noisy=True,
        ... )
        >>> print(abs(plane.information_x - 0.347) < 0.1)  # log(2) / 2
        True
    """
    key = checks.as_key("key", key)
    array, labels = _common.read(activations, labels, num_classes)
    inputs = checks.as_float("inputs", inputs, "(n, q)", n=array.shape[0])
    inputs, array = checks.promote(inputs, array)
    key_x, key_y = jax.random.split(key)
    with_inputs = gmm.mutual_information(
        key_x, inputs, array, fitting=fitting, sampling=sampling
    )
    with_labels = gmm.class_mutual_information(
        key_y,
        array,
        labels,
        num_classes=num_classes,
        fitting=fitting,
        sampling=sampling,
    )
    return _common.coordinates(
        with_inputs.value,
        with_labels.value,
        labels,
        num_classes,
        estimator="mixture",
        quantity_x="I(X; T) of a Gaussian mixture",
        quantity_y="I(T; Y) of Gaussian mixtures",
        truth=_common.true_information(input_kind, is_noisy),
        parameters={"num_components": with_inputs.num_components},
    )


@compiled.jit(
    static_argnames=("num_classes", "num_neighbors", "input_kind", "is_noisy")
)
def neighbors(
    inputs: ArrayLike,
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    num_neighbors: int = 4,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates by nearest neighbours.

    :math:`I(X; T)` by `neighbors.mutual_information` of inputs and activations, and
    :math:`I(T; Y)` by `neighbors.class_mutual_information` of activations and labels.
    For a deterministic layer the first grows with the number of samples without limit,
    as the true value is infinite; estimates are too low in many dimensions.

    Not differentiable: the gradient is zero, as samples are counted. Costs are those of
    the two functions.

    Args:
        inputs: Inputs of the network. Shape ``(n, q)``.
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes. Static.
        num_neighbors: Number of neighbours. Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats, of either sign where information is small. Shapes ``()``.

    Raises:
        ValueError: If n is not more than the number of neighbours.

    References:
        Kraskov, Stögbauer and Grassberger, `Estimating mutual information
        <https://arxiv.org/abs/cond-mat/0305641>`_, 2004; Ross, `Mutual information
        between discrete and continuous data sets
        <https://doi.org/10.1371/journal.pone.0087357>`_, 2014.

    Example:
        >>> import jax
        >>> from jaxinfo import information_plane
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 500, 1))
        >>> plane = information_plane.neighbors(
        ...     x, x + noise, x[:, 0] > 0, num_classes=2, is_noisy=True
        ... )
        >>> print(bool(plane.information_x > plane.information_y))
        True
    """
    array, labels = _common.read(activations, labels, num_classes)
    inputs = checks.as_float("inputs", inputs, "(n, q)", n=array.shape[0])
    inputs, array = checks.promote(inputs, array)
    return _common.coordinates(
        jaxinfo.neighbors.mutual_information(
            inputs, array, num_neighbors=num_neighbors
        ),
        jaxinfo.neighbors.class_mutual_information(
            array, labels, num_classes=num_classes, num_neighbors=num_neighbors
        ),
        labels,
        num_classes,
        estimator="neighbors",
        quantity_x="I(X; T) by nearest neighbours",
        quantity_y="I(T; Y) by nearest neighbours",
        truth=_common.true_information(input_kind, is_noisy),
        parameters={"num_neighbors": jnp.asarray(num_neighbors)},
    )
