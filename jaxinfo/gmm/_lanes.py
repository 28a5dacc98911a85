"""EM on many lanes at once: lanes share the points and differ in weights and start.

Folds, replicates, classes and starts are all lanes. A lane that has ended keeps its
result, and the others soon run without it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxinfo.gmm import _moments
from jaxinfo.gmm._moments import Density, Rows

# Steps between two looks at which lanes have ended.
_CHUNK = 16

Result = TypeVar("Result")


class Lane(NamedTuple):
    """State of one run of EM.

    Attributes:
        moments: Last finite ones. Shape ``(k, q)``.
        density: Of the mixture that they give.
        log_likelihood: Mean log-likelihood before the last step. Shape ``()``.
        num_steps: Steps taken. Shape ``()``.
        converged: Whether the last step gained less than ``tol``. Shape ``()``.
        is_running: Whether there is more to do. Shape ``()``.
    """

    moments: jax.Array
    density: Density
    log_likelihood: jax.Array
    num_steps: jax.Array
    converged: jax.Array
    is_running: jax.Array


class Stopping(NamedTuple):
    """When a run ends, and what keeps its covariances regular.

    Attributes:
        tol: Gain of a step below which a run has converged.
        max_steps: Steps after which it ends.
        regularization: Added to variances in the frame.
    """

    tol: jax.Array
    max_steps: int
    regularization: jax.Array


def start(moments: jax.Array, stopping: Stopping) -> Lane:
    """A lane before its first step."""
    density = _moments.density(_moments.mixture(moments, stopping.regularization))
    return Lane(
        moments=moments,
        density=density,
        log_likelihood=jnp.asarray(-jnp.inf, moments.dtype),
        num_steps=jnp.zeros((), int),
        converged=jnp.zeros((), bool),
        is_running=_moments.is_finite(density),
    )


def advance(lane: Lane, rows: Rows, weights: jax.Array, stopping: Stopping) -> Lane:
    """One step, unless the lane has ended; a step that is not finite ends it."""
    log_likelihood, moments = _moments.evaluate(lane.density, rows, weights)
    density = _moments.density(_moments.mixture(moments, stopping.regularization))
    is_finite = jnp.isfinite(log_likelihood) & _moments.is_finite(density)
    gain = jnp.abs(log_likelihood - lane.log_likelihood)
    num_steps = lane.num_steps + 1
    converged = is_finite & (gain < stopping.tol)
    is_taken = is_finite & lane.is_running
    moved = Lane(
        moments=moments,
        density=density,
        log_likelihood=log_likelihood,
        num_steps=num_steps,
        converged=converged,
        is_running=~converged & (num_steps < stopping.max_steps),
    )
    kept = lane._replace(is_running=jnp.zeros((), bool))
    chosen: Lane = jax.tree.map(
        lambda new, old: jnp.where(is_taken, new, old), moved, kept
    )
    return chosen


def run(lane: Lane, rows: Rows, weights: jax.Array, stopping: Stopping) -> Lane:
    """Run one lane to its end."""
    return jax.lax.while_loop(
        lambda lane: lane.is_running,
        lambda lane: advance(lane, rows, weights, stopping),
        lane,
    )


def run_all(lanes: Lane, rows: Rows, weights: jax.Array, stopping: Stopping) -> Lane:
    """Run lanes to their ends, the last ones without the others.

    In chunks of steps: of all lanes, or, as soon as two thirds have ended, of the rest.
    """
    num_lanes = weights.shape[0]
    few = -(-num_lanes // 3)

    def chunk(lanes: Lane, weights: jax.Array) -> Lane:
        def is_open(carry: tuple[Lane, jax.Array]) -> jax.Array:
            return jnp.any(carry[0].is_running) & (carry[1] < _CHUNK)

        def body(carry: tuple[Lane, jax.Array]) -> tuple[Lane, jax.Array]:
            return advance_all(carry[0], rows, weights, stopping), carry[1] + 1

        start = (lanes, jnp.zeros((), int))
        lanes, _ = jax.lax.while_loop(is_open, body, start)
        return lanes

    def chunk_of_few(lanes: Lane) -> Lane:
        chosen = jax.lax.top_k(lanes.is_running.astype(weights.dtype), few)[1]
        part = jax.tree.map(lambda leaf: leaf[chosen], lanes)
        part = chunk(part, weights[chosen])
        merged: Lane = jax.tree.map(
            lambda leaf, new: leaf.at[chosen].set(new), lanes, part
        )
        return merged

    def next_chunk(lanes: Lane) -> Lane:
        moved: Lane = jax.lax.cond(
            jnp.sum(lanes.is_running) > few,
            lambda lanes: chunk(lanes, weights),
            chunk_of_few,
            lanes,
        )
        return moved

    return jax.lax.while_loop(
        lambda lanes: jnp.any(lanes.is_running), next_chunk, lanes
    )


def advance_all(
    lanes: Lane, rows: Rows, weights: jax.Array, stopping: Stopping
) -> Lane:
    """One step of every lane that runs."""
    moved: Lane = jax.vmap(lambda lane, s: advance(lane, rows, s, stopping))(
        lanes, weights
    )
    return moved


def by_blocks(
    fn: Callable[..., Result], *lanes: Any, block_size: int | None, lane_entries: int
) -> Result:
    """Apply a function of stacked lanes to blocks of them, one block at a time.

    ``block_size`` lanes a block; ``None`` takes as many as hold `LARGEST` numbers.
    """
    num_lanes = jax.tree.leaves(lanes)[0].shape[0]
    if block_size is None:
        block_size = max(1, _moments.LARGEST // lane_entries)
    if block_size >= num_lanes:
        return fn(*lanes)
    num_blocks = -(-num_lanes // block_size)

    def split(leaf: jax.Array) -> jax.Array:
        index = jnp.minimum(jnp.arange(num_blocks * block_size), num_lanes - 1)
        return leaf[index].reshape(num_blocks, block_size, *leaf.shape[1:])

    stacked = jax.lax.map(lambda block: fn(*block), jax.tree.map(split, lanes))
    joined: Result = jax.tree.map(
        # Not -1, which leaves of no entries do not determine.
        lambda leaf: leaf.reshape(num_blocks * block_size, *leaf.shape[2:])[:num_lanes],
        stacked,
    )
    return joined


def in_turn(
    fn: Callable[[Any], Result], items: Any, *, block_size: int | None
) -> Result:
    """Apply a function to one item after the other, or to ``block_size`` at once."""
    if block_size is None:
        results: Result = jax.lax.map(fn, items)
        return results
    return by_blocks(jax.vmap(fn), items, block_size=block_size, lane_entries=1)
