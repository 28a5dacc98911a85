"""Do a network's entropy and information predict, or reflect, how well it performs?

Tests two uses that the paper on diffusion spectral entropy (DSE) and mutual information
(DSMI) makes of them, on small networks that classify handwritten digits. Each study is
an ensemble trained in one vmapped program:

1. Before training: the weights of deep networks are scaled, by bisection on the scale,
   so that the last hidden layer starts at a given entropy. Which accuracy do they
   reach?
2. After training: 48 networks differ in learning rate, width and noise of the training
   labels. Does the information of the last layer with the labels of some held-out
   images rank their accuracies on others? The entropy alone, and the training loss, are
   given for comparison. Intervals are those of the rank correlation when networks are
   resampled with replacement.

With the defaults: networks learn slowest from entropies near zero, fastest from about
nine tenths of the largest, and reach slightly lower accuracy from either end. Over all
networks information ranks accuracies, and entropy alone does not. Training loss, which
is misleading where labels are memorised, ranks them less well, by a difference that 48
networks barely distinguish from none; among networks of equal noise information is a
weaker guide.

With ``--output DIR`` also writes ``initialisation.png``, ``prediction.png`` and
``networks.npz``.

Run: ``python examples/09_entropy_for_design.py [--quick] [--output DIR]``
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
from scipy import stats
from sklearn.datasets import load_digits

from jaxinfo import diffusion, measures

NUM_CLASSES, NUM_PIXELS, BATCH = 10, 64, 50
WIDTH = 64
# Bandwidth of the entropy at the start, in units of the layer: a rule that follows its
# scale would not see it.
BANDWIDTH = 1.0
# Logarithms of scales of weights between which the entropy is sought.
SCALES = (-4.0, 3.0)


class Settings(NamedTuple):
    """Sizes of a run; entropies are shares of the largest, log n."""

    start_depth: int = 8
    start_shares: tuple[float, ...] = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98, 0.999)
    start_seeds: int = 6
    start_epochs: int = 40
    num_epochs: int = 200
    rates: tuple[float, ...] = (1e-4, 3e-4, 1e-3, 1e-2)
    widths: tuple[int, ...] = (4, 8, 16, 64)
    noises: tuple[float, ...] = (0.0, 0.4, 0.8)
    points_per_class: int = 25


QUICK = Settings(
    start_shares=(0.02, 0.5, 0.999),
    start_seeds=2,
    start_epochs=12,
    num_epochs=12,
    points_per_class=15,
)


class Data(NamedTuple):
    """Images and labels of training, of a first and of a second held-out half."""

    x: np.ndarray
    y: np.ndarray
    first_x: np.ndarray
    first_y: np.ndarray
    second_x: np.ndarray
    second_y: np.ndarray


def digits() -> Data:
    """Images of digits with pixels in [-1, 1], in random order."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 8 - 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    parts = np.split(order, [1000, 1400])
    return Data(*itertools.chain(*((images[part], labels[part]) for part in parts)))


def balanced(labels: np.ndarray, number: int) -> np.ndarray:
    """The first ``number`` places of each label."""
    return np.concatenate([np.flatnonzero(labels == c)[:number] for c in range(10)])


