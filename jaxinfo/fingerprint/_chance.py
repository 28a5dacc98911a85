"""What unrelated spaces seem to share on a fingerprint of few points."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled, guarded
from jaxinfo.fingerprint import _channels, _clusterings, _hellinger
from jaxinfo.fingerprint._types import ChanceAdjusted

# Degree of the interpolation of log(1 + ab), which makes it exact to 1e-11.
_DEGREE = 31
# Units in the last place by which rounding may part the expectation of I(U;V) from the
# largest possible value.
_ROUNDING = 1000


@compiled.jit
def adjust_for_chance(overlaps_u: ArrayLike, overlaps_v: ArrayLike) -> ChanceAdjusted:
    r"""Adjust shared information for what unrelated spaces share by chance.

    Every point overlaps itself, so unrelated spaces look alike once their joint
    information nears :math:`\log n`. The expectation E of I(U;V) over random pairings
    of the points follows, to second order, from the moments of the sums
    :math:`s_i = \sum_{j \ne i} B_{ij}` and their spreads :math:`q_i = \sum_{j \ne i}
    (B_{ij} - \tfrac{s_i}{n-1})^2`:

    .. math::
        E = I(X;U) + I(X;V) + \frac1{n^2} \sum_{ik} \left[ \log \frac{z_{ik}}{n}
        - \frac{q^U_i q^V_k}{2 (n-2) z_{ik}^2} \right], \quad
        z_{ik} = 1 + \frac{s^U_i s^V_k}{n-1}, \\
        \text{adjusted NMI} = \frac{I(U;V) - E}{\sqrt{I(U;U') I(V;V')} - E} .

    The terms are evaluated without cancellation. The result is within about 0.003 nats
    of the mean over permutations for soft clusterings, 0.02 for hard ones.

    Adjusted NMI is 0 / 0 where every pairing of the points shares the maximum possible
    information: where both spaces are saturated, with every point in a cluster of its
    own, or where one carries no information. The spaces then share no more than
    expected by chance, so the value is 0, even for a space compared with itself
    (scikit-learn calls two such clusterings a perfect match). It fades to 0 where the
    denominator comes within 2000 units in the last place of :math:`\sqrt{I(U;U')
    I(V;V')}`, below which it would be rounding error.

    Differentiable in both arguments. Costs :math:`O(n^2)`.

    Args:
        overlaps_u: Overlaps in the first space, 1 on the diagonal. Shape ``(n, n)``.
        overlaps_v: Overlaps in the second, of the same points in the same order. Shape
            ``(n, n)``.

    Returns:
        The expectation and I(U;V) minus the expectation, in nats; adjusted NMI, about 0
        for unrelated spaces, 1 for a space compared with itself, and 0 where a space
        carries no information or both are saturated.

    Raises:
        ValueError: If there are fewer than 3 points.

    References:
        The adjustment of Vinh et al., `Information theoretic measures for clusterings
        comparison <https://www.jmlr.org/papers/v11/vinh10a.html>`_, 2010, carried over
        to soft clusterings; the closed form is new here.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> u, v = 20 * jax.random.normal(jax.random.key(0), (2, 300, 1))
        >>> b_u, b_v = (fingerprint.gaussian_overlaps(x, 0 * x) for x in (u, v))
        >>> print(fingerprint.compare(b_u, b_v).nmi)  # of unrelated spaces
        0.2417
        >>> print(abs(fingerprint.adjust_for_chance(b_u, b_v).nmi) < 0.1)
        True
    """
    overlaps_u, overlaps_v = checks.as_floats(
        "(n, n)", overlaps_u=overlaps_u, overlaps_v=overlaps_v
    )
    n = overlaps_u.shape[0]
    _check_points("overlaps_u", n, overlaps_u.shape)
    u, v = (_clusterings.rows_of_overlaps(b) for b in (overlaps_u, overlaps_v))
    (odds_u, spread_u), (odds_v, spread_v) = (_moments(rows) for rows in (u, v))
    product = odds_u[:, None] * odds_v[None, :] / (n - 1)
    spread = spread_u[:, None] * spread_v[None, :] / (2 * (n - 2))
    z = n * u.mean[:, None] * v.mean[None, :] * (1 + product)
    expected = jnp.mean(jnp.log1p(product) - spread / z**2)
    mutual, own_u, own_v = (
        jnp.mean(_clusterings.shared(*pair)) for pair in ((u, v), (u, u), (v, v))
    )
    rounding = _clusterings.rounding_of_overlaps(mutual.dtype)
    return _adjusted(expected, mutual, own_u, own_v, rounding)


@compiled.jit(static_argnames=("block_size",))
def gaussian_pairwise_chance(
    means: ArrayLike, log_variances: ArrayLike, *, block_size: int | None = None
) -> ChanceAdjusted:
    r"""Adjust the shared information of all pairs of Gaussian channels for chance.

    The values of ``adjust_for_chance`` for every pair. Its double mean over points is
    replaced by an interpolation: :math:`\log(1 + ab/(n-1))` is smooth in
    :math:`\log(1+a)` and :math:`\log(1+b)`, so 32 Chebyshev nodes reproduce it to
    1e-11.

    Differentiable in both arguments. Costs are those of ``gaussian_pairwise`` plus
    :math:`O(m n + m^2)`.

    Args:
        means: Means of the posteriors, one column per channel, as encoders give them.
            Shape ``(n, m)``.
        log_variances: Logarithms of their variances. Shape ``(n, m)``.
        block_size: Points held in memory at once; ``None`` holds about one mebibyte.
            Static.

    Returns:
        The expectations and I(U;V) minus these, in nats, and adjusted NMI; each of
        shape ``(m, m)``.

    Raises:
        ValueError: If there are fewer than 3 points.

    References:
        As for ``adjust_for_chance``.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> means = 20 * jax.random.normal(jax.random.key(0), (300, 2))
        >>> result = fingerprint.gaussian_pairwise_chance(means, 0 * means)
        >>> print(abs(result.nmi[0, 1]) < 0.1, result.nmi[0, 0])
        True 1.0
    """
    means, log_variances = checks.as_floats(
        "(n, m)", means=means, log_variances=log_variances
    )
    n = means.shape[0]
    _check_points("means", n, means.shape)
    checks.block_size(block_size)
    parameters = _hellinger.standardised(means, log_variances)
    columns = tuple(x.T for x in parameters)

    def block(
        points: tuple[jax.Array, ...], weights: jax.Array
    ) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        rows = _channels.channel_rows(points, columns)
        return _clusterings.shared_by_all_pairs(rows, rows, weights), _moments(rows)

    size = block_size or blocks.default_size(means.size, means.dtype.itemsize)
    terms, (odds, spreads) = blocks.over_rows(block, parameters, block_size=size)
    expected = _mean_chance_terms(odds, spreads)
    # Products of matrices are symmetric only up to rounding.
    mutual, expected = ((x + x.T) / 2 for x in (terms / n, expected))
    own = jnp.diagonal(mutual)
    return _adjusted(expected, mutual, own[:, None], own[None, :])


def _check_points(name: str, n: int, shape: tuple[int, ...]) -> None:
    if n < 3:
        raise ValueError(f"Expected `{name}` to have at least 3 points, got {shape}.")


def _moments(rows: _clusterings.Rows) -> tuple[jax.Array, jax.Array]:
    """Odds ``(1 - m_i) / m_i`` of each point, and the spread of its overlaps.

    With odds a and b, ``z_ik = n m_i m_k (1 + a_i b_k / (n-1))``, so the expectation is
    a mean of ``log1p(a_i b_k / (n-1))``, to relative precision for weak spaces.
    """
    n = rows.centred.shape[-1]
    # A point's own complement is zero, so its part of the total is known.
    total = jnp.sum(rows.centred**2, axis=-1)
    own = rows.mean_distance**2 * (n / (n - 1))
    return rows.mean_distance / rows.mean, total - own


def _adjusted(
    expected: jax.Array,
    mutual: jax.Array,
    own_u: jax.Array,
    own_v: jax.Array,
    rounding: float = 0.0,
) -> ChanceAdjusted:
    is_empty = (own_u <= rounding) | (own_v <= rounding)
    largest = guarded.sqrt(own_u) * guarded.sqrt(own_v)
    gap = largest - expected
    # How far the gap has risen out of the rounding of what it is the difference of.
    noise = _ROUNDING * float(np.finfo(largest.dtype).eps) * largest
    is_saturated = gap <= noise
    share = jnp.clip(guarded.quotient(gap, noise) - 1, 0, 1)
    gap = jnp.where(is_empty | is_saturated, 0, gap)
    return ChanceAdjusted(
        expected_mutual_information=expected,
        mutual_information=mutual - expected,
        nmi=guarded.quotient(mutual - expected, gap) * share,
    )


def _mean_chance_terms(odds: jax.Array, spreads: jax.Array) -> jax.Array:
    """Mean over pairs of points of the bracket in E, for all channels ``(m, m)``.

    Of odds and spreads of shape ``(n, m)``. Each function of two odds is interpolated
    in the logarithms of ``1 + a``.
    """
    n, _ = odds.shape
    length = math.log(n)
    nodes = length * (np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE) + 1) / 2
    at_nodes = np.expm1(nodes)
    product = at_nodes[:, None] * at_nodes[None, :] / (n - 1)
    inverse_mean = np.exp(nodes[:, None] + nodes[None, :])
    # The mean complement a / (1 + a) is split off and enters the moments exactly, so
    # that weak channels keep their digits; the quotient has a limit at zero.
    quotient = np.where(product > 0, np.log1p(product) / np.maximum(product, 1e-300), 1)
    first = quotient * inverse_mean / (n - 1)
    second = (inverse_mean / (n * (1 + product))) ** 2 / (2 * (n - 2))
    polynomials = _chebyshev_polynomials(2 * jnp.log1p(odds) / length - 1)
    moments, spread_moments = (
        jnp.mean(weights[None] * polynomials, axis=1)
        for weights in (odds / (1 + odds), spreads)
    )
    return _bilinear(moments, first) - _bilinear(spread_moments, second)


def _bilinear(moments: jax.Array, values: npt.NDArray[np.float64]) -> jax.Array:
    """Interpolate a function of two variables, known at the nodes, for all pairs."""
    k = np.arange(_DEGREE + 1)
    half = np.where((k == 0) | (k == _DEGREE), 0.5, 1.0)
    transform = np.cos(np.pi * np.outer(k, k) / _DEGREE) * np.outer(half, half)
    transform *= 2 / _DEGREE
    coefficients = jnp.asarray(transform @ values @ transform.T, moments.dtype)
    return jnp.linalg.multi_dot(
        [moments.T, coefficients, moments], precision=jax.lax.Precision.HIGHEST
    )


def _chebyshev_polynomials(x: jax.Array) -> jax.Array:
    """Chebyshev polynomials of all degrees, stacked along a new first axis.

    By their recurrence, which unlike barycentric weights has a gradient at the nodes.
    """

    def step(
        last: tuple[jax.Array, jax.Array], _: None
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        before, polynomial = last
        return (polynomial, 2 * x * polynomial - before), before

    (last, _), polynomials = jax.lax.scan(step, (jnp.ones_like(x), x), length=_DEGREE)
    return jnp.concatenate([polynomials, last[None]])
