"""Overlaps of Gaussians and their complements, to relative precision both.

The complement of a Bhattacharyya coefficient is a squared Hellinger distance. Weak
representations live in the complement, saturated ones in the overlap, so both are
carried along, and neither is computed from the other.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import blocks
from jaxinfo.fingerprint import _latents


class Overlap(NamedTuple):
    """An overlap, split so that neither it nor its complement loses digits.

    Attributes:
        factor: The part of the overlap outside the exponential.
        complement: One minus ``factor``.
        exponent: The overlap is ``factor * exp(-exponent)``.
    """

    factor: jax.Array
    complement: jax.Array
    exponent: jax.Array


def product(one: Overlap, other: Overlap) -> Overlap:
    """Overlap of a joint space."""
    return Overlap(
        factor=one.factor * other.factor,
        complement=one.complement + one.factor * other.complement,
        exponent=one.exponent + other.exponent,
    )


def distance_and_overlap(parts: Overlap) -> tuple[jax.Array, jax.Array]:
    """Squared Hellinger distance and Bhattacharyya coefficient."""
    loss = jnp.expm1(-parts.exponent)
    return parts.complement - parts.factor * loss, parts.factor * (1 + loss)


def nearer_to_one(distance: jax.Array, overlap: jax.Array) -> jax.Array:
    """The form of a coefficient that has lost no digits.

    Exactly one where nothing tells two posteriors apart.
    """
    return jnp.where(distance < 0.5, 1 - distance, overlap)


def overlaps_of_products(
    fn: Callable[..., Overlap], parameters: tuple[jax.Array, ...]
) -> jax.Array:
    """Overlaps ``(n, n)`` of posteriors that are products over latents.

    In blocks of rows, so that reverse mode does not hold ``d`` matrices.

    Args:
        fn: The overlap of one latent, as ``_latents.fold`` takes it.
        parameters: Parameters of all posteriors, each of shape ``(n, d)``.
    """

    def block(rows: tuple[jax.Array, ...], _: jax.Array) -> tuple[None, jax.Array]:
        parts = _latents.fold(fn, product, rows, parameters)
        return None, nearer_to_one(*distance_and_overlap(parts))

    n, d = parameters[0].shape
    size = blocks.default_size(n * d, parameters[0].dtype.itemsize)
    return blocks.over_rows(block, parameters, block_size=size)[1]


def gaussian(
    mean_i: jax.Array, scale_i: jax.Array, mean_j: jax.Array, scale_j: jax.Array
) -> Overlap:
    """Overlap of one-dimensional Gaussians, elementwise, from ``standardised`` ones.

    Smooth also where the scales are equal, which forms through the difference of
    logarithms are not.
    """
    # Inverse lengths, not inverse squares: these would overflow in the derivative.
    inverse = 1 / jnp.sqrt(scale_i**2 + scale_j**2)
    factor = jnp.sqrt(2 * (scale_i * inverse) * (scale_j * inverse))
    difference = bounded_difference(mean_i, mean_j)
    return Overlap(
        factor=factor,
        complement=((scale_i - scale_j) * inverse) ** 2 / (1 + factor),
        exponent=(difference * inverse / 2) ** 2,
    )


def bounded_difference(mean_i: jax.Array, mean_j: jax.Array) -> jax.Array:
    """Difference of standardised means whose square does not overflow.

    Posteriors as far apart as its bounds have no overlap in any precision.
    """
    limit = 0.9 * math.sqrt(_largest(mean_i.dtype))
    return jnp.clip(mean_i - mean_j, -limit, limit)


def standardised(
    means: jax.Array, log_variances: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Means and standard deviations in units of a typical deviation, a power of two.

    No comparison depends on the units of a latent, and in these neither squares nor
    exponentials overflow. Deviations are kept within about 17 (float32) or 138
    (float64) orders of magnitude of the typical one; where it matters, overlaps are
    zero or one anyway.

    Args:
        means: Means of each latent or channel, points first. Shape ``(n, d)``.
        log_variances: Logarithms of the variances. Shape ``(n, d)``.
    """
    log_scales = log_variances / 2
    power = unit_power(log_scales)
    # Unless deviations are so small that the means would overflow in their unit.
    largest = jnp.max(jnp.abs(jax.lax.stop_gradient(means)), axis=0, keepdims=True)
    has_limit = jnp.isfinite(largest) & (largest > 0)
    exponent = jnp.ceil(jnp.log2(jnp.where(has_limit, largest, 1)))
    least = exponent - int(0.45 * np.finfo(means.dtype).maxexp)
    power = jnp.where(has_limit, jnp.maximum(power, least), power)
    limit = 0.45 * math.log(_largest(means.dtype))
    shifted = log_scales - power * math.log(2)
    return scaled_down(means, power), jnp.exp(jnp.clip(shifted, -limit, limit))


def unit_power(log_scales: jax.Array) -> jax.Array:
    """Whole power of two nearest to the typical scale of points, without gradient."""
    power = jnp.round(jnp.mean(log_scales, axis=0, keepdims=True) / math.log(2))
    return jax.lax.stop_gradient(jnp.where(jnp.isfinite(power), power, 0))


def scaled_down(x: jax.Array, power: jax.Array) -> jax.Array:
    """``x / 2**power``, exactly."""
    # In two steps, as the power alone may be out of range; by ldexp, as exp2 is not
    # exact.
    power = power.astype(int)
    half = power // 2
    one = jnp.ones((), x.dtype)
    return x * jnp.ldexp(one, -half) * jnp.ldexp(one, half - power)


def _largest(dtype: jnp.dtype) -> float:
    return float(np.finfo(dtype).max)
