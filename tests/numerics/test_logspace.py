import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxinfo._numerics import logspace
from tests.helpers import assert_all_finite, assert_close


@pytest.mark.parametrize("fn", [logspace.xlogx, logspace.excess])
def test_values_and_gradients_are_finite_at_the_edge(dtype, fn):
    edge = jnp.asarray(0 if fn is logspace.xlogx else -1, dtype)
    value, gradient = jax.value_and_grad(fn)(edge)
    assert value == (0 if fn is logspace.xlogx else 1)
    assert_all_finite(gradient)


def test_log_of_zero_has_no_gradient(dtype):
    value, gradient = jax.value_and_grad(logspace.log)(jnp.zeros((), dtype))
    assert value == -jnp.inf
    assert gradient == 0


@pytest.mark.parametrize("fn", [logspace.xlogx, logspace.log])
def test_negatives_and_nan_give_nan(dtype, fn):
    assert jnp.all(jnp.isnan(fn(jnp.asarray([-1, jnp.nan], dtype))))


def test_excess_keeps_relative_precision(dtype):
    magnitude = np.concatenate([np.logspace(-12, -0.01, 200), [0.03, 0.5]])
    x = np.asarray(jnp.asarray(np.concatenate([magnitude, -magnitude]), dtype))
    # A series in extended precision, where the closed form cancels.
    exact = x.astype(np.longdouble)
    series = sum(
        (-1) ** power * exact**power / (power * (power - 1)) for power in range(2, 30)
    )
    closed = (1 + exact) * np.log1p(exact) - exact
    expected = np.where(np.abs(exact) < 0.05, series, closed).astype(np.float64)
    rtol = 60 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(logspace.excess(jnp.asarray(x)), expected, rtol=rtol)


def test_excess_is_nan_below_minus_one(dtype):
    assert jnp.isnan(logspace.excess(jnp.asarray(-1.5, dtype)))


def test_excess_has_the_derivative_log1p(x64):
    x = jnp.concatenate([jnp.linspace(-0.9, 3, 50), jnp.array([0.0, 0.03, -0.03])])
    assert_close(jax.vmap(jax.grad(logspace.excess))(x), jnp.log1p(x), scale=10)


def test_relative_entropy_matches_scipy(dtype):
    p, q = np.random.default_rng(0).random((2, 200))
    p[:50] = q[:50] * (1 + 1e-3 * p[:50])
    p[50:60] = 0
    p, q = (np.asarray(jnp.asarray(x, dtype), np.float64) for x in (p, q))
    terms = logspace.relative_entropy(
        *(jnp.asarray(x, dtype) for x in (p, q, np.log(q)))
    )
    assert_close(terms, special.rel_entr(p, q))


def test_log_mean_exp_matches_jax_and_survives_empty_rows(dtype):
    x = jnp.asarray([[0.0, 1.0], [-1e4, 1e4], [-jnp.inf, 2.0]], dtype)
    expected = jax.nn.logsumexp(x, axis=1) - np.log(2)
    assert_close(logspace.log_mean_exp(x, axis=1), expected)
    empty = jnp.full((2, 3), -jnp.inf, dtype)
    value, gradient = jax.value_and_grad(
        lambda x: jnp.sum(jnp.exp(logspace.log_mean_exp(x, axis=1)))
    )(empty)
    assert value == 0
    assert_all_finite(gradient)


def test_log_mean_exp_of_equal_terms_is_exact(dtype):
    x = jnp.full((1, 7), 0.3, dtype)
    assert logspace.log_mean_exp(x, axis=1)[0] == x[0, 0]


def test_gradient_of_log_mean_exp_is_the_softmax(dtype):
    x = jnp.asarray([3.0, -1.0, 0.5], dtype)
    gradient = jax.grad(lambda x: logspace.log_mean_exp(x, axis=0))(x)
    assert_close(gradient, jax.nn.softmax(x))
