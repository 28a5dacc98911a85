"""Data as they come: outliers, batches, ties, near dependence, heavy tails, misfit.

All pairs of columns of a thousand rows go through one program of defaults.
"""

import functools

import jax
import numpy as np
import pytest
from scipy import stats

from jaxinfo import gmm
from tests import helpers
from tests.helpers import assert_close

N = 1000
TRUTH = 0.83
Z, E = np.random.default_rng(0).normal(size=(2, N))
Y = 0.9 * Z + 0.436 * E


@pytest.fixture(scope="module")
def information():
    run = helpers.optimized(gmm.mutual_information)

    def of(x, y, seed=1):
        columns = (np.asarray(z, np.float32)[:, None] for z in (x, y))
        return run(jax.random.key(seed), *columns)

    return of


def assert_is_right(result, truth):
    assert result.reason == gmm.Reason.SUCCESSFUL
    assert result.converged
    assert abs(result.value - truth) < 2 * result.standard_error
    assert result.standard_error < 0.05


@pytest.mark.parametrize(("rows", "value"), [(1, 1e5), (3, -9999.0), (1, 1e8)])
def test_outliers_are_components_of_their_own(information, rows, value):
    x = Z.copy()
    x[7 : 7 + rows] = value
    result = information(x, Y)
    assert_is_right(result, TRUTH)
    assert result.num_components == 2


def test_a_row_far_off_in_both_columns_makes_them_no_copies(information):
    x, y = Z.copy(), Y.copy()
    x[7] = y[7] = 1e4
    assert_is_right(information(x, y), TRUTH)


def test_two_rows_do_not_tell_how_columns_depend_on_each_other(information):
    x, y = Z.copy(), E.copy()
    x[:2], y[:2] = (30.0, 30.1), (30.2, 29.9)
    share = 2 / N
    truth = -share * np.log(share) - (1 - share) * np.log1p(-share)
    result = information(x, y)
    assert result.num_components == 2
    assert_close(result.plugin, truth, tolerance=0.003)
    assert abs(result.value - truth) < 2 * result.standard_error


@pytest.mark.parametrize("distance", [30.0, 300.0])
def test_batches_far_apart_keep_the_information_within(information, distance):
    batch = distance * np.sign(np.random.default_rng(5).normal(size=N))
    assert_is_right(information(Z + batch, Y + batch), np.log(2) + TRUTH)


def test_batches_at_the_end_of_single_precision_have_a_value(information):
    batch = 1e4 * np.sign(np.random.default_rng(5).normal(size=N))
    result = information(Z + batch, Y + batch)
    assert_close(result.value, np.log(2) + TRUTH, tolerance=0.06)


@pytest.mark.parametrize("noise", [1e-3, 1e-5])
def test_what_columns_differ_by_is_seen_to_the_end_of_the_digits(information, noise):
    expected = np.log1p(noise**-2) / 2
    assert_is_right(information(Z, Z + noise * E), expected)


def test_copies_have_no_density(information):
    result = information(Z, 3.7 * Z)
    assert result.reason == gmm.Reason.SINGULAR
    assert np.isnan(result.value)
    spoilt = Z.copy()
    spoilt[3] = np.nan
    assert information(spoilt, Y).reason == gmm.Reason.INVALID


def test_values_on_a_coarse_grid_are_flagged(information):
    x, y = np.round(np.random.default_rng(2).normal(size=(2, N)) / 2)
    assert information(x, y).reason == gmm.Reason.TIED


def test_repeated_rows_do_not_validate_each_other(information):
    x, noise = np.random.default_rng(3).normal(size=(2, 50))
    y = 0.7 * x + 0.51**0.5 * noise
    result = information(np.repeat(x, 20), np.repeat(y, 20))
    assert result.reason == gmm.Reason.TIED
    assert result.num_components == 1
    rho = np.corrcoef(x, y)[0, 1]
    assert_close(result.plugin, -np.log1p(-(rho**2)) / 2, tolerance=1e-4)


