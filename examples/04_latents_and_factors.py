"""Which factor of the data does each latent of a VAE encode, and how certain is that?

Renders sprites whose five factors are known (shape, scale, orientation, column, row),
trains a beta-VAE in Flax, and estimates the mutual information between every latent and
every factor by Gaussian mixtures, each with its error (GMM-MI). The value used for a
latent is a draw from its posterior: mutual information does not change with scale, so
the mean of a latent that the decoder ignores could carry as much information as any
other.

Prints a report in bits:

1. the matrix of latents x factors, estimate ± standard error,
2. what each latent encodes, and its rate (the mean divergence from the prior, which
   bounds its information about all factors together),
3. how much of each factor's entropy the best latent and all latents jointly hold.

With ``--output DIR`` also writes ``information.png`` (the matrix), ``traversals.png``
(what the decoder draws as each latent changes, to check the assignment by eye) and
``latents.npz`` with all numbers.

Which latents share a factor depends on the seed of the initialisation: see ``--seed``.

Run: ``python examples/04_latents_and_factors.py [--quick] [--beta 3] [--output DIR]``
"""

import argparse
import functools
import pathlib
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tqdm
from flax import nnx

from jaxinfo import gmm, measures

FACTORS = ("shape", "scale", "orientation", "column", "row")
COUNTS = (3, 4, 12, 8, 8)
LATENTS, HIDDEN, BATCH = 6, 256, 128
LEARNING_RATE, FIRST_BETA = 1e-3, 30.0
STEPS_PER_CHUNK = 100
# A latent encodes a factor if its information is above this and twice its error. No
# interval tells whether an information is exactly zero.
THRESHOLD = 0.02


class Settings(NamedTuple):
    """Sizes of a run; components are those of a class, at most."""

    beta: float
    seed: int
    num_steps: int = 20_000
    num_points: int = 4000
    max_components: int = 16
    max_joint_components: int = 4


QUICK = {
    "num_steps": 2000,
    "num_points": 800,
    "max_components": 4,
    "max_joint_components": 1,
}


