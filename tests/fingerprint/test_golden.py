"""Numbers of the paper's reference code and of independent transcriptions.

``tests/references/fingerprint`` holds seeded synthetic posteriors and what the
authors' code (run with TensorFlow), scikit-learn, plain NumPy and numerical integration
make of them, in nats and float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.fingerprint.spaces import compare_pairs, overlaps_of
from tests.helpers import assert_close, load, optimized


def tolerance(dtype, f64, f32):
    return f64 if dtype == jnp.float64 else f32


def cast(reference, dtype, *names):
    return [jnp.asarray(reference[name], dtype) for name in names]


def cast_channels(reference, dtype):
    """Channels ``(n, m)``, which the files have as ``(m, n)``."""
    return [x.T for x in cast(reference, dtype, "means", "log_variances")]


# Overlaps of many spaces at once, compiled once a shape.
overlaps_of_spaces = jax.jit(jax.vmap(fingerprint.gaussian_overlaps))


def padded(array, num_latents):
    """With latents that tell nothing, so that all spaces share a program."""
    missing = num_latents - array.shape[-1]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])


@pytest.mark.parametrize("dim", ["d1", "d3"])
class TestPosteriors:
    """Ten spaces of the reference code's pair loop, three labellings."""

    # The reference has lost its digits for the space that carries next to nothing.
    keep = np.delete(np.arange(10), 5)

    @pytest.fixture
    def reference(self, dim):
        everything = load("fingerprint", "posteriors")
        return {
            name.removeprefix(f"{dim}_"): value
            for name, value in everything.items()
            if name.startswith(dim)
        }

    @pytest.fixture
    def overlaps(self, reference, dtype):
        """Of the ten spaces, then of the three labellings."""
        posteriors = (padded(reference[f], 3) for f in ("means", "log_variances"))
        of_spaces = overlaps_of_spaces(*(jnp.asarray(x, dtype) for x in posteriors))
        labels = jnp.asarray(reference["labels"])
        of_labels = jax.vmap(fingerprint.label_overlaps)(labels).astype(dtype)
        return jnp.concatenate([of_spaces, of_labels])

    def check(self, reference, result, dtype):
        loose, tight = tolerance(dtype, 1e-12, 2e-5), tolerance(dtype, 1e-12, 5e-6)
        mutual = reference["mutual_information"]
        assert_close(result.information, reference["information"], tolerance=loose)
        assert_close(result.mutual_information, mutual, tolerance=loose)
        assert_close(result.vi, reference["vi"], tolerance=loose)
        block = np.ix_(self.keep, self.keep)
        assert_close(result.nmi[block], reference["nmi"][block], tolerance=tight)

    def check_labels(self, reference, result, dtype):
        # The reference writes an overlap of zero as 1e-10.
        loose, tight = tolerance(dtype, 2e-9, 2e-5), tolerance(dtype, 2e-9, 5e-6)
        information = reference["label_information"]
        assert_close(result.information_v, information, tolerance=loose)
        assert_close(result.vi, reference["label_vi"], tolerance=loose)
        expected = reference["label_nmi"][self.keep]
        assert_close(result.nmi[self.keep], expected, tolerance=tight)

    def test_overlaps(self, reference, overlaps, dtype):
        actual = overlaps[jnp.array([0, 1, 8])]
        expected = np.exp(-reference["distances"])
        assert_close(actual, expected, tolerance=tolerance(dtype, 1e-12, 2e-6))

    def test_pairwise(self, reference, overlaps, dtype):
        result = fingerprint.pairwise(overlaps)
        of_spaces = (x[(slice(0, 10),) * x.ndim] for x in result)
        self.check(reference, fingerprint.PairwiseComparison(*of_spaces), dtype)
        against_labels = fingerprint.CrossComparison(
            result.information[:10],
            result.information[10:],
            *(x[:10, 10:] for x in result[1:]),
        )
        self.check_labels(reference, against_labels, dtype)
        expected = reference["label_label_nmi"]
        bound = tolerance(dtype, 2e-9, 5e-6)
        assert_close(result.nmi[10:, 10:], expected, tolerance=bound)

    def test_compare(self, reference, overlaps, dtype):
        first, second = np.divmod(np.arange(100), 10)
        result = compare_pairs(overlaps[first], overlaps[second])
        result = fingerprint.PairwiseComparison(
            information=result.information_u[::10],
            mutual_information=result.mutual_information.reshape(10, 10),
            nmi=result.nmi.reshape(10, 10),
            vi=result.vi.reshape(10, 10),
        )
        self.check(reference, result, dtype)

    def test_channels(self, reference, dim, dtype):
        means, log_variances = cast(reference, dtype, "means", "log_variances")
        for k in range(means.shape[2]):
            channels = means[..., k].T, log_variances[..., k].T
            result = fingerprint.gaussian_pairwise(*channels)
            if dim == "d1":
                self.check(reference, result, dtype)
                labels = jnp.asarray(reference["labels"]).T
                labelled = fingerprint.gaussian_label_pairwise(*channels, labels)
                self.check_labels(reference, labelled, dtype)
            # Of several latents, through the overlaps of each.
            own = (padded(x[..., k : k + 1], 3) for x in (means, log_variances))
            of_latent = overlaps_of_spaces(*map(jnp.asarray, own))
            together = jnp.concatenate([of_latent, of_latent[:3]])
            expected = fingerprint.pairwise(together).vi[:10, :10]
            assert_close(result.vi, expected, scale=10)

    def test_cross_pairwise(self, reference, overlaps, dtype):
        result = fingerprint.cross_pairwise(overlaps[:10], overlaps[10:])
        self.check_labels(reference, result, dtype)


