"""Speed and memory of `pid` and `disentanglement` compared with dit and NumPy.

    python benchmarks/bench_pid.py [--quick] [--only NAME] [--json FILE]
        [--markdown FILE]

The extra ``bench`` installs dit and, up to Python 3.12, ECOS, the solver with which dit
finds the optimum; if one is missing, its comparisons are left out.
"""

import functools
import importlib.util
import math
from typing import Any

import harness
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from jaxinfo import disentanglement, pid

Array = npt.NDArray[Any]

GIB = 2**30
# Antichains of dit in the order of a `pid.Decomposition`.
ATOMS = (((0,), (1,)), ((0,),), ((1,),), ((0, 1),))
# The solver that dit chooses for small tables often stops before the optimum: its atoms
# of random tables of two states were seen to be up to 0.011 nats off.
EARLY_STOP = 0.05
OUTER, INNER = 1024, 256


def is_installed(package: str) -> bool:
    """Whether a peer can be imported."""
    return importlib.util.find_spec(package) is not None


def tables(number: int) -> Array:
    """Random tables of two binary sources and a binary target, all of them positive."""
    return np.random.default_rng(0).dirichlet(np.ones(8), number).reshape(-1, 2, 2, 2)


def peer_atoms(distributions: list[Any], **options: str) -> Array:
    """Atoms by dit, in nats."""
    import dit

    found = [
        dit.pid.PID_BROJA(one, [[0], [1]], [2], **options) for one in distributions
    ]
    return np.log(2) * np.array([[one.get_pi(atom) for atom in ATOMS] for one in found])


def peers(some: Array) -> list[harness.Side]:
    """Solvers of dit on some tables; the task is one table."""
    import dit

    distributions = [dit.Distribution.from_ndarray(one) for one in some]
    options = {"dit": {}}
    if is_installed("ecos"):
        options["dit, by ECOS"] = {"method": "cone"}
    return [
        harness.Side(
            name,
            functools.partial(peer_atoms, distributions, **one),
            "float64",
            share=len(some),
        )
        for name, one in options.items()
    ]


def bench_tables(quick: bool) -> list[harness.Row]:
    """BROJA of many tables at once, beside dit on a few of them."""
    if not is_installed("dit"):
        return []
    number, few = (20, 2) if quick else (1000, 5)
    p_xyt = tables(number)
    others = peers(p_xyt[:few])
    gaps = {"float64": 1e-6, "float32": 1024 * float(jnp.finfo("float32").eps)}
    ours = []
    for dtype, gap in gaps.items():
        with jax.enable_x64(dtype == "float64"):
            side = harness.compiled(
                f"broja, {dtype}",
                jax.vmap(functools.partial(pid.broja, tol=gap)),
                jnp.asarray(p_xyt, dtype),
                dtype=dtype,
                share=number,
            )
        ours.append(side)
    measured = harness.measure([*ours, *others], repeats=2 if quick else 5)
    task, shapes = "BROJA decomposition of a table", f"2 x 2 x 2, {number} at once"
    rows = []
    for side in ours:
        found = measured[side.name].result
        atoms = np.stack([np.asarray(atom)[:few] for atom in found[:4]], axis=1)
        for other in others:
            is_default = other is others[0]
            rows.append(
                harness.ratio(
                    task,
                    measured[other.name],
                    measured[side.name],
                    shapes=shapes,
                    difference=harness.largest_difference(
                        atoms, measured[other.name].result
                    ),
                    # A tenth for the error of the peer and for rounding.
                    tolerance=EARLY_STOP if is_default else 1.1 * gaps[side.dtype],
                    at_least=1000 if is_default and not quick else None,
                )
            )
    return [*rows, *harness.timings(task, measured, shapes=shapes)]


def posteriors(
    num_classes: tuple[int, ...], d: int
) -> tuple[Array, Array, Array, Array]:
    """Posteriors of the full grid of factors, one sample of each, and the factors.

    The first latents carry a factor each, mixed with the others, and the rest noise.
    """
    rng = np.random.default_rng(0)
    factors = np.stack([one.ravel() for one in np.indices(num_classes)], axis=1)
    sizes = np.array(num_classes)
    levels = (factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12)
    n, k = levels.shape
    means = 0.3 * rng.normal(size=(n, d))
    means[:, :k] += levels @ (np.eye(k) + 0.2 * rng.normal(size=(k, k)))
    log_variances = 0.3 * rng.normal(size=(n, d)) - 2
    samples = means + np.exp(log_variances / 2) * rng.normal(size=(n, d))
    single = (one.astype(np.float32) for one in (samples, means, log_variances))
    return *single, factors.astype(np.int32)


def log_sum_exp(x: Array, axis: int) -> Array:
    """Logarithm of a sum of exponentials."""
    top = x.max(axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.exp(x - top).sum(axis=axis))


