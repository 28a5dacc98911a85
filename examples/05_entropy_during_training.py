"""How do entropy and information of a classifier's layers change as it learns?

Trains ensembles of small networks on handwritten digits, once with the true labels and
once with labels shuffled among the training images, which can only be memorised. Inside
the compiled training loop, after every epoch and for every hidden layer, it measures

1. the diffusion spectral entropy (DSE) of held-out images, at the median-rule bandwidth
   from before training, which is sensitive to growth of the layer, and at the current
   median-rule bandwidth, which is not,
2. the diffusion spectral mutual information (DSMI), with the median rule, of held-out
   images with their true labels, and of training images with the labels that they are
   trained on.

The networks of an ensemble differ in their seed and run as one program.

A second study adds an entropy to the loss: the collision entropy of the last hidden
layer, times a weight that rewards or penalises it, with few training images. It prints
the effect on the entropy and on the accuracy on held-out images.

With the defaults: at the initial bandwidth the entropy rises in training whatever the
labels, as layers grow; at the current one it falls where the network learns to group
images by class, and rises where it memorises. Information with the true labels rises
only when training with true labels. In the loss, the entropy responds as intended; no
weight improves the accuracy, and large ones of either sign cost some percent.

With ``--output DIR`` also writes ``training.png``, ``regulariser.png`` and
``curves.npz``.

Run: ``python examples/05_entropy_during_training.py [--quick] [--output DIR]``
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
from sklearn.datasets import load_digits

from jaxinfo import diffusion, measures

NUM_CLASSES, BATCH = 10, 64
LEARNING_RATE = 2e-3
WIDTH, DEPTH = 64, 3
KINDS = ("true labels", "shuffled labels")


class Settings(NamedTuple):
    """Sizes of a run."""

    num_seeds: int = 5
    num_epochs: int = 100
    points_per_class: int = 25
    weights: tuple[float, ...] = (-0.3, -0.1, -0.03, 0.0, 0.03, 0.1, 0.3)
    few_images: int = 150
    few_epochs: int = 150


QUICK = Settings(
    num_seeds=2,
    num_epochs=24,
    points_per_class=15,
    weights=(-0.1, 0.0, 0.1),
    few_epochs=40,
)


class Data(NamedTuple):
    """Images and labels.

    Attributes:
        x: Training images. Shape ``(n, 64)``.
        y: Their labels. Shape ``(n,)``.
        held_x: Held-out images.
        held_y: Their labels.
    """

    x: np.ndarray
    y: np.ndarray
    held_x: np.ndarray
    held_y: np.ndarray


def digits(num_training: int = 1200) -> Data:
    """Images of digits with pixels in [0, 1], in random order."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    first, rest = order[:num_training], order[num_training:]
    return Data(images[first], labels[first], images[rest], labels[rest])


def balanced(labels: np.ndarray, number: int) -> np.ndarray:
    """The first ``number`` places of each label."""
    return np.concatenate([np.flatnonzero(labels == c)[:number] for c in range(10)])


class Classifier(nnx.Module):
    """A network of fully connected layers."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        # An image has as many pixels as a layer has units.
        self.hidden = nnx.List(
            [nnx.Linear(WIDTH, WIDTH, rngs=rngs) for _ in range(DEPTH)]
        )
        self.output = nnx.Linear(WIDTH, NUM_CLASSES, rngs=rngs)

    def layers(self, x: jax.Array) -> jax.Array:
        """What each hidden layer puts out, ``(layers, n, width)``."""
        outputs = []
        for linear in self.hidden:
            x = nnx.relu(linear(x))
            outputs.append(x)
        return jnp.stack(outputs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits of the classes."""
        return self.output(self.layers(x)[-1])


class Trained(NamedTuple):
    """State of one network in training; of an ensemble with a leading axis.

    Attributes:
        parameters: Of the network.
        moments: Of the optimiser.
        key: Random key of the order of images.
    """

    parameters: Any
    moments: Any
    key: jax.Array


OPTIMIZER = optax.adam(LEARNING_RATE)
GRAPH = nnx.split(nnx.eval_shape(lambda: Classifier(rngs=nnx.Rngs(0))))[0]


def begin(key: jax.Array) -> Trained:
    """A new network."""
    key_model, key = jax.random.split(key)
    parameters = nnx.split(Classifier(rngs=nnx.Rngs(key_model)))[1]
    return Trained(parameters, OPTIMIZER.init(parameters), key)


def network(trained: Trained) -> Classifier:
    """The network itself."""
    model: Classifier = nnx.merge(GRAPH, trained.parameters)
    return model


def bandwidths(model: Classifier, x: jax.Array) -> jax.Array:
    """Bandwidth of each layer by the median rule, ``(layers,)``."""
    return jax.vmap(diffusion.median_bandwidth)(model.layers(x))


