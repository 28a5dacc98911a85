"""NMI and variation of information of representation spaces, from overlaps."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled
from jaxinfo.fingerprint import _clusterings
from jaxinfo.fingerprint._types import Comparison, CrossComparison, PairwiseComparison


@compiled.jit
def compare(overlaps_u: ArrayLike, overlaps_v: ArrayLike) -> Comparison:
    r"""Compare the information that two spaces carry about the same points.

    With :math:`B^U` and :math:`B^V` the overlaps, whose product belongs to the joint
    space, and U' a second draw from the posteriors of U,

    .. math::
        I(U;V) &= I(X;U) + I(X;V) - I(X;U,V), \\
        \mathrm{NMI} &= \frac{I(U;V)}{\sqrt{I(U;U') I(V;V')}}, \qquad
        \mathrm{VI} = I(U;U') + I(V;V') - 2 I(U;V) .

    For hard clusterings NMI and VI are exactly the usual ones. The differences are
    evaluated in a centred form that keeps the precision of weak spaces. Computed from
    overlaps, VI is never negative, but it is not a metric for soft spaces; NMI may
    exceed 1 or lie slightly below 0. The joint information must stay well below
    :math:`\log n`; otherwise unrelated spaces look alike: see ``adjust_for_chance``.

    Differentiable in both arguments. Costs :math:`O(n^2)`.

    Args:
        overlaps_u: Overlaps in the first space, 1 on the diagonal. Shape ``(n, n)``.
        overlaps_v: Overlaps in the second, of the same points in the same order. Shape
            ``(n, n)``.

    Returns:
        Both informations, I(U;V) and VI in nats; NMI, which is 0 where the information
        of a space is only the rounding error of its overlaps.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> halves = fingerprint.label_overlaps(jnp.array([0, 0, 1, 1]))
        >>> points = fingerprint.label_overlaps(jnp.arange(4))
        >>> result = fingerprint.compare(halves, points)
        >>> print(result.nmi, result.vi)  # sqrt(1/2), log(2)
        0.7071 0.6931
    """
    overlaps_u, overlaps_v = checks.as_floats(
        "(n, n)", overlaps_u=overlaps_u, overlaps_v=overlaps_v
    )
    u, v = (_clusterings.rows_of_overlaps(b) for b in (overlaps_u, overlaps_v))
    mutual, own_u, own_v = (
        jnp.mean(_clusterings.shared(*pair)) for pair in ((u, v), (u, u), (v, v))
    )
    return Comparison(
        information_u=-jnp.mean(u.log_mean),
        information_v=-jnp.mean(v.log_mean),
        mutual_information=mutual,
        nmi=_clusterings.normalized(
            mutual, own_u, own_v, _clusterings.rounding_of_overlaps(mutual.dtype)
        ),
        vi=own_u + own_v - 2 * mutual,
    )


@compiled.jit
def pairwise(overlaps: ArrayLike) -> PairwiseComparison:
    r"""Compare all pairs of representation spaces.

    The values of ``compare`` for every pair, from one matrix product per point: with
    :math:`c^U_i` the centred row i of :math:`1 - B^U` and :math:`m^U_i` the mean of
    that of :math:`B^U`,

    .. math::
        I(U;V) = \frac1n \sum_i \log\left(1
        + \frac{\langle c^U_i, c^V_i \rangle}{n\, m^U_i m^V_i}\right) .

    Differentiable. Costs :math:`O(m^2 n^2)` flops in matrix products, :math:`O(m^2 n)`
    logarithms, and a copy of ``overlaps`` in memory; for one-dimensional Gaussians,
    ``gaussian_pairwise`` never stores them.

    Args:
        overlaps: Overlaps in each space, of the same points in the same order, 1 on the
            diagonal. Shape ``(m, n, n)``.

    Returns:
        Information of each space, and I(U;V), NMI and VI of each pair, in nats; the
        diagonal of I(U;V) is I(U;U').

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> labels = jnp.array([[0, 0, 1, 1], [0, 1, 0, 1], [5, 5, 4, 4]])
        >>> overlaps = jnp.stack([fingerprint.label_overlaps(one) for one in labels])
        >>> print(fingerprint.pairwise(overlaps).nmi)
        [[1. 0. 1.]
         [0. 1. 0.]
         [1. 0. 1.]]
    """
    overlaps = checks.as_float("overlaps", overlaps, "(m, n, n)")
    n = overlaps.shape[1]
    sums = sums_over_points(overlaps, jnp.ones_like(overlaps[0, :, 0]))
    return pairs_of_sums(sums, n)


def sums_over_points(
    overlaps: jax.Array, weights: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What all pairs of spaces share, summed over some of the points.

    From their rows of the overlaps ``(m, r, n)`` and their weights ``(r,)``: sums of
    logarithms of mean overlaps ``(m,)`` and of terms of I(U;V) ``(m, m)``.
    """
    m, _, n = overlaps.shape

    def block(
        rows: tuple[jax.Array, jax.Array], is_real: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], None]:
        overlaps, weights = rows
        weights = weights * is_real
        u = _clusterings.rows_of_overlaps(overlaps)
        terms = _clusterings.shared_by_all_pairs(u, u, weights)
        return (weights @ u.log_mean, terms), None

    size = blocks.default_size(m * n, overlaps.dtype.itemsize)
    rows = jnp.swapaxes(overlaps, 0, 1), weights
    sums, _ = blocks.over_rows(block, rows, block_size=size)
    return sums


