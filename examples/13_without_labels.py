"""What layers keep of images when trained with labels, shuffled labels or no labels.

Trains ensembles of small networks on a simple set of images (handwritten digits) and on
a rich one (rendered sprites on textured noise backgrounds): with true labels, with
shuffled ones, which can only be memorised, and without any, by contrastive learning:
two views of an image, shifted and dimmed at random, are to be distinguished from views
of others (SimCLR).

After some epochs it measures, in every hidden layer and on held-out images,

1. the diffusion spectral entropy (DSE), at the median-rule bandwidth from before
   training, and at the current one,
2. the diffusion spectral mutual information (DSMI) with the true labels, and with the
   input, by ten clusters of the images themselves,

and how often the nearest training image, as the last layer represents it, has the same
label.

Tests three claims: that entropy rises in every kind of training, that information with
the label rises only where the network learns something that generalises, and that
information with the input rises on simple images and falls on rich ones.

With the defaults the first holds at the initial bandwidth, as layers grow; at the
current one entropy falls with true labels and without any, and rises where digits are
memorised. The second holds: information with the label rises most with true labels,
somewhat without, and falls in the last layer with shuffled ones. Half of the third
holds: with true labels and without any, information with the input rises on both sets.
On the rich one it falls again after some epochs, but not below its initial value; with
shuffled labels it does, on both sets.

Prints a report in bits. With ``--output DIR`` also writes ``images.png``,
``training.png`` and ``layers.npz``.

Run: ``python examples/13_without_labels.py [--quick] [--output DIR]``
"""

import argparse
import functools
import itertools
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

from jaxinfo import diffusion, measures

SIDE = 16
NUM_PIXELS = SIDE**2
WIDTH, DEPTH, PROJECTION = 64, 3, 16
NUM_CLASSES, BATCH = 10, 100
TEMPERATURE = 0.3
OPTIMIZER = optax.adam(2e-3)
KINDS = ("true labels", "shuffled labels", "no labels")
COLORS = ("#0072B2", "#D55E00", "#009E73")


class Settings(NamedTuple):
    """Sizes of a run; what is looked at after which epochs, the last the end."""

    num_seeds: int = 4
    epochs: tuple[int, ...] = (0, 1, 2, 4, 8, 16, 32, 64, 100)
    num_training: int = 1200
    num_points: int = 250


QUICK = Settings(num_seeds=2, epochs=(0, 2, 10), num_training=600, num_points=150)


class Data(NamedTuple):
    """A set of square images of grey in [0, 1], and their classes.

    Attributes:
        name: What they show.
        x: Training images. Shape ``(n, pixels)``.
        y: Their labels. Shape ``(n,)``.
        held_x: Held-out images.
        held_y: Their labels.
        clusters: Of the held-out images, which stand for the input. Shape ``(m,)``.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    held_x: np.ndarray
    held_y: np.ndarray
    clusters: np.ndarray


def divided(name: str, x: np.ndarray, y: np.ndarray, settings: Settings) -> Data:
    """Training and held-out images, in random order."""
    order = np.random.default_rng(0).permutation(len(x))[: -settings.num_points]
    held = np.setdiff1d(np.arange(len(x)), order)
    order = order[: settings.num_training]
    clusters = diffusion.cluster_labels(x[held], num_clusters=NUM_CLASSES)
    return Data(name, x[order], y[order], x[held], y[held], clusters)


def digits(settings: Settings) -> Data:
    """Handwritten digits of 8 x 8 pixels, each drawn as four."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8)
    images = images.repeat(2, axis=1).repeat(2, axis=2).reshape(-1, NUM_PIXELS)
    return divided("handwritten digits", images, labels, settings)


def sprites(settings: Settings) -> Data:
    """Five shapes, large or small, anywhere before a texture of noise."""
    size = SIDE
    number = settings.num_training + settings.num_points
    rng = np.random.default_rng(0)
    shape, is_large = (rng.integers(0, high, (number, 1, 1)) for high in (5, 2))
    radius = np.where(is_large, 0.75, 0.45)
    column, row = rng.uniform(-0.25, 0.25, (2, number, 1, 1))
    grid = np.linspace(-1, 1, size)
    x, y = (grid - column) / radius, (grid[:, None] - row) / radius
    margins = [
        0.9 - np.hypot(x, y),
        0.8 - np.maximum(abs(x), abs(y)),
        np.minimum((y + 0.8) / 2 - abs(x), 0.8 - y),
        np.minimum(0.3 - np.minimum(abs(x), abs(y)), 0.9 - np.maximum(abs(x), abs(y))),
        0.25 - abs(np.hypot(x, y) - 0.65),
    ]
    margin = np.choose(shape, margins)
    cover = np.clip(0.5 + size / 2 * radius * margin, 0, 1)
    # Waves of all lengths, so that neighbouring pixels are alike.
    noise = np.fft.rfft2(rng.normal(size=(number, size, size)))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size))
    texture = np.fft.irfft2(noise / (0.05 + frequency), s=(size, size))
    texture = 0.4 + 0.2 * texture / texture.std()
    images = np.clip((1 - cover) * texture + cover * 0.95, 0, 1)
    labels = (2 * shape + is_large).ravel()
    return divided(
        "sprites before noise",
        images.reshape(-1, NUM_PIXELS).astype(np.float32),
        labels,
        settings,
    )