def test_nine_spaces(dtype):
    reference = load("fingerprint", "nine_spaces")
    posteriors = (
        np.stack([padded(reference[f"{name}_{i}"], 2) for i in range(9)])
        for name in ("means", "log_variances")
    )
    overlaps = overlaps_of_spaces(*(jnp.asarray(x, dtype) for x in posteriors))
    result = fingerprint.pairwise(overlaps)
    for name in ("information", "mutual_information", "nmi", "vi"):
        bound = tolerance(dtype, 1e-10, 2e-5)
        assert_close(getattr(result, name), reference[name], tolerance=bound)


@pytest.mark.parametrize(
    "family",
    [
        "gaussian",
        "gaussian_kl",
        "full_gaussian",
        "von_mises",
        "categorical",
        "bernoulli",
    ],
)
def test_families(dtype, family):
    reference = load("fingerprint", "families")
    names = {
        "gaussian": ("gaussian_means", "gaussian_log_variances"),
        "gaussian_kl": ("gaussian_means", "gaussian_log_variances"),
        "full_gaussian": ("full_gaussian_means", "full_gaussian_scale_trils"),
        "von_mises": ("von_mises_means", "von_mises_concentrations"),
        "categorical": ("categorical_logits",),
        "bernoulli": ("bernoulli_logits",),
    }[family]
    actual = getattr(fingerprint, f"{family}_overlaps")(*cast(reference, dtype, *names))
    expected = reference[f"{family}_overlaps"]
    assert_close(actual, expected, tolerance=tolerance(dtype, 1e-12, 2e-6))


def test_weak_channels(dtype):
    reference = load("fingerprint", "weak_channels")
    result = fingerprint.gaussian_pairwise(*cast_channels(reference, dtype))
    rtol = tolerance(dtype, 1e-9, 1e-4)
    for name in ("information", "mutual_information"):
        np.testing.assert_allclose(getattr(result, name), reference[name], rtol=rtol)
    np.testing.assert_allclose(
        result.nmi, reference["nmi"], atol=tolerance(dtype, 1e-9, 1e-5)
    )


def test_weak_channels_through_overlaps_in_single_precision():
    reference = load("fingerprint", "weak_channels")
    overlaps = overlaps_of(*cast_channels(reference, jnp.float32))
    gap = np.abs(fingerprint.pairwise(overlaps).nmi - reference["nmi"])
    assert gap[0, 1] < 1e-5
    assert gap[2, 3] < 1e-3


# All in double precision; in single precision, the one with most to add up.
@pytest.mark.parametrize(
    ("t", "dtype"),
    [*((t, "float64") for t in range(4)), (3, "float32")],
    indirect=["dtype"],
)
def test_labels_match_scikit_learn(dtype, t):
    reference = load("fingerprint", "labels")
    u, v = (
        fingerprint.label_overlaps(reference[f"labels_{x}_{t}"]).astype(dtype)
        for x in "uv"
    )
    result = fingerprint.compare(u, v)
    for name in result._fields:
        bound = tolerance(dtype, 1e-12, 5e-5)
        assert_close(getattr(result, name), reference[f"{name}_{t}"], tolerance=bound)
    chance = fingerprint.adjust_for_chance(u, v).expected_mutual_information
    assert abs(chance - reference[f"expected_mutual_information_{t}"]) < 0.02