class Classifier(nnx.Module):
    """A deep network of tanh layers, with units that a mask switches off."""

    def __init__(self, depth: int, *, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.List(
            [nnx.Linear(NUM_PIXELS, WIDTH, rngs=rngs) for _ in range(depth)]
        )
        self.output = nnx.Linear(WIDTH, NUM_CLASSES, rngs=rngs)

    def last(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        """What the last hidden layer puts out, ``(n, width)``."""
        for linear in self.hidden:
            x = mask * nnx.tanh(linear(x))
        return x


class Network(NamedTuple):
    """A network and how it is trained; of an ensemble with a leading axis.

    Attributes:
        parameters: Of the network.
        mask: Ones for the units in use. Shape ``(width,)``.
        rate: Learning rate. Shape ``()``.
    """

    parameters: Any
    mask: jax.Array
    rate: jax.Array


@functools.cache
def graph(depth: int) -> Any:
    """Structure of a network, without its parameters."""
    return nnx.split(nnx.eval_shape(lambda: Classifier(depth, rngs=nnx.Rngs(0))))[0]


def new(key: jax.Array, depth: int) -> Any:
    """Parameters of a new network."""
    return nnx.split(Classifier(depth, rngs=nnx.Rngs(key)))[1]


def scaled(parameters: Any, log_scale: jax.Array) -> Any:
    """Parameters with weights times a scale."""
    return jax.tree.map(lambda leaf: jnp.exp(log_scale) * leaf, parameters)


@functools.partial(jax.jit, static_argnames="depth")
def at_entropies(
    keys: jax.Array, targets: jax.Array, x: jax.Array, *, depth: int
) -> tuple[Any, jax.Array]:
    """Parameters of networks ``(m,)`` scaled to entropies, and those they have."""

    def entropy(parameters: Any, log_scale: jax.Array) -> jax.Array:
        model = nnx.merge(graph(depth), scaled(parameters, log_scale))
        return diffusion.spectral_entropy(
            model.last(x, jnp.ones(WIDTH)), bandwidth=BANDWIDTH
        )

    def one(key_and_target: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
        key, target = key_and_target
        parameters = new(key, depth)

        def halve(
            between: tuple[jax.Array, jax.Array], _: None
        ) -> tuple[tuple[jax.Array, jax.Array], None]:
            low, high = between
            middle = (low + high) / 2
            is_low = entropy(parameters, middle) < target
            return (
                jnp.where(is_low, middle, low),
                jnp.where(is_low, high, middle),
            ), None

        ends = (jnp.asarray(SCALES[0]), jnp.asarray(SCALES[1]))
        (low, high), _ = jax.lax.scan(halve, ends, length=20)
        log_scale = (low + high) / 2
        return scaled(parameters, log_scale), entropy(parameters, log_scale)

    return jax.lax.map(one, (keys, targets))


def loss_of(network: Network, x: jax.Array, y: jax.Array, depth: int) -> jax.Array:
    """Mean cross entropy."""
    model = nnx.merge(graph(depth), network.parameters)
    logits = model.output(model.last(x, network.mask))
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, y))


def accuracy_of(network: Network, x: jax.Array, y: jax.Array, depth: int) -> jax.Array:
    """Share of images whose label is found."""
    model = nnx.merge(graph(depth), network.parameters)
    logits = model.output(model.last(x, network.mask))
    return jnp.mean(jnp.argmax(logits, axis=1) == y)


@functools.partial(jax.jit, static_argnames=("optimizer", "depth"))
def train_epoch(
    key: jax.Array,
    ensemble: Network,
    moments: Any,
    x: jax.Array,
    y: jax.Array,
    *,
    optimizer: optax.GradientTransformation,
    depth: int,
) -> tuple[Network, Any]:
    """Train networks ``(m,)`` on labels ``(m, n)`` for one pass over the images."""

    def step(
        carry: tuple[Network, Any], batch: jax.Array
    ) -> tuple[tuple[Network, Any], None]:
        def one(network: Network, moments: Any, y: jax.Array) -> tuple[Network, Any]:
            def loss_fn(parameters: Any) -> jax.Array:
                return loss_of(
                    network._replace(parameters=parameters), x[batch], y[batch], depth
                )

            gradient = jax.grad(loss_fn)(network.parameters)
            updates, moments = optimizer.update(gradient, moments)
            updates = jax.tree.map(lambda leaf: -network.rate * leaf, updates)
            parameters = optax.apply_updates(network.parameters, updates)
            return network._replace(parameters=parameters), moments

        return jax.vmap(one)(*carry, y), None

    order = jax.random.permutation(key, x.shape[0]).reshape(-1, BATCH)
    carry, _ = jax.lax.scan(step, (ensemble, moments), order)
    return carry


def train(
    ensemble: Network,
    labels: np.ndarray,
    data: Data,
    optimizer: optax.GradientTransformation,
    *,
    depth: int,
    num_epochs: int,
    title: str,
) -> tuple[Network, np.ndarray]:
    """Train an ensemble; also its held-out accuracies ``(epochs, m)``."""
    moments = jax.vmap(optimizer.init)(ensemble.parameters)
    held = jnp.asarray(data.second_x), jnp.asarray(data.second_y)
    accuracy = jax.jit(
        jax.vmap(lambda one: accuracy_of(one, *held, depth)),
    )
    x, y = jnp.asarray(data.x), jnp.asarray(labels)
    accuracies = []
    for epoch in tqdm.trange(num_epochs, desc=title, unit="epoch"):
        key = jax.random.key(epoch)
        ensemble, moments = train_epoch(
            key, ensemble, moments, x, y, optimizer=optimizer, depth=depth
        )
        accuracies.append(np.asarray(accuracy(ensemble)))
    return ensemble, np.stack(accuracies)


class Starts(NamedTuple):
    """Networks that start at given entropies.

    Attributes:
        entropy: At the start, in nats. Shape ``(shares, seeds)``.
        accuracy: Held out, after each epoch. Shape ``(epochs, shares, seeds)``.
    """

    entropy: np.ndarray
    accuracy: np.ndarray


def starts(data: Data, settings: Settings) -> Starts:
    """Train networks from given entropies by plain gradient descent."""
    number, depth = len(settings.start_shares), settings.start_depth
    seeds = settings.start_seeds
    chosen = balanced(data.first_y, settings.points_per_class)
    x = jnp.asarray(data.first_x[chosen])
    largest = np.log(len(chosen))
    targets = jnp.asarray(np.repeat(settings.start_shares, seeds) * largest)
    keys = jnp.tile(jax.random.split(jax.random.key(0), seeds), number)
    parameters, entropy = at_entropies(
        keys, targets.astype(jnp.float32), x, depth=depth
    )
    size = number * seeds
    ensemble = Network(parameters, jnp.ones((size, WIDTH)), jnp.full(size, 0.02))
    _, accuracy = train(
        ensemble,
        np.repeat(data.y[None], size, axis=0),
        data,
        optax.trace(0.9),
        depth=depth,
        num_epochs=settings.start_epochs,
        title="from given entropies",
    )
    shape = (number, seeds)
    return Starts(
        np.asarray(entropy).reshape(shape), accuracy.reshape(len(accuracy), *shape)
    )


class Predictors(NamedTuple):
    """What is known of trained networks, and how they do; each ``(m,)``.

    Attributes:
        information: With true labels of the first held-out half, in nats.
        standard_error: Its standard error.
        entropy: Of the last layer on the same images, in nats.
        training_loss: With the labels trained on.
        accuracy: On the second held-out half.
        noise: Share of training labels that were drawn anew.
    """

    information: np.ndarray
    standard_error: np.ndarray
    entropy: np.ndarray
    training_loss: np.ndarray
    accuracy: np.ndarray
    noise: np.ndarray


@functools.partial(jax.jit, static_argnames="depth")
def measure(
    ensemble: Network, labels: jax.Array, x: jax.Array, images: Any, *, depth: int
) -> tuple[jax.Array, ...]:
    """Information, its error, entropy and training loss of networks ``(m,)``."""

    def one(network_and_labels: tuple[Network, jax.Array]) -> tuple[jax.Array, ...]:
        network, y = network_and_labels
        model = nnx.merge(graph(depth), network.parameters)
        z = model.last(images[0], network.mask)
        width = diffusion.median_bandwidth(z)
        information = diffusion.spectral_mutual_information(
            jax.random.key(0), z, images[1], num_classes=NUM_CLASSES, bandwidth=width
        )
        entropy = diffusion.spectral_entropy(z, bandwidth=width)
        loss = loss_of(network, x, y, depth)
        return information.value, information.standard_error, entropy, loss

    return jax.lax.map(one, (ensemble, labels))


def predictors(data: Data, settings: Settings) -> Predictors:
    """Train all combinations of rate, width and noise, and measure them."""
    depth = 2
    combinations = list(
        itertools.product(settings.rates, settings.widths, settings.noises)
    )
    rates, widths, noises = (
        np.array(column) for column in zip(*combinations, strict=True)
    )
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, NUM_CLASSES, (len(noises), len(data.y)))
    labels = np.where(rng.random(drawn.shape) < noises[:, None], drawn, data.y)
    keys = jax.random.split(jax.random.key(1), len(rates))
    ensemble = Network(
        jax.vmap(lambda key: new(key, depth))(keys),
        jnp.asarray(np.arange(WIDTH) < widths[:, None], jnp.float32),
        jnp.asarray(rates, jnp.float32),
    )
    ensemble, accuracy = train(
        ensemble,
        labels,
        data,
        optax.scale_by_adam(),
        depth=depth,
        num_epochs=settings.num_epochs,
        title="rates, widths, noises",
    )
    chosen = balanced(data.first_y, settings.points_per_class)
    images = jnp.asarray(data.first_x[chosen]), jnp.asarray(data.first_y[chosen])
    measured = measure(
        ensemble, jnp.asarray(labels), jnp.asarray(data.x), images, depth=depth
    )
    return Predictors(*map(np.asarray, measured), accuracy[-1], noises)


