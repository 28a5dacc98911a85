"""Decompositions by optima: their intervals, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks
from jaxinfo.pid import _bounds, _tables
from jaxinfo.pid._types import CertifiedDecomposition


def read_tolerance(tol: ArrayLike | None, dtype: jnp.dtype) -> jax.Array:
    """The width of an interval that is asked for, by default what rounding allows."""
    eps = float(np.finfo(dtype).eps)
    return checks.as_scalar("tol", max(1e-6, 1024 * eps) if tol is None else tol, dtype)


def width_before_rounding(tol: jax.Array, rounding: jax.Array) -> jax.Array:
    """Width at which steps end: within ``tol`` also when it was widened, if it can."""
    return jnp.maximum(tol - 2 * rounding, tol / 2)


def with_gradient(value: jax.Array, x: jax.Array, gradient: jax.Array) -> jax.Array:
    """A value ``()`` whose derivative with respect to ``x`` is the given one.

    At an optimum the derivative is that of the objective with the optimal point held
    fixed. Second derivatives are zero.
    """
    value, gradient = jax.lax.stop_gradient((value, gradient))
    return value + jnp.sum(gradient * (x - jax.lax.stop_gradient(x)))


def certified(
    alone: _tables.Informations,
    union: jax.Array,
    lower: jax.Array,
    upper: jax.Array,
    num_steps: jax.Array,
    tol: jax.Array,
    rounding: jax.Array,
) -> CertifiedDecomposition:
    """The decomposition of a union information that lies between two values."""
    least = jnp.maximum(alone.x, alone.y)
    most = jnp.minimum(alone.x + alone.y, alone.xy)
    # Where it meets one of them it keeps its own derivative.
    clamped = jnp.maximum(jnp.minimum(union, most), least)
    union = union + jax.lax.stop_gradient(clamped - union)
    # Beyond rounding, ends in the wrong order are no interval.
    is_interval = lower - rounding <= upper + rounding
    return CertifiedDecomposition(
        *_bounds.from_redundancy(alone.x + alone.y - union, *alone),
        union_lower=lower - rounding,
        union_upper=upper + rounding,
        gap=upper - lower + 2 * rounding,
        num_steps=num_steps,
        # A gap below rounding would be one by chance.
        converged=(upper - lower <= tol) & (tol >= rounding) & is_interval,
    )
