"""The same measures over a mesh of devices and over several hosts.

Each function has the name of its single-device counterpart, takes a
``jax.sharding.Mesh`` and then the same arguments, and gives the same result, whole on
every device.
"""

from jaxinfo.sharding._diffusion import stochastic_spectral_entropy
from jaxinfo.sharding._disentanglement import unibound
from jaxinfo.sharding._ensembles import gaussian_pairwise, pairwise
from jaxinfo.sharding._fusion import fuse
from jaxinfo.sharding._maps import map  # noqa: A004
from jaxinfo.sharding._mixtures import (
    em,
    mutual_information,
    mutual_information_matrix,
)
from jaxinfo.sharding._neighbors import (
    neighbors_conditional_mutual_information,
    neighbors_entropy,
    neighbors_mutual_information,
)
from jaxinfo.sharding._transfer_entropy import (
    transfer_entropy_ensemble_pairwise,
    transfer_entropy_pairwise,
)

__all__ = [
    "em",
    "fuse",
    "gaussian_pairwise",
    "map",
    "mutual_information",
    "mutual_information_matrix",
    "neighbors_conditional_mutual_information",
    "neighbors_entropy",
    "neighbors_mutual_information",
    "pairwise",
    "stochastic_spectral_entropy",
    "transfer_entropy_ensemble_pairwise",
    "transfer_entropy_pairwise",
    "unibound",
]
