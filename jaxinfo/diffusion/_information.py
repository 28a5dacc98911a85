"""Mutual information of points and labels, by entropies within classes."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, resampling
from jaxinfo.diffusion import (
    _class_entropies,
    _eigenvalues,
    _kernels,
    _matrix_entropies,
)
from jaxinfo.diffusion._types import SpectralMutualInformation
from jaxinfo.measures import PermutationTest

# Random subsets of each size that classes are compared with.
_NUM_REPETITIONS = 5


@compiled.jit(static_argnames=("num_classes", "num_repetitions"))
def spectral_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bandwidth: ArrayLike,
    diffusion_time: ArrayLike = 1.0,
    num_repetitions: int = _NUM_REPETITIONS,
    alpha: ArrayLike = 0.0,
    mask: ArrayLike | None = None,
) -> SpectralMutualInformation:
    r"""Diffusion spectral mutual information (DSMI) of points and labels.

    With :math:`n_c` points in class c, and :math:`A_{c,r}` a subset of as many points,
    drawn from all points without replacement,

    .. math::
        \sum_c \frac{n_c}{n} \Big[ \frac{1}{R} \sum_r S_t(x_{A_{c,r}}) - S_t(x_{y = c})
        \Big] .

    It is not Shannon's mutual information: it may exceed the entropy of the labels, and
    be slightly negative for uninformative labels; `permutation_test` tests whether it
    is zero. Classes of equal size share their subsets, which the standard error takes
    into account.

    Differentiable in ``x``, ``bandwidth``, ``diffusion_time`` and ``alpha``. Costs
    :math:`O((c + R s) n_c^3)` time for s different class sizes, on matrices padded to
    at most twice :math:`n_c` or half the mean size, one after the other. Under
    ``jax.vmap`` every padded size is solved for each subset: batch with
    ``jax.lax.map``.

    Args:
        key: Random key of the subsets.
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans; for a
            scalar, use `equal_width_labels`, for a cloud, `cluster_labels`. Shape
            ``(n,)``.
        num_classes: Number of classes; empty ones are ignored. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        diffusion_time: Power of the diffusion matrix, non-negative.
        num_repetitions: Subsets of each size, at least 2. Static.
        alpha: Density exponent between 0 and 1.
        mask: Which points to count, booleans, for padded batches; the others may have
            any value and label. Shape ``(n,)``.

    Returns:
        Information in nats, of absolute value at most ``log(n)`` minus the entropy of
        the labels, with its standard error and the entropies behind it. NaN if ``x`` is
        not finite, or a label or an option is out of range.

    Raises:
        ValueError: If the matrix of all points is too large to index.

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
    key, x, classes = _read(key, x, labels, num_classes, mask)
    entropy = _spectral(x, bandwidth, diffusion_time, alpha)
    return _compare_classes(key, x, classes, entropy, num_repetitions)


