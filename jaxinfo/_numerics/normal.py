"""Masses of intervals under the normal distribution."""

import jax
import jax.numpy as jnp


def interval_masses(z: jax.Array) -> jax.Array:
    """Masses between ascending standardised edges, and beyond the first and the last.

    To relative precision in both tails, with a derivative everywhere.

    Args:
        z: Edges less the mean, in standard deviations. Shape ``(g - 1, ...)``.

    Returns:
        Masses that sum to one along the first axis. Shape ``(g, ...)``.
    """
    # The smaller tail on each side of the median keeps the digits of both. Its argument
    # is -|z|, but with the slope of the lower tail where z is zero.
    is_below = z <= 0
    tail = jax.scipy.special.erfc(jnp.where(is_below, -z, z) * (0.5**0.5)) / 2
    lower = _with_ends(jnp.where(is_below, tail, 0.5), 0, 0.5)
    upper = _with_ends(jnp.where(is_below, 0.5, tail), 0.5, 0)
    return jnp.diff(lower, axis=0) - jnp.diff(upper, axis=0)


def _with_ends(x: jax.Array, first: float, last: float) -> jax.Array:
    padding = ((1, 1),) + ((0, 0),) * (x.ndim - 1)
    return jnp.pad(
        x, padding, constant_values=((first, last),) + ((0, 0),) * (x.ndim - 1)
    )
