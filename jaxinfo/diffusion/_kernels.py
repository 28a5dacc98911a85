"""Kernels on point clouds, and the diffusion operator that they make."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, logspace, pairwise

# Entries that a matrix may have: their number must fit 32-bit indices.
_MOST_ENTRIES = 2**31


class Operator(NamedTuple):
    """A Markov chain on points, as its symmetric conjugate.

    Attributes:
        matrix: ``D^-1/2 W D^-1/2``, with the eigenvalues of the chain ``D^-1 W``. Shape
            ``(n, n)``.
        degrees: Row sums ``D`` of ``W``. Shape ``(n,)``.
    """

    matrix: jax.Array
    degrees: jax.Array


def points(x: ArrayLike) -> jax.Array:
    """Check points whose pairs are all held at once; NaN if one is not finite.

    A point at infinity would otherwise be one that is merely far from all others.
    """
    array = checks.as_float("x", x, "(n, d)")
    n = array.shape[0]
    if n**2 >= _MOST_ENTRIES:
        size = n**2 * array.dtype.itemsize
        raise ValueError(
            f"Expected `x` to have fewer than {int(_MOST_ENTRIES**0.5) + 1} rows, as "
            f"their matrix would take {size} bytes, got {n}; "
            "`stochastic_spectral_entropy` takes more."
        )
    return jnp.where(jnp.all(jnp.isfinite(array)), array, jnp.nan)


def chosen_points(
    x: ArrayLike, where: ArrayLike | None
) -> tuple[jax.Array, jax.Array | None]:
    """Check points of which some may be left out; those are where the first other is.

    Anywhere else they could be far from all others, and cost these their digits.
    """
    if where is None:
        return points(x), None
    array = checks.as_float("x", x, "(n, d)")
    is_chosen = checks.as_mask("where", where, "(n,)", n=array.shape[0])
    first = jax.lax.stop_gradient(array[jnp.argmax(is_chosen)])
    stand_in = jnp.where(jnp.any(is_chosen), first, 0)
    return points(jnp.where(is_chosen[:, None], array, stand_in[None])), is_chosen


def widths(bandwidth: ArrayLike, x: jax.Array) -> jax.Array:
    """Check a bandwidth, or one for each point; NaN where it is not positive."""
    shape = "(n,)" if np.ndim(bandwidth) else "()"
    given = checks.as_float("bandwidth", bandwidth, shape, n=x.shape[0])
    given = given.astype(x.dtype)
    return jnp.where(given > 0, given, jnp.nan)


def one_width(bandwidth: ArrayLike, x: jax.Array) -> jax.Array:
    """Check one bandwidth for all points."""
    if np.ndim(bandwidth):
        raise ValueError(
            f"Expected `bandwidth` to have shape (), got {np.shape(bandwidth)}."
        )
    return widths(bandwidth, x)


def exponent(alpha: ArrayLike, dtype: jnp.dtype) -> jax.Array:
    """Check a density exponent; NaN outside the unit interval."""
    given = checks.as_scalar("alpha", alpha, dtype)
    return jnp.where((given >= 0) & (given <= 1), given, jnp.nan)


def unit(x: jax.Array) -> jax.Array:
    """A size of the data in which squares of differences stay in range."""
    spread = jnp.max(jnp.abs(x - x[:1]))
    return jax.lax.stop_gradient(jnp.where(spread == 0, 1, spread))


def squared_distances(x: jax.Array) -> jax.Array:
    """Squared distances among points, exactly zero of a point to itself."""
    squares = pairwise.squared_distances(x, x)
    is_self = jnp.eye(x.shape[0], dtype=bool)
    return jnp.where(is_self, 0, squares)


def gaussian(x: jax.Array, bandwidth: jax.Array) -> jax.Array:
    """Gaussian kernel ``(n, n)``, with one width or one for each point."""
    # In units of the widest, so that squares stay in range at every scale.
    widest = jax.lax.stop_gradient(jnp.max(bandwidth))
    return of_squares(squared_distances(x / widest), bandwidth / widest)


def of_squares(squares: jax.Array, bandwidth: jax.Array) -> jax.Array:
    """Gaussian kernel of squared distances."""
    if bandwidth.ndim:
        return jnp.exp(-squares / bandwidth[:, None] / bandwidth[None, :] / 2)
    return jnp.exp(-squares / bandwidth / bandwidth / 2)


def diffusion(kernel: jax.Array, alpha: jax.Array) -> Operator:
    """Diffusion operator of a kernel with a diagonal of ones.

    No row sum is below one then, so nothing needs a guard.
    """
    density = jnp.sum(kernel, axis=1) ** -alpha
    kernel = kernel * density[:, None] * density[None, :]
    degrees = jnp.sum(kernel, axis=1)
    scale = jax.lax.rsqrt(degrees)
    return Operator(kernel * scale[:, None] * scale[None, :], degrees)


def operator(x: jax.Array, bandwidth: jax.Array, alpha: jax.Array) -> Operator:
    """Diffusion operator of points."""
    return diffusion(gaussian(x, bandwidth), alpha)


def row_entropies(operator: Operator) -> jax.Array:
    """Sum of the entropies of all rows of the chain ``D^-1 W``, ``()``."""
    root = jnp.sqrt(operator.degrees)
    chain = operator.matrix * root[None, :] / root[:, None]
    return -jnp.sum(logspace.xlogx(chain))
