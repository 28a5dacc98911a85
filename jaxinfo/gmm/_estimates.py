"""From data to an estimate: search, fit, integral, jackknife and replicates.

One program for all functionals of fits: information, entropy, divergence, with classes
or without. A problem has groups of rows, one for each class, with a mixture each;
without classes there is one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxinfo.gmm import (
    _frame,
    _implicit,
    _integrals,
    _lanes,
    _moments,
    _replicates,
    _search,
)
from jaxinfo.gmm._frame import Frame
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Sampling
from jaxinfo.gmm._search import Fit, Settings, State
from jaxinfo.gmm._types import GaussianMixture

# Of mixtures with a leading axis of groups, in standardised columns; the groups' shares
# of all weight; nodes. Returns one value a set of nodes.
Functional = Callable[[GaussianMixture, jax.Array, Nodes], jax.Array]
# Changes fits, given the groups' shares, before they become mixtures.
Prepare = Callable[[jax.Array, jax.Array], jax.Array]
Result = TypeVar("Result")


class Problem(NamedTuple):
    """Data in the frame, and the groups of its rows.

    Attributes:
        frame: Where the points stand.
        points: Shape ``(n, d)``.
        weights: Shape ``(n,)``.
        groups: Whether a row belongs to a group, as numbers. Shape ``(g, n)``.
        limits: Most components of a group. Shape ``(g,)``.
    """

    frame: Frame
    points: jax.Array
    weights: jax.Array
    groups: jax.Array
    limits: jax.Array


class Estimated(NamedTuple):
    """What all estimates report; see `MutualInformation`.

    Attributes:
        mean: Shape ``()``.
        std: Shape ``()``.
        values: Shape ``(b,)``.
        num_components: Shape ``(g,)``.
        converged: Shape ``()``.
        num_steps: Shape ``()``.
        value: Shape ``()``.
        jackknife_std: Shape ``()``.
        integration_error: Shape ``()``.
        num_failed: Shape ``()``.
        mixture: In the units of the data, with a leading ``g``.
        scores: Shape ``(g, max_components)``.
    """

    mean: jax.Array
    std: jax.Array
    values: jax.Array
    num_components: jax.Array
    converged: jax.Array
    num_steps: jax.Array
    value: jax.Array
    jackknife_std: jax.Array
    integration_error: jax.Array
    num_failed: jax.Array
    mixture: GaussianMixture
    scores: jax.Array


def problem(x: jax.Array, weights: jax.Array, settings: Settings) -> Problem:
    """All rows as one group."""
    frame, points = _frame.standardise(x, weights)
    num_rows = jnp.sum(weights > 0)
    return Problem(
        frame=frame,
        points=points,
        weights=weights,
        groups=jnp.ones_like(weights)[None],
        limits=jnp.minimum(settings.max_components, num_rows)[None],
    )


def staged(
    key: jax.Array,
    problem: Problem,
    settings: Settings,
    complete: Callable[[State], Result],
) -> Result:
    """Search all groups, and complete at the smallest capacity that they ended in.

    Results of ``complete`` must not depend on the capacity of its states in shape.
    """
    points, weights = jax.lax.stop_gradient((problem.points, lane_weights(problem)))
    rows = _moments.as_rows(points, num_components=settings.max_components)
    key_folds, key_starts = jax.random.split(key)
    index = jnp.arange(weights.shape[0])

    def folds(index: jax.Array, weights: jax.Array) -> _search.Folds:
        return _search.folds(jax.random.fold_in(key_folds, index), weights, settings)

    def begin(index: jax.Array, weights: jax.Array) -> State:
        return _search.begin(rows, folds(index, weights), settings)

    def advance(
        index: jax.Array, weights: jax.Array, limit: jax.Array, state: State
    ) -> State:
        key = jax.random.fold_in(key_starts, index)
        its_folds = folds(index, weights)
        return _search.advance(key, state, rows, its_folds, limit, settings)

    states = over_groups(begin, index, weights)
    states = over_groups(advance, index, weights, problem.limits, states)
    if len(_search.capacities(settings)) == 1:
        return complete(states)

    def go_on(states: State) -> Result:
        states = jax.vmap(lambda s: _search.widen(s, settings.max_components))(states)
        return complete(over_groups(advance, index, weights, problem.limits, states))

    is_open = _search.is_open(states, problem.limits, settings)
    result: Result = jax.lax.cond(jnp.any(is_open), go_on, complete, states)
    return result


def fits(problem: Problem, states: State, settings: Settings) -> Fit:
    """Fit each group to all its rows."""
    points, weights = jax.lax.stop_gradient((problem.points, lane_weights(problem)))
    rows = _moments.as_rows(points, num_components=settings.max_components)
    return over_groups(
        lambda state, weights, limit: _search.finish(
            state, rows, weights, settings, limit
        ),
        states,
        weights,
        problem.limits,
    )


def estimate(
    key: jax.Array,
    problem: Problem,
    functional: Functional,
    level: _integrals.Level,
    settings: Settings,
    sampling: Sampling,
    *,
    prepare: Prepare = lambda fits, _: fits,
) -> Estimated:
    """Estimate a functional of the fits of all groups, prepared for it if need be."""
    key_search, key_replicates = jax.random.split(key)

    def complete(states: State) -> Estimated:
        fit = fits(problem, states, settings)
        return _uncertain(
            key_replicates,
            problem,
            fit,
            functional,
            prepare,
            level,
            settings,
            sampling,
        )

    return staged(key_search, problem, settings, complete)


def attached(
    moments: jax.Array, problem: Problem, weights: jax.Array, settings: Settings
) -> tuple[jax.Array, jax.Array]:
    """Fits of the groups, and their shares of weight, as functions of the data."""
    fits = jax.vmap(_implicit.attach, in_axes=(0, None, 0, None))(
        moments,
        problem.points,
        lane_weights(problem._replace(weights=weights)),
        settings.stopping.regularization,
    )
    shares = jnp.sum(problem.groups * weights[None], axis=1) / jnp.sum(weights)
    return fits, shares


def lane_weights(problem: Problem) -> jax.Array:
    """Weights of all rows in each group; a group without any gets ones.

    That keeps everything finite for a group whose share is zero.
    """
    weights = problem.groups * problem.weights[None]
    is_empty = jnp.all(weights == 0, axis=1, keepdims=True)
    return jnp.where(is_empty, 1, weights)


def level(
    key: jax.Array, x: jax.Array, dim: int, sampling: Sampling
) -> _integrals.Level:
    """Nodes of integrals over ``dim`` dimensions."""
    return _integrals.nodes(
        key,
        dim,
        x.dtype,
        num_nodes=sampling.num_nodes,
        num_shifts=sampling.num_shifts,
    )


def only_group(estimated: Estimated) -> Estimated:
    """Drop the axis of groups."""
    return estimated._replace(
        num_components=estimated.num_components[0],
        mixture=jax.tree.map(lambda leaf: leaf[0], estimated.mixture),
        scores=estimated.scores[0],
    )


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


def _uncertain(
    key: jax.Array,
    problem: Problem,
    fit: Fit,
    functional: Functional,
    prepare: Prepare,
    level: _integrals.Level,
    settings: Settings,
    sampling: Sampling,
) -> Estimated:
    """The functional of the fits, its jackknife and its replicates."""
    moments = jax.lax.stop_gradient(fit.moments)

    def mixtures_of(fits: jax.Array, shares: jax.Array) -> GaussianMixture:
        return jax.vmap(_moments.mixture, in_axes=(0, None))(
            prepare(fits, shares), settings.stopping.regularization
        )

    def at(fits: jax.Array, shares: jax.Array, nodes: Nodes) -> jax.Array:
        mixtures = mixtures_of(fits, shares)
        columns = jax.vmap(_frame.carry_to_columns, in_axes=(None, 0))(
            problem.frame, mixtures
        )
        return functional(columns, shares, nodes)

    fits, shares = attached(moments, problem, problem.weights, settings)
    values, pull = jax.vjp(
        lambda fits, shares: at(fits, shares, level.high), fits, shares
    )
    slopes = pull(jnp.full_like(values, 1 / values.shape[0]))
    jackknife_std = _jackknife_std(
        _influence(fits, shares, slopes, problem, settings), problem.weights
    )

    # The first is the full fit itself, with the nodes of the replicates.
    weights, refits = _refits(key, problem, moments, settings, sampling)

    def low_of(moments: jax.Array, weights: jax.Array) -> jax.Array:
        fits, shares = attached(moments, problem, weights, settings)
        return at(fits, shares, level.low)[0]

    replicates = _lanes.by_blocks(
        jax.checkpoint(jax.vmap(low_of)),
        refits,
        weights,
        block_size=settings.block_size,
        lane_entries=_integral_entries(moments, level.low),
    )
    low = replicates[0]
    value, error = _integrals.combine(values, low)
    corrected = value - (replicates[1:] - low)
    mean, std, num_failed = _summary(corrected, value, jackknife_std)
    mixtures = jax.vmap(_frame.carry_out, in_axes=(None, 0))(
        problem.frame, mixtures_of(fits, shares)
    )
    mixtures = jax.vmap(lambda m: pad(m, settings.max_components))(mixtures)
    is_empty = jnp.all(problem.groups * problem.weights[None] == 0, axis=1)
    log_weights = jnp.where(is_empty[:, None], -jnp.inf, mixtures.log_weights)
    scores = fit.scores - _frame.log_det(problem.frame)
    return Estimated(
        mean=mean,
        std=std,
        values=corrected,
        num_components=jnp.where(is_empty, 0, fit.num_components),
        converged=jnp.all(fit.converged) & (num_failed == 0) & jnp.isfinite(value),
        num_steps=jnp.max(fit.num_steps),
        value=value,
        jackknife_std=jackknife_std,
        integration_error=error,
        num_failed=num_failed,
        mixture=mixtures._replace(log_weights=log_weights),
        scores=jnp.where(is_empty[:, None], -jnp.inf, scores),
    )


def _influence(
    fits: jax.Array,
    shares: jax.Array,
    slopes: tuple[jax.Array, jax.Array],
    problem: Problem,
    settings: Settings,
) -> jax.Array:
    """Derivative of a value in the weights of rows, through fits and shares."""
    rows = _moments.as_rows(problem.points, num_components=fits.shape[1])
    through_fits = jax.vmap(
        lambda fit, weights, slope: _implicit.influence(
            fit, rows, weights, settings.stopping.regularization, slope
        )
    )(fits, lane_weights(problem), slopes[0])
    through_shares = (problem.groups - shares[:, None]) / jnp.sum(problem.weights)
    slope_in_shares = slopes[1][:, None]
    return jnp.sum(
        problem.groups * through_fits + slope_in_shares * through_shares, axis=0
    )


def _refits(
    key: jax.Array,
    problem: Problem,
    moments: jax.Array,
    settings: Settings,
    sampling: Sampling,
) -> tuple[jax.Array, jax.Array]:
    """Weights ``(1 + b, n)`` of the data and the replicates, and fits to them.

    Shape ``(1 + b, g, k, q)``.
    """
    n = problem.weights.shape[0]
    factors = _replicates.factors(
        key,
        jax.lax.stop_gradient(problem.weights),
        num_replicates=sampling.num_bootstrap,
        resampling=sampling.resampling,
    )
    weights = factors * problem.weights[None]
    fixed = jax.lax.stop_gradient(problem)
    rows = _moments.as_rows(fixed.points, num_components=moments.shape[1])

    # One axis of lanes for replicates and groups: nested axes compile to slower loops.
    by_group = jax.vmap(lambda w: lane_weights(fixed._replace(weights=w)))(
        jax.lax.stop_gradient(weights)
    )
    num_replicates, num_groups = by_group.shape[:2]
    refits = _lanes.by_blocks(
        jax.vmap(
            lambda fit, weights: _replicates.refit(
                fit, rows, weights, settings.stopping.regularization
            )
        ),
        jnp.tile(moments, (num_replicates, 1, 1)),
        by_group.reshape(-1, n),
        block_size=settings.block_size,
        lane_entries=n * moments.shape[1],
    ).reshape(num_replicates, num_groups, *moments.shape[1:])
    return (
        jnp.concatenate([problem.weights[None], weights]),
        jnp.concatenate([moments[None], refits]),
    )


def _jackknife_std(slope: jax.Array, weights: jax.Array) -> jax.Array:
    """Infinitesimal jackknife, from the slope of a value in the weights of rows."""
    influence = weights * slope
    is_used = weights > 0
    mean = jnp.sum(influence) / jnp.sum(is_used).astype(weights.dtype)
    total = jnp.sum(jnp.where(is_used, influence - mean, 0) ** 2)
    is_zero = total == 0
    root = jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, total)))
    return jnp.where(jnp.any(is_used), root, jnp.nan)


def _summary(
    values: jax.Array, value: jax.Array, jackknife_std: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mean and standard deviation of the finite replicates, and how many are not."""
    if values.shape[0] == 0:
        return value, jackknife_std, jnp.zeros((), int)
    is_finite = jnp.isfinite(values)
    num_failed = jnp.sum(~is_finite)
    number = jnp.sum(is_finite).astype(values.dtype)
    finite = jnp.where(is_finite, values, 0)
    mean = jnp.sum(finite) / number
    total = jnp.sum(jnp.where(is_finite, finite - mean, 0) ** 2)
    is_zero = total == 0
    root = jnp.sqrt(jnp.where(is_zero, 1, total / (number - 1)))
    # One replicate has no spread.
    std = jnp.where(number < 2, jnp.nan, jnp.where(is_zero, 0, root))
    return mean, std, num_failed


def _integral_entries(moments: jax.Array, nodes: Nodes) -> int:
    num_components = moments.shape[0] * moments.shape[1]
    return num_components**2 * nodes.full.shape[1]
