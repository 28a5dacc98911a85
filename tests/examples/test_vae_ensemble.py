"""Pieces of the study of an ensemble; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint


@pytest.mark.parametrize("number", [4, 12])
def test_windows_cover_the_image_evenly(example, number):
    views = example.windows(14 * 14, number)
    assert views.shape == (number, 196)
    assert np.all(views.sum(axis=1) == 64)
    assert np.all(views.sum(axis=0) > 0)


def test_fragments_of_copies_are_found(example):
    rng = np.random.default_rng(0)
    sources = 2 * rng.normal(size=(2, 60))
    # Six models: both sources in either order, with noise, and a latent of nothing.
    means = np.zeros((6, 60, 3))
    for k in range(6):
        means[k, :, :2] = sources[[k % 2, 1 - k % 2]].T + 0.1 * rng.normal(size=(60, 2))
    digits = (sources[0] > 0).astype(int)
    found = example.find_fragments(
        jnp.asarray(means, jnp.float32), jnp.zeros((6, 60, 3)), digits, min_samples=4
    )
    assert len(found.keep) == 12
    assert found.clusters.labels.max() == 1
    for label in range(2):
        members = found.keep[found.clusters.labels == label]
        fragment = {(channel // 3 + channel % 3) % 2 for channel in members}
        assert len(fragment) == 1
    assert found.digit_nmi.max() > 3 * found.digit_nmi.min()


def test_consistency_weighs_pairs_and_averages_runs(example):
    value = fingerprint.Comparison(
        information_u=jnp.array([1.0, 1.0]),
        information_v=jnp.array([2.0, 3.0]),
        mutual_information=jnp.zeros(2),
        nmi=jnp.array([0.5, 0.9]),
        vi=jnp.array([0.2, 0.4]),
    )
    errors = jax.tree.map(lambda _: jnp.array([0.1, 0.2]), value)
    cell = example.summarise(fingerprint.MonteCarloComparison(value, errors))
    assert cell.information == pytest.approx(1.75)
    assert cell.nmi == pytest.approx((0.5 / 0.01 + 0.9 / 0.04) / (1 / 0.01 + 1 / 0.04))
    weak = value._replace(information_u=jnp.zeros(2), information_v=jnp.zeros(2))
    cell = example.summarise(fingerprint.MonteCarloComparison(weak, errors))
    assert np.isnan(cell.nmi)


def test_neighbours_give_the_digit_of_the_nearest_training_point(example):
    latents = np.array([[0.0], [10.0], [0.1], [9.0], [6.0]])
    digits = np.array([3, 7, 3, 7, 3])
    assert example.neighbour_accuracy(latents, digits, 2) == pytest.approx(2 / 3)


def test_fusion_is_judged_beside_untrained_and_joint_spaces(example):
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.random((30, 16)), jnp.float32)
    weak = [jnp.asarray(rng.normal(size=(3, 30, 1)), jnp.float32)] * 2
    fused = example.fuse_weak(weak, images, rng.integers(0, 2, 30), 15, 5)
    assert fused.similarity.shape == (6, 3)
    assert fused.information.shape == fused.accuracy.shape == (6,)
    np.testing.assert_allclose(np.diag(fused.similarity), np.ones(3), rtol=1e-5)
    # The joint space tells at least what each learner does.
    assert fused.information[-1] >= fused.information[:3].max()
