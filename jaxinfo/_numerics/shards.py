"""Sums over rows that are shared out over the devices of a mesh.

A function that takes an ``axis_name`` runs as it is, of all rows, where that is
``None``; within ``jax.shard_map`` it runs on each device, of the rows there, and what
it sums over rows it sums over devices too.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

# Names of the mesh axes over which rows are shared out.
AxisName = tuple[str, ...] | None

Tree = TypeVar("Tree")
Carry = TypeVar("Carry")


def total(tree: Tree, axis_name: AxisName) -> Tree:
    """Sums over rows, from those over the rows of one device."""
    if axis_name is None:
        return tree
    summed: Tree = jax.lax.psum(tree, axis_name)  # type: ignore[no-untyped-call]
    return summed


def largest(x: jax.Array, axis_name: AxisName) -> jax.Array:
    """Maxima over rows, from those over the rows of one device; not differentiable."""
    if axis_name is None:
        return x
    maxima: jax.Array = jax.lax.pmax(x, axis_name)  # type: ignore[no-untyped-call]
    return maxima


def any_holds(x: jax.Array, axis_name: AxisName) -> jax.Array:
    """Whether something holds on any device."""
    return total(x.astype(jnp.int32), axis_name) > 0


def number(axis_name: AxisName) -> int:
    """How many devices share the rows."""
    return 1 if axis_name is None else int(jax.lax.axis_size(axis_name))


def place(axis_name: AxisName) -> jax.Array | int:
    """Which of them this device is."""
    return 0 if axis_name is None else jax.lax.axis_index(axis_name)


def row_indices(num_own: int, axis_name: AxisName) -> jax.Array:
    """Which rows of all those of this device are, if each has as many."""
    return place(axis_name) * num_own + jnp.arange(num_own)


def first(x: jax.Array, is_meant: jax.Array, axis_name: AxisName) -> jax.Array:
    """The first row ``(...)`` of ``x (n, ...)`` that is meant, or the first of all."""
    own = x[jnp.argmax(is_meant)]
    if axis_name is None:
        return own
    every, has_one = jax.lax.all_gather((own, jnp.any(is_meant)), axis_name)
    chosen: jax.Array = every[jnp.argmax(has_one)]
    return chosen


def gather(tree: Tree, axis_name: AxisName) -> Tree:
    """The rows of all devices, one after the other."""
    if axis_name is None:
        return tree
    gathered: Tree = jax.lax.all_gather(tree, axis_name, tiled=True)
    return gathered


def own_rows(tree: Tree, axis_name: AxisName) -> Tree:
    """The rows of this device out of all ``(n, ...)``; the last one fills up."""
    if axis_name is None:
        return tree
    size = number(axis_name)

    def own(array: jax.Array) -> jax.Array:
        rows = -(-array.shape[0] // size)
        widths = [(0, size * rows - array.shape[0])] + [(0, 0)] * (array.ndim - 1)
        padded = jnp.pad(array, widths, mode="edge")
        return jax.lax.dynamic_slice_in_dim(padded, place(axis_name) * rows, rows)

    rows: Tree = jax.tree.map(own, tree)
    return rows


def rows_before(x: jax.Array, num_rows: int, axis_name: AxisName) -> jax.Array:
    """The rows ``(num_rows, ...)`` that come before those of this device.

    Before the first ones stand rows of zeros.
    """
    size, own = number(axis_name), x.shape[0]
    to_the_next = [(k, k + 1) for k in range(size - 1)]
    before = [jnp.zeros((num_rows, *x.shape[1:]), x.dtype)]
    # The last ones are enough, if all come from the next device.
    x = x[max(0, own - num_rows) :]
    for _ in range(min(-(-num_rows // own), size - 1)):
        # Whoever is sent nothing has zeros.
        x = _sent(x, axis_name, to_the_next)
        before.insert(1, x)
    return jnp.concatenate(before)[-num_rows:] if num_rows else before[0]


def visits(
    fn: Callable[[Carry, Tree, Any], tuple[Carry, Any]],
    carry: Carry,
    visiting: Tree,
    axis_name: AxisName,
    held: Any = None,
) -> tuple[Carry, Any]:
    """Let what each device holds visit all others: a scan over the visits.

    Args:
        fn: ``fn(carry, visiting, held) -> (carry, output)``, at each visit.
        carry: What is here.
        visiting: What goes round, from here first.
        axis_name: The devices.
        held: Arrays with an entry for each visit along their first axis.

    Returns:
        What is here in the end, and the outputs of all visits, stacked. The device's
        own is not among them.
    """
    size = number(axis_name)
    to_the_next = [(k, (k + 1) % size) for k in range(size)]

    def step(state: tuple[Carry, Tree], own: Any) -> tuple[tuple[Carry, Tree], Any]:
        carry, visiting = state
        visiting = _sent(visiting, axis_name, to_the_next)
        carry, output = fn(carry, visiting, own)
        return (carry, visiting), output

    (carry, _), outputs = jax.lax.scan(step, (carry, visiting), held, length=size - 1)
    return carry, outputs


def around(
    fn: Callable[[Carry, Tree, Any], tuple[Carry, Any]],
    carry: Carry,
    visiting: Tree,
    axis_name: AxisName,
    held: Any = None,
) -> tuple[Carry, Any]:
    """`visits`, the first of them that of the device's own."""
    own, others = (
        jax.tree.map(lambda leaf, part=part: leaf[part], held)
        for part in (0, slice(1, None))
    )
    carry, output = fn(carry, visiting, own)
    outputs = jax.tree.map(lambda leaf: leaf[None], output)
    if number(axis_name) == 1:
        return carry, outputs
    carry, rest = visits(fn, carry, visiting, axis_name, others)
    return carry, jax.tree.map(lambda *some: jnp.concatenate(some), outputs, rest)


def _sent(tree: Tree, axis_name: AxisName, routes: list[tuple[int, int]]) -> Tree:
    """What is sent along routes from device to device; zeros to those without one."""
    sent: Tree = jax.lax.ppermute(tree, axis_name, routes)  # type: ignore[no-untyped-call]
    return sent
