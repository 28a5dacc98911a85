"""Entropy and information of probability tables."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, logspace


@compiled.jit
def entropy(p: ArrayLike) -> jax.Array:
    r"""Shannon entropy of a discrete distribution.

    .. math::
        H(p) = -\sum_i p_i \log p_i, \qquad 0 \log 0 = 0.

    Differentiable; the derivative at a probability of zero, infinite in the limit, is
    zero. Costs :math:`O(k)`.

    Args:
        p: Probabilities, not renormalised. Shape ``(k,)``.

    Returns:
        Entropy in nats, between 0 and ``log(k)`` for a distribution; NaN if an entry is
        negative. Shape ``()``.

    Raises:
        TypeError: If ``p`` is complex or not an array.
        ValueError: If ``p`` is not one-dimensional or empty.

    References:
        Shannon, `A mathematical theory of communication
        <https://doi.org/10.1002/j.1538-7305.1948.tb01338.x>`_, 1948, section 6.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> print(measures.entropy(jnp.full(4, 0.25)))  # log(4)
        1.3863
    """
    p = checks.as_float("p", p, "(k,)")
    return -jnp.sum(logspace.xlogx(p))


@compiled.jit
def mutual_information(p_xy: ArrayLike) -> jax.Array:
    r"""Mutual information of two discrete variables.

    .. math::
        I(X;Y) = \sum_{xy} p_{xy} \log \frac{p_{xy}}{p_x p_y} .

    Cells near independence are evaluated so that small information keeps its digits.
    Differentiable; the derivative at a cell of zero, infinite in the limit, is
    zero. Costs :math:`O(kl)`.

    Args:
        p_xy: Joint probabilities, not renormalised. Shape ``(k, l)``.

    Returns:
        Mutual information in nats, between 0 and ``log(min(k, l))`` for a distribution;
        NaN if an entry is negative. Shape ``()``.

    Raises:
        TypeError: If ``p_xy`` is complex or not an array.
        ValueError: If ``p_xy`` is not two-dimensional or empty.

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
    p_xy = checks.as_float("p_xy", p_xy, "(k, l)")
    p_x, p_y = jnp.sum(p_xy, axis=1)[:, None], jnp.sum(p_xy, axis=0)[None, :]
    log_product = logspace.log(p_x) + logspace.log(p_y)
    return jnp.sum(logspace.relative_entropy(p_xy, p_x * p_y, log_product))


@compiled.jit
def conditional_mutual_information(p_xyz: ArrayLike) -> jax.Array:
    r"""Mutual information of two discrete variables given a third.

    .. math::
        I(X;Y|Z) = \sum_{xyz} p_{xyz} \log \frac{p_{xyz} p_z}{p_{xz} p_{yz}} .

    Differentiable; the derivative at a cell of zero, infinite in the limit, is
    zero. Costs :math:`O(klm)`.

    Args:
        p_xyz: Joint probabilities, not renormalised; the last axis is the condition.
            Shape ``(k, l, m)``.

    Returns:
        Conditional mutual information in nats, between 0 and ``log(min(k, l))`` for a
        distribution; NaN if an entry is negative. Shape ``()``.

    Raises:
        TypeError: If ``p_xyz`` is complex or not an array.
        ValueError: If ``p_xyz`` is not three-dimensional or empty.

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
    p_xyz = checks.as_float("p_xyz", p_xyz, "(k, l, m)")
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
    Differentiable; the derivative at a cell of zero, infinite in the limit, is
    zero. Costs :math:`O(kl)`.

    Args:
        p_xy: Joint probabilities, not renormalised. Shape ``(k, l)``.

    Returns:
        Variation of information in nats, between 0 and ``log(k l)`` for a distribution;
        NaN if an entry is negative. Shape ``()``.

    Raises:
        TypeError: If ``p_xy`` is complex or not an array.
        ValueError: If ``p_xy`` is not two-dimensional or empty.

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
    p_xy = checks.as_float("p_xy", p_xy, "(k, l)")
    p_x, p_y = jnp.sum(p_xy, axis=1)[:, None], jnp.sum(p_xy, axis=0)[None, :]
    # Both conditional entropies have no negative term: nothing cancels.
    given_x = logspace.xlogy(p_xy, p_x) - logspace.xlogx(p_xy)
    given_y = logspace.xlogy(p_xy, p_y) - logspace.xlogx(p_xy)
    return jnp.sum(given_x + given_y)


@compiled.jit
def normalized_mutual_information(p_xy: ArrayLike) -> jax.Array:
    r"""Mutual information over the geometric mean of the entropies.

    .. math::
        \mathrm{NMI}(X,Y) = \frac{I(X;Y)}{\sqrt{H(X) H(Y)}} .

    It is 0 where an entropy is 0. Differentiable; where an entropy or a cell
    is 0 the derivative is zero. Costs :math:`O(kl)`.

    Args:
        p_xy: Joint probabilities, not renormalised. Shape ``(k, l)``.

    Returns:
        Normalised mutual information, dimensionless, between 0 and 1 for a
        distribution; NaN if an entry is negative. Shape ``()``.

    Raises:
        TypeError: If ``p_xy`` is complex or not an array.
        ValueError: If ``p_xy`` is not two-dimensional or empty.

    References:
        Strehl and Ghosh, `Cluster ensembles
        <https://www.jmlr.org/papers/v3/strehl02a.html>`_, 2002, equation 2.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> print(measures.normalized_mutual_information(jnp.eye(3) / 3))
        1.0
    """
    p_xy = checks.as_float("p_xy", p_xy, "(k, l)")
    return guarded.over_geometric_mean(
        mutual_information(p_xy),
        entropy(jnp.sum(p_xy, axis=1)),
        entropy(jnp.sum(p_xy, axis=0)),
    )
