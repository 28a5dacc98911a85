import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo import fingerprint
from tests.helpers import assert_close


def test_estimates_are_weighed_by_precision(dtype):
    values, errors = np.array([0.8, 0.6, 0.7]), np.array([0.01, 0.02, 0.05])
    mean, error = fingerprint.inverse_variance_mean(
        *(jnp.asarray(x, dtype) for x in (values, errors))
    )
    weights = 1 / errors**2
    assert_close(mean, np.sum(weights * values) / weights.sum())
    assert_close(error, weights.sum() ** -0.5)


def test_exact_values_outweigh_all_others(dtype):
    values = jnp.asarray([1.0, 3.0, 100.0], dtype)
    errors = jnp.asarray([0.0, 0.0, 1.0], dtype)
    mean, error = fingerprint.inverse_variance_mean(values, errors)
    assert (mean, error) == (2, 0)
    gradient = jax.grad(lambda *args: fingerprint.inverse_variance_mean(*args).value)(
        values, errors
    )
    assert_close(gradient, [0.5, 0.5, 0.0])


def test_tiny_errors_do_not_underflow_and_negative_ones_give_nan(dtype):
    values = jnp.asarray([1.0, 3.0], dtype)
    mean, error = fingerprint.inverse_variance_mean(values, jnp.full(2, 1e-30, dtype))
    assert mean == 2
    assert_close(error / 1e-30, 2**-0.5)
    assert jnp.isnan(fingerprint.inverse_variance_mean(values, -values).value)
