"""Fits from data alone, with a given or a chosen number of components."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import _arguments, _em, _estimates, _frame, _options
from jaxinfo.gmm._search import State
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
    regularization: ArrayLike = 1e-6,
) -> FitResult:
    r"""Fit a Gaussian mixture with a given number of components.

    For 1, 2, ... components EM runs from several starts: two that split the heaviest
    component of the fit before, the others by k-means++. The likeliest after 12 steps
    goes on to ``tol``, and Newton steps take the last fit to the fixed point.
    The likelihood climbed is :math:`\sum_n s_n \log p(x_n) / \sum_n s_n`, as in `em`.

    Differentiable in ``x`` and ``weights``, by the implicit derivative of the fixed
    point. Costs :math:`O(k)` times as much as `em` from ``num_inits`` starts.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        num_components: Number of components, at most n. Static.
        num_inits: Starts of each number of components. Static.
        weights: Weights of the samples, not negative. Shape ``(n,)``.
        tol: Gain of a step, in nats, below which EM stops.
        max_steps: Most steps of each fit. Static.
        regularization: Share of the data's covariance that is added to each
            component's.

    Returns:
        The fit; ``num_steps`` counts those of the last run. Data without a density
        (see `em`) give NaN.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, ``num_components`` is below 1
            or above n, or ``num_inits`` or ``max_steps`` below 1.

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
    _arguments.num_components("num_components", num_components, x.shape[0])
    weights = _arguments.weights(weights, x)
    settings = _options.settings(
        x,
        max_components=num_components,
        # One lane that trains on all rows, and no failure that would end the search.
        criterion="bic",
        num_inits=num_inits,
        num_folds=2,
        patience=num_components + 1,
        min_gain=0.0,
        tol=tol,
        max_steps=max_steps,
        regularization=regularization,
    )
    problem = _estimates.problem(x, weights, settings)
    problem = problem._replace(limits=jnp.full((1,), num_components))

    def complete(states: State) -> FitResult:
        # All numbers were tried, and the last one is wanted.
        states = states._replace(
            best=states.last,
            failures=jnp.full_like(states.failures, settings.patience),
        )
        of_groups = _estimates.fits(problem, states, settings)
        fit = jax.tree.map(lambda leaf: leaf[0], of_groups)
        result = _em.result(
            fit.moments,
            problem.frame,
            problem.points,
            weights,
            settings.stopping.regularization,
        )
        missing = num_components - fit.moments.shape[0]
        return result._replace(
            mixture=_estimates.pad(result.mixture, num_components),
            num_steps=fit.num_steps,
            converged=fit.converged,
            collapsed=jnp.pad(result.collapsed, (0, missing)),
        )

    return _estimates.staged(key, problem, settings, complete)


@compiled.jit(
    static_argnames=(
        "max_components",
        "criterion",
        "num_inits",
        "num_folds",
        "patience",
        "max_steps",
    )
)
def select(
    key: ArrayLike,
    x: ArrayLike,
    *,
    max_components: int,
    criterion: str = "validation",
    num_inits: int = 4,
    num_folds: int = 5,
    patience: int = 1,
    min_gain: ArrayLike = 1e-4,
    tol: ArrayLike = 1e-5,
    max_steps: int = 300,
    regularization: ArrayLike = 1e-6,
    weights: ArrayLike | None = None,
) -> Selection:
    r"""Fit a Gaussian mixture and choose its number of components.

    Scores of 1, 2, ... components k, in nats a sample, larger being better: with the
    mean log-likelihood :math:`\ell`, :math:`N` samples and
    :math:`P = k (1 + d + d(d+1)/2) - 1` parameters,

    .. math::
        \text{validation: } \ell \text{ of held-out folds}, \qquad
        \text{aic: } \ell - P / N, \qquad
        \text{bic: } \ell - P \log(N) / 2N .

    The search ends after ``patience`` successive failures to beat the best score by
    ``min_gain``, and the best score wins. All data are then fitted from the solution
    of each fold, the likeliest fit is kept, and Newton steps take it to its fixed
    point.

    Differentiable in ``x`` and ``weights`` through the final fit, by the implicit
    derivative of its fixed point; scores, and the number that they choose, are not.
    Costs ``num_folds * (12 * num_inits + steps)`` steps of `em` for each number tried.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        max_components: Where the search ends at the latest. Static.
        criterion: ``"validation"``, ``"aic"`` or ``"bic"``. Static.
        num_inits: Starts of each fit. Static.
        num_folds: Folds of the validation, at least 2. Static.
        patience: Successive failures that end the search. Static.
        min_gain: Gain of a score, in nats, that is no failure.
        tol: Gain of a step, in nats, below which EM stops.
        max_steps: Most steps of a fit. Static.
        regularization: Share of the data's covariance that is added to each
            component's.
        weights: Weights of the samples, not negative. Shape ``(n,)``.

    Returns:
        The mixture and how it was chosen. Data without a density (see `em`) give NaN.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, or ``num_folds`` above n.

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
        >>> chosen = gmm.select(jax.random.key(1), x, max_components=4)
        >>> print(chosen.num_components)
        3
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    weights = _arguments.weights(weights, x)
    settings = _options.settings(
        x,
        max_components=max_components,
        criterion=criterion,
        num_inits=num_inits,
        num_folds=num_folds,
        patience=patience,
        min_gain=min_gain,
        tol=tol,
        max_steps=max_steps,
        regularization=regularization,
    )
    problem = _estimates.problem(x, weights, settings)

    def complete(states: State) -> Selection:
        of_groups = _estimates.fits(problem, states, settings)
        fit = jax.tree.map(lambda leaf: leaf[0], of_groups)
        result = _em.result(
            fit.moments,
            problem.frame,
            problem.points,
            weights,
            settings.stopping.regularization,
        )
        return Selection(
            mixture=_estimates.pad(result.mixture, max_components),
            num_components=fit.num_components,
            scores=fit.scores - _frame.log_det(problem.frame),
            log_likelihood=result.log_likelihood,
            num_steps=fit.num_steps,
            converged=fit.converged & jnp.isfinite(result.log_likelihood),
        )

    return _estimates.staged(key, problem, settings, complete)
