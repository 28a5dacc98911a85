"""Parts of the spectrum of a large operator, from products with it alone."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import linalg

Multiply = Callable[[jax.Array], jax.Array]

# Steps in which the subspace of leading eigenvectors is built.
_NUM_BLOCKS = 8
# An eigenvector is known if what the operator adds to it is below this share.
_MOST_RESIDUAL = 0.01


class Pairs(NamedTuple):
    """Approximate eigenpairs, and which of them to rely on.

    Attributes:
        values: Their eigenvalues. Shape ``(r,)``.
        vectors: Orthonormal, zero where not known. Shape ``(n, r)``.
        residuals: What the operator adds to each vector. Shape ``(r,)``.
        is_known: Whether the residual is small. Shape ``(r,)``.
    """

    values: jax.Array
    vectors: jax.Array
    residuals: jax.Array
    is_known: jax.Array


class Quadrature(NamedTuple):
    """Nodes and weights of integrals over the spectrum that vectors see.

    Attributes:
        nodes: Shape ``(p, m)``.
        weights: Those of one vector sum to one. Shape ``(p, m)``.
    """

    nodes: jax.Array
    weights: jax.Array


def leading_pairs(
    key: jax.Array, multiply: Multiply, known: jax.Array, subspace_size: int
) -> Pairs:
    """Leading eigenpairs, by block Krylov iteration beside a known vector ``(n,)``.

    The known one has norm and eigenvalue 1. The others are kept by their residual
    relative to the eigenvalue; without that, mixtures of eigenvectors of a narrow bulk
    would pass for eigenvectors.
    """
    n = known.shape[0]
    width = -(-subspace_size // _NUM_BLOCKS)
    empty = jnp.zeros((n, width * _NUM_BLOCKS), known.dtype)

    def orthonormal(block: jax.Array, basis: jax.Array) -> jax.Array:
        # Twice, as what is left of a block may be mere rounding.
        for _ in range(2):
            block = block - known[:, None] * (known @ block)[None]
            block = block - linalg.product(basis, linalg.product(basis.T, block))
            block = jnp.linalg.qr(block)[0]
        return block

    def step(
        j: jax.Array, carry: tuple[jax.Array, jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        basis, images, block = carry
        image = multiply(block)
        basis = jax.lax.dynamic_update_slice_in_dim(basis, block, j * width, 1)
        images = jax.lax.dynamic_update_slice_in_dim(images, image, j * width, 1)
        return basis, images, orthonormal(image, basis)

    start = orthonormal(jax.random.normal(key, (n, width), known.dtype), empty)
    basis, images, _ = jax.lax.fori_loop(0, _NUM_BLOCKS, step, (empty, empty, start))
    projected = linalg.product(basis.T, images)
    values, turn = jnp.linalg.eigh((projected + projected.T) / 2)
    vectors = linalg.product(basis, turn)
    residual = linalg.product(images, turn) - values[None] * vectors
    residuals = jnp.linalg.norm(residual, axis=0)
    is_known = (values > 0) & (residuals <= _MOST_RESIDUAL * values)
    vectors = jnp.where(is_known[None], vectors, 0)
    return Pairs(
        values=jnp.append(values, 1),
        vectors=jnp.concatenate([vectors, known[:, None]], axis=1),
        residuals=jnp.append(residuals, 0),
        is_known=jnp.append(is_known, True),
    )


def lanczos(
    multiply: Multiply, starts: jax.Array, num_steps: int
) -> tuple[jax.Array, jax.Array]:
    """Tridiagonal matrices of unit vectors ``(n, p)``: ``(p, m)`` and ``(p, m-1)``."""
    n, num_probes = starts.shape
    # Each probe's vectors together, so that sums over them are matrix products.
    empty = jnp.zeros((num_probes, num_steps, n), starts.dtype)
    contract = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

    def step(
        carry: tuple[jax.Array, jax.Array], j: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        basis, vectors = carry
        basis = basis.at[:, j].set(vectors)
        image = multiply(vectors.T).T
        diagonal = jnp.sum(vectors * image, axis=1)
        for _ in range(2):
            shares = contract("pmn,pn->pm", basis, image)
            image = image - contract("pmn,pm->pn", basis, shares)
        norm = jnp.linalg.norm(image, axis=1)
        vectors = image / jnp.where(norm == 0, 1, norm)[:, None]
        return (basis, vectors), (diagonal, norm)

    _, (diagonals, norms) = jax.lax.scan(step, (empty, starts.T), jnp.arange(num_steps))
    return diagonals.T, norms[:-1].T


def gauss(diagonals: jax.Array, off_diagonals: jax.Array) -> Quadrature:
    """Gauss rules of tridiagonal matrices, of an operator without negative values."""

    def one(diagonal: jax.Array, off_diagonal: jax.Array) -> Quadrature:
        matrix = (
            jnp.diag(diagonal)
            + jnp.diag(off_diagonal, k=1)
            + jnp.diag(off_diagonal, k=-1)
        )
        nodes, vectors = jnp.linalg.eigh(matrix)
        return Quadrature(jnp.maximum(nodes, 0), vectors[0] ** 2)

    rules: Quadrature = jax.vmap(one)(diagonals, off_diagonals)
    return rules


def radau(diagonals: jax.Array, off_diagonals: jax.Array) -> Quadrature:
    """Gauss-Radau rules with a node at zero, Gauss rules where that is undetermined."""
    smallest = float(np.finfo(diagonals.dtype).eps) * jnp.max(
        jnp.abs(diagonals), axis=1
    )

    def pivot(
        carry: tuple[jax.Array, jax.Array], entries: tuple[jax.Array, jax.Array]
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        last, is_regular = carry
        diagonal, off_diagonal = entries
        is_regular = is_regular & (last > smallest)
        share = off_diagonal**2 / jnp.where(is_regular, last, 1)
        return (diagonal - share, is_regular), share

    start = (diagonals[:, 0], jnp.ones(diagonals.shape[:1], bool))
    (_, is_regular), shares = jax.lax.scan(
        pivot, start, (diagonals[:, 1:].T, off_diagonals.T)
    )
    last = jnp.where(is_regular, shares[-1], diagonals[:, -1])
    return gauss(diagonals.at[:, -1].set(last), off_diagonals)
