import jax
import jax.numpy as jnp

from jaxinfo._numerics import guarded
from tests.helpers import assert_all_finite, assert_close


def test_root_has_value_and_slope_zero_at_zero_and_nan_below(dtype):
    for x, expected in ((0.0, 0.0), (4.0, 0.25)):
        value, slope = jax.value_and_grad(guarded.sqrt)(jnp.asarray(x, dtype))
        assert value == x / 2
        assert slope == expected
    assert jnp.isnan(guarded.sqrt(jnp.asarray(-1.0, dtype)))


def test_ratio_is_zero_without_information_and_nan_of_nan(dtype):
    one, zero, nan = jnp.asarray([1, 0, jnp.nan], dtype)
    assert guarded.over_geometric_mean(one, one, zero) == 0
    assert jnp.isnan(guarded.over_geometric_mean(one, one, nan))
    gradient = jax.grad(guarded.over_geometric_mean, argnums=(0, 1, 2))(zero, zero, one)
    assert_all_finite(gradient)


def test_ratio_of_tiny_entropies_does_not_underflow(dtype):
    tiny = jnp.asarray(1e-30, dtype)
    assert_close(guarded.over_geometric_mean(tiny, tiny, tiny), 1)
