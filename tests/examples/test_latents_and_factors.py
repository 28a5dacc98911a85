"""Pieces of the study of latents and factors; the whole of it runs in CI."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx


@pytest.fixture(scope="module")
def rendered(example):
    return example.sprites()


def test_every_combination_of_factors_has_an_image_of_its_own(rendered):
    images, factors = rendered
    assert images.shape == (9216, 32, 32)
    assert len(np.unique(factors, axis=0)) == 9216
    assert len(np.unique(images.reshape(9216, -1), axis=0)) == 9216
    assert images.min() == 0
    assert images.max() == 1


def test_factors_are_what_they_are_called(example, rendered):
    images, factors = rendered
    pixels = np.arange(32)
    mass = images.sum(axis=(1, 2))
    across = (images.sum(axis=1) @ pixels) / mass
    down = (images.sum(axis=2) @ pixels) / mass
    for quantity, name in ((across, "column"), (down, "row"), (mass, "scale")):
        column = example.FACTORS.index(name)
        number = example.COUNTS[column]
        means = [quantity[factors[:, column] == k].mean() for k in range(number)]
        assert np.all(np.diff(means) > 0)


def test_a_latent_is_described_by_what_exceeds_its_error(example):
    mean = np.array([0.01, 0.9, 0.03, 0.0, 1.5])
    std = np.array([0.001, 0.05, 0.02, 0.0, 0.1])
    assert example.describe(mean, std) == "row 1.50 ± 0.10, scale 0.90 ± 0.05"
    assert example.describe(0 * mean, std) == "nothing"


def test_the_rate_is_the_divergence_from_the_prior(example):
    means, log_variances = jnp.array([[0.0, 1.0]]), jnp.log(jnp.array([[1.0, 4.0]]))
    expected = [[0.0, (1 + 4 - 1 - np.log(4)) / 2]]
    np.testing.assert_allclose(example.rate(means, log_variances), expected, rtol=1e-6)


@pytest.mark.slow
def test_latents_that_are_factors_are_recognised(example, key):
    class Copy:
        """An encoder whose first latents are the first two factors, nearly exact."""

        def encode(self, images):
            means = jnp.pad(images[:, :2], ((0, 0), (0, example.LATENTS - 2)))
            return means, jnp.full_like(means, -8.0).at[:, 2:].set(0.0)

    rng = np.random.default_rng(0)
    factors = np.stack([rng.integers(0, n, 400) for n in example.COUNTS], axis=1)
    settings = example.Settings(1.0, 0, **example.QUICK)
    study = example.measure(
        key, Copy(), jnp.asarray(factors, jnp.float32), factors, settings
    )
    mean, std = (
        example.in_bits(x) for x in (study.matrix.value, study.matrix.standard_error)
    )
    assert mean.shape == (example.LATENTS, 5)
    assert mean[0, 0] == pytest.approx(np.log2(3), abs=0.02)
    assert mean[1, 1] == pytest.approx(2, abs=0.02)
    assert example.describe(mean[0], std[0]).startswith("shape")
    assert np.all(np.abs(mean[2:]) < 0.1)
    joint = example.in_bits(study.joint[0].value)
    assert joint == pytest.approx(np.log2(3), abs=0.1)


def test_training_lowers_the_loss(example, key, rendered):
    images = jnp.asarray(rendered[0][::90].reshape(-1, 32 * 32))

    def error(model):
        means, _ = model.encode(images)
        return float(jnp.mean((nnx.sigmoid(model.decoder(means)) - images) ** 2))

    untrained = example.VAE(images.shape[1], rngs=nnx.Rngs(key))
    settings = example.Settings(0.1, 0, num_steps=100)
    assert error(example.train(key, images, settings)) < error(untrained) / 2
