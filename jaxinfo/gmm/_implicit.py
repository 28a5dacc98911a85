"""Derivatives of a fit, from the equation that it solves, and Newton steps on it.

In the sums ``S`` of `_local`, a fit is a fixed point of EM. With J the derivative of a
step there, the tangent of the fit is (I - J)^-1 times that of a step at a fixed fit. J
is H D: D turns a change of the sums into one of log-densities (`_local.slopes`), and

    H_(ka),(jb) = sum_n s_n r_nk (delta_kj - r_nj) phi_na phi_nb

this into one of the sums.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import linalg
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm import _em_step, _local
from jaxinfo.gmm._local import Place
from jaxinfo.gmm._types import GaussianMixture

# Unknowns up to which I - J is formed and factorised.
_DENSE_UP_TO = 1500
# Unknowns for which a program of their own would not pay, see `_em_step.of_present`.
_SMALL = 200
# Plain steps of EM, and those along Newton's direction, refused and halved ones too.
_PLAIN_STEPS = 2
_NEWTON_STEPS = 5


@functools.partial(jax.custom_jvp, nondiff_argnums=(5,))
def attach(
    fit: GaussianMixture,
    points: jax.Array,
    weights: jax.Array,
    ridge: jax.Array,
    number: jax.Array,
    axis_name: AxisName = None,
) -> GaussianMixture:
    """A fit as a function of points ``(n, d)`` and weights ``(n,)``.

    Returns the fit as it is; derivatives are those of the fixed point that it is taken
    for. The ridge is constant. Components from ``number`` on are absent. Rows may be
    those of one of several devices.
    """
    return fit


@attach.defjvp
def _attach_jvp(
    axis_name: AxisName,
    primals: tuple[GaussianMixture, jax.Array, jax.Array, jax.Array, jax.Array],
    tangents: tuple[GaussianMixture, jax.Array, jax.Array, jax.Array, jax.Array],
) -> tuple[GaussianMixture, GaussianMixture]:
    _, points, weights, ridge, number = primals
    # Attached once more, so that second derivatives see how the fit moves.
    fit = attach(*primals, axis_name)
    place = _local.place(fit, ridge)

    def sums(points: jax.Array, weights: jax.Array) -> jax.Array:
        return _local.sums(place.density, points, weights, axis_name)[1]

    _, pushed = jax.jvp(
        sums,
        (points, weights),
        (tangents[1], tangents[2]),
    )
    linear = linearize(place, points, weights, number, axis_name)
    change = _solve(linear, place, points, weights, number, pushed, axis_name)
    return fit, _local.tangent(place, change)


class Linear(NamedTuple):
    """EM about a fit to first order.

    Attributes:
        log_likelihood: Of the fit. Shape ``()``.
        sums: ``S`` of its responsibilities. Shape ``(k, q)``.
        jacobian: J, ``(k q, k q)``; ``None`` where it is too large to be held, or zero
            as there is one component.
    """

    log_likelihood: jax.Array
    sums: jax.Array
    jacobian: jax.Array | None


def linearize(
    place: Place,
    points: jax.Array,
    weights: jax.Array,
    number: jax.Array,
    axis_name: AxisName = None,
) -> Linear:
    """Sums of the responsibilities of a fit, and how they change with those of it."""
    k, dim = place.fit.means.shape
    q = _em_step.num_features(dim)
    if k == 1 or k * q > _DENSE_UP_TO:
        return Linear(*_local.sums(place.density, points, weights, axis_name), None)

    def of(points: jax.Array, share: jax.Array) -> tuple[jax.Array, ...]:
        seen = _local.view(place.density, points)
        weighted = seen.given[:, None] * seen.features
        flat = weighted.reshape(k * q, -1)

        def of_component(index: jax.Array) -> tuple[jax.Array, jax.Array]:
            """Products with all, and with those of the same component."""
            its_own = weighted[index] * share[None]
            return (
                linalg.product(its_own, flat.T),
                linalg.product(its_own, seen.features[index].T),
            )

        gram, own = _em_step.one_by_one(number, k, of_component)
        return jnp.sum(share * seen.log_density), own, gram

    log_likelihood, own, gram = _local.over_blocks(of, k, points, weights, axis_name)
    identity = jnp.broadcast_to(jnp.eye(q, dtype=gram.dtype)[None], (k, q, q))
    columns = jax.vmap(
        lambda change: _local.slopes(place, change), in_axes=1, out_axes=2
    )(identity)
    # Of the responsibilities of a component in its own change, and in those of all.
    by_all = jnp.einsum(
        "akb,kbc->akc",
        gram.reshape(k * q, k, q),
        columns,
        precision=jax.lax.Precision.HIGHEST,
    ).reshape(k, q, k, q)
    which = np.arange(k)
    jacobian = (-by_all).at[which, :, which].add(linalg.product(own, columns))
    # The first feature is one: sums of features by responsibilities.
    return Linear(log_likelihood, own[:, 0], jacobian.reshape(k * q, k * q))


@jax.custom_jvp
def follow(
    linear: Linear,
    place: Place,
    points: jax.Array,
    weights: jax.Array,
    number: jax.Array,
) -> Linear:
    """`linearize` where the result is known: only derivatives are found."""
    return linear


@follow.defjvp
def _follow_jvp(
    primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Linear, Linear]:
    number = primals[4]
    _, change = jax.jvp(
        lambda place, points, weights: linearize(place, points, weights, number),
        primals[1:4],
        tangents[1:4],
    )
    return primals[0], change


def polish(
    fit: GaussianMixture,
    points: jax.Array,
    weights: jax.Array,
    regularization: ArrayLike,
    number: jax.Array,
) -> tuple[Place, Linear]:
    """Take a few steps, then Newton steps, while the likelihood does not fall.

    Gives the fit and what was found about it.
    """
    k, q = fit.means.shape[0], _em_step.num_features(points.shape[1])
    raw = jnp.zeros((k, q), points.dtype)

    def stand_at(fit: GaussianMixture) -> tuple[Place, Linear]:
        place = _local.place(fit, _local.ridge(fit.means, regularization))
        return place, linearize(place, points, weights, number)

    def attempt(stand: _Stand) -> _Stand:
        place, linear = stand_at(stand.next)
        # Rounding at the top must not stop the last digits.
        least = stand.linear.log_likelihood
        least = least - 8 * _eps(raw) * (1 + jnp.abs(least))
        is_taken = linear.log_likelihood >= jnp.where(
            stand.num_attempts == 0, -jnp.inf, least
        )
        is_taken &= _em_step.is_finite(place.density)
        residual = linear.sums - _local.standing(place)
        newton = _solve(linear, place, points, weights, number, residual)
        taken = stand._replace(
            place=place,
            linear=linear,
            direction=jnp.where(stand.num_attempts < _PLAIN_STEPS, residual, newton),
            size=jnp.ones_like(stand.size),
        )
        left = stand._replace(size=stand.size / 2)
        chosen: _Stand = jax.lax.cond(is_taken, lambda: taken, lambda: left)
        aim = _local.standing(chosen.place) + chosen.size * chosen.direction
        return chosen._replace(
            next=_local.moved(chosen.place, aim), num_attempts=stand.num_attempts + 1
        )

    def is_open(stand: _Stand) -> jax.Array:
        is_far = jnp.max(jnp.abs(stand.direction)) > 4 * _eps(raw)
        is_early = stand.num_attempts <= _PLAIN_STEPS
        # One component is solved by its start.
        last = jnp.where(number == 1, 0, _PLAIN_STEPS + _NEWTON_STEPS)
        return (is_far | is_early) & (stand.num_attempts <= last)

    # The first attempt looks at the start. If that is not finite, all stays NaN.
    nowhere: tuple[Place, Linear] = jax.tree.map(
        lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype),
        jax.eval_shape(stand_at, fit),
    )
    start = _Stand(
        place=nowhere[0],
        linear=nowhere[1],
        next=fit,
        direction=raw,
        size=jnp.ones((), raw.dtype),
        num_attempts=jnp.zeros((), int),
    )
    last = jax.lax.while_loop(is_open, attempt, start)
    return last.place, last.linear


class _Stand(NamedTuple):
    """Where Newton's method stands.

    Attributes:
        place: The fit.
        linear: EM about it.
        next: The fit to look at next.
        direction: Where to go from the fit, as a change of the sums. Shape ``(k, q)``.
        size: Share of the direction to try next. Shape ``()``.
        num_attempts: Attempts so far. Shape ``()``.
    """

    place: Place
    linear: Linear
    next: GaussianMixture
    direction: jax.Array
    size: jax.Array
    num_attempts: jax.Array


def influence(
    linear: Linear,
    place: Place,
    points: jax.Array,
    weights: jax.Array,
    number: jax.Array,
    slope: GaussianMixture,
) -> jax.Array:
    """Derivative of a function of a fit in the weights ``(n,)``, from its slope.

    The reverse mode of `attach`, written out: sums are linear in the weights.
    """
    (slope_of_sums,) = jax.linear_transpose(
        lambda change: _local.tangent(place, change), linear.sums
    )(slope)
    adjoint = _solve(
        linear, place, points, weights, number, slope_of_sums, transpose=True
    )

    def of(points: jax.Array) -> jax.Array:
        seen = _local.view(place.density, points)
        return jnp.sum(seen.given * _local.spread(adjoint, seen.features), axis=0)

    pulled = _local.of_rows(of, place.mass.shape[0], points)
    mean = jnp.sum(weights * pulled) / jnp.sum(weights)
    return (pulled - mean) / jnp.sum(weights)


def _solve(
    linear: Linear,
    place: Place,
    points: jax.Array,
    weights: jax.Array,
    number: jax.Array,
    rhs: jax.Array,
    axis_name: AxisName = None,
    *,
    transpose: bool = False,
) -> jax.Array:
    """Solve ``(I - J) x = rhs`` for sums ``(k, q)``, or with its transpose."""
    if rhs.shape[0] == 1:
        # A single component takes all rows, whatever its moments: J is zero.
        return rhs
    if linear.jacobian is not None:
        return _solve_dense(linear.jacobian, number, rhs, transpose=transpose)

    def slopes(change: jax.Array) -> jax.Array:
        return _local.slopes(place, change)

    def responses(change: jax.Array) -> jax.Array:
        """Change of sums along one of log-densities: H, which is symmetric."""

        def of(points: jax.Array, share: jax.Array) -> jax.Array:
            seen = _local.view(place.density, points)
            along = _local.spread(change, seen.features)
            mean = jnp.sum(seen.given * along, axis=0)
            moved = seen.given * (along - mean[None]) * share[None]
            return _local.gather(moved, seen.features)

        changed: jax.Array = _local.over_blocks(
            of, place.mass.shape[0], points, weights, axis_name
        )
        return changed

    def forward(x: jax.Array) -> jax.Array:
        return x - responses(slopes(x))

    def backward(x: jax.Array) -> jax.Array:
        (pulled,) = jax.linear_transpose(slopes, x)(responses(x))
        return x - jnp.asarray(pulled)

    matvec, transposed = (backward, forward) if transpose else (forward, backward)
    solution: jax.Array = jax.lax.custom_linear_solve(
        matvec,
        rhs,
        solve=lambda _, b: _gmres(matvec, b),
        transpose_solve=lambda _, b: _gmres(transposed, b),
    )
    return solution


def _solve_dense(
    jacobian: jax.Array, number: jax.Array, rhs: jax.Array, *, transpose: bool
) -> jax.Array:
    def of_part(rhs: jax.Array) -> tuple[None, jax.Array]:
        # Where components are absent, J is zero.
        size = rhs.size
        matrix = jnp.eye(size, dtype=rhs.dtype) - jacobian[:size, :size]
        matrix = matrix.T if transpose else matrix
        solution = jnp.linalg.solve(matrix, rhs.reshape(size, 1))
        return None, solution.reshape(rhs.shape)

    if rhs.size <= _SMALL:
        return of_part(rhs)[1]
    solution: jax.Array = _em_step.of_present(number, rhs, of_part)[1]
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


def _eps(x: jax.Array) -> float:
    return float(np.finfo(x.dtype).eps)
