"""Linear algebra through Cholesky factors."""

from typing import Any

import jax
import jax.numpy as jnp

# Up to this size factors are written out entry by entry, beyond it column by column.
# Calls of LAPACK on batches of small matrices are slower on CPUs; and as each waits for
# helpers from the pool that it runs in, two at once can wait for each other for ever.
_UNROLL_UP_TO = 3


def log_det_of_factor(scale_tril: jax.Array) -> jax.Array:
    """Log-determinant of the matrix whose Cholesky factor is given."""
    diagonal = jnp.diagonal(scale_tril, axis1=-2, axis2=-1)
    return 2 * jnp.sum(jnp.log(diagonal), axis=-1)


def solve_factor(scale_tril: jax.Array, rhs: jax.Array) -> jax.Array:
    """Solve with a lower triangular factor; both arguments have equal batch axes."""
    return jax.lax.linalg.triangular_solve(scale_tril, rhs, left_side=True, lower=True)


def cholesky(matrix: jax.Array) -> jax.Array:
    """Lower Cholesky factors, ``(..., d, d)``; NaN where a matrix is not positive.

    Takes the lower triangles only.
    """
    dim = matrix.shape[-1]
    if dim > _UNROLL_UP_TO:
        return _cholesky_by_columns(matrix)
    factor: dict[tuple[int, int], jax.Array] = {}
    for j in range(dim):
        pivot = matrix[..., j, j] - sum(factor[j, k] ** 2 for k in range(j))
        factor[j, j] = jnp.sqrt(pivot)
        for i in range(j + 1, dim):
            inner = sum(factor[i, k] * factor[j, k] for k in range(j))
            factor[i, j] = (matrix[..., i, j] - inner) / factor[j, j]
    return _lower(factor, dim)


def invert_factor(scale_tril: jax.Array) -> jax.Array:
    """Inverses of lower triangular factors, ``(..., d, d)``."""
    dim = scale_tril.shape[-1]
    if dim > _UNROLL_UP_TO:
        return _invert_by_rows(scale_tril)
    inverse: dict[tuple[int, int], jax.Array] = {}
    for j in range(dim):
        inverse[j, j] = 1 / scale_tril[..., j, j]
        for i in range(j + 1, dim):
            inner = sum(scale_tril[..., i, k] * inverse[k, j] for k in range(j, i))
            inverse[i, j] = -inner / scale_tril[..., i, i]
    return _lower(inverse, dim)


def factor_of_rows(rows: jax.Array, is_used: jax.Array | None = None) -> jax.Array:
    """Lower factors ``(..., r, r)`` of ``A A^T`` for rows ``A``, ``(..., r, d)``.

    By orthogonal steps, which lose as many digits as the rows are near dependent; those
    of the product would lose twice as many. NaN where they are dependent. Rows that are
    not used, by ``is_used`` ``(..., r)``, leave rows and columns of the identity.
    """
    number, width = rows.shape[-2:]
    identity = jnp.eye(number, max(number, width), dtype=rows.dtype)
    if is_used is not None:
        rows = jnp.where(is_used[..., None], rows, 0)

    def step(j: Any, carry: tuple[jax.Array, jax.Array]) -> Any:
        rest, factor = carry
        row = jax.lax.dynamic_index_in_dim(rest, j, -2, keepdims=False)
        if is_used is not None:
            is_in = jax.lax.dynamic_index_in_dim(is_used, j, -1)
            row = jnp.where(is_in, row, identity[j, :width])
        largest = jnp.max(jnp.abs(row), axis=-1, keepdims=True)
        scaled = row / largest
        unit = scaled / jnp.sqrt(jnp.sum(scaled**2, axis=-1, keepdims=True))
        along = jnp.sum(rest * unit[..., None, :], axis=-1)
        is_below = jnp.broadcast_to(jnp.arange(number) >= j, along.shape)
        along = jnp.where(is_below, along, 0)
        if is_used is not None:
            along = jnp.where(is_in, along, 0)
        rest = rest - along[..., :, None] * unit[..., None, :]
        if is_used is not None:
            along = jnp.where(is_in, along, identity[j, :number])
        return rest, jax.lax.dynamic_update_index_in_dim(factor, along, j, -1)

    carry = rows, jnp.zeros((*rows.shape[:-1], number), rows.dtype)
    if number <= _UNROLL_UP_TO:
        for j in range(number):
            carry = step(j, carry)
    else:
        carry = jax.lax.fori_loop(0, number, step, carry)
    return carry[1]


