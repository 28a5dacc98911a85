"""Figures of the results, with matplotlib (extra ``plot``).

Every function takes results in nats and shows bits, draws into ``ax`` or a new figure,
and returns the axes. Nothing is shown or saved.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo import measures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__: list[str] = []

# Okabe and Ito's colours, told apart by colour-blind readers too.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def _axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    """The given axes, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            'jaxinfo.plotting needs matplotlib: pip install "jaxinfo[plot]".'
        ) from error
    axes: Axes = pyplot.subplots(figsize=size, layout="constrained")[1]
    return axes


def _bits(value: ArrayLike) -> npt.NDArray[Any]:
    return np.asarray(measures.nats_to_bits(np.asarray(value)))
