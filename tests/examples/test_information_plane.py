"""Pieces of the study of planes and transfer; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxinfo import information_plane


def test_labels_of_bits_are_balanced_and_rotations_leave_them_alone(example):
    problem = example.twelve_bits(4096, (4,))
    labels = {
        tuple(x): y for x, y in zip(problem.probes, problem.probe_labels, strict=True)
    }
    assert len(labels) == 4096
    assert abs(np.mean(problem.probe_labels) - 0.5) < 0.01
    for shift in (1, 5):
        turned = np.roll(problem.probes, shift, axis=1)
        same = [
            labels[tuple(x)] == y
            for x, y in zip(turned, problem.probe_labels, strict=True)
        ]
        # Patterns whose score is the median round either way.
        assert np.mean(same) > 0.99


def test_no_digit_is_both_probe_and_trained_on(example):
    problem = example.digits(300, (4,))
    together = np.concatenate([problem.x, problem.probes])
    assert len(np.unique(together, axis=0)) == len(together) == 1797


def test_layers_are_captured_after_their_activation(example):
    problem = example.digits(50, (6, 4))
    model = example.Network(problem, nnx.Rngs(0))
    layers = example.layers_of(model, jnp.asarray(problem.probes))
    assert list(layers) == ["hidden.0", "hidden.1", "output"]
    first = jnp.tanh(model.hidden[0](problem.probes))
    np.testing.assert_allclose(layers["hidden.0"], first, rtol=1e-6)
    second = jnp.tanh(model.hidden[1](first))
    np.testing.assert_allclose(layers["hidden.1"], second, rtol=1e-5, atol=1e-6)


def test_transfer_is_above_its_null_where_there_is_some(example):
    rng = np.random.default_rng(0)
    source = rng.integers(0, 2, (30, 60, 3)) > 0
    passed_on = np.roll(source, 1, axis=0)
    settings = example.QUICK._replace(window=20, stride=10, num_surrogates=100)
    found = example.transfer(
        [source, passed_on, rng.random(source.shape) > 0.5], 29, settings
    )
    np.testing.assert_allclose(found.centres, [9.5, 19.5])
    # A third of the pairs are copies: a bit each.
    np.testing.assert_allclose(found.value[:, 0], 1 / 3, atol=0.02)
    # All copies are significant, and hardly any other pair.
    assert np.all(found.share[:, 0] >= 1 / 3 - 1e-6)
    assert np.all(found.share[:, 1] <= 2 / 9)
    assert np.all(found.null < 0.01)


def test_planes_are_of_the_probes(example, key):
    problem = example.digits(60, (4,))
    x = jnp.tanh(jax.random.normal(key, (60, 4)))
    planes = example.planes_of(x, problem, (jnp.ones(()), jnp.ones(())))
    assert set(planes) == set(example.ESTIMATORS)
    bound = information_plane.kde_bounds(
        x, problem.probe_labels, num_classes=10, noise_variance=0.1
    ).upper
    np.testing.assert_allclose(
        planes["kde_bounds"].information_x, bound.information_x, rtol=1e-5
    )
