"""Transfer entropy of a table of counts: its estimators, and its chi-squared null.

Tables have the axes source, past, future and then any others: ``(S, P, F, ...)``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxinfo._numerics import guarded, logspace
from jaxinfo.measures import _counts

ESTIMATORS = ("plugin", "miller_madow", "grassberger")


class Marginals(NamedTuple):
    """Counts of a table and its marginals, in floating point.

    Attributes:
        joint: Shape ``(S, P, F, ...)``.
        source_past: Shape ``(S, P, ...)``.
        past_future: Shape ``(P, F, ...)``.
        past: Shape ``(P, ...)``.
        total: Shape ``(...)``.
    """

    joint: jax.Array
    source_past: jax.Array
    past_future: jax.Array
    past: jax.Array
    total: jax.Array


def marginals(table: jax.Array, dtype: jnp.dtype) -> Marginals:
    """Marginals of a table, summed before they are rounded."""
    past_future = jnp.sum(table, axis=0, dtype=table.dtype)
    past = jnp.sum(past_future, axis=1, dtype=table.dtype)
    counts = Marginals(
        joint=table,
        source_past=jnp.sum(table, axis=2, dtype=table.dtype),
        past_future=past_future,
        past=past,
        total=jnp.sum(past, axis=0, dtype=table.dtype),
    )
    rounded: Marginals = jax.tree.map(lambda count: count.astype(dtype), counts)
    return rounded


def value(counts: Marginals, estimator: str) -> jax.Array:
    """Transfer entropy in nats, ``(...)``; NaN of nothing."""
    joint, source_past, past_future, past, total = counts
    # Deviations from independence given the past: none of the terms is negative, and
    # small values keep their digits.
    expected = expectation(
        source_past[:, :, None], past_future[None], past[None, :, None]
    )
    deviation = guarded.quotient(joint - expected, expected)
    plugin = _sum(expected * logspace.excess(deviation), 3) / total
    tables = (joint, 3), (source_past, 2), (past_future, 2), (past, 1)
    if estimator == "miller_madow":
        numbers = [_num_occupied(count, axes) for count, axes in tables]
        return plugin - alternating(numbers) / (2 * total)
    if estimator == "grassberger":
        corrections = [_sum(_counts.correction(count), axes) for count, axes in tables]
        return plugin + alternating(corrections) / total
    return plugin


def expectation(
    source_past: jax.Array, past_future: jax.Array, past: jax.Array
) -> jax.Array:
    """Counts of cells if source and future were independent given the past."""
    share = guarded.quotient(past_future, past)
    # Exact where either is constant, so that it transfers exactly nothing.
    return jnp.where(source_past == past, past_future, source_past * share)


def alternating(terms: Sequence[jax.Array]) -> jax.Array:
    """A sum over tables with the signs that they have in transfer entropy.

    Of terms of the joint table, of source and past, of past and future, of the past.
    """
    joint, source_past, past_future, past = terms
    return (joint - source_past) + (past - past_future)


def degrees_of_freedom(counts: Marginals) -> jax.Array:
    """Degrees of freedom of twice the total times the value, ``(...)``.

    For each past that occurs, the sources and the futures that occur with it.
    """
    sources = jnp.sum(counts.source_past > 0, axis=0, dtype=counts.total.dtype)
    futures = jnp.sum(counts.past_future > 0, axis=1, dtype=counts.total.dtype)
    return jnp.sum(jnp.maximum(sources - 1, 0) * jnp.maximum(futures - 1, 0), axis=0)


def entropy_rate(counts: Marginals) -> jax.Array:
    """Entropy of the future given the past, in nats, ``(...)``."""
    _, _, past_future, past, total = counts
    share = guarded.quotient(past_future, past[:, None])
    return -_sum(past[:, None] * logspace.xlogx(share), 2) / total


def _sum(terms: jax.Array, num_axes: int) -> jax.Array:
    return jnp.sum(terms, axis=tuple(range(num_axes)))


def _num_occupied(count: jax.Array, num_axes: int) -> jax.Array:
    return jnp.sum(count > 0, axis=tuple(range(num_axes)), dtype=count.dtype)
