import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial import distance

from jaxinfo._numerics import pairwise
from tests.helpers import assert_all_finite, assert_close


@pytest.mark.parametrize("dim", [1, 8, 9, 30])
def test_matches_scipy(dtype, dim):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, dim)), rng.normal(size=(5, dim))
    actual = pairwise.squared_distances(jnp.asarray(x, dtype), jnp.asarray(y, dtype))
    assert_close(actual, distance.cdist(x, y, "sqeuclidean"))


@pytest.mark.parametrize("dim", [2, 10])
def test_points_far_from_the_origin_keep_their_distances(dtype, dim):
    rng = np.random.default_rng(0)
    x = np.asarray(jnp.asarray(1000 + rng.normal(size=(20, dim)), dtype))
    exact = distance.cdist(x.astype(float), x.astype(float), "sqeuclidean")
    actual = pairwise.squared_distances(jnp.asarray(x), jnp.asarray(x))
    assert_close(actual, exact)


@pytest.mark.parametrize("dim", [2, 10])
def test_coincident_points_have_distance_zero_and_finite_gradient(dtype, dim):
    x = jnp.ones((4, dim), dtype)
    value, gradient = jax.value_and_grad(
        lambda x: jnp.sum(pairwise.squared_distances(x, x))
    )(x)
    assert value == 0
    assert_all_finite(gradient)


@pytest.mark.parametrize("dim", [2, 8])
def test_narrow_clusters_far_apart_keep_their_distances(dim):
    rng = np.random.default_rng(0)
    centres = 1000 * rng.normal(size=(2, dim)).repeat(5, axis=0)
    x = (centres + 0.01 * rng.normal(size=(10, dim))).astype(np.float32)
    exact = distance.cdist(x.astype(float), x.astype(float), "sqeuclidean")
    actual = pairwise.squared_distances(jnp.asarray(x), jnp.asarray(x))
    np.testing.assert_allclose(actual, exact, rtol=1e-5)
