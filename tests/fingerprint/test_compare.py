import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from jaxinfo import fingerprint
from tests.fingerprint import spaces
from tests.fingerprint.spaces import compare_pairs
from tests.helpers import assert_all_finite, assert_close, assert_trees_close

POINTS, PAIRS = 12, 20


def draw_pairs(dtype):
    """Twenty pairs of spaces of twelve points: means, log-variances and overlaps."""
    means, log_variances = spaces.random_channels(POINTS, 2 * PAIRS, dtype)
    u, v = (
        (means[:, half], log_variances[:, half])
        for half in (slice(PAIRS), slice(PAIRS, None))
    )
    return u, v, spaces.overlaps_of(*u), spaces.overlaps_of(*v)


def test_matches_definition_over_many_draws(dtype):
    _, _, u, v = draw_pairs(dtype)
    actual = compare_pairs(u, v)
    expected = [spaces.reference_compare(*pair) for pair in zip(u, v, strict=True)]
    for k in range(len(actual)):
        assert_close(actual[k], [one[k] for one in expected], scale=3)


def test_a_space_and_itself_are_equal(dtype):
    _, _, u, _ = draw_pairs(dtype)
    result = compare_pairs(u, u)
    assert_close(result.nmi, np.ones(PAIRS))
    assert_close(result.vi, np.zeros(PAIRS))


def test_invertible_maps_and_orders_of_points_do_not_matter(dtype):
    (means, log_variances), _, u, v = draw_pairs(dtype)
    affine = spaces.overlaps_of(-3 * means + 7, log_variances + 2 * np.log(3))
    eps = 1e-12 if dtype == jnp.float64 else 1e-5
    assert jnp.max(jnp.abs(compare_pairs(u, affine).nmi - 1)) < eps
    order = np.random.default_rng(0).permutation(POINTS)
    permuted = compare_pairs(*(b[:, order][:, :, order] for b in (u, v)))
    assert_trees_close(permuted, compare_pairs(u, v), scale=3)


def test_variation_is_the_mean_log_cosine_and_never_negative(dtype):
    _, _, u, v = draw_pairs(dtype)
    u_, v_ = (np.asarray(b, np.float64) for b in (u, v))
    dots = np.sum(u_ * v_, axis=2)
    cosines = dots**2 / np.sum(u_**2, axis=2) / np.sum(v_**2, axis=2)
    result = compare_pairs(u, v)
    assert_close(jnp.exp(-result.vi), np.exp(np.mean(np.log(cosines), axis=1)))
    assert jnp.all(result.vi > -1e-6)


def test_variation_of_soft_spaces_is_not_a_metric(x64):
    # It grows with the square of small angles, so a detour through the middle is short.
    (a, log_variances), (c, _), _, _ = draw_pairs(jnp.float64)
    c = a + 0.1 * c
    a, b, c = (spaces.overlaps_of(x, log_variances) for x in (a, (a + c) / 2, c))
    direct = compare_pairs(a, c).vi
    detour = compare_pairs(a, b).vi + compare_pairs(b, c).vi
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


def test_nmi_of_unrelated_spaces_may_lie_slightly_below_zero():
    means, _ = spaces.random_channels(200, 16, jnp.float32, spread=0.5)
    assert -0.1 < jnp.min(fingerprint.gaussian_pairwise(means, 0 * means).nmi) < 0


def test_the_arithmetic_form_of_nmi_is_at_most_one(dtype):
    _, _, *overlaps = draw_pairs(dtype)
    result = fingerprint.pairwise(np.concatenate(overlaps))
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


def few_channels(dtype):
    """Six channels of fifteen points, which no block of four divides."""
    return spaces.random_channels(15, 6, dtype)


LABELS = np.random.default_rng(0).integers(0, 3, (2, 15)).T


def test_all_ways_to_compare_agree(dtype):
    means, log_variances = few_channels(dtype)
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


@pytest.mark.parametrize(
    "name",
    ["gaussian_pairwise", "gaussian_label_pairwise", "gaussian_pairwise_chance"],
)
def test_blocks_change_nothing(name):
    arguments = few_channels(jnp.float32)
    if name == "gaussian_label_pairwise":
        arguments = (*arguments, LABELS)
    fn = getattr(fingerprint, name)
    expected = fn(*arguments)
    assert_trees_close(fn(*arguments, block_size=4), expected, scale=3)
    if name == "gaussian_pairwise":
        assert_trees_close(fn(*arguments, block_size=1), expected, scale=3)


def test_labels_agree_with_their_overlaps(dtype):
    means, log_variances = few_channels(dtype)
    direct = fingerprint.gaussian_label_pairwise(means, log_variances, LABELS)
    label_overlaps = jax.vmap(fingerprint.label_overlaps)(jnp.asarray(LABELS.T))
    through_overlaps = fingerprint.cross_pairwise(
        spaces.overlaps_of(means, log_variances), label_overlaps.astype(dtype)
    )
    assert_trees_close(direct, through_overlaps, scale=3)


