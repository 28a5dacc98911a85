"""Nodes of integrals over standard normal variables."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

# Weights of a tensor rule below this are dropped: their nodes lie in the corners, where
# no density is left.
_SMALLEST_WEIGHT = 1e-10


@functools.cache
def gauss_hermite(
    order: int, dim: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Nodes ``(q, dim)`` and normalised weights ``(q,)`` of a tensor rule."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    weights = weights / weights.sum()
    grid = np.stack(np.meshgrid(*[nodes] * dim, indexing="ij"), axis=-1)
    products = np.prod(
        np.stack(np.meshgrid(*[weights] * dim, indexing="ij"), axis=-1), axis=-1
    )
    if dim == 1:
        return grid.reshape(-1, 1), products
    is_kept = products > _SMALLEST_WEIGHT
    kept = products[is_kept]
    return grid[is_kept], kept / kept.sum()


def sobol_normals(
    key: jax.Array, *, num_shifts: int, num_nodes: int, dim: int, dtype: jnp.dtype
) -> jax.Array:
    """Randomised quasi Monte Carlo nodes, ``(num_shifts, num_nodes, dim)``.

    Sobol points under independent digital shifts: each shift gives an unbiased mean.
    """
    points = jnp.asarray(_sobol_integers(num_nodes, dim))
    shifts = jax.random.bits(key, (num_shifts, 1, dim), jnp.uint32)
    bits = jnp.bitwise_xor(points[None], shifts)
    # 23 bits and a half are exact in float32, and keep away from 0 and 1.
    uniform = ((bits >> 9).astype(dtype) + 0.5) / 2**23
    return jax.scipy.special.ndtri(uniform)


@functools.cache
def _sobol_integers(num_nodes: int, dim: int) -> npt.NDArray[np.uint32]:
    from scipy.stats import qmc

    points = qmc.Sobol(dim, scramble=False, bits=32).random(num_nodes)
    return np.asarray(points * 2.0**32, np.uint32)
