"""Decompositions, and what is known of how they were found."""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np
import numpy.typing as npt


class Decomposition(NamedTuple):
    """Information of two sources about a target, in four atoms.

    In nats. ``redundant + unique_x`` is the information of x alone, ``redundant +
    unique_y`` that of y, and the sum of all four that of both together.

    Attributes:
        redundant: Information available from either source. Shape ``()``.
        unique_x: Information available only from x. Shape ``()``.
        unique_y: Information available only from y. Shape ``()``.
        synergistic: Information available only from both together. Shape ``()``.
    """

    redundant: jax.Array
    unique_x: jax.Array
    unique_y: jax.Array
    synergistic: jax.Array


class CertifiedDecomposition(NamedTuple):
    """A decomposition by optimisation, with an interval that contains the optimum.

    In nats. The union information is ``redundant + unique_x + unique_y``.

    Attributes:
        redundant: Information available from either source. Shape ``()``.
        unique_x: Information available only from x. Shape ``()``.
        unique_y: Information available only from y. Shape ``()``.
        synergistic: Information available only from both together. Shape ``()``.
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
    """A decomposition computed by an iteration.

    In nats.

    Attributes:
        redundant: Information available from either source. Shape ``()``.
        unique_x: Information available only from x. Shape ``()``.
        unique_y: Information available only from y. Shape ``()``.
        synergistic: Information available only from both together. Shape ``()``.
        num_steps: Newton steps taken. Shape ``()``, integer.
        converged: Whether the iteration converged. Shape ``()``, boolean.
    """

    redundant: jax.Array
    unique_x: jax.Array
    unique_y: jax.Array
    synergistic: jax.Array
    num_steps: jax.Array
    converged: jax.Array


class Bounds(NamedTuple):
    """Least and largest atoms of all decompositions without negative atoms.

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
            its minimum. Shape ``()``, boolean.
    """

    p_xyt: jax.Array
    num_steps: jax.Array
    converged: jax.Array


@dataclasses.dataclass(frozen=True)
class Lattice:
    """The antichains of sets of sources, and how atoms follow from redundancies.

    Attributes:
        antichains: Names, in the order used everywhere: ``"{0}{12}"`` is the
            information available both from source 0 and from the pair of sources 1 and
            2.
        moebius: Integers, ``atoms = moebius @ redundancies``. Shape ``(a, a)``.
    """

    antichains: tuple[str, ...]
    moebius: npt.NDArray[np.int64]


class LatticeDecomposition(NamedTuple):
    """Information of three sources about a target, by antichain.

    In nats, in the order of `lattice`.

    Attributes:
        redundancies: Information available from every set of an antichain. Shape
            ``(18,)``.
        atoms: The part not already counted by an antichain below it; the atoms sum to
            the information of all sources together. Shape ``(18,)``.
    """

    redundancies: jax.Array
    atoms: jax.Array
