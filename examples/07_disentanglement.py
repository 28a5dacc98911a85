"""Does each latent of a VAE carry unique information, and which score detects it?

Renders sprites for every combination of five known factors (shape, scale, shade,
column, row), trains an ensemble of beta-VAEs in one vmapped program, and asks of each
latent and factor how much information is unique to the latent, how much the other
latents carry as well (redundant), and how much is available only from the latent
together with others (complementary). The bounds on these hold for every measure of
redundancy that makes no part negative, and UniBound is the mean over factors of the
largest lower bound of the unique part, as a share of the factor's entropy.

Then latents are attacked: noisy, mixed copies of all of them are added, so that the
information in a latent is no longer unique. A score of disentanglement should fall.
UniBound is compared with the mutual information gap (MIG), which looks at single
latents only: in the ensemble, and for a perfect code, which has a latent of its own
with noise for each factor and for which the right answer is known exactly.

Prints a report in shares of entropies and in bits:

1. for each beta, UniBound with its error, MIG, the bounds on redundant and
   complementary information, and the information in all latents together,
2. for each factor, the bounds on the three parts of the latent that stands for it,
3. both scores under attacks of rising strength, with the exact ones,
4. how much of the claim that UniBound detects redundancy, and MIG does not, holds here.

With the defaults: the perfect code keeps two fifths of its UniBound under an attack of
strength 2, as it should, and four fifths of its MIG; VAEs keep a sixth to two fifths of
UniBound, and about nine tenths of MIG. Without attack, too, UniBound ranks a middle
beta clearly above the smallest, whose two positions are redundant by half a bit and
more, where MIG shows no difference. It does not distinguish the middle beta from the
largest, and all VAEs are far from the perfect code: much of shape, scale and shade is
complementary.

With ``--output DIR`` also writes ``parts.png``, ``attack.png`` and ``scores.png``.

Run: ``python examples/07_disentanglement.py [--quick] [--output DIR]``
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

from jaxinfo import disentanglement, measures

FACTORS = ("shape", "scale", "shade", "column", "row")
COUNTS = (3, 3, 3, 8, 6)
LATENTS, HIDDEN, BATCH = 6, 100, 128
LEARNING_RATE, FIRST_BETA = 2e-3, 20.0
STEPS_PER_CHUNK = 50
# Of the noise of the perfect code, beside levels of variance one.
NOISE_VARIANCE = 0.09
PERFECT = "perfect code"
# The attack of which the report says what it leaves, and of models above which score.
CLAIM_STRENGTH, LEAST_SCORE = 2.0, 0.02


class Settings(NamedTuple):
    """Sizes of a run; each beta has ``runs`` models, and the first strength is zero."""

    betas: tuple[float, ...] = (0.1, 0.4, 1.0)
    runs: int = 5
    num_steps: int = 3000
    strengths: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0)


QUICK = Settings(
    betas=(0.1, 1.0), runs=2, num_steps=600, strengths=(0.0, 0.5, 1.0, 2.0)
)


def sprites(size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Grey images ``(1296, size, size)`` in [0, 1], and their factors ``(1296, 5)``."""
    factors = np.stack(np.unravel_index(np.arange(np.prod(COUNTS)), COUNTS), axis=1)
    shape, scale, shade, column, row = factors.T.astype(np.float32)[..., None, None]
    radius = 0.25 + 0.1 * scale
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
    return (0.4 + 0.2 * shade) * inside, factors


