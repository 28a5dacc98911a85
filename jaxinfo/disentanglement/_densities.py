"""Log-densities of single latents, of all but one, and of all.

The sets stand in this order, ``2 d + 1`` of them. Constants of Gaussians,
``-log(2 pi) / 2`` for each latent, are left out, as they cancel.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import linalg


class Factorised(NamedTuple):
    """Posteriors of independent latents, the data points last.

    Attributes:
        means: Shape ``(d, n)``.
        inverse_deviations: Shape ``(d, n)``.
        log_deviations: Shape ``(d, n)``.
        log_probabilities: Of the states of categorical latents. Shape ``(e, c, n)``.
    """

    means: jax.Array
    inverse_deviations: jax.Array
    log_deviations: jax.Array
    log_probabilities: jax.Array


class Full(NamedTuple):
    """Gaussian posteriors with correlated latents, the data points last.

    Attributes:
        means: Shape ``(d, n)``.
        whiteners: Inverses of the Cholesky factors. Shape ``(d, d, n)``.
        log_det: Half the log-determinants of the covariances. Shape ``(n,)``.
        deviations: Of each latent. Shape ``(d, n)``.
        directions: Columns of the whiteners, of length one: where each latent shows
            among white ones. Shape ``(d, d, n)``.
        log_lengths: Logarithms of their lengths. Shape ``(d, n)``.
    """

    means: jax.Array
    whiteners: jax.Array
    log_det: jax.Array
    deviations: jax.Array
    directions: jax.Array
    log_lengths: jax.Array


def factorised(
    means: jax.Array, log_variances: jax.Array, logits: jax.Array | None
) -> Factorised:
    """Posteriors of diagonal Gaussians ``(n, d)`` and categoricals ``(n, e, c)``."""
    means = _all_or_none(means, log_variances)
    n = means.shape[0]
    if logits is None:
        log_probabilities = jnp.zeros((0, 1, n), means.dtype)
    else:
        log_probabilities = jnp.moveaxis(jax.nn.log_softmax(logits, axis=2), 0, 2)
    return Factorised(
        means=means.T,
        inverse_deviations=jnp.exp(-log_variances.T / 2),
        log_deviations=log_variances.T / 2,
        log_probabilities=log_probabilities,
    )


def of_factorised(samples: jax.Array, posteriors: Factorised) -> jax.Array:
    """Log-densities ``(s, m, n)`` of samples ``(m, d + e)``."""
    num_gaussian = posteriors.means.shape[0]
    z = samples[:, :num_gaussian].T[:, :, None]
    distance = (z - posteriors.means[:, None]) * posteriors.inverse_deviations[:, None]
    single = -(distance**2) / 2 - posteriors.log_deviations[:, None]
    if posteriors.log_probabilities.shape[0]:
        states = samples[:, num_gaussian:].T
        num_states = posteriors.log_probabilities.shape[1]
        is_state = (states >= 0) & (states < num_states) & (states == jnp.floor(states))
        rows = jnp.where(is_state, states, 0).astype(int)
        drawn = jax.vmap(lambda table, rows: table[rows])(
            posteriors.log_probabilities, rows
        )
        drawn = jnp.where(is_state[:, :, None], drawn, jnp.nan)
        single = jnp.concatenate([single, drawn])
    return _of_sets(single)


def full(means: jax.Array, scale_trils: jax.Array) -> Full:
    """Posteriors of full Gaussians, ``(n, d)`` and ``(n, d, d)``."""
    means = _all_or_none(means, scale_trils)
    scale_trils = jnp.tril(scale_trils)
    whiteners = linalg.invert_factor(scale_trils)
    lengths = _lengths(whiteners, axis=1)
    return Full(
        means=means.T,
        whiteners=jnp.moveaxis(whiteners, 0, 2),
        log_det=linalg.log_det_of_factor(scale_trils) / 2,
        deviations=_lengths(scale_trils, axis=2).T,
        directions=jnp.moveaxis(whiteners / lengths[:, None], 0, 2),
        log_lengths=jnp.log(lengths).T,
    )


def of_full(samples: jax.Array, posteriors: Full) -> jax.Array:
    """Log-densities ``(s, m, n)`` of samples ``(m, d)``."""
    apart = samples.T[:, :, None] - posteriors.means[:, None]
    white = _combine(posteriors.whiteners, apart)
    deviations = posteriors.deviations[:, None]
    single = -((apart / deviations) ** 2) / 2 - jnp.log(deviations)
    joint = -jnp.sum(white**2, axis=0, keepdims=True) / 2
    joint = joint - posteriors.log_det[None, None]
    # Without one latent: what the white ones hold beside its direction. The length of
    # all less that along the direction would lose its digits.
    along = _combine(jnp.swapaxes(posteriors.directions, 0, 1), white)
    beside = white[None] - (
        jnp.swapaxes(posteriors.directions, 0, 1)[:, :, None] * along[:, None]
    )
    rest = -jnp.sum(beside**2, axis=1) / 2
    rest = rest - (posteriors.log_det[None] + posteriors.log_lengths)[:, None]
    return jnp.concatenate([single, rest, joint])


def _combine(matrices: jax.Array, vectors: jax.Array) -> jax.Array:
    """A matrix for each data point times vectors, ``(i, j, n), (j, m, n)``."""
    combined: jax.Array = jnp.einsum(
        "ijn,jmn->imn", matrices, vectors, precision=jax.lax.Precision.HIGHEST
    )
    return combined


def _lengths(vectors: jax.Array, axis: int) -> jax.Array:
    """Euclidean lengths along an axis, in units in which no square overflows."""
    unit = jax.lax.stop_gradient(jnp.max(jnp.abs(vectors), axis=axis, keepdims=True))
    squares = jnp.sum((vectors / unit) ** 2, axis=axis)
    return jnp.squeeze(unit, axis) * jnp.sqrt(squares)


def _all_or_none(means: jax.Array, *others: jax.Array) -> jax.Array:
    """Means, all NaN if anything is not finite: a mixture of posteriors needs all."""
    is_known = [jnp.all(jnp.isfinite(array)) for array in (means, *others)]
    return jnp.where(jnp.all(jnp.stack(is_known)), means, jnp.nan)


def _of_sets(single: jax.Array) -> jax.Array:
    """Sums over each latent, over all but it, and over all, ``(2 d + 1, m, n)``.

    What is left of a total when one latent is taken off has lost its digits where that
    one is far off: the others are summed, by one matrix product.
    """
    dim, m, n = single.shape
    identity = np.eye(dim)
    sets = np.concatenate([identity, 1 - identity, np.ones((1, dim))])
    # Zero times infinity is no number; what is as far off as this has no density.
    least = float(np.finfo(single.dtype).min) / (2 * dim)
    columns = jnp.maximum(single, least).reshape(dim, m * n)
    summed = linalg.product(jnp.asarray(sets, single.dtype), columns)
    return summed.reshape(-1, m, n)


def sample_factorised(
    key: jax.Array, posteriors: Factorised, points: jax.Array
) -> jax.Array:
    """A sample of the posteriors of some data points, ``(m, d + e)``."""
    gaussian, categorical = jax.random.split(key)
    means, deviations = posteriors.means[:, points].T, posteriors.log_deviations
    noise = jax.random.normal(gaussian, means.shape, means.dtype)
    samples = means + jnp.exp(deviations[:, points].T) * noise
    if posteriors.log_probabilities.shape[0]:
        logits = jnp.moveaxis(posteriors.log_probabilities[:, :, points], 1, 2)
        states = jax.random.categorical(categorical, logits, axis=2).T
        samples = jnp.concatenate([samples, states.astype(samples.dtype)], axis=1)
    return samples
