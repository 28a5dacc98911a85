"""Confidence intervals of estimates."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm._types import Entropy, Interval, KLDivergence, MutualInformation

_METHODS = ("normal", "basic", "percentile")


@compiled.jit(static_argnames=("method",))
def confidence_interval(
    result: MutualInformation | Entropy | KLDivergence,
    *,
    level: ArrayLike = 0.95,
    method: str = "normal",
) -> Interval:
    r"""Confidence interval of an estimate.

    - ``"normal"``: ``mean`` :math:`\pm z` ``std``, with the normal quantile z.
    - ``"basic"``: quantiles :math:`(1 \mp \text{level}) / 2` of ``values``.
    - ``"percentile"``: those of the replicates, ``2 * value - values``; it carries
      their doubled bias.

    For ``method="normal"`` the ends are :math:`\hat I \pm z \hat\sigma`. No interval
    tells whether an information is zero, as its estimates near zero have a one-sided
    law: use `independence_test`.

    Differentiable in the estimate. Costs :math:`O(b \log b)` time for b replicates.

    Args:
        result: What an estimate of this package returned, one or a matrix of them.
        level: Probability that the interval is to hold, between 0 and 1.
        method: One of the above; the quantiles need replicates. Static.

    Returns:
        Both ends, in nats; NaN for a level that is no probability. Failed replicates
        are left out.

    Raises:
        TypeError: If ``result`` has no ``mean``, ``std`` and ``values``.
        ValueError: If ``method`` is unknown, or needs replicates where there are none.

    References:
        Davison and Hinkley, `Bootstrap methods and their application
        <https://doi.org/10.1017/CBO9780511802843>`_, 1997, chapter 5.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 500, 1))
        >>> result = gmm.mutual_information(
        ...     jax.random.key(1), x, 0.6 * x + 0.8 * noise, max_components=1
        ... )
        >>> print(*gmm.confidence_interval(result))  # the truth is 0.223
        0.15 0.26
    """
    if not all(hasattr(result, name) for name in ("mean", "std", "values", "value")):
        raise TypeError(
            "Expected `result` to be an estimate of this package, got "
            f"{type(result).__name__}."
        )
    checks.one_of("method", method, _METHODS)
    level = checks.as_scalar("level", level, result.mean.dtype)
    level = jnp.where((level > 0) & (level < 1), level, jnp.nan)
    tail = (1 - level) / 2
    if method == "normal":
        reach = -jax.scipy.special.ndtri(tail) * result.std
        return Interval(lower=result.mean - reach, upper=result.mean + reach)
    if result.values.shape[-1] == 0:
        raise ValueError(f"Expected `result` to have replicates for {method!r}.")
    values = result.values
    if method == "percentile":
        values = 2 * result.value[..., None] - values
    is_known = ~jnp.isnan(level)
    tail = jnp.where(is_known, tail, 0.5)
    lower, upper = jnp.nanquantile(values, jnp.stack([tail, 1 - tail]), axis=-1)
    return Interval(
        lower=jnp.where(is_known, lower, jnp.nan),
        upper=jnp.where(is_known, upper, jnp.nan),
    )