def pairs_of_sums(
    sums: tuple[jax.Array, jax.Array], num_points: int
) -> PairwiseComparison:
    """Comparison of all pairs of spaces from `sums_over_points` of all points."""
    log_mean, terms = sums
    rounding = _clusterings.rounding_of_overlaps(terms.dtype)
    return _clusterings.comparison_of_pairs(
        -log_mean / num_points, terms / num_points, rounding
    )


@compiled.jit
def cross_pairwise(overlaps_u: ArrayLike, overlaps_v: ArrayLike) -> CrossComparison:
    r"""Compare every representation space of one set with every space of another.

    The values of ``compare``, from one matrix product per point: with
    :math:`c^U_i` the centred row i of :math:`1 - B^U` and :math:`m^U_i` the mean of
    that of :math:`B^U`,

    .. math::
        I(U;V) = \frac1n \sum_i \log\left(1
        + \frac{\langle c^U_i, c^V_i \rangle}{n\, m^U_i m^V_i}\right) .

    Differentiable in both arguments. Costs :math:`O(m l n^2)` flops in matrix products
    and a copy of the overlaps in memory.

    Args:
        overlaps_u: Overlaps in the first spaces, 1 on the diagonal. Shape
            ``(m, n, n)``.
        overlaps_v: Overlaps in the second spaces, of the same points in the same order.
            Shape ``(l, n, n)``.

    Returns:
        Information of each space, and I(U;V), NMI and VI of each pair, in nats.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> labels = jnp.array([[0, 0, 1, 1], [0, 1, 0, 1], [5, 5, 4, 4]])
        >>> overlaps = jnp.stack([fingerprint.label_overlaps(one) for one in labels])
        >>> print(fingerprint.cross_pairwise(overlaps[:1], overlaps[1:]).nmi)
        [[0. 1.]]
    """
    overlaps_u = checks.as_float("overlaps_u", overlaps_u, "(m, n, n)")
    m, n, _ = overlaps_u.shape
    overlaps_v = checks.as_float("overlaps_v", overlaps_v, "(l, n, n)", n=n)
    overlaps_u, overlaps_v = checks.promote(overlaps_u, overlaps_v)

    def block(
        rows: tuple[jax.Array, jax.Array], weights: jax.Array
    ) -> tuple[CrossSums, None]:
        u, v = (_clusterings.rows_of_overlaps(b) for b in rows)
        return cross_sums_of_rows(u, v, weights), None

    largest = max(m, overlaps_v.shape[0])
    size = blocks.default_size(largest * n, overlaps_u.dtype.itemsize)
    rows = (jnp.swapaxes(overlaps_u, 0, 1), jnp.swapaxes(overlaps_v, 0, 1))
    sums, _ = blocks.over_rows(block, rows, block_size=size)
    return cross_of_sums(sums, n, _clusterings.rounding_of_overlaps(overlaps_u.dtype))


# Sums over points for two groups: log m_i and the terms of I(U;U') of each, and the
# terms of I(U;V).
CrossSums = tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]


def cross_sums_of_rows(
    u: _clusterings.Rows, v: _clusterings.Rows, weights: jax.Array
) -> CrossSums:
    """Contribution of a block of points to the comparison of two groups."""
    return (
        weights @ u.log_mean,
        weights @ _clusterings.shared(u, u),
        weights @ v.log_mean,
        weights @ _clusterings.shared(v, v),
        _clusterings.shared_by_all_pairs(u, v, weights),
    )


def cross_of_sums(sums: CrossSums, n: int, rounding: float = 0.0) -> CrossComparison:
    """Comparison of two groups from the sums over all points."""
    log_mean_u, own_u, log_mean_v, own_v, terms = sums
    mutual, own_u, own_v = terms / n, own_u[:, None] / n, own_v[None, :] / n
    return CrossComparison(
        information_u=-log_mean_u / n,
        information_v=-log_mean_v / n,
        mutual_information=mutual,
        nmi=_clusterings.normalized(mutual, own_u, own_v, rounding),
        vi=own_u + own_v - 2 * mutual,
    )
