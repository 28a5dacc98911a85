"""Figures of information estimated by mixtures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jax.typing import ArrayLike

from jaxinfo import gmm
from jaxinfo.gmm import Estimate, GaussianMixture
from jaxinfo.plotting import _figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Levels of the contours of a density, as shares of its largest value.
_LEVELS = (0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
# Grid on which a density is drawn, on each side.
_GRID = 200


def information_matrix(
    result: Estimate,
    *,
    row_names: Sequence[str],
    column_names: Sequence[str],
    row_label: str = "Latent",
    column_label: str = "Factor",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a matrix of mutual information, with standard errors, as a heat map.

    Cells show the estimate, also by their colour, above its standard error. A star
    marks estimates that did not converge; NaN is left blank.

    Args:
        result: Estimates of all pairs, from ``gmm.mutual_information_matrix`` or
            ``gmm.class_mutual_information_matrix``. Leading axes ``(a, b)``.
        row_names: Names of the rows. ``a`` strings.
        column_names: Names of the columns. ``b`` strings.
        row_label: What the rows are.
        column_label: What the columns are.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes of the heat map.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the numbers of names are not those of rows and columns.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm, plotting
        >>> x = jax.random.normal(jax.random.key(0), (100, 2))
        >>> result = gmm.mutual_information_matrix(
        ...     jax.random.key(1),
        ...     x,
        ...     x[:, :1] + x[:, 1:],
        ...     fitting=gmm.Fitting(max_components=1),
        ... )
        >>> ax = plotting.information_matrix(
        ...     result, row_names=["1", "2"], column_names=["sum"]
        ... )
        >>> ax.get_ylabel()
        'Latent'
    """
    value = _figures.bits(result.value)
    error = _figures.bits(result.standard_error)
    converged = np.asarray(result.converged)
    if value.shape != (len(row_names), len(column_names)):
        raise ValueError(
            f"Expected `result` to have leading axes "
            f"{(len(row_names), len(column_names))}, as many as there are names, got "
            f"{value.shape}."
        )
    rows, columns = value.shape
    ax = _figures.axes(ax, (2.6 + 0.85 * columns, 1.4 + 0.6 * rows))
    # One colour for all that is zero or less, as some estimates of zero are.
    largest = np.max(value, initial=0.0, where=np.isfinite(value))
    top = largest if largest > 0 else 1.0
    image = ax.imshow(value, cmap="magma_r", vmin=0, vmax=top, aspect="auto")
    texts = {
        place: f"{cell:z.3f}{'' if converged[place] else '*'}\n± {error[place]:.3f}"
        for place, cell in np.ndenumerate(value)
        if np.isfinite(cell)
    }
    _figures.write_cells(ax, texts, is_dark=value > 0.5 * top, fontsize="small")
    ax.set_xticks(range(columns), column_names)
    ax.set_yticks(range(rows), row_names)
    star = "   (* not converged)" if any("*" in text for text in texts.values()) else ""
    ax.set_xlabel(column_label + star)
    ax.set_ylabel(row_label)
    label = "Mutual information by Gaussian mixtures\n(bits; value ± standard error)"
    ax.figure.colorbar(image, ax=ax, label=label)
    return ax


def mixture_density(
    mixture: GaussianMixture,
    x: ArrayLike,
    *,
    names: Sequence[str] = ("x", "y"),
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a two-dimensional mixture over the samples that it was fitted to.

    Contours are lines of equal density, at 1 to 95 % of its largest value on the drawn
    region; each component present is an ellipse of one standard deviation about its
    mean, drawn thicker the larger its weight.

    Args:
        mixture: Mixture of two dimensions, for example from ``gmm.select``. Components
            that are absent are left out.
        x: Samples. Shape ``(n, 2)``.
        names: Names of the two dimensions, with their units.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the mixture or the samples are not two-dimensional.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm, plotting
        >>> x = jax.random.normal(jax.random.key(0), (100, 2))
        >>> fit = gmm.fit(jax.random.key(1), x, num_components=1)
        >>> plotting.mixture_density(fit.mixture, x).get_xlabel()
        'x'
    """
    x = np.asarray(x)
    for name, shape in (("mixture.means", mixture.means.shape), ("x", x.shape)):
        if len(shape) != 2 or shape[1] != 2:
            raise ValueError(f"Expected `{name}` to have two columns, got {shape}.")
    ax = _figures.axes(ax, (4.6, 4.0))
    from matplotlib import lines, patches

    ax.plot(*x.T, ".", color="0.6", markersize=2, zorder=0)
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.1 * (high - low)
    across, up = (
        np.linspace(one, other, _GRID)
        for one, other in zip(low - margin, high + margin, strict=True)
    )
    points = np.stack(np.meshgrid(across, up), axis=-1)
    density = np.exp(np.asarray(gmm.log_prob(mixture, points.reshape(-1, 2))))
    density = density.reshape(_GRID, _GRID)
    levels = np.array(_LEVELS) * density.max()
    ax.contour(across, up, density, levels, cmap="viridis", linewidths=1)
    weights = np.exp(np.asarray(mixture.log_weights))
    for k in np.flatnonzero(weights):
        axes, deviations, _ = np.linalg.svd(np.asarray(mixture.scale_trils[k]))
        across_mean, up_mean = mixture.means[k].tolist()
        ellipse = patches.Ellipse(
            (across_mean, up_mean),
            *(2 * deviations),
            angle=float(np.degrees(np.arctan2(axes[1, 0], axes[0, 0]))),
            fill=False,
            color=_figures.COLORS[1],
            linewidth=0.5 + 2 * weights[k] / weights.max(),
        )
        ax.add_patch(ellipse)
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    ax.legend(
        handles=[
            lines.Line2D([], [], color="0.6", marker=".", linestyle="", label="sample"),
            lines.Line2D([], [], color="tab:green", label="density"),
            lines.Line2D(
                [], [], color=_figures.COLORS[1], label="component, one deviation"
            ),
        ],
        fontsize="small",
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3,
        frameon=False,
        handlelength=1.2,
        columnspacing=1,
    )
    return ax
