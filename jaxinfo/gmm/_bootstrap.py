"""Fits to resampled data: the bootstrap, by accelerated EM from the full fit."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import guarded, linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm import _em, _em_step, _local, _search
from jaxinfo.gmm._em_step import Density
from jaxinfo.gmm._options import Sampling
from jaxinfo.gmm._search import Fit, Problem
from jaxinfo.gmm._types import GaussianMixture

# Most evaluations of the EM map: three in each cycle, and one where it has landed.
_EVALUATIONS = 37


def refits(
    key: jax.Array,
    problem: Problem,
    fits: Fit,
    sampling: Sampling,
    axis_name: AxisName = None,
) -> tuple[jax.Array, GaussianMixture]:
    """Weights ``(1 + b, n)`` of the data and the replicates, and fits to them.

    Fits ``(1 + b, g, ...)``, the first those to the data themselves. Several devices
    have some of the replicates each.
    """
    given = jax.tree.map(lambda leaf: leaf[None], fits.place.fit)
    if not sampling.num_replicates:
        return problem.weights[None], given
    factors = _factors(key, jax.lax.stop_gradient(problem.weights), sampling)
    factors = shards.own_rows(factors, axis_name)
    weights = factors * problem.weights[None]
    points, groups, constant = jax.lax.stop_gradient(
        (problem.points, problem.groups, weights)
    )

    def of_group(fit: Fit, group: jax.Array) -> GaussianMixture:
        own = jax.vmap(lambda w: _search.group_weights(group[None], w)[0])(constant)
        return _refit(fit, points, own, problem.block_size)

    replicates = _search.over_groups(of_group, fits, groups)
    by_replicate = jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), replicates)
    everything: GaussianMixture = jax.tree.map(
        lambda *leaves: jnp.concatenate(leaves), given, by_replicate
    )
    return jnp.concatenate([problem.weights[None], weights]), everything


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
    full: Fit, points: jax.Array, weights: jax.Array, block_size: int | None
) -> GaussianMixture:
    """Fixed points of EM for other weights ``(b, n)``, by squared extrapolation.

    Of the sums of `_local` about the fit that all start from, where one product with
    the same features serves all. A step of EM, another, and a leap along both, of the
    length that Varadhan and Roland (Scandinavian Journal of Statistics 35, 2008,
    https://doi.org/10.1111/j.1467-9469.2007.00585.x) call S3; the leap is undone where
    it would lower the likelihood or leave the feasible set.
    """
    place, number = full.place, full.num_components
    k = place.mass.shape[0]
    log_scales = linalg.log_det_of_factor(place.fit.scale_trils) / 2
    is_held = _local.may_be_held(k, points)

    def features(density: Density, points: jax.Array) -> jax.Array:
        return _em_step.features_of_columns(_local.coordinates(density, points))

    # As they are, or what they are made from block by block.
    source = features(place.density, points) if is_held else place.density

    def evaluate(
        raw: jax.Array, weights: jax.Array
    ) -> tuple[GaussianMixture, jax.Array, jax.Array]:
        """The mixture, its log-likelihood, ``-inf`` if it is none, the next sums."""
        mixture, density = _local.local(raw, place.blur)
        is_valid = jnp.all(raw[:, 0] >= 0) & _em_step.is_finite(density)
        scaled = density._replace(constants=density.constants - log_scales)

        def of_part(part: Any) -> tuple[jax.Array, jax.Array]:
            coefficients, source = part

            def of(points: jax.Array, share: jax.Array) -> tuple[jax.Array, jax.Array]:
                seen = source if is_held else features(source, points)
                joint = _local.spread(coefficients, seen)
                log_density, given = _em_step.normalise(joint)
                total = jnp.sum(share * log_density)
                return total, _local.gather(given * share[None], seen)

            return _local.over_blocks(of, coefficients.shape[0], points, weights)

        log_likelihood, moved = _em_step.of_present(
            number, (_em_step.coefficients(scaled), source), of_part
        )
        return mixture, jnp.where(is_valid, log_likelihood, -jnp.inf), moved

    def step(carry: _Cycle, weights: jax.Array) -> _Cycle:
        mixture, log_likelihood, moved = evaluate(carry.at, weights)
        r = carry.at - carry.start
        v = moved - carry.at - r
        r_norm, v_norm = jnp.linalg.norm(r), jnp.linalg.norm(v)
        has_ended = v_norm == 0
        ratio = r_norm / jnp.where(has_ended, 1, v_norm)
        alpha = -jnp.where(has_ended, 1, jnp.maximum(1, ratio))
        leap = carry.start - 2 * alpha * r + alpha**2 * v
        is_better = log_likelihood >= carry.log_likelihood
        landed = jnp.where(is_better, moved, carry.second)

        is_valid = log_likelihood > -jnp.inf
        phase = carry.num_evaluations % 3
        is_leap, is_landing = phase == 1, phase == 2
        return _Cycle(
            start=jnp.where(is_landing, landed, carry.start),
            at=jnp.where(is_leap, leap, jnp.where(is_landing, landed, moved)),
            second=jnp.where(is_leap, moved, carry.second),
            valid=jax.tree.map(
                lambda new, old: jnp.where(is_valid, new, old), mixture, carry.valid
            ),
            log_likelihood=log_likelihood,
            gap=jnp.max(jnp.abs(moved - carry.at)),
            num_evaluations=carry.num_evaluations + 1,
        )

    raw = _local.standing(place)
    start = _Cycle(
        start=raw,
        at=raw,
        second=raw,
        valid=_local.local(raw, place.blur)[0],
        log_likelihood=jnp.zeros((), raw.dtype),
        gap=jnp.asarray(jnp.inf, raw.dtype),
        num_evaluations=jnp.zeros((), int),
    )
    # A single component takes all rows, whatever its moments: one step is enough, and
    # a look at where it led.
    evaluations = jnp.where(number == 1, 2, _EVALUATIONS)
    tol = float(np.finfo(raw.dtype).eps) ** (2 / 3)

    def is_open(carry: _Cycle) -> jax.Array:
        # Not where the next place is that of a leap.
        has_converged = (carry.gap <= tol) & (carry.num_evaluations % 3 != 2)
        is_open: jax.Array = ~has_converged & (carry.num_evaluations < evaluations)
        return is_open

    starts = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf[None], (weights.shape[0], *leaf.shape)),
        start,
    )
    last = _em.until_all_end(
        step,
        is_open,
        starts,
        weights,
        at_once=_em.runs_at_once(points, k, block_size),
    )
    return jax.vmap(_local.carried_out, in_axes=(None, 0))(place, last.valid)


class _Cycle(NamedTuple):
    """Where a cycle of three evaluations stands, in sums.

    Attributes:
        start: Where it began.
        at: Where to evaluate next: the start, one step on, or after the leap.
        second: Two steps on.
        valid: The last mixture seen that is one, in the coordinates of the fit.
        log_likelihood: At the place evaluated last.
        gap: Largest change by the last step of EM.
        num_evaluations: Evaluations so far.
    """

    start: jax.Array
    at: jax.Array
    second: jax.Array
    valid: GaussianMixture
    log_likelihood: jax.Array
    gap: jax.Array
    num_evaluations: jax.Array
