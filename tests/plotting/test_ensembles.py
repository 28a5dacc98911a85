import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest

from jaxinfo import fingerprint, plotting

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _closed_figures():
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def ensemble():
    """Six channels: three copies of each of two fragments."""
    rng = np.random.default_rng(0)
    sources = 3 * rng.normal(size=(2, 40))
    means = np.repeat(sources, 3, axis=0) + 0.1 * rng.normal(size=(6, 40))
    means = jnp.asarray(means.T, jnp.float32)
    comparison = fingerprint.gaussian_pairwise(means, 0 * means)
    distances = fingerprint.channel_distances(comparison)
    return comparison, fingerprint.cluster_channels(distances, min_samples=2)


@pytest.mark.parametrize(
    ("measure", "quantity", "distance"),
    [
        ("vi", "exp(-VI), VI in nats, by overlaps", "Reachability,\nVI (bits)"),
        ("nmi", "NMI, by overlaps", "Reachability,\n-log NMI"),
    ],
)
def test_hot_spots_are_framed_under_their_reachability(
    ensemble, measure, quantity, distance
):
    comparison, clusters = ensemble
    ax = plotting.similarity_matrix(
        comparison, clusters, measure=measure, label_nmi=np.linspace(0.1, 0.4, 6)
    )
    assert len(ax.lines) == clusters.labels.max() + 1
    profile, strip = ax.child_axes
    assert profile.get_ylabel() == distance
    assert strip.get_xlabel() == "NMI with\nthe label,\nby overlaps"
    assert ax.images[0].colorbar.ax.get_ylabel() == quantity
    shown = np.asarray(ax.images[0].get_array())
    order = clusters.ordering
    similarity = comparison.nmi if measure == "nmi" else np.exp(-comparison.vi)
    np.testing.assert_allclose(shown, np.asarray(similarity)[np.ix_(order, order)])


def test_labels_that_share_nothing_leave_an_empty_strip(ensemble):
    ax = plotting.similarity_matrix(*ensemble, label_nmi=np.full(6, -0.01))
    assert ax.child_axes[1].get_xlim() == (0.1, 0)


def test_channels_of_nan_are_not_drawn():
    ax = plotting.channel_information(np.array([[1.0, np.nan, 0.5]]), ["a"])
    drawn = ax.lines[0].get_ydata()
    assert np.isnan(drawn[-1])
    assert np.all(np.isfinite(drawn[:2]))


def test_unknown_measures_are_named(ensemble):
    with pytest.raises(ValueError, match=r"`measure` to be one of 'vi', 'nmi'"):
        plotting.similarity_matrix(*ensemble, measure="l2")


def test_information_is_shown_in_bits_and_sorted():
    information = np.log(2) * np.array([[0.5, 2.0, 1.0], [3.0, 0.0, 0.1]])
    ax = plotting.channel_information(information, ["a", "b"])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2.0, 1.0, 0.5])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [3.0, 0.1, 0.0])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["a", "b", "dropped below"]
    assert "bits" in ax.get_ylabel()


def test_consistency_names_its_axes_and_groups():
    ax = plotting.consistency(
        np.array([10, 100, 1000]),
        np.array([[0.5, 0.6, 0.9], [0.7, np.nan, 1.0]]),
        np.full((2, 3), 0.1),
        names=["beta = 1", "beta = 2"],
        quantity="NMI, by Monte Carlo",
        position_label="Training step",
    )
    assert ax.get_xlabel() == "Training step"
    assert ax.get_ylabel() == "NMI, by Monte Carlo"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["10", "100", "1000"]


def test_figures_are_drawn_into_given_axes(ensemble):
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    assert plotting.similarity_matrix(*ensemble, ax=ax) is ax
