"""Figures of representation spaces, and of measures that compare them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jax.typing import ArrayLike

from jaxinfo.plotting import _figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def posterior_ellipses(
    means: ArrayLike, log_variances: ArrayLike, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw the Gaussian posteriors of a two-dimensional space.

    Each posterior is an ellipse of one standard deviation about its mean, coloured by
    the position of its point in the data. Latents have no unit, but both axes have the
    same scale.

    Args:
        means: Means of the posteriors. Shape ``(n, 2)``.
        log_variances: Logarithms of their variances; ``-inf`` draws a line. Shape ``(n,
            2)``.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes; pass their collection to draw a colour bar of the points.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the arguments do not have the documented shape.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import plotting
        >>> means = np.array([[0.0, 0.0], [3.0, 1.0]])
        >>> ax = plotting.posterior_ellipses(means, np.zeros((2, 2)))
        >>> ax.get_xlabel()
        'Latent 1'
    """
    means, log_variances = np.asarray(means), np.asarray(log_variances)
    for name, array in (("means", means), ("log_variances", log_variances)):
        if array.shape != (*means.shape[:1], 2):
            raise ValueError(
                f"Expected `{name}` to have shape (n, 2), got {array.shape}."
            )
    ax = _figures.axes(ax, (4.0, 4.0))
    from matplotlib import collections

    widths, heights = 2 * np.exp(log_variances.T / 2)
    ellipses = collections.EllipseCollection(
        widths,
        heights,
        np.zeros_like(widths),
        units="xy",
        offsets=means,
        offset_transform=ax.transData,
        array=np.arange(len(means)),
        cmap="viridis",
        facecolors="none",
    )
    ax.add_collection(ellipses)
    # Limits that the collection does not set by itself, as its sizes are not data.
    radii = np.stack([widths, heights], axis=1) / 2
    ax.update_datalim(np.concatenate([means - radii, means + radii]))
    ax.set_aspect("equal", adjustable="datalim")
    ax.autoscale_view()
    ax.set_xlabel("Latent 1")
    ax.set_ylabel("Latent 2")
    return ax


def rank_correlations(
    correlations: ArrayLike, names: Sequence[str], *, ax: "Axes | None" = None
) -> "Axes":
    """Draw the rank correlations of several measures on the same pairs.

    Args:
        correlations: Rank correlations of the measures, between -1 and 1; NaN is left
            blank. Shape ``(k, k)``.
        names: Names of the measures, with their estimators.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes of the heat map, with the values in the cells.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If ``correlations`` is not a square matrix of as many rows as
            ``names``.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import plotting
        >>> table = np.array([[1.0, -0.9], [-0.9, 1.0]])
        >>> ax = plotting.rank_correlations(table, ["NMI", "VI"])
        >>> [text.get_text() for text in ax.texts]
        ['1.00', '-0.90', '-0.90', '1.00']
    """
    correlations = np.asarray(correlations)
    size = len(names)
    if correlations.shape != (size, size):
        raise ValueError(
            f"Expected `correlations` to have shape {(size, size)}, one row for each "
            f"of `names`, got {correlations.shape}."
        )
    ax = _figures.axes(ax, (2.5 + 0.6 * size, 1.5 + 0.6 * size))
    image = ax.imshow(correlations, cmap="PuOr", vmin=-1, vmax=1)
    texts = {
        place: f"{value:.2f}"
        for place, value in np.ndenumerate(correlations)
        if np.isfinite(value)
    }
    _figures.write_cells(ax, texts, is_dark=np.abs(correlations) > 0.7)
    ax.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(size), names)
    ax.set_xlabel("Measure")
    ax.set_ylabel("Measure")
    ax.figure.colorbar(image, ax=ax, label="Spearman rank correlation over pairs")
    return ax


def channel_posteriors(
    positions: ArrayLike,
    means: ArrayLike,
    log_variances: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    position_label: str = "Position along the curve",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one-dimensional Gaussian posteriors of points that lie along a curve.

    Each channel is a line through the means in a band of one standard deviation; a
    steep jump across the range shows where it cuts the curve. Latents have no unit.

    Args:
        positions: Positions of the points along the curve, increasing. Shape ``(n,)``.
        means: Means of the posteriors, one column per channel. Shape ``(n, m)``.
        log_variances: Logarithms of their variances. Shape ``(n, m)``.
        names: Names of the channels; by default numbers.
        position_label: What the positions are, with their unit.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the arguments do not have the documented shape, or there are
            not as many ``names`` as channels.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import plotting
        >>> angles = np.linspace(0, 2 * np.pi, 50)
        >>> means = np.stack([angles, np.cos(angles)], axis=1)
        >>> ax = plotting.channel_posteriors(angles, means, 0 * means - 4)
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['channel 1', 'channel 2']
    """
    positions, means = np.asarray(positions), np.asarray(means)
    scales = np.exp(np.asarray(log_variances) / 2)
    for name, shape in (("means", means.shape), ("log_variances", scales.shape)):
        if shape != (*positions.shape, *means.shape[1:]) or len(shape) != 2:
            raise ValueError(
                f"Expected `{name}` to have shape (n, m), with n = {positions.size} as "
                f"`positions` has, got {shape}."
            )
    num_channels = means.shape[1]
    if names is None:
        names = [f"channel {k + 1}" for k in range(num_channels)]
    if len(names) != num_channels:
        raise ValueError(
            f"Expected `names` to have {num_channels} entries, got {len(names)}."
        )
    ax = _figures.axes(ax, (5.0, 3.5))
    channels = zip(names, means.T, scales.T, strict=True)
    for k, (name, mean, scale) in enumerate(channels):
        color = _figures.COLORS[k % len(_figures.COLORS)]
        ax.plot(positions, mean, color=color, label=name)
        ax.fill_between(
            positions, mean - scale, mean + scale, color=color, alpha=0.25, linewidth=0
        )
    ax.set_xlabel(position_label)
    ax.set_ylabel("Latent: posterior mean ± standard deviation")
    # Room for the legend above lines that cross the whole range.
    ax.margins(y=0.2)
    ax.legend(loc="upper center", ncols=3, handlelength=1, columnspacing=1)
    return ax
