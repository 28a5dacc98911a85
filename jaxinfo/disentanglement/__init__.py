"""How well latents and factors of variation represent each other.

Scores of disentanglement from information, in nats, and others for comparison.
"""

from jaxinfo.disentanglement._aggregators import (
    attribute_predictability_gap,
    dci,
    dcimig,
    infomec,
    jemmig,
    modularity,
    mutual_information_gap,
    mutual_information_gap_sup,
)
from jaxinfo.disentanglement._attack import attack_oracle, redundancy_attack
from jaxinfo.disentanglement._dependence import (
    gaussian_total_correlation,
    gaussian_wasserstein_correlation,
    mutual_information_score,
)
from jaxinfo.disentanglement._latent_information import (
    full_latent_information,
    latent_information,
)
from jaxinfo.disentanglement._matrices import (
    binned_information,
    neighbor_information,
    soft_binned_information,
    squared_correlations,
)
from jaxinfo.disentanglement._mixtures import mixture_decomposition
from jaxinfo.disentanglement._scores import scores
from jaxinfo.disentanglement._types import (
    AttackOracle,
    Dci,
    InfoMC,
    InformationMatrix,
    LatentInformation,
    MixtureDecomposition,
    Scores,
    UniBound,
    UniBoundScores,
)
from jaxinfo.disentanglement._unibound import (
    full_unibound,
    unibound,
    unibound_penalty,
    unibound_scores,
)
from jaxinfo.disentanglement._votes import factor_vae_score

__all__ = [
    "AttackOracle",
    "Dci",
    "InfoMC",
    "InformationMatrix",
    "LatentInformation",
    "MixtureDecomposition",
    "Scores",
    "UniBound",
    "UniBoundScores",
    "attack_oracle",
    "attribute_predictability_gap",
    "binned_information",
    "dci",
    "dcimig",
    "factor_vae_score",
    "full_latent_information",
    "full_unibound",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "infomec",
    "jemmig",
    "latent_information",
    "mixture_decomposition",
    "modularity",
    "mutual_information_gap",
    "mutual_information_gap_sup",
    "mutual_information_score",
    "neighbor_information",
    "redundancy_attack",
    "scores",
    "soft_binned_information",
    "squared_correlations",
    "unibound",
    "unibound_penalty",
    "unibound_scores",
]