def sprites(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Grey images ``(9216, size, size)`` in [0, 1], and their factors ``(9216, 5)``."""
    factors = np.stack(np.unravel_index(np.arange(np.prod(COUNTS)), COUNTS), axis=1)
    shape, scale, turn, column, row = factors.T.astype(np.float32)[..., None, None]
    # Half a turn in all, after which ellipses and rectangles repeat.
    radius, angle = 0.29 + 0.065 * scale, np.float32(np.pi / 12) * turn
    grid = np.linspace(-1, 1, size, dtype=np.float32)
    x = (grid - column / 7 + 0.5) / radius
    y = (grid[:, None] - row / 7 + 0.5) / radius
    u = np.cos(angle) * x + np.sin(angle) * y
    v = np.cos(angle) * y - np.sin(angle) * x
    ellipse = 1 - np.hypot(u, 2 * v)
    rectangle = 0.9 - np.maximum(abs(u), 2.2 * abs(v))
    triangle = np.minimum((v + 0.7) / 2 - abs(u), 0.7 - v)
    margin = np.where(shape == 0, ellipse, np.where(shape == 1, rectangle, triangle))
    # One pixel of grey at the edge.
    return np.clip(0.5 + size / 2 * radius * margin, 0, 1), factors


class VAE(nnx.Module):
    """Images to Gaussian posteriors of the latents, and latents to logits of pixels."""

    def __init__(self, num_pixels: int, *, rngs: nnx.Rngs) -> None:
        self.encoder = nnx.Sequential(
            nnx.Linear(num_pixels, HIDDEN, rngs=rngs),
            nnx.gelu,
            nnx.Linear(HIDDEN, HIDDEN, rngs=rngs),
            nnx.gelu,
            nnx.Linear(HIDDEN, 2 * LATENTS, rngs=rngs),
        )
        self.decoder = nnx.Sequential(
            nnx.Linear(LATENTS, HIDDEN, rngs=rngs),
            nnx.gelu,
            nnx.Linear(HIDDEN, HIDDEN, rngs=rngs),
            nnx.gelu,
            nnx.Linear(HIDDEN, num_pixels, rngs=rngs),
        )

    def encode(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Means and log-variances, ``(n, latents)`` both."""
        means, log_variances = jnp.split(self.encoder(x), 2, axis=-1)
        return means, log_variances


def rate(means: jax.Array, log_variances: jax.Array) -> jax.Array:
    """Divergence of each posterior from the prior, in nats, ``(n, latents)``."""
    return (means**2 + jnp.expm1(log_variances) - log_variances) / 2


def train(key: jax.Array, images: jax.Array, settings: Settings) -> VAE:
    """Train a beta-VAE on all images."""
    key_init, key = jax.random.split(key)
    model = VAE(images.shape[1], rngs=nnx.Rngs(key_init))
    decay = optax.cosine_decay_schedule(LEARNING_RATE, settings.num_steps)
    optimizer = nnx.Optimizer(model, optax.adam(decay), wrt=nnx.Param)

    # Falls from a weight at which only the best-paid latents carry anything, so that
    # latents come into use one after the other, each for what is left to tell.
    beta_at = optax.exponential_decay(
        FIRST_BETA,
        settings.num_steps // 2,
        settings.beta / FIRST_BETA,
        transition_begin=settings.num_steps // 4,
        end_value=settings.beta,
    )

    def loss_fn(model: VAE, key: jax.Array, step: jax.Array) -> jax.Array:
        key_batch, key_noise = jax.random.split(key)
        x = images[jax.random.randint(key_batch, (BATCH,), 0, len(images))]
        means, log_variances = model.encode(x)
        noise = jax.random.normal(key_noise, means.shape)
        logits = model.decoder(means + jnp.exp(log_variances / 2) * noise)
        errors = optax.sigmoid_binary_cross_entropy(logits, x).sum(axis=1)
        divergence = rate(means, log_variances).sum(axis=1)
        return jnp.mean(errors + beta_at(step) * divergence)

    @nnx.jit
    def run_chunk(model: VAE, optimizer: nnx.Optimizer, keys: jax.Array) -> None:
        @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        def steps(carry, key):
            model, optimizer = carry
            gradient = nnx.grad(loss_fn)(model, key, optimizer.step[...])
            optimizer.update(model, gradient)
            return carry

        steps((model, optimizer), keys)

    chunks = range(0, settings.num_steps, STEPS_PER_CHUNK)
    for done in tqdm.tqdm(chunks, desc="training the VAE", unit="chunk"):
        keys = jax.random.split(jax.random.fold_in(key, done), STEPS_PER_CHUNK)
        run_chunk(model, optimizer, keys)
    return model


class Study(NamedTuple):
    """What the latents tell about the factors, in nats."""

    matrix: gmm.Estimate  # of single latents, leading axes (latents, factors)
    joint: list[gmm.Estimate]  # of all latents together, one a factor
    rates: np.ndarray  # mean divergence from the prior, (latents,)


def measure(
    key: jax.Array,
    model: VAE,
    images: jax.Array,
    factors: np.ndarray,
    settings: Settings,
) -> Study:
    """Estimate the information of latents on factors, alone and together."""
    key_noise, key_matrix, key_joint = jax.random.split(key, 3)
    means, log_variances = model.encode(images)
    noise = jax.random.normal(key_noise, means.shape)
    latents = means + jnp.exp(log_variances / 2) * noise
    labels = jnp.asarray(factors)
    # A row of the matrix at a time, for the progress bar; compiled once.
    row = functools.partial(
        gmm.class_mutual_information_matrix,
        num_classes=COUNTS,
        fitting=gmm.Fitting(max_components=settings.max_components),
    )
    rows = [
        row(jax.random.fold_in(key_matrix, j), latents[:, j, None], labels)
        for j in tqdm.trange(LATENTS, desc="information of latents", unit="latent")
    ]
    # Replicates of fits in six dimensions would take longest: the jackknife gives the
    # errors.
    joint = [
        gmm.class_mutual_information(
            jax.random.fold_in(key_joint, k),
            latents,
            labels[:, k],
            # The same for all factors, which is one program; empty classes cost little.
            num_classes=max(COUNTS),
            fitting=gmm.Fitting(max_components=settings.max_joint_components),
            sampling=gmm.Sampling(num_replicates=0),
        )
        for k in tqdm.trange(len(FACTORS), desc="of all jointly", unit="factor")
    ]
    return Study(
        matrix=jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *rows),
        joint=joint,
        rates=np.asarray(rate(means, log_variances).mean(axis=0)),
    )


