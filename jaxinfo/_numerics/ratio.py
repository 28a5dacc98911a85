"""Ratios that are defined where their denominator vanishes."""

import jax
import jax.numpy as jnp


def geometric(shared: jax.Array, own_u: jax.Array, own_v: jax.Array) -> jax.Array:
    """``shared / sqrt(own_u own_v)``, zero with a zero gradient if either own is zero.

    The normalisation of a mutual information by two entropies.
    """
    # Keyed on equality, so that NaN stays NaN; the roots apart, so that the product of
    # two tiny entropies does not underflow.
    is_zero = (own_u == 0) | (own_v == 0)
    root_u = jnp.sqrt(jnp.where(is_zero, 1, own_u))
    root_v = jnp.sqrt(jnp.where(is_zero, 1, own_v))
    return jnp.where(is_zero, 0 * shared, shared / root_u / root_v)


def quotient(x: jax.Array, y: jax.Array) -> jax.Array:
    """``x / y``, zero with a zero gradient where ``y`` is zero."""
    is_zero = y == 0
    return jnp.where(is_zero, 0 * x, x / jnp.where(is_zero, 1, y))
