"""What coordinates say of themselves, how sure they are, and where they end."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import information_plane
from jaxinfo._numerics import distinct
from tests.helpers import assert_all_finite, assert_close

CLASSES = {"num_classes": 3}


@pytest.fixture(scope="module")
def layer():
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    x = rng.normal(size=(120, 2)) + 2.0 * labels[:, None]
    return x.astype(np.float32), labels


def test_distinct_rows_are_numbered(dtype):
    rng = np.random.default_rng(0)
    for matrix in (
        rng.integers(0, 2, (200, 5)),
        rng.integers(0, 2, (200, 40)),
        rng.integers(0, 3, (200, 3)).astype(dtype) * [1.0, -1.0, 0.0],
    ):
        found = distinct.rows(jnp.asarray(matrix))
        _, expected = np.unique(matrix + 0.0, axis=0, return_inverse=True)
        pairs = set(zip(found.labels.tolist(), expected.ravel().tolist(), strict=True))
        assert len(pairs) == len(np.unique(expected)) == found.labels.max() + 1
        assert found.is_exact
        _, first = np.unique(matrix + 0.0, axis=0, return_index=True)
        twins = distinct.twins(jnp.asarray(matrix))
        np.testing.assert_array_equal(twins, first[expected.ravel()])


def test_rows_with_equal_hashes_are_noticed(monkeypatch):
    monkeypatch.setattr(distinct, "_mixed", jnp.zeros_like)
    assert not distinct.rows(jnp.arange(4)[:, None]).is_exact
    assert distinct.rows(jnp.zeros((4, 1), int)).is_exact


def test_single_cells_are_saturated_and_named(layer):
    x, labels = layer
    plane = information_plane.binned(x, labels, bin_width=1e-6, **CLASSES)
    assert_close(plane.information_x, np.log(120))
    assert_close(plane.saturation, 1.0)
    assert plane.is_saturated
    assert plane.coverage == 0
    assert_close(plane.information_y, np.log(3))
    assert_close(plane.label_entropy, np.log(3))
    assert plane.quantity_x == "I(X; bin(T))"
    assert plane.true_information == "infinite"
    wide = information_plane.binned(x, labels, bin_width=2.0, **CLASSES)
    assert not wide.is_saturated
    assert 0 < wide.coverage < 1
    kinds = {"input_kind": "discrete"}, {"is_noisy": True}
    names = [
        information_plane.binned(x, labels, **CLASSES, **kind).true_information
        for kind in kinds
    ]
    assert names == ["constant", "finite"]


def test_one_cell_tells_nothing(layer):
    x, labels = layer
    estimators = (
        information_plane.binned,
        information_plane.uniform_binned,
        functools.partial(information_plane.adaptive_binned, low=0.0),
        information_plane.kde_bounds,
    )
    for fn in estimators:
        result = fn(0 * x, labels, **CLASSES)
        for plane in result if isinstance(result, tuple) else (result,):
            assert_close(plane.information_x, 0.0)
            assert_close(plane.information_y, 0.0, scale=10.0)


def test_a_sweep_of_widths_is_a_vmap(layer):
    x, labels = layer
    widths = jnp.array([0.1, 1.0, 10.0])
    sweep = jax.vmap(
        lambda width: information_plane.binned(x, labels, bin_width=width, **CLASSES)
    )(widths)
    assert sweep.information_x.shape == (3,)
    assert np.all(np.diff(sweep.information_x) < 0)
    np.testing.assert_array_equal(sweep.parameters["bin_width"], widths)


def test_bounds_by_blocks_are_bounds_at_once(layer):
    x, labels = layer
    at_once, blocks = (
        information_plane.kde_bounds(x, labels, block_size=size, **CLASSES)
        for size in (None, 50)
    )
    for one, other in zip(at_once, blocks, strict=True):
        assert_close(one.information_x, other.information_x, scale=10.0)
        assert_close(one.information_y, other.information_y, scale=10.0)


def test_bounds_of_wide_layers_see_each_sample_once():
    # Distances of many columns come from a product, whose diagonal rounds.
    x = 30 * np.random.default_rng(0).normal(size=(50, 100)).astype(np.float32)
    bounds = information_plane.kde_bounds(x, np.arange(50) % 3, **CLASSES)
    for plane in bounds:
        assert_close(plane.information_x, np.log(50))


def test_noise_of_wide_layers_tells_no_more_than_the_samples(key):
    x = 100 * np.random.default_rng(0).normal(size=(100, 16)).astype(np.float32)
    plane = information_plane.noisy(
        key, x, np.arange(100) % 3, noise_variance=1e-3, num_samples=200, **CLASSES
    )
    assert_close(plane.information_x, np.log(100))


def test_entropy_of_many_labels_keeps_its_digits():
    plane = information_plane.binned(
        np.zeros((300_000, 1)), np.arange(300_000) % 2, num_classes=2
    )
    assert_close(plane.label_entropy, np.log(2))


def test_the_order_of_edges_does_not_matter(layer):
    x, labels = layer
    edges = np.array([[1.0, 3.0], [-1.0, 1.0], [0.0, 2.0]])
    sorted_ones, others = (
        information_plane.edge_binned(x, labels, given, **CLASSES)
        for given in (np.sort(edges, axis=0), edges)
    )
    assert sorted_ones.information_x == others.information_x


def test_gradients_are_finite_where_samples_coincide(layer):
    x, labels = layer
    x = jnp.asarray(np.repeat(x[:20], 2, axis=0))
    labels = labels[:40]

    def bounds(x):
        lower, upper = information_plane.kde_bounds(x, labels, **CLASSES)
        return lower.information_y + upper.information_x

    def of_matrices(x, order):
        plane = information_plane.renyi(
            x, x, labels, input_bandwidth=1.0, bandwidth=1.0, order=order, **CLASSES
        )
        return plane.information_x + plane.information_y

    assert_all_finite(jax.value_and_grad(bounds)(x))
    value_and_grad = jax.jit(jax.value_and_grad(of_matrices))
    for order in (0.5, 1.0, 2.0):
        assert_all_finite(value_and_grad(x, order))
        assert_all_finite(value_and_grad(0 * x, order))


def test_order_one_is_the_limit(x64, layer):
    x, labels = layer[0].astype(np.float64), layer[1]

    @jax.jit
    @jax.value_and_grad
    def information(order):
        plane = information_plane.renyi(
            x, x, labels, input_bandwidth=1.0, bandwidth=1.0, order=order, **CLASSES
        )
        return plane.information_x

    limit, slope = information(1.0)
    assert_close(information(1 + 1e-9)[0], limit, tolerance=1e-7)
    step = 1e-5
    ahead, behind = (information(1 + s)[0] for s in (step, -step))
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-5)


def test_labels_and_values_that_are_none_give_nan(layer, key):
    x, labels = layer
    wrong = labels + 1
    spoilt = x.copy()
    spoilt[3, 1] = np.nan
    for fn in (
        information_plane.binned,
        information_plane.quantile_binned,
        lambda *args, **kwargs: information_plane.kde_bounds(*args, **kwargs).upper,
        functools.partial(
            information_plane.noisy, key, noise_variance=0.1, num_samples=9
        ),
    ):
        plane = fn(x, wrong, **CLASSES)
        assert np.isfinite(plane.information_x)
        assert np.isnan(plane.information_y)
        assert np.isnan(plane.label_entropy)
        assert np.isnan(fn(spoilt, labels, **CLASSES).information_x)
    for name, fn in (
        ("bin_width", information_plane.binned),
        ("noise_variance", information_plane.kde_bounds),
    ):
        result = fn(x, labels, **CLASSES, **{name: 0.0})
        plane = result if name == "bin_width" else result.lower
        assert np.isnan(plane.information_x)


def test_shuffled_labels_show_the_bias(layer, key):
    x, labels = layer
    estimator = functools.partial(information_plane.binned, bin_width=0.5, **CLASSES)
    null = information_plane.label_null(key, x, labels, coordinates_fn=estimator)
    value = estimator(x, labels).information_y
    assert_close(null.p_value, 1 / 21)
    # Nearly all cells are single: bias is most of what there is.
    assert 0.5 * value < null.mean < value
    assert value > null.mean + 3 * null.std
    chance = np.random.default_rng(1).permutation(labels)
    null = information_plane.label_null(key, x, chance, coordinates_fn=estimator)
    assert null.p_value > 0.05


def test_halves_vary_as_fresh_samples_do(key):
    def estimator(x, labels):
        return information_plane.kde_bounds(
            x, labels, num_classes=2, noise_variance=0.1
        ).upper

    def sample(key):
        x = jax.random.normal(key, (200, 2))
        return x, (x[:, 0] > 0).astype(int)

    @jax.jit
    def fresh(keys):
        return jax.lax.map(lambda key: estimator(*sample(key)), keys)

    planes = fresh(jax.random.split(key, 200))
    spread = information_plane.subsample(
        key, *sample(key), coordinates_fn=estimator, num_repetitions=200
    )
    for axis in "xy":
        expected = np.std(getattr(planes, f"information_{axis}"), ddof=1)
        assert 0.6 < getattr(spread, f"error_{axis}") / expected < 1.6
    with pytest.raises(ValueError, match="at least 4 rows, got 3"):
        information_plane.subsample(
            key, jnp.zeros((3, 1)), jnp.zeros(3, int), coordinates_fn=estimator
        )


def test_trajectories_hold_layers_by_steps(layer):
    x, labels = layer
    estimator = functools.partial(information_plane.binned, bin_width=1.0, **CLASSES)
    steps = [s for s in range(3000) if information_plane.is_logged(s)]
    assert steps[:21] == [*range(20), 20]
    assert {*np.diff(steps)} == {1, 5, 20, 100}
    records = [
        {"first": estimator(x * scale, labels), "second": estimator(x, labels)}
        for scale in (0.5, 2.0)
    ]
    trajectory = information_plane.stack([0, 1] * np.array(1), records)
    assert trajectory.layers == ("first", "second")
    assert trajectory.coordinates.information_x.shape == (2, 2)
    assert trajectory.coordinates.parameters["bin_width"].shape == (2, 2)
    np.testing.assert_array_equal(
        information_plane.violations(trajectory), [[True], [False]]
    )
    np.testing.assert_array_equal(
        information_plane.violations(trajectory, tolerance=9.0), [[False], [False]]
    )
    with pytest.raises(ValueError, match="one entry for each of the 3 steps, got 2"):
        information_plane.stack(np.arange(3), records)
    with pytest.raises(ValueError, match="to have the layers"):
        information_plane.stack(
            np.arange(2), [records[0], {"first": records[0]["first"]}]
        )
    other = information_plane.uniform_binned(x, labels, **CLASSES)
    with pytest.raises(ValueError, match="from one estimator"):
        information_plane.stack(
            np.arange(1), [{"first": other, "second": records[0]["first"]}]
        )


def test_levels_are_rounded_to_even_and_saturate():
    x = jnp.array([[0.0, 0.125, 0.375, 1.0, 2.0, jnp.nan]])
    levels = information_plane.quantize(x, num_bits=2, low=0.0, high=1.0)
    np.testing.assert_array_equal(levels, [[0, 0, 2, 4, 4, -(2**31)]])
    # Others keep their levels, and there is no information with what is not known.
    whole = information_plane.quantize(jnp.array([[0.0], [1.0], [jnp.nan]]), num_bits=1)
    np.testing.assert_array_equal(whole[:2], [[0], [2]])
    plane = information_plane.exact(whole, np.zeros(3, int), num_classes=1)
    assert np.isnan(plane.information_x)
    negative = information_plane.exact(whole[:2] - 5, np.zeros(2, int), num_classes=1)
    assert_close(negative.information_x, np.log(2))
    with pytest.raises(ValueError, match="`num_bits` to be at most 24"):
        information_plane.quantize(x, num_bits=25)


def test_bad_arguments_are_named(layer):
    x, labels = layer
    with pytest.raises(ValueError, match="`scope` to be one of 'neuron', 'layer'"):
        information_plane.uniform_binned(x, labels, scope="network", **CLASSES)
    with pytest.raises(ValueError, match="`input_kind` to be one of"):
        information_plane.binned(x, labels, input_kind="images", **CLASSES)
    with pytest.raises(ValueError, match=r"`labels` to have shape \(n,\) with n = 120"):
        information_plane.binned(x, labels[1:], **CLASSES)
    bounds = functools.partial(information_plane.kde_bounds, **CLASSES)
    with pytest.raises(TypeError, match=r"`coordinates_fn` to give .*, got Bounds"):
        information_plane.label_null(
            jax.random.key(0), x, labels, coordinates_fn=bounds
        )
    with pytest.raises(TypeError, match="`records` to give Coordinates, got Bounds"):
        information_plane.stack(np.arange(1), [{"layer": bounds(x, labels)}])
    with pytest.raises(ValueError, match="`space` to be one of"):
        information_plane.flatten(x, space="channels")
