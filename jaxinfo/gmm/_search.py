"""The search for a number of components, over folds and starts as runs of EM.

A problem has groups of rows, one for each class, with a mixture each; without classes
there is one group. Each is searched for itself.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxinfo.gmm import _em, _em_step, _implicit, _starts, _whitening
from jaxinfo.gmm._em import Run
from jaxinfo.gmm._em_step import Rows
from jaxinfo.gmm._options import Fitting
from jaxinfo.gmm._types import GaussianMixture
from jaxinfo.gmm._whitening import Frame

Result = TypeVar("Result")

# Steps after which only the best start of a fold goes on.
_SHORT_STEPS = 12
# Searches mostly end at a few components; wider arrays are used only where they do not.
_FIRST_CAPACITY = 4
# Gain of a score, in nats per sample, that counts as an improvement.
_MIN_GAIN = 1e-4


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is fitted, and how.

    Attributes:
        frame: Where the points stand.
        points: Shape ``(n, d)``.
        weights: Shape ``(n,)``.
        groups: Whether a row belongs to a group, as numbers. Shape ``(g, n)``.
        limits: Most components of a group. Shape ``(g,)``.
        fitting: Options, in the dtype of the points.
        block_size: Runs that are held at once.
    """

    frame: Frame
    points: jax.Array
    weights: jax.Array
    groups: jax.Array
    limits: jax.Array
    fitting: Fitting
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


def one_group(
    x: jax.Array, weights: jax.Array, fitting: Fitting, block_size: int | None = None
) -> Problem:
    """All rows as one group."""
    frame, points = _whitening.whiten(x, weights)
    num_rows = jnp.sum(weights > 0)
    return Problem(
        frame=frame,
        points=points,
        weights=weights,
        groups=jnp.ones_like(weights)[None],
        limits=jnp.minimum(fitting.max_components, num_rows)[None],
        fitting=fitting,
        block_size=block_size,
    )


def search(
    key: jax.Array, problem: Problem, complete: Callable[[State], Result]
) -> Result:
    """Search all groups, and complete at the smallest capacity that they ended in.

    Results of ``complete`` must not depend on the capacity of its states in shape.
    """
    fitting = problem.fitting
    rows, weights = _fixed(problem)
    key_folds, key_starts = jax.random.split(key)
    index = jnp.arange(weights.shape[0])
    first, last = _capacities(fitting)

    def folds(index: jax.Array, weights: jax.Array) -> Folds:
        return _folds(jax.random.fold_in(key_folds, index), weights, fitting)

    def begin(index: jax.Array, weights: jax.Array) -> State:
        training = folds(index, weights).training
        single = jax.vmap(
            lambda weights: _starts.single(rows, weights, capacity=first)
        )(training)
        return State(
            next=jnp.ones((), int),
            failures=jnp.zeros((), int),
            num_components=jnp.ones((), int),
            scores=jnp.full((fitting.max_components,), -jnp.inf, single.dtype),
            best=single,
            last=single,
        )

    def advance(
        index: jax.Array, weights: jax.Array, limit: jax.Array, state: State
    ) -> State:
        """Go on as far as the arrays have room."""
        its_key, its_folds = (
            jax.random.fold_in(key_starts, index),
            folds(index, weights),
        )
        if fitting.max_components == 1:
            # The one Gaussian is its own fit.
            runs = jax.vmap(_em.start, in_axes=(0, None))(state.last, fitting)
            return _scored(state, runs, rows, its_folds, limit, problem)
        room = jnp.minimum(limit, state.best.shape[1])
        return jax.lax.while_loop(
            lambda state: _is_open(state, room, fitting),
            lambda state: _scored(
                state,
                _fit_folds(its_key, state, rows, its_folds.training, problem),
                rows,
                its_folds,
                limit,
                problem,
            ),
            state,
        )

    states = over_groups(begin, index, weights)
    states = over_groups(advance, index, weights, problem.limits, states)
    if first == last:
        return complete(states)

    def go_on(states: State) -> Result:
        missing = ((0, 0), (0, 0), (0, last - first), (0, 0))
        states = states._replace(
            best=jnp.pad(states.best, missing), last=jnp.pad(states.last, missing)
        )
        return complete(over_groups(advance, index, weights, problem.limits, states))

    is_open = _is_open(states, problem.limits, fitting)
    result: Result = jax.lax.cond(jnp.any(is_open), go_on, complete, states)
    return result


