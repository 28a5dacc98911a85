"""Transfer entropy of series taken for Gaussian: Granger's index, halved."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import compiled, linalg, units
from jaxinfo.transfer_entropy._timing import (
    Embedding,
    Timing,
    embed_series,
    read_series,
)

# Share of a variance, in rounding units, that keeps factors of dependent columns
# finite.
_RIDGE = 8


@compiled.jit
def gaussian(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    timing: Timing = Timing(),
) -> jax.Array:
    r"""Transfer entropy of series that are assumed to be Gaussian.

    With :math:`\Sigma` the sample covariances of the variables that `embed` joins,

    .. math::
        T = \frac12 \log \frac{|\Sigma_{fp}| |\Sigma_{ps}|}{|\Sigma_p| |\Sigma_{fps}|} ,

    half of Granger's index of the two linear regressions of the future. It detects only
    linear influence. Variances are raised by eight machine epsilons of themselves, so
    that linearly dependent columns give a finite value.

    Differentiable. Costs :math:`O(N d^2 + d^3)` for d joined columns.

    Args:
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        timing: Histories, delays and lags. Static.

    Returns:
        Transfer entropy in nats, non-negative up to rounding; 0 for a constant source
        or target, NaN if a value is not finite. Shape ``()``.

    Raises:
        ValueError: If there are not more samples than joined columns.

    References:
        Barnett, Barrett and Seth, `Granger causality and transfer entropy are
        equivalent for Gaussian variables <https://arxiv.org/abs/0910.4514>`_, 2009,
        equation 7.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 10_000, 1))
        >>> y = jnp.roll(x, 1) + noise
        >>> print(transfer_entropy.gaussian(x, y).round(2))  # log(2) / 2
        0.35
    """
    series = read_series(source, target, condition)
    return of_embedding(embed_series(series, timing))


@compiled.jit
def local_gaussian(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    timing: Timing = Timing(),
) -> jax.Array:
    r"""Local transfer entropy of each sample, whose mean is `gaussian`.

    .. math::
        t_n = \log \frac{N(f_n \mid p_n, s_n)}{N(f_n \mid p_n)}

    with the densities of the two regressions. Differentiable. Costs are those of
    `gaussian`.

    Args:
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        timing: Histories, delays and lags. Static.

    Returns:
        Local transfer entropy in nats, of either sign, starting with the first sample.
        Shape ``(N,)``.

    Raises:
        ValueError: If there are not more samples than joined columns.

    References:
        Lizier, `JIDT <https://arxiv.org/abs/1408.3270>`_, 2014, section 2.3.

    Example:
        >>> import jax
        >>> from jaxinfo import transfer_entropy
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 100, 1))
        >>> print(transfer_entropy.local_gaussian(x, y).shape)
        (99,)
    """
    embedding = embed_series(read_series(source, target, condition), timing)
    residuals = _residuals(embedding)
    ratio = jnp.sum(residuals.log_scale - residuals.log_scale_with_source)
    without, with_source = (
        jnp.sum(jnp.square(white), axis=1)
        for white in (residuals.white, residuals.white_with_source)
    )
    return ratio + (without - with_source) / 2


def of_embedding(embedding: Embedding) -> jax.Array:
    """Transfer entropy of samples."""
    residuals = _residuals(embedding)
    return jnp.sum(residuals.log_scale - residuals.log_scale_with_source)


def degrees_of_freedom(embedding: Embedding) -> int:
    """Degrees of freedom of twice the number of samples times the value."""
    return embedding.source_past.shape[1] * embedding.future.shape[1]


class _Residuals(NamedTuple):
    """Residuals of the future in its regressions.

    Attributes:
        log_scale: Logarithms of the scales of residuals given the past. Shape ``(b,)``.
        white: These residuals, whitened. Shape ``(N, b)``.
        log_scale_with_source: Given the past and the source. Shape ``(b,)``.
        white_with_source: Likewise. Shape ``(N, b)``.
    """

    log_scale: jax.Array
    white: jax.Array
    log_scale_with_source: jax.Array
    white_with_source: jax.Array


def _residuals(embedding: Embedding) -> _Residuals:
    future, past, source = embedding
    num_samples = future.shape[0]
    joined = future.shape[1] + past.shape[1] + source.shape[1]
    if num_samples <= joined:
        raise ValueError(
            f"Expected `source` and `target` to have more samples than the {joined} "
            f"columns that `timing` joins, got {num_samples}."
        )
    f, p, s = (units.standardized(part, ddof=0) for part in (future, past, source))

    def regress(*given: jax.Array) -> tuple[jax.Array, jax.Array]:
        columns = jnp.concatenate([*given, f], axis=1)
        covariance = linalg.product(columns.T, columns) / num_samples
        # The same for both regressions, so that what tells nothing cancels exactly.
        ridge = _RIDGE * float(np.finfo(columns.dtype).eps)
        factor = linalg.cholesky(
            covariance + ridge * jnp.eye(columns.shape[1], dtype=columns.dtype)
        )
        white = linalg.solve_factor(factor, columns.T)[-f.shape[1] :].T
        return jnp.log(jnp.diagonal(factor))[-f.shape[1] :], white

    return _Residuals(*regress(p), *regress(p, s))
