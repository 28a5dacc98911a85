"""Exact information of one-dimensional Gaussian channels, by quantisation."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, logspace, normal
from jaxinfo.fingerprint import _clusterings, _hellinger
from jaxinfo.fingerprint._types import PairwiseComparison

# Quantiles of each posterior that the bins follow, and how far they cover its tails.
_QUANTILES = 8
_TAIL = 2.5


@compiled.jit(static_argnames=("num_bins",))
def quantized_pairwise(
    means: ArrayLike, log_variances: ArrayLike, *, num_bins: int = 64
) -> PairwiseComparison:
    r"""Compare all pairs of one-dimensional Gaussian channels by fine quantisation.

    Each latent axis is cut into bins; with :math:`P^a_{ig}` the probability that
    channel a of point i falls into bin g, its mean :math:`p^a` over points and
    :math:`C^{ab} = \frac1n (P^a - p^a)^\top (P^b - p^b)`, the joint table of channels a
    and b is :math:`p^a p^b + C^{ab}`, and information is that of the tables:

    .. math::
        I(U_a;U_b) = \sum_{gh} p^a_g p^b_h \left[(1 + x) \log(1 + x) - x\right],
        \qquad x = C^{ab}_{gh} / (p^a_g p^b_h) .

    Without sampling, every choice of bins gives a lower bound on the true information,
    tight for many bins; 64 bins are accurate to about 0.004 nats for channels of one
    nat. ``num_bins`` should be at least 4 exp(largest information). The overlap bound
    that ``gaussian_pairwise`` uses is too low by up to 0.19 nats. VI computed from
    exact information can be negative (down to -0.1 nats), and NMI can exceed 1.

    Differentiable in both arguments. Costs :math:`2 (m G)^2 n` flops in matrix
    products for G bins, and :math:`O(m n G + m G^2)` memory, in reverse mode too.

    Args:
        means: Means of the posteriors, one column per channel, as encoders give them.
            Shape ``(n, m)``.
        log_variances: Logarithms of their variances. Shape ``(n, m)``.
        num_bins: Number of bins G, at least 2. Static.

    Returns:
        Information of each channel, at most ``log(num_bins)``, and I(U;V), NMI and VI
        of each pair, in nats; the diagonal of I(U;V) is I(U;U').

    References:
        The quantities of Murphy et al., `Comparing the information content of
        probabilistic representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025,
        section 3; the estimate by quantisation is new here.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> means = jnp.array([[-9.0], [-9.0], [9.0], [9.0]])
        >>> result = fingerprint.quantized_pairwise(means, 0 * means)
        >>> print(result.information)  # log(2)
        [0.6931]
    """
    means, log_variances = checks.as_floats(
        "(n, m)", means=means, log_variances=log_variances
    )
    checks.at_least("num_bins", num_bins, 2)
    n = means.shape[0]
    means, scales = _hellinger.standardised(means, log_variances)
    tables = jax.vmap(_bin_probabilities, in_axes=(1, 1, None))(means, scales, num_bins)
    # Relative to the first point, so that a channel that tells nothing is exactly so.
    changes = tables - tables[:, :, :1]
    shifts = jnp.mean(changes, axis=2)
    masses = tables[:, :, 0] + shifts
    centred = changes - shifts[:, :, None]
    information = jnp.sum(_terms(masses[:, :, None], centred), axis=(1, 2)) / n
    mutual = _mutual_information(masses, centred)
    return _clusterings.comparison_of_pairs(information, mutual)


def _mutual_information(masses: jax.Array, centred: jax.Array) -> jax.Array:
    """I(U;V) of all pairs from masses ``(m, G)`` and centred tables ``(m, G, n)``."""
    m, num_bins, n = centred.shape
    stacked = centred.reshape(m * num_bins, n)

    # One channel against all at a time: the joint tables of all pairs would be larger
    # than everything else.
    @jax.checkpoint
    def against_all(channel: tuple[jax.Array, jax.Array]) -> jax.Array:
        mass, table = channel
        covariance = jnp.matmul(stacked, table.T, precision=jax.lax.Precision.HIGHEST)
        covariance = covariance.reshape(m, num_bins, num_bins) / n
        expected = masses[:, :, None] * mass[None, None]
        return jnp.sum(_terms(expected, covariance), axis=(1, 2))

    mutual: jax.Array = jax.lax.map(against_all, (masses, centred))
    return mutual


def _terms(expected: jax.Array, excess: jax.Array) -> jax.Array:
    """Contributions of cells of mass ``expected + excess``; empty ones have none."""
    is_empty = expected == 0
    x = excess / jnp.where(is_empty, 1, expected)
    # Rounding may take a little more from a cell than it has.
    return expected * logspace.excess(jnp.maximum(x, -1))


def _bin_probabilities(means: jax.Array, scales: jax.Array, num_bins: int) -> jax.Array:
    """Probability of each bin for each point of one channel, ``(num_bins, n)``."""
    edges = _edges(means, scales, num_bins)
    z = (edges[:, None] - means[None, :]) / scales[None, :]
    return normal.interval_masses(z)


def _edges(means: jax.Array, scales: jax.Array, num_bins: int) -> jax.Array:
    """Inner edges: half the bins follow the mass, half cover the range.

    The g/G quantiles of a sample of quantiles of the posteriors together with as many
    evenly spaced points. Only the former need sorting.
    """
    levels = (jnp.arange(_QUANTILES, dtype=means.dtype) + 0.5) / _QUANTILES
    quantiles = jax.scipy.special.ndtri(levels)
    mass = jnp.sort((means[:, None] + scales[:, None] * quantiles[None, :]).ravel())
    low = jnp.min(means - _TAIL * scales)
    high = jnp.max(means + _TAIL * scales)
    size = mass.size
    cover = low + (high - low) * jnp.linspace(0, 1, size, dtype=means.dtype)
    # Place of each mass point among all points, and the points at wanted places.
    ahead = jnp.searchsorted(cover, mass, side="right")
    places = ahead + jnp.arange(size, dtype=ahead.dtype)

    def at(place: npt.NDArray[np.int32]) -> jax.Array:
        before = jnp.searchsorted(places, place)
        is_mass = places[jnp.minimum(before, size - 1)] == place
        return jnp.where(
            is_mass,
            mass[jnp.minimum(before, size - 1)],
            cover[jnp.clip(place - before, 0, size - 1)],
        )

    # Fixed by the sizes alone, so in double precision.
    position = np.arange(1, num_bins) * ((2 * size - 1) / num_bins)
    left = position.astype(np.int32)
    share = jnp.asarray(position - left, means.dtype)
    return at(left) * (1 - share) + at(left + 1) * share
