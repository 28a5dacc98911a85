"""How much information do latents of VAEs carry about each other, and about factors?

The information between two latents is zero if they encode independent factors of
variation. This asks, with mutual information by Gaussian mixtures and its errors,

1. how much information the latents of beta-VAEs of rendered sprites carry about each
   other, for several weights beta of the divergence, and whether that agrees with their
   information about the factors of the sprites: the largest information of a latent,
   its gap to the second largest (MIG), and what is unique to it (UniBound),
2. which parameter of noisy spectra each latent carries, if two, three or four latents
   encode them. A spectrum is a sloped continuum with an absorption line; its parameters
   are the slope, and depth, width and position of the line.

With the defaults, latents carry less information about each other the larger beta is,
and the less they do, the more a factor is encoded by one latent alone: over nine models
the rank correlation with UniBound is -0.9, with MIG -0.75. Two latents of spectra carry
slope and position; depth and width come with the third and the fourth. All latents
together carry far more information than the best of them: none stands for one
parameter.

All models of a part train as one vmapped program. Prints a report in bits. With
``--output DIR`` also writes ``latents.png``, ``spectra.png``, ``parameters.png`` and
``latents.npz``.

Run: ``python examples/14_latents_among_themselves.py [--quick] [--output DIR]``
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

from jaxinfo import disentanglement, gmm, measures

COUNTS = (3, 4, 4, 6, 6)  # values of shape, scale, shade, column, row
PARAMETERS = ("slope", "depth", "width", "position")
LATENTS, HIDDEN = 6, 128
BATCH, LEARNING_RATE, STEPS_PER_CHUNK = 64, 2e-3, 100
NOISE = 0.02  # of a spectrum, whose continuum is one


class Settings(NamedTuple):
    """Sizes of a run."""

    betas: tuple[float, ...] = (1.0, 4.0, 16.0)
    runs: int = 3
    num_steps: int = 2500
    num_spectra: int = 1500
    spectral_latents: tuple[int, ...] = (2, 3, 4)
    fitting: gmm.Fitting = gmm.Fitting(max_components=6)


QUICK = Settings(
    betas=(1.0, 16.0),
    runs=2,
    num_steps=300,
    num_spectra=400,
    spectral_latents=(3,),
    fitting=gmm.Fitting(max_components=1, criterion="bic"),
)


def sprites(size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Grey images ``(1728, size**2)`` in [0, 1], and their factors ``(1728, 5)``."""
    factors = np.stack(np.unravel_index(np.arange(np.prod(COUNTS)), COUNTS), axis=1)
    shape, scale, shade, column, row = factors.T.astype(np.float32)[..., None, None]
    radius = 0.25 + 0.08 * scale
    grid = np.linspace(-1, 1, size, dtype=np.float32)
    # Columns lie further apart than rows in all: were both alike, any rotation of the
    # two would be as good a code.
    x = (grid - 0.6 * (2 * column / (COUNTS[3] - 1) - 1)) / radius
    y = (grid[:, None] - 0.4 * (2 * row / (COUNTS[4] - 1) - 1)) / radius
    disc = 1 - np.hypot(x, y)
    square = 0.85 - np.maximum(abs(x), abs(y))
    triangle = np.minimum((y + 0.9) / 2 - abs(x), 0.75 - y)
    margin = np.where(shape == 0, disc, np.where(shape == 1, square, triangle))
    # One pixel of grey at the edge.
    inside = np.clip(0.5 + size / 2 * radius * margin, 0, 1)
    images = (0.4 + 0.2 * shade) * inside
    return images.reshape(len(images), -1), factors


class Spectra(NamedTuple):
    """Noisy spectra, and the parameters of each.

    Attributes:
        wavelengths: Shape ``(64,)``.
        flux: Shape ``(n, 64)``.
        parameters: Independent and evenly spread. Shape ``(n, 4)``.
    """

    wavelengths: np.ndarray
    flux: np.ndarray
    parameters: np.ndarray


def spectra(number: int) -> Spectra:
    """Draw parameters, and spectra of them."""
    rng = np.random.default_rng(0)
    lowest, highest = (-0.3, 0.2, 0.05, -0.4), (0.3, 0.8, 0.2, 0.4)
    parameters = rng.uniform(lowest, highest, (number, len(PARAMETERS)))
    slope, depth, width, position = parameters.T[..., None]
    grid = np.linspace(-1, 1, 64)
    line = depth * np.exp(-(((grid - position) / width) ** 2) / 2)
    flux = (1 + slope * grid) * (1 - line) + NOISE * rng.normal(size=(number, 64))
    return Spectra(grid, flux.astype(np.float32), parameters.astype(np.float32))


