"""Mutual information of samples and classes, by a mixture for each class."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import (
    _arguments,
    _estimates,
    _information,
    _integrals,
    _lanes,
    _moments,
    _options,
    _starts,
)
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Sampling
from jaxinfo.gmm._search import Settings
from jaxinfo.gmm._types import GaussianMixture, MutualInformation

_PRIORS = ("empirical", "uniform")


@compiled.jit(static_argnames=(*_options.STATIC, "num_classes", "prior"))
def class_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    prior: str = "empirical",
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
    r"""Mutual information of a sample and its classes, with its uncertainty.

    With a Gaussian mixture :math:`p_c` fitted to each class, as in
    `mutual_information`, and the shares :math:`\pi_c` of the classes,

    .. math::
        I(X;C) = \sum_c \pi_c E_{p_c} \Big[ \log p_c(x)
        - \log \sum_b \pi_b p_b(x) \Big] .

    A class of fewer than ``num_folds * (d + 2)`` samples gets one component, whose
    covariance is drawn towards the pooled one within classes by :math:`d + 2`
    pseudo-observations. Replicates weight all samples, so that the shares vary too.

    Differentiable in ``x`` and ``weights``, as `mutual_information` is. Costs
    ``num_classes`` times as much.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        labels: Classes, integers from 0 to ``num_classes - 1``, or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; those without samples count for nothing. Static.
        prior: ``"empirical"`` takes the shares of the sample, ``"uniform"`` equal ones
            for the classes present. Static.
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
        Estimates in nats, ``value`` being at most the entropy of the classes.
        ``num_components`` has shape ``(num_classes,)``, zero for empty classes;
        ``mixture`` and ``scores`` have this leading axis. Zero if ``x`` is constant;
        NaN if a label is out of range or ``x`` has no density (see `em`).

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, labels are not integers, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, ``num_bootstrap`` is 1, ``num_nodes`` no power of two, or
            ``num_folds`` above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, appendix A, where
        classes have equal shares whatever the sample says.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> labels = jnp.arange(400) % 4 == 0
        >>> shift = jnp.where(labels, 20.0, 0.0)[:, None]
        >>> noise = jax.random.normal(jax.random.key(0), (400, 1))
        >>> result = gmm.class_mutual_information(
        ...     jax.random.key(1),
        ...     noise + shift,
        ...     labels,
        ...     num_classes=2,
        ...     max_components=1,
        ... )
        >>> print(result.value)  # the entropy of shares 1/4 and 3/4
        0.5623
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    labels = checks.as_classes("labels", labels, "(n,)", n=x.shape[0])
    checks.at_least("num_classes", num_classes, 1)
    checks.one_of("prior", prior, _PRIORS)
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
    return _of_labels(
        key,
        x,
        labels,
        jnp.asarray(num_classes),
        _arguments.weights(weights, x),
        settings,
        sampling,
        capacity=num_classes,
        prior=prior,
    )


