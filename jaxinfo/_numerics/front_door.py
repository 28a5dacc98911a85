"""What comes in from outside, looked at before jax casts it.

At the border of ``jit`` jax casts NumPy data silently: int64 wraps, float64 loses what
float32 cannot hold. Here an argument that would be cast wrongly is converted as it
should be, or refused with a message that names it, what came, and what to pass instead.
Arrays of jax and tracers pass untouched.
"""

import re
from collections.abc import Sequence
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

# Types whose values pass without a look; those of jax join as they are first seen.
HARMLESS: set[type] = {type(None), bool, float}

# What has a natural zero, so that values that agree to all digits of a float are as
# good as equal: probabilities and their logarithms, overlaps, scales, information.
_HAVE_A_ZERO = re.compile(
    r"([pq]|p_.*|.*overlaps.*|log_.*|logits|distances|concentrations"
    r"|variance|standard_deviation|scale_trils?|information|importance|scores"
    r"|single|rest)$"
)
# What is given as whole numbers that name something.
_LABELS = re.compile(r"(sample_)?(labels|factors)(_.*|$)")
_NUM_PROBES = 16
# In units in the last place of the given dtype: what varies less is rounding, and no
# variation; and of the one computed in: what varies less is as good as lost.
_ROUNDING = 2**10
_CLOSE = 4


def look_at(name: str, x: Any, *, is_data: bool = True) -> Any:
    """Look at an argument that should be an array.

    Args:
        name: Name of the argument, for the message.
        x: The argument.
        is_data: Whether its columns must not become constant.

    Returns:
        The argument; integers beyond the range of the default ones as the default
        float, a masked array without masked entries as a plain one.

    Raises:
        TypeError: If it is not an array of numbers.
        ValueError: If a column varies, and would not in the dtype computed in.
    """
    if isinstance(x, np.ndarray | np.generic):
        return _look_at_numpy(name, x, is_data)
    if isinstance(x, jax.Array):
        HARMLESS.add(type(x))
    elif isinstance(x, int):
        return _fitting(name, np.asarray(x), x)
    elif not isinstance(x, float | complex | jax.ShapeDtypeStruct):
        _refuse(name, x)
    return x


def look_at_tree(name: str, tree: Any) -> Any:
    """Look at each array of a mixture, a result, options or parameters."""
    leaves, structure = jax.tree.flatten(tree)
    if all(type(leaf) in HARMLESS for leaf in leaves):
        return tree
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(tree)]
    return jax.tree.unflatten(
        structure,
        [
            look_at(
                name + jax.tree_util.keystr(path),
                leaf,
                is_data=getattr(path[-1], "name", None) == "means" if path else False,
            )
            for path, leaf in zip(paths, leaves, strict=True)
        ],
    )


def refuse_instead_of(name: str, x: Any, classes: Sequence[type]) -> NoReturn:
    """Refuse what should be one of some containers."""
    names = [cls.__name__ for cls in classes if cls is not type(None)]
    article = "an" if names[0][0] in "AEIOU" else "a"
    expected = " or ".join(names)
    raise TypeError(f"Expected `{name}` to be {article} {expected}, got {_kind(x)}.")


def instead_of_labels(name: str) -> str:
    """What to pass for labels that are not whole numbers."""
    return f"np.unique({name}, return_inverse=True)[1]"


def _look_at_numpy(name: str, x: npt.NDArray[Any] | np.generic, is_data: bool) -> Any:
    if isinstance(x, np.ma.MaskedArray):
        if np.ma.is_masked(x):
            raise TypeError(
                f"Expected `{name}` to be a plain array, got a masked one; pass "
                f"{name}.filled(0), without the masked rows or with a mask or weights "
                "that leave them out."
            )
        x = np.ma.getdata(x)
    kind = x.dtype.kind
    if kind not in "biuf":
        _check_numeric(name, x)
        return x
    if x.dtype.char == "g" or not x.dtype.isnative:
        # Extended precision, or the byte order of some files: jax has neither.
        x = x.astype(np.float64 if x.dtype.char == "g" else x.dtype.newbyteorder("="))
    if is_data and x.ndim >= 2 and not _HAVE_A_ZERO.match(name):
        _check_columns(name, np.asarray(x))
    return _fitting(name, x, x) if kind in "iu" else x


def _refuse(name: str, x: Any) -> NoReturn:
    raise TypeError(
        f"Expected `{name}` to be an array, got {_kind(x)}{_way_out(name, x)}."
    )


def _kind(x: Any) -> str:
    module = type(x).__module__
    kind = type(x).__name__
    return kind if module == "builtins" else f"{module}.{kind}"


def _way_out(name: str, x: Any) -> str:
    if name == "key":
        return "; make one with jax.random.key(seed)"
    if x is None or isinstance(x, str | bytes | dict | set) or callable(x):
        return ""
    if hasattr(x, "toarray"):
        return f"; pass {name}.toarray()"
    if hasattr(x, "__jax_array__"):
        return f"; pass jnp.asarray({name})"
    if _LABELS.match(name) or not _holds_numbers(x):
        return f"; pass {instead_of_labels(name)}"
    if hasattr(x, "detach"):
        return f"; pass np.asarray({name}.detach().cpu())"
    return f"; pass np.asarray({name})"