def train_epoch(
    trained: Trained, x: jax.Array, y: jax.Array, weight: jax.Array
) -> Trained:
    """One pass over the images, ``weight`` times the entropy in the loss."""

    def loss_fn(parameters: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        model: Classifier = nnx.merge(GRAPH, parameters)
        z = model.layers(x)[-1]
        error = optax.softmax_cross_entropy_with_integer_labels(model.output(z), y)
        bandwidth = diffusion.median_bandwidth(z)
        # A batch may fall together; any bandwidth then gives an entropy of zero.
        bandwidth = jnp.where(bandwidth > 0, bandwidth, 1.0)
        entropy = diffusion.collision_entropy(z, bandwidth=bandwidth)
        return jnp.mean(error) + weight * entropy

    def step(trained: Trained, batch: jax.Array) -> tuple[Trained, None]:
        gradient = jax.grad(loss_fn)(trained.parameters, x[batch], y[batch])
        updates, moments = OPTIMIZER.update(gradient, trained.moments)
        parameters = optax.apply_updates(trained.parameters, updates)
        return trained._replace(parameters=parameters, moments=moments), None

    key, key_order = jax.random.split(trained.key)
    number = x.shape[0] // BATCH
    order = jax.random.permutation(key_order, x.shape[0])[: number * BATCH]
    trained, _ = jax.lax.scan(step, trained, order.reshape(number, BATCH))
    return trained._replace(key=key)


class Look(NamedTuple):
    """What is seen of a network at one time, in nats; of several with leading axes.

    Attributes:
        accuracy: On the images trained on, and on held-out ones. Shape ``(2,)``.
        entropy: Of each layer, on held-out images, at the first bandwidth and at that
            of now. Shape ``(2, layers)``.
        information: Of each layer with the labels trained on, on images trained on, and
            with true labels, on held-out ones. Shape ``(2, layers)``.
    """

    accuracy: jax.Array
    entropy: jax.Array
    information: jax.Array


class Eyes(NamedTuple):
    """Images and labels to look at; the first of training, the second held out.

    Attributes:
        whole: Pairs of images and labels, for the accuracy.
        x: Balanced samples of each, for what costs more. Shape ``(2, n, 64)``.
        y: Their labels. Shape ``(2, n)``.
        bandwidths: First ones of the layers. Shape ``(layers,)``.
    """

    whole: tuple[tuple[jax.Array, jax.Array], ...]
    x: jax.Array
    y: jax.Array
    bandwidths: jax.Array


def look(trained: Trained, eyes: Eyes) -> Look:
    """Measure one network."""
    model = network(trained)
    accuracy = [jnp.mean(jnp.argmax(model(x), axis=1) == y) for x, y in eyes.whole]

    def entropy(layer: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        z, *widths = layer
        at = functools.partial(diffusion.spectral_entropy, z)
        return jnp.stack([at(bandwidth=width) for width in widths])

    def information(layer: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        z, labels, width = layer
        return diffusion.spectral_mutual_information(
            jax.random.key(0), z, labels, num_classes=NUM_CLASSES, bandwidth=width
        ).value

    # One layer after the other, so that each measure is compiled once.
    held_out = model.layers(eyes.x[1])
    now = bandwidths(model, eyes.x[1])
    entropies = jax.lax.map(entropy, (held_out, eyes.bandwidths, now))
    layers = jnp.concatenate([model.layers(eyes.x[0]), held_out])
    widths = jnp.concatenate([bandwidths(model, eyes.x[0]), now])
    labels = jnp.repeat(eyes.y, DEPTH, axis=0)
    return Look(
        accuracy=jnp.stack(accuracy),
        entropy=entropies.T,
        information=jax.lax.map(information, (layers, labels, widths)).reshape(2, -1),
    )


@jax.jit
def advance(
    trained: Trained,
    x: jax.Array,
    y: jax.Array,
    weights: jax.Array,
    eyes: Eyes,
    num_epochs: jax.Array,
) -> tuple[Trained, Look]:
    """Train an ensemble ``(m,)`` for some epochs, and look at it.

    Labels ``(m, n)``, weights ``(m,)`` and what to look at have an axis of networks.
    """
    epoch = jax.vmap(train_epoch, in_axes=(0, None, 0, 0))
    trained = jax.lax.fori_loop(
        0, num_epochs, lambda _, trained: epoch(trained, x, y, weights), trained
    )
    # One network after the other: under vmap, information solves every padded size.
    return trained, jax.lax.map(lambda one: look(*one), (trained, eyes))


def stack(*trees: Any) -> Any:
    """Stack trees of arrays along a new leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def study(
    x: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    seeds: jax.Array,
    data: Data,
    *,
    points_per_class: int,
    epochs: list[int],
    title: str,
) -> Look:
    """Train networks from keys ``(m,)`` on labels ``(m, n)``.

    Looks at them after each number of ``epochs``, ``(m, looks)``.
    """
    ensemble = jax.vmap(begin)(seeds)
    held = balanced(data.held_y, points_per_class)

    def eyes_of(trained: Trained, y: np.ndarray) -> Eyes:
        chosen = balanced(y, points_per_class)
        return jax.tree.map(
            jnp.asarray,
            Eyes(
                whole=((x, y), (data.held_x, data.held_y)),
                x=np.stack([x[chosen], data.held_x[held]]),
                y=np.stack([y[chosen], data.held_y[held]]),
                bandwidths=bandwidths(network(trained), data.held_x[held]),
            ),
        )

    networks = [
        jax.tree.map(lambda leaf, i=i: leaf[i], ensemble) for i in range(len(labels))
    ]
    eyes = stack(*map(eyes_of, networks, labels))
    looks = []
    for num_epochs in tqdm.tqdm(epochs, desc=title, unit="look"):
        ensemble, seen = advance(
            ensemble,
            jnp.asarray(x),
            jnp.asarray(labels),
            jnp.asarray(weights, jnp.float32),
            eyes,
            jnp.asarray(num_epochs),
        )
        looks.append(jax.tree.map(np.asarray, seen))
    return jax.tree.map(lambda *leaves: np.stack(leaves, 1), *looks)


def watch(data: Data, settings: Settings) -> Look:
    """Train with true and with shuffled labels; looks ``(kinds, seeds, times)``."""
    shuffled = np.random.default_rng(1).permutation(data.y)
    seeds = settings.num_seeds
    looks = study(
        data.x,
        np.repeat([data.y, shuffled], seeds, axis=0),
        np.zeros(2 * seeds),
        jnp.tile(jax.random.split(jax.random.key(0), seeds), 2),
        data,
        points_per_class=settings.points_per_class,
        # The first look is at untrained networks.
        epochs=[0] + [1] * settings.num_epochs,
        title="true and shuffled labels",
    )
    return jax.tree.map(lambda leaf: leaf.reshape(2, seeds, *leaf.shape[1:]), looks)


def regularise(data: Data, settings: Settings) -> Look:
    """Train on few images with each weight of the entropy; ``(weights, seeds)``."""
    few = slice(settings.few_images)
    seeds, number = settings.num_seeds, len(settings.weights)
    looks = study(
        data.x[few],
        np.repeat(data.y[None, few], number * seeds, axis=0),
        np.repeat(settings.weights, seeds),
        jnp.tile(jax.random.split(jax.random.key(2), seeds), number),
        data,
        points_per_class=np.bincount(data.y[few]).min(),
        epochs=[settings.few_epochs],
        title="entropy in the loss",
    )
    return jax.tree.map(
        lambda leaf: leaf[:, -1].reshape(number, seeds, *leaf.shape[2:]), looks
    )


def in_bits(value: Any) -> np.ndarray:
    """From nats, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def mean_and_error(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean over seeds, and its standard error."""
    number = values.shape[axis]
    return values.mean(axis), values.std(axis, ddof=1) / np.sqrt(number)


def report(looks: Look) -> None:
    """Print first and last looks."""
    for kind, name in enumerate(KINDS):
        accuracy = looks.accuracy[kind, :, -1].mean(0)
        print(f"\nTrained with {name}:")
        print(
            f"  accuracy at the end {accuracy[0]:.1%} on images trained on, "
            f"{accuracy[1]:.1%} on held-out ones with true labels"
        )
        rows = (
            ("entropy at the first bandwidth", looks.entropy[kind, :, :, 0]),
            ("entropy at the bandwidth of now", looks.entropy[kind, :, :, 1]),
            ("information, held out, true labels", looks.information[kind, :, :, 1]),
            ("information, in training, its labels", looks.information[kind, :, :, 0]),
        )
        for row, values in rows:
            mean, error = mean_and_error(in_bits(values), 0)
            cells = [
                f"{mean[0, i]:.2f} -> {mean[-1, i]:.2f} ± {error[-1, i]:.2f}"
                for i in range(DEPTH)
            ]
            print(f"  {row:37s} " + ", ".join(cells))
    print("  (bits, layers 1 to 3, before and after training, error over seeds)")


def report_weights(seen: Look, settings: Settings) -> None:
    """Print what an entropy in the loss does."""
    print(
        f"\nEntropy of the last layer in the loss, {settings.few_images} images:\n"
        "  weight   entropy, bits   information, bits   held-out accuracy"
    )
    entropy = mean_and_error(in_bits(seen.entropy[..., 1, -1]), 1)
    information = mean_and_error(in_bits(seen.information[..., 1, -1]), 1)
    accuracy = mean_and_error(seen.accuracy[..., 1], 1)
    for i, weight in enumerate(settings.weights):
        print(
            f"  {weight:+6.2f}   {entropy[0][i]:5.2f} ± {entropy[1][i]:.2f}"
            f"    {information[0][i]:5.2f} ± {information[1][i]:.2f}"
            f"        {accuracy[0][i]:.1%} ± {accuracy[1][i]:.1%}"
        )


def save(output: pathlib.Path, looks: Look, seen: Look, settings: Settings) -> None:
    """Write figures and numbers."""
    from matplotlib import pyplot as plt

    output.mkdir(parents=True, exist_ok=True)
    epochs = np.arange(looks.accuracy.shape[2])
    figure, axes = plt.subplots(
        3, 2, figsize=(9, 9), sharex=True, sharey="row", layout="constrained"
    )
    colours = plt.cm.viridis(np.linspace(0, 0.8, DEPTH))

    def curve(ax: Any, values: np.ndarray, colour: Any, style: str) -> None:
        mean, error = mean_and_error(values, 0)
        ax.fill_between(
            epochs, mean - error, mean + error, color=colour, alpha=0.2, lw=0
        )
        ax.plot(epochs, mean, style, color=colour)

    held, trained_on = "held out, true labels", "training, labels trained on"
    for kind, name in enumerate(KINDS):
        of_kind = jax.tree.map(lambda leaf, kind=kind: leaf[kind], looks)
        top, middle, bottom = axes[:, kind]
        top.set_title(f"Trained with {name}")
        bottom.axhline(0, color="grey", lw=0.5)
        bottom.set_xlabel("epoch")
        for place, style in ((1, "-"), (0, "--")):
            curve(top, of_kind.accuracy[:, :, place], "black", style)
            for layer, colour in enumerate(colours):
                information = of_kind.information[:, :, place, layer]
                curve(bottom, in_bits(information), colour, style)
                entropy = of_kind.entropy[:, :, 1 - place, layer]
                curve(middle, in_bits(entropy), colour, style)

    def key(ax: Any, labels: dict[str, str], *, with_layers: bool) -> None:
        handles = [plt.Line2D([], [], color="black", ls=style) for style in labels]
        names = list(labels.values())
        if with_layers:
            handles += [plt.Line2D([], [], color=colour) for colour in colours]
            names += [f"layer {i + 1}" for i in range(DEPTH)]
        ax.legend(handles, names, ncols=2 if with_layers else 1, fontsize="small")

    key(axes[0, 0], {"-": held, "--": trained_on}, with_layers=False)
    key(
        axes[1, 0],
        {"-": "first bandwidth", "--": "bandwidth of now"},
        with_layers=True,
    )
    key(axes[2, 0], {"-": held, "--": trained_on}, with_layers=True)
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("entropy by DSE, held out (bit)")
    axes[2, 0].set_ylabel("information with labels by DSMI (bit)")
    figure.savefig(output / "training.png", dpi=150)

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    panels = (
        ("entropy of the last layer by DSE (bit)", in_bits(seen.entropy[..., 1, -1])),
        ("held-out accuracy", seen.accuracy[..., 1]),
    )
    for ax, (label, values) in zip(axes, panels, strict=True):
        mean, error = mean_and_error(values, 1)
        places = np.arange(len(settings.weights))
        ax.errorbar(places, mean, error, fmt="o-", color="black", capsize=3)
        ax.plot(places, values, ".", color="grey", ms=4)
        ax.set_xticks(places, [f"{weight:+g}" for weight in settings.weights])
        ax.set_xlabel("weight of the entropy in the loss (1/nat)")
        ax.set_ylabel(label)
    figure.savefig(output / "regulariser.png", dpi=150)
    np.savez(
        output / "curves.npz",
        epochs=epochs,
        weights=settings.weights,
        **{f"watched_{k}": v for k, v in looks._asdict().items()},
        **{f"regularised_{k}": v for k, v in seen._asdict().items()},
    )


def run(settings: Settings, output: pathlib.Path | None) -> None:
    """Train, look, report."""
    began = time.perf_counter()
    data = digits()
    looks = watch(data, settings)
    seen = regularise(data, settings)
    print(
        f"\n{2 * settings.num_seeds} networks of {DEPTH} hidden layers on "
        f"{len(data.x)} digits, {len(data.held_x)} held out."
    )
    report(looks)
    report_weights(seen, settings)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if output is not None:
        save(output, looks, seen, settings)


def main(argv: list[str] | None = None) -> None:
    """Run both studies."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    run(QUICK if arguments.quick else Settings(), arguments.output)


if __name__ == "__main__":
    main()
