"""Matrices of information against plain NumPy, and where they end."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import digamma, ndtr
from sklearn.feature_selection import mutual_info_classif

from jaxinfo import disentanglement, neighbors
from tests.helpers import assert_all_finite, assert_close

N, NUM_CLASSES, BINS = 60, (3, 5), 6


def numpy_information(table):
    """Information of a table, one cell after another."""
    p_x, p_y = table.sum(1), table.sum(0)
    return sum(
        p * np.log(p / (p_x[i] * p_y[j])) for (i, j), p in np.ndenumerate(table) if p
    )


def numpy_entropy(p):
    p = p[p > 0]
    return -np.sum(p * np.log(p))


def numpy_bins(column, num_bins):
    """Bins by comparison with all edges, as histograms have them."""
    edges = np.linspace(column.min(), column.max(), num_bins + 1)
    return np.digitize(column, edges[:-1]) - 1


def numpy_matrix(shares, factors):
    """Information from the share of each point in each bin, ``(d, n, b)``."""
    n = len(factors)
    information = [
        [
            numpy_information(
                np.stack([s[y == v].sum(0) / n for v in range(c)], axis=1)
            )
            for y, c in zip(factors.T, NUM_CLASSES, strict=True)
        ]
        for s in shares
    ]
    return disentanglement.InformationMatrix(
        information=np.array(information),
        latent_entropies=np.array([numpy_entropy(s.mean(0)) for s in shares]),
        factor_entropies=np.array(
            [
                numpy_entropy(np.bincount(y, minlength=c) / n)
                for y, c in zip(factors.T, NUM_CLASSES, strict=True)
            ]
        ),
    )


@pytest.fixture(scope="module")
def factors():
    rng = np.random.default_rng(0)
    # In equal numbers: scikit-learn measures distances in small classes by products,
    # which lose digits.
    return np.stack([rng.permutation(N) % c for c in NUM_CLASSES], axis=1)


@pytest.fixture(scope="module")
def codes(factors):
    """One latent for each factor, one for both and noise."""
    noise = np.random.default_rng(1).normal(size=(N, 4))
    told = np.stack([*factors.T, factors.sum(1), np.zeros(N)], axis=1)
    return told + 0.3 * noise


binned = functools.partial(
    disentanglement.binned_information, num_classes=NUM_CLASSES, num_bins=BINS
)
soft = functools.partial(
    disentanglement.soft_binned_information, num_classes=NUM_CLASSES, num_bins=BINS
)
nearest = functools.partial(
    disentanglement.neighbor_information, num_classes=NUM_CLASSES, num_neighbors=4
)


def in_numpy(fn):
    """A function whose results compile nothing more where they are indexed."""
    return lambda *arguments: jax.tree.map(np.asarray, fn(*arguments))


ALL = {
    "binned": in_numpy(binned),
    "soft": in_numpy(
        lambda codes, factors: soft(codes, np.full_like(codes, -1), factors, limit=2.0)
    ),
    "nearest": in_numpy(nearest),
}
each_estimate = pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)


def assert_matrices_close(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other)


def test_binned_matches_the_definition(dtype, codes, factors):
    # The second on a grid, whose points lie on edges of bins.
    for values in (codes, np.round(2 * codes) / 2, np.arange(4.0 * N).reshape(N, 4)):
        values = values.astype(dtype)
        bins = [numpy_bins(column, BINS) for column in values.T]
        expected = numpy_matrix([np.eye(BINS)[one] for one in bins], factors)
        actual = binned(values, factors)
        assert actual.information.dtype == dtype
        assert_matrices_close(actual, expected)


def test_soft_matches_the_definition(dtype, codes, factors):
    means = codes.astype(dtype).astype(np.float64)
    log_variances = np.linspace(-6, 3, means.size).reshape(means.shape)
    log_variances = log_variances.astype(dtype).astype(np.float64)
    edges = np.linspace(-2, 2, BINS + 1)
    edges[0], edges[-1] = -np.inf, np.inf
    below = ndtr((edges[:, None, None] - means) / np.exp(log_variances / 2))
    shares = np.moveaxis(np.diff(below, axis=0), 0, 2).swapaxes(0, 1)
    actual = soft(
        jnp.asarray(means, dtype), jnp.asarray(log_variances, dtype), factors, limit=2.0
    )
    assert actual.information.dtype == dtype
    assert_matrices_close(actual, numpy_matrix(shares, factors))


def test_soft_of_narrow_posteriors_is_binned(codes, factors):
    # Between the same edges.
    spread = codes - codes.min(0)
    spread = 8 * spread / spread.max(0) - 4
    spread = spread.astype(np.float32)
    actual = soft(spread, np.full_like(spread, -1e3), factors)
    assert_matrices_close(actual, binned(spread, factors))


def test_neighbours_are_those_of_scikit_learn_and_of_any_dimension(
    dtype, codes, factors
):
    values = codes.astype(dtype)
    actual = nearest(values, factors)
    expected = [
        mutual_info_classif(
            values.astype(np.float64),
            labels,
            discrete_features=False,
            n_neighbors=4,
            random_state=0,
        )
        for labels in factors.T
    ]
    assert actual.information.dtype == dtype
    assert_close(actual.information, np.stack(expected, axis=1))
    assert np.all(np.isnan(actual.latent_entropies))
    assert_close(actual.factor_entropies, binned(values, factors).factor_entropies)
    if dtype == np.float32:
        in_any_dimension = neighbors.class_mutual_information(
            values[:, 2:3], factors[:, 1], num_classes=5, num_neighbors=4
        )
        assert_close(actual.information[2, 1], in_any_dimension)


def numpy_neighbors(x, labels, k):
    """The estimate by its definition, from all distances."""
    is_counted = np.bincount(labels)[labels] > 1
    x, labels = x[is_counted], labels[is_counted]
    apart = np.abs(x[:, None] - x)
    others = ~np.eye(len(x), dtype=bool)
    terms = []
    for i, row in enumerate(apart):
        own = np.sort(row[(labels == labels[i]) & others[i]])
        number = min(k, len(own))
        nearer = np.sum((row < own[number - 1]) & others[i])
        terms.append(digamma([number, len(own) + 1, nearer + 1]) @ [1, -1, -1])
    return max(0, digamma(len(x)) + np.mean(terms))


def test_neighbours_of_small_classes_and_of_points_that_coincide(x64):
    # A class of two points, one of one, and points that coincide.
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2])[:, None]
    x = np.array([0.0, 1, 1, 3, 7, 2, 4, 3])[:, None]
    estimate = functools.partial(
        disentanglement.neighbor_information, num_classes=(8,), num_neighbors=3
    )
    for values in (x, x + 0.3 * np.sin(np.arange(8.0))[:, None], 1e-3 * x**5):
        actual = estimate(values, labels).information[0, 0]
        assert_close(actual, numpy_neighbors(values[:, 0], labels[:, 0], 3))
    # All alone.
    assert np.isnan(estimate(x, np.arange(8)[:, None]).information)


def test_slopes_of_soft_bins_equal_finite_differences(x64, codes, factors):
    rng = np.random.default_rng(0)
    means, log_variances = codes, -1 + rng.normal(size=codes.shape)
    weights = rng.normal(size=(4, 2))
    directions = rng.normal(size=(2, *codes.shape))

    @jax.jit
    @jax.value_and_grad
    def value_and_slope(posterior):
        matrix = soft(*posterior, factors)
        return jnp.vdot(weights, matrix.information) + jnp.sum(matrix.latent_entropies)

    _, slope = value_and_slope((means, log_variances))
    step = 1e-5
    ahead, behind = (
        value_and_slope((means + s * directions[0], log_variances + s * directions[1]))[
            0
        ]
        for s in (step, -step)
    )
    np.testing.assert_allclose(
        np.sum(np.stack(slope) * directions), (ahead - behind) / (2 * step), rtol=1e-6
    )


def test_soft_bins_are_finite_wherever_posteriors_lie(codes, factors):
    @jax.jit
    def slopes(means, log_variances):
        def total(*posterior):
            return jnp.sum(soft(*posterior, factors).information)

        return jax.value_and_grad(total, argnums=(0, 1))(means, log_variances)

    largest = np.finfo(np.float32).max
    rng = np.random.default_rng(0)
    signs = rng.choice([-1, 1], codes.shape)
    for means, log_variance in (
        (codes, -1e3),
        (codes, 1e3),
        (0 * codes, -1e3),
        (1e6 * codes, 0),
        (largest * signs, 0),
        (largest * signs, -1e3),
        (np.ones_like(codes), 0),
    ):
        value, slope = slopes(
            means.astype(np.float32), np.full(codes.shape, log_variance, np.float32)
        )
        assert_all_finite((value, slope))
        assert value >= 0


@each_estimate
def test_what_does_not_vary_tells_nothing(dtype, estimate, codes, factors):
    constant = codes.astype(dtype)
    constant[:, 1] = 0.1
    same = np.stack([factors[:, 0], np.full(N, 3)], axis=1)
    matrix = estimate(constant, same)
    np.testing.assert_array_equal(matrix.information[1], 0)
    np.testing.assert_array_equal(matrix.information[:, 1], 0)
    assert matrix.factor_entropies[1] == 0
    assert np.all(matrix.information[[0, 2], 0] > 0)


@each_estimate
def test_what_is_not_finite_or_no_class_spoils_its_own_only(
    dtype, estimate, codes, factors
):
    expected = estimate(codes.astype(dtype), factors)
    for value in (np.nan, np.inf, -np.inf):
        spoilt, no_class = codes.astype(dtype), factors.copy()
        spoilt[3, 1] = value
        no_class[5, 0] = -1 if np.isnan(value) else 3
        matrix = estimate(spoilt, no_class)
        is_nan = np.zeros((4, 2), bool)
        is_nan[1], is_nan[:, 0] = True, True
        np.testing.assert_array_equal(np.isnan(matrix.information), is_nan)
        assert_close(matrix.information[~is_nan], expected.information[~is_nan])
        np.testing.assert_array_equal(np.isnan(matrix.factor_entropies), [True, False])
        assert np.isnan(matrix.latent_entropies[1])


def test_scales_and_origins_do_not_matter(codes, factors):
    # Powers of two, which round nothing, but leave little room at either end.
    codes = codes.astype(np.float32)
    expected = binned(codes, factors), nearest(codes, factors)
    correlations = disentanglement.squared_correlations(codes, factors)
    for scale in (2.0**100, 2.0**-100, 2.0**124):
        scaled = codes * np.float32(scale)
        assert_matrices_close(binned(scaled, factors), expected[0])
        assert_matrices_close(nearest(scaled, factors), expected[1])
        actual = disentanglement.squared_correlations(scaled, factors)
        assert_close(actual, correlations)
    # Beyond the largest number from end to end.
    ends = np.where(factors > 0, 3e38, -3e38).astype(np.float32)
    ends = np.tile(ends, 2)
    told = disentanglement.squared_correlations(ends, np.int32(factors > 0))
    assert_close(np.diagonal(told), np.ones(2))
    shifted = disentanglement.squared_correlations(codes, factors + 10**9)
    assert_close(shifted, correlations)


def test_correlations_match_the_definition_and_have_slopes(x64, codes, factors):
    actual = disentanglement.squared_correlations(codes, factors)
    expected = np.corrcoef(codes.T, factors.T)[:4, 4:] ** 2
    assert_close(actual, expected)
    rng = np.random.default_rng(0)
    weights, direction = rng.normal(size=(4, 2)), rng.normal(size=codes.shape)

    @jax.jit
    @jax.value_and_grad
    def total(codes):
        matrix = disentanglement.squared_correlations(codes, factors)
        return jnp.vdot(weights, matrix)

    step = 1e-6
    _, slope = total(codes)
    ahead, behind = (total(codes + s * direction)[0] for s in (step, -step))
    difference = ahead - behind
    np.testing.assert_allclose(
        np.sum(slope * direction), difference / (2 * step), rtol=1e-6
    )


def test_correlations_of_constants_are_zero_with_no_slope(codes, factors):
    values = codes.astype(np.float32)
    values[:, 1], values[3, 2] = 7, np.nan
    labels = np.stack([factors[:, 0], np.full(N, 4)], axis=1)

    @jax.jit
    def total_and_slope(codes):
        def total(codes):
            matrix = disentanglement.squared_correlations(codes, labels)
            return jnp.sum(matrix[:2]), matrix

        return jax.value_and_grad(total, has_aux=True)(codes)

    (_, matrix), slope = total_and_slope(values)
    matrix, slope = np.asarray(matrix), np.asarray(slope)
    np.testing.assert_array_equal(matrix[1], 0)
    np.testing.assert_array_equal(matrix[[0, 3], 1], 0)
    assert np.all(np.isnan(matrix[2]))
    assert_all_finite(slope[:, :2])
    np.testing.assert_array_equal(slope[:, 1], 0)


def test_counts_have_no_slope(codes, factors):
    @jax.jit
    @jax.grad
    def slope(codes):
        matrices = binned(codes, factors), nearest(codes, factors)
        return sum(jnp.sum(matrix.information) for matrix in matrices)

    np.testing.assert_array_equal(slope(codes.astype(np.float32)), 0)


def test_information_of_pairs_of_latents(codes):
    values = codes.astype(np.float32)
    bins = [np.eye(BINS)[numpy_bins(column, BINS)] for column in values.T]
    pairs = [
        numpy_information(bins[i].T @ bins[j] / N)
        for i in range(4)
        for j in range(4)
        if i != j
    ]
    score = functools.partial(disentanglement.mutual_information_score, num_bins=BINS)
    assert_close(score(values), np.mean(pairs))
    values[0, 1] = np.inf
    assert np.isnan(score(values))
    with pytest.raises(ValueError, match="`codes` to have at least two columns"):
        score(values[:, :1])


def numpy_squared_distance(covariance):
    """Squared distance from independence, by the root of a matrix."""
    roots = np.sqrt(np.diag(covariance))
    values = np.linalg.eigvalsh(roots[:, None] * covariance * roots)
    return 2 * np.trace(covariance) - 2 * np.sum(np.sqrt(np.maximum(values, 0)))


@jax.jit
@jax.vmap
def dependence(covariance):
    """Both measures of a covariance, and their derivatives."""
    return tuple(
        jax.value_and_grad(fn)(covariance)
        for fn in (
            disentanglement.gaussian_total_correlation,
            disentanglement.gaussian_wasserstein_correlation,
        )
    )


def random_covariances(dtype):
    roots = np.random.default_rng(0).normal(size=(20, 3, 5))
    return np.einsum("mik,mjk->mij", roots, roots).astype(dtype)


def test_dependence_of_gaussians_matches_the_definition(dtype):
    matrices = random_covariances(dtype)
    exact = matrices.astype(np.float64)
    _, log_dets = np.linalg.slogdet(exact)
    log_variances = np.log(exact.diagonal(0, 1, 2)).sum(1)
    distances = [numpy_squared_distance(one) for one in exact]
    # Whatever the unit.
    for unit in (1, 1e30, 1e-30):
        (total, _), (distance, _) = dependence(matrices * matrices.dtype.type(unit))
        assert total.dtype == distance.dtype == dtype
        assert_close(total, (log_variances - log_dets) / 2)
        assert_close(np.asarray(distance) / matrices.dtype.type(unit), distances)


def test_slopes_of_dependence_equal_finite_differences(x64):
    matrices = random_covariances(np.float64)
    direction = np.random.default_rng(1).normal(size=(20, 3, 3))
    step = 1e-6
    ahead, behind = (dependence(matrices + s * direction) for s in (step, -step))
    here = dependence(matrices)
    for (_, slope), (above, _), (below, _) in zip(here, ahead, behind, strict=True):
        actual = np.sum(np.asarray(slope) * direction, axis=(1, 2))
        expected = np.asarray(above - below) / (2 * step)
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def edge_cases(*matrices):
    """Values and slopes of some covariances, in the program of the others."""
    arrays = np.tile(np.eye(3, dtype=np.float32), (20, 1, 1))
    arrays[: len(matrices)] = matrices
    results = dependence(arrays)
    return jax.tree.map(lambda leaf: np.asarray(leaf)[: len(matrices)], results)


def test_independent_latents_have_no_slope_though_their_eigenvalues_are_equal():
    for value, slope in edge_cases(np.eye(3), np.diag([1.0, 4, 1])):
        assert_close(value, np.zeros(2))
        assert_close(slope, np.zeros((2, 3, 3)))


def test_weak_dependence_keeps_its_digits():
    weak = np.eye(3)
    weak[1, 1], weak[0, 1], weak[1, 0] = 4, 1e-4, 1e-4
    (total, _), (distance, _) = edge_cases(weak)
    square = 1e-8 / 4
    np.testing.assert_allclose(total, square / 2, rtol=1e-5)
    # By tr M^(1/2) = sqrt(tr M + 2 sqrt(det M)) of two rows.
    lost = 2 * 4 * square / (1 + np.sqrt(1 - square))
    np.testing.assert_allclose(distance, 2 * lost / (5 + np.sqrt(25 - lost)), rtol=0.01)


def test_constant_latents_are_independent_by_distance_only():
    constant = np.array([[1, 0.5, 0], [0.5, 2, 0], [0, 0, 0]])
    (total, _), (distance, slope) = edge_cases(constant, 0 * constant)
    assert np.all(np.isnan(total))
    assert_close(distance, [numpy_squared_distance(constant[:2, :2]), 0])
    assert_all_finite(slope)
    np.testing.assert_array_equal(slope[:, 2], 0)


def test_latents_that_determine_each_other_have_a_distance_only():
    same = np.ones((3, 3))
    (total, _), (distance, slope) = edge_cases(same)
    assert np.isnan(total[0])
    assert_close(distance[0], numpy_squared_distance(same), tolerance=2e-3)
    assert_all_finite(slope)


def test_one_latent_depends_on_nothing():
    for value, slope in dependence(np.full((1, 1, 1), 3, np.float32)):
        assert value == 0
        assert slope == 0


def test_what_is_no_covariance_gives_nan():
    nan, inf = np.nan, np.inf
    blocks = (
        [[1, 2], [2, 1]],
        [[-1, 0], [0, 1]],
        [[0, 1], [1, 1]],
        [[nan, 0], [0, 1]],
        [[1, 0], [nan, 1]],
        [[inf, 0], [0, 1]],
    )
    matrices = np.tile(np.eye(3), (len(blocks) + 1, 1, 1))
    matrices[:-1, :2, :2] = blocks
    matrices[-1] = -np.eye(3)
    for value, _ in edge_cases(*matrices):
        assert np.all(np.isnan(value))


def test_votes_are_for_the_latent_of_the_factor_that_is_held(key, factors):
    vote = functools.partial(disentanglement.factor_vae_score, num_votes=50)
    codes = np.stack([*factors.T, np.zeros(N)], axis=1).astype(np.float32)
    assert vote(key, codes, factors * 7 - 3) == 1
    # One latent for both factors is right half of the time.
    codes[:, 1] = 0
    assert 0.2 < vote(key, codes, factors) < 0.8
    codes[:, 0] = 0
    assert vote(key, codes, factors) == 0
    codes[3, 2] = np.nan
    assert np.isnan(vote(key, codes, factors))


def test_bad_arguments_are_named(codes, factors):
    codes = codes.astype(np.float32)
    both = binned.func, nearest.func
    for estimate in both:
        with pytest.raises(ValueError, match="`num_classes` to hold one number for ea"):
            estimate(codes, factors, num_classes=(3,))
        with pytest.raises(ValueError, match="`num_classes` to be at least 1, got 0"):
            estimate(codes, factors, num_classes=(3, 0))
        with pytest.raises(TypeError, match=r"`num_classes` to be a tuple .*, got int"):
            estimate(codes, factors, num_classes=3)
        with pytest.raises(
            ValueError, match=r"`factors` to have shape \(n, k\) with n"
        ):
            estimate(codes, factors[1:], num_classes=NUM_CLASSES)
        with pytest.raises(TypeError, match="`factors` to hold integers"):
            estimate(codes, factors / 2, num_classes=NUM_CLASSES)
    with pytest.raises(ValueError, match="`num_bins` to be at least 2, got 1"):
        both[0](codes, factors, num_classes=NUM_CLASSES, num_bins=1)
    with pytest.raises(ValueError, match="`num_bins` to be at least 2, got 1"):
        soft.func(codes, codes, factors, num_classes=NUM_CLASSES, num_bins=1)
    with pytest.raises(ValueError, match="`log_variances` to have shape"):
        soft(codes, codes[1:], factors)
    with pytest.raises(ValueError, match="`num_neighbors` to be at least 1, got 0"):
        both[1](codes, factors, num_classes=NUM_CLASSES, num_neighbors=0)
    vote = functools.partial(
        disentanglement.factor_vae_score, jax.random.key(0), codes, factors
    )
    with pytest.raises(ValueError, match="`batch_size` to be at least 2, got 1"):
        vote(batch_size=1)
    with pytest.raises(ValueError, match="`num_votes` to be at least 1, got 0"):
        vote(num_votes=0)
    assert np.all(np.isnan(soft(codes, codes, factors, limit=0.0).information))
