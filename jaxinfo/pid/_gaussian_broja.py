"""Unique information of Gaussian variables by an optimum, with a certificate."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.pid import _barriers, _certificates, _gaussians, _tables
from jaxinfo.pid._types import CertifiedDecomposition

_FIRST_BARRIER = 0.3
_MOST_HALVINGS = 16


@compiled.jit(static_argnames=("dim_x", "dim_y", "max_steps"))
def gaussian_broja(
    covariance: ArrayLike,
    *,
    dim_x: int,
    dim_y: int,
    tol: ArrayLike | None = None,
    max_steps: int = 60,
) -> CertifiedDecomposition:
    r"""Decomposition of Gaussian variables by unique information, with an interval.

    That of `broja` with the minimum taken over Gaussians, which gives an upper value of
    the union information. Sources are channels :math:`H_x, H_y` from the target with
    white noise, and the correlation S of their noises is free:

    .. math::
        I_\cup = \min_{|S|_2 \le 1} f(S), \qquad
        f(S) = \tfrac12 \log\det\left( I + H_y^T H_y
        + B^T (I - S S^T)^{-1} B \right), \quad B = H_x - S H_y .

    f is convex, so with its gradient G every S gives a lower value, :math:`f(S) -
    \langle G, S \rangle` minus the sum of the singular values of G. A barrier method
    takes Newton steps; the interval is the best of all of them, widened to allow for
    rounding, which grows with :math:`|H_x|^2 + |H_y|^2`, the signal-to-noise ratio.

    Differentiable once, by the envelope theorem, with S held fixed, with an error of
    about the square root of the gap. Costs :math:`O((d_x d_y)^3)` per step, with about
    twelve steps.

    Args:
        covariance: Symmetric positive-definite covariance of x, then y, then the
            target; only its lower triangle is read. Shape ``(d, d)``.
        dim_x: Number of coordinates of x. Static.
        dim_y: Number of coordinates of y; the target has the rest. Static.
        tol: Width of the interval at which the iteration stops, in nats. Positive
            scalar; None is 1e-6, or 1024 machine epsilons where that is more.
        max_steps: Maximum number of Newton steps. Static.

    Returns:
        Atoms in nats, non-negative up to rounding, with the interval; NaN, and not
        converged, if ``covariance`` is not positive definite. Where rounding prevents
        ``tol`` from being reached, as for sources with little noise, ``converged`` is
        False, and the interval is as wide as it must be; enable x64. Shapes ``()``.

    Raises:
        ValueError: If a variable is left without coordinates.

    References:
        Venkatesh et al., `Gaussian partial information decomposition: bias correction
        and application to high-dimensional data <https://arxiv.org/abs/2307.10515>`_,
        2023, equations 5 and 6. The barrier and the certificate are not theirs.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> # Each source sees one coordinate of the target.
        >>> half = jnp.eye(2) / 2
        >>> covariance = jnp.block([[jnp.eye(2), half], [half, jnp.eye(2)]])
        >>> atoms = pid.gaussian_broja(covariance, dim_x=1, dim_y=1)
        >>> print(atoms.unique_x, atoms.unique_y)  # -log(1 - 1 / 4) / 2
        0.1438 0.1438
    """
    covariance = _gaussians.read(covariance, dim_x, dim_y)
    return decompose(covariance, dim_x, dim_y, tol, max_steps)


def decompose(
    covariance: jax.Array,
    dim_x: int,
    dim_y: int,
    tol: ArrayLike | None,
    max_steps: int,
) -> CertifiedDecomposition:
    """The decomposition of a covariance that was read."""
    checks.at_least("max_steps", max_steps, 0)
    tol = _certificates.read_tolerance(tol, covariance.dtype)
    alone = _gaussians.informations(covariance, dim_x, dim_y)
    channels = _channels(covariance, dim_x, dim_y)
    # What sharp sources tell is a logarithm of large numbers.
    signal = jnp.sum(channels.x**2) + jnp.sum(channels.y**2)
    num_target = covariance.shape[0] - dim_x - dim_y
    eps = float(np.finfo(covariance.dtype).eps)
    rounding = jax.lax.stop_gradient(8 * eps * (1 + float(np.log(num_target)) + signal))
    width = _certificates.width_before_rounding(tol, rounding)
    found = _minimize(*jax.lax.stop_gradient((channels, alone, width)), max_steps)

    # The objective with its point held fixed has the derivative of the optimum.
    objective = _information(channels, jax.lax.stop_gradient(found.point))
    drift = objective - jax.lax.stop_gradient(objective)
    # Where noises are one to rounding, the value at their own correlation is lost.
    drift = jnp.where(jnp.isnan(objective), 0, drift)
    union = jax.lax.stop_gradient(found.upper) + drift
    return _certificates.certified(
        alone, union, found.lower, found.upper, found.num_steps, tol, rounding
    )


class _Channels(NamedTuple):
    """Sources as channels from a white target, with white noises.

    Attributes:
        x: Shape ``(dim_x, dim_t)``.
        y: Shape ``(dim_y, dim_t)``.
        correlation: Correlation of the noises as it is. Shape ``(dim_x, dim_y)``.
    """

    x: jax.Array
    y: jax.Array
    correlation: jax.Array


class _State(NamedTuple):
    current: jax.Array
    barrier: jax.Array
    lower: jax.Array
    upper: jax.Array
    point: jax.Array
    num_steps: jax.Array


def _channels(covariance: jax.Array, dim_x: int, dim_y: int) -> _Channels:
    seen = _gaussians.through_target(covariance, dim_x, dim_y)
    start = dim_x + dim_y

    def factor(block: jax.Array, part: jax.Array) -> jax.Array:
        noise = block - linalg.product(part, part.T)
        lower: jax.Array = jnp.linalg.cholesky(noise)
        return lower

    factor_x = factor(covariance[:dim_x, :dim_x], seen.x)
    factor_y = factor(covariance[dim_x:start, dim_x:start], seen.y)
    shared = covariance[:dim_x, dim_x:start] - linalg.product(seen.x, seen.y.T)
    half = linalg.solve_factor(factor_x, shared)
    return _Channels(
        x=linalg.solve_factor(factor_x, seen.x),
        y=linalg.solve_factor(factor_y, seen.y),
        correlation=linalg.solve_factor(factor_y, half.T).T,
    )


def _minimize(
    channels: _Channels, alone: _tables.Informations, tol: jax.Array, max_steps: int
) -> _State:
    dtype = tol.dtype
    smallest_barrier = max(1e-13, float(np.finfo(dtype).eps))

    def certify(state: _State, points: jax.Array) -> _State:
        lowers, uppers = jax.vmap(lambda point: _certificate(channels, point))(points)
        best = jnp.argmin(jnp.where(jnp.isnan(uppers), jnp.inf, uppers))
        is_better = uppers[best] < state.upper
        return state._replace(
            lower=jnp.fmax(
                state.lower, jnp.max(jnp.where(jnp.isnan(lowers), -jnp.inf, lowers))
            ),
            upper=jnp.where(is_better, uppers[best], state.upper),
            point=jnp.where(is_better, points[best], state.point),
        )

    def is_open(state: _State) -> jax.Array:
        is_sound = jnp.isfinite(jnp.sum(state.current))
        is_wide = ~(state.upper - state.lower <= tol)
        return (state.num_steps < max_steps) & is_wide & is_sound

    def step(state: _State) -> _State:
        def slopes(point: jax.Array) -> tuple[jax.Array, jax.Array]:
            slope = _slope(channels, point)
            barred = slope + state.barrier * _push(point)
            return barred, jnp.stack([barred, slope])

        def value(point: jax.Array) -> jax.Array:
            within = linalg.log_det_of_factor(_factor_of_rest(point))
            return _information(channels, point) - state.barrier * within

        hessian, rhs = jax.jacfwd(slopes, has_aux=True)(state.current)
        size = state.current.size
        solved = jax.scipy.linalg.solve(
            hessian.reshape(size, size), rhs.reshape(2, size).T
        )
        directions = -solved.T.reshape(rhs.shape)
        length = _search(value, state.current, directions[0])
        moved = state.current + length * directions[0]
        # The step without a barrier may land where the optimum is, on the boundary.
        bold = _onto_ball(state.current + directions[1])
        certified = certify(state, jnp.stack([moved, bold]))
        return certified._replace(
            current=moved,
            barrier=_barriers.lowered(state.barrier, length, smallest_barrier),
            num_steps=state.num_steps + 1,
        )

    zero = jnp.zeros_like(channels.correlation)
    known = jnp.where(jnp.isnan(alone.xy), jnp.nan, 0)
    start = _State(
        current=zero + known,
        barrier=jnp.full((), _FIRST_BARRIER, dtype),
        lower=jnp.maximum(alone.x, alone.y),
        # That of the correlation which the noises have, a point like any other.
        upper=alone.xy,
        point=channels.correlation,
        num_steps=jnp.zeros((), int),
    )
    last: _State = jax.lax.while_loop(is_open, step, start)
    return last


def _search(
    value_fn: Callable[[jax.Array], jax.Array], point: jax.Array, direction: jax.Array
) -> jax.Array:
    """Length of the longest of halved steps that raises no value."""
    at_start = value_fn(point)
    # Close to the optimum all values are the same but for rounding.
    most = at_start + 8 * float(np.finfo(point.dtype).eps) * (1 + jnp.abs(at_start))

    def is_too_long(carry: tuple[jax.Array, jax.Array]) -> jax.Array:
        length, value = carry
        return ~(value <= most) & (length > 0.5**_MOST_HALVINGS)

    def halve(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        length = carry[0] / 2
        return length, value_fn(point + length * direction)

    whole = jnp.full((), 2, point.dtype)
    length, _ = jax.lax.while_loop(
        is_too_long, halve, (whole, jnp.full_like(at_start, jnp.inf))
    )
    return length


def _factor_of_rest(point: jax.Array) -> jax.Array:
    """Cholesky factor of the noise of x that that of y does not explain."""
    rest = jnp.eye(point.shape[0], dtype=point.dtype) - linalg.product(point, point.T)
    factor: jax.Array = jnp.linalg.cholesky(rest)
    return factor


class _Parts(NamedTuple):
    """What values and slopes at a correlation of the noises are made of."""

    precision: jax.Array  # of the target given the sources
    added: jax.Array  # (I - S S^T)^-1 B


def _parts(channels: _Channels, point: jax.Array) -> _Parts:
    added = channels.x - linalg.product(point, channels.y)
    half = linalg.solve_factor(_factor_of_rest(point), added)
    precision = (
        jnp.eye(channels.x.shape[1], dtype=point.dtype)
        + linalg.product(channels.y.T, channels.y)
        + linalg.product(half.T, half)
    )
    return _Parts(precision=precision, added=added)


def _information(channels: _Channels, point: jax.Array) -> jax.Array:
    precision = _parts(channels, point).precision
    return linalg.log_det_of_factor(jnp.linalg.cholesky(precision)) / 2


def _slope(channels: _Channels, point: jax.Array) -> jax.Array:
    """Gradient of the information by the correlation, ``(dim_x, dim_y)``."""
    parts = _parts(channels, point)
    weighted = _solve(_factor_of_rest(point), parts.added)
    rest = linalg.product(point.T, weighted) - channels.y
    return linalg.product(
        weighted, _solve(jnp.linalg.cholesky(parts.precision), rest.T)
    )


def _push(point: jax.Array) -> jax.Array:
    """Gradient of ``-log det(I - S S^T)``."""
    return 2 * _solve(_factor_of_rest(point), point)


def _solve(factor: jax.Array, rhs: jax.Array) -> jax.Array:
    solution: jax.Array = jax.scipy.linalg.cho_solve((factor, True), rhs)
    return solution


def _certificate(channels: _Channels, point: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Lower and upper value of the optimum."""
    value, slope = _information(channels, point), _slope(channels, point)
    steepest = jnp.sum(jnp.linalg.svd(slope, compute_uv=False))
    return value - jnp.sum(slope * point) - steepest, value


def _onto_ball(point: jax.Array) -> jax.Array:
    """The nearest correlation that leaves some noise of its own."""
    left, values, right = jnp.linalg.svd(point, full_matrices=False)
    most = 1 - 8 * float(np.finfo(point.dtype).eps)
    return linalg.product(left * jnp.minimum(values, most)[None], right)