def in_bits(value: Any) -> np.ndarray:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def encoded(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Whether latents encode factors, from estimates in bits."""
    return (value > THRESHOLD) & (value > 2 * error)


def describe(value: np.ndarray, error: np.ndarray) -> str:
    """What one latent encodes, most first, from its row of the matrix in bits."""
    found = np.flatnonzero(encoded(value, error))
    if len(found) == 0:
        return "nothing"
    order = found[np.argsort(-value[found])]
    parts = [f"{FACTORS[k]} {value[k]:.2f} ± {error[k]:.2f}" for k in order]
    return ", ".join(parts)


def report(study: Study) -> None:
    """Print what was found, in bits."""
    value, error = in_bits(study.matrix.value), in_bits(study.matrix.standard_error)
    entropies = np.log2(COUNTS)
    print("\n1. Mutual information of each latent with each factor (bits)")
    print("   latent  " + "  ".join(f"{name:>13s}" for name in FACTORS))
    for j in range(LATENTS):
        cells = (
            f"{m:6.3f} ± {s:4.3f}" for m, s in zip(value[j], error[j], strict=True)
        )
        print(f"   {j + 1:6d}  " + "  ".join(f"{cell:>13s}" for cell in cells))
    print(f"   entropy {'  '.join(f'{h:13.3f}' for h in entropies)}")
    number = int(np.sum(~np.asarray(study.matrix.converged)))
    print(f"   {number} of {value.size} estimates did not converge.")

    print("\n2. What each latent encodes")
    rates = in_bits(study.rates)
    for j in range(LATENTS):
        print(f"   latent {j + 1}: {describe(value[j], error[j])}")
        shown = np.sum(value[j][encoded(value[j], error[j])])
        print(f"             together {shown:.2f} of a rate of {rates[j]:.2f}")

    print("\n3. How much of each factor the latents hold (bits)")
    print("   factor       entropy   best latent       second latent     all jointly")
    for k, name in enumerate(FACTORS):
        best, second = np.argsort(-value[:, k])[:2]
        joint = study.joint[k]
        print(
            f"   {name:12s} {entropies[k]:6.2f}"
            f"    {best + 1}: {value[best, k]:5.2f} ± {error[best, k]:.2f}"
            f"   {second + 1}: {value[second, k]:5.2f} ± {error[second, k]:.2f}"
            f"   {in_bits(joint.value):5.2f} ± {in_bits(joint.standard_error):.2f}"
        )


def save(
    output: pathlib.Path, study: Study, model: VAE, latents: tuple[jax.Array, jax.Array]
) -> None:
    """Write the figures and the numbers."""
    from matplotlib import pyplot

    from jaxinfo import plotting

    pyplot.switch_backend("Agg")
    output.mkdir(parents=True, exist_ok=True)
    names = [
        f"{name}\n{np.log2(n):.2f} bits"
        for name, n in zip(FACTORS, COUNTS, strict=True)
    ]
    rates = in_bits(study.rates)
    ax = plotting.information_matrix(
        study.matrix,
        row_names=[f"{j + 1}\n{rates[j]:.2f} bits" for j in range(LATENTS)],
        column_names=names,
        row_label="Latent and its rate",
        column_label="Factor and its entropy",
    )
    ax.figure.savefig(output / "information.png", dpi=80)
    pyplot.close(ax.figure)

    figure = draw_traversals(model, latents, study)
    figure.savefig(output / "traversals.png", dpi=80)
    pyplot.close(figure)

    np.savez_compressed(
        output / "latents.npz",
        **{
            name: np.asarray(getattr(study.matrix, name))
            for name in (
                "value",
                "standard_error",
                "plugin",
                "jackknife_error",
                "converged",
            )
        },
        joint=np.array([one.value for one in study.joint]),
        joint_error=np.array([one.standard_error for one in study.joint]),
        rates=study.rates,
    )
    print(f"Wrote figures and latents.npz to {output}.")


def draw_traversals(
    model: VAE, posterior: tuple[jax.Array, jax.Array], study: Study
) -> Any:
    """Images that the decoder draws as one latent moves and the others stay."""
    from matplotlib import pyplot

    # From the image in the middle of the data, along each latent's own range.
    means, _ = posterior
    centre = jnp.median(means, axis=0)
    start = means[jnp.argmin(jnp.sum((means - centre) ** 2, axis=1))]
    places = jnp.linspace(-2, 2, 9)
    value, error = in_bits(study.matrix.value), in_bits(study.matrix.standard_error)
    figure, axes = pyplot.subplots(LATENTS, 1, figsize=(7.2, 5.4), layout="constrained")
    for j, ax in enumerate(axes):
        moved = jnp.repeat(start[None], len(places), axis=0).at[:, j].set(places)
        images = np.asarray(jax.nn.sigmoid(model.decoder(moved)))
        side = round(images.shape[1] ** 0.5)
        strip = images.reshape(len(places), side, side).transpose(1, 0, 2)
        ax.imshow(strip.reshape(side, -1), cmap="gray", vmin=0, vmax=1)
        ax.set_yticks([side / 2], [f"latent {j + 1}"])
        ax.set_xticks([])
        largest = np.argmax(value[j])
        text = "encodes nothing"
        if encoded(value[j], error[j])[largest]:
            text = f"{FACTORS[largest]}\n{value[j, largest]:.2f} bits"
        ax.text(1.01, 0.5, text, transform=ax.transAxes, va="center")
    ticks = side * (np.arange(len(places)) + 0.5)
    axes[-1].set_xticks(ticks, [f"{place:g}" for place in places])
    axes[-1].set_xlabel("Value of the latent (prior deviations); the others stay")
    return figure


def run(settings: Settings, output: pathlib.Path | None) -> None:
    """Train, measure, report."""
    began = time.perf_counter()
    images, factors = sprites()
    images = jnp.asarray(images.reshape(len(images), -1))
    key_train, key_measure = jax.random.split(jax.random.key(settings.seed))
    model = train(key_train, images, settings)
    trained = time.perf_counter() - began
    chosen = np.random.default_rng(0).permutation(len(images))[: settings.num_points]
    study = measure(key_measure, model, images[chosen], factors[chosen], settings)
    print(
        f"\nA beta-VAE (beta = {settings.beta:g}) of {LATENTS} latents on "
        f"{len(images)} sprites;\ninformation from a draw of the latents of "
        f"{len(chosen)} of them."
    )
    report(study)
    print(f"\n{trained:.0f} s of training, {time.perf_counter() - began:.0f} s in all.")
    if output is not None:
        save(output, study, model, model.encode(images))


def main(argv: list[str] | None = None) -> None:
    """Run the whole study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--beta", type=float, default=3.0, help="weight of the rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    sizes = QUICK if arguments.quick else {}
    settings = Settings(arguments.beta, arguments.seed, **sizes)
    run(settings, arguments.output)


if __name__ == "__main__":
    main()
