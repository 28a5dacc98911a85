"""Estimates: what they report, what bad input does, and what leaves them alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import gmm
from tests.gmm import samples
from tests.helpers import assert_close, assert_trees_close

FIELDS = ("mean", "std", "value", "jackknife_std")


@pytest.fixture
def pair():
    x, y = samples.gaussian(np.random.default_rng(0), 100, 0.6)
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)


def estimate(x, y, **options):
    options = {"max_components": 2, "num_bootstrap": 10} | options
    return gmm.mutual_information(jax.random.key(1), x, y, **options)


def assert_is_nan(result):
    for name in (*FIELDS, "values"):
        assert np.all(np.isnan(getattr(result, name))), name
    assert not result.converged
    assert result.num_failed == result.values.shape[0]


def test_scales_do_not_matter(pair):
    x, y = pair
    expected = estimate(x, y)
    assert expected.converged
    for scale in (1e-30, 1e-9, 1e9, 1e30):
        actual = estimate(scale * x, y / scale)
        for name in FIELDS:
            assert_close(getattr(actual, name), getattr(expected, name), scale=10.0)


def test_affine_maps_of_each_block_do_not_matter(x64):
    x, y = np.random.default_rng(0).normal(size=(2, 200, 2))
    y = y + x**2
    expected = estimate(x, y, max_components=1)
    moved = estimate(
        x @ np.array([[2.0, 1.0], [0.0, 3.0]]) + 5, -y[:, ::-1], max_components=1
    )
    for name in FIELDS:
        assert_close(getattr(moved, name), getattr(expected, name), scale=1e4)


def test_weight_zero_is_the_same_as_leaving_a_sample_out(pair):
    x, y = pair
    weights = jnp.ones(100).at[:50].set(0)
    spoilt = x.at[0].set(jnp.nan)
    options = {"max_components": 1, "num_bootstrap": 0}
    actual = estimate(spoilt, y, weights=weights, **options)
    expected = estimate(x[50:], y[50:], **options)
    for name in FIELDS:
        assert_close(getattr(actual, name), getattr(expected, name), scale=10.0)


def test_replicates_by_counts_draw_from_the_samples_that_are_there():
    x = jax.random.normal(jax.random.key(0), (40, 1))
    weights = jnp.zeros(40).at[5:13].set(1)
    options = {"max_components": 1, "num_bootstrap": 400, "resampling": "counts"}

    def entropy(x, weights=None):
        return gmm.entropy(jax.random.key(1), x, weights=weights, **options)

    weighted, alone = entropy(x, weights), entropy(x[5:13])
    assert_close(weighted.value, alone.value, scale=10.0)
    # Standard deviations of 400 replicates each, of which some are far out.
    assert 0.75 < weighted.std / alone.std < 1.33


def test_fewer_samples_than_folds_have_a_score(pair):
    x, y = pair
    weights = jnp.zeros(100).at[:4].set(1)
    chosen = gmm.select(
        jax.random.key(0),
        jnp.concatenate([x, y], axis=1),
        max_components=1,
        weights=weights,
    )
    assert np.all(np.isfinite(chosen.scores))


def test_a_class_without_weight_is_empty():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(60, 1)), np.arange(60) % 3
    options = {"num_classes": 3, "max_components": 1, "num_bootstrap": 0}
    result = gmm.class_mutual_information(
        jax.random.key(0), x, labels, weights=(labels < 2).astype(float), **options
    )
    np.testing.assert_array_equal(result.num_components, [1, 1, 0])
    assert np.all(np.isneginf(result.mixture.log_weights[2]))
    assert np.all(np.isneginf(result.scores[2]))
    constant = gmm.class_mutual_information(
        jax.random.key(0), 0 * x, labels % 2, **options
    )
    np.testing.assert_array_equal(constant.num_components, [1, 1, 0])
    assert constant.value == 0


def test_gradients_at_a_constant_side_are_finite_beside_vectors():
    y = jax.random.normal(jax.random.key(0), (40, 2))

    def value(x, y, weights):
        options = {"max_components": 1, "num_bootstrap": 0, "weights": weights}
        return gmm.mutual_information(jax.random.key(1), x, y, **options).value

    slopes = jax.grad(value, argnums=(0, 1, 2))(jnp.ones((40, 1)), y, jnp.ones(40))
    for slope in slopes:
        assert np.all(np.asarray(slope) == 0)


def test_the_scale_of_weights_does_not_matter(pair):
    actual = estimate(*pair, weights=jnp.full(100, 7.0))
    expected = estimate(*pair)
    for name in FIELDS:
        assert_close(getattr(actual, name), getattr(expected, name), scale=10.0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda x, y: (x, x),
        lambda x, y: (x.at[3].set(jnp.nan), y),
        lambda x, y: (x, y.at[3].set(jnp.inf)),
        lambda x, y: (x.at[3].set(jnp.nan), 0 * y),
    ],
    ids=["y = x", "nan", "inf", "nan beside a constant"],
)
def test_data_without_a_density_give_nan(pair, spoil):
    assert_is_nan(estimate(*spoil(*pair)))


def test_singular_blocks_give_nan(pair):
    x, y = pair
    for block in (jnp.concatenate([x, x], 1), jnp.concatenate([x, 0 * x], 1)):
        assert_is_nan(estimate(block, y, max_components=1, num_bootstrap=2))


def test_weights_that_are_none_give_nan(pair):
    for weights in (jnp.zeros(100), jnp.ones(100).at[3].set(-1)):
        assert_is_nan(estimate(*pair, weights=weights))


def test_a_constant_side_has_exactly_no_information(pair):
    x, y = pair
    for one, other in ((0 * x, y), (x, 0 * y + 3), (0 * x, 0 * y)):
        result = estimate(one, other)
        for name in (*FIELDS, "values", "integration_error"):
            assert np.all(np.asarray(getattr(result, name)) == 0), name
        assert result.converged
        assert result.num_components == 1
    gradient = jax.grad(
        lambda x: estimate(x, y, max_components=1, num_bootstrap=0).value
    )(0 * x)
    assert np.all(np.asarray(gradient) == 0)


def test_a_matrix_is_its_pairs_and_a_bad_column_spoils_no_other(pair):
    x, y = pair
    columns = jnp.concatenate([x, 0 * x, x.at[0].set(jnp.nan)], axis=1)
    others = jnp.concatenate([y, x], axis=1)
    key = jax.random.key(1)
    options = {"max_components": 2, "num_bootstrap": 2}
    matrix = gmm.mutual_information_matrix(key, columns, others, **options)
    single = gmm.mutual_information(jax.random.fold_in(key, 0), x, y, **options)
    for name in (*FIELDS, "values", "scores", "num_components"):
        assert_trees_close(getattr(matrix, name)[0, 0], getattr(single, name))
    np.testing.assert_array_equal(matrix.value[1], 0.0)
    assert np.isnan(matrix.value[0, 1])
    assert np.all(np.isnan(matrix.value[2]))
    np.testing.assert_array_equal(matrix.converged, [[1, 0], [1, 1], [0, 0]])


def test_pairs_side_by_side_are_pairs_in_turn(pair):
    x, y = pair
    columns = jnp.concatenate([x, y], axis=1)
    alone, side_by_side = (
        gmm.mutual_information_matrix(
            jax.random.key(1),
            columns,
            columns[::-1],
            max_components=1,
            num_bootstrap=0,
            block_size=size,
        )
        for size in (None, 3)
    )
    assert_close(side_by_side.value, alone.value, scale=10.0)


def test_lanes_by_blocks_are_lanes_at_once(pair):
    expected = estimate(*pair)
    actual = estimate(*pair, block_size=3)
    for name in (*FIELDS, "values"):
        assert_close(getattr(actual, name), getattr(expected, name), scale=10.0)


def test_classes():
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 10 == 0
    x = rng.normal(size=(2000, 1)) + 20.0 * labels[:, None]

    def information(labels, **options):
        options = {"num_classes": 3, "max_components": 2, "num_bootstrap": 5} | options
        key = jax.random.key(1)
        return gmm.class_mutual_information(key, x, labels, **options)

    result = information(labels)
    # 90 to 10, not one half each.
    assert_close(result.value, -0.9 * np.log(0.9) - 0.1 * np.log(0.1), tolerance=2e-3)
    assert result.num_components[2] == 0
    assert np.all(np.isneginf(result.mixture.log_weights[2]))
    uniform = information(labels, prior="uniform", max_components=1, num_bootstrap=0)
    assert_close(uniform.value, np.log(2), tolerance=1e-3)
    number = labels.astype(int)
    for wrong in (3, -1):
        spoilt = number.copy()
        spoilt[5] = wrong
        assert np.isnan(information(spoilt).value)
    alone = number.copy()
    alone[5] = 2
    one_member = information(alone)
    assert np.isfinite(one_member.mean)
    assert one_member.num_components[2] == 1
    assert_close(information(0 * number).value, 0.0, tolerance=1e-6)


def test_the_bias_is_removed():
    # Of one component the bias is about 1 / (2 n); the mean over many samples is free.
    n, rho = 50, 0.6

    @jax.jit
    @jax.vmap
    def errors(key):
        key_x, key = jax.random.split(key)
        x, noise = jax.random.normal(key_x, (2, n, 1))
        y = rho * x + jnp.sqrt(1 - rho**2) * noise
        result = estimate_one(key, x, y)
        return jnp.stack([result.value, result.mean])

    def estimate_one(key, x, y):
        return gmm.mutual_information(key, x, y, max_components=1, num_bootstrap=20)

    errors = errors(jax.random.split(jax.random.key(0), 4000))
    errors = errors - samples.gaussian_information(rho)
    bias, spread = np.mean(errors, 0), np.std(errors, 0) / np.sqrt(4000)
    assert bias[0] > 3 * spread[0]
    assert abs(bias[1]) < 4 * spread[1]


def test_replicates_spread_as_the_jackknife_says(pair):
    result = estimate(*pair, max_components=1, num_bootstrap=200)
    assert 0.8 < result.std / result.jackknife_std < 1.25
    assert_close(result.mean, jnp.mean(result.values))
    counted = estimate(*pair, max_components=1, num_bootstrap=200, resampling="counts")
    assert 0.75 < counted.std / result.std < 1.35


def test_intervals(pair):
    result = estimate(*pair, max_components=1, num_bootstrap=100)
    normal = gmm.confidence_interval(result, level=0.95)
    assert_close(normal.upper - result.mean, 1.959964 * result.std, scale=10.0)
    basic = gmm.confidence_interval(result, level=0.5, method="basic")
    quartiles = np.quantile(result.values, [0.25, 0.75])
    assert_close(jnp.stack(basic), quartiles)
    percentile = gmm.confidence_interval(result, level=0.5, method="percentile")
    assert_close(percentile.lower, 2 * result.value - basic.upper, scale=10.0)
    for level in (0.0, 1.0, jnp.nan):
        assert np.isnan(gmm.confidence_interval(result, level=level).lower)


def test_independence(pair):
    x, y = pair
    key = jax.random.key(2)
    options = {"max_components": 1, "num_permutations": 39}
    dependent = gmm.independence_test(key, x, y, **options)
    assert_close(dependent.p_value, 1 / 40)
    assert dependent.null_mean < dependent.value
    independent = gmm.independence_test(key, x, y[::-1], **options)
    assert independent.p_value > 0.05
    # Rows of weight zero are neither used nor permuted into those that are.
    weights = jnp.ones(100).at[:20].set(0)
    spoilt = y.at[:20].set(jnp.nan)
    weighted = gmm.independence_test(key, x, spoilt, weights=weights, **options)
    assert_close(weighted.p_value, 1 / 40)
    assert np.isfinite(weighted.null_std)
    constant = gmm.independence_test(key, x, 0 * y, **options)
    assert constant.p_value == 1
    assert constant.value == 0


@pytest.mark.parametrize("criterion", ["validation", "aic", "bic"])
def test_the_best_score_is_chosen(criterion):
    rng = np.random.default_rng(0)
    corners = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    x = rng.normal(size=(300, 2)) + corners[np.arange(300) % 3]
    chosen = gmm.select(
        jax.random.key(0), x, max_components=4, criterion=criterion, patience=2
    )
    assert chosen.num_components == 1 + np.argmax(chosen.scores)
    if criterion != "aic":  # which is known to take too many
        assert chosen.num_components == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_components": 0}, "`max_components` to be at least 1, got 0"),
        ({"criterion": "mdl"}, "`criterion` to be one of"),
        ({"num_folds": 1}, "`num_folds` to be at least 2, got 1"),
        ({"num_folds": 101}, "`num_folds` to be at most the 100 samples"),
        ({"num_bootstrap": 1}, "`num_bootstrap` to be 0 or at least 2"),
        ({"num_bootstrap": -1}, "`num_bootstrap` to be at least 0"),
        ({"num_nodes": 12}, "`num_nodes` to be a power of two, got 12"),
        ({"num_shifts": 1}, "`num_shifts` to be at least 2"),
        ({"resampling": "rows"}, "`resampling` to be one of"),
        ({"patience": 0}, "`patience` to be at least 1"),
        ({"block_size": 0}, "`block_size` to be at least 1"),
        ({"weights": np.ones(3)}, "`weights` to have shape"),
    ],
)
def test_options_are_checked(pair, options, message):
    with pytest.raises(ValueError, match=message):
        estimate(*pair, **options)


def test_shapes_and_kinds_are_checked(pair):
    x, y = pair
    with pytest.raises(ValueError, match="`y` to have shape"):
        estimate(x, y[1:])
    with pytest.raises(ValueError, match="`x` to have shape"):
        estimate(x[:, 0], y)
    with pytest.raises(TypeError, match="`x` to be real"):
        estimate(x.astype(complex), y)
    with pytest.raises(TypeError, match="`key` to be a typed key"):
        gmm.mutual_information(jnp.zeros(2, jnp.uint32), x, y)
    with pytest.raises(TypeError, match="`labels` to hold integers"):
        gmm.class_mutual_information(jax.random.key(0), x, y[:, 0], num_classes=2)
    with pytest.raises(ValueError, match="`num_components` to be at most the 100"):
        gmm.fit(jax.random.key(0), x, num_components=101)
    mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), jnp.eye(2)[None])
    for dims in ((0, 0), (2,), ()):
        with pytest.raises(ValueError, match="`dims`"):
            gmm.marginal(mixture, dims=dims)
    with pytest.raises(ValueError, match="`dim_x`"):
        gmm.mixture_mutual_information(
            jax.random.key(0), mixture, dim_x=2, num_samples=9
        )