def fit_groups(problem: Problem, states: State) -> Fit:
    """Fit each group to all its rows from the solution of each fold; keep the best."""
    fitting = problem.fitting
    rows, weights = _fixed(problem)

    def fit(state: State, weights: jax.Array, limit: jax.Array) -> Fit:
        if fitting.max_components == 1:
            moments = _starts.single(rows, weights, capacity=1)
            return Fit(
                moments=moments,
                num_components=state.num_components,
                scores=state.scores,
                num_steps=jnp.ones((), int),
                converged=_em.start(moments, fitting).is_running,
            )
        run = likeliest(state.best, rows, weights, fitting, problem.block_size)
        has_ended = state.failures >= fitting.patience
        return Fit(
            moments=_implicit.polish(
                run.moments, rows, weights, fitting.regularization
            ),
            num_components=state.num_components,
            scores=state.scores,
            num_steps=run.num_steps,
            # A search without a choice ends where it must.
            converged=run.converged & (has_ended | (_fewest(limit, fitting) == limit)),
        )

    return over_groups(fit, states, weights, problem.limits)


def likeliest(
    starts: jax.Array,
    rows: Rows,
    weights: jax.Array,
    fitting: Fitting,
    block_size: int | None,
) -> Run:
    """Fit the same data from several starts ``(s, k, q)``, and keep the best fit."""
    repeated = jnp.broadcast_to(weights[None], (starts.shape[0], *weights.shape))
    runs = jax.vmap(_em.start, in_axes=(0, None))(starts, fitting)
    runs = _em.finish_all(runs, rows, repeated, fitting, block_size)
    best: Run = jax.tree.map(lambda leaf: leaf[jnp.argmax(runs.log_likelihood)], runs)
    return best


def group_weights(groups: jax.Array, weights: jax.Array) -> jax.Array:
    """Weights of all rows in each group ``(g, n)``; a group without any gets ones.

    That keeps everything finite for a group whose share is zero.
    """
    weights = groups * weights[None]
    is_empty = jnp.all(weights == 0, axis=1, keepdims=True)
    return jnp.where(is_empty, 1, weights)


def over_groups(fn: Callable[..., Result], *groups: Any) -> Result:
    """Apply a function to one group after the other: each takes its own time only."""
    if jax.tree.leaves(groups)[0].shape[0] > 1:
        stacked: Result = jax.lax.map(lambda group: fn(*group), groups)
        return stacked
    only = jax.tree.map(lambda leaf: leaf[0], groups)
    single: Result = jax.tree.map(lambda leaf: leaf[None], fn(*only))
    return single


def pad(mixture: GaussianMixture, num_components: int) -> GaussianMixture:
    """Add absent components, which stand where the first one does."""
    missing = num_components - mixture.log_weights.shape[-1]

    def repeat(leaf: jax.Array) -> jax.Array:
        first = jnp.repeat(leaf[:1], missing, axis=0)
        return jnp.concatenate([leaf, first])

    absent = jnp.full((missing,), -jnp.inf, mixture.log_weights.dtype)
    return GaussianMixture(
        log_weights=jnp.concatenate([mixture.log_weights, absent]),
        means=repeat(mixture.means),
        scale_trils=repeat(mixture.scale_trils),
    )


def _fixed(problem: Problem) -> tuple[Rows, jax.Array]:
    """Rows, and their weights in each group, as constants under differentiation."""
    points, weights = jax.lax.stop_gradient(
        (problem.points, group_weights(problem.groups, problem.weights))
    )
    num_components = problem.fitting.max_components
    return _em_step.as_rows(points, num_components=num_components), weights


def _capacities(fitting: Fitting) -> tuple[int, int]:
    """Numbers of components that arrays have room for, at first and at last."""
    most = fitting.max_components
    if min(most, fitting.min_components + 1) > _FIRST_CAPACITY:
        return most, most
    return min(_FIRST_CAPACITY, most), most


def _folds(key: jax.Array, weights: jax.Array, fitting: Fitting) -> Folds:
    """Share the rows of positive weight out at random; without folds all train."""
    if fitting.criterion != "validation":
        return Folds(weights[None], weights[None])
    n = weights.shape[0]
    # Rows of weight zero come last, so that they could as well not be there.
    noise = jax.random.uniform(key, (n,))
    order = jnp.argsort(jnp.where(weights > 0, noise, 2))
    rank = jnp.zeros_like(order).at[order].set(jnp.arange(n))
    size = jnp.sum(weights > 0) // fitting.num_folds
    fold = rank // jnp.maximum(size, 1)
    is_validated = fold[None] == jnp.arange(fitting.num_folds)[:, None]
    return Folds(
        training=jnp.where(is_validated, 0, weights[None]),
        validation=jnp.where(is_validated, weights[None], 0),
    )


def _is_open(state: State, limit: jax.Array, fitting: Fitting) -> jax.Array:
    """Whether a search goes on, up to ``limit`` components."""
    return (state.failures < fitting.patience) & (state.next <= limit)


def _fewest(limit: jax.Array, fitting: Fitting) -> jax.Array:
    """Fewest components that may be chosen, where there may be ``limit``."""
    return jnp.minimum(fitting.min_components, limit)


