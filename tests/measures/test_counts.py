import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special
from sklearn.metrics.cluster import contingency_matrix

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


def test_contingency_matches_scikit_learn():
    x, y = np.random.default_rng(0).integers(0, 3, (2, 50))
    table = measures.contingency_table(x, y, num_x=3, num_y=3)
    np.testing.assert_array_equal(table, contingency_matrix(x, y))


@pytest.mark.parametrize("wrong", [-1, 2])
def test_labels_out_of_range_give_nan(wrong):
    x = jnp.array([0, wrong])
    assert jnp.all(
        jnp.isnan(measures.contingency_table(x, jnp.zeros(2, int), num_x=2, num_y=2))
    )


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_narrow_labels_are_widened(kind):
    labels = np.array([0, 100, 100], kind)
    table = measures.contingency_table(labels, labels, num_x=300, num_y=300)
    assert table[100, 100] == 2


def test_labels_must_be_integers_of_equal_number():
    x = jnp.zeros(3, int)
    with pytest.raises(TypeError, match="Expected `labels_y` to hold integers"):
        measures.contingency_table(x, jnp.zeros(3), num_x=1, num_y=1)
    with pytest.raises(ValueError, match=r"`labels_y` to have shape \(n,\) with n = 3"):
        measures.contingency_table(x, x[:2], num_x=1, num_y=1)
    with pytest.raises(ValueError, match="`num_x` to be at least 1, got 0"):
        measures.contingency_table(x, x, num_x=0, num_y=1)