def gram(factor: jax.Array) -> jax.Array:
    """``L L^T`` of matrices ``(..., d, d)``, in full precision."""
    return jnp.einsum(
        "...ij,...kj->...ik", factor, factor, precision=jax.lax.Precision.HIGHEST
    )


def product(one: jax.Array, other: jax.Array) -> jax.Array:
    """Matrix product in full precision."""
    return jnp.matmul(one, other, precision=jax.lax.Precision.HIGHEST)


def _lower(entries: dict[tuple[int, int], jax.Array], dim: int) -> jax.Array:
    zero = jnp.zeros_like(entries[0, 0])
    rows = [
        jnp.stack([entries.get((i, j), zero) for j in range(dim)], axis=-1)
        for i in range(dim)
    ]
    return jnp.stack(rows, axis=-2)


@jax.custom_jvp
def _cholesky_by_columns(matrix: jax.Array) -> jax.Array:
    dim = matrix.shape[-1]

    def column(j: jax.Array, carry: tuple[jax.Array, jax.Array]) -> Any:
        rest, factor = carry
        entries = jax.lax.dynamic_index_in_dim(rest, j, -1, keepdims=False)
        pivot = jax.lax.dynamic_index_in_dim(entries, j, -1)
        is_below = jnp.broadcast_to(jnp.arange(dim) >= j, entries.shape)
        entries = jnp.where(is_below, entries / jnp.sqrt(pivot), 0)
        rest = rest - entries[..., :, None] * entries[..., None, :]
        factor = jax.lax.dynamic_update_index_in_dim(factor, entries, j, -1)
        return rest, factor

    start = (_symmetric(matrix), jnp.zeros_like(matrix))
    last: tuple[jax.Array, jax.Array] = jax.lax.fori_loop(0, dim, column, start)
    return last[1]


@_cholesky_by_columns.defjvp
def _cholesky_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    factor = _cholesky_by_columns(*primals)
    whitener = _invert_by_rows(factor)
    white = product(product(whitener, _symmetric(*tangents)), _transpose(whitener))
    half = jnp.tril(white, -1) + jnp.tril(jnp.triu(white)) / 2
    return factor, product(factor, half)


@jax.custom_jvp
def _invert_by_rows(scale_tril: jax.Array) -> jax.Array:
    dim = scale_tril.shape[-1]
    identity = jnp.eye(dim, dtype=scale_tril.dtype)

    def row(i: jax.Array, inverse: jax.Array) -> jax.Array:
        entries = jax.lax.dynamic_index_in_dim(scale_tril, i, -2, keepdims=False)
        pivot = jax.lax.dynamic_index_in_dim(entries, i, -1)
        is_before = jnp.broadcast_to(jnp.arange(dim) < i, entries.shape)
        before = jnp.where(is_before, entries, 0)
        known = product(before[..., None, :], inverse)[..., 0, :]
        new = (jnp.broadcast_to(identity[i], known.shape) - known) / pivot
        moved: jax.Array = jax.lax.dynamic_update_index_in_dim(inverse, new, i, -2)
        return moved

    start = jnp.zeros_like(scale_tril)
    inverse: jax.Array = jax.lax.fori_loop(0, dim, row, start)
    return inverse


@_invert_by_rows.defjvp
def _invert_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    inverse = _invert_by_rows(*primals)
    return inverse, -product(product(inverse, jnp.tril(*tangents)), inverse)


def _symmetric(matrix: jax.Array) -> jax.Array:
    """The symmetric matrix of a lower triangle."""
    return jnp.tril(matrix) + _transpose(jnp.tril(matrix, -1))


def _transpose(matrix: jax.Array) -> jax.Array:
    return jnp.swapaxes(matrix, -1, -2)
