"""Fits from data alone, with a given or a chosen number of components."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import _em, _local, _options, _reasons, _search, _starts, _whitening
from jaxinfo.gmm._options import Fitting
from jaxinfo.gmm._reasons import Reason
from jaxinfo.gmm._search import Fit, Problem
from jaxinfo.gmm._types import FitResult, Selection


@compiled.jit(static_argnames=("num_components", "num_inits", "max_steps"))
def fit(
    key: ArrayLike,
    x: ArrayLike,
    *,
    num_components: int,
    num_inits: int = 4,
    weights: ArrayLike | None = None,
    tol: ArrayLike = 1e-5,
    max_steps: int = 1000,
    regularization: ArrayLike = 1e-10,
) -> FitResult:
    r"""Fit a Gaussian mixture with a given number of components.

    For 1, 2, ... components EM runs from several starts: two that split the heaviest
    component of the previous fit, the others with equal spheres about rows drawn by
    k-means++. The likeliest after 12 steps is continued to ``tol``, and Newton steps
    take the last fit to the fixed point. The objective is :math:`\sum_n s_n \log p(x_n)
    / \sum_n s_n`, as in `em`.

    Differentiable in ``x`` and ``weights``, by the implicit derivative of the fixed
    point. Costs :math:`O(k)` times as much as `em` from ``num_inits`` starts.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        num_components: Number of components, at most n. Static.
        num_inits: Starts for each number of components. Static.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        tol: Gain per step, in nats, below which EM stops.
        max_steps: Maximum number of steps of each fit. Static.
        regularization: Share of the data's covariance that is added to each
            component's.

    Returns:
        The fit; ``num_steps`` counts the EM steps of the last run. Data without a
        density (see `em`) give NaN.

    Raises:
        ValueError: If ``num_components`` is above n.

    References:
        Verbeek, Vlassis and Kröse, `Efficient greedy learning of Gaussian mixture
        models <https://doi.org/10.1162/089976603762553004>`_, 2003, for growing by one
        component; the split along the widest direction is new here.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> x = jnp.concatenate([jnp.linspace(-3, -1, 50), jnp.linspace(2, 4, 150)])
        >>> result = gmm.fit(jax.random.key(0), x[:, None], num_components=2)
        >>> print(*jnp.sort(result.mixture.means[:, 0]))
        -2.00 3.00
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    _starts.check_num_components(num_components, x.shape[0])
    weights = _options.weights_of(weights, x)
    fitting = Fitting(
        min_components=num_components,
        max_components=num_components,
        # One run that trains on all rows.
        criterion="bic",
        num_inits=num_inits,
        max_steps=max_steps,
        tol=tol,
        regularization=regularization,
    ).of(x)
    problem = _search.one_group(x, weights, fitting)
    # As many as asked for, even if fewer rows have a weight.
    limits = jnp.full_like(problem.limits, num_components)
    problem = dataclasses.replace(problem, limits=limits)

    return _only_fit(key, problem)[1]


@compiled.jit
def select(
    key: ArrayLike,
    x: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
) -> Selection:
    r"""Fit a Gaussian mixture and choose its number of components.

    Scores of 1, 2, ... components k, in nats per sample, larger being better: with the
    mean log-likelihood :math:`\ell`, :math:`N` samples and
    :math:`P = k (1 + d + d(d+1)/2) - 1` parameters,

    .. math::
        \text{validation: } \ell \text{ of held-out folds}, \qquad
        \text{aic: } \ell - P / N, \qquad
        \text{bic: } \ell - P \log(N) / 2N .

    The search ends after ``patience`` successive failures to beat the best score by
    1e-4, and the best score wins. All data are then fitted from the solution of each
    fold, the likeliest fit is kept, and Newton steps take it to its fixed point.

    Differentiable in ``x`` and ``weights`` through the final fit, by the implicit
    derivative of its fixed point; scores, and the number that they choose, are not.
    Costs ``num_folds * (12 * num_inits + steps)`` steps of `em` for each number tried.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and scored, and how far the search goes.

    Returns:
        The mixture and how it was chosen. Data without a density (see `em`) give NaN.

    Raises:
        ValueError: If ``num_folds`` or ``min_components`` is above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 2. There
        starts see the validation rows, and ``patience`` components are taken off the
        last number tried; here the best score wins.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> noise = jax.random.normal(jax.random.key(0), (300, 2))
        >>> x = noise + 5.0 * (jnp.arange(300.0) % 3)[:, None]
        >>> fitting = gmm.Fitting(max_components=4)
        >>> chosen = gmm.select(jax.random.key(1), x, fitting=fitting)
        >>> print(chosen.num_components)
        3
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    weights = _options.weights_of(weights, x)
    problem = _search.one_group(x, weights, fitting.of(x))

    fit, result = _only_fit(key, problem)
    return Selection(
        mixture=result.mixture,
        num_components=fit.num_components,
        scores=fit.scores - _whitening.log_det(problem.frame),
        log_likelihood=result.log_likelihood,
        num_steps=fit.num_steps,
        converged=result.converged,
        reason=result.reason,
    )


def _only_fit(key: jax.Array, problem: Problem) -> tuple[Fit, FitResult]:
    """The fit of the only group, also in the units of the data."""
    groups = jax.lax.stop_gradient(_search.search(key, problem))
    fit: Fit = jax.tree.map(lambda leaf: leaf[0], groups)
    mixture = fit.place.fit
    result = _em.result(
        mixture,
        _local.ridge(mixture.means, problem.fitting.regularization),
        problem.frame,
        problem.points,
        problem.weights,
    )
    reason = _reasons.worse_of(problem.flaw, fit.reason)
    reason = jnp.where(
        (reason == 0) & ~jnp.isfinite(result.log_likelihood), Reason.BROKEN, reason
    )
    return fit, result._replace(
        num_steps=fit.num_steps, converged=reason == 0, reason=reason
    )
