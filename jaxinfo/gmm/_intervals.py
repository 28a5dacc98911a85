"""Confidence intervals of estimates."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm._types import Estimate, Interval

_METHODS = ("normal", "basic", "percentile")


@compiled.jit(static_argnames=("method",))
def confidence_interval(
    result: Estimate, *, level: ArrayLike = 0.95, method: str = "normal"
) -> Interval:
    r"""Confidence interval of an estimate.

    - ``"normal"``: ``value`` :math:`\pm z` ``standard_error``, with the normal quantile
      z.
    - ``"basic"``: quantiles :math:`(1 \mp \text{level}) / 2` of ``replicates``.
    - ``"percentile"``: those of the refits, ``2 * plugin - replicates``, which contain
      their bias twice.

    For ``method="normal"`` the ends are :math:`\hat I \pm z \hat\sigma`. No interval
    tells whether an information is zero, as estimates near zero have a one-sided
    distribution: use `independence_test`.

    Differentiable in the estimate. Costs :math:`O(b \log b)` time for b replicates.

    Args:
        result: Result of an estimator of this package, single or a matrix.
        level: Coverage probability of the interval, between 0 and 1.
        method: One of the above; the quantiles need replicates. Static.

    Returns:
        Both ends, in nats; NaN if ``level`` is not a probability. Failed replicates are
        left out.

    Raises:
        ValueError: If ``method`` needs replicates and there are none.

    References:
        Davison and Hinkley, `Bootstrap methods and their application
        <https://doi.org/10.1017/CBO9780511802843>`_, 1997, chapter 5.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 500, 1))
        >>> result = gmm.mutual_information(
        ...     jax.random.key(1),
        ...     x,
        ...     0.6 * x + 0.8 * noise,
        ...     fitting=gmm.Fitting(max_components=1),
        ... )
        >>> print(*gmm.confidence_interval(result))  # the truth is 0.223
        0.15 0.26
    """
    checks.one_of("method", method, _METHODS)
    value, replicates = result.value, result.replicates
    level = checks.as_scalar("level", level, value.dtype)
    level = jnp.where((level > 0) & (level < 1), level, jnp.nan)
    tail = (1 - level) / 2
    if method == "normal":
        reach = -jax.scipy.special.ndtri(tail) * result.standard_error
        return Interval(lower=value - reach, upper=value + reach)
    if replicates.shape[-1] == 0:
        raise ValueError(f"Expected `result` to have replicates for {method!r}.")
    if method == "percentile":
        replicates = 2 * result.plugin[..., None] - replicates
    is_known = ~jnp.isnan(level)
    tail = jnp.where(is_known, tail, 0.5)
    lower, upper = jnp.nanquantile(replicates, jnp.stack([tail, 1 - tail]), axis=-1)
    return Interval(
        lower=jnp.where(is_known, lower, jnp.nan),
        upper=jnp.where(is_known, upper, jnp.nan),
    )
