r"""Entropies of the spectra of symmetric matrices, with derivatives at degenerate ones.

Values need eigenvalues only. In derivatives, with :math:`K = V \Lambda V^\top` and
:math:`g_i = \partial S / \partial \lambda_i`, the slope is :math:`V \, \mathrm{diag}(g)
V^\top`, which does not depend on the choice of eigenvectors of a multiple eigenvalue.
Its own derivative is that of a matrix function (Daleckii and Krein), where automatic
differentiation through eigenvectors would divide by differences of eigenvalues.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo import measures
from jaxinfo._numerics import linalg

# From this size on, tridiagonal reduction and bisection beat a solver that computes
# eigenvectors to discard them; below, they take longest to compile.
_VALUES_ONLY_FROM = 160


def eigenvalues(matrix: jax.Array) -> jax.Array:
    """Eigenvalues of a symmetric matrix, ascending; NaN if it is not finite."""
    is_finite = jnp.all(jnp.isfinite(matrix))
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    # Solvers may loop for ever on NaN.
    matrix = jnp.where(is_finite, matrix, identity)
    if matrix.shape[0] < _VALUES_ONLY_FROM:
        values = jnp.linalg.eigvalsh(matrix)
    else:
        _, diagonal, off_diagonal, _ = jax.lax.linalg.tridiagonal(matrix)
        values = jax.scipy.linalg.eigh_tridiagonal(
            diagonal, off_diagonal, eigvals_only=True
        )
    return jnp.where(is_finite, values, jnp.nan)


def entropy_of_values(values: jax.Array, time: jax.Array) -> jax.Array:
    """Entropy ``()`` of the moduli of eigenvalues ``(n,)`` to a power.

    Its gradient leaves out the eigenvalues that are zero, and is finite there.
    """
    is_zero = values == 0
    logs = jnp.log(jnp.where(is_zero, 1, jnp.abs(values)))
    # To the power of zero every eigenvalue is one.
    powers = jnp.where(is_zero & (time != 0), -jnp.inf, time * logs)
    largest = jax.lax.stop_gradient(jnp.max(powers))
    scaled = jnp.exp(powers - largest)
    entropy = measures.entropy(scaled / jnp.sum(scaled))
    return jnp.where(time >= 0, entropy, jnp.nan)


def clipped(values: jax.Array, *, is_definite: bool) -> jax.Array:
    """Eigenvalues of a kernel, with what rounding left below zero set to zero.

    Only where the kernel is positive semidefinite, so that they are known to be zero.
    """
    return jnp.maximum(values, 0) if is_definite else values


def entropies(
    matrix: jax.Array,
    times: jax.Array,
    *,
    is_definite: bool,
    mask: jax.Array | None = None,
) -> jax.Array:
    """Entropies ``(t,)`` of the spectrum of a symmetric matrix to powers ``(t,)``.

    Rows and columns of points that a mask leaves out are zero; the matrix is definite
    then. NaN if none is left.
    """
    if mask is None:
        return _entropies(matrix, times, is_definite)
    padded = padded_below(matrix, mask)
    log_number = jnp.log(jnp.sum(mask).astype(matrix.dtype))
    # Their zeros would count at time zero.
    values = jnp.where(times == 0, log_number, _entropies(padded, times, True))
    return jnp.where(jnp.any(mask), values, jnp.nan)


def padded_below(matrix: jax.Array, mask: jax.Array) -> jax.Array:
    """A matrix with eigenvalues of minus one, not zero, for points left out.

    They are clipped to exactly zero, where rounding would leave a zero a little above.
    """
    return jnp.where(jnp.diag(~mask), -1, matrix)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _entropies(matrix: jax.Array, times: jax.Array, is_definite: bool) -> jax.Array:
    values = clipped(eigenvalues(matrix), is_definite=is_definite)
    return jax.vmap(entropy_of_values, in_axes=(None, 0))(values, times)


@_entropies.defjvp
def _entropies_jvp(
    is_definite: bool, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[jax.Array, jax.Array]:
    matrix, times = primals
    matrix_dot, times_dot = tangents
    # Functions of the matrix and the times alone: their rule is seen by the next
    # derivative only if no tangent is among their arguments.
    in_matrix, in_times = _slopes(matrix, times, is_definite)
    moved = jnp.sum(in_matrix * matrix_dot[None], axis=(1, 2)) + in_times * times_dot
    return _entropies(matrix, times, is_definite), moved


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _slopes(
    matrix: jax.Array, times: jax.Array, is_definite: bool
) -> tuple[jax.Array, jax.Array]:
    """Derivatives of entropies in the matrix ``(t, n, n)`` and the times ``(t,)``."""
    values, vectors = _decompose(matrix, is_definite)
    in_values, in_times = _slopes_of_values(values, times)
    return _assemble(vectors, in_values), in_times


@_slopes.defjvp
def _slopes_jvp(
    is_definite: bool, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    matrix, times = primals
    matrix_dot, times_dot = tangents
    values, vectors = _decompose(matrix, is_definite)
    rotated = linalg.product(linalg.product(vectors.T, matrix_dot), vectors)
    rotated = (rotated + rotated.T) / 2
    (in_values, in_times), (in_values_dot, in_times_dot) = jax.jvp(
        _slopes_of_values, (values, times), (jnp.diagonal(rotated), times_dot)
    )
    is_diagonal = jnp.eye(values.shape[0], dtype=bool)

    def turned(slope: jax.Array, slope_dot: jax.Array, time: jax.Array) -> jax.Array:
        quotient = _divided_differences(values, slope, time)
        inner = jnp.where(is_diagonal, slope_dot[:, None], quotient * rotated)
        return linalg.product(linalg.product(vectors, inner), vectors.T)

    moved = jax.vmap(turned)(in_values, in_values_dot, times)
    return (_assemble(vectors, in_values), in_times), (moved, in_times_dot)


def _decompose(matrix: jax.Array, is_definite: bool) -> tuple[jax.Array, jax.Array]:
    values, vectors = jnp.linalg.eigh(matrix)
    values = clipped(values, is_definite=is_definite)
    # What is zero to rounding has no direction: leave it out.
    floor = matrix.shape[0] * float(np.finfo(matrix.dtype).eps)
    return jnp.where(jnp.abs(values) <= floor, 0, values), vectors


def _assemble(vectors: jax.Array, diagonals: jax.Array) -> jax.Array:
    scaled = vectors[None] * diagonals[:, None, :]
    return jnp.einsum(
        "tik,jk->tij", scaled, vectors, precision=jax.lax.Precision.HIGHEST
    )


def _slopes_of_values(
    values: jax.Array, times: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Derivatives of entropies in eigenvalues ``(t, n)`` and times ``(t,)``."""
    slopes = jax.grad(entropy_of_values, argnums=(0, 1))
    in_values, in_times = jax.vmap(slopes, in_axes=(None, 0))(values, times)
    return in_values, in_times


