"""From data to an estimate: search, fit, integral, jackknife and bootstrap.

One path for all functionals of fits: information, entropy, divergence, with classes or
without.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm import (
    _bootstrap,
    _em,
    _em_step,
    _implicit,
    _integrals,
    _jackknife,
    _local,
    _options,
    _reasons,
    _search,
    _whitening,
)
from jaxinfo.gmm._em import Run
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Fitting, Sampling
from jaxinfo.gmm._search import Fit, Problem
from jaxinfo.gmm._types import Estimate, GaussianMixture
from jaxinfo.gmm._whitening import Frame

# Gain of the log-likelihood of held-out rows, in nats, by more components than one,
# from where on these are needed: about 400 to one.
_GAIN = 6.0
# Mean entropy of responsibilities from where on components overlap, in nats.
_OVERLAP = 0.25

# Of mixtures with a leading axis of groups, in standardised columns; the groups' shares
# of all weight; from where on components are absent; nodes; the frame. Returns one
# value for each set of nodes. Takes all that it needs, as it is differentiated apart.
Functional = Callable[[GaussianMixture, jax.Array, jax.Array, Nodes, Frame], jax.Array]
# Of the mixture of the only group in standardised columns, and of data in these: what
# the functional is the mean of. Returns one value for each row.
Pointwise = Callable[[GaussianMixture, jax.Array, jax.Array], jax.Array]


# Changes fits before they are integrated over, given the groups' shares and what was
# decided.
Prepare = Callable[[GaussianMixture, jax.Array, Any], GaussianMixture]


class Sharing(NamedTuple):
    """What groups share, see `estimate`.

    Attributes:
        prepare: Lets fits share it.
        decide: Decides on what groups share, from their fits. Returns that, from where
            on components of the prepared fits are absent, and the variance that a value
            has from what was decided.
    """

    prepare: Prepare
    decide: Callable[[Fit], tuple[Any, jax.Array, jax.Array]]


_NOTHING_SHARED = Sharing(
    prepare=lambda fits, _, __: fits,
    decide=lambda fits: (
        (),
        fits.num_components,
        jnp.zeros((), fits.place.mass.dtype),
    ),
)


class Found(NamedTuple):
    """What the first stage of an estimate leaves to the second.

    Attributes:
        problem: What was fitted.
        fits: The fits.
        key_nodes: Random key of the nodes of integrals.
        key_replicates: Random key of the resampled data.
        is_trivial: Whether the estimate is zero whatever the fits. Shape ``()``.
    """

    problem: Problem
    fits: Fit
    key_nodes: jax.Array
    key_replicates: jax.Array
    is_trivial: jax.Array


def find(key: jax.Array, problem: Problem, is_trivial: jax.Array) -> Found:
    """Search for the fits of all groups."""
    key_nodes, key_search, key_replicates = jax.random.split(key, 3)
    fits = jax.lax.stop_gradient(_search.search(key_search, problem))
    return Found(problem, fits, key_nodes, key_replicates, is_trivial)


def find_in_rows(
    key: jax.Array,
    blocks: tuple[jax.Array, ...],
    weights: ArrayLike | None,
    fitting: Fitting,
    _: Sampling,
    *,
    block_size: int | None,
    num_varying: int = 0,
    is_shuffled: bool = False,
) -> Found:
    """Search for the fit to blocks of columns, all rows together.

    If one of the first ``num_varying`` blocks is constant, that is trivial, and rows
    that have a density stand in. With ``is_shuffled``, the first is shuffled too.
    """
    checks.block_size(block_size)
    blocks = checks.promote(*blocks)
    joint = jnp.concatenate(blocks, axis=1)
    row_weights = _options.weights_of(weights, joint)
    is_trivial = jnp.zeros((), bool)
    if num_varying:
        varying = blocks[:num_varying]
        is_trivial = _whitening.is_constant(varying, joint, row_weights)
        joint = jnp.where(is_trivial, _whitening.stand_in(joint), joint)
        row_weights = jnp.where(is_trivial, 1, row_weights)
    problem = _search.one_group(
        joint,
        row_weights,
        fitting.of(joint),
        block_size,
        dim_x=blocks[0].shape[1] if is_shuffled else None,
    )
    limits = jnp.where(is_trivial, 1, problem.limits)
    return find(key, dataclasses.replace(problem, limits=limits), is_trivial)


def estimate(
    found: Found,
    functional: Functional,
    sampling: Sampling,
    *,
    dim: int,
    sharing: Sharing = _NOTHING_SHARED,
    pointwise: Pointwise | None = None,
    axis_name: AxisName = None,
) -> Estimate:
    """Estimate a functional of the fits of all groups, prepared for it if need be.

    ``dim`` is the dimension of its integrals. Numbers of components, the mixture and
    scores have a leading axis of groups.

    With ``pointwise``, the value where one component does not do is the mean of the
    corrected functional of the fit and of what this is the mean of, over the data
    themselves, which follow the law where the model does not.

    On several devices, each refits some of the replicates.
    """
    problem, fits = found.problem, found.fits
    nodes = _integrals.parts(
        _integrals.nodes(
            found.key_nodes, dim, problem.points.dtype, num_nodes=sampling.num_nodes
        )
    )
    decided, numbers, undecided = jax.lax.stop_gradient(sharing.decide(fits))
    ridges = jax.vmap(_local.ridge, in_axes=(0, None))(
        fits.place.fit.means, problem.fitting.regularization
    )

    def attached(
        mixtures: GaussianMixture, weights: jax.Array
    ) -> tuple[GaussianMixture, jax.Array]:
        """Fits and shares of the groups as functions of the data."""
        own_weights = _search.group_weights(problem.groups, weights)
        attached = jax.vmap(_implicit.attach, in_axes=(0, None, 0, 0, 0))(
            mixtures, problem.points, own_weights, ridges, fits.num_components
        )
        shares = jnp.sum(problem.groups * weights[None], axis=1) / jnp.sum(weights)
        return attached, shares

    # The first is the full fit itself, with the nodes of the replicates.
    weights, refits = _bootstrap.refits(
        found.key_replicates, problem, fits, sampling, axis_name
    )
    num_own = weights.shape[0] - 1
    entries = numbers.size * refits.log_weights.shape[2] * nodes.nodes.full.shape[1]
    at_once = problem.block_size or max(1, _em_step.LARGEST // entries)
    of_all = _em.over_runs(jax.checkpoint(attached), refits, weights, at_once=at_once)
    mixtures, shares = full = jax.tree.map(lambda leaf: leaf[0], of_all)
    if fits.shuffled is not None:
        # As if it were one replicate more.
        of_all = jax.tree.map(
            lambda leaf, one: jnp.concatenate([leaf, one[None]]),
            of_all,
            (fits.shuffled.fit, shares),
        )
    of_all = jax.tree.map(
        lambda leaf, one: jnp.concatenate([one[None]] * nodes.num_high + [leaf]),
        of_all,
        full,
    )
    num_low = of_all[1].shape[0] - nodes.num_high
    which = np.asarray([*range(nodes.num_high), *[nodes.low] * num_low])
    values, slopes = _values_and_slopes(
        functional,
        sharing.prepare,
        at_once,
        nodes.num_high,
        of_all,
        (
            jax.tree.map(lambda leaf: leaf[which], nodes.nodes),
            decided,
            numbers,
            problem.frame,
        ),
    )
    lows = values[nodes.num_high :]
    if nodes.is_random:
        plugin, integration_error = _integrals.mean_and_error(values[: nodes.num_high])
    else:
        plugin = jnp.mean(values[: nodes.num_high])
        integration_error = jnp.abs(plugin - lows[0])
    jackknife_error = _jackknife.standard_error(
        fits._replace(place=jax.vmap(_local.follow)(fits.place, mixtures, ridges)),
        shares,
        jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), slopes),
        problem,
    )
    replicates = plugin - (lows[1 : 1 + num_own] - lows[0])
    replicates = shards.gather(replicates, axis_name)[: sampling.num_replicates]
    if sampling.num_replicates:
        value, standard_error, num_failed = _bootstrap.summary(replicates)
    else:
        value, standard_error = plugin, jackknife_error
        num_failed = jnp.zeros((), int)
    if sharing is not _NOTHING_SHARED:
        standard_error = guarded.sqrt(standard_error**2 + undecided)
    sampling_error = standard_error
    if pointwise is not None and problem.fitting.max_components > 1:
        prepared = sharing.prepare(mixtures, shares, decided)
        over_data = _over_data(pointwise, prepared, numbers, problem)
        # That of sampling, of the correction of its bias, and of the misfit.
        variance = standard_error**2 + (plugin - value) ** 2 + (value - over_data) ** 2
        holds = one_component_does(fits, problem)
        standard_error = jnp.where(holds, standard_error, guarded.sqrt(variance))
        value = jnp.where(holds, value, (value + over_data) / 2)
    is_empty = jnp.all(problem.groups * problem.weights[None] == 0, axis=1)
    mixtures = jax.vmap(_whitening.carry_out, in_axes=(None, 0))(
        problem.frame, sharing.prepare(mixtures, shares, decided)
    )
    log_weights = jnp.where(is_empty[:, None], -jnp.inf, mixtures.log_weights)
    scores = fits.scores - _whitening.log_det(problem.frame)
    reason = functools.reduce(_reasons.worse_of, fits.reason, problem.flaw)
    is_misfit = jnp.zeros((), bool)
    if fits.shuffled is not None:
        is_misfit = _is_misfit(
            lows[-1], fits.shuffled.run, sampling_error, numbers[0], problem
        )
    reason = _reasons.worse_of(
        reason,
        _reasons.first_of(
            broken=~jnp.isfinite(plugin),
            misfit=is_misfit,
            replicates_failed=num_failed > 0,
        ),
    )
    result = Estimate(
        value=value,
        standard_error=standard_error,
        plugin=plugin,
        jackknife_error=jackknife_error,
        integration_error=integration_error,
        replicates=replicates,
        num_failed=num_failed,
        num_components=jnp.where(is_empty, 0, numbers),
        converged=reason == 0,
        reason=reason,
        num_steps=jnp.max(fits.num_steps),
        mixture=mixtures._replace(log_weights=log_weights),
        scores=jnp.where(is_empty[:, None], -jnp.inf, scores),
    )
    return _zero_where(found.is_trivial, result)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2, 3))
def _values_and_slopes(
    functional: Functional,
    prepare: Prepare,
    at_once: int,
    num_high: int,
    fits: tuple[GaussianMixture, jax.Array],
    constants: tuple[Nodes, Any, jax.Array, Frame],
) -> tuple[jax.Array, tuple[GaussianMixture, jax.Array]]:
    """Values of a functional for fits, each with a set of nodes, and some slopes.

    One program for the value, its slopes and the replicates. Fits of groups and their
    shares, with a leading axis of sets; slopes in those are of the first ``num_high``
    only, as those of replicates nobody needs, save derivatives of the values.
    """
    values, slopes = _each(functional, prepare, at_once, fits, constants)
    return values, jax.tree.map(lambda leaf: leaf[:num_high], slopes)


@_values_and_slopes.defjvp
def _values_and_slopes_jvp(
    functional: Functional,
    prepare: Prepare,
    at_once: int,
    num_high: int,
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
) -> tuple[Any, Any]:
    fits, constants = primals
    change = tangents[0]
    values, slopes = _each(functional, prepare, at_once, fits, constants)
    along = jax.tree.map(
        lambda slope, change: jnp.sum(slope * change, axis=tuple(range(1, slope.ndim))),
        slopes,
        change,
    )

    def first(leaf: jax.Array) -> jax.Array:
        return leaf[:num_high]

    def high(fits: tuple[GaussianMixture, jax.Array]) -> Any:
        own = jax.tree.map(first, constants[0]), *constants[1:]
        return _each(functional, prepare, at_once, fits, own)[1]

    high_slopes, curved = jax.jvp(
        high, (jax.tree.map(first, fits),), (jax.tree.map(first, change),)
    )
    return (values, high_slopes), (sum(jax.tree.leaves(along)), curved)


def _each(
    functional: Functional,
    prepare: Prepare,
    at_once: int,
    fits: tuple[GaussianMixture, jax.Array],
    constants: tuple[Nodes, Any, jax.Array, Frame],
) -> tuple[jax.Array, tuple[GaussianMixture, jax.Array]]:
    """Values and slopes of all, at once or so many at a time."""
    nodes, decided, numbers, frame = constants

    def one(
        fits: tuple[GaussianMixture, jax.Array], nodes: Nodes
    ) -> tuple[jax.Array, tuple[GaussianMixture, jax.Array]]:
        def value(mixtures: GaussianMixture, shares: jax.Array) -> jax.Array:
            prepared = prepare(mixtures, shares, decided)
            columns = jax.vmap(_whitening.carry_to_columns, in_axes=(None, 0))(
                frame, prepared
            )
            its_nodes = jax.tree.map(lambda leaf: leaf[None], nodes)
            return functional(columns, shares, numbers, its_nodes, frame)[0]

        return jax.value_and_grad(value, argnums=(0, 1))(*fits)

    each: tuple[jax.Array, tuple[GaussianMixture, jax.Array]] = _em.over_runs(
        one, fits, nodes, at_once=at_once
    )
    return each


def _over_data(
    pointwise: Pointwise,
    mixtures: GaussianMixture,
    numbers: jax.Array,
    problem: Problem,
) -> jax.Array:
    """Mean over the data of what the functional of the only group is the mean of."""
    columns = _whitening.carry_to_columns(
        problem.frame, jax.tree.map(lambda leaf: leaf[0], mixtures)
    )
    rows = linalg.product(problem.points, problem.frame.factor.T)
    own = problem.weights * pointwise(columns, rows, numbers[0])
    return jnp.sum(own) / jnp.sum(problem.weights)


def one_component_does(fits: Fit, problem: Problem) -> jax.Array:
    """Whether the score of all rows together is little better with more components."""
    num_rows = jnp.sum(problem.weights > 0).astype(problem.weights.dtype)
    number, scores = fits.num_components[0], fits.scores[0]
    gain = num_rows * (scores[number - 1] - scores[0])
    return (number == 1) | (gain < _GAIN)


def _is_misfit(
    information: jax.Array,
    shuffled: Run,
    standard_error: jax.Array,
    num_components: jax.Array,
    problem: Problem,
) -> jax.Array:
    """Whether the information of shuffled rows is more than chance and two errors.

    Not if components hardly overlap: the rows of k clusters make up to k^2 when they
    are shuffled, which as few components cannot fit.
    """
    assert problem.dim_x is not None
    weights, dim = problem.weights, problem.points.shape[1]
    num_rows = jnp.sum(weights) ** 2 / jnp.sum(weights**2)
    # Twice n times the information follows about a chi-squared law, with a freedom for
    # each parameter by which the sides may depend on each other.
    each = 1 + problem.dim_x * (dim - problem.dim_x)
    freedom = (num_components * each).astype(weights.dtype)
    chance = (freedom + 4 * jnp.sqrt(2 * freedom)) / (2 * num_rows)
    mass, _, _ = _em_step.unpack(shuffled.moments[0])
    is_present = mass > 0
    # At a fixed point, the mean entropy of responsibilities is the log-likelihood less
    # that of points which know their component.
    log_joint = shuffled.density.constants[0] - dim / 2
    known = jnp.sum(jnp.where(is_present, mass * log_joint, 0)) / jnp.sum(mass)
    overlap = shuffled.log_likelihood[0] - known
    return (information > chance + 2 * standard_error) & (overlap > _OVERLAP)


def of_rows(
    second: Callable[[Found, tuple[jax.Array, ...], Sampling], Estimate],
) -> Callable[..., Estimate]:
    """An estimate from the fit to all rows, of the arguments of `find_in_rows`.

    ``second`` makes it of what was found, the blocks of columns and the options.
    """

    def of_found(
        found: Found,
        key: jax.Array,
        blocks: tuple[jax.Array, ...],
        weights: ArrayLike | None,
        fitting: Fitting,
        sampling: Sampling,
        **static: Any,
    ) -> Estimate:
        return only_group(second(found, blocks, sampling))

    return compiled.staged(
        find_in_rows,
        of_found,
        static_argnames=("block_size", "num_varying", "is_shuffled"),
    )


def only_group(estimate: Estimate) -> Estimate:
    """Drop the axis of groups."""
    return estimate._replace(
        num_components=estimate.num_components[0],
        mixture=jax.tree.map(lambda leaf: leaf[0], estimate.mixture),
        scores=estimate.scores[0],
    )


def _zero_where(is_trivial: jax.Array, estimate: Estimate) -> Estimate:
    """An estimate that is exactly zero, with no mixture behind it, where told."""

    def zero() -> Estimate:
        zeros: Estimate = jax.tree.map(jnp.zeros_like, estimate)
        return zeros._replace(
            num_components=jnp.minimum(estimate.num_components, 1),
            converged=jnp.ones_like(estimate.converged),
            mixture=jax.tree.map(
                lambda leaf: jnp.full_like(leaf, jnp.nan), estimate.mixture
            ),
            scores=jnp.full_like(estimate.scores, -jnp.inf),
        )

    chosen: Estimate = jax.lax.cond(is_trivial, zero, lambda: estimate)
    return chosen


def of_pairs(
    pair: Callable[[jax.Array], Estimate],
    a: int,
    b: int,
    *,
    block_size: int | None,
    axis_name: AxisName = None,
) -> Estimate:
    """Estimates of pairs ``0, ..., a b - 1``, with leading axes ``(a, b)``.

    On several devices, each takes some of the pairs.
    """

    def one(index: jax.Array) -> tuple[Estimate, jax.Array | None]:
        estimate = pair(index)
        # The map cannot join blocks of arrays that have no entries.
        kept = estimate.replicates if estimate.replicates.size else None
        return estimate._replace(replicates=estimate.value), kept

    own = shards.own_rows(jnp.arange(a * b), axis_name)
    mapped = jax.lax.map(one, own, batch_size=block_size)
    flat, replicates = shards.gather(mapped, axis_name)
    if replicates is None:
        replicates = jnp.zeros((flat.value.shape[0], 0), flat.value.dtype)
    matrix: Estimate = jax.tree.map(
        lambda leaf: leaf[: a * b].reshape(a, b, *leaf.shape[1:]),
        flat._replace(replicates=replicates),
    )
    return matrix
