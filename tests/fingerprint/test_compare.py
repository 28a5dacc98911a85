import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from jaxinfo import fingerprint
from tests.fingerprint import spaces
from tests.helpers import assert_all_finite, assert_close, assert_trees_close


def test_matches_definition_over_many_draws(dtype):
    overlaps = spaces.overlaps_of(*spaces.random_channels(40, 12, dtype))
    u, v = overlaps[:20], overlaps[20:]
    actual = jax.vmap(fingerprint.compare)(u, v)
    expected = [spaces.reference_compare(*pair) for pair in zip(u, v, strict=True)]
    for k in range(len(actual)):
        assert_close(actual[k], [one[k] for one in expected], scale=3)


def test_a_space_and_itself_are_equal(dtype):
    overlaps = spaces.overlaps_of(*spaces.random_channels(20, 12, dtype))
    result = jax.vmap(fingerprint.compare)(overlaps, overlaps)
    assert_close(result.nmi, np.ones(20))
    assert_close(result.vi, np.zeros(20))


def test_invertible_maps_and_orders_of_points_do_not_matter(dtype):
    means, log_variances = spaces.random_channels(2, 30, dtype)
    u, v = spaces.overlaps_of(means, log_variances)
    affine = spaces.overlaps_of(-3 * means + 7, log_variances + 2 * np.log(3))[0]
    eps = 1e-12 if dtype == jnp.float64 else 1e-5
    assert abs(fingerprint.compare(u, affine).nmi - 1) < eps
    order = np.random.default_rng(0).permutation(30)
    permuted = fingerprint.compare(u[order][:, order], v[order][:, order])
    assert_trees_close(permuted, fingerprint.compare(u, v))


def test_variation_is_the_mean_log_cosine_and_never_negative(dtype):
    overlaps = spaces.overlaps_of(*spaces.random_channels(60, 12, dtype))
    u, v = overlaps[:30], overlaps[30:]
    dots = jnp.sum(u * v, axis=2)
    cosines = dots**2 / jnp.sum(u**2, axis=2) / jnp.sum(v**2, axis=2)
    result = jax.vmap(fingerprint.compare)(u, v)
    assert_close(jnp.exp(-result.vi), jnp.exp(jnp.mean(jnp.log(cosines), axis=1)))
    assert jnp.all(result.vi > -1e-6)


def test_variation_of_soft_spaces_is_not_a_metric(x64):
    # It grows with the square of small angles, so a detour through the middle is short.
    means, log_variances = spaces.random_channels(60, 12, jnp.float64)
    a, c = means[:30], means[30:]
    c = a + 0.1 * c
    a, b, c = (spaces.overlaps_of(x, log_variances[:30]) for x in (a, (a + c) / 2, c))

    def variation(u, v):
        return jax.vmap(fingerprint.compare)(u, v).vi

    direct, detour = variation(a, c), variation(a, b) + variation(b, c)
    assert jnp.mean(direct > detour + 1e-9) > 2 / 3


def test_the_root_of_variation_is_not_a_metric_either(x64):
    # Spaces that tell everything and nothing, and one between them.
    everything, nothing = jnp.eye(50), jnp.ones((50, 50))
    between = everything + (nothing - everything) / 7

    def root(u, v):
        return fingerprint.compare(u, v).vi ** 0.5

    assert_close(root(everything, nothing), np.log(50) ** 0.5)
    detour = root(everything, between) + root(between, nothing)
    assert detour < 0.8 * root(everything, nothing)


def test_nmi_of_unrelated_spaces_may_lie_slightly_below_zero(dtype):
    means, _ = spaces.random_channels(16, 200, dtype, spread=0.5)
    assert -0.1 < jnp.min(fingerprint.gaussian_pairwise(means, 0 * means).nmi) < 0


def test_the_arithmetic_form_of_nmi_is_at_most_one(dtype):
    overlaps = spaces.overlaps_of(*spaces.random_channels(60, 12, dtype))
    result = fingerprint.pairwise(overlaps)
    own = jnp.diagonal(result.mutual_information)
    arithmetic = 2 * result.mutual_information / (own[:, None] + own[None, :])
    assert jnp.all(arithmetic <= 1 + 1e-5)


