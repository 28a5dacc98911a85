"""What Newton steps with a logarithmic barrier have in common."""

import jax
import jax.numpy as jnp

_DECREASE = 0.2
# Share of the way to the boundary that a step may take.
_TO_BOUNDARY = 0.97


def lowered(barrier: jax.Array, length: jax.Array, least: float) -> jax.Array:
    """The barrier of the next step: lower after a long step, down to the least."""
    return jnp.where(length > 0.5, jnp.maximum(_DECREASE * barrier, least), barrier)


def step_length(table: jax.Array, direction: jax.Array) -> jax.Array:
    """The whole step, or a part that keeps the table positive."""
    shrinks = direction < 0
    share = -table / jnp.where(shrinks, direction, -1)
    nearest = jnp.min(jnp.where(shrinks, share, jnp.inf))
    return jnp.minimum(1, _TO_BOUNDARY * nearest)


def curvature_and_push(
    table: jax.Array, barrier: jax.Array, is_possible: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Inverse second derivatives of cells, and these times the slope of the barrier.

    Of ``q log q - barrier log q``, without dividing the barrier by a probability.
    """
    safe = jnp.where(is_possible, table, 1)
    curvature = jnp.where(is_possible, safe * (safe / (safe + barrier)), 0)
    push = jnp.where(is_possible, safe * (barrier / (safe + barrier)), 0)
    return curvature, push
