"""The information plane: information of layers about inputs and labels in training."""

from jaxinfo.information_plane._capture import capture, flatten
from jaxinfo.information_plane._cells import (
    adaptive_binned,
    binned,
    edge_binned,
    exact,
    quantile_binned,
    quantize,
    uniform_binned,
)
from jaxinfo.information_plane._estimates import mixture, neighbors, spectral
from jaxinfo.information_plane._noise import kde_bounds, noisy
from jaxinfo.information_plane._renyi import renyi
from jaxinfo.information_plane._resampling import label_null, subsample
from jaxinfo.information_plane._trajectories import is_logged, stack, violations
from jaxinfo.information_plane._types import (
    Bounds,
    Coordinates,
    LabelNull,
    Spread,
    Trajectory,
)

__all__ = [
    "Bounds",
    "Coordinates",
    "LabelNull",
    "Spread",
    "Trajectory",
    "adaptive_binned",
    "binned",
    "capture",
    "edge_binned",
    "exact",
    "flatten",
    "is_logged",
    "kde_bounds",
    "label_null",
    "mixture",
    "neighbors",
    "noisy",
    "quantile_binned",
    "quantize",
    "renyi",
    "spectral",
    "stack",
    "subsample",
    "uniform_binned",
    "violations",
]
