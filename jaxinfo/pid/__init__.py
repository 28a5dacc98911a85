"""Partial information decompositions: what is unique, redundant and synergistic.

Two sources (three, where a measure has the lattice) and a target. Tables ``p_xyt`` have
the target as their last axis; covariances hold x, then y, then the target.
"""

from jaxinfo.pid._bounds import bounds, from_redundancy
from jaxinfo.pid._broja import broja
from jaxinfo.pid._closed_forms import (
    intervention,
    minimum_mutual_information,
    shared_exclusions,
    specificity_ambiguity,
    williams_beer,
)
from jaxinfo.pid._gaussian_broja import gaussian_broja
from jaxinfo.pid._gaussian_samples import gaussian_samples
from jaxinfo.pid._gaussians import gaussian_dependency, gaussian_mmi
from jaxinfo.pid._lattice import lattice, three_sources
from jaxinfo.pid._maximum_entropy import (
    common_change,
    dependency,
    maximum_entropy,
)
from jaxinfo.pid._tables import table
from jaxinfo.pid._types import (
    Bounds,
    CertifiedDecomposition,
    Decomposition,
    IteratedDecomposition,
    Lattice,
    LatticeDecomposition,
    MaximumEntropy,
)

__all__ = [
    "Bounds",
    "CertifiedDecomposition",
    "Decomposition",
    "IteratedDecomposition",
    "Lattice",
    "LatticeDecomposition",
    "MaximumEntropy",
    "bounds",
    "broja",
    "common_change",
    "dependency",
    "from_redundancy",
    "gaussian_broja",
    "gaussian_dependency",
    "gaussian_mmi",
    "gaussian_samples",
    "intervention",
    "lattice",
    "maximum_entropy",
    "minimum_mutual_information",
    "shared_exclusions",
    "specificity_ambiguity",
    "table",
    "three_sources",
    "williams_beer",
]