def test_a_constant_label_has_no_nmi_with_any_other():
    # Whatever the table: the entropy of one class is zero, not its rounding.
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.full((15, 1), 3), rng.integers(0, 10, (15, 5))], axis=1)
    overlaps = jax.vmap(fingerprint.label_overlaps)(jnp.asarray(labels.T))
    assert jnp.all(fingerprint.pairwise(overlaps).nmi[0] == 0)
    assert jnp.all(
        fingerprint.cross_pairwise(overlaps[2:], overlaps[:2]).nmi[:, 0] == 0
    )
    for ten in overlaps[1:]:
        assert fingerprint.compare(overlaps[0], ten).nmi == 0
        assert fingerprint.jackknife(overlaps[0], ten).plugin.nmi == 0
    of_channels = fingerprint.gaussian_label_pairwise(
        *few_channels(jnp.float32), labels[:, :2]
    )
    assert jnp.all(of_channels.nmi[:, 0] == 0)
    assert jnp.all(of_channels.nmi[:, 1] > 0)


def test_overlaps_that_are_one_up_to_rounding_have_no_nmi(dtype):
    rng = np.random.default_rng(0)
    overlaps = np.array(spaces.overlaps_of(*few_channels(dtype)))
    below_one = rng.integers(0, 3, (15, 15)) * np.finfo(dtype).epsneg
    overlaps[0] = np.where(np.eye(15), 1, 1 - below_one)
    assert jnp.all(fingerprint.pairwise(overlaps).nmi[0] == 0)
    assert fingerprint.compare(overlaps[0], overlaps[1]).nmi == 0
    cross = fingerprint.cross_pairwise(overlaps[:2], overlaps[2:])
    assert jnp.all(cross.nmi[0] == 0)
    assert jnp.all(cross.nmi[1] != 0)


class TestDegenerateChannels:
    """A channel without information, a saturated one, a duplicate, and a NaN."""

    @pytest.fixture
    def channels(self, dtype):
        means, log_variances = few_channels(dtype)
        means = means.at[:, 1].set(0).at[:, 2].set(1e3 * jnp.arange(15, dtype=dtype))
        log_variances = log_variances.at[:, 1].set(0)
        means = means.at[:, 3].set(means[:, 0])
        return means, log_variances.at[:, 3].set(log_variances[:, 0])

    def test_values(self, channels):
        result = fingerprint.gaussian_pairwise(*channels)
        assert result.information[1] == 0
        assert jnp.all(result.nmi[1] == 0)
        assert_all_finite(result)
        assert_close(result.information[2], np.log(15))
        assert_close(result.nmi[0, 3], 1.0)
        assert_close(result.vi[0, 3], 0.0)

    def test_gradients(self, channels):
        def total(*channels):
            result = fingerprint.gaussian_pairwise(*channels)
            return jnp.sum(result.nmi) + jnp.sum(result.vi)

        assert_all_finite(jax.grad(total, argnums=(0, 1))(*channels))

    def test_nan_spoils_its_own_channel_only(self, channels):
        means, log_variances = channels
        spoilt = fingerprint.gaussian_pairwise(
            means.at[2, 5].set(jnp.nan), log_variances
        )
        result = fingerprint.gaussian_pairwise(means, log_variances)
        assert jnp.isnan(spoilt.information[5])
        assert jnp.all(jnp.isnan(spoilt.nmi[5]))
        assert jnp.all(jnp.isnan(spoilt.vi[:, 5]))
        for one, other in zip(spoilt, result, strict=True):
            keep = (slice(0, 5),) * one.ndim
            assert_close(one[keep], other[keep])


def test_spaces_that_tell_nothing_have_no_nmi_and_a_finite_gradient():
    ones = jnp.ones((15, 15))
    value, gradient = jax.value_and_grad(lambda b: fingerprint.compare(b, b).nmi)(ones)
    assert value == 0
    assert_all_finite(gradient)


def test_channels_of_a_millionth_of_a_bit_are_compared_in_single_precision():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 400))
    sizes = np.sqrt(8 * 1e-6 * np.log(2) / 2)  # I is about var(mu) / 4
    means = np.stack([sizes * x, sizes * (0.6 * x + 0.8 * y), 0.7 * sizes * y], axis=1)
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
    means, log_variances = few_channels(dtype)
    units = jnp.asarray([1e-12, 1.0, 1e12] * 2, dtype)[None]
    scaled = fingerprint.gaussian_pairwise(
        means * units, log_variances + 2 * jnp.log(units)
    )
    plain = fingerprint.gaussian_pairwise(means, log_variances)
    assert_trees_close(scaled, plain, scale=30)


def test_neither_value_nor_gradient_holds_the_overlaps():
    n, m = 512, 64
    x = jax.ShapeDtypeStruct((n, m), jnp.float32)

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
    with pytest.raises(ValueError, match=r"`labels` to have shape \(n, l\) with n = 3"):
        fingerprint.gaussian_label_pairwise(good, good, jnp.zeros((4, 1), int))
    with pytest.raises(TypeError, match="`labels` to hold integers"):
        fingerprint.gaussian_label_pairwise(good, good, jnp.zeros((3, 1)))
    with pytest.raises(ValueError, match="`block_size` to be at least 1, got 0"):
        fingerprint.gaussian_pairwise(good, good, block_size=0)
    with pytest.raises(TypeError, match="`block_size` to be an int, got float"):
        fingerprint.gaussian_pairwise(good, good, block_size=2.0)
