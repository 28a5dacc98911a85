"""Axes, units and colours that all figures share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo import measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by colour-blind readers too.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """The given axes, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            'jaxinfo.plotting needs matplotlib: pip install "jaxinfo[plot]".'
        ) from error
    new: Axes = pyplot.subplots(figsize=size, layout="constrained")[1]
    return new


def bits(value: ArrayLike) -> npt.NDArray[Any]:
    """Nats to bits, as NumPy."""
    return np.asarray(measures.nats_to_bits(np.asarray(value)))


def write_cells(
    ax: "Axes",
    texts: Mapping[tuple[int, ...], str],
    *,
    is_dark: npt.NDArray[np.bool_],
    fontsize: str = "medium",
) -> None:
    """Write into cells ``(row, column)`` of a heat map, white on dark ones."""
    for (row, column), text in texts.items():
        color = "white" if is_dark[row, column] else "black"
        ax.text(
            column, row, text, color=color, fontsize=fontsize, ha="center", va="center"
        )
