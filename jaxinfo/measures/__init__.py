"""Entropies, divergences and information of given distributions.

Tables are never renormalised: one that is not a distribution gives NaN. Values are in
nats.
"""

from jaxinfo.measures._counts import entropy_of_counts
from jaxinfo.measures._divergences import jensen_shannon_divergence, kl_divergence
from jaxinfo.measures._gaussians import gaussian_entropy, gaussian_mutual_information
from jaxinfo.measures._labels import compare_labels, contingency_table
from jaxinfo.measures._tables import (
    conditional_mutual_information,
    entropy,
    mutual_information,
    normalized_mutual_information,
    variation_of_information,
)
from jaxinfo.measures._types import LabelComparison, PermutationTest
from jaxinfo.measures._units import nats_to_bits

__all__ = [
    "LabelComparison",
    "PermutationTest",
    "compare_labels",
    "conditional_mutual_information",
    "contingency_table",
    "entropy",
    "entropy_of_counts",
    "gaussian_entropy",
    "gaussian_mutual_information",
    "jensen_shannon_divergence",
    "kl_divergence",
    "mutual_information",
    "nats_to_bits",
    "normalized_mutual_information",
    "variation_of_information",
]
