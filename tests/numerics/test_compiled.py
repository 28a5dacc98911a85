import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.typing import ArrayLike

from jaxinfo import diffusion, measures
from jaxinfo._numerics import checks, compiled
from tests.helpers import assert_close


class Pair(NamedTuple):
    means: jax.Array
    scale: jax.Array


@compiled.jit(static_argnames=("power",))
def moment(
    x: ArrayLike, *, power: int = 2, weights: ArrayLike | None = None
) -> jax.Array:
    x = checks.as_float("x", x, "(n, d)")
    given = 1.0 if weights is None else checks.as_float("weights", weights, "(n,)")
    return jnp.mean(jnp.mean(x**power, axis=1) * given)


@compiled.jit
def of_pair(pair: Pair, x: ArrayLike) -> Pair:
    return jax.tree.map(lambda leaf: leaf * x, pair)


@compiled.jit
def difference(x: ArrayLike, y: ArrayLike | None = None) -> jax.Array:
    x = checks.as_float("x", x, "(n,)")
    return x if y is None else x - checks.as_float("y", y, "(n,)")


def test_data_may_be_left_out_where_they_are_optional():
    x = np.arange(3.0)
    for given in ((x, None), (x,)):
        np.testing.assert_array_equal(difference(*given), x)
    np.testing.assert_array_equal(difference(x, y=None), x)
    np.testing.assert_array_equal(difference(x, x), 0 * x)
    with pytest.raises(TypeError, match="`x` to be an array, got NoneType"):
        difference(None, x)


# What came in wrong, as it is now.


def test_large_integers_give_what_float64_gives():
    x = (np.arange(300) * 10**8)[:, None]
    value = diffusion.spectral_entropy(x, bandwidth=1e9)
    with jax.enable_x64(True):
        expected = diffusion.spectral_entropy(x.astype(float), bandwidth=1e9)
    assert_close(value, np.asarray(expected, np.float32), scale=10.0)
    assert_close(value, 3.014, tolerance=5e-4)


def test_half_precision_by_keyword_gives_what_it_gives_by_position(key):
    x = jax.random.normal(key, (8, 2), jnp.float16)
    by_keyword = diffusion.spectral_entropy(x=x, bandwidth=1.0)
    by_position = diffusion.spectral_entropy(x, bandwidth=1.0)
    assert by_keyword.dtype == by_position.dtype == jnp.float16
    assert by_keyword == by_position


def test_counts_in_half_precision_are_added_in_single():
    value = measures.entropy_of_counts(counts=np.float16([40000, 30000, 20000]))
    assert value.dtype == jnp.float16
    assert_close(value, 1.061, tolerance=5e-4)


@pytest.mark.parametrize("center", [1e8, 1e8 + 4])
def test_columns_that_vary_by_one_around_a_large_number_are_named(center):
    x = np.random.default_rng(0).normal(size=(300, 2))
    shifted = x + np.array([0.0, center])
    message = r"column 1 of `x` to vary in float32, as it does in float64, got .*"
    with pytest.raises(ValueError, match=message) as error:
        diffusion.spectral_entropy(shifted, bandwidth=1.0)
    assert "x - x.mean(axis=-2, keepdims=True), or enable x64" in str(error.value)
    centered = shifted - shifted.mean(axis=-2, keepdims=True)
    value = diffusion.spectral_entropy(centered, bandwidth=1.0)
    assert_close(value, diffusion.spectral_entropy(x, bandwidth=1.0), scale=100.0)


def test_columns_are_kept_in_double_precision(x64):
    x = np.random.default_rng(0).normal(size=(30, 2))
    value = diffusion.spectral_entropy(x + 1e8, bandwidth=1.0)
    expected = diffusion.spectral_entropy(x, bandwidth=1.0)
    assert_close(value, expected, tolerance=1e-6)


# Columns.


@pytest.mark.parametrize(
    "column",
    [
        10**9 + np.arange(5),
        np.int32(10**9) + np.arange(5, dtype=np.int32),
        2**53 + np.arange(5),
        1.0 + 1e-9 * np.arange(5),
        1e-50 * np.arange(5),
        1e50 * np.arange(1, 6),
        np.longdouble(1) + np.longdouble(1e-9) * np.arange(5),
        (1e9 + np.arange(5)).astype(">f8"),
        # Only the last of many rows differs.
        np.append(np.full(99_999, 1e9), 1e9 + 1),
    ],
)
def test_columns_that_the_cast_makes_constant_are_found(column):
    x = np.stack([np.linspace(0, 1, len(column), dtype=column.dtype), column], axis=1)
    with pytest.raises(ValueError, match="column 1 of `x`"):
        moment(x)


