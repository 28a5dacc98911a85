"""All pairs, windows, alphabets of any size, and symbols that are none."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import transfer_entropy
from jaxinfo.transfer_entropy import Timing, _discrete
from tests.helpers import assert_close

LONG = Timing(target_history=2, source_history=2, lag=2, target_delay=2)
ESTIMATORS = ("plugin", "miller_madow", "grassberger")


def layers(*shape, seed=0, num_symbols=2):
    return np.random.default_rng(seed).integers(0, num_symbols, shape)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pairs_are_single_values(x64, estimator):
    # As many samples as fill some words of bits, and a few.
    sources = layers(307, 3, num_symbols=3)
    targets = layers(307, 2, seed=1)
    targets[2:, 0] ^= sources[:-2, 0] > 0
    options = {
        "num_symbols": 2,
        "num_source_symbols": 3,
        "timing": LONG,
        "estimator": estimator,
    }
    pairs = transfer_entropy.pairwise(sources, targets, **options)
    for i, j in np.ndindex(3, 2):
        one = transfer_entropy.discrete(sources[:, i], targets[:, j], **options)
        assert_close(pairs[i, j], one)
    blocks = transfer_entropy.pairwise(sources, targets, block_size=2, **options)
    assert_close(blocks, pairs)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_sorted_codes_give_the_value_of_a_table(x64, estimator):
    sources, targets = layers(200, num_symbols=6), layers(200, seed=1, num_symbols=6)
    discrete = functools.partial(
        transfer_entropy.discrete, sources, targets, estimator=estimator
    )
    assert 6**3 > 200
    expected = discrete(num_symbols=6)
    # Symbols that do not occur change nothing, but make the table too large.
    huge = discrete(num_symbols=1200)
    assert 1200**3 < 2**31
    assert_close(huge, expected)


def test_replications_are_pooled(x64):
    sources, targets = layers(9, 7, 2), layers(9, 7, 3, seed=1)
    pooled = transfer_entropy.ensemble_pairwise(
        sources, targets, num_symbols=2, timing=Timing(lag=2)
    )
    # The same samples as a series in which replications are far apart.
    for i, j in np.ndindex(2, 3):
        tables = np.zeros((2, 2, 2))
        for r in range(7):
            x, y = sources[:, r, i], targets[:, r, j]
            np.add.at(tables, (x[:-2], y[1:-1], y[2:]), 1)
        p = tables / tables.sum()
        ratio = p * p.sum((0, 2))[:, None] / (p.sum(2)[..., None] * p.sum(0))
        expected = np.sum(p * np.log(np.where(p > 0, ratio, 1)))
        assert_close(pooled[i, j], expected)


def test_windows_are_series_of_their_own():
    sources, targets = layers(60, 2), layers(60, 2, seed=1)
    windows = transfer_entropy.windowed_pairwise(
        sources, targets, num_symbols=2, window=25, stride=17
    )
    assert windows.shape == (3, 2, 2)
    for k, start in enumerate((0, 17, 34)):
        rows = slice(start, start + 25)
        alone = transfer_entropy.pairwise(sources[rows], targets[rows], num_symbols=2)
        assert_close(windows[k], alone)


def test_a_symbol_out_of_range_spoils_its_column_only():
    sources, targets = layers(60, 2), layers(60, 3, seed=1)
    expected = transfer_entropy.pairwise(sources, targets, num_symbols=2)
    sources[7, 1], targets[8, 0] = 2, -1
    actual = transfer_entropy.pairwise(sources, targets, num_symbols=2)
    is_spoilt = np.zeros((2, 3), bool)
    is_spoilt[1], is_spoilt[:, 0] = True, True
    np.testing.assert_array_equal(np.isnan(actual), is_spoilt)
    np.testing.assert_array_equal(actual[~is_spoilt], expected[~is_spoilt])
    for x, y in ((sources[:, 1], targets[:, 1]), (sources[:, 0], targets[:, 0])):
        assert np.isnan(transfer_entropy.discrete(x, y, num_symbols=2))
        assert np.all(np.isnan(transfer_entropy.local_discrete(x, y, num_symbols=2)))
    # The last source and the first target that a lag leaves out enter nothing.
    sources[:], targets[:] = 0, 0
    sources[-1] = 5
    assert np.all(transfer_entropy.pairwise(sources, targets, num_symbols=2) == 0)


def test_booleans_are_symbols():
    sources, targets = layers(60, 2), layers(60, 2, seed=1)
    expected = transfer_entropy.pairwise(sources, targets, num_symbols=2)
    actual = transfer_entropy.pairwise(sources > 0, targets > 0, num_symbols=2)
    np.testing.assert_array_equal(actual, expected)


def test_series_of_values_become_symbols():
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    thresholds = transfer_entropy.quantile_thresholds(x, num_symbols=4)
    assert_close(thresholds, np.quantile(x, [0.25, 0.5, 0.75], axis=0))
    symbols = transfer_entropy.symbolize(x, thresholds)
    counts = np.apply_along_axis(np.bincount, 0, symbols, minlength=4)
    np.testing.assert_array_equal(counts, 50)
    x[5, 1] = np.nan
    spoilt = transfer_entropy.symbolize(x, 0.0)
    assert spoilt[5, 1] == -1
    joint = transfer_entropy.joint_symbols(spoilt, num_symbols=2)
    assert joint[5] == -1
    codes = spoilt[0, 0] * 4 + spoilt[0, 1] * 2 + spoilt[0, 2]
    assert joint[0] == codes


def test_ordinal_patterns_are_ranks():
    x = np.random.default_rng(0).integers(0, 4, 60).astype(np.float32)
    codes = transfer_entropy.ordinal_patterns(x, order=4)
    orders = np.array([np.argsort(x[n : n + 4], kind="stable") for n in range(57)])
    # Codes tell patterns apart, and are all there are.
    pairs = {
        (int(code), tuple(order)) for code, order in zip(codes, orders, strict=True)
    }
    assert (
        len({code for code, _ in pairs}) == len(pairs) == len(np.unique(orders, axis=0))
    )
    assert codes.min() >= 0
    assert codes.max() < 24
    assert transfer_entropy.ordinal_patterns(np.arange(3.0), order=3)[0] == 0
    assert transfer_entropy.ordinal_patterns(-np.arange(3.0), order=3)[0] == 5


def test_bad_arguments_are_named():
    x, y = layers(9), layers(9, seed=1)
    discrete = functools.partial(transfer_entropy.discrete, num_symbols=2)
    with pytest.raises(ValueError, match=r"`source` .* more steps than the 9 that"):
        discrete(x, y, timing=Timing(target_history=9))
    with pytest.raises(ValueError, match=r"`target` to have shape \(t,\) with t = 9"):
        discrete(x, y[1:])
    with pytest.raises(TypeError, match="`source` to hold integers"):
        discrete(x.astype(float), y)
    with pytest.raises(ValueError, match="`estimator` to be one of"):
        discrete(x, y, estimator="jackknife")
    with pytest.raises(ValueError, match="`num_symbols` to be at least 2, got 1"):
        transfer_entropy.discrete(x, y, num_symbols=1)
    with pytest.raises(ValueError, match=f"at most {_discrete._MOST_STATES} states"):
        transfer_entropy.discrete(x, y, num_symbols=2000)
    with pytest.raises(TypeError, match="`timing` to be a Timing"):
        discrete(x, y, timing=1)
    for name, least in (("lag", 0), ("source_history", 1), ("target_delay", 1)):
        with pytest.raises(ValueError, match=f"`{name}` to be at least {least}"):
            Timing(**{name: least - 1})
    wide = jnp.zeros((9, 5000), int)
    message = (
        r"table of at most 2147483648 counts, .* 10240000000 bytes; .*`block_size`"
    )
    with pytest.raises(ValueError, match=message):
        transfer_entropy.pairwise(wide, wide[:, :1000], num_symbols=8, timing=Timing())
    with pytest.raises(ValueError, match=r"`window` to be at most .* 9, got 10"):
        transfer_entropy.windowed_pairwise(
            x[:, None], y[:, None], num_symbols=2, window=10, stride=1
        )
    with pytest.raises(ValueError, match=r"`window` .* more steps than the 1 that"):
        transfer_entropy.windowed_pairwise(
            x[:, None], y[:, None], num_symbols=2, window=1, stride=1
        )
    with pytest.raises(ValueError, match="the 9 that `history` and `delay` look back"):
        transfer_entropy.active_information(x, num_symbols=2, history=5, delay=2)
    with pytest.raises(ValueError, match=r"`source` and `target` .* more than 8 samp"):
        transfer_entropy.neighbors(x[:, None] / 1, y[:, None] / 1, num_neighbors=8)
    with pytest.raises(ValueError, match="`order` to be at most 12, got 13"):
        transfer_entropy.ordinal_patterns(np.arange(20.0), order=13)
    with pytest.raises(ValueError, match="more samples than the 3 columns"):
        transfer_entropy.gaussian(np.zeros((4, 1)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match="`shape` to be one of 'box', 'gaussian'"):
        transfer_entropy.kernel(np.zeros((9, 1)), np.zeros((9, 1)), shape="round")


def test_values_that_are_none_give_nan():
    x = np.random.default_rng(0).normal(size=(30, 1)).astype(np.float32)
    spoilt = x.copy()
    spoilt[3] = np.nan
    for source, target in ((x, spoilt), (spoilt, x)):
        assert np.isnan(transfer_entropy.gaussian(source, target))
        assert np.isnan(transfer_entropy.kernel(source, target))
        assert np.isnan(transfer_entropy.symbolic(source[:, 0], target[:, 0]))
    assert np.isnan(transfer_entropy.kernel(x, x, bandwidth=0.0))
