import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo._numerics import checks, compiled


@pytest.mark.parametrize(
    ("shape", "expected", "sizes", "message"),
    [
        ((3,), "(n, d)", {}, r"got \(3,\); pass x\[:, None\] for a single column\."),
        ((3,), "(n, n)", {}, r"shape \(n, n\), got \(3,\)\."),
        ((3,), "(k, l)", {}, r"shape \(k, l\), got \(3,\)\."),
        ((3, 2), "(n, n)", {}, r"shape \(n, n\), got \(3, 2\)"),
        ((3, 2), "(n, d)", {"n": 4}, r"shape \(n, d\) with n = 4, got \(3, 2\)"),
        ((0, 2), "(n, d)", {}, r"not to be empty, got shape \(0, 2\)"),
        ((2,), "()", {}, r"shape \(\), got \(2,\)"),
    ],
)
def test_wrong_shapes_are_named(shape, expected, sizes, message):
    with pytest.raises(ValueError, match=f"Expected `x` .*{message}"):
        checks.as_float("x", jnp.zeros(shape), expected, **sizes)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0], "to be an array, got list; pass np.asarray"),
        ("text", "to be an array, got str"),
        (None, "to be an array, got NoneType"),
        (np.array(["a"]), "to hold numbers, got dtype <U1; pass np.unique"),
        (np.array([None]), "to hold numbers, got dtype object; pass x.astype"),
        (np.ones(1, complex), "to be real, got dtype complex128"),
        (jnp.ones(1, complex), "to be real, got dtype complex64; pass its real"),
        (jax.random.key(0), "to hold numbers, got dtype key"),
    ],
)
def test_what_is_not_a_real_array_is_named(value, message):
    with pytest.raises(TypeError, match=f"Expected `x` {message}"):
        checks.as_float("x", value, "(...)")


@pytest.mark.parametrize("value", [True, 2, np.int8(2), np.zeros(2, bool)])
def test_integers_and_booleans_become_the_default_float(value):
    assert checks.as_float("x", value, "(...)").dtype == jnp.float32


def test_the_widest_dtype_wins(x64):
    one, other = checks.as_floats(
        "(n,)", one=jnp.ones(2, jnp.float32), other=jnp.ones(2, jnp.float64)
    )
    assert one.dtype == other.dtype == jnp.float64


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (0, TypeError, "typed key, got int; make one with jax.random.key"),
        (jnp.zeros(2, jnp.uint32), TypeError, "got an array of dtype uint32"),
        (jax.random.split(jax.random.key(0)), ValueError, r"got shape \(2,\)"),
    ],
)
def test_untyped_keys_are_named(key, error, message):
    with pytest.raises(error, match=message):
        checks.as_key("key", key)


def test_choices_are_listed():
    with pytest.raises(ValueError, match=r"`color` to be one of 'a', 'b', got 'c'"):
        checks.one_of("color", "c", ("a", "b"))


@pytest.mark.parametrize("value", [1.5, True, None, "2"])
def test_whole_numbers_must_be_ints(value):
    with pytest.raises(TypeError, match="Expected `k` to be an int"):
        checks.at_least("k", value, 1)


def test_small_numbers_are_named():
    with pytest.raises(ValueError, match="Expected `k` to be at least 2, got 1"):
        checks.at_least("k", 1, 2)


def test_block_size_may_be_left_open():
    checks.block_size(None)
    with pytest.raises(ValueError, match="`block_size` to be at least 1, got 0"):
        checks.block_size(0)


def test_checks_work_on_tracers():
    @jax.jit
    def f(x):
        return checks.as_float("x", x, "(n,)")

    assert f(jnp.ones(2)).shape == (2,)
    with pytest.raises(ValueError, match="Expected `x`"):
        f(jnp.ones((2, 2)))


def test_labels_may_be_booleans():
    flags = np.array([True, False])
    np.testing.assert_array_equal(checks.as_labels("labels", flags, "(n,)"), [1, 0])


def test_labels_may_not_be_floats():
    message = r"`labels` to hold integers, got dtype float64; pass np\.unique\(labels"
    with jax.enable_x64(True), pytest.raises(TypeError, match=message):
        checks.as_labels("labels", np.ones(2), "(n,)")


def test_unsigned_labels_beyond_the_range_stay_apart_and_out_of_range():
    labels = jnp.array([2**31, 2**32 - 1, 2**31 - 1], jnp.uint32)
    wrapped = checks.as_labels("labels", labels, "(n,)")
    np.testing.assert_array_equal(wrapped, [-(2**31), -1, 2**31 - 1])


def test_masks_must_be_booleans():
    with pytest.raises(TypeError, match=r"`mask` to hold booleans, .* pass mask != 0"):
        checks.as_mask("mask", np.array([0, 1]), "(n,)")


def test_hosts_see_all_digits():
    x = 1e15 + np.arange(2.0)
    np.testing.assert_array_equal(checks.as_host_float("x", x, "(n,)"), x)
    x = 2**50 + np.arange(2)
    np.testing.assert_array_equal(checks.as_host_float("x", x, "(n,)"), x)
    with pytest.raises(TypeError, match=r"Expected `x` .* pass np\.asarray\(x\)"):
        checks.as_host_float("x", [1.0], "(n,)")
    with pytest.raises(TypeError, match="`x` to be real"):
        checks.as_host_float("x", jnp.ones(2, complex), "(n,)")


@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float32"])
def test_rounding_is_that_of_the_data_as_given(kind):
    inner = compiled.jit(lambda x: x + checks.data_eps(x))
    outer = compiled.jit(lambda x: inner(x) + inner(x))
    zero = jnp.zeros((), kind)
    eps = jnp.finfo(kind).eps
    # In either order: what was traced for one precision is not taken for another.
    assert outer(zero) == 2 * eps
    assert outer(jnp.zeros(())) == 2 * jnp.finfo(jnp.float32).eps
    assert inner(zero) == eps
