"""Gaussian mixtures: density, EM, selection, mutual information with uncertainty."""

from jaxinfo.gmm._classes import (
    class_mutual_information,
    class_mutual_information_matrix,
)
from jaxinfo.gmm._em import em
from jaxinfo.gmm._entropies import entropy, marginal_kl_divergence
from jaxinfo.gmm._independence import independence_test
from jaxinfo.gmm._information import (
    conditional_mutual_information,
    mutual_information,
    mutual_information_matrix,
)
from jaxinfo.gmm._integrals import (
    mixture_conditional_mutual_information,
    mixture_entropy,
    mixture_kl_divergence,
    mixture_mutual_information,
)
from jaxinfo.gmm._intervals import confidence_interval
from jaxinfo.gmm._mixtures import (
    condition,
    log_prob,
    marginal,
    pointwise_mutual_information,
    responsibilities,
    sample,
)
from jaxinfo.gmm._options import Fitting, Sampling
from jaxinfo.gmm._reasons import Reason
from jaxinfo.gmm._scores import normal_scores
from jaxinfo.gmm._select import fit, select
from jaxinfo.gmm._starts import initialize
from jaxinfo.gmm._types import (
    Estimate,
    FitResult,
    GaussianMixture,
    Integral,
    Interval,
    Selection,
)

__all__ = [
    "Estimate",
    "FitResult",
    "Fitting",
    "GaussianMixture",
    "Integral",
    "Interval",
    "Reason",
    "Sampling",
    "Selection",
    "class_mutual_information",
    "class_mutual_information_matrix",
    "condition",
    "conditional_mutual_information",
    "confidence_interval",
    "em",
    "entropy",
    "fit",
    "independence_test",
    "initialize",
    "log_prob",
    "marginal",
    "marginal_kl_divergence",
    "mixture_conditional_mutual_information",
    "mixture_entropy",
    "mixture_kl_divergence",
    "mixture_mutual_information",
    "mutual_information",
    "mutual_information_matrix",
    "normal_scores",
    "pointwise_mutual_information",
    "responsibilities",
    "sample",
    "select",
]
