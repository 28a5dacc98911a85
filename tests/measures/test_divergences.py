import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import spatial, special

from jaxinfo import measures
from tests.helpers import assert_all_finite, assert_close


def pairs(dtype, number=50):
    rng = np.random.default_rng(1)
    exact = rng.dirichlet(np.full(6, 0.5), (2, number))
    return exact, jnp.asarray(exact, dtype)


def test_kl_matches_scipy(dtype):
    exact, (p, q) = pairs(dtype)
    expected = special.rel_entr(*exact).sum(axis=1)
    assert_close(jax.vmap(measures.kl_divergence)(p, q), expected)


def test_jensen_shannon_matches_scipy(dtype):
    exact, (p, q) = pairs(dtype)
    expected = spatial.distance.jensenshannon(*exact, axis=1) ** 2
    assert_close(jax.vmap(measures.jensen_shannon_divergence)(p, q), expected)


def test_jensen_shannon_is_bounded_and_symmetric(dtype):
    _, (p, q) = pairs(dtype)
    value = jax.vmap(measures.jensen_shannon_divergence)(p, q)
    assert_close(value, jax.vmap(measures.jensen_shannon_divergence)(q, p))
    assert jnp.all((value >= 0) & (value <= np.log(2)))


def test_equal_distributions_do_not_diverge(dtype):
    p = jnp.asarray([0.2, 0.0, 0.8], dtype)
    for fn in (measures.kl_divergence, measures.jensen_shannon_divergence):
        value, gradient = jax.value_and_grad(fn, argnums=(0, 1))(p, p)
        assert value == 0
        assert_all_finite(gradient)


def test_close_distributions_keep_their_digits(dtype):
    x = 2.0**-12 if dtype == jnp.float32 else 2.0**-26
    p, q = jnp.asarray([1 + x, 1 - x], dtype) / 2, jnp.asarray([0.5, 0.5], dtype)
    np.testing.assert_allclose(measures.kl_divergence(p, q), x**2 / 2, rtol=1e-6)


def test_impossible_events_diverge_infinitely(dtype):
    p, q = jnp.asarray([0.5, 0.5], dtype), jnp.asarray([1.0, 0.0], dtype)
    assert measures.kl_divergence(p, q) == jnp.inf
    assert_close(measures.kl_divergence(q, p), np.log(2))


def test_disjoint_distributions_are_log_two_apart(dtype):
    p, q = jnp.eye(2, dtype=dtype)
    value, gradient = jax.value_and_grad(measures.jensen_shannon_divergence)(p, q)
    assert_close(value, np.log(2))
    assert_all_finite(gradient)


def test_negative_entries_give_nan(dtype):
    p, q = jnp.asarray([1.1, -0.1], dtype), jnp.asarray([0.5, 0.5], dtype)
    for fn in (measures.kl_divergence, measures.jensen_shannon_divergence):
        assert jnp.isnan(fn(p, q))
        assert jnp.isnan(fn(q, p))


def test_what_is_no_distribution_gives_nan(dtype):
    p, counts = jnp.asarray([0.5, 0.5], dtype), jnp.asarray([5.0, 3.0], dtype)
    for fn in (measures.kl_divergence, measures.jensen_shannon_divergence):
        assert jnp.isnan(fn(counts, p))
        assert jnp.isnan(fn(p, counts))
        assert jnp.isfinite(fn(p, p * (1 + float(jnp.finfo(dtype).eps) ** 0.5 / 2)))


def test_unequal_lengths_are_named():
    with pytest.raises(ValueError, match=r"Expected `q` to have shape \(2,\), as `p`"):
        measures.kl_divergence(jnp.ones(2), jnp.ones(3))


def test_mixed_precision_takes_the_wider(x64):
    p, q = jnp.ones(2, jnp.float32) / 2, jnp.ones(2, jnp.float64) / 2
    assert measures.kl_divergence(p, q).dtype == jnp.float64


def test_the_smallest_probabilities_do_not_underflow(dtype):
    smallest = 1.3 * float(jnp.finfo(dtype).tiny)
    p, q = jnp.asarray([smallest, 1.0], dtype), jnp.asarray([0.0, 1.0], dtype)
    assert abs(measures.jensen_shannon_divergence(p, q)) < 1e-30
