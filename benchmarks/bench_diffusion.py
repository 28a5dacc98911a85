"""Speed of `diffusion` compared with dse-dsmi 1.1, NumPy's eigvalsh and matfree.

    python benchmarks/bench_diffusion.py [--quick] [--only NAME] [--json FILE]
        [--markdown FILE]

Install the other packages with ``pip install dse-dsmi==1.1 matfree``; if one is
missing, its comparisons are left out. dse-dsmi has a non-commercial licence, and
reports bits. The benchmark ``large`` runs 100,000 points, and takes about ten minutes.
"""

import functools
import importlib.util
import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import harness
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from jaxinfo import diffusion

Array = npt.NDArray[np.float64]

GIB = 2**30
TIMES = (1.0, 1.5, 2.0, 5.0)


def is_installed(package: str) -> bool:
    """Whether a peer can be imported."""
    return importlib.util.find_spec(package) is not None


def single(x: Array) -> jax.Array:
    """The array in single precision."""
    return jnp.asarray(x, jnp.float32)


def numpy_operator(x: Array, bandwidth: float) -> Array:
    """Diffusion matrix of points, in its symmetric form."""
    squares = np.sum(x**2, axis=1)
    distances = squares[:, None] + squares - 2 * x @ x.T
    kernel = np.exp(-np.maximum(distances, 0) / (2 * bandwidth**2))
    scale = 1 / np.sqrt(kernel.sum(axis=1))
    return kernel * scale[:, None] * scale


def numpy_entropies(matrix: Array, times: tuple[float, ...]) -> Array:
    """Entropies of the spectrum of a matrix."""
    values = np.maximum(np.linalg.eigvalsh(matrix), 0)
    powers = values[:, None] ** np.asarray(times)
    p = powers / powers.sum(axis=0)
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=0)


def peer_entropy(x: Array, bandwidth: float, diffusion_time: float) -> float:
    """Entropy by dse-dsmi, in nats."""
    from dse_dsmi.dse import diffusion_spectral_entropy

    bits = diffusion_spectral_entropy(
        x, gaussian_kernel_sigma=bandwidth, t=diffusion_time
    )
    return float(bits) * float(np.log(2))


def peer_information(x: Array, labels: Any, bandwidth: float) -> float:
    """Information with labels by dse-dsmi, in nats."""
    from dse_dsmi.dsmi import diffusion_spectral_mutual_information

    bits = diffusion_spectral_mutual_information(
        x, labels, gaussian_kernel_sigma=bandwidth
    )[0]
    return float(bits) * float(np.log(2))


def bench_exact(quick: bool) -> list[harness.Row]:
    """One entropy from the whole spectrum."""
    n, d, bandwidth = (300, 32, 6.0) if quick else (2000, 256, 16.0)
    x = np.random.default_rng(0).normal(size=(n, d))
    entropy = functools.partial(diffusion.spectral_entropy, bandwidth=bandwidth)
    sides = [
        harness.compiled("spectral_entropy", entropy, single(x), dtype="float32"),
        harness.Side(
            "NumPy eigvalsh",
            lambda: numpy_entropies(numpy_operator(x, bandwidth), (1.0,))[0],
            "float64",
        ),
    ]
    if is_installed("dse_dsmi"):
        sides.append(
            harness.Side("dse-dsmi", lambda: peer_entropy(x, bandwidth, 1), "float64")
        )
    return compare("an entropy", sides, f"n = {n}, d = {d}", {"dse-dsmi": 2.0})


def bench_grid(quick: bool) -> list[harness.Row]:
    """Entropies at three bandwidths and five times."""
    n, d, scale = (300, 32, 6.0) if quick else (2000, 256, 16.0)
    if not is_installed("dse_dsmi"):
        return []
    x = np.random.default_rng(0).normal(size=(n, d))
    bandwidths, times = (scale / 2, scale, 2 * scale), (1, 2, 3, 5, 10)
    grid = functools.partial(
        diffusion.spectral_entropies,
        bandwidths=np.array(bandwidths),
        diffusion_times=np.array(times, float),
    )
    sides = [harness.compiled("spectral_entropies", grid, single(x), dtype="float32")]
    sides.append(
        harness.Side(
            "dse-dsmi, a call each",
            lambda: np.array(
                [[peer_entropy(x, b, t) for t in times] for b in bandwidths]
            ),
            "float64",
        )
    )
    goals = {"dse-dsmi, a call each": 10.0}
    return compare("a grid of entropies", sides, f"n = {n}, d = {d}, 3 x 5", goals)


