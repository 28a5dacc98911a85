"""Transfer entropy: what one series tells about the next step of another."""

from jaxinfo.transfer_entropy._discrete import (
    active_information,
    conditional,
    discrete,
    local_discrete,
)
from jaxinfo.transfer_entropy._gaussian import gaussian, local_gaussian
from jaxinfo.transfer_entropy._kernel import kernel
from jaxinfo.transfer_entropy._mixture import mixture
from jaxinfo.transfer_entropy._neighbors import local_neighbors, neighbors
from jaxinfo.transfer_entropy._pairwise import (
    ensemble_pairwise,
    pairwise,
    windowed_pairwise,
)
from jaxinfo.transfer_entropy._series_significance import series_significance
from jaxinfo.transfer_entropy._significance import (
    ensemble_significance,
    significance,
)
from jaxinfo.transfer_entropy._streams import (
    Stream,
    stream_break,
    stream_init,
    stream_merge,
    stream_significance,
    stream_update,
    stream_value,
)
from jaxinfo.transfer_entropy._symbolic import symbolic
from jaxinfo.transfer_entropy._symbols import (
    joint_symbols,
    ordinal_patterns,
    quantile_thresholds,
    symbolize,
)
from jaxinfo.transfer_entropy._timing import Embedding, Timing, embed
from jaxinfo.transfer_entropy._types import Significance

__all__ = [
    "Embedding",
    "Significance",
    "Stream",
    "Timing",
    "active_information",
    "conditional",
    "discrete",
    "embed",
    "ensemble_pairwise",
    "ensemble_significance",
    "gaussian",
    "joint_symbols",
    "kernel",
    "local_discrete",
    "local_gaussian",
    "local_neighbors",
    "mixture",
    "neighbors",
    "ordinal_patterns",
    "pairwise",
    "quantile_thresholds",
    "series_significance",
    "significance",
    "stream_break",
    "stream_init",
    "stream_merge",
    "stream_significance",
    "stream_update",
    "stream_value",
    "symbolic",
    "symbolize",
    "windowed_pairwise",
]
