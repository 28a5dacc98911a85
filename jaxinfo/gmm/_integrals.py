"""Integrals over given mixtures: entropies, divergences, information.

Each takes nodes of integration and returns one value for each of their sets, ``(s,)``:
one of Gauss-Hermite nodes, several of randomised quasi Monte Carlo.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import linalg, quadrature
from jaxinfo.gmm import _densities
from jaxinfo.gmm._types import GaussianMixture

# Gauss-Hermite orders on a line and in a plane, of values and of replicates.
_HIGH = (96, 64)
_LOW = (64, 32)
Dims = tuple[int, ...]


class Nodes(NamedTuple):
    """Nodes of integrals over standard normal variables.

    Attributes:
        line: Nodes ``(1, p, 1)`` on a line.
        line_weights: Shape ``(p,)``.
        full: Sets of nodes in all dimensions. Shape ``(s, q, d)``.
        full_weights: Shape ``(q,)``.
    """

    line: jax.Array
    line_weights: jax.Array
    full: jax.Array
    full_weights: jax.Array


class Level(NamedTuple):
    """Nodes of values, and the cheaper ones of replicates.

    Attributes:
        high: Of values.
        low: Of replicates.
    """

    high: Nodes
    low: Nodes


def nodes(
    key: jax.Array, dim: int, dtype: jnp.dtype, *, num_nodes: int, num_shifts: int
) -> Level:
    """Gauss-Hermite nodes up to two dimensions, shifted Sobol points beyond."""
    if dim <= 2:
        return Level(*(_hermite(orders, dim, dtype) for orders in (_HIGH, _LOW)))
    full = quadrature.sobol_normals(
        key, num_shifts=num_shifts, num_nodes=num_nodes, dim=dim, dtype=dtype
    )
    equal = jnp.full((num_nodes,), 1 / num_nodes, dtype)
    high = _hermite(_HIGH, 1, dtype)._replace(full=full, full_weights=equal)
    return Level(high=high, low=high._replace(full=full[:1]))


def combine(values: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Integral and its error, from values with high nodes and the one with low."""
    number = values.shape[0]
    if number == 1:
        return values[0], jnp.abs(values[0] - low)
    # From the first, so that equal values of a closed form have no spread at all.
    offsets = values - values[0]
    shift = jnp.mean(offsets)
    mean = values[0] + shift
    variance = jnp.sum((offsets - shift) ** 2) / (number - 1)
    is_zero = variance == 0
    root = jnp.sqrt(jnp.where(is_zero, 1, variance / number))
    return mean, jnp.where(is_zero, 0, root)


def information(
    mixture: GaussianMixture, x: Dims, y: Dims, given: Dims, nodes: Nodes
) -> jax.Array:
    """I(X;Y|Z) of blocks of dimensions, in nats, ``(s,)``."""
    both = mixture.means.shape[1]
    assert len(x) + len(y) + len(given) == both
    single = _one_component(mixture)
    closed = _gaussian_information(single, x, y, given)
    if both == 2:
        value = (
            _entropy_on_a_line(_densities.marginal(mixture, x), nodes)
            + _entropy_on_a_line(_densities.marginal(mixture, y), nodes)
            - _entropy(mixture, nodes)
        )
    else:
        parts = [
            (_densities.marginal(mixture, dims), np.asarray(dims), sign)
            for dims, sign in ((x + given, -1), (y + given, -1), (given, 1))
            if dims
        ]

        def log_ratio(points: jax.Array) -> jax.Array:
            total = _densities.log_density(mixture, points)
            for part, dims, sign in parts:
                total = total + sign * _densities.log_density(part, points[:, dims])
            return total

        value = expectation(log_ratio, mixture, nodes.full, nodes.full_weights)
    return jnp.where(has_one_component(mixture), closed, value)


def entropy(mixture: GaussianMixture, nodes: Nodes) -> jax.Array:
    """Differential entropy in nats, ``(s,)``."""
    single = _one_component(mixture)
    return jnp.where(
        has_one_component(mixture), _gaussian_entropy(single), _entropy(mixture, nodes)
    )


def kl_divergence(p: GaussianMixture, q: GaussianMixture, nodes: Nodes) -> jax.Array:
    """KL(p || q) in nats, ``(s,)``."""
    closed = _gaussian_kl(_one_component(p), _one_component(q))

    def log_ratio(points: jax.Array) -> jax.Array:
        return _densities.log_density(p, points) - _densities.log_density(q, points)

    value = expectation(log_ratio, p, nodes.full, nodes.full_weights)
    return jnp.where(has_one_component(p) & has_one_component(q), closed, value)


