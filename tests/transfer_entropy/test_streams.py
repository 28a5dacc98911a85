"""Counts carried through a loop are those of the whole series, however it is cut."""

import functools
import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinfo import transfer_entropy
from jaxinfo.transfer_entropy import Timing
from tests.helpers import assert_close

T, M, N = 24, 2, 3
TIMINGS = [
    Timing(),
    Timing(target_history=2, source_history=2, lag=3, target_delay=2),
    Timing(target_history=0, lag=0),
]
REPLICATIONS = [None, 2]
SHORT = 9


def rows(replications, seed=0, t=T):
    inner = () if replications is None else (replications,)
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, (t, *inner, M)), rng.integers(0, 2, (t, *inner, N))


def empty(timing, replications, **options):
    return transfer_entropy.stream_init(
        num_sources=M,
        num_targets=N,
        num_symbols=2,
        timing=timing,
        num_replications=replications,
        **options,
    )


@functools.cache
def numpy_counts(timing, replications, starts=(0,), t=T):
    """Counts by the definition, of series that begin at some rows."""
    x, y = (
        one[:, None] if replications is None else one for one in rows(replications, t=t)
    )
    reach = timing.reach()
    codes = 2 ** len(timing.source()), 2 ** (len(timing.past()) + 1)
    counts = np.zeros((*codes, M, N), int)
    ends = (*starts[1:], t)
    for start, end in zip(starts, ends, strict=True):
        for n in range(start + reach, end):
            source = sum(x[n - lag] * 2**i for i, lag in enumerate(timing.source()))
            past = sum(y[n - lag] * 2**i for i, lag in enumerate(timing.past()))
            for r in range(x.shape[1]):
                for i, j in itertools.product(range(M), range(N)):
                    p = past[r, j] if len(timing.past()) else 0
                    counts[source[r, i], 2 * p + y[n, r, j], i, j] += 1
    return counts


def in_batches(state, series, sizes):
    """Update with batches of the given sizes, one row each at the end."""
    start = 0
    for size in sizes:
        batch = [one[start : start + size] for one in series]
        state = transfer_entropy.stream_update(state, *batch)
        start += size
    return state


cases = pytest.mark.parametrize(
    ("timing", "replications"),
    [(TIMINGS[0], None), (TIMINGS[1], None), (TIMINGS[1], 2), (TIMINGS[2], 2)],
    ids=str,
)


# Batches of few sizes, as each compiles.
@cases
@pytest.mark.parametrize(
    "sizes", [(24,), (1,) * 24, (1, 7, 1, 7, 7, 1), (7, 7, 7, 1, 1, 1)]
)
def test_batches_give_the_counts_of_the_whole(timing, replications, sizes):
    state = in_batches(empty(timing, replications), rows(replications), sizes)
    expected = numpy_counts(timing, replications)
    np.testing.assert_array_equal(state.counts, expected)
    assert state.num_rows == T


@cases
def test_values_are_those_of_the_batch_to_the_bit(timing, replications):
    series = rows(replications)
    state = in_batches(empty(timing, replications), series, (7, 7, 7, 1, 1, 1))
    whole = (
        transfer_entropy.pairwise
        if replications is None
        else transfer_entropy.ensemble_pairwise
    )
    for estimator in ("plugin", "grassberger"):
        options = {"estimator": estimator}
        expected = whole(*series, num_symbols=2, timing=timing, **options)
        actual = transfer_entropy.stream_value(state, **options)
        np.testing.assert_array_equal(actual, expected)


@cases
def test_no_sample_crosses_a_boundary(timing, replications):
    series = rows(replications)
    state = empty(timing, replications)
    for part in (slice(0, 7), slice(7, 8), slice(8, 24)):
        state = transfer_entropy.stream_update(state, *(one[part] for one in series))
        state = transfer_entropy.stream_break(state)
    expected = numpy_counts(timing, replications, (0, 7, 8))
    np.testing.assert_array_equal(state.counts, expected)