class VAE(nnx.Module):
    """Data to Gaussian posteriors of the latents, and latents to data."""

    def __init__(self, num_inputs: int, *, rngs: nnx.Rngs) -> None:
        # The default, a truncated normal, takes longer to compile than all the rest.
        linear = functools.partial(
            nnx.Linear, kernel_init=nnx.initializers.lecun_uniform(), rngs=rngs
        )
        self.encoder = nnx.Sequential(
            linear(num_inputs, HIDDEN),
            nnx.gelu,
            linear(HIDDEN, HIDDEN),
            nnx.gelu,
            linear(HIDDEN, 2 * LATENTS),
        )
        self.decoder = nnx.Sequential(
            linear(LATENTS, HIDDEN),
            nnx.gelu,
            linear(HIDDEN, HIDDEN),
            nnx.gelu,
            linear(HIDDEN, num_inputs),
        )

    def encode(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Means and log-variances, ``(n, latents)`` both."""
        means, log_variances = jnp.split(self.encoder(x), 2, axis=-1)
        return means, log_variances


class Posteriors(NamedTuple):
    """Posteriors of all models, and a draw of each; leading axes ``(models, n)``."""

    means: jax.Array
    log_variances: jax.Array
    latents: jax.Array


def train(
    key: jax.Array,
    data: np.ndarray,
    error: Callable[[jax.Array, jax.Array], jax.Array],
    betas: np.ndarray,
    num_latents: np.ndarray,
    settings: Settings,
) -> Posteriors:
    """Train a VAE for each beta and number of latents, the others of which are masked.

    ``error`` is of outputs of the decoder and data, each coordinate alone.
    """
    num_models = len(betas)
    key_init, key_draw, key = jax.random.split(key, 3)

    @nnx.split_rngs(splits=num_models)
    @nnx.vmap
    def create(rngs: nnx.Rngs) -> VAE:
        return VAE(data.shape[1], rngs=rngs)

    graphdef, params = nnx.split(create(nnx.Rngs(key_init)))
    # Works entry by entry, so also on the stack of all models.
    decay = optax.cosine_decay_schedule(LEARNING_RATE, settings.num_steps)
    optimizer = optax.adam(decay)
    x = jnp.asarray(data)
    masks = jnp.asarray(np.arange(LATENTS) < num_latents[:, None], jnp.float32)

    def loss_fn(params: Any, beta: jax.Array, mask: jax.Array, key: jax.Array):
        key_batch, key_noise = jax.random.split(key)
        model = nnx.merge(graphdef, params)
        batch = x[jax.random.randint(key_batch, (BATCH,), 0, len(x))]
        means, log_variances = model.encode(batch)
        noise = jax.random.normal(key_noise, means.shape)
        drawn = mask * (means + jnp.exp(log_variances / 2) * noise)
        errors = error(model.decoder(drawn), batch).sum(axis=1)
        divergence = (means**2 + jnp.expm1(log_variances) - log_variances) / 2
        return jnp.mean(errors + beta * (mask * divergence).sum(axis=1))

    @jax.jit
    def run_chunk(params: Any, state: Any, key: jax.Array) -> Any:
        def advance(carry: Any, key: jax.Array) -> Any:
            params, state = carry
            keys = jax.random.split(key, num_models)
            gradient = jax.vmap(jax.grad(loss_fn))(
                params, jnp.asarray(betas, jnp.float32), masks, keys
            )
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(params, updates), state), None

        keys = jax.random.split(key, STEPS_PER_CHUNK)
        return jax.lax.scan(advance, (params, state), keys)[0]

    state = optimizer.init(params)
    chunks = range(0, settings.num_steps, STEPS_PER_CHUNK)
    for done in tqdm.tqdm(chunks, desc=f"training {num_models} VAEs", unit="chunk"):
        params, state = run_chunk(params, state, jax.random.fold_in(key, done))
    means, log_variances = jax.vmap(lambda one: nnx.merge(graphdef, one).encode(x))(
        params
    )
    noise = jax.random.normal(key_draw, means.shape)
    return Posteriors(means, log_variances, means + jnp.exp(log_variances / 2) * noise)


class Disentanglement(NamedTuple):
    """Scores of models ``(betas, runs)``, information in nats.

    Attributes:
        among: Information of each pair of latents, and its error; NaN where one of them
            is not used. Shape ``(2, betas, runs, pairs)``.
        largest: What the latent that tells most of a factor tells, mean over factors,
            as a share of the entropy of the factor.
        gap: MIG.
        unique: UniBound.
        used: Whether the mean divergence of a latent from the prior is above 0.1 nats.
            Shape ``(betas, runs, latents)``.
    """

    among: np.ndarray
    largest: np.ndarray
    gap: np.ndarray
    unique: np.ndarray
    used: np.ndarray


def study_sprites(key: jax.Array, settings: Settings) -> Disentanglement:
    """Part 1: train on sprites, and score every model."""
    images, factors = sprites()
    betas = np.repeat(settings.betas, settings.runs)
    keys = jax.random.split(key)
    found = train(
        keys[0],
        images,
        optax.sigmoid_binary_cross_entropy,
        betas,
        np.full(len(betas), LATENTS),
        settings,
    )
    first, second = np.triu_indices(LATENTS, 1)

    @jax.jit
    def among(key: jax.Array, latents: jax.Array) -> jax.Array:
        def one(cell: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
            key, i, j = cell
            estimate = gmm.mutual_information(
                key,
                latents[:, i][:, None],
                latents[:, j][:, None],
                fitting=settings.fitting,
            )
            return jnp.stack([estimate.value, estimate.standard_error])

        return jax.lax.map(one, (jax.random.split(key, len(first)), first, second))

    @jax.jit
    def of_factors(key: jax.Array, means: jax.Array, log_variances: jax.Array):
        return disentanglement.unibound(
            key, means, log_variances, factors, num_classes=COUNTS
        )

    pairs, scores = [], []
    models = tqdm.trange(len(betas), desc="latents among themselves", unit="model")
    for k in models:
        own = jax.random.fold_in(keys[1], k)
        pairs.append(np.asarray(among(own, found.latents[k])))
        scores.append(of_factors(own, found.means[k], found.log_variances[k]))
    scored = jax.tree.map(lambda *leaves: np.stack(leaves), *scores)
    divergence = found.means**2 + jnp.expm1(found.log_variances) - found.log_variances
    shape = (len(settings.betas), settings.runs)
    used = np.asarray(divergence.mean(axis=1) / 2 > 0.1)
    both = used[:, first] & used[:, second]
    among_used = np.where(both[:, None], np.stack(pairs).transpose(0, 2, 1), np.nan)
    shares = np.asarray(scored.information.single) / np.log(COUNTS)
    return Disentanglement(
        among=np.moveaxis(among_used, 1, 0).reshape(2, *shape, -1),
        largest=shares.max(axis=1).mean(axis=1).reshape(shape),
        gap=np.asarray(scored.gap).reshape(shape),
        unique=np.asarray(scored.score).reshape(shape),
        used=used.reshape(*shape, LATENTS),
    )


class Parameters(NamedTuple):
    """What latents of spectra tell about their parameters, in nats.

    Attributes:
        matrix: Of each latent and parameter, and its error. Shape ``(2, sizes, runs,
            latents, parameters)``; that of masked latents is NaN.
        joint: Of all latents together. Shape ``(2, sizes, runs, parameters)``.
        latents: Draws of the latents of the last model. Shape ``(n, latents)``.
    """

    matrix: np.ndarray
    joint: np.ndarray
    latents: np.ndarray


def squared_error(output: jax.Array, x: jax.Array) -> jax.Array:
    """Of a spectrum, in units of the noise."""
    return ((output - x) / NOISE) ** 2 / 2


def study_spectra(key: jax.Array, data: Spectra, settings: Settings) -> Parameters:
    """Part 2: encode spectra, and find what each latent carries."""
    sizes = np.repeat(settings.spectral_latents, settings.runs)
    keys = jax.random.split(key)
    found = train(
        keys[0], data.flux, squared_error, np.ones(len(sizes)), sizes, settings
    )
    parameters = jnp.asarray(data.parameters)

    def both(estimate: gmm.Estimate) -> jax.Array:
        return jnp.stack([estimate.value, estimate.standard_error])

    @jax.jit
    def alone(key: jax.Array, latents: jax.Array) -> jax.Array:
        return both(
            gmm.mutual_information_matrix(
                key, latents, parameters, fitting=settings.fitting
            )
        )

    @jax.jit
    def together(key: jax.Array, latents: jax.Array) -> jax.Array:
        def one(cell: tuple[jax.Array, jax.Array]) -> jax.Array:
            key, parameter = cell
            return both(
                gmm.mutual_information(
                    key, latents, parameter[:, None], fitting=settings.fitting
                )
            )

        own = jax.random.split(key, len(PARAMETERS))
        return jax.lax.map(one, (own, parameters.T))

    matrix, joint = [], []
    models = tqdm.trange(len(sizes), desc="latents and parameters", unit="model")
    for k in models:
        latents = found.latents[k, :, : max(settings.spectral_latents)]
        own = jax.random.fold_in(keys[1], k)
        is_used = np.arange(latents.shape[1]) < sizes[k]
        values = np.asarray(alone(own, latents))
        matrix.append(np.where(is_used[:, None], values, np.nan))
        joint.append(np.asarray(together(own, latents[:, : sizes[k]])).T)
    shape = (len(settings.spectral_latents), settings.runs)
    matrix, joint = (np.stack(x, axis=1) for x in (matrix, joint))
    return Parameters(
        matrix=matrix.reshape(2, *shape, *matrix.shape[2:]),
        joint=joint.reshape(2, *shape, -1),
        latents=np.asarray(latents),
    )


def in_bits(value: Any) -> np.ndarray:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def with_error(values: np.ndarray) -> str:
    """Mean over runs and its standard error; a dash if some have none."""
    if not np.isfinite(values).all():
        return "-"
    error = values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.3f} ± {error:.3f}"


def mean_of_used(values: np.ndarray) -> np.ndarray:
    """Mean over pairs of latents, the last axis; NaN where no two are used."""
    number = np.isfinite(values).sum(axis=-1)
    return np.where(number, np.nansum(values, axis=-1) / np.maximum(number, 1), np.nan)


def report_sprites(found: Disentanglement, settings: Settings) -> None:
    """Print part 1."""
    print(
        f"\n1. {settings.runs} beta-VAEs of {LATENTS} latents for each beta, on "
        "sprites of five independent factors.\n   Information between two latents, and "
        "scores (mean and standard error over runs)"
    )
    print(
        "    beta  latents used   mean of pairs, bits   largest pair, bits"
        "   largest share      MIG         UniBound"
    )
    value, error = in_bits(found.among)
    for k, beta in enumerate(settings.betas):
        columns = (
            with_error(values)
            for values in (found.largest[k], found.gap[k], found.unique[k])
        )
        print(
            f"   {beta:5g}  {found.used[k].sum(axis=1).mean():12.1f}"
            f"   {with_error(mean_of_used(value[k])):>19s}"
            f"   {with_error(np.fmax.reduce(value[k], axis=1)):>18s}   "
            + "   ".join(f"{column:>13s}" for column in columns)
        )
    print(
        "   The standard error of a pair by its fits is "
        f"{np.nanmedian(error):.3f} bits (median), at most {np.nanmax(error):.3f}."
    )
    mean = mean_of_used(value).ravel()
    is_known = np.isfinite(mean)
    for name, scores in (("MIG", found.gap), ("UniBound", found.unique)):
        rank = stats.spearmanr(mean[is_known], scores.ravel()[is_known])
        print(
            f"   Over {is_known.sum()} models, rank correlation of the mean over pairs "
            f"with {name} is {rank.statistic:+.2f} (p = {rank.pvalue:.2g})."
        )


def report_spectra(found: Parameters, settings: Settings) -> None:
    """Print part 2."""
    print(
        f"\n2. {settings.num_spectra} spectra of four parameters. Information in bits, "
        "of one model each; its error by the fits"
    )
    for k, number in enumerate(settings.spectral_latents):
        print(f"   {number} latents" + "".join(f"{name:>16s}" for name in PARAMETERS))
        value, error = in_bits(found.matrix[:, k, 0])
        for j in range(number):
            cells = zip(value[j], error[j], strict=True)
            row = "".join(f"{f'{x:.2f} ± {e:.2f}':>16s}" for x, e in cells)
            print(f"   latent {j:2d}{row}")
        value, error = in_bits(found.joint[:, k, 0])
        cells = zip(value, error, strict=True)
        row = "".join(f"{f'{x:.2f} ± {e:.2f}':>16s}" for x, e in cells)
        print(f"   together {row}")
        over_runs = in_bits(found.joint[0, k]).T
        row = "".join(f"{with_error(values):>16s}" for values in over_runs)
        print(f"   of runs  {row}")


def draw_latents(found: Disentanglement, settings: Settings) -> Any:
    """Information among latents beside disentanglement, of each model."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, 3, figsize=(11.5, 3.8), layout="constrained", sharex=True
    )
    mean = mean_of_used(in_bits(found.among[0]))
    # Errors of pairs are of fits of their own, and so add up as squares.
    number = np.maximum(np.isfinite(found.among[0]).sum(axis=-1), 1)
    error = np.sqrt(mean_of_used(in_bits(found.among[1]) ** 2) / number)
    for ax, (name, values) in zip(
        axes,
        (
            ("Largest share of a factor in a latent", found.largest),
            ("Mutual information gap (MIG)", found.gap),
            ("UniBound (lower bound of unique)", found.unique),
        ),
        strict=True,
    ):
        for k, beta in enumerate(settings.betas):
            ax.errorbar(
                mean[k],
                values[k],
                xerr=error[k],
                fmt="o",
                color=f"C{k}",
                capsize=2,
                label=f"beta = {beta:g}",
            )
        ax.set_xlabel("Information of two latents, mean (bits)")
        ax.set_ylabel(f"{name},\nmean over factors")
    axes[0].legend(frameon=False)
    return figure


