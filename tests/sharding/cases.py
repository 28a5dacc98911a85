"""Calls of sharded functions beside their twins', for any mesh."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxinfo import (
    diffusion,
    disentanglement,
    fingerprint,
    fusion,
    gmm,
    neighbors,
    sharding,
    transfer_entropy,
)

# Smooth: Adam divides by slopes that may be next to nothing, which amplifies rounding.
DESCENT = optax.sgd(0.5)
FITTING = gmm.Fitting(max_components=2, num_inits=2, num_folds=2)
ONE_COMPONENT = gmm.Fitting(max_components=1, criterion="bic")
SAMPLING = gmm.Sampling(num_replicates=5)
# Numbers that no mesh divides, but one.
N = 53
TIMING = transfer_entropy.Timing(source_history=2, source_delay=2, lag=9)


class Case(NamedTuple):
    """A sharded function and its twin.

    Attributes:
        sharded: The function, after the mesh.
        twin: Its twin.
        args: Positional arguments of both.
        kwargs: Keywords of both.
        wrt: The positional argument that derivatives are taken in, if any.
        is_exact: Whether results are equal to the bit.
        single: How far apart results in single precision may be, where rounding is
            amplified: by orthogonal iterations, or by data far from their mean.
        is_slow: Whether it compiles long, and only says what others say too.
    """

    sharded: Any
    twin: Any
    args: tuple
    kwargs: dict
    wrt: int | None = None
    is_exact: bool = False
    single: float = 1e-6
    is_slow: bool = False


def normal_of_key(key):
    return jax.random.normal(key, (3,))


def lax_map(fn, xs, *, batch_size=1):
    return jax.lax.map(fn, xs, batch_size=batch_size)


def cases():
    """All cases, in the default precision."""
    rng = np.random.default_rng(0)
    dtype = jnp.zeros(()).dtype
    normal = functools.partial(rng.normal, size=(N, 3))
    means, log_variances = 3 * normal().astype(dtype), normal().astype(dtype)
    x = normal().astype(dtype)
    y = (x[:, :2] + 0.5 * normal()[:, :2]).astype(dtype)
    labels = rng.integers(0, 3, (N, 2))
    clusters = (x + 4 * rng.integers(0, 2, (N, 1))).astype(dtype)
    weights = rng.uniform(0.5, 2, N).astype(dtype)
    weights[3] = 0
    start = gmm.GaussianMixture(
        jnp.log(jnp.array([0.5, 0.5])),
        jnp.array([[0.0] * 3, [4.0] * 3]),
        jnp.stack([jnp.eye(3)] * 2),
    )
    points = rng.normal(size=(97, 3)).astype(dtype)
    symbols = rng.integers(0, 3, (N, 2))
    copies = np.roll(symbols, 1, axis=0)
    # Out of range where some sample looks, and where none does.
    symbols[20, 1], symbols[-1, 0], copies[0, 1] = 7, 7, 7
    overlaps = np.stack(
        [
            fingerprint.gaussian_overlaps(means[:11, k : k + 1], 0 * means[:11, :1])
            for k in (0, 1, 2, 0, 1)
        ]
    )
    key = jax.random.key(1)
    spectral = {
        "bandwidth": 1.0,
        "diffusion_times": np.array([1.0, 2.5], dtype),
        "subspace_size": 24,
        "num_probes": 4,
    }
    symbolic = {"num_symbols": 3, "timing": TIMING}
    mixtures = {"fitting": ONE_COMPONENT, "sampling": SAMPLING}
    searched = {"fitting": FITTING, "sampling": SAMPLING}
    descent = {"dim": 2, "optimizer": DESCENT, "num_steps": 4}
    return {
        "gaussian_pairwise": Case(
            sharding.gaussian_pairwise,
            fingerprint.gaussian_pairwise,
            (means, log_variances),
            {},
            wrt=0,
        ),
        "gaussian_pairwise in blocks": Case(
            sharding.gaussian_pairwise,
            fingerprint.gaussian_pairwise,
            (means[:5], log_variances[:5]),
            {"block_size": 2},
        ),
        "pairwise": Case(
            sharding.pairwise, fingerprint.pairwise, (overlaps,), {}, wrt=0
        ),
        "em": Case(
            sharding.em,
            gmm.em,
            (start, clusters),
            {"weights": weights, "tol": 0.0, "max_steps": 20},
            wrt=1,
            single=1e-5,
        ),
        "em in blocks": Case(
            sharding.em,
            gmm.em,
            (start, clusters),
            {"tol": 0.0, "max_steps": 20, "block_size": 4},
            single=1e-5,
            is_slow=True,
        ),
        "mutual_information": Case(
            sharding.mutual_information,
            gmm.mutual_information,
            (key, x[:, :1], y[:, :1]),
            mixtures,
        ),
        "mutual_information_matrix": Case(
            sharding.mutual_information_matrix,
            gmm.mutual_information_matrix,
            (key, x, y),
            mixtures,
        ),
        "mutual_information by search": Case(
            sharding.mutual_information,
            gmm.mutual_information,
            (key, x[:, :1], y[:, :1]),
            searched,
            wrt=1,
            is_slow=True,
        ),
        "mutual_information_matrix by search": Case(
            sharding.mutual_information_matrix,
            gmm.mutual_information_matrix,
            (key, x, y),
            searched,
            is_slow=True,
        ),
        "stochastic_spectral_entropy": Case(
            sharding.stochastic_spectral_entropy,
            diffusion.stochastic_spectral_entropy,
            (key, points),
            spectral,
            single=1e-4,
        ),
        "stochastic_spectral_entropy in blocks": Case(
            sharding.stochastic_spectral_entropy,
            diffusion.stochastic_spectral_entropy,
            (key, points),
            spectral | {"block_size": 5},
            single=1e-4,
            is_slow=True,
        ),
        "stochastic_spectral_entropy of few": Case(
            sharding.stochastic_spectral_entropy,
            diffusion.stochastic_spectral_entropy,
            (key, points[:19]),
            spectral,
        ),
        "neighbors_entropy": Case(
            sharding.neighbors_entropy, neighbors.entropy, (x,), {}
        ),
        "neighbors_mutual_information": Case(
            sharding.neighbors_mutual_information,
            neighbors.mutual_information,
            (x, y),
            {"mask": weights > 0.6, "exclusion_window": 2},
        ),
        "neighbors_mutual_information by ranges": Case(
            sharding.neighbors_mutual_information,
            neighbors.mutual_information,
            # With ties, which are broken by rows.
            (np.round(x, 1), y),
            {"algorithm": 2},
        ),
        "neighbors_conditional_mutual_information": Case(
            sharding.neighbors_conditional_mutual_information,
            neighbors.conditional_mutual_information,
            (x[:, :1], y[:, :1], x[:, 1:]),
            {},
        ),
        "transfer_entropy_pairwise": Case(
            sharding.transfer_entropy_pairwise,
            transfer_entropy.pairwise,
            (symbols, copies),
            symbolic,
            is_exact=True,
        ),
        "transfer_entropy_pairwise in blocks": Case(
            sharding.transfer_entropy_pairwise,
            transfer_entropy.pairwise,
            (symbols, copies),
            {"num_symbols": 3, "block_size": 1, "estimator": "grassberger"},
            is_exact=True,
        ),
        "transfer_entropy_ensemble_pairwise": Case(
            sharding.transfer_entropy_ensemble_pairwise,
            transfer_entropy.ensemble_pairwise,
            (np.stack([symbols] * 5, 1), np.stack([copies] * 5, 1)),
            {"num_symbols": 3},
            is_exact=True,
        ),
        "unibound": Case(
            sharding.unibound,
            disentanglement.unibound,
            (key, means, log_variances, labels),
            {"num_classes": (3, 3), "num_samples": 70},
            wrt=1,
        ),
        "fuse": Case(sharding.fuse, fusion.fuse, (key, overlaps), descent, wrt=1),
        "map": Case(
            sharding.map,
            lax_map,
            (normal_of_key, jax.random.split(key, 5)),
            {"batch_size": None},
            is_exact=True,
        ),
    }


def scalar(result):
    """One number that depends on all that is smooth in a result."""
    leaves = [
        leaf
        for leaf in jax.tree.leaves(result)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    return sum(
        jnp.vdot(jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)), leaf.ravel())
        for leaf in leaves
    )


def derivative(fn, case):
    """Derivatives at two steps uphill along a positional argument, in one program.

    Of several derivatives in one program, XLA has got the last ones wrong before.
    """

    def value(x):
        args = list(case.args)
        args[case.wrt] = x
        return scalar(fn(*args, **case.kwargs))

    def step(x, _):
        slope = jax.grad(value)(x)
        return x + 1e-3 * slope / jnp.maximum(jnp.max(jnp.abs(slope)), 1), slope

    @jax.jit
    def steps(x):
        return jax.lax.scan(step, x, length=2)[1]

    return steps(jnp.asarray(case.args[case.wrt]))


def gap(actual, expected, *, least=0.0):
    """Largest difference of two results, beside the largest number of each array.

    Numbers below ``least`` are taken for as large as that.

    NaN if something is not finite in one of them only, or a whole number differs.
    """
    worst = 0.0
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    for one, other in pairs:
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        is_finite = np.isfinite(other) & np.isfinite(one)
        same = np.array_equal(one[~is_finite], other[~is_finite], equal_nan=True)
        if not np.issubdtype(one.dtype, np.inexact):
            same = np.array_equal(one, other)
        if not same:
            return float("nan")
        one, other = one[is_finite].astype(float), other[is_finite].astype(float)
        size = np.max(np.abs(other), initial=least) or 1
        worst = max(worst, float(np.max(np.abs(one - other), initial=0) / size))
    return worst
