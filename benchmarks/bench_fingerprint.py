"""Fingerprints and fusion compared with NumPy: times, memory, and agreement of results.

Run ``python benchmarks/bench_fingerprint.py [--quick] [--only NAME] [--json FILE]
[--markdown FILE]``. NumPy computes in float64, the library in float32; both may use all
cores, of which NumPy's elementwise functions use one.
"""

import functools
import json
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import harness
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from scipy.special import logsumexp, ndtr, ndtri

from jaxinfo import fingerprint, fusion

Array = npt.NDArray[np.float64]

GIB = 2**30
LEARNING_RATE = 3.0


class Pairs(NamedTuple):
    """Comparison of all pairs, as the library's results have it."""

    mutual_information: Array
    nmi: Array
    vi: Array


def posteriors(*shape: int, seed: int = 0) -> tuple[Array, Array]:
    """Means and log variances that carry about one nat per latent."""
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.5, 4.0, (*shape[:-1], 1))
    return spread * rng.normal(size=shape), 0.3 * rng.normal(size=shape)


def single(*arrays: Array) -> list[jax.Array]:
    """The arrays in single precision."""
    return [jnp.asarray(array, jnp.float32) for array in arrays]


def numpy_distances(means: Array, log_variances: Array) -> Array:
    """Bhattacharyya distances of posteriors ``(n, d)``."""
    total = np.zeros((len(means), len(means)))
    for mean, log_variance in zip(means.T, log_variances.T, strict=True):
        variance = np.exp(log_variance)
        middle = (variance[:, None] + variance) / 2
        mean_log = (log_variance[:, None] + log_variance) / 2
        total += (mean[:, None] - mean) ** 2 / (8 * middle)
        total += (np.log(middle) - mean_log) / 2
    return total


def numpy_information(distances: Array) -> float:
    """Information by overlaps."""
    return float(-np.mean(np.log(np.mean(np.exp(-distances), axis=1))))


def numpy_pairs(mutual: Array) -> Pairs:
    """NMI and VI from the information that pairs share."""
    own = np.diag(mutual)
    return Pairs(
        mutual_information=mutual,
        nmi=mutual / np.sqrt(own[:, None] * own),
        vi=own[:, None] + own - 2 * mutual,
    )


def numpy_pair_loop(distances: Array) -> Pairs:
    """All pairs, one after another, as the paper's code does it."""
    alone = [numpy_information(one) for one in distances]
    mutual = np.diag(
        [
            2 * information - numpy_information(2 * one)
            for information, one in zip(alone, distances, strict=True)
        ]
    )
    for i in range(len(distances)):
        for j in range(i):
            joint = numpy_information(distances[i] + distances[j])
            mutual[i, j] = mutual[j, i] = alone[i] + alone[j] - joint
    return numpy_pairs(mutual)


def num_informations(num_channels: int) -> int:
    """Informations that the pair loop computes."""
    return num_channels * (num_channels - 1) // 2 + 2 * num_channels


