import jax.numpy as jnp
import numpy as np
import pytest
import sklearn

from jaxinfo import fingerprint
from tests.helpers import assert_close, load


@pytest.mark.parametrize("measure", ["vi", "nmi"])
@pytest.mark.parametrize("min_samples", [20, 5])
def test_clusters_of_stored_distances(measure, min_samples):
    reference = load("fingerprint", "structure")
    found = fingerprint.cluster_channels(
        reference[f"{measure}_distances"], min_samples=min_samples
    )
    prefix = f"{measure}_{min_samples}"
    if sklearn.__version__.startswith("1.9."):
        for name in ("ordering", "reachability", "labels"):
            np.testing.assert_allclose(
                getattr(found, name), reference[f"{prefix}_{name}"]
            )
    # Whatever the version: every cluster holds copies of one fragment.
    source = reference["source"][reference["keep"]]
    for label in range(found.labels.max() + 1):
        assert len(set(source[found.labels == label])) == 1
    assert np.array_equal(
        found.labels[found.representatives], np.arange(len(found.representatives))
    )
    if measure == "vi":
        expected = {20: (3, 31), 5: (8, 17)}[min_samples]
        assert (found.labels.max() + 1, np.sum(found.labels < 0)) == expected


def test_distances_of_the_stored_ensemble():
    reference = load("fingerprint", "structure")
    keep = reference["keep"]
    means, log_variances = (
        jnp.asarray(reference[name].T, jnp.float32)
        for name in ("means", "log_variances")
    )
    information = fingerprint.gaussian_pairwise(means, log_variances).information
    kept = np.flatnonzero(np.asarray(information) > 0.01 * np.log(2))
    np.testing.assert_array_equal(kept, keep)
    comparison = fingerprint.gaussian_pairwise(means[:, keep], log_variances[:, keep])
    for measure in ("vi", "nmi"):
        actual = fingerprint.channel_distances(comparison, measure=measure)
        expected = reference[f"{measure}_distances"]
        assert_close(actual, expected, tolerance=1e-3 if measure == "nmi" else 2e-5)


def test_representatives_are_the_middle_of_their_cluster():
    x = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 5.0, 5.1, 5.2])
    found = fingerprint.cluster_channels(np.abs(x[:, None] - x), min_samples=2)
    assert list(found.labels) == [0, 0, 0, 0, 0, 1, 1, 1]
    assert list(found.representatives) == [2, 6]


def test_channels_that_coincide_are_one_cluster():
    x = np.repeat([0.0, 5.0], 4)
    found = fingerprint.cluster_channels(np.abs(x[:, None] - x), min_samples=2)
    assert len(set(found.labels[:4])) == 1
    assert len(set(found.labels[4:])) == 1
    assert found.labels[0] != found.labels[4]


def test_distances_are_never_negative(dtype):
    comparison = fingerprint.PairwiseComparison(
        information=jnp.ones(2, dtype),
        mutual_information=jnp.ones((2, 2), dtype),
        nmi=jnp.asarray([[1.0, 1.3], [-0.02, 1e-6]], dtype),
        vi=jnp.asarray([[0.0, -1e-6], [0.5, jnp.nan]], dtype),
    )
    by_vi = fingerprint.channel_distances(comparison)
    assert by_vi[0, 1] == 0
    assert by_vi[1, 0] == 0.5
    assert jnp.isnan(by_vi[1, 1])
    by_nmi = fingerprint.channel_distances(comparison, measure="nmi")
    assert_close(by_nmi, [[0, 0], [-np.log(1e-4), -np.log(1e-4)]])


@pytest.mark.parametrize(
    ("distances", "min_samples", "error", "message"),
    [
        (np.zeros((3, 2)), 2, ValueError, r"`distances` to have shape \(m, m\)"),
        (-np.ones((3, 3)), 2, ValueError, "`distances` not to be negative"),
        (np.full((3, 3), np.nan), 2, ValueError, "`distances` to be finite"),
        (np.zeros((3, 3)), 1, ValueError, "`min_samples` to be at least 2"),
        (np.zeros((3, 3)), 4, ValueError, "`min_samples` to be at most the number"),
        (np.zeros((3, 3)), 2.0, TypeError, "`min_samples` to be an int"),
        (np.zeros((3, 3), complex), 2, TypeError, "`distances` to be real"),
    ],
)
def test_bad_distances_are_named(distances, min_samples, error, message):
    with pytest.raises(error, match=message):
        fingerprint.cluster_channels(distances, min_samples=min_samples)


def test_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.cluster", None)
    with pytest.raises(ImportError, match=r'pip install "jaxinfo\[cluster\]"'):
        fingerprint.cluster_channels(np.zeros((3, 3)), min_samples=2)


def test_unknown_measure_is_named():
    comparison = fingerprint.pairwise(jnp.ones((2, 3, 3)))
    with pytest.raises(
        ValueError, match=r"`measure` to be one of 'vi', 'nmi', got 'x'"
    ):
        fingerprint.channel_distances(comparison, measure="x")
