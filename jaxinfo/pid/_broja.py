"""Unique information by an optimum over tables, with a certificate."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, logspace
from jaxinfo.pid import _barriers, _certificates, _closed_forms, _pair_system, _tables
from jaxinfo.pid._types import CertifiedDecomposition

_FIRST_BARRIER = 0.1


@compiled.jit(static_argnames=("max_steps",))
def broja(
    p_xyt: ArrayLike, *, tol: ArrayLike | None = None, max_steps: int = 40
) -> CertifiedDecomposition:
    r"""Decomposition of Bertschinger et al. (BROJA), with a certified interval.

    Unique information depends only on the joint distributions of each source with the
    target: the union information is

    .. math::
        I_\cup = R + U_x + U_y = \min_Q I_Q(X, Y; T) \quad \text{over tables } Q
        \text{ with } Q(x, t) = p(x, t),\ Q(y, t) = p(y, t) .

    No atom is negative. A barrier method takes Newton steps; each of them gives an
    upper value, from a table that has exactly these marginals, and a lower one, from
    multipliers :math:`a(x, t), b(y, t)`:

    .. math::
        I_\cup \ge \sum_{xt} p(x, t) a(x, t) + \sum_{yt} p(y, t) b(y, t) + H(T)
        - \max_{xy} \log \sum_t e^{a(x, t) + b(y, t)} .

    The interval between the best of both is widened to allow for rounding, and contains
    the optimum however many steps were taken.

    Differentiable once: by the envelope theorem :math:`\partial I_\cup / \partial
    p(x, y, t) = a(x, t) + b(y, t) - \log p(t)`, with an error of about the square root
    of the gap (5e-5 at 1e-6); zero, instead of infinite, where x or y never occurs with
    t; where sources tie, one of several derivatives. Costs :math:`O((t (x + y) + x
    y)^3)` per step, with about fifteen steps; meant for up to a thousand pairs of
    states.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.
        tol: Width of the interval at which the iteration stops, in nats. Positive
            scalar; None is 1e-6, or 1024 machine epsilons where that is more (1.22e-4
            in float32).
        max_steps: Maximum number of Newton steps. Static.

    Returns:
        Atoms in nats, non-negative up to rounding, with the interval; all NaN, and not
        converged, if an entry is negative or the sum differs from 1 by more than the
        square root of machine epsilon. Where rounding prevents ``tol`` from being
        reached, the steps run out and ``converged`` is False; the interval is still
        valid. Shapes ``()``.

    References:
        Bertschinger et al., `Quantifying unique information
        <https://arxiv.org/abs/1311.2852>`_, 2014, equations 3 to 6. The multipliers are
        those of the marginals in Makkeh, Theis and Vicente, `Bivariate partial
        information decomposition: the optimization perspective
        <https://doi.org/10.3390/e19100530>`_, 2017.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures, pid
        >>> logical_and = jnp.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]]) / 4
        >>> atoms = pid.broja(logical_and)
        >>> print(measures.nats_to_bits(atoms.redundant).round(3))
        0.311
        >>> print(atoms.converged)
        True
    """
    p_xyt = _tables.read(p_xyt)
    checks.at_least("max_steps", max_steps, 0)
    tol = _certificates.read_tolerance(tol, p_xyt.dtype)
    eps = float(np.finfo(p_xyt.dtype).eps)
    rounding = jnp.asarray(8 * eps * (1 + np.log(p_xyt.shape[2])), p_xyt.dtype)
    width = _certificates.width_before_rounding(tol, rounding)
    alone = _tables.informations(p_xyt)
    found = _minimize(*jax.lax.stop_gradient((p_xyt, alone, width)), max_steps)

    p_t = jnp.sum(p_xyt, axis=(0, 1))
    problem = _problem(jax.lax.stop_gradient(p_xyt))
    gradient = _pair_system.spread(found.multipliers) - logspace.log(p_t)[None, None]
    gradient = jnp.where(problem.is_possible, gradient, 0)
    union = _certificates.with_gradient(found.upper, p_xyt, gradient)
    return _certificates.certified(
        alone, union, found.lower, found.upper, found.num_steps, tol, rounding
    )


class _Problem(NamedTuple):
    """The marginals to keep, and the cells that they leave."""

    p_xt: jax.Array
    p_yt: jax.Array
    p_t: jax.Array
    is_possible: jax.Array
    is_free: _pair_system.Pairs


class _State(NamedTuple):
    """A table on its way, and the best that was certified."""

    table: jax.Array
    barrier: jax.Array
    lower: jax.Array
    upper: jax.Array
    multipliers: _pair_system.Pairs
    num_steps: jax.Array


def _problem(p_xyt: jax.Array) -> _Problem:
    p_xt, p_yt = jnp.sum(p_xyt, axis=1), jnp.sum(p_xyt, axis=0)
    likeliest = jnp.arange(p_xt.shape[0])[:, None] == jnp.argmax(p_xt, axis=0)[None, :]
    return _Problem(
        p_xt=p_xt,
        p_yt=p_yt,
        p_t=jnp.sum(p_xt, axis=0),
        is_possible=(p_xt[:, None, :] > 0) & (p_yt[None, :, :] > 0),
        # A number added to the multipliers of (x, t) and taken from those of (y, t) for
        # all x and y changes nothing: one of them is held at zero for each t.
        is_free=_pair_system.Pairs(
            xt=~likeliest,
            yt=jnp.ones(p_yt.shape, bool),
            xy=jnp.ones(p_xyt.shape[:2], bool),
        ),
    )


def _minimize(
    p_xyt: jax.Array, alone: _tables.Informations, tol: jax.Array, max_steps: int
) -> _State:
    problem = _problem(p_xyt)
    smallest_barrier = max(1e-13, float(np.finfo(p_xyt.dtype).eps))

    def is_open(state: _State) -> jax.Array:
        is_sound = jnp.isfinite(jnp.sum(state.table))
        is_wide = state.upper - state.lower > tol
        return (state.num_steps < max_steps) & is_wide & is_sound

    def step(state: _State) -> _State:
        directions, multipliers = _newton(problem, state.table, state.barrier)
        lowers = jax.vmap(lambda pairs: _lower(problem, pairs))(multipliers)
        uppers = jax.vmap(lambda change: _upper(problem, state.table + change))(
            directions
        )
        best = jnp.argmax(jnp.where(jnp.isnan(lowers), -jnp.inf, lowers))
        is_better = lowers[best] > state.lower
        # The first direction minds the barrier, and is the one to follow.
        length = _barriers.step_length(state.table, directions[0])
        return _State(
            table=state.table + length * directions[0],
            barrier=_barriers.lowered(state.barrier, length, smallest_barrier),
            lower=jnp.where(is_better, lowers[best], state.lower),
            upper=jnp.fmin(state.upper, jnp.min(uppers)),
            multipliers=jax.tree.map(
                lambda new, old: jnp.where(is_better, new[best], old),
                multipliers,
                state.multipliers,
            ),
            num_steps=state.num_steps + 1,
        )

    is_x_better = alone.x >= alone.y
    start = _State(
        table=_closed_forms.independent_given_target(p_xyt),
        barrier=jnp.full((), _FIRST_BARRIER, p_xyt.dtype),
        lower=jnp.maximum(alone.x, alone.y),
        upper=jnp.minimum(alone.x + alone.y, alone.xy),
        # Those that prove that the union is what the better source tells.
        multipliers=_pair_system.Pairs(
            xt=jnp.where(is_x_better, _log_given(problem.p_xt), 0),
            yt=jnp.where(is_x_better, 0, _log_given(problem.p_yt)),
            xy=jnp.zeros_like(p_xyt[:, :, 0]),
        ),
        num_steps=jnp.zeros((), int),
    )
    last: _State = jax.lax.while_loop(is_open, step, start)
    return last


def _newton(
    problem: _Problem, table: jax.Array, barrier: jax.Array
) -> tuple[jax.Array, _pair_system.Pairs]:
    """Newton directions ``(2, x, y, t)``, with and without barrier, and multipliers.

    Those of ``sum Q log(Q / q) - barrier sum log Q``, q the sums over the target. Both
    have the curvatures with the barrier.
    """
    # Cells that have underflowed stay as they are.
    is_possible = problem.is_possible & (table >= float(np.finfo(table.dtype).tiny))
    curvature, pushed = _barriers.curvature_and_push(table, barrier, is_possible)
    q = jnp.sum(table, axis=2, keepdims=True)
    log_table, log_q = (
        jnp.log(jnp.where(is_possible, total, 1)) for total in (table, q)
    )
    pulled = curvature * (log_table - log_q)
    # Curvature times gradient, without dividing the barrier by a probability.
    pulls = jnp.stack([pulled - pushed, pulled])

    # The unknown of (x, y) is the change of log q. What its diagonal lacks of the sum
    # of curvatures is added up, as the difference would cancel.
    system = _pair_system.system(curvature, -jnp.sum(pushed, axis=2), problem.is_free)
    missing = _pair_system.Pairs(
        xt=problem.p_xt - jnp.sum(table, axis=1),
        yt=problem.p_yt - jnp.sum(table, axis=0),
        xy=jnp.zeros_like(q[:, :, 0]),
    )
    rhs = jax.vmap(
        lambda pull: jax.tree.map(jnp.add, _pair_system.marginals(pull), missing)
    )(pulls)
    unknowns = _pair_system.solve(system, rhs, table.shape)
    directions = curvature[None] * jax.vmap(_pair_system.spread)(unknowns) - pulls
    # Where curvatures underflow there is no equation: what a source alone would certify
    # there keeps such rare states from spoiling the bound.
    sums = _pair_system.marginals(curvature)
    log_xt, log_yt = _log_given(problem.p_xt), _log_given(problem.p_yt)
    multipliers = _pair_system.Pairs(
        xt=jnp.where(sums.xt[None] > 0, unknowns.xt, log_xt[None]),
        yt=jnp.where(sums.yt[None] > 0, unknowns.yt, log_yt[None]),
        # That of (x, y) is no part of a certificate.
        xy=jnp.zeros_like(unknowns.xy),
    )
    return directions, multipliers


def _lower(problem: _Problem, multipliers: _pair_system.Pairs) -> jax.Array:
    """Value that multipliers certify as no more than the optimum."""
    of_cells = _pair_system.spread(multipliers)
    of_cells = jnp.where(problem.is_possible, of_cells, -jnp.inf)
    largest = jnp.max(jax.nn.logsumexp(of_cells, axis=2))
    linear = jnp.sum(problem.p_xt * multipliers.xt) + jnp.sum(
        problem.p_yt * multipliers.yt
    )
    return linear - jnp.sum(logspace.xlogx(problem.p_t)) - largest


def _upper(problem: _Problem, table: jax.Array) -> jax.Array:
    """Information of a table after it was brought onto the marginals."""
    table = jnp.where(problem.is_possible, jnp.maximum(table, 0), 0)
    sums = jnp.sum(table, axis=1)
    table = table * jnp.minimum(guarded.quotient(problem.p_xt, sums), 1)[:, None, :]
    sums = jnp.sum(table, axis=0)
    table = table * jnp.minimum(guarded.quotient(problem.p_yt, sums), 1)[None, :, :]
    # What is still missing is filled in as if x and y were independent.
    missing_x = jnp.maximum(problem.p_xt - jnp.sum(table, axis=1), 0)
    missing_y = jnp.maximum(problem.p_yt - jnp.sum(table, axis=0), 0)
    share = guarded.quotient(missing_y, jnp.sum(missing_y, axis=0, keepdims=True))
    table = table + missing_x[:, None, :] * share[None, :, :]

    q, p_t = jnp.sum(table, axis=2, keepdims=True), problem.p_t[None, None, :]
    log_product = logspace.log(q) + logspace.log(p_t)
    return jnp.sum(logspace.relative_entropy(table, q * p_t, log_product))


def _log_given(p_st: jax.Array) -> jax.Array:
    """Logarithm of the probability of the target given a source; zero if impossible."""
    is_zero = p_st == 0
    given = p_st / jnp.where(is_zero, 1, jnp.sum(p_st, axis=1, keepdims=True))
    return jnp.log(jnp.where(is_zero, 1, given))
