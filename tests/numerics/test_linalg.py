import inspect
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxinfo._numerics import compiled, linalg
from tests.helpers import assert_close


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


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 9])
def test_factors_and_their_inverses(x64, key, dim):
    root = jax.random.normal(key, (5, dim, dim))
    matrix = root @ jnp.swapaxes(root, 1, 2) + jnp.eye(dim)[None]
    factor = linalg.cholesky(matrix)
    assert_close(factor, np.linalg.cholesky(matrix))
    assert_close(linalg.invert_factor(factor), np.linalg.inv(factor))
    for fn, argument in ((linalg.cholesky, matrix), (linalg.invert_factor, factor)):
        order = 2 if dim == 4 else 1
        check_grads(jax.jit(fn), (argument,), order=order, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dim", [2, 5])
def test_a_matrix_that_is_not_positive_has_no_factor(dim):
    good, bad = jnp.eye(dim), -jnp.eye(dim)
    factors = linalg.cholesky(jnp.stack([good, bad]))
    assert_close(factors[0], good)
    assert jnp.any(jnp.isnan(factors[1]))


def test_batches_of_factors_end_on_few_cores():
    # Batched calls of LAPACK that run at once can wait for each other for ever.
    code = (
        "import jax, jax.numpy as jnp\n"
        "from jaxinfo._numerics import linalg\n"
        "x = jnp.stack([jnp.eye(12)] * 100)\n"
        "def pair(x):\n"
        "    return [linalg.invert_factor(linalg.cholesky(c * x)) for c in (1., 2.)]\n"
        "pair = jax.jit(pair)\n"
        "for _ in range(200):\n"
        "    jax.block_until_ready(pair(x))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("dim", [2, 5])
def test_factors_of_rows_keep_the_digits_of_near_dependence(dim):
    # Rows that differ by a millionth: their product has no factor in single precision.
    rng = np.random.default_rng(0)
    rows = np.ones((dim, 1)) @ rng.normal(size=(1, dim)) + 1e-6 * np.eye(dim)
    rows = rows.astype(np.float32)
    expected = np.abs(np.linalg.qr(rows.astype(float).T, mode="r").T)
    actual = linalg.factor_of_rows(jnp.asarray(rows))
    exact = np.diagonal(expected)
    np.testing.assert_allclose(np.diagonal(actual), exact, rtol=0.2)
    assert_close(actual @ actual.T, rows @ rows.T, scale=10.0)
    with jax.enable_x64(True):
        precise = linalg.factor_of_rows(jnp.asarray(rows, jnp.float64))
        np.testing.assert_allclose(np.diagonal(precise), exact, rtol=1e-8)


@pytest.mark.parametrize("dim", [3, 5])
def test_factors_of_some_rows_are_those_of_the_matrix_of_these(key, dim):
    rows = jax.random.normal(key, (2, dim, dim))
    some = np.array([0, 2])
    is_used = jnp.zeros((2, dim), bool).at[:, some].set(True)
    actual = linalg.factor_of_rows(rows, is_used)
    expected = jnp.broadcast_to(jnp.eye(dim), rows.shape)
    theirs = linalg.factor_of_rows(rows[:, some])
    expected = expected.at[:, some[:, None], some].set(theirs)
    assert_close(actual, expected)


def test_derivatives_of_factors_of_rows(x64, key):
    rows = jax.random.normal(key, (2, 4, 4))
    check_grads(linalg.factor_of_rows, (rows[:, 1:],), order=1, modes=("fwd", "rev"))
