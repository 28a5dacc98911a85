"""Entropy of a variable from counts of its values."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, logspace

# From this count on, G(c) is log(c) and the first terms of a series: the others are
# below the rounding of double precision, and a difference would round more.
_LARGE = 32.0


@compiled.jit(static_argnames=("estimator",))
def entropy_of_counts(counts: ArrayLike, *, estimator: str = "plugin") -> jax.Array:
    r"""Entropy of a discrete variable from counts of its values.

    With :math:`N = \sum_i c_i`, and :math:`K` the number of values seen,

    .. math::
        H_\text{plugin} &= \log N - \tfrac1N \sum_i c_i \log c_i, \\
        H_\text{miller\_madow} &= H_\text{plugin} + \frac{K - 1}{2N}, \\
        H_\text{grassberger} &= \log N - \tfrac1N \sum_i c_i G(c_i), \quad
        G(c) = \psi(c) + \tfrac{(-1)^c}{2}
        \left[\psi\left(\tfrac{c+1}2\right) - \psi\left(\tfrac c2\right)\right] .

    The plug-in estimate is biased low by about :math:`(K-1)/2N`; the other two correct
    this bias. Differentiable in the counts (with the parity of a count and the set of
    values seen held fixed). Costs :math:`O(k)`.

    Args:
        counts: How often each value was seen; zeros are values not seen. Shape
            ``(k,)``.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``. Static.

    Returns:
        Entropy in nats; the plug-in estimate is between 0 and ``log(k)``, the corrected
        ones may leave this range. NaN if a count is negative or none is positive.
        Shape ``()``.

    References:
        Miller, Note on the bias of information estimates, 1955; Grassberger, `Entropy
        estimates from insufficient samplings
        <https://arxiv.org/abs/physics/0307138>`_, 2003, equation 27.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> counts = jnp.array([3, 1, 0])
        >>> print(measures.entropy_of_counts(counts))
        0.5623
        >>> print(measures.entropy_of_counts(counts, estimator="miller_madow"))
        0.6873
    """
    counts = checks.as_float("counts", counts, "(k,)")
    checks.one_of("estimator", estimator, ("plugin", "miller_madow", "grassberger"))
    total = jnp.sum(counts)
    # Dividing first keeps the logarithms of large counts from cancelling.
    plugin = -jnp.sum(logspace.xlogx(counts / total))
    if estimator == "grassberger":
        return plugin - jnp.sum(correction(counts)) / total
    if estimator == "miller_madow":
        num_seen = jnp.sum(counts > 0, dtype=counts.dtype)
        return plugin + (num_seen - 1) / (2 * total)
    return plugin


def correction(counts: jax.Array) -> jax.Array:
    """``c (G(c) - log c)``, zero at zero; negative counts give NaN."""
    is_zero = counts == 0
    c = jnp.where(is_zero, 1, counts)
    sign = jnp.where(jax.lax.stop_gradient(c) % 2 == 0, 1, -1).astype(c.dtype)
    is_large = c >= _LARGE

    few = jnp.where(is_large, 1, c)
    digamma = jax.scipy.special.digamma
    smooth = few * (digamma(few) - jnp.log(few))
    jagged = few * (digamma((few + 1) / 2) - digamma(few / 2)) / 2

    inverse = 1 / jnp.where(is_large, c, _LARGE)
    square = inverse**2
    # Asymptotic series of psi and of the alternating sum of reciprocals.
    smooth_series = jnp.polyval(
        jnp.asarray([1 / 240, -1 / 252, 1 / 120, -1 / 12], c.dtype), square
    )
    jagged_series = jnp.polyval(
        jnp.asarray([-17 / 16, 1 / 4, -1 / 8, 1 / 4], c.dtype), square
    )
    smooth_series = -1 / 2 + inverse * smooth_series
    jagged_series = 1 / 2 + inverse * jagged_series

    corrected = jnp.where(is_large, smooth_series, smooth)
    corrected = corrected + sign * jnp.where(is_large, jagged_series, jagged)
    return jnp.where(is_zero, 0, jnp.where(counts < 0, jnp.nan, corrected))