def plain_log_density(
    kind: str, samples: Array, means: Array, log_variances: Array
) -> Array:
    """Log density of the mixture of posteriors, of each latent or set of latents.

    Up to a constant, in batches of samples and of posteriors. Shape ``(m, s)``.
    """
    d = samples.shape[1]
    # Columns tell which latents a set holds.
    sets = {
        "single": None,
        "rest": 1 - np.eye(d, dtype=samples.dtype),
        "joint": np.ones((d, 1), samples.dtype),
    }[kind]
    found = []
    for outer in range(0, len(samples), OUTER):
        z = samples[outer : outer + OUTER, None]
        total = np.array(-np.inf, samples.dtype)
        for inner in range(0, len(means), INNER):
            log_variance = log_variances[None, inner : inner + INNER]
            deviation = z - means[None, inner : inner + INNER]
            each = -(deviation**2 * np.exp(-log_variance) + log_variance) / 2
            of_sets = each if sets is None else each @ sets
            total = np.logaddexp(total, log_sum_exp(of_sets, axis=1))
        found.append(total)
    return np.concatenate(found) - np.log(len(means), dtype=samples.dtype)


def plain_information(
    samples: Array,
    means: Array,
    log_variances: Array,
    factors: Array,
    num_classes: tuple[int, ...],
) -> list[Array]:
    """Information of single latents, all others and all, about each factor.

    A sweep for each kind of set, and one more for each factor and value.
    """
    found = []
    for kind in ("single", "rest", "joint"):
        marginal = plain_log_density(kind, samples, means, log_variances)
        informations = []
        for k, number in enumerate(num_classes):
            conditional = np.empty_like(marginal)
            for value in range(number):
                chosen = factors[:, k] == value
                conditional[chosen] = plain_log_density(
                    kind, samples[chosen], means[chosen], log_variances[chosen]
                )
            informations.append(np.mean(conditional - marginal, axis=0))
        found.append(np.stack(informations, axis=1))
    return found


def bench_unibound(quick: bool) -> list[harness.Row]:
    """UniBound of a full grid of factors, beside sweeps in NumPy."""
    num_classes = (2, 3, 4, 5) if quick else (4, 5, 6, 20)
    d = 10
    samples, means, log_variances, factors = posteriors(num_classes, d)
    given = [jnp.asarray(one) for one in (means, log_variances, factors)]
    ours = harness.compiled(
        "unibound",
        functools.partial(disentanglement.unibound, num_classes=num_classes),
        jax.random.key(0),
        *given,
        dtype="float32",
    )
    peer = harness.Side(
        "NumPy, a sweep for each value",
        functools.partial(
            plain_information, samples, means, log_variances, factors, num_classes
        ),
        "float32",
    )
    measured = harness.measure([ours, peer], repeats=3)
    # The samples of `unibound` are its own: values are compared on the same ones.
    actual = disentanglement.latent_information(
        jnp.asarray(samples), given[2], *given, num_classes=num_classes
    )
    task = "single, remaining and joint information"
    shapes = f"n = {len(means)}, d = {d}, K = {len(num_classes)}"
    return [
        harness.ratio(
            task,
            measured[peer.name],
            measured[ours.name],
            shapes=shapes,
            difference=harness.largest_difference(
                [actual.single, actual.rest, actual.joint[None]],
                measured[peer.name].result,
            ),
            tolerance=1e-5,
            at_least=None if quick else 15,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


def bench_memory(quick: bool) -> list[harness.Row]:
    """Temporary memory of compiled calls on many posteriors, which are not run."""
    num_classes = (2, 3, 4, 5) if quick else (10, 10, 10, 100)
    n, d = math.prod(num_classes), 10
    posterior = jax.ShapeDtypeStruct((n, d), jnp.float32)
    factors = jax.ShapeDtypeStruct((n, len(num_classes)), jnp.int32)
    calls = {
        "unibound": functools.partial(
            disentanglement.unibound, num_classes=num_classes
        ),
        "gradient of unibound_penalty": jax.grad(
            functools.partial(
                disentanglement.unibound_penalty, num_classes=num_classes
            ),
            argnums=(1, 2),
        ),
    }
    rows = []
    for name, fn in calls.items():
        lowered = jax.jit(fn).lower(jax.random.key(0), posterior, posterior, factors)
        rows.append(
            harness.memory(
                f"{name}, temporaries of the compiled call",
                lowered.compile().memory_analysis().temp_size_in_bytes,
                limit_bytes=4 * GIB,
                shapes=f"n = {n}, d = {d}, K = {len(num_classes)}",
                dtype="float32",
            )
        )
    return rows


BENCHMARKS = {
    "tables": bench_tables,
    "unibound": bench_unibound,
    "memory": bench_memory,
}

if __name__ == "__main__":
    harness.main(__doc__.splitlines()[0], BENCHMARKS)
