"""UniBound: bounds on what is unique to single latents."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo import pid
from jaxinfo._numerics import checks, compiled, guarded, linalg
from jaxinfo._numerics.shards import AxisName
from jaxinfo.disentanglement import (
    _aggregators,
    _densities,
    _factors,
    _latent_information,
    _streams,
)
from jaxinfo.disentanglement._types import UniBound, UniBoundScores


@compiled.jit(static_argnames=("num_classes", "num_samples", "block_size"))
def unibound(
    key: ArrayLike,
    means: ArrayLike,
    log_variances: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    logits: ArrayLike | None = None,
    num_samples: int | None = None,
    block_size: int | None = None,
) -> UniBound:
    r"""UniBound: how much of each factor one latent captures that no others do.

    The information of latent l about factor k, next to all other latents, splits into
    unique, redundant and complementary (synergistic) parts, which lie within
    `pid.bounds` whatever measure is chosen. The score is the mean over factors of the
    largest lower bound of the unique part,

    .. math::
        \frac1K \sum_k \max_l \frac{[I(y_k;z_l) - I(y_k;z_{\setminus l})]_+}{H(y_k)} ,

    and the other bounds give the other scores. It falls where latents duplicate each
    other, which scores of single latents, such as the mutual information gap, hardly
    detect.

    The informations are those of `latent_information`, from one sample for each of
    ``num_samples`` points and the posteriors of all points. The maximum over noisy
    latents is too large, and with few samples so is the score.

    Differentiable in means and log variances, as samples move with them; categorical
    latents have the derivative of their densities, not of their draws. Costs are those
    of `latent_information`.

    Args:
        key: Random key.
        means: Means of the posteriors of a whole data set. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.
        factors: Factors of variation of the data points, integers from 0 to
            ``num_classes[k] - 1``, or booleans. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        logits: Logits of further, categorical latents. Shape ``(n, e, c)``.
        num_samples: Number of samples; None is one for each point. Points are taken in
            random order, each as often as the others. Static.
        block_size: Samples held in memory at once; None is 16. Static.

    Returns:
        Scores between 0 and 1, with bounds for each latent (Gaussian ones first) and
        factor, as shares of the entropy of the factor. A factor with one value has
        shares of 0. NaN if a factor has an out-of-range label or a posterior is not
        finite.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, sections 4 and 5.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> factors = jnp.stack(jnp.meshgrid(jnp.arange(4), jnp.arange(4)), -1)
        >>> factors = factors.reshape(16, 2)
        >>> # One latent for each factor, and one more that repeats the first.
        >>> means = 9.0 * factors[:, jnp.array([0, 1, 0])].astype(float)
        >>> result = disentanglement.unibound(
        ...     jax.random.key(0), means, 0 * means, factors, num_classes=(4, 4)
        ... )
        >>> print(result.bounds.lower.unique_x.round(2))
        [[0. 0.]
         [0. 1.]
         [0. 0.]]
        >>> print(result.bounds.lower.redundant[:, 0].round(2))
        [1. 0. 1.]
    """
    return of_data(
        key,
        means,
        log_variances,
        factors,
        num_classes=num_classes,
        logits=logits,
        num_samples=num_samples,
        block_size=block_size,
    )


def of_data(
    key: ArrayLike,
    means: ArrayLike,
    log_variances: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    logits: ArrayLike | None,
    num_samples: int | None,
    block_size: int | None,
    axis_name: AxisName = None,
) -> UniBound:
    """`unibound`, of whose samples each of several devices takes some."""
    key = checks.as_key("key", key)
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    if logits is not None:
        logits = checks.as_float("logits", logits, "(n, e, c)", n=means.shape[0])
        means, log_variances, logits = checks.promote(means, log_variances, logits)
    read = _factors.read(factors, num_classes, means.shape[0])
    order, draw = jax.random.split(key)
    points = _points(order, means.shape[0], num_samples)
    posteriors = _densities.factorised(means, log_variances, logits)
    return _bound(
        _densities.sample_factorised(draw, posteriors, points),
        points,
        posteriors,
        read,
        _densities.of_factorised,
        block_size,
        axis_name,
    )


@compiled.jit(static_argnames=("num_classes", "num_samples", "block_size"))
def full_unibound(
    key: ArrayLike,
    means: ArrayLike,
    scale_trils: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    num_samples: int | None = None,
    block_size: int | None = None,
) -> UniBound:
    r"""UniBound of posteriors with full covariances.

    .. math::
        \frac1K \sum_k \max_l \frac{[I(y_k;z_l) - I(y_k;z_{\setminus l})]_+}{H(y_k)} ,

    and the other scores of `unibound`, from the informations of
    `full_latent_information`: latents that depend on each other, such as those of
    `redundancy_attack`, need their joint density.

    Differentiable in means and factors of the covariances, as samples move with them.
    Costs are those of `full_latent_information`.

    Args:
        key: Random key.
        means: Means of the posteriors of a whole data set. Shape ``(n, d)``.
        scale_trils: Cholesky factors of their covariances, with positive diagonals.
            Shape ``(n, d, d)``.
        factors: Factors of variation of the data points. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        num_samples: Number of samples; None is one for each point. Static.
        block_size: Samples held in memory at once; None is 16. Static.

    Returns:
        Scores between 0 and 1, as for `unibound`.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, sections 4 to 6.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> factors = jnp.arange(40)[:, None] % 4
        >>> means = 9.0 * jnp.pad(factors, ((0, 0), (0, 1))).astype(float)
        >>> scale_trils = jnp.tile(jnp.eye(2), (40, 1, 1))
        >>> result = disentanglement.full_unibound(
        ...     jax.random.key(0), means, scale_trils, factors, num_classes=(4,)
        ... )
        >>> print(result.score.round(2))
        1.0
    """
    key = checks.as_key("key", key)
    means, scale_trils = _latent_information.read_full(means, scale_trils)
    read = _factors.read(factors, num_classes, means.shape[0])
    order, draw = jax.random.split(key)
    points = _points(order, means.shape[0], num_samples)
    noise = jax.random.normal(draw, (points.shape[0], means.shape[1]), means.dtype)
    moved = linalg.product(jnp.tril(scale_trils)[points], noise[:, :, None])
    return _bound(
        means[points] + moved[:, :, 0],
        points,
        _densities.full(means, scale_trils),
        read,
        _densities.of_full,
        block_size,
    )


@compiled.jit
def unibound_scores(
    single: ArrayLike, rest: ArrayLike, joint: ArrayLike, factor_entropies: ArrayLike
) -> UniBoundScores:
    r"""UniBound scores from given information of each latent, of all others and of all.

    Informations are divided by the entropy of the factor and clipped to [0, 1]; the
    scores are means over factors of the largest bound of a latent by `pid.bounds`, the
    mean information of all latents, and the mean difference of the largest and the
    second largest information of single latents (MIG).

    .. math::
        \text{score} = \frac1K \sum_k \max_l [a_{lk} - b_{lk}]_+, \qquad
        \text{gap} = \frac1K \sum_k (a_{(1)k} - a_{(2)k}) .

    Differentiable (where latents tie, and at the ends of [0, 1], one of the one-sided
    derivatives or a mean of them). Costs :math:`O(d k)`.

    Args:
        single: Information of each latent and factor, in nats. Shape ``(d, k)``.
        rest: Information of all latents but one. Shape ``(d, k)``.
        joint: Information of all latents. Shape ``(k,)``.
        factor_entropies: Entropies of the factors; zero gives shares of 0. Shape
            ``(k,)``.

    Returns:
        Scores between 0 and 1; NaN if an information is not finite.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, section 4; Chen et al., `Isolating
        sources of disentanglement in variational autoencoders
        <https://arxiv.org/abs/1802.04942>`_, 2018, equation 6.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> scores = disentanglement.unibound_scores(
        ...     jnp.array([[0.5], [0.1]]), jnp.array([[0.1], [0.5]]), jnp.array([0.6]),
        ...     jnp.array([1.0]),
        ... )
        >>> print(scores.score, scores.upper, scores.latents)
        0.4 0.5 [0]
    """
    single, rest = checks.as_floats("(d, k)", single=single, rest=rest)
    num_factors = single.shape[1]
    joint = checks.as_float("joint", joint, "(k,)", k=num_factors)
    entropies = checks.as_float(
        "factor_entropies", factor_entropies, "(k,)", k=num_factors
    )
    single, rest, joint, entropies = checks.promote(single, rest, joint, entropies)
    shares = _shares(single, rest, joint, entropies)
    return _scores(shares, _bounds_of(shares))


@compiled.jit(static_argnames=("num_classes", "block_size"))
def unibound_penalty(
    key: ArrayLike,
    means: ArrayLike,
    log_variances: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    temperature: ArrayLike = 0.1,
    block_size: int | None = None,
) -> jax.Array:
    r"""Smooth negative UniBound, to be minimised in training.

    With :math:`D_{lk} = (I(y_k;z_l) - I(y_k;z_{\setminus l})) / H(y_k)`,

    .. math::
        -\frac1K \sum_k \sum_l
        \operatorname{softmax}_l(D_{lk} / \tau) \, D_{lk} .

    On a batch, each sample's own posterior weighs more than in the data set, so that
    all informations are biased upwards: the penalty is an objective, not an estimate.

    Differentiable in means and log variances, as samples move with them. Costs are
    those of `latent_information`.

    Args:
        key: Random key.
        means: Means of the posteriors of a batch. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.
        factors: Factors of variation of the batch. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        temperature: Temperature :math:`\tau` of the maximum over latents, a share of an
            entropy. Positive scalar.
        block_size: Samples held in memory at once; None is 16. Static.

    Returns:
        Penalty, dimensionless, between about -1 and 1; a factor with one value adds 0.
        NaN where `unibound` is. Shape ``()``.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, section 4, for the score; that its
        maximum is smooth here is a departure.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> factors = jnp.arange(40)[:, None] % 4
        >>> means = 9.0 * jnp.pad(factors, ((0, 0), (0, 1))).astype(float)
        >>> penalty, slope = jax.value_and_grad(
        ...     disentanglement.unibound_penalty, argnums=1
        ... )(jax.random.key(0), means, 0 * means, factors, num_classes=(4,))
        >>> print(penalty.round(2))
        -1.0
    """
    key = checks.as_key("key", key)
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    temperature = checks.as_scalar("temperature", temperature, means.dtype)
    temperature = jnp.where(temperature > 0, temperature, jnp.nan)
    read = _factors.read(factors, num_classes, means.shape[0])
    checks.block_size(block_size)
    posteriors = _densities.factorised(means, log_variances, None)
    points = jnp.arange(means.shape[0])
    terms = _streams.terms(
        _densities.sample_factorised(key, posteriors, points),
        read,
        posteriors,
        read,
        _densities.of_factorised,
        block_size=block_size,
    )
    information = _latent_information.summarise(terms, read, read)
    advantage = guarded.quotient(
        information.single - information.rest, information.factor_entropies[None]
    )
    weights = jax.nn.softmax(advantage / temperature, axis=0)
    return -jnp.mean(jnp.sum(weights * advantage, axis=0))


def _points(key: jax.Array, n: int, num_samples: int | None) -> jax.Array:
    """Data points to draw from, each as often as the others, ``(m,)``."""
    if num_samples is None:
        return jnp.arange(n)
    checks.at_least("num_samples", num_samples, 1)
    return jax.random.permutation(key, n)[jnp.arange(num_samples) % n]


def _bound(
    samples: jax.Array,
    points: jax.Array,
    posteriors: Any,
    read: _factors.Factors,
    log_densities_fn: Callable[[jax.Array, Any], jax.Array],
    block_size: int | None,
    axis_name: AxisName = None,
) -> UniBound:
    checks.block_size(block_size)
    of_samples = read._replace(labels=read.labels[points])
    terms = _streams.terms(
        samples,
        of_samples,
        posteriors,
        read,
        log_densities_fn,
        block_size=block_size,
        axis_name=axis_name,
    )
    information = _latent_information.summarise(terms, of_samples, read)
    entropies = information.factor_entropies
    shares = _shares(information.single, information.rest, information.joint, entropies)
    bounds = _bounds_of(shares)
    scores = _scores(shares, bounds)

    num_latents = information.single.shape[0]
    index = scores.latents[None, None]
    best, others = (
        jnp.take_along_axis(terms.surprise, place, axis=1)[:, 0]
        for place in (index, index + num_latents)
    )
    advantage = guarded.quotient(best - others, entropies[None])
    return UniBound(
        **scores._asdict(),
        standard_error=_latent_information.standard_error(jnp.mean(advantage, axis=1)),
        bounds=bounds,
        information=information,
    )


class _Shares(NamedTuple):
    """Informations as shares of the entropies of factors, between 0 and 1."""

    single: jax.Array
    rest: jax.Array
    joint: jax.Array


def _shares(
    single: jax.Array, rest: jax.Array, joint: jax.Array, entropies: jax.Array
) -> _Shares:
    def share(information: jax.Array, entropies: jax.Array) -> jax.Array:
        # That of samples which are impossible in their class would be clipped to zero.
        known = jnp.where(jnp.isfinite(information), information, jnp.nan)
        return jnp.clip(guarded.quotient(known, entropies), 0, 1)

    return _Shares(
        share(single, entropies[None]),
        share(rest, entropies[None]),
        share(joint, entropies),
    )


def _bounds_of(shares: _Shares) -> pid.Bounds:
    of_latents = jax.vmap(pid.bounds)
    joint = jnp.broadcast_to(shares.joint[None], shares.single.shape)
    return jax.vmap(of_latents)(shares.single, shares.rest, joint)


def _scores(shares: _Shares, bounds: pid.Bounds) -> UniBoundScores:
    def score(of_latents: jax.Array) -> jax.Array:
        return jnp.mean(jnp.max(of_latents, axis=0))

    return UniBoundScores(
        score=score(bounds.lower.unique_x),
        upper=score(bounds.upper.unique_x),
        redundant_lower=score(bounds.lower.redundant),
        redundant_upper=score(bounds.upper.redundant),
        synergistic_lower=score(bounds.lower.synergistic),
        synergistic_upper=score(bounds.upper.synergistic),
        informativeness=jnp.mean(shares.joint),
        gap=_aggregators.mutual_information_gap(
            shares.single, jnp.ones_like(shares.joint)
        ),
        latents=jnp.argmax(shares.single - shares.rest, axis=0),
    )