class VAE(nnx.Module):
    """Images to Gaussian posteriors of the latents, and latents to logits of pixels."""

    def __init__(self, num_pixels: int, *, rngs: nnx.Rngs) -> None:
        # The default, a truncated normal, takes longer to compile than all the rest.
        linear = functools.partial(
            nnx.Linear, kernel_init=nnx.initializers.lecun_uniform(), rngs=rngs
        )
        self.encoder = nnx.Sequential(
            linear(num_pixels, HIDDEN),
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
            linear(HIDDEN, num_pixels),
        )

    def encode(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Means and log-variances, ``(n, latents)`` both."""
        means, log_variances = jnp.split(self.encoder(x), 2, axis=-1)
        return means, log_variances


Posteriors = tuple[jax.Array, jax.Array]


def train(
    key: jax.Array, images: jax.Array, betas: np.ndarray, num_steps: int
) -> Posteriors:
    """Train one VAE for each beta, all in one program.

    Returns:
        Means and log-variances of all images, ``(models, n, latents)`` both.
    """
    num_models = len(betas)
    key_init, key = jax.random.split(key)

    @nnx.split_rngs(splits=num_models)
    @nnx.vmap
    def create(rngs: nnx.Rngs) -> VAE:
        return VAE(images.shape[1], rngs=rngs)

    graphdef, params = nnx.split(create(nnx.Rngs(key_init)))
    # Works entry by entry, so also on the stack of all models.
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, num_steps))

    def loss_fn(params: Any, beta: jax.Array, key: jax.Array) -> jax.Array:
        key_batch, key_noise = jax.random.split(key)
        model = nnx.merge(graphdef, params)
        x = images[jax.random.randint(key_batch, (BATCH,), 0, len(images))]
        means, log_variances = model.encode(x)
        noise = jax.random.normal(key_noise, means.shape)
        logits = model.decoder(means + jnp.exp(log_variances / 2) * noise)
        errors = optax.sigmoid_binary_cross_entropy(logits, x).sum(axis=1)
        divergence = (means**2 + jnp.expm1(log_variances) - log_variances) / 2
        return jnp.mean(errors + beta * divergence.sum(axis=1))

    def betas_at(step: jax.Array) -> jax.Array:
        # Falls, so that latents come into use one after the other, each for what is
        # left to tell: from the same small beta throughout, all start at once.
        left = jnp.clip(1 - 2 * step / num_steps, 0, 1)
        return jnp.asarray(betas, jnp.float32) ** (1 - left) * FIRST_BETA**left

    @jax.jit
    def run_chunk(params: Any, state: Any, key: jax.Array, first: int) -> Any:
        def advance(carry: Any, step: jax.Array) -> Any:
            params, state = carry
            keys = jax.random.split(jax.random.fold_in(key, step), num_models)
            gradient = jax.vmap(jax.grad(loss_fn))(params, betas_at(step), keys)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(params, updates), state), None

        steps = first + jnp.arange(STEPS_PER_CHUNK)
        return jax.lax.scan(advance, (params, state), steps)[0]

    state = optimizer.init(params)
    chunks = range(0, num_steps, STEPS_PER_CHUNK)
    for first in tqdm.tqdm(chunks, desc=f"training {num_models} VAEs", unit="chunk"):
        params, state = run_chunk(params, state, key, first)
    return jax.vmap(lambda one: nnx.merge(graphdef, one).encode(images))(params)


def levels(number: int) -> np.ndarray:
    """Equally spaced values of mean zero and variance one."""
    return (np.arange(number) - (number - 1) / 2) / np.sqrt((number**2 - 1) / 12)


def perfect_code(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A latent for each factor, and one that tells nothing: ``(n, latents)`` both."""
    means = np.zeros((len(factors), LATENTS), np.float32)
    log_variances = np.zeros_like(means)
    for k, number in enumerate(COUNTS):
        means[:, k] = levels(number)[factors[:, k]]
        log_variances[:, k] = np.log(NOISE_VARIANCE)
    return means, log_variances


def exact_scores(strengths: np.ndarray) -> np.ndarray:
    """UniBound of the perfect code at each strength of the attack."""
    shares = []
    for number in COUNTS:
        atoms = jax.vmap(
            functools.partial(
                disentanglement.attack_oracle,
                jnp.asarray(levels(number), jnp.float32),
                variance=NOISE_VARIANCE,
            )
        )(strength=jnp.asarray(strengths, jnp.float32))
        shares.append(np.asarray(atoms.unique) / np.log(number))
    return np.mean(shares, axis=0)


def evaluate(
    key: jax.Array, posteriors: Posteriors, factors: np.ndarray, strengths: tuple
) -> disentanglement.UniBound:
    """UniBound of all models under attacks, leading axes ``(strengths, models)``."""

    @jax.jit
    def attacked(keys: jax.Array, strength: float) -> disentanglement.UniBound:
        def one(model: tuple[jax.Array, Posteriors]) -> disentanglement.UniBound:
            key, (means, log_variances) = model
            # Strength zero adds latents of nothing but noise, so that all strengths
            # are one program.
            copied = disentanglement.redundancy_attack(
                means, log_variances, strength=strength
            )
            return disentanglement.full_unibound(
                key, *copied, factors, num_classes=COUNTS
            )

        return jax.lax.map(one, (keys, posteriors))

    results = []
    for k, strength in enumerate(tqdm.tqdm(strengths, desc="attacks", unit="strength")):
        keys = jax.random.split(jax.random.fold_in(key, k), len(posteriors[0]))
        results.append(jax.block_until_ready(attacked(keys, strength)))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *results)


