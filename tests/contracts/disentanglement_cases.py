"""One case for each function of `disentanglement`."""

import numpy as np

from jaxinfo import disentanglement, gmm
from tests.contracts.cases import Case, key, posteriors

NUM_CLASSES = 2, 3
CLASSES = {"num_classes": NUM_CLASSES}


def factors(rng, n=12):
    """Draw factors, each class of which occurs more than once."""
    return np.stack([rng.permutation(n) % c for c in NUM_CLASSES], axis=1)


def codes(rng, n=12):
    """Draw codes that depend on factors, and these."""
    labels = factors(rng, n)
    told = np.pad(labels, ((0, 0), (0, 1)))
    return told + 0.5 * rng.normal(size=told.shape), labels


def information(rng):
    """Draw information of three latents and two factors, and entropies above it."""
    entropies = rng.uniform(1, 2, 2)
    return rng.uniform(0.1, 1, (3, 2)) * entropies, entropies


def matrix(rng):
    return information(rng)[:1]


def covariance(rng):
    root = rng.normal(size=(3, 3))
    return (root @ root.T + np.eye(3),)


def spaces(rng):
    """Draw posteriors and factors."""
    return (*posteriors(12, 2)(rng), factors(rng))


def full_spaces(rng):
    """Draw posteriors with correlated latents, and factors."""
    scale_trils = np.tril(0.3 * rng.normal(size=(12, 2, 2))) + np.eye(2)
    return 2 * rng.normal(size=(12, 2)), scale_trils, factors(rng)


def with_samples(make):
    """Samples and their factors before the posteriors they come from."""

    def draw(rng):
        means, spread, labels = make(rng)
        return means + 0.5, labels, means, spread, labels

    return draw


def with_key(make):
    return lambda rng: (key(rng), *make(rng))


def unibound_informations(rng):
    """Draw informations of one latent, of the others and of all, and entropies."""
    rest, alone, more = rng.uniform(0.1, 0.4, (3, 3, 2))
    joint = np.max(rest + alone, axis=0) + more[0]
    return rest + alone, rest, joint, rng.uniform(1.5, 2, 2)


def mixture(rng):
    """Draw a mixture of two components in three dimensions."""
    scale_trils = np.tril(0.3 * rng.normal(size=(2, 3, 3))) + np.eye(3)
    log_weights = np.log(rng.dirichlet([9.0, 9.0]))
    return gmm.GaussianMixture(log_weights, rng.normal(size=(2, 3)), scale_trils)


CASES = {
    "disentanglement.latent_information": Case(
        disentanglement.latent_information,
        with_samples(spaces),
        CLASSES | {"block_size": 5},
        grad=(0, 2, 3),
        scale=10.0,
    ),
    "disentanglement.full_latent_information": Case(
        disentanglement.full_latent_information,
        with_samples(full_spaces),
        CLASSES | {"block_size": 5},
        grad=(0, 2, 3),
        scale=10.0,
    ),
    "disentanglement.unibound": Case(
        disentanglement.unibound,
        with_key(spaces),
        CLASSES | {"num_samples": 7},
        grad=(1, 2),
        scale=10.0,
    ),
    "disentanglement.full_unibound": Case(
        disentanglement.full_unibound,
        with_key(full_spaces),
        CLASSES | {"num_samples": 7},
        grad=(1, 2),
        scale=10.0,
    ),
    "disentanglement.unibound_scores": Case(
        disentanglement.unibound_scores, unibound_informations, grad=(0, 1, 2, 3)
    ),
    "disentanglement.unibound_penalty": Case(
        disentanglement.unibound_penalty,
        with_key(spaces),
        CLASSES | {"block_size": 5},
        grad=(1, 2),
        scale=10.0,
    ),
    "disentanglement.redundancy_attack": Case(
        disentanglement.redundancy_attack,
        posteriors(4, 3),
        {"strength": 0.7},
        grad=(0, 1),
    ),
    "disentanglement.attack_oracle": Case(
        disentanglement.attack_oracle,
        lambda rng: (np.sort(rng.normal(size=4)),),
        {"variance": 0.1, "strength": 0.7},
        scale=10.0,
    ),
    "disentanglement.mixture_decomposition": Case(
        disentanglement.mixture_decomposition,
        lambda rng: (key(rng), mixture(rng)),
        {"dim_x": 1, "dim_y": 1, "num_nodes": 64},
        grad=(1,),
        scale=100.0,
        is_heavy=True,
    ),
    "disentanglement.binned_information": Case(
        disentanglement.binned_information,
        codes,
        CLASSES | {"num_bins": 4},
        grad=(),
    ),
    "disentanglement.soft_binned_information": Case(
        disentanglement.soft_binned_information,
        lambda rng: (*posteriors(12, 3)(rng), factors(rng)),
        CLASSES | {"num_bins": 6, "limit": 3.0},
        grad=(0, 1),
        scale=10.0,
    ),
    "disentanglement.neighbor_information": Case(
        disentanglement.neighbor_information,
        codes,
        CLASSES | {"num_neighbors": 2},
        grad=(),
        is_nan=("latent_entropies",),
    ),
    "disentanglement.squared_correlations": Case(
        disentanglement.squared_correlations, codes
    ),
    "disentanglement.scores": Case(
        disentanglement.scores,
        codes,
        CLASSES | {"num_bins": 4},
        smooth=("attribute_predictability_gap",),
        is_heavy=True,
    ),
    "disentanglement.mutual_information_gap": Case(
        disentanglement.mutual_information_gap, information, grad=(0, 1)
    ),
    "disentanglement.mutual_information_gap_sup": Case(
        disentanglement.mutual_information_gap_sup, information, grad=(0, 1)
    ),
    "disentanglement.dcimig": Case(disentanglement.dcimig, information, grad=(0, 1)),
    "disentanglement.jemmig": Case(
        disentanglement.jemmig,
        lambda rng: (
            information(rng)[0],
            rng.uniform(1, 2, 3),
            rng.uniform(1, 2, 2),
        ),
        {"num_bins": 8},
        grad=(0, 1, 2),
    ),
    "disentanglement.modularity": Case(disentanglement.modularity, matrix),
    "disentanglement.dci": Case(disentanglement.dci, matrix),
    "disentanglement.infomec": Case(
        disentanglement.infomec,
        information,
        {"active": np.array([True, True, False])},
        grad=(0, 1),
    ),
    "disentanglement.attribute_predictability_gap": Case(
        disentanglement.attribute_predictability_gap, matrix
    ),
    "disentanglement.mutual_information_score": Case(
        disentanglement.mutual_information_score,
        lambda rng: codes(rng)[:1],
        {"num_bins": 4},
        grad=(),
    ),
    "disentanglement.gaussian_total_correlation": Case(
        disentanglement.gaussian_total_correlation, covariance, scale=10.0
    ),
    "disentanglement.gaussian_wasserstein_correlation": Case(
        disentanglement.gaussian_wasserstein_correlation, covariance, scale=10.0
    ),
    "disentanglement.factor_vae_score": Case(
        disentanglement.factor_vae_score,
        lambda rng: (key(rng), *codes(rng)),
        {"num_votes": 8, "batch_size": 4},
        grad=(),
    ),
}
