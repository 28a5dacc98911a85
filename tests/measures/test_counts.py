import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxinfo import measures
from tests.helpers import assert_all_finite, assert_close


def grassberger(counts):
    c = counts[counts > 0].astype(float)
    parity = np.where(c % 2 == 0, 1.0, -1.0)
    g = special.psi(c) + parity / 2 * (special.psi((c + 1) / 2) - special.psi(c / 2))
    return np.log(c.sum()) - np.sum(c * g) / c.sum()


@pytest.mark.parametrize("counts", [[3, 1, 0, 5], [1, 1, 1], [0, 7], [1000, 1, 2]])
def test_estimators_match_definitions(dtype, counts):
    exact = np.array(counts)
    p = exact[exact > 0] / exact.sum()
    plugin = -np.sum(p * np.log(p))
    bias = (np.sum(exact > 0) - 1) / (2 * exact.sum())
    c = jnp.asarray(exact, dtype)
    assert_close(measures.entropy_of_counts(c), plugin)
    actual = measures.entropy_of_counts(c, estimator="miller_madow")
    assert_close(actual, plugin + bias)
    actual = measures.entropy_of_counts(c, estimator="grassberger")
    assert_close(actual, grassberger(exact))


def test_corrections_of_large_counts_keep_their_digits():
    # Differences of digamma functions and logarithms would round.
    for counts in ([100_001, 99_999], [33, 31, 32]):
        with jax.enable_x64(True):
            double = np.asarray(
                measures.entropy_of_counts(
                    np.array(counts, float), estimator="grassberger"
                )
            )
        single = measures.entropy_of_counts(
            np.array(counts, np.float32), estimator="grassberger"
        )
        assert_close(double, grassberger(np.array(counts)), tolerance=1e-12)
        assert_close(single, double)


def test_corrections_reduce_the_bias():
    # Ten equally likely values, thirty draws: the truth is log(10).
    draws = np.random.default_rng(0).multinomial(30, np.full(10, 0.1), 2000)
    truth = np.log(10)
    gaps = {}
    for name in ("plugin", "miller_madow", "grassberger"):
        values = jax.vmap(
            lambda c, name=name: measures.entropy_of_counts(c, estimator=name)
        )(jnp.asarray(draws, float))
        gaps[name] = abs(float(jnp.mean(values)) - truth)
    assert gaps["plugin"] > 0.13
    assert gaps["miller_madow"] < 0.03
    assert gaps["grassberger"] < 0.03


@pytest.mark.parametrize("estimator", ["plugin", "miller_madow", "grassberger"])
def test_edges_of_counts(dtype, estimator):
    def entropy(c):
        return measures.entropy_of_counts(c, estimator=estimator)

    one_value = jnp.asarray([0, 5], dtype)
    value, gradient = jax.value_and_grad(entropy)(one_value)
    assert_all_finite((value, gradient))
    assert jnp.isnan(entropy(jnp.zeros(3, dtype)))
    assert jnp.isnan(entropy(jnp.asarray([-1, 3], dtype)))
    assert jnp.isnan(entropy(jnp.asarray([jnp.nan, 3], dtype)))


def test_unknown_estimator_is_named():
    with pytest.raises(
        ValueError, match=r"`estimator` to be one of 'plugin'.*got 'mm'"
    ):
        measures.entropy_of_counts(jnp.ones(2), estimator="mm")
