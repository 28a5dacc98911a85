"""Pieces of the study of disentanglement; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import disentanglement


@pytest.fixture(scope="module")
def rendered(example):
    return example.sprites()


def test_every_combination_of_factors_has_an_image_of_its_own(rendered):
    images, factors = rendered
    assert images.shape == (1296, 16, 16)
    assert len(np.unique(factors, axis=0)) == 1296
    assert len(np.unique(images.reshape(1296, -1), axis=0)) == 1296
    assert images.min() == 0
    assert images.max() == pytest.approx(0.8)


def test_factors_are_what_they_are_called(example, rendered):
    images, factors = rendered
    pixels = np.arange(16)
    mass = images.sum(axis=(1, 2))
    across = (images.sum(axis=1) @ pixels) / mass
    down = (images.sum(axis=2) @ pixels) / mass
    area = (images > 0).sum(axis=(1, 2))
    brightest = images.max(axis=(1, 2))
    quantities = {"column": across, "row": down, "scale": area, "shade": brightest}
    for name, quantity in quantities.items():
        k = example.FACTORS.index(name)
        means = [quantity[factors[:, k] == v].mean() for v in range(example.COUNTS[k])]
        assert np.all(np.diff(means) > 0)


def test_perfect_code_has_levels_of_variance_one_and_a_latent_of_nothing(
    example, rendered
):
    _, factors = rendered
    means, log_variances = example.perfect_code(factors)
    assert means.shape == log_variances.shape == (1296, example.LATENTS)
    np.testing.assert_allclose(means[:, :5].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(means[:, :5].std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(log_variances[:, :5]), example.NOISE_VARIANCE)
    assert not means[:, 5].any()
    assert not log_variances[:, 5].any()


@pytest.fixture(scope="module")
def attacked(example, rendered):
    """The perfect code twice, without and with attack."""
    _, factors = rendered
    with jax.numpy_dtype_promotion("standard"):
        posteriors = (jnp.stack([x] * 2) for x in example.perfect_code(factors))
        return example.evaluate(
            jax.random.key(0), tuple(posteriors), factors, (0.0, 2.0)
        )


def test_scores_of_the_perfect_code_are_the_exact_ones(example, attacked):
    exact = example.exact_scores(np.array([0.0, 2.0]))
    assert np.all(np.abs(attacked.score - exact[:, None]) < 5 * attacked.standard_error)
    assert np.all(attacked.standard_error < 0.01)
    # MIG misses most of what the attack does.
    assert np.all(attacked.score[1] < 0.45 * attacked.score[0])
    assert np.all(attacked.gap[1] > 0.75 * attacked.gap[0])


def test_parts_make_up_what_all_latents_tell(example, attacked):
    result = jax.tree.map(lambda x: x[1], attacked)
    parts = example.parts_of(result)
    information = result.information
    told = information.joint / information.factor_entropies
    np.testing.assert_allclose(sum(parts), told, atol=1e-5)
    unique, redundant = parts.unique, parts.redundant
    single = np.take_along_axis(information.single, result.latents[:, None], axis=1)[
        :, 0
    ]
    np.testing.assert_allclose(
        unique + parts.open_own + redundant,
        single / information.factor_entropies,
        atol=1e-5,
    )


def scores_of(example, score, gap):
    """A study of two betas and the perfect code that has these scores."""
    nothing = dict.fromkeys(disentanglement.UniBound._fields)
    result = disentanglement.UniBound(**nothing)._replace(score=score, gap=gap)
    return example.Study(
        ("beta = 0.1", "beta = 1", example.PERFECT),
        np.array([0.0, 2.0]),
        np.array([0.8, 0.32]),
        result,
    )


def test_the_claim_is_judged_by_shares_of_scores_above_nothing(example, capsys):
    score = np.array([[[0.0, 0.3], [0.4, 0.5], [0.8, 0.8]]] * 2)
    gap = np.array([[[0.4, 0.4], [0.4, 0.5], [0.8, 0.8]]] * 2)
    score[1] /= 2
    # One model loses as much of MIG.
    gap[1, 1, 1] = 0.25
    found = scores_of(example, score, gap)
    assert example.ordered(found) == [0, 1]
    example.report_claim(found)
    printed = capsys.readouterr().out
    assert "beta = 0.1    50% of UniBound, 100% of MIG" in printed
    assert "exact         40% of UniBound" in printed
    assert "Of 3 VAEs (of 4)" in printed
    assert "2 lose a larger share" in printed
    assert "beta = 1 is ahead of beta = 0.1" in printed
    assert "0.300 ± 0.158 of UniBound, not more than twice the error" in printed


def test_no_unibound_to_lose_is_said(example, capsys):
    score = np.zeros((2, 3, 2))
    found = scores_of(example, score, score + 0.1)
    example.report_claim(found)
    assert "none of UniBound" in capsys.readouterr().out


@pytest.mark.slow
def test_training_makes_latents_tell_about_the_data(example, key, rendered):
    images = jnp.asarray(rendered[0].reshape(1296, -1))
    means, log_variances = example.train(key, images, np.array([0.1, 100.0]), 400)
    assert means.shape == log_variances.shape == (2, 1296, example.LATENTS)
    rates = (means**2 + jnp.expm1(log_variances) - log_variances) / 2
    light, heavy = rates.sum(axis=2).mean(axis=1)
    assert light > 1
    assert heavy < 0.1
