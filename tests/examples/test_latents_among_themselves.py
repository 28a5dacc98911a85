"""Pieces of the example of latents among themselves; the whole of it runs in CI."""

import numpy as np
import optax

from tests.helpers import assert_close


def test_spectra_are_lines_on_a_slope_with_the_noise_they_say(example):
    data = example.spectra(400)
    slope, depth, width, position = data.parameters.T[..., None]
    line = depth * np.exp(-(((data.wavelengths - position) / width) ** 2) / 2)
    left = data.flux - (1 + slope * data.wavelengths) * (1 - line)
    assert 0.97 < left.std() / example.NOISE < 1.03
    correlations = np.corrcoef(data.parameters.T) - np.eye(4)
    assert np.abs(correlations).max() < 0.15


def test_the_error_of_a_spectrum_is_in_units_of_the_noise(example):
    assert_close(example.squared_error(1 + 2 * example.NOISE, 1.0), 2.0, tolerance=1e-4)


def test_masked_latents_stay_at_what_they_are_drawn_from(example, key):
    """They are in neither loss, so that nothing moves what encodes them."""
    images = example.sprites()[0][:200]
    settings = example.QUICK._replace(num_steps=100)
    both = example.train(
        key,
        images,
        optax.sigmoid_binary_cross_entropy,
        np.ones(2),
        np.array([2, example.LATENTS]),
        settings,
    )
    assert both.means.shape == (2, 200, example.LATENTS)
    spread = np.asarray(both.means.std(axis=1))
    assert spread[0, :2].min() > spread[0, 2:].max()
    noise = (both.latents - both.means) * np.exp(-both.log_variances / 2)
    assert 0.9 < float(noise.std()) < 1.1


def test_sprites_have_every_combination_of_factors_once(example):
    images, factors = example.sprites()
    assert len(images) == np.prod(example.COUNTS) == len(np.unique(factors, axis=0))
    assert (factors.max(axis=0) + 1 == example.COUNTS).all()
