"""Do layers compress their information about the input, and what do they pass on?

Trains two networks of tanh layers and follows them on fixed probe inputs as they learn:
one on the 12-bit problem of the literature, all 4096 inputs of which are known, and one
on handwritten digits. At logged steps, inside the compiled loop, it places every hidden
layer in the information plane by four estimators:

1. 30 bins between -1 and 1, as in the paper that started the debate,
2. adaptive bins of equal mass, which follow the layer as it grows,
3. the bounds for Gaussian noise of variance 0.1,
4. matrix-based Rényi entropy with bandwidths from the median rule before training.

All of them measure the same activations, so any disagreement comes from the estimators:
the information between a deterministic layer and its input is the entropy of the
inputs, at every step. Points near the logarithm of the number of probes are saturated,
and are drawn hollow; labels in random order show what an estimator reports when there
is no information.

Then it asks what layers of the digits network pass on while they learn: transfer
entropy between the signs of adjacent layers, with training steps as time and the probes
as replications, in windows over training, compared with a null that keeps the bias and
what all neurons do in common.

With the defaults: nearly all points of both kinds of bins are saturated, and shuffled
labels show almost as much information as true ones, except in the last layer of the
12-bit problem. With noise, the information of most layers rises and then falls, by up
to a bit and a half; that by Rényi entropy falls in the upper layers of the 12-bit
problem and rises on digits, where the last layer loses half a bit again. Transfer
entropy falls as the network settles, to a quarter or less, and stays above its null,
two to three times at first and four to five times later.

With ``--output DIR`` also writes ``planes_12_bits.png``, ``planes_digits.png``,
``transfer.png`` and ``planes.npz``.

Run: ``python examples/06_information_plane.py [--quick] [--output DIR]``
"""

import argparse
import functools
import itertools
import pathlib
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import tqdm
from flax import nnx
from sklearn.datasets import load_digits

from jaxinfo import (
    diffusion,
    information_plane,
    measures,
    plotting,
    transfer_entropy,
)

BATCH = 128
LEARNING_RATE = 2e-3
ESTIMATORS = {
    "edge_binned": "30 bins in [-1, 1]",
    "adaptive_binned": "30 adaptive bins",
    "kde_bounds": "upper bound, noise 0.1",
    "renyi": "Rényi, order 1.01",
}


class Settings(NamedTuple):
    """Sizes of a run."""

    toy_steps: int = 4000
    toy_widths: tuple[int, ...] = (10, 7, 5, 4, 3)
    digits_steps: int = 2000
    digits_widths: tuple[int, ...] = (16, 12, 8)
    num_probes: int = 300
    window: int = 20
    stride: int = 5
    num_surrogates: int = 100
    kinds_with_null: tuple[str, ...] = ("edge_binned", "kde_bounds")


QUICK = Settings(
    toy_steps=400,
    toy_widths=(7, 4),
    digits_steps=400,
    digits_widths=(8, 4),
    num_probes=200,
    window=12,
    stride=8,
    num_surrogates=39,
    kinds_with_null=("kde_bounds",),
)


class Problem(NamedTuple):
    """Inputs, labels, and a network for them.

    Attributes:
        name: What it is called.
        x: Training inputs. Shape ``(n, q)``.
        y: Their labels. Shape ``(n,)``.
        probes: Inputs to look at. Shape ``(r, q)``.
        probe_labels: Their labels. Shape ``(r,)``.
        widths: Units of the hidden layers.
        num_classes: Number of classes.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    probes: np.ndarray
    probe_labels: np.ndarray
    widths: tuple[int, ...]
    num_classes: int


def twelve_bits(num_probes: int, widths: tuple[int, ...]) -> Problem:
    """All patterns of 12 bits on a ring, with labels that a rotation leaves alone.

    The label is whether a weighted sum of the power spectrum is above its median, so
    that it needs all bits and is balanced.
    """
    patterns = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    spectrum = np.abs(np.fft.rfft(2.0 * patterns - 1, axis=1)) ** 2
    score = spectrum @ np.array([0.0, 1.0, -0.7, 0.4, 0.9, -0.5, 0.2])
    labels = (score > np.median(score)).astype(int)
    x = (2.0 * patterns - 1).astype(np.float32)
    rng = np.random.default_rng(0)
    probes = rng.permutation(4096)[:num_probes]
    trained = rng.permutation(4096)[: int(0.85 * 4096)]
    return Problem(
        "12 bits",
        x[trained],
        labels[trained],
        x[probes],
        labels[probes],
        widths,
        2,
    )


def digits(num_probes: int, widths: tuple[int, ...]) -> Problem:
    """Images of digits, the probes held out."""
    images, labels = load_digits(return_X_y=True)
    x = (images / 8 - 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    probes, rest = order[:num_probes], order[num_probes:]
    return Problem(
        "digits",
        x[rest],
        labels[rest],
        x[probes],
        labels[probes],
        widths,
        10,
    )


class Network(nnx.Module):
    """Fully connected tanh layers below logits."""

    def __init__(self, problem: Problem, rngs: nnx.Rngs) -> None:
        widths = (problem.x.shape[1], *problem.widths)
        self.hidden = nnx.List(
            [
                nnx.Linear(one, other, rngs=rngs)
                for one, other in itertools.pairwise(widths)
            ]
        )
        self.logits = nnx.Linear(widths[-1], problem.num_classes, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits of the classes."""
        for linear in self.hidden:
            x = jnp.tanh(linear(x))
        return self.logits(x)


