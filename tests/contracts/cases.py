"""One case for each public function: arguments to call it with, as it documents."""

import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo import measures


class Case(NamedTuple):
    """A call of a public function.

    Attributes:
        fn: The function.
        make: Draws its positional arguments, ``make(rng)``; floating ones in float64.
        kwargs: Its keyword arguments.
        grad: Positions of the arguments that it is differentiable in.
        keeps_dtype: Whether results have the dtype of the data.
        scale: How much rounding its results show, as ``assert_close`` counts it.
        is_smooth: Whether finite differences can check the gradient.
    """

    fn: Callable[..., Any]
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    kwargs: Mapping[str, Any] = types.MappingProxyType({})
    grad: tuple[int, ...] = (0,)
    keeps_dtype: bool = True
    scale: float = 1.0
    is_smooth: bool = True


def key(rng):
    """A typed key that depends on the draw."""
    return jax.random.key(int(rng.integers(2**31)))


def table(*shape):
    """Draw a probability table, away from zero for finite differences."""
    return lambda rng: (rng.dirichlet(np.full(np.prod(shape), 9.0)).reshape(shape),)


def covariance(rng, dim=4):
    root = rng.normal(size=(dim, dim))
    return root @ root.T + np.eye(dim)


CASES = {
    "measures.entropy": Case(measures.entropy, table(5)),
    "measures.mutual_information": Case(measures.mutual_information, table(3, 4)),
    "measures.conditional_mutual_information": Case(
        measures.conditional_mutual_information, table(2, 3, 2)
    ),
    "measures.variation_of_information": Case(
        measures.variation_of_information, table(3, 4)
    ),
    "measures.normalized_mutual_information": Case(
        measures.normalized_mutual_information, table(3, 4)
    ),
    "measures.kl_divergence": Case(
        measures.kl_divergence, lambda rng: tuple(table(2, 5)(rng)[0] * 2), grad=(0, 1)
    ),
    "measures.jensen_shannon_divergence": Case(
        measures.jensen_shannon_divergence,
        lambda rng: tuple(table(2, 5)(rng)[0] * 2),
        grad=(0, 1),
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

# Host-side functions: held to their values and errors by their own tests.
HOST_SIDE: set[str] = set()


def cast(args, dtype):
    """Give floating arguments one dtype."""

    def one(x):
        is_floating = isinstance(x, np.ndarray | float) and np.issubdtype(
            np.asarray(x).dtype, np.floating
        )
        return jnp.asarray(x, dtype) if is_floating else jnp.asarray(x)

    return jax.tree.map(one, args)
