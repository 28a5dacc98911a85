"""Densities of latents under all data and under classes, streamed over the data.

For sets s of latents, q(z_s) is the mean of the posteriors of all data points, and
q(z_s | y_k = v) that of the points of a class. One pass over the data points gives
both, for all sets and all factors: the terms of each set are exponentiated once, and
one matrix product with indicators sums them by class.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxinfo._numerics import blocks, linalg, logspace, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.disentanglement import _factors

# Data points that are held at once, beside a tile of outer samples.
_CHUNK = 4096
_TILE = 16


class Terms(NamedTuple):
    """What samples say, of each set of latents.

    Attributes:
        surprise: ``log q(z_s | y_k) - log q(z_s)``: its mean over samples is the
            information of the set and the factor. Shape ``(m, s, k)``.
        log_density: ``log q(z_s)``, but for the constants of Gaussians. Shape
            ``(m, s)``.
    """

    surprise: jax.Array
    log_density: jax.Array


def terms(
    samples: jax.Array,
    sample_factors: _factors.Factors,
    posteriors: Any,
    factors: _factors.Factors,
    log_densities_fn: Callable[[jax.Array, Any], jax.Array],
    *,
    block_size: int | None,
    axis_name: AxisName = None,
) -> Terms:
    """Stream the posteriors past tiles of samples.

    Args:
        samples: Samples of the latents. Shape ``(m, d)``.
        sample_factors: Their factors.
        posteriors: Arrays whose last axis is that of the data points.
        factors: Factors of the data points.
        log_densities_fn: Log-densities ``(s, m, n)`` of the sets of latents, from
            samples ``(m, d)`` and posteriors.
        block_size: Samples of a tile.
        axis_name: Devices of which each takes some of the samples.

    Returns:
        Terms of all samples. Memory is that of a tile times a chunk, in reverse mode
        too.
    """
    n = factors.labels.shape[0]
    # What is infinitely far off would count as next to impossible, like any other.
    samples = jnp.where(jnp.isfinite(samples), samples, jnp.nan)
    num_chunks = -(-n // _CHUNK)
    size = -(-n // num_chunks)
    num_places = sum(factors.num_classes)
    is_class = factors.places[:, :, None] == jnp.arange(num_places)[None, None]
    indicators = jnp.any(is_class, axis=1).astype(samples.dtype)
    counts = jnp.sum(indicators, axis=0)

    def split(array: jax.Array, *, mode: str) -> jax.Array:
        """Chunks first; what fills the last one up repeats a point, of no class."""
        padding = [(0, 0)] * (array.ndim - 1) + [(0, num_chunks * size - n)]
        padded = jnp.pad(array, padding, mode=mode)
        chunks = padded.reshape(*array.shape[:-1], num_chunks, size)
        return jnp.moveaxis(chunks, -2, 0)

    chunks = (
        jax.tree.map(lambda array: split(array, mode="edge"), posteriors),
        split(indicators.T, mode="constant"),
    )
    num_first = factors.num_classes[0]
    log_counts = jnp.where(counts > 0, logspace.log(counts), jnp.nan)

    def tile(rows: Any, weights: jax.Array) -> tuple[tuple[()], Terms]:
        points, places = rows

        def add(carry: Any, chunk: Any) -> tuple[Any, tuple[()]]:
            largest, sums = carry
            posteriors, indicators = chunk
            values = log_densities_fn(points, posteriors)
            # It cancels, and so do its derivatives.
            top = jax.lax.stop_gradient(jnp.max(values, axis=2))
            new = jnp.maximum(largest, top)
            scaled = jnp.exp(values - new[:, :, None])
            added = linalg.product(scaled.reshape(-1, size), indicators.T)
            kept = jnp.exp(largest - new)[:, :, None]
            return (new, kept * sums + added.reshape(*new.shape, num_places)), ()

        num_sets = jax.eval_shape(
            log_densities_fn, points, jax.tree.map(lambda c: c[0], chunks[0])
        ).shape[0]
        shape = (num_sets, points.shape[0])
        start = (
            jnp.full(shape, -jnp.inf, samples.dtype),
            jnp.zeros((*shape, num_places), samples.dtype),
        )
        (largest, sums), _ = jax.lax.scan(jax.checkpoint(add), start, chunks)
        total = jnp.sum(sums[:, :, :num_first], axis=2)
        log_density = logspace.log(total) - jnp.log(jnp.asarray(n, total.dtype))
        own = jnp.take_along_axis(sums, places[None], axis=2)
        # A class that no data point has is NaN.
        log_own = logspace.log(own) - log_counts[places][None]
        surprise = log_own - log_density[:, :, None]
        return (), Terms(
            surprise=jnp.moveaxis(surprise, 1, 0), log_density=(log_density + largest).T
        )

    rows = shards.own_rows((samples, sample_factors.places), axis_name)
    _, found = blocks.over_rows(tile, rows, block_size=block_size or _TILE)
    everything = shards.gather(found, axis_name)
    return Terms(*(terms[: samples.shape[0]] for terms in everything))
