"""All measures of one training run, in one Flax training loop, and what they cost.

Trains a small network on handwritten digits. A single ``nnx.MultiMetric`` holds, in
addition to loss and accuracy,

- the diffusion spectral entropy (DSE) of the last hidden layer, and its spectral
  information with the digit (DSMI),
- the position of each hidden layer in the information plane, by kernel density,
- the transfer entropy from the first to the second hidden layer, from one training step
  to the next, on a fixed set of images, with its null.

The compiled training step updates all of them; once per epoch they are computed, logged
and reset. Nothing is retraced. For comparison, the same training runs without measures.

With the defaults, entropy and spectral information rise while the network learns; the
wide layers distinguish almost all images from the start, so that their information with
the input reflects only the number of images, and that of the last layer falls in the
end; transfer is above its null in the first ten epochs, while weights still change. All
measures together make an epoch of so small a network take about twice as long.

Prints a log, the number of traces, and the cost. With ``--output DIR`` also writes
``curves.png`` and ``curves.npz``.

Run: ``python examples/15_all_metrics.py [--quick] [--output DIR]``
"""

import argparse
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
from sklearn.datasets import load_digits

from jaxinfo import information_plane, measures, metrics

NUM_CLASSES, BATCH = 10, 100
WIDTHS = (32, 24, 16)
LAYERS = range(1, len(WIDTHS) + 1)
NUM_PROBES = 100  # images whose activations are followed from step to step
NUM_KEPT = 250  # rows that entropy and plane are computed of
BANDWIDTH = 1.0  # of entropies: a quarter for each of 16 units, which are in [-1, 1]
NOISE_VARIANCE = 0.1  # that the information plane adds to activations


class Settings(NamedTuple):
    """Sizes of a run."""

    num_epochs: int = 60
    num_images: int = 1500


QUICK = Settings(num_epochs=6)


