"""Runs of any function, each device with some of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh

from jaxinfo._numerics import checks, front_door, shards
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout

Result = TypeVar("Result")


def map(  # noqa: A001
    mesh: Mesh,
    fn: Callable[[Any], Result],
    xs: Any,
    *,
    axis: Axis = None,
    batch_size: int | None = 1,
) -> Result:
    """Apply a function to each entry of arrays, with the entries split over devices.

    Same result as ``jax.lax.map``, for any function: for restarts, replicates, members
    of an ensemble or cells of a sweep. Arrays that it closes over are copied to every
    device; those sharded over Explicit axes have to be among ``xs``.

    Differentiable if the function is. Costs as many runs on each of D devices as there
    are entries over D, rounded up; devices exchange the results once all are done. CPU
    devices that wait for another one for more than 40 seconds end the process, unless
    the flag ``--xla_cpu_collective_call_terminate_timeout_seconds`` is set higher.

    Args:
        mesh: Mesh of devices.
        fn: Any function of arrays that jax can trace. Static: each new function object
            is compiled anew, so build it once.
        xs: Arrays, or a tree of arrays, with one leading axis of entries; they may be
            keys.
        axis: Name of the mesh axis over which the entries are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        batch_size: Entries that a device processes in parallel; ``None`` is all of its
            own. Static.

    Returns:
        What the function returns, with a leading axis of entries.

    Raises:
        ValueError: If the mesh has several axes and ``axis`` is not given, or the
            arrays have no entries or different numbers of them.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint, sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> spaces = jax.numpy.stack([jax.numpy.eye(4), jax.numpy.ones((4, 4))])
        >>> print(sharding.map(mesh, fingerprint.information, spaces)[0])  # log(4)
        1.3863
    """
    layout = _layouts.read(mesh, axis)
    if batch_size is not None:
        checks.at_least("batch_size", batch_size, 1)
    if not callable(fn):
        raise TypeError(f"Expected `fn` to be a function, got {type(fn).__name__}.")
    leaves, structure = jax.tree.flatten(front_door.look_at_tree("xs", xs))
    numbers = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in leaves}
    if len(numbers) != 1 or 0 in numbers:
        raise ValueError(
            "Expected `xs` to hold arrays with the same number of entries, got shapes "
            f"{[np.shape(leaf) for leaf in leaves]}."
        )
    (num_runs,) = numbers
    placed = jax.tree.unflatten(structure, [layout.fill(leaf) for leaf in leaves])
    mapped: Result = layout.call(
        _map, placed, fn=fn, layout=layout, num_runs=num_runs, batch_size=batch_size
    )
    return mapped


def _map_of_parts(
    xs: Any,
    *,
    fn: Callable[[Any], Result],
    layout: Layout,
    num_runs: int,
    batch_size: int | None,
) -> Result:
    def of_part(xs: Any) -> Result:
        size = jax.tree.leaves(xs)[0].shape[0] if batch_size is None else batch_size
        # One by one, a condition takes one of its branches.
        own: Result = jax.lax.map(fn, xs, batch_size=None if size == 1 else size)
        gathered = shards.gather(own, layout.axes)
        first: Result = jax.tree.map(lambda leaf: leaf[:num_runs], gathered)
        return first

    return layout.map(of_part, layout.rows(), WHOLE)(xs)


_map = jax.jit(
    _map_of_parts, static_argnames=("fn", "layout", "num_runs", "batch_size")
)
