"""Results of comparisons, and posteriors in the forms that overlaps take."""

from typing import NamedTuple

import jax
import numpy as np
import numpy.typing as npt


class DiagonalGaussian(NamedTuple):
    """Gaussian posteriors of independent latents.

    Attributes:
        means: Means. Shape ``(n, d)``.
        log_variances: Logarithms of the variances. Shape ``(n, d)``.
    """

    means: jax.Array
    log_variances: jax.Array


class FullGaussian(NamedTuple):
    """Gaussian posteriors with correlated latents.

    Attributes:
        means: Means. Shape ``(n, d)``.
        scale_trils: Cholesky factors of the covariances. Shape ``(n, d, d)``.
    """

    means: jax.Array
    scale_trils: jax.Array


class InformationBounds(NamedTuple):
    """Information that a space carries, with lower and upper bounds, in nats.

    Attributes:
        value: Weighted mean of both bounds, an estimate. Shape ``()``.
        lower: Bhattacharyya bound. Shape ``()``.
        upper: Kullback-Leibler bound. Shape ``()``.
    """

    value: jax.Array
    lower: jax.Array
    upper: jax.Array


class Comparison(NamedTuple):
    """Information that two representation spaces carry and share.

    Attributes:
        information_u: I(X;U) in nats. Shape ``()``.
        information_v: I(X;V) in nats. Shape ``()``.
        mutual_information: I(U;V) in nats. Shape ``()``.
        nmi: Normalised mutual information (geometric mean). Shape ``()``.
        vi: Variation of information in nats. Shape ``()``.
    """

    information_u: jax.Array
    information_v: jax.Array
    mutual_information: jax.Array
    nmi: jax.Array
    vi: jax.Array


class PairwiseComparison(NamedTuple):
    """Comparison of all pairs of ``m`` spaces.

    Attributes:
        information: I(X;U) of each space in nats. Shape ``(m,)``.
        mutual_information: I(U;V) in nats; on the diagonal I(U;U'), the information
            shared by two draws from one space. Shape ``(m, m)``.
        nmi: Normalised mutual information (geometric mean). Shape ``(m, m)``.
        vi: Variation of information in nats. Shape ``(m, m)``.
    """

    information: jax.Array
    mutual_information: jax.Array
    nmi: jax.Array
    vi: jax.Array


class CrossComparison(NamedTuple):
    """Comparison of each of ``m`` spaces with each of ``l`` others.

    Attributes:
        information_u: I(X;U) of each first space in nats. Shape ``(m,)``.
        information_v: I(X;V) of each second space in nats. Shape ``(l,)``.
        mutual_information: I(U;V) in nats. Shape ``(m, l)``.
        nmi: Normalised mutual information (geometric mean). Shape ``(m, l)``.
        vi: Variation of information in nats. Shape ``(m, l)``.
    """

    information_u: jax.Array
    information_v: jax.Array
    mutual_information: jax.Array
    nmi: jax.Array
    vi: jax.Array


class MonteCarloComparison(NamedTuple):
    """Comparison of two spaces by sampling.

    Attributes:
        value: The estimates.
        standard_error: One standard error of each.
    """

    value: Comparison
    standard_error: Comparison


class ChanceAdjusted(NamedTuple):
    """Shared information, adjusted for what unrelated spaces seem to share.

    Attributes:
        expected_mutual_information: I(U;V) expected if the points of one space were
            shuffled, in nats. Shape ``()``, or ``(m, m)`` for all pairs.
        mutual_information: I(U;V) minus its expectation, in nats. The same shape.
        nmi: Adjusted NMI: about 0 for unrelated spaces, 1 for a space compared with
            itself; also 0 where chance alone already gives the maximum possible
            information. The same shape.
    """

    expected_mutual_information: jax.Array
    mutual_information: jax.Array
    nmi: jax.Array


class Jackknife(NamedTuple):
    """Comparison with its uncertainty due to the choice of fingerprint points.

    Attributes:
        value: Values minus their estimated bias.
        standard_error: One standard error of each.
        plugin: Uncorrected values of ``compare``.
    """

    value: Comparison
    standard_error: Comparison
    plugin: Comparison


class InverseVarianceMean(NamedTuple):
    """Mean of estimates weighted by the inverses of their variances.

    Attributes:
        value: Weighted mean. Shape ``()``.
        standard_error: Its standard error. Shape ``()``.
    """

    value: jax.Array
    standard_error: jax.Array


class ChannelClusters(NamedTuple):
    """Clusters of channels, as NumPy arrays.

    Attributes:
        ordering: Channels in the order in which OPTICS reaches them. Shape ``(m,)``.
        reachability: Distance at which OPTICS reaches each channel, indexed by channel;
            ``inf`` for the first. Shape ``(m,)``.
        labels: Cluster of each channel, -1 for none. Shape ``(m,)``.
        representatives: For each cluster the member nearest to all others. Shape
            ``(num_clusters,)``.
    """

    ordering: npt.NDArray[np.intp]
    reachability: npt.NDArray[np.floating]
    labels: npt.NDArray[np.intp]
    representatives: npt.NDArray[np.intp]
