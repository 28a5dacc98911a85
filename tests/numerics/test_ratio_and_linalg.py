import inspect

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import compiled, linalg, ratio
from tests.helpers import assert_all_finite, assert_close


def test_ratio_is_zero_without_information_and_nan_of_nan(dtype):
    one, zero, nan = jnp.asarray([1, 0, jnp.nan], dtype)
    assert ratio.geometric(one, one, zero) == 0
    assert jnp.isnan(ratio.geometric(one, one, nan))
    gradient = jax.grad(ratio.geometric, argnums=(0, 1, 2))(zero, zero, one)
    assert_all_finite(gradient)


def test_ratio_of_tiny_entropies_does_not_underflow(dtype):
    tiny = jnp.asarray(1e-30, dtype)
    assert_close(ratio.geometric(tiny, tiny, tiny), 1)


def test_factors_solve_and_measure(dtype):
    factor = np.tril(np.random.default_rng(0).normal(size=(3, 3))) + 3 * np.eye(3)
    rhs = np.arange(6.0).reshape(3, 2)
    cast = jnp.asarray(factor, dtype)
    solved = linalg.solve_factor(cast, jnp.asarray(rhs, dtype))
    assert_close(solved, np.linalg.solve(factor, rhs))
    expected = np.linalg.slogdet(factor @ factor.T)[1]
    assert_close(linalg.log_det_of_factor(cast), expected)


def test_compiled_functions_keep_name_signature_and_lowering():
    @compiled.jit(static_argnames=("power",))
    def raise_to(x: jax.Array, *, power: int) -> jax.Array:
        """Raise."""
        return x**power

    assert raise_to.__name__ == "raise_to"
    assert raise_to(jnp.full(2, 3.0), power=2)[0] == 9
    assert raise_to.__doc__ == "Raise."
    assert list(inspect.signature(raise_to).parameters) == ["x", "power"]
    lowered = raise_to.lower(jax.ShapeDtypeStruct((2,), jnp.float32), power=2)
    assert lowered.compile()(jnp.ones(2)).shape == (2,)
