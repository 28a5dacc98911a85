"""How rows lie on the devices of a mesh, and how arguments come there."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import (
    Mesh,
    NamedSharding,
    PartitionSpec,
    SingleDeviceSharding,
)
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, shards

Tree = TypeVar("Tree")
Result = TypeVar("Result")

Axis = str | tuple[str, ...] | None
# Of an array that every device has.
WHOLE = PartitionSpec()  # type: ignore[no-untyped-call]


@dataclasses.dataclass(frozen=True)
class Layout:
    """Rows shared out over some axes of a mesh.

    Attributes:
        mesh: The mesh, with axes of the kind that ``shard_map`` takes all arrays on.
        axes: Names of the axes whose devices share the rows.
    """

    mesh: Mesh
    axes: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many parts there are."""
        return int(np.prod([self.mesh.shape[name] for name in self.axes]))

    def rows(self, axis: int = 0) -> PartitionSpec:
        """One axis of an array in parts."""
        return PartitionSpec(*[None] * axis, self.axes)  # type: ignore[no-untyped-call]

    def place_rows(
        self, name: str, x: ArrayLike, shape: str, *, axis: int = 0, **sizes: int
    ) -> Any:
        """Check an argument of rows, fill these up, and place them."""
        return self.fill(checks.shaped(name, x, shape, **sizes), axis=axis)

    def fill(self, x: Any, *, axis: int = 0) -> Any:
        """Fill up rows so that they divide, by the last one, and place them."""
        n = np.shape(x)[axis]
        missing = -n % self.size
        if missing:
            # By indices, as keys cannot be padded.
            index = np.minimum(np.arange(n + missing), n - 1)
            place = (*[slice(None)] * axis, index)
            if isinstance(x, jax.Array) and not _is_traced(x):
                # Sharded in another way, rows could not be picked.
                whole = self._put(x, WHOLE)
                x = self.call(lambda: whole[place])
            else:
                x = x[place]
        return self._put(x, self.rows(axis))

    def is_real(self, num_rows: int, dtype: jnp.dtype) -> jax.Array:
        """On each device, one for its rows, and zero for what fills up."""
        own = -(-num_rows // self.size)
        return (shards.row_indices(own, self.axes) < num_rows).astype(dtype)

    def place_whole(self, tree: Tree) -> Tree:
        """Bring arrays that are tied to devices to all those of the mesh."""

        def place(leaf: Any) -> Any:
            is_tied = isinstance(leaf, jax.Array) and not _is_traced(leaf)
            return self._put(leaf, WHOLE) if is_tied else leaf

        placed: Tree = jax.tree.map(place, tree)
        return placed

    def _put(self, x: Any, spec: PartitionSpec) -> Any:
        if _is_traced(x):
            return x
        if self.mesh.size == 1 and isinstance(x, jax.Array):
            is_there = isinstance(x.sharding, SingleDeviceSharding)
            if is_there and x.devices() == set(self.mesh.devices.flat):
                return x
        sharding = NamedSharding(self.mesh, spec)
        if isinstance(x, jax.Array) and not x.is_fully_addressable:
            if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
                # By their words, as keys that other processes hold cannot be placed.
                words = jax.device_put(jax.random.key_data(x), sharding)
                return jax.random.wrap_key_data(words, impl=jax.random.key_impl(x))
            return jax.device_put(x, sharding)
        if sharding.is_fully_addressable:
            return jax.device_put(x, sharding)
        if _is_traced(jnp.zeros(())):
            # Amid a trace: a program closes over no arrays of other processes.
            return x
        # Every process has the whole, and gives its own devices their parts.
        if not isinstance(x, jax.Array):
            x = np.asarray(x)
            x = x.astype(jax.dtypes.canonicalize_dtype(x.dtype))
        return jax.make_array_from_callback(x.shape, sharding, lambda part: x[part])

    def map(
        self, fn: Callable[..., Result], in_specs: Any, out_specs: Any
    ) -> Callable[..., Result]:
        """A function of the parts on each device as one of whole arrays."""
        mapped: Callable[..., Result] = jax.shard_map(
            fn,
            mesh=self.mesh,
            in_specs=in_specs,
            out_specs=out_specs,
            check_vma=False,
        )
        return mapped

    def call(self, run: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Result:
        """Call a compiled function, whatever mesh is set around it."""
        around = jax.sharding.get_abstract_mesh()
        if around.empty or around == self.mesh.abstract_mesh:
            return run(*args, **kwargs)
        if any(_is_traced(leaf) for leaf in jax.tree.leaves((args, kwargs))):
            names = around.axis_names, around.axis_sizes
            if names != (self.mesh.axis_names, self.mesh.axis_sizes):
                raise ValueError(
                    f"Expected `mesh` to be the one that is set, with axes {names[0]} "
                    f"and sizes {names[1]}, got one with axes {self.mesh.axis_names} "
                    f"and sizes {self.mesh.axis_sizes}."
                )
            return run(*args, **kwargs)
        with jax.set_mesh(self.mesh):
            return run(*args, **kwargs)


def read(mesh: Mesh, axis: Axis, *, name: str = "axis") -> Layout:
    """Check a mesh, and which of its axes to use, as the argument of a name says."""
    if not isinstance(mesh, Mesh):
        raise TypeError(
            f"Expected `mesh` to be a jax.sharding.Mesh, got {type(mesh).__name__}; "
            'make one with jax.sharding.Mesh(jax.devices(), ("devices",)).'
        )
    names = mesh.axis_names
    if not names:
        raise ValueError("Expected `mesh` to have an axis, got none.")
    if axis is None:
        if len(names) > 1:
            raise ValueError(
                f"Expected `{name}` to name one of the axes of `mesh`, {names}, or a "
                "tuple of several, got None."
            )
        axis = names
    axes = axis if isinstance(axis, tuple) else (axis,)
    if not all(isinstance(one, str) for one in axes):
        raise TypeError(
            f"Expected `{name}` to be a name or a tuple of names, got {axis!r}."
        )
    if not axes or len(set(axes)) < len(axes) or not set(axes) <= set(names):
        raise ValueError(
            f"Expected `{name}` to name one of the axes of `mesh`, {names}, or a tuple "
            f"of several distinct ones, got {axis!r}."
        )
    return Layout(Mesh(mesh.devices, names), axes)


def _is_traced(x: Any) -> bool:
    return isinstance(x, jax.core.Tracer)
