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
    n, width = bits.shape
    # Two hashes of 32 bits each, sums of mixed entries, as these can be added in any
    # order.
    salts = np.random.default_rng(0).integers(2**32, size=(2, width), dtype=np.uint32)
    first, second = (
        jnp.sum(_mixed(_mixed(bits) ^ salt[None]), axis=1, dtype=jnp.uint32)
        for salt in jnp.asarray(salts)
    )
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