class Study(NamedTuple):
    """Scores of groups of models: of each beta, and draws of the perfect code.

    Attributes:
        groups: Names of the groups; the perfect code is the last.
        strengths: Strengths of the attack, from zero. Shape ``(s,)``.
        exact: UniBound of the perfect code. Shape ``(s,)``.
        result: Scores and bounds, leading axes ``(s, groups, runs)``.
    """

    groups: tuple[str, ...]
    strengths: np.ndarray
    exact: np.ndarray
    result: disentanglement.UniBound


def ordered(found: Study) -> list[int]:
    """Groups of the VAEs from the lowest to the highest UniBound."""
    return np.argsort(found.result.score[0, :-1].mean(axis=1)).tolist()


def study(settings: Settings) -> Study:
    """Train and evaluate."""
    images, factors = sprites()
    images = jnp.asarray(images.reshape(len(images), -1))
    key_train, key_evaluate = jax.random.split(jax.random.key(0))
    betas = np.repeat(settings.betas, settings.runs)
    trained = train(key_train, images, betas, settings.num_steps)
    # The perfect code differs from draw to draw of its samples only.
    perfect = (jnp.stack([x] * settings.runs) for x in perfect_code(factors))
    posteriors = tuple(
        jnp.concatenate(pair) for pair in zip(trained, perfect, strict=True)
    )
    result = evaluate(key_evaluate, posteriors, factors, settings.strengths)
    groups = (*(f"beta = {beta:g}" for beta in settings.betas), PERFECT)
    shape = (len(settings.strengths), len(groups), settings.runs)
    return Study(
        groups=groups,
        strengths=np.array(settings.strengths),
        exact=exact_scores(np.array(settings.strengths)),
        result=jax.tree.map(lambda x: x.reshape(*shape, *x.shape[2:]), result),
    )


class Parts(NamedTuple):
    """What the latent that stands for a factor tells, in shares of the entropy.

    Each of shape ``(runs, factors)``; together they are what all latents tell. Bounds
    leave one number open: the same share ``open_own`` of what the latent tells may be
    unique or redundant, and as much of the rest, ``open_other``, may be complementary
    or unique to the other latents.
    """

    unique: np.ndarray
    open_own: np.ndarray
    redundant: np.ndarray
    complementary: np.ndarray
    open_other: np.ndarray
    others: np.ndarray


def parts_of(result: disentanglement.UniBound) -> Parts:
    """Lower bounds and what lies between the bounds, of one group without attack."""
    lower, upper = jax.tree.map(
        lambda x: np.take_along_axis(x, result.latents[:, None], axis=1)[:, 0],
        result.bounds,
    )
    return Parts(
        unique=lower.unique_x,
        open_own=upper.unique_x - lower.unique_x,
        redundant=lower.redundant,
        complementary=lower.synergistic,
        open_other=upper.synergistic - lower.synergistic,
        others=lower.unique_y,
    )


