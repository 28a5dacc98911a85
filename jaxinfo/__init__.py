"""How much information learned representations carry, share and transfer."""

from jaxinfo import (
    diffusion,
    disentanglement,
    fingerprint,
    fusion,
    gmm,
    information_plane,
    measures,
    metrics,
    neighbors,
    pid,
    plotting,
    sharding,
    transfer_entropy,
)

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "diffusion",
    "disentanglement",
    "fingerprint",
    "fusion",
    "gmm",
    "information_plane",
    "measures",
    "metrics",
    "neighbors",
    "pid",
    "plotting",
    "sharding",
    "transfer_entropy",
]