def _divided_differences(
    values: jax.Array, slope: jax.Array, time: jax.Array
) -> jax.Array:
    """``(g_i - g_j) / (l_i - l_j)``, at equal eigenvalues its limit.

    The limit holds the normalisation, a sum over all eigenvalues, fixed.
    """
    difference = values[:, None] - values[None, :]
    middle = (values[:, None] + values[None, :]) / 2
    closeness = float(np.finfo(values.dtype).eps) ** (1 / 3)
    is_close = jnp.abs(difference) <= closeness * jnp.abs(middle)
    quotient = (slope[:, None] - slope[None, :]) / jnp.where(is_close, 1, difference)
    is_zero = middle == 0
    size = jnp.where(is_zero, 1, jnp.abs(middle))
    return jnp.where(is_close, _slope_of_slope(values, size, time, is_zero), quotient)


def _slope_of_slope(
    values: jax.Array, at: jax.Array, time: jax.Array, is_zero: jax.Array
) -> jax.Array:
    r"""Derivative of ``g`` at eigenvalues of size ``at``, but for the normalisation.

    With :math:`Z` and :math:`S` held fixed, :math:`-(t / Z) \lambda^{t-2} [(t - 1)
    (t \log \lambda - \log Z + S) + t]`.
    """
    moduli = jnp.abs(values)
    logs = jnp.where(moduli == 0, -jnp.inf, jnp.log(jnp.where(moduli == 0, 1, moduli)))
    log_total = jax.nn.logsumexp(jnp.where(jnp.isneginf(logs), logs, time * logs))
    entropy = entropy_of_values(values, time)
    log_at = jnp.log(at)
    bracket = (time - 1) * (time * log_at - log_total + entropy) + time
    limit = -time * jnp.exp((time - 2) * log_at - log_total) * bracket
    return jnp.where(is_zero, 0, limit)
