"""Nearest neighbours, and points within radii, in the maximum norm.

Points are sorted by one coordinate. Blocks of queries that are close in it walk
outwards, and stop where this coordinate alone is further than what they look for.
Where devices share the points, those of each go round, and the queries of the others
walk among them from where they would stand.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import shards
from jaxinfo._numerics.shards import AxisName

# Queries that walk together, and candidates that they meet per step on either side.
_BLOCK = 128
_GROUP = 32
# Candidates that they count per step, once it is known between which they are.
_WINDOW = 128
# Up to this dimension distances are written out coordinate by coordinate.
_DIRECT_UP_TO = 8

# Rows of `Points.columns`: the coordinates of a space.
Space = tuple[int, ...]
# Whether distances are within radii.
Comparison = Callable[[jax.Array, jax.Array], jax.Array]
Found = TypeVar("Found")


class Points(NamedTuple):
    """Points in some order.

    Attributes:
        columns: Coordinates of all spaces; infinite for points that do not count, so
            that nobody meets them. Shape ``(d, n)``.
        rows: Which row of the data each point is. Shape ``(n,)``.
        groups: Points have neighbours in their own group only; ``None`` if all are in
            one. Shape ``(n,)``.
        axis_name: Devices that share all points, of which these are those of one.
    """

    columns: jax.Array
    rows: jax.Array
    groups: jax.Array | None
    axis_name: AxisName = None


def points(
    columns: jax.Array,
    is_counted: jax.Array,
    groups: jax.Array | None = None,
    axis_name: AxisName = None,
) -> Points:
    """Points in the order of rows, from coordinates ``(d, n)``."""
    # What the caller computed the compiler may compute twice, in two programs that
    # round differently, and then equal distances differ. What a loop returns is
    # computed once.
    columns = jnp.where(is_counted[None], columns, jnp.inf)
    _, fixed = jax.lax.scan(lambda _, column: (None, column), None, columns)
    rows = shards.row_indices(columns.shape[1], axis_name)
    return Points(fixed, rows, groups, axis_name)


def one_by_one(fn: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A search whose problems run one after another under ``vmap``.

    Side by side, each would walk as far as the one that walks furthest.
    """
    wrapped: Callable[..., jax.Array] = jax.custom_batching.sequential_vmap(fn)  # type: ignore[no-untyped-call]
    return wrapped


def nearest(
    points: Points, space: Space, num_neighbors: int, exclusion_window: int = 0
) -> jax.Array:
    """Distances of the nearest neighbours, more rows apart than the window.

    Returns:
        Distances in ascending order, infinite where there are too few neighbours; in
        the order of rows. Shape ``(k, n)``.
    """
    infinity = jnp.full((num_neighbors, _BLOCK), jnp.inf, points.columns.dtype)

    def meet(found: jax.Array, queries: _Queries, met: _Met) -> jax.Array:
        distances = met.distances(queries, space)
        return _insert(found, met.apart(queries, exclusion_window, distances, jnp.inf))

    return _walk(points, space[0], (), infinity, meet, lambda found, _: found[-1])