@settings(max_examples=40)
@given(data=st.data())
def test_parts_merge_in_any_order(data):
    """Contiguous parts, some empty, short or broken, joined two by two at random."""
    timing, replications = TIMINGS[1], None
    series = rows(replications, t=SHORT)
    update = transfer_entropy.stream_update
    parts, starts = [], [0]
    for n in range(SHORT):
        part = update(empty(timing, replications), *(one[n : n + 1] for one in series))
        if n + 1 < SHORT and data.draw(st.booleans()) and data.draw(st.booleans()):
            part = transfer_entropy.stream_break(part)
            starts.append(n + 1)
        parts.append(part)
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            parts.append(empty(timing, replications))
    while len(parts) > 1:
        k = data.draw(st.integers(0, len(parts) - 2))
        pair = parts[k : k + 2]
        parts[k : k + 2] = [transfer_entropy.stream_merge(*pair, is_contiguous=True)]
    (whole,) = parts
    expected = numpy_counts(timing, replications, tuple(starts), t=SHORT)
    np.testing.assert_array_equal(whole.counts, expected)
    assert whole.num_rows == SHORT


def test_parts_of_different_series_make_no_sample_at_the_seam():
    timing = TIMINGS[0]
    x, y = rows(None)
    first, second = (
        transfer_entropy.stream_update(empty(timing, None), x[part], y[part])
        for part in (slice(0, 12), slice(12, 24))
    )
    both = transfer_entropy.stream_merge(first, second)
    np.testing.assert_array_equal(both.counts, numpy_counts(timing, None, (0, 12)))
    # What follows goes on after the second.
    more = transfer_entropy.stream_update(both, x[:12], y[:12])
    assert more.counts.sum() == both.counts.sum() + 12 * M * N


def test_old_counts_decay():
    x, y = rows(None)
    state = empty(TIMINGS[0], None, is_decaying=True)
    first = transfer_entropy.stream_update(state, x[:12], y[:12])
    second = transfer_entropy.stream_update(first, x[12:], y[12:], decay=0.5)
    expected = numpy_counts(TIMINGS[0], None) - np.asarray(first.counts) / 2
    assert_close(second.counts, expected)
    assert np.all(np.isfinite(transfer_entropy.stream_value(second)))
    with pytest.raises(ValueError, match="`decay` for a state made with is_decaying"):
        transfer_entropy.stream_update(empty(TIMINGS[0], None), x, y, decay=0.5)


def test_symbols_out_of_range_mark_their_columns():
    x, y = rows(None)
    x[3, 1] = 2
    state = transfer_entropy.stream_update(empty(TIMINGS[0], None), x, y)
    x[3, 1] = 0
    state = transfer_entropy.stream_update(state, x, y)
    is_nan = np.isnan(transfer_entropy.stream_value(state))
    np.testing.assert_array_equal(is_nan, [[0] * N, [1] * N])
    assert np.all(np.isnan(transfer_entropy.stream_value(empty(TIMINGS[0], None))))


def test_significance_is_that_of_the_batch(key):
    x, y = rows(None)
    state = transfer_entropy.stream_update(empty(TIMINGS[0], None), x, y)
    actual = transfer_entropy.stream_significance(state)
    expected = transfer_entropy.significance(key, x, y, num_symbols=2, method="chi2")
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other)


def test_states_with_other_settings_do_not_merge():
    with pytest.raises(ValueError, match="`second` to have the settings"):
        transfer_entropy.stream_merge(empty(TIMINGS[0], None), empty(TIMINGS[1], None))
    decaying = transfer_entropy.stream_init(
        num_sources=1, num_targets=1, num_symbols=2, is_decaying=True
    )
    with pytest.raises(ValueError, match="`estimator` not to be"):
        transfer_entropy.stream_value(decaying, estimator="grassberger")
    with pytest.raises(TypeError, match="`state` to be a Stream"):
        transfer_entropy.stream_value(jnp.zeros(3))
    with pytest.raises(ValueError, match="table of at most"):
        transfer_entropy.stream_init(
            num_sources=2**20, num_targets=2**10, num_symbols=2
        )
