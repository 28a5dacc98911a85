"""The infinitesimal jackknife: an error from one fit, by its slopes in the weights."""

import jax
import jax.numpy as jnp

from jaxinfo._numerics import guarded
from jaxinfo.gmm import _implicit, _search
from jaxinfo.gmm._search import Fit, Problem
from jaxinfo.gmm._types import GaussianMixture


def standard_error(
    fits: Fit,
    shares: jax.Array,
    slopes: tuple[GaussianMixture, jax.Array],
    problem: Problem,
) -> jax.Array:
    """Error of a value, from its slopes in the mixtures and in the shares of groups.

    The root of the sum of squares of the influences of all rows.
    """
    weights = problem.weights

    def through(fit: Fit, weights: jax.Array, slope: GaussianMixture) -> jax.Array:
        about = fit.place, problem.points, weights, fit.num_components
        linear = _implicit.follow(fit.linear, *about)
        return _implicit.influence(linear, *about, slope)

    through_fits = _search.over_groups(
        through, fits, _search.group_weights(problem.groups, weights), slopes[0]
    )
    through_shares = (problem.groups - shares[:, None]) / jnp.sum(weights)
    slope = jnp.sum(
        problem.groups * through_fits + slopes[1][:, None] * through_shares, axis=0
    )
    influence = weights * slope
    is_used = weights > 0
    mean = jnp.sum(influence) / jnp.sum(is_used).astype(weights.dtype)
    total = jnp.sum(jnp.where(is_used, influence - mean, 0) ** 2)
    return jnp.where(jnp.any(is_used), guarded.sqrt(total), jnp.nan)