@pytest.mark.parametrize(
    "column",
    [
        np.full(5, 1e9 + 1),
        10**9 + 0 * np.arange(5),
        # Integers that a float holds exactly.
        2**24 + 2 * np.arange(5),
        # Equal but for rounding.
        np.array([0.1 + 0.2, 0.3, 0.3]),
        np.array([np.nan, 1e9, 1e9 + 1]),
        np.array([np.inf, 1.0, 2.0]),
        np.array([1e9, 1e9, 2e9]),
        np.array([False, True, True]),
        np.float16([1, 1, 2]),
    ],
)
def test_other_columns_pass(column):
    moment(np.stack([column, column], axis=1))


def test_columns_out_of_range_are_to_be_divided():
    with pytest.raises(ValueError, match=r"divide it first, x / np\.abs\(x\)\.max"):
        moment(1e50 * np.arange(1.0, 6.0)[:, None])


def test_options_and_rows_of_one_have_no_columns():
    moment(np.array([[1e9 + 1, 1e9 + 2]]))
    moment(np.ones((3, 2)), weights=1e9 + np.arange(3.0))


def test_columns_of_stacks_and_of_containers_are_found():
    close = 1e9 + np.arange(3.0)[:, None]
    with pytest.raises(ValueError, match="column 0 of `x`"):
        jax.eval_shape(lambda: compiled.jit(_identity)(np.stack([0 * close, close])))
    with pytest.raises(ValueError, match=r"column 0 of `pair\.means`"):
        of_pair(Pair(close, np.ones(())), 1.0)


def _identity(x: ArrayLike) -> jax.Array:
    return jnp.asarray(x)


# Kinds.


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.array([2**40, 1]), "float32"),
        (np.array([-(2**40), 1]), "float32"),
        (np.array([2**32 - 1], np.uint32), "float32"),
        (np.array([2**40], ">i8"), "float32"),
        (2**40, "float32"),
        (2**70, "float32"),
        (-(2**31), "int32"),
        (np.array([2**31 - 1]), "int32"),
        (np.array([], np.int64), "int32"),
        (np.array([2**31 - 1], np.uint32), "uint32"),
        (np.ones(2, ">f8"), "float32"),
        (np.ones(2, np.longdouble), "float32"),
        (np.ma.masked_array(np.ones(2)), "float32"),
    ],
)
def test_what_jax_has_no_dtype_for_becomes_what_it_has(x, expected):
    result = compiled.jit(_identity)(x)
    assert result.dtype == expected
    assert_close(result.astype(jnp.float32), np.asarray(x, np.float64))


def test_containers_are_checked_leaf_by_leaf():
    result = of_pair(Pair(np.array([2**40]), 1), 2.0)
    assert result.means.dtype == jnp.float32
    with pytest.raises(TypeError, match=r"Expected `pair\.scale` .*dtype <U1"):
        of_pair(Pair(np.ones(2), np.array("a")), 2.0)
    with pytest.raises(TypeError, match="Expected `pair` to be a Pair, got tuple"):
        of_pair((np.ones(2), np.ones(2)), 2.0)


def test_missing_arguments_are_named_as_python_does():
    with pytest.raises(TypeError, match=r"missing .* argument: 'x'"):
        of_pair(Pair(1.0, 1.0))
    with pytest.raises(TypeError, match="unexpected keyword argument 'y'"):
        moment(y=1.0)


def test_static_options_are_not_looked_at():
    assert moment(np.ones((2, 2)), power=np.int64(3)) == 1
    with pytest.raises(ValueError, match="Non-hashable static arguments"):
        moment(np.ones((2, 2)), power=[3])


# Half precision.


def test_data_of_mixed_precision_gives_the_widest():
    fn = compiled.jit(lambda x, y: jnp.dot(x, y))
    half, single = np.ones(3, np.float16), np.ones(3, np.float32)
    assert fn(half, half).dtype == fn(x=half, y=half).dtype == jnp.float16
    assert fn(half, y=single).dtype == fn(x=single, y=half).dtype == jnp.float32
    assert fn(half, jnp.ones(3, jnp.bfloat16)).dtype == jnp.float32