class Network(nnx.Module):
    """Fully connected layers."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        sizes = (64, *WIDTHS)
        self.hidden = nnx.List(
            [nnx.Linear(sizes[k], sizes[k + 1], rngs=rngs) for k in range(len(WIDTHS))]
        )
        self.output = nnx.Linear(WIDTHS[-1], NUM_CLASSES, rngs=rngs)

    def layers(self, x: jax.Array) -> list[jax.Array]:
        """What each hidden layer puts out."""
        outputs = []
        for linear in self.hidden:
            x = nnx.tanh(linear(x))
            outputs.append(x)
        return outputs

    def __call__(self, x: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        """Logits ``(n, 10)``, and what hidden layers put out."""
        layers = self.layers(x)
        return self.output(layers[-1]), layers


def place_in_plane(
    activations: jax.Array, labels: jax.Array
) -> information_plane.Coordinates:
    """Coordinates of a layer from upper bounds."""
    return information_plane.kde_bounds(
        activations, labels, num_classes=NUM_CLASSES, noise_variance=NOISE_VARIANCE
    ).upper


def all_metrics() -> nnx.MultiMetric:
    """Every measure, by the name under which it is logged."""
    keys = jax.random.split(jax.random.key(1), 3)
    sample = {
        "buffer_size": NUM_KEPT,
        "num_features": WIDTHS[-1],
        "bandwidth": BANDWIDTH,
        "argname": f"layer_{len(WIDTHS)}",
    }
    planes = {
        f"plane_{k}": metrics.InformationPlane(
            buffer_size=NUM_KEPT,
            num_features=width,
            num_classes=NUM_CLASSES,
            coordinates_fn=place_in_plane,
            argname=f"layer_{k}",
        )
        for k, width in enumerate(WIDTHS, start=1)
    }
    return nnx.MultiMetric(
        loss=nnx.metrics.Average("loss"),
        accuracy=nnx.metrics.Accuracy(),
        entropy=metrics.SpectralEntropy(keys[0], **sample),
        information=metrics.SpectralMutualInformation(
            keys[1], num_classes=NUM_CLASSES, **sample
        ),
        transfer=metrics.TransferEntropy(
            keys[2],
            num_sources=WIDTHS[0],
            num_targets=WIDTHS[1],
            num_symbols=2,
            num_replications=NUM_PROBES,
        ),
        **planes,
    )


class Traces:
    """How often functions have been traced."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def counted(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """A function that counts its traces, compiled."""
        self.counts[fn.__name__] = 0

        def counting(*args: Any) -> Any:
            self.counts[fn.__name__] += 1
            return fn(*args)

        return nnx.jit(counting)


def learn(
    model: Network, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array
) -> tuple[jax.Array, jax.Array, list[jax.Array]]:
    """One step of training; its loss, logits and layers."""

    def loss_fn(model: Network) -> tuple[jax.Array, Any]:
        logits, layers = model(x)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        return loss, (logits, layers)

    (loss, seen), gradient = nnx.value_and_grad(loss_fn, has_aux=True)(model)
    optimizer.update(model, gradient)
    return loss, *seen


def bare_step(
    model: Network, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array
) -> jax.Array:
    """One step without any measure."""
    return learn(model, optimizer, x, y)[0]


def measured_step(
    model: Network,
    optimizer: nnx.Optimizer,
    measured: nnx.MultiMetric,
    x: jax.Array,
    y: jax.Array,
    probes: jax.Array,
) -> None:
    """One step that updates all measures."""
    loss, logits, layers = learn(model, optimizer, x, y)
    # What the probes did is compared from step to step: the same images throughout.
    signs = [layer > 0 for layer in model.layers(probes)[:2]]
    measured.update(
        loss=loss,
        logits=logits,
        labels=y,
        sources=signs[0],
        targets=signs[1],
        **{f"layer_{k}": layer for k, layer in enumerate(layers, start=1)},
    )


def end_epoch(measured: nnx.MultiMetric) -> dict[str, Any]:
    """Compute all measures of an epoch, and begin anew."""
    values = measured.compute()
    measured.reset()
    return values


class Run(NamedTuple):
    """A training with measures.

    Attributes:
        log: What `end_epoch` gave, with a leading axis of epochs.
        traces: How often each compiled function was traced.
        seconds: Of an epoch without measures, with updates alone, and with all; the
            median over epochs after the first.
    """

    log: dict[str, Any]
    traces: dict[str, int]
    seconds: np.ndarray


def train(settings: Settings) -> Run:
    """Train with all measures, and beside it without."""
    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, digits = (images[order] / 16).astype(np.float32), digits[order]
    n = settings.num_images
    x, y, probes = map(jnp.asarray, (images[:n], digits[:n], images[-NUM_PROBES:]))

    traces = Traces()
    step, bare, end = map(traces.counted, (measured_step, bare_step, end_epoch))
    models = [Network(rngs=nnx.Rngs(0)) for _ in range(2)]
    optimizers = [
        nnx.Optimizer(model, optax.adam(2e-3), wrt=nnx.Param) for model in models
    ]
    measured = all_metrics()
    rng = np.random.default_rng(1)
    log, seconds = [], []
    for _ in tqdm.trange(settings.num_epochs, desc="training", unit="epoch"):
        batches = rng.permutation(n)[: n // BATCH * BATCH].reshape(-1, BATCH)
        times = [time.perf_counter()]
        for batch in batches:
            bare(models[1], optimizers[1], x[batch], y[batch])
        jax.block_until_ready(nnx.state(models[1]))
        times.append(time.perf_counter())
        for batch in batches:
            step(models[0], optimizers[0], measured, x[batch], y[batch], probes)
        jax.block_until_ready(nnx.state(measured))
        times.append(time.perf_counter())
        log.append(jax.tree.map(np.asarray, end(measured)))
        times.append(time.perf_counter())
        without, updating, computing = np.diff(times)
        seconds.append((without, updating, updating + computing))
    return Run(
        log=jax.tree.map(lambda *leaves: np.stack(leaves), *log),
        traces=traces.counts,
        seconds=np.median(seconds[1:], axis=0),
    )


def in_bits(value: Any) -> np.ndarray:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def curves(run: Run) -> dict[str, np.ndarray]:
    """What is logged of each epoch, informations in bits, transfer in 1e-3 bits."""
    log = run.log
    found = {
        "loss": log["loss"],
        "accuracy": log["accuracy"],
        "DSE": in_bits(log["entropy"]),
        "DSMI": in_bits(log["information"].value),
        "transfer": 1e3 * in_bits(log["transfer"].value).mean(axis=(1, 2)),
        "its null": 1e3 * in_bits(log["transfer"].null_mean).mean(axis=(1, 2)),
    }
    for k in LAYERS:
        plane = log[f"plane_{k}"]
        found[f"I(X;T{k})"] = in_bits(plane.information_x)
        found[f"I(T{k};Y)"] = in_bits(plane.information_y)
    return found


def report(run: Run) -> None:
    """Print some epochs, traces and cost."""
    found = curves(run)
    number = len(found["loss"])
    print("\nepoch" + "".join(f"{name:>10s}" for name in found))
    for epoch in np.unique(np.geomspace(1, number, 8).astype(int)):
        cells = (f"{values[epoch - 1]:10.3f}" for values in found.values())
        print(f"{epoch:5d}" + "".join(cells))
    print("(informations in bits; transfer in 1e-3 bits, mean over pairs of neurons)")
    names = ", ".join(f"{name} {count}" for name, count in run.traces.items())
    print(f"\nTraces in {number} epochs: {names}.")
    bare, updating, whole = run.seconds
    print(
        f"An epoch takes {updating / bare:.1f} times the bare loop with all updates, "
        f"{whole / bare:.1f} times with all\nmeasures computed at its end "
        f"({1e3 * (updating - bare):.0f} and {1e3 * (whole - updating):.0f} ms more)."
    )


def draw(run: Run) -> Any:
    """All curves over one axis of epochs."""
    from matplotlib import pyplot

    found = curves(run)
    epochs = np.arange(1, len(found["loss"]) + 1)
    figure, axes = pyplot.subplots(
        2, 3, figsize=(12, 6), layout="constrained", sharex=True
    )
    panels = (
        ("Loss (nats), accuracy (share)", ["loss", "accuracy"]),
        ("DSE of the last hidden layer (bits)", ["DSE"]),
        ("DSMI with the digit (bits)", ["DSMI"]),
        (
            "Information with the input,\nby kernel density (bits)",
            [f"I(X;T{k})" for k in LAYERS],
        ),
        (
            "Information with the digit,\nby kernel density (bits)",
            [f"I(T{k};Y)" for k in LAYERS],
        ),
        (
            "Transfer entropy of layer 1 to 2,\nmean over pairs (1e-3 bits)",
            ["transfer", "its null"],
        ),
    )
    for ax, (label, names) in zip(axes.ravel(), panels, strict=True):
        for k, name in enumerate(names):
            color = "0.6" if name == "its null" else f"C{k}"
            ax.plot(epochs, found[name], color=color, label=name)
        ax.set_ylabel(label)
        ax.set_xscale("log")
        ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick <= len(epochs)]
        ax.set_xticks(ticks, ticks)
        ax.minorticks_off()
        if len(names) > 1:
            ax.legend(frameon=False)
    for ax in axes[-1]:
        ax.set_xlabel("Epoch")
    return figure


def main(argv: list[str] | None = None) -> None:
    """Run the whole study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    began = time.perf_counter()
    run = train(QUICK if arguments.quick else Settings())
    report(run)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if arguments.output is not None:
        from matplotlib import pyplot

        pyplot.switch_backend("Agg")
        arguments.output.mkdir(parents=True, exist_ok=True)
        figure = draw(run)
        figure.savefig(arguments.output / "curves.png", dpi=110)
        pyplot.close(figure)
        np.savez_compressed(
            arguments.output / "curves.npz",
            **{name.replace(" ", "_"): x for name, x in curves(run).items()},
        )
        print(f"Wrote curves.png and curves.npz to {arguments.output}.")


if __name__ == "__main__":
    main()