def bench_information(quick: bool) -> list[harness.Row]:
    """Information with the labels of ten balanced classes."""
    if not is_installed("dse_dsmi"):
        return []
    n, d, bandwidth = (200, 16, 4.0) if quick else (2000, 64, 8.0)
    rng = np.random.default_rng(1)
    labels = np.arange(n) % 10
    x = 2 * rng.normal(size=(10, d))[labels] + rng.normal(size=(n, d))
    information = functools.partial(
        diffusion.spectral_mutual_information, num_classes=10, bandwidth=bandwidth
    )
    ours = harness.compiled(
        "spectral_mutual_information",
        information,
        jax.random.key(0),
        single(x),
        jnp.asarray(labels),
        dtype="float32",
    )
    peer = harness.Side(
        "dse-dsmi", lambda: peer_information(x, labels, bandwidth), "float64"
    )
    measured = harness.measure([ours, peer], repeats=9)
    result = measured[ours.name].result
    task, shapes = "information with labels", f"10 classes of {n // 10}, d = {d}"
    return [
        harness.ratio(
            task,
            measured["dse-dsmi"],
            measured[ours.name],
            shapes=shapes,
            difference=abs(float(result.value) - measured["dse-dsmi"].result),
            # Each draws its own subsets.
            tolerance=4 * float(result.standard_error) * 2**0.5,
            at_least=5,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


def bench_stochastic(quick: bool) -> list[harness.Row]:
    """Entropies of many points without the spectrum."""
    n, bandwidth = (1200, 2.0) if quick else (5000, 1.0)
    x = np.random.default_rng(7).standard_normal((n, 10))
    options = {"bandwidth": bandwidth, "diffusion_times": np.array(TIMES)}
    size = 64 if quick else 256
    estimate = functools.partial(
        diffusion.stochastic_spectral_entropy, subspace_size=size, **options
    )
    exact = functools.partial(
        diffusion.spectral_entropies,
        bandwidths=np.array([bandwidth]),
        diffusion_times=np.array(TIMES),
    )
    ours = harness.compiled(
        "stochastic_spectral_entropy",
        estimate,
        jax.random.key(0),
        single(x),
        dtype="float32",
    )
    sides = [
        ours,
        harness.compiled("spectral_entropies", exact, single(x), dtype="float32"),
        harness.Side(
            "NumPy eigvalsh",
            lambda: numpy_entropies(numpy_operator(x, bandwidth), TIMES),
            "float64",
        ),
    ]
    measured = harness.measure(sides, repeats=1 if quick else 2)
    result = measured[ours.name].result
    task, shapes = "entropies of many points", f"n = {n}, d = 10, 4 times"
    rows = []
    for name in ("spectral_entropies", "NumPy eigvalsh"):
        gap = np.abs(np.ravel(measured[name].result) - np.asarray(result.value))
        rows.append(
            harness.ratio(
                task,
                measured[name],
                measured[ours.name],
                shapes=shapes,
                # In units of what the estimate reports.
                difference=float(np.max(gap / (4 * result.standard_error + 5e-5))),
                tolerance=1.0,
                at_least=5,
            )
        )
    rows += harness.timings(task, measured, shapes=shapes)
    if is_installed("matfree"):
        rows += matfree_rows(x, bandwidth, measured, ours.name, shapes)
    return rows


def matfree_rows(
    x: Array,
    bandwidth: float,
    measured: dict[str, harness.Measured],
    ours: str,
    shapes: str,
) -> list[harness.Row]:
    """The entropy at t = 2 by stochastic Lanczos quadrature alone.

    Its time is multiplied by the runs that it would take to be as precise.
    """
    number, seconds, values = 8, [], []
    entropy = jax.jit(matfree_entropy(x.shape[0], time=2.0))
    matrix = single(numpy_operator(x, bandwidth))
    jax.block_until_ready(entropy(jax.random.key(0), matrix))
    for key in jax.random.split(jax.random.key(1), number):
        start = time.perf_counter()
        values.append(float(entropy(key, matrix)))
        seconds.append(time.perf_counter() - start)
    exact = measured["NumPy eigvalsh"].result[TIMES.index(2.0)]
    scatter = float(np.std(values, ddof=1))
    own = float(measured[ours].result.standard_error[TIMES.index(2.0)])
    peer = harness.Measured(
        harness.Side("matfree at equal error", lambda: None, "float32"), seconds, values
    )
    return [
        harness.ratio(
            "an entropy of many points at t = 2, operator given",
            peer,
            measured[ours],
            shapes=shapes,
            difference=abs(float(np.mean(values)) - exact),
            tolerance=4 * scatter / number**0.5,
            factor=max(1.0, (scatter / own) ** 2),
        )
    ]


def matfree_entropy(
    n: int, *, time: float, num_steps: int = 20, num_probes: int = 16
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Entropy of a spectrum by matfree's stochastic Lanczos quadrature."""
    from matfree import decomp, funm, stochtrace

    def trace(fn: Callable[[jax.Array], jax.Array]) -> Callable[..., jax.Array]:
        tridiagonal = decomp.tridiag_sym(num_steps, reortho="full")
        integrand = funm.monte_carlo_funm_sym(funm.dense_funm_sym_eigh(fn), tridiagonal)
        sampler = stochtrace.sampler_signs(jnp.ones(n), num=num_probes)
        estimator: Callable[..., jax.Array] = stochtrace.estimator_monte_carlo(
            integrand, sampler=sampler
        )
        return estimator

    def power(values: jax.Array) -> jax.Array:
        return jnp.maximum(values, 0) ** time

    def logs(values: jax.Array) -> jax.Array:
        is_zero = values <= 0
        return jnp.where(
            is_zero, 0, power(values) * jnp.log(jnp.where(is_zero, 1, values))
        )

    def entropy(key: jax.Array, matrix: jax.Array) -> jax.Array:
        total, weighted = (trace(fn)(lambda v: matrix @ v, key) for fn in (power, logs))
        return jnp.log(total) - time * weighted / total

    return entropy


def bench_large(quick: bool) -> list[harness.Row]:
    """Memory of an estimate that never holds the kernel, in a process of its own."""
    n = 20_000 if quick else 100_000
    got = harness.in_fresh_process(pathlib.Path(__file__), "--measure", str(n))
    if not np.isfinite(got["value"] + got["standard_error"]).all():
        raise ArithmeticError(f"An estimate is not finite: {got}.")
    shapes, dtype = f"n = {n}, d = 10", "float32"
    side = harness.Side("stochastic_spectral_entropy", lambda: None, dtype)
    one = {side.name: harness.Measured(side, [got["seconds"]], None)}
    task = "entropies by blocks"
    return [
        harness.memory(
            f"{task}, all that is resident",
            got["bytes"],
            limit_bytes=4 * GIB,
            shapes=shapes,
            dtype=dtype,
        ),
        *harness.timings(f"{task}, with compilation", one, shapes=shapes),
    ]


def measure_large(n: int) -> None:
    """Estimate once, and print peak memory and time as JSON."""
    x = single(np.random.default_rng(0).standard_normal((n, 10)))
    start = time.perf_counter()
    result = jax.block_until_ready(
        diffusion.stochastic_spectral_entropy(
            jax.random.key(0),
            x,
            bandwidth=10**0.5,
            diffusion_times=np.array(TIMES),
        )
    )
    elapsed = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": elapsed,
                "bytes": harness.peak_bytes(),
                "value": np.asarray(result.value, float).tolist(),
                "standard_error": np.asarray(result.standard_error, float).tolist(),
            }
        )
    )


def compare(
    task: str, sides: list[harness.Side], shapes: str, goals: dict[str, float]
) -> list[harness.Row]:
    """Ratios of all sides to the first, and times."""
    measured = harness.measure(sides, repeats=3)
    ours, *others = measured.values()
    rows = [
        harness.ratio(
            task,
            other,
            ours,
            shapes=shapes,
            difference=harness.largest_difference(ours.result, other.result),
            tolerance=1e-4,
            at_least=goals.get(other.side.name),
        )
        for other in others
    ]
    return rows + harness.timings(task, measured, shapes=shapes)


BENCHMARKS = {
    "exact": bench_exact,
    "grid": bench_grid,
    "information": bench_information,
    "stochastic": bench_stochastic,
    "large": bench_large,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure_large(int(sys.argv[2]))
    else:
        harness.main(__doc__.splitlines()[0], BENCHMARKS)