def radii(
    points: Points,
    joint: Space,
    spaces: Sequence[Space],
    distances: jax.Array,
    exclusion_window: int = 0,
) -> list[jax.Array]:
    """How far the nearest neighbours reach in each of some spaces.

    Of neighbours that are equally distant the earlier rows are taken.

    Args:
        points: The points, in the order of rows.
        joint: Coordinates of the space whose neighbours are meant.
        spaces: Spaces that it joins.
        distances: Of its nearest neighbours, as `nearest` gives them. Shape ``(k, n)``.
        exclusion_window: As there.

    Returns:
        Largest distance of a neighbour in each space, in the order of rows. Shapes
        ``(n,)``.
    """
    number, n = distances.shape
    n = n * shards.number(points.axis_name)
    dtype = points.columns.dtype
    nothing = (
        jnp.zeros((len(spaces), _BLOCK), dtype),
        jnp.full((number, _BLOCK), n, points.rows.dtype),
    )

    def meet(
        found: tuple[jax.Array, jax.Array], queries: _Queries, met: _Met
    ) -> tuple[jax.Array, jax.Array]:
        furthest, last = found
        distance = met.apart(
            queries, exclusion_window, met.distances(queries, joint), jnp.inf
        )
        is_nearer = distance < queries.options[0][None]
        is_last = distance == queries.options[0][None]
        within = [
            jnp.max(jnp.where(is_nearer, met.distances(queries, one), 0), axis=0)
            for one in spaces
        ]
        rows = jnp.broadcast_to(met.points.rows[:, None], distance.shape)
        return (
            jnp.maximum(furthest, jnp.stack(within)),
            _insert(last, jnp.where(is_last, rows, n)),
        )

    found = _walk(
        points,
        joint[0],
        (distances[-1],),
        nothing,
        meet,
        lambda _, queries: queries.options[0],
    )
    furthest, last = found
    # As many of the furthest as the nearer ones leave room for.
    is_taken = jnp.arange(number)[:, None] < jnp.sum(
        distances == distances[-1:], axis=0, keepdims=True
    )
    there = _columns_of(points, jnp.minimum(last, n - 1))
    apart = jnp.abs(there - points.columns[:, None])
    return [
        jnp.maximum(
            reach,
            jnp.max(jnp.where(is_taken[None], apart[jnp.asarray(one)], 0), (0, 1)),
        )
        for reach, one in zip(furthest, spaces, strict=True)
    ]


def nearest_rows(points: Points, space: Space, num_neighbors: int) -> jax.Array:
    """Rows of the nearest neighbours in a space.

    Returns:
        Rows, of points at the distance of the last neighbour those that come next in
        the order of rows, the first after the last. Shape ``(k, n)``.
    """
    assert points.axis_name is None, "not of several devices"
    furthest = nearest(points, space, num_neighbors)[-1]
    n = points.rows.shape[0]
    nobody = jnp.full((num_neighbors, _BLOCK), n, points.rows.dtype)

    def meet(
        found: tuple[jax.Array, jax.Array], queries: _Queries, met: _Met
    ) -> tuple[jax.Array, jax.Array]:
        distance = met.apart(queries, 0, met.distances(queries, space), jnp.inf)
        # Each point has ties of its own, so that no few are neighbours of them all.
        after = (met.points.rows[:, None] - queries.points.rows[None, :]) % n
        limit = queries.options[0][None]
        nearer, last = found
        return (
            _insert(nearer, jnp.where(distance < limit, after, n)),
            _insert(last, jnp.where(distance == limit, after, n)),
        )

    def reach(_: tuple[jax.Array, jax.Array], queries: _Queries) -> jax.Array:
        return queries.options[0]

    nearer, last = _walk(points, space[0], (furthest,), (nobody, nobody), meet, reach)
    number = jnp.sum(nearer < n, axis=0, keepdims=True)
    place = jnp.arange(num_neighbors)[:, None]
    ties = jnp.take_along_axis(last, jnp.maximum(place - number, 0), axis=0)
    after = jnp.where(place < number, nearer, ties)
    return (after + jnp.arange(n)[None]) % n


