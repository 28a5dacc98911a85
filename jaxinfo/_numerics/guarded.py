"""Roots and ratios whose value and gradient stay finite where the limit is."""

import jax
import jax.numpy as jnp


def sqrt(x: jax.Array) -> jax.Array:
    """Square root with a gradient of zero, not infinity, at zero; NaN below."""
    is_zero = x == 0
    return jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, x)))


def quotient(x: jax.Array, y: jax.Array) -> jax.Array:
    """``x / y``, zero with a zero gradient where ``y`` is zero."""
    is_zero = y == 0
    return jnp.where(is_zero, 0 * x, x / jnp.where(is_zero, 1, y))


def over_geometric_mean(x: jax.Array, y: jax.Array, z: jax.Array) -> jax.Array:
    """``x / sqrt(y z)``, zero with a zero gradient if ``y`` or ``z`` is zero.

    The normalisation of a mutual information by two entropies.
    """
    # Keyed on equality, so that NaN stays NaN; the roots apart, so that the product of
    # two tiny entropies does not underflow.
    is_zero = (y == 0) | (z == 0)
    root_y = jnp.sqrt(jnp.where(is_zero, 1, y))
    root_z = jnp.sqrt(jnp.where(is_zero, 1, z))
    return jnp.where(is_zero, 0 * x, x / root_y / root_z)
