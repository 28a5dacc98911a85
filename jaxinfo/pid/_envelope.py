"""Derivatives of optima, without differentiating what finds them."""

import jax
import jax.numpy as jnp


def with_gradient(value: jax.Array, x: jax.Array, gradient: jax.Array) -> jax.Array:
    """A value ``()`` whose derivative with respect to ``x`` is the given one.

    At an optimum the derivative is that of the objective with the optimal point held
    fixed. Second derivatives are zero.
    """
    value, gradient = jax.lax.stop_gradient((value, gradient))
    return value + jnp.sum(gradient * (x - jax.lax.stop_gradient(x)))


def clamp(value: jax.Array, lower: jax.Array, upper: jax.Array) -> jax.Array:
    """A value between two ends, with its own derivative where it meets one of them."""
    clamped = jnp.minimum(jnp.maximum(value, lower), upper)
    return value + jax.lax.stop_gradient(clamped - value)
