"""Decompositions of a table that need no iteration."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo import measures
from jaxinfo._numerics import compiled
from jaxinfo.pid import _bounds, _redundancies, _tables
from jaxinfo.pid._types import Decomposition


@compiled.jit
def williams_beer(p_xyt: ArrayLike) -> Decomposition:
    r"""Decomposition of Williams and Beer, by the minimum of specific information.

    .. math::
        R = \sum_t \min_{s \in \{x, y\}} \sum_{s}
        p(s, t) \log \frac{p(s, t)}{p(s) p(t)} .

    No atom is negative. It counts equal amounts of information as redundant, whether or
    not they are the same information: it calls two independent copied bits redundant.
    Differentiable; where the sources tie, the derivative is a mean of the one-sided
    ones, and at a cell of zero it is zero. Costs the size of the table.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.

    Returns:
        Atoms in nats, non-negative up to rounding; all NaN if an entry is negative or
        the sum differs from 1 by more than the square root of machine epsilon. Shapes
        ``()``.

    References:
        Williams and Beer, `Nonnegative decomposition of multivariate information
        <https://arxiv.org/abs/1004.2515>`_, 2010, equation 6.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> logical_and = jnp.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]]) / 4
        >>> print(pid.williams_beer(logical_and).synergistic)  # log(2) / 2
        0.3466
    """
    return _by_redundancy(p_xyt, _redundancies.williams_beer)


@compiled.jit
def minimum_mutual_information(p_xyt: ArrayLike) -> Decomposition:
    r"""Decomposition with the largest possible redundancy.

    .. math::
        R = \min(I(X;T), I(Y;T)) .

    No atom is negative, and only the better source has unique information.
    Differentiable; where the sources tie, the derivative is a mean of the one-sided
    ones, and at a cell of zero it is zero. Costs the size of the table.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.

    Returns:
        Atoms in nats, non-negative up to rounding; all NaN if an entry is negative or
        the sum differs from 1 by more than the square root of machine epsilon. Shapes
        ``()``.

    References:
        Barrett, `Exploration of synergistic and redundant information sharing in
        static and dynamical Gaussian systems
        <https://doi.org/10.1103/PhysRevE.91.052802>`_, 2015, equation 15.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> copied = jnp.zeros((2, 2, 2)).at[0, 0, 0].set(0.5).at[1, 1, 1].set(0.5)
        >>> print(pid.minimum_mutual_information(copied).redundant)  # log(2)
        0.6931
    """
    return _by_redundancy(p_xyt, _redundancies.minimum_mutual_information)


@compiled.jit
def specificity_ambiguity(p_xyt: ArrayLike) -> Decomposition:
    r"""Decomposition by pointwise specificity and ambiguity (:math:`I_\pm`).

    .. math::
        R = \sum_{xyt} p(x, y, t) \left[ \min(-\log p(x), -\log p(y))
        - \min(-\log p(x|t), -\log p(y|t)) \right] .

    The redundancy and the unique atoms may be negative: a source may misinform.
    Differentiable; where the sources tie, the derivative is a mean of the one-sided
    ones, and at a cell of zero it is zero. Costs the size of the table.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.

    Returns:
        Atoms in nats, of either sign; all NaN if an entry is negative or the sum
        differs from 1 by more than the square root of machine epsilon. Shapes ``()``.

    References:
        Finn and Lizier, `Pointwise partial information decomposition using the
        specificity and ambiguity lattices <https://arxiv.org/abs/1801.09010>`_, 2018,
        equations 15 and 16.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures, pid
        >>> logical_and = jnp.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]]) / 4
        >>> atoms = pid.specificity_ambiguity(logical_and)
        >>> print(measures.nats_to_bits(atoms.unique_x))
        -0.25
    """
    return _by_redundancy(p_xyt, _redundancies.specificity_ambiguity)


@compiled.jit
def shared_exclusions(p_xyt: ArrayLike) -> Decomposition:
    r"""Decomposition by the probability that both sources exclude (:math:`I_{sx}`).

    With :math:`u(x, y, t) = p(x, t) + p(y, t) - p(x, y, t)`, the probability that at
    least one source has its value,

    .. math::
        R = \sum_{xyt} p(x, y, t) \log \frac{u(x, y, t)}{p(t) \sum_{t'} u(x, y, t')} .

    The redundancy and the unique atoms may be negative. Differentiable; the derivative
    at a cell of zero, infinite in the limit, is set to zero. Costs the size of the
    table.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.

    Returns:
        Atoms in nats, of either sign; all NaN if an entry is negative or the sum
        differs from 1 by more than the square root of machine epsilon. Shapes ``()``.

    References:
        Makkeh, Gutknecht and Wibral, `Introducing a differentiable measure of pointwise
        shared information <https://arxiv.org/abs/2002.03356>`_, 2021, equation 11.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures, pid
        >>> logical_and = jnp.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]]) / 4
        >>> atoms = pid.shared_exclusions(logical_and)
        >>> print(measures.nats_to_bits(atoms.redundant))
        0.1226
    """
    return _by_redundancy(p_xyt, _redundancies.shared_exclusions)


@compiled.jit
def intervention(p_xyt: ArrayLike) -> Decomposition:
    r"""Decomposition by what sources share through the target alone (:math:`I_{do}`).

    .. math::
        R = I_q(X;Y), \qquad q(x, y, t) = p(t) p(x|t) p(y|t) .

    The synergy may be negative. Differentiable; the derivative at a cell of zero,
    infinite in the limit, is set to zero. Costs the size of the table.

    Args:
        p_xyt: Joint probabilities of x, y and the target, never renormalised. Shape
            ``(x, y, t)``.

    Returns:
        Atoms in nats, all but the synergy non-negative up to rounding; all NaN if an
        entry is negative or the sum differs from 1 by more than the square root of
        machine epsilon. Shapes ``()``.

    References:
        Lyu, Clark and Raviv, `Explicit formula for partial information decomposition
        <https://arxiv.org/abs/2402.03554>`_, 2024, definition 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures, pid
        >>> logical_and = jnp.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]]) / 4
        >>> atoms = pid.intervention(logical_and)
        >>> print(measures.nats_to_bits(atoms.redundant))
        0.0817
    """
    p_xyt = _tables.read(p_xyt)
    redundant = shared_through_target(p_xyt)
    return _bounds.from_redundancy(redundant, *_tables.informations(p_xyt))


def independent_given_target(p_xyt: jax.Array) -> jax.Array:
    """The table with the same sources given the target, but independent of each other.

    Its marginals of each source with the target are those of the given table.
    """
    p_xt = jnp.sum(p_xyt, axis=1, keepdims=True)
    p_yt = jnp.sum(p_xyt, axis=0, keepdims=True)
    p_t = jnp.sum(p_xyt, axis=(0, 1), keepdims=True)
    # By roots, as the derivative of a quotient squares its divisor.
    root = jnp.sqrt(jnp.where(p_t == 0, 1, p_t))
    return (p_xt / root) * (p_yt / root)


def shared_through_target(p_xyt: jax.Array) -> jax.Array:
    """Information of the sources about each other, if independent given the target."""
    table = independent_given_target(p_xyt)
    return measures.mutual_information(jnp.sum(table, axis=2))


def _by_redundancy(
    p_xyt: ArrayLike,
    redundancy_fn: Callable[[jax.Array, Sequence[_redundancies.Sets]], jax.Array],
) -> Decomposition:
    p_xyt = _tables.read(p_xyt)
    (redundant,) = redundancy_fn(p_xyt, [((0,), (1,))])
    return _bounds.from_redundancy(redundant, *_tables.informations(p_xyt))
