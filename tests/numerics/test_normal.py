import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import log_ndtr

from jaxinfo._numerics import normal
from tests.helpers import assert_all_finite, assert_close

EDGES = np.array([-30.0, -12, -3, -0.5, 0, 0.25, 3, 12, 30])


def test_masses_sum_to_one_and_keep_their_digits_in_both_tails(dtype):
    z = jnp.asarray(EDGES[:, None] * np.array([1, -1])[None], dtype)
    z = jnp.sort(z, axis=0)
    masses = normal.interval_masses(z)
    assert masses.shape == (10, 2)
    assert_close(jnp.sum(masses, axis=0), np.ones(2))
    # What lies beyond -12 and 12, and beyond -3 and 3.
    for edge, place in ((12, 1), (3, 2)):
        tail = np.exp(log_ndtr(-edge)) - np.exp(log_ndtr(-4 * edge))
        outer = [masses[: place + 1, 0], masses[-place - 1 :, 1]]
        for one in outer:
            np.testing.assert_allclose(jnp.sum(one) / tail, 1, rtol=2e-4)


def test_derivatives_of_masses_are_differences_of_densities(dtype):
    z = jnp.asarray(EDGES, dtype)
    slopes = jax.jacobian(normal.interval_masses)(z)
    density = np.exp(-(EDGES**2) / 2) / np.sqrt(2 * np.pi)
    expected = np.zeros((10, 9))
    expected[np.arange(9), np.arange(9)] = density
    expected[np.arange(1, 10), np.arange(9)] = -density
    assert_all_finite(slopes)
    assert_close(slopes, expected)
