"""Speed of transfer entropy, neighbours and planes against pyinform and infomeasure.

    python benchmarks/bench_transfer_entropy.py [--quick] [--only NAME] [--json FILE]
        [--markdown FILE]

Install the other packages with ``pip install pyinform==0.2.0 infomeasure==0.6.3``; if
one is missing, its comparisons are left out.
"""

import functools
import importlib.util
from typing import Any

import harness
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax
from flax import nnx

from jaxinfo import information_plane, neighbors, transfer_entropy

Array = npt.NDArray[Any]


def is_installed(package: str) -> bool:
    """Whether a peer can be imported."""
    return importlib.util.find_spec(package) is not None


def layers(t: int, m: int) -> tuple[Array, Array]:
    """Two binary layers, each target a noisy copy of a source one step before."""
    rng = np.random.default_rng(0)
    sources = rng.integers(0, 2, (t, m))
    flips = rng.random((t, m)) < 0.2
    return sources, np.roll(sources, 1, axis=0) ^ flips


def peer_values(sources: Array, targets: Array, pairs: list[tuple[int, int]]) -> Array:
    """Transfer entropy of some pairs by pyinform, in nats."""
    import pyinform

    columns = [
        (np.ascontiguousarray(sources[:, i]), np.ascontiguousarray(targets[:, j]))
        for i, j in pairs
    ]
    bits = [pyinform.transfer_entropy(x, y, k=1) for x, y in columns]
    return np.array(bits) * np.log(2)


def bench_pairs(quick: bool) -> list[harness.Row]:
    """All pairs of two binary layers."""
    if not is_installed("pyinform"):
        return []
    t, m, sample = (500, 8, 8) if quick else (5000, 128, 64)
    sources, targets = layers(t, m)
    some = [(k % m, (7 * k) % m) for k in range(sample)]
    ours = harness.compiled(
        "pairwise",
        functools.partial(transfer_entropy.pairwise, num_symbols=2),
        *(jnp.asarray(one) for one in (sources, targets)),
        dtype="float32",
    )
    peer = harness.Side(
        "pyinform, pair by pair",
        functools.partial(peer_values, sources, targets, some),
        "float64",
        share=sample / m**2,
    )
    measured = harness.measure([ours, peer], repeats=7)
    task, shapes = "transfer entropy of all pairs", f"{m} x {m}, T = {t}, binary"
    actual = np.asarray(measured["pairwise"].result)[tuple(np.transpose(some))]
    return [
        harness.ratio(
            task,
            measured[peer.name],
            measured[ours.name],
            shapes=shapes,
            difference=harness.largest_difference(actual, measured[peer.name].result),
            tolerance=1e-5,
            at_least=None if quick else 100,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


def bench_neighbors(quick: bool) -> list[harness.Row]:
    """Conditional information by nearest neighbours."""
    if not is_installed("infomeasure"):
        return []
    import infomeasure

    n = 300 if quick else 4000
    rng = np.random.default_rng(0)
    z = rng.normal(size=n)
    x = z + rng.normal(size=n)
    y = z + x + rng.normal(size=n)
    ours = harness.compiled(
        "conditional_mutual_information",
        neighbors.conditional_mutual_information,
        *(jnp.asarray(one[:, None], jnp.float32) for one in (x, y, z)),
        dtype="float32",
    )
    peer = harness.Side(
        "infomeasure",
        lambda: infomeasure.conditional_mutual_information(
            x, y, cond=z, approach="ksg", k=4, noise_level=0
        ),
        "float64",
    )
    measured = harness.measure([ours, peer], repeats=9)
    task, shapes = "conditional information by neighbours", f"n = {n}, K = 4"
    return [
        harness.ratio(
            task,
            measured[peer.name],
            measured[ours.name],
            shapes=shapes,
            difference=abs(
                float(measured[ours.name].result) - measured[peer.name].result
            ),
            # Rounding of the data to single precision moves some neighbours.
            tolerance=1e-3,
            at_least=None if quick else 3,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


class Network(nnx.Module):
    """Fully connected layers, as of a classifier of images of digits."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first = nnx.Linear(64, 128, rngs=rngs)
        self.second = nnx.Linear(128, 64, rngs=rngs)
        self.third = nnx.Linear(64, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits."""
        return self.third(jnp.tanh(self.second(jnp.tanh(self.first(x)))))


def bench_step(quick: bool) -> list[harness.Row]:
    """A training step that captures probes and counts, beside the bare step."""
    batch, probes = (32, 16) if quick else (256, 256)
    rng = np.random.default_rng(0)
    x, probe = (
        jnp.asarray(rng.normal(size=(number, 64)), jnp.float32)
        for number in (batch, probes)
    )
    labels = jnp.asarray(rng.integers(0, 10, batch))
    graph, parameters = nnx.split(Network(nnx.Rngs(0)))
    optimizer = optax.adam(1e-3)
    stream = transfer_entropy.stream_init(
        num_sources=64, num_targets=10, num_symbols=2, num_replications=probes
    )

    def bare(parameters: Any, moments: Any) -> Any:
        def loss_fn(parameters: Any) -> jax.Array:
            logits = nnx.merge(graph, parameters)(x)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return jnp.mean(losses)

        loss, slopes = jax.value_and_grad(loss_fn)(parameters)
        updates, moments = optimizer.update(slopes, moments)
        return optax.apply_updates(parameters, updates), moments, loss

    def watched(parameters: Any, moments: Any, stream: Any) -> Any:
        model = nnx.merge(graph, parameters)
        hidden = information_plane.capture(model, probe)
        stream = transfer_entropy.stream_update(
            stream, hidden["second"][None] > 0, hidden["output"][None] > 0
        )
        return *bare(parameters, moments), stream

    moments = optimizer.init(parameters)
    sides = [
        harness.compiled(
            "with capture and counts",
            watched,
            parameters,
            moments,
            stream,
            dtype="float32",
        ),
        harness.compiled("bare step", bare, parameters, moments, dtype="float32"),
    ]
    measured = harness.measure(sides, repeats=15)
    task = "a training step"
    shapes = f"batch {batch}, {probes} probes, 64 x 10 pairs"
    return [
        harness.ratio(
            task,
            measured[sides[0].name],
            measured[sides[1].name],
            shapes=shapes,
            difference=abs(
                float(measured[sides[0].name].result[2])
                - float(measured[sides[1].name].result[2])
            ),
            tolerance=1e-5,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


BENCHMARKS = {"pairs": bench_pairs, "neighbors": bench_neighbors, "step": bench_step}

if __name__ == "__main__":
    with jax.numpy_dtype_promotion("standard"):
        harness.main(__doc__.splitlines()[0], BENCHMARKS)
