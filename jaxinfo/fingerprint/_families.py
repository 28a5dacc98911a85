"""Overlaps of posteriors that are not Gaussian."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled, guarded, pairwise
from jaxinfo.fingerprint import _hellinger
from jaxinfo.fingerprint._hellinger import Overlap


@compiled.jit
def von_mises_overlaps(means: ArrayLike, concentrations: ArrayLike) -> jax.Array:
    r"""Bhattacharyya coefficients of products of von Mises posteriors.

    .. math::
        B_{ij} = \prod_k \frac{I_0(r_{ijk})}
        {\sqrt{I_0(\kappa_{ik}) I_0(\kappa_{jk})}}, \qquad
        r_{ijk} = \tfrac12 \left| \kappa_{ik} e^{i\mu_{ik}}
        + \kappa_{jk} e^{i\mu_{jk}} \right| .

    Differentiable in both arguments. Costs :math:`O(n^2 d)` time and :math:`O(n^2)`
    memory, in reverse mode too.

    Args:
        means: Mean angles in radians. Shape ``(n, d)``.
        concentrations: Concentrations, non-negative; 0 is the uniform distribution.
            Shape ``(n, d)``.

    Returns:
        Overlaps, between 0 and 1, symmetric, 1 on the diagonal; NaN for a negative
        concentration. Shape ``(n, n)``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> means = jnp.array([[0.0], [jnp.pi]])
        >>> print(fingerprint.von_mises_overlaps(means, jnp.ones((2, 1))))
        [[1.     0.7899]
         [0.7899 1.    ]]
    """
    means, concentrations = checks.as_floats(
        "(n, d)", means=means, concentrations=concentrations
    )
    concentrations = jnp.where(concentrations < 0, jnp.nan, concentrations)
    return _hellinger.overlaps_of_products(_von_mises, (means, concentrations))


@compiled.jit
def bernoulli_overlaps(logits: ArrayLike) -> jax.Array:
    r"""Bhattacharyya coefficients of products of Bernoulli posteriors.

    With :math:`p_{ik} = 1 / (1 + e^{-\ell_{ik}})` of logits :math:`\ell`,

    .. math::
        B_{ij} = \prod_k \left( \sqrt{p_{ik} p_{jk}}
        + \sqrt{(1 - p_{ik})(1 - p_{jk})} \right) .

    Differentiable. Costs :math:`O(n^2 d)` time and :math:`O(n^2)`
    memory, in reverse mode too.

    Args:
        logits: Log-odds of each binary latent. Shape ``(n, d)``.

    Returns:
        Overlaps, between 0 and 1, symmetric, 1 on the diagonal. Shape ``(n, n)``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> print(fingerprint.bernoulli_overlaps(jnp.array([[0.0], [2.0]])))
        [[1.     0.9077]
         [0.9077 1.    ]]
    """
    logits = checks.as_float("logits", logits, "(n, d)")
    roots = tuple(jnp.exp(jax.nn.log_sigmoid(sign * logits) / 2) for sign in (1, -1))
    return _hellinger.overlaps_of_products(_bernoulli, roots)


@compiled.jit
def categorical_overlaps(logits: ArrayLike) -> jax.Array:
    r"""Bhattacharyya coefficients of categorical posteriors.

    With :math:`p_i` the softmax of the logits of point i,

    .. math::
        B_{ij} = \sum_k \sqrt{p_{ik} p_{jk}}
        = 1 - \tfrac12 \left\| \sqrt{p_i} - \sqrt{p_j} \right\|^2 .

    Differentiable. Costs two matrix products, :math:`O(n^2 k)` time and
    :math:`O(n^2)` memory.

    Args:
        logits: Unnormalised log-probabilities; ``-inf`` is an impossible class. Shape
            ``(n, k)``.

    Returns:
        Overlaps, between 0 and 1, symmetric, 1 on the diagonal. Shape ``(n, n)``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> print(fingerprint.categorical_overlaps(jnp.array([[0.0, 0], [9, 0]])))
        [[1.     0.7149]
         [0.7149 1.    ]]
    """
    logits = checks.as_float("logits", logits, "(n, k)")
    roots = jnp.exp(jax.nn.log_softmax(logits, axis=1) / 2)
    overlaps = jnp.matmul(roots, roots.T, precision=jax.lax.Precision.HIGHEST)
    # Alike posteriors keep their digits in the difference.
    distances = pairwise.squared_distances(roots, roots) / 2
    is_own = jnp.eye(logits.shape[0], dtype=bool) & (overlaps == overlaps)
    return _hellinger.nearer_to_one(jnp.where(is_own, 0, distances), overlaps)


@compiled.jit
def label_overlaps(labels: ArrayLike) -> jax.Array:
    r"""Overlaps of a hard clustering, :math:`B_{ij} = [\ell_i = \ell_j]`.

    NMI and variation of information of such overlaps are exactly those of the
    clusterings. Not differentiable. Costs :math:`O(n^2)`.

    Args:
        labels: Integer cluster of each point, any values in the range of the default
            integer. Shape ``(n,)``.

    Returns:
        Overlaps, exactly 0 or 1, in the default floating dtype. Shape ``(n, n)``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> print(fingerprint.label_overlaps(jnp.array([7, 7, 3])))
        [[1. 1. 0.]
         [1. 1. 0.]
         [0. 0. 1.]]
    """
    labels = checks.as_labels("labels", labels, "(n,)")
    return (labels[:, None] == labels[None, :]).astype(float)


@compiled.jit(static_argnames=("log_partition_fn",))
def exponential_family_overlaps(
    natural_parameters: ArrayLike,
    *,
    log_partition_fn: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    r"""Bhattacharyya coefficients of posteriors of any exponential family.

    With :math:`A` the log-partition function of natural parameters :math:`\eta`,

    .. math::
        B_{ij} = \exp\left( A\left(\tfrac{\eta_i + \eta_j}2\right)
        - \tfrac{A(\eta_i) + A(\eta_j)}2 \right) .

    Beta, Gamma, Poisson and others; products of families add their log-partition
    functions. Differentiable. Costs :math:`n^2` evaluations of :math:`A`, and
    :math:`O(n^2)` memory, in reverse mode too.

    Args:
        natural_parameters: Natural parameters. Shape ``(n, k)``.
        log_partition_fn: Log-partition function, ``(k,) -> ()``. Static: each new
            function object is compiled anew, so define it once.

    Returns:
        Overlaps, between 0 and 1, symmetric, 1 on the diagonal. Shape ``(n, n)``.

    References:
        Nielsen and Boltz, `The Burbea-Rao and Bhattacharyya centroids
        <https://arxiv.org/abs/1004.5049>`_, 2011, equation 38.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> log_rates = jnp.log(jnp.array([[3.0], [5.0]]))
        >>> def log_partition(eta):  # of a Poisson distribution
        ...     return jnp.exp(eta[0])
        >>> print(
        ...     fingerprint.exponential_family_overlaps(
        ...         log_rates, log_partition_fn=log_partition
        ...     )
        ... )
        [[1.     0.8807]
         [0.8807 1.    ]]
    """
    parameters = checks.as_float("natural_parameters", natural_parameters, "(n, k)")
    partitions = jax.vmap(log_partition_fn)(parameters)

    def block(rows: tuple[jax.Array, ...], _: jax.Array) -> tuple[None, jax.Array]:
        row, partition = rows
        middle = (row[:, None] + parameters[None]) / 2
        between = jax.vmap(jax.vmap(log_partition_fn))(middle)
        ends = (partition[:, None] + partitions[None]) / 2
        return None, jnp.exp(between - ends)

    size = blocks.default_size(parameters.size, parameters.dtype.itemsize)
    return blocks.over_rows(block, (parameters, partitions), block_size=size)[1]


def _von_mises(
    mean_i: jax.Array, kappa_i: jax.Array, mean_j: jax.Array, kappa_j: jax.Array
) -> Overlap:
    half = (mean_i - mean_j) / 2
    middle = (kappa_i + kappa_j) / 2
    # Relative to their mean, as squares of concentrations would overflow. Below the
    # root of the smallest number everything is uniform.
    is_uniform = middle < float(np.finfo(middle.dtype).tiny) ** 0.5
    unit = jnp.where(is_uniform, 1, middle)
    share_i, share_j = kappa_i / unit, kappa_j / unit
    product = share_i * share_j
    square = ((share_i - share_j) / 2) ** 2 + product * jnp.cos(half) ** 2

    # Opposite posteriors of equal concentration cancel: the root has no slope there,
    # and the overlap, even in it, does not need one.
    root = guarded.sqrt(square)
    # middle * (root - 1), which would cancel.
    gap = -middle * product * jnp.sin(half) ** 2 / (root + 1)
    ends = (_log_i0e(kappa_i) + _log_i0e(kappa_j)) / 2
    large = ends - _log_i0e(middle * root) - gap

    # Where concentrations are small, I0 is so close to one that its power series in
    # their squares is needed.
    is_small = jnp.maximum(kappa_i, kappa_j) < 0.5
    small_i, small_j = jnp.where(is_small, kappa_i, 0), jnp.where(is_small, kappa_j, 0)
    between = ((small_i - small_j) / 2) ** 2 + small_i * small_j * jnp.cos(half) ** 2
    low_i, low_j, low = map(_log_i0, (small_i**2, small_j**2, between))
    exponent = jnp.where(is_small, (low_i + low_j) / 2 - low, large)
    one = jnp.ones_like(exponent)
    return Overlap(factor=one, complement=0 * one, exponent=exponent)


def _log_i0e(x: jax.Array) -> jax.Array:
    """``log I0(x) - x``, with its one-sided slope at zero, which ``i0e`` lacks."""
    is_zero = x == 0
    logarithm = jnp.log(jax.scipy.special.i0e(jnp.where(is_zero, 1, x)))
    return jnp.where(is_zero, -x, logarithm)


def _log_i0(square: jax.Array) -> jax.Array:
    """``log I0(x)`` of squares ``x**2`` up to one, to relative precision."""
    quarter = square / 4
    series = jnp.zeros_like(quarter)
    for k in range(8, 0, -1):
        series = quarter / k**2 * (1 + series)
    return jnp.log1p(series)


def _bernoulli(
    root_i: jax.Array, coroot_i: jax.Array, root_j: jax.Array, coroot_j: jax.Array
) -> Overlap:
    factor = root_i * root_j + coroot_i * coroot_j
    complement = ((root_i - root_j) ** 2 + (coroot_i - coroot_j) ** 2) / 2
    return Overlap(factor=factor, complement=complement, exponent=0 * factor)