@compiled.jit(static_argnames=("num_classes", "num_repetitions"))
def matrix_entry_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bandwidth: ArrayLike,
    num_repetitions: int = _NUM_REPETITIONS,
    alpha: ArrayLike = 0.5,
    mask: ArrayLike | None = None,
) -> SpectralMutualInformation:
    r"""Information of points and labels from the entropy of diffusion matrix entries.

    As `spectral_mutual_information`, but with the entropy :math:`S` of
    `matrix_entry_entropy`,

    .. math::
        \sum_c \frac{n_c}{n} \Big[ \frac{1}{R} \sum_r S(x_{A_{c,r}}) - S(x_{y = c})
        \Big] .

    For comparison with published results: it can be strongly negative for perfect
    labels, as the points of a class have more neighbours within reach than those of a
    subset of all points.

    Differentiable in ``x``, ``bandwidth`` and ``alpha``. Costs :math:`O((c + R s) n_c^2
    d)` time, one subset after the other.

    Args:
        key: Random key of the subsets.
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; empty ones are ignored. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        num_repetitions: Subsets of each size, at least 2. Static.
        alpha: Density exponent between 0 and 1.
        mask: Which points to count, booleans, for padded batches; the others may have
            any value and label. Shape ``(n,)``.

    Returns:
        Difference of entropies in nats, of any sign, with its standard error and the
        entropies behind it. NaN as for `spectral_mutual_information`.

    Raises:
        ValueError: If the matrix of all points is too large to index.

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
    key, x, classes = _read(key, x, labels, num_classes, mask)
    width = _kernels.widths(bandwidth, x, one_for_all=True)
    exponent = _kernels.exponent(alpha, x.dtype)

    def entropy(x: jax.Array, is_real: jax.Array) -> jax.Array:
        kernel = _kernels.gaussian(x, width, is_real)
        return _matrix_entropies.of_entries(kernel, exponent, is_real)

    return _compare_classes(key, x, classes, entropy, num_repetitions)


@compiled.jit(static_argnames=("num_classes", "num_repetitions"))
def adjacency_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bandwidth: ArrayLike,
    num_repetitions: int = _NUM_REPETITIONS,
    mask: ArrayLike | None = None,
) -> SpectralMutualInformation:
    r"""Information of points and labels from the spectrum of the Gaussian kernel.

    As `spectral_mutual_information`, but with the entropy :math:`S` of
    `adjacency_entropy`,

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
        num_classes: Number of classes; empty ones are ignored. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        num_repetitions: Subsets of each size, at least 2. Static.
        mask: Which points to count, booleans, for padded batches; the others may have
            any value and label. Shape ``(n,)``.

    Returns:
        Difference of entropies in nats, of any sign, with its standard error and the
        entropies behind it. NaN as for `spectral_mutual_information`.

    Raises:
        ValueError: If the matrix of all points is too large to index.

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
    key, x, classes = _read(key, x, labels, num_classes, mask)
    width = _kernels.widths(bandwidth, x, one_for_all=True)
    time = jnp.ones((1,), x.dtype)

    def entropy(x: jax.Array, is_real: jax.Array) -> jax.Array:
        kernel = _kernels.gaussian(x, width, is_real)
        return _eigenvalues.entropies(kernel, time, is_definite=True, mask=is_real)[0]

    return _compare_classes(key, x, classes, entropy, num_repetitions)


@compiled.jit(static_argnames=("num_classes", "num_permutations"))
def permutation_test(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bandwidth: ArrayLike,
    diffusion_time: ArrayLike = 1.0,
    num_permutations: int = 99,
    alpha: ArrayLike = 0.0,
    mask: ArrayLike | None = None,
) -> PermutationTest:
    r"""Permutation test of the diffusion spectral mutual information with labels.

    With the information :math:`I(y)` of `spectral_mutual_information`, that of permuted
    labels estimated with the same random subsets, and B random permutations
    :math:`\pi`,

    .. math::
        p = \frac{1 + \#\{\pi: I(\pi y) \ge I(y)\}}{1 + B} .

    As all of them share the same subsets, the error due to the subsets affects neither
    the difference of ``value`` and ``null_mean`` nor the p-value.

    Not differentiable: the p-value is a step function. Costs :math:`O((B c + R s)
    n_c^3)` time for s different class sizes.

    Args:
        key: Random key of the subsets and the permutations.
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; empty ones are ignored. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        diffusion_time: Power of the diffusion matrix, non-negative.
        num_permutations: Permutations :math:`B`, at least 2. Static.
        alpha: Density exponent between 0 and 1.
        mask: Which points to count, booleans, for padded batches; the others may have
            any value and label. Shape ``(n,)``.

    Returns:
        The information in nats, equal to that of `spectral_mutual_information` with the
        same key and its default number of subsets; the mean and standard deviation for
        permuted labels; and the p-value. NaN as for that function.

    Raises:
        ValueError: If the matrix of all points is too large to index.

    References:
        Davison and Hinkley, `Bootstrap methods and their application
        <https://doi.org/10.1017/CBO9780511802843>`_, 1997, section 4.3.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> labels = jnp.arange(30) % 3
        >>> noise = jax.random.normal(jax.random.key(0), (30, 2))
        >>> x = noise + 9.0 * labels[:, None].astype(float)
        >>> result = diffusion.permutation_test(
        ...     jax.random.key(1), x, labels, num_classes=3, bandwidth=1.0
        ... )
        >>> print(result.p_value)
        0.01
    """
    key, x, classes = _read(key, x, labels, num_classes, mask)
    x = jax.lax.stop_gradient(x)
    checks.at_least("num_permutations", num_permutations, 2)
    entropy = _spectral(x, bandwidth, diffusion_time, alpha)
    found = _class_entropies.entropies(
        key, x, classes, entropy, _NUM_REPETITIONS, num_permutations
    )
    # The labels' own classes, then those of each permutation.
    of_classes = jnp.concatenate([found.of_classes[None], found.of_permuted])
    gaps = jnp.mean(found.of_subsets, axis=0)[None] - of_classes
    share = classes.sizes.astype(x.dtype) / jnp.sum(classes.sizes).astype(x.dtype)
    information = jnp.sum(share[None] * gaps, axis=1)
    information = jnp.where(classes.is_valid, information, jnp.nan)
    value, null = information[0], information[1:]
    number = jnp.sum(null >= value).astype(x.dtype)
    p_value = (1 + number) / (1 + num_permutations)
    return PermutationTest(
        value=value,
        null_mean=jnp.mean(null),
        null_std=jnp.std(null, ddof=1),
        p_value=jnp.where(jnp.all(jnp.isfinite(information)), p_value, jnp.nan),
    )


