"""Speed of `gmm` compared with gmm-mi 0.8.2 and scikit-learn's GaussianMixture.

    python benchmarks/bench_gmm.py [--quick] [--json FILE] [--markdown FILE]

gmm-mi runs in an environment of its own, see `gmm_mi_peer`; without it, its
comparisons are left out.
"""

import functools
import pathlib
import sys
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gmm_mi_peer
import harness

from jaxinfo import gmm


def samples(rng, n):
    """Bivariate samples that take one, three and three components."""
    z = rng.normal(size=(n, 2))
    gaussian = z @ np.array([[1.0, 0.6], [0.0, 0.8]])
    x = rng.gamma(1.0, size=n)
    hard = np.log(np.stack([x, rng.exponential(size=n) / x], axis=1))
    corners = np.array([[0.0, 0.0], [3.0, 3.0], [-3.0, 3.0]])
    clusters = corners[rng.integers(0, 3, n)] + 0.7 * z
    return {"Gaussian": gaussian, "gamma-exponential": hard, "clusters": clusters}


def timed(fn, *args, repeats=5):
    """Seconds of warm runs, with the last result."""
    result = jax.block_until_ready(fn(*args))
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = jax.block_until_ready(fn(*args))
        seconds.append(time.perf_counter() - start)
    return seconds, result


def side(name, seconds, result, compile_seconds=None):
    """A side measured by other means than the harness's turns."""
    return harness.Measured(
        harness.Side(name, lambda: result, "float32", compile_seconds), seconds, result
    )


def bench_pairs(quick):
    """One estimate with defaults, beside one of gmm-mi."""
    if not gmm_mi_peer.is_available():
        return []
    rows = []
    for name, pair in samples(np.random.default_rng(0), 300 if quick else 1000).items():
        x, y = (jnp.asarray(pair[:, i, None], jnp.float32) for i in (0, 1))
        key = jax.random.key(0)
        start = time.perf_counter()
        gmm.mutual_information.lower(key, x, y).compile()
        compile_seconds = time.perf_counter() - start
        seconds, result = timed(gmm.mutual_information, key, x, y)
        ours = side("mutual_information", seconds, result, compile_seconds)
        out = gmm_mi_peer.estimates(pair[None])
        theirs = side("gmm-mi", list(out[:, 0]), out)
        shapes = f"n = {len(pair)}"
        rows.append(
            harness.ratio(
                f"information of {name} samples",
                theirs,
                ours,
                shapes=shapes,
                difference=abs(float(result.value) - out[0, 1]),
                # Both are uncertain, and differ in their correction of the bias.
                tolerance=3 * out[0, 2],
                at_least=20,
            )
        )
        rows += harness.timings(
            f"information of {name} samples",
            {"ours": ours, "gmm-mi": theirs},
            shapes=shapes,
        )
    return rows


def bench_matrix(quick):
    """All pairs of ten latents and five factors, beside some pairs of gmm-mi."""
    if not gmm_mi_peer.is_available():
        return []
    rng = np.random.default_rng(1)
    n, a, b = (300, 2, 2) if quick else (1000, 10, 5)
    y = rng.normal(size=(n, b))
    mixing = rng.normal(size=(b, a)) * (rng.random((b, a)) < 0.5)
    x = np.tanh(y @ mixing) + 0.3 * rng.normal(size=(n, a))
    single = [jnp.asarray(z, jnp.float32) for z in (x, y)]
    seconds, result = timed(
        gmm.mutual_information_matrix, jax.random.key(0), *single, repeats=3
    )
    some = [(i % a, i % b) for i in range(0, a * b, 7 if quick else 5)]
    out = gmm_mi_peer.estimates(
        np.stack([np.stack([x[:, i], y[:, j]], 1) for i, j in some])
    )
    ours = side("mutual_information_matrix, a pair", [s / (a * b) for s in seconds], 0)
    theirs = side("gmm-mi, a pair", [float(out[:, 0].mean())], 0)
    gaps = [abs(float(result.value[p]) - o[1]) for p, o in zip(some, out, strict=True)]
    return [
        harness.ratio(
            "information of all pairs of columns",
            theirs,
            ours,
            shapes=f"n = {n}, {a} x {b}",
            difference=float(np.median(gaps)),
            tolerance=float(3 * np.median(out[:, 2])),
            at_least=100,
        )
    ]


def bench_em(quick):
    """Twenty steps of EM, beside scikit-learn's from the same start."""
    from sklearn.mixture import GaussianMixture

    n, d, k, steps = (2000, 8, 10, 20) if quick else (100_000, 8, 10, 20)
    rng = np.random.default_rng(2)
    centres = 3 * rng.normal(size=(k, d))
    x = (centres[rng.integers(0, k, n)] + rng.normal(size=(n, d))).astype(np.float32)
    start = gmm.GaussianMixture(
        jnp.full(k, -jnp.log(k)),
        jnp.asarray(x[:k]),
        jnp.stack([jnp.eye(d)] * k),
    )
    fit = functools.partial(gmm.em, tol=0.0, max_steps=steps)
    ours = harness.compiled("em", fit, start, jnp.asarray(x), dtype="float32")

    def peer():
        model = GaussianMixture(
            k,
            tol=0.0,
            max_iter=steps,
            weights_init=np.full(k, 1 / k, np.float32),
            means_init=x[:k],
            precisions_init=np.stack([np.eye(d, dtype=np.float32)] * k),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that twenty steps do not converge
            return model.fit(x)

    theirs = harness.Side("scikit-learn", peer, "float32")
    measured = harness.measure([ours, theirs], repeats=3)
    log_likelihood = measured["scikit-learn"].result.score(x)
    difference = abs(float(measured["em"].result.log_likelihood) - log_likelihood)
    shapes = f"n = {n}, d = {d}, k = {k}, {steps} steps"
    return [
        harness.ratio(
            "EM",
            measured["scikit-learn"],
            measured["em"],
            shapes=shapes,
            difference=difference,
            tolerance=1e-3,
            at_least=1,
        ),
        *harness.timings("EM", measured, shapes=shapes),
    ]


BENCHMARKS = {"pairs": bench_pairs, "matrix": bench_matrix, "em": bench_em}

if __name__ == "__main__":
    harness.main(__doc__.splitlines()[0], BENCHMARKS)