def _fit_folds(
    key: jax.Array, state: State, rows: Rows, training: jax.Array, problem: Problem
) -> Run:
    """Best fit of each fold with the next number of components."""
    fitting, num_components = problem.fitting, state.next
    key = jax.random.fold_in(key, num_components)
    starts = _all_starts(key, rows, training, state.last, num_components, problem)
    num_folds, num_inits = starts.shape[:2]
    runs = jax.vmap(_em.start, in_axes=(0, None))(
        starts.reshape(-1, *starts.shape[2:]), fitting
    )
    # One component is solved by its start.
    most = min(_SHORT_STEPS, fitting.max_steps)
    number = jnp.where(num_components == 1, 0, most)
    # No gain is small enough to end a short run.
    endless = dataclasses.replace(fitting, tol=jnp.full_like(training[0, 0], -jnp.inf))

    def short(run: Run, weights: jax.Array) -> Run:
        moved: Run = jax.lax.fori_loop(
            0, number, lambda _, run: _em.advance(run, rows, weights, endless), run
        )
        return moved

    runs = _em.over_runs(
        short,
        runs,
        jnp.repeat(training, num_inits, axis=0),
        at_once=_em.runs_at_once(rows, fitting.max_components, problem.block_size),
    )
    by_fold = runs.log_likelihood.reshape(num_folds, num_inits)
    chosen = jnp.argmax(by_fold, axis=1) + num_inits * jnp.arange(num_folds)
    runs = jax.tree.map(lambda leaf: leaf[chosen], runs)
    return _em.finish_all(runs, rows, training, fitting, problem.block_size)


def _all_starts(
    key: jax.Array,
    rows: Rows,
    training: jax.Array,
    last: jax.Array,
    num_components: jax.Array,
    problem: Problem,
) -> jax.Array:
    """Starts ``(f, i, k, q)``: two splits of the last fits, the others k-means."""
    capacity, num_inits = last.shape[1], problem.fitting.num_inits
    number = min(num_inits, 2)
    splits = jax.vmap(
        lambda last: jnp.stack(_starts.split(last, num_components, number=number))
    )(last)
    # One component cannot come from a split; the last fits are those of one already.
    splits = jnp.where(num_components == 1, last[:, None], splits)
    if num_inits <= 2:
        return splits
    number = num_inits - 2
    clusters = _em.over_runs(
        lambda key, weights: _starts.kmeans(
            key, rows, weights, num_components, capacity=capacity
        ),
        jax.random.split(key, training.shape[0] * number),
        jnp.repeat(training, number, axis=0),
        at_once=_em.runs_at_once(
            rows, problem.fitting.max_components, problem.block_size
        ),
    )
    clusters = clusters.reshape(-1, number, *clusters.shape[1:])
    return jnp.concatenate([splits, clusters], axis=1)


def _scored(
    state: State,
    runs: Run,
    rows: Rows,
    folds: Folds,
    limit: jax.Array,
    problem: Problem,
) -> State:
    """Go to the next number of components, after the score of this one."""
    fitting = problem.fitting
    score = _score(runs, rows, folds, state.next, problem)
    fewest = _fewest(limit, fitting)
    numbers = jnp.arange(1, fitting.max_components + 1)
    best_score = jnp.max(jnp.where(numbers < fewest, -jnp.inf, state.scores))
    may_be_chosen = state.next >= fewest
    # The first that may be chosen is, even if its score is NaN.
    is_best = may_be_chosen & ((score > best_score) | (state.next == fewest))
    has_failed = may_be_chosen & ~(score - best_score > _MIN_GAIN)
    return State(
        next=state.next + 1,
        failures=jnp.where(has_failed, state.failures + 1, 0),
        num_components=jnp.where(is_best, state.next, state.num_components),
        scores=state.scores.at[state.next - 1].set(score),
        best=jnp.where(is_best, runs.moments, state.best),
        last=runs.moments,
    )


def _score(
    runs: Run,
    rows: Rows,
    folds: Folds,
    num_components: jax.Array,
    problem: Problem,
) -> jax.Array:
    """Score of a number of components, in nats per sample."""
    fitting = problem.fitting

    def held_out(density: _em_step.Density, weights: jax.Array) -> jax.Array:
        log_density = _em_step.log_densities(density, rows)
        return jnp.sum(jnp.where(weights == 0, 0, weights * log_density))

    by_fold = _em.over_runs(
        held_out,
        runs.density,
        folds.validation,
        at_once=_em.runs_at_once(rows, fitting.max_components, problem.block_size),
    )
    # Not by fold, as one without rows has no mean.
    score = jnp.sum(by_fold) / jnp.sum(folds.validation)
    if fitting.criterion == "validation":
        return score
    count = jnp.sum(folds.validation > 0).astype(score.dtype)
    q = runs.moments.shape[2]
    num_parameters = (num_components * q - 1).astype(score.dtype)
    factor = 1.0 if fitting.criterion == "aic" else jnp.log(count) / 2
    return score - factor * num_parameters / count