def test_exact_zeros_of_one_side_are_told_and_leave_the_value(information):
    x, noise = np.random.default_rng(0).normal(size=(2, N))
    result = information(np.maximum(x, 0), 0.6 * x + 0.8 * noise)
    assert result.reason == gmm.Reason.COLLAPSED
    # Of the rectified variable by quadrature.
    assert_close(result.value, 0.17, tolerance=0.06)


def test_marginals_that_few_gaussians_do_not_hold_are_told(information):
    x, noise = np.random.default_rng(0).normal(size=(2, N))
    y = 0.6 * x + 0.8 * noise
    skewed = information(np.exp(2 * x), np.exp(2 * y))
    assert skewed.reason == gmm.Reason.MISFIT
    scores = gmm.normal_scores(np.exp(2 * np.stack([x, y], 1)).astype("f"))
    assert_is_right(information(*scores.T), -np.log1p(-0.36) / 2)


def test_clusters_are_no_misfit(information):
    rng = np.random.default_rng(4)
    centres = 9 * rng.normal(size=(4, 2))
    x, y = (centres[rng.integers(0, 4, N)] + 0.3 * rng.normal(size=(N, 2))).T
    assert information(x, y).reason == gmm.Reason.SUCCESSFUL


def test_the_value_lies_between_the_corrected_fit_and_the_data(information):
    rng = np.random.default_rng(6)
    x = rng.exponential(0.5, size=N)
    x, y = np.log(x), np.log(x + rng.exponential(size=N))
    result = information(x, y)
    assert result.num_components > 1
    pairs = (np.asarray(z, np.float32)[:, None] for z in (x, y))
    over_data = np.mean(gmm.pointwise_mutual_information(result.mixture, *pairs))
    corrected = np.mean(result.replicates)
    assert_close(result.value, (corrected + over_data) / 2, tolerance=1e-5)
    variance = np.var(result.replicates, ddof=1) + (corrected - over_data) ** 2
    variance += (result.plugin - corrected) ** 2
    assert_close(result.standard_error, np.sqrt(variance), tolerance=1e-5)


@pytest.mark.slow
def test_heavy_tails_in_several_dimensions_have_a_value():
    rng = np.random.default_rng([7, 7])
    x = rng.standard_normal((500, 6)) / np.sqrt(rng.chisquare(3, 500) / 3)[:, None]
    x = x.astype(np.float32)
    result = gmm.mutual_information(jax.random.key(1), x[:, :3], x[:, 3:])
    assert_close(result.value, 0.18, tolerance=0.15)
    assert np.all(np.isfinite(result.replicates))


@pytest.mark.slow
def test_two_repeated_values_have_no_differential_entropy():
    x = np.repeat([0.0, 1.0], 100)[:, None].astype(np.float32)
    assert gmm.entropy(jax.random.key(1), x).reason == gmm.Reason.TIED


def test_fits_say_why_they_are_not_to_be_trusted():
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    start = gmm.initialize(jax.random.key(0), x, num_components=2)
    fit = functools.partial(gmm.em, start, max_steps=200)
    assert fit(x).reason == gmm.Reason.SUCCESSFUL
    assert fit(x, tol=0.0).reason == gmm.Reason.STEPS_RAN_OUT
    assert fit(x[:, [0, 0]]).reason == gmm.Reason.SINGULAR
    assert fit(x, weights=-np.ones(40, np.float32)).reason == gmm.Reason.INVALID
    few = np.repeat(x[:3], 14, axis=0)[:40]
    assert fit(few).reason == gmm.Reason.COLLAPSED


def test_normal_scores_are_quantiles_of_mean_ranks(dtype):
    x = np.array([[3.0, 1.0], [1.0, 1.0], [1.0, 1.0], [9.0, 1.0]], dtype)
    expected = stats.norm.ppf((stats.rankdata(x, axis=0) - 0.5) / 4)
    actual = gmm.normal_scores(x)
    assert actual.dtype == dtype
    assert_close(actual, expected)
    assert_close(gmm.normal_scores(np.exp(x)), expected)
    x[0, 0] = np.nan
    assert np.all(np.isnan(gmm.normal_scores(x)[:, 0]))
    assert np.all(np.isfinite(gmm.normal_scores(x)[:, 1]))
