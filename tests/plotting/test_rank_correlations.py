"""Figures of spaces and of how alike measures rank them."""

import numpy as np
import pytest

from jaxinfo import plotting


@pytest.fixture(autouse=True)
def close_figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


TABLE = np.array([[1.0, -0.9, np.nan], [-0.9, 1.0, 0.2], [np.nan, 0.2, 1.0]])
NAMES = ["NMI", "VI", "shape"]


def test_cells_show_the_correlations_and_undefined_ones_stay_blank():
    ax = plotting.rank_correlations(TABLE, NAMES)
    shown = {text.get_position(): text.get_text() for text in ax.texts}
    assert shown[1, 0] == "-0.90"
    assert shown[1, 2] == "0.20"
    assert (2, 0) not in shown


def test_every_row_and_column_bears_its_name():
    ax = plotting.rank_correlations(TABLE, NAMES)
    assert [label.get_text() for label in ax.get_xticklabels()] == NAMES
    assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
    assert ax.get_xlabel() == ax.get_ylabel() == "Measure"


def test_colours_span_all_correlations_and_say_what_they_are():
    ax = plotting.rank_correlations(TABLE, NAMES)
    assert ax.images[0].get_clim() == (-1, 1)
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "Spearman rank correlation over pairs"


def test_given_axes_are_drawn_into(close_figures):
    figure, (first, second) = close_figures.subplots(1, 2)
    assert plotting.rank_correlations(TABLE, NAMES, ax=first) is first
    assert plotting.posterior_ellipses(np.zeros((3, 2)), np.zeros((3, 2)), ax=second)
    assert len(figure.axes) == 3


def test_names_and_rows_must_match():
    with pytest.raises(ValueError, match="`correlations` to have shape"):
        plotting.rank_correlations(TABLE, NAMES[:2])


def test_ellipses_are_one_standard_deviation_about_the_means():
    means = np.array([[0.0, 1.0], [5.0, -2.0]])
    log_variances = np.log([[1.0, 4.0], [9.0, 0.25]])
    ax = plotting.posterior_ellipses(means, log_variances)
    (ellipses,) = ax.collections
    np.testing.assert_allclose(ellipses.get_offsets(), means)
    np.testing.assert_allclose(ellipses.get_widths(), [2, 6])
    np.testing.assert_allclose(ellipses.get_heights(), [4, 1])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Latent 1", "Latent 2")


def test_axes_enclose_all_ellipses_on_one_scale():
    means, log_variances = np.array([[0.0, 0.0]]), np.log([[100.0, 1.0]])
    ax = plotting.posterior_ellipses(means, log_variances)
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    assert low <= -10
    assert high >= 10
    assert ax.get_aspect() == 1


def test_spaces_that_are_not_planar_are_refused():
    with pytest.raises(ValueError, match=r"`means` to have shape \(n, 2\)"):
        plotting.posterior_ellipses(np.zeros((3, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"`log_variances` to have shape \(n, 2\)"):
        plotting.posterior_ellipses(np.zeros((3, 2)), np.zeros((2, 2)))
