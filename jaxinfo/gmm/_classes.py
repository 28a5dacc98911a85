"""Mutual information of samples and classes, by a mixture for each class."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.gmm import (
    _em_step,
    _estimates,
    _integrals,
    _local,
    _mixtures,
    _options,
    _search,
    _starts,
    _whitening,
)
from jaxinfo.gmm._estimates import Found, Sharing
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Fitting, Sampling
from jaxinfo.gmm._search import Fit, Problem
from jaxinfo.gmm._types import Estimate, GaussianMixture
from jaxinfo.gmm._whitening import Frame

# Members for each dimension, and two more, below which a class is small.
_FEW = 10


@compiled.jit(static_argnames=("num_classes", "block_size"), is_staged=True)
def class_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Mutual information of samples and class labels, with its uncertainty.

    With a Gaussian mixture :math:`p_c` fitted to each class, as in
    `mutual_information`, and the shares :math:`\pi_c` of the classes,

    .. math::
        I(X;C) = \sum_c \pi_c E_{p_c} \Big[ \log p_c(x)
        - \log \sum_b \pi_b p_b(x) \Big] .

    To give classes equal shares whatever their sizes, weight each sample by the inverse
    of the size of its class. Bootstrap replicates reweight all samples, so that the
    shares vary too.

    Classes share what their samples cannot determine. A class whose own mixture
    predicts it no better than the mixture of the largest class, moved to its mean and
    covariance, takes the latter, which has fewer parameters. A class with fewer than
    ``10 * (d + 2)`` samples, or ``num_folds * (d + 2)``, gets one component, whose
    covariance is shrunk towards the pooled within-class covariance by :math:`d + 2`
    pseudo-observations; and it is taken to have the distribution of the largest class
    if the loss of likelihood is no more than chance explains, to within five standard
    deviations, for this class alone and for all small ones together. It then
    contributes no information, and ``standard_error`` includes what it seemed to
    contribute. A larger class is treated in the same way if that is likelier than both
    alternatives, as for heavy tails.

    Differentiable in ``x`` and ``weights``, as `mutual_information` is. Costs
    ``num_classes`` times as much.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        labels: Classes, integers from 0 to ``num_classes - 1``, or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; those without samples are ignored. Static.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: EM runs held in memory at once; ``None`` takes as many as fit in
            2^24 numbers. Static.

    Returns:
        Estimates in nats, ``plugin`` being at most the entropy of the classes.
        ``num_components`` has shape ``(num_classes,)``, zero for empty classes;
        ``mixture`` and ``scores`` have this leading axis. The value is zero if ``x`` is
        constant; NaN if a label is out of range or ``x`` has no density (see `em`).

    Raises:
        ValueError: If ``fitting.num_folds`` or ``fitting.min_components`` is above n.

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
        ...     fitting=gmm.Fitting(max_components=1),
        ... )
        >>> print(result.plugin)  # the entropy of shares 1/4 and 3/4
        0.5623
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    labels = checks.as_labels("labels", labels, "(n,)", n=x.shape[0])
    checks.at_least("num_classes", num_classes, 1)
    return _of_labels(
        key,
        x,
        labels,
        None,
        weights,
        fitting,
        sampling,
        block_size=block_size,
        capacity=num_classes,
    )


@compiled.jit(static_argnames=("num_classes", "block_size"))
def class_mutual_information_matrix(
    key: ArrayLike,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Mutual information of every column of a matrix with every column of labels.

    Entry :math:`(i, j)` is :math:`I(X_i;C_j)` as `class_mutual_information` gives it
    for the two columns and the key ``jax.random.fold_in(key, i * m + j)``.

    Pairs are computed one after the other, or ``block_size`` in parallel.
    Differentiable in ``x`` and ``weights``. Costs :math:`a m` times as much as one
    pair, each with the largest number of classes.

    Args:
        key: Random key.
        x: Samples, for example latents. Shape ``(n, a)``.
        labels: Classes, for example factors. Integers. Shape ``(n, m)``.
        num_classes: Number of classes of each column of ``labels``. Static.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: Pairs computed in parallel; ``None`` computes them one after the
            other. Static.

    Returns:
        Estimates in nats, every field with two leading axes ``(a, m)``; classes are
        padded with empty ones to the largest number.

    Raises:
        TypeError: If ``num_classes`` is not a tuple of ints.
        ValueError: If ``num_classes`` does not have one entry per column of ``labels``,
            or ``fitting.num_folds`` or ``fitting.min_components`` is above n.

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
        ...     fitting=gmm.Fitting(max_components=1),
        ... )
        >>> print(*result.plugin[0])
        1.099 0.00
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    labels = checks.as_labels("labels", labels, "(n, m)", n=x.shape[0])
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
    checks.block_size(block_size)
    numbers = jnp.asarray(num_classes)

    def pair(index: jax.Array) -> Estimate:
        return _of_labels(
            jax.random.fold_in(key, index),
            x[:, index // m][:, None],
            labels[:, index % m],
            numbers[index % m],
            weights,
            fitting,
            sampling,
            block_size=None,
            capacity=max(num_classes),
        )

    return _estimates.of_pairs(pair, a, m, block_size=block_size)


class _Classes(NamedTuple):
    """Fits to classes, and the classes.

    Attributes:
        found: The fits.
        num_rows: Rows of each class. Shape ``(c,)``.
        is_small: Whether they are too few for a covariance of its own. Shape ``(c,)``.
    """

    found: Found
    num_rows: jax.Array
    is_small: jax.Array


def _find(
    key: jax.Array,
    x: jax.Array,
    labels: jax.Array,
    num_classes: jax.Array | None,
    weights: ArrayLike | None,
    fitting: Fitting,
    _: Sampling,
    *,
    block_size: int | None,
    capacity: int,
) -> _Classes:
    """Search for the fit to each class: ``capacity`` of them, or as many as told."""
    checks.block_size(block_size)
    fitting, weights = fitting.of(x), _options.weights_of(weights, x)
    end = capacity if num_classes is None else num_classes
    is_wrong = ((labels < 0) | (labels >= end)) & (weights > 0)
    weights = jnp.where(jnp.any(is_wrong), jnp.nan, weights)
    is_trivial = _whitening.is_constant((x,), x, weights)
    x = jnp.where(is_trivial, _whitening.stand_in(x), x)
    groups = labels[None] == jnp.arange(capacity)[:, None]
    num_rows = jnp.sum(groups & (weights > 0)[None], axis=1)
    is_small = num_rows < max(fitting.num_folds, _FEW) * (x.shape[1] + 2)
    limits = jnp.minimum(num_rows, fitting.max_components)
    problem = dataclasses.replace(
        _search.one_group(x, weights, fitting, block_size),
        groups=groups.astype(x.dtype),
        limits=jnp.where(is_small | is_trivial, 1, limits),
    )
    found = _estimates.find(key, problem, is_trivial)
    return _Classes(found, num_rows, is_small)


def _of_classes(
    classes: _Classes,
    key: jax.Array,
    x: jax.Array,
    labels: jax.Array,
    num_classes: jax.Array | None,
    weights: ArrayLike | None,
    fitting: Fitting,
    sampling: Sampling,
    **static: Any,
) -> Estimate:
    """Information about classes."""

    def functional(
        mixtures: GaussianMixture,
        priors: jax.Array,
        numbers: jax.Array,
        nodes: Nodes,
        _: Frame,
    ) -> jax.Array:
        return _integrals.class_information(mixtures, priors, nodes, numbers)

    found, num_rows, is_small = classes
    return _estimates.estimate(
        found,
        functional,
        sampling,
        dim=x.shape[1],
        sharing=Sharing(
            prepare=_prepared,
            decide=lambda fits: _decided(fits, found.problem, num_rows, is_small),
        ),
    )


_of_labels = compiled.staged(
    _find, _of_classes, static_argnames=("block_size", "capacity")
)


class Decision(NamedTuple):
    """What classes share.

    Attributes:
        num_rows: Rows of each class. Shape ``(c,)``.
        is_small: Whether they are too few for a covariance of its own. Shape ``(c,)``.
        is_moved: Whether the class has the shape of the largest one. Shape ``(c,)``.
        is_same: Whether it is taken to be distributed as that is. Shape ``(c,)``.
        largest: Which class that is. Shape ``()``.
    """

    num_rows: jax.Array
    is_small: jax.Array
    is_moved: jax.Array
    is_same: jax.Array
    largest: jax.Array


def _decided(
    fits: Fit, problem: Problem, num_rows: jax.Array, is_small: jax.Array
) -> tuple[Decision, jax.Array, jax.Array]:
    """Give a class the shape of the largest one where its own predicts it no better.

    A Gaussian for each class of few members would make up information about a feature
    that is none. Shapes are chosen by the likelihood of the members, less one for each
    parameter, or by that of held-out ones where there may be several components. Small
    classes are taken to be distributed as the largest one where that is hardly less
    likely, by the chi-squared law of each and of all; what they seem to tell is part of
    the error then.
    """
    dim = fits.place.fit.means.shape[2]
    # Rows far off do not validate, and do not count here either.
    is_near = ~problem.is_far | jnp.all(problem.is_far)
    near = jnp.where(is_near, problem.weights, 0)
    own_weights = _search.group_weights(problem.groups, near)
    shares = jnp.sum(problem.groups * problem.weights[None], axis=1)
    shares = shares / jnp.sum(shares)
    none, every = jnp.zeros_like(is_small), jnp.ones_like(is_small)
    all_own = Decision(num_rows, is_small, none, none, jnp.argmax(shares))
    own, moved, same = (
        _log_likelihoods(_prepared(fits.place.fit, shares, one), own_weights, problem)
        for one in (
            all_own,
            all_own._replace(is_moved=every),
            all_own._replace(is_same=every),
        )
    )
    count = jnp.maximum(num_rows, 1).astype(own.dtype)
    freedom = _em_step.num_features(dim) - 1
    chosen = jnp.maximum(fits.num_components - 1, 0)
    held_out = jnp.take_along_axis(fits.scores, chosen[:, None], axis=1)[:, 0]
    own = jnp.where(fits.num_components == 1, own, held_out + freedom / count)
    gain = count * (jnp.maximum(own, moved) - same)
    gain = jnp.where(is_small & (num_rows > 0), jnp.maximum(gain, 0), 0)
    num_small = jnp.sum(is_small & (num_rows > 0)).astype(own.dtype)
    is_same = is_small & (gain < _by_chance(freedom))
    is_same &= jnp.sum(gain) < _by_chance(freedom * num_small)
    # Where moments say little, as of heavy tails, others may be as the largest, too.
    is_same |= ~is_small & (same > jnp.maximum(own, moved))
    is_same &= (num_rows > 0) & (jnp.arange(is_same.size) != all_own.largest)
    is_moved = (moved > own) & ~is_same
    number = jnp.sum(num_rows).astype(own.dtype)
    chance = freedom * jnp.sum(is_same).astype(own.dtype) / 2
    seen = jnp.maximum(jnp.sum(jnp.where(is_same, gain, 0)) - chance, 0)
    unsure = (seen**2 + chance) / number**2
    decision = all_own._replace(is_moved=is_moved, is_same=is_same)
    return (
        decision,
        jnp.where(
            is_moved | is_same,
            fits.num_components[decision.largest],
            fits.num_components,
        ),
        unsure,
    )


def _by_chance(freedom: ArrayLike) -> jax.Array:
    """Gain of a log-likelihood that parameters make up, with five deviations of it."""
    half = jnp.asarray(freedom) / 2
    return half + 5 * jnp.sqrt(half)


def _log_likelihoods(
    fits: GaussianMixture, weights: jax.Array, problem: Problem
) -> jax.Array:
    """Mean log-likelihoods of the members of classes, ``(c,)``."""

    def one(of: tuple[GaussianMixture, jax.Array]) -> jax.Array:
        fit, weights = of
        return _local.sums(_em_step.density(fit), problem.points, weights)[0]

    values: jax.Array = jax.lax.map(one, (fits, weights))
    return values


def _prepared(
    fits: GaussianMixture, shares: jax.Array, decision: Decision
) -> GaussianMixture:
    """Let classes share what they have too few rows to tell.

    Small ones, of one component, draw their covariance towards the pooled one. By what
    was decided, they take the mixture of the largest class, or that moved to their mean
    and covariance.
    """
    means, covariances = jax.vmap(_mixtures.moments_of)(fits)
    offsets = fits.means - means[:, None]
    pooled = jnp.sum(shares[:, None, None] * covariances, axis=0)
    count = jnp.where(decision.is_small, decision.num_rows, 0).astype(means.dtype)
    shrunk = _starts.draw_towards(pooled, covariances, count)
    is_small = decision.is_small[:, None, None]
    factors = linalg.cholesky(jnp.where(is_small, shrunk, covariances))
    own = fits._replace(
        scale_trils=jnp.where(is_small[:, None], factors[:, None], fits.scale_trils)
    )
    largest = jax.tree.map(lambda leaf: leaf[decision.largest], fits)
    maps = linalg.product(
        factors, linalg.invert_factor(factors[decision.largest])[None]
    )
    moves = linalg.product(maps[:, None], offsets[decision.largest][None, :, :, None])[
        ..., 0
    ]
    moved = GaussianMixture(
        log_weights=jnp.broadcast_to(largest.log_weights, fits.log_weights.shape),
        means=means[:, None] + moves,
        scale_trils=linalg.product(maps[:, None], largest.scale_trils[None]),
    )

    def choose(own: jax.Array, moved: jax.Array, same: jax.Array) -> jax.Array:
        shape = -1, *[1] * (own.ndim - 1)
        own = jnp.where(decision.is_moved.reshape(shape), moved, own)
        return jnp.where(decision.is_same.reshape(shape), same[None], own)

    chosen: GaussianMixture = jax.tree.map(choose, own, moved, largest)
    return chosen
