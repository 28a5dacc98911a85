"""Whitening: standardised coordinates in which fits are made, and data without any."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import linalg
from jaxinfo.gmm._types import GaussianMixture


class Frame(NamedTuple):
    """An affine map ``x = centre + scale * (factor z)`` from white data to the data.

    Taking each column's scale apart from the correlations keeps the range of the
    numbers: data of size 1e-9 have covariances of 1e-18. Constant under
    differentiation: EM is equivariant, so the frame does not move its fixed point,
    save by the regularisation.

    Attributes:
        centre: Weighted mean. Shape ``(d,)``.
        scale: Standard deviations. Shape ``(d,)``.
        factor: Cholesky factor of the correlations. Shape ``(d, d)``.
        whitener: Its inverse. Shape ``(d, d)``.
    """

    centre: jax.Array
    scale: jax.Array
    factor: jax.Array
    whitener: jax.Array


def whiten(x: jax.Array, weights: jax.Array) -> tuple[Frame, jax.Array]:
    """Frame of weighted data, and the data in it.

    Everything is NaN where the covariance is singular to rounding. Rows of weight zero
    stand where the first other row stands.
    """
    is_used = weights > 0
    first = x[jnp.argmax(is_used)]
    x = jnp.where(is_used[:, None], x, first[None])
    offset = x - jax.lax.stop_gradient(first)[None]
    constant = jax.lax.stop_gradient(offset)
    share = jax.lax.stop_gradient(weights / jnp.sum(weights))[:, None]

    largest = jnp.max(jnp.abs(constant), axis=0)
    largest = jnp.where(largest == 0, 1, largest)
    unit = constant / largest[None]
    mean = jnp.sum(share * unit, axis=0)
    # A second pass, as the first rounds at the size of the sum.
    mean = mean + jnp.sum(share * (unit - mean[None]), axis=0)
    deviation = jnp.sqrt(jnp.sum(share * (unit - mean[None]) ** 2, axis=0))

    standard = (offset / largest[None] - mean[None]) / deviation[None]
    fixed = jax.lax.stop_gradient(standard)
    factor = linalg.cholesky(linalg.product((share * fixed).T, fixed))
    pivots = jnp.diagonal(factor) ** 2
    dim = x.shape[1]
    is_regular = jnp.all(pivots > 16 * dim * float(np.finfo(x.dtype).eps))
    # Rounding may leave pivots of a size where there are none.
    is_regular = is_regular & (jnp.sum(is_used) > dim)
    factor = jnp.where(is_regular, factor, jnp.nan)
    whitener = linalg.invert_factor(factor)
    frame = Frame(
        centre=jax.lax.stop_gradient(first) + mean * largest,
        scale=deviation * largest,
        factor=factor,
        whitener=whitener,
    )
    return frame, linalg.product(standard, whitener.T)


def log_det(frame: Frame) -> jax.Array:
    """Logarithm of the volume of a unit cube of the frame, in the data's units.

    Log-densities in the frame exceed those in the units of the data by it.
    """
    return jnp.sum(jnp.log(frame.scale)) + linalg.log_det_of_factor(frame.factor) / 2


def carry_in(frame: Frame, mixture: GaussianMixture) -> GaussianMixture:
    """A mixture in the units of the data, seen in the frame."""
    whitener = jnp.broadcast_to(frame.whitener, mixture.scale_trils.shape)
    scaled = mixture.scale_trils / frame.scale[None, :, None]
    standard = (mixture.means - frame.centre[None]) / frame.scale[None]
    return GaussianMixture(
        log_weights=mixture.log_weights,
        means=linalg.product(standard, frame.whitener.T),
        scale_trils=linalg.product(whitener, scaled),
    )


def carry_to_columns(frame: Frame, mixture: GaussianMixture) -> GaussianMixture:
    """A mixture of the frame in standardised columns, where blocks are apart again."""
    return GaussianMixture(
        log_weights=mixture.log_weights,
        means=linalg.product(mixture.means, frame.factor.T),
        scale_trils=linalg.product(
            jnp.broadcast_to(frame.factor, mixture.scale_trils.shape),
            mixture.scale_trils,
        ),
    )


def carry_out(frame: Frame, mixture: GaussianMixture) -> GaussianMixture:
    """A mixture of the frame in the units of the data."""
    columns = carry_to_columns(frame, mixture)
    return GaussianMixture(
        log_weights=mixture.log_weights,
        means=frame.centre[None] + frame.scale[None] * columns.means,
        scale_trils=frame.scale[None, :, None] * columns.scale_trils,
    )


def is_constant(
    blocks: Sequence[jax.Array], joint: jax.Array, weights: jax.Array
) -> jax.Array:
    """Whether all columns of one block are constant, in data that are valid."""
    is_used = weights > 0
    first = jnp.argmax(is_used)
    constant = [
        jnp.all((block == block[first][None]) | ~is_used[:, None]) for block in blocks
    ]
    is_valid = jnp.all(jnp.isfinite(joint) | ~is_used[:, None])
    is_valid = is_valid & jnp.all(jnp.isfinite(weights)) & jnp.any(is_used)
    return jnp.any(jnp.stack(constant)) & is_valid


def stand_in(x: jax.Array) -> jax.Array:
    """Data of the same shape that have a density, for a fit that is not used."""
    n, dim = x.shape
    # Waves of frequencies that are spread by the golden ratio, so that no two are near.
    shares = jnp.arange(1, dim + 1, dtype=x.dtype) * ((5**0.5 - 1) / 2)
    frequencies = jnp.pi * (shares - jnp.floor(shares))
    return jnp.cos(jnp.arange(n, dtype=x.dtype)[:, None] * frequencies[None])
