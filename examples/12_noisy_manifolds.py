"""Which measures still detect the dimension of data, or a relation, through noise?

Diffusion spectral entropy and information (DSE, DSMI) are said to measure, in many
dimensions and under noise, the intrinsic dimension of data and the strength of a
relation, where Shannon entropy in bins, nearest neighbours and neural estimators fail.
This is tested on simulated data:

1. spheres, tori and trees of one to six dimensions (a tree has one branch per
   dimension), rotated at random into many dimensions, under noise of growing strength.
   For each measure of entropy: does it rise with the dimension?
2. pairs of known relation, under noise: clusters and labels of which some are redrawn
   at random, and a two-dimensional signal and a more or less correlated copy of it. For
   each measure of information: does it rise with the strength, and how far is it from
   the true value, which is known in closed form?

DSE and DSMI are compared with entropy and information in bins, by nearest neighbours,
by Gaussian mixtures, and by a neural critic (MINE), written here in Flax and optax; it
is trained on half of the pairs and evaluated on the others.

With the defaults DSE at time 1 rises with the dimension of spheres and tori until the
noise has twice the norm of the data, slightly further than nearest neighbours and
mixtures do; entropy in bins stops at half that. For trees it fails at half the norm of
the data, where the other two still detect branches, and at time 4 it falls with the
dimension throughout. DSMI rises with the strength of both relations at every noise
level, but so do nearest neighbours, mixtures and MINE. DSMI and bins are far from the
true value; neighbours come near it for labels, mixtures for signals (for labels, each
of which has few points for so many dimensions, mixtures report that they should not be
trusted), MINE where much information is shared. So of the claim, order under noise is
confirmed, and superiority to all other measures is not.

Prints tables. With ``--output DIR`` also writes ``dimension.png``, ``relation.png`` and
``manifolds.npz``.

Run: ``python examples/12_noisy_manifolds.py [--quick] [--output DIR]``
"""

import argparse
import functools
import pathlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tqdm
from flax import nnx
from scipy import stats

from jaxinfo import diffusion, gmm, measures, neighbors

AMBIENT, NUM_CLUSTERS, SIGNAL = 24, 5, 2
TIMES, BINS = (1.0, 4.0), (2, 10)
KEY = jax.random.key(0)
FITTING = gmm.Fitting(max_components=2, num_inits=2, num_folds=2)
SAMPLING = gmm.Sampling(num_replicates=5)


class Settings(NamedTuple):
    """Sizes of a run; noise is the length of its vector beside that of the data's."""

    num_points: int = 300
    num_seeds: int = 3
    dims: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    noises: tuple[float, ...] = (0.0, 0.2, 0.5, 1.0, 2.0)
    strengths: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9)
    critic_steps: int = 400
    with_mixtures: bool = True


QUICK = Settings(
    num_points=200,
    num_seeds=2,
    dims=(1, 3, 6),
    noises=(0.0, 0.5, 2.0),
    strengths=(0.0, 0.3, 0.9),
    critic_steps=150,
    with_mixtures=False,  # which take longest to compile
)


def rotated(rng: np.random.Generator, x: np.ndarray, noise: float) -> np.ndarray:
    """Points scaled to length one, turned at random into all dimensions, under noise.

    Were they not scaled, some measures would see the size instead of the dimension.
    """
    directions = np.linalg.qr(rng.normal(size=(AMBIENT, x.shape[1])))[0]
    x = x - x.mean(axis=0)
    x = x / np.sqrt(np.mean(np.sum(x**2, axis=1)))
    added = rng.normal(size=(len(x), AMBIENT)) * (noise / AMBIENT**0.5)
    return (x @ directions.T + added).astype(np.float32)


