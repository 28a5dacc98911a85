"""P-values under the null, what surrogates keep, and corrections for many pairs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxinfo import transfer_entropy
from jaxinfo.neighbors import _search
from jaxinfo.transfer_entropy import Timing, _nulls, _surrogates
from tests.helpers import assert_close, optimized

BINARY = {"num_symbols": 2}


def independent(t, m, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, (t, m)), rng.integers(0, 2, (t, n))


@pytest.fixture(scope="module")
def many_pairs():
    # Five hundred independent pairs, one source and one target of a layer each.
    return np.random.default_rng(0).integers(0, 2, (2, 500, 400, 1))


@pytest.mark.parametrize("method", ["permutation", "stratified", "chi2", "circular"])
def test_p_values_are_uniform_under_the_null(many_pairs, key, method):
    def p_value(pair):
        key, sources, targets = pair
        result = transfer_entropy.significance(
            key, sources, targets, method=method, num_surrogates=39, **BINARY
        )
        return result.p_value[0, 0], result.value[0, 0], result.null_mean[0, 0]

    keys = jax.random.split(key, 500)
    p, value, null_mean = optimized(functools.partial(jax.lax.map, p_value))(
        (keys, *many_pairs)
    )
    # Of 39 surrogates p has steps of a fortieth.
    step = 0 if method == "chi2" else 1 / 40
    spread = step * np.random.default_rng(1).random(500)
    assert scipy.stats.kstest(np.asarray(p, float) - spread, "uniform").pvalue > 0.001
    # Both means are the bias of two degrees of freedom.
    for mean in (np.mean(value), np.mean(null_mean)):
        assert abs(mean - 2 / (2 * 399)) < 4 * np.std(value) / np.sqrt(500)


def test_gaussian_p_values_are_uniform_under_the_null(key):
    series = jax.random.normal(key, (500, 2, 200, 1))

    def p_value(pair):
        return transfer_entropy.series_significance(key, *pair, method="chi2").p_value

    p = optimized(functools.partial(jax.lax.map, p_value))(series)
    assert scipy.stats.kstest(np.asarray(p, float), "uniform").pvalue > 0.001


def test_transfer_is_found_and_p_is_never_zero(key):
    sources, targets = independent(300, 2, 3)
    targets[1:, 1] = sources[:-1, 0]
    for method in ("permutation", "stratified", "circular"):
        result = transfer_entropy.significance(
            key, sources, targets, method=method, num_surrogates=49, **BINARY
        )
        assert_close(result.p_value[0, 1], 1 / 50)
        assert np.all(result.p_value >= 1 / 50 - 1e-6)
        assert result.effective_value[0, 1] > 0.6
        assert result.z_score[0, 1] > 5
        # A fair future that is known has a normalised value of one, less the bias.
        assert_close(result.normalized_value[0, 1], 1.0, tolerance=0.02)


def test_strata_keep_what_source_and_past_share(key):
    # The source is a noisy copy of a target of rare symbols: nothing is transferred.
    rng = np.random.default_rng(0)
    targets = (rng.random((1000, 40)) < 0.05).astype(int)
    sources = np.where(rng.random((1000, 40)) < 0.97, targets, 1 - targets)
    values = {
        method: transfer_entropy.significance(
            key, sources, targets, method=method, num_surrogates=20, **BINARY
        )
        for method in ("permutation", "stratified")
    }
    diagonal = {name: np.diag(one.null_mean).mean() for name, one in values.items()}
    value = np.diag(values["stratified"].value)
    error = value.std() / np.sqrt(40)
    assert abs(diagonal["stratified"] - value.mean()) < 4 * error
    assert diagonal["permutation"] > 1.2 * diagonal["stratified"]


def test_exchanges_within_strata_keep_both_pairs(key):
    rng = np.random.default_rng(0)
    future, past = rng.integers(0, 3, (2, 200, 2))
    drawn = _surrogates.within_strata(key, jnp.asarray(future), jnp.asarray(past))
    assert not np.array_equal(drawn, future)
    for j in range(2):
        for p in range(3):
            inside = past[:, j] == p
            np.testing.assert_array_equal(
                np.sort(drawn[inside, j]), np.sort(future[inside, j])
            )


def test_blocks_and_shifts_keep_neighbouring_rows(key):
    rows = np.asarray(_surrogates.rows(key, 23, "block", 5))
    assert sorted(rows) == list(range(23))
    np.testing.assert_array_equal(rows[20:], [20, 21, 22])
    for block in rows[:20].reshape(4, 5):
        np.testing.assert_array_equal(np.diff(block), 1)
    shifted = np.asarray(_surrogates.rows(key, 23, "circular", None))
    assert set(np.diff(shifted) % 23) == {1}
    assert shifted[0] != 0


def test_given_surrogates_are_used(key):
    sources, targets = independent(100, 2, 2)
    given = np.random.default_rng(5).integers(0, 2, (9, 100, 2))
    result = transfer_entropy.significance(
        key, sources, targets, method="given", surrogates=given, **BINARY
    )
    nulls = [transfer_entropy.pairwise(one, targets, **BINARY) for one in given]
    assert_close(result.null_mean, np.mean(nulls, axis=0))
    assert_close(result.null_std, np.std(nulls, axis=0, ddof=1))
    expected = (1 + np.sum(np.array(nulls) >= np.asarray(result.value), 0)) / 10
    assert_close(result.p_value, expected)
    largest = np.max(nulls, axis=(1, 2))
    result = transfer_entropy.significance(
        key,
        sources,
        targets,
        method="given",
        surrogates=given,
        correction="max_statistic",
        **BINARY,
    )
    expected = (1 + np.sum(largest[:, None, None] >= np.asarray(result.value), 0)) / 10
    assert_close(result.adjusted_p_value, expected)


def test_false_discovery_rates_are_scipy_s():
    p = np.random.default_rng(0).random((5, 4)) ** 2
    value = np.ones_like(p)
    null = _nulls.Null(value, value, jnp.asarray(p), None)
    result = _nulls.significance(jnp.asarray(value), null, value, "benjamini_hochberg")
    expected = scipy.stats.false_discovery_control(p.ravel()).reshape(5, 4)
    assert_close(result.adjusted_p_value, expected)
    # Pairs without a value are none.
    value[2, 3] = np.nan
    result = _nulls.significance(jnp.asarray(value), null, value, "benjamini_hochberg")
    left = ~np.isnan(value)
    assert np.isnan(result.adjusted_p_value[2, 3])
    expected = scipy.stats.false_discovery_control(p[left])
    assert_close(result.adjusted_p_value[left], expected)


def test_constant_series_have_no_null(key):
    sources, targets = independent(50, 1, 1)
    result = transfer_entropy.significance(
        key, 0 * sources, targets, method="chi2", **BINARY
    )
    for name, expected in (("value", 0), ("p_value", 1), ("z_score", 0)):
        assert getattr(result, name)[0, 0] == expected
    result = transfer_entropy.significance(
        key, sources, 0 * targets, num_surrogates=5, **BINARY
    )
    assert result.p_value[0, 0] == 1
    assert result.normalized_value[0, 0] == 0


def drifting(key, t=30, r=200):
    """Probes of a layer whose neurons all become active in training."""
    share = jnp.linspace(0.1, 0.9, t)[:, None, None]
    key_x, key_y = jax.random.split(key)
    return (
        jax.random.bernoulli(key_x, share, (t, r, 3)).astype(int),
        jax.random.bernoulli(key_y, share, (t, r, 2)).astype(int),
    )


@pytest.mark.parametrize("method", ["replications", "stratified"])
def test_common_drift_is_in_the_null_of_replications(key, method):
    sources, targets = drifting(key)
    result = transfer_entropy.ensemble_significance(
        key, sources, targets, method=method, num_surrogates=49, **BINARY
    )
    # Neurons that know nothing of each other drift alike.
    bias = transfer_entropy.ensemble_significance(
        key, sources, targets, method="chi2", **BINARY
    )
    assert np.all(bias.p_value < 1e-6)
    assert np.all(np.abs(result.z_score) < 5)
    assert np.median(result.p_value) > 0.05


def test_local_permutations_stay_near_in_the_past(key):
    past = jnp.asarray(np.random.default_rng(0).normal(size=(1, 300)))
    points = _search.points(past, jnp.ones((300,), bool))
    near = _search.nearest_rows(points, (0,), 4)
    order = np.argsort(np.abs(past[0][:, None] - past[0][None]), axis=1)[:, 1:5]
    np.testing.assert_array_equal(np.sort(near.T, 1), np.sort(order, 1))
    taken = np.asarray(_surrogates.locally(key, near))
    assert np.all(np.any(near == taken[None], axis=0))
    # Most are taken once.
    assert len(set(taken)) > 200


def test_of_equally_near_ones_each_has_others():
    past = jnp.array([[0.0, 1.0, 1.0, 1.0, -1.0, 5.0, 0.0, 0.0]])
    points = _search.points(past, jnp.ones((8,), bool))
    near = [set(rows) for rows in _search.nearest_rows(points, (0,), 3).T.tolist()]
    # All nearer ones, and the ties that come next in the order of rows.
    assert near[0] == {6, 7, 1}
    assert near[7] == {0, 6, 1}
    assert near[3] == {1, 2, 6}
    assert near[5] == {1, 2, 3}


def test_local_permutations_of_few_values_are_no_copies(key):
    x, noise = np.random.default_rng(0).normal(size=(2, 300, 1)).astype(np.float32)
    y = (np.roll(x, 1) + 0.5 * noise > 0).astype(np.float32)
    result = transfer_entropy.series_significance(
        key, x, y, method="local_permutation", num_surrogates=19
    )
    assert result.value > 0.3
    assert result.null_mean < 0.03


def test_surrogates_without_a_value_give_no_p_value(key):
    sources, targets = independent(50, 2, 1)
    given = np.random.default_rng(5).integers(0, 2, (9, 50, 2))
    given[3, 5, 0] = 7
    for correction in ("none", "max_statistic"):
        result = transfer_entropy.significance(
            key,
            sources,
            targets,
            method="given",
            surrogates=given,
            correction=correction,
            **BINARY,
        )
        for name in ("null_mean", "p_value", "adjusted_p_value"):
            is_none = np.isnan(getattr(result, name)).ravel()
            np.testing.assert_array_equal(is_none, [True, False])


@pytest.mark.parametrize(
    "options",
    [
        {"method": "local_permutation"},
        {"method": "block", "block_length": 10},
        {"estimator": "kernel", "bandwidth": 0.5},
        {"estimator": "neighbors", "method": "circular"},
    ],
)
def test_series_are_judged_by_any_estimator(key, options):
    x, noise = np.random.default_rng(0).normal(size=(2, 150, 1)).astype(np.float32)
    test = jax.jit(
        functools.partial(
            transfer_entropy.series_significance, num_surrogates=19, **options
        )
    )
    found = test(key, x, np.roll(x, 1) + noise)
    assert_close(found.p_value, 1 / 20)
    assert found.adjusted_p_value == found.p_value
    assert np.isnan(found.normalized_value)
    assert test(key, x, noise).p_value > 0.05


def test_bad_arguments_are_named(key):
    sources, targets = independent(20, 2, 2)
    significance = functools.partial(
        transfer_entropy.significance, key, sources, targets, **BINARY
    )
    with pytest.raises(ValueError, match="`block_length` with method="):
        significance(method="block")
    with pytest.raises(ValueError, match="`block_length` to be at most half the"):
        significance(method="block", block_length=10)
    with pytest.raises(ValueError, match="`surrogates` with method="):
        significance(method="given")
    with pytest.raises(ValueError, match='`surrogates` with method="given" only'):
        significance(surrogates=np.zeros((3, 20, 2), int))
    with pytest.raises(ValueError, match='`block_length` with method="block" only'):
        significance(block_length=5)
    with pytest.raises(ValueError, match="`method` to be one of"):
        significance(method="bootstrap")
    with pytest.raises(ValueError, match="`correction` to be one of"):
        significance(correction="bonferroni")
    with pytest.raises(ValueError, match="needs the same permutation"):
        significance(method="chi2", correction="max_statistic")
    x, y = (np.random.default_rng(0).normal(size=(20, 1)) for _ in range(2))
    series = functools.partial(transfer_entropy.series_significance, key, x, y)
    with pytest.raises(ValueError, match='`estimator` to be "gaussian" with'):
        series(estimator="kernel", method="chi2")
    with pytest.raises(ValueError, match="Expected a target history or a condition"):
        series(method="local_permutation", timing=Timing(target_history=0))
