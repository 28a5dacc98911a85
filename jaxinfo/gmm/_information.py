"""Mutual information of samples, by the mixture fitted to them."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import _arguments, _estimates, _integrals, _options
from jaxinfo.gmm._estimates import Estimated
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Sampling
from jaxinfo.gmm._search import Settings
from jaxinfo.gmm._types import GaussianMixture, MutualInformation

Blocks = tuple[jax.Array, ...]


@compiled.jit(static_argnames=_options.STATIC)
def mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
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
) -> MutualInformation:
    r"""Mutual information of two samples, with its uncertainty (GMM-MI).

    A Gaussian mixture :math:`p` is fitted to the joint sample, the number of its
    components chosen by `select`, and

    .. math::
        I(X;Y) = E_p[\log p(x, y) - \log p(x) - \log p(y)]

    taken in closed form (one component), by Gauss-Hermite quadrature (two dimensions)
    or by randomised quasi Monte Carlo. Replicates refit the mixture to random weights
    of the samples; with their informations :math:`I_b`, ``values`` are
    :math:`2 I - I_b`. Invariant under affine maps of ``x`` and of ``y``.

    Which number to report: the sampling bias of ``value`` is positive, about
    :math:`a b / 2n` for one component, and ``mean`` is free of it. Densities with hard
    edges leave the opposite bias, too few components, which ``mean`` cannot see; there
    ``value`` is better. Nothing is clipped: independent data mostly have a negative
    ``mean``, and whether it is zero is for `independence_test` to say. Above 20
    dimensions take thousands of samples, or project first.

    Differentiable in ``x``, ``y`` and ``weights``, by the implicit derivative of the
    fits: ``value``, ``mean``, ``std``, ``values``, ``jackknife_std`` and the mixture,
    for the number of components chosen; how that number changes is not seen. As a loss
    take ``num_bootstrap=0`` and ``value``. Costs
    ``num_folds * (12 * num_inits + steps)`` steps of `em` for each number of components
    tried, and 48 for each replicate.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, a)``.
        y: Samples of the other variable, in the same order. Shape ``(n, b)``.
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
        Estimates in nats. If every column of ``x``, or of ``y``, is constant, exactly
        zero, with a mixture of NaN. Data without a density (y = x, duplicated columns,
        n at most a + b) or with a NaN give NaN, and so does a column that the others
        determine up to :math:`16 d \epsilon` of its variance, with the rounding
        :math:`\epsilon` of the dtype: informations above about 6 nats need float64.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, ``num_bootstrap`` is 1, ``num_nodes`` no power of two, or
            ``num_folds`` above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 2. The
        correction of the bias, the jackknife, quadrature and regularisation relative to
        the data are new here; there the mean of replicates is reported, which doubles
        the sampling bias.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 500, 1))
        >>> result = gmm.mutual_information(
        ...     jax.random.key(1), x, 0.6 * x + 0.8 * noise, max_components=2
        ... )
        >>> print(result.mean, result.std)  # -log(1 - 0.6^2) / 2 = 0.223
        0.20 0.03
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    y = checks.as_float("y", y, "(n, b)", n=x.shape[0])
    x, y = checks.promote(x, y)
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
    return of_blocks(key, (x, y), _arguments.weights(weights, x), settings, sampling)


