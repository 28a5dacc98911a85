"""Compilation of the public functions."""

import concurrent.futures
import contextvars
import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec

from jaxinfo._numerics import front_door

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

# The half precision in which the data came to the function that is being traced.
_half: contextvars.ContextVar[Any] = contextvars.ContextVar("half", default=None)


class Compiled(Protocol[P, R_co]):
    """A compiled function that keeps the signature it was written with."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the function, compiling it for new shapes and dtypes."""
        ...

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Lower the function for the given arguments, as ``jax.jit`` does."""
        ...


@overload
def jit(fn: Callable[P, R], /) -> Compiled[P, R]: ...
@overload
def jit(
    *, static_argnames: tuple[str, ...], is_staged: bool = False
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...
def jit(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    static_argnames: tuple[str, ...] = (),
    is_staged: bool = False,
) -> Any:
    """``jax.jit`` that looks at what comes in before jax casts it.

    Every argument that is not static goes through `front_door`, which knows from the
    annotations which are arrays and which are containers of arrays. Data in half
    precision (what is not keyword-only) is computed on in float32, as sums and Cholesky
    factors need it, and the result has the dtype of the data. Arrays sharded over the
    Explicit axes of a mesh are computed on as over Auto axes, and the result is whole
    on every device. The signature is kept for type checkers.

    A function ``is_staged`` if it leaves all work to one of `staged`: called with
    arrays, not amid a trace, it is not compiled as a whole.
    """
    if fn is None:
        return functools.partial(
            jit, static_argnames=static_argnames, is_staged=is_staged
        )
    signature = inspect.signature(fn)
    widened = _widening_half_precision(_on_auto_axes(fn), signature)
    run = jax.jit(widened, static_argnames=static_argnames)
    arguments = {
        name: _Argument(parameter)
        for name, parameter in signature.parameters.items()
        if name not in static_argnames
    }
    # Static ones may stand among them.
    positional = [
        arguments.get(name)
        for name, parameter in signature.parameters.items()
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]

    def look_at(
        args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for argument, value in zip(positional, args, strict=False):
            if argument is not None and type(value) not in argument.passing:
                looked = [
                    other if argument is None else argument.look_at(other)
                    for argument, other in zip(positional, args, strict=False)
                ]
                args = (*looked, *args[len(looked) :])
                break
        for name, value in kwargs.items():
            if name in arguments and type(value) not in arguments[name].passing:
                kwargs[name] = arguments[name].look_at(value)
        return args, kwargs

    @functools.wraps(fn)
    def through_front_door(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = look_at(args, kwargs)
        if _half.get() is not None:
            # Amid a trace in half precision, which jax does not know of when it looks
            # for a trace that it has made before.
            return widened(*args, **kwargs)
        if is_staged and _may_be_staged((args, kwargs)):
            args, kwargs = jax.tree.map(_as_jax_would, (args, kwargs))
            return fn(*args, **kwargs)
        return run(*args, **kwargs)

    @functools.wraps(run.lower)
    def lower(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = look_at(args, kwargs)
        return run.lower(*args, **kwargs)

    through_front_door.lower = lower  # type: ignore[attr-defined]
    return through_front_door


def staged(
    first: Callable[..., Any],
    second: Callable[..., R],
    *,
    static_argnames: tuple[str, ...],
) -> Callable[..., R]:
    """One function made of two: ``second(first(...), ...)``, of the same arguments.

    Called with arrays, each is a program of its own, and while the first compiles in
    another thread, the second is traced and compiled, so that the first answer comes
    earlier. Amid a trace, it is just the one function. Static arguments go by name.
    """
    run_first = jax.jit(first, static_argnames=static_argnames)
    run_second = jax.jit(second, static_argnames=static_argnames)
    seen: set[Any] = set()

    def compile_both(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # Traced in this thread, as settings of jax may be those of a thread.
        traced = run_first.trace(*args, **kwargs)
        lowered = traced.lower()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            compiling = pool.submit(lowered.compile)
            run_second.lower(traced.out_info, *args, **kwargs).compile()
            compiling.result()

    @functools.wraps(second)
    def in_stages(*args: Any, **kwargs: Any) -> R:
        leaves, structure = jax.tree.flatten(args)
        if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return second(first(*args, **kwargs), *args, **kwargs)
        signature = structure, *map(jax.typeof, leaves), *sorted(kwargs.items())
        if signature not in seen:
            compile_both(args, kwargs)
            seen.add(signature)
        return cast(R, run_second(run_first(*args, **kwargs), *args, **kwargs))

    return in_stages


def _may_be_staged(tree: Any) -> bool:
    leaves = jax.tree.leaves(tree)
    if any(isinstance(leaf, jax.core.Tracer) or _is_half(leaf) for leaf in leaves):
        return False
    return _explicit_mesh(leaves) is None


def _on_auto_axes(fn: Callable[P, R]) -> Callable[P, R]:
    """Let a function see no Explicit axes: few operations say how their result lies."""

    @functools.wraps(fn)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        leaves, structure = jax.tree.flatten((args, kwargs))
        mesh = _explicit_mesh(leaves)
        if mesh is None:
            return fn(*args, **kwargs)
        is_array = [isinstance(leaf, jax.Array) for leaf in leaves]

        def of_arrays(*arrays: jax.Array) -> R:
            given = iter(arrays)
            own = [
                next(given) if is_one else leaf
                for leaf, is_one in zip(leaves, is_array, strict=True)
            ]
            args, kwargs = jax.tree.unflatten(structure, own)
            return fn(*args, **kwargs)

        whole = NamedSharding(mesh, PartitionSpec())  # type: ignore[no-untyped-call]
        run = jax.sharding.auto_axes(of_arrays, out_sharding=whole)
        arrays = (leaf for leaf in leaves if isinstance(leaf, jax.Array))
        return cast(R, run(*arrays))

    return wrapped


def _explicit_mesh(leaves: list[Any]) -> AbstractMesh | None:
    """The mesh over whose Explicit axes an array is sharded, if there is one."""
    for leaf in leaves:
        if isinstance(leaf, jax.Array):
            mesh = jax.typeof(leaf).sharding.mesh
            if AxisType.Explicit in mesh.axis_types:
                return cast(AbstractMesh, mesh)
    return None


def _as_jax_would(leaf: Any) -> Any:
    """Cast an array of NumPy as the border of ``jax.jit`` does."""
    is_numpy = isinstance(leaf, np.ndarray | np.generic)
    return jnp.asarray(leaf) if is_numpy else leaf


def data_dtype(x: jax.Array) -> jnp.dtype:
    """Dtype in which the data came that ``x`` is computed from."""
    half = _half.get()
    return x.dtype if half is None else half


class _Argument:
    """What a parameter takes, by its annotation."""

    def __init__(self, parameter: inspect.Parameter) -> None:
        kinds: tuple[Any, ...] = (parameter.annotation,)
        if typing.get_origin(parameter.annotation) in (typing.Union, types.UnionType):
            kinds = typing.get_args(parameter.annotation)
        self.name = parameter.name
        self.is_data = parameter.kind is not parameter.KEYWORD_ONLY
        self.is_array = jax.Array in kinds
        self.is_optional = parameter.default is None
        self.containers = tuple(kind for kind in kinds if _is_container(kind))
        if self.containers and type(None) in kinds:
            self.containers += (type(None),)
        # Types whose values need no look.
        self.passing = frozenset() if self.containers else front_door.HARMLESS

    def look_at(self, value: Any) -> Any:
        if value is None and self.is_optional:
            return None
        if self.is_array:
            return front_door.look_at(self.name, value, is_data=self.is_data)
        if self.containers and not isinstance(value, self.containers):
            front_door.refuse_instead_of(self.name, value, self.containers)
        return front_door.look_at_tree(self.name, value)


def _is_container(kind: Any) -> bool:
    """Whether a type is a named tuple or an object of options."""
    is_tuple = hasattr(kind, "_fields")
    return isinstance(kind, type) and (is_tuple or dataclasses.is_dataclass(kind))


def _widening_half_precision(
    fn: Callable[P, R], signature: inspect.Signature
) -> Callable[P, R]:
    options = {
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }

    @functools.wraps(fn)
    def widened(*args: P.args, **kwargs: P.kwargs) -> R:
        data = [value for name, value in kwargs.items() if name not in options]
        dtypes = {
            leaf.dtype for leaf in jax.tree.leaves((args, data)) if _is_floating(leaf)
        }
        halves = {dtype for dtype in dtypes if dtype.itemsize <= 2}
        args, kwargs = jax.tree.map(
            lambda leaf: leaf.astype(jnp.float32) if _is_half(leaf) else leaf,
            (args, kwargs),
        )
        if not dtypes or halves != dtypes:
            return fn(*args, **kwargs)
        with jax.numpy_dtype_promotion("standard"):
            narrow = jnp.result_type(*halves)
        token = _half.set(narrow)
        try:
            result = fn(*args, **kwargs)
        finally:
            _half.reset(token)
        return cast(
            R,
            jax.tree.map(
                lambda leaf: leaf.astype(narrow) if _is_floating(leaf) else leaf,
                result,
            ),
        )

    return widened


def _is_floating(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


def _is_half(leaf: Any) -> bool:
    return _is_floating(leaf) and leaf.dtype.itemsize <= 2
