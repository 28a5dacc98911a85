"""Kernels on point clouds, and the diffusion operator that they make."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, pairwise

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


def points(
    x: ArrayLike, mask: ArrayLike | None = None
) -> tuple[jax.Array, jax.Array | None]:
    """Check points whose pairs are all held at once; NaN if one is not finite.

    A point at infinity would otherwise be one that is merely far from all others. Those
    that a mask leaves out are moved to the first other: anywhere else they could be far
    from all others, and cost these their digits.
    """
    array = checks.as_float("x", x, "(n, d)")
    n = array.shape[0]
    if n**2 >= _MOST_ENTRIES:
        size = n**2 * array.dtype.itemsize
        raise ValueError(
            f"Expected `x` to have fewer than {int(_MOST_ENTRIES**0.5) + 1} rows, as "
            f"their matrix would take {size} bytes, got {n}; "
            "`stochastic_spectral_entropy` accepts more."
        )
    is_kept = None
    if mask is not None:
        is_kept = checks.as_mask("mask", mask, "(n,)", n=n)
        first = jax.lax.stop_gradient(array[jnp.argmax(is_kept)])
        stand_in = jnp.where(jnp.any(is_kept), first, 0)
        array = jnp.where(is_kept[:, None], array, stand_in[None])
    return jnp.where(jnp.all(jnp.isfinite(array)), array, jnp.nan), is_kept


def widths(
    bandwidth: ArrayLike, x: jax.Array, *, one_for_all: bool = False
) -> jax.Array:
    """Check a bandwidth, or one for each point; NaN where it is not positive."""
    shape = "(n,)" if np.ndim(bandwidth) and not one_for_all else "()"
    given = checks.as_float("bandwidth", bandwidth, shape, n=x.shape[0])
    given = given.astype(x.dtype)
    return jnp.where(given > 0, given, jnp.nan)


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


def gaussian(
    x: jax.Array, bandwidth: jax.Array, mask: jax.Array | None = None
) -> jax.Array:
    """Gaussian kernel ``(n, n)``, with one width or one for each point.

    Zero for points that are left out.
    """
    # In units of the widest, so that squares stay in range at every scale.
    widest = jax.lax.stop_gradient(jnp.max(bandwidth))
    kernel = of_squares(squared_distances(x / widest), bandwidth / widest)
    return among(kernel, mask)


def among(kernel: jax.Array, mask: jax.Array | None) -> jax.Array:
    """A kernel with zeros for points that are left out."""
    if mask is None:
        return kernel
    return jnp.where(mask[:, None] & mask[None, :], kernel, 0)


def of_squares(squares: jax.Array, bandwidth: jax.Array) -> jax.Array:
    """Gaussian kernel of squared distances."""
    if bandwidth.ndim:
        return jnp.exp(-squares / bandwidth[:, None] / bandwidth[None, :] / 2)
    return jnp.exp(-squares / bandwidth / bandwidth / 2)


def diffusion(
    kernel: jax.Array, alpha: jax.Array, mask: jax.Array | None = None
) -> Operator:
    """Diffusion operator of a kernel with a diagonal of ones but where masked.

    No row sum is below one then, so nothing needs a guard.
    """
    if mask is not None:
        # A one on the diagonal keeps row sums of points left out from being zero.
        operator = diffusion(jnp.where(jnp.diag(~mask), 1, kernel), alpha)
        return operator._replace(matrix=among(operator.matrix, mask))
    density = jnp.sum(kernel, axis=1) ** -alpha
    kernel = kernel * density[:, None] * density[None, :]
    degrees = jnp.sum(kernel, axis=1)
    scale = jax.lax.rsqrt(degrees)
    return Operator(kernel * scale[:, None] * scale[None, :], degrees)
