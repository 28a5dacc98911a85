"""Whether labels tell anything about points, by permutation."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.diffusion import _information, _kernels, _subsets
from jaxinfo.diffusion._types import PermutationTest


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
) -> PermutationTest:
    r"""Test whether labels tell anything about points, by permuting them.

    With the entropy within classes :math:`T(y) = \sum_c \frac{n_c}{n} S_t(x_{y = c})`
    and B random permutations,

    .. math::
        p = \frac{1 + \#\{\pi: T(\pi y) \le T(y)\}}{1 + B} ,

    and the information is the mean of :math:`T(\pi y)` less :math:`T(y)`: a random
    partition has classes of the same sizes.

    Not differentiable: the p-value is a step function. Costs :math:`O(B c n_c^3)` time.

    Args:
        key: Random key of the permutations.
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; empty ones count for nothing. Static.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        diffusion_time: Power of the diffusion matrix, not negative.
        num_permutations: Permutations :math:`B`, at least 2. Static.
        alpha: Density exponent between 0 and 1.

    Returns:
        Information in nats, mean and standard deviation of the permuted entropies, and
        the p-value. NaN as for `spectral_mutual_information`.

    Raises:
        TypeError: If ``key`` is not a typed key, labels are neither integers nor
            booleans, or an argument is complex or not an array.
        ValueError: If a shape is not the documented one, a count too small, or the
            matrix of all points too large to index.

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
    key, x, classes = _information.read(key, x, labels, num_classes)
    x = jax.lax.stop_gradient(x)
    checks.at_least("num_permutations", num_permutations, 2)
    width = _kernels.one_width(bandwidth, x)
    time = checks.as_scalar("diffusion_time", diffusion_time, x.dtype)
    entropy = _subsets.spectral(width, time, _kernels.exponent(alpha, x.dtype))
    n = x.shape[0]

    share = classes.sizes.astype(x.dtype) / n

    def of_partition(index: jax.Array) -> jax.Array:
        """Mean entropy within classes, for the labels or permuted ones."""
        shuffled = _subsets.shuffled(jax.random.fold_in(key, index), classes)
        order = jnp.where(index == 0, jnp.arange(n), shuffled)
        of_classes = _subsets.entropies(
            entropy,
            x,
            lambda one: order[_subsets.members(classes, one)],
            classes.sizes,
            num_classes=num_classes,
        )
        return jnp.sum(of_classes * share)

    within = jax.lax.map(of_partition, jnp.arange(1 + num_permutations))
    within = jnp.where(classes.is_valid, within, jnp.nan)
    null = within[1:]
    number = jnp.sum(null <= within[0]).astype(x.dtype)
    p_value = (1 + number) / (1 + num_permutations)
    mean = jnp.mean(null)
    return PermutationTest(
        value=mean - within[0],
        null_mean=mean,
        null_std=jnp.std(null, ddof=1),
        p_value=jnp.where(jnp.all(jnp.isfinite(within)), p_value, jnp.nan),
    )