def counts(
    points: Points,
    space: Space,
    others: Sequence[Space],
    radii: Sequence[jax.Array],
    is_within: Comparison,
    exclusion_window: int = 0,
) -> jax.Array:
    """Count other points within radii, in a space and in its joins with others.

    Args:
        points: The points, in the order of rows.
        space: The space.
        others: Spaces to join it with, one at a time.
        radii: Of the space and of each other one, ``(n,)``. A point counts in a join if
            it is within both.
        is_within: Compares distances with radii.
        exclusion_window: Points that are not more rows apart do not count.

    Returns:
        Numbers in the space and in each join, in the order of rows. Shape ``(1 +
        len(others), n)``.
    """
    arranged = _arrange(points, space[0], tuple(radii))

    def of_block(
        found: jax.Array, first: jax.Array, others_met: _Sorted, holds_queries: bool
    ) -> jax.Array:
        queries = arranged.queries(first)
        own, radius = queries.points.columns[space[0]], queries.options[0]
        # All that can be within the radius of a query, and what rounding might hide.
        reach = radius + 4 * _eps(own) * (jnp.abs(own) + radius)
        is_query = own < jnp.inf
        low = jnp.min(jnp.where(is_query, own - reach, jnp.inf))
        high = jnp.max(jnp.where(is_query, own + reach, -jnp.inf))
        start = jnp.searchsorted(others_met.key, low)
        stop = jnp.searchsorted(others_met.key, high, side="right")

        def meet(step: jax.Array, found: jax.Array) -> jax.Array:
            window = _slice(others_met.points, start + step * _WINDOW, _WINDOW)
            met = _Met(window, holds_queries)
            inside, *joined = (
                is_within(met.distances(queries, one), limit[None])
                for one, limit in zip((space, *others), queries.options, strict=True)
            )
            inside = met.apart(queries, exclusion_window, inside, False)
            return found + _count([inside, *(inside & one for one in joined)])

        number = (stop - start + _WINDOW - 1) // _WINDOW
        counted: jax.Array = jax.lax.fori_loop(0, number, meet, found)
        return counted

    nothing = jnp.zeros((1 + len(others), _BLOCK), int)
    return arranged.restore(_by_blocks(arranged, nothing, of_block, points.axis_name))


class _Queries(NamedTuple):
    """A block of points that look for others.

    Attributes:
        points: The points, ``_BLOCK`` of them.
        options: What else belongs to each. Shapes ``(b,)``.
    """

    points: Points
    options: tuple[jax.Array, ...]


class _Met(NamedTuple):
    """Points that a block meets.

    Attributes:
        points: The points. Shapes ``(..., c)``.
        may_hold_queries: Whether queries can be among them. Static.
    """

    points: Points
    may_hold_queries: bool

    def distances(self, queries: _Queries, space: Space) -> jax.Array:
        """Distances from the queries in a space. Shape ``(c, b)``."""
        there, here = self.points.columns, queries.points.columns
        if len(space) > _DIRECT_UP_TO:
            rows = jnp.asarray(space)
            apart = jnp.abs(there[rows][:, :, None] - here[rows][:, None, :])
            return jnp.max(apart, axis=0)
        along = [jnp.abs(there[k][:, None] - here[k][None, :]) for k in space]
        return functools.reduce(jnp.maximum, along)

    def apart(
        self, queries: _Queries, window: int, values: jax.Array, otherwise: Any
    ) -> jax.Array:
        """Values ``(c, b)`` where a point may be a neighbour, or else another."""
        points = queries.points
        if self.points.groups is not None and points.groups is not None:
            is_same = self.points.groups[:, None] == points.groups[None, :]
            values = jnp.where(is_same, values, otherwise)
        # With no window, only the point itself is too near.
        if window or self.may_hold_queries:
            rows_apart = jnp.abs(self.points.rows[:, None] - points.rows[None, :])
            values = jnp.where(rows_apart > window, values, otherwise)
        return values


class _State(NamedTuple):
    """How far a block has walked.

    Attributes:
        found: What it has found.
        low: It has met everyone from here. Shape ``()``.
        high: Up to here, exclusively. Shape ``()``.
        goes_down: Whether someone may be within reach further down. Shape ``()``.
        goes_up: Likewise further up. Shape ``()``.
    """

    found: Any
    low: jax.Array
    high: jax.Array
    goes_down: jax.Array
    goes_up: jax.Array