def _read(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    num_classes: int,
    mask: ArrayLike | None,
) -> tuple[jax.Array, jax.Array, _class_entropies.Classes]:
    """Check a key, points and their labels."""
    key = checks.as_key("key", key)
    array, is_counted = _kernels.points(x, mask)
    given = checks.as_labels("labels", labels, "(n,)", n=array.shape[0])
    checks.at_least("num_classes", num_classes, 1)
    return key, array, _class_entropies.classes(given, num_classes, is_counted)


def _spectral(
    x: jax.Array, bandwidth: ArrayLike, diffusion_time: ArrayLike, alpha: ArrayLike
) -> _class_entropies.Entropy:
    """Spectral entropy of the points of a padded set that are real."""
    width = _kernels.widths(bandwidth, x, one_for_all=True)
    time = checks.as_scalar("diffusion_time", diffusion_time, x.dtype)
    exponent = _kernels.exponent(alpha, x.dtype)

    def entropy(x: jax.Array, is_real: jax.Array) -> jax.Array:
        kernel = _kernels.gaussian(x, width, is_real)
        matrix = _kernels.diffusion(kernel, exponent, is_real).matrix
        return _eigenvalues.entropies(
            matrix, time[None], is_definite=True, mask=is_real
        )[0]

    return entropy


def _compare_classes(
    key: jax.Array,
    x: jax.Array,
    classes: _class_entropies.Classes,
    entropy: _class_entropies.Entropy,
    num_repetitions: int,
) -> SpectralMutualInformation:
    """Entropies of random subsets less those of the classes of their sizes."""
    found = _class_entropies.entropies(key, x, classes, entropy, num_repetitions)
    sizes = classes.sizes
    mean, error = resampling.mean_and_standard_error(found.of_subsets)
    share = sizes.astype(x.dtype) / jnp.sum(sizes).astype(x.dtype)
    value = jnp.sum(share * (mean - found.of_classes))
    # Classes of one size share their subsets, and so the errors of these.
    same, is_first = _class_entropies.of_one_size(sizes)
    shared = jnp.where(is_first, jnp.sum(jnp.where(same, share[None], 0), axis=1), 0)
    root = guarded.sqrt(jnp.sum((shared * error) ** 2))
    return SpectralMutualInformation(
        value=jnp.where(classes.is_valid, value, jnp.nan),
        standard_error=jnp.where(classes.is_valid, root, jnp.nan),
        class_entropies=found.of_classes,
        subset_entropies=mean,
        class_sizes=sizes,
    )
