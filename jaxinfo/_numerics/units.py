"""Units in which the columns of a matrix of samples neither overflow nor vanish."""

import jax
import jax.numpy as jnp

from jaxinfo._numerics import guarded


def in_units(samples: jax.Array) -> jax.Array:
    """Centred columns whose squares are neither infinite nor all zero, if not constant.

    In units of their largest distance from the first row: the mean of equal numbers may
    round, and what is constant must be exactly zero.
    """
    offset = samples - jax.lax.stop_gradient(samples[:1])
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(offset), axis=0, keepdims=True))
    unit = guarded.quotient(offset, scale)
    return unit - jnp.mean(unit, axis=0, keepdims=True)


def standardized(samples: jax.Array, *, ddof: int = 1) -> jax.Array:
    """Columns centred and divided by their deviation; zero if constant."""
    centred = in_units(samples)
    degrees = max(samples.shape[0] - ddof, 1)
    variance = jnp.sum(jnp.square(centred), axis=0, keepdims=True) / degrees
    return guarded.quotient(centred, guarded.sqrt(variance))