@pytest.mark.parametrize(
    ("n", "dtype"),
    [*((n, "float64") for n in (100, 300, 1000)), (1000, "float32")],
    indirect=["dtype"],
)
def test_bounds(dtype, n):
    reference = load("fingerprint", "bounds")
    (means,) = cast(reference, dtype, f"means_{n}")
    for row, sigma in enumerate(reference["sigmas"]):
        log_variances = jnp.full_like(means, 2 * np.log(sigma))
        posterior = means[:, None], log_variances[:, None]
        bounds = fingerprint.gaussian_information_bounds(*posterior)
        large = fingerprint.information(
            fingerprint.gaussian_overlaps(*posterior), dataset_size=100_000
        )
        bound = tolerance(dtype, 1e-12, 2e-6)
        actual = jnp.stack([bounds.lower, bounds.upper, bounds.value, large])
        assert_close(actual, reference[f"values_{n}"][row], tolerance=bound)


def test_uncertainty(dtype):
    reference = load("fingerprint", "uncertainty")
    channels = cast_channels(reference, dtype)
    overlaps = overlaps_of(*channels)
    all_pairs = fingerprint.gaussian_pairwise_chance(*channels)
    for k, (u, v) in enumerate(reference["pairs"]):
        plugin, error, corrected = reference["jackknife"][k]
        actual = fingerprint.jackknife(overlaps[u], overlaps[v])
        bounds = (tolerance(dtype, 1e-9, bound) for bound in (2e-5, 1e-4, 1e-3))
        assert_close(jnp.stack(actual.plugin), plugin, tolerance=next(bounds))
        assert_close(jnp.stack(actual.standard_error), error, tolerance=next(bounds))
        assert_close(jnp.stack(actual.value), corrected, tolerance=next(bounds))

        chance = fingerprint.adjust_for_chance(overlaps[u], overlaps[v])
        expected = reference["chance"][k]
        bound = tolerance(dtype, 1e-10, 2e-5)
        assert_close(jnp.stack(chance), expected[2:], tolerance=bound)
        assert abs(chance.expected_mutual_information - expected[0]) < 0.003
        actual = jnp.stack([x[u, v] for x in all_pairs])
        assert_close(actual, expected[2:], tolerance=bound)


def assert_near_many_bins(dtype, num_bins, largest_gap, nmi_gap):
    reference = load("fingerprint", "channels")
    channels = cast_channels(reference, dtype)
    result = fingerprint.quantized_pairwise(*channels, num_bins=num_bins)
    for name in ("information", "mutual_information"):
        gap = reference[f"{name}_1024"] - np.asarray(getattr(result, name))
        assert gap.max() < largest_gap
        assert gap.min() > -1e-4
    assert_close(result.nmi, reference["nmi"], tolerance=nmi_gap)


def test_channels_against_many_bins(dtype):
    assert_near_many_bins(dtype, 64, 0.005, 0.001)


@pytest.mark.parametrize(
    ("num_bins", "largest_gap", "nmi_gap"),
    [(128, 0.0015, 0.0003), (256, 0.0004, 0.0001)],
)
def test_channels_in_more_bins(num_bins, largest_gap, nmi_gap):
    assert_near_many_bins(jnp.float32, num_bins, largest_gap, nmi_gap)


def test_channels_by_overlaps(dtype):
    reference = load("fingerprint", "channels")
    result = fingerprint.gaussian_pairwise(*cast_channels(reference, dtype))
    bound = tolerance(dtype, 1e-10, 2e-5)
    for name in ("information", "nmi", "vi"):
        expected = reference[f"bhattacharyya_{name}"]
        assert_close(getattr(result, name), expected, tolerance=bound)


def test_large_spaces(dtype):
    reference = load("fingerprint", "monte_carlo")
    overlaps = overlaps_of_spaces(*cast(reference, dtype, "means", "log_variances"))
    result = fingerprint.pairwise(overlaps)
    for name in ("information", "nmi", "vi"):
        expected = reference[f"bhattacharyya_{name}"]
        bound = tolerance(dtype, 1e-10, 2e-5)
        assert_close(getattr(result, name), expected, tolerance=bound)


@pytest.mark.parametrize(
    "num_samples", [6_000, pytest.param(20_000, marks=pytest.mark.slow)]
)
def test_monte_carlo_of_large_spaces(key, num_samples):
    reference = load("fingerprint", "monte_carlo")
    means, log_variances = cast(reference, jnp.float32, "means", "log_variances")
    compare = optimized(fingerprint.monte_carlo_compare, num_samples=num_samples)
    for k, (u, v) in enumerate(reference["pairs"]):
        value, error = compare(
            key, means[u], log_variances[u], means[v], log_variances[v]
        )
        for name, expected in (
            ("information_u", reference["information"][u]),
            ("information_v", reference["information"][v]),
            ("nmi", reference["nmi"][k]),
            ("vi", reference["vi"][k]),
        ):
            joint = np.hypot(getattr(error, name), expected[1])
            assert abs(getattr(value, name) - expected[0]) < 4.5 * joint
