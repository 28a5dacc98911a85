"""Information that one representation space carries about the data."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled
from jaxinfo.fingerprint import _clusterings, _gaussians, _hellinger, _latents
from jaxinfo.fingerprint._types import InformationBounds

# The share of the lower bound that is exact for a locally homogeneous Gaussian channel,
# where the lower bound is log(4/e)/2 below the truth and the upper bound 1/2 above it.
_SHARE_OF_LOWER = 1 / (2 * math.log(2))


@compiled.jit
def information(
    overlaps: ArrayLike, *, dataset_size: ArrayLike | None = None
) -> jax.Array:
    r"""Information that a representation space carries about the data, I(X;U).

    .. math::
        I(X;U) \approx -\frac1n \sum_i \log \frac1n \sum_j B_{ij} .

    A lower bound for Bhattacharyya coefficients, an upper bound for
    ``gaussian_kl_overlaps``, exact for hard clusterings. The n points of the
    fingerprint bound it by :math:`\log n`. With ``dataset_size`` N the fingerprint
    stands for a data set of N points: each point's own weight in the mean is 1/N in
    place of 1/n, and the value is capped at :math:`\log N`. This removes the
    saturation at the price of a high variance.

    Differentiable in both arguments. Costs :math:`O(n^2)`.

    Args:
        overlaps: Overlaps of the posteriors, 1 on the diagonal. Shape ``(n, n)``.
        dataset_size: Size of the data set, at least ``n``; ``None`` is ``n``. Scalar.

    Returns:
        Information in nats, between 0 and ``log(n)`` (``log(dataset_size)``); ``inf``
        if a row is empty. Shape ``()``.

    Raises:
        ValueError: If ``overlaps`` has one point and ``dataset_size`` is given.

    References:
        Kolchinsky and Tracey, `Estimating mixture entropy with pairwise distances
        <https://doi.org/10.3390/e19070361>`_, 2017, equation 10.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> print(fingerprint.information(jnp.eye(4)))  # log(4)
        1.3863
    """
    overlaps = checks.as_float("overlaps", overlaps, "(n, n)")
    n = overlaps.shape[0]
    if dataset_size is None:
        return -jnp.mean(_clusterings.rows_of_overlaps(overlaps).log_mean)
    if n < 2:
        raise ValueError(
            "Expected `overlaps` to have at least 2 points when `dataset_size` is "
            f"given, got shape {overlaps.shape}."
        )
    own = 1 / checks.as_scalar("dataset_size", dataset_size, overlaps.dtype)
    is_other = ~jnp.eye(n, dtype=bool)
    others = jnp.sum(jnp.where(is_other, overlaps, 0), axis=1) / (n - 1)
    distance = jnp.sum(jnp.where(is_other, 1 - overlaps, 0), axis=1) / (n - 1)
    log_mean = _clusterings.log_of_mean((1 - own) * distance, own + (1 - own) * others)
    return -jnp.mean(log_mean)


@compiled.jit
def gaussian_information_bounds(
    means: ArrayLike, log_variances: ArrayLike
) -> InformationBounds:
    r"""Information that diagonal Gaussian posteriors carry, with its bounds.

    Gives the Bhattacharyya bound L, the Kullback-Leibler bound U and, as the value,
    their blend :math:`w L + (1 - w) U` with :math:`w = 1 / (2 \log 2)`. For a locally
    homogeneous Gaussian channel L is too low by :math:`\tfrac12 \log \tfrac4e = 0.193`
    nats per latent and U too high by 0.5; there, and for well separated posteriors, the
    blend is exact. It is an estimate, not a bound.

    Differentiable in both arguments. Costs :math:`O(n^2 d)` time and :math:`O(nd)`
    memory.

    Args:
        means: Means of the posteriors. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.

    Returns:
        Estimate and bounds in nats, between 0 and ``log(n)``, for the fingerprint
        itself taken as the data set.

    References:
        Kolchinsky and Tracey, `Estimating mixture entropy with pairwise distances
        <https://doi.org/10.3390/e19070361>`_, 2017, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> means = jnp.linspace(-5, 5, 50)[:, None]
        >>> bounds = fingerprint.gaussian_information_bounds(means, 0.0 * means)
        >>> print(bounds.lower, bounds.value, bounds.upper)
        0.8977 1.0647 1.4970
    """
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    parameters = _gaussians.kl_parameters(means, log_variances)

    def block(
        rows: tuple[jax.Array, ...], weights: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], None]:
        near = _latents.fold(
            _hellinger.gaussian, _hellinger.product, rows[:2], parameters[:2]
        )
        far = _latents.fold(_gaussians.kl_overlap, _hellinger.product, rows, parameters)
        log_means = (
            _clusterings.rows(*_hellinger.distance_and_overlap(parts)).log_mean
            for parts in (near, far)
        )
        lower, upper = (jnp.sum(weights * log_mean) for log_mean in log_means)
        return (lower, upper), None

    n = means.shape[0]
    size = blocks.default_size(means.size, means.dtype.itemsize)
    (lower, upper), _ = blocks.over_rows(block, parameters, block_size=size)
    lower, upper = -lower / n, -upper / n
    return InformationBounds(
        value=_SHARE_OF_LOWER * lower + (1 - _SHARE_OF_LOWER) * upper,
        lower=lower,
        upper=upper,
    )
