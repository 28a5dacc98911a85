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
    optimized,
)

# One program for spaces of 60 points and two latents.
compare_many = optimized(fingerprint.monte_carlo_compare, num_samples=20_000)


@pytest.fixture(scope="module")
def two_spaces():
    rng = np.random.default_rng(0)
    u = 2 * rng.normal(size=(60, 2))
    v = u @ rng.normal(size=(2, 2)) + rng.normal(size=(60, 2))
    return [jnp.asarray(x, jnp.float32) for x in (u, 0 * u, v, 0 * v - 0.5)]


def test_bounds_enclose_the_estimate(two_spaces, key):
    value, error = compare_many(key, *two_spaces)
    for name, posterior in (("u", two_spaces[:2]), ("v", two_spaces[2:])):
        bounds = fingerprint.gaussian_information_bounds(*posterior)
        information = getattr(value, f"information_{name}")
        slack = 4.5 * getattr(error, f"information_{name}")
        assert bounds.lower - slack < information < bounds.upper + slack


def test_quantisation_gives_the_same(key):
    means, log_variances = spaces.random_channels(50, 2, jnp.float32)
    exact = fingerprint.quantized_pairwise(means, log_variances, num_bins=512)
    arguments = [x[:, k, None] for k in (0, 1) for x in (means, log_variances)]
    value, error = fingerprint.monte_carlo_compare(key, *arguments, num_samples=40_000)
    expected = fingerprint.Comparison(
        exact.information[0],
        exact.information[1],
        exact.mutual_information[0, 1],
        exact.nmi[0, 1],
        exact.vi[0, 1],
    )
    assert_within_standard_errors(jnp.stack(value), jnp.stack(error), expected)


def test_standard_errors_cover(two_spaces, key):
    """One standard error holds the truth in about 68 % of runs."""
    estimate = functools.partial(
        fingerprint.monte_carlo_compare, num_samples=500, block_size=500
    )
    estimates = optimized(
        lambda keys: jax.lax.map(lambda key: estimate(key, *two_spaces), keys)
    )
    value, error = estimates(jax.random.split(key, 200))
    keys = jax.random.split(jax.random.key(99), 20)
    runs = [jnp.stack(compare_many(key, *two_spaces).value) for key in keys]
    truth = fingerprint.Comparison(*np.mean(runs, axis=0))
    for name in value._fields:
        gaps = jnp.abs(getattr(value, name) - getattr(truth, name))
        coverage = jnp.mean(gaps < getattr(error, name))
        assert 0.60 <= coverage <= 0.76, (name, coverage)


def test_common_samples_make_a_space_equal_to_itself(two_spaces, key):
    u = two_spaces[:2]
    value, error = compare_many(key, *u, *u)
    assert abs(value.nmi - 1) < 4.5 * error.nmi
    assert abs(value.vi) < 4.5 * error.vi


def test_neither_blocks_nor_units_matter(two_spaces, key):
    u, l_u, v, l_v = (x[:20] for x in two_spaces)
    estimate = functools.partial(fingerprint.monte_carlo_compare, num_samples=100)
    plain = estimate(key, u, l_u, v, l_v)
    unit = 1e12
    for other in (
        estimate(key, u, l_u, v, l_v, block_size=7),
        estimate(key, u * unit, l_u + 2 * np.log(unit), v, l_v),
    ):
        assert_close(jnp.stack(other.value), jnp.stack(plain.value), scale=30)


def test_nothing_is_zero_with_a_finite_gradient(key):
    def vi(means):
        zeros = jnp.zeros_like(means)
        result = fingerprint.monte_carlo_compare(
            key, means, zeros, zeros, zeros, num_samples=5
        )
        return result.value.vi, result

    gradient, (value, error) = jax.grad(vi, has_aux=True)(jnp.ones((4, 1)))
    assert value.nmi == 0
    assert error.nmi == 0
    assert_close(jnp.stack(value), np.zeros(5))
    assert_all_finite(gradient)


def test_one_point_carries_nothing(key):
    one = jnp.ones((1, 1))
    value, error = fingerprint.monte_carlo_compare(
        key, one, one, 2 * one, one, num_samples=5
    )
    assert all(x == 0 for x in (*value, *error))


def test_gradient_in_blocks_holds_one_block():
    n, samples = 512, 2048
    x = jax.ShapeDtypeStruct((n, 2), jnp.float32)

    def vi(u, v):
        return fingerprint.monte_carlo_compare(
            jax.random.key(0), u, 0 * u, v, 0 * v, num_samples=samples, block_size=16
        ).value.vi

    memory = jax.jit(jax.grad(vi)).lower(x, x).compile().memory_analysis()
    assert memory.temp_size_in_bytes < n * samples * 4 / 2


def test_bad_arguments_are_named(key):
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


def test_nine_spaces_are_those_of_the_reference(key):
    reference = load("fingerprint", "nine_spaces")

    def space(i):
        posterior = (reference[f"{name}_{i}"] for name in ("means", "log_variances"))
        # The line gets a second latent, which tells nothing, so all share a program.
        return [
            jnp.asarray(np.pad(x, ((0, 0), (0, 2 - x.shape[1]))), jnp.float32)
            for x in posterior
        ]

    compare = optimized(fingerprint.monte_carlo_compare, num_samples=40_000)
    for i, j in itertools.combinations(range(9), 2):
        value, error = compare(key, *space(i), *space(j))
        assert abs(value.nmi - reference["monte_carlo_nmi"][i, j]) < 0.02
        assert abs(value.vi - reference["monte_carlo_vi"][i, j]) < 0.05
        for k, name in ((i, "information_u"), (j, "information_v")):
            expected, expected_error = reference["monte_carlo_information"][k]
            joint = np.hypot(getattr(error, name), expected_error)
            assert abs(getattr(value, name) - expected) < 5 * joint
