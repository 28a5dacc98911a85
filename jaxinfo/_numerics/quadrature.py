"""Nodes of integrals over standard normal variables."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

# Weights of a tensor rule below this are dropped: their nodes lie in the corners, where
# no density is left.
_SMALLEST_WEIGHT = 1e-10
# Primitive polynomials and first direction numbers of Sobol points: Joe and Kuo, SIAM
# Journal on Scientific Computing 30, 2008, https://doi.org/10.1137/070709359, which
# SciPy has for any dimension, but takes a second to import.
_DIRECTIONS = (
    (0b1, (1,)),
    (0b11, (1,)),
    (0b111, (1, 3)),
    (0b1011, (1, 3, 1)),
    (0b1101, (1, 1, 1)),
    (0b10011, (1, 1, 3, 3)),
    (0b11001, (1, 3, 5, 13)),
    (0b100101, (1, 1, 5, 5, 17)),
    (0b101001, (1, 1, 5, 5, 5)),
    (0b101111, (1, 1, 7, 11, 19)),
    (0b110111, (1, 1, 5, 1, 1)),
    (0b111011, (1, 1, 1, 3, 11)),
)


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
    points = jnp.asarray(sobol_integers(num_nodes, dim))
    shifts = jax.random.bits(key, (num_shifts, 1, dim), jnp.uint32)
    bits = jnp.bitwise_xor(points[None], shifts)
    # 23 bits and a half are exact in float32, and keep away from 0 and 1.
    uniform = ((bits >> 9).astype(dtype) + 0.5) / 2**23
    return jax.scipy.special.ndtri(uniform)


@functools.cache
def sobol_integers(num_nodes: int, dim: int) -> npt.NDArray[np.uint32]:
    """The first points of the sequence, as shares of 2^32, ``(num_nodes, dim)``."""
    if dim > len(_DIRECTIONS):
        from scipy.stats import qmc

        points = qmc.Sobol(dim, scramble=False, bits=32).random(num_nodes)
        return np.asarray(points * 2.0**32, np.uint32)
    index = np.arange(num_nodes)
    gray = index ^ (index >> 1)
    integers = np.zeros((num_nodes, dim), np.uint32)
    for column, (polynomial, first) in enumerate(_DIRECTIONS[:dim]):
        odds = list(first)
        degree = polynomial.bit_length() - 1
        for bit in range(num_nodes.bit_length() - 1):
            if bit >= len(odds):
                odds.append(_next_odd(odds, polynomial, degree))
            direction = np.uint32(odds[bit] << (31 - bit))
            integers[:, column] ^= np.where(gray >> bit & 1, direction, np.uint32(0))
    return integers


def _next_odd(odds: list[int], polynomial: int, degree: int) -> int:
    """The next odd number of a sequence that a polynomial generates."""
    new = odds[-degree] if degree else 1
    for j in range(1, degree + 1):
        if polynomial >> (degree - j) & 1:
            new ^= odds[-j] << j
    return new
