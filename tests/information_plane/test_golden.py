"""Reference numbers of coordinates in the information plane."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import information_plane
from tests.helpers import assert_close, load, load_json

SERIES = load("transfer_entropy", "series")
VALUES = load_json("transfer_entropy", "values")["information_plane"]
LAYERS = sorted(VALUES)
CLASSES = {"num_classes": 2}


def read(layer, dtype):
    return jnp.asarray(SERIES[layer], dtype), SERIES["plane_labels"]


def assert_is(coordinates, expected, dtype, single=2e-5):
    for name, value in expected.items():
        if name.startswith("information_"):
            bound = single if dtype == jnp.float32 else 1e-10
            assert_close(getattr(coordinates, name), value, tolerance=bound)


@pytest.mark.parametrize("layer", LAYERS)
def test_cells(dtype, layer):
    x, labels = read(layer, dtype)
    numbers = VALUES[layer]
    for width, expected in numbers["binned"].items():
        actual = information_plane.binned(x, labels, bin_width=float(width), **CLASSES)
        assert_is(actual, expected, dtype)
    for kind, fn in (
        ("uniform_per_neuron", information_plane.uniform_binned),
        ("equal_mass_per_neuron", information_plane.quantile_binned),
    ):
        for number, expected in numbers[kind].items():
            actual = fn(x, labels, num_bins=int(number), **CLASSES)
            assert_is(actual, expected, dtype)
    for number, expected in numbers["adaptive_binned"].items():
        actual = information_plane.adaptive_binned(
            x, labels, num_bins=int(number), low=expected["low"], **CLASSES
        )
        assert_is(actual, expected, dtype)
    for number, expected in numbers["quantized_per_layer"].items():
        levels = information_plane.quantize(x, num_bits=int(number))
        assert_is(information_plane.exact(levels, labels, **CLASSES), expected, dtype)
    if "linspace_30_edges" in numbers:
        edges = jnp.linspace(-1, 1, 30, dtype=dtype)[:, None] * jnp.ones((1, 3), dtype)
        actual = information_plane.edge_binned(x, labels, edges, **CLASSES)
        assert_is(actual, numbers["linspace_30_edges"], dtype)


@pytest.mark.parametrize("layer", LAYERS)
def test_bounds(dtype, layer):
    x, labels = read(layer, dtype)
    bound = 1e-5 if dtype == jnp.float32 else 1e-10
    for variance, expected in VALUES[layer]["kde_bounds"].items():
        bounds = information_plane.kde_bounds(
            x, labels, noise_variance=float(variance), **CLASSES
        )
        for side in ("lower", "upper"):
            coordinates = getattr(bounds, side)
            for axis in ("x", "y"):
                actual = getattr(coordinates, f"information_{axis}")
                assert_close(actual, expected[f"{side}_{axis}"], tolerance=bound)


def test_renyi(dtype):
    x, labels = read("plane_tanh", dtype)
    inputs = jnp.asarray(SERIES["plane_inputs"], dtype)
    for order, expected in VALUES["plane_tanh"]["renyi"].items():
        actual = information_plane.renyi(
            inputs,
            x,
            labels,
            input_bandwidth=1.0,
            bandwidth=1.0,
            order=float(order),
            **CLASSES,
        )
        assert_is(actual, expected, dtype, single=3e-4)


def test_noise_lies_between_its_bounds(key):
    x, labels = read("plane_tanh", jnp.float32)
    for variance in (1e-3, 0.1):
        options = CLASSES | {"noise_variance": variance}
        lower, upper = information_plane.kde_bounds(x, labels, **options)
        between = information_plane.noisy(key, x, labels, num_samples=12_000, **options)
        assert lower.information_x < between.information_x < upper.information_x
        assert upper.information_x <= np.log(len(x))
