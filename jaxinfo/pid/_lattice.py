"""The lattice of antichains, and decompositions of three sources."""

import itertools

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.measures import _tables
from jaxinfo.pid import _redundancies
from jaxinfo.pid._types import Lattice, LatticeDecomposition

_MEASURES = {
    "williams_beer": _redundancies.williams_beer,
    "minimum_mutual_information": _redundancies.minimum_mutual_information,
    "specificity_ambiguity": _redundancies.specificity_ambiguity,
    "shared_exclusions": _redundancies.shared_exclusions,
}


def lattice(num_sources: int) -> Lattice:
    r"""Antichains of two or three sources, and the Moebius inversion on their lattice.

    An antichain is a collection of sets of sources of which none contains another;
    :math:`a \le b` if every set of b contains a set of a. Redundancies are sums of
    atoms over what is below, :math:`R_b = \sum_{a \le b} \Pi_a`; atoms follow from them
    by the inverse of the matrix :math:`[a \le b]`. Runs on the host.

    Args:
        num_sources: 2 or 3.

    Returns:
        Names of the 4 or 18 antichains, and the matrix of the inversion.

    Raises:
        ValueError: If ``num_sources`` is neither 2 nor 3: four sources have 166
            antichains.

    References:
        Williams and Beer, `Nonnegative decomposition of multivariate information
        <https://arxiv.org/abs/1004.2515>`_, 2010, figure 2 and equation 7.

    Example:
        >>> from jaxinfo import pid
        >>> pid.lattice(2).antichains
        ('{0}', '{1}', '{01}', '{0}{1}')
    """
    checks.at_least("num_sources", num_sources, 2)
    if num_sources > 3:
        raise ValueError(f"Expected `num_sources` to be 2 or 3, got {num_sources}.")
    antichains = _antichains(num_sources)
    is_below = np.array([[_is_below(a, b) for a in antichains] for b in antichains])
    inverse = np.linalg.inv(is_below.astype(float))
    return Lattice(
        antichains=tuple(_name(antichain) for antichain in antichains),
        # The inverse of a triangular matrix of zeros and ones, in some order, is whole.
        moebius=np.rint(inverse).astype(np.int64),
    )


@compiled.jit(static_argnames=("measure",))
def three_sources(
    p_wxyt: ArrayLike, *, measure: str = "williams_beer"
) -> LatticeDecomposition:
    r"""Decomposition of the information of three sources about a target.

    .. math::
        \Pi = M R, \qquad R_a = \text{what all sets of the antichain } a \text{ tell} ,

    with the Moebius matrix M of `lattice` and the redundancy R of the chosen measure,
    with each set of sources taken as one variable. The formulas are those of the
    functions named like the measures; ``"shared_exclusions"`` takes the probability
    that at least one set has its value.

    Differentiable; at ties the derivative is a mean of the one-sided ones, and at a
    cell of zero it is zero. Costs 18 times the size of the table.

    Args:
        p_wxyt: Joint probabilities of sources 0, 1, 2 and the target, never
            renormalised. Shape ``(w, x, y, t)``.
        measure: ``"williams_beer"``, ``"minimum_mutual_information"``,
            ``"specificity_ambiguity"`` or ``"shared_exclusions"``. Static.

    Returns:
        Redundancies and atoms in nats, in the order of ``lattice(3).antichains``; atoms
        of the first measure are non-negative up to rounding. All NaN if an entry is
        negative or the sum differs from 1 by more than the square root of machine
        epsilon.

    References:
        Williams and Beer, `Nonnegative decomposition of multivariate information
        <https://arxiv.org/abs/1004.2515>`_, 2010, equations 6 and 7.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> bits = jnp.indices((2, 2, 2)).reshape(3, -1)
        >>> labels = jnp.vstack([bits, bits.sum(axis=0) % 2]).T  # parity of three bits
        >>> p = pid.table(labels, num_states=(2, 2, 2, 2))
        >>> atoms = pid.three_sources(p).atoms
        >>> print(atoms[pid.lattice(3).antichains.index("{012}")])  # log(2)
        0.6931
    """
    p = _tables.as_table("p_wxyt", p_wxyt, "(w, x, y, t)")
    checks.one_of("measure", measure, tuple(_MEASURES))
    redundancies = _MEASURES[measure](p, _antichains(3))
    moebius = jnp.asarray(lattice(3).moebius, p.dtype)
    return LatticeDecomposition(
        redundancies=redundancies, atoms=linalg.product(moebius, redundancies)
    )


def _antichains(num_sources: int) -> list[_redundancies.Sets]:
    """Antichains: fewer sets first, and smaller sets first among as many."""
    sets = [
        chosen
        for size in range(1, num_sources + 1)
        for chosen in itertools.combinations(range(num_sources), size)
    ]
    collections = [
        chosen
        for number in range(1, len(sets) + 1)
        for chosen in itertools.combinations(sets, number)
    ]
    return [collection for collection in collections if _is_antichain(collection)]


def _is_antichain(collection: _redundancies.Sets) -> bool:
    pairs = itertools.permutations(collection, 2)
    return not any(set(one) <= set(other) for one, other in pairs)


def _is_below(a: _redundancies.Sets, b: _redundancies.Sets) -> bool:
    return all(any(set(one) <= set(other) for one in a) for other in b)


def _name(antichain: _redundancies.Sets) -> str:
    names = ["{" + "".join(map(str, axes)) + "}" for axes in antichain]
    return "".join(sorted(names))
