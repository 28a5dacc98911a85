"""Differential entropy and divergence of samples, by the mixture fitted to them."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import _arguments, _densities, _estimates, _integrals, _options
from jaxinfo.gmm._frame import Frame
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._types import Entropy, GaussianMixture, KLDivergence

_DIRECTIONS = ("forward", "reverse")


@compiled.jit(static_argnames=_options.STATIC)
def entropy(
    key: ArrayLike,
    x: ArrayLike,
    *,
    max_components: int = 16,
    criterion: str = "validation",
    num_inits: int = 4,
    num_folds: int = 5,
    patience: int = 1,
    min_gain: ArrayLike = 1e-4,
    tol: ArrayLike = 1e-5,
    max_steps: int = 300,
    regularization: ArrayLike = 1e-6,
    weights: ArrayLike | None = None,
    num_bootstrap: int = 50,
    resampling: str = "dirichlet",
    num_nodes: int = 1024,
    num_shifts: int = 8,
    block_size: int | None = None,
) -> Entropy:
    r"""Differential entropy of a sample, with its uncertainty.

    With a Gaussian mixture :math:`p` fitted to the sample, as in `mutual_information`,

    .. math::
        h(X) = -E_p[\log p(x)] .

    Adds :math:`\log |\det A|` when ``x`` is mapped by a matrix :math:`A`. The sampling
    bias of ``value`` is negative, and ``mean`` is free of it.

    Differentiable in ``x`` and ``weights``, and of the same cost, as
    `mutual_information`. Costs grow with the dimension as :math:`d^2`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        max_components: Where the search ends at the latest. Static.
        criterion: ``"validation"``, ``"aic"`` or ``"bic"``, see `select`. Static.
        num_inits: Starts of each fit. Static.
        num_folds: Folds of the validation, at least 2. Static.
        patience: Successive failures that end the search. Static.
        min_gain: Gain of a score, in nats, that is no failure.
        tol: Gain of a step of EM, in nats, below which a fit stops.
        max_steps: Most steps of a fit. Static.
        regularization: Share of the data's covariance that is added to each
            component's.
        weights: Weights of the samples, not negative. Shape ``(n,)``.
        num_bootstrap: Replicates; with 0, ``mean`` is ``value`` and ``std`` is
            ``jackknife_std``. Static.
        resampling: Weights of replicates: ``"dirichlet"``, or ``"counts"`` of draws
            with replacement. Static.
        num_nodes: Quasi Monte Carlo nodes of a component, a power of two; unused up to
            two dimensions. Static.
        num_shifts: Independent shifts of these nodes, at least 2. Static.
        block_size: Runs of EM held at once; ``None`` takes as
            many as need 2^24 numbers. Static.

    Returns:
        Estimates in nats, of any sign. Data without a density (constant or duplicated
        columns, n at most d) or with a NaN give NaN.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, ``num_bootstrap`` is 1, ``num_nodes`` no power of two, or
            ``num_folds`` above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 2.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x = jax.random.normal(jax.random.key(0), (1000, 1))
        >>> result = gmm.entropy(jax.random.key(1), x, max_components=1)
        >>> print(result.mean)  # log(2 pi e) / 2 = 1.419
        1.4
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    settings, sampling = _options.read(
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
        num_bootstrap=num_bootstrap,
        resampling=resampling,
        num_nodes=num_nodes,
        num_shifts=num_shifts,
        block_size=block_size,
    )
    dim = x.shape[1]
    problem = _estimates.problem(x, _arguments.weights(weights, x), settings)
    log_scale = jnp.sum(jnp.log(problem.frame.scale))

    def functional(mixtures: GaussianMixture, _: jax.Array, nodes: Nodes) -> jax.Array:
        only = jax.tree.map(lambda leaf: leaf[0], mixtures)
        return _integrals.entropy(only, nodes) + log_scale

    key_nodes, key_fit = jax.random.split(key)
    estimated = _estimates.estimate(
        key_fit,
        problem,
        functional,
        _estimates.level(key_nodes, problem.points, dim, sampling),
        settings,
        sampling,
    )
    return Entropy(**_estimates.only_group(estimated)._asdict())


