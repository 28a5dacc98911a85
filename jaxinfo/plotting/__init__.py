"""Figures of the results, with matplotlib (extra ``plot``).

Every function takes results in nats and shows bits, draws into ``ax`` or a new figure,
and returns the axes. Nothing is shown or saved.
"""

from jaxinfo.plotting._ensembles import (
    channel_information,
    consistency,
    similarity_matrix,
)
from jaxinfo.plotting._fusion import continuity_by_references, fusion_losses
from jaxinfo.plotting._information import information_matrix, mixture_density
from jaxinfo.plotting._planes import information_plane
from jaxinfo.plotting._spaces import (
    channel_posteriors,
    posterior_ellipses,
    rank_correlations,
)

__all__ = [
    "channel_information",
    "channel_posteriors",
    "consistency",
    "continuity_by_references",
    "fusion_losses",
    "information_matrix",
    "information_plane",
    "mixture_density",
    "posterior_ellipses",
    "rank_correlations",
    "similarity_matrix",
]