@pytest.mark.parametrize("num_labels", [1, 2, 7])
def test_hard_labels_give_the_scores_of_clusterings(x64, num_labels):
    rng = np.random.default_rng(num_labels)
    u, v = rng.integers(0, num_labels, (2, 200))
    result = fingerprint.compare(*map(fingerprint.label_overlaps, (u, v)))
    expected = normalized_mutual_info_score(u, v, average_method="geometric")
    if num_labels == 1:
        expected = 0.0  # scikit-learn calls two trivial clusterings equal
    assert abs(result.nmi - expected) < 1e-12
    table = np.histogram2d(u, v, bins=num_labels)[0] / 200
    p = table[table > 0]
    joint = -np.sum(p * np.log(p))
    marginals = [
        -np.sum(q[q > 0] * np.log(q[q > 0])) for q in (table.sum(0), table.sum(1))
    ]
    assert abs(result.vi - (2 * joint - sum(marginals))) < 1e-12


def test_all_ways_to_compare_agree(dtype):
    means, log_variances = spaces.random_channels(6, 15, dtype)
    overlaps = spaces.overlaps_of(means, log_variances)
    blocked = fingerprint.gaussian_pairwise(means, log_variances)
    result = fingerprint.pairwise(overlaps)
    assert_trees_close(blocked, result, scale=3)
    cross = fingerprint.cross_pairwise(overlaps[:2], overlaps[2:])
    assert_close(cross.information_u, result.information[:2])
    assert_close(cross.information_v, result.information[2:])
    for name in ("mutual_information", "nmi", "vi"):
        assert_close(getattr(cross, name), getattr(result, name)[:2, 2:], scale=3)
    one = fingerprint.compare(overlaps[0], overlaps[1])
    assert_close(one.vi, result.vi[0, 1], scale=3)


@pytest.mark.parametrize("block_size", [1, 4])
def test_blocks_change_nothing(dtype, block_size):
    means, log_variances = spaces.random_channels(4, 15, dtype)
    labels = np.random.default_rng(0).integers(0, 3, (2, 15))

    def everything(block_size):
        return (
            fingerprint.gaussian_pairwise(means, log_variances, block_size=block_size),
            fingerprint.gaussian_label_pairwise(
                means, log_variances, labels, block_size=block_size
            ),
            fingerprint.gaussian_pairwise_chance(
                means, log_variances, block_size=block_size
            ),
        )

    assert_trees_close(everything(block_size), everything(None), scale=3)


def test_labels_agree_with_their_overlaps(dtype):
    means, log_variances = spaces.random_channels(4, 15, dtype)
    labels = np.random.default_rng(0).integers(0, 3, (2, 15))
    direct = fingerprint.gaussian_label_pairwise(means, log_variances, labels)
    label_overlaps = jax.vmap(fingerprint.label_overlaps)(jnp.asarray(labels))
    through_overlaps = fingerprint.cross_pairwise(
        spaces.overlaps_of(means, log_variances), label_overlaps.astype(dtype)
    )
    assert_trees_close(direct, through_overlaps, scale=3)


class TestDegenerateChannels:
    """A channel without information, a saturated one, a duplicate, and a NaN."""

    @pytest.fixture
    def channels(self, dtype):
        means, log_variances = spaces.random_channels(5, 16, dtype)
        means = means.at[1].set(0).at[2].set(jnp.arange(16).astype(dtype) * 1e3)
        log_variances = log_variances.at[1].set(0)
        return means.at[3].set(means[0]), log_variances.at[3].set(log_variances[0])

    def test_values(self, channels, dtype):
        result = fingerprint.gaussian_pairwise(*channels)
        assert result.information[1] == 0
        assert jnp.all(result.nmi[1] == 0)
        assert_all_finite(result)
        assert_close(result.information[2], np.log(16))
        assert_close(result.nmi[0, 3], 1.0)
        assert_close(result.vi[0, 3], 0.0)

    def test_gradients(self, channels):
        for name in ("nmi", "vi"):
            gradient = jax.grad(
                lambda *args, name=name: jnp.sum(
                    getattr(fingerprint.gaussian_pairwise(*args), name)
                ),
                argnums=(0, 1),
            )(*channels)
            assert_all_finite(gradient)

    def test_nan_spoils_its_own_channel_only(self, channels):
        means, log_variances = channels
        spoilt = fingerprint.gaussian_pairwise(
            means.at[4, 2].set(jnp.nan), log_variances
        )
        result = fingerprint.gaussian_pairwise(means, log_variances)
        assert jnp.isnan(spoilt.information[4])
        assert jnp.all(jnp.isnan(spoilt.nmi[4]))
        assert jnp.all(jnp.isnan(spoilt.vi[:, 4]))
        for one, other in zip(spoilt, result, strict=True):
            keep = (slice(0, 4),) * one.ndim
            assert_close(one[keep], other[keep])

    def test_spaces_that_tell_nothing(self, dtype):
        ones = jnp.ones((4, 4), dtype)
        value, gradient = jax.value_and_grad(lambda b: fingerprint.compare(b, b).nmi)(
            ones
        )
        assert value == 0
        assert_all_finite(gradient)


