"""Information of soft clusterings, in the form that is accurate for tiny information.

A soft clustering is known by its overlaps ``B``, one row for each point. With ``k = 1 -
B``, ``m`` the mean of a row of ``B`` and ``c`` the centred row of ``k``,

    I(X;U) = -mean_i log m_i,     I(U;V) = mean_i log(1 + mean_j c_ij^U c_ij^V / m m),

which is ``I(X;U) + I(X;V) - I(X;U,V)`` without its cancellation.
"""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import guarded
from jaxinfo.fingerprint._types import PairwiseComparison


class Rows(NamedTuple):
    """Rows of a soft clustering, the points they are compared with last.

    Attributes:
        centred: Complements of the overlaps, less their mean. Shape ``(..., n)``.
        mean_distance: Mean complement of each row. Shape ``(...)``.
        mean: Mean overlap of each row. Shape ``(...)``.
        log_mean: Its logarithm. Shape ``(...)``.
    """

    centred: jax.Array
    mean_distance: jax.Array
    mean: jax.Array
    log_mean: jax.Array


def rows(distances: jax.Array, overlaps: jax.Array) -> Rows:
    """Centre rows of squared Hellinger distances and their overlaps."""
    mean_distance = jnp.mean(distances, axis=-1)
    mean = jnp.mean(overlaps, axis=-1)
    return Rows(
        centred=distances - mean_distance[..., None],
        mean_distance=mean_distance,
        mean=mean,
        log_mean=log_of_mean(mean_distance, mean),
    )


def rows_of_overlaps(overlaps: jax.Array) -> Rows:
    """Centre rows of overlaps."""
    return rows(1 - overlaps, overlaps)


def log_of_mean(mean_distance: jax.Array, mean_overlap: jax.Array) -> jax.Array:
    """Logarithm of a mean overlap, near one from its complement."""
    is_weak = mean_distance < 0.5
    near_one = jnp.log1p(-jnp.where(is_weak, mean_distance, 0))
    return jnp.where(is_weak, near_one, jnp.log(jnp.where(is_weak, 1, mean_overlap)))


def shared(rows_u: Rows, rows_v: Rows) -> jax.Array:
    """Terms of I(U;V), one for each row; their mean is the information."""
    covariance = jnp.mean(rows_u.centred * rows_v.centred, axis=-1)
    return jnp.log1p(covariance / (rows_u.mean * rows_v.mean))


def shared_by_all_pairs(rows_u: Rows, rows_v: Rows, weights: jax.Array) -> jax.Array:
    """Weighted sums over rows of the terms of I(U;V) of all pairs of spaces.

    Args:
        rows_u: Rows of the first spaces; ``centred`` is ``(b, m, n)``.
        rows_v: Rows of the second spaces; ``centred`` is ``(b, l, n)``.
        weights: Weights of the rows. Shape ``(b,)``.

    Returns:
        Sums of shape ``(m, l)``.
    """
    covariance = jnp.einsum(
        "bmn,bln->bml",
        rows_u.centred,
        rows_v.centred,
        precision=jax.lax.Precision.HIGHEST,
    )
    scale = rows_u.mean[:, :, None] * rows_v.mean[:, None, :]
    chex.assert_equal_shape([covariance, scale])
    terms = jnp.log1p(covariance / rows_u.centred.shape[-1] / scale)
    return jnp.einsum("b,bml->ml", weights, terms)


def rounding_of_overlaps(dtype: jnp.dtype) -> float:
    """Information that complements of overlaps show for rounding of these alone."""
    # It is quadratic in the complements.
    return float(2 * np.finfo(dtype).eps) ** 2


def normalized(
    mutual: jax.Array,
    own_u: jax.Array,
    own_v: jax.Array,
    rounding: float = 0.0,
) -> jax.Array:
    """NMI, zero where an information is zero up to rounding.

    Args:
        mutual: I(U;V).
        own_u: I(U;U'), which two draws from the first space share.
        own_v: I(V;V').
        rounding: The largest information that is nothing but rounding.
    """
    own_u, own_v = (jnp.where(own <= rounding, 0, own) for own in (own_u, own_v))
    return guarded.over_geometric_mean(mutual, own_u, own_v)


def comparison_of_pairs(
    information: jax.Array, mutual: jax.Array, rounding: float = 0.0
) -> PairwiseComparison:
    """Comparison of all pairs from I(X;U) ``(m,)`` and I(U;V) ``(m, m)``."""
    # Products of matrices are symmetric only up to rounding.
    mutual = (mutual + mutual.T) / 2
    own = jnp.diagonal(mutual)
    own_u, own_v = own[:, None], own[None, :]
    return PairwiseComparison(
        information=information,
        mutual_information=mutual,
        nmi=normalized(mutual, own_u, own_v, rounding),
        vi=own_u + own_v - 2 * mutual,
    )
