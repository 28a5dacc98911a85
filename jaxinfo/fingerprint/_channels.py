"""Comparisons of many one-dimensional Gaussian channels, without their overlaps."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled
from jaxinfo.fingerprint import _clusterings, _compare, _hellinger
from jaxinfo.fingerprint._types import CrossComparison, PairwiseComparison


@compiled.jit(static_argnames=("block_size",))
def gaussian_pairwise(
    means: ArrayLike, log_variances: ArrayLike, *, block_size: int | None = None
) -> PairwiseComparison:
    r"""Compare all pairs of one-dimensional Gaussian channels.

    The values of ``pairwise`` on ``gaussian_overlaps`` of each channel, without ever
    forming the overlaps: points are processed in blocks, and for each channel only the
    complement

    .. math::
        k_{ij} = 1 - B_{ij} = \frac{q}{1 + r} - r\,\mathrm{expm1}(-p), \quad
        p = \frac{(\mu_i - \mu_j)^2}{4 (\sigma_i^2 + \sigma_j^2)}, \quad
        q = \frac{(\sigma_i - \sigma_j)^2}{\sigma_i^2 + \sigma_j^2} = 1 - r^2

    is used, so even very weak channels keep full precision. A NaN affects its own
    channel only.

    Differentiable in both arguments. Costs :math:`2 m^2 n^2` flops in matrix
    products and :math:`m n^2` exponentials, in ``block_size * m * n + m**2`` memory,
    in reverse mode too.

    Args:
        means: Means of the posteriors, one column per channel, as encoders give them.
            Shape ``(n, m)``.
        log_variances: Logarithms of their variances. Shape ``(n, m)``.
        block_size: Points held in memory at once; ``None`` holds about one mebibyte,
            which is mostly the fastest. Static.

    Returns:
        Information of each channel, and I(U;V), NMI and VI of each pair, in nats; the
        diagonal of I(U;V) is I(U;U').

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> x = jax.random.normal(jax.random.key(0), (200,))
        >>> means = 3 * jax.numpy.stack([x, -2 * x, x**2], axis=1)
        >>> log_variances = jax.numpy.array([[0.0, 1.4, 0.0]]) + 0 * means
        >>> result = fingerprint.gaussian_pairwise(means, log_variances)
        >>> print(jax.numpy.round(result.nmi, 2))
        [[1.  1.  0.6]
         [1.  1.  0.6]
         [0.6 0.6 1. ]]
    """
    means, log_variances = checks.as_floats(
        "(n, m)", means=means, log_variances=log_variances
    )
    checks.block_size(block_size)
    n = means.shape[0]
    parameters = _hellinger.standardised(means, log_variances)
    log_mean, terms = sums_over_points(
        parameters, jnp.ones_like(means[:, 0]), parameters, block_size=block_size
    )
    return _clusterings.comparison_of_pairs(-log_mean / n, terms / n)


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
        means: Means of the posteriors, one column per channel, as encoders give them.
            Shape ``(n, m)``.
        log_variances: Logarithms of their variances. Shape ``(n, m)``.
        labels: Integer labels of the points, one column per labelling. Shape
            ``(n, l)``.
        block_size: Points held in memory at once; ``None`` holds about one mebibyte.
            Static.

    Returns:
        Information of each channel and labelling (its entropy), and I(U;V), NMI and VI
        of each channel with each labelling, in nats.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> labels = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> means = 100 * labels[:, :1].astype(float)
        >>> result = fingerprint.gaussian_label_pairwise(means, 0 * means, labels)
        >>> print(result.nmi)
        [[1. 0.]]
    """
    means, log_variances = checks.as_floats(
        "(n, m)", means=means, log_variances=log_variances
    )
    n = means.shape[0]
    labels = checks.as_labels("labels", labels, "(n, l)", n=n)
    checks.block_size(block_size)
    parameters = _hellinger.standardised(means, log_variances)
    columns = tuple(x.T for x in parameters)

    def block(
        rows: tuple[tuple[jax.Array, ...], jax.Array], weights: jax.Array
    ) -> tuple[_compare.CrossSums, None]:
        points, own_labels = rows
        is_same = own_labels[:, :, None] == labels.T[None]
        v = _clusterings.rows_of_overlaps(is_same.astype(means.dtype))
        u = channel_rows(points, columns)
        return _compare.cross_sums_of_rows(u, v, weights), None

    size = block_size or blocks.default_size(means.size, means.dtype.itemsize)
    sums, _ = blocks.over_rows(block, (parameters, labels), block_size=size)
    return _compare.cross_of_sums(sums, n)


def sums_over_points(
    points: tuple[jax.Array, ...],
    weights: jax.Array,
    parameters: tuple[jax.Array, ...],
    *,
    block_size: int | None,
    channels: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """What all pairs of channels share, summed over some of the points.

    Args:
        points: Standardised parameters of these points. Shapes ``(r, m)``.
        weights: Their weights. Shape ``(r,)``.
        parameters: Those of all points. Shapes ``(n, m)``.
        block_size: Points held at once.
        channels: Which channels stand first in pairs; all by default. Shape ``(c,)``.

    Returns:
        Sums of logarithms of mean overlaps ``(m,)`` and of terms of I(U;V) ``(c, m)``.
    """
    columns = tuple(x.T for x in parameters)

    def block(
        rows: tuple[tuple[jax.Array, ...], jax.Array], is_real: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], None]:
        points, weights = rows
        weights = weights * is_real
        u = channel_rows(points, columns)
        first = u
        if channels is not None:
            first = _clusterings.Rows(*(part[:, channels] for part in u))
        terms = _clusterings.shared_by_all_pairs(first, u, weights)
        return (weights @ u.log_mean, terms), None

    size = block_size or blocks.default_size(columns[0].size, weights.dtype.itemsize)
    sums, _ = blocks.over_rows(block, (points, weights), block_size=size)
    return sums


def channel_rows(
    points: tuple[jax.Array, ...], columns: tuple[jax.Array, ...]
) -> _clusterings.Rows:
    """Rows of all channels for a block of points, ``(b, m, n)``.

    From the parameters of these points ``(b, m)`` and of all points ``(m, n)``.
    """
    parts = _hellinger.gaussian(
        *(x[:, :, None] for x in points), *(x[None] for x in columns)
    )
    return _clusterings.rows(*_hellinger.distance_and_overlap(parts))