def _holds_numbers(x: Any) -> bool:
    try:
        return np.asarray(x).dtype.kind not in "OSUTMmV"
    except Exception:
        # What a foreign class raises when it is converted cannot be known.
        return True


def _check_numeric(name: str, x: npt.NDArray[Any] | np.generic) -> None:
    """Check a dtype that is not one of NumPy's own real ones."""
    if x.dtype.kind in "Mm":
        way_out = f'{name}.astype("int64"), minus its first entry'
    elif x.dtype.kind == "O" and not _LABELS.match(name):
        way_out = f"{name}.astype(float) if these are numbers, or else "
        way_out += instead_of_labels(name)
    else:
        way_out = instead_of_labels(name)
    if x.dtype.kind == "c":
        way_out = f"its real and imaginary parts, {name}.real and {name}.imag"
        raise TypeError(
            f"Expected `{name}` to be real, got dtype {x.dtype}; pass {way_out}."
        )
    if not jnp.issubdtype(x.dtype, jnp.number):
        raise TypeError(
            f"Expected `{name}` to hold numbers, got dtype {x.dtype}; pass {way_out}."
        )


def _fitting(name: str, array: npt.NDArray[Any] | np.generic, x: Any) -> Any:
    """Integers ``x``, as the default float if they leave the default range."""
    default = jax.dtypes.canonicalize_dtype(np.int64)
    if array.dtype.kind == "O" or (
        array.size and not np.can_cast(array.dtype, default)
    ):
        limits = np.iinfo(default)
        low, high = int(array.min()), int(array.max())
        if low < limits.min or high > limits.max:
            if _LABELS.match(name):
                raise TypeError(
                    f"Expected `{name}` to hold integers of at most {limits.bits} "
                    f"bits, got {low if low < limits.min else high}; pass "
                    f"{instead_of_labels(name)}."
                )
            return array.astype(_default_float())
    return x


def _default_float() -> np.dtype[Any]:
    return jax.dtypes.canonicalize_dtype(np.float64)


def _check_columns(name: str, x: npt.NDArray[Any]) -> None:
    """Check that what varies along the rows of ``(..., n, d)`` varies once cast."""
    computed = jax.dtypes.canonicalize_dtype(x.dtype)
    if computed.kind != "f":
        computed = _default_float()
    if x.shape[-2] < 2 or not x.size or np.can_cast(x.dtype, computed):
        return
    if x.dtype.kind != "f" and _LABELS.match(name):
        return
    columns = np.arange(x.shape[-1])
    with np.errstate(over="ignore", invalid="ignore"):
        if x.shape[-2] > 2 * _NUM_PROBES:
            # Columns that hardly vary in a few rows are few, and looked at again.
            probes = x[..., :: x.shape[-2] // _NUM_PROBES, :]
            is_suspect = _hardly_varies(*_limits(probes), computed)
            if not is_suspect.any():
                return
            columns = np.flatnonzero(is_suspect.reshape(-1, x.shape[-1]).any(axis=0))
            x = x if columns.size == x.shape[-1] else x[..., columns]
        low, high = _limits(x)
        is_lost = _hardly_varies(low, high, computed) & (high > low)
        if not is_lost.any():
            return
        if x.dtype.kind == "f":
            is_lost &= high - low > _ROUNDING * _step(low, high, x.dtype)
        # Close values that the cast leaves as they are, are no fault.
        is_lost &= np.any(x.astype(computed) != x, axis=-2)
    for first in np.argwhere(is_lost):
        index = (*first[:-1], first[-1])
        remedy = _remedy(name, low[index], high[index], computed)
        raise ValueError(
            f"Expected column {columns[first[-1]]} of `{name}` to vary in {computed}, "
            f"as it does in {x.dtype}, got values from {low[index]!s} to "
            f"{high[index]!s}, which {computed} hardly distinguishes: {remedy}."
        )


def _remedy(name: str, low: Any, high: Any, computed: np.dtype[Any]) -> str:
    remedy = f"subtract its mean first, {name} - {name}.mean(axis=-2, keepdims=True)"
    if float(high) - float(low) > _CLOSE * _step(low, high, computed):
        # Far apart, but all beyond the largest number or below the smallest.
        remedy = f"divide it first, {name} / np.abs({name}).max(axis=-2, keepdims=True)"
    if computed != np.float64:
        remedy += ', or enable x64, jax.config.update("jax_enable_x64", True)'
    return remedy


def _limits(x: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return x.min(axis=-2), x.max(axis=-2)


def _hardly_varies(
    low: npt.NDArray[Any], high: npt.NDArray[Any], computed: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Which columns a cast makes constant, or nearly so."""
    width = high.astype(np.float64) - low
    is_close = width <= _CLOSE * _step(low, high, computed)
    # Also what leaves the range of the dtype, at either end.
    return np.asarray(is_close | (low.astype(computed) == high.astype(computed)))


def _step(
    low: npt.NDArray[Any], high: npt.NDArray[Any], dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    # The least and the largest have the largest magnitude between them.
    return np.asarray(np.finfo(dtype).eps * np.maximum(-low.astype(np.float64), high))
