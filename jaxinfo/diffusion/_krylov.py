"""Parts of the spectrum of a large operator, from products with it alone."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.diffusion._matrix_free import Products

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


def num_columns(subspace_size: int) -> int:
    """How many directions a subspace has, the known one among them."""
    return 1 + _NUM_BLOCKS * _width(subspace_size)


def leading_pairs(key: jax.Array, products: Products, subspace_size: int) -> Pairs:
    """Leading eigenpairs, by block Krylov iteration beside the known one.

    The others are kept by their residual
    relative to the eigenvalue; without that, mixtures of eigenvectors of a narrow bulk
    would pass for eigenvectors.
    """
    known = products.leading
    n = known.shape[0]
    width = _width(subspace_size)
    empty = jnp.zeros((n, width * _NUM_BLOCKS), known.dtype)
    # The operator has norm one: below this, images are rounding.
    least = 100 * float(np.finfo(known.dtype).eps)

    def remainder(block: jax.Array, basis: jax.Array) -> jax.Array:
        block = block - known[:, None] * products.total(known @ block)[None]
        shares = products.total(linalg.product(basis.T, block))
        return block - linalg.product(basis, shares)

    def step(
        carry: tuple[jax.Array, jax.Array, jax.Array],
        j_and_noise: tuple[jax.Array, jax.Array],
    ) -> tuple[tuple[jax.Array, jax.Array, jax.Array], None]:
        basis, images, image = carry
        j, key = j_and_noise
        block, triangle = _orthonormal(remainder(image, basis), products.axis_name)
        # Where a column has nothing new but rounding, as at the second copy of a point,
        # start anew; made long, rounding would have parts along the basis.
        is_new = jnp.abs(jnp.diagonal(triangle)) > least
        fresh = products.draw(
            key, lambda key: jax.random.normal(key, (width,), block.dtype)
        )
        block = jnp.where(is_new[None], block, fresh)
        block, _ = _orthonormal(remainder(block, basis), products.axis_name)
        image = products.multiply(block)
        basis = jax.lax.dynamic_update_slice_in_dim(basis, block, j * width, 1)
        images = jax.lax.dynamic_update_slice_in_dim(images, image, j * width, 1)
        return (basis, images, image), None

    # The first block starts anew, too: nothing is behind it.
    nothing = jnp.zeros((n, width), known.dtype)
    steps = jnp.arange(_NUM_BLOCKS), jax.random.split(key, _NUM_BLOCKS)
    (basis, images, _), _ = jax.lax.scan(step, (empty, empty, nothing), steps)
    projected = products.total(linalg.product(basis.T, images))
    values, turn = jnp.linalg.eigh((projected + projected.T) / 2)
    vectors = linalg.product(basis, turn)
    residual = linalg.product(images, turn) - values[None] * vectors
    residuals = jnp.sqrt(products.total(jnp.sum(residual**2, axis=0)))
    is_known = (values > 0) & (residuals <= _MOST_RESIDUAL * values)
    vectors = jnp.where(is_known[None], vectors, 0)
    return Pairs(
        values=jnp.append(values, 1),
        vectors=jnp.concatenate([vectors, known[:, None]], axis=1),
        residuals=jnp.append(residuals, 0),
        is_known=jnp.append(is_known, True),
    )


def _orthonormal(block: jax.Array, axis_name: AxisName) -> tuple[jax.Array, jax.Array]:
    """QR decomposition of columns ``(n, w)``, by those of each device's rows."""
    own, triangle = jnp.linalg.qr(block)
    if shards.number(axis_name) == 1:
        return own, triangle
    turns, triangle = jnp.linalg.qr(shards.gather(triangle, axis_name))
    return linalg.product(own, shards.own_rows(turns, axis_name)), triangle


def lanczos(
    products: Products,
    project: Callable[[jax.Array], jax.Array],
    starts: jax.Array,
    num_steps: int,
) -> tuple[jax.Array, jax.Array]:
    """Tridiagonal matrices of unit vectors ``(n, p)``: ``(p, m)`` and ``(p, m-1)``.

    Of the operator followed by a projection, in whose range the vectors are.
    """
    n, num_probes = starts.shape
    # Each probe's vectors together, so that sums over them are matrix products.
    empty = jnp.zeros((num_probes, num_steps, n), starts.dtype)
    contract = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)

    def step(
        carry: tuple[jax.Array, jax.Array], j: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
        basis, vectors = carry
        basis = basis.at[:, j].set(vectors)
        image = project(products.multiply(vectors.T)).T
        diagonal = products.total(jnp.sum(vectors * image, axis=1))
        for _ in range(2):
            shares = products.total(contract("pmn,pn->pm", basis, image))
            image = image - contract("pmn,pm->pn", basis, shares)
        norm = jnp.sqrt(products.total(jnp.sum(image**2, axis=1)))
        vectors = image / jnp.where(norm == 0, 1, norm)[:, None]
        return (basis, vectors), (diagonal, norm)

    _, (diagonals, norms) = jax.lax.scan(step, (empty, starts.T), jnp.arange(num_steps))
    return diagonals.T, norms[:-1].T


def gauss_and_radau(
    diagonals: jax.Array, off_diagonals: jax.Array
) -> tuple[Quadrature, Quadrature]:
    """Gauss rules of tridiagonal matrices, and Gauss-Radau rules with a node at zero.

    Of an operator without negative values. Where the node at zero is undetermined, both
    are the Gauss rule.
    """
    with_zero = diagonals.at[:, -1].set(_last_pivot(diagonals, off_diagonals))

    def rule(entries: tuple[jax.Array, jax.Array]) -> Quadrature:
        diagonal, off_diagonal = entries
        matrix = (
            jnp.diag(diagonal)
            + jnp.diag(off_diagonal, k=1)
            + jnp.diag(off_diagonal, k=-1)
        )
        nodes, vectors = jnp.linalg.eigh(matrix)
        return Quadrature(jnp.maximum(nodes, 0), vectors[0] ** 2)

    # One after the other: LAPACK waits for helpers with a batch, from the pool that it
    # runs in, so that two devices, or two batches, can wait for each other for ever.
    both = (
        jnp.concatenate([diagonals, with_zero]),
        jnp.concatenate([off_diagonals, off_diagonals]),
    )
    rules: Quadrature = jax.lax.map(rule, both)
    number = diagonals.shape[0]
    first, second = slice(None, number), slice(number, None)
    return (
        Quadrature(rules.nodes[first], rules.weights[first]),
        Quadrature(rules.nodes[second], rules.weights[second]),
    )


def _last_pivot(diagonals: jax.Array, off_diagonals: jax.Array) -> jax.Array:
    """Last diagonal entries ``(p,)`` that make matrices singular, where they exist."""
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
    return jnp.where(is_regular, shares[-1], diagonals[:, -1])


def _width(subspace_size: int) -> int:
    return -(-subspace_size // _NUM_BLOCKS)
