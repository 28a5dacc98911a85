"""Densities and marginals of given mixtures."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import linalg
from jaxinfo.gmm import _moments
from jaxinfo.gmm._types import GaussianMixture


def joint(mixture: GaussianMixture, points: jax.Array) -> jax.Array:
    """Logarithms of weight times density of each component, ``(k, n)``.

    From whitened offsets, one component at a time where they would take much memory.
    Absent components have a large negative value.
    """
    density = _moments.density(mixture)
    if points.shape[1] <= _moments.DIRECT_UP_TO:
        return _moments.direct_joint(density, points)

    @jax.checkpoint
    def one(density: _moments.Density) -> jax.Array:
        white = linalg.product(points - density.means[None], density.whiteners.T)
        return density.constants - jnp.sum(white**2, axis=1) / 2

    terms: jax.Array = jax.lax.map(one, density)
    return terms


def log_density(mixture: GaussianMixture, points: jax.Array) -> jax.Array:
    """Log-density at points ``(n, d)``; ``-inf`` if every component is absent."""
    terms = joint(mixture, points)
    largest = jax.lax.stop_gradient(jnp.max(terms, axis=0))
    # Points so far that even the logarithm overflows.
    is_nowhere = jnp.isneginf(largest)
    offset = jnp.where(is_nowhere, 0, largest)
    scaled = jnp.where(is_nowhere[None], 0, terms - offset[None])
    total = jnp.log(jnp.sum(jnp.exp(scaled), axis=0)) + largest
    is_nothing = jnp.all(jnp.isneginf(mixture.log_weights))
    return jnp.where(is_nowhere | is_nothing, -jnp.inf, total)


def marginal(mixture: GaussianMixture, dims: tuple[int, ...]) -> GaussianMixture:
    """Mixture of some of the dimensions."""
    index = np.asarray(dims)
    means = mixture.means[:, index]
    if dims == tuple(range(len(dims))):
        trils = mixture.scale_trils[:, : len(dims), : len(dims)]
        return GaussianMixture(mixture.log_weights, means, trils)
    trils = linalg.cholesky(linalg.gram(mixture.scale_trils[:, index]))
    return GaussianMixture(mixture.log_weights, means, trils)
