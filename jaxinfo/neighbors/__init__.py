"""Information of continuous variables from the distances of nearest neighbours."""

from jaxinfo.neighbors._classes import class_mutual_information
from jaxinfo.neighbors._entropies import entropy
from jaxinfo.neighbors._information import (
    conditional_mutual_information,
    local_conditional_mutual_information,
    local_mutual_information,
    mutual_information,
)
from jaxinfo.neighbors._mixed import (
    mixed_conditional_mutual_information,
    mixed_mutual_information,
)
from jaxinfo.neighbors._ties import break_ties, tied_fraction

__all__ = [
    "break_ties",
    "class_mutual_information",
    "conditional_mutual_information",
    "entropy",
    "local_conditional_mutual_information",
    "local_mutual_information",
    "mixed_conditional_mutual_information",
    "mixed_mutual_information",
    "mutual_information",
    "tied_fraction",
]