class Correlation(NamedTuple):
    """A rank correlation and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def spearman(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
    """Rank correlations, of many draws at once."""
    one, other = (
        stats.zscore(stats.rankdata(x, axis=axis), axis) for x in (one, other)
    )
    return np.mean(one * other, axis)


def with_interval(
    statistic: Callable[..., np.ndarray], *columns: np.ndarray
) -> Correlation:
    """A statistic, with an interval by networks drawn again with replacement."""
    interval = stats.bootstrap(
        columns,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Correlation(float(statistic(*columns)), *map(float, interval))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> Correlation:
    """Spearman's, with its interval."""
    return with_interval(spearman, one, other)


def advantage(found: Predictors) -> Correlation:
    """How much more strongly information ranks accuracies than training loss does."""
    return with_interval(
        lambda information, loss, accuracy, axis=-1: (
            spearman(information, accuracy, axis) - abs(spearman(loss, accuracy, axis))
        ),
        found.information,
        found.training_loss,
        found.accuracy,
    )


PREDICTORS = {
    "information": "information with held-out labels by DSMI (bit)",
    "entropy": "entropy by DSE (bit)",
    "training_loss": "training loss (nat)",
}


def correlations(found: Predictors) -> dict[str, Correlation]:
    """With the accuracy, of each predictor."""
    return {
        name: rank_correlation(getattr(found, name), found.accuracy)
        for name in PREDICTORS
    }