@compiled.jit(static_argnames=(*_options.STATIC, "num_classes"))
def class_mutual_information_matrix(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: tuple[int, ...],
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
    r"""Mutual information of every column of a matrix with every set of classes.

    Entry :math:`(i, j)` is :math:`I(X_i;C_j)` as `class_mutual_information` gives it
    for the two columns and the key ``jax.random.fold_in(key, i * m + j)``.

    Pairs run one after the other, or ``block_size`` side by side. Differentiable in
    ``x`` and ``weights``. Costs :math:`a m` times as much as one pair, each with the
    largest number of classes.

    Args:
        key: Random key.
        x: Samples, for example latents. Shape ``(n, a)``.
        labels: Classes, for example factors. Integers. Shape ``(n, m)``.
        num_classes: Number of classes of each column of ``labels``. Static.
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
        block_size: Pairs that run side by side; ``None`` takes one after the other.
            Static.

    Returns:
        Estimates in nats, every field with two leading axes ``(a, m)``; classes are
        padded with empty ones to the largest number.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, labels are not integers, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, ``num_bootstrap`` is 1, ``num_nodes`` no power of two, or
            ``num_folds`` above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, appendix A.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> labels = jnp.stack([jnp.arange(300) % 3, jnp.arange(300) // 150], axis=1)
        >>> noise = jax.random.normal(jax.random.key(0), (300, 1))
        >>> result = gmm.class_mutual_information_matrix(
        ...     jax.random.key(1),
        ...     noise + 20.0 * labels[:, :1].astype(float),
        ...     labels,
        ...     num_classes=(3, 2),
        ...     max_components=1,
        ... )
        >>> print(*result.value[0])
        1.099 0.00
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    labels = checks.as_classes("labels", labels, "(n, m)", n=x.shape[0])
    a, m = x.shape[1], labels.shape[1]
    if not isinstance(num_classes, tuple):
        raise TypeError(
            "Expected `num_classes` to be a tuple of ints, got "
            f"{type(num_classes).__name__}."
        )
    if len(num_classes) != m:
        raise ValueError(
            f"Expected `num_classes` to have {m} entries, one for each column of "
            f"`labels`, got {len(num_classes)}."
        )
    for number in num_classes:
        checks.at_least("num_classes", number, 1)
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
        block_size=None,
    )
    checks.block_size(block_size)
    weights_of_rows = _arguments.weights(weights, x)
    numbers = jnp.asarray(num_classes)

    def pair(index: jax.Array) -> MutualInformation:
        return _of_labels(
            jax.random.fold_in(key, index),
            x[:, index // m][:, None],
            labels[:, index % m],
            numbers[index % m],
            weights_of_rows,
            settings,
            sampling,
            capacity=max(num_classes),
            prior="empirical",
        )

    flat = _lanes.in_turn(pair, jnp.arange(a * m), block_size=block_size)
    matrix: MutualInformation = jax.tree.map(
        lambda leaf: leaf.reshape(a, m, *leaf.shape[1:]), flat
    )
    return matrix


def _of_labels(
    key: jax.Array,
    x: jax.Array,
    labels: jax.Array,
    num_classes: jax.Array,
    weights: jax.Array,
    settings: Settings,
    sampling: Sampling,
    *,
    capacity: int,
    prior: str,
) -> MutualInformation:
    """Information of checked arguments, with room for ``capacity`` classes."""
    is_wrong = ((labels < 0) | (labels >= num_classes)) & (weights > 0)
    weights = jnp.where(jnp.any(is_wrong), jnp.nan, weights)
    is_trivial = _information.is_constant((x,), x, weights)
    x = jnp.where(is_trivial, _information.stand_in(x), x)
    groups = labels[None] == jnp.arange(capacity)[:, None]
    num_rows = jnp.sum(groups & (weights > 0)[None], axis=1)
    is_small = num_rows < settings.num_folds * (x.shape[1] + 2)
    limits = jnp.minimum(num_rows, settings.max_components)
    problem = _estimates.problem(x, weights, settings)._replace(
        groups=groups.astype(x.dtype),
        limits=jnp.where(is_small | is_trivial, 1, limits),
    )

    def functional(
        mixtures: GaussianMixture, shares: jax.Array, nodes: Nodes
    ) -> jax.Array:
        if prior == "uniform":
            number = jnp.sum(shares != 0).astype(shares.dtype)
            shares = jnp.where(shares == 0, 0, 1 / number)
        return _integrals.class_information(mixtures, shares, nodes)

    def prepare(fits: jax.Array, shares: jax.Array) -> jax.Array:
        return _shrunk(fits, shares, jnp.where(is_small, num_rows, -1))

    key_nodes, key = jax.random.split(key)
    estimated = _estimates.estimate(
        key,
        problem,
        functional,
        _estimates.level(key_nodes, x, x.shape[1], sampling),
        settings,
        sampling,
        prepare=prepare,
    )
    estimated = _information.zero_where(is_trivial, estimated)
    return MutualInformation(**estimated._asdict())


def _shrunk(fits: jax.Array, shares: jax.Array, num_rows: jax.Array) -> jax.Array:
    """Draw small classes, of one component, towards the pooled covariance.

    ``num_rows`` is negative for the classes that stay as they are.
    """
    capacity = fits.shape[1]
    # The raw moments of a fit sum to those of its data.
    raw = jnp.sum(jax.vmap(_moments.to_raw)(fits), axis=1)
    mass, means, covariances = _moments.unpack(_moments.from_raw(raw))
    pooled = jnp.sum(shares[:, None, None] * covariances, axis=0)
    count = jnp.maximum(num_rows, 0).astype(fits.dtype)
    shrunk = _starts.draw_towards(pooled, covariances, count)
    single = _moments.pack(mass, means, shrunk)
    padded = jnp.pad(single[:, None], ((0, 0), (0, capacity - 1), (0, 0)))
    return jnp.where(num_rows[:, None, None] >= 0, padded, fits)
