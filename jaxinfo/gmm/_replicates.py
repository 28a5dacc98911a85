"""Fits to resampled weights, a fixed number of accelerated steps from the full fit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxinfo.gmm import _moments
from jaxinfo.gmm._moments import Rows

# Evaluations of the EM map, three in each cycle.
_EVALUATIONS = 48


def factors(
    key: jax.Array, weights: jax.Array, *, num_replicates: int, resampling: str
) -> jax.Array:
    """Factors ``(b, n)`` on the weights ``(n,)`` of rows: one replicate each."""
    shape = (num_replicates, weights.shape[0])
    if resampling == "dirichlet":
        return jax.random.exponential(key, shape, weights.dtype)
    # Rows of weight zero are not there: as many draws as there are others, from these.
    is_used = weights > 0
    number = jnp.sum(is_used)
    used_first = jnp.argsort(~is_used, stable=True)
    drawn = used_first[jax.random.randint(key, shape, 0, jnp.maximum(number, 1))]
    counts = (jnp.arange(shape[1]) < number).astype(weights.dtype)
    replicate = jnp.arange(num_replicates)[:, None]
    return jnp.zeros(shape, weights.dtype).at[replicate, drawn].add(counts[None])


def refit(
    moments: jax.Array,
    rows: Rows,
    weights: jax.Array,
    regularization: jax.Array,
) -> jax.Array:
    """Fixed point of EM for other weights, by squared extrapolation of raw moments.

    A step of EM, another, and a leap along both; the leap is undone where it would
    lower the likelihood or leave the feasible set.
    """

    def evaluate(carry: _Cycle, phase: jax.Array) -> tuple[_Cycle, None]:
        mixture = _moments.mixture(_moments.from_raw(carry.at), regularization)
        density = _moments.density(mixture)
        is_valid = jnp.all(carry.at[:, 0] >= 0) & _moments.is_finite(density)
        log_likelihood, moved = _moments.evaluate(density, rows, weights)
        moved = _moments.to_raw(moved)
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

    raw = _moments.to_raw(moments)
    start = _Cycle(
        start=raw,
        at=raw,
        second=raw,
        log_likelihood=jnp.zeros((), raw.dtype),
    )
    phases = jnp.arange(_EVALUATIONS) % 3
    last, _ = jax.lax.scan(evaluate, start, phases)
    return _moments.from_raw(last.at)


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
