"""Loops over the latents of posteriors, one matrix of all pairs of points at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

T = TypeVar("T")

# Up to this many latents the loop is unrolled and fused.
_UNROLL_UP_TO = 16


def fold(
    fn: Callable[..., T],
    combine: Callable[[T, T], T],
    rows: tuple[jax.Array, ...],
    columns: tuple[jax.Array, ...],
) -> T:
    """Combine a function of all pairs over latents, ``(b, d)``, ``(n, d)``.

    One term of shape ``(b, n)`` for each latent: a trailing axis for the latents would
    be an order of magnitude slower.

    Args:
        fn: ``fn(*row_entries, *column_entries)`` of one latent, for arrays of shape
            ``(b, 1)`` and ``(1, n)``.
        combine: Combines the results of two latents.
        rows: Parameters of the rows, each of shape ``(b, d)``.
        columns: Parameters of the columns, each of shape ``(n, d)``.
    """

    def one(entries: Any) -> T:
        row, column = entries
        return fn(*(x[:, None] for x in row), *(x[None, :] for x in column))

    entries = jax.tree.map(jnp.transpose, (rows, columns))
    total = one(jax.tree.map(lambda x: x[0], entries))
    dim = rows[0].shape[1]
    if dim > _UNROLL_UP_TO:
        rest = jax.tree.map(lambda x: x[1:], entries)
        return jax.lax.scan(
            lambda total, entry: (combine(total, one(entry)), None), total, rest
        )[0]
    for k in range(1, dim):
        total = combine(total, one(jax.tree.map(lambda x, k=k: x[k], entries)))
    return total
