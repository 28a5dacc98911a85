"""The search for a number of components, over folds and starts as runs of EM.

A problem has groups of rows, one for each class, with a mixture each; without classes
there is one group. Each is searched for itself, in stages: one for each number of
components, in which the folds are fitted, and a last one that fits all rows from their
best solutions. All stages share one loop, so that a step of EM is compiled once.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxinfo._numerics import distinct, linalg, options
from jaxinfo.gmm import (
    _em,
    _em_step,
    _implicit,
    _local,
    _reasons,
    _starts,
    _whitening,
)
from jaxinfo.gmm._em import Course, Run
from jaxinfo.gmm._em_step import Rows
from jaxinfo.gmm._implicit import Linear
from jaxinfo.gmm._local import Place
from jaxinfo.gmm._options import Fitting
from jaxinfo.gmm._types import GaussianMixture
from jaxinfo.gmm._whitening import Frame

Result = TypeVar("Result")

# Steps after which only the best start of a fold goes on.
_SHORT_STEPS = 12
# In nats per sample, more than likelihoods differ by.
_PENALTY = 1e3
# Distinct rows that are enough.
_FEW_ROWS = 100
# Share of a variance that a row makes up, from where on it leads a Gaussian; and its
# squared length in deviations, which few rows cannot exceed.
_LED = 0.3
_LEAST_LED = 25.0
# Gain of a score, in nats per sample, that counts as an improvement.
_MIN_GAIN = 1e-4


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Problem:
    """What is fitted, and how.

    Attributes:
        frame: Where the points stand.
        points: Shape ``(n, d)``.
        weights: Shape ``(n,)``.
        flaw: What `Reason` there is against the data, or zero. Shape ``()``.
        is_far: Whether a row is far from all others. Shape ``(n,)``.
        twins: First of the rows that equal a row. Shape ``(n,)``.
        groups: Whether a row belongs to a group, as numbers. Shape ``(g, n)``.
        limits: Most components of a group. Shape ``(g,)``.
        fitting: Options, in the dtype of the points.
        dim_x: Columns that may be shuffled against the others, to see what the search
            finds where there is nothing; ``None`` if there are none.
        block_size: Runs that are held at once.
    """

    frame: Frame
    points: jax.Array
    weights: jax.Array
    flaw: jax.Array
    is_far: jax.Array
    twins: jax.Array
    groups: jax.Array
    limits: jax.Array
    fitting: Fitting
    dim_x: int | None = options.static(None)
    block_size: int | None = options.static(None)


class Folds(NamedTuple):
    """Weights of all rows in each fold.

    Attributes:
        training: Shape ``(f, n)``.
        validation: Shape ``(f, n)``.
        order: A random order of the rows. Shape ``(n,)``.
        is_tied: Whether distinct rows are few. Shape ``()``.
    """

    training: jax.Array
    validation: jax.Array
    order: jax.Array
    is_tied: jax.Array


class Data(NamedTuple):
    """What stages fit.

    Attributes:
        rows: All rows.
        weights: Their weights. Shape ``(n,)``.
        folds: Their weights in folds.
        uniform: Random numbers that draw starts of the folds. Shape ``(c, f, k)``.
        shuffled: Shuffled rows and their weights, if there are any.
    """

    rows: Rows
    weights: jax.Array
    folds: Folds
    uniform: jax.Array
    shuffled: tuple[Rows, jax.Array] | None


class Best(NamedTuple):
    """The best of some runs.

    Attributes:
        run: The run.
        fit: Its mixture.
    """

    run: Run
    fit: GaussianMixture


class State(NamedTuple):
    """Where a search stands.

    Attributes:
        next: Number of components to try next. Shape ``()``.
        failures: Successive failures. Shape ``()``.
        num_components: Best number so far. Shape ``()``.
        scores: Score of each number tried, in the frame. Shape ``(max_components,)``.
        best: Solutions of the folds at the best number. Shape ``(f, k, q)``.
        last: Runs of the last stage, one for each fold.
        final: The best run of the stage of all rows.
        shuffled: That of shuffled rows.
        phase: Which stages are due: of folds, of all rows, of shuffled rows, none.
            Shape ``()``.
    """

    next: jax.Array
    failures: jax.Array
    num_components: jax.Array
    scores: jax.Array
    best: jax.Array
    last: Run
    final: Best
    shuffled: Best
    phase: jax.Array


class Fit(NamedTuple):
    """A fit to all rows at the chosen number of components.

    Attributes:
        place: The fit, in the frame.
        linear: EM about it.
        num_components: Shape ``()``.
        scores: Shape ``(max_components,)``.
        num_steps: Shape ``()``.
        reason: What there is against it. Shape ``()``.
        shuffled: Fit of as many components to the shuffled rows, if there are any.
    """

    place: Place
    linear: Linear
    num_components: jax.Array
    scores: jax.Array
    num_steps: jax.Array
    reason: jax.Array
    shuffled: Best | None


def one_group(
    x: jax.Array,
    weights: jax.Array,
    fitting: Fitting,
    block_size: int | None = None,
    *,
    dim_x: int | None = None,
) -> Problem:
    """All rows as one group."""
    frame, points, is_far, flaw = _whitening.whiten(x, weights)
    num_rows = jnp.sum(weights > 0)
    return Problem(
        frame=frame,
        points=points,
        weights=weights,
        flaw=flaw,
        is_far=is_far,
        twins=distinct.twins(jax.lax.stop_gradient(x)),
        groups=jnp.ones_like(weights)[None],
        # Where there is no frame, nothing is to be searched for.
        limits=jnp.where(
            jnp.all(jnp.isfinite(frame.whitener)),
            jnp.minimum(fitting.max_components, num_rows),
            1,
        )[None],
        fitting=fitting,
        dim_x=dim_x,
        block_size=block_size,
    )


def search(key: jax.Array, problem: Problem) -> Fit:
    """Search all groups: fits with a leading axis of groups."""
    fitting = problem.fitting
    points, weights = jax.lax.stop_gradient(
        (problem.points, group_weights(problem.groups, problem.weights))
    )
    rows = _em_step.as_rows(points, num_components=fitting.max_components)

    def of_group(key: jax.Array, weights: jax.Array, limit: jax.Array) -> Fit:
        # All random numbers at once, as one program draws them.
        n, capacity = weights.shape[0], fitting.max_components
        num_folds = fitting.num_folds if fitting.criterion == "validation" else 1
        shape = max(fitting.num_inits - 2, 0), num_folds, capacity
        noise = jax.random.uniform(key, (n + math.prod(shape),), points.dtype)
        uniform = noise[n:].reshape(shape)
        folds = _folds(noise[:n], weights, problem)
        single = jax.vmap(
            lambda weights: _starts.single(rows, weights, capacity=capacity)
        )(folds.training)

        def run_of(moments: jax.Array) -> tuple[Run, Best]:
            runs = jax.vmap(_em.start, in_axes=(0, None))(
                moments, fitting.regularization
            )
            return runs, _best(runs, runs.log_likelihood)

        # Nothing has run yet.
        runs, nothing = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
            jax.eval_shape(run_of, single),
        )
        state = State(
            next=jnp.ones((), int),
            failures=jnp.zeros((), int),
            num_components=jnp.ones((), int),
            scores=jnp.full((fitting.max_components,), -jnp.inf, single.dtype),
            best=single,
            last=runs._replace(moments=single),
            final=nothing,
            shuffled=nothing,
            phase=jnp.zeros((), int),
        )
        if fitting.max_components == 1:
            return _only_gaussian(state, rows, weights, folds, limit, problem)
        shuffled = None
        if problem.dim_x is not None:
            shuffled = _shuffled(folds, rows, weights, problem)
        data = Data(rows, weights, folds, uniform, shuffled)
        last_phase = 1 if shuffled is None else 2
        state = jax.lax.while_loop(
            lambda state: state.phase < last_phase,
            lambda state: _stage(state, data, limit, problem),
            state,
        )
        run = state.final.run
        place, linear = _implicit.polish(
            state.final.fit,
            points,
            weights,
            fitting.regularization,
            state.num_components,
        )
        return Fit(
            place=place,
            linear=linear,
            num_components=state.num_components,
            scores=state.scores,
            num_steps=run.num_steps,
            reason=_reasons.first_of(
                tied=folds.is_tied,
                broken=~run.converged & (run.num_steps < fitting.max_steps),
                collapsed=jnp.sum(
                    jnp.where(_em.collapsed(place, weights), place.mass, 0)
                )
                > _em.MUCH + _far_share(weights, problem),
                misfit=(state.num_components == 1) & _is_led(points, weights),
                steps_ran_out=~run.converged,
                # A search without a choice ends where it must.
                components_ran_out=(state.failures < fitting.patience)
                & (_fewest(limit, fitting) < limit),
            ),
            shuffled=None if shuffled is None else state.shuffled,
        )

    num_groups = weights.shape[0]
    keys = key[None] if num_groups == 1 else jax.random.split(key, num_groups)
    return over_groups(of_group, keys, weights, problem.limits)


def _only_gaussian(
    state: State,
    rows: Rows,
    weights: jax.Array,
    folds: Folds,
    limit: jax.Array,
    problem: Problem,
) -> Fit:
    """The fit of one component, which is its own solution."""
    fitting = problem.fitting
    look = _em.finish(
        jax.vmap(_em.start, in_axes=(0, None))(state.best, fitting.regularization),
        rows,
        jnp.where(
            jnp.all(folds.validation == 0, axis=1, keepdims=True), 1, folds.validation
        ),
        fitting.regularization,
        Course(tol=fitting.tol, max_steps=1),
        problem.block_size,
    )
    state = _scored(state, look, look.log_likelihood, folds, limit, problem)
    moments = _starts.single(rows, weights, capacity=1)
    mixture = _em_step.mixture(moments, fitting.regularization)
    place = _local.place(mixture, _em_step.ridge(mixture.means, fitting.regularization))
    return Fit(
        place=place,
        linear=_implicit.linearize(place, rows.points, weights, limit),
        num_components=state.num_components,
        scores=state.scores,
        num_steps=jnp.ones((), int),
        reason=_reasons.first_of(
            tied=folds.is_tied, broken=~_em_step.is_finite(place.density)
        ),
        shuffled=None,
    )


def _stage(state: State, data: Data, limit: jax.Array, problem: Problem) -> State:
    """Fit the folds with the next number of components, or all rows with the best."""
    fitting, folds = problem.fitting, data.folds
    is_open = (state.failures < fitting.patience) & (state.next <= limit)
    is_open &= state.phase == 0
    is_last = state.phase == 1
    number = jnp.where(is_open, state.next, state.num_components)
    rows, weights = data.rows, data.weights
    if data.shuffled is not None:
        moved, their_weights = data.shuffled
        points, features, weights = _where(
            is_last,
            (moved.points, moved.features, their_weights),
            (rows.points, rows.features, weights),
        )
        rows = rows._replace(points=points, features=features)
    training = jnp.where(is_open, folds.training, weights[None])
    # One component is solved by its start, and all rows start where the folds ended.
    is_short = (is_open | is_last) & (number > 1)
    starts = jax.lax.cond(
        is_short,
        lambda: _all_starts(data.uniform, state, rows, training, number, problem),
        lambda: jnp.broadcast_to(
            state.best[None], (fitting.num_inits, *state.best.shape)
        ),
    )

    merit_of = _merit(training, problem)

    def leg(i: jax.Array, carry: tuple[Run, jax.Array, jax.Array]) -> Any:
        """A short run from each start, a long one from the likeliest, a look at it."""
        kept, best_merit, _ = carry
        is_short, is_long = i < fitting.num_inits, i == fitting.num_inits
        at = jnp.where(is_short, starts[i], kept.moments)
        short_steps = min(_SHORT_STEPS, fitting.max_steps)
        long_steps = jnp.where(is_last, 3 * short_steps, fitting.max_steps)
        look_steps = jnp.where(is_long, long_steps, 1)
        runs = _em.finish(
            jax.vmap(_em.start, in_axes=(0, None))(at, fitting.regularization),
            rows,
            jnp.where(is_short | is_long, training, look),
            fitting.regularization,
            Course(
                # No gain is small enough to end a short run.
                tol=jnp.where(is_long, fitting.tol, -jnp.inf),
                max_steps=jnp.where(is_short, short_steps, look_steps),
                number=number,
            ),
            problem.block_size,
        )
        merit = merit_of(runs)
        is_taken = is_long | (is_short & (merit > best_merit))
        kept, best_merit = _where(is_taken, (runs, merit), (kept, best_merit))
        return kept, best_merit, runs.log_likelihood

    kept = state.last._replace(moments=state.best)
    nothing = jnp.full_like(kept.log_likelihood, -jnp.inf)
    # The mean over no rows has no value, and is not wanted.
    is_empty = jnp.all(folds.validation == 0, axis=1, keepdims=True)
    look = jnp.where(is_empty, 1, folds.validation)
    first = jnp.where(is_short, 0, fitting.num_inits)
    # Shuffled rows are fitted to see what chance finds, which takes no more.
    first = jnp.where(is_short & is_last, fitting.num_inits - 1, first)
    last = jnp.where(is_open, fitting.num_inits + 2, fitting.num_inits + 1)
    runs, merit, held_out = jax.lax.fori_loop(
        first, last, leg, (kept, nothing, nothing)
    )

    def done() -> State:
        best = _best(runs, merit)
        return state._replace(
            last=runs,
            final=_where(is_last, state.final, best),
            shuffled=best,
            phase=state.phase + 1,
        )

    following: State = jax.lax.cond(
        is_open,
        lambda: _scored(state, runs, held_out, folds, limit, problem),
        done,
    )
    return following


def _best(runs: Run, merit: jax.Array) -> Best:
    """The best of some runs."""
    chosen = jnp.argmax(merit)
    run = jax.tree.map(lambda leaf: leaf[chosen], runs)
    return Best(run, _em.mixture_of(run))


def _merit(training: jax.Array, problem: Problem) -> Callable[[Run], jax.Array]:
    """What runs with weights ``(r, n)`` are chosen by.

    Their likelihood, ``(r,)``, if they have not collapsed: that of those that have has
    no bound.
    """
    num_rows = jnp.sum(training > 0, axis=1).astype(training.dtype)
    far = _far_share(training, problem)
    regularization = problem.fitting.regularization

    def of(runs: Run) -> jax.Array:
        has_collapsed = jax.vmap(_em.has_collapsed, in_axes=(0, 0, None, 0))(
            runs, num_rows, regularization, far
        )
        return runs.log_likelihood - jnp.where(has_collapsed, _PENALTY, 0.0)

    return of


def _is_led(points: jax.Array, weights: jax.Array) -> jax.Array:
    """Whether a row makes up much of a variance, which one Gaussian gives to all."""
    lengths = jnp.where(weights > 0, jnp.sum(points**2, axis=1), 0)
    num_rows = jnp.sum(weights > 0).astype(points.dtype)
    return jnp.max(lengths) > jnp.maximum(_LED * num_rows, _LEAST_LED)


def _far_share(weights: jax.Array, problem: Problem) -> jax.Array:
    """Share of weights ``(..., n)`` that rows far from all others have."""
    is_far = problem.is_far.astype(weights.dtype)
    return linalg.product(weights, is_far) / jnp.sum(weights, axis=-1)


def _where(condition: jax.Array, one: Result, other: Result) -> Result:
    """Choose between trees, by a condition on their first axis if it has one."""

    def choose(one: jax.Array, other: jax.Array) -> jax.Array:
        missing = (1,) * (one.ndim - condition.ndim)
        return jnp.where(condition.reshape(condition.shape + missing), one, other)

    chosen: Result = jax.tree.map(choose, one, other)
    return chosen


def group_weights(groups: jax.Array, weights: jax.Array) -> jax.Array:
    """Weights of all rows in each group ``(g, n)``; a group without any gets ones.

    That keeps everything finite for a group whose share is zero.
    """
    is_empty = linalg.product(groups, weights[:, None]) == 0
    return jnp.where(is_empty, 1, groups * weights[None])


def over_groups(fn: Callable[..., Result], *groups: Any) -> Result:
    """Apply a function to one group after the other: each takes its own time only."""
    if jax.tree.leaves(groups)[0].shape[0] > 1:
        stacked: Result = jax.lax.map(lambda group: fn(*group), groups)
        return stacked
    only = jax.tree.map(lambda leaf: leaf[0], groups)
    single: Result = jax.tree.map(lambda leaf: leaf[None], fn(*only))
    return single


def _are_tied(twins: jax.Array, weights: jax.Array) -> jax.Array:
    """Whether distinct rows are few, by the chance that two draws are one row."""
    together = jnp.zeros_like(weights).at[twins].add(weights)
    total = jnp.sum(weights) ** 2
    distinct_rows = total / jnp.sum(together**2)
    return distinct_rows < jnp.minimum(_FEW_ROWS, total / jnp.sum(weights**2) / 2)


def _shuffled(
    folds: Folds, rows: Rows, weights: jax.Array, problem: Problem
) -> tuple[Rows, jax.Array]:
    """Rows whose first columns come from other rows, and their weights."""
    frame, order = problem.frame, folds.order
    columns = linalg.product(rows.points, jax.lax.stop_gradient(frame.factor).T)
    columns = jnp.concatenate(
        [columns[:, : problem.dim_x], columns[order, problem.dim_x :]], axis=1
    )
    points = linalg.product(columns, jax.lax.stop_gradient(frame.whitener).T)
    moved = _em_step.as_rows(points, num_components=problem.fitting.max_components)
    return moved, weights * weights[order]


def _folds(noise: jax.Array, weights: jax.Array, problem: Problem) -> Folds:
    """Share the rows of positive weight out by noise ``(n,)``; without folds all train.

    Equal rows stay together, as nothing is to be validated on what it was trained on.
    Rows far from all others train and do not validate: a fit without such a row is no
    better or worse for how unlikely it finds it.
    """
    fitting = problem.fitting
    is_used = weights > 0
    # Rows of weight zero come last, so that they could as well not be there.
    noise = jnp.where(is_used, noise[problem.twins], 2)
    order = jnp.argsort(noise)
    # Of the first of equal rows.
    rank = jnp.searchsorted(noise[order], noise)
    is_tied = _are_tied(problem.twins, weights)
    if fitting.criterion != "validation":
        return Folds(weights[None], weights[None], order, is_tied)
    size = jnp.sum(is_used) // fitting.num_folds
    fold = rank.astype(size.dtype) // jnp.maximum(size, 1)
    is_validated = fold[None] == jnp.arange(fitting.num_folds)[:, None]
    return Folds(
        training=jnp.where(is_validated, 0, weights[None]),
        validation=jnp.where(is_validated & ~problem.is_far[None], weights[None], 0),
        order=order,
        is_tied=is_tied,
    )


def _fewest(limit: jax.Array, fitting: Fitting) -> jax.Array:
    """Fewest components that may be chosen, where there may be ``limit``."""
    return jnp.minimum(fitting.min_components, limit)


def _all_starts(
    uniform: jax.Array,
    state: State,
    rows: Rows,
    training: jax.Array,
    num_components: jax.Array,
    problem: Problem,
) -> jax.Array:
    """Starts ``(i, f, k, q)``: two splits of the last fits, the others seeds."""
    last, capacity = state.last.moments, uniform.shape[2]
    num_inits = problem.fitting.num_inits
    splits = jax.vmap(
        lambda last: jnp.stack(
            _starts.split(last, num_components, number=min(num_inits, 2))
        ),
        out_axes=1,
    )(last)
    number = uniform.shape[0]
    if number == 0:
        return splits
    seeds = _em.over_runs(
        lambda uniform, weights: _starts.seeds(
            uniform, rows.points, weights, num_components
        ),
        uniform.reshape(-1, capacity),
        jnp.tile(training, (number, 1)),
        at_once=_em.runs_at_once(rows.points, capacity, problem.block_size),
    )
    return jnp.concatenate([splits, seeds.reshape(number, *last.shape)])


def _scored(
    state: State,
    runs: Run,
    held_out: jax.Array,
    folds: Folds,
    limit: jax.Array,
    problem: Problem,
) -> State:
    """Go to the next number of components, after the score of this one."""
    fitting = problem.fitting
    score = _score(held_out, folds, state.next, runs.moments.shape[2], fitting)
    fewest = _fewest(limit, fitting)
    numbers = jnp.arange(1, fitting.max_components + 1)
    best_score = jnp.max(jnp.where(numbers < fewest, -jnp.inf, state.scores))
    may_be_chosen = state.next >= fewest
    # The first that may be chosen is, even if its score is NaN.
    is_best = may_be_chosen & ((score > best_score) | (state.next == fewest))
    # One that has no score has not failed: more components may have one.
    has_failed = jnp.isfinite(score) & ~(score > best_score + _MIN_GAIN)
    has_failed &= may_be_chosen
    return State(
        next=state.next + 1,
        failures=jnp.where(has_failed, state.failures + 1, 0),
        num_components=jnp.where(is_best, state.next, state.num_components),
        scores=state.scores.at[state.next - 1].set(score),
        best=jnp.where(is_best, runs.moments, state.best),
        last=runs,
        final=state.final,
        shuffled=state.shuffled,
        phase=state.phase,
    )


def _score(
    held_out: jax.Array,
    folds: Folds,
    num_components: jax.Array,
    num_features: int,
    fitting: Fitting,
) -> jax.Array:
    """Score of a number of components, in nats per sample.

    From the mean log-likelihoods of the folds, ``(f,)``, where they have rows.
    """
    by_fold = jnp.sum(folds.validation, axis=1)
    total = jnp.sum(jnp.where(by_fold == 0, 0, by_fold * held_out))
    score = total / jnp.sum(by_fold)
    if fitting.criterion == "validation":
        return score
    count = jnp.sum(folds.validation > 0).astype(score.dtype)
    num_parameters = (num_components * num_features - 1).astype(score.dtype)
    factor = 1.0 if fitting.criterion == "aic" else jnp.log(count) / 2
    return score - factor * num_parameters / count
