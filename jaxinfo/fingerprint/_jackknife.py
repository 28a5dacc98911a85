"""Uncertainty of a comparison from the choice of the fingerprint's points."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, resampling
from jaxinfo.fingerprint import _clusterings, _compare
from jaxinfo.fingerprint._types import Comparison, Jackknife

# Units in the last place of I(X;U) by which sums of changes are off.
_ROUNDING = 16


@compiled.jit
def jackknife(overlaps_u: ArrayLike, overlaps_v: ArrayLike) -> Jackknife:
    r"""Standard errors and bias of ``compare`` over the choice of points.

    Each point k is left out in turn; with :math:`\theta_{(k)}` the values without it
    and :math:`\bar\theta` their mean,

    .. math::
        \mathrm{se}^2 = \frac{n-1}{n} \sum_k (\theta_{(k)} - \bar\theta)^2, \qquad
        \text{value} = \theta + (n - 1) (\theta - \bar\theta) .

    The effect of leaving a point out follows from the row sums, so all n comparisons
    cost only as much as a few; in float32 this is precise for spaces of more than about
    0.01 nats, below which differences of information lose precision. A bootstrap is not
    offered: a point drawn twice looks like two points that the space confuses.

    Differentiable in both arguments. Costs :math:`O(n^2)`.

    Args:
        overlaps_u: Overlaps in the first space, symmetric, 1 on the diagonal. Shape
            ``(n, n)``.
        overlaps_v: Overlaps in the second, of the same points in the same order. Shape
            ``(n, n)``.

    Returns:
        Bias-corrected values of ``compare``, one standard error of each, and the
        uncorrected values; all in nats, except NMI.

    Raises:
        ValueError: If there are fewer than 2 points.

    References:
        Efron, `Bootstrap methods: another look at the jackknife
        <https://doi.org/10.1214/aos/1176344552>`_, 1979.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> u, v = jax.random.normal(jax.random.key(0), (2, 100, 1))
        >>> b_u, b_v = (fingerprint.gaussian_overlaps(3 * x, 0 * x) for x in (u, u + v))
        >>> result = fingerprint.jackknife(b_u, b_v)
        >>> print(f"NMI {result.value.nmi:.2f} +- {result.standard_error.nmi:.2f}")
        NMI 0.35 +- 0.06
    """
    overlaps_u, overlaps_v = checks.as_floats(
        "(n, n)", overlaps_u=overlaps_u, overlaps_v=overlaps_v
    )
    n = overlaps_u.shape[0]
    if n < 2:
        raise ValueError(
            f"Expected `overlaps_u` to have at least 2 points, got {overlaps_u.shape}."
        )
    plugin = _compare.compare(overlaps_u, overlaps_v)
    # Of one space with itself, compare gives the information that two draws share.
    own_u, own_v = (
        _compare.compare(overlaps, overlaps).mutual_information
        for overlaps in (overlaps_u, overlaps_v)
    )
    u, v, both, twice_u, twice_v = (
        _changes_of_information(overlaps)
        for overlaps in (
            overlaps_u,
            overlaps_v,
            overlaps_u * overlaps_v,
            overlaps_u**2,
            overlaps_v**2,
        )
    )
    mutual = u + v - both
    own_change_u, own_change_v = 2 * u - twice_u, 2 * v - twice_v
    # Without a point that alone is told apart, a space may carry nothing.
    rounding = _ROUNDING * float(np.finfo(overlaps_u.dtype).eps)
    nmi = guarded.over_geometric_mean(
        plugin.mutual_information + mutual,
        _above(rounding * plugin.information_u, own_u + own_change_u),
        _above(rounding * plugin.information_v, own_v + own_change_v),
    )
    changes = Comparison(
        information_u=u,
        information_v=v,
        mutual_information=mutual,
        nmi=nmi - plugin.nmi,
        vi=own_change_u + own_change_v - 2 * mutual,
    )
    return Jackknife(
        value=jax.tree.map(
            lambda value, change: value - (n - 1) * jnp.mean(change), plugin, changes
        ),
        # (n-1)/n sum (t - mean t)^2 is the square of n-1 standard errors of a mean.
        standard_error=jax.tree.map(
            lambda change: resampling.mean_and_standard_error(change)[1] * (n - 1),
            changes,
        ),
        plugin=plugin,
    )


def _above(least: jax.Array, own: jax.Array) -> jax.Array:
    """Information, zero where it is at most the least that is not rounding."""
    return jnp.where(own <= least, 0, own)


def _changes_of_information(overlaps: jax.Array) -> jax.Array:
    """I(X;U) without each point, less that with all, ``(n,)``.

    The changes, not the values, as these agree in most of their digits.
    """
    n = overlaps.shape[0]
    rows = _clusterings.rows_of_overlaps(overlaps)
    # log((S_i - B_ik) / (n-1)) - log(S_i / n), with S_i = n m_i, in centred form.
    relative = rows.centred / rows.mean[:, None] / (n - 1)
    relative = jnp.where(jnp.eye(n, dtype=bool), 0, relative)
    of_others = jnp.sum(jnp.log1p(relative), axis=0)
    of_own = jnp.mean(rows.log_mean) - rows.log_mean
    return -(of_others + of_own) / (n - 1)
