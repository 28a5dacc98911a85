"""Random subsets, and the errors of sample means."""

import jax
import jax.numpy as jnp

from jaxinfo._numerics import guarded


def subset(key: jax.Array, num_data: int, num_points: int) -> jax.Array:
    """Draw distinct indices in random order, ``(num_points,)``."""
    return jax.random.choice(key, num_data, (num_points,), replace=False)


def mean_and_standard_error(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean of independent samples along the first axis, and its standard error.

    One sample has an unknown error: NaN.
    """
    n = x.shape[0]
    mean = jnp.mean(x, axis=0)
    total = jnp.sum(jnp.square(x - mean[None]), axis=0)
    factor = 1 / (n * (n - 1)) ** 0.5 if n > 1 else jnp.nan
    # Samples that are all equal have an error of zero, whose root has no gradient.
    return mean, guarded.sqrt(total) * factor
