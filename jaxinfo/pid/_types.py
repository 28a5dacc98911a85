"""Decompositions, and what is known of how they were found."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np
import numpy.typing as npt


class Decomposition(NamedTuple):
    """Information of two sources about a target, in four atoms.

    In nats. ``redundant + unique_x`` is what x tells alone, ``redundant + unique_y``
    what y does, and the sum of all four what both tell together.

    Attributes:
        redundant: What either source tells. Shape ``()``.
        unique_x: What only x tells. Shape ``()``.
        unique_y: What only y tells. Shape ``()``.
        synergistic: What only both together tell. Shape ``()``.
    """

    redundant: jax.Array
    unique_x: jax.Array
    unique_y: jax.Array
    synergistic: jax.Array


class CertifiedDecomposition(NamedTuple):
    """A decomposition by an optimum, with an interval that holds this optimum.

    In nats. The union information is ``redundant + unique_x + unique_y``.

    Attributes:
        redundant: What either source tells. Shape ``()``.
        unique_x: What only x tells. Shape ``()``.
        unique_y: What only y tells. Shape ``()``.
        synergistic: What only both together tell. Shape ``()``.
        union_lower: Certified lower end of the union information. Shape ``()``.
        union_upper: Certified upper end; the atoms are those of this end. Shape ``()``.
        gap: ``union_upper - union_lower``: no atom is further from its exact value.
            Shape ``()``.
        num_steps: Newton steps taken. Shape ``()``, integer.
        converged: Whether the gap is within ``tol``, up to rounding. Shape ``()``,
            boolean.
    """

    redundant: jax.Array
    unique_x: jax.Array
    unique_y: jax.Array
    synergistic: jax.Array
    union_lower: jax.Array
    union_upper: jax.Array
    gap: jax.Array
    num_steps: jax.Array
    converged: jax.Array


class IteratedDecomposition(NamedTuple):
    """A decomposition that rests on an iteration.

    In nats.

    Attributes:
        redundant: What either source tells. Shape ``()``.
        unique_x: What only x tells. Shape ``()``.
        unique_y: What only y tells. Shape ``()``.
        synergistic: What only both together tell. Shape ``()``.
        num_steps: Newton steps taken. Shape ``()``, integer.
        converged: Whether the iteration came to its end. Shape ``()``, boolean.
    """

    redundant: jax.Array
    unique_x: jax.Array
    unique_y: jax.Array
    synergistic: jax.Array
    num_steps: jax.Array
    converged: jax.Array


class Bounds(NamedTuple):
    """Least and largest atoms of every decomposition without negative ones.

    Attributes:
        lower: Least atoms.
        upper: Largest atoms.
    """

    lower: Decomposition
    upper: Decomposition


class MaximumEntropy(NamedTuple):
    """The table of largest entropy that has given marginals.

    Attributes:
        p_xyt: The table. Shape ``(x, y, t)``.
        num_steps: Newton steps taken. Shape ``()``, integer.
        converged: Whether it has the marginals to within ``tol`` and the barrier is at
            its least. Shape ``()``, boolean.
    """

    p_xyt: jax.Array
    num_steps: jax.Array
    converged: jax.Array


@dataclasses.dataclass(frozen=True)
class Lattice:
    """The antichains of sets of sources, and how atoms follow from redundancies.

    Attributes:
        antichains: Names, in the order used everywhere: ``"{0}{12}"`` is what source
            0 and the pair of sources 1 and 2 both tell.
        moebius: Integers, ``atoms = moebius @ redundancies``. Shape ``(a, a)``.
    """

    antichains: tuple[str, ...]
    moebius: npt.NDArray[np.int64]


class LatticeDecomposition(NamedTuple):
    """Information of three sources about a target, by antichain.

    In nats, in the order of `lattice`.

    Attributes:
        redundancies: What all sets of an antichain tell. Shape ``(18,)``.
        atoms: The part that no antichain below it counts already; they sum to what all
            sources tell together. Shape ``(18,)``.
    """

    redundancies: jax.Array
    atoms: jax.Array
