"""What latents tell about factors, alone, without one, and together."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded
from jaxinfo.disentanglement import _densities, _factors, _streams
from jaxinfo.disentanglement._types import LatentInformation


@compiled.jit(static_argnames=("num_classes", "block_size"))
def latent_information(
    samples: ArrayLike,
    sample_factors: ArrayLike,
    means: ArrayLike,
    log_variances: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    logits: ArrayLike | None = None,
    block_size: int | None = None,
) -> LatentInformation:
    r"""Information about factors in each latent, in all others and in all, by sampling.

    With the posteriors :math:`q(z|x_j)` of a whole data set, a set s of latents has the
    densities

    .. math::
        q(z_s) = \frac1n \sum_j q(z_s|x_j), \qquad
        q(z_s|y_k = v) = \frac1{n_{kv}} \sum_{j: y_{jk} = v} q(z_s|x_j), \\
        I(y_k;z_s) = \frac1m \sum_i \log \frac{q(z_{is}|y_k = y_{ik})}{q(z_{is})} .

    All posteriors are needed: a subset of them, unlike a subset of samples, would bias
    the information badly. One pass gives all sets and factors.

    Differentiable in samples, means, log variances and logits. Costs :math:`O(m n d)`
    exponentials and :math:`O(m n d c)` flops of a matrix product for c classes in all,
    in memory for ``block_size`` samples and 4096 data points at once, in reverse mode
    too.

    Args:
        samples: Samples of the latents, the states of categorical ones (whole numbers
            from 0) last. Shape ``(m, d + e)``.
        sample_factors: Factors of the points that the samples were drawn for. Shape
            ``(m, k)``.
        means: Means of the posteriors of all data points. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.
        factors: Factors of the data points, integers from 0 to ``num_classes[k] - 1``,
            or booleans. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        logits: Logits of further, categorical latents. Shape ``(n, e, c)``.
        block_size: Samples held in memory at once; None is 16. Static.

    Returns:
        Information in nats, which may be negative for few samples, with standard
        errors; a factor with one value, and a posterior that is the same for all
        points, give 0 up to rounding. NaN for factors with a label that is out of range
        or that no data point has, and if a sample or a posterior is not finite or a
        state is invalid; ``-inf`` if a sample is practically impossible in its class,
        as if it was not drawn there.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, section 5. Class probabilities and
        entropies are those of the data, and not of a uniform grid.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> means = jnp.array([[-9.0, 0.0], [-9.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
        >>> factors = jnp.array([[0], [0], [1], [1]])
        >>> information = disentanglement.latent_information(
        ...     means, factors, means, 0 * means, factors, num_classes=(2,)
        ... )
        >>> print(information.single[:, 0], information.rest[:, 0])  # log(2)
        [0.6931 0.    ] [0.     0.6931]
    """
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    n, dim = means.shape
    read = _factors.read(factors, num_classes, n)
    num_latents = dim
    if logits is not None:
        logits = checks.as_float("logits", logits, "(n, e, c)", n=n)
        means, log_variances, logits = checks.promote(means, log_variances, logits)
        num_latents += logits.shape[1]
    samples = checks.as_float("samples", samples, "(m, d)", d=num_latents)
    samples, means, log_variances = checks.promote(samples, means, log_variances)
    of_samples = _read_sample_factors(sample_factors, num_classes, samples.shape[0])
    checks.block_size(block_size)
    terms = _streams.terms(
        samples,
        of_samples,
        _densities.factorised(means, log_variances, logits),
        read,
        _densities.of_factorised,
        block_size=block_size,
    )
    return summarise(terms, of_samples, read)


@compiled.jit(static_argnames=("num_classes", "block_size"))
def full_latent_information(
    samples: ArrayLike,
    sample_factors: ArrayLike,
    means: ArrayLike,
    scale_trils: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    block_size: int | None = None,
) -> LatentInformation:
    r"""Information about factors in latents with full covariances, by sampling.

    That of `latent_information`, where the densities of one latent, and of all others,
    are exact marginals of each posterior: with :math:`w = L^{-1} (z - m)` and :math:`a`
    the column of :math:`L^{-1}` that belongs to latent l,

    .. math::
        \log q(z_{\setminus l}) = -\tfrac12 \left| w - \frac{a^\top w}{|a|^2} a
        \right|^2 - \log (|a| \det L) + \text{const.}

    Differentiable in samples, means and factors of the covariances. Costs :math:`O(m n
    (d^2 + d c))`, in memory for ``block_size`` samples and 4096 data points at once.

    Args:
        samples: Samples of the latents. Shape ``(m, d)``.
        sample_factors: Factors of the points that the samples were drawn for. Shape
            ``(m, k)``.
        means: Means of the posteriors of all data points. Shape ``(n, d)``.
        scale_trils: Cholesky factors of their covariances, with positive diagonals.
            Shape ``(n, d, d)``.
        factors: Factors of the data points. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        block_size: Samples held in memory at once; None is 16. Static.

    Returns:
        Information in nats with standard errors, as for `latent_information`.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, section 5 and, for latents that
        depend on each other, section 6.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> means = jnp.array([[-9.0, 0.0], [-9.0, 0.0], [9.0, 0.0], [9.0, 0.0]])
        >>> factors = jnp.array([[0], [0], [1], [1]])
        >>> scale_trils = jnp.tile(jnp.array([[1.0, 0.0], [0.6, 0.8]]), (4, 1, 1))
        >>> information = disentanglement.full_latent_information(
        ...     means, factors, means, scale_trils, factors, num_classes=(2,)
        ... )
        >>> print(information.single[:, 0], information.rest[:, 0])  # log(2)
        [0.6931 0.    ] [0.     0.6931]
    """
    means, scale_trils = read_full(means, scale_trils)
    read = _factors.read(factors, num_classes, means.shape[0])
    samples = checks.as_float("samples", samples, "(m, d)", d=means.shape[1])
    samples, means, scale_trils = checks.promote(samples, means, scale_trils)
    of_samples = _read_sample_factors(sample_factors, num_classes, samples.shape[0])
    checks.block_size(block_size)
    terms = _streams.terms(
        samples,
        of_samples,
        _densities.full(means, scale_trils),
        read,
        _densities.of_full,
        block_size=block_size,
    )
    return summarise(terms, of_samples, read)


def read_full(means: ArrayLike, scale_trils: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Full Gaussian posteriors."""
    means = checks.as_float("means", means, "(n, d)")
    n, dim = means.shape
    scale_trils = checks.as_float("scale_trils", scale_trils, "(n, d, d)", n=n, d=dim)
    means, scale_trils = checks.promote(means, scale_trils)
    return means, scale_trils


def summarise(
    terms: _streams.Terms, of_samples: _factors.Factors, factors: _factors.Factors
) -> LatentInformation:
    """Means and standard errors of the terms of samples."""
    num_latents = (terms.surprise.shape[1] - 1) // 2
    is_valid = factors.is_valid & of_samples.is_valid
    surprise = jnp.where(is_valid[None, None], terms.surprise, jnp.nan)
    single, rest, joint = (
        surprise[:, :num_latents],
        surprise[:, num_latents:-1],
        surprise[:, -1],
    )
    log_single = jnp.sum(terms.log_density[:, :num_latents], axis=1)
    return LatentInformation(
        single=jnp.mean(single, axis=0),
        rest=jnp.mean(rest, axis=0),
        joint=jnp.mean(joint, axis=0),
        single_error=standard_error(single),
        rest_error=standard_error(rest),
        joint_error=standard_error(joint),
        difference_error=standard_error(single - rest),
        total_correlation=jnp.mean(terms.log_density[:, -1] - log_single),
        factor_entropies=factors.entropies(surprise.dtype),
    )


def standard_error(x: jax.Array) -> jax.Array:
    """That of a mean over the first axis, with the plain variance of the samples."""
    variance = jnp.mean(jnp.square(x - jnp.mean(x, axis=0, keepdims=True)), axis=0)
    return guarded.sqrt(variance / x.shape[0])


def _read_sample_factors(
    sample_factors: ArrayLike, num_classes: tuple[int, ...], m: int
) -> _factors.Factors:
    return _factors.read(sample_factors, num_classes, m, name="sample_factors")
