"""Pieces of the study of entropy for design; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest


def test_parts_of_the_data_do_not_overlap(example):
    data = example.digits()
    images = np.concatenate([data.x, data.first_x, data.second_x])
    assert len(images) == 1797
    assert len(np.unique(images, axis=0)) == 1797
    labels = np.concatenate([data.y, data.first_y, data.second_y])
    assert set(labels) == set(range(10))


def test_networks_start_at_the_entropy_asked_for(example, key):
    data = example.digits()
    x = jnp.asarray(data.first_x[:40])
    targets = jnp.array([0.2, 2.0, 3.5])
    parameters, entropy = example.at_entropies(
        jax.random.split(key, 3), targets, x, depth=2
    )
    np.testing.assert_allclose(entropy, targets, atol=0.01)
    sizes = jax.tree.map(lambda leaf: leaf.shape[0], parameters)
    assert set(jax.tree.leaves(sizes)) == {3}


def test_units_that_are_masked_change_nothing(example, key):
    data = example.digits()
    x, y = jnp.asarray(data.x[:20]), jnp.asarray(data.y[:20])
    mask = (jnp.arange(example.WIDTH) < 8).astype(float)
    network = example.Network(example.new(key, 2), mask, jnp.asarray(0.1))
    gradient = jax.grad(
        lambda p: example.loss_of(network._replace(parameters=p), x, y, 2)
    )(network.parameters)
    into_last = np.asarray(gradient.hidden[1].kernel[...])
    assert np.abs(into_last[:8, :8]).max() > 0
    assert (into_last[8:] == 0).all()
    assert (into_last[:, 8:] == 0).all()


def test_each_network_learns_its_own_labels_at_its_own_rate(example, key):
    data = example.digits()
    data = data._replace(x=data.x[:200], y=data.y[:200])
    parameters = jax.vmap(lambda key: example.new(key, 2))(jax.random.split(key, 3))
    ensemble = example.Network(
        parameters, jnp.ones((3, example.WIDTH)), jnp.array([3e-3, 0.0, 3e-3])
    )
    labels = np.stack([data.y, data.y, (data.y + 1) % 10])
    ensemble, accuracies = example.train(
        ensemble, labels, data, optax.scale_by_adam(), depth=2, num_epochs=15, title=""
    )
    assert accuracies.shape == (15, 3)
    assert accuracies[-1, 0] > 0.8
    assert accuracies[-1, 1] == accuracies[0, 1]
    assert accuracies[-1, 2] < 0.1


def test_rank_correlations_have_an_interval_around_them(example):
    rng = np.random.default_rng(0)
    x = rng.normal(size=48)
    same = example.rank_correlation(x, np.exp(x))
    assert same.value == pytest.approx(1)
    assert same.low == pytest.approx(1)
    noisy = example.rank_correlation(x, x + rng.normal(size=48))
    assert noisy.low < noisy.value < noisy.high < 1
    found = example.Predictors(x, x, x, -x, np.exp(x), x)
    assert example.advantage(found).value == pytest.approx(0)
    worse = found._replace(training_loss=rng.normal(size=48))
    assert example.advantage(worse).low > 0
    independent = example.rank_correlation(x, rng.normal(size=48))
    assert independent.low < 0 < independent.high
