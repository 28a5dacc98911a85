"""Compare representation spaces by the points of a data set that they confuse.

A space is characterised by the overlaps of its posteriors on a fingerprint, a fixed
list of data points; two spaces are compared by NMI and variation of information of
these soft clusterings. Every value is in nats.
"""

from jaxinfo.fingerprint._chance import adjust_for_chance, gaussian_pairwise_chance
from jaxinfo.fingerprint._channels import gaussian_label_pairwise, gaussian_pairwise
from jaxinfo.fingerprint._compare import compare, cross_pairwise, pairwise
from jaxinfo.fingerprint._families import (
    bernoulli_overlaps,
    categorical_overlaps,
    exponential_family_overlaps,
    label_overlaps,
    von_mises_overlaps,
)
from jaxinfo.fingerprint._gaussians import (
    full_gaussian_overlaps,
    gaussian_kl_overlaps,
    gaussian_overlaps,
)
from jaxinfo.fingerprint._information import gaussian_information_bounds, information
from jaxinfo.fingerprint._inverse_variance import inverse_variance_mean
from jaxinfo.fingerprint._jackknife import jackknife
from jaxinfo.fingerprint._monte_carlo import monte_carlo_compare
from jaxinfo.fingerprint._optics import channel_distances, cluster_channels
from jaxinfo.fingerprint._points import sample_fingerprint
from jaxinfo.fingerprint._posteriors import gaussian_parameters
from jaxinfo.fingerprint._quantized import quantized_pairwise
from jaxinfo.fingerprint._types import (
    ChanceAdjusted,
    ChannelClusters,
    Comparison,
    CrossComparison,
    DiagonalGaussian,
    FullGaussian,
    InformationBounds,
    InverseVarianceMean,
    Jackknife,
    MonteCarloComparison,
    PairwiseComparison,
)

__all__ = [
    "ChanceAdjusted",
    "ChannelClusters",
    "Comparison",
    "CrossComparison",
    "DiagonalGaussian",
    "FullGaussian",
    "InformationBounds",
    "InverseVarianceMean",
    "Jackknife",
    "MonteCarloComparison",
    "PairwiseComparison",
    "adjust_for_chance",
    "bernoulli_overlaps",
    "categorical_overlaps",
    "channel_distances",
    "cluster_channels",
    "compare",
    "cross_pairwise",
    "exponential_family_overlaps",
    "full_gaussian_overlaps",
    "gaussian_information_bounds",
    "gaussian_kl_overlaps",
    "gaussian_label_pairwise",
    "gaussian_overlaps",
    "gaussian_pairwise",
    "gaussian_pairwise_chance",
    "gaussian_parameters",
    "information",
    "inverse_variance_mean",
    "jackknife",
    "label_overlaps",
    "monte_carlo_compare",
    "pairwise",
    "quantized_pairwise",
    "sample_fingerprint",
    "von_mises_overlaps",
]
