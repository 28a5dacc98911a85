"""One case for each function of `diffusion`."""

import numpy as np

from jaxinfo import diffusion
from tests.contracts.cases import Case, key


def points(n=8, d=2):
    """Draw points a bandwidth or so apart."""
    return lambda rng: (rng.normal(size=(n, d)),)


def labelled(rng, n=12):
    """Draw a key, points and their labels, a class of one and an empty one among."""
    labels = np.append(np.arange(n - 1) % 2, 2)
    return key(rng), rng.normal(size=(n, 2)), labels


WIDTH = {"bandwidth": 0.8}
OF_CLASSES = WIDTH | {"num_classes": 4}
# Labels are not differentiable, and errors of classes of one are zero.
SMOOTH = ("value", "class_entropies", "subset_entropies")

CASES = {
    "diffusion.spectrum": Case(
        diffusion.spectrum, points(), WIDTH | {"alpha": 0.3}, scale=10.0
    ),
    "diffusion.entropy_of_spectrum": Case(
        diffusion.entropy_of_spectrum,
        lambda rng: (rng.normal(size=6),),
        {"diffusion_time": 1.5},
    ),
    "diffusion.spectral_entropy": Case(
        diffusion.spectral_entropy,
        points(),
        WIDTH | {"diffusion_time": 1.5, "alpha": 0.3},
        scale=10.0,
    ),
    "diffusion.spectral_entropies": Case(
        diffusion.spectral_entropies,
        points(),
        {"bandwidths": np.array([0.5, 1.0]), "diffusion_times": np.array([1.0, 3.0])},
        scale=10.0,
    ),
    "diffusion.collision_entropy": Case(
        diffusion.collision_entropy, points(), WIDTH, scale=10.0
    ),
    "diffusion.matrix_entry_entropy": Case(
        diffusion.matrix_entry_entropy, points(), WIDTH, scale=10.0
    ),
    "diffusion.adjacency_entropy": Case(
        diffusion.adjacency_entropy, points(), WIDTH, scale=10.0
    ),
    "diffusion.neighbor_graph_entropy": Case(
        diffusion.neighbor_graph_entropy,
        points(),
        {"num_neighbors": 3},
        grad=(),
        scale=100.0,
    ),
    "diffusion.binned_entropy": Case(
        diffusion.binned_entropy, points(), {"num_bins": 3}, grad=()
    ),
    "diffusion.median_bandwidth": Case(diffusion.median_bandwidth, points()),
    "diffusion.neighbor_bandwidth": Case(
        diffusion.neighbor_bandwidth, points(), {"num_neighbors": 2}
    ),
    "diffusion.local_bandwidths": Case(
        diffusion.local_bandwidths, points(), {"num_neighbors": 2}
    ),
    "diffusion.spectral_mutual_information": Case(
        diffusion.spectral_mutual_information,
        labelled,
        OF_CLASSES | {"diffusion_time": 1.5, "alpha": 0.3},
        grad=(1,),
        scale=10.0,
        smooth=SMOOTH,
        is_heavy=True,
    ),
    "diffusion.matrix_entry_mutual_information": Case(
        diffusion.matrix_entry_mutual_information,
        labelled,
        OF_CLASSES,
        grad=(1,),
        scale=10.0,
        smooth=SMOOTH,
        is_heavy=True,
    ),
    "diffusion.adjacency_mutual_information": Case(
        diffusion.adjacency_mutual_information,
        labelled,
        OF_CLASSES,
        grad=(1,),
        scale=10.0,
        smooth=SMOOTH,
        is_heavy=True,
    ),
    "diffusion.permutation_test": Case(
        diffusion.permutation_test,
        labelled,
        OF_CLASSES | {"num_permutations": 3},
        grad=(),
        scale=100.0,
    ),
    "diffusion.stochastic_spectral_entropy": Case(
        diffusion.stochastic_spectral_entropy,
        lambda rng: (key(rng), rng.normal(size=(24, 2))),
        {
            "bandwidth": 0.8,
            "diffusion_times": np.array([1.0, 2.5]),
            "alpha": 0.3,
            "num_probes": 3,
            "subspace_size": 8,
        },
        grad=(),
        scale=100.0,
    ),
    "diffusion.binned_mutual_information": Case(
        diffusion.binned_mutual_information,
        lambda rng: labelled(rng)[1:],
        {"num_classes": 4, "num_bins": 3},
        grad=(),
    ),
    "diffusion.equal_width_labels": Case(
        diffusion.equal_width_labels,
        lambda rng: (rng.normal(size=9),),
        {"num_bins": 3},
        grad=(),
        keeps_dtype=False,
    ),
}
