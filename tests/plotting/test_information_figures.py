"""Figures of estimated information, and of the mixtures behind it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import gmm, plotting


@pytest.fixture(autouse=True)
def close_figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


NAMES = {"row_names": ["1", "2"], "column_names": ["shape", "scale", "row"]}


@pytest.fixture
def result():
    """A matrix of two latents and three factors, one cell without a density."""
    nats = np.log(2) * np.array([[1.0, 0.004, np.nan], [-0.0001, 2.0, 0.25]])
    unused = jnp.zeros((2, 3))
    return gmm.Estimate(
        value=jnp.asarray(nats),
        standard_error=jnp.full((2, 3), 0.01 * np.log(2)),
        converged=jnp.asarray([[True, True, False], [True, True, False]]),
        mixture=gmm.GaussianMixture(unused, unused, unused),
        **{
            name: unused
            for name in gmm.Estimate._fields
            if name not in ("value", "standard_error", "converged", "mixture")
        },
    )


def test_cells_show_bits_with_errors_and_mark_what_did_not_converge(result):
    ax = plotting.information_matrix(result, **NAMES)
    shown = {text.get_position(): text.get_text() for text in ax.texts}
    assert shown[0, 0] == "1.000\n± 0.010"
    assert shown[0, 1] == "0.000\n± 0.010"
    assert shown[2, 1] == "0.250*\n± 0.010"
    assert (2, 0) not in shown
    assert ax.get_xlabel() == "Factor   (* not converged)"
    assert ax.get_ylabel() == "Latent"


def test_rows_columns_and_colours_are_named(result, close_figures):
    result = result._replace(converged=jnp.ones((2, 3), bool))
    figure, (left, _) = close_figures.subplots(1, 2)
    ax = plotting.information_matrix(
        result, **NAMES, row_label="Unit", column_label="Label", ax=left
    )
    assert ax is left
    assert [one.get_text() for one in ax.get_xticklabels()] == NAMES["column_names"]
    assert [one.get_text() for one in ax.get_yticklabels()] == NAMES["row_names"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Label", "Unit")
    assert ax.images[0].get_clim() == pytest.approx((0, 2))
    assert "bits" in figure.axes[2].get_ylabel()


def test_nothing_shared_has_the_lightest_colour(result):
    ax = plotting.information_matrix(
        result._replace(value=jnp.full((2, 3), -0.001)), **NAMES
    )
    assert ax.images[0].get_clim() == (0, 1)


def test_names_and_cells_must_match(result):
    with pytest.raises(ValueError, match="`result` to have leading axes"):
        plotting.information_matrix(result, row_names=["1"], column_names=["a", "b"])


@pytest.fixture
def mixture():
    return gmm.GaussianMixture(
        jnp.array([0.0, -jnp.inf]),
        jnp.array([[1.0, 2.0], [50.0, 50.0]]),
        jnp.array([[[3.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]),
    )


def test_a_mixture_is_drawn_by_its_components_and_its_density(mixture):
    x = gmm.sample(jax.random.key(0), mixture, num_samples=200)
    ax = plotting.mixture_density(mixture, x, names=["Latent 1", "Latent 2"])
    (ellipse,) = ax.patches  # the absent component is not drawn
    np.testing.assert_allclose(ellipse.get_center(), [1, 2])
    np.testing.assert_allclose([ellipse.width, ellipse.height], [6, 2], rtol=1e-6)
    assert ellipse.angle % 180 == pytest.approx(0, abs=1e-4)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Latent 1", "Latent 2")
    # Contours of equal density of one Gaussian are similar ellipses.
    (contours,) = ax.collections
    path = contours.get_paths()[2].vertices
    squares = ((path - [1, 2]) / [3, 1]) ** 2
    expected = -2 * np.log(0.2)
    np.testing.assert_allclose(squares.sum(axis=1), expected, rtol=0.05)


def test_mixtures_and_samples_that_are_not_planar_are_refused(mixture):
    with pytest.raises(ValueError, match="`x` to have two columns"):
        plotting.mixture_density(mixture, np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"`mixture.means` to have two columns"):
        plotting.mixture_density(
            mixture._replace(means=jnp.zeros((2, 1))), np.zeros((3, 2))
        )
