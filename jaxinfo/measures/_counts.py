"""Entropy of counts, and counts of labels."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, logspace


@compiled.jit(static_argnames=("estimator",))
def entropy_of_counts(counts: ArrayLike, *, estimator: str = "plugin") -> jax.Array:
    r"""Entropy of a discrete variable from counts of its values.

    With :math:`N = \sum_i c_i`, and :math:`K` the number of values seen,

    .. math::
        H_\text{plugin} &= \log N - \tfrac1N \sum_i c_i \log c_i, \\
        H_\text{miller\_madow} &= H_\text{plugin} + \frac{K - 1}{2N}, \\
        H_\text{grassberger} &= \log N - \tfrac1N \sum_i c_i G(c_i), \quad
        G(c) = \psi(c) + \tfrac{(-1)^c}{2}
        \left[\psi\left(\tfrac{c+1}2\right) - \psi\left(\tfrac c2\right)\right] .

    The plug-in estimate is low by about :math:`(K-1)/2N`; the other two correct it.
    Differentiable in the counts (with the parity of a count and the set of values
    seen held fixed). Costs :math:`O(k)`.

    Args:
        counts: How often each value was seen; zeros are values not seen. Shape
            ``(k,)``.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``. Static.

    Returns:
        Entropy in nats; the plug-in estimate is between 0 and ``log(k)``, the corrected
        ones may leave this range. NaN if a count is negative or none is positive.
        Shape ``()``.

    Raises:
        TypeError: If ``counts`` is complex or not an array.
        ValueError: If ``counts`` is not one-dimensional or empty, or ``estimator``
            unknown.

    References:
        Miller, Note on the bias of information estimates, 1955; Grassberger, `Entropy
        estimates from insufficient samplings
        <https://arxiv.org/abs/physics/0307138>`_, 2003, equation 27.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> counts = jnp.array([3, 1, 0])
        >>> print(measures.entropy_of_counts(counts))
        0.5623
        >>> print(measures.entropy_of_counts(counts, estimator="miller_madow"))
        0.6873
    """
    counts = checks.as_float("counts", counts, "(k,)")
    checks.one_of("estimator", estimator, ("plugin", "miller_madow", "grassberger"))
    total = jnp.sum(counts)
    log_total = jnp.log(total)
    if estimator == "grassberger":
        return log_total - jnp.sum(_c_times_g(counts)) / total
    # Dividing first keeps the logarithms of large counts from cancelling.
    plugin = -jnp.sum(logspace.xlogx(counts / total))
    if estimator == "miller_madow":
        num_seen = jnp.sum(counts > 0, dtype=counts.dtype)
        return plugin + (num_seen - 1) / (2 * total)
    return plugin


@compiled.jit(static_argnames=("num_x", "num_y"))
def contingency_table(
    labels_x: ArrayLike, labels_y: ArrayLike, *, num_x: int, num_y: int
) -> jax.Array:
    r"""Count how often two labels occur together.

    .. math::
        c_{ab} = \left| \{ i : x_i = a,\ y_i = b \} \right| .

    Not differentiable. Costs :math:`O(n + kl)`; in float32 counts are exact up to
    16,777,216.

    Args:
        labels_x: Integer labels from 0 to ``num_x - 1``. Shape ``(n,)``.
        labels_y: Integer labels from 0 to ``num_y - 1``. Shape ``(n,)``.
        num_x: Number of values of the first label. Static.
        num_y: Number of values of the second label. Static.

    Returns:
        Counts in the default floating dtype; all NaN if a label is out of range, so
        that it cannot go missing unseen (without x64, jax itself wraps labels of more
        than 32 bits). Shape ``(num_x, num_y)``.

    Raises:
        TypeError: If the labels are not integers, or the numbers of values not ints.
        ValueError: If the labels are not one-dimensional, empty, or differ in length,
            or a number of values is below 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> x, y = jnp.array([0, 0, 1]), jnp.array([1, 1, 0])
        >>> print(measures.contingency_table(x, y, num_x=2, num_y=2))
        [[0. 2.]
         [1. 0.]]
    """
    labels_x = checks.as_labels("labels_x", labels_x, "(n,)")
    labels_y = checks.as_labels("labels_y", labels_y, "(n,)", n=labels_x.shape[0])
    checks.at_least("num_x", num_x, 1)
    checks.at_least("num_y", num_y, 1)
    is_inside = (labels_x >= 0) & (labels_x < num_x)
    is_inside &= (labels_y >= 0) & (labels_y < num_y)
    table = jnp.zeros((num_x, num_y)).at[labels_x, labels_y].add(1.0)
    return jnp.where(jnp.all(is_inside), table, jnp.nan)


def _c_times_g(counts: jax.Array) -> jax.Array:
    """``c G(c)``, zero at zero; negative counts give NaN."""
    is_zero = counts == 0
    c = jnp.where(is_zero, 1, counts)
    digamma = jax.scipy.special.digamma
    sign = jnp.where(jax.lax.stop_gradient(c) % 2 == 0, 1, -1).astype(c.dtype)
    g = digamma(c) + sign / 2 * (digamma((c + 1) / 2) - digamma(c / 2))
    return jnp.where(is_zero, 0, jnp.where(counts < 0, jnp.nan, c * g))