def all_pairs(quick: bool) -> list[harness.Row]:
    """All pairs of channels beside the loop over pairs and the products alone."""
    m, n, sample = (20, 200, 8) if quick else (100, 1000, 10)
    task, shapes = "all pairs of channels", f"m={m}, n={n}"
    means, log_variances = posteriors(m, n)
    distances = np.stack(
        [
            numpy_distances(mean[:, None], log_variance[:, None])
            for mean, log_variance in zip(means[:sample], log_variances, strict=False)
        ]
    )
    overlaps = jax.vmap(fingerprint.gaussian_overlaps)(
        *single(means[..., None], log_variances[..., None])
    )
    row_means = np.asarray(jnp.mean(overlaps, axis=2), np.float64).T
    centred = jnp.swapaxes(overlaps - jnp.mean(overlaps, axis=2, keepdims=True), 0, 1)
    del overlaps

    def products(rows: jax.Array) -> jax.Array:
        return jnp.einsum(
            "imn,iln->iml", rows, rows, precision=jax.lax.Precision.HIGHEST
        )

    sides = [
        harness.compiled(
            "gaussian_pairwise",
            fingerprint.gaussian_pairwise,
            *single(means.T, log_variances.T),
            dtype="float32",
        ),
        harness.Side(
            "NumPy pair loop",
            functools.partial(numpy_pair_loop, distances),
            dtype="float64",
            share=num_informations(sample) / num_informations(m),
        ),
        harness.compiled("matrix products", products, centred, dtype="float32"),
    ]
    measured = harness.measure(sides, repeats=3)
    ours, loop, bare = measured.values()

    sampled = Pairs(
        *(
            getattr(ours.result, name)[:sample, :sample]
            for name in ("mutual_information", "nmi", "vi")
        )
    )
    scale = n * row_means[:, :, None] * row_means[:, None, :]
    from_products = np.mean(np.log1p(np.asarray(bare.result) / scale), axis=0)
    return [
        harness.ratio(
            task,
            loop,
            ours,
            shapes=shapes,
            difference=harness.largest_difference(sampled, loop.result),
            tolerance=5e-5,
            at_least=None if quick else 40,
        ),
        harness.ratio(
            task,
            ours,
            bare,
            shapes=shapes,
            difference=harness.largest_difference(
                ours.result.mutual_information, from_products
            ),
            tolerance=5e-5,
            at_most=None if quick else 3,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


class References(NamedTuple):
    """What a fusion compares with, computed once.

    Attributes:
        distances: Bhattacharyya distances. Shape ``(e, n, n)``.
        overlaps: Their overlaps. Shape ``(e, n, n)``.
        own: I(X;V,V') of each. Shape ``(e,)``.
    """

    distances: Array
    overlaps: Array
    own: Array


def numpy_references(means: Array, log_variances: Array) -> References:
    """References from the posteriors of channels ``(e, n)``."""
    distances = np.stack(
        [
            numpy_distances(mean[:, None], log_variance[:, None])
            for mean, log_variance in zip(means, log_variances, strict=True)
        ]
    )
    own = np.array([numpy_information(2 * one) for one in distances])
    return References(distances, np.exp(-distances), own)


# Loss, and its derivative in each Bhattacharyya distance of the space.
Terms = Callable[[Array, References], tuple[float, Array]]


def terms_of_distances(distances: Array, references: References) -> tuple[float, Array]:
    """The loss of fusion, one exponential per reference, as the paper writes it."""
    n = len(distances)
    twice = np.exp(-2 * distances)
    twice_means = twice.mean(axis=1)
    loss, slopes = 0.0, np.zeros((n, n))
    for reference, own in zip(references.distances, references.own, strict=True):
        joint = np.exp(-(distances + reference))
        joint_means = joint.mean(axis=1)
        variation = -2 * np.log(joint_means).mean() + np.log(twice_means).mean() - own
        similarity = np.exp(-variation) / len(references.own)
        loss -= similarity
        slopes += similarity * (
            joint / joint_means[:, None] - twice / twice_means[:, None]
        )
    return loss, 2 * slopes / n**2


def terms_of_overlaps(distances: Array, references: References) -> tuple[float, Array]:
    """The same loss by contractions of overlaps, the least work that we know of."""
    n = len(distances)
    overlaps = np.exp(-distances)
    twice = overlaps**2
    joint_means = np.einsum("ij,eij->ei", overlaps, references.overlaps) / n
    twice_means = twice.mean(axis=1)
    variation = (
        -2 * np.log(joint_means).mean(axis=1)
        + np.log(twice_means).mean()
        - references.own
    )
    similarity = np.exp(-variation) / len(references.own)
    weights = similarity[:, None] / joint_means
    of_joint = np.einsum("ei,eij->ij", weights, references.overlaps)
    slopes = overlaps * of_joint - similarity.sum() * twice / twice_means[:, None]
    return -similarity.sum(), 2 * slopes / n**2


def numpy_fusion_gradient(
    means: Array,
    log_variances: Array,
    references: References,
    terms: Terms,
) -> tuple[float, Array, Array]:
    """Loss of fusion and its gradient in means and log variances, written out."""
    loss, slopes = terms(numpy_distances(means, log_variances), references)
    # Each point is the first of some pairs and the second of others.
    slopes = slopes + slopes.T
    of_means, of_log_variances = np.empty_like(means), np.empty_like(means)
    for k, (mean, log_variance) in enumerate(
        zip(means.T, log_variances.T, strict=True)
    ):
        variance = np.exp(log_variance)
        middle = (variance[:, None] + variance) / 2
        pull = (mean[:, None] - mean) / (4 * middle)
        of_means[:, k] = np.sum(slopes * pull, axis=1)
        spread = variance[:, None] * (1 / (4 * middle) - pull**2) - 0.25
        of_log_variances[:, k] = np.sum(slopes * spread, axis=1)
    return loss, of_means, of_log_variances


def numpy_descent(
    means: Array,
    log_variances: Array,
    references: References,
    terms: Terms,
    *,
    num_steps: int,
) -> tuple[list[float], Array, Array]:
    """Losses before each step of gradient descent, and where it ends."""
    losses = []
    for _ in range(num_steps):
        loss, of_means, of_log_variances = numpy_fusion_gradient(
            means, log_variances, references, terms
        )
        losses.append(loss)
        means = means - LEARNING_RATE * of_means
        log_variances = log_variances - LEARNING_RATE * of_log_variances
    return losses, means, log_variances


def fusion_step(quick: bool) -> list[harness.Row]:
    """A step of fusion beside NumPy with its gradient written out."""
    n, e, num_steps, sample = (50, 4, 50, 10) if quick else (200, 10, 400, 20)
    task, shapes = "fusion, a step", f"n={n}, e={e}, dim=2"
    references = numpy_references(*posteriors(e, n))
    start = posteriors(n, 2, seed=1)
    optimizer = optax.sgd(LEARNING_RATE)

    def fuse(
        references: jax.Array, means: jax.Array, log_variances: jax.Array
    ) -> fusion.FusionResult:
        return fusion.fuse(
            jax.random.key(0),
            references,
            dim=2,
            optimizer=optimizer,
            num_steps=num_steps,
            initial=(means, log_variances),
        )

    # Times are of one step.
    sides = [
        harness.compiled(
            "fuse",
            fuse,
            *single(references.overlaps, *start),
            dtype="float32",
            share=num_steps,
        )
    ]
    for name, terms in (
        ("NumPy, of distances", terms_of_distances),
        ("NumPy, contracted", terms_of_overlaps),
    ):
        run = functools.partial(
            numpy_descent, *start, references, terms, num_steps=sample
        )
        sides.append(harness.Side(name, run, dtype="float64", share=sample))
    measured = harness.measure(sides, repeats=5)
    ours, of_distances, contracted = measured.values()
    return [
        *(
            harness.ratio(
                task,
                other,
                ours,
                shapes=shapes,
                difference=harness.largest_difference(
                    ours.result.losses[:sample], np.array(other.result[0])
                ),
                tolerance=1e-5,
                at_least=at_least,
            )
            for other, at_least in (
                (of_distances, None if quick else 5),
                (contracted, None),
            )
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


def forward_memory(m: int, n: int) -> int:
    """Memory that all pairs of channels take."""
    arguments = single(*(x.T for x in posteriors(m, n)))
    executable = fingerprint.gaussian_pairwise.lower(*arguments).compile()
    return harness.added_bytes(lambda: jax.block_until_ready(executable(*arguments)))


def gradient_memory(m: int, n: int) -> int:
    """Memory that the gradient of a scalar of all pairs takes."""

    def total(means: jax.Array, log_variances: jax.Array) -> jax.Array:
        return jnp.sum(fingerprint.gaussian_pairwise(means, log_variances).vi)

    arguments = single(*(x.T for x in posteriors(m, n)))
    gradient = jax.jit(jax.grad(total, argnums=(0, 1)))
    executable = gradient.lower(*arguments).compile()
    return harness.added_bytes(lambda: jax.block_until_ready(executable(*arguments)))


MEMORY = {"forward": forward_memory, "gradient": gradient_memory}


def memory(quick: bool) -> list[harness.Row]:
    """Memory that all pairs of channels add to a fresh process."""
    cases = [
        ("forward", (50, 100) if quick else (500, 1000), 1),
        ("gradient", (20, 100) if quick else (100, 500), 2),
    ]
    return [
        harness.memory(
            f"gaussian_pairwise, {name}",
            harness.in_fresh_process(
                pathlib.Path(__file__), "--memory-of", name, *map(str, sizes)
            ),
            limit_bytes=limit * GIB,
            shapes="m={}, n={}".format(*sizes),
            dtype="float32",
        )
        for name, sizes, limit in cases
    ]


def numpy_bins(mean: Array, log_variance: Array, num_bins: int) -> Array:
    """Probability of each bin for each point of one channel, ``(n, num_bins)``."""
    scale = np.exp(log_variance / 2)
    quantiles = ndtri((np.arange(8) + 0.5) / 8)
    mass = np.ravel(mean[:, None] + scale[:, None] * quantiles)
    low, high = np.min(mean - 2.5 * scale), np.max(mean + 2.5 * scale)
    points = np.concatenate([mass, np.linspace(low, high, mass.size)])
    edges = np.quantile(points, np.arange(1, num_bins) / num_bins)
    cumulative = ndtr((edges - mean[:, None]) / scale[:, None])
    return np.diff(np.pad(cumulative, ((0, 0), (1, 1)), constant_values=(0, 1)))


def numpy_channel_pairs(means: Array, log_variances: Array, num_bins: int) -> Pairs:
    """Information of the tables of all pairs of channels, one after another."""
    tables = [
        numpy_bins(mean, log_variance, num_bins)
        for mean, log_variance in zip(means, log_variances, strict=True)
    ]
    m, n = means.shape
    mutual = np.empty((m, m))
    for i in range(m):
        for j in range(i + 1):
            joint = tables[i].T @ tables[j] / n
            independent = joint.sum(axis=1)[:, None] * joint.sum(axis=0)
            positive = joint > 0
            terms = joint[positive] * np.log(joint[positive] / independent[positive])
            mutual[i, j] = mutual[j, i] = terms.sum()
    return numpy_pairs(mutual)


def exact_pairs(quick: bool) -> list[harness.Row]:
    """Exact information of all pairs of channels beside a loop over tables."""
    m, n, num_bins = (5, 100, 32) if quick else (40, 500, 64)
    task, shapes = "exact pairs of channels", f"m={m}, n={n}, bins={num_bins}"
    channels = posteriors(m, n)
    sides = [
        harness.compiled(
            "quantized_pairwise",
            functools.partial(fingerprint.quantized_pairwise, num_bins=num_bins),
            *single(*(x.T for x in channels)),
            dtype="float32",
        ),
        harness.Side(
            "NumPy table loop",
            functools.partial(numpy_channel_pairs, *channels, num_bins),
            dtype="float64",
        ),
    ]
    measured = harness.measure(sides, repeats=5)
    ours, loop = measured.values()
    actual = Pairs(*(getattr(ours.result, name) for name in Pairs._fields))
    return [
        harness.ratio(
            task,
            loop,
            ours,
            shapes=shapes,
            difference=harness.largest_difference(actual, loop.result),
            tolerance=1e-4,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


def numpy_sampled_information(
    rng: np.random.Generator, means: Array, log_variances: Array, num_samples: int
) -> tuple[float, float]:
    """Information of a space by Monte Carlo, and its standard error."""
    n, d = means.shape
    scales = np.exp(log_variances / 2)
    terms = []
    for start in range(0, num_samples, 2000):
        points = rng.integers(n, size=min(2000, num_samples - start))
        noise = rng.normal(size=(len(points), d))
        draws = means[points] + scales[points] * noise
        log_densities = np.zeros((len(points), n))
        for k in range(d):
            deviations = (draws[:, k, None] - means[:, k]) / scales[:, k]
            log_densities -= deviations**2 / 2 + log_variances[:, k] / 2
        own = log_densities[np.arange(len(points)), points]
        terms.append(own - logsumexp(log_densities, axis=1) + np.log(n))
    values = np.concatenate(terms)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(num_samples))


def numpy_separate_runs(
    u: tuple[Array, Array], v: tuple[Array, Array], num_samples: int, seed: int
) -> tuple[float, float]:
    """VI by three runs of their own for (U, V), (U, U') and (V, V'), and its error."""
    rng = np.random.default_rng(seed)
    runs = [
        numpy_sampled_information(
            rng, *(np.hstack(pair) for pair in zip(*spaces, strict=True)), num_samples
        )
        for spaces in ((u, v), (u, u), (v, v))
    ]
    (joint, own_u, own_v), errors = np.transpose(runs)
    error = np.linalg.norm(np.array([2, 1, 1]) * errors)
    return float(2 * joint - own_u - own_v), float(error)


def sampling(quick: bool) -> list[harness.Row]:
    """A comparison by sampling beside separate runs in NumPy."""
    n, d, num_samples, sample = (
        (200, 4, 2000, 1000) if quick else (1500, 4, 20_000, 2000)
    )
    task, shapes = "VI by sampling", f"n={n}, d={d}, samples={num_samples}"
    u = posteriors(n, d)
    v = (u[0] + posteriors(n, d, seed=1)[0] / 2, u[1])
    sides = [
        harness.compiled(
            "monte_carlo_compare",
            functools.partial(fingerprint.monte_carlo_compare, num_samples=num_samples),
            jax.random.key(0),
            *single(*u, *v),
            dtype="float32",
        ),
        harness.Side(
            "NumPy, three runs",
            functools.partial(numpy_separate_runs, u, v, sample, seed=0),
            dtype="float64",
            share=sample / num_samples,
        ),
    ]
    measured = harness.measure(sides, repeats=3)
    ours, separate = measured.values()
    value, error = ours.result.value.vi, ours.result.standard_error.vi
    other_value, other_error = separate.result
    of_ratio: dict[str, Any] = {
        "shapes": shapes,
        "difference": abs(value - other_value) / np.hypot(error, other_error),
        "tolerance": 4.5,
    }
    error_of_all = other_error * np.sqrt(sample / num_samples)
    return [
        harness.ratio(f"{task}, equal samples", separate, ours, **of_ratio),
        harness.ratio(
            f"{task}, equal standard error",
            separate,
            ours,
            factor=float((error_of_all / error) ** 2),
            **of_ratio,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


def chance(quick: bool) -> list[harness.Row]:
    """Chance levels of all pairs beside the double mean over points for each."""
    m, n = (8, 100) if quick else (24, 1000)
    task, shapes = "chance level of all pairs", f"m={m}, n={n}"
    channels = posteriors(m, n)

    def direct(means: jax.Array, log_variances: jax.Array) -> jax.Array:
        overlaps = jax.vmap(fingerprint.gaussian_overlaps)(
            means[..., None], log_variances[..., None]
        )
        against_all = jax.vmap(fingerprint.adjust_for_chance, in_axes=(None, 0))
        return jax.lax.map(lambda one: against_all(one, overlaps), overlaps)

    sides = [
        harness.compiled(
            "gaussian_pairwise_chance",
            fingerprint.gaussian_pairwise_chance,
            *single(*(x.T for x in channels)),
            dtype="float32",
        ),
        harness.compiled(
            "adjust_for_chance, vmapped", direct, *single(*channels), dtype="float32"
        ),
    ]
    measured = harness.measure(sides, repeats=3)
    ours, double_mean = measured.values()
    return [
        harness.ratio(
            task,
            double_mean,
            ours,
            shapes=shapes,
            # Not of adjusted NMI, which for weak channels divides by next to nothing.
            difference=harness.largest_difference(
                ours.result[:2], double_mean.result[:2]
            ),
            tolerance=2e-5,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


BENCHMARKS = {
    "all_pairs": all_pairs,
    "fusion_step": fusion_step,
    "memory": memory,
    "exact_pairs": exact_pairs,
    "sampling": sampling,
    "chance": chance,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmarks, or measure the memory of one case in this process."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--memory-of"]:
        _, name, *sizes = arguments
        print(json.dumps(MEMORY[name](*map(int, sizes))))
    else:
        harness.main(__doc__.splitlines()[0], BENCHMARKS, arguments)


if __name__ == "__main__":
    main()
