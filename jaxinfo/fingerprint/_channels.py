"""Comparisons of many one-dimensional Gaussian channels, without their overlaps."""

import jax
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, clusterings, compiled, hellinger
from jaxinfo.fingerprint import _compare
from jaxinfo.fingerprint._types import CrossComparison, PairwiseComparison


@compiled.jit(static_argnames=("block_size",))
def gaussian_pairwise(
    means: ArrayLike, log_variances: ArrayLike, *, block_size: int | None = None
) -> PairwiseComparison:
    r"""Compare all pairs of one-dimensional Gaussian channels.

    The values of ``pairwise`` on ``gaussian_overlaps`` of each channel, but no overlap
    is ever formed: points are walked in blocks, and of each channel only the complement

    .. math::
        k_{ij} = 1 - B_{ij} = \frac{q}{1 + r} - r\,\mathrm{expm1}(-p), \quad
        p = \frac{(\mu_i - \mu_j)^2}{4 (\sigma_i^2 + \sigma_j^2)}, \quad
        q = \frac{(\sigma_i - \sigma_j)^2}{\sigma_i^2 + \sigma_j^2} = 1 - r^2

    is used, so channels of any weakness keep their digits. A NaN spoils its own channel
    only.

    Differentiable in both arguments. Costs :math:`2 m^2 n^2` flops in matrix
    products and :math:`m n^2` exponentials, in ``block_size * m * n + m**2`` memory,
    in reverse mode too.

    Args:
        means: Means of the posteriors of each channel. Shape ``(m, n)``.
        log_variances: Logarithms of their variances. Shape ``(m, n)``.
        block_size: Points of a block; ``None`` is about one mebibyte, mostly the
            fastest. Static.

    Returns:
        Information of each channel, and I(U;V), NMI and VI of each pair, in nats; the
        diagonal of I(U;V) is I(U;U').

    Raises:
        TypeError: If an argument is complex or not an array, or ``block_size`` not an
            int.
        ValueError: If the arguments are not two-dimensional, empty, or differ in shape,
            or ``block_size`` is below 1.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> x = jax.random.normal(jax.random.key(0), (200,))
        >>> means = 3 * jax.numpy.stack([x, -2 * x, x**2])
        >>> log_variances = jax.numpy.array([[0.0], [1.4], [0.0]]) + 0 * means
        >>> result = fingerprint.gaussian_pairwise(means, log_variances)
        >>> print(jax.numpy.round(result.nmi, 2))
        [[1.  1.  0.6]
         [1.  1.  0.6]
         [0.6 0.6 1. ]]
    """
    means, log_variances = checks.as_floats(
        "(m, n)", means=means, log_variances=log_variances
    )
    parameters, size = prepare(means, log_variances, block_size)

    def block(
        rows: tuple[jax.Array, ...], weights: jax.Array
    ) -> tuple[_compare.Sums, None]:
        return _compare.sums_of_rows(channel_rows(rows, parameters), weights), None

    points = tuple(x.T for x in parameters)
    (log_mean, terms), _ = blocks.over_rows(block, points, block_size=size)
    n = means.shape[1]
    return _compare.pairwise_of(-log_mean / n, terms / n)


@compiled.jit(static_argnames=("block_size",))
def gaussian_label_pairwise(
    means: ArrayLike,
    log_variances: ArrayLike,
    labels: ArrayLike,
    *,
    block_size: int | None = None,
) -> CrossComparison:
    r"""Compare one-dimensional Gaussian channels with labels of the points.

    The values of ``cross_pairwise`` on ``gaussian_overlaps`` of each channel and
    ``label_overlaps`` of each column of labels, :math:`B_{ij} = [\ell_i = \ell_j]`,
    without forming either.

    Differentiable in the means and log-variances. Costs :math:`O(m l n^2)` flops in
    matrix products and :math:`m n^2` exponentials, in ``block_size * (m + l) * n + m *
    l`` memory, in reverse mode too.

    Args:
        means: Means of the posteriors of each channel. Shape ``(m, n)``.
        log_variances: Logarithms of their variances. Shape ``(m, n)``.
        labels: Integer labels of the points, one row a labelling. Shape ``(l, n)``.
        block_size: Points of a block; ``None`` is about one mebibyte. Static.

    Returns:
        Information of each channel and labelling (its entropy), and I(U;V), NMI and VI
        of each channel with each labelling, in nats.

    Raises:
        TypeError: If an argument is complex or not an array, ``labels`` are not
            integers, or ``block_size`` is not an int.
        ValueError: If the arguments are not two-dimensional, empty, or differ in the
            number of points, or ``block_size`` is below 1.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> labels = jnp.array([[0, 0, 1, 1], [0, 1, 0, 1]])
        >>> means = 100 * labels[:1].astype(float)
        >>> result = fingerprint.gaussian_label_pairwise(means, 0 * means, labels)
        >>> print(result.nmi)
        [[1. 0.]]
    """
    means, log_variances = checks.as_floats(
        "(m, n)", means=means, log_variances=log_variances
    )
    labels = checks.as_labels("labels", labels, "(l, n)", n=means.shape[1])
    parameters, size = prepare(means, log_variances, block_size)

    def block(
        rows: tuple[tuple[jax.Array, ...], jax.Array], weights: jax.Array
    ) -> tuple[_compare.CrossSums, None]:
        points, own_labels = rows
        is_same = own_labels[:, :, None] == labels[None]
        v = clusterings.rows_of_overlaps(is_same.astype(means.dtype))
        u = channel_rows(points, parameters)
        return _compare.cross_sums_of_rows(u, v, weights), None

    points = tuple(x.T for x in parameters)
    sums, _ = blocks.over_rows(block, (points, labels.T), block_size=size)
    return _compare.cross_of_sums(sums, means.shape[1])


def prepare(
    means: jax.Array, log_variances: jax.Array, block_size: int | None
) -> tuple[tuple[jax.Array, jax.Array], int]:
    """Standardised channels, and the number of points of a block."""
    checks.block_size(block_size)
    parameters = hellinger.standardised(means, log_variances, axis=1)
    default = blocks.default_size(means.size, means.dtype.itemsize)
    return parameters, block_size or default


def channel_rows(
    rows: tuple[jax.Array, ...], parameters: tuple[jax.Array, ...]
) -> clusterings.Rows:
    """Rows of all channels for a block of points, ``(b, m)`` to ``(b, m, n)``."""
    parts = hellinger.gaussian(
        *(x[:, :, None] for x in rows), *(x[None] for x in parameters)
    )
    return clusterings.rows(*hellinger.distance_and_overlap(parts))