def layers_of(model: Network, x: jax.Array) -> dict[str, jax.Array]:
    """Activations of the hidden layers, by name, and the logits."""
    names = [f"hidden.{k}" for k in range(len(model.hidden))]
    captured = information_plane.capture(
        model, x, activation_fns=dict.fromkeys(names, jnp.tanh)
    )
    return {name: captured[name] for name in (*names, "output")}


Planes = dict[str, information_plane.Coordinates]


def planes_of(
    activations: jax.Array, problem: Problem, widths: tuple[jax.Array, jax.Array]
) -> Planes:
    """Coordinates of one layer by each estimator."""
    options = {"num_classes": problem.num_classes, "input_kind": "discrete"}
    if problem.name == "digits":
        options["input_kind"] = "continuous"
    labels = jnp.asarray(problem.probe_labels)
    given = (activations, labels)
    edges = jnp.linspace(-1, 1, 30)[:, None] * jnp.ones((1, activations.shape[1]))
    return {
        "edge_binned": information_plane.edge_binned(*given, edges, **options),
        "adaptive_binned": information_plane.adaptive_binned(
            *given, low=-1.000001, **options
        ),
        "kde_bounds": information_plane.kde_bounds(
            *given, noise_variance=0.1, **options
        ).upper,
        "renyi": information_plane.renyi(
            jnp.asarray(problem.probes),
            *given,
            input_bandwidth=widths[0],
            bandwidth=widths[1],
            **options,
        ),
    }


class Record(NamedTuple):
    """What was seen of a network in training.

    Attributes:
        planes: Trajectory of the hidden layers by each estimator.
        accuracy: On the probes, at each logged step. Shape ``(e,)``.
        signs: Signs of hidden layers and top logits for each probe, at steps equally
            far apart. Shapes ``(t, r, m)``.
        nulls: Of labels in random order, at the last step, for each layer.
    """

    planes: dict[str, information_plane.Trajectory]
    accuracy: np.ndarray
    signs: list[np.ndarray]
    nulls: dict[str, list[information_plane.LabelNull]]


