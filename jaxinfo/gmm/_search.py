"""The search for a number of components, over folds and starts as lanes of EM."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxinfo.gmm import _implicit, _lanes, _moments, _starts
from jaxinfo.gmm._lanes import Stopping
from jaxinfo.gmm._moments import Rows

Result = TypeVar("Result")

# Steps after which only the best start of a fold goes on.
_SHORT_STEPS = 12
# Searches mostly end at a few components; wider arrays are used only where they do not.
_FIRST_CAPACITY = 4


class Settings(NamedTuple):
    """How to search; see `select`.

    Attributes:
        max_components: Where the search ends at the latest.
        criterion: ``"validation"``, ``"aic"`` or ``"bic"``.
        num_inits: Starts of each fold and number of components.
        num_folds: Folds of the validation.
        patience: Successive failures that end the search.
        min_gain: What a success gains.
        stopping: When a fit ends.
        block_size: Lanes that run at once.
    """

    max_components: int
    criterion: str
    num_inits: int
    num_folds: int
    patience: int
    min_gain: jax.Array
    stopping: Stopping
    block_size: int | None


class Folds(NamedTuple):
    """Weights of all rows in each fold.

    Attributes:
        training: Shape ``(f, n)``.
        validation: Shape ``(f, n)``.
    """

    training: jax.Array
    validation: jax.Array


class State(NamedTuple):
    """Where a search stands.

    Attributes:
        next: Number of components to try next. Shape ``()``.
        failures: Successive failures. Shape ``()``.
        num_components: Best number so far. Shape ``()``.
        scores: Score of each number tried, in the frame. Shape ``(max_components,)``.
        best: Solutions of the folds at the best number. Shape ``(f, k, q)``.
        last: Those at the last number tried. Shape ``(f, k, q)``.
    """

    next: jax.Array
    failures: jax.Array
    num_components: jax.Array
    scores: jax.Array
    best: jax.Array
    last: jax.Array


class Fit(NamedTuple):
    """A fit to all data at the chosen number of components.

    Attributes:
        moments: Shape ``(k, q)``.
        num_components: Shape ``()``.
        scores: Shape ``(max_components,)``.
        num_steps: Shape ``()``.
        converged: Shape ``()``.
    """

    moments: jax.Array
    num_components: jax.Array
    scores: jax.Array
    num_steps: jax.Array
    converged: jax.Array


def capacities(settings: Settings) -> tuple[int, ...]:
    """Numbers of components that arrays have room for, in turn."""
    if settings.max_components <= _FIRST_CAPACITY:
        return (settings.max_components,)
    return (_FIRST_CAPACITY, settings.max_components)


def folds(key: jax.Array, weights: jax.Array, settings: Settings) -> Folds:
    """Share the rows of positive weight out at random; without folds all train."""
    if settings.criterion != "validation":
        return Folds(weights[None], weights[None])
    n = weights.shape[0]
    # Rows of weight zero come last, so that they could as well not be there.
    noise = jax.random.uniform(key, (n,))
    order = jnp.argsort(jnp.where(weights > 0, noise, 2))
    rank = jnp.zeros_like(order).at[order].set(jnp.arange(n))
    size = jnp.sum(weights > 0) // settings.num_folds
    fold = rank // jnp.maximum(size, 1)
    is_validated = fold[None] == jnp.arange(settings.num_folds)[:, None]
    return Folds(
        training=jnp.where(is_validated, 0, weights[None]),
        validation=jnp.where(is_validated, weights[None], 0),
    )


def begin(rows: Rows, folds: Folds, settings: Settings) -> State:
    """A search before its first number of components."""
    capacity = capacities(settings)[0]
    single = jax.vmap(lambda weights: _starts.single(rows, weights, capacity=capacity))(
        folds.training
    )
    nothing = jnp.full((settings.max_components,), -jnp.inf, single.dtype)
    return State(
        next=jnp.ones((), int),
        failures=jnp.zeros((), int),
        num_components=jnp.ones((), int),
        scores=nothing,
        best=single,
        last=single,
    )


def widen(state: State, capacity: int) -> State:
    """Make room for more components."""

    def pad(moments: jax.Array) -> jax.Array:
        missing = capacity - moments.shape[1]
        return jnp.pad(moments, ((0, 0), (0, missing), (0, 0)))

    return state._replace(best=pad(state.best), last=pad(state.last))


def is_open(state: State, limit: jax.Array, settings: Settings) -> jax.Array:
    """Whether a search goes on, up to ``limit`` components."""
    return (state.failures < settings.patience) & (state.next <= limit)


def advance(
    key: jax.Array,
    state: State,
    rows: Rows,
    folds: Folds,
    limit: jax.Array,
    settings: Settings,
) -> State:
    """Search as far as the arrays have room."""
    if settings.max_components == 1:
        lanes = jax.vmap(_lanes.start, in_axes=(0, None))(state.last, settings.stopping)
        return _scored(state, lanes, rows, folds, settings)
    room = jnp.minimum(limit, state.best.shape[1])
    return jax.lax.while_loop(
        lambda state: is_open(state, room, settings),
        lambda state: _try_next(key, state, rows, folds, settings),
        state,
    )


def finish(
    state: State, rows: Rows, weights: jax.Array, settings: Settings, limit: jax.Array
) -> Fit:
    """Fit all data from the solution of each fold, and keep the likeliest."""
    if settings.max_components == 1:
        moments = _starts.single(rows, weights, capacity=1)
        lane = _lanes.start(moments, settings.stopping)
        return Fit(
            moments=moments,
            num_components=state.num_components,
            scores=state.scores,
            num_steps=jnp.ones((), int),
            converged=lane.is_running,
        )
    repeated = jnp.broadcast_to(weights[None], (state.best.shape[0], *weights.shape))
    lanes = jax.vmap(_lanes.start, in_axes=(0, None))(state.best, settings.stopping)
    lane = likeliest(lanes, rows, repeated, settings)
    has_ended = (state.failures >= settings.patience) | (limit == 1)
    return Fit(
        moments=_implicit.polish(
            lane.moments, rows, weights, settings.stopping.regularization
        ),
        num_components=state.num_components,
        scores=state.scores,
        num_steps=lane.num_steps,
        converged=lane.converged & has_ended,
    )


def likeliest(
    lanes: _lanes.Lane, rows: Rows, weights: jax.Array, settings: Settings
) -> _lanes.Lane:
    """Run lanes on the same data to their ends, and keep the best."""
    lanes = _run_all(lanes, rows, weights, settings)
    best: _lanes.Lane = jax.tree.map(
        lambda leaf: leaf[jnp.argmax(lanes.log_likelihood)], lanes
    )
    return best


def solve(
    key: jax.Array,
    rows: Rows,
    training: jax.Array,
    last: jax.Array,
    num_components: Any,
    settings: Settings,
) -> _lanes.Lane:
    """Best fit of each fold, from its starts and its fit with one component less."""
    starts = _all_starts(key, rows, training, last, num_components, settings)
    num_folds, num_inits = starts.shape[:2]
    lanes = jax.vmap(_lanes.start, in_axes=(0, None))(
        starts.reshape(-1, *starts.shape[2:]), settings.stopping
    )
    weights = jnp.repeat(training, num_inits, axis=0)
    # One component is solved by its start.
    most = min(_SHORT_STEPS, settings.stopping.max_steps)
    number = jnp.where(num_components == 1, 0, most)
    # No gain is small enough to end a short run.
    endless = settings.stopping._replace(tol=jnp.full_like(weights[0, 0], -jnp.inf))

    def short(lanes: _lanes.Lane, weights: jax.Array) -> _lanes.Lane:
        moved: _lanes.Lane = jax.lax.fori_loop(
            0,
            number,
            lambda _, lanes: _lanes.advance_all(lanes, rows, weights, endless),
            lanes,
        )
        return moved

    lanes = _by_blocks(short, lanes, weights, rows=rows, settings=settings)
    by_fold = lanes.log_likelihood.reshape(num_folds, num_inits)
    best = jnp.argmax(by_fold, axis=1)
    chosen = best + num_inits * jnp.arange(num_folds)
    chosen_lanes = jax.tree.map(lambda leaf: leaf[chosen], lanes)
    return _run_all(chosen_lanes, rows, training, settings)


def _try_next(
    key: jax.Array, state: State, rows: Rows, folds: Folds, settings: Settings
) -> State:
    num_components = state.next
    lanes = solve(
        jax.random.fold_in(key, num_components),
        rows,
        folds.training,
        state.last,
        num_components,
        settings,
    )
    return _scored(state, lanes, rows, folds, settings)


def _scored(
    state: State, lanes: _lanes.Lane, rows: Rows, folds: Folds, settings: Settings
) -> State:
    """Go to the next number of components, after the score of this one."""
    score = _score(lanes, rows, folds, state.next, settings)
    best_score = jnp.max(state.scores)
    is_best = score > best_score
    gains = score - best_score > settings.min_gain
    return State(
        next=state.next + 1,
        failures=jnp.where(gains, 0, state.failures + 1),
        num_components=jnp.where(is_best, state.next, state.num_components),
        scores=state.scores.at[state.next - 1].set(score),
        best=jnp.where(is_best, lanes.moments, state.best),
        last=lanes.moments,
    )


def _all_starts(
    key: jax.Array,
    rows: Rows,
    training: jax.Array,
    last: jax.Array,
    num_components: Any,
    settings: Settings,
) -> jax.Array:
    """Starts ``(f, i, k, q)``: two splits of the last fits, the others k-means."""
    capacity = last.shape[1]
    number = min(settings.num_inits, 2)
    splits = jax.vmap(
        lambda last: jnp.stack(_starts.split(last, num_components, number=number))
    )(last)
    # One component cannot come from a split; the last fits are those of one already.
    splits = jnp.where(num_components == 1, last[:, None], splits)
    if settings.num_inits <= 2:
        return splits
    number = settings.num_inits - 2
    clusters = _by_blocks(
        jax.vmap(
            lambda key, weights: _starts.kmeans(
                key, rows, weights, num_components, capacity=capacity
            )
        ),
        jax.random.split(key, training.shape[0] * number),
        jnp.repeat(training, number, axis=0),
        rows=rows,
        settings=settings,
    )
    clusters = clusters.reshape(-1, number, *clusters.shape[1:])
    return jnp.concatenate([splits, clusters], axis=1)


def _run_all(
    lanes: _lanes.Lane, rows: Rows, weights: jax.Array, settings: Settings
) -> _lanes.Lane:
    return _by_blocks(
        lambda lanes, weights: _lanes.run_all(lanes, rows, weights, settings.stopping),
        lanes,
        weights,
        rows=rows,
        settings=settings,
    )


def _by_blocks(
    fn: Callable[..., Result], *lanes: Any, rows: Rows, settings: Settings
) -> Result:
    return _lanes.by_blocks(
        fn,
        *lanes,
        block_size=settings.block_size,
        lane_entries=rows.points.shape[0] * settings.max_components,
    )


def _score(
    lanes: _lanes.Lane,
    rows: Rows,
    folds: Folds,
    num_components: jax.Array,
    settings: Settings,
) -> jax.Array:
    """Score of a number of components, in nats a sample."""

    def held_out(density: _moments.Density, weights: jax.Array) -> jax.Array:
        log_density = _moments.log_densities(density, rows)
        return jnp.sum(jnp.where(weights == 0, 0, weights * log_density))

    by_fold = _by_blocks(
        jax.vmap(held_out),
        lanes.density,
        folds.validation,
        rows=rows,
        settings=settings,
    )
    # Not by fold, as one without rows has no mean.
    score = jnp.sum(by_fold) / jnp.sum(folds.validation)
    if settings.criterion == "validation":
        return score
    count = jnp.sum(folds.validation > 0).astype(score.dtype)
    q = lanes.moments.shape[2]
    num_parameters = (num_components * q - 1).astype(score.dtype)
    factor = 1.0 if settings.criterion == "aic" else jnp.log(count) / 2
    return score - factor * num_parameters / count
