"""Mutual information of points and labels, by entropies within classes."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, logspace, resampling
from jaxinfo.diffusion import _kernels, _relatives, _subsets
from jaxinfo.diffusion._types import SpectralMutualInformation


@compiled.jit(static_argnames=("num_classes", "num_repetitions"))
def spectral_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bandwidth: ArrayLike,
    diffusion_time: ArrayLike = 1.0,
    num_repetitions: int = 5,
    alpha: ArrayLike = 0.0,
    where: ArrayLike | None = None,
) -> SpectralMutualInformation:
    r"""Diffusion spectral mutual information (DSMI) of points with labels.

    With :math:`n_c` points in class c, and :math:`A_{c,r}` as many drawn from all
    points without replacement,

    .. math::
        \sum_c \frac{n_c}{n} \Big[ \frac{1}{R} \sum_r S_t(x_{A_{c,r}}) - S_t(x_{y = c})
        \Big] .

    It is not Shannon's mutual information: it may exceed the entropy of the labels, and
    be a little negative for labels that tell nothing; `permutation_test` tells whether
    it is zero. Sets of one size share their subsets, which the standard error counts.

    Differentiable in ``x``, ``bandwidth``, ``diffusion_time`` and ``alpha``. Costs
    :math:`O((c + R s) n_c^3)` time for s different class sizes, on matrices padded to
    at most twice :math:`n_c` or half the mean size, one after the other. Under
    ``jax.vmap`` every padded size is solved for each subset: batch with
    ``jax.lax.map``.

    Args:
        key: Random key of the subsets.
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans; of a scalar
            by `equal_width_labels`, of a cloud by `cluster_labels`. Shape ``(n,)``.
        num_classes: Number of classes; empty ones count for nothing. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        diffusion_time: Power of the diffusion matrix, not negative.
        num_repetitions: Subsets of each size, at least 2. Static.
        alpha: Density exponent between 0 and 1.
        where: Which points to count, booleans, for padded batches; the others may have
            any value and label. Shape ``(n,)``.

    Returns:
        Information in nats, of modulus at most ``log(n)`` less the entropy of the
        labels, with its standard error and the entropies behind it. NaN if ``x`` is not
        finite, a label no class, or an option not in its range.

    Raises:
        TypeError: If ``key`` is not a typed key, labels are neither integers nor
            booleans, ``where`` is not boolean, or an argument is complex or not an
            array.
        ValueError: If a shape is not the documented one, a count too small, or the
            matrix of all points too large to index.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, definition IV.2, estimated with subsets of equal sizes as its package
        does.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> labels = jnp.arange(60) % 3
        >>> noise = jax.random.normal(jax.random.key(0), (60, 2))
        >>> x = noise + 99.0 * labels[:, None].astype(float)
        >>> result = diffusion.spectral_mutual_information(
        ...     jax.random.key(1), x, labels, num_classes=3, bandwidth=20.0
        ... )
        >>> print(result.value)  # about log(3)
        1.1
    """
    key, x, classes = read(key, x, labels, num_classes, where)
    width = _kernels.one_width(bandwidth, x)
    time = checks.as_scalar("diffusion_time", diffusion_time, x.dtype)
    entropy = _subsets.spectral(width, time, _kernels.exponent(alpha, x.dtype))
    return _compare_classes(key, x, classes, entropy, num_classes, num_repetitions)


@compiled.jit(static_argnames=("num_classes", "num_repetitions"))
def matrix_entry_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bandwidth: ArrayLike,
    num_repetitions: int = 5,
    alpha: ArrayLike = 0.5,
) -> SpectralMutualInformation:
    r"""Information of points with labels by the entropy of matrix entries.

    As `spectral_mutual_information`, with the entropy :math:`S` of
    `matrix_entry_entropy` in its place,

    .. math::
        \sum_c \frac{n_c}{n} \Big[ \frac{1}{R} \sum_r S(x_{A_{c,r}}) - S(x_{y = c})
        \Big] .

    For comparison with published results: it can be strongly negative for perfect
    labels, as a class has more neighbours in reach than a subset of all points.

    Differentiable in ``x``, ``bandwidth`` and ``alpha``. Costs :math:`O((c + R s) n_c^2
    d)` time, one subset after the other.

    Args:
        key: Random key of the subsets.
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; empty ones count for nothing. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        num_repetitions: Subsets of each size, at least 2. Static.
        alpha: Density exponent between 0 and 1.

    Returns:
        Difference of entropies in nats, of any sign, with its standard error and the
        entropies behind it. NaN as for `spectral_mutual_information`.

    Raises:
        TypeError: If ``key`` is not a typed key, labels are neither integers nor
            booleans, or an argument is complex or not an array.
        ValueError: If a shape is not the documented one, a count too small, or the
            matrix of all points too large to index.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024; an option of its package.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jax.random.normal(jax.random.key(0), (20, 2))
        >>> result = diffusion.matrix_entry_mutual_information(
        ...     jax.random.key(1), x, jnp.zeros(20, int), num_classes=1, bandwidth=1.0
        ... )
        >>> print(jnp.round(result.value, 4) + 0.0)  # every subset is all points
        0.0
    """
    key, x, classes = read(key, x, labels, num_classes)
    width = _kernels.one_width(bandwidth, x)
    entropy = _subsets.matrix_entry(width, _kernels.exponent(alpha, x.dtype))
    return _compare_classes(key, x, classes, entropy, num_classes, num_repetitions)


@compiled.jit(static_argnames=("num_classes", "num_repetitions"))
def adjacency_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bandwidth: ArrayLike,
    num_repetitions: int = 5,
) -> SpectralMutualInformation:
    r"""Information of points with labels by the spectrum of the kernel itself.

    As `spectral_mutual_information`, with the entropy :math:`S` of `adjacency_entropy`
    in its place,

    .. math::
        \sum_c \frac{n_c}{n} \Big[ \frac{1}{R} \sum_r S(x_{A_{c,r}}) - S(x_{y = c})
        \Big] .

    For comparison with published results: it can be negative for perfect labels.

    Differentiable in ``x`` and ``bandwidth``. Costs :math:`O((c + R s) n_c^3)` time,
    one subset after the other.

    Args:
        key: Random key of the subsets.
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; empty ones count for nothing. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        num_repetitions: Subsets of each size, at least 2. Static.

    Returns:
        Difference of entropies in nats, of any sign, with its standard error and the
        entropies behind it. NaN as for `spectral_mutual_information`.

    Raises:
        TypeError: If ``key`` is not a typed key, labels are neither integers nor
            booleans, or an argument is complex or not an array.
        ValueError: If a shape is not the documented one, a count too small, or the
            matrix of all points too large to index.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024; an option of its package.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jax.random.normal(jax.random.key(0), (20, 2))
        >>> result = diffusion.adjacency_mutual_information(
        ...     jax.random.key(1), x, jnp.zeros(20, int), num_classes=1, bandwidth=1.0
        ... )
        >>> print(jnp.round(result.value, 4) + 0.0)  # every subset is all points
        0.0
    """
    key, x, classes = read(key, x, labels, num_classes)
    entropy = _subsets.adjacency(_kernels.one_width(bandwidth, x))
    return _compare_classes(key, x, classes, entropy, num_classes, num_repetitions)


@compiled.jit(static_argnames=("num_classes", "num_bins"))
def binned_mutual_information(
    x: ArrayLike, labels: ArrayLike, *, num_classes: int, num_bins: int = 2
) -> jax.Array:
    r"""Shannon information of points in a grid of equal bins with labels (CSMI).

    With the cells :math:`Q` of `binned_entropy`, the same for all classes,

    .. math::
        I(Q; Y) = H(Q) + H(Y) - H(Q, Y) .

    Equals the entropy of the labels as soon as every sample has a cell of its own,
    which takes few columns. Not differentiable: its gradient is zero. Costs :math:`O(n
    d \log n)` time and :math:`O(n (d + c))` memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes. Static.
        num_bins: Bins of a column. Static.

    Returns:
        Information in nats, between 0 and the entropy of the labels. NaN if ``x`` is
        not finite or a label no class. Shape ``()``.

    Raises:
        TypeError: If labels are neither integers nor booleans, or an argument is
            complex or not an array.
        ValueError: If a shape is not the documented one, or a count below 1.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024; its package bins each class anew, which can give negative values.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.array([[0.0], [0.1], [0.9], [1.0]])
        >>> print(
        ...     diffusion.binned_mutual_information(
        ...         x, jnp.array([0, 0, 1, 1]), num_classes=2
        ...     )
        ... )  # log(2)
        0.6931
    """
    array = jax.lax.stop_gradient(checks.as_float("x", x, "(n, d)"))
    labels = checks.as_labels("labels", labels, "(n,)", n=array.shape[0])
    checks.at_least("num_classes", num_classes, 1)
    checks.at_least("num_bins", num_bins, 1)
    n = array.shape[0]
    cells = _relatives.cells(array, num_bins)
    table = jnp.zeros((n, num_classes), array.dtype).at[cells, labels].add(1) / n

    def entropy(p: jax.Array) -> jax.Array:
        return -jnp.sum(logspace.xlogx(p))

    information = (
        entropy(jnp.sum(table, axis=0))
        + entropy(jnp.sum(table, axis=1))
        - entropy(table)
    )
    is_valid = jnp.all((labels >= 0) & (labels < num_classes))
    is_valid = is_valid & jnp.all(jnp.isfinite(array))
    return jnp.where(is_valid, information, jnp.nan)


def read(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    num_classes: int,
    where: ArrayLike | None = None,
) -> tuple[jax.Array, jax.Array, _subsets.Classes]:
    """Check a key, points and their labels."""
    key = checks.as_key("key", key)
    array, is_counted = _kernels.chosen_points(x, where)
    given = checks.as_labels("labels", labels, "(n,)", n=array.shape[0])
    checks.at_least("num_classes", num_classes, 1)
    return key, array, _subsets.classes(given, num_classes, is_counted)


def _compare_classes(
    key: jax.Array,
    x: jax.Array,
    classes: _subsets.Classes,
    entropy: _subsets.Entropy,
    num_classes: int,
    num_repetitions: int,
) -> SpectralMutualInformation:
    """Entropies of random subsets less those of the classes of their sizes."""
    checks.at_least("num_repetitions", num_repetitions, 2)
    sizes = classes.sizes
    same = sizes[:, None] == sizes[None, :]
    first = jnp.argmax(same, axis=1)
    is_first = first == jnp.arange(num_classes)

    def of_class(index: jax.Array) -> jax.Array:
        return _subsets.members(classes, index)

    def at_random(index: jax.Array) -> jax.Array:
        return _subsets.shuffled(jax.random.fold_in(key, index), classes)

    def choose(index: jax.Array) -> jax.Array:
        chosen: jax.Array = jax.lax.cond(
            index < num_classes, of_class, at_random, index
        )
        return chosen

    # The classes, then the subsets; classes of one size share those of the first.
    asked = jnp.where(is_first, sizes, 0)
    flat = _subsets.entropies(
        entropy,
        x,
        choose,
        jnp.concatenate([sizes, jnp.repeat(asked, num_repetitions)]),
        num_classes=num_classes,
    )
    of_classes = flat[:num_classes]
    drawn = flat[num_classes:].reshape(num_classes, num_repetitions)
    mean, error = resampling.mean_and_standard_error(drawn.T)
    number = jnp.sum(sizes).astype(x.dtype)
    mean, share = mean[first], sizes.astype(x.dtype) / number
    shared = jnp.where(is_first, jnp.sum(jnp.where(same, share[None], 0), axis=1), 0)
    squares = jnp.sum((shared * error) ** 2)
    root = guarded.sqrt(squares)
    value = jnp.sum(share * (mean - of_classes))
    return SpectralMutualInformation(
        value=jnp.where(classes.is_valid, value, jnp.nan),
        standard_error=jnp.where(classes.is_valid, root, jnp.nan),
        class_entropies=of_classes,
        subset_entropies=mean,
        class_sizes=sizes,
    )
