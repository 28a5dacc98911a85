"""Checks of arguments by what is known while tracing: kind, dtype, shape, choice."""

import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo._numerics import compiled, front_door


def as_float(name: str, x: ArrayLike, shape: str, **sizes: int) -> jax.Array:
    """Convert an argument to floating point after checking its kind and shape.

    Args:
        name: Name of the argument, for the message.
        x: The argument.
        shape: What its shape must look like, ``"(n, d)"``; equal letters are equal
            sizes, and no size may be zero. ``"(...)"`` is any.
        **sizes: Sizes that other arguments have fixed already, by letter.

    Returns:
        The array in its own floating dtype; integers and booleans in the default one.

    Raises:
        TypeError: If ``x`` is not an array of real numbers.
        ValueError: If the shape is not the expected one.
    """
    array = _as_array(name, x)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise TypeError(
            f"Expected `{name}` to be real, got dtype {array.dtype}; pass its real and "
            f"imaginary parts, {name}.real and {name}.imag."
        )
    _check_shape(name, array.shape, shape, sizes)
    return array if _is_floating(array) else array.astype(float)


def as_host_float(
    name: str, x: ArrayLike, shape: str, **sizes: int
) -> npt.NDArray[np.float64]:
    """Convert an argument of a host-side function to float64, whatever jax can hold."""
    if isinstance(x, np.ndarray) and x.dtype.kind in "biu":
        x = x.astype(np.float64)
    looked = front_door.look_at(name, x, is_data=False)
    if np.iscomplexobj(looked):
        raise TypeError(f"Expected `{name}` to be real, got dtype {looked.dtype}.")
    _check_shape(name, np.shape(looked), shape, sizes)
    return np.asarray(looked, np.float64)


def as_floats(shape: str, /, **arrays: ArrayLike) -> tuple[jax.Array, ...]:
    """Convert arguments that share one shape to their common floating dtype."""
    (first, x), *others = arrays.items()
    converted = [as_float(first, x, shape)]
    for name, other in others:
        array = as_float(name, other, shape)
        if array.shape != converted[0].shape:
            raise ValueError(
                f"Expected `{name}` to have shape {converted[0].shape}, "
                f"as `{first}` has, got {array.shape}."
            )
        converted.append(array)
    return promote(*converted)


def promote(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """Cast arrays to the widest of their dtypes."""
    # Also for users who made implicit promotion an error.
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.result_type(*arrays)
    return tuple(array.astype(dtype) for array in arrays)


def as_scalar(name: str, x: ArrayLike, dtype: jnp.dtype) -> jax.Array:
    """Convert a scalar option to the dtype of the data."""
    return as_float(name, x, "()").astype(dtype)


def data_eps(x: jax.Array) -> float:
    """Rounding of the dtype in which the data came that ``x`` is computed from.

    That of ``x`` itself, or of the half precision that was widened on entry.
    """
    dtype = compiled.data_dtype(x)
    return float(jnp.finfo(dtype).eps)  # type: ignore[no-untyped-call]


def as_labels(name: str, labels: ArrayLike, shape: str, **sizes: int) -> jax.Array:
    """Check that labels are integers, or booleans, which are 0 and 1; widen them.

    Unsigned ones beyond the default range wrap to negative ones, so they stay apart
    from each other and out of any range of classes.
    """
    array = _as_array(name, labels)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.integer, jnp.bool_)):
        raise TypeError(
            f"Expected `{name}` to hold integers, got dtype {array.dtype}; pass "
            f"{front_door.instead_of_labels(name)}."
        )
    _check_shape(name, array.shape, shape, sizes)
    return array.astype(int)


def as_mask(name: str, mask: ArrayLike, shape: str, **sizes: int) -> jax.Array:
    """Check that a mask holds booleans."""
    array = _as_array(name, mask)
    if array.dtype != jnp.dtype(bool):
        raise TypeError(
            f"Expected `{name}` to hold booleans, got dtype {array.dtype}; pass "
            f"{name} != 0."
        )
    _check_shape(name, array.shape, shape, sizes)
    return array


