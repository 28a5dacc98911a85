"""Derivatives of a fit, from the equation that it solves, and Newton steps on it.

A fit is a fixed point theta = F(theta, z, s) of `_em_step.step`, in raw moments. With J
the derivative of F in theta, its tangent is (I - J)^-1 (dF/dz dz + dF/ds ds).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, linalg
from jaxinfo.gmm import _em_step
from jaxinfo.gmm._em_step import Rows

# Unknowns up to which I - J is formed and factorised.
_DENSE_UP_TO = 700
# Newton steps, those counted that are refused and halved.
_ATTEMPTS = 5


@jax.custom_jvp
def attach(
    moments: jax.Array,
    points: jax.Array,
    weights: jax.Array,
    regularization: ArrayLike,
) -> jax.Array:
    """A fit as a function of points ``(n, d)`` and weights ``(n,)``.

    Returns the moments as they are; derivatives are those of the fixed point that they
    are taken for. ``regularization`` is a constant.
    """
    return moments


@attach.defjvp
def _attach_jvp(
    primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
    _, points, weights, regularization = primals
    _, points_dot, weights_dot, _ = tangents
    # Attached once more, so that second derivatives see how the fit moves.
    fit = attach(*primals)
    raw = _em_step.to_raw(fit)

    def push(points: jax.Array, weights: jax.Array) -> jax.Array:
        rows = _em_step.as_rows(points, num_components=fit.shape[0])
        return _step(raw, rows, weights, regularization)

    _, pushed = jax.jvp(push, (points, weights), (points_dot, weights_dot))
    rows = _em_step.as_rows(points, num_components=fit.shape[0])
    moved = solve(raw, rows, weights, regularization, pushed)
    return fit, jax.jvp(_em_step.from_raw, (raw,), (moved,))[1]


def solve(
    raw: jax.Array,
    rows: Rows,
    weights: jax.Array,
    regularization: ArrayLike,
    rhs: jax.Array,
    *,
    transpose: bool = False,
) -> jax.Array:
    """Solve ``(I - J) x = rhs`` for raw moments ``(k, q)``, or with its transpose."""
    if raw.shape[0] == 1:
        # A single component takes all rows, whatever its moments: J is zero.
        return rhs
    if raw.size <= _DENSE_UP_TO:
        jacobian = _jacobian(raw, rows, weights, regularization)
        matrix = jnp.eye(raw.size, dtype=raw.dtype) - jacobian
        matrix = matrix.T if transpose else matrix
        flat: jax.Array = jnp.linalg.solve(matrix, rhs.ravel()[:, None])
        return flat.reshape(raw.shape)

    def step(theta: jax.Array) -> jax.Array:
        return _step(theta, rows, weights, regularization)

    pull = jax.vjp(step, raw)[1]
    push = jax.linearize(step, raw)[1]

    def forward(x: jax.Array) -> jax.Array:
        pushed: jax.Array = push(x)
        return x - pushed

    def backward(x: jax.Array) -> jax.Array:
        pulled: jax.Array = pull(x)[0]
        return x - pulled

    matvec, transposed = (backward, forward) if transpose else (forward, backward)
    solution: jax.Array = jax.lax.custom_linear_solve(
        matvec,
        rhs,
        solve=lambda _, b: _gmres(matvec, b),
        transpose_solve=lambda _, b: _gmres(transposed, b),
    )
    return solution


def _gmres(matvec: Callable[[jax.Array], jax.Array], rhs: jax.Array) -> jax.Array:
    solution: jax.Array = jax.scipy.sparse.linalg.gmres(  # type: ignore[no-untyped-call]
        matvec,
        rhs,
        tol=10 * _eps(rhs),
        restart=30,
        maxiter=4,
        solve_method="batched",
    )[0]
    return solution


def influence(
    fit: jax.Array,
    rows: Rows,
    weights: jax.Array,
    regularization: ArrayLike,
    slope: jax.Array,
) -> jax.Array:
    """Derivative of a function of a fit in the weights ``(n,)``, from its slope.

    The reverse mode of `attach`, written out: F is linear in the weights.
    """
    raw = _em_step.to_raw(fit)
    (slope,) = jax.vjp(_em_step.from_raw, raw)[1](slope)
    adjoint = solve(raw, rows, weights, regularization, slope, transpose=True)
    density = _em_step.density(_em_step.mixture(fit, regularization))

    def of(points: jax.Array, features: jax.Array) -> jax.Array:
        given = _em_step.responsibilities(density, points, features)[1]
        return jnp.sum(given * linalg.product(adjoint, features), axis=0)

    pulled = _em_step.over_rows(of, rows)
    mean = jnp.sum(weights * pulled) / jnp.sum(weights)
    return (pulled - mean) / jnp.sum(weights)


def polish(
    moments: jax.Array,
    rows: Rows,
    weights: jax.Array,
    regularization: ArrayLike,
) -> jax.Array:
    """Take Newton steps towards the fixed point while the likelihood does not fall."""

    class Trial(NamedTuple):
        kept: jax.Array
        log_likelihood: jax.Array
        residual: jax.Array
        size: jax.Array

    def attempt(trial: Trial, _: None) -> tuple[Trial, None]:
        newton = solve(trial.kept, rows, weights, regularization, trial.residual)
        proposed = trial.kept + trial.size * newton
        mixture = _em_step.mixture(_em_step.from_raw(proposed), regularization)
        density = _em_step.density(mixture)
        log_likelihood, moved = _em_step.evaluate(density, rows, weights)
        is_valid = jnp.all(proposed[:, 0] >= 0) & _em_step.is_finite(density)
        # Rounding at the top must not stop the last digits.
        slack = 8 * _eps(proposed) * (1 + jnp.abs(log_likelihood))
        is_taken = is_valid & (log_likelihood >= trial.log_likelihood - slack)
        taken = Trial(
            kept=proposed,
            log_likelihood=log_likelihood,
            residual=_em_step.to_raw(moved) - proposed,
            size=jnp.ones_like(trial.size),
        )
        left = trial._replace(size=trial.size / 2)
        return jax.tree.map(
            lambda new, old: jnp.where(is_taken, new, old), taken, left
        ), None

    # Without a residual the first attempt stays where it is, and evaluates.
    raw = _em_step.to_raw(moments)
    start = Trial(
        kept=raw,
        log_likelihood=jnp.asarray(-jnp.inf, raw.dtype),
        residual=jnp.zeros_like(raw),
        size=jnp.ones((), raw.dtype),
    )
    last, _ = jax.lax.scan(attempt, start, None, length=1 + _ATTEMPTS)
    return _em_step.from_raw(last.kept)


def _step(
    raw: jax.Array, rows: Rows, weights: jax.Array, regularization: ArrayLike
) -> jax.Array:
    """The map F on raw moments."""
    moments = _em_step.from_raw(raw)
    return _em_step.to_raw(_em_step.step(moments, rows, weights, regularization))


def _eps(x: jax.Array) -> float:
    return float(np.finfo(x.dtype).eps)


def _jacobian(
    raw: jax.Array, rows: Rows, weights: jax.Array, regularization: ArrayLike
) -> jax.Array:
    """J as one Gram matrix times a block-diagonal one, ``(k q, k q)``."""
    k, q = raw.shape

    def of_one(component: jax.Array) -> jax.Array:
        # That the masses are normalised shifts all components alike, which leaves the
        # responsibilities alone; so each component may be taken for itself.
        moments = _em_step.from_raw(component[None])
        mixture = _em_step.mixture(moments, regularization)
        log_mass = jnp.log(jnp.where(component[0] == 0, 1, component[0]))
        density = _em_step.density(mixture._replace(log_weights=log_mass[None]))
        return _em_step.coefficients(density)[0]

    by_component = jax.vmap(jax.jacfwd(of_one))(raw)
    by_component = jnp.where(raw[:, :1, None] == 0, 0, by_component)
    density = _em_step.density(_em_step.mixture(_em_step.from_raw(raw), regularization))
    share = weights / jnp.sum(weights)

    def of(points: jax.Array, features: jax.Array, share: jax.Array) -> jax.Array:
        given = _em_step.responsibilities(density, points, features)[1]
        weighted = given[:, None] * features[None]
        flat = weighted.reshape(k * q, -1)
        gram = linalg.product(flat * share[None], flat.T)
        own = linalg.product(weighted * share[None, None], features.T[None])
        diagonal: jax.Array = jax.scipy.linalg.block_diag(*own)
        return diagonal - gram

    n = rows.points.shape[0]
    if rows.features is not None and n * k * q <= _em_step.LARGEST:
        hessian = of(rows.points, rows.features, share)
    else:

        def block(
            block: tuple[jax.Array, jax.Array], is_real: jax.Array
        ) -> tuple[jax.Array, None]:
            points, share = block
            features = _em_step.features(points)
            return of(points, features, share * is_real), None

        size = max(1, _em_step.LARGEST // (8 * k * q))
        hessian, _ = blocks.over_rows(block, (rows.points, share), block_size=size)
    product = jnp.einsum(
        "akb,kbc->akc",
        hessian.reshape(k * q, k, q),
        by_component,
        precision=jax.lax.Precision.HIGHEST,
    )
    return product.reshape(k * q, k * q)
