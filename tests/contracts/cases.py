"""One case for each public function: arguments to call it with, as it documents."""

import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxinfo import fingerprint, fusion, plotting, sharding


class Case(NamedTuple):
    """A call of a public function.

    Attributes:
        fn: The function.
        make: Draws its positional arguments, ``make(rng)``; floating ones in float64.
        kwargs: Its keyword arguments.
        grad: Positions of the arguments that it is differentiable in.
        keeps_dtype: Whether results have the dtype of the data.
        scale: How much rounding its results show, as ``assert_close`` counts it.
        smooth: Fields of its result that are differentiable; none for all.
        is_heavy: Whether tests that compile it again, or run it step by step, are left
            to the slow ones.
        is_nan: Fields of its result that are NaN, as documented.
        through: What a differentiated argument goes through where not every array near
            it is one, as a table is no table off the simplex.
    """

    fn: Callable[..., Any]
    make: Callable[[np.random.Generator], tuple[Any, ...]]
    kwargs: Mapping[str, Any] = types.MappingProxyType({})
    grad: tuple[int, ...] = (0,)
    keeps_dtype: bool = True
    scale: float = 1.0
    smooth: tuple[str, ...] = ()
    is_heavy: bool = False
    is_nan: tuple[str, ...] = ()
    through: Callable[[Any], Any] = lambda argument: argument


def key(rng):
    """A typed key that depends on the draw."""
    return jax.random.key(int(rng.integers(2**31)))


def posteriors(*shape):
    """Draw means and log-variances."""
    return lambda rng: (2 * rng.normal(size=shape), 0.3 * rng.normal(size=shape) - 1)


def gaussian_overlaps(rng, n):
    """Draw overlaps of a one-dimensional space, in NumPy."""
    means, log_variances = posteriors(n)(rng)
    variances = np.exp(log_variances)
    middle = (variances[:, None] + variances) / 2
    factor = np.sqrt(np.sqrt(variances[:, None] * variances) / middle)
    return factor * np.exp(-((means[:, None] - means) ** 2) / (8 * middle))


def overlaps(*number, n=7):
    """Draw overlaps, stacked as told."""

    def make(rng):
        draws = [gaussian_overlaps(rng, n) for _ in range(int(np.prod(number)))]
        return np.stack(draws).reshape(*number, n, n)

    return make


def poisson_log_partition(eta):
    """Log-partition function of independent Poisson variables."""
    return jnp.sum(jnp.exp(eta))


def linear_encoder(params, x):
    """Posteriors whose means are linear in the data."""
    means = jnp.sum(params[None] * x[:, None], axis=2)
    return means, jnp.zeros_like(means)


ADAM = optax.adam(0.05)

