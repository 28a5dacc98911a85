import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo._numerics import blocks
from tests.helpers import assert_close


def log_sums(x, y, block_size):
    """Sum of all, and of each row, of logarithms of dot products."""

    def block(rows, weights):
        logs = jnp.log(rows @ y.T)
        return jnp.sum(logs * weights[:, None]), jnp.sum(logs, axis=1)

    return blocks.over_rows(block, x, block_size=block_size)


@pytest.mark.parametrize("block_size", [1, 3, 4, 7, 100])
def test_blocks_change_neither_values_nor_gradients(dtype, block_size):
    x, y = jnp.asarray(np.random.default_rng(0).random((2, 7, 3)), dtype)
    total, rows = log_sums(x, y, block_size)
    logs = jnp.log(x @ y.T)
    assert_close(total, jnp.sum(logs))
    assert_close(rows, jnp.sum(logs, axis=1))
    gradient = jax.grad(lambda x: log_sums(x, y, block_size)[0])(x)
    assert_close(gradient, jax.grad(lambda x: jnp.sum(jnp.log(x @ y.T)))(x))


def test_padding_rows_spoil_nothing_where_zero_rows_would(dtype):
    x = jnp.full((5, 3), 1e-3, dtype)
    gradient = jax.grad(lambda x: log_sums(x, x, 4)[0])(x)
    assert jnp.all(jnp.isfinite(gradient))


def test_reverse_mode_stores_no_block():
    n, m = 2048, 16
    x = jax.ShapeDtypeStruct((n, m), jnp.float32)

    def kernel_sum(x):
        def block(rows, weights):
            squares = jnp.sum((rows[:, None] - x[None]) ** 2, axis=2)
            return jnp.sum(jnp.exp(-squares) * weights[:, None]), None

        return blocks.over_rows(block, x, block_size=16)[0]

    compiled = jax.jit(jax.grad(kernel_sum)).lower(x).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < n * n * 4 / 2


def test_default_blocks_fill_a_mebibyte():
    assert blocks.default_size(1024, 4) == 256
    assert blocks.default_size(10**9, 4) == 1
