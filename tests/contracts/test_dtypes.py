"""Which dtype results have, by tracing alone, and what computes half precision."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.contracts.table import CASES, HEAVY, draw, floating_leaves, parametrize


def dtypes(case, kind):
    fn = functools.partial(case.fn, **case.kwargs)
    result = jax.eval_shape(fn, *draw(case, jnp.dtype(kind)))
    return {leaf.dtype for leaf in floating_leaves(result)}


@parametrize(CASES, slow=HEAVY - {"gmm.mutual_information"})
def test_results_have_the_dtype_of_the_data_also_where_the_default_is_double(case, x64):
    # Doubles of the heavy ones are golden numbers, and their gradients' differences.
    for kind in ("float32",) if case.is_heavy else ("float32", "float64"):
        expected = jnp.dtype(kind) if case.keeps_dtype else jnp.dtype("float64")
        assert dtypes(case, kind) <= {expected}


# By the decorator that all public functions share: tracing the heavy ones adds nothing.
@parametrize(
    {
        name: case
        for name, case in CASES.items()
        if case.keeps_dtype and name not in HEAVY
    }
)
def test_half_precision_is_returned(case):
    assert dtypes(case, "bfloat16") == {jnp.dtype("bfloat16")}


@pytest.mark.parametrize(
    "name",
    [
        "measures.gaussian_entropy",
        "fingerprint.compare",
        "fingerprint.channel_distances",
        "fusion.loss",
    ],
)
def test_half_precision_is_computed_in_single(name):
    # By the decorator that all public functions share.
    case = CASES[name]
    args = draw(case, jnp.bfloat16)
    result = case.fn(*args, **case.kwargs)
    wide = jax.tree.map(lambda x: x.astype(jnp.float32), args)
    expected = case.fn(*wide, **case.kwargs)
    for one, other in zip(
        floating_leaves(result), floating_leaves(expected), strict=True
    ):
        np.testing.assert_array_equal(one, other.astype(jnp.bfloat16))