def error_of(x: np.ndarray) -> np.ndarray:
    """Standard error of the mean over runs, the last axis."""
    return x.std(axis=-1, ddof=1) / np.sqrt(x.shape[-1])


def with_error(x: np.ndarray) -> str:
    """Mean over runs and its standard error."""
    return f"{x.mean():.3f} ± {error_of(x):.3f}"


def interval(lower: np.ndarray, upper: np.ndarray, digits: int) -> str:
    """Means over runs of two bounds."""
    return f"{lower.mean():.{digits}f} to {upper.mean():.{digits}f}"


def report(found: Study) -> None:
    """Print what was found."""
    plain = [
        jax.tree.map(lambda x, g=g: x[0, g], found.result)
        for g in range(len(found.groups))
    ]
    print("\n1. Scores without attack, means of runs ± standard errors (shares)")
    print(
        f"{'':15s} UniBound       (spread, sampling)  MIG            "
        "redundant       complementary   all tell"
    )
    for name, one in zip(found.groups, plain, strict=True):
        print(
            f"   {name:12s} {with_error(one.score)}  "
            f"({one.score.std(ddof=1):.3f}, {one.standard_error.mean():.3f})"
            f"      {with_error(one.gap)}  "
            f"{interval(one.redundant_lower, one.redundant_upper, 3)}  "
            f"{interval(one.synergistic_lower, one.synergistic_upper, 3)}  "
            f"{one.informativeness.mean():.3f}"
        )
    print("   (spread: standard deviation of runs; sampling: error of one given model;")
    print("   bounds: means over factors of the largest of any latent)")

    print("\n2. The latent that is most ahead of all others together: bounds in bits")
    print(f"{'':15s} factor (entropy)  unique        redundant     complementary")
    for g in reversed(ordered(found)):
        entropies = measures.nats_to_bits(plain[g].information.factor_entropies[0])
        parts = Parts(*(x * np.asarray(entropies) for x in parts_of(plain[g])))
        for k, factor in enumerate(FACTORS):
            own = Parts(*(x[:, k] for x in parts))
            print(
                f"   {found.groups[g] if k == 0 else '':12s} {factor:6s} "
                f"({entropies[k]:.2f})     "
                f"{interval(own.unique, own.unique + own.open_own, 2)}  "
                f"{interval(own.redundant, own.redundant + own.open_own, 2)}  "
                f"{interval(own.complementary, own.complementary + own.open_other, 2)}"
            )


def report_attack(found: Study) -> None:
    """Print both scores against the strength."""
    print("\n3. Under attack, means of runs ± standard errors")
    cells = "".join(f"{x:<15g}" for x in found.strengths)
    print(f"   {'strength':21s} {cells}".rstrip())
    for g, name in enumerate(found.groups):
        for label, scores in (
            ("UniBound", found.result.score[:, g]),
            ("MIG", found.result.gap[:, g]),
        ):
            title = name if label == "UniBound" else ""
            cells = "  ".join(with_error(x) for x in scores)
            print(f"   {title:12s} {label:8s} {cells}")
    cells = "".join(f"{x:<15.3f}" for x in found.exact)
    print(f"   {'exact':12s} UniBound {cells}".rstrip())


