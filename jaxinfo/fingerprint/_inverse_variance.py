"""Means of estimates that have standard errors."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.fingerprint._types import InverseVarianceMean


@compiled.jit
def inverse_variance_mean(
    values: ArrayLike, standard_errors: ArrayLike
) -> InverseVarianceMean:
    r"""Mean of estimates, weighted by the inverses of their variances.

    .. math::
        \bar v = \frac{\sum_i v_i / e_i^2}{\sum_i 1 / e_i^2}, \qquad
        \bar e = \left( \sum_i 1 / e_i^2 \right)^{-1/2} .

    Use it for the consistency of an ensemble, averaged over its pairs. The error is
    that of independent estimates; it does not include the spread of the values. Values
    with an error of zero are exact and outweigh all others.

    Differentiable in both arguments. Costs :math:`O(m)`.

    Args:
        values: Estimates. Shape ``(m,)``.
        standard_errors: One standard error of each, non-negative. Shape ``(m,)``.

    Returns:
        Weighted mean and its standard error, in the unit of the values; NaN for a
        negative error.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> values, errors = jnp.array([0.8, 0.6]), jnp.array([0.01, 0.02])
        >>> mean = fingerprint.inverse_variance_mean(values, errors)
        >>> print(f"{mean.value:.2f} +- {mean.standard_error:.3f}")
        0.76 +- 0.009
    """
    values, errors = checks.as_floats(
        "(m,)", values=values, standard_errors=standard_errors
    )
    errors = jnp.where(errors < 0, jnp.nan, errors)
    # In units of the smallest error, so that no square leaves the range. The result
    # does not depend on the unit, so the unit has no gradient.
    smallest = jax.lax.stop_gradient(jnp.min(errors))
    is_exact = errors == 0
    precisions = jnp.where(is_exact, 1, smallest / jnp.where(is_exact, 1, errors))
    weights = precisions**2
    total = jnp.sum(weights)
    return InverseVarianceMean(
        value=jnp.sum(weights * values) / total,
        standard_error=smallest / jnp.sqrt(total),
    )
