"""Figures of the information plane."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaxinfo.information_plane import LabelNull, Trajectory
from jaxinfo.plotting import _figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*"
# Bits that each axis spans at least: less would show rounding.
_LEAST_RANGE = 0.1


def information_plane(
    trajectory: Trajectory,
    *,
    num_samples: int,
    lower: Trajectory | None = None,
    nulls: Sequence[LabelNull] = (),
    has_legend: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the layers of a network in the information plane during training.

    Markers show layers, and colours training steps on a logarithmic scale. Hollow
    markers are saturated: they show the number of samples. Lines are at the logarithm
    of that number and at the entropy of the labels; grey ones show the information with
    shuffled labels.

    Args:
        trajectory: Coordinates of layers, from ``information_plane.stack``.
        num_samples: Number of samples behind each estimate.
        lower: Lower bounds of the information with the inputs, at the same steps, where
            ``trajectory`` has upper ones: bars reach from one to the other.
        nulls: One for each layer, from ``information_plane.label_null``.
        has_legend: Whether to name the layers beside the axes.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes, labelled with the quantities that were estimated.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If there are more layers than markers, or ``lower`` or ``nulls`` do
            not match the layers and steps.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane, plotting
        >>> labels = jnp.arange(40) % 2
        >>> records = [
        ...     {
        ...         "hidden": information_plane.binned(
        ...             scale * jnp.linspace(0, 1, 40)[:, None], labels, num_classes=2
        ...         )
        ...     }
        ...     for scale in (0.1, 1.0)
        ... ]
        >>> trajectory = information_plane.stack(jnp.arange(2), records)
        >>> ax = plotting.information_plane(trajectory, num_samples=40)
        >>> ax.get_xlabel()
        'I(X; bin(T)) (bits)'
    """
    if len(trajectory.layers) > len(_MARKERS):
        raise ValueError(
            f"Expected `trajectory` to have at most {len(_MARKERS)} layers, got "
            f"{len(trajectory.layers)}."
        )
    if nulls and len(nulls) != len(trajectory.layers):
        raise ValueError(
            f"Expected `nulls` to have one entry for each of the "
            f"{len(trajectory.layers)} layers, got {len(nulls)}."
        )
    shape = np.shape(trajectory.coordinates.information_x)
    if lower is not None and np.shape(lower.coordinates.information_x) != shape:
        raise ValueError(
            f"Expected `lower` to have {shape} steps and layers, got "
            f"{np.shape(lower.coordinates.information_x)}."
        )
    ax = _figures.axes(ax, (5.2, 4.0))
    from matplotlib import cm, colors, lines

    planes = trajectory.coordinates
    x, y = _figures.bits(planes.information_x), _figures.bits(planes.information_y)
    is_saturated = np.asarray(planes.is_saturated)
    # Step zero has a place on a logarithmic scale, too.
    steps = 1 + np.asarray(trajectory.steps)
    scale = cm.ScalarMappable(
        colors.LogNorm(steps.min(), max(steps.max(), 2)), "viridis"
    )
    shades = scale.to_rgba(steps)
    for k, marker in enumerate(_MARKERS[: len(trajectory.layers)]):
        ax.plot(x[:, k], y[:, k], color="0.85", linewidth=0.6, zorder=1)
        for is_hollow in (True, False):
            chosen = is_saturated[:, k] == is_hollow
            ax.scatter(
                x[chosen, k],
                y[chosen, k],
                s=20,
                marker=marker,
                facecolors="none" if is_hollow else shades[chosen],
                edgecolors=shades[chosen],
                linewidths=0.8,
                zorder=2,
            )
    if lower is not None:
        starts = _figures.bits(lower.coordinates.information_x)
        edges = [tuple(shade) for shade in shades]
        for k in range(len(trajectory.layers)):
            ax.hlines(
                y[:, k], starts[:, k], x[:, k], colors=edges, linewidths=0.8, zorder=1
            )
    for null in nulls:
        ax.axhline(float(_figures.bits(null.mean)), color="0.7", ls="-.", zorder=0)
    ax.axvline(np.log2(num_samples), color="0.4", linestyle=":", linewidth=0.8)
    entropy = _figures.bits(planes.label_entropy).ravel()[0]
    ax.axhline(float(entropy), color="0.4", linestyle="--", linewidth=0.8)
    for (low, high), limit in (
        (ax.get_xlim(), ax.set_xlim),
        (ax.get_ylim(), ax.set_ylim),
    ):
        missing = max(0.0, _LEAST_RANGE - (high - low)) / 2
        limit(low - missing, high + missing)
    ax.set_xlabel(f"{planes.quantity_x} (bits)")
    # What the quantity is the difference of has a line of its own.
    ax.set_ylabel(f"{planes.quantity_y} (bits)".replace("; Y), ", "; Y),\n"))
    ax.figure.colorbar(scale, ax=ax, label="step of training + 1")
    if has_legend:
        handles = [
            lines.Line2D([], [], color="0.3", linestyle="", marker=marker)
            for marker in _MARKERS[: len(trajectory.layers)]
        ]
        handles += [
            lines.Line2D(
                [], [], color="0.3", linestyle="", marker="o", markerfacecolor="none"
            ),
            lines.Line2D([], [], color="0.4", linestyle=":"),
            lines.Line2D([], [], color="0.4", linestyle="--"),
        ]
        names = [*trajectory.layers, "saturated", "all samples apart"]
        names.append("entropy of labels")
        if nulls:
            handles.append(lines.Line2D([], [], color="0.7", linestyle="-."))
            names.append("shuffled labels")
        ax.legend(handles, names, fontsize="small")
    return ax
