import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.fingerprint import spaces
from tests.helpers import assert_all_finite, assert_close, load


def test_closed_forms(dtype):
    n = 12
    assert_close(fingerprint.information(jnp.eye(n, dtype=dtype)), np.log(n))
    assert fingerprint.information(jnp.ones((n, n), dtype)) == 0
    groups = fingerprint.label_overlaps(jnp.arange(n) % 3).astype(dtype)
    assert_close(fingerprint.information(groups), np.log(3))


def test_one_point_carries_nothing(dtype):
    one = jnp.ones((1, 1), dtype)
    assert fingerprint.information(one) == 0
    assert all(value == 0 for value in fingerprint.compare(one, one))


def test_information_lies_between_zero_and_log_n(dtype):
    for spread in (0.01, 1.0, 100.0):
        means, log_variances = spaces.random_channels(16, 50, dtype, spread=spread)
        overlaps = spaces.overlaps_of(means, log_variances)
        values = jax.vmap(fingerprint.information)(overlaps)
        assert jnp.all(values > 0)
        assert jnp.all(values <= np.log(16) + 1e-5)


def test_a_homogeneous_channel_has_the_known_offsets():
    # Evenly spaced means far closer than a deviation, far wider than it.
    n, sigma = 2000, 1.0
    length = 200.0
    means = jnp.linspace(0, length, n)[:, None]
    bounds = fingerprint.gaussian_information_bounds(means, 0 * means)
    truth = np.log(length / (sigma * np.sqrt(2 * np.pi * np.e)))
    # The ends of the interval add about one part in a hundred.
    assert abs(bounds.lower - (truth - np.log(4 / np.e) / 2)) < 0.02
    assert abs(bounds.upper - (truth + 0.5)) < 0.02
    assert abs(bounds.value - truth) < 0.02


def test_the_estimate_is_close_to_the_truth():
    reference = load("fingerprint", "bounds")
    values = reference["values_1000"]
    lower, upper, value = values[:, 0], values[:, 1], values[:, 2]
    truth = reference["true_information"]
    assert np.all((lower < truth) & (truth < upper))
    assert np.all(np.abs(value - truth) < 0.06)


def test_a_large_data_set_lifts_the_ceiling(dtype):
    identity = jnp.eye(10, dtype=dtype)
    value = fingerprint.information(identity, dataset_size=1000.0)
    assert_close(value, np.log(1000))
    # The fingerprint as its own data set changes nothing.
    means, log_variances = spaces.random_channels(10, 1, dtype)
    overlaps = spaces.overlaps_of(means, log_variances)[0]
    plain = fingerprint.information(overlaps)
    assert_close(fingerprint.information(overlaps, dataset_size=10), plain)


def test_the_size_of_the_data_set_is_traced(dtype):
    overlaps = jnp.full((3, 3), 0.5, dtype) + jnp.eye(3, dtype=dtype) / 2
    value = jax.vmap(lambda size: fingerprint.information(overlaps, dataset_size=size))
    values = value(jnp.asarray([3.0, 30.0, 300.0], dtype))
    expected = -np.log(1 / np.array([3, 30, 300]) * 0.5 + 0.5)
    assert_close(values, expected)
    with pytest.raises(ValueError, match="at least 2 points when `dataset_size`"):
        fingerprint.information(jnp.ones((1, 1)), dataset_size=5)


def test_weak_spaces_keep_their_digits(dtype):
    # A hundred points, half of them shifted by a little: I = D for small D.
    shift = 1e-3
    means = jnp.asarray(shift * (np.arange(100) % 2), dtype)[:, None]
    bounds = fingerprint.gaussian_information_bounds(means, 0 * means)
    distance = shift**2 / 8
    np.testing.assert_allclose(bounds.lower, distance / 2, rtol=1e-5)
    np.testing.assert_allclose(bounds.upper, shift**2 / 4, rtol=1e-5)


def test_a_point_without_overlap_with_itself_gives_infinity(dtype):
    assert fingerprint.information(jnp.zeros((3, 3), dtype)) == jnp.inf


def test_duplicates_have_finite_gradients():
    means = jnp.zeros((6, 2))
    gradient = jax.grad(
        lambda *args: fingerprint.gaussian_information_bounds(*args).value,
        argnums=(0, 1),
    )(means, means)
    assert_all_finite(gradient)


def test_bad_overlaps_are_named():
    with pytest.raises(ValueError, match=r"`overlaps` to have shape \(n, n\), got"):
        fingerprint.information(jnp.ones((3, 2)))
    with pytest.raises(TypeError, match="`overlaps` to be real"):
        fingerprint.information(jnp.ones((3, 3), complex))
