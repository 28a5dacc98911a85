"""Compilation of the public functions."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

import jax
import jax.numpy as jnp

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


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
    *, static_argnames: tuple[str, ...]
) -> Callable[[Callable[P, R]], Compiled[P, R]]: ...
def jit(
    fn: Callable[..., Any] | None = None, /, *, static_argnames: tuple[str, ...] = ()
) -> Any:
    """``jax.jit`` whose result keeps its signature for type checkers.

    Data in half precision (the positional arguments) is computed on in float32, as
    sums and Cholesky factors need it, and the result has the dtype of the data.
    """
    if fn is None:
        return functools.partial(jit, static_argnames=static_argnames)
    return jax.jit(_widening_half_precision(fn), static_argnames=static_argnames)


def _widening_half_precision(fn: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(fn)
    def widened(*args: P.args, **kwargs: P.kwargs) -> R:
        dtypes = {leaf.dtype for leaf in jax.tree.leaves(args) if _is_floating(leaf)}
        if not dtypes or any(dtype.itemsize > 2 for dtype in dtypes):
            return fn(*args, **kwargs)
        with jax.numpy_dtype_promotion("standard"):
            narrow = jnp.result_type(*dtypes)
        args, kwargs = jax.tree.map(
            lambda leaf: leaf.astype(jnp.float32) if _is_floating(leaf) else leaf,
            (args, kwargs),
        )
        return cast(
            R,
            jax.tree.map(
                lambda leaf: leaf.astype(narrow) if _is_floating(leaf) else leaf,
                fn(*args, **kwargs),
            ),
        )

    return widened


def _is_floating(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
