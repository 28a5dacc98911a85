"""Quantisation, Monte Carlo, chance level, jackknife."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.fingerprint import spaces
from tests.helpers import (
    assert_all_finite,
    assert_close,
    assert_within_standard_errors,
    load,
)


def test_more_bins_tell_more(dtype):
    # Halving the number of bins merges neighbours: information cannot rise.
    means, log_variances = spaces.random_channels(5, 40, dtype)
    finest = fingerprint.channel_pairwise(means, log_variances, num_bins=512)
    for num_bins in (8, 32, 128):
        result = fingerprint.channel_pairwise(means, log_variances, num_bins=num_bins)
        assert jnp.all(result.information <= finest.information + 1e-5)
        assert jnp.all(result.mutual_information <= finest.mutual_information + 1e-5)
        assert jnp.all(result.information <= np.log(num_bins))


def test_quantised_information_of_separated_groups_is_exact(dtype):
    means = 100 * jnp.asarray([[0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]], dtype)
    result = fingerprint.channel_pairwise(means, 0 * means)
    assert_close(result.information, np.log([3, 2]), scale=10)
    assert_close(result.mutual_information[0, 1], 0.0, scale=10)
    assert_close(jnp.diagonal(result.nmi), np.ones(2))


def test_quantised_edges_are_finite(dtype):
    # Nothing, points at single places, far apart, and of deviations that differ much.
    means = jnp.asarray([[0.0] * 5, [0, 0, 0, 1e4, -1e4], [0, 1, 2, 3, 4]], dtype)
    log_variances = jnp.asarray([[0.0] * 5, [-30, 0, 20, 0, 0], [-60.0] * 5], dtype)
    result = fingerprint.channel_pairwise(means, log_variances)
    assert_all_finite(result)
    assert result.information[0] == 0
    assert jnp.all(result.nmi[0] == 0)
    for name in ("nmi", "vi"):
        gradient = jax.grad(
            lambda *args, name=name: jnp.sum(
                getattr(fingerprint.channel_pairwise(*args), name)
            ),
            argnums=(0, 1),
        )(means, log_variances)
        assert_all_finite(gradient)


def test_variation_of_exact_information_may_be_negative(dtype):
    # Where one space is sure the other is not, so two draws of one share least.
    means = jnp.asarray([[0.0, 1.0], [0.0, 1.0]], dtype)
    log_variances = jnp.asarray([[-2.0, 2.0], [2.0, -2.0]], dtype)
    result = fingerprint.channel_pairwise(means, log_variances, num_bins=128)
    assert -0.1 < result.vi[0, 1] < -0.05


def test_nan_spoils_its_own_quantised_channel_only(dtype):
    means, log_variances = spaces.random_channels(3, 10, dtype)
    result = fingerprint.channel_pairwise(means.at[1, 2].set(jnp.nan), log_variances)
    assert jnp.isnan(result.information[1])
    assert jnp.isfinite(result.nmi[0, 2])


def test_too_few_bins_are_named():
    with pytest.raises(ValueError, match="`num_bins` to be at least 2, got 1"):
        fingerprint.channel_pairwise(jnp.ones((1, 3)), jnp.ones((1, 3)), num_bins=1)


def two_spaces(dtype, n=60, seed=0):
    rng = np.random.default_rng(seed)
    u = 2 * rng.normal(size=(n, 2))
    v = u @ rng.normal(size=(2, 2)) + rng.normal(size=(n, 2))
    return [jnp.asarray(x, dtype) for x in (u, 0 * u, v, 0 * v - 0.5)]


def test_bounds_enclose_monte_carlo(dtype, key):
    posteriors = two_spaces(dtype)
    value, error = fingerprint.monte_carlo_compare(key, *posteriors, num_samples=20_000)
    for name, posterior in (("u", posteriors[:2]), ("v", posteriors[2:])):
        bounds = fingerprint.gaussian_information_bounds(*posterior)
        information = getattr(value, f"information_{name}")
        slack = 4.5 * getattr(error, f"information_{name}")
        assert bounds.lower - slack < information < bounds.upper + slack


def test_monte_carlo_agrees_with_quantisation(key):
    means, log_variances = spaces.random_channels(2, 50, jnp.float32)
    exact = fingerprint.channel_pairwise(means, log_variances, num_bins=512)
    arguments = [x[k, :, None] for k in (0, 1) for x in (means, log_variances)]
    value, error = fingerprint.monte_carlo_compare(key, *arguments, num_samples=40_000)
    expected = fingerprint.Comparison(
        exact.information[0],
        exact.information[1],
        exact.mutual_information[0, 1],
        exact.nmi[0, 1],
        exact.vi[0, 1],
    )
    assert_within_standard_errors(jnp.stack(value), jnp.stack(error), expected)


def test_monte_carlo_errors_cover(key):
    """One standard error holds the truth in about 68 % of runs."""
    posteriors = two_spaces(jnp.float32)
    estimate = functools.partial(
        fingerprint.monte_carlo_compare, num_samples=500, block_size=500
    )
    keys = jax.random.split(key, 200)
    value, error = jax.lax.map(lambda key: estimate(key, *posteriors), keys)
    truth = estimate_of_many(posteriors)
    for name in value._fields:
        gaps = jnp.abs(getattr(value, name) - getattr(truth, name))
        coverage = jnp.mean(gaps < getattr(error, name))
        assert 0.60 <= coverage <= 0.76, (name, coverage)


def estimate_of_many(posteriors):
    key = jax.random.key(99)
    value, _ = fingerprint.monte_carlo_compare(key, *posteriors, num_samples=400_000)
    return value


def test_common_samples_make_a_space_equal_to_itself(dtype, key):
    u, log_variances, *_ = two_spaces(dtype)
    value, error = fingerprint.monte_carlo_compare(
        key, u, log_variances, u, log_variances, num_samples=4000
    )
    assert abs(value.nmi - 1) < 4.5 * error.nmi
    assert abs(value.vi) < 4.5 * error.vi


def test_monte_carlo_does_not_depend_on_blocks_or_units(dtype, key):
    u, l_u, v, l_v = two_spaces(dtype, n=20)
    estimate = functools.partial(fingerprint.monte_carlo_compare, num_samples=100)
    plain = estimate(key, u, l_u, v, l_v, block_size=100)
    unit = 1e12
    for other in (
        estimate(key, u, l_u, v, l_v, block_size=7),
        estimate(key, u * unit, l_u + 2 * np.log(unit), v, l_v),
    ):
        assert_close(jnp.stack(other.value), jnp.stack(plain.value), scale=30)


def test_monte_carlo_of_nothing_is_zero(dtype, key):
    zeros = jnp.zeros((10, 1), dtype)
    value, error = fingerprint.monte_carlo_compare(
        key, zeros, zeros, zeros, zeros, num_samples=50
    )
    assert value.nmi == 0
    assert error.nmi == 0
    assert_close(jnp.stack(value), np.zeros(5))


def test_monte_carlo_of_one_point_is_zero_with_finite_gradient(dtype, key):
    def vi(means):
        zeros = jnp.zeros_like(means)
        return fingerprint.monte_carlo_compare(
            key, means, zeros, zeros, zeros, num_samples=5
        ).value.vi

    value, gradient = jax.value_and_grad(vi)(jnp.ones((1, 2), dtype))
    assert value == 0
    assert_all_finite(gradient)


def test_monte_carlo_gradient_in_blocks_holds_one_block():
    n, samples = 512, 2048
    x = jax.ShapeDtypeStruct((n, 2), jnp.float32)

    def vi(u, v):
        return fingerprint.monte_carlo_compare(
            jax.random.key(0), u, 0 * u, v, 0 * v, num_samples=samples, block_size=16
        ).value.vi

    memory = jax.jit(jax.grad(vi)).lower(x, x).compile().memory_analysis()
    assert memory.temp_size_in_bytes < n * samples * 4 / 2


def test_bad_monte_carlo_arguments_are_named(key):
    x = jnp.ones((3, 2))
    compare = fingerprint.monte_carlo_compare
    with pytest.raises(
        TypeError, match="`key` to be a typed key, got an array of dtype int32"
    ):
        compare(0, x, x, x, x, num_samples=5)
    with pytest.raises(ValueError, match=r"`means_v` .* with n = 3, got \(4, 1\)"):
        compare(key, x, x, jnp.ones((4, 1)), jnp.ones((4, 1)), num_samples=5)
    with pytest.raises(ValueError, match="`num_samples` to be at least 2, got 1"):
        compare(key, x, x, x, x, num_samples=1)


def test_unrelated_channels_share_nothing_beyond_chance():
    # The table of independent channels: NMI far from 0, adjusted NMI near it.
    rng = np.random.default_rng(0)
    for spread, low, high in ((2.0, 0.0, 0.1), (30.0, 0.2, 0.5), (300.0, 0.7, 1.0)):
        means = jnp.asarray(spread * rng.normal(size=(6, 300)), jnp.float32)
        nmi = fingerprint.gaussian_pairwise(means, 0 * means).nmi
        adjusted = fingerprint.gaussian_pairwise_chance(means, 0 * means).nmi
        off = ~np.eye(6, dtype=bool)
        assert low <= np.mean(nmi[off]) <= high
        assert np.abs(np.mean(adjusted[off])) < 0.05


def test_adjusted_information_of_a_space_and_itself_is_one(dtype):
    for overlaps in spaces.overlaps_of(*spaces.random_channels(5, 40, dtype)):
        result = fingerprint.adjust_for_chance(overlaps, overlaps)
        assert_close(result.nmi, 1.0, scale=30)


def test_chance_of_all_pairs_equals_chance_of_each(dtype):
    means, log_variances = spaces.random_channels(4, 40, dtype)
    means = means.at[0].set(50 * means[0]).at[1].set(0.01 * means[1])
    overlaps = spaces.overlaps_of(means, log_variances)
    each = jax.vmap(fingerprint.adjust_for_chance, in_axes=(None, 0))
    each = jax.vmap(each, in_axes=(0, None))(overlaps, overlaps)
    every = fingerprint.gaussian_pairwise_chance(means, log_variances)
    for name in ("expected_mutual_information", "mutual_information"):
        bound = 1e-10 if dtype == jnp.float64 else 1e-5
        assert_close(getattr(every, name), getattr(each, name), tolerance=bound)


def test_chance_of_weak_channels_keeps_its_digits():
    rng = np.random.default_rng(0)
    means = np.stack([3e-2 * rng.normal(size=200), 1e-3 * rng.normal(size=200)])
    with jax.enable_x64(True):
        exact = fingerprint.gaussian_pairwise_chance(
            jnp.asarray(means, jnp.float64), jnp.zeros((2, 200))
        )
    means = jnp.asarray(means, jnp.float32)
    single = fingerprint.gaussian_pairwise_chance(means, 0 * means)
    overlaps = spaces.overlaps_of(means, 0 * means)
    direct = fingerprint.adjust_for_chance(*overlaps)
    name = "expected_mutual_information"
    np.testing.assert_allclose(getattr(single, name), getattr(exact, name), rtol=5e-3)
    expected = np.asarray(getattr(exact, name))[0, 1]
    np.testing.assert_allclose(getattr(direct, name), expected, rtol=0.1)
    assert abs(float(single.nmi[0, 1]) - float(exact.nmi[0, 1])) < 1e-3


def test_channels_that_tell_nothing_have_no_adjusted_nmi(dtype):
    means, log_variances = spaces.random_channels(3, 30, dtype)
    means = means.at[:2].set(0)
    log_variances = log_variances.at[:2].set(0)
    result = fingerprint.gaussian_pairwise_chance(means, log_variances)
    assert jnp.all(result.nmi[:2] == 0)
    gradient = jax.grad(
        lambda *args: jnp.sum(fingerprint.gaussian_pairwise_chance(*args).nmi),
        argnums=(0, 1),
    )(means, log_variances)
    assert_all_finite(gradient)


def test_chance_needs_three_points():
    with pytest.raises(ValueError, match=r"`overlaps_u` to have at least 3 points"):
        fingerprint.adjust_for_chance(jnp.ones((2, 2)), jnp.ones((2, 2)))
    with pytest.raises(ValueError, match=r"`means` to have at least 3 points, got"):
        fingerprint.gaussian_pairwise_chance(jnp.ones((1, 2)), jnp.ones((1, 2)))


@pytest.mark.parametrize("edge", ["saturated", "empty"])
def test_chance_at_the_edges_is_finite(dtype, edge):
    overlaps = (
        jnp.eye(5, dtype=dtype) if edge == "saturated" else jnp.ones((5, 5), dtype)
    )
    value, gradient = jax.value_and_grad(
        lambda b: sum(fingerprint.adjust_for_chance(b, overlaps))
    )(overlaps)
    assert_all_finite((value, gradient))


def test_jackknife_equals_leaving_each_point_out(x64):
    overlaps = spaces.overlaps_of(*spaces.random_channels(2, 14, jnp.float64))

    def without(k):
        keep = np.delete(np.arange(14), k)
        return jnp.stack(fingerprint.compare(*(b[keep][:, keep] for b in overlaps)))

    left_out = np.stack([without(k) for k in range(14)])
    error = np.sqrt(13 / 14 * np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0))
    value = jnp.stack(fingerprint.compare(*overlaps))
    corrected = value + 13 * (value - left_out.mean(axis=0))
    result = fingerprint.jackknife(*overlaps)
    assert_close(jnp.stack(result.standard_error), error, tolerance=1e-10)
    assert_close(jnp.stack(result.bias_corrected), corrected, tolerance=1e-10)


def test_jackknife_errors_match_the_spread_of_fingerprints(key):
    def draw(key):
        key_x, key_noise = jax.random.split(key)
        x = 2 * jax.random.normal(key_x, (100, 1))
        y = x + 0.7 * jax.random.normal(key_noise, (100, 1))
        return fingerprint.gaussian_overlaps(x, 0 * x), fingerprint.gaussian_overlaps(
            y, 0 * y
        )

    def both(key):
        overlaps = draw(key)
        return fingerprint.compare(*overlaps), fingerprint.jackknife(
            *overlaps
        ).standard_error

    values, errors = jax.lax.map(both, jax.random.split(key, 150))
    for name in values._fields:
        spread = jnp.std(getattr(values, name))
        ratio = jnp.mean(getattr(errors, name)) / spread
        assert 0.8 < ratio < 1.3, (name, ratio)


def test_jackknife_edges(dtype):
    with pytest.raises(ValueError, match="`overlaps_u` to have at least 2 points"):
        fingerprint.jackknife(jnp.ones((1, 1)), jnp.ones((1, 1)))
    for overlaps in (jnp.ones((4, 4), dtype), jnp.eye(4, dtype=dtype)):
        assert_all_finite(fingerprint.jackknife(overlaps, overlaps))
    two = jnp.asarray([[1, 0.5], [0.5, 1]], dtype)
    assert_all_finite(fingerprint.jackknife(two, two))


@pytest.mark.parametrize("n", [2, 5, 20])
def test_jackknife_has_finite_gradients_at_the_edges(dtype, n):
    def total(overlaps):
        return sum(jax.tree.leaves(fingerprint.jackknife(overlaps, overlaps)))

    for overlaps in (jnp.ones((n, n), dtype), jnp.eye(n, dtype=dtype)):
        assert_all_finite(jax.grad(total)(overlaps))


def test_monte_carlo_of_the_nine_spaces(key):
    reference = load("fingerprint", "nine_spaces")
    spaces_ = [
        [
            jnp.asarray(reference[f"{name}_{i}"], jnp.float32)
            for name in ("means", "log_variances")
        ]
        for i in range(9)
    ]
    for i, j in itertools.combinations(range(9), 2):
        value, error = fingerprint.monte_carlo_compare(
            key, *spaces_[i], *spaces_[j], num_samples=40_000
        )
        assert abs(value.nmi - reference["monte_carlo_nmi"][i, j]) < 0.02
        assert abs(value.vi - reference["monte_carlo_vi"][i, j]) < 0.05
        for k, name in ((i, "information_u"), (j, "information_v")):
            expected, expected_error = reference["monte_carlo_information"][k]
            joint = np.hypot(getattr(error, name), expected_error)
            assert abs(getattr(value, name) - expected) < 5 * joint