@compiled.jit(static_argnames=_options.STATIC)
def conditional_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
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
) -> MutualInformation:
    r"""Mutual information of two samples given a third, with its uncertainty.

    With a Gaussian mixture :math:`p` fitted to all three, as in `mutual_information`,

    .. math::
        I(X;Y|Z) = E_p[\log p(x, y, z) + \log p(z) - \log p(x, z) - \log p(y, z)] .

    Differentiable in the samples and ``weights``, and of the same cost, as
    `mutual_information`. Costs grow with the joint dimension d as :math:`d^2`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, a)``.
        y: Samples. Shape ``(n, b)``.
        z: Samples of what is given. Shape ``(n, c)``.
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
        ``integration_error``. If every column of ``x``, or of ``y``, is constant,
        exactly zero. Data without a density give NaN, as does a constant column of
        ``z``: leave it out.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, ``num_bootstrap`` is 1, ``num_nodes`` no power of two, or
            ``num_folds`` above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023; its package takes
        scalars ``x`` and ``y`` only.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, y, z = jax.random.normal(jax.random.key(0), (3, 500, 1))
        >>> result = gmm.conditional_mutual_information(
        ...     jax.random.key(1), x + z, y + z, z, max_components=1
        ... )
        >>> print(result.mean)  # independent given z
        -0.0005
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    y = checks.as_float("y", y, "(n, b)", n=x.shape[0])
    z = checks.as_float("z", z, "(n, c)", n=x.shape[0])
    x, y, z = checks.promote(x, y, z)
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
    weights_of_rows = _arguments.weights(weights, x)
    return of_blocks(key, (x, y, z), weights_of_rows, settings, sampling)


def of_blocks(
    key: jax.Array,
    blocks: Blocks,
    weights: jax.Array,
    settings: Settings,
    sampling: Sampling,
) -> MutualInformation:
    """Information of checked blocks ``x, y``, given those after them."""
    key_nodes, key = jax.random.split(key)
    joint = jnp.concatenate(blocks, axis=1)
    x, y, *given = _places(blocks)
    is_trivial = is_constant(blocks[:2], joint, weights)
    problem = _estimates.problem(
        jnp.where(is_trivial, stand_in(joint), joint),
        jnp.where(is_trivial, 1, weights),
        settings,
    )
    problem = problem._replace(limits=jnp.where(is_trivial, 1, problem.limits))

    def functional(mixtures: GaussianMixture, _: jax.Array, nodes: Nodes) -> jax.Array:
        only = jax.tree.map(lambda leaf: leaf[0], mixtures)
        return _integrals.information(only, x, y, sum(given, ()), nodes)

    estimated = _estimates.estimate(
        key,
        problem,
        functional,
        _estimates.level(key_nodes, joint, joint.shape[1], sampling),
        settings,
        sampling,
    )
    estimated = zero_where(is_trivial, _estimates.only_group(estimated))
    return MutualInformation(**estimated._asdict())


def is_constant(blocks: Blocks, joint: jax.Array, weights: jax.Array) -> jax.Array:
    """Whether all columns of one block are constant, in data that are valid."""
    is_used = weights > 0
    first = jnp.argmax(is_used)
    constant = [
        jnp.all((block == block[first][None]) | ~is_used[:, None]) for block in blocks
    ]
    is_valid = jnp.all(jnp.isfinite(joint) | ~is_used[:, None])
    is_valid = is_valid & jnp.all(jnp.isfinite(weights)) & jnp.any(is_used)
    return jnp.any(jnp.stack(constant)) & is_valid


def stand_in(x: jax.Array) -> jax.Array:
    """Data of the same shape that have a density, for a fit that is not used."""
    n, dim = x.shape
    # Waves of frequencies that are spread by the golden ratio, so that no two are near.
    shares = jnp.arange(1, dim + 1, dtype=x.dtype) * ((5**0.5 - 1) / 2)
    frequencies = jnp.pi * (shares - jnp.floor(shares))
    return jnp.cos(jnp.arange(n, dtype=x.dtype)[:, None] * frequencies[None])


def zero_where(is_trivial: jax.Array, estimated: Estimated) -> Estimated:
    """An estimate that is exactly zero, with no mixture behind it, where told."""
    zero = estimated._replace(
        mean=jnp.zeros_like(estimated.mean),
        std=jnp.zeros_like(estimated.std),
        values=jnp.zeros_like(estimated.values),
        num_components=jnp.minimum(estimated.num_components, 1),
        converged=jnp.ones_like(estimated.converged),
        num_steps=jnp.zeros_like(estimated.num_steps),
        value=jnp.zeros_like(estimated.value),
        jackknife_std=jnp.zeros_like(estimated.jackknife_std),
        integration_error=jnp.zeros_like(estimated.integration_error),
        num_failed=jnp.zeros_like(estimated.num_failed),
        mixture=jax.tree.map(
            lambda leaf: jnp.full_like(leaf, jnp.nan), estimated.mixture
        ),
        scores=jnp.full_like(estimated.scores, -jnp.inf),
    )
    chosen: Estimated = jax.tree.map(
        lambda one, other: jnp.where(is_trivial, one, other), zero, estimated
    )
    return chosen


def _places(blocks: Blocks) -> list[tuple[int, ...]]:
    """Columns of the blocks in their concatenation."""
    ends = [
        sum(block.shape[1] for block in blocks[: i + 1]) for i in range(len(blocks))
    ]
    return [
        tuple(range(end - block.shape[1], end))
        for end, block in zip(ends, blocks, strict=True)
    ]
