import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.fingerprint import spaces
from tests.helpers import assert_all_finite, assert_close


def left_out(compare_fn, u, v):
    """Plug-in values, and those without each point, one row each."""
    n = len(u)

    def without(k):
        keep = np.delete(np.arange(n), k)
        return np.stack(compare_fn(*(b[keep][:, keep] for b in (u, v))))

    return np.stack(compare_fn(u, v)), np.stack([without(k) for k in range(n)])


def assert_is_jackknife(result, values, without, **kwargs):
    n = len(without)
    mean = without.mean(axis=0)
    error = np.sqrt((n - 1) / n * np.sum((without - mean) ** 2, axis=0))
    assert_close(jnp.stack(result.plugin), values, **kwargs)
    assert_close(jnp.stack(result.standard_error), error, **kwargs)
    corrected = values + (n - 1) * (values - mean)
    assert_close(jnp.stack(result.value), corrected, **kwargs)


def test_each_point_is_left_out(x64):
    overlaps = spaces.overlaps_of(*spaces.random_channels(14, 2, jnp.float64))
    values, without = left_out(spaces.reference_compare, *map(np.asarray, overlaps))
    result = fingerprint.jackknife(*overlaps)
    assert_is_jackknife(result, values, without, tolerance=1e-10)


@pytest.mark.parametrize("alone", [1, 2])
def test_a_space_that_one_point_makes_has_no_nmi_without_it(dtype, alone):
    # Without the only point of its class a labelling carries nothing.
    labels = np.array([[1] * alone + [0] * (14 - alone), np.arange(14) % 3])
    u, v = (fingerprint.label_overlaps(row).astype(dtype) for row in labels)

    def compare(u, v):
        with np.errstate(invalid="ignore"):
            result = spaces.reference_compare(u, v)
        is_constant = np.all(u == 1)
        return result._replace(nmi=0.0 if is_constant else result.nmi)

    values, without = left_out(compare, *(np.asarray(x, np.float64) for x in (u, v)))
    result = fingerprint.jackknife(u, v)
    assert_is_jackknife(result, values, without, scale=100)
    assert_all_finite(result)


def test_errors_match_the_spread_of_fingerprints(key):
    def draw(key):
        key_x, key_noise = jax.random.split(key)
        x = 2 * jax.random.normal(key_x, (100, 1))
        y = x + 0.7 * jax.random.normal(key_noise, (100, 1))
        return fingerprint.jackknife(
            fingerprint.gaussian_overlaps(x, 0 * x),
            fingerprint.gaussian_overlaps(y, 0 * y),
        )

    result = jax.lax.map(draw, jax.random.split(key, 150))
    for name in result.plugin._fields:
        spread = jnp.std(getattr(result.plugin, name))
        ratio = jnp.mean(getattr(result.standard_error, name)) / spread
        assert 0.8 < ratio < 1.3, (name, ratio)


@pytest.mark.parametrize(
    ("n", "dtype"), [(2, "float32"), (20, "float64")], indirect=["dtype"]
)
def test_edges_have_finite_values_and_gradients(dtype, n):
    def total(overlaps):
        result = fingerprint.jackknife(overlaps, overlaps)
        return sum(jax.tree.leaves(result)), result

    differentiate = jax.jit(jax.grad(total, has_aux=True))
    everything, nothing = jnp.eye(n, dtype=dtype), jnp.ones((n, n), dtype)
    for overlaps in (everything, nothing, (everything + nothing) / 2):
        assert_all_finite(differentiate(overlaps))


def test_too_few_points_are_named():
    with pytest.raises(ValueError, match="`overlaps_u` to have at least 2 points"):
        fingerprint.jackknife(jnp.ones((1, 1)), jnp.ones((1, 1)))
