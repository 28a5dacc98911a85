"""Figures of channels along a curve, and of fusions."""

import numpy as np
import pytest

from jaxinfo import plotting


@pytest.fixture(autouse=True)
def close_figures():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


ANGLES = np.linspace(0, 6, 5)
MEANS = np.stack([ANGLES, -ANGLES], axis=1)
LOG_VARIANCES = np.full((5, 2), np.log(4.0))


def test_channels_are_lines_in_bands_of_one_standard_deviation():
    ax = plotting.channel_posteriors(ANGLES, MEANS, LOG_VARIANCES)
    np.testing.assert_allclose(ax.lines[1].get_xydata(), np.stack([ANGLES, -ANGLES]).T)
    band = ax.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose([band[:, 1].min(), band[:, 1].max()], [-2, 8])


def test_channels_bear_their_names_and_axes_their_quantities():
    ax = plotting.channel_posteriors(
        ANGLES,
        MEANS,
        LOG_VARIANCES,
        names=["one", "other"],
        position_label="Angle (radians)",
    )
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]
    assert ax.get_xlabel() == "Angle (radians)"
    assert ax.get_ylabel() == "Latent: posterior mean ± standard deviation"


@pytest.mark.parametrize(
    ("means", "log_variances", "name"),
    [
        (np.zeros((4, 2)), np.zeros((4, 2)), "means"),
        (np.zeros(5), np.zeros(5), "means"),
        (np.zeros((5, 2)), np.zeros((5, 1)), "log_variances"),
    ],
)
def test_channels_of_other_points_are_refused(means, log_variances, name):
    with pytest.raises(ValueError, match=rf"`{name}` to have shape \(n, m\)"):
        plotting.channel_posteriors(ANGLES, means, log_variances)


def test_each_channel_needs_a_name():
    with pytest.raises(ValueError, match="`names` to have 2 entries, got 1"):
        plotting.channel_posteriors(ANGLES, MEANS, LOG_VARIANCES, names=["one"])


def test_medians_join_the_fusions_of_each_number_of_references():
    ax = plotting.continuity_by_references([3, 1, 1, 10], [9.0, 400.0, 600.0, 2.0])
    medians, fusions, even = ax.lines
    assert medians.get_xydata().tolist() == [[1, 500], [3, 9], [10, 2]]
    assert fusions.get_xydata().tolist() == [[3, 9], [1, 400], [1, 600], [10, 2]]
    assert set(even.get_ydata()) == {1}


def test_continuity_is_named_with_its_estimator_on_logarithmic_axes():
    ax = plotting.continuity_by_references([1, 2], [400.0, 50.0])
    assert ax.get_xlabel() == "Number of reference spaces fused"
    assert "90th percentile" in ax.get_ylabel()
    assert "Bhattacharyya" in ax.get_ylabel()
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2"]


@pytest.mark.parametrize(("numbers", "values"), [([1, 2], [3.0]), ([[1]], [[3.0]])])
def test_each_continuity_needs_its_number_of_references(numbers, values):
    with pytest.raises(ValueError, match=r"same shape \(k,\)"):
        plotting.continuity_by_references(numbers, values)


def test_start_that_ends_lowest_stands_out_from_the_others():
    losses = np.array([[-0.1, -0.5], [-0.1, -0.8], [-0.1, np.nan]])
    ax = plotting.fusion_losses(losses)
    (label,) = [text.get_text() for text in ax.get_legend().get_texts()]
    (best,) = [line for line in ax.lines if line.get_label() == label]
    assert label == "least of 3 starts"
    assert best.get_ydata().tolist() == [-0.1, -0.8]
    assert best.get_color() not in {line.get_color() for line in ax.lines[:-1]}


@pytest.mark.parametrize(
    ("objective", "factor", "label"),
    [
        ("exp_vi", 1, "Fusion loss: -mean exp(-VI), from overlaps"),
        ("nmi", 1, "Fusion loss: -mean NMI, from overlaps"),
        ("vi", 1 / np.log(2), "Fusion loss: mean VI, from overlaps (bits)"),
        (
            "mutual_information",
            1 / np.log(2),
            "Fusion loss: -mean I(U;V), from overlaps (bits)",
        ),
    ],
)
def test_losses_that_are_information_are_in_bits(objective, factor, label):
    losses = np.array([[3.0, 1.0]])
    ax = plotting.fusion_losses(losses, objective=objective)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), factor * losses[0], rtol=1e-6)
    assert ax.get_ylabel() == label
    assert ax.get_xlabel() == "Step of the descent"


def test_losses_need_starts_and_a_known_objective():
    with pytest.raises(ValueError, match=r"`losses` to have shape \(s, num_steps\)"):
        plotting.fusion_losses(np.zeros(3))
    with pytest.raises(ValueError, match="not to be empty"):
        plotting.fusion_losses(np.zeros((2, 0)))
    with pytest.raises(ValueError, match="`objective` to be one of"):
        plotting.fusion_losses(np.zeros((1, 3)), objective="other")


def test_given_axes_are_drawn_into(close_figures):
    figure, (first, second, third) = close_figures.subplots(1, 3)
    posteriors = (ANGLES, MEANS, LOG_VARIANCES)
    assert plotting.channel_posteriors(*posteriors, ax=first) is first
    assert plotting.continuity_by_references([1], [2.0], ax=second) is second
    assert plotting.fusion_losses(np.zeros((1, 3)), ax=third) is third
    assert len(figure.axes) == 3
