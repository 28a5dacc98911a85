"""Figures of fusions."""

from typing import TYPE_CHECKING

import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks
from jaxinfo.plotting import _figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def continuity_by_references(
    num_references: ArrayLike, continuities: ArrayLike, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw the continuity of fused curves against the number of references fused.

    Each fusion is a point; a line joins the medians for each number.

    Args:
        num_references: Number of references of each fusion. Shape ``(k,)``.
        continuities: Continuity of each fused space, as ``fusion.continuity`` gives it.
            Shape ``(k,)``.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes, with logarithmic scales.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If the arguments are not one-dimensional or differ in length.

    Example:
        >>> from jaxinfo import plotting
        >>> ax = plotting.continuity_by_references([1, 1, 10], [400.0, 600.0, 2.5])
        >>> ax.lines[0].get_ydata()  # medians
        array([500. ,   2.5])
    """
    numbers, values = np.asarray(num_references), np.asarray(continuities)
    if numbers.ndim != 1 or values.shape != numbers.shape:
        raise ValueError(
            "Expected `num_references` and `continuities` to have the same shape "
            f"(k,), got {numbers.shape} and {values.shape}."
        )
    ax = _figures.axes(ax, (4.5, 3.5))
    distinct = np.unique(numbers)
    medians = [np.median(values[numbers == number]) for number in distinct]
    ax.plot(distinct, medians, color=_figures.COLORS[0], label="median")
    ax.plot(numbers, values, "o", color=_figures.COLORS[1], label="fusion")
    ax.axhline(1, color="0.6", linestyle="--", label="evenly placed")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(distinct, [str(number) for number in distinct])
    ax.set_xticks([], minor=True)
    ax.set_xlabel("Number of reference spaces fused")
    ax.set_ylabel(
        "Continuity: largest / 90th percentile of\n"
        "Bhattacharyya distances of neighbours"
    )
    ax.legend()
    return ax


# What the losses of the objectives are, and whether they are information.
_OBJECTIVES = {
    "exp_vi": ("-mean exp(-VI), from overlaps", False),
    "vi": ("mean VI, from overlaps (bits)", True),
    "mutual_information": ("-mean I(U;V), from overlaps (bits)", True),
    "nmi": ("-mean NMI, from overlaps", False),
}


def fusion_losses(
    losses: ArrayLike, *, objective: str = "exp_vi", ax: "Axes | None" = None
) -> "Axes":
    """Draw the loss during fusions from several starts.

    The start that ends lowest is in colour, the others are grey.

    Args:
        losses: ``losses`` of the results of ``fusion.fuse``, one row per start. Shape
            ``(s, num_steps)``.
        objective: The objective that was minimised.
        ax: Axes to draw into; by default in a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If ``losses`` is not two-dimensional or empty, or ``objective`` is
            unknown.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import plotting
        >>> losses = -np.stack([np.linspace(0.1, 0.8, 50), np.linspace(0.1, 0.7, 50)])
        >>> plotting.fusion_losses(losses).get_ylabel()
        'Fusion loss: -mean exp(-VI), from overlaps'
    """
    values = np.asarray(losses)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(
            "Expected `losses` to have shape (s, num_steps) and not to be empty, got "
            f"{values.shape}."
        )
    checks.one_of("objective", objective, tuple(_OBJECTIVES))
    label, is_information = _OBJECTIVES[objective]
    if is_information:
        values = _figures.bits(values)
    ax = _figures.axes(ax, (4.5, 3.5))
    # A start that diverged ends as NaN, and is never the best.
    best = int(np.argmin(np.where(np.isnan(values[:, -1]), np.inf, values[:, -1])))
    for k, row in enumerate(values):
        if k != best:
            ax.plot(row, color="0.7", linewidth=1)
    ax.plot(
        values[best], color=_figures.COLORS[0], label=f"least of {len(values)} starts"
    )
    ax.set_xlabel("Step of the descent")
    ax.set_ylabel(f"Fusion loss: {label}")
    ax.legend()
    return ax
