"""One case for each function of `measures`."""

import jax.numpy as jnp
import numpy as np

from jaxinfo import measures
from tests.contracts.cases import Case


def table(*shape):
    """Draw a probability table, away from zero for finite differences."""
    return lambda rng: (rng.dirichlet(np.full(np.prod(shape), 9.0)).reshape(shape),)


def covariance(rng, dim=4):
    root = rng.normal(size=(dim, dim))
    return root @ root.T + np.eye(dim)


def pair(rng):
    """Draw two distributions over the same values."""
    return tuple(rng.dirichlet(np.full(5, 9.0), 2))


def on_simplex(p):
    """The table itself; what is near it, brought back to a sum of one."""
    return p / jnp.sum(p)


CASES = {
    "measures.entropy": Case(measures.entropy, table(5), through=on_simplex),
    "measures.mutual_information": Case(
        measures.mutual_information, table(3, 4), through=on_simplex
    ),
    "measures.conditional_mutual_information": Case(
        measures.conditional_mutual_information, table(2, 3, 2), through=on_simplex
    ),
    "measures.variation_of_information": Case(
        measures.variation_of_information, table(3, 4), through=on_simplex
    ),
    "measures.normalized_mutual_information": Case(
        measures.normalized_mutual_information, table(3, 4), through=on_simplex
    ),
    "measures.kl_divergence": Case(
        measures.kl_divergence, pair, grad=(0, 1), through=on_simplex
    ),
    "measures.jensen_shannon_divergence": Case(
        measures.jensen_shannon_divergence,
        pair,
        grad=(0, 1),
        through=on_simplex,
    ),
    "measures.entropy_of_counts": Case(
        measures.entropy_of_counts,
        lambda rng: (rng.integers(1, 9, 6).astype(float),),
        {"estimator": "miller_madow"},
    ),
    "measures.contingency_table": Case(
        measures.contingency_table,
        lambda rng: (rng.integers(0, 3, 9), rng.integers(0, 2, 9)),
        {"num_x": 3, "num_y": 2},
        grad=(),
        keeps_dtype=False,
    ),
    "measures.compare_labels": Case(
        measures.compare_labels,
        lambda rng: (rng.integers(0, 3, 9), rng.integers(0, 2, 9)),
        {"num_x": 3, "num_y": 2},
        grad=(),
        keeps_dtype=False,
    ),
    "measures.gaussian_entropy": Case(
        measures.gaussian_entropy, lambda rng: (covariance(rng),)
    ),
    "measures.gaussian_mutual_information": Case(
        measures.gaussian_mutual_information,
        lambda rng: (covariance(rng),),
        {"dim_x": 1},
        scale=10.0,
    ),
    "measures.nats_to_bits": Case(
        measures.nats_to_bits, lambda rng: (rng.normal(size=3),)
    ),
}