def as_key(name: str, key: ArrayLike) -> jax.Array:
    """Check that a random key is one typed key, as ``jax.random.key`` makes it."""
    dtype = getattr(key, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, jax.dtypes.prng_key):
        raise TypeError(
            f"Expected `{name}` to be a typed key, got {_describe(key)}; make one with "
            "jax.random.key(seed), or wrap an old one with jax.random.wrap_key_data."
        )
    array = jnp.asarray(key)
    if array.shape != ():
        raise ValueError(f"Expected `{name}` to be one key, got shape {array.shape}.")
    return array


def one_of(name: str, value: str, choices: Sequence[str]) -> None:
    """Check that an option names one of its choices."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"Expected `{name}` to be one of {listed}, got {value!r}.")


def at_least(name: str, value: int, minimum: int) -> None:
    """Check that a static whole number is not too small."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"Expected `{name}` to be an int, got {_describe(value)}.")
    if value < minimum:
        raise ValueError(f"Expected `{name}` to be at least {minimum}, got {value}.")


def one_per_column(
    name: str, numbers: tuple[int, ...], columns_name: str, num_columns: int
) -> None:
    """Check a static tuple of one positive number for each column of labels."""
    if not isinstance(numbers, tuple):
        raise TypeError(
            f"Expected `{name}` to be a tuple of one number for each column of "
            f"`{columns_name}`, got {_describe(numbers)}."
        )
    if len(numbers) != num_columns:
        raise ValueError(
            f"Expected `{name}` to hold one number for each of the {num_columns} "
            f"columns of `{columns_name}`, got {numbers}."
        )
    for number in numbers:
        at_least(name, number, 1)


def block_size(value: int | None) -> None:
    """Check an optional block size."""
    if value is not None:
        at_least("block_size", value, 1)


def shaped(name: str, x: ArrayLike, shape: str, **sizes: int) -> ArrayLike:
    """Check that an argument is an array of some shape, and leave it where it is."""
    looked: ArrayLike = front_door.look_at(name, x)
    _check_shape(name, np.shape(looked), shape, sizes)
    return looked


def _is_floating(array: jax.Array) -> bool:
    return bool(jnp.issubdtype(array.dtype, jnp.floating))


def _as_array(name: str, x: Any) -> jax.Array:
    array = jnp.asarray(front_door.look_at(name, x))
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.number, jnp.bool_)):
        raise TypeError(f"Expected `{name}` to hold numbers, got dtype {array.dtype}.")
    return array


def _check_shape(
    name: str, actual: tuple[int, ...], expected: str, sizes: dict[str, int]
) -> None:
    letters = [letter for letter in re.split(r"[(), ]+", expected) if letter]
    known = dict(sizes)
    fits = letters == ["..."] or (
        len(letters) == len(actual)
        and all(
            known.setdefault(letter, size) == size
            for letter, size in zip(letters, actual, strict=True)
        )
    )
    if not fits:
        given = ", ".join(f"{k} = {v}" for k, v in sizes.items() if k in letters)
        # Where another axis is known to fit, one column may be what was meant.
        can_be_column = (
            len(actual) == 1
            and len(letters) == 2
            and letters[0] in ("n", "t")
            and letters[1] not in (letters[0], "k", "v", *sizes)
            and sizes.get(letters[0], actual[0]) == actual[0]
        )
        raise ValueError(
            f"Expected `{name}` to have shape {expected}"
            f"{' with ' + given if given else ''}, got {actual}"
            f"{f'; pass {name}[:, None] for a single column' if can_be_column else ''}."
        )
    if 0 in actual and letters != ["..."]:
        raise ValueError(f"Expected `{name}` not to be empty, got shape {actual}.")


def _describe(x: Any) -> str:
    dtype = getattr(x, "dtype", None)
    kind = type(x).__name__
    return kind if dtype is None else f"an array of dtype {dtype}"