def sphere(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    """Evenly spread points of the sphere of a dimension."""
    x = rng.normal(size=(n, dim + 1))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def torus(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    """Evenly spread points of a product of circles."""
    angles = rng.uniform(0, 2 * np.pi, (n, dim))
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / dim**0.5


def tree(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    """Points on branches that grow one from the end of another, each its own way."""
    branch = rng.integers(0, dim, n)
    parents = [rng.integers(0, k) if k else -1 for k in range(dim)]
    roots = np.zeros((dim, dim))
    for k, parent in enumerate(parents):
        if parent >= 0:
            roots[k] = roots[parent] + np.eye(dim)[parent]
    return roots[branch] + rng.uniform(0, 1, (n, 1)) * np.eye(dim)[branch]


SHAPES = {"sphere": sphere, "torus": torus, "tree": tree}


Fn = Callable[..., jax.Array]
# Functions of a cell and their arrays, by the names of the numbers that they give.
Measures = dict[tuple[str, ...], tuple[Fn, tuple[np.ndarray, ...]]]


def spectral_entropies(x: jax.Array) -> jax.Array:
    """DSE at the median distance, at each time."""
    bandwidth = diffusion.median_bandwidth(x)
    return diffusion.spectral_entropies(
        x, bandwidths=bandwidth[None], diffusion_times=jnp.array(TIMES)
    )[0]


def binned_entropies(x: jax.Array) -> jax.Array:
    """Entropy of bins of each coordinate, for each number of bins."""
    found = [diffusion.binned_entropy(x, num_bins=number) for number in BINS]
    return jnp.stack(found)


def mixture_entropy(x: jax.Array) -> jax.Array:
    """By Gaussian mixtures; NaN without noise, as points then have no density."""
    estimate = gmm.entropy(KEY, x, fitting=FITTING, sampling=SAMPLING)
    return estimate.value[None]


def neighbor_entropy(x: jax.Array) -> jax.Array:
    """Of Kozachenko and Leonenko."""
    return neighbors.entropy(x)[None]


def entropies(clouds: np.ndarray, settings: Settings) -> Measures:
    """What measures point clouds."""
    found: Measures = {
        tuple(f"DSE, t = {t:g}" for t in TIMES): (spectral_entropies, (clouds,)),
        tuple(f"in {number} bins" for number in BINS): (binned_entropies, (clouds,)),
        ("nearest neighbours",): (neighbor_entropy, (clouds,)),
    }
    if settings.with_mixtures:
        found["Gaussian mixtures",] = (mixture_entropy, (clouds,))
    return found


@functools.partial(jax.jit, static_argnums=0)
def of_each(fn: Fn, *arrays: jax.Array) -> jax.Array:
    """A function of one cell, of all cells one after the other."""
    return jax.lax.map(lambda cell: fn(*cell), arrays)


def measure(measures_of: Measures, title: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of all measures, and their values in nats, ``(measures, cells)``."""
    progress = tqdm.tqdm(measures_of.values(), desc=title, unit="measure")
    values = [np.asarray(of_each(fn, *arrays)).T for fn, arrays in progress]
    return sum(measures_of, ()), np.concatenate(values)


class Dimensions(NamedTuple):
    """Entropies of all shapes, in nats.

    Attributes:
        names: Of the measures.
        values: Shape ``(measures, shapes, noises, dims, seeds)``.
    """

    names: tuple[str, ...]
    values: np.ndarray

    def rank_correlations(self, settings: Settings) -> np.ndarray:
        """Of each measure with the dimension, ``(measures, shapes, noises, seeds)``."""
        return correlations(np.moveaxis(self.values, 3, -1), settings.dims)


def correlations(values: np.ndarray, strengths: tuple[float, ...]) -> np.ndarray:
    """Spearman's correlation of the last axis with what it should rise with.

    What is NaN or constant does not rise: zero.
    """
    ranks = stats.rankdata(values, axis=-1)
    ranks = ranks - ranks.mean(axis=-1, keepdims=True)
    known = np.arange(len(strengths)) - (len(strengths) - 1) / 2
    size = np.sqrt((ranks**2).sum(axis=-1) * (known**2).sum())
    found = (ranks @ known) / np.where(size == 0, 1, size)
    return np.where(np.isfinite(values).all(axis=-1), found, 0)


def measure_dimensions(settings: Settings) -> Dimensions:
    """Measure all shapes, dimensions, noises and seeds."""
    sizes = tuple(
        map(len, (SHAPES, settings.noises, settings.dims, range(settings.num_seeds)))
    )
    clouds = []
    for shape, noise, dim, seed in np.ndindex(*sizes):
        # The same points and directions under each noise.
        rng = np.random.default_rng([shape, dim, seed])
        x = list(SHAPES.values())[shape](rng, settings.num_points, settings.dims[dim])
        clouds.append(rotated(rng, x, settings.noises[noise]))
    names, values = measure(entropies(np.stack(clouds), settings), "entropies")
    return Dimensions(names, values.reshape(-1, *sizes))


class Pairs(NamedTuple):
    """Pairs of points and what relates to them, with the truth.

    Attributes:
        x: Points. Shape ``(n, 24)``.
        y: What relates to them: a signal, or labels as units. Shape ``(n, d)``.
        labels: The same in classes. Shape ``(n,)``.
        truth: Their mutual information in nats.
    """

    x: np.ndarray
    y: np.ndarray
    labels: np.ndarray
    truth: float


def label_pairs(
    rng: np.random.Generator, n: int, strength: float, noise: float
) -> Pairs:
    """Clusters, and their labels, of which one minus the strength are drawn anew."""

    def draw(number: int) -> tuple[np.ndarray, np.ndarray]:
        clusters = rng.integers(0, NUM_CLUSTERS, number)
        spread = np.hypot(0.1, noise / AMBIENT**0.5)
        x = centres[clusters] + spread * rng.normal(size=(number, AMBIENT))
        logits = -((x[:, None] - centres) ** 2).sum(axis=2) / (2 * spread**2)
        posterior = np.exp(logits - logits.max(axis=1, keepdims=True))
        posterior /= posterior.sum(axis=1, keepdims=True)
        labels = np.where(
            rng.uniform(size=number) < strength,
            clusters,
            rng.integers(0, NUM_CLUSTERS, number),
        )
        told = strength * posterior + (1 - strength) / NUM_CLUSTERS
        gained = np.log(told[np.arange(number), labels] * NUM_CLUSTERS)
        return x.astype(np.float32), labels, gained

    centres = np.linalg.qr(rng.normal(size=(AMBIENT, NUM_CLUSTERS)))[0].T
    truth = float(draw(20_000)[2].mean())
    x, labels, _ = draw(n)
    return Pairs(x, np.eye(NUM_CLUSTERS, dtype=np.float32)[labels], labels, truth)


def signal_pairs(
    rng: np.random.Generator, n: int, strength: float, noise: float
) -> Pairs:
    """A Gaussian signal seen in many dimensions, and a copy that correlates with it."""
    signal, other = rng.normal(size=(2, n, SIGNAL))
    copy = (strength * signal + (1 - strength**2) ** 0.5 * other).astype(np.float32)
    # The noise that each coordinate of the signal meets.
    variance = noise**2 * SIGNAL / AMBIENT
    truth = -SIGNAL / 2 * np.log1p(-(strength**2) / (1 + variance))
    directions = np.linalg.qr(rng.normal(size=(AMBIENT, SIGNAL)))[0]
    added = variance**0.5 * rng.normal(size=(n, AMBIENT))
    x = (signal @ directions.T + added).astype(np.float32)
    labels = diffusion.cluster_labels(copy, num_clusters=NUM_CLUSTERS)
    return Pairs(x, copy, labels, float(truth))


RELATIONS = {"labels": label_pairs, "signal": signal_pairs}


class Critic(nnx.Module):
    """A function of pairs that is to be large where they belong together."""

    def __init__(self, num_inputs: int, *, rngs: nnx.Rngs) -> None:
        self.first = nnx.Linear(num_inputs, 64, rngs=rngs)
        self.second = nnx.Linear(64, 64, rngs=rngs)
        self.out = nnx.Linear(64, 1, rngs=rngs)

    def __call__(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """A number for each pair, ``(n,)``."""
        hidden = nnx.relu(self.first(jnp.concatenate([x, y], axis=1)))
        return self.out(nnx.relu(self.second(hidden)))[:, 0]

    def bound(self, key: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
        """Donsker and Varadhan's lower bound of the mutual information, in nats."""
        apart = jax.random.permutation(key, y)
        of_apart = jax.nn.logsumexp(self(x, apart)) - jnp.log(len(x))
        return jnp.mean(self(x, y)) - of_apart


def neural_information(x: jax.Array, y: jax.Array, *, num_steps: int) -> jax.Array:
    """MINE: train a critic on half of the pairs, and take its bound on the others."""
    half = len(x) // 2
    key = jax.random.key(0)
    model = Critic(x.shape[1] + y.shape[1], rngs=nnx.Rngs(0))
    graphdef, params = nnx.split(model)
    optimizer = optax.adam(1e-3)

    def loss_fn(params, key):
        return -nnx.merge(graphdef, params).bound(key, x[:half], y[:half])

    def step(carry, key):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss_fn)(params, key), state)
        return (optax.apply_updates(params, updates), state), None

    start = params, optimizer.init(params)
    (params, _), _ = jax.lax.scan(step, start, jax.random.split(key, num_steps))
    judged = functools.partial(
        nnx.merge(graphdef, params).bound, x=x[half:], y=y[half:]
    )
    return jnp.mean(jax.vmap(judged)(jax.random.split(key, 20)))[None]


def spectral_informations(x: jax.Array, labels: jax.Array) -> jax.Array:
    """DSMI at the median distance, at each time."""
    bandwidth = diffusion.median_bandwidth(x)

    def at(diffusion_time: jax.Array) -> jax.Array:
        return diffusion.spectral_mutual_information(
            KEY,
            x,
            labels,
            num_classes=NUM_CLUSTERS,
            bandwidth=bandwidth,
            diffusion_time=diffusion_time,
        ).value

    return jax.lax.map(at, jnp.array(TIMES))


def binned_information(x: jax.Array, labels: jax.Array) -> jax.Array:
    """In the fewest bins of each coordinate."""
    found = diffusion.binned_mutual_information(
        x, labels, num_classes=NUM_CLUSTERS, num_bins=BINS[0]
    )
    return found[None]


def neighbor_information(name: str, x: jax.Array, y: jax.Array) -> jax.Array:
    """Of Ross for labels, of Kraskov, Stögbauer and Grassberger for signals."""
    if name == "labels":
        found = neighbors.class_mutual_information(x, y, num_classes=NUM_CLUSTERS)
    else:
        found = neighbors.mutual_information(x, y)
    return found[None]


def mixture_information(name: str, x: jax.Array, y: jax.Array) -> jax.Array:
    """NaN where members of a class are too few for so many dimensions."""
    options = {"fitting": FITTING, "sampling": SAMPLING}
    if name == "labels":
        estimate = gmm.class_mutual_information(
            KEY, x, y, num_classes=NUM_CLUSTERS, **options
        )
    else:
        estimate = gmm.mutual_information(KEY, x, y, **options)
    return estimate.value[None]


def informations(name: str, pairs: Pairs, settings: Settings) -> Measures:
    """What measures points and what relates to them, in classes or as it is."""
    in_classes, as_is = (pairs.x, pairs.labels), (pairs.x, pairs.y)
    native = in_classes if name == "labels" else as_is
    neural = functools.partial(neural_information, num_steps=settings.critic_steps)
    found: Measures = {
        tuple(f"DSMI, t = {t:g}" for t in TIMES): (spectral_informations, in_classes),
        (f"in {BINS[0]} bins",): (binned_information, in_classes),
        ("nearest neighbours",): (
            functools.partial(neighbor_information, name),
            native,
        ),
        ("MINE",): (neural, as_is),
    }
    if settings.with_mixtures:
        mixtures = functools.partial(mixture_information, name)
        found["Gaussian mixtures",] = (mixtures, native)
    return found


class Relation(NamedTuple):
    """Information of one kind of relation, in nats.

    Attributes:
        names: Of the measures.
        values: As measured. Shape ``(measures, noises, strengths, seeds)``.
        truth: Shape ``(noises, strengths)``.
    """

    names: tuple[str, ...]
    values: np.ndarray
    truth: np.ndarray


def measure_relation(name: str, settings: Settings) -> Relation:
    """Measure a kind of relation at all noises, strengths and seeds."""
    sizes = (len(settings.noises), len(settings.strengths), settings.num_seeds)
    draw = RELATIONS[name]
    pairs = [
        # The same pairs under each noise.
        draw(
            np.random.default_rng([strength, seed]),
            settings.num_points,
            settings.strengths[strength],
            settings.noises[noise],
        )
        for noise, strength, seed in np.ndindex(*sizes)
    ]
    stacked = Pairs(*map(np.stack, zip(*pairs, strict=True)))
    names, values = measure(informations(name, stacked, settings), name)
    truth = stacked.truth.reshape(sizes).mean(axis=2)
    return Relation(names, values.reshape(-1, *sizes), truth)


def in_bits(value: Any) -> np.ndarray:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def print_table(title: str, columns: list[str], rows: dict[str, list[str]]) -> None:
    """Print a table with a title and a name for each row."""
    print(f"\n{title}")
    print(" " * 22 + "".join(f"{column:>14s}" for column in columns))
    for name, cells in rows.items():
        print(f"   {name:19s}" + "".join(f"{cell:>14s}" for cell in cells))


def mean_and_error(values: np.ndarray) -> list[str]:
    """Means over the last axis, with their standard errors."""
    errors = values.std(axis=-1, ddof=1) / values.shape[-1] ** 0.5
    return [f"{m:.2f} +- {e:.2f}" for m, e in zip(values.mean(-1), errors, strict=True)]


def report(found: Dimensions, related: dict[str, Relation], settings: Settings) -> None:
    """Print which measures still see what, at which noise."""
    noises = [f"noise {noise:g}" for noise in settings.noises]
    print(
        f"\n{settings.num_points} points in {AMBIENT} dimensions, {settings.num_seeds} "
        "seeds. Noise is the length of its vector beside that of the data.\n"
        "\n1. Does entropy rise with the dimension "
        f"({settings.dims[0]} to {settings.dims[-1]})? Spearman's correlation."
    )
    ranks, names = found.rank_correlations(settings), found.names
    for k, shape in enumerate(SHAPES):
        rows = dict(zip(names, map(mean_and_error, ranks[:, k]), strict=True))
        print_table(shape, noises, rows)
    print(
        "\nEntropy in bits at the least and the most noise, first and last dimension "
        "(mean over shapes)"
    )
    for name, values in zip(names, in_bits(found.values), strict=True):
        mean = values.mean(axis=(0, -1))
        ends = [f"{mean[noise, 0]:7.2f} to {mean[noise, -1]:7.2f}" for noise in (0, -1)]
        print(f"   {name:19s} {ends[0]}, with noise {ends[1]}")

    print("\n2. Does information rise with the strength of a relation?")
    for name, relation in related.items():
        ranks = correlations(np.moveaxis(relation.values, 2, -1), settings.strengths)
        print_table(
            f"{name}: Spearman's correlation with the strength",
            noises,
            dict(zip(relation.names, map(mean_and_error, ranks), strict=True)),
        )
        errors = in_bits(relation.values - relation.truth[..., None])
        print_table(
            f"{name}: root of the mean squared error, in bits (the largest truth is "
            f"{in_bits(relation.truth).max():.2f})",
            noises,
            {
                kind: [f"{e:.2f}" for e in np.sqrt((of_kind**2).mean(axis=(1, 2)))]
                for kind, of_kind in zip(relation.names, errors, strict=True)
            },
        )


def draw_ranks(
    ax: Any, ranks: np.ndarray, names: tuple[str, ...], settings: Settings
) -> Any:
    """Rank correlations ``(measures, noises)`` as a matrix with its numbers."""
    image = ax.imshow(ranks, cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(ranks):
        color = "white" if abs(value) > 0.7 else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color)
    ax.set_xticks(range(len(settings.noises)), [f"{x:g}" for x in settings.noises])
    ax.set_xlabel("Length of the noise / that of the data")
    ax.set_yticks(range(len(names)), names)
    return image


def save(
    output: pathlib.Path,
    found: Dimensions,
    related: dict[str, Relation],
    settings: Settings,
) -> None:
    """Write the figures and the numbers."""
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    output.mkdir(parents=True, exist_ok=True)
    figure, axes = pyplot.subplots(
        1, len(SHAPES), figsize=(12.5, 3.6), layout="constrained", sharey=True
    )
    ranks = found.rank_correlations(settings).mean(axis=-1)
    for k, (ax, shape) in enumerate(zip(axes, SHAPES, strict=True)):
        image = draw_ranks(ax, ranks[:, k], found.names, settings)
        ax.set_title({"tree": "tree, by branches"}.get(shape, shape))
    bar = figure.colorbar(image, ax=axes)
    bar.set_label("Spearman's correlation of\nentropy and dimension")
    figure.savefig(output / "dimension.png", dpi=110)

    figure, axes = pyplot.subplots(
        2, len(related), figsize=(11, 8.2), layout="constrained", squeeze=False
    )
    middle = len(settings.noises) // 2
    for (top, bottom), (name, relation) in zip(axes.T, related.items(), strict=True):
        ranks = correlations(np.moveaxis(relation.values, 2, -1), settings.strengths)
        image = draw_ranks(top, ranks.mean(axis=-1), relation.names, settings)
        top.set_title(
            f"Clusters and {name}" if name == "labels" else f"A {name}, copied"
        )
        truth = in_bits(relation.truth[middle])
        for k, (kind, values) in enumerate(
            zip(relation.names, relation.values, strict=True)
        ):
            values = in_bits(values[middle])
            bottom.errorbar(
                truth,
                values.mean(axis=-1),
                values.std(axis=-1, ddof=1),
                fmt="o-",
                color=f"C{k}",
                markersize=4,
                capsize=2,
                label=kind,
            )
        bottom.plot(truth, truth, color="0.4", linestyle=":", label="truth")
        bottom.set_xlabel(f"True information (bits), noise {settings.noises[middle]:g}")
        bottom.set_ylabel("As measured (bits; mean, deviation of seeds)")
    figure.legend(
        *axes[1, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
    )
    bar = figure.colorbar(image, ax=axes[0])
    bar.set_label("Spearman's correlation of\ninformation and strength")
    figure.savefig(output / "relation.png", dpi=110)
    pyplot.close("all")
    numbers = {f"{name}_values": x.values for name, x in related.items()}
    np.savez_compressed(
        output / "manifolds.npz",
        dimension_values=found.values,
        **numbers,
        **{f"{name}_truth": x.truth for name, x in related.items()},
    )
    print(f"Wrote figures and manifolds.npz to {output}.")


def main(argv: list[str] | None = None) -> None:
    """Run the whole study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    settings = QUICK if arguments.quick else Settings()
    began = time.perf_counter()
    found = measure_dimensions(settings)
    related = {name: measure_relation(name, settings) for name in RELATIONS}
    report(found, related, settings)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if arguments.output is not None:
        save(arguments.output, found, related, settings)


if __name__ == "__main__":
    main()
