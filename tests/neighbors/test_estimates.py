"""Estimates by nearest neighbours against plain NumPy, and where they end."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma

from jaxinfo import measures, neighbors
from jaxinfo.neighbors import _search
from tests.helpers import assert_close


def distances(x):
    return np.abs(x[:, None] - x[None]).max(-1)


def numpy_local(spaces, k, algorithm, window, mask):
    """Local information by the definition, of two spaces or of two given a third."""
    n = len(mask)
    index = np.arange(n)
    may_meet = (np.abs(index[:, None] - index) > window) & mask[None]
    apart = [distances(x) for x in spaces]
    joint = np.where(may_meet, np.max(apart, axis=0), np.inf)
    order = np.argsort(joint, axis=1, kind="stable")[:, :k]
    furthest = np.take_along_axis(joint, order, 1)[:, -1:]
    if algorithm == 1:
        inside = [(d < furthest) & may_meet for d in apart]
    else:
        radii = [np.take_along_axis(d, order, 1).max(1, keepdims=True) for d in apart]
        inside = [(d <= r) & may_meet for d, r in zip(apart, radii, strict=True)]
    x, y, *z = inside
    if z:
        counts = [c.sum(1) for c in (z[0], x & z[0], y & z[0])]
        if algorithm == 1:
            of_z, of_x, of_y = (digamma(c + 1) for c in counts)
            return digamma(k) + of_z - of_x - of_y
        of_z, of_x, of_y = counts
        local = digamma(k) - 2 / k + digamma(of_z) - digamma(of_x) - digamma(of_y)
        return local + 1 / of_x + 1 / of_y
    of_x, of_y = x.sum(1), y.sum(1)
    number = digamma(mask.sum())
    if algorithm == 1:
        return digamma(k) + number - digamma(of_x + 1) - digamma(of_y + 1)
    return digamma(k) - 1 / k + number - digamma(of_x) - digamma(of_y)


@pytest.mark.parametrize(
    ("algorithm", "widths"),
    [(1, (2, 9)), (2, (1, 2)), (1, (1, 1, 2)), (2, (1, 2, 1))],
)
def test_matches_the_definition_with_mask_window_and_ties(x64, algorithm, widths):
    # More samples than a block of queries, on a grid so that many distances are equal.
    rng, n = np.random.default_rng(0), 150
    spaces = [np.round(4 * rng.normal(size=(n, width))) / 4 for width in widths]
    mask = rng.random(n) < 0.9
    options = {"num_neighbors": 5, "algorithm": algorithm, "exclusion_window": 3}
    local = (
        neighbors.local_mutual_information
        if len(spaces) == 2
        else neighbors.local_conditional_mutual_information
    )
    spoilt = [np.where(mask[:, None], x, np.nan) for x in spaces]
    actual = local(*spoilt, mask=mask, **options)
    expected = numpy_local(spaces, 5, algorithm, 3, mask)
    np.testing.assert_array_equal(np.isnan(actual), ~mask)
    assert_close(actual[mask], expected[mask])


def test_neighbours_are_found_and_counted_once():
    """All distances of one search have the same bits, wherever points come from."""
    x = np.random.default_rng(0).normal(size=(3, 400)).astype(np.float32)
    k = 4

    @jax.jit
    def others_within(x, scale):
        # Computed in the caller's program, which might compute it twice.
        columns = (x - jnp.mean(x, axis=1, keepdims=True)) * scale / 3 + 0.1
        points = _search.points(columns, jnp.ones((400,), bool))
        furthest = _search.nearest(points, (0, 1, 2), k)[-1]
        args = (points, (2,), [(0, 1)], [furthest] * 2)
        return _search.counts(*args, jnp.less), _search.counts(*args, jnp.less_equal)

    for scale in np.linspace(0.5, 2, 20, dtype=np.float32):
        closer, within = others_within(x, scale)
        np.testing.assert_array_equal(closer[1], k - 1)
        np.testing.assert_array_equal(within[1], k)


@pytest.fixture(scope="module")
def triple():
    z, x, y = np.random.default_rng(1).normal(size=(3, 150, 1)).astype(np.float32)
    return x + z, y + z, z


def test_samples_that_coincide_are_mixed(triple):
    mixed = neighbors.mixed_mutual_information
    x, y, z = triple
    assert_close(mixed(x, y), neighbors.mutual_information(x, y), scale=10.0)
    given = neighbors.mixed_conditional_mutual_information(x, y, z)
    expected = neighbors.conditional_mutual_information(x, y, z)
    assert_close(given, expected, scale=10.0)


def test_of_discrete_data_mixed_estimates_are_plug_in():
    rng = np.random.default_rng(0)
    x, z = rng.integers(0, 3, (2, 900))
    y = np.where(rng.random(900) < 0.8, x, rng.integers(0, 3, 900))
    table = np.zeros((3, 3, 2))
    np.add.at(table, (x, y, z % 2), 1 / 900)
    columns = [one[:, None].astype(np.float32) for one in (x, y, z % 2)]
    actual = neighbors.mixed_mutual_information(*columns[:2])
    expected = measures.mutual_information(table.sum(2).astype(np.float32))
    assert abs(actual - expected) < 3 / 900
    actual = neighbors.mixed_conditional_mutual_information(*columns)
    expected = measures.conditional_mutual_information(table.astype(np.float32))
    assert abs(actual - expected) < 5 / 900


def test_a_mixture_of_both_kinds_has_its_information(x64):
    # Half of the pairs are equal normals in steps, half independent points in ten.
    rng, n = np.random.default_rng(0), 2000
    x = rng.integers(0, 4, n).astype(float)
    y = x + rng.uniform(-1, 1, n)
    # Of the uniform law on an interval of width 2 whose place is known up to 4 steps.
    actual = neighbors.mixed_mutual_information(x[:, None], y[:, None])
    density = [1 / 8, 2 / 8, 2 / 8, 2 / 8, 1 / 8]
    expected = -sum(p * np.log(p) for p in density) - np.log(2)
    assert abs(actual - expected) < 0.06


def test_scales_of_two_do_not_matter(triple):
    x, y, _ = triple
    expected = neighbors.mutual_information(x, y)
    for scale in (2.0**90, 2.0**-90):
        scaled = neighbors.mutual_information(
            x * np.float32(scale), y * np.float32(scale)
        )
        assert scaled == expected


def test_classes_alone_are_left_out(x64):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    estimate = functools.partial(neighbors.class_mutual_information, num_classes=5)
    x[7], labels[7] = x[8], 4
    alone = np.arange(60) == 7
    actual = estimate(x, labels)
    assert_close(actual, estimate(x[~alone], labels[~alone]))
    assert np.isnan(estimate(x[:5], np.arange(5)))
    assert np.isnan(estimate(x, labels + 1))


def test_ties_are_seen_and_broken(key):
    x = jnp.repeat(jnp.arange(30.0), 2)[:, None]
    assert neighbors.tied_fraction(x, num_neighbors=1) == 1
    assert neighbors.entropy(x, num_neighbors=1) == -jnp.inf
    broken = neighbors.break_ties(key, x)
    assert neighbors.tied_fraction(broken, num_neighbors=1) == 0
    assert_close(broken, x, tolerance=1e-3)
    assert np.isfinite(neighbors.entropy(broken, num_neighbors=1))
    np.testing.assert_array_equal(neighbors.break_ties(key, 0 * x), 0)


def test_nan_and_infinity_give_nan(triple):
    x, y, _ = triple
    for value in (np.nan, np.inf):
        spoilt = x.copy()
        spoilt[3] = value
        assert np.isnan(neighbors.mutual_information(spoilt, y))
    mask = np.arange(150) < 4
    assert np.isnan(neighbors.mutual_information(x, y, mask=mask))


def test_gradients_are_zero(triple):
    x, y, z = triple
    slopes = jax.grad(neighbors.conditional_mutual_information, argnums=(0, 1, 2))
    for slope in slopes(x, y, z):
        np.testing.assert_array_equal(slope, 0)


def test_bad_arguments_are_named(triple):
    x, y, z = triple
    information = neighbors.mutual_information
    with pytest.raises(ValueError, match="`algorithm` to be 1 or 2, got 3"):
        information(x, y, algorithm=3)
    with pytest.raises(ValueError, match="`num_neighbors` to be at least 1, got 0"):
        information(x, y, num_neighbors=0)
    with pytest.raises(ValueError, match="`exclusion_window` to be at least 0"):
        information(x, y, exclusion_window=-1)
    with pytest.raises(ValueError, match="neighbours plus twice"):
        information(x, y, exclusion_window=73)
    with pytest.raises(ValueError, match=r"than 4 samples, .* neighbours, got 4"):
        neighbors.entropy(x[:4])
    with pytest.raises(ValueError, match=r"`z` to have shape \(n, d\) with n = 150"):
        neighbors.conditional_mutual_information(x, y, z[1:])
