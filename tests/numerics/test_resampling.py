import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import resampling
from tests.helpers import assert_all_finite, assert_close


def test_subset_repeats_no_index(key):
    keys = jax.random.split(key, 50)
    drawn = jax.vmap(lambda key: resampling.subset(key, 12, 9))(keys)
    assert all(len(set(row)) == 9 for row in np.asarray(drawn).tolist())
    assert jnp.all((drawn >= 0) & (drawn < 12))
    # All indices are as likely: 50 * 9 / 12 = 37.5 draws each.
    assert jnp.all(jnp.bincount(drawn.ravel(), length=12) > 25)


def test_standard_error_matches_numpy(dtype):
    x = np.random.default_rng(0).normal(1e3, 1, (200, 2))
    mean, error = resampling.mean_and_standard_error(jnp.asarray(x, dtype))
    rounded = np.asarray(jnp.asarray(x, dtype), np.float64)
    assert_close(mean, rounded.mean(axis=0))
    assert_close(error, rounded.std(axis=0, ddof=1) / np.sqrt(200), scale=10)


def test_equal_samples_have_no_error_and_a_finite_gradient(dtype):
    def error(x):
        return resampling.mean_and_standard_error(x)[1]

    value, gradient = jax.value_and_grad(error)(jnp.ones(4, dtype))
    assert value == 0
    assert_all_finite(gradient)


def test_one_sample_has_an_unknown_error(dtype):
    mean, error = resampling.mean_and_standard_error(jnp.ones(1, dtype))
    assert mean == 1
    assert jnp.isnan(error)