class Network(nnx.Module):
    """Fully connected hidden layers, with an output for labels and one for contrast."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        widths = [NUM_PIXELS] + [WIDTH] * DEPTH
        self.hidden = nnx.List(
            [
                nnx.Linear(before, after, rngs=rngs)
                for before, after in itertools.pairwise(widths)
            ]
        )
        self.logits = nnx.Linear(WIDTH, NUM_CLASSES, rngs=rngs)
        self.projection = nnx.Linear(WIDTH, PROJECTION, rngs=rngs)

    def layers(self, x: jax.Array) -> jax.Array:
        """What each hidden layer puts out, ``(layers, n, width)``."""
        outputs = []
        for linear in self.hidden:
            x = nnx.relu(linear(x))
            outputs.append(x)
        return jnp.stack(outputs)

    def label_loss(self, key: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
        """Cross entropy of the labels."""
        logits = self.logits(self.layers(x)[-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def contrast_loss(self, key: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
        """Cross entropy of which view is of the same image, among all of a batch."""
        views = jnp.concatenate([view(key, x) for key in jax.random.split(key)])
        z = self.projection(self.layers(views)[-1])
        z = z / jnp.linalg.norm(z, axis=1, keepdims=True)
        n = len(x)
        # No view is compared with itself.
        logits = z @ z.T / TEMPERATURE - 1e9 * jnp.eye(2 * n)
        partners = jnp.roll(jnp.arange(2 * n), n)
        return optax.softmax_cross_entropy_with_integer_labels(logits, partners).mean()


def view(key: jax.Array, x: jax.Array) -> jax.Array:
    """Images moved by up to a pixel, dimmed, and with some noise."""
    keys = jax.random.split(key, 3)
    moves = jax.random.randint(keys[0], (len(x), 2), -1, 2)
    images = jax.vmap(lambda image, move: jnp.roll(image, move, axis=(0, 1)))(
        x.reshape(-1, SIDE, SIDE), moves
    )
    strength = jax.random.uniform(keys[1], (len(x), 1), minval=0.6, maxval=1.0)
    noise = 0.1 * jax.random.normal(keys[2], x.shape)
    return strength * images.reshape(x.shape) + noise


class Look(NamedTuple):
    """What is seen of a network at one time, in nats; of several with leading axes.

    Attributes:
        accuracy: How often the nearest training image has the same label.
        entropy: Of each layer, at the first bandwidth and at that of now. Shape
            ``(2, layers)``.
        information: Of each layer with the true labels, and with clusters of the input.
            Shape ``(2, layers)``.
    """

    accuracy: jax.Array
    entropy: jax.Array
    information: jax.Array


def bandwidths_of(layers: jax.Array) -> jax.Array:
    """Bandwidth of each layer by the median rule, ``(layers,)``."""
    return jax.vmap(diffusion.median_bandwidth)(layers)


GRAPH = nnx.split(nnx.eval_shape(lambda: Network(rngs=nnx.Rngs(0))))[0]


def begin(key: jax.Array) -> tuple[Any, Any]:
    """Parameters of a new network, and the state of its optimiser."""
    params = nnx.split(Network(rngs=nnx.Rngs(key)))[1]
    return params, OPTIMIZER.init(params)


@jax.jit
def bandwidths(params: Any, x: jax.Array) -> jax.Array:
    """Bandwidth of each layer by the median rule, ``(layers,)``."""
    layers = nnx.merge(GRAPH, params).layers(x)
    return jax.vmap(diffusion.median_bandwidth)(layers)


@jax.jit
def look(params: Any, data: Data, first: jax.Array) -> Look:
    """Measure one network, whose layers had some bandwidths before training."""
    model: Network = nnx.merge(GRAPH, params)
    layers = model.layers(data.held_x)
    now = bandwidths(params, data.held_x)

    def entropy(layer: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        z, *widths = layer
        at = functools.partial(diffusion.spectral_entropy, z)
        return jnp.stack([at(bandwidth=width) for width in widths])

    def information(cell: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        z, width, labels = cell
        return diffusion.spectral_mutual_information(
            jax.random.key(0), z, labels, num_classes=NUM_CLASSES, bandwidth=width
        ).value

    # One after the other, so that each measure is compiled once.
    both = jnp.repeat(jnp.stack([data.held_y, data.clusters]), DEPTH, axis=0)
    cells = jnp.tile(layers, (2, 1, 1)), jnp.tile(now, 2), both
    known, new = (
        z / jnp.linalg.norm(z, axis=1, keepdims=True).clip(1e-9)
        for z in (model.layers(data.x)[-1], layers[-1])
    )
    nearest = jnp.argmax(new @ known.T, axis=1)
    return Look(
        accuracy=jnp.mean(data.y[nearest] == data.held_y),
        entropy=jax.lax.map(entropy, (layers, first, now)).T,
        information=jax.lax.map(information, cells).reshape(2, DEPTH),
    )


@functools.partial(jax.jit, static_argnames="loss")
def train(
    ensemble: Any,
    keys: jax.Array,
    x: jax.Array,
    y: jax.Array,
    epochs: jax.Array,
    *,
    loss: Callable[..., jax.Array],
) -> Any:
    """Train all networks, from one epoch up to another, on labels ``(networks, n)``."""
    steps = len(x) // BATCH

    def train_epoch(carry: Any, key: jax.Array, y: jax.Array) -> Any:
        def step(carry, batch_and_key):
            params, state = carry
            batch, key = batch_and_key

            def loss_fn(params):
                return loss(nnx.merge(GRAPH, params), key, x[batch], y[batch])

            updates, state = OPTIMIZER.update(jax.grad(loss_fn)(params), state)
            return (optax.apply_updates(params, updates), state), None

        key_order, key = jax.random.split(key)
        order = jax.random.permutation(key_order, len(x))[: steps * BATCH]
        batches = order.reshape(steps, BATCH), jax.random.split(key, steps)
        return jax.lax.scan(step, carry, batches)[0]

    def one(epoch: jax.Array, ensemble: Any) -> Any:
        own = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, epoch)
        return jax.vmap(train_epoch)(ensemble, own, y)

    return jax.lax.fori_loop(epochs[0], epochs[1], one, ensemble)


def study(
    data: Data,
    labels: np.ndarray,
    loss: Callable[..., jax.Array],
    settings: Settings,
    title: str,
) -> Look:
    """Train an ensemble, one network for each row of labels, and look at it.

    Looks have leading axes ``(networks, looks)``.
    """
    number = len(labels)
    # The same starts for each kind of training.
    keys = jax.random.split(jax.random.key(0), settings.num_seeds)
    keys = jnp.tile(keys, number // settings.num_seeds)
    ensemble = jax.jit(jax.vmap(begin))(keys)
    arrays = jax.tree.map(jnp.asarray, data._replace(name=None))
    y = jnp.asarray(labels)

    def networks() -> list[Any]:
        params = ensemble[0]
        return [jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(number)]

    first = [bandwidths(params, arrays.held_x) for params in networks()]
    looks, done = [], 0
    for epoch in tqdm.tqdm(settings.epochs, desc=f"{data.name}, {title}", unit="look"):
        epochs = jnp.array([done, epoch])
        ensemble = train(ensemble, keys, arrays.x, y, epochs, loss=loss)
        seen = [
            look(params, arrays, width)
            for params, width in zip(networks(), first, strict=True)
        ]
        looks.append(jax.tree.map(lambda *leaves: np.stack(leaves), *seen))
        done = epoch
    return jax.tree.map(lambda *leaves: np.stack(leaves, 1), *looks)


def watch(data: Data, settings: Settings) -> Look:
    """All kinds of training on a data set; looks ``(kinds, seeds, times)``."""
    shuffled = np.random.default_rng(1).permutation(data.y)
    seeds = settings.num_seeds
    of_labels = np.repeat([data.y, shuffled], seeds, axis=0)
    by_labels = study(data, of_labels, Network.label_loss, settings, "labels")
    by_contrast = study(
        data, of_labels[:seeds], Network.contrast_loss, settings, "no labels"
    )
    together = jax.tree.map(lambda *x: np.concatenate(x), by_labels, by_contrast)
    return jax.tree.map(
        lambda leaf: leaf.reshape(len(KINDS), seeds, *leaf.shape[1:]), together
    )


def in_bits(value: Any) -> np.ndarray:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis, and its standard error."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / len(values) ** 0.5


QUANTITIES = (
    ("entropy at the first bandwidth", "entropy", 0),
    ("entropy at the bandwidth of now", "entropy", 1),
    ("information with the labels", "information", 0),
    ("information with the input", "information", 1),
)


def report(found: dict[str, Look], settings: Settings) -> None:
    """Print first and last looks, and how the claims fare."""
    for name, looks in found.items():
        print(f"\n{name.upper()}, {settings.num_points} held-out images")
        for kind, title in enumerate(KINDS):
            accuracy, error = mean_and_error(looks.accuracy[kind, :, [0, -1]].T)
            print(
                f"  {title}: nearest neighbour right in {accuracy[0]:.0%} before, "
                f"{accuracy[1]:.0%} ± {error[1]:.0%} after training"
            )
            for quantity, field, at in QUANTITIES:
                values = in_bits(getattr(looks, field)[kind, :, :, at])
                mean, _ = mean_and_error(values)
                change, error = mean_and_error(values[:, -1] - values[:, 0])
                cells = [
                    f"{mean[0, i]:.2f} -> {mean[-1, i]:.2f} ({change[i]:+.2f} ± "
                    f"{error[i]:.2f})"
                    for i in range(DEPTH)
                ]
                print(f"    {quantity:32s} " + "  ".join(cells))
    print(
        f"  (bits, layers 1 to {DEPTH}: before and after training, in brackets the "
        "change and its error over seeds)"
    )


def draw_images(sets: list[Data]) -> Any:
    """Some images of each set."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(sets), figsize=(4 * len(sets), 2.4), layout="constrained"
    )
    for ax, data in zip(axes, sets, strict=True):
        tiles = data.x[:32].reshape(4, 8, SIDE, SIDE)
        # A light frame around each.
        tiles = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1)
        ax.imshow(
            tiles.transpose(0, 2, 1, 3).reshape(4 * (SIDE + 2), -1),
            cmap="gray",
            vmin=0,
            vmax=1,
        )
        ax.set_title(data.name)
        ax.set_axis_off()
    return figure


