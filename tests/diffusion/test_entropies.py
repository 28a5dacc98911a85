"""Spectra and entropies: closed forms, invariances, edges, errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxinfo import diffusion
from tests.helpers import assert_all_finite, assert_close


@pytest.fixture
def x(key, dtype):
    return jax.random.normal(key, (30, 3), dtype)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_two_points(dtype, alpha):
    x = jnp.array([[0.0, 0.0], [0.6, 0.8]], dtype)
    a = np.exp(-1 / (2 * 0.7**2))
    actual = diffusion.spectrum(x, bandwidth=0.7, alpha=alpha)
    assert_close(actual, np.array([1, (1 - a) / (1 + a)]))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_simplex(dtype, alpha):
    n, width = 6, 0.9
    a = np.exp(-2 / (2 * width**2))
    actual = diffusion.spectrum(jnp.eye(n, dtype=dtype), bandwidth=width, alpha=alpha)
    expected = np.append(1, np.full(n - 1, (1 - a) / (1 + (n - 1) * a)))
    assert_close(actual, expected)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_circle(dtype, alpha):
    n, width = 16, 0.4
    angles = 2 * np.pi * np.arange(n) / n
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    row = np.exp(-((points - points[0]) ** 2).sum(1) / (2 * width**2))
    expected = -np.sort(-np.fft.fft(row).real / row.sum())
    x = jnp.asarray(points, dtype)
    actual = diffusion.spectrum(x, bandwidth=width, alpha=alpha)
    assert_close(actual, expected)


@pytest.mark.parametrize("time", [1.0, 2.5])
def test_far_clusters_add_up(dtype, key, time):
    parts = [
        jax.random.normal(jax.random.fold_in(key, k), (n, 2), dtype)
        for k, n in enumerate((5, 9))
    ]
    union = jnp.concatenate([parts[0], parts[1] + 100])
    entropies, weights = [], []
    for part in parts:
        values = diffusion.spectrum(part, bandwidth=0.8)
        weights.append(np.sum(np.asarray(values, np.float64) ** time))
        entropies.append(
            diffusion.spectral_entropy(part, bandwidth=0.8, diffusion_time=time)
        )
    w = np.array(weights) / np.sum(weights)
    expected = -np.sum(w * np.log(w)) + np.sum(w * np.array(entropies))
    actual = diffusion.spectral_entropy(union, bandwidth=0.8, diffusion_time=time)
    # The shift rounds differences by its own size.
    assert_close(actual, expected, scale=100.0)


def test_the_trace_and_the_norm_are_sums_over_the_spectrum(x):
    values = diffusion.spectrum(x, bandwidth=0.9, alpha=0.4)
    collision = diffusion.collision_entropy(x, bandwidth=0.9, alpha=0.4)
    p = values / jnp.sum(values)
    assert_close(collision, -jnp.log(jnp.sum(p**2)), scale=10.0)
    entropy = diffusion.spectral_entropy(x, bandwidth=0.9, alpha=0.4)
    assert collision <= entropy
    assert values[0] == jnp.max(values)
    assert_close(values[0], 1.0)
    assert jnp.all(values >= 0)
    assert_close(diffusion.entropy_of_spectrum(values), entropy, scale=10.0)


def test_bounds_and_limits(x, dtype):
    n = len(x)
    options = {"bandwidth": 1.0, "diffusion_time": 0.0}
    assert_close(diffusion.spectral_entropy(x, **options), np.log(n))
    assert_close(diffusion.spectral_entropy(x, bandwidth=1e-3), np.log(n))
    assert_close(diffusion.spectral_entropy(x, bandwidth=1e9), 0.0, scale=100.0)
    entries = diffusion.matrix_entry_entropy(x, bandwidth=0.7)
    assert np.log(n) <= entries <= 2 * np.log(n)
    components = jnp.concatenate([x, x + 1e3, x - 1e3])
    late = diffusion.spectral_entropy(components, bandwidth=2.0, diffusion_time=1e4)
    assert_close(late, np.log(3), tolerance=1e-3)
    times = jnp.linspace(0, 8, 17).astype(dtype)
    falling = diffusion.spectral_entropies(
        x, bandwidths=jnp.ones(1, dtype), diffusion_times=times
    )
    assert jnp.all(jnp.diff(falling[0]) <= 0)


def test_what_does_not_matter(x, dtype):
    def entropy(x, bandwidth=0.9):
        return diffusion.spectral_entropy(x, bandwidth=bandwidth, diffusion_time=2.0)

    expected = entropy(x)
    turn = jnp.array([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]], dtype)
    assert_close(entropy(x @ turn), expected, scale=10.0)
    assert_close(entropy(x[::-1]), expected, scale=10.0)
    assert_close(entropy(jnp.concatenate([x, x])), expected, scale=10.0)
    for factor in (1e-30, 1e-9, 1e9, 1e30):
        assert_close(entropy(factor * x, 0.9 * factor), expected, scale=10.0)
    for rule in (diffusion.median_bandwidth, diffusion.neighbor_bandwidth):
        for factor in (1e-30, 1e30):
            scaled = rule(factor * x)
            assert_close(scaled / factor, rule(x), scale=10.0)
    assert_close(entropy(x + 64.0), expected, scale=1e3)


def test_grids_are_single_entropies(x, dtype):
    widths, times = jnp.array([0.4, 1.3], dtype), jnp.array([0.5, 1.0, 3.0], dtype)
    grid = diffusion.spectral_entropies(
        x, bandwidths=widths, diffusion_times=times, alpha=0.5
    )
    for i in range(2):
        for j in range(3):
            one = diffusion.spectral_entropy(
                x, bandwidth=widths[i], diffusion_time=times[j], alpha=0.5
            )
            assert_close(grid[i, j], one, scale=10.0)


def test_one_point_and_equal_points_have_no_entropy(dtype):
    for x in (jnp.zeros((1, 3), dtype), jnp.full((7, 2), 3.0, dtype)):
        for fn in (diffusion.spectral_entropy, diffusion.collision_entropy):
            value, slope = jax.value_and_grad(fn)(x, bandwidth=1.0)
            assert_close(value, 0.0, scale=10.0)
            assert_all_finite(slope)
        assert diffusion.binned_entropy(x, num_bins=5) == 0
    assert diffusion.median_bandwidth(x) == 0
    assert_all_finite(jax.grad(diffusion.median_bandwidth)(x))
    assert diffusion.neighbor_bandwidth(x, num_neighbors=3) == 0


def test_rules_pick_the_right_distances(x):
    points = np.asarray(x, np.float64)
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))
    above = distances[np.triu_indices(30, 1)]
    median = np.sqrt(np.median(above**2) / 2)
    assert_close(diffusion.median_bandwidth(x), median, scale=10.0)
    for k in (1, 7, 29):
        expected = np.sort(distances, axis=1)[:, k]
        actual = diffusion.local_bandwidths(x, num_neighbors=k)
        assert_close(actual, expected, scale=10.0)
        actual = diffusion.neighbor_bandwidth(x, num_neighbors=k)
        assert_close(actual, np.median(expected), scale=10.0)


def test_self_tuning_kernels_keep_negative_eigenvalues(x64, key):
    x = jax.random.normal(key, (40, 2)) ** 3
    widths = diffusion.local_bandwidths(x) / jnp.sqrt(2)
    values = diffusion.spectrum(x, bandwidth=widths)
    assert jnp.any(values < 0)
    assert jnp.all(jnp.diff(jnp.abs(values)) <= 1e-12)
    entropy = diffusion.spectral_entropy(x, bandwidth=widths, diffusion_time=2.0)
    from_values = diffusion.entropy_of_spectrum(values, diffusion_time=2.0)
    assert_close(entropy, from_values, scale=10.0)

    def of_widths(x, widths):
        return diffusion.spectral_entropy(x, bandwidth=widths, diffusion_time=2.0)

    check_grads(of_widths, (x[:8], widths[:8]), order=2, atol=1e-4, rtol=1e-4)


def test_bins_are_those_of_numpy(x, dtype):
    for num_bins in (2, 3, 10):
        columns = np.asarray(x)
        low, high = columns.min(0), columns.max(0)
        codes = np.floor(num_bins * ((columns - low) / (high - low)))
        codes = np.minimum(codes, num_bins - 1)
        counts = np.unique(codes, axis=0, return_counts=True)[1] / len(x)
        expected = -np.sum(counts * np.log(counts))
        assert_close(diffusion.binned_entropy(x, num_bins=num_bins), expected)
    wide = jnp.concatenate([x] * 20, axis=1)
    assert_close(
        diffusion.binned_entropy(wide, num_bins=4),
        diffusion.binned_entropy(x, num_bins=4),
    )


def test_solvers_agree_beyond_the_size_where_they_change(x64, key):
    x = jax.random.normal(key, (520, 4))
    values = diffusion.spectrum(x, bandwidth=1.0)
    squares = ((np.asarray(x)[:, None] - np.asarray(x)[None]) ** 2).sum(-1)
    kernel = np.exp(-squares / 2)
    root = np.sqrt(kernel.sum(1))
    expected = np.linalg.eigvalsh(kernel / root[:, None] / root[None])[::-1]
    assert_close(values, np.maximum(expected, 0), tolerance=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"bandwidth": 0.0},
        {"bandwidth": -1.0},
        {"bandwidth": jnp.nan},
        {"bandwidth": 1.0, "alpha": 1.5},
        {"bandwidth": 1.0, "alpha": -0.1},
        {"bandwidth": 1.0, "diffusion_time": -1.0},
    ],
)
def test_options_out_of_range_give_nan(options):
    x = jnp.arange(8.0).reshape(4, 2)
    assert np.isnan(diffusion.spectral_entropy(x, **options))


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_points_that_are_not_finite_give_nan(bad):
    x = jnp.arange(20.0).reshape(10, 2).at[3, 1].set(bad)
    for fn in (
        diffusion.spectral_entropy,
        diffusion.collision_entropy,
        diffusion.matrix_entry_entropy,
        diffusion.adjacency_entropy,
    ):
        assert np.isnan(fn(x, bandwidth=1.0))
    assert np.isnan(diffusion.binned_entropy(x))
    assert np.isnan(diffusion.neighbor_graph_entropy(x, num_neighbors=2))
    assert np.all(np.isnan(diffusion.spectrum(x, bandwidth=1.0)))


def test_a_spectrum_of_zeros_has_no_entropy():
    assert np.isnan(diffusion.entropy_of_spectrum(jnp.zeros(3)))
    assert diffusion.entropy_of_spectrum(jnp.array([0.0, 2.0, 0.0])) == 0
    slope = jax.grad(diffusion.entropy_of_spectrum)(jnp.array([0.0, 2.0, 1.0]))
    assert_all_finite(slope)


def test_shapes_kinds_and_counts_are_checked():
    x = jnp.ones((4, 2))
    with pytest.raises(ValueError, match="`x` to have shape"):
        diffusion.spectral_entropy(x[0], bandwidth=1.0)
    with pytest.raises(TypeError, match="`x` to be real"):
        diffusion.spectral_entropy(x.astype(complex), bandwidth=1.0)
    with pytest.raises(ValueError, match="`bandwidth` to have shape"):
        diffusion.spectral_entropy(x, bandwidth=jnp.ones(3))
    with pytest.raises(ValueError, match="`num_neighbors` to be less than the"):
        diffusion.neighbor_bandwidth(x, num_neighbors=4)
    with pytest.raises(ValueError, match="`num_neighbors` to be at most the number"):
        diffusion.neighbor_graph_entropy(x, num_neighbors=5)
    with pytest.raises(ValueError, match="`num_bins` to be at least 1"):
        diffusion.binned_entropy(x, num_bins=0)
    with pytest.raises(ValueError, match="at least two rows"):
        diffusion.median_bandwidth(x[:1])


def test_too_many_points_are_refused_with_the_bytes_of_their_matrix():
    x = jax.ShapeDtypeStruct((46341, 2), jnp.float32)
    with pytest.raises(ValueError, match="8589953124 bytes"):
        jax.eval_shape(lambda x: diffusion.spectral_entropy(x, bandwidth=1.0), x)


@pytest.mark.parametrize("time", [0.0, 1.0, 2.5])
def test_points_left_out_do_not_matter(dtype, time):
    # Far from the origin, in more dimensions than differences are taken in.
    x = (50 + np.random.default_rng(0).normal(size=(12, 9))).astype(dtype)
    mask = np.arange(12) % 3 != 1
    options = {"bandwidth": 2.5, "diffusion_time": time, "alpha": 0.5}
    expected, gradient = jax.value_and_grad(diffusion.spectral_entropy)(
        x[mask], **options
    )
    x[~mask] = np.nan
    value, slope = jax.value_and_grad(diffusion.spectral_entropy)(
        x, mask=mask, **options
    )
    assert_close(value, expected)
    assert_close(slope[mask], gradient, scale=10.0)
    assert (slope[~mask] == 0).all()


OTHERS = {
    "collision": functools.partial(
        diffusion.collision_entropy, bandwidth=2.5, alpha=0.5
    ),
    "entries": functools.partial(diffusion.matrix_entry_entropy, bandwidth=2.5),
    "adjacency": functools.partial(diffusion.adjacency_entropy, bandwidth=2.5),
    "grid": functools.partial(
        diffusion.spectral_entropies,
        bandwidths=np.array([1.5, 2.5]),
        diffusion_times=np.array([0.0, 2.5]),
    ),
    "bins": functools.partial(diffusion.binned_entropy, num_bins=3),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_mask_leaves_points_out_of_every_entropy(name):
    entropy = OTHERS[name]
    x = (50 + np.random.default_rng(0).normal(size=(12, 9))).astype(np.float32)
    mask = np.arange(12) % 3 != 0
    expected = entropy(x[mask])
    x[~mask] = np.inf
    assert_close(entropy(x, mask=mask), expected, scale=10.0)
    assert np.isnan(entropy(x, mask=np.zeros(12, bool))).all()
    slope = jax.grad(lambda x: jnp.sum(entropy(x, mask=mask)))(jnp.asarray(x))
    assert_all_finite(slope)
    assert (slope[~mask] == 0).all()


def test_no_point_has_no_entropy():
    nothing = np.zeros(12, bool)
    value = diffusion.spectral_entropy(np.ones((12, 9)), bandwidth=1.0, mask=nothing)
    assert jnp.isnan(value)


def test_a_mask_takes_one_bandwidth():
    with pytest.raises(ValueError, match=r"`bandwidth` to have shape \(\), got \(3,\)"):
        diffusion.spectral_entropy(
            np.ones((3, 2)), bandwidth=np.ones(3), mask=np.ones(3, bool)
        )
