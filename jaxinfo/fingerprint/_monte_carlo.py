"""Comparison of diagonal Gaussian spaces by sampling, with standard errors."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import (
    blocks,
    checks,
    compiled,
    guarded,
    logspace,
    resampling,
)
from jaxinfo.fingerprint import _hellinger, _latents
from jaxinfo.fingerprint._types import Comparison, MonteCarloComparison


@compiled.jit(static_argnames=("num_samples", "block_size"))
def monte_carlo_compare(
    key: ArrayLike,
    means_u: ArrayLike,
    log_variances_u: ArrayLike,
    means_v: ArrayLike,
    log_variances_v: ArrayLike,
    *,
    num_samples: int,
    block_size: int | None = None,
) -> MonteCarloComparison:
    r"""Compare two Gaussian representation spaces by sampling.

    Each sample draws a point i, two vectors u and u' from :math:`p(u|x_i)` and v and v'
    from :math:`p(v|x_i)`. With :math:`L(u) = \log \frac1n \sum_j p(u|x_j)`, and
    :math:`L(u, v)` that of the products of densities,

    .. math::
        I(X;U) = E[\log p(u|x_i) - L(u)], \qquad
        I(U;V) = E[L(u, v) - L(u) - L(v)],

    and I(U;U') follows likewise from u and u'. Unbiased if the n points are the whole
    data set, and at most :math:`\log n`. All values come from the same samples, so
    common fluctuations cancel in NMI and VI and in their standard errors (by the delta
    method): for nearly independent spaces these are several times smaller than those of
    separate runs. VI computed from exact information can be negative.

    Differentiable in the means and log-variances. Costs :math:`O(s n (a + b))` time for
    s samples, in ``block_size * n`` memory, in reverse mode too.

    Args:
        key: Random key.
        means_u: Means in the first space. Shape ``(n, a)``.
        log_variances_u: Logarithms of the variances. Shape ``(n, a)``.
        means_v: Means in the second space, of the same points in the same order. Shape
            ``(n, b)``.
        log_variances_v: Logarithms of the variances. Shape ``(n, b)``.
        num_samples: Number of samples, at least 2. Static.
        block_size: Samples held in memory at once; ``None`` holds about one mebibyte.
            Static.

    Returns:
        Both informations, I(U;V) and VI in nats, and NMI, which is 0 where a space
        carries no information and NaN where too few samples leave I(U;U') negative; and
        one standard error of each.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3;
        the common samples and their errors are new here.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> key_u, key_v, key = jax.random.split(jax.random.key(0), 3)
        >>> u = 3 * jax.random.normal(key_u, (100, 2))
        >>> v = u + jax.random.normal(key_v, (100, 2))
        >>> value, error = fingerprint.monte_carlo_compare(
        ...     key, u, 0 * u, v, 0 * v, num_samples=4000
        ... )
        >>> print(f"NMI {value.nmi:.2f} +- {error.nmi:.2f}")
        NMI 0.87 +- 0.01
    """
    key = checks.as_key("key", key)
    means_u, log_variances_u = checks.as_floats(
        "(n, a)", means_u=means_u, log_variances_u=log_variances_u
    )
    n = means_u.shape[0]
    checks.as_float("means_v", means_v, "(n, b)", n=n)
    means_v, log_variances_v = checks.as_floats(
        "(n, b)", means_v=means_v, log_variances_v=log_variances_v
    )
    dtype = checks.promote(means_u, means_v)[0].dtype
    checks.at_least("num_samples", num_samples, 2)
    checks.block_size(block_size)
    spaces = [
        _hellinger.standardised(means.astype(dtype), log_variances.astype(dtype))
        for means, log_variances in (
            (means_u, log_variances_u),
            (means_v, log_variances_v),
        )
    ]
    key_points, key_u, key_v = jax.random.split(key, 3)
    points = jax.random.randint(key_points, (num_samples,), 0, n)
    noises = [
        jax.random.normal(key_noise, (num_samples, 2, means.shape[1]), dtype)
        for key_noise, (means, _) in zip((key_u, key_v), spaces, strict=True)
    ]

    def block(
        draws: tuple[jax.Array, jax.Array, jax.Array], _: jax.Array
    ) -> tuple[None, jax.Array]:
        index, *noise = draws
        return None, _terms(index, noise, spaces)

    size = block_size or blocks.default_size(n, dtype.itemsize)
    draws = (points, *noises)
    _, terms = blocks.over_rows(block, draws, block_size=size)
    return _summary(terms)


def _terms(
    index: jax.Array,
    noises: list[jax.Array],
    spaces: list[tuple[jax.Array, jax.Array]],
) -> jax.Array:
    """Terms of I(X;U), I(X;V), I(U;V), I(U;U'), I(V;V') of each sample, ``(b, 5)``."""
    (u, u2), (v, v2) = (
        [_log_ratios(index, noise[:, copy], *space) for copy in (0, 1)]
        for noise, space in zip(noises, spaces, strict=True)
    )
    mean_u, mean_u2, mean_v, mean_v2, both, both2, twice_u, twice_v = (
        logspace.log_mean_exp(x, axis=1)
        for x in (u, u2, v, v2, u + v, u2 + v2, u + u2, v + v2)
    )
    return jnp.stack(
        [
            -(mean_u + mean_u2) / 2,
            -(mean_v + mean_v2) / 2,
            (both - mean_u - mean_v + both2 - mean_u2 - mean_v2) / 2,
            twice_u - mean_u - mean_u2,
            twice_v - mean_v - mean_v2,
        ],
        axis=1,
    )


def _log_ratios(
    index: jax.Array, noise: jax.Array, means: jax.Array, scales: jax.Array
) -> jax.Array:
    """Log densities of all posteriors over that drawn from, ``(b, n)``.

    Relative to the own posterior, so that what tells nothing is exactly zero.
    """
    rows = (means[index], scales[index], noise)

    def one(
        mean: jax.Array,
        scale: jax.Array,
        noise: jax.Array,
        mean_j: jax.Array,
        scale_j: jax.Array,
    ) -> jax.Array:
        # With z = noise + shift the standardised draw as posterior j sees it, the
        # squares differ by this product, without cancellation.
        difference = _hellinger.bounded_difference(mean, mean_j)
        shift = (difference + (scale - scale_j) * noise) / scale_j
        return jnp.log(scale / scale_j) - shift * (2 * noise + shift) / 2

    return _latents.fold(one, jnp.add, rows, (means, scales))


def _summary(terms: jax.Array) -> MonteCarloComparison:
    """Values and standard errors from the terms of all samples."""
    means, errors = resampling.mean_and_standard_error(terms)
    mutual, own_u, own_v = means[2:]
    nmi = guarded.over_geometric_mean(mutual, own_u, own_v)
    shares = terms - means[None]
    # First-order changes of NMI with the three means; none divides by I(U;V).
    slopes = (
        guarded.over_geometric_mean(shares[:, 2], own_u, own_v)
        - nmi * guarded.quotient(shares[:, 3], 2 * own_u)
        - nmi * guarded.quotient(shares[:, 4], 2 * own_v)
    )
    variation = terms[:, 3] + terms[:, 4] - 2 * terms[:, 2]
    vi, vi_error = resampling.mean_and_standard_error(variation)
    nmi_error = resampling.mean_and_standard_error(slopes)[1]
    return MonteCarloComparison(
        value=Comparison(means[0], means[1], mutual, nmi, vi),
        standard_error=Comparison(errors[0], errors[1], errors[2], nmi_error, vi_error),
    )