def draw_training(found: dict[str, Look], settings: Settings) -> Any:
    """The last hidden layer over epochs: a row a data set, a column a quantity."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        len(found),
        len(QUANTITIES),
        figsize=(14, 6.2),
        layout="constrained",
        sharex=True,
        sharey="col",
    )
    for row, (name, looks) in zip(axes, found.items(), strict=True):
        for ax, (quantity, field, at) in zip(row, QUANTITIES, strict=True):
            for kind, title in enumerate(KINDS):
                values = in_bits(getattr(looks, field)[kind, :, :, at, -1])
                mean, error = mean_and_error(values)
                ax.errorbar(
                    settings.epochs,
                    mean,
                    error,
                    fmt="o-",
                    color=COLORS[kind],
                    markersize=4,
                    capsize=2,
                    label=title,
                )
            ax.set_xscale("symlog", linthresh=1)
            measure = "DSE" if field == "entropy" else "DSMI"
            ax.set_ylabel(f"{measure} of the last hidden layer (bits)")
            if ax.get_subplotspec().is_first_row():
                ax.set_title(quantity)
            if ax.get_subplotspec().is_last_row():
                ax.set_xlabel("Epoch")
        row[0].annotate(
            name,
            (-0.3, 0.5),
            xycoords="axes fraction",
            rotation=90,
            va="center",
            ha="right",
            fontsize="large",
        )
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(KINDS), frameon=False
    )
    return figure


def save(
    output: pathlib.Path, sets: list[Data], found: dict[str, Look], settings: Settings
) -> None:
    """Write figures and numbers."""
    from matplotlib import pyplot

    pyplot.switch_backend("Agg")
    output.mkdir(parents=True, exist_ok=True)
    for name, figure in (
        ("images", draw_images(sets)),
        ("training", draw_training(found, settings)),
    ):
        figure.savefig(output / f"{name}.png", dpi=110)
        pyplot.close(figure)
    numbers = {
        f"{name.split()[-1]}_{field}": values
        for name, looks in found.items()
        for field, values in looks._asdict().items()
    }
    np.savez_compressed(output / "layers.npz", epochs=settings.epochs, **numbers)
    print(f"Wrote figures and layers.npz to {output}.")


def main(argv: list[str] | None = None) -> None:
    """Run the whole study."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    settings = QUICK if arguments.quick else Settings()
    began = time.perf_counter()
    sets = [digits(settings), sprites(settings)]
    found = {data.name: watch(data, settings) for data in sets}
    report(found, settings)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if arguments.output is not None:
        save(arguments.output, sets, found, settings)


if __name__ == "__main__":
    main()