def _walk(
    points: Points,
    column: int,
    options: tuple[jax.Array, ...],
    nothing: Found,
    meet: Callable[[Found, _Queries, _Met], Found],
    reach: Callable[[Found, _Queries], jax.Array],
) -> Found:
    """Let each block of queries meet points until no other can be within its reach.

    Args:
        points: The points, in the order of rows.
        column: The coordinate to sort them by.
        options: What belongs to each point, in the order of rows.
        nothing: What a block has found before it meets anyone. Shapes ``(..., b)``.
        meet: Adds what a block finds among others, ``meet(found, queries, met)``.
        reach: How far a query may still find something. Shape ``(b,)``.

    Returns:
        What was found, in the order of rows. Shapes ``(..., n)``.
    """
    arranged = _arrange(points, column, options)
    before, last = arranged.before, arranged.last

    def of_block(
        found: Found, first: jax.Array, others: _Sorted, holds_queries: bool
    ) -> Found:
        key = others.key
        queries = arranged.queries(first)
        own = queries.points.columns[column]

        def state(found: Any, low: jax.Array, high: jax.Array) -> _State:
            # Queries that do not count look for nobody.
            far = jnp.where(own < jnp.inf, reach(found, queries), -jnp.inf)
            return _State(
                found,
                low,
                high,
                (low > before) & jnp.any(own - key[low - 1] <= far),
                (high < last) & jnp.any(key[high] - own <= far),
            )

        def step(before_it: _State) -> _State:
            found, low, high, goes_down, goes_up = before_it
            # On a side that is done, points before the first.
            start_below = jnp.where(goes_down, low - _GROUP, 0)
            start_above = jnp.where(goes_up, high, 0)
            below = _slice(others.points, start_below, _GROUP)
            above = _slice(others.points, start_above, _GROUP)
            both = jax.tree.map(
                lambda *sides: jnp.concatenate(sides, axis=-1), below, above
            )
            return state(
                meet(found, queries, _Met(both, False)),
                jnp.where(goes_down, low - _GROUP, low),
                jnp.where(goes_up, high + _GROUP, high),
            )

        if holds_queries:
            themselves = meet(found, queries, _Met(queries.points, True))
            start = state(themselves, first, first + _BLOCK)
        else:
            # Where the one in the middle would stand.
            place = jnp.searchsorted(key, own[_BLOCK // 2])
            place = jnp.clip(place, before, last).astype(first.dtype)
            start = state(found, place, place)
        end: _State = jax.lax.while_loop(
            lambda state: state.goes_down | state.goes_up, step, start
        )
        walked: Found = end.found
        return walked

    found = _by_blocks(arranged, nothing, of_block, points.axis_name)
    restored: Found = jax.tree.map(arranged.restore, found)
    return restored


class _Sorted(NamedTuple):
    """Points that queries walk among.

    Attributes:
        points: The points.
        key: The coordinate that they are sorted by. Shape ``(n,)``.
    """

    points: Points
    key: jax.Array


def _by_blocks(
    arranged: "_Arranged",
    nothing: Found,
    of_block: Callable[[Found, jax.Array, _Sorted, bool], Found],
    axis_name: AxisName,
) -> Found:
    """What blocks of queries find among their own points, and those of other devices.

    ``of_block(found, first, points, holds_queries)`` adds to what has been found what a
    block finds among points, which may hold the queries themselves.
    """
    # Names of axes are no arrays.
    own = _Sorted(arranged.points._replace(axis_name=None), arranged.key)

    def first_of_block(_: None, first: jax.Array) -> tuple[None, Found]:
        return None, of_block(nothing, first, own, True)

    _, found = jax.lax.scan(first_of_block, None, arranged.firsts)
    if shards.number(axis_name) == 1:
        every: Found = found
        return every

    def visit(found: Found, visiting: _Sorted, _: None) -> tuple[Found, None]:
        def next_of_block(_: None, block: Any) -> tuple[None, Found]:
            so_far, first = block
            return None, of_block(so_far, first, visiting, False)

        _, found = jax.lax.scan(next_of_block, None, (found, arranged.firsts))
        return found, None

    all_found, _ = shards.visits(visit, found, own, axis_name)
    return all_found


def _columns_of(points: Points, rows: jax.Array) -> jax.Array:
    """Coordinates ``(d, ...)`` of points in the order of rows, by their rows."""

    def add(found: jax.Array, visiting: Any, _: None) -> tuple[jax.Array, None]:
        columns, first = visiting
        place = rows - first
        is_here = (place >= 0) & (place < columns.shape[1])
        there = columns[:, jnp.clip(place, 0, columns.shape[1] - 1)]
        return jnp.where(is_here[None], there, found), None

    nowhere = jnp.zeros((points.columns.shape[0], *rows.shape), points.columns.dtype)
    visiting = points.columns, points.rows[0]
    return shards.around(add, nowhere, visiting, points.axis_name)[0]


class _Arranged(NamedTuple):
    """Points sorted by one coordinate, with some that do not count at either end.

    Attributes:
        points: The points.
        key: That coordinate, infinite at either end with the sign of that end.
        options: What else belongs to each.
        rank: Where each row is among the sorted ones. Shape ``(n,)``.
        before: Where the first point is.
        last: Where the last block ends.
    """

    points: Points
    key: jax.Array
    options: tuple[jax.Array, ...]
    rank: jax.Array
    before: int
    last: int

    @property
    def firsts(self) -> jax.Array:
        """Where the blocks of queries begin."""
        return jnp.arange(self.before, self.last, _BLOCK)

    def queries(self, first: jax.Array) -> _Queries:
        """The block that begins at some place."""
        return _Queries(
            _slice(self.points, first, _BLOCK), _slice(self.options, first, _BLOCK)
        )

    def restore(self, found: jax.Array) -> jax.Array:
        """What blocks found ``(blocks, ..., b)``, in the order of rows ``(..., n)``."""
        joined = jnp.moveaxis(found, 0, -2)
        return joined.reshape(*joined.shape[:-2], -1)[..., self.rank]


def _arrange(points: Points, column: int, options: tuple[jax.Array, ...]) -> _Arranged:
    n = points.rows.shape[0]
    order = jnp.argsort(points.columns[column])
    num_blocks = -(-n // _BLOCK)
    before, after = _GROUP, num_blocks * _BLOCK - n + max(_GROUP, _WINDOW)

    def arrange(array: jax.Array, value: float) -> jax.Array:
        widths = [(0, 0)] * (array.ndim - 1) + [(before, after)]
        return jnp.pad(array[..., order], widths, constant_values=value)

    arranged = Points(
        columns=arrange(points.columns, jnp.inf),
        rows=arrange(points.rows, 0),
        groups=None if points.groups is None else arrange(points.groups, 0),
        axis_name=None,
    )
    return _Arranged(
        points=arranged,
        key=arranged.columns[column].at[:before].set(-jnp.inf),
        options=tuple(arrange(one, 0) for one in options),
        rank=jnp.zeros_like(order).at[order].set(jnp.arange(n, dtype=order.dtype)),
        before=before,
        last=before + num_blocks * _BLOCK,
    )


def _eps(array: jax.Array) -> float:
    return float(np.finfo(array.dtype).eps)


def _slice(tree: Any, start: jax.Array, size: int) -> Any:
    """Some points in a row, of arrays whose last axis they are."""
    return jax.tree.map(
        lambda array: jax.lax.dynamic_slice_in_dim(array, start, size, -1), tree
    )


def _insert(smallest: jax.Array, values: jax.Array) -> jax.Array:
    """Insert values ``(c, b)`` into ascending lists ``(k, b)`` of the smallest."""
    # Distances and rows are not negative.
    floor = jnp.full_like(smallest[:1], -1)

    def one(smallest: jax.Array, value: jax.Array) -> tuple[jax.Array, None]:
        before = jnp.concatenate([floor, smallest[:-1]])
        return jnp.maximum(before, jnp.minimum(smallest, value[None])), None

    inserted: jax.Array = jax.lax.cond(
        jnp.any(values < smallest[-1:]),
        lambda smallest: jax.lax.scan(one, smallest, values)[0],
        lambda smallest: smallest,
        smallest,
    )
    return inserted


def _count(inside: Sequence[jax.Array]) -> jax.Array:
    """Count along the first axis of some arrays ``(c, b)``. Shape ``(len, b)``."""
    # Three numbers share the bits of an integer, so that one sum counts all.
    numbers = []
    for start in range(0, len(inside), 3):
        some = inside[start : start + 3]
        shifted = [one.astype(int) << (10 * k) for k, one in enumerate(some)]
        total = jnp.sum(functools.reduce(jnp.add, shifted), axis=0)
        numbers += [(total >> (10 * k)) & 1023 for k in range(len(some))]
    return jnp.stack(numbers)
