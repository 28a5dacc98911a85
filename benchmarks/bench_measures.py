"""Speed of comparing labels, against scikit-learn.

Run ``python benchmarks/bench_measures.py [--quick] [--json FILE] [--markdown FILE]``.
"""

import functools
import warnings

import harness
import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from jaxinfo import measures

Labels = npt.NDArray[np.int64]


def labellings(n: int, num_classes: int) -> tuple[Labels, Labels]:
    """Two labellings that agree on a fifth of the points and else by chance."""
    rng = np.random.default_rng(0)
    x, other = rng.integers(num_classes, size=(2, n))
    return x, np.where(rng.random(n) < 0.2, x, other)


def peer_comparison(x: Labels, y: Labels) -> tuple[float, float, float]:
    """Information, NMI and adjusted information by scikit-learn."""
    from sklearn import metrics

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so many classes look continuous
        return (
            metrics.mutual_info_score(x, y),
            metrics.normalized_mutual_info_score(x, y, average_method="geometric"),
            metrics.adjusted_mutual_info_score(x, y, average_method="geometric"),
        )


def labels(quick: bool) -> list[harness.Row]:
    """Two labellings of the same points, with what chance explains."""
    n, num_classes = (2000, 10) if quick else (1_000_000, 100)
    x, y = labellings(n, num_classes)

    def compare(x: jax.Array, y: jax.Array) -> tuple[jax.Array, ...]:
        result = measures.compare_labels(x, y, num_x=num_classes, num_y=num_classes)
        return result.mutual_information, result.nmi, result.adjusted_nmi

    sides = [
        harness.compiled(
            "compare_labels",
            compare,
            *(jnp.asarray(one, jnp.int32) for one in (x, y)),
            dtype="float32",
        ),
        harness.Side(
            "scikit-learn", functools.partial(peer_comparison, x, y), dtype="float64"
        ),
    ]
    measured = harness.measure(sides, repeats=3)
    ours, peer = measured.values()
    task, shapes = "comparison of labels", f"n={n}, {num_classes} x {num_classes}"
    return [
        harness.ratio(
            task,
            peer,
            ours,
            shapes=shapes,
            difference=harness.largest_difference(ours.result, peer.result),
            tolerance=1e-6,
            at_least=None if quick else 10,
        ),
        *harness.timings(task, measured, shapes=shapes),
    ]


BENCHMARKS = {"labels": labels}

if __name__ == "__main__":
    harness.main(__doc__.splitlines()[0], BENCHMARKS)
