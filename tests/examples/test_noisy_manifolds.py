"""Pieces of the example of noisy manifolds; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.helpers import assert_close


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def distances(x):
    return np.linalg.norm(x[:, None] - x[None], axis=2)


def test_points_lie_on_their_manifolds(example, rng):
    assert_close(np.linalg.norm(example.sphere(rng, 9, 3), axis=1), 1.0)
    circles = example.torus(rng, 9, 3).reshape(9, 2, 3)
    assert_close(np.hypot(circles[:, 0], circles[:, 1]), 3**-0.5)
    # On a branch of a tree, one coordinate is not whole.
    branches = example.tree(rng, 200, 3)
    assert ((branches % 1 != 0).sum(axis=1) == 1).all()
    assert branches.shape == (200, 3)


def test_a_tree_hangs_together(example, rng):
    x = example.tree(rng, 2000, 4)
    from scipy.sparse.csgraph import connected_components

    assert connected_components(distances(x) < 0.1)[0] == 1


def test_turning_keeps_distances_and_noise_has_the_length_it_says(example, rng):
    x = rng.normal(size=(300, 2))
    turned = example.rotated(np.random.default_rng(1), x, 0.0)
    assert turned.shape == (300, example.AMBIENT)
    size = np.sqrt(np.mean(np.sum((x - x.mean(axis=0)) ** 2, axis=1)))
    np.testing.assert_allclose(distances(turned), distances(x) / size, atol=1e-5)
    noisy = example.rotated(np.random.default_rng(1), x, 2.0)
    length = np.sqrt(np.mean(np.sum((noisy - turned) ** 2, axis=1)))
    assert length == pytest.approx(2, rel=0.03)


def test_the_truth_of_labels_is_that_of_the_noisy_channel(example, rng):
    strength, number = 0.5, example.NUM_CLUSTERS
    truth = example.label_pairs(rng, 10, strength, 0.0).truth
    right = strength + (1 - strength) / number
    wrong = (1 - strength) / number
    entropy = -right * np.log(right) - (number - 1) * wrong * np.log(wrong)
    assert truth == pytest.approx(np.log(number) - entropy, abs=0.02)
    assert example.label_pairs(rng, 10, 0.0, 1.0).truth == pytest.approx(0, abs=1e-6)


def test_the_truth_of_signals_is_that_of_gaussians(example):
    noise, strength = 2.0, 0.9
    pairs = example.signal_pairs(np.random.default_rng(0), 4000, strength, noise)
    both = np.cov(np.concatenate([pairs.x, pairs.y], axis=1).T)
    sizes = [
        np.linalg.slogdet(block)[1] for block in (both[:24, :24], both[24:, 24:], both)
    ]
    found = (sizes[0] + sizes[1] - sizes[2]) / 2
    assert pairs.truth == pytest.approx(found, abs=0.03)
    clean = example.signal_pairs(np.random.default_rng(0), 50, strength, 0.0)
    assert clean.truth == pytest.approx(-np.log(1 - strength**2))


def test_what_is_constant_or_unknown_does_not_rise(example):
    values = np.array([[1.0, 2, 3], [3, 2, 1], [1, 1, 1], [1, np.nan, 3]])
    assert_close(example.correlations(values, (1, 2, 3)), [1.0, -1.0, 0.0, 0.0])


def test_a_critic_finds_what_pairs_share_and_nothing_where_they_do_not(example, key):
    x = jax.random.normal(key, (400, 1))
    noise = jax.random.normal(jax.random.key(5), (400, 1))
    found = jax.jit(lambda x, y: example.neural_information(x, y, num_steps=200)[0])
    assert 0.5 < found(x, x + 0.3 * noise) < 1.5
    assert abs(found(x, noise)) < 0.1


def test_the_critics_bound_is_that_of_donsker_and_varadhan(example, key):
    from flax import nnx

    critic = example.Critic(2, rngs=nnx.Rngs(0))
    x = jax.random.normal(key, (5, 1))
    apart = jax.random.permutation(key, x)
    expected = critic(x, x).mean() - jnp.log(jnp.mean(jnp.exp(critic(x, apart))))
    assert_close(critic.bound(key, x, x), expected)
