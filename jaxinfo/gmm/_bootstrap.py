"""Fits to resampled data: the bootstrap, by accelerated EM from the full fit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import guarded
from jaxinfo.gmm import _em, _em_step, _search
from jaxinfo.gmm._em_step import Rows
from jaxinfo.gmm._options import Sampling
from jaxinfo.gmm._search import Problem

# Evaluations of the EM map, three in each cycle.
_EVALUATIONS = 48


def refits(
    key: jax.Array, problem: Problem, moments: jax.Array, sampling: Sampling
) -> tuple[jax.Array, jax.Array]:
    """Weights ``(1 + b, n)`` of the data and the replicates, and fits to them.

    Fits ``(1 + b, g, k, q)``, the first that to the data themselves.
    """
    if not sampling.num_replicates:
        return problem.weights[None], moments[None]
    fitting = problem.fitting
    factors = _factors(key, jax.lax.stop_gradient(problem.weights), sampling)
    weights = factors * problem.weights[None]
    points, groups, constant = jax.lax.stop_gradient(
        (problem.points, problem.groups, weights)
    )
    rows = _em_step.as_rows(points, num_components=moments.shape[1])

    # One axis of runs for replicates and groups: nested axes compile to slower loops.
    by_group = jax.vmap(lambda w: _search.group_weights(groups, w))(constant)
    num_replicates, num_groups, n = by_group.shape
    fits = _em.over_runs(
        lambda fit, weights: _refit(fit, rows, weights, fitting.regularization),
        jnp.tile(moments, (num_replicates, 1, 1)),
        by_group.reshape(-1, n),
        at_once=_em.runs_at_once(rows, moments.shape[1], problem.block_size),
    ).reshape(num_replicates, num_groups, *moments.shape[1:])
    return (
        jnp.concatenate([problem.weights[None], weights]),
        jnp.concatenate([moments[None], fits]),
    )


def summary(values: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mean and standard deviation of the finite replicates, and how many are not."""
    is_finite = jnp.isfinite(values)
    number = jnp.sum(is_finite).astype(values.dtype)
    finite = jnp.where(is_finite, values, 0)
    mean = jnp.sum(finite) / number
    total = jnp.sum(jnp.where(is_finite, finite - mean, 0) ** 2)
    # One replicate has no spread.
    freedom = jnp.where(number < 2, jnp.nan, number - 1)
    return mean, guarded.sqrt(total / freedom), jnp.sum(~is_finite)


def _factors(key: jax.Array, weights: jax.Array, sampling: Sampling) -> jax.Array:
    """Factors ``(b, n)`` on the weights ``(n,)`` of rows: one replicate each."""
    shape = (sampling.num_replicates, weights.shape[0])
    if sampling.resampling == "bayesian":
        return jax.random.exponential(key, shape, weights.dtype)
    # Rows of weight zero are not there: as many draws as there are others, from these.
    is_used = weights > 0
    number = jnp.sum(is_used)
    used_first = jnp.argsort(~is_used, stable=True)
    drawn = used_first[jax.random.randint(key, shape, 0, jnp.maximum(number, 1))]
    counts = (jnp.arange(shape[1]) < number).astype(weights.dtype)
    replicate = jnp.arange(shape[0])[:, None]
    return jnp.zeros(shape, weights.dtype).at[replicate, drawn].add(counts[None])


def _refit(
    moments: jax.Array,
    rows: Rows,
    weights: jax.Array,
    regularization: ArrayLike,
) -> jax.Array:
    """Fixed point of EM for other weights, by squared extrapolation of raw moments.

    A step of EM, another, and a leap along both, of the length that Varadhan and Roland
    (Scandinavian Journal of Statistics 35, 2008, https://doi.org/10.1111/
    j.1467-9469.2007.00585.x) call S3; the leap is undone where it would lower the
    likelihood or leave the feasible set.
    """

    def evaluate(carry: _Cycle, phase: jax.Array) -> tuple[_Cycle, None]:
        mixture = _em_step.mixture(_em_step.from_raw(carry.at), regularization)
        density = _em_step.density(mixture)
        is_valid = jnp.all(carry.at[:, 0] >= 0) & _em_step.is_finite(density)
        log_likelihood, moved = _em_step.evaluate(density, rows, weights)
        moved = _em_step.to_raw(moved)
        log_likelihood = jnp.where(is_valid, log_likelihood, -jnp.inf)

        r = carry.at - carry.start
        v = moved - carry.at - r
        r_norm, v_norm = jnp.linalg.norm(r), jnp.linalg.norm(v)
        has_ended = v_norm == 0
        ratio = r_norm / jnp.where(has_ended, 1, v_norm)
        alpha = -jnp.where(has_ended, 1, jnp.maximum(1, ratio))
        leap = carry.start - 2 * alpha * r + alpha**2 * v
        is_better = log_likelihood >= carry.log_likelihood
        landed = jnp.where(is_better, moved, carry.second)

        is_leap, is_landing = phase == 1, phase == 2
        return _Cycle(
            start=jnp.where(is_landing, landed, carry.start),
            at=jnp.where(is_leap, leap, jnp.where(is_landing, landed, moved)),
            second=jnp.where(is_leap, moved, carry.second),
            log_likelihood=log_likelihood,
        ), None

    if moments.shape[0] == 1:
        # A single component takes all rows, whatever its moments: one step is enough.
        return _em_step.step(moments, rows, weights, regularization)
    raw = _em_step.to_raw(moments)
    start = _Cycle(
        start=raw,
        at=raw,
        second=raw,
        log_likelihood=jnp.zeros((), raw.dtype),
    )
    phases = jnp.arange(_EVALUATIONS) % 3
    last, _ = jax.lax.scan(evaluate, start, phases)
    return _em_step.from_raw(last.at)


class _Cycle(NamedTuple):
    """Where a cycle of three evaluations stands, in raw moments.

    Attributes:
        start: Where it began.
        at: Where to evaluate next: the start, one step on, or after the leap.
        second: Two steps on.
        log_likelihood: At the place evaluated last.
    """

    start: jax.Array
    at: jax.Array
    second: jax.Array
    log_likelihood: jax.Array
