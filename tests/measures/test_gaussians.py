import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinfo import measures
from tests.helpers import assert_all_finite, assert_close


def covariance(seed=0, dim=5):
    root = np.random.default_rng(seed).normal(size=(dim, dim))
    return root @ root.T + 0.5 * np.eye(dim)


def test_entropy_matches_scipy(dtype):
    exact = covariance()
    expected = stats.multivariate_normal(cov=exact).entropy()
    assert_close(measures.gaussian_entropy(jnp.asarray(exact, dtype)), expected)


@pytest.mark.parametrize("dim_x", [1, 2, 4])
def test_information_matches_determinants(dtype, dim_x):
    exact = covariance()
    dets = [np.linalg.det(m) for m in (exact[:dim_x, :dim_x], exact[dim_x:, dim_x:])]
    expected = np.log(np.prod(dets) / np.linalg.det(exact)) / 2
    actual = measures.gaussian_mutual_information(
        jnp.asarray(exact, dtype), dim_x=dim_x
    )
    assert_close(actual, expected, scale=10)


def test_weak_correlation_keeps_its_digits(dtype):
    rho = 1e-4
    matrix = jnp.asarray([[1, rho], [rho, 1]], dtype)
    value = measures.gaussian_mutual_information(matrix, dim_x=1)
    np.testing.assert_allclose(value, -np.log1p(-(rho**2)) / 2, rtol=1e-6)


def test_scale_of_the_variables_does_not_matter(dtype):
    exact = covariance()
    scales = np.array([1e-6, 1e3, 1.0, 1e6, 1e-3])
    plain, scaled = (
        measures.gaussian_mutual_information(jnp.asarray(m, dtype), dim_x=2)
        for m in (exact, exact * np.outer(scales, scales))
    )
    assert_close(scaled, plain, scale=10)


def test_gradient_at_independence_is_finite(dtype):
    for dim_x in (1, 3):
        fn = jax.value_and_grad(
            lambda m, dim_x=dim_x: measures.gaussian_mutual_information(m, dim_x=dim_x)
        )
        value, gradient = fn(jnp.eye(4, dtype=dtype))
        assert value == 0
        assert_all_finite(gradient)


def test_indefinite_matrices_give_nan(dtype):
    matrix = jnp.asarray([[1, 2], [2, 1]], dtype)
    assert jnp.isnan(measures.gaussian_entropy(matrix))
    assert jnp.isnan(measures.gaussian_mutual_information(matrix, dim_x=1))


def test_only_the_lower_triangle_is_read(dtype):
    matrix = jnp.asarray(covariance(), dtype)
    spoilt = jnp.tril(matrix) + jnp.triu(jnp.full_like(matrix, jnp.nan), 1)
    assert measures.gaussian_entropy(spoilt) == measures.gaussian_entropy(matrix)
    values = [
        measures.gaussian_mutual_information(m, dim_x=2) for m in (spoilt, matrix)
    ]
    assert values[0] == values[1]


def test_bad_sizes_are_named():
    with pytest.raises(ValueError, match=r"`covariance` to have shape \(d, d\)"):
        measures.gaussian_entropy(jnp.ones((2, 3)))
    with pytest.raises(ValueError, match="`dim_x` to be less than the number"):
        measures.gaussian_mutual_information(jnp.eye(2), dim_x=2)
    with pytest.raises(TypeError, match="`dim_x` to be an int, got float"):
        measures.gaussian_mutual_information(jnp.eye(2), dim_x=1.0)
