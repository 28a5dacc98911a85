"""One case for each function of `gmm`."""

import numpy as np

from jaxinfo import gmm
from tests.contracts.cases import Case, key

# What is smooth in an estimate: scores are constants under differentiation.
SMOOTH = (
    "value",
    "standard_error",
    "plugin",
    "jackknife_error",
    "replicates",
    "mixture",
)
# Without a search: more components have their own tests.
ONE = {
    "fitting": gmm.Fitting(max_components=1),
    "sampling": gmm.Sampling(num_replicates=2, num_nodes=8),
}
# The same without replicates, for matrices.
PLAIN = {
    "fitting": gmm.Fitting(max_components=1, num_folds=2),
    "sampling": gmm.Sampling(num_replicates=0),
}


def mixture(k, d):
    """Draw a mixture."""

    def make(rng):
        trils = np.tril(0.3 * rng.normal(size=(k, d, d)), -1)
        trils = trils + np.exp(0.2 * rng.normal(size=(k, d)))[..., None] * np.eye(d)
        return gmm.GaussianMixture(
            log_weights=np.log(rng.dirichlet(np.full(k, 9.0))),
            means=2 * rng.normal(size=(k, d)),
            scale_trils=trils,
        )

    return make


def clusters(rng, n=24, d=2):
    """Two clusters far apart, to whose fit EM takes a step or two."""
    return rng.normal(size=(n, d)) + 40.0 * (np.arange(n) % 2)[:, None]


def blocks(*widths, n=24):
    """Draw samples of dependent variables."""

    def make(rng):
        common = rng.normal(size=(n, 1))
        return [common + rng.normal(size=(n, width)) for width in widths]

    return make


def estimate(rng):
    """An estimate with three replicates."""
    numbers = {name: rng.normal() for name in gmm.Estimate._fields}
    numbers["replicates"] = rng.normal(size=3)
    return gmm.Estimate(**numbers)


