"""Reference numbers of the estimates by nearest neighbours."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import neighbors
from tests.helpers import assert_close, load, load_json

SERIES = load("transfer_entropy", "series")
VALUES = load_json("transfer_entropy", "values")["neighbors"]
SAMPLES = [SERIES[name] for name in ("mi_x", "mi_y", "mi_z")]


def by_options(kind):
    """Options and values of one estimate, from names as ``algorithm1_k4``."""
    for name, value in VALUES[kind].items():
        algorithm = re.search(r"algorithm(\d)", name)
        options = {"num_neighbors": int(re.search(r"k(\d+)", name)[1])}
        yield options | ({"algorithm": int(algorithm[1])} if algorithm else {}), value


@pytest.mark.parametrize(
    ("kind", "fn", "number", "single"),
    [
        ("mutual_information(mi_x, mi_y)", neighbors.mutual_information, 2, 2e-3),
        (
            "conditional_mutual_information(mi_x, mi_y, mi_z)",
            neighbors.conditional_mutual_information,
            3,
            2e-3,
        ),
        ("entropy(mi_x)", neighbors.entropy, 1, 2e-4),
    ],
)
def test_estimates(dtype, kind, fn, number, single):
    # Data are rounded in single precision, which moves single neighbours.
    bound = single if dtype == jnp.float32 else 1e-10
    samples = [jnp.asarray(x, dtype) for x in SAMPLES[:number]]
    everything = list(by_options(kind))
    if dtype == jnp.float32:
        # Of either algorithm one is enough, as each compiles.
        everything = [one for one in everything if one[0]["num_neighbors"] == 4]

    @jax.jit
    def estimates(*samples):
        return [fn(*samples, **options) for options, _ in everything]

    for actual, (_, expected) in zip(estimates(*samples), everything, strict=True):
        assert_close(actual, expected, tolerance=bound)


def test_entropy_of_a_scalar(x64):
    for options, expected in by_options("entropy(mi_z)"):
        actual = neighbors.entropy(SAMPLES[2], **options)
        assert_close(actual, expected, tolerance=1e-10)


def test_local_values(x64):
    actual = neighbors.local_conditional_mutual_information(*SAMPLES)
    assert_close(actual, SERIES["mi_local_conditional_k4_nats"], tolerance=1e-10)


def test_classes(dtype):
    (kind,) = (name for name in VALUES if name.startswith("class_"))
    x = jnp.asarray(SERIES["plane_inputs"][:, :1], dtype)
    estimate = functools.partial(
        neighbors.class_mutual_information, x, SERIES["plane_labels"], num_classes=2
    )
    for options, expected in by_options(kind):
        bound = 1e-3 if dtype == jnp.float32 else 1e-10
        assert_close(estimate(**options), expected, tolerance=bound)


def test_estimates_are_of_the_scale_of_a_gaussian_s(x64):
    gaussian = VALUES["gaussian_mutual_information(mi_x, mi_y)"]
    estimate = neighbors.mutual_information(*SAMPLES[:2])
    assert np.abs(estimate - gaussian) < 0.2
