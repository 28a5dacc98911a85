"""Information of one coordinate and classes, by nearest neighbours on a line."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxinfo.neighbors import _samples


def information(
    columns: jax.Array, labels: jax.Array, num_classes: int, num_neighbors: int
) -> jax.Array:
    """Ross' estimates for all pairs of columns ``(d, n)`` and labels ``(k, n)``.

    On a line neighbours stand beside each other, so that windows of sorted points and
    bisections find and count them, exactly as ``neighbors.class_mutual_information``
    does in any dimension.

    Returns:
        Information, NaN where every point is alone in its class. Shape ``(d, k)``.
    """
    psi = _samples.digamma(jnp.arange(columns.shape[1] + 1), columns.dtype)

    def of_pair(column: jax.Array, labels: jax.Array) -> jax.Array:
        return _of_pair(column, labels, psi, num_classes, num_neighbors)

    # One program for all pairs, one after another.
    values: jax.Array = jax.lax.map(
        lambda column: jax.lax.map(lambda one: of_pair(column, one), labels), columns
    )
    return values


def _of_pair(
    column: jax.Array,
    labels: jax.Array,
    psi: jax.Array,
    num_classes: int,
    num_neighbors: int,
) -> jax.Array:
    n = column.shape[0]
    # By class, and in a class by place. Halved, as differences might overflow.
    labels, x = jax.lax.sort((labels, column / 2), num_keys=2)
    sizes = jnp.zeros((num_classes,), int).at[labels].add(1)
    ends = jnp.cumsum(sizes, dtype=sizes.dtype)
    start, stop, size = (ends - sizes)[labels], ends[labels], sizes[labels]
    is_counted = size > 1
    number = jnp.minimum(size - 1, num_neighbors)
    place = jnp.arange(n, dtype=sizes.dtype)

    # The nearest neighbours fill one of the windows that hold the point.
    def widen(below: jax.Array, radius: jax.Array) -> jax.Array:
        first = place - below
        last = first + number
        fits = (first >= start) & (last < stop) & (last >= place)
        furthest = jnp.maximum(x - x[first], x[jnp.minimum(last, n - 1)] - x)
        return jnp.where(fits, jnp.minimum(radius, furthest), radius)

    far = jnp.full((n,), jnp.inf, x.dtype)
    radius = jax.lax.fori_loop(0, min(num_neighbors, n - 1) + 1, widen, far)

    everyone = jnp.sort(jnp.where(is_counted, x, jnp.inf))
    # Compared as differences, which round as those of the radius did, so that the
    # neighbour at the radius is not nearer than it.
    begin = _first(lambda other: x - other < radius, everyone)
    end = _first(lambda other: other - x >= radius, everyone)
    within = jnp.clip(end - begin, 1, n)
    total = jnp.sum(is_counted)
    terms = psi[jnp.maximum(number, 1)] - psi[size] - psi[within]
    mean = jnp.sum(jnp.where(is_counted, terms, 0)) / total.astype(terms.dtype)
    return jnp.maximum(psi[total] + mean, 0)


def _first(holds: Callable[[jax.Array], jax.Array], ordered: jax.Array) -> jax.Array:
    """Where a condition on sorted points begins to hold, for each point, ``(n,)``."""
    n = ordered.shape[0]

    def halve(
        _: jax.Array, bounds: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        low, high = bounds
        middle = (low + high) // 2
        is_there = holds(ordered[jnp.minimum(middle, n - 1)]) | (low >= high)
        return jnp.where(is_there, low, middle + 1), jnp.where(is_there, middle, high)

    start = jnp.zeros((n,), int), jnp.full((n,), n, int)
    found: jax.Array = jax.lax.fori_loop(0, n.bit_length(), halve, start)[0]
    return found