def report_claim(found: Study) -> None:
    """Print how far UniBound sees redundancy that MIG does not."""
    at = int(np.argmin(np.abs(found.strengths - CLAIM_STRENGTH)))
    score, gap = found.result.score, found.result.gap
    print(f"\n4. An attack of strength {found.strengths[at]:g} leaves")
    for g, name in enumerate(found.groups):
        print(
            f"   {name:12s} {left(score[:, g].mean(axis=1), at)} of UniBound, "
            f"{left(gap[:, g].mean(axis=1), at)} of MIG"
        )
    print(f"   {'exact':12s} {left(found.exact, at)} of UniBound")

    unibound, mig = (x[:, :-1].reshape(len(x), -1) for x in (score, gap))
    # Of a score of about zero there is no share to lose.
    judged = unibound[0] > LEAST_SCORE
    loses_more = (unibound[at] * mig[0] < mig[at] * unibound[0])[judged]
    print(
        f"   Of {judged.sum()} VAEs (of {len(judged)}) whose UniBound is above "
        f"{LEAST_SCORE:g}, {loses_more.sum()} lose a larger share of it than of MIG."
    )
    worst, *_, best = ordered(found)
    print("   Before it, of the best and the worst by UniBound,")
    print(f"   {found.groups[best]} is ahead of {found.groups[worst]} by")
    for label, x in (("UniBound", score), ("MIG", gap)):
        ahead = x[0, best].mean() - x[0, worst].mean()
        error = np.hypot(error_of(x[0, best]), error_of(x[0, worst]))
        clear = "more" if ahead > 2 * error else "not more"
        print(f"   {ahead:.3f} ± {error:.3f} of {label}, {clear} than twice the error.")


def left(scores: np.ndarray, at: int) -> str:
    """What is left of the first score."""
    return f"{scores[at] / scores[0]:4.0%}" if scores[0] > 0 else "none"


BLUE, ORANGE, GREEN, GREY = "#4477aa", "#ee7733", "#228833", "#cccccc"
# Face, hatch and label. What bounds leave open is hatched in the colours of both parts
# that it may belong to.
STYLES = {
    "unique": (BLUE, None, "unique to the latent (lower bound)"),
    "open_own": ("#a1bbd4", ORANGE, "unique or redundant: left open"),
    "redundant": (ORANGE, None, "redundant (lower bound)"),
    "complementary": (GREEN, None, "complementary (lower bound)"),
    "open_other": ("#90c399", GREY, "complementary or others' own: left open"),
    "others": (GREY, None, "unique to the other latents (lower bound)"),
}
# Error bars of parts that follow each other stand side by side.
SHIFTS = {"unique": -0.2, "redundant": -0.07, "complementary": 0.07, "others": 0.2}


def draw_parts(found: Study) -> Any:
    """Stacked parts of each factor, for the best and the worst beta."""
    from matplotlib import pyplot as plt

    worst, *_, best = ordered(found)
    figure, axes = plt.subplots(
        1, 2, figsize=(9.4, 4.6), sharey=True, layout="constrained"
    )
    places = np.arange(len(FACTORS))
    for ax, g in zip(axes, (best, worst), strict=True):
        parts = parts_of(jax.tree.map(lambda x, g=g: x[0, g], found.result))
        base = np.zeros(len(FACTORS))
        for name, (face, hatched, label) in STYLES.items():
            values = getattr(parts, name)
            mean = values.mean(axis=0)
            style = {"hatch": "////", "edgecolor": hatched} if hatched else {}
            ax.bar(places, mean, 0.66, base, color=face, lw=0, label=label, **style)
            base = base + mean
            if name in SHIFTS:
                # A bound that is zero in all runs has no error to show.
                shown = mean > 0.005
                x, y = (places + SHIFTS[name])[shown], base[shown]
                error = error_of(values.T)[shown]
                ax.errorbar(x, y, error, fmt="none", ecolor="k", capsize=2)
        ax.axhline(1, color="black", lw=0.8, ls=":")
        title = "highest" if g == best else "lowest"
        ax.set_title(f"{found.groups[g]} ({title} UniBound)", fontsize="medium")
        names = zip(FACTORS, np.log2(COUNTS), strict=True)
        ax.set_xticks(places, [f"{name}\n{bits:.2f} bits" for name, bits in names])
        ax.set_xlabel("factor and its entropy")
    axes[0].set_ylabel("information (share of the factor's entropy)")
    axes[0].set_ylim(0, 1.12)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        title="error bars: standard error over runs of each lower bound",
        title_fontsize="small",
        fontsize="small",
        ncols=2,
        loc="outside lower center",
    )
    return figure


