"""Results of all scores of disentanglement."""

from typing import NamedTuple

import jax

from jaxinfo import pid


class InformationMatrix(NamedTuple):
    """Mutual information of each latent and each factor, with their entropies.

    Attributes:
        information: Information of each latent and each factor, in nats, never
            negative. Shape ``(d, k)``.
        latent_entropies: Entropy of each latent after binning, in nats; NaN for
            estimates without bins. Shape ``(d,)``.
        factor_entropies: Entropy of each factor, in nats. Shape ``(k,)``.
    """

    information: jax.Array
    latent_entropies: jax.Array
    factor_entropies: jax.Array


class Dci(NamedTuple):
    """Disentanglement and completeness of a matrix of importances.

    Attributes:
        disentanglement: Whether each latent matters to one factor only, between 0 and
            1. Shape ``()``.
        completeness: Whether each factor depends on one latent only, between 0 and 1.
            Shape ``()``.
    """

    disentanglement: jax.Array
    completeness: jax.Array


class InfoMC(NamedTuple):
    """Modularity and compactness by normalised information.

    Attributes:
        modularity: Whether each latent is informative about one factor only, between 0
            and 1 (InfoM). Shape ``()``.
        compactness: Whether only one latent is informative about each factor, between 0
            and 1 (InfoC). Shape ``()``.
    """

    modularity: jax.Array
    compactness: jax.Array


class Scores(NamedTuple):
    """Scores of disentanglement, each at most 1. Shapes ``()``.

    Attributes:
        mutual_information_gap: By `mutual_information_gap`.
        mutual_information_gap_sup: By `mutual_information_gap_sup`.
        dcimig: By `dcimig`.
        jemmig: By `jemmig`.
        modularity: By `modularity`.
        dci_disentanglement: By `dci`, of the information.
        dci_completeness: By `dci`, of the information.
        infomec_modularity: By `infomec`, on the latents that vary.
        infomec_compactness: By `infomec`, on the latents that vary.
        attribute_predictability_gap: By `attribute_predictability_gap`, of the squared
            correlations.
    """

    mutual_information_gap: jax.Array
    mutual_information_gap_sup: jax.Array
    dcimig: jax.Array
    jemmig: jax.Array
    modularity: jax.Array
    dci_disentanglement: jax.Array
    dci_completeness: jax.Array
    infomec_modularity: jax.Array
    infomec_compactness: jax.Array
    attribute_predictability_gap: jax.Array


class LatentInformation(NamedTuple):
    """Information about factors in one latent alone, in all others and in all.

    Informations and their standard errors in nats.

    Attributes:
        single: Of each latent. Shape ``(d, k)``.
        rest: Of all latents but one. Shape ``(d, k)``.
        joint: Of all latents. Shape ``(k,)``.
        single_error: Standard error of ``single``. Shape ``(d, k)``.
        rest_error: Standard error of ``rest``. Shape ``(d, k)``.
        joint_error: Standard error of ``joint``. Shape ``(k,)``.
        difference_error: Standard error of ``single - rest``, on common samples. Shape
            ``(d, k)``.
        total_correlation: Divergence of the latents from independence. Shape ``()``.
        factor_entropies: Entropy of each factor. Shape ``(k,)``.
    """

    single: jax.Array
    rest: jax.Array
    joint: jax.Array
    single_error: jax.Array
    rest_error: jax.Array
    joint_error: jax.Array
    difference_error: jax.Array
    total_correlation: jax.Array
    factor_entropies: jax.Array


class UniBoundScores(NamedTuple):
    """Bounds on the atoms of latents and factors, as scores between 0 and 1.

    Means over factors of the largest bound among latents, as shares of the entropy of
    the factor. x is the latent and y all others.

    Attributes:
        score: Lower bound of the information unique to a latent: UniBound. Shape
            ``()``.
        upper: Its upper bound. Shape ``()``.
        redundant_lower: Lower bound of the information that others carry as well. Shape
            ``()``.
        redundant_upper: Its upper bound. Shape ``()``.
        synergistic_lower: Lower bound of the complementary information, available only
            from the latent together with others. Shape ``()``.
        synergistic_upper: Its upper bound. Shape ``()``.
        informativeness: Information of all latents together. Shape ``()``.
        gap: Mutual information gap (MIG) of the same information. Shape ``()``.
        latents: For each factor, the latent with the most information beyond all
            others. Shape ``(k,)``, integers.
    """

    score: jax.Array
    upper: jax.Array
    redundant_lower: jax.Array
    redundant_upper: jax.Array
    synergistic_lower: jax.Array
    synergistic_upper: jax.Array
    informativeness: jax.Array
    gap: jax.Array
    latents: jax.Array


class UniBound(NamedTuple):
    """`UniBoundScores` with their error, and the information they are computed from.

    Attributes:
        score: Lower bound of the information unique to a latent: UniBound. Shape
            ``()``.
        upper: Its upper bound. Shape ``()``.
        redundant_lower: Lower bound of the information that others carry as well. Shape
            ``()``.
        redundant_upper: Its upper bound. Shape ``()``.
        synergistic_lower: Lower bound of the complementary information. Shape ``()``.
        synergistic_upper: Its upper bound. Shape ``()``.
        informativeness: Information of all latents together. Shape ``()``.
        gap: Mutual information gap (MIG) of the same information. Shape ``()``.
        latents: For each factor, the latent with the most information beyond all
            others. Shape ``(k,)``, integers.
        standard_error: Standard error of ``score``, with these latents held fixed and
            before it is clipped at zero. Shape ``()``.
        bounds: Bounds of each latent and factor, as shares of the entropy of the
            factor. Shapes ``(d, k)``.
        information: The informations behind them, in nats.
    """

    score: jax.Array
    upper: jax.Array
    redundant_lower: jax.Array
    redundant_upper: jax.Array
    synergistic_lower: jax.Array
    synergistic_upper: jax.Array
    informativeness: jax.Array
    gap: jax.Array
    latents: jax.Array
    standard_error: jax.Array
    bounds: pid.Bounds
    information: LatentInformation


class AttackOracle(NamedTuple):
    """Exact atoms of a perfect code after the redundancy attack, in nats.

    Nothing is synergistic.

    Attributes:
        unique: Information about the factor available only from its latent. Shape
            ``()``.
        redundant: Information available from both the latent and the copies. Shape
            ``()``.
        informativeness: The sum of both. Shape ``()``.
    """

    unique: jax.Array
    redundant: jax.Array
    informativeness: jax.Array


class MixtureDecomposition(NamedTuple):
    """Decomposition, in nats, of the information of two blocks of a mixture on a third.

    Attributes:
        decomposition: The atoms with the largest possible redundancy.
        bounds: Bounds for every decomposition without negative atoms.
        informations: Information of x, of y and of both. Shape ``(3,)``.
        standard_errors: Their integration errors. Shape ``(3,)``.
    """

    decomposition: pid.Decomposition
    bounds: pid.Bounds
    informations: jax.Array
    standard_errors: jax.Array
