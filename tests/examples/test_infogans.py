"""Pieces of the example of InfoGANs and VAEs; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxinfo import fingerprint
from tests.helpers import assert_close


def test_a_full_space_has_the_product_of_its_channels_overlaps(example, key):
    means = jax.random.normal(key, (2, 5, 3))
    log_variances = 0.5 * means[::-1]
    channels = example.channels_of((means, log_variances))
    assert channels.shape == (2, 3, 5, 5)
    whole = jax.vmap(fingerprint.gaussian_overlaps)(means, log_variances)
    assert_close(jnp.prod(channels, axis=1), whole)
    logits = jax.random.normal(key, (2, 5, 10))
    both = example.channels_of((logits, means, log_variances))
    assert_close(both[:, 1:], channels)
    assert_close(both[1, 0], fingerprint.categorical_overlaps(logits[1]))


def test_the_codes_of_an_infogan_come_apart_as_they_are_laid_out(example):
    model = example.InfoGAN(9, rngs=nnx.Rngs(0))
    logits, means, log_variances = model.infer(jnp.ones((4, 9)))
    assert logits.shape == (4, example.CLASSES)
    assert means.shape == log_variances.shape == (4, example.CONTINUOUS)


def test_each_network_of_an_infogan_descends_its_own_loss(example, key):
    """A critic that judges otherwise moves the generator, and not the inference."""
    model = example.InfoGAN(9, rngs=nnx.Rngs(0))
    x = jax.random.uniform(key, (6, 9))
    slopes = nnx.grad(lambda model: model.loss(key, x))(model)
    inferred = jax.tree.leaves(slopes.inference)
    model.critic.out.kernel[...] = -model.critic.out.kernel[...]
    turned = nnx.grad(lambda model: model.loss(key, x))(model)
    for one, other in zip(inferred, jax.tree.leaves(turned.inference), strict=True):
        assert_close(one, other)
    kernels = slopes.generator.out.kernel[...], turned.generator.out.kernel[...]
    assert float(jnp.abs(kernels[0] - kernels[1]).max()) > 1e-4


def spaces(example, key, *, scale):
    means = scale * jax.random.normal(key, (3, 30, 2))
    return example.channels_of((means, jnp.zeros_like(means)))


def test_runs_that_are_alike_agree_and_others_do_not(example, key):
    vae = spaces(example, key, scale=4.0)
    same = jnp.stack([vae[0]] * 3)
    found = example.agree(same, vae)
    assert_close(found.mean[0], 1.0)
    assert_close(found.error[0], 0.0, tolerance=1e-6)
    assert found.mean[1] < 0.9
    assert found.error[1] > 0
    # Those that tell next to nothing are not compared.
    weak = example.agree(same, spaces(example, key, scale=0.01))
    assert np.isnan(weak.mean[1:]).all()
    assert np.isfinite(weak.mean[0])


def test_the_error_of_a_mean_over_pairs_is_that_of_the_runs(example):
    """Pairs that add up what each run has vary as twice the mean of runs."""
    runs = np.random.default_rng(0).normal(size=40)
    pairs = runs[:, None] + runs[None]
    np.fill_diagonal(pairs, np.nan)
    expected = 2 * runs.std(ddof=1) / 40**0.5
    assert example.error_of_mean(pairs, True) == pytest.approx(expected, rel=1e-6)
    of_two = runs[:20, None] + runs[None, 20:]
    parts = [part.std(ddof=1) / 20**0.5 for part in (runs[:20], runs[20:])]
    expected = np.hypot(*parts)
    assert example.error_of_mean(of_two, False) == pytest.approx(expected, rel=1e-6)


def test_sprites_are_of_all_shapes_and_lie_in_the_image(example):
    images, shapes = example.sprites(number=200)
    assert images.shape == (200, 196)
    assert set(shapes) == {0, 1, 2}
    assert images.min() == 0
    assert images.max() == 1
    assert images.reshape(200, 14, 14)[:, 0].max() < 1
