"""Divergences of one discrete distribution from another."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, logspace
from jaxinfo.measures import _tables


@compiled.jit
def kl_divergence(p: ArrayLike, q: ArrayLike) -> jax.Array:
    r"""Kullback-Leibler divergence of ``p`` from ``q``.

    .. math::
        D(p \| q) = \sum_i p_i \log \frac{p_i}{q_i} .

    Cells where the two nearly agree are evaluated so that small divergences do not lose
    precision. Differentiable in both; the derivative at ``p_i = 0``, infinite in the
    limit, is set to zero. Costs :math:`O(k)`.

    Args:
        p: Probabilities, never renormalised. Shape ``(k,)``.
        q: Probabilities, never renormalised. Shape ``(k,)``.

    Returns:
        Divergence in nats, never negative; infinite where ``q_i`` is 0 and ``p_i`` is
        not; NaN if the `entropy` of either argument is NaN. Shape ``()``.

    References:
        Kullback and Leibler, `On information and sufficiency
        <https://doi.org/10.1214/aoms/1177729694>`_, 1951.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> p, q = jnp.array([0.5, 0.5]), jnp.array([0.9, 0.1])
        >>> print(measures.kl_divergence(p, q))
        0.5108
    """
    p, q = _read(p, q)
    return jnp.sum(logspace.relative_entropy(p, q, logspace.log(q)))


@compiled.jit
def jensen_shannon_divergence(p: ArrayLike, q: ArrayLike) -> jax.Array:
    r"""Jensen-Shannon divergence between two distributions.

    .. math::
        \mathrm{JSD}(p, q) = \tfrac12 D(p \| m) + \tfrac12 D(q \| m),
        \qquad m = \tfrac12 (p + q) .

    Its square root is a metric. Differentiable in both; the derivative at a
    probability of zero, infinite in the limit, is kept finite. Costs :math:`O(k)`.

    Args:
        p: Probabilities, never renormalised. Shape ``(k,)``.
        q: Probabilities, never renormalised. Shape ``(k,)``.

    Returns:
        Divergence in nats, between 0 and ``log(2)``; NaN if the `entropy` of either
        argument is NaN. Shape ``()``.

    References:
        Lin, `Divergence measures based on the Shannon entropy
        <https://doi.org/10.1109/18.61115>`_, 1991, equation 4.1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> print(measures.jensen_shannon_divergence(jnp.eye(2)[0], jnp.eye(2)[1]))
        0.6931
    """
    p, q = _read(p, q)
    # From the sum, as halves of the smallest numbers underflow.
    middle, log_middle = (p + q) / 2, logspace.log(p + q) - math.log(2)
    terms = [logspace.relative_entropy(x, middle, log_middle) for x in (p, q)]
    return jnp.sum(terms[0] + terms[1]) / 2


def _read(p: ArrayLike, q: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Check two tables of one length, each in the precision that it came in."""
    checks.as_floats("(k,)", p=p, q=q)
    tables = _tables.as_table("p", p, "(k,)"), _tables.as_table("q", q, "(k,)")
    one, other = checks.promote(*tables)
    return one, other
