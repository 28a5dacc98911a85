"""Linear algebra through Cholesky factors."""

import jax
import jax.numpy as jnp


def log_det_of_factor(scale_tril: jax.Array) -> jax.Array:
    """Log-determinant of the matrix whose Cholesky factor is given."""
    diagonal = jnp.diagonal(scale_tril, axis1=-2, axis2=-1)
    return 2 * jnp.sum(jnp.log(diagonal), axis=-1)


def solve_factor(scale_tril: jax.Array, rhs: jax.Array) -> jax.Array:
    """Solve with a lower triangular factor; both arguments have equal batch axes."""
    return jax.lax.linalg.triangular_solve(scale_tril, rhs, left_side=True, lower=True)
