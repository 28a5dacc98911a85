import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import measures
from tests.helpers import assert_close


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0, 2)])
def test_a_bit_is_log_two_nats_in_any_shape(dtype, shape):
    value = jnp.full(shape, np.log(2), dtype)
    assert_close(measures.nats_to_bits(value), np.ones(shape))
