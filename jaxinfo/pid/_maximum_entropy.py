"""The table of largest entropy with given pair marginals, and what is read from it."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.pid import _barriers, _bounds, _closed_forms, _pair_system, _tables
from jaxinfo.pid._types import IteratedDecomposition, MaximumEntropy

_FIRST_BARRIER = 0.1
_SMALLEST_BARRIER = 1e-13


@compiled.jit(static_argnames=("max_steps",))
def maximum_entropy(
    p_xyt: ArrayLike, *, tol: ArrayLike | None = None, max_steps: int = 80
) -> MaximumEntropy:
    r"""Table of largest entropy with the same three pair marginals as a given table.

    .. math::
        \arg\max_q H(q) \quad \text{with } q(x, y) = p(x, y),\ q(x, t) = p(x, t),\
        q(y, t) = p(y, t) .

    It is what remains of a table when all dependence that involves three variables at
    once is removed: for the exclusive or, it is uniform. It is found by Newton steps
    with a barrier, as iterative scaling does not converge where the marginals together
    force cells to be zero that no single marginal does.

    Differentiable by the optimality conditions, within the cells that pair marginals
    allow. Costs :math:`O((x t + y t + x y)^3)` per step, with about twenty steps.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.
        tol: Largest allowed difference of a marginal from that of ``p_xyt``. Positive
            scalar; None is 1024 machine epsilons.
        max_steps: Maximum number of Newton steps. Static.

    Returns:
        Probabilities, exact to about 1e-12 in float64 and 2e-6 in float32; NaN, and not
        converged, if an entry is negative or the sum differs from 1 by more than the
        square root of machine epsilon.

    References:
        James, Emenheiser and Crutchfield, `Unique information via dependency
        constraints <https://arxiv.org/abs/1709.06653>`_, 2019, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> xor = jnp.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]) / 4
        >>> print(pid.maximum_entropy(xor).p_xyt[0].round(3))
        [[0.125 0.125]
         [0.125 0.125]]
    """
    p_xyt, tol = _read(p_xyt, tol, max_steps)
    return _solve(p_xyt, tol, max_steps)


@compiled.jit(static_argnames=("max_steps",))
def dependency(
    p_xyt: ArrayLike, *, tol: ArrayLike | None = None, max_steps: int = 80
) -> IteratedDecomposition:
    r"""Decomposition by dependency constraints (:math:`I_{dep}`).

    With :math:`q_1 = p(t) p(x|t) p(y|t)`, and :math:`q_2` the table of
    `maximum_entropy`,

    .. math::
        R = \max\left( I_{q_1}(X;Y),\ I_X + I_Y - I_{q_2}(X, Y; T) \right) :

    the unique information of a source is the least that its dependency on the target
    adds, over the ways to add it. Differentiable; at a tie, the derivative is a mean of
    the one-sided ones, and at a cell of zero it is zero. Costs are those of
    `maximum_entropy`.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.
        tol: As for `maximum_entropy`.
        max_steps: Maximum number of Newton steps. Static.

    Returns:
        Atoms in nats, non-negative up to rounding; all NaN, and not converged, if an
        entry is negative or the sum differs from 1 by more than the square root of
        machine epsilon. Shapes ``()``.

    References:
        James, Emenheiser and Crutchfield, `Unique information via dependency
        constraints <https://arxiv.org/abs/1709.06653>`_, 2019, definition 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures, pid
        >>> logical_and = jnp.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]]) / 4
        >>> atoms = pid.dependency(logical_and)
        >>> print(measures.nats_to_bits(atoms.redundant).round(3))
        0.082
    """
    p_xyt, tol = _read(p_xyt, tol, max_steps)
    found = _solve(p_xyt, tol, max_steps)
    alone = _tables.informations(p_xyt)
    without_triple = alone.x + alone.y - _tables.informations(found.p_xyt).xy
    redundant = jnp.maximum(_closed_forms.shared_through_target(p_xyt), without_triple)
    return _iterated(redundant, alone, found)


@compiled.jit(static_argnames=("max_steps",))
def common_change(
    p_xyt: ArrayLike, *, tol: ArrayLike | None = None, max_steps: int = 80
) -> IteratedDecomposition:
    r"""Decomposition by the common change in surprisal (:math:`I_{ccs}`).

    On the table q of `maximum_entropy`, with :math:`a = \log q(x, t) / q(x) q(t)`, b
    that of y, :math:`c = \log q(x, y, t) / q(x, y) q(t)` and :math:`e = a + b - c`,

    .. math::
        R = \sum_{xyt} q(x, y, t)\, e(x, y, t)
        \quad \text{over cells where } a, b, c, e \text{ have one sign} .

    Values within 1e-8 of zero (64 machine epsilons, if that is more) are given the sign
    zero: R jumps where one of them changes sign, and in float32 such a jump may come
    from rounding. Atoms may be negative. Differentiable between jumps, with a
    derivative of zero at a cell of zero. Costs are those of `maximum_entropy`.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.
        tol: As for `maximum_entropy`.
        max_steps: Maximum number of Newton steps. Static.

    Returns:
        Atoms in nats, of either sign; all NaN, and not converged, if an entry is
        negative or the sum differs from 1 by more than the square root of machine
        epsilon. Shapes ``()``.

    References:
        Ince, `Measuring multivariate redundant information with pointwise common change
        in surprisal <https://arxiv.org/abs/1602.05063>`_, 2017, section 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures, pid
        >>> logical_and = jnp.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]]) / 4
        >>> atoms = pid.common_change(logical_and)
        >>> print(measures.nats_to_bits(atoms.redundant).round(3))
        0.104
    """
    p_xyt, tol = _read(p_xyt, tol, max_steps)
    found = _solve(p_xyt, tol, max_steps)
    q = found.p_xyt
    is_zero = q == 0

    def log(marginal: jax.Array) -> jax.Array:
        return jnp.log(jnp.where(is_zero, 1, marginal))

    def total(*axes: int) -> jax.Array:
        return jnp.sum(q, axis=axes, keepdims=True)

    log_t = log(total(0, 1))
    of_x = log(total(1)) - log(total(1, 2)) - log_t
    of_y = log(total(0)) - log(total(0, 2)) - log_t
    of_both = log(q) - log(total(2)) - log_t
    common = of_x + of_y - of_both

    smallest = max(1e-8, 64 * float(np.finfo(q.dtype).eps))
    signs = jnp.stack(
        [
            jnp.where(jnp.abs(term) <= smallest, 0, jnp.sign(term))
            for term in (of_x, of_y, of_both, common)
        ]
    )
    is_common = jnp.all(signs == signs[:1], axis=0)
    redundant = jnp.sum(jnp.where(is_common, q * common, 0))
    # What is no probability table has no common signs.
    redundant = jnp.where(jnp.isnan(jnp.sum(q)), jnp.nan, redundant)
    return _iterated(redundant, _tables.informations(p_xyt), found)


def _read(
    p_xyt: ArrayLike, tol: ArrayLike | None, max_steps: int
) -> tuple[jax.Array, jax.Array]:
    table = _tables.read(p_xyt)
    checks.at_least("max_steps", max_steps, 0)
    if tol is None:
        tol = 1024 * float(np.finfo(table.dtype).eps)
    return table, checks.as_scalar("tol", tol, table.dtype)


def _iterated(
    redundant: jax.Array, alone: _tables.Informations, found: MaximumEntropy
) -> IteratedDecomposition:
    return IteratedDecomposition(
        *_bounds.from_redundancy(redundant, *alone),
        num_steps=found.num_steps,
        converged=found.converged,
    )


class _State(NamedTuple):
    table: jax.Array
    barrier: jax.Array
    is_last: jax.Array
    num_steps: jax.Array


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _solve(p_xyt: jax.Array, tol: jax.Array, max_steps: int) -> MaximumEntropy:
    wanted = _pair_system.marginals(p_xyt)
    is_possible = _is_possible(wanted)
    smallest = max(_SMALLEST_BARRIER, float(np.finfo(p_xyt.dtype).eps) ** 1.5)

    def is_open(state: _State) -> jax.Array:
        is_sound = jnp.isfinite(jnp.sum(state.table))
        return (state.num_steps < max_steps) & ~state.is_last & is_sound

    def step(state: _State) -> _State:
        table = state.table
        # Cells that have underflowed stay as they are.
        is_moving = is_possible & (table >= float(np.finfo(table.dtype).tiny))
        curvature, push = _barriers.curvature_and_push(table, state.barrier, is_moving)
        pull = curvature * jnp.log(jnp.where(is_moving, table, 1)) - push
        missing = jax.tree.map(jnp.subtract, wanted, _pair_system.marginals(table))
        rhs = jax.tree.map(jnp.add, _pair_system.marginals(pull), missing)
        multipliers = _solve_marginals(curvature, rhs)
        direction = curvature * _pair_system.spread(multipliers) - pull
        length = _barriers.step_length(table, direction)
        moved = table + length * direction
        is_last = (length > 0.5) & (state.barrier <= smallest)
        is_last &= _residual(wanted, moved) <= tol
        return _State(
            table=moved,
            barrier=_barriers.lowered(state.barrier, length, smallest),
            is_last=is_last,
            num_steps=state.num_steps + 1,
        )

    start = _closed_forms.independent_given_target(p_xyt)
    floor = 1e-3 / p_xyt.size
    start = jnp.where(is_possible, jnp.maximum(start, floor), 0)
    last = jax.lax.while_loop(
        is_open,
        step,
        _State(
            table=jnp.where(jnp.isnan(jnp.sum(p_xyt)), jnp.nan, start),
            barrier=jnp.full((), _FIRST_BARRIER, p_xyt.dtype),
            is_last=jnp.zeros((), bool),
            num_steps=jnp.zeros((), int),
        ),
    )
    return MaximumEntropy(
        p_xyt=last.table, num_steps=last.num_steps, converged=last.is_last
    )


@_solve.defjvp
def _solve_jvp(
    max_steps: int,
    primals: tuple[jax.Array, jax.Array],
    tangents: tuple[jax.Array, jax.Array],
) -> tuple[MaximumEntropy, MaximumEntropy]:
    p_xyt, tol = primals
    found = _solve(p_xyt, tol, max_steps)
    is_possible = _is_possible(_pair_system.marginals(p_xyt))
    # Of the optimality conditions, log q = sum of multipliers, and of the marginals.
    nothing = jnp.zeros_like(tol)
    curvature, _ = _barriers.curvature_and_push(found.p_xyt, nothing, is_possible)
    multipliers = _solve_marginals(curvature, _pair_system.marginals(tangents[0]))
    tangent = curvature * _pair_system.spread(multipliers)
    return found, MaximumEntropy(
        p_xyt=tangent,
        num_steps=_no_tangent(found.num_steps),
        converged=_no_tangent(found.converged),
    )


def _no_tangent(x: jax.Array) -> Any:
    """What stands for the tangent of an integer."""
    return np.zeros(x.shape, jax.dtypes.float0)


def _is_possible(wanted: _pair_system.Pairs) -> jax.Array:
    return (
        (wanted.xt[:, None, :] > 0)
        & (wanted.yt[None, :, :] > 0)
        & (wanted.xy[:, :, None] > 0)
    )


def _residual(wanted: _pair_system.Pairs, table: jax.Array) -> jax.Array:
    missing = jax.tree.map(jnp.subtract, wanted, _pair_system.marginals(table))
    return functools.reduce(jnp.maximum, [jnp.max(jnp.abs(part)) for part in missing])


def _solve_marginals(
    curvature: jax.Array, rhs: _pair_system.Pairs
) -> _pair_system.Pairs:
    """Multipliers of the three marginals, of which several say the same."""
    sums = _pair_system.marginals(curvature)
    is_free = jax.tree.map(lambda part: jnp.ones(part.shape, bool), sums)
    system = _pair_system.system(curvature, sums.xy, is_free)
    # Redundant equations leave a space of solutions: the least of them, about. A larger
    # cut would take directions that count, where cells are close to zero.
    values, vectors = jnp.linalg.eigh(system.matrix)
    smallest = 8 * float(np.finfo(values.dtype).eps)
    is_kept = values > smallest
    inverse = jnp.where(is_kept, 1 / jnp.where(is_kept, values, 1), 0)
    column = _pair_system.flat(rhs) * system.scale
    projected = inverse * linalg.product(vectors.T, column)
    solution = linalg.product(vectors, projected) * system.scale
    return _pair_system.split(solution, curvature.shape)
