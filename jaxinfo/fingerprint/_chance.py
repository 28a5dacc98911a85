"""What unrelated spaces seem to share on a fingerprint of few points."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, clusterings, compiled, ratio
from jaxinfo.fingerprint import _channels, _compare
from jaxinfo.fingerprint._types import ChanceAdjusted

# Degree of the interpolation of log(1 + ab), which makes it exact to 1e-11.
_DEGREE = 31


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

    Within about 0.003 nats of the mean of permutations for soft clusterings, 0.02 for
    hard ones. Differentiable in both arguments. Costs :math:`O(n^2)`.

    Args:
        overlaps_u: Overlaps in the first space, 1 on the diagonal. Shape ``(n, n)``.
        overlaps_v: Overlaps in the second, of the same points in the same order. Shape
            ``(n, n)``.

    Returns:
        The expectation and I(U;V) less it, in nats; adjusted NMI, about 0 for unrelated
        spaces, 1 for a space and itself, and 0 where the expectation reaches the
        largest possible value.

    Raises:
        TypeError: If an argument is complex or not an array.
        ValueError: If the arguments are not square, differ in shape, or have fewer than
            3 points.

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
    u, v = (clusterings.rows_of_overlaps(b) for b in (overlaps_u, overlaps_v))
    (sum_u, spread_u), (sum_v, spread_v) = (_moments(rows) for rows in (u, v))
    product = sum_u[:, None] * sum_v[None, :] / (n - 1)
    spread = spread_u[:, None] * spread_v[None, :] / (n - 2)
    expected = -jnp.mean(u.log_mean) - jnp.mean(v.log_mean)
    expected += jnp.mean(
        jnp.log1p(product) - math.log(n) - spread / (2 * (1 + product) ** 2)
    )
    mutual, own_u, own_v = (
        jnp.mean(clusterings.shared(*pair)) for pair in ((u, v), (u, u), (v, v))
    )
    return _adjusted(expected, mutual, own_u, own_v)


@compiled.jit(static_argnames=("block_size",))
def gaussian_pairwise_chance(
    means: ArrayLike, log_variances: ArrayLike, *, block_size: int | None = None
) -> ChanceAdjusted:
    r"""Adjust the shared information of all pairs of Gaussian channels for chance.

    The values of ``adjust_for_chance`` for every pair. Its double mean over points is
    replaced by an interpolation: :math:`\log(1 + ab/(n-1))` is smooth in
    :math:`\log(1+a)` and :math:`\log(1+b)`, so 32 Chebyshev nodes reproduce it to
    1e-11.

    Differentiable in both arguments. Costs what ``gaussian_pairwise`` does, and
    :math:`O(m n + m^2)` more.

    Args:
        means: Means of the posteriors of each channel. Shape ``(m, n)``.
        log_variances: Logarithms of their variances. Shape ``(m, n)``.
        block_size: Points of a block; ``None`` is about one mebibyte. Static.

    Returns:
        The expectations and I(U;V) less them, in nats, and adjusted NMI; each of shape
        ``(m, m)``.

    Raises:
        TypeError: If an argument is complex or not an array, or ``block_size`` not an
            int.
        ValueError: If the arguments are not two-dimensional or differ in shape, there
            are fewer than 3 points, or ``block_size`` is below 1.

    References:
        As for ``adjust_for_chance``.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> means = 20 * jax.random.normal(jax.random.key(0), (2, 300))
        >>> result = fingerprint.gaussian_pairwise_chance(means, 0 * means)
        >>> print(abs(result.nmi[0, 1]) < 0.1, result.nmi[0, 0])
        True 1.0
    """
    means, log_variances = checks.as_floats(
        "(m, n)", means=means, log_variances=log_variances
    )
    n = means.shape[1]
    _check_points("means", n, means.shape)
    parameters, size = _channels.prepare(means, log_variances, block_size)

    def block(
        points: tuple[jax.Array, ...], weights: jax.Array
    ) -> tuple[_compare.Sums, tuple[jax.Array, jax.Array]]:
        rows = _channels.channel_rows(points, parameters)
        return _compare.sums_of_rows(rows, weights), _moments(rows)

    points = tuple(x.T for x in parameters)
    (log_mean, terms), (sums, spreads) = blocks.over_rows(
        block, points, block_size=size
    )
    result = _compare.pairwise_of(-log_mean / n, terms / n)
    expected = result.information[:, None] + result.information[None, :] - math.log(n)
    expected += _mean_chance_terms(sums, spreads)
    own = jnp.diagonal(result.mutual_information)
    return _adjusted(
        (expected + expected.T) / 2,
        result.mutual_information,
        own[:, None],
        own[None, :],
    )


def _check_points(name: str, n: int, shape: tuple[int, ...]) -> None:
    if n < 3:
        raise ValueError(f"Expected `{name}` to have at least 3 points, got {shape}.")


def _moments(rows: clusterings.Rows) -> tuple[jax.Array, jax.Array]:
    """Sums and spreads of the overlaps of each point with all others."""
    n = rows.centred.shape[-1]
    sums = n * rows.mean - 1
    # A point's own complement is zero, and its deviation from the mean of the others
    # is known from the mean with it.
    total = jnp.sum(rows.centred**2, axis=-1)
    own = 1 - rows.mean
    return sums, total - own**2 * (n / (n - 1))


def _adjusted(
    expected: jax.Array, mutual: jax.Array, own_u: jax.Array, own_v: jax.Array
) -> ChanceAdjusted:
    is_empty = (own_u == 0) | (own_v == 0)
    largest = jnp.where(
        is_empty,
        0,
        jnp.sqrt(jnp.where(is_empty, 1, own_u))
        * jnp.sqrt(jnp.where(is_empty, 1, own_v)),
    )
    gap = largest - expected
    gap = jnp.where(gap <= 0, 0, gap)
    return ChanceAdjusted(
        expected_mutual_information=expected,
        mutual_information=mutual - expected,
        nmi=ratio.quotient(mutual - expected, gap),
    )


def _mean_chance_terms(sums: jax.Array, spreads: jax.Array) -> jax.Array:
    """Mean over pairs of points of the bracket in E, for all channels ``(m, m)``."""
    n, _ = sums.shape
    length = math.log(n)
    nodes = np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE)
    values = jnp.asarray(np.expm1(length * (nodes + 1) / 2), sums.dtype)
    product = values[:, None] * values[None, :] / (n - 1)
    polynomials = _chebyshev_polynomials(2 * jnp.log1p(sums) / length - 1)
    mean = jnp.mean(polynomials, axis=1)
    mean_spread = jnp.mean(spreads[None] * polynomials, axis=1)
    first = _bilinear(mean, jnp.log1p(product))
    second = _bilinear(mean_spread, 1 / (1 + product) ** 2)
    return first - second / (2 * (n - 2))


def _bilinear(moments: jax.Array, values: jax.Array) -> jax.Array:
    """Interpolate a function of two variables, known at the nodes, for all pairs."""
    k = np.arange(_DEGREE + 1)
    half = np.where((k == 0) | (k == _DEGREE), 0.5, 1.0)
    cosines = np.cos(np.pi * np.outer(k, k) / _DEGREE)
    transform = jnp.asarray(2 / _DEGREE * np.outer(half, half) * cosines, values.dtype)
    return jnp.linalg.multi_dot(
        [moments.T, transform, values, transform.T, moments],
        precision=jax.lax.Precision.HIGHEST,
    )


def _chebyshev_polynomials(x: jax.Array) -> jax.Array:
    """Chebyshev polynomials of all degrees, stacked along a new first axis.

    By their recurrence, which unlike barycentric weights has a gradient at the nodes.
    """
    polynomials = [jnp.ones_like(x), x]
    for _ in range(_DEGREE - 1):
        polynomials.append(2 * x * polynomials[-1] - polynomials[-2])
    return jnp.stack(polynomials)