@compiled.jit(static_argnames=(*_options.STATIC, "direction"))
def marginal_kl_divergence(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    direction: str = "forward",
    max_components: int = 16,
    criterion: str = "validation",
    num_inits: int = 4,
    num_folds: int = 5,
    patience: int = 1,
    min_gain: ArrayLike = 1e-4,
    tol: ArrayLike = 1e-5,
    max_steps: int = 300,
    regularization: ArrayLike = 1e-6,
    weights: ArrayLike | None = None,
    num_bootstrap: int = 50,
    resampling: str = "dirichlet",
    num_nodes: int = 1024,
    num_shifts: int = 8,
    block_size: int | None = None,
) -> KLDivergence:
    r"""Kullback-Leibler divergence between the marginals of two paired samples.

    With a Gaussian mixture fitted to the joint sample, as in `mutual_information`, and
    its marginals :math:`p_x` and :math:`p_y`,

    .. math::
        D(p_x \| p_y) = E_{p_x}[\log p_x - \log p_y] ,

    or the reverse. Unchanged by one affine map of both samples.

    Differentiable in the samples and ``weights``, and of the same cost, as
    `mutual_information`. Costs grow with the dimension as :math:`d^2`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        y: Samples of the other variable, in the same order and units. Shape
            ``(n, d)``.
        direction: ``"forward"`` or ``"reverse"``. Static.
        max_components: Where the search ends at the latest. Static.
        criterion: ``"validation"``, ``"aic"`` or ``"bic"``, see `select`. Static.
        num_inits: Starts of each fit. Static.
        num_folds: Folds of the validation, at least 2. Static.
        patience: Successive failures that end the search. Static.
        min_gain: Gain of a score, in nats, that is no failure.
        tol: Gain of a step of EM, in nats, below which a fit stops.
        max_steps: Most steps of a fit. Static.
        regularization: Share of the data's covariance that is added to each
            component's.
        weights: Weights of the samples, not negative. Shape ``(n,)``.
        num_bootstrap: Replicates; with 0, ``mean`` is ``value`` and ``std`` is
            ``jackknife_std``. Static.
        resampling: Weights of replicates: ``"dirichlet"``, or ``"counts"`` of draws
            with replacement. Static.
        num_nodes: Quasi Monte Carlo nodes of a component, a power of two; unused up to
            two dimensions. Static.
        num_shifts: Independent shifts of these nodes, at least 2. Static.
        block_size: Runs of EM held at once; ``None`` takes as
            many as need 2^24 numbers. Static.

    Returns:
        Estimates in nats, of which ``value`` is not negative up to
        ``integration_error``. Data without a density give NaN.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, ``num_bootstrap`` is 1, ``num_nodes`` no power of two, or
            ``num_folds`` above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023; the option
        ``include_kl`` of its package.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 1000, 1))
        >>> result = gmm.marginal_kl_divergence(
        ...     jax.random.key(1), x, y + 1.0, max_components=1
        ... )
        >>> print(result.mean)  # 1/2
        0.5
    """
    key = checks.as_key("key", key)
    x, y = checks.as_floats("(n, d)", x=x, y=y)
    checks.one_of("direction", direction, _DIRECTIONS)
    settings, sampling = _options.read(
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
        num_bootstrap=num_bootstrap,
        resampling=resampling,
        num_nodes=num_nodes,
        num_shifts=num_shifts,
        block_size=block_size,
    )
    dim = x.shape[1]
    joint = jnp.concatenate([x, y], axis=1)
    problem = _estimates.problem(joint, _arguments.weights(weights, x), settings)

    def functional(mixtures: GaussianMixture, _: jax.Array, nodes: Nodes) -> jax.Array:
        only = jax.tree.map(lambda leaf: leaf[0], mixtures)
        of_x, of_y = _in_units_of_x(problem.frame, only)
        pair = (of_x, of_y) if direction == "forward" else (of_y, of_x)
        return _integrals.kl_divergence(*pair, nodes)

    key_nodes, key_fit = jax.random.split(key)
    estimated = _estimates.estimate(
        key_fit,
        problem,
        functional,
        _estimates.level(key_nodes, problem.points, dim, sampling),
        settings,
        sampling,
    )
    return KLDivergence(**_estimates.only_group(estimated)._asdict())


def _in_units_of_x(
    frame: Frame, columns: GaussianMixture
) -> tuple[GaussianMixture, GaussianMixture]:
    """Marginals of both halves, from standardised columns to those of the first."""
    dim = columns.means.shape[1] // 2
    of_x = _densities.marginal(columns, tuple(range(dim)))
    of_y = _densities.marginal(columns, tuple(range(dim, 2 * dim)))
    ratio = frame.scale[dim:] / frame.scale[:dim]
    shift = (frame.centre[dim:] - frame.centre[:dim]) / frame.scale[:dim]
    moved = of_y._replace(
        means=shift[None] + ratio[None] * of_y.means,
        scale_trils=ratio[None, :, None] * of_y.scale_trils,
    )
    return of_x, moved