def train(
    problem: Problem, num_steps: int, num_signs: int, kinds_with_null: tuple[str, ...]
) -> Record:
    """Train, and look at the probes at logged steps."""
    optimizer = optax.adam(LEARNING_RATE)
    graph, parameters = nnx.split(Network(problem, nnx.Rngs(0)))
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.y)
    probes = jnp.asarray(problem.probes)
    first = layers_of(nnx.merge(graph, parameters), probes)
    names = [name for name in first if name != "output"]
    input_width = diffusion.median_bandwidth(probes)
    widths = {name: diffusion.median_bandwidth(first[name]) for name in names}

    def loss_fn(parameters: Any, batch: jax.Array) -> jax.Array:
        logits = nnx.merge(graph, parameters)(x[batch])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, y[batch])
        return jnp.mean(losses)

    @jax.jit
    def advance(parameters: Any, moments: Any, key: jax.Array, number: int) -> Any:
        def step(_: int, state: Any) -> Any:
            parameters, moments, key = state
            key, key_batch = jax.random.split(key)
            batch = jax.random.choice(key_batch, len(x), (BATCH,))
            slopes = jax.grad(loss_fn)(parameters, batch)
            updates, moments = optimizer.update(slopes, moments)
            return optax.apply_updates(parameters, updates), moments, key

        return jax.lax.fori_loop(0, number, step, (parameters, moments, key))

    @jax.jit
    def look(parameters: Any) -> tuple[dict[str, Planes], jax.Array]:
        layers = layers_of(nnx.merge(graph, parameters), probes)
        planes = {
            name: planes_of(layers[name], problem, (input_width, widths[name]))
            for name in names
        }
        chosen = jnp.argmax(layers["output"], axis=1)
        return planes, jnp.mean(chosen == jnp.asarray(problem.probe_labels))

    @jax.jit
    def signs_of(parameters: Any) -> list[jax.Array]:
        layers = layers_of(nnx.merge(graph, parameters), probes)
        top = layers["output"] == jnp.max(layers["output"], axis=1, keepdims=True)
        return [*(layers[name] > 0 for name in names), top]

    # A third of the steps that are worth a look: matrices have eigenvalues.
    logged = [n for n in range(num_steps + 1) if information_plane.is_logged(n)][::3]
    for_signs = np.linspace(0, num_steps, num_signs + 1).astype(int).tolist()
    state = parameters, optimizer.init(parameters), jax.random.key(1)
    records, accuracy, signs, done = [], [], [], 0
    for step in tqdm.tqdm(
        sorted({*logged, *for_signs}), desc=problem.name, unit="look"
    ):
        state, done = advance(*state, step - done), step
        if step in logged:
            planes, share = look(state[0])
            records.append(planes)
            accuracy.append(share)
        if step in for_signs:
            signs.append([np.asarray(one) for one in signs_of(state[0])])
    last = layers_of(nnx.merge(graph, state[0]), probes)
    return Record(
        planes={
            kind: information_plane.stack(
                np.array(logged),
                [{name: one[name][kind] for name in names} for one in records],
            )
            for kind in ESTIMATORS
        },
        accuracy=np.array(accuracy),
        signs=[np.stack(one) for one in zip(*signs, strict=True)],
        nulls={
            kind: [
                information_plane.label_null(
                    jax.random.key(2),
                    last[name],
                    problem.probe_labels,
                    coordinates_fn=functools.partial(
                        coordinates, kind=kind, problem=problem, width=widths[name]
                    ),
                )
                for name in names
            ]
            for kind in kinds_with_null
        },
    )


def coordinates(
    activations: jax.Array,
    labels: jax.Array,
    *,
    kind: str,
    problem: Problem,
    width: jax.Array,
) -> information_plane.Coordinates:
    """Coordinates by one estimator, of any labels."""
    other = problem._replace(probe_labels=labels)
    return planes_of(activations, other, (jnp.ones(()), width))[kind]


class Transfer(NamedTuple):
    """Transfer entropy between adjacent layers in windows over training.

    Attributes:
        centres: Middle of each window, in steps of training. Shape ``(w,)``.
        value: Mean over pairs of neurons, in bits, of each pair of layers. Shape ``(w,
            l)``.
        null: Mean of the stratified null. Shape ``(w, l)``.
        share: Share of pairs that are significant at 5 %, corrected. Shape ``(w, l)``.
    """

    centres: np.ndarray
    value: np.ndarray
    null: np.ndarray
    share: np.ndarray


def transfer(signs: list[np.ndarray], num_steps: int, settings: Settings) -> Transfer:
    """Measure what layers pass on, in windows."""
    times = len(signs[0])
    starts = range(0, times - settings.window + 1, settings.stride)
    rows = []
    for start in tqdm.tqdm(starts, desc="transfer", unit="window"):
        inside = slice(start, start + settings.window)
        of_layers = []
        for source, target in itertools.pairwise(signs):
            test = transfer_entropy.ensemble_significance(
                jax.random.key(start),
                source[inside],
                target[inside],
                num_symbols=2,
                method="stratified",
                num_surrogates=settings.num_surrogates,
            )
            of_layers.append(
                [
                    in_bits(test.value).mean(),
                    in_bits(test.null_mean).mean(),
                    np.mean(np.asarray(test.adjusted_p_value) <= 0.05),
                ]
            )
        rows.append(of_layers)
    middle = np.array(starts) + (settings.window - 1) / 2
    return Transfer(
        middle * num_steps / (times - 1), *np.moveaxis(np.array(rows), 2, 0)
    )