CASES = {
    "gmm.log_prob": Case(
        gmm.log_prob,
        lambda rng: (mixture(3, 2)(rng), rng.normal(size=(5, 2))),
        grad=(0, 1),
    ),
    "gmm.responsibilities": Case(
        gmm.responsibilities,
        lambda rng: (mixture(2, 4)(rng), rng.normal(size=(5, 4))),
        grad=(0, 1),
        scale=10.0,
    ),
    "gmm.sample": Case(
        gmm.sample,
        lambda rng: (key(rng), mixture(3, 2)(rng)),
        {"num_samples": 4},
        grad=(1,),
    ),
    "gmm.marginal": Case(
        gmm.marginal, lambda rng: (mixture(2, 3)(rng),), {"dims": (2, 0)}
    ),
    "gmm.condition": Case(
        gmm.condition,
        lambda rng: (mixture(2, 3)(rng), rng.normal(size=2)),
        {"dims": (2, 0)},
        grad=(0, 1),
        scale=10.0,
    ),
    "gmm.pointwise_mutual_information": Case(
        gmm.pointwise_mutual_information,
        lambda rng: (
            mixture(2, 3)(rng),
            rng.normal(size=(5, 1)),
            rng.normal(size=(5, 2)),
        ),
        grad=(0, 1, 2),
        scale=10.0,
    ),
    "gmm.initialize": Case(
        gmm.initialize,
        lambda rng: (key(rng), clusters(rng)),
        {"num_components": 2},
        grad=(),
        scale=10.0,
    ),
    "gmm.em": Case(
        gmm.em,
        lambda rng: (
            gmm.GaussianMixture(
                np.log(np.array([0.4, 0.6])),
                np.array([[0.0, 0.0], [39.0, 39.0]]),
                np.stack([np.eye(2)] * 2),
            ),
            clusters(rng),
        ),
        {"max_steps": 4},
        grad=(1,),
        scale=100.0,
    ),
    "gmm.fit": Case(
        gmm.fit,
        lambda rng: (key(rng), clusters(rng, d=1)),
        # One start, as several that lead to the same fit order it at random.
        {"num_components": 2, "num_inits": 1, "max_steps": 5},
        grad=(1,),
        scale=100.0,
        is_heavy=True,
    ),
    "gmm.select": Case(
        gmm.select,
        lambda rng: (key(rng), clusters(rng)),
        {
            "fitting": gmm.Fitting(
                max_components=2, num_inits=1, num_folds=2, max_steps=5
            )
        },
        grad=(1,),
        scale=100.0,
        is_heavy=True,
        smooth=("mixture", "log_likelihood"),
    ),
    "gmm.mutual_information": Case(
        gmm.mutual_information,
        lambda rng: (key(rng), *blocks(1, 1)(rng)),
        ONE,
        grad=(1, 2),
        scale=100.0,
        is_heavy=True,
        smooth=SMOOTH,
    ),
    "gmm.conditional_mutual_information": Case(
        gmm.conditional_mutual_information,
        lambda rng: (key(rng), *blocks(1, 1, 1)(rng)),
        ONE,
        grad=(1, 2, 3),
        scale=100.0,
        is_heavy=True,
        smooth=SMOOTH,
    ),
    "gmm.class_mutual_information": Case(
        gmm.class_mutual_information,
        lambda rng: (key(rng), rng.normal(size=(24, 1)), np.arange(24) % 2),
        ONE | {"num_classes": 2},
        grad=(1,),
        scale=100.0,
        is_heavy=True,
        smooth=SMOOTH,
    ),
    "gmm.mutual_information_matrix": Case(
        gmm.mutual_information_matrix,
        lambda rng: (key(rng), *blocks(2, 1)(rng)),
        PLAIN,
        grad=(1, 2),
        scale=100.0,
        is_heavy=True,
        smooth=("value", "jackknife_error", "mixture"),
    ),
    "gmm.class_mutual_information_matrix": Case(
        gmm.class_mutual_information_matrix,
        lambda rng: (
            key(rng),
            rng.normal(size=(24, 1)),
            np.stack([np.arange(24) % 2, np.arange(24) // 12], axis=1),
        ),
        PLAIN | {"num_classes": (2, 2)},
        grad=(1,),
        scale=100.0,
        is_heavy=True,
        smooth=("value", "jackknife_error"),
    ),
    "gmm.entropy": Case(
        gmm.entropy,
        lambda rng: (key(rng), rng.normal(size=(24, 1))),
        ONE,
        grad=(1,),
        scale=100.0,
        is_heavy=True,
        smooth=SMOOTH,
    ),
    "gmm.marginal_kl_divergence": Case(
        gmm.marginal_kl_divergence,
        lambda rng: (key(rng), *blocks(1, 1)(rng)),
        ONE,
        grad=(1, 2),
        scale=100.0,
        is_heavy=True,
        smooth=SMOOTH,
    ),
    "gmm.normal_scores": Case(
        gmm.normal_scores, lambda rng: (rng.normal(size=(9, 2)),), grad=()
    ),
    "gmm.independence_test": Case(
        gmm.independence_test,
        lambda rng: (key(rng), *blocks(1, 1)(rng)),
        {
            "fitting": gmm.Fitting(max_components=1, max_steps=3),
            "num_permutations": 3,
        },
        grad=(),
        scale=100.0,
        is_heavy=True,
    ),
    "gmm.confidence_interval": Case(
        gmm.confidence_interval, lambda rng: (estimate(rng),)
    ),
    "gmm.mixture_mutual_information": Case(
        gmm.mixture_mutual_information,
        lambda rng: (key(rng), mixture(2, 2)(rng)),
        {"dim_x": 1, "num_nodes": 16},
        grad=(1,),
        scale=10.0,
    ),
    "gmm.mixture_conditional_mutual_information": Case(
        gmm.mixture_conditional_mutual_information,
        lambda rng: (key(rng), mixture(2, 4)(rng)),
        {"dim_x": 1, "dim_y": 1, "num_nodes": 16},
        grad=(1,),
        scale=100.0,
    ),
    "gmm.mixture_entropy": Case(
        gmm.mixture_entropy,
        lambda rng: (key(rng), mixture(2, 3)(rng)),
        {"num_nodes": 16},
        grad=(1,),
        scale=10.0,
    ),
    "gmm.mixture_kl_divergence": Case(
        gmm.mixture_kl_divergence,
        lambda rng: (key(rng), mixture(2, 1)(rng), mixture(3, 1)(rng)),
        {"num_nodes": 16},
        grad=(1, 2),
        scale=10.0,
    ),
}
