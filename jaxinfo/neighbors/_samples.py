"""Samples of several variables, read and joined to the points of a search."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks
from jaxinfo.neighbors import _search


class Samples(NamedTuple):
    """Samples of several variables.

    Attributes:
        columns: Coordinates of all, joined. Shape ``(d, n)``.
        dims: How many of them each variable has.
        is_counted: Which samples to use. Shape ``(n,)``.
        is_finite: Whether all these are finite. Shape ``()``.
    """

    columns: jax.Array
    dims: tuple[int, ...]
    is_counted: jax.Array
    is_finite: jax.Array


def read(
    variables: Mapping[str, ArrayLike],
    num_neighbors: int,
    exclusion_window: int = 0,
    mask: ArrayLike | None = None,
    *,
    num_rows: int | None = None,
) -> Samples:
    """Check samples ``(n, d)`` of variables, by name, and that there are enough.

    Of ``num_rows``, if the others only fill up.
    """
    (first, x), *others = variables.items()
    arrays = [checks.as_float(first, x, "(n, d)")]
    n = arrays[0].shape[0]
    arrays += [checks.as_float(name, other, "(n, d)", n=n) for name, other in others]
    checks.at_least("num_neighbors", num_neighbors, 1)
    checks.at_least("exclusion_window", exclusion_window, 0)
    number = n if num_rows is None else num_rows
    if number <= num_neighbors + 2 * exclusion_window:
        window = " plus twice the exclusion window" if exclusion_window else ""
        raise ValueError(
            f"Expected `{first}` to have more than "
            f"{num_neighbors + 2 * exclusion_window} samples, the number of "
            f"neighbours{window}, got {number}."
        )
    # Samples are counted, which has no derivative.
    joined = jnp.concatenate(checks.promote(*arrays), axis=1)
    columns = jax.lax.stop_gradient(joined).T
    is_counted = jnp.ones((n,), bool)
    if mask is not None:
        is_counted = checks.as_mask("mask", mask, "(n,)", n=n)
    if num_rows is not None:
        is_counted = is_counted & (jnp.arange(n) < num_rows)
    is_fine = jnp.isfinite(columns) | ~is_counted[None]
    return Samples(
        columns=jnp.where(is_fine & is_counted[None], columns, 0),
        dims=tuple(array.shape[1] for array in arrays),
        is_counted=is_counted,
        is_finite=jnp.all(is_fine),
    )


def spaces(
    dims: Sequence[int],
) -> tuple[_search.Space, list[_search.Space]]:
    """Coordinates of all variables, those of the last first, and those of each."""
    ends = [sum(dims[: k + 1]) for k in range(len(dims))]
    each = [tuple(range(end - dim, end)) for dim, end in zip(dims, ends, strict=True)]
    *others, last = each
    joint = tuple(k for space in (last, *others) for k in space)
    return joint, each


def digamma(numbers: ArrayLike, dtype: jnp.dtype) -> jax.Array:
    """Digamma function of numbers of samples."""
    # At zero, which is a pole, nobody looks but for samples that have no value.
    positive = jnp.maximum(jnp.asarray(numbers), 1)
    return jax.scipy.special.digamma(positive.astype(dtype))
