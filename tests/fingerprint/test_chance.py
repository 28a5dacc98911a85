import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.fingerprint import spaces
from tests.helpers import assert_all_finite, assert_close


def test_unrelated_channels_share_nothing_beyond_chance():
    # The table of independent channels: NMI far from 0, adjusted NMI near it.
    rng = np.random.default_rng(0)
    for spread, low, high in ((2.0, 0.0, 0.1), (30.0, 0.2, 0.5), (300.0, 0.7, 1.0)):
        means = jnp.asarray(spread * rng.normal(size=(6, 300)).T, jnp.float32)
        nmi = fingerprint.gaussian_pairwise(means, 0 * means).nmi
        adjusted = fingerprint.gaussian_pairwise_chance(means, 0 * means).nmi
        off = ~np.eye(6, dtype=bool)
        assert low <= np.mean(nmi[off]) <= high
        assert np.abs(np.mean(adjusted[off])) < 0.05


def four_channels(dtype):
    """A strong one, a weak one, and two between."""
    means, log_variances = spaces.random_channels(40, 4, dtype)
    return means * jnp.asarray([[50, 0.01, 1, 1]], dtype), log_variances


adjust_pairs = jax.jit(jax.vmap(fingerprint.adjust_for_chance))


def test_all_pairs_at_once_are_as_each_pair(x64):
    overlaps = spaces.overlaps_of(*four_channels(jnp.float64))
    first, second = np.divmod(np.arange(16), 4)
    each = adjust_pairs(overlaps[first], overlaps[second])
    every = fingerprint.gaussian_pairwise_chance(*four_channels(jnp.float64))
    for name in ("expected_mutual_information", "mutual_information"):
        expected = getattr(each, name).reshape(4, 4)
        assert_close(getattr(every, name), expected, tolerance=1e-10)


def test_adjusted_information_of_a_space_and_itself_is_one(dtype):
    overlaps = spaces.overlaps_of(*spaces.random_channels(40, 5, dtype))
    assert_close(adjust_pairs(overlaps, overlaps).nmi, np.ones(5), scale=30)


def test_chance_of_weak_channels_keeps_its_digits():
    rng = np.random.default_rng(0)
    means = np.stack([3e-2 * rng.normal(size=200), 1e-3 * rng.normal(size=200)], axis=1)
    with jax.enable_x64(True):
        exact = fingerprint.gaussian_pairwise_chance(
            jnp.asarray(means, jnp.float64), jnp.zeros((200, 2))
        )
    means = jnp.asarray(means, jnp.float32)
    single = fingerprint.gaussian_pairwise_chance(means, 0 * means)
    overlaps = spaces.overlaps_of(means, 0 * means)
    direct = fingerprint.adjust_for_chance(*overlaps)
    name = "expected_mutual_information"
    np.testing.assert_allclose(getattr(single, name), getattr(exact, name), rtol=5e-3)
    expected = np.asarray(getattr(exact, name))[0, 1]
    np.testing.assert_allclose(getattr(direct, name), expected, rtol=0.1)
    assert abs(float(single.nmi[0, 1]) - float(exact.nmi[0, 1])) < 1e-3


# How much points overlap, from not at all to a tenth.
LEVELS = [0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]


@pytest.mark.parametrize("n", [3, 5, 50])
def test_saturated_spaces_share_no_more_than_chance(dtype, n):
    rng = np.random.default_rng(n)
    draws = rng.uniform(0.5, 1, (2, len(LEVELS), n, n))
    draws = np.maximum(draws, np.swapaxes(draws, 2, 3)) * np.reshape(LEVELS, (-1, 1, 1))
    u, v = jnp.asarray(np.where(np.eye(n), 1, draws), dtype)

    @jax.jit
    @jax.vmap
    @jax.value_and_grad
    def nmi(u, v):
        return fingerprint.adjust_for_chance(u, v).nmi

    own, gradient = nmi(u, u)
    others, other_gradient = nmi(u, v)
    assert_all_finite((own, others, gradient, other_gradient))
    # Every point alone, so any pairing shares log n: 0 / 0, whose value is 0.
    assert own[0] == others[0] == 0
    # From there it rises to 1 with what a space and itself share beyond chance, and is
    # never out of range for rounding.
    assert jnp.all(own > -0.1)
    assert jnp.all(own < 1.1)
    if n > 3:  # so few points overlap too evenly for single precision
        assert abs(own[-1] - 1) < 1e-2


@pytest.mark.parametrize(
    ("n", "dtype"), [(3, "float64"), (50, "float32")], indirect=["dtype"]
)
def test_saturated_channels_share_no_more_than_chance(dtype, n):
    places = 1e4 * jnp.arange(n, dtype=dtype)
    order = np.random.default_rng(0).permutation(n)
    # Two that are saturated, one of two classes, one that tells nothing.
    means = jnp.stack([places, places[order], 1e4 * (order % 2), 0 * places], axis=1)

    def total(means):
        result = fingerprint.gaussian_pairwise_chance(means, 0 * means)
        return jnp.sum(result.nmi), result

    gradient, result = jax.grad(total, has_aux=True)(means.astype(dtype))
    assert_all_finite((gradient, result))
    assert jnp.all(result.nmi[:2, :2] == 0)
    assert_close(result.nmi[:2, 2], np.zeros(2), tolerance=1e-3)
    assert_close(result.nmi[2, 2], 1.0, tolerance=1e-3)
    assert jnp.all(result.nmi[3] == 0)


def test_spaces_that_tell_nothing_have_no_adjusted_nmi(dtype):
    overlaps = jnp.ones((5, 5), dtype)
    value, gradient = jax.value_and_grad(
        lambda b: sum(fingerprint.adjust_for_chance(b, overlaps))
    )(overlaps)
    assert_all_finite((value, gradient))
    # Nor if rounding tells points apart.
    nearly = overlaps - jnp.asarray(np.triu(np.ones((5, 5)), 1), dtype) * (
        jnp.finfo(dtype).epsneg
    )
    assert fingerprint.adjust_for_chance(nearly, nearly).nmi == 0


def test_chance_needs_three_points():
    with pytest.raises(ValueError, match=r"`overlaps_u` to have at least 3 points"):
        fingerprint.adjust_for_chance(jnp.ones((2, 2)), jnp.ones((2, 2)))
    with pytest.raises(ValueError, match=r"`means` to have at least 3 points, got"):
        fingerprint.gaussian_pairwise_chance(jnp.ones((2, 1)), jnp.ones((2, 1)))
