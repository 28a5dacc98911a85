import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.fingerprint import spaces
from tests.helpers import assert_all_finite, assert_close


def test_more_bins_tell_more():
    # Halving the number of bins merges neighbours: information cannot rise.
    means, log_variances = spaces.random_channels(40, 5, jnp.float32)
    finest = fingerprint.quantized_pairwise(means, log_variances, num_bins=256)
    for num_bins in (8, 64):
        result = fingerprint.quantized_pairwise(means, log_variances, num_bins=num_bins)
        assert jnp.all(result.information <= finest.information + 1e-5)
        assert jnp.all(result.mutual_information <= finest.mutual_information + 1e-5)
        assert jnp.all(result.information <= np.log(num_bins))


def test_separated_groups_are_told_apart_exactly(dtype):
    means = 100 * jnp.asarray([[0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]], dtype).T
    result = fingerprint.quantized_pairwise(means, 0 * means)
    assert_close(result.information, np.log([3, 2]), scale=10)
    assert_close(result.mutual_information[0, 1], 0.0, scale=10)
    assert_close(jnp.diagonal(result.nmi), np.ones(2))


def test_edges_are_finite_and_nan_spoils_its_own_channel_only():
    # Nothing, points at single places, far apart, and of deviations that differ much.
    means = jnp.asarray([[0.0] * 5, [0, 0, 0, 1e4, -1e4], [0, 1, 2, 3, 4]]).T
    log_variances = jnp.asarray([[0.0] * 5, [-30, 0, 20, 0, 0], [-60.0] * 5]).T

    @jax.jit
    def values_and_gradient(means, log_variances):
        def total(*channels):
            result = fingerprint.quantized_pairwise(*channels)
            return jnp.sum(result.nmi) + jnp.sum(result.vi), result

        return jax.grad(total, argnums=(0, 1), has_aux=True)(means, log_variances)

    gradient, result = values_and_gradient(means, log_variances)
    assert_all_finite((gradient, result))
    assert result.information[0] == 0
    assert jnp.all(result.nmi[0] == 0)
    _, spoilt = values_and_gradient(means.at[2, 0].set(jnp.nan), log_variances)
    assert jnp.isnan(spoilt.information[0])
    assert jnp.all(jnp.isfinite(spoilt.nmi[1:, 1:]))


def test_variation_of_exact_information_may_be_negative():
    # Where one space is sure the other is not, so two draws of one share least.
    means = jnp.asarray([[0.0, 0.0], [1.0, 1.0]])
    log_variances = jnp.asarray([[-2.0, 2.0], [2.0, -2.0]])
    result = fingerprint.quantized_pairwise(means, log_variances, num_bins=128)
    assert -0.1 < result.vi[0, 1] < -0.05


def test_too_few_bins_are_named():
    with pytest.raises(ValueError, match="`num_bins` to be at least 2, got 1"):
        fingerprint.quantized_pairwise(jnp.ones((3, 1)), jnp.ones((3, 1)), num_bins=1)
