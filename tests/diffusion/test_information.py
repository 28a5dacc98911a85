"""Information with labels: reference numbers, theory, permutations, edges."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import diffusion
from tests import helpers
from tests.helpers import assert_close

NUMBERS = helpers.load("diffusion", "mutual_information")
POINTS = helpers.load("diffusion", "entropies")
CASES = sorted({name.rsplit("__", 1)[0] for name in NUMBERS if "__q" in name})


def read(case):
    numbers = {
        name.rsplit("__", 1)[1]: value
        for name, value in NUMBERS.items()
        if name.startswith(f"{case}__")
    }
    return numbers, POINTS[f"{case.split('__')[0]}__x"]


# Two shapes for all clouds, and for their classes: columns of zeros, points masked.
OF_CLOUDS, OF_CLASSES, MOST_COLUMNS, MOST_CLASSES = (300, 500), (100, 300), 20, 5


def pad(x, number):
    """Points with columns and rows of zeros, and which of them to count."""
    (n, d), mask = x.shape, np.arange(number) < len(x)
    return np.pad(x, [(0, number - n), (0, MOST_COLUMNS - d)]), mask


@jax.jit
def entropies_of_sets(stacked, masks, widths, times):
    """Entropies of every kind of padded sets of points, by one program."""

    def of_one(x, mask):
        grid = diffusion.spectral_entropies(
            x, bandwidths=widths, diffusion_times=times, mask=mask
        )
        kinds = diffusion.adjacency_entropy, diffusion.matrix_entry_entropy
        return grid, *(fn(x, bandwidth=widths[0], mask=mask) for fn in kinds)

    return jax.lax.map(lambda one: of_one(*one), (stacked, masks))


@pytest.mark.parametrize("case", CASES)
def test_assembled_on_the_subsets_of_the_reference(x64, case):
    numbers, x = read(case)
    labels, subsets = numbers["labels"], numbers["subset_indices"]
    totals, start = (0.0, 0.0, 0.0), 0
    for c in range(labels.max() + 1):
        chosen = np.flatnonzero(labels == c)
        stop = start + len(chosen)
        sets = [x[chosen], *(x[rows[start:stop]] for rows in subsets)]
        start = stop
        number = OF_CLASSES[len(chosen) > OF_CLASSES[0]]
        padded = [pad(one, number) for one in sets]
        stacked, masks = map(np.stack, zip(*padded, strict=True))
        found = entropies_of_sets(
            stacked, masks, numbers["bandwidths"], numbers["diffusion_times"]
        )
        totals = [
            total + len(chosen) / len(x) * np.asarray(of_sets[1:].mean(0) - of_sets[0])
            for total, of_sets in zip(totals, found, strict=True)
        ]
    grid, adjacency, entries = totals
    assert_close(grid, numbers["value_seed0"], tolerance=1e-9)
    assert_close(adjacency, numbers["adjacency_value_seed0"], tolerance=1e-9)
    # The reference adds 2.2e-16 to each probability.
    assert_close(entries, numbers["matrix_entry_value_seed0"], tolerance=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_own_subsets_agree_within_errors(case):
    numbers, x = read(case)
    number = OF_CLOUDS[len(x) > OF_CLOUDS[0]]
    labels = np.pad(numbers["labels"], (0, number - len(x)))
    x, mask = pad(x, number)
    for i, width in enumerate(numbers["bandwidths"]):
        for j, time in enumerate(numbers["diffusion_times"]):
            result = diffusion.spectral_mutual_information(
                jax.random.key(1),
                jnp.asarray(x, jnp.float32),
                labels,
                num_classes=MOST_CLASSES,
                bandwidth=width,
                diffusion_time=time,
                num_repetitions=10,
                mask=mask,
            )
            spread = numbers["value_std"][i, j] / np.sqrt(numbers["num_seeds"])
            error = np.hypot(result.standard_error, spread) + 2e-5
            assert abs(result.value - numbers["value_mean"][i, j]) < 5 * error


@pytest.fixture
def blobs(key):
    labels = jnp.arange(90) % 3
    x = jax.random.normal(key, (90, 2)) + 100.0 * labels[:, None].astype(float)
    return x, labels


def information(x, labels, seed=1, num_classes=3, **options):
    options = {"bandwidth": 1.0} | options
    return diffusion.spectral_mutual_information(
        jax.random.key(seed), x, labels, num_classes=num_classes, **options
    )


def numpy_spectral_entropy(x, bandwidth, time):
    """The definition, in plain NumPy."""
    squares = ((x[:, None].astype(np.float64) - x[None]) ** 2).sum(-1)
    kernel = np.exp(-squares / (2 * bandwidth**2))
    root = np.sqrt(kernel.sum(1))
    values = np.linalg.eigvalsh(kernel / root[:, None] / root[None])
    p = np.maximum(values, 0) ** time
    p = p[p > 0] / p.sum()
    return -np.sum(p * np.log(p))


def test_classes_have_the_entropies_of_their_points(blobs, dtype):
    x, labels = blobs[0].astype(dtype), np.array(blobs[1])
    labels[:10] = 0  # sizes that differ, so that blocks are padded
    result = information(x, labels, num_classes=5, diffusion_time=2.0)
    np.testing.assert_array_equal(result.class_sizes, np.bincount(labels, minlength=5))
    for c in range(3):
        expected = numpy_spectral_entropy(np.asarray(x)[labels == c], 1.0, 2.0)
        assert_close(result.class_entropies[c], expected, scale=10.0)
    assert result.class_entropies[4] == 0
    share = np.bincount(labels, minlength=5) / 90
    gaps = np.asarray(result.subset_entropies) - np.asarray(result.class_entropies)
    assert_close(result.value, np.sum(share * gaps), scale=10.0)


def test_bounds_and_trivial_labels(blobs):
    x, labels = blobs
    result = information(x, labels)
    assert 0 < result.value <= np.log(90) - np.log(3)
    one = information(x, jnp.zeros(90, int))
    assert abs(one.value) < 1e-5
    assert one.standard_error < 1e-5
    single = information(x[:12], jnp.arange(12), num_classes=12)
    assert abs(single.value) < 1e-6
    at_zero = information(x, labels, diffusion_time=0.0)
    assert_close(at_zero.class_entropies, np.full(3, np.log(30)))
    assert abs(at_zero.value) < 1e-5


def test_the_standard_error_is_the_spread_over_keys(blobs):
    x, labels = blobs
    labels = labels.at[:20].set(0)
    keys = jax.random.split(jax.random.key(3), 40)

    @jax.jit
    def run(keys):
        return jax.lax.map(
            lambda key: diffusion.spectral_mutual_information(
                key, x, labels, num_classes=3, bandwidth=20.0
            ),
            keys,
        )

    results = run(keys)
    ratio = np.std(results.value, ddof=1) / np.sqrt(
        np.mean(np.asarray(results.standard_error) ** 2)
    )
    assert 0.6 <= ratio <= 1.6


def test_permutations_tell_labels_from_noise(blobs):
    x, labels = blobs
    test = functools.partial(
        diffusion.permutation_test,
        num_classes=3,
        bandwidth=20.0,
        num_permutations=39,
    )
    real = test(jax.random.key(1), x, labels)
    assert_close(real.p_value, 1 / 40)
    assert real.value > 0.5
    # One quantity: the information as it is estimated with the same subsets.
    direct = information(x, labels, bandwidth=20.0)
    assert_close(real.value, direct.value, scale=10.0)
    assert abs(real.null_mean) < 4 * (direct.standard_error + real.null_std / 39**0.5)
    noise = test(
        jax.random.key(1), x, jax.random.permutation(jax.random.key(2), labels)
    )
    assert noise.p_value > 0.05
    assert abs(noise.value - noise.null_mean) < 4 * noise.null_std
    # Points that are left out are neither drawn nor permuted.
    mask = np.append(np.ones(90, bool), np.zeros(30, bool))
    padded = np.full((120, 2), np.nan, np.float32), np.full(120, 99)
    padded[0][:90], padded[1][:90] = x, labels
    masked = test(jax.random.key(1), *padded, mask=mask)
    assert_close(masked.p_value, 1 / 40)
    error = direct.standard_error * 2**0.5
    helpers.assert_within_standard_errors(masked.value, error, real.value)
    gap, spread = masked.null_mean - real.null_mean, masked.null_std / 39**0.5
    assert abs(gap) < 4.5 * (error + 2 * spread)


def test_bins_tell_no_more_than_the_labels_have(blobs):
    x, labels = blobs
    entropy = np.log(3)
    value = diffusion.binned_mutual_information(x, labels, num_classes=3, num_bins=4)
    assert_close(value, entropy, scale=10.0)
    mask = np.append(np.ones(90, bool), np.zeros(7, bool))
    padded = np.full((97, 2), np.nan, np.float32), np.full(97, 99)
    padded[0][:90], padded[1][:90] = x, labels
    masked = diffusion.binned_mutual_information(
        *padded, num_classes=3, num_bins=4, mask=mask
    )
    assert_close(masked, value, scale=10.0)
    shuffled = jax.random.permutation(jax.random.key(0), labels)
    value = diffusion.binned_mutual_information(x, shuffled, num_classes=3, num_bins=4)
    assert 0 <= value < 0.2
    assert np.isnan(diffusion.binned_mutual_information(x, labels, num_classes=2))


def test_labels_of_scalars_are_those_of_the_reference(key):
    values = NUMBERS["swiss_n500_d3__reference"]
    x = jnp.asarray(NUMBERS["swiss_n500_d3__x"], jnp.float32)
    for number in (4, 10):
        labels = diffusion.equal_width_labels(values, num_bins=number)
        expected = NUMBERS[f"swiss_n500_d3__equal_width_labels_{number}"]
        np.testing.assert_array_equal(labels, expected - 1)  # stored from one
        result = information(x, labels, num_classes=10, bandwidth=2.0)
        expected = NUMBERS[f"swiss_n500_d3__value_{number}"]
        assert abs(result.value - expected) < 0.03
    np.testing.assert_array_equal(diffusion.equal_width_labels(jnp.ones(3)), [0, 0, 0])
    spoilt = jnp.array([0.0, jnp.nan, 1.0])
    np.testing.assert_array_equal(diffusion.equal_width_labels(spoilt), [-1, -1, -1])


def test_clusters_of_a_cloud_are_found(blobs):
    x, labels = blobs
    found = diffusion.cluster_labels(x, num_clusters=3)
    assert isinstance(found, np.ndarray)
    pairs = {(int(a), int(b)) for a, b in zip(found, labels, strict=True)}
    assert len(pairs) == 3
    with pytest.raises(ValueError, match=r"`num_clusters` to be at most .*, 90"):
        diffusion.cluster_labels(x, num_clusters=91)
    with pytest.raises(ValueError, match="`x` to be finite"):
        diffusion.cluster_labels(x.at[0].set(jnp.nan))


def test_bad_values_give_nan(blobs):
    x, labels = blobs
    for wrong in (-1, 3):
        assert np.isnan(information(x, labels.at[4].set(wrong)).value)
    assert np.isnan(information(x.at[4].set(jnp.inf), labels).value)
    assert np.isnan(information(x, labels, bandwidth=-1.0).value)
    assert np.isnan(information(x, labels, diffusion_time=-1.0).value)
    assert np.isfinite(information(x, labels == 0, num_classes=2).value)


def test_kinds_and_counts_are_checked(blobs):
    x, labels = blobs
    with pytest.raises(TypeError, match="`labels` to hold integers"):
        information(x, labels.astype(float))
    with pytest.raises(ValueError, match="`labels` to have shape"):
        information(x, labels[1:])
    with pytest.raises(ValueError, match="`num_repetitions` to be at least 2"):
        information(x, labels, num_repetitions=1)
    with pytest.raises(ValueError, match="`bandwidth` to have shape"):
        information(x, labels, bandwidth=jnp.ones(90))
    with pytest.raises(ValueError, match="`num_permutations` to be at least 2"):
        diffusion.permutation_test(
            jax.random.key(0),
            x,
            labels,
            num_classes=3,
            bandwidth=1.0,
            num_permutations=1,
        )


def test_points_left_out_do_not_matter(dtype):
    x = np.random.default_rng(0).normal(size=(24, 2)).astype(dtype)
    labels, mask = np.arange(24) % 3, np.arange(24) % 4 != 1
    options = {"num_classes": 3, "bandwidth": 0.8, "diffusion_time": 2.0}
    expected = diffusion.spectral_mutual_information(
        jax.random.key(0), x[mask], labels[mask], **options
    )
    x[~mask], labels[~mask] = np.nan, 99
    result = diffusion.spectral_mutual_information(
        jax.random.key(0), x, labels, mask=mask, **options
    )
    assert_close(result.class_entropies, expected.class_entropies)
    np.testing.assert_array_equal(result.class_sizes, expected.class_sizes)
    helpers.assert_within_standard_errors(
        result.value,
        np.hypot(result.standard_error, expected.standard_error),
        expected.value,
    )
    for label, is_valid in ((1, True), (3, False)):
        labels[0] = label
        value = diffusion.spectral_mutual_information(
            jax.random.key(0), x, labels, mask=mask, **options
        ).value
        assert jnp.isfinite(value) == is_valid


def test_a_mask_must_be_boolean():
    with pytest.raises(TypeError, match="`mask` to hold booleans, got dtype int"):
        diffusion.spectral_mutual_information(
            jax.random.key(0),
            np.ones((4, 2), np.float32),
            np.zeros(4, int),
            num_classes=1,
            bandwidth=1.0,
            mask=np.ones(4, int),
        )
