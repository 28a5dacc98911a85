"""Overlaps of Gaussian posteriors."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled, linalg, logspace
from jaxinfo.fingerprint import _hellinger
from jaxinfo.fingerprint._hellinger import Overlap

# Posteriors whose variances differ by a factor of e^40 have no overlap in any precision
# in the sense of Kullback and Leibler, as exp(-exp(40) / 2) is zero.
_LARGEST_LOG_RATIO = 40.0


@compiled.jit
def gaussian_overlaps(means: ArrayLike, log_variances: ArrayLike) -> jax.Array:
    r"""Bhattacharyya coefficients of diagonal Gaussian posteriors.

    With :math:`\bar\sigma^2_{ijk} = (\sigma_{ik}^2 + \sigma_{jk}^2) / 2`,

    .. math::
        B_{ij} = \int \sqrt{p(u|x_i) p(u|x_j)}\, du = \prod_k
        \sqrt{\frac{\sigma_{ik} \sigma_{jk}}{\bar\sigma^2_{ijk}}}
        \exp\left(-\frac{(\mu_{ik} - \mu_{jk})^2}{8 \bar\sigma^2_{ijk}}\right) .

    Differentiable in both arguments. Costs :math:`O(n^2 d)` time and :math:`O(n^2)`
    memory, in reverse mode too.

    Args:
        means: Means of the posteriors. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.

    Returns:
        Overlaps, between 0 and 1, symmetric, 1 on the diagonal. Shape ``(n, n)``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> means = jnp.array([[0.0], [2.0]])
        >>> print(fingerprint.gaussian_overlaps(means, jnp.zeros((2, 1))))
        [[1.     0.6065]
         [0.6065 1.    ]]
    """
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    parameters = _hellinger.standardised(means, log_variances)
    return _hellinger.overlaps_of_products(_hellinger.gaussian, parameters)


@compiled.jit
def full_gaussian_overlaps(means: ArrayLike, scale_trils: ArrayLike) -> jax.Array:
    r"""Bhattacharyya coefficients of Gaussian posteriors with full covariances.

    With :math:`\bar\Sigma = (\Sigma_i + \Sigma_j) / 2` and
    :math:`\delta = \mu_i - \mu_j`,

    .. math::
        -\log B_{ij} = \tfrac18 \delta^\top \bar\Sigma^{-1} \delta
        + \tfrac12 \log
        \frac{\det\bar\Sigma}{\sqrt{\det\Sigma_i \det\Sigma_j}} .

    Differentiable in both arguments. Costs :math:`O(n^2 d^3)` time and :math:`O(n^2)`
    memory, in reverse mode too.

    Args:
        means: Means of the posteriors. Shape ``(n, d)``.
        scale_trils: Cholesky factors of their covariances, with positive diagonals;
            only the lower triangles are read. Shape ``(n, d, d)``.

    Returns:
        Overlaps, between 0 and 1, symmetric, 1 on the diagonal; NaN where the mean of
        two covariances is singular to rounding. Shape ``(n, n)``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> means, scale_trils = 2.0 * jnp.eye(2), jnp.stack([jnp.eye(2)] * 2)
        >>> print(fingerprint.full_gaussian_overlaps(means, scale_trils))
        [[1.     0.3679]
         [0.3679 1.    ]]
    """
    means = checks.as_float("means", means, "(n, d)")
    n, d = means.shape
    scale_trils = checks.as_float("scale_trils", scale_trils, "(n, d, d)", n=n, d=d)
    means, scale_trils = checks.promote(means, jnp.tril(scale_trils))
    # A typical deviation of each latent as its unit, so that no square overflows.
    deviations = jnp.max(jnp.abs(scale_trils), axis=2)
    power = _hellinger.unit_power(logspace.log(deviations))
    means = _hellinger.scaled_down(means, power)
    scale_trils = _hellinger.scaled_down(scale_trils, power[:, :, None])
    covariances = jnp.matmul(
        scale_trils, scale_trils.mT, precision=jax.lax.Precision.HIGHEST
    )
    log_dets = linalg.log_det_of_factor(scale_trils)
    parameters = (means, covariances, log_dets, jnp.arange(n))

    def block(rows: tuple[jax.Array, ...], _: jax.Array) -> tuple[None, jax.Array]:
        mean, covariance, log_det, index = rows
        between = (covariance[:, None] + covariances[None]) / 2
        factor = jnp.linalg.cholesky(between, symmetrize_input=False)
        difference = (mean[:, None] - means[None])[..., None]
        whitened = linalg.solve_factor(factor, difference)[..., 0]
        log_ratio = linalg.log_det_of_factor(factor) - (
            (log_det[:, None] + log_dets[None]) / 2
        )
        distance = jnp.sum(whitened**2, axis=2) / 8 + log_ratio / 2
        # The determinants of a posterior and itself agree to rounding only.
        is_own = index[:, None] == jnp.arange(n)[None]
        own = jnp.where(jnp.isnan(distance), distance, 0)
        return None, jnp.exp(-jnp.where(is_own, own, distance))

    size = blocks.default_size(n * d * d, means.dtype.itemsize)
    return blocks.over_rows(block, parameters, block_size=size)[1]


@compiled.jit
def gaussian_kl_overlaps(means: ArrayLike, log_variances: ArrayLike) -> jax.Array:
    r"""Exponentials of negative KL divergences between diagonal Gaussian posteriors.

    .. math::
        B_{ij} = e^{-D(p_i \| p_j)}, \quad D(p_i \| p_j) = \sum_k
        \frac{(\mu_{ik} - \mu_{jk})^2}{2 \sigma_{jk}^2}
        + \frac{e^{x_{ijk}} - 1 - x_{ijk}}{2}, \quad
        x_{ijk} = \log \frac{\sigma_{ik}^2}{\sigma_{jk}^2} .

    With these overlaps, ``information`` is an upper bound. Differentiable in both
    arguments. Costs :math:`O(n^2 d)` time and :math:`O(n^2)` memory, in reverse mode
    too.

    Args:
        means: Means of the posteriors. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.

    Returns:
        Overlaps, between 0 and 1, not symmetric, 1 on the diagonal. Shape ``(n, n)``.

    References:
        Kolchinsky and Tracey, `Estimating mixture entropy with pairwise distances
        <https://doi.org/10.3390/e19070361>`_, 2017, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> means = jnp.array([[0.0], [2.0]])
        >>> print(fingerprint.gaussian_kl_overlaps(means, jnp.zeros((2, 1))))
        [[1.     0.1353]
         [0.1353 1.    ]]
    """
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    parameters = kl_parameters(means, log_variances)
    return _hellinger.overlaps_of_products(kl_overlap, parameters)


def kl_parameters(
    means: jax.Array, log_variances: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """What ``kl_overlap`` takes, from posteriors of shape ``(n, d)``."""
    return *_hellinger.standardised(means, log_variances), log_variances


def kl_overlap(
    mean_i: jax.Array,
    _: jax.Array,
    log_variance_i: jax.Array,
    mean_j: jax.Array,
    scale_j: jax.Array,
    log_variance_j: jax.Array,
) -> Overlap:
    """Exponential of a negative divergence of one latent, in parts."""
    x = jnp.minimum(log_variance_i - log_variance_j, _LARGEST_LOG_RATIO)
    is_small = jnp.abs(x) < 1
    small = jnp.where(is_small, x, 0)
    # exp(x) - 1 - x, which cancels for small x, through what does not.
    mismatch = jnp.where(
        is_small,
        jnp.exp(small) * logspace.excess(jnp.expm1(-small)),
        jnp.expm1(jnp.where(is_small, 1, x)) - x,
    )
    difference = _hellinger.bounded_difference(mean_i, mean_j)
    exponent = (difference / scale_j) ** 2 / 2 + mismatch / 2
    one = jnp.ones_like(exponent)
    return Overlap(factor=one, complement=0 * one, exponent=exponent)
