"""Columns of codes: brought to one range, cut into bins, counted."""

import jax
import jax.numpy as jnp

from jaxinfo._numerics import guarded

# Scales columns so that neither the range between the largest numbers overflows nor its
# inverse underflows, by which compiled programs multiply.
_ROOM = 2.0**-4


def is_finite(*columns: jax.Array) -> jax.Array:
    """Whether all entries of a column are finite, ``(n, d)`` to ``(d,)``."""
    return jnp.all(jnp.stack([jnp.isfinite(x) for x in columns]), axis=(0, 1))


def varies(columns: jax.Array) -> jax.Array:
    """Whether a column has more than one value, ``(n, d)`` to ``(d,)``."""
    return jnp.any(columns != columns[:1], axis=0)


def rescaled(codes: jax.Array) -> jax.Array:
    """Columns ``(n, d)`` with their minima at zero and their maxima at one.

    Constant columns are zero, columns that are not finite NaN. The ends have no
    derivative, as what is made of the result depends on neither unit nor origin.
    """
    codes = codes * _ROOM
    low, high = _ends(codes)
    share = guarded.quotient(codes - low, high - low)
    return jnp.where(is_finite(codes)[None], share, jnp.nan)


def cells(codes: jax.Array, num_bins: int) -> jax.Array:
    """Bins of equal width between the ends of each column, ``(n, d)``.

    Lower edges are closed, and the last bin is on both sides. A constant column is in
    one bin, and so is a column that is not finite.
    """
    codes = jax.lax.stop_gradient(codes) * _ROOM
    codes = jnp.where(is_finite(codes)[None], codes, 0)
    low, high = _ends(codes)
    share = guarded.quotient(codes - low, high - low)
    bins = jnp.clip(jnp.floor(share * num_bins), 0, num_bins - 1)
    # A share may round to the other side of an edge, where codes on a grid lie: what
    # counts is the comparison with the edges themselves.
    width = (high - low) / num_bins
    bins = jnp.where(codes < low + bins * width, bins - 1, bins)
    is_above = (codes >= low + (bins + 1) * width) & (bins < num_bins - 1)
    return jnp.where(is_above, bins + 1, bins).astype(int)


def _ends(codes: jax.Array) -> tuple[jax.Array, jax.Array]:
    codes = jax.lax.stop_gradient(codes)
    return jnp.min(codes, axis=0, keepdims=True), jnp.max(codes, axis=0, keepdims=True)