def in_bits(value: Any) -> np.ndarray:
    """From nats, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def report(problem: Problem, record: Record) -> None:
    """Print where layers begin and end by each estimator."""
    number = np.log2(len(problem.probes))
    print(
        f"\n{problem.name}: {len(problem.probes)} probes ({number:.2f} bits), accuracy "
        f"{record.accuracy[0]:.1%} -> {record.accuracy[-1]:.1%}"
    )
    print("  information with the input, first -> largest -> last step, bits")
    for kind, label in ESTIMATORS.items():
        trajectory = record.planes[kind]
        values = in_bits(trajectory.coordinates.information_x)
        saturated = np.asarray(trajectory.coordinates.is_saturated)[-1]
        cells = [
            f"{one[0]:.2f} -> {one.max():.2f} -> {one[-1]:.2f}{'*' if full else ''}"
            for one, full in zip(values.T, saturated, strict=True)
        ]
        wrong = np.asarray(information_plane.violations(trajectory, tolerance=0.01))
        print(
            f"  {label:24s} " + ", ".join(cells) + f"   ({wrong.mean():.0%} impossible)"
        )
    print("  (* saturated; impossible: more than the layer before, by over 0.01 nats)")
    for kind, nulls in record.nulls.items():
        last = in_bits(record.planes[kind].coordinates.information_y)[-1]
        cells = [
            f"{value:.2f} ({float(in_bits(null.mean)):.2f})"
            for value, null in zip(last, nulls, strict=True)
        ]
        print(
            f"  with labels, and shuffled: {ESTIMATORS[kind]:24s} " + ", ".join(cells)
        )


def report_transfer(found: Transfer, names: list[str]) -> None:
    """Print what layers pass on at first and at last."""
    print("\nTransfer entropy between adjacent layers, mean over pairs, 1e-3 bits")
    for k, name in enumerate(names):
        cells = [
            f"{1e3 * found.value[w, k]:.2f} (null {1e3 * found.null[w, k]:.2f}, "
            f"{found.share[w, k]:.0%} significant)"
            for w in (0, -1)
        ]
        print(f"  {name:24s} first window {cells[0]}\n{'':27s}last window {cells[1]}")


def draw_planes(record: Record, problem: Problem) -> Any:
    """Planes of one problem by each estimator."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    for ax, (kind, label) in zip(axes.ravel(), ESTIMATORS.items(), strict=True):
        plotting.information_plane(
            record.planes[kind],
            num_samples=len(problem.probes),
            nulls=record.nulls.get(kind, ()),
            has_legend=ax is axes[0, 0],
            ax=ax,
        )
        ax.set_title(f"{problem.name}: {label}", fontsize="medium")
    return figure


def draw_transfer(found: Transfer, names: list[str]) -> Any:
    """Transfer entropy of each pair of layers beside its nulls."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1,
        len(names),
        figsize=(3.6 * len(names), 3.4),
        squeeze=False,
        layout="constrained",
    )
    axes = axes[0]
    for k, (ax, name) in enumerate(zip(axes, names, strict=True)):
        for values, colour, style, label in (
            (found.value, "black", "o-", "transfer entropy"),
            (found.null, "0.6", "s-", "null: futures exchanged"),
        ):
            ax.plot(
                found.centres,
                1e3 * values[:, k],
                style,
                color=colour,
                ms=4,
                label=label,
            )
        ax.set_title(name, fontsize="medium")
        ax.set_xlabel("middle of the window (training step)")
        ax.set_ylim(bottom=0)
    axes[0].set_ylabel("mean over pairs (1e-3 bit)")
    axes[-1].legend(fontsize="small")
    return figure


def run(settings: Settings, output: pathlib.Path | None) -> None:
    """Train, look, report."""
    began = time.perf_counter()
    problems = [
        twelve_bits(settings.num_probes, settings.toy_widths),
        digits(settings.num_probes, settings.digits_widths),
    ]
    num_steps = {"12 bits": settings.toy_steps, "digits": settings.digits_steps}
    num_signs = settings.window + 8 * settings.stride
    records = {
        problem.name: train(
            problem, num_steps[problem.name], num_signs, settings.kinds_with_null
        )
        for problem in problems
    }
    for problem in problems:
        report(problem, records[problem.name])
    hidden = [f"layer {k + 1}" for k in range(len(problems[1].widths))]
    layers = [*hidden, "choice"]
    names = [f"{a} to {b}" for a, b in itertools.pairwise(layers)]
    found = transfer(records["digits"].signs, settings.digits_steps, settings)
    report_transfer(found, names)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        for problem in problems:
            figure = draw_planes(records[problem.name], problem)
            name = problem.name.replace(" ", "_")
            figure.savefig(output / f"planes_{name}.png", dpi=150)
        draw_transfer(found, names).savefig(output / "transfer.png", dpi=150)
        arrays = {
            f"{name}_{kind}_{axis}": getattr(
                trajectory.coordinates, f"information_{axis}"
            )
            for name, record in records.items()
            for kind, trajectory in record.planes.items()
            for axis in "xy"
        }
        np.savez(output / "planes.npz", **arrays, **found._asdict())


def main(argv: list[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    run(QUICK if arguments.quick else Settings(), arguments.output)


if __name__ == "__main__":
    main()