CASES = {
    "fingerprint.gaussian_overlaps": Case(
        fingerprint.gaussian_overlaps, posteriors(6, 2), grad=(0, 1)
    ),
    "fingerprint.full_gaussian_overlaps": Case(
        fingerprint.full_gaussian_overlaps,
        lambda rng: (
            rng.normal(size=(5, 2)),
            np.tril(0.3 * rng.normal(size=(5, 2, 2))) + np.eye(2),
        ),
        grad=(0, 1),
    ),
    "fingerprint.gaussian_kl_overlaps": Case(
        fingerprint.gaussian_kl_overlaps, posteriors(6, 2), grad=(0, 1)
    ),
    "fingerprint.von_mises_overlaps": Case(
        fingerprint.von_mises_overlaps,
        lambda rng: (rng.uniform(-3, 3, (5, 2)), rng.uniform(0.5, 4, (5, 2))),
        grad=(0, 1),
    ),
    "fingerprint.categorical_overlaps": Case(
        fingerprint.categorical_overlaps, lambda rng: (rng.normal(size=(5, 3)),)
    ),
    "fingerprint.bernoulli_overlaps": Case(
        fingerprint.bernoulli_overlaps, lambda rng: (rng.normal(size=(5, 3)),)
    ),
    "fingerprint.label_overlaps": Case(
        fingerprint.label_overlaps,
        lambda rng: (rng.integers(0, 3, 6),),
        grad=(),
        keeps_dtype=False,
    ),
    "fingerprint.exponential_family_overlaps": Case(
        fingerprint.exponential_family_overlaps,
        lambda rng: (rng.normal(size=(5, 2)),),
        {"log_partition_fn": poisson_log_partition},
    ),
    "fingerprint.information": Case(
        fingerprint.information,
        lambda rng: (overlaps(1)(rng)[0],),
        {"dataset_size": 50.0},
    ),
    "fingerprint.gaussian_information_bounds": Case(
        fingerprint.gaussian_information_bounds, posteriors(7, 2), grad=(0, 1)
    ),
    "fingerprint.compare": Case(
        fingerprint.compare, lambda rng: tuple(overlaps(2)(rng)), grad=(0, 1)
    ),
    "fingerprint.pairwise": Case(fingerprint.pairwise, lambda rng: (overlaps(3)(rng),)),
    "fingerprint.cross_pairwise": Case(
        fingerprint.cross_pairwise,
        lambda rng: (overlaps(2)(rng), overlaps(3)(rng)),
        grad=(0, 1),
    ),
    "fingerprint.gaussian_pairwise": Case(
        fingerprint.gaussian_pairwise, posteriors(7, 3), {"block_size": 3}, grad=(0, 1)
    ),
    "fingerprint.gaussian_label_pairwise": Case(
        fingerprint.gaussian_label_pairwise,
        lambda rng: (*posteriors(7, 3)(rng), rng.integers(0, 3, (7, 2))),
        {"block_size": 3},
        grad=(0, 1),
    ),
    "fingerprint.quantized_pairwise": Case(
        fingerprint.quantized_pairwise,
        posteriors(7, 3),
        {"num_bins": 8},
        grad=(0, 1),
        scale=10.0,
    ),
    "fingerprint.monte_carlo_compare": Case(
        fingerprint.monte_carlo_compare,
        lambda rng: (key(rng), *posteriors(7, 2)(rng), *posteriors(7, 1)(rng)),
        {"num_samples": 20, "block_size": 8},
        grad=(1, 2, 3, 4),
        scale=10.0,
    ),
    "fingerprint.adjust_for_chance": Case(
        fingerprint.adjust_for_chance,
        lambda rng: tuple(overlaps(2)(rng)),
        grad=(0, 1),
        scale=10.0,
    ),
    "fingerprint.gaussian_pairwise_chance": Case(
        fingerprint.gaussian_pairwise_chance,
        posteriors(7, 3),
        {"block_size": 3},
        grad=(0, 1),
        scale=10.0,
    ),
    "fingerprint.jackknife": Case(
        fingerprint.jackknife,
        lambda rng: tuple(overlaps(2)(rng)),
        grad=(0, 1),
        scale=10.0,
    ),
    "fingerprint.channel_distances": Case(
        fingerprint.channel_distances,
        lambda rng: (
            fingerprint.PairwiseComparison(
                information=rng.uniform(0.5, 1, 3),
                mutual_information=rng.uniform(0.5, 1, (3, 3)),
                nmi=rng.uniform(0.2, 0.8, (3, 3)),
                vi=rng.uniform(0.5, 1, (3, 3)),
            ),
        ),
        {"measure": "nmi"},
    ),
    "fingerprint.sample_fingerprint": Case(
        fingerprint.sample_fingerprint,
        lambda rng: (key(rng),),
        {"num_data": 9, "num_points": 4},
        grad=(),
        keeps_dtype=False,
    ),
    "fingerprint.inverse_variance_mean": Case(
        fingerprint.inverse_variance_mean,
        lambda rng: (rng.normal(size=5), rng.uniform(0.1, 1, 5)),
        grad=(0, 1),
    ),
    "fusion.loss": Case(
        fusion.loss,
        lambda rng: (overlaps(1)(rng)[0], overlaps(3)(rng)),
        grad=(0, 1),
    ),
    "fusion.fuse": Case(
        fusion.fuse,
        lambda rng: (key(rng), overlaps(2)(rng)),
        {"dim": 2, "optimizer": ADAM, "num_steps": 3},
        grad=(1,),
        scale=100.0,
    ),
    "fusion.fuse_encoder": Case(
        fusion.fuse_encoder,
        lambda rng: (
            rng.normal(size=(2, 3)),
            rng.normal(size=(7, 3)),
            overlaps(2)(rng),
        ),
        {"encoder_fn": linear_encoder, "optimizer": ADAM, "num_steps": 3},
        grad=(0, 2),
        scale=100.0,
    ),
    "fusion.continuity": Case(fusion.continuity, posteriors(7, 2), grad=(0, 1)),
}

# Host-side functions: held to their values and errors by their own tests.
HOST_SIDE = {
    "diffusion.cluster_labels",
    "fingerprint.cluster_channels",
    "fingerprint.gaussian_parameters",
    "information_plane.capture",
    "information_plane.stack",
    "pid.lattice",
    # Has no data to draw.
    "transfer_entropy.stream_init",
    *(f"plotting.{name}" for name in plotting.__all__),
    *(f"sharding.{name}" for name in sharding.__all__),
}


def cast(args, dtype):
    """Give floating arguments one dtype."""

    def one(x):
        is_floating = isinstance(x, np.ndarray | float) and np.issubdtype(
            np.asarray(x).dtype, np.floating
        )
        return jnp.asarray(x, dtype) if is_floating else jnp.asarray(x)

    return jax.tree.map(one, args)