def class_information(
    mixtures: GaussianMixture, priors: jax.Array, nodes: Nodes
) -> jax.Array:
    """I(X;C) in nats, ``(s,)``, of classes ``(c,)`` with a mixture each.

    A class of prior zero counts for nothing.
    """
    c, k = mixtures.log_weights.shape
    is_empty = priors == 0
    log_priors = jnp.where(is_empty, -jnp.inf, jnp.log(jnp.where(is_empty, 1, priors)))
    everything = GaussianMixture(
        log_weights=(mixtures.log_weights + log_priors[:, None]).reshape(c * k),
        means=mixtures.means.reshape(c * k, -1),
        scale_trils=mixtures.scale_trils.reshape(c * k, *mixtures.means.shape[2:] * 2),
    )

    def of_class(mixture: GaussianMixture) -> jax.Array:
        def log_ratio(points: jax.Array) -> jax.Array:
            own = _densities.log_density(mixture, points)
            return own - _densities.log_density(everything, points)

        return expectation(log_ratio, mixture, nodes.full, nodes.full_weights)

    by_class = jax.lax.map(of_class, mixtures)
    return jnp.sum(priors[:, None] * by_class, axis=0)


def expectation(
    fn: Callable[[jax.Array], jax.Array],
    mixture: GaussianMixture,
    nodes: jax.Array,
    weights: jax.Array,
) -> jax.Array:
    """Mean of a function of points ``(m, d)`` for each set of nodes, ``(s,)``."""
    k, dim = mixture.means.shape
    is_absent = jnp.isneginf(mixture.log_weights)
    log_weights = jnp.where(is_absent, 0, mixture.log_weights)
    shares = jnp.where(is_absent, 0, jnp.exp(log_weights))

    @jax.checkpoint
    def one(nodes: jax.Array) -> jax.Array:
        moved = jnp.einsum(
            "kij,qj->kqi",
            mixture.scale_trils,
            nodes,
            precision=jax.lax.Precision.HIGHEST,
        )
        points = mixture.means[:, None, :] + moved
        values = fn(points.reshape(-1, dim)).reshape(k, -1)
        return jnp.sum(shares * jnp.sum(weights[None] * values, axis=1))

    if nodes.shape[0] == 1:
        only: jax.Array = one(nodes[0])
        return only[None]
    values: jax.Array = jax.lax.map(one, nodes)
    return values


def has_one_component(mixture: GaussianMixture) -> jax.Array:
    """Whether all others are absent."""
    return jnp.sum(~jnp.isneginf(mixture.log_weights)) == 1


def _hermite(orders: tuple[int, int], dim: int, dtype: jnp.dtype) -> Nodes:
    line, line_weights = quadrature.gauss_hermite(orders[0], 1)
    full, full_weights = quadrature.gauss_hermite(orders[dim - 1], dim)
    return Nodes(
        line=jnp.asarray(line[None], dtype),
        line_weights=jnp.asarray(line_weights, dtype),
        full=jnp.asarray(full[None], dtype),
        full_weights=jnp.asarray(full_weights, dtype),
    )


def _entropy(mixture: GaussianMixture, nodes: Nodes) -> jax.Array:
    def log_density(points: jax.Array) -> jax.Array:
        return _densities.log_density(mixture, points)

    return -expectation(log_density, mixture, nodes.full, nodes.full_weights)


def _entropy_on_a_line(mixture: GaussianMixture, nodes: Nodes) -> jax.Array:
    return _entropy(
        mixture, nodes._replace(full=nodes.line, full_weights=nodes.line_weights)
    )


def _one_component(mixture: GaussianMixture) -> GaussianMixture:
    """The heaviest component alone, without the leading axis."""
    heaviest = jnp.argmax(mixture.log_weights)
    return GaussianMixture(*(leaf[heaviest] for leaf in mixture))


def _gaussian_entropy(gaussian: GaussianMixture) -> jax.Array:
    dim = gaussian.means.shape[0]
    log_det = linalg.log_det_of_factor(gaussian.scale_trils)
    return (dim * float(np.log(2 * np.pi * np.e)) + log_det) / 2


def _gaussian_information(
    gaussian: GaussianMixture, x: Dims, y: Dims, given: Dims
) -> jax.Array:
    """From factors of correlations, so that scales do not round it away."""
    covariance = linalg.gram(gaussian.scale_trils)
    deviation = jnp.sqrt(jnp.diagonal(covariance))
    correlation = covariance / deviation[:, None] / deviation[None, :]

    def log_det(dims: Dims) -> jax.Array:
        index = np.asarray(dims)
        part = correlation[index[:, None], index[None, :]]
        return linalg.log_det_of_factor(linalg.cholesky(part))

    information = log_det(x + given) + log_det(y + given) - log_det(x + y + given)
    if given:
        information = information - log_det(given)
    return information / 2


def _gaussian_kl(p: GaussianMixture, q: GaussianMixture) -> jax.Array:
    whitener = linalg.invert_factor(q.scale_trils)
    spread = linalg.product(whitener, p.scale_trils)
    shift = linalg.product(whitener, (p.means - q.means)[:, None])[:, 0]
    log_dets = [linalg.log_det_of_factor(g.scale_trils) for g in (q, p)]
    squares = jnp.sum(spread**2) + jnp.sum(shift**2) - p.means.shape[0]
    return (squares + log_dets[0] - log_dets[1]) / 2