def in_bits(value: Any) -> np.ndarray:
    """From nats, as NumPy."""
    return np.asarray(measures.nats_to_bits(value))


def report(begun: Starts, found: Predictors) -> None:
    """Print both studies in words."""
    early, late = begun.accuracy[len(begun.accuracy) // 6], begun.accuracy[-1]
    print("\nNetworks that start at given entropies of their last layer:")
    print("  entropy, bits   accuracy early    accuracy at the end, mean ± std")
    for i, entropy in enumerate(in_bits(begun.entropy).mean(axis=1)):
        print(
            f"  {entropy:8.2f}        {early[i].mean():.1%} ± {early[i].std():.1%}"
            f"     {late[i].mean():.1%} ± {late[i].std():.1%}"
        )
    best = int(np.argmax(late.mean(axis=1)))
    print(
        f"  Best at the end: those that start at "
        f"{in_bits(begun.entropy)[best].mean():.2f} bits."
    )
    number = len(found.accuracy)
    print(
        f"\n{number} networks of different rate, width and label noise, accuracies "
        f"{found.accuracy.min():.1%} to {found.accuracy.max():.1%}.\n"
        "  rank correlation with held-out accuracy, 95 % interval:"
    )
    for name, one in correlations(found).items():
        print(
            f"  {name.replace('_', ' '):14s} {one.value:+.2f}  "
            f"[{one.low:+.2f}, {one.high:+.2f}]"
        )
    more = advantage(found)
    print(
        f"  information beyond training loss, in strength {more.value:+.2f}  "
        f"[{more.low:+.2f}, {more.high:+.2f}]"
    )
    print("  within each share of noise, where the labels no longer tell it:")
    for noise in np.unique(found.noise):
        part = found.noise == noise
        of_part = Predictors(*(field[part] for field in found))
        cells = [
            f"{name.replace('_', ' ')} {one.value:+.2f}"
            for name, one in correlations(of_part).items()
        ]
        print(f"  noise {noise:.1f}: " + ", ".join(cells))


def save(output: pathlib.Path, begun: Starts, found: Predictors) -> None:
    """Write figures and numbers."""
    from matplotlib import pyplot as plt

    output.mkdir(parents=True, exist_ok=True)
    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    entropy = in_bits(begun.entropy)
    epochs = len(begun.accuracy)
    for epoch, colour in ((epochs // 6, "tab:orange"), (epochs - 1, "tab:blue")):
        accuracy = begun.accuracy[epoch]
        ax.plot(entropy, accuracy, ".", color=colour, alpha=0.4)
        ax.plot(
            entropy.mean(1),
            accuracy.mean(1),
            "o-",
            color=colour,
            label=f"after {epoch + 1} epochs, mean of {entropy.shape[1]} seeds",
        )
    ax.set_xlabel("entropy of the last hidden layer before training by DSE (bit)")
    ax.set_ylabel("held-out accuracy")
    ax.legend()
    figure.savefig(output / "initialisation.png", dpi=150)

    figure, axes = plt.subplots(
        1, 3, figsize=(12, 4.2), sharey=True, layout="constrained"
    )
    for ax, (name, one) in zip(axes, correlations(found).items(), strict=True):
        values = getattr(found, name)
        values = values if name == "training_loss" else in_bits(values)
        for noise, marker in zip(np.unique(found.noise), "os^", strict=False):
            part = found.noise == noise
            ax.plot(
                values[part],
                found.accuracy[part],
                marker,
                alpha=0.7,
                label=f"{noise:.0%} of training labels random",
            )
        ax.set_xlabel(PREDICTORS[name])
        ax.set_title(
            f"rank correlation {one.value:+.2f} [{one.low:+.2f}, {one.high:+.2f}]",
            fontsize="medium",
        )
    axes[0].set_ylabel("held-out accuracy")
    axes[0].legend(fontsize="small")
    figure.savefig(output / "prediction.png", dpi=150)
    np.savez(
        output / "networks.npz",
        **{f"start_{k}": v for k, v in begun._asdict().items()},
        **{f"trained_{k}": v for k, v in found._asdict().items()},
    )


def run(settings: Settings, output: pathlib.Path | None) -> None:
    """Train, measure, report."""
    began = time.perf_counter()
    data = digits()
    begun = starts(data, settings)
    found = predictors(data, settings)
    report(begun, found)
    print(f"\n{time.perf_counter() - began:.0f} s in all.")
    if output is not None:
        save(output, begun, found)


def main(argv: list[str] | None = None) -> None:
    """Run both studies."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    run(QUICK if arguments.quick else Settings(), arguments.output)


if __name__ == "__main__":
    main()