def draw_spectra(data: Spectra) -> Any:
    """Some spectra, and what the parameters do to one."""
    from matplotlib import pyplot

    figure, ax = pyplot.subplots(figsize=(6.5, 4.6), layout="constrained")
    for k in range(5):
        ax.plot(data.wavelengths, data.flux[k] + 0.8 * k, color=f"C{k}", linewidth=1)
        names = zip(PARAMETERS, data.parameters[k], strict=True)
        ax.text(
            1.04,
            1 + 0.8 * k,
            "\n".join(f"{name} {value:.2f}" for name, value in names),
            fontsize=7,
            va="center",
        )
    ax.set_xlim(-1, 1.5)
    ax.set_xticks(np.linspace(-1, 1, 5))
    ax.set_ylim(0.1, 5)
    ax.set_xlabel("Wavelength, in half the range")
    ax.set_ylabel("Flux beside the continuum,\neach 0.8 above the last")
    return figure


def draw_parameters(found: Parameters, settings: Settings) -> Any:
    """What each latent of the first run of each size tells about each parameter."""
    from matplotlib import pyplot

    sizes = settings.spectral_latents
    figure, axes = pyplot.subplots(
        1,
        len(sizes),
        figsize=(3.8 * len(sizes) + 0.8, 3.8),
        layout="constrained",
        squeeze=False,
    )
    top = np.nanmax(in_bits(found.joint[0]))
    for k, (ax, number) in enumerate(zip(axes[0], sizes, strict=True)):
        value, error = (
            np.concatenate([matrix[:number], joint[None]])
            for matrix, joint in zip(
                in_bits(found.matrix[:, k, 0]),
                in_bits(found.joint[:, k, 0]),
                strict=True,
            )
        )
        image = ax.imshow(value, cmap="viridis", vmin=0, vmax=top, aspect="auto")
        for (row, column), x in np.ndenumerate(value):
            ax.text(
                column,
                row,
                f"{x:.2f}\n± {error[row, column]:.2f}",
                ha="center",
                va="center",
                fontsize=8,
                color="black" if x > 0.6 * top else "white",
            )
        ax.axhline(number - 0.5, color="white", linewidth=3)
        names = [f"latent {j}" for j in range(number)] + ["together"]
        ax.set_yticks(range(number + 1), names)
        ax.set_xticks(range(len(PARAMETERS)), PARAMETERS)
        ax.set_xlabel("Parameter of the spectrum")
        ax.set_title(f"{number} latents")
    figure.colorbar(image, ax=axes, label="Information by Gaussian mixtures (bits)")
    return figure