def test_options_do_not_set_the_precision_of_results():
    x, half = np.ones((2, 2), np.float32), np.ones(2, np.float16)
    assert moment(x, weights=half).dtype == jnp.float32
    assert moment(x.astype(np.float16), weights=x[0]).dtype == jnp.float16


# Under a trace.


def test_a_trace_sees_no_door(key):
    x = jax.random.normal(key, (4, 2))
    plain = jax.jit(moment.__wrapped__, static_argnames=("power",))
    expected = jax.make_jaxpr(lambda x: plain(x))(x)
    assert str(jax.make_jaxpr(lambda x: moment(x))(x)) == str(expected)


def test_transformations_compose(key):
    x = jax.random.normal(key, (3, 4, 2))
    fn = functools.partial(moment, power=3)
    mapped = jax.jit(jax.vmap(jax.grad(fn)))(x)
    assert_close(mapped, 3 * x**2 / 8)
    by_keyword = jax.vmap(lambda x: moment(x=x, power=3))(x)
    assert_close(by_keyword, jnp.mean(x**3, axis=(1, 2)))
    with jax.disable_jit():
        assert_close(moment(x[0], power=3), by_keyword[0])


def test_a_function_can_be_lowered_for_shapes_and_for_arrays():
    shape = jax.ShapeDtypeStruct((3, 2), jnp.float32)
    run = moment.lower(shape, power=3).compile()
    assert run(jnp.full((3, 2), 2.0)) == 8
    with pytest.raises(TypeError, match="Expected `x` to be an array, got list"):
        moment.lower([[1.0]])


def test_arrays_of_jax_are_not_read():
    x = jnp.ones((2, 2))
    moment(x)
    with jax.transfer_guard("disallow"):
        moment(x)


def test_a_function_keeps_its_name_signature_and_documentation():
    fn = measures.entropy
    assert fn.__name__ == "entropy"
    assert fn.__module__ == "jaxinfo.measures._tables"
    assert fn.__doc__.startswith("Shannon entropy")


# One function made of two.


def halves():
    """A function in two stages, and how often each was traced."""
    traced = []

    def first(x: jax.Array, *, power: int) -> jax.Array:
        traced.append("first")
        if power < 0:
            raise ValueError("Expected `power` to be at least 0.")
        return x**power

    def second(found: jax.Array, x: jax.Array, *, power: int) -> jax.Array:
        traced.append("second")
        return jnp.sum(found) + x[0]

    both = compiled.staged(first, second, static_argnames=("power",))

    @compiled.jit(static_argnames=("power",), is_staged=True)
    def whole(x: ArrayLike, *, power: int = 2) -> jax.Array:
        return both(checks.as_float("x", x, "(n,)"), power=power)

    return whole, traced


def test_stages_are_one_function_of_their_arguments():
    whole, _ = halves()
    x = jnp.arange(1.0, 4.0)
    assert_close(whole(x), 15.0)
    assert_close(whole(x, power=3), 37.0)
    assert_close(jax.jit(whole)(x), 15.0)
    assert_close(jax.grad(whole)(x), np.array([3.0, 4.0, 6.0]))
    assert_close(jax.vmap(whole)(x[None] * jnp.ones((2, 1))), np.full(2, 15.0))
    assert whole.lower(x).compile()(x) == 15.0


def test_stages_are_traced_once_for_each_shape_and_option():
    whole, traced = halves()
    for _ in range(3):
        whole(jnp.ones(3))
    assert traced == ["first", "second"]
    whole(jnp.ones(3), power=1)
    whole(jnp.ones(4))
    assert len(traced) == 6


def test_what_stages_raise_reaches_the_caller():
    whole, _ = halves()
    with pytest.raises(ValueError, match="`power`"):
        whole(jnp.ones(3), power=-1)
    with pytest.raises(ValueError, match="`x`"):
        whole(jnp.ones((3, 1)))


def test_stages_take_half_precision_as_a_whole():
    whole, _ = halves()
    value = whole(jnp.ones(3, jnp.bfloat16))
    assert value.dtype == jnp.bfloat16
    assert value == 4
