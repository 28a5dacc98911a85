"""Coordinates of a layer with Gaussian noise, as bounds and by sampling."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled, logspace, pairwise
from jaxinfo.information_plane import _common
from jaxinfo.information_plane._types import Bounds, Coordinates


@compiled.jit(static_argnames=("num_classes", "block_size", "input_kind", "is_noisy"))
def kde_bounds(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    noise_variance: ArrayLike = 1e-3,
    block_size: int | None = None,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Bounds:
    r"""Information-plane coordinates of a layer with Gaussian noise, by kernel bounds.

    With :math:`D_{ij} = |t_i - t_j|^2`, the information of the inputs with :math:`T +
    N`, :math:`N \sim N(0, \sigma^2)`, is at most

    .. math::
        -\frac1n \sum_i \log \frac1n \sum_j \exp\left(-\frac{D_{ij}}{2 \sigma^2}\right)

    and at least the same with :math:`8 \sigma^2` in place of :math:`2 \sigma^2`. The
    information with the labels is, for each of the two, the value for all samples minus
    those for the classes, weighted by their shares: a difference of bounds, hence not a
    bound. The noise is the estimator's, not the network's; usual variances are 1e-3, or
    0.1 for wide layers.

    Differentiable in the activations and the variance, also where samples coincide.
    Costs :math:`O(n^2 d)` time and :math:`O(n b)` memory for blocks of b samples,
    forward and backward. Beyond 8 neurons distances come from a matrix product, and
    lose precision where activations are large compared with the noise.

    Args:
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes. Static.
        noise_variance: Variance :math:`\sigma^2` of the noise. Positive scalar.
        block_size: Samples whose distances from all others are held in memory at once.
            Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates from the lower and from the upper bounds, in nats, ``information_x``
        between 0 and ``log(n)``. NaN if an activation is not finite or the variance is
        not positive; with respect to labels, if one is out of range. Shapes ``()``.

    References:
        Kolchinsky and Tracey, `Estimating mixture entropy with pairwise distances
        <https://arxiv.org/abs/1706.02419>`_, 2017, equations 10 and 11; Saxe et al.,
        `On the information bottleneck theory of deep learning
        <https://openreview.net/forum?id=ry_WPG-A->`_, 2018.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[0.0], [0.0], [9.0], [9.0]])
        >>> lower, upper = information_plane.kde_bounds(
        ...     activations, jnp.array([0, 0, 1, 1]), num_classes=2
        ... )
        >>> print(lower.information_x, upper.information_x)  # log(2)
        0.6931 0.6931
    """
    array, labels = _common.read(activations, labels, num_classes)
    checks.block_size(block_size)
    variance = checks.as_scalar("noise_variance", noise_variance, array.dtype)
    variance = jnp.where(variance > 0, variance, jnp.nan)
    n = array.shape[0]
    index = jnp.arange(n)
    sizes = jnp.zeros((num_classes,), array.dtype).at[labels].add(1)

    def of_block(
        block: tuple[jax.Array, jax.Array, jax.Array], weights: jax.Array
    ) -> tuple[jax.Array, tuple[()]]:
        rows, own, number = block
        distances = pairwise.squared_distances(rows, array)
        # Rounding must not part a sample from itself.
        distances = jnp.where(number[:, None] == index[None, :], 0, distances)
        is_of_class = own[:, None] == labels[None, :]
        sums = []
        for factor in (8, 2):
            kernel = jnp.exp(-distances / (factor * variance))
            of_all = jnp.log(jnp.sum(kernel, axis=1) / n)
            of_class = jnp.sum(jnp.where(is_of_class, kernel, 0), axis=1)
            of_class = jnp.log(of_class / sizes[own])
            sums += [-jnp.sum(weights * of_all), -jnp.sum(weights * of_class)]
        return jnp.stack(sums), ()

    size = block_size or blocks.default_size(n, array.dtype.itemsize)
    total, _ = blocks.over_rows(of_block, (array, labels, index), block_size=size)
    lower, lower_in_class, upper, upper_in_class = total / n

    def coordinates(
        information: jax.Array, in_class: jax.Array, side: str
    ) -> Coordinates:
        return _common.coordinates(
            information,
            information - in_class,
            labels,
            num_classes,
            estimator="kde_bounds",
            quantity_x=f"{side} bound of I(X; T + N(0, s2))",
            quantity_y=f"I(T + N(0, s2); Y), difference of {side} bounds",
            truth=_common.true_information(input_kind, is_noisy),
            parameters={"noise_variance": variance},
        )

    return Bounds(
        lower=coordinates(lower, lower_in_class, "lower"),
        upper=coordinates(upper, upper_in_class, "upper"),
    )


@compiled.jit(
    static_argnames=(
        "num_classes",
        "num_samples",
        "block_size",
        "input_kind",
        "is_noisy",
    )
)
def noisy(
    key: jax.Array,
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    noise_variance: ArrayLike,
    num_samples: int,
    block_size: int | None = None,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates of a layer with Gaussian noise, by Monte Carlo.

    With :math:`t = t_i + \sigma e`, taking samples i in turn and e normal,

    .. math::
        I(X; T + N) = \left\langle \log \frac{N(t; t_i, \sigma^2)}
        {\frac1n \sum_j N(t; t_j, \sigma^2)} \right\rangle, \quad
        I(T + N; Y) = \left\langle \log \frac{\frac1{n_c} \sum_{j \in c}
        N(t; t_j, \sigma^2)}{\frac1n \sum_j N(t; t_j, \sigma^2)} \right\rangle

    with c the class of sample i. Where `kde_bounds` gives bounds, the value lies
    between them. If the network itself adds this noise, this is the information of the
    layer; otherwise the noise is the estimator's.

    Differentiable in the activations and the variance. Costs :math:`O(s n d)` time for
    s samples and :math:`O(n b)` memory for blocks of b.

    Args:
        key: Random key.
        activations: Activations of a layer without the noise. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``. Shape ``(n,)``.
        num_classes: Number of classes. Static.
        noise_variance: Variance :math:`\sigma^2` of the noise. Positive scalar.
        num_samples: Number of draws; a multiple of n treats all samples alike. Static.
        block_size: Draws whose distances are held in memory at once. Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether the network adds this noise. Static.

    Returns:
        Coordinates in nats. NaN if an activation is not finite or the variance is not
        positive; with respect to labels, if one is out of range. Shapes ``()``.

    References:
        Goldfeld et al., `Estimating information flow in deep neural networks
        <https://arxiv.org/abs/1810.05728>`_, 2019, section 5.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[0.0], [9.0]])
        >>> plane = information_plane.noisy(
        ...     jax.random.key(0),
        ...     activations,
        ...     jnp.array([0, 1]),
        ...     num_classes=2,
        ...     noise_variance=0.1,
        ...     num_samples=100,
        ... )
        >>> print(plane.information_x, plane.information_y)  # log(2)
        0.6931 0.6931
    """
    key = checks.as_key("key", key)
    array, labels = _common.read(activations, labels, num_classes)
    checks.at_least("num_samples", num_samples, 1)
    checks.block_size(block_size)
    variance = checks.as_scalar("noise_variance", noise_variance, array.dtype)
    variance = jnp.where(variance > 0, variance, jnp.nan)
    n = array.shape[0]
    key_order, key_noise = jax.random.split(key)
    order = jax.random.permutation(key_order, n)
    chosen = order[jnp.arange(num_samples) % n]
    noise = jax.random.normal(key_noise, (num_samples, array.shape[1]), array.dtype)
    sizes = jnp.zeros((num_classes,), array.dtype).at[labels].add(1)

    def of_block(
        block: tuple[jax.Array, jax.Array], weights: jax.Array
    ) -> tuple[jax.Array, tuple[()]]:
        number, drawn = block
        own = labels[number]
        draws = array[number] + jnp.sqrt(variance) * drawn
        log_densities = -pairwise.squared_distances(draws, array) / (2 * variance)
        of_itself = -jnp.sum(jnp.square(drawn), axis=1) / 2
        # Distances in many dimensions round by more than the noise is wide.
        is_itself = number[:, None] == jnp.arange(n)[None, :]
        log_densities = jnp.where(is_itself, of_itself[:, None], log_densities)
        of_all = logspace.log_mean_exp(log_densities, axis=1)
        is_of_class = own[:, None] == labels[None, :]
        of_class = logspace.log_mean_exp(
            jnp.where(is_of_class, log_densities, -jnp.inf), axis=1
        )
        of_class = of_class + jnp.log(n / sizes[own])
        return jnp.stack(
            [jnp.sum(weights * (one - of_all)) for one in (of_itself, of_class)]
        ), ()

    size = block_size or blocks.default_size(n, array.dtype.itemsize)
    total, _ = blocks.over_rows(of_block, (chosen, noise), block_size=size)
    information_x, information_y = total / num_samples
    return _common.coordinates(
        information_x,
        information_y,
        labels,
        num_classes,
        estimator="noisy",
        quantity_x="I(X; T + N(0, s2))",
        quantity_y="I(T + N(0, s2); Y)",
        truth=_common.true_information(input_kind, is_noisy),
        parameters={"noise_variance": variance},
    )
