"""Estimates: what they report, what bad input does, and what leaves them alone.

Most claims are about one program: a hundred pairs of scalars with weights, up to two
components and ten replicates.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import gmm
from tests.gmm import samples
from tests.helpers import assert_close, assert_trees_close

NUMBERS = ("value", "standard_error", "plugin", "jackknife_error")
TWO = {
    "fitting": gmm.Fitting(max_components=2),
    "sampling": gmm.Sampling(num_replicates=10),
}
ONE = {
    "fitting": gmm.Fitting(max_components=1),
    "sampling": gmm.Sampling(num_replicates=0),
}
MANY = {
    "fitting": gmm.Fitting(max_components=1),
    "sampling": gmm.Sampling(num_replicates=200),
}


@pytest.fixture
def pair():
    x, y = samples.gaussian(np.random.default_rng(0), 100, 0.6)
    return jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)


def estimate(x, y, weights=None, options=TWO):
    weights = jnp.ones(len(x), x.dtype) if weights is None else weights
    key = jax.random.key(1)
    return gmm.mutual_information(key, x, y, weights=weights, **options)


def assert_same(actual, expected, names=NUMBERS, scale=10.0):
    for name in names:
        assert_close(getattr(actual, name), getattr(expected, name), scale=scale)


def assert_is_nan(result):
    for name in (*NUMBERS, "replicates"):
        assert np.all(np.isnan(getattr(result, name))), name
    assert not result.converged
    assert result.num_failed == result.replicates.shape[0]


def test_scales_do_not_matter(pair):
    x, y = pair
    expected = estimate(x, y)
    assert expected.converged
    for scale in (1e-30, 1e-9, 1e9, 1e30):
        assert_same(estimate(scale * x, y / scale), expected)


def test_the_value_is_the_mean_of_the_replicates(pair):
    result = estimate(*pair)
    assert_close(result.value, jnp.mean(result.replicates))
    assert_close(result.standard_error, jnp.std(result.replicates, ddof=1))
    alone = estimate(*pair, options=ONE)
    assert alone.value == alone.plugin
    assert alone.standard_error == alone.jackknife_error


def test_affine_maps_of_each_block_do_not_matter(x64):
    x, y = jnp.asarray(np.random.default_rng(0).normal(size=(2, 200, 2)))
    y = y + x**2
    expected = estimate(x, y, options=ONE)
    moved = estimate(
        x @ jnp.array([[2.0, 1.0], [0.0, 3.0]]) + 5, -y[:, ::-1], options=ONE
    )
    assert_same(moved, expected, scale=1e4)


def test_weight_zero_is_the_same_as_leaving_a_sample_out(pair):
    x, y = pair
    weights = jnp.ones(100).at[:50].set(0)
    spoilt = x.at[0].set(jnp.nan)
    actual = estimate(spoilt, y, weights, options=ONE)
    assert_same(actual, estimate(x[50:], y[50:], options=ONE))


def test_the_scale_of_weights_does_not_matter(pair):
    assert_same(estimate(*pair, jnp.full(100, 7.0, jnp.float32)), estimate(*pair))


def test_replicates_by_counts_draw_from_the_samples_that_are_there():
    x = jax.random.normal(jax.random.key(0), (40, 1))
    weights = jnp.zeros(40).at[5:13].set(1)
    sampling = gmm.Sampling(num_replicates=400, resampling="counts")

    def entropy(x, weights):
        key, fitting = jax.random.key(1), ONE["fitting"]
        return gmm.entropy(key, x, weights=weights, fitting=fitting, sampling=sampling)

    weighted, alone = entropy(x, weights), entropy(x[5:13], jnp.ones(8))
    assert_close(weighted.plugin, alone.plugin, scale=10.0)
    # Standard deviations of 400 replicates each, of which some are far out.
    assert 0.75 < weighted.standard_error / alone.standard_error < 1.33


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
        assert_is_nan(estimate(block, y, options=ONE))


def test_weights_that_are_none_give_nan(pair):
    for weights in (jnp.zeros(100), jnp.ones(100).at[3].set(-1)):
        assert_is_nan(estimate(*pair, weights))


def test_a_constant_side_has_exactly_no_information(pair):
    x, y = pair
    for one, other in ((0 * x, y), (x, 0 * y + 3), (0 * x, 0 * y)):
        result = estimate(one, other)
        for name in (*NUMBERS, "replicates", "integration_error"):
            assert np.all(np.asarray(getattr(result, name)) == 0), name
        assert result.converged
        assert result.num_components == 1


def test_gradients_at_a_constant_side_are_zero_also_beside_vectors():
    y = jax.random.normal(jax.random.key(0), (40, 2))

    def value(x, y, weights):
        return estimate(x, y, weights, options=ONE).value

    slopes = jax.grad(value, argnums=(0, 1, 2))(jnp.ones((40, 1)), y, jnp.ones(40))
    for slope in slopes:
        assert np.all(np.asarray(slope) == 0)


def test_runs_by_blocks_are_runs_at_once(pair):
    actual = estimate(*pair, options=TWO | {"block_size": 1})
    assert_same(actual, estimate(*pair), (*NUMBERS, "replicates"))


def test_a_matrix_is_its_pairs_and_a_bad_column_spoils_no_other(pair):
    x, y = pair
    columns = jnp.concatenate([x, 0 * x, x.at[0].set(jnp.nan)], axis=1)
    others = jnp.concatenate([y, x], axis=1)
    key, weights = jax.random.key(1), jnp.ones(100)
    matrix = gmm.mutual_information_matrix(key, columns, others, weights=weights, **TWO)
    its_key = jax.random.fold_in(key, 0)
    single = gmm.mutual_information(its_key, x, y, weights=weights, **TWO)
    for name in (*NUMBERS, "replicates", "scores", "num_components"):
        assert_trees_close(getattr(matrix, name)[0, 0], getattr(single, name))
    np.testing.assert_array_equal(matrix.value[1], 0.0)
    assert np.isnan(matrix.value[0, 1])
    assert np.all(np.isnan(matrix.value[2]))
    np.testing.assert_array_equal(matrix.converged, [[1, 0], [1, 1], [0, 0]])


def test_pairs_side_by_side_are_pairs_alone(pair):
    columns = jnp.concatenate(pair, axis=1)
    others, weights = columns[::-1], jnp.ones(100)
    key = jax.random.key(1)
    side_by_side = gmm.mutual_information_matrix(
        key, columns, others, weights=weights, block_size=2, **ONE
    )
    for i, j in np.ndindex(2, 2):
        blocks = columns[:, i, None], others[:, j, None]
        its_key = jax.random.fold_in(key, 2 * i + j)
        alone = gmm.mutual_information(its_key, *blocks, weights=weights, **ONE)
        assert_close(side_by_side.value[i, j], alone.value, scale=10.0)


class TestClasses:
    """Four hundred points, a tenth of them far off, with room for three classes.

    All by one program, of up to two components for each.
    """

    labels = np.arange(400) % 10 == 0
    x = np.random.default_rng(0).normal(size=(400, 1)) + 20.0 * labels[:, None]

    def information(self, labels, weights=None, x=x):
        weights = np.ones(400) if weights is None else weights
        return gmm.class_mutual_information(
            jax.random.key(1),
            x.astype("f"),
            np.asarray(labels, int),
            num_classes=3,
            weights=weights.astype("f"),
            fitting=TWO["fitting"],
            sampling=ONE["sampling"],
        )

    def test_shares_are_those_of_the_sample(self):
        result = self.information(self.labels)
        # 90 to 10, not one half each.
        expected = -0.9 * np.log(0.9) - 0.1 * np.log(0.1)
        assert_close(result.plugin, expected, tolerance=2e-3)
        assert result.num_components[2] == 0
        assert np.all(np.isneginf(result.mixture.log_weights[2]))

    def test_weights_make_them_equal(self):
        weights = np.where(self.labels, 1 / 40, 1 / 360)
        result = self.information(self.labels, weights)
        assert_close(result.plugin, np.log(2), tolerance=1e-3)

    def test_a_label_out_of_range_gives_nan(self):
        for wrong in (3, -1):
            spoilt = self.labels.astype(int)
            spoilt[5] = wrong
            assert np.isnan(self.information(spoilt).value)

    def test_a_class_of_one_sample_is_as_the_largest_one(self):
        alone = self.labels.astype(int)
        alone[5] = 2
        x = self.x + 9.0 * (np.arange(400) % 4 == 1)[:, None]
        result = self.information(alone, x=x)
        assert np.isfinite(result.value)
        np.testing.assert_array_equal(result.num_components[::2], 2)
        for leaf in result.mixture:
            np.testing.assert_array_equal(leaf[2], leaf[0])

    def test_a_rare_class_that_tells_nothing_has_no_shape_of_its_own(self):
        values, errors = [], []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            x, rare = rng.exponential(size=(400, 1)), rng.permutation(400) < 8
            result = self.information(rare, x=x)
            values.append(float(result.value))
            errors.append(float(result.standard_error))
        is_zero = np.abs(values) < 1e-6
        assert np.sum(is_zero) >= 9
        assert np.all(np.abs(values) < 3 * np.asarray(errors))
        # The chance that two parameters fit.
        assert min(errors) >= 1 / 401

    def test_rare_classes_apart_are_told_apart(self):
        classes = np.repeat([0, 1, 2], [384, 8, 8])
        x = np.random.default_rng(0).normal(size=(400, 1)) + 20.0 * classes[:, None]
        result = self.information(classes, x=x)
        shares = np.array([384, 8, 8]) / 400
        assert_close(result.plugin, -np.sum(shares * np.log(shares)), tolerance=1e-3)
        np.testing.assert_array_equal(result.num_components, 1)

    def test_small_classes_that_differ_together_are_told_apart(self):
        rng = np.random.default_rng(0)
        classes = np.arange(400) % 20
        shifts = rng.normal(size=20)
        x = rng.normal(size=(400, 1)) + shifts[classes][:, None]
        result = gmm.class_mutual_information(
            jax.random.key(1), x.astype("f"), classes, num_classes=20, **MANY
        )
        grid = np.linspace(-9, 9, 2001)
        mean = np.mean(
            np.exp(-((grid[:, None] - shifts) ** 2) / 2) / np.sqrt(2 * np.pi), axis=1
        )
        truth = -np.trapezoid(mean * np.log(mean), grid)
        truth = truth - np.log(2 * np.pi * np.e) / 2
        assert abs(result.value - truth) < 2 * result.standard_error

    def test_one_class_tells_nothing(self):
        nothing = self.information(0 * self.labels.astype(int))
        assert_close(nothing.plugin, 0.0, tolerance=1e-6)

    def test_a_class_without_weight_is_empty(self):
        labels = np.arange(400) % 3
        result = self.information(labels, labels < 2)
        assert result.num_components[2] == 0
        assert np.all(np.asarray(result.num_components[:2]) >= 1)
        assert np.all(np.isneginf(result.mixture.log_weights[2]))
        assert np.all(np.isneginf(result.scores[2]))
        constant = self.information(labels % 2, x=0 * self.x)
        np.testing.assert_array_equal(constant.num_components, [1, 1, 0])
        assert constant.value == 0


def test_the_bias_is_removed():
    # Of one component the bias is about 1 / (2 n); the mean over many samples is free.
    n, rho = 50, 0.6
    options = ONE | {"sampling": gmm.Sampling(num_replicates=10)}

    @jax.jit
    @jax.vmap
    def errors(key):
        key_x, key = jax.random.split(key)
        x, noise = jax.random.normal(key_x, (2, n, 1))
        y = rho * x + jnp.sqrt(1 - rho**2) * noise
        result = gmm.mutual_information(key, x, y, **options)
        return jnp.stack([result.plugin, result.value])

    errors = errors(jax.random.split(jax.random.key(0), 4000))
    errors = errors - samples.gaussian_information(rho)
    bias, spread = np.mean(errors, 0), np.std(errors, 0) / np.sqrt(4000)
    assert bias[0] > 3 * spread[0]
    assert abs(bias[1]) < 4 * spread[1]


def test_replicates_spread_as_the_jackknife_says(pair):
    result = estimate(*pair, options=MANY)
    assert 0.8 < result.standard_error / result.jackknife_error < 1.25
    counts = gmm.Sampling(num_replicates=200, resampling="counts")
    counted = estimate(*pair, options=MANY | {"sampling": counts})
    assert 0.75 < counted.standard_error / result.standard_error < 1.35


def test_intervals(pair):
    result = estimate(*pair, options=MANY)
    normal = gmm.confidence_interval(result, level=0.95)
    reach = 1.959964 * result.standard_error
    assert_close(normal.upper - result.value, reach, scale=10.0)
    basic = gmm.confidence_interval(result, level=0.5, method="basic")
    quartiles = np.quantile(result.replicates, [0.25, 0.75])
    assert_close(jnp.stack(basic), quartiles)
    percentile = gmm.confidence_interval(result, level=0.5, method="percentile")
    assert_close(percentile.lower, 2 * result.plugin - basic.upper, scale=10.0)
    for level in (0.0, 1.0, jnp.nan):
        assert np.isnan(gmm.confidence_interval(result, level=level).lower)
    with pytest.raises(ValueError, match="`result` to have replicates"):
        gmm.confidence_interval(estimate(*pair, options=ONE), method="basic")
    with pytest.raises(TypeError, match="`result` to be an Estimate"):
        gmm.confidence_interval(normal)


def test_independence(pair):
    x, y = pair
    test = functools.partial(
        gmm.independence_test,
        jax.random.key(2),
        fitting=ONE["fitting"],
        num_permutations=39,
    )
    ones = jnp.ones(100)
    dependent = test(x, y, weights=ones)
    assert_close(dependent.p_value, 1 / 40)
    assert dependent.null_mean < dependent.value
    independent = test(x, y[::-1], weights=ones)
    assert independent.p_value > 0.05
    # Rows of weight zero are neither used nor permuted into those that are.
    spoilt = y.at[:20].set(jnp.nan)
    weighted = test(x, spoilt, weights=ones.at[:20].set(0))
    assert_close(weighted.p_value, 1 / 40)
    assert np.isfinite(weighted.null_std)
    constant = test(x, 0 * y, weights=ones)
    assert constant.p_value == 1
    assert constant.value == 0


class TestSelection:
    """Three hundred points in three corners."""

    corners = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    x = np.random.default_rng(0).normal(size=(300, 2)) + corners[np.arange(300) % 3]
    x = x.astype(np.float32)

    def select(self, x=x, weights=None, **options):
        weights = jnp.ones(300) if weights is None else weights
        fitting = gmm.Fitting(**({"max_components": 4, "patience": 2} | options))
        return gmm.select(jax.random.key(0), x, weights=weights, fitting=fitting)

    @pytest.mark.parametrize(
        "criterion", ["validation", pytest.param("aic", marks=pytest.mark.slow), "bic"]
    )
    def test_the_best_score_is_chosen(self, criterion):
        chosen = self.select(criterion=criterion)
        assert chosen.num_components == 1 + np.argmax(chosen.scores)
        if criterion != "aic":  # which is known to take too many
            assert chosen.num_components == 3

    def test_fewer_samples_than_folds_have_a_score(self):
        chosen = self.select(weights=jnp.zeros(300).at[:4].set(1))
        assert np.isfinite(chosen.scores[0])

    def test_equal_limits_fix_the_number(self):
        chosen = self.select(min_components=2, max_components=2)
        assert chosen.num_components == 2
        assert chosen.converged
        fit = gmm.fit(jax.random.key(0), self.x, num_components=2)
        # From a solution of each fold, it is at least as good as from one start.
        assert chosen.log_likelihood > fit.log_likelihood - 1e-4
        # Fewer rows than that are fitted with as many components as there are rows.
        few = self.select(
            min_components=2, max_components=2, weights=jnp.zeros(300).at[0].set(1)
        )
        assert not few.converged

    @pytest.mark.slow
    def test_no_fewer_than_the_least_are_chosen(self):
        blob = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
        chosen = self.select(blob, min_components=3)
        assert chosen.num_components >= 3
        assert np.all(np.isfinite(chosen.scores[:3]))
        assert self.select(blob).num_components == 1

    def test_tolerances_do_not_compile_anew(self):
        traces = []

        @jax.jit
        def chosen(fitting):
            traces.append(fitting)
            return gmm.select(jax.random.key(0), self.x, fitting=fitting).num_components

        for tol in (1e-4, 1e-3):
            chosen.lower(gmm.Fitting(max_components=2, tol=tol))
        assert len(traces) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_components": 0}, "`min_components` to be at least 1, got 0"),
        ({"max_components": 0}, "`max_components` to be at least 1, got 0"),
        (
            {"min_components": 3, "max_components": 2},
            "`max_components` to be at least 3, got 2",
        ),
        ({"criterion": "mdl"}, "`criterion` to be one of"),
        ({"num_inits": 0}, "`num_inits` to be at least 1"),
        ({"num_folds": 1}, "`num_folds` to be at least 2, got 1"),
        ({"patience": 0}, "`patience` to be at least 1"),
        ({"max_steps": 0}, "`max_steps` to be at least 1"),
    ],
)
def test_options_of_fits_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        gmm.Fitting(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_replicates": 1}, "`num_replicates` to be 0 or at least 2"),
        ({"num_replicates": -1}, "`num_replicates` to be at least 0"),
        ({"num_nodes": 12}, "`num_nodes` to be a power of two, got 12"),
        ({"resampling": "rows"}, "`resampling` to be one of"),
    ],
)
def test_options_of_sampling_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        gmm.Sampling(**options)


def test_options_are_checked_against_the_samples(pair):
    for options, message in (
        ({"num_folds": 101}, "`num_folds` to be at most the number of samples, 100"),
        ({"min_components": 101, "max_components": 101}, "`min_components` to be at"),
    ):
        with pytest.raises(ValueError, match=message):
            estimate(*pair, options={"fitting": gmm.Fitting(**options)})
    with pytest.raises(ValueError, match="`block_size` to be at least 1"):
        estimate(*pair, options={"block_size": 0})
    with pytest.raises(ValueError, match="`weights` to have shape"):
        estimate(*pair, weights=np.ones(3))


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
    with pytest.raises(ValueError, match=r"`num_components` to be at most .*, 100"):
        gmm.fit(jax.random.key(0), x, num_components=101)
    mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), jnp.eye(2)[None])
    for dims in ((0, 0), (2,), ()):
        with pytest.raises(ValueError, match="`dims`"):
            gmm.marginal(mixture, dims=dims)
    with pytest.raises(ValueError, match="`dim_x`"):
        gmm.mixture_mutual_information(jax.random.key(0), mixture, dim_x=2)
    with pytest.raises(ValueError, match="`num_nodes` to be a power of two"):
        gmm.mixture_entropy(jax.random.key(0), mixture, num_nodes=9)
