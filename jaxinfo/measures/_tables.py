"""Entropy and information of probability tables."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, logspace


@compiled.jit
def entropy(p: ArrayLike) -> jax.Array:
    r"""Shannon entropy of a discrete distribution.

    .. math::
        H(p) = -\sum_i p_i \log p_i, \qquad 0 \log 0 = 0.

    Differentiable; the derivative at a probability of zero, infinite in the limit, is
    set to zero. Costs :math:`O(k)`.

    Args:
        p: Probabilities, never renormalised. Shape ``(k,)``.

    Returns:
        Entropy in nats, between 0 and ``log(k)``; NaN if an entry is negative or the
        sum differs from 1 by more than the square root of machine epsilon. Shape
        ``()``.

    References:
        Shannon, `A mathematical theory of communication
        <https://doi.org/10.1002/j.1538-7305.1948.tb01338.x>`_, 1948, section 6.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> print(measures.entropy(jnp.full(4, 0.25)))  # log(4)
        1.3863
    """
    p = as_table("p", p, "(k,)")
    return -jnp.sum(logspace.xlogx(p))


@compiled.jit
def mutual_information(p_xy: ArrayLike) -> jax.Array:
    r"""Mutual information of two discrete variables.

    .. math::
        I(X;Y) = \sum_{xy} p_{xy} \log \frac{p_{xy}}{p_x p_y} .

    Cells near independence are evaluated so that small information does not lose
    precision. Differentiable; the derivative at a cell of zero, infinite in the limit,
    is set to zero. Costs :math:`O(kl)`.

    Args:
        p_xy: Joint probabilities, never renormalised. Shape ``(k, l)``.

    Returns:
        Mutual information in nats, between 0 and ``log(min(k, l))``; NaN for a table
        whose `entropy` is NaN. Shape ``()``.

    References:
        Cover and Thomas, `Elements of information theory
        <https://doi.org/10.1002/047174882X>`_, 2006, equation 2.28.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> copy = jnp.eye(2) / 2
        >>> print(measures.mutual_information(copy))  # log(2)
        0.6931
    """
    p_xy = as_table("p_xy", p_xy, "(k, l)")
    p_x, p_y = jnp.sum(p_xy, axis=1)[:, None], jnp.sum(p_xy, axis=0)[None, :]
    log_product = logspace.log(p_x) + logspace.log(p_y)
    return jnp.sum(logspace.relative_entropy(p_xy, p_x * p_y, log_product))


@compiled.jit
def conditional_mutual_information(p_xyz: ArrayLike) -> jax.Array:
    r"""Mutual information of two discrete variables given a third.

    .. math::
        I(X;Y|Z) = \sum_{xyz} p_{xyz} \log \frac{p_{xyz} p_z}{p_{xz} p_{yz}} .

    Differentiable; the derivative at a cell of zero, infinite in the limit, is set to
    zero. Costs :math:`O(klm)`.

    Args:
        p_xyz: Joint probabilities, never renormalised; the last axis is that of the
            conditioning variable. Shape ``(k, l, m)``.

    Returns:
        Conditional mutual information in nats, between 0 and ``log(min(k, l))``; NaN
        for a table whose `entropy` is NaN. Shape ``()``.

    References:
        Cover and Thomas, `Elements of information theory
        <https://doi.org/10.1002/047174882X>`_, 2006, equation 2.61.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> xor = jnp.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]]) / 4
        >>> print(measures.conditional_mutual_information(xor))  # log(2)
        0.6931
    """
    p_xyz = as_table("p_xyz", p_xyz, "(k, l, m)")
    p_xz = jnp.sum(p_xyz, axis=1, keepdims=True)
    p_yz = jnp.sum(p_xyz, axis=0, keepdims=True)
    p_z = jnp.sum(p_xyz, axis=(0, 1), keepdims=True)
    # A condition that never holds contributes nothing.
    is_absent = p_z == 0
    divisor = jnp.where(is_absent, 1, p_z)
    # The derivative of a quotient squares its divisor, and a rare condition would
    # underflow: divide by its root twice.
    root = jnp.sqrt(divisor)
    product = (p_xz / root) * (p_yz / root)
    log_product = logspace.log(p_xz) + logspace.log(p_yz) - jnp.log(divisor)
    return jnp.sum(logspace.relative_entropy(p_xyz, product, log_product))


@compiled.jit
def variation_of_information(p_xy: ArrayLike) -> jax.Array:
    r"""Variation of information between two discrete variables.

    .. math::
        \mathrm{VI}(X,Y) = H(X|Y) + H(Y|X)
        = \sum_{xy} p_{xy} \log \frac{p_x p_y}{p_{xy}^2} .

    A metric on clusterings, zero if and only if each variable determines the other.
    Differentiable; the derivative at a cell of zero, infinite in the limit, is set to
    zero. Costs :math:`O(kl)`.

    Args:
        p_xy: Joint probabilities, never renormalised. Shape ``(k, l)``.

    Returns:
        Variation of information in nats, between 0 and ``log(k l)``; NaN for a table
        whose `entropy` is NaN. Shape ``()``.

    References:
        Meila, `Comparing clusterings - an information based distance
        <https://doi.org/10.1016/j.jmva.2006.11.013>`_, 2007, equation 16.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> independent = jnp.full((2, 2), 0.25)
        >>> print(measures.variation_of_information(independent))  # 2 log(2)
        1.3863
    """
    p_xy = as_table("p_xy", p_xy, "(k, l)")
    p_x, p_y = jnp.sum(p_xy, axis=1)[:, None], jnp.sum(p_xy, axis=0)[None, :]
    # Both conditional entropies have no negative term: nothing cancels.
    given_x = logspace.xlogy(p_xy, p_x) - logspace.xlogx(p_xy)
    given_y = logspace.xlogy(p_xy, p_y) - logspace.xlogx(p_xy)
    return jnp.sum(given_x + given_y)


@compiled.jit
def normalized_mutual_information(p_xy: ArrayLike) -> jax.Array:
    r"""Mutual information normalised by the geometric mean of the entropies (NMI).

    .. math::
        \mathrm{NMI}(X,Y) = \frac{I(X;Y)}{\sqrt{H(X) H(Y)}} .

    It is 0 where an entropy is 0 up to rounding, that is, at most :math:`4 \epsilon^2`
    for machine epsilon :math:`\epsilon`. Information and entropies are evaluated
    without cancellation, so that the ratio is accurate even for tiny entropies above
    that, and the entropy of a constant is 0 even if its probabilities do not sum
    exactly to 1. Differentiable, with a finite derivative where an entropy or a cell is
    0. Costs :math:`O(kl)`.

    Args:
        p_xy: Joint probabilities, never renormalised. Shape ``(k, l)``.

    Returns:
        Normalised mutual information, dimensionless, between 0 and 1; NaN for a table
        whose `entropy` is NaN. Shape ``()``.

    References:
        Strehl and Ghosh, `Cluster ensembles
        <https://www.jmlr.org/papers/v3/strehl02a.html>`_, 2002, equation 2.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> print(measures.normalized_mutual_information(jnp.eye(3) / 3))
        1.0
    """
    p_xy = as_table("p_xy", p_xy, "(k, l)")
    p_x, p_y = jnp.sum(p_xy, axis=1), jnp.sum(p_xy, axis=0)
    log_product = logspace.log(p_x)[:, None] + logspace.log(p_y)[None, :]
    product = p_x[:, None] * p_y[None, :]
    # The same sum as that of `mutual_information`, of terms of which none is negative.
    information = jnp.sum(logspace.relative_excess(p_xy, product, log_product))
    return guarded.over_geometric_mean(
        information, _entropy_beside_largest(p_x), _entropy_beside_largest(p_y)
    )


def as_table(name: str, p: ArrayLike, shape: str) -> jax.Array:
    """Check a table of probabilities; all NaN if it is none.

    That is, if an entry is negative or the sum is off 1 by more than rounding explains.
    Counts, or logarithms, would otherwise give a number that looks like information.
    """
    table = checks.as_float(name, p, shape)
    tolerance = math.sqrt(checks.data_eps(table))
    is_table = jnp.all(table >= 0) & (jnp.abs(jnp.sum(table) - 1) <= tolerance)
    return jnp.where(is_table, table, jnp.nan)


def _entropy_beside_largest(p: jax.Array) -> jax.Array:
    """Entropy ``()`` in which the largest probability is one less the others.

    Exactly zero if there are no others; zero, too, where it is so small that the
    information of independent variables is of its size by rounding.
    """
    is_largest = jnp.arange(p.shape[0]) == jnp.argmax(p)
    others = jnp.where(is_largest, 0, p)
    rest, largest = jnp.sum(others), jnp.sum(jnp.where(is_largest, p, 0))
    is_rare = rest < 0.5
    # -(1 - r) log(1 - r) = r - excess(-r)
    of_rare = rest - logspace.excess(-jnp.where(is_rare, rest, 0))
    of_largest = jnp.where(is_rare, of_rare, -logspace.xlogx(largest))
    entropy = of_largest - jnp.sum(logspace.xlogx(others))
    is_nothing = entropy <= 4 * float(np.finfo(p.dtype).eps) ** 2
    return jnp.where(is_nothing, 0, entropy)