def save(
    output: pathlib.Path,
    among: Disentanglement,
    data: Spectra,
    found: Parameters,
    settings: Settings,
) -> None:
    """Write figures and numbers."""
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    output.mkdir(parents=True, exist_ok=True)
    for name, figure in (
        ("latents", draw_latents(among, settings)),
        ("spectra", draw_spectra(data)),
        ("parameters", draw_parameters(found, settings)),
    ):
        figure.savefig(output / f"{name}.png", dpi=110)
        pyplot.close(figure)
    np.savez_compressed(
        output / "latents.npz",
        betas=settings.betas,
        **{f"sprites_{name}": x for name, x in among._asdict().items()},
        **{f"spectra_{name}": x for name, x in found._asdict().items()},
    )
    print(f"Wrote figures and latents.npz to {output}.")


def main(argv: list[str] | None = None) -> None:
    """Run the whole study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    settings = QUICK if arguments.quick else Settings()
    began = time.perf_counter()
    keys = jax.random.split(jax.random.key(0))
    among = study_sprites(keys[0], settings)
    report_sprites(among, settings)
    data = spectra(settings.num_spectra)
    found = study_spectra(keys[1], data, settings)
    report_spectra(found, settings)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if arguments.output is not None:
        save(arguments.output, among, data, found, settings)


if __name__ == "__main__":
    main()
