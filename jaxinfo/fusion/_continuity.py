"""Whether a fused space of ordered points hangs together."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.fingerprint import _hellinger


@compiled.jit(static_argnames=("closed",))
def continuity(
    means: ArrayLike, log_variances: ArrayLike, *, closed: bool = True
) -> jax.Array:
    r"""How evenly a space places points that lie along a curve.

    With :math:`D_i` the Bhattacharyya distances of neighbours i, i+1,

    .. math::
        \max_i D_i / Q_{90\%}(D) .

    Near 1 if no neighbours are torn apart; large where the curve is cut. Differentiable
    in both arguments, through the largest distance and those at the percentile. Costs
    :math:`O(n d + n \log n)`.

    Args:
        means: Means of the posteriors, points in order. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.
        closed: Whether the last point is a neighbour of the first, so that an open arc
            is detected. Static.

    Returns:
        Ratio, at least 1; NaN if more than nine in ten neighbours coincide. Shape
        ``()``.

    Raises:
        ValueError: If there are fewer than 2 points.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fusion
        >>> angles = jnp.linspace(0, 2 * jnp.pi, 100, endpoint=False)
        >>> ring = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
        >>> print(fusion.continuity(ring, 0 * ring))
        1.0000
    """
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    if means.shape[0] < 2:
        raise ValueError(
            f"Expected `means` to have at least 2 points, got {means.shape}."
        )
    parameters = _hellinger.standardised(means, log_variances)
    following = tuple(jnp.roll(x, -1, axis=0) for x in parameters)
    parts = _hellinger.gaussian(*parameters, *following)
    # -log of factor * exp(-exponent), without forming it, as it may underflow.
    log_factor = jnp.where(
        parts.complement < 0.5,
        jnp.log1p(-jnp.minimum(parts.complement, 0.5)),
        jnp.log(parts.factor),
    )
    distances = jnp.sum(parts.exponent - log_factor, axis=1)
    if not closed:
        distances = distances[:-1]
    return jnp.max(distances) / jnp.percentile(distances, 90)
