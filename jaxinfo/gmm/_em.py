"""EM from given parameters: one run, or many at once.

Runs share the points and differ in weights and start: folds, replicates, classes and
starts are all runs. A run that has ended keeps its result, and the others soon go on
without it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm import (
    _em_step,
    _implicit,
    _local,
    _mixtures,
    _options,
    _reasons,
    _whitening,
)
from jaxinfo.gmm._em_step import Density, Rows
from jaxinfo.gmm._local import Place
from jaxinfo.gmm._options import Fitting
from jaxinfo.gmm._reasons import Reason
from jaxinfo.gmm._types import FitResult, GaussianMixture
from jaxinfo.gmm._whitening import Frame

# Share of a variance that is the regularisation, from where on a component is narrow.
_NARROW = 0.25
# Share of weight from where on collapsed components matter.
MUCH = 0.01

Result = TypeVar("Result")
Carry = TypeVar("Carry")


@compiled.jit(static_argnames=("max_steps", "block_size"))
def em(
    mixture: GaussianMixture,
    x: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    tol: ArrayLike = 1e-5,
    max_steps: int = 1000,
    regularization: ArrayLike = 1e-6,
    block_size: int | None = None,
) -> FitResult:
    r"""Fit a Gaussian mixture by weighted expectation-maximisation (EM).

    Each step increases :math:`\ell = \sum_n s_n \log p(x_n) / \sum_n s_n` for weights
    :math:`s_n`. With the responsibilities :math:`r_{nk}`,

    .. math::
        n_k = \sum_n s_n r_{nk}, \qquad
        m_k = \frac{1}{n_k} \sum_n s_n r_{nk} x_n, \qquad
        C_k = \frac{1}{n_k} \sum_n s_n r_{nk} (x_n - m_k)(x_n - m_k)^\top
        + \epsilon \Sigma

    and weights proportional to :math:`n_k`, :math:`\Sigma` being the weighted
    covariance of all data, in which rows more than ten standard deviations off count as
    if ten off. As the regularisation :math:`\epsilon` is relative, EM is equivariant
    under affine maps: data times 1e-9 give the same fit. It stops after a step if the
    log-likelihoods before this step and before the previous one differ by less than
    ``tol``.

    Differentiable in ``x`` and ``weights``, by the implicit derivative of the fixed
    point, exact for a fit that has converged tightly; not in the start, ``tol`` or
    ``regularization``. Costs :math:`O(n k d^2)` time per step, as two matrix products,
    and :math:`n (k + d^2 / 2)` numbers of memory.

    Args:
        mixture: Start, in the units of ``x``; components with a log-weight of ``-inf``
            stay absent.
        x: Samples. Shape ``(n, d)``.
        weights: Weights of the samples, non-negative; weight zero is the same as
            leaving a sample out, integers the same as repeating it. Shape ``(n,)``.
        tol: Gain per step, in nats, below which EM stops. Zero takes exactly
            ``max_steps`` steps; values below 1e-6 are below the rounding error of
            float32.
        max_steps: Maximum number of steps. Static.
        regularization: Share :math:`\epsilon` of the data's covariance that is added
            to each component's.
        block_size: Rows held in memory at once; ``None`` is all, or as many as fit in
            about 2^24 numbers. Static.

    Returns:
        The fit. A step that is not finite is not taken: the last finite parameters are
        returned with ``converged`` false. Singular data (constant or duplicated
        columns, n at most d, a column determined by others to within 16 d machine
        epsilons of its standard deviation), a NaN or infinity in a row of positive
        weight, weights that are negative or all zero give NaN. ``reason`` says which of
        these it was.

    References:
        Dempster, Laird and Rubin, `Maximum likelihood from incomplete data via the EM
        algorithm <https://doi.org/10.1111/j.2517-6161.1977.tb01600.x>`_, 1977; the
        density estimator of Piras et al., `A robust estimator of mutual information
        for deep learning interpretability <https://arxiv.org/abs/2211.00024>`_, 2023,
        section 2, whose regularisation is absolute.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> x = jnp.concatenate([jnp.linspace(-3, -1, 50), jnp.linspace(2, 4, 150)])
        >>> start = gmm.GaussianMixture(
        ...     jnp.log(jnp.array([0.5, 0.5])),
        ...     jnp.array([[-1.0], [1.0]]),
        ...     jnp.ones((2, 1, 1)),
        ... )
        >>> print(*gmm.em(start, x[:, None]).mixture.means[:, 0])
        -2.00 3.00
    """
    checks.block_size(block_size)
    begin, x, weights, fitting = read(
        mixture,
        x,
        weights=weights,
        tol=tol,
        max_steps=max_steps,
        regularization=regularization,
    )
    return run_from(begin, x, weights, fitting, block_size=block_size)


def read(
    mixture: GaussianMixture,
    x: ArrayLike,
    *,
    weights: ArrayLike | None,
    tol: ArrayLike,
    max_steps: int,
    regularization: ArrayLike,
) -> tuple[GaussianMixture, jax.Array, jax.Array, Fitting]:
    """Check the arguments of `em`, and give its arrays one dtype."""
    x = checks.as_float("x", x, "(n, d)")
    mixture = _mixtures.read("mixture", mixture, x.shape[1])
    x, *parameters = checks.promote(x, *mixture)
    fitting = Fitting(
        criterion="bic", max_steps=max_steps, tol=tol, regularization=regularization
    ).of(x)
    return GaussianMixture(*parameters), x, _options.weights_of(weights, x), fitting


def run_from(
    mixture: GaussianMixture,
    x: jax.Array,
    weights: jax.Array,
    fitting: Fitting,
    *,
    block_size: int | None = None,
    axis_name: AxisName = None,
) -> FitResult:
    """`em` of what it has read, or of the rows of one of several devices."""
    frame, points, _, flaw = _whitening.whiten(x, weights, axis_name)
    start_moments = _em_step.from_mixture(
        _whitening.carry_in(frame, mixture), fitting.regularization
    )
    start_moments, fixed_points, fixed_weights = jax.lax.stop_gradient(
        (start_moments, points, weights)
    )
    rows = _em_step.as_rows(
        fixed_points,
        num_components=start_moments.shape[0],
        block_size=block_size,
        axis_name=axis_name,
    )
    begun = start(start_moments, fitting.regularization)
    runs = jax.tree.map(lambda leaf: leaf[None], begun)
    runs = finish(
        runs,
        rows,
        fixed_weights[None],
        fitting.regularization,
        Course(fitting.tol, fitting.max_steps),
    )
    run = jax.tree.map(lambda leaf: leaf[0], runs)
    found = mixture_of(run)
    ridge = _em_step.ridge(found.means, fitting.regularization)
    fit = result(
        found,
        ridge,
        frame,
        points,
        weights,
        block_size=block_size,
        axis_name=axis_name,
    )
    return fit._replace(
        num_steps=run.num_steps,
        converged=run.converged,
        reason=_reasons.first_of(
            invalid=flaw == Reason.INVALID,
            singular=flaw == Reason.SINGULAR,
            broken=~run.converged & (run.num_steps < fitting.max_steps),
            collapsed=jnp.any(fit.collapsed),
            steps_ran_out=~run.converged,
        ),
    )


class Run(NamedTuple):
    """Where one run of EM stands.

    Attributes:
        moments: Last finite ones. Shape ``(k, q)``.
        density: Of the mixture that they give.
        log_likelihood: Mean log-likelihood before the last step. Shape ``()``.
        num_steps: Steps taken. Shape ``()``.
        converged: Whether the last step gained less than ``tol``. Shape ``()``.
        is_running: Whether there is more to do. Shape ``()``.
    """

    moments: jax.Array
    density: Density
    log_likelihood: jax.Array
    num_steps: jax.Array
    converged: jax.Array
    is_running: jax.Array


class Course(NamedTuple):
    """How far runs go.

    Attributes:
        tol: Gain below which one has converged. Scalar.
        max_steps: Most steps. Scalar.
        number: From where on components are absent, or ``None``. Scalar.
    """

    tol: ArrayLike
    max_steps: ArrayLike
    number: jax.Array | None = None


def start(moments: jax.Array, regularization: ArrayLike) -> Run:
    """A run before its first step."""
    density = _em_step.density_of(*_em_step.parameters(moments, regularization))
    return Run(
        moments=moments,
        density=density,
        log_likelihood=jnp.asarray(-jnp.inf, moments.dtype),
        num_steps=jnp.zeros((), int),
        converged=jnp.zeros((), bool),
        is_running=_em_step.is_finite(density),
    )


def mixture_of(run: Run) -> GaussianMixture:
    """The mixture where a run stands."""
    factors = linalg.invert_factor(run.density.whiteners)
    return _em_step.mixture_of(run.density, factors)


def finish(
    runs: Run,
    rows: Rows,
    weights: jax.Array,
    regularization: ArrayLike,
    course: Course,
    block_size: int | None = None,
) -> Run:
    """Take runs ``(r, ...)``, with weights ``(r, n)``, to their ends.

    Side by side until the last ends, as many as may be held at once.
    """
    return until_all_end(
        lambda run, weights: _advance(run, rows, weights, regularization, course),
        lambda run: run.is_running,
        runs,
        weights,
        at_once=runs_at_once(rows.points, runs.moments.shape[1], block_size),
    )


def until_all_end(
    step: Callable[[Carry, jax.Array], Carry],
    is_open: Callable[[Carry], jax.Array],
    runs: Carry,
    weights: jax.Array,
    *,
    at_once: int,
) -> Carry:
    """Step runs ``(r, ...)``, with weights ``(r, n)``, until none is open.

    Side by side, so that those that have ended go on stepping, unless there are more
    than ``at_once``.
    """

    def alone(run: Carry, weights: jax.Array) -> Carry:
        last: Carry = jax.lax.while_loop(is_open, lambda run: step(run, weights), run)
        return last

    if at_once < weights.shape[0]:
        return over_runs(alone, runs, weights, at_once=at_once)
    together: Carry = jax.lax.while_loop(
        lambda runs: jnp.any(jax.vmap(is_open)(runs)),
        lambda runs: jax.vmap(step)(runs, weights),
        runs,
    )
    return together


def _advance(
    run: Run,
    rows: Rows,
    weights: jax.Array,
    regularization: ArrayLike,
    course: Course,
) -> Run:
    """Take one step, unless the run has ended; a step that is not finite ends it."""
    log_likelihood, moments = _em_step.evaluate(
        run.density, rows, weights, course.number
    )
    density = _em_step.density_of(*_em_step.parameters(moments, regularization))
    is_finite = jnp.isfinite(log_likelihood) & _em_step.is_finite(density)
    gain = jnp.abs(log_likelihood - run.log_likelihood)
    num_steps = run.num_steps + 1
    converged = is_finite & (gain < course.tol)
    is_taken = is_finite & run.is_running
    moved = Run(
        moments=moments,
        density=density,
        log_likelihood=log_likelihood,
        num_steps=num_steps,
        converged=converged,
        is_running=~converged & (num_steps < course.max_steps),
    )
    kept = run._replace(is_running=jnp.zeros((), bool))
    chosen: Run = jax.tree.map(
        lambda new, old: jnp.where(is_taken, new, old), moved, kept
    )
    return chosen


def runs_at_once(points: jax.Array, num_components: int, block_size: int | None) -> int:
    """How many runs to hold: as told, or as many as need `LARGEST` numbers."""
    entries = points.shape[0] * num_components
    return block_size or max(1, _em_step.LARGEST // entries)


def over_runs(fn: Callable[..., Result], *runs: Any, at_once: int) -> Result:
    """Apply a function of one run to all of them, ``at_once`` side by side."""
    if at_once >= jax.tree.leaves(runs)[0].shape[0]:
        together: Result = jax.vmap(fn)(*runs)
        return together
    stacked: Result = jax.lax.map(lambda run: fn(*run), runs, batch_size=at_once)
    return stacked


def result(
    fit: GaussianMixture,
    ridge: jax.Array,
    frame: Frame,
    points: jax.Array,
    weights: jax.Array,
    *,
    block_size: int | None = None,
    axis_name: AxisName = None,
) -> FitResult:
    """A fit in the units of the data, as a function of points and weights.

    Steps, convergence and the reason are the caller's to fill in.
    """
    capacity = fit.means.shape[0]
    number = jnp.asarray(capacity)
    fit = _implicit.attach(fit, points, weights, ridge, number, axis_name)
    rows = _em_step.as_rows(
        points,
        num_components=capacity,
        block_size=block_size,
        axis_name=axis_name,
    )
    log_likelihood, _ = _em_step.evaluate(_em_step.density(fit), rows, weights)
    return FitResult(
        mixture=_whitening.carry_out(frame, fit),
        log_likelihood=log_likelihood - _whitening.log_det(frame),
        num_steps=jnp.zeros((), int),
        converged=jnp.zeros((), bool),
        collapsed=collapsed(_local.place(fit, ridge), weights, axis_name),
        reason=jnp.zeros((), jnp.int32),
    )


def collapsed(
    place: Place, weights: jax.Array, axis_name: AxisName = None
) -> jax.Array:
    """Components ``(k,)`` that hold less than a sample, or are as narrow as may be."""
    num_rows = shards.total(jnp.sum(weights > 0), axis_name).astype(weights.dtype)
    is_narrow = jnp.trace(place.blur, axis1=1, axis2=2) > _NARROW
    return (place.mass > 0) & (is_narrow | (place.mass * num_rows < 1))


def has_collapsed(
    run: Run, num_rows: jax.Array, regularization: ArrayLike, far: jax.Array
) -> jax.Array:
    """Whether collapsed components, or such with too few of the rows, hold much weight.

    More than the share ``far`` of rows far from all others, which have such a component
    for themselves.
    """
    mass, means, _ = _em_step.unpack(run.moments)
    share = mass / jnp.sum(mass)
    # What the regularisation adds where components are standard normal; rounding, which
    # is more in single precision, would tell of narrow ones too.
    blur = jnp.sum(run.density.whiteners**2, axis=(1, 2)) * regularization
    is_bad = (blur > _NARROW) | (share * num_rows < means.shape[1] + 2)
    return jnp.sum(jnp.where(is_bad, share, 0)) > MUCH + far