def draw_attack(found: Study) -> Any:
    """Both scores against the strength of the attack."""
    from matplotlib import pyplot as plt

    worst, *_, best = ordered(found)
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.7), sharey=True, layout="constrained"
    )
    for ax, g in zip(axes, (len(found.groups) - 1, best, worst), strict=True):
        for scores, colour, style, label in (
            (found.result.gap[:, g], ORANGE, "s--", "MIG"),
            (found.result.score[:, g], BLUE, "o-", "UniBound"),
        ):
            # Estimates of the perfect code stand beside the exact curve.
            fmt = style[0] if label == "UniBound" and ax is axes[0] else style
            mean, error = scores.mean(axis=1), error_of(scores)
            ax.errorbar(
                found.strengths,
                mean,
                error,
                fmt=fmt,
                color=colour,
                capsize=3,
                label=label,
            )
            if ax is not axes[0]:
                ax.plot(found.strengths, scores, color=colour, lw=0.6, alpha=0.6)
        title = "" if ax is axes[0] else " (thin: single runs)"
        ax.set_title(f"{found.groups[g]}{title}", fontsize="medium")
    fine = np.linspace(0, found.strengths[-1], 60)
    axes[0].plot(fine, exact_scores(fine), "k-", lw=1, label="UniBound, exact")
    figure.supxlabel(
        "strength of the attack (scale of the copies, beside noise of deviation one)",
        fontsize="medium",
    )
    axes[0].set_ylabel("score (mean share of the factors' entropy)")
    axes[0].set_ylim(0, 1)
    axes[0].legend(
        title="means ± standard errors", title_fontsize="small", fontsize="small"
    )
    return figure


def draw_scores(found: Study) -> Any:
    """UniBound against MIG of each model, and where the attack moves it."""
    from matplotlib import pyplot as plt

    at = int(np.argmin(np.abs(found.strengths - CLAIM_STRENGTH)))
    figure, ax = plt.subplots(figsize=(5.2, 5), layout="constrained")
    shades = np.linspace(0, 0.8, len(found.groups) - 1)
    colours = [*plt.get_cmap("viridis")(shades), "black"]
    for g, (name, colour) in enumerate(zip(found.groups, colours, strict=True)):
        score, gap = found.result.score[:, g], found.result.gap[:, g]
        ax.plot(gap[[0, at]], score[[0, at]], "-", color=colour, lw=0.7)
        ax.plot(gap[0], score[0], "o", color=colour, ms=6, label=name)
        ax.plot(gap[at], score[at], "o", color=colour, ms=6, mfc="white")
    ax.axline((0, 0), slope=1, color="0.6", lw=0.8, ls=":", label="UniBound = MIG")
    ax.set_xlim(0, 0.9)
    ax.set_ylim(-0.02, 0.9)
    ax.set_xlabel("MIG (mean share of the factors' entropy)")
    ax.set_ylabel("UniBound (mean share of the factors' entropy)")
    ax.set_title(
        f"filled: without attack; hollow: strength {found.strengths[at]:g}",
        fontsize="medium",
    )
    ax.legend(fontsize="small", loc="upper left")
    return figure


def save(output: pathlib.Path, found: Study) -> None:
    """Write the figures."""
    from matplotlib import pyplot as plt

    plt.switch_backend("Agg")
    output.mkdir(parents=True, exist_ok=True)
    figures = {"parts": draw_parts, "attack": draw_attack, "scores": draw_scores}
    for name, draw in figures.items():
        figure = draw(found)
        figure.savefig(output / f"{name}.png", dpi=80)
        plt.close(figure)
    print(f"Wrote figures to {output}.")


def run(settings: Settings, output: pathlib.Path | None) -> None:
    """Train, evaluate, report."""
    began = time.perf_counter()
    found = study(settings)
    report(found)
    report_attack(found)
    report_claim(found)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if output is not None:
        save(output, found)


def main(argv: list[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    run(QUICK if arguments.quick else Settings(), arguments.output)


if __name__ == "__main__":
    main()
