"""Diffusion operators of point clouds, and the entropies of their spectra."""

from jaxinfo.diffusion._bandwidths import (
    local_bandwidths,
    median_bandwidth,
    neighbor_bandwidth,
)
from jaxinfo.diffusion._bins import (
    binned_entropy,
    binned_mutual_information,
    equal_width_labels,
)
from jaxinfo.diffusion._clusters import cluster_labels
from jaxinfo.diffusion._information import (
    adjacency_mutual_information,
    matrix_entry_mutual_information,
    permutation_test,
    spectral_mutual_information,
)
from jaxinfo.diffusion._matrix_entropies import (
    adjacency_entropy,
    collision_entropy,
    matrix_entry_entropy,
    neighbor_graph_entropy,
)
from jaxinfo.diffusion._spectra import (
    entropy_of_spectrum,
    spectral_entropies,
    spectral_entropy,
    spectrum,
)
from jaxinfo.diffusion._stochastic import stochastic_spectral_entropy
from jaxinfo.diffusion._types import SpectralMutualInformation, StochasticEntropy

__all__ = [
    "SpectralMutualInformation",
    "StochasticEntropy",
    "adjacency_entropy",
    "adjacency_mutual_information",
    "binned_entropy",
    "binned_mutual_information",
    "cluster_labels",
    "collision_entropy",
    "entropy_of_spectrum",
    "equal_width_labels",
    "local_bandwidths",
    "matrix_entry_entropy",
    "matrix_entry_mutual_information",
    "median_bandwidth",
    "neighbor_bandwidth",
    "neighbor_graph_entropy",
    "permutation_test",
    "spectral_entropies",
    "spectral_entropy",
    "spectral_mutual_information",
    "spectrum",
    "stochastic_spectral_entropy",
]
