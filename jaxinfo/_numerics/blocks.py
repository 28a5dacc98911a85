"""Walks over blocks of rows that hold one block at a time, forward and backward."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

Summed = TypeVar("Summed")
Stacked = TypeVar("Stacked")

# A block of this many bytes stays in the cache of a core.
_BYTES = 2**20


def default_size(row_entries: int, itemsize: int) -> int:
    """Rows of a block of about one mebibyte, at least one."""
    return max(1, _BYTES // (row_entries * itemsize))


def over_rows(
    fn: Callable[[Any, jax.Array], tuple[Summed, Stacked]],
    rows: Any,
    *,
    block_size: int,
) -> tuple[Summed, Stacked]:
    """Apply a function to blocks of rows; sum one result, stack the other.

    Reverse mode recomputes each block instead of storing what it held.

    Args:
        fn: ``fn(block, weights) -> (summed, stacked)``. ``weights`` of shape
            ``(block_size,)`` are one, but zero for the rows that fill up the last
            block; these are copies of a real row, as rows of zeros may have no finite
            result. ``summed`` must be weighted by them.
        rows: Arrays of ``n`` rows along their first axis, one at least floating.
        block_size: Rows of a block.

    Returns:
        The sum of ``summed`` over blocks, and ``stacked`` for all ``n`` rows.
    """
    num_rows = jax.tree.leaves(rows)[0].shape[0]
    block_size = min(block_size, num_rows)
    num_blocks = -(-num_rows // block_size)

    def split(array: jax.Array) -> jax.Array:
        padding = [(0, num_blocks * block_size - num_rows)] + [(0, 0)] * (
            array.ndim - 1
        )
        padded = jnp.pad(array, padding, mode="edge") if padding[0][1] else array
        return padded.reshape(num_blocks, block_size, *array.shape[1:])

    blocks = jax.tree.map(split, rows)
    dtypes = [leaf.dtype for leaf in jax.tree.leaves(rows)]
    floating = [dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    is_real = jnp.arange(num_blocks * block_size) < num_rows
    weights = is_real.astype(floating[0]).reshape(num_blocks, block_size)

    def step(total: Any, block: Any) -> tuple[Any, Any]:
        summed, stacked = fn(*block)
        return jax.tree.map(jnp.add, total, summed), stacked

    first = jax.tree.map(lambda array: array[0], (blocks, weights))
    zero = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(fn, *first)[0]
    )
    total, stacked = jax.lax.scan(jax.checkpoint(step), zero, (blocks, weights))

    def join(array: jax.Array) -> jax.Array:
        return array.reshape(-1, *array.shape[2:])[:num_rows]

    return total, jax.tree.map(join, stacked)
