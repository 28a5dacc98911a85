"""Distinct rows of a matrix, in a program of fixed shapes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class DistinctRows(NamedTuple):
    """Which rows of a matrix are equal.

    Attributes:
        labels: A number from 0, the same for equal rows and only for these. Shape
            ``(n,)``.
        is_exact: Whether no two different rows had equal hashes, which happens once in
            1e19 pairs; otherwise the labels are not to be trusted. Shape ``()``.
    """

    labels: jax.Array
    is_exact: jax.Array


def rows(matrix: jax.Array) -> DistinctRows:
    r"""Number the distinct rows of a matrix ``(n, d)`` of integers or floats.

    One sort of hashes, :math:`O(n d + n \log n)`.
    """
    bits = _bits(matrix)
    n = bits.shape[0]
    first, second = (_hashes(bits, seed) for seed in range(2))
    order = jnp.lexsort((second, first))
    ordered = bits[order]
    is_hash_same = (first[order][1:] == first[order][:-1]) & (
        second[order][1:] == second[order][:-1]
    )
    is_row_same = jnp.all(ordered[1:] == ordered[:-1], axis=1)
    is_new = jnp.concatenate([jnp.zeros((1,), bool), ~is_hash_same])
    numbers = jnp.cumsum(is_new, dtype=jnp.int32)
    return DistinctRows(
        labels=jnp.zeros((n,), jnp.int32).at[order].set(numbers),
        is_exact=jnp.all(is_row_same | ~is_hash_same),
    )


def twins(matrix: jax.Array) -> jax.Array:
    """Index of the first of the rows that equal a row, ``(n,)``.

    By one hash of 32 bits: one pair of different rows in 2^32 counts as equal.
    """
    hashes = _hashes(_bits(matrix), 0)
    order = jnp.argsort(hashes, stable=True)
    return order[jnp.searchsorted(hashes[order], hashes)]


def _hashes(bits: jax.Array, seed: int) -> jax.Array:
    """Hashes of rows: sums of mixed entries, as these can be added in any order."""
    salts = np.random.default_rng(seed).integers(
        2**32, size=bits.shape[1], dtype=np.uint32
    )
    return jnp.sum(_mixed(_mixed(bits) ^ salts[None]), axis=1, dtype=jnp.uint32)


def _bits(matrix: jax.Array) -> jax.Array:
    """Entries as words of 32 bits, ``(n, w)``."""
    if jnp.issubdtype(matrix.dtype, jnp.floating):
        # Both zeros are one.
        matrix = jnp.where(matrix == 0, 0, matrix)
    words = jax.lax.bitcast_convert_type(matrix, jnp.uint32)
    return words.reshape(matrix.shape[0], -1)


def _mixed(words: jax.Array) -> jax.Array:
    """Words whose every bit depends on every bit (the finaliser of MurmurHash3)."""
    words = (words ^ (words >> 16)) * np.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * np.uint32(0xC2B2AE35)
    return words ^ (words >> 16)