def test_channels_of_a_millionth_of_a_bit_are_compared_in_single_precision():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 400))
    sizes = np.sqrt(8 * 1e-6 * np.log(2) / 2)  # I is about var(mu) / 4
    means = np.stack([sizes * x, sizes * (0.6 * x + 0.8 * y), 0.7 * sizes * y])
    log_variances = np.zeros_like(means)
    with jax.enable_x64(True):
        exact = fingerprint.gaussian_pairwise(
            jnp.asarray(means, jnp.float64), jnp.asarray(log_variances, jnp.float64)
        )
    single = fingerprint.gaussian_pairwise(
        jnp.asarray(means, jnp.float32), jnp.asarray(log_variances, jnp.float32)
    )
    assert np.all(np.asarray(exact.information) < 1.5e-6 * np.log(2))
    assert np.max(np.abs(np.asarray(exact.nmi) - np.asarray(single.nmi))) < 1e-6


def test_extreme_scales_of_channels_do_not_matter(dtype):
    means, log_variances = spaces.random_channels(3, 12, dtype)
    units = jnp.asarray([1e-12, 1.0, 1e12], dtype)[:, None]
    scaled = fingerprint.gaussian_pairwise(
        means * units, log_variances + 2 * jnp.log(units)
    )
    plain = fingerprint.gaussian_pairwise(means, log_variances)
    assert_trees_close(scaled, plain, scale=30)


def test_neither_value_nor_gradient_holds_the_overlaps():
    m, n = 64, 512
    x = jax.ShapeDtypeStruct((m, n), jnp.float32)

    def total(means, log_variances):
        return jnp.sum(fingerprint.gaussian_pairwise(means, log_variances).vi)

    for fn in (total, jax.grad(total, argnums=(0, 1))):
        memory = jax.jit(fn).lower(x, x).compile().memory_analysis()
        assert memory.temp_size_in_bytes < m * n * n * 4 / 2


def test_bad_shapes_are_named():
    good = jnp.ones((3, 3))
    with pytest.raises(ValueError, match=r"`overlaps_v` to have shape \(3, 3\), as"):
        fingerprint.compare(good, jnp.ones((4, 4)))
    with pytest.raises(ValueError, match=r"`overlaps` to have shape \(m, n, n\)"):
        fingerprint.pairwise(good)
    with pytest.raises(ValueError, match=r"`overlaps_v` .* with n = 3"):
        fingerprint.cross_pairwise(good[None], jnp.ones((1, 4, 4)))
    with pytest.raises(ValueError, match=r"`labels` to have shape \(l, n\) with n = 3"):
        fingerprint.gaussian_label_pairwise(good, good, jnp.zeros((1, 4), int))
    with pytest.raises(TypeError, match="`labels` to hold integers"):
        fingerprint.gaussian_label_pairwise(good, good, jnp.zeros((1, 3)))
    with pytest.raises(ValueError, match="`block_size` to be at least 1, got 0"):
        fingerprint.gaussian_pairwise(good, good, block_size=0)
    with pytest.raises(TypeError, match="`block_size` to be an int, got float"):
        fingerprint.gaussian_pairwise(good, good, block_size=2.0)
