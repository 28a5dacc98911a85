"""From data to an estimate: search, fit, integral, jackknife and bootstrap.

One path for all functionals of fits: information, entropy, divergence, with classes or
without.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxinfo.gmm import (
    _bootstrap,
    _em,
    _em_step,
    _implicit,
    _integrals,
    _jackknife,
    _search,
    _whitening,
)
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Sampling
from jaxinfo.gmm._search import Problem, State
from jaxinfo.gmm._types import Estimate, GaussianMixture

# Of mixtures with a leading axis of groups, in standardised columns; the groups' shares
# of all weight; nodes. Returns one value for each set of nodes.
Functional = Callable[[GaussianMixture, jax.Array, Nodes], jax.Array]
# Changes fits, given the groups' shares, before they become mixtures.
Prepare = Callable[[jax.Array, jax.Array], jax.Array]


def estimate(
    key: jax.Array,
    problem: Problem,
    functional: Functional,
    sampling: Sampling,
    *,
    dim: int,
    prepare: Prepare = lambda fits, _: fits,
) -> Estimate:
    """Estimate a functional of the fits of all groups, prepared for it if need be.

    ``dim`` is the dimension of its integrals. Numbers of components, the mixture and
    scores have a leading axis of groups.
    """
    fitting = problem.fitting
    key_nodes, key = jax.random.split(key)
    key_search, key_replicates = jax.random.split(key)
    nodes = _integrals.nodes(
        key_nodes, dim, problem.points.dtype, num_nodes=sampling.num_nodes
    )

    def mixtures_of(fits: jax.Array, shares: jax.Array) -> GaussianMixture:
        return jax.vmap(_em_step.mixture, in_axes=(0, None))(
            prepare(fits, shares), fitting.regularization
        )

    def value_of(fits: jax.Array, shares: jax.Array, nodes: Nodes) -> jax.Array:
        columns = jax.vmap(_whitening.carry_to_columns, in_axes=(None, 0))(
            problem.frame, mixtures_of(fits, shares)
        )
        return functional(columns, shares, nodes)

    def complete(states: State) -> Estimate:
        fit = _search.fit_groups(problem, states)
        moments = jax.lax.stop_gradient(fit.moments)
        fits, shares = _attached(moments, problem.weights, problem)
        values, pull = jax.vjp(
            lambda fits, shares: value_of(fits, shares, nodes.high), fits, shares
        )
        slopes = pull(jnp.full_like(values, 1 / values.shape[0]))
        jackknife_error = _jackknife.standard_error(fits, shares, slopes, problem)

        # The first is the full fit itself, with the nodes of the replicates.
        weights, refits = _bootstrap.refits(key_replicates, problem, moments, sampling)

        @jax.checkpoint
        def low_of(moments: jax.Array, weights: jax.Array) -> jax.Array:
            return value_of(*_attached(moments, weights, problem), nodes.low)[0]

        num_nodes = nodes.low.full.shape[1]
        entries = (moments.shape[0] * moments.shape[1]) ** 2 * num_nodes
        lows = _em.over_runs(
            low_of,
            refits,
            weights,
            at_once=problem.block_size or max(1, _em_step.LARGEST // entries),
        )
        plugin, integration_error = _integrals.combine(values, lows[0])
        replicates = plugin - (lows[1:] - lows[0])
        if sampling.num_replicates:
            value, standard_error, num_failed = _bootstrap.summary(replicates)
        else:
            value, standard_error = plugin, jackknife_error
            num_failed = jnp.zeros((), int)
        mixtures = jax.vmap(_whitening.carry_out, in_axes=(None, 0))(
            problem.frame, mixtures_of(fits, shares)
        )
        mixtures = jax.vmap(lambda m: _search.pad(m, fitting.max_components))(mixtures)
        is_empty = jnp.all(problem.groups * problem.weights[None] == 0, axis=1)
        log_weights = jnp.where(is_empty[:, None], -jnp.inf, mixtures.log_weights)
        scores = fit.scores - _whitening.log_det(problem.frame)
        return Estimate(
            value=value,
            standard_error=standard_error,
            plugin=plugin,
            jackknife_error=jackknife_error,
            integration_error=integration_error,
            replicates=replicates,
            num_failed=num_failed,
            num_components=jnp.where(is_empty, 0, fit.num_components),
            converged=jnp.all(fit.converged) & (num_failed == 0) & jnp.isfinite(plugin),
            num_steps=jnp.max(fit.num_steps),
            mixture=mixtures._replace(log_weights=log_weights),
            scores=jnp.where(is_empty[:, None], -jnp.inf, scores),
        )

    return _search.search(key_search, problem, complete)


def only_group(estimate: Estimate) -> Estimate:
    """Drop the axis of groups."""
    return estimate._replace(
        num_components=estimate.num_components[0],
        mixture=jax.tree.map(lambda leaf: leaf[0], estimate.mixture),
        scores=estimate.scores[0],
    )


def zero_where(is_trivial: jax.Array, estimate: Estimate) -> Estimate:
    """An estimate that is exactly zero, with no mixture behind it, where told."""
    zero = jax.tree.map(jnp.zeros_like, estimate)
    zero = zero._replace(
        num_components=jnp.minimum(estimate.num_components, 1),
        converged=jnp.ones_like(estimate.converged),
        mixture=jax.tree.map(
            lambda leaf: jnp.full_like(leaf, jnp.nan), estimate.mixture
        ),
        scores=jnp.full_like(estimate.scores, -jnp.inf),
    )
    chosen: Estimate = jax.tree.map(
        lambda one, other: jnp.where(is_trivial, one, other), zero, estimate
    )
    return chosen


def of_pairs(
    pair: Callable[[jax.Array], Estimate], a: int, b: int, *, block_size: int | None
) -> Estimate:
    """Estimates of pairs ``0, ..., a b - 1``, with leading axes ``(a, b)``."""

    def one(index: jax.Array) -> tuple[Estimate, jax.Array | None]:
        estimate = pair(index)
        # The map cannot join blocks of arrays that have no entries.
        kept = estimate.replicates if estimate.replicates.size else None
        return estimate._replace(replicates=estimate.value), kept

    flat, replicates = jax.lax.map(one, jnp.arange(a * b), batch_size=block_size)
    if replicates is None:
        replicates = jnp.zeros((a * b, 0), flat.value.dtype)
    matrix: Estimate = jax.tree.map(
        lambda leaf: leaf.reshape(a, b, *leaf.shape[1:]),
        flat._replace(replicates=replicates),
    )
    return matrix


def _attached(
    moments: jax.Array, weights: jax.Array, problem: Problem
) -> tuple[jax.Array, jax.Array]:
    """Fits of the groups, and their shares of weight, as functions of the data."""
    fits = jax.vmap(_implicit.attach, in_axes=(0, None, 0, None))(
        moments,
        problem.points,
        _search.group_weights(problem.groups, weights),
        problem.fitting.regularization,
    )
    shares = jnp.sum(problem.groups * weights[None], axis=1) / jnp.sum(weights)
    return fits, shares
