"""Whitening: standardised coordinates in which fits are made, and data without any."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm import _reasons
from jaxinfo.gmm._types import GaussianMixture

# Deviations from where on rows count as no farther off.
_FAR = 10.0
# How often means and deviations are taken anew.
_PASSES = 24


class White(NamedTuple):
    """Data in a frame of their own.

    Attributes:
        frame: The frame.
        points: The data in it. Shape ``(n, d)``.
        is_far: Whether a row is far from all others. Shape ``(n,)``.
        flaw: A `Reason` why there is no frame, or zero. Shape ``()``.
    """

    frame: "Frame"
    points: jax.Array
    is_far: jax.Array
    flaw: jax.Array


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


def whiten(x: jax.Array, weights: jax.Array, axis_name: AxisName = None) -> White:
    """Whiten weighted data.

    Rows that are more than `_FAR` deviations off count as if they were that far: so few
    as one in `_FAR` squared then leave the others a frame of their own size.

    Everything is NaN where the columns are dependent to rounding. Rows of weight zero
    stand where the first other row stands. Rows may be those of one of several devices.
    """
    is_used = weights > 0
    first = shards.first(x, is_used, axis_name)
    x = jnp.where(is_used[:, None], x, first[None])
    offset = x - jax.lax.stop_gradient(first)[None]
    constant = jax.lax.stop_gradient(offset)
    all_weight = shards.total(jnp.sum(weights), axis_name)
    share = jax.lax.stop_gradient(weights / all_weight)[:, None]

    largest = shards.largest(jnp.max(jnp.abs(constant), axis=0), axis_name)
    largest = jnp.where(largest == 0, 1, largest)
    mean, deviation = _location_and_scale(constant / largest[None], share, axis_name)
    standard = (offset / largest[None] - mean[None]) / deviation[None]
    factor, whitener, is_far = _orthogonalized(
        jax.lax.stop_gradient(standard), share, axis_name
    )
    # Rounding may leave a rest where there is none.
    dim = x.shape[1]
    pivots = jnp.diagonal(factor)
    is_regular = jnp.all(pivots > 16 * dim * float(np.finfo(x.dtype).eps))
    num_used = shards.total(jnp.sum(is_used), axis_name)
    is_regular = is_regular & (num_used > dim)
    frame = Frame(
        centre=jax.lax.stop_gradient(first) + mean * largest,
        scale=deviation * largest,
        factor=jnp.where(is_regular, factor, jnp.nan),
        whitener=jnp.where(is_regular, whitener, jnp.nan),
    )
    is_invalid = ~jnp.all(jnp.isfinite(x)) | ~jnp.all(jnp.isfinite(weights))
    is_valid = ~shards.any_holds(is_invalid, axis_name) & (num_used > 0)
    return White(
        frame=frame,
        points=linalg.product(standard, frame.whitener.T),
        is_far=is_far,
        flaw=_reasons.first_of(invalid=~is_valid, singular=~is_regular),
    )


def _location_and_scale(
    x: jax.Array, share: jax.Array, axis_name: AxisName
) -> tuple[jax.Array, jax.Array]:
    """Means and deviations of columns, those far off drawn in until these stay."""

    def refine(_: int, so_far: tuple[jax.Array, jax.Array]) -> Any:
        mean, deviation = so_far
        offset = _drawn_in(x - mean[None], deviation)
        # Sums of offsets from the last mean round at their size, not at its own.
        shift = shards.total(jnp.sum(share * offset, axis=0), axis_name)
        squares = jnp.sum(share * (offset - shift[None]) ** 2, axis=0)
        squares = shards.total(squares, axis_name)
        return mean + shift, jnp.sqrt(squares)

    start = jnp.zeros_like(x[0]), jnp.full_like(x[0], jnp.inf)
    result: tuple[jax.Array, jax.Array] = jax.lax.fori_loop(0, _PASSES, refine, start)
    return result


def _orthogonalized(
    standard: jax.Array, share: jax.Array, axis_name: AxisName
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Factor of the covariance of columns, its inverse, and which rows are far off.

    Cholesky factors of what is left after the last one lose as many digits as the
    columns are near dependent; one alone would lose twice as many (shifted Cholesky QR:
    Fukaya et al., https://doi.org/10.1137/18M1218212, 2020).
    """
    dim = standard.shape[1]
    identity = jnp.eye(dim, dtype=standard.dtype)
    shift = 8 * dim * float(np.finfo(standard.dtype).eps)

    def refine(i: int, so_far: tuple[jax.Array, jax.Array]) -> Any:
        factor, whitener = so_far
        points = linalg.product(standard, whitener.T)
        near = _drawn_in(points, jnp.ones_like(points[0]))
        gram = shards.total(linalg.product((share * near).T, near), axis_name)
        its_factor = linalg.cholesky(gram + jnp.where(i < 2, shift, 0) * identity)
        return (
            linalg.product(factor, its_factor),
            linalg.product(linalg.invert_factor(its_factor), whitener),
        )

    factor, whitener = jax.lax.fori_loop(0, 4, refine, (identity, identity))
    points = linalg.product(standard, whitener.T)
    return factor, whitener, jnp.any(jnp.abs(points) > _FAR, axis=1)


def _drawn_in(offset: jax.Array, deviation: jax.Array) -> jax.Array:
    """Offsets ``(n, d)``, none of more than `_FAR` deviations."""
    reach = _FAR * deviation[None]
    return jnp.clip(offset, -reach, reach)


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
