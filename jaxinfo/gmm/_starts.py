"""Where fits start from, in the frame: clusters, points, and splits of smaller fits."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxinfo._numerics import linalg, pairwise
from jaxinfo.gmm import _moments
from jaxinfo.gmm._moments import Rows

_LLOYD_STEPS = 3
# Of a component's widest direction, in standard deviations.
_SPLIT_DISTANCE = 0.8


def kmeans(
    key: jax.Array,
    rows: Rows,
    weights: jax.Array,
    num_components: Any,
    *,
    capacity: int,
) -> jax.Array:
    """Moments of clusters by k-means++ and a few Lloyd steps.

    Covariances are shrunk to the pooled one by ``d + 2`` pseudo-observations.
    ``num_components`` may be traced; the rest of ``capacity`` stays absent.
    """
    points = rows.points
    is_present = jnp.arange(capacity) < num_components
    centres = _plus_plus(key, points, weights, num_components, capacity=capacity)
    share = weights / jnp.sum(weights)

    def assign(centres: jax.Array) -> jax.Array:
        distances = pairwise.squared_distances(centres, points)
        distances = jnp.where(is_present[:, None], distances, jnp.inf)
        label = jnp.argmin(distances, axis=0)
        is_own = label[None] == jnp.arange(capacity)[:, None]
        return jnp.where(is_own, share[None], 0)

    def lloyd(centres: jax.Array, _: None) -> tuple[jax.Array, None]:
        membership = assign(centres)
        mass = jnp.sum(membership, axis=1, keepdims=True)
        is_empty = mass == 0
        moved = linalg.product(membership, points) / jnp.where(is_empty, 1, mass)
        return jnp.where(is_empty, centres, moved), None

    centres, _ = jax.lax.scan(lloyd, centres, None, length=_LLOYD_STEPS)
    membership = assign(centres)
    raw = linalg.product(membership, _moments.features_of(rows).T)
    return shrink(_moments.from_raw(raw), jnp.sum(weights > 0))


def shrink(moments: jax.Array, num_rows: jax.Array) -> jax.Array:
    """Draw covariances towards the pooled one, as ``d + 2`` samples of it would."""
    mass, means, covariances = _moments.unpack(moments)
    pooled = jnp.sum(mass[:, None, None] * covariances, axis=0)
    count = mass * num_rows.astype(mass.dtype)
    return _moments.pack(mass, means, draw_towards(pooled, covariances, count))


def draw_towards(
    pooled: jax.Array, covariances: jax.Array, count: jax.Array
) -> jax.Array:
    """Covariances ``(k, d, d)`` of ``count`` samples and ``d + 2`` pooled ones."""
    extra = pooled.shape[0] + 2
    count = count[:, None, None]
    return (count * covariances + extra * pooled[None]) / (count + extra)


def split(
    moments: jax.Array, num_components: Any, *, number: int
) -> Sequence[jax.Array]:
    """Starts for ``num_components`` from a fit with one less, at most two.

    The heaviest component is replaced by two of half its weight: apart along its widest
    direction, or one narrow and one wide.
    """
    mass, means, covariances = _moments.unpack(moments)
    heaviest = jnp.argmax(mass)
    half = mass[heaviest] / 2
    mean, covariance = means[heaviest], covariances[heaviest]
    eigenvalues, eigenvectors = jnp.linalg.eigh(covariance)
    direction = eigenvectors[:, -1]
    # Its sign is arbitrary, and would order the halves by rounding.
    direction = direction * jnp.sign(direction[jnp.argmax(jnp.abs(direction))])
    widest = jnp.sqrt(eigenvalues[-1]) * direction
    shift = _SPLIT_DISTANCE * widest
    between = covariance - shift[:, None] * shift[None, :]
    pairs = (
        (mean + shift, between, mean - shift, between),
        (mean, covariance / 4, mean, 7 * covariance / 4),
    )
    new = num_components - 1
    return [
        _moments.pack(
            mass.at[heaviest].set(half).at[new].set(half),
            means.at[heaviest].set(one_mean).at[new].set(other_mean),
            covariances.at[heaviest].set(one).at[new].set(other),
        )
        for one_mean, one, other_mean, other in pairs[:number]
    ]


def single(rows: Rows, weights: jax.Array, *, capacity: int) -> jax.Array:
    """Moments of the one Gaussian, which no start can better."""
    share = weights / jnp.sum(weights)
    mean = linalg.product(share[None], rows.points)
    offsets = rows.points - mean
    covariance = linalg.product((offsets * share[:, None]).T, offsets)
    only = _moments.pack(jnp.ones_like(share[:1]), mean, covariance[None])
    return jnp.pad(only, ((0, capacity - 1), (0, 0)))


def radius(points: jax.Array, num_components: int) -> jax.Array:
    """Radius of balls that fill the bounding box of the points, one a component."""
    dim = points.shape[1]
    sides = jnp.max(points, axis=0) - jnp.min(points, axis=0)
    log_volume = jnp.sum(jnp.log(sides)) + jax.scipy.special.gammaln(
        jnp.asarray(dim / 2 + 1, points.dtype)
    )
    log_radius = (log_volume - jnp.log(num_components)) / dim
    return jnp.exp(log_radius) / jnp.sqrt(jnp.pi)


def _plus_plus(
    key: jax.Array,
    points: jax.Array,
    weights: jax.Array,
    num_components: Any,
    *,
    capacity: int,
) -> jax.Array:
    """Centres drawn from the rows, each by the squared distance to those before."""
    uniform = jax.random.uniform(key, (capacity,), points.dtype)

    def draw(chances: jax.Array, k: Any) -> jax.Array:
        cumulated = jnp.cumsum(chances)
        index = jnp.searchsorted(cumulated, uniform[k] * cumulated[-1], side="right")
        # Rounding may lead past the last row, or to one that has no chance.
        index = jnp.minimum(index, points.shape[0] - 1)
        likeliest = jnp.argmax(chances).astype(index.dtype)
        index = jnp.where(chances[index] > 0, index, likeliest)
        return points[index]

    first = draw(weights, 0)
    centres = jnp.broadcast_to(first[None], (capacity, points.shape[1]))
    nearest = jnp.sum((points - first[None]) ** 2, axis=1)

    def add(k: Any, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        centres, nearest = carry
        chances = weights * nearest
        chances = jnp.where(jnp.sum(chances) > 0, chances, weights)
        centre = draw(chances, k)
        distance = jnp.sum((points - centre[None]) ** 2, axis=1)
        return centres.at[k].set(centre), jnp.minimum(nearest, distance)

    last: tuple[jax.Array, jax.Array] = jax.lax.fori_loop(
        1, num_components, add, (centres, nearest)
    )
    return last[0]
