"""What values are worth beside their null, and beside how many were tried."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo._numerics import guarded
from jaxinfo.transfer_entropy._types import Significance

CORRECTIONS = ("benjamini_hochberg", "max_statistic", "none")


class Null(NamedTuple):
    """The distribution of a value under the null.

    Attributes:
        mean: Shape of the value, as of the others but the last.
        std: Standard deviation.
        p_value: Probability of a value as large.
        largest: Of each surrogate the largest value of all pairs; ``None`` if there are
            no surrogates. Shape ``(s,)``.
    """

    mean: jax.Array
    std: jax.Array
    p_value: jax.Array
    largest: jax.Array | None


def sample(
    value: jax.Array, measure: Callable[[jax.Array], jax.Array], num_surrogates: int
) -> Null:
    """The null from surrogates, one at a time, ``measure(number)``."""
    dtype = value.dtype
    threshold = _just_below(value)

    def step(
        state: tuple[jax.Array, jax.Array, jax.Array], number: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array, jax.Array], jax.Array]:
        mean, squares, exceeding = state
        null = measure(number)
        deviation = null - mean
        mean = mean + deviation / (number + 1).astype(dtype)
        squares = squares + deviation * (null - mean)
        exceeding = exceeding + (null >= threshold).astype(dtype)
        # Pairs without a value are left out.
        largest = jnp.max(jnp.where(jnp.isnan(null), -jnp.inf, null))
        return (mean, squares, exceeding), largest

    zero = jnp.zeros_like(value)
    (mean, squares, exceeding), largest = jax.lax.scan(
        step, (zero, zero, zero), jnp.arange(num_surrogates)
    )
    degrees = num_surrogates - 1 if num_surrogates > 1 else jnp.nan
    return Null(
        mean=mean,
        std=guarded.sqrt(jnp.maximum(squares, 0) / degrees),
        p_value=(1 + exceeding) / (1 + num_surrogates),
        largest=largest,
    )


def chi_squared(value: jax.Array, degrees: jax.Array, num_samples: jax.Array) -> Null:
    """The null of twice the samples times a value in nats, a chi-squared law."""
    total = num_samples * jnp.ones_like(value)
    has_none = degrees == 0
    shape = jnp.where(has_none, 1, degrees) / 2
    # Rounding may leave a value below zero.
    tail = jax.scipy.special.gammaincc(shape, jnp.maximum(total * value, 0))
    tail = jnp.maximum(tail, float(np.finfo(value.dtype).tiny))
    return Null(
        mean=degrees / (2 * total),
        std=guarded.sqrt(2 * degrees) / (2 * total),
        p_value=jnp.where(has_none, 1, tail),
        largest=None,
    )


def significance(
    value: jax.Array, null: Null, future_entropy: jax.Array, correction: str
) -> Significance:
    """Put values beside their null; NaN values have NaN fields."""
    effective = value - null.mean
    # A surrogate without a value would count as one below.
    is_none = jnp.isnan(value) | jnp.isnan(null.mean)
    p_value = jnp.where(is_none, jnp.nan, null.p_value)
    return Significance(
        value=value,
        null_mean=null.mean,
        null_std=null.std,
        effective_value=effective,
        normalized_value=guarded.quotient(effective, future_entropy),
        z_score=guarded.quotient(effective, null.std),
        p_value=p_value,
        adjusted_p_value=_adjusted(value, p_value, null.largest, correction),
    )


def _adjusted(
    value: jax.Array,
    p_value: jax.Array,
    largest: jax.Array | None,
    correction: str,
) -> jax.Array:
    if correction == "max_statistic" and largest is not None:
        ascending = jnp.sort(largest)
        below = jnp.searchsorted(ascending, _just_below(value).ravel())
        exceeding = (largest.shape[0] - below).reshape(value.shape)
        share = (1 + exceeding).astype(value.dtype) / (1 + largest.shape[0])
        return jnp.where(jnp.isnan(p_value), jnp.nan, share)
    if correction == "benjamini_hochberg":
        return _false_discovery_rates(p_value)
    return p_value


def _false_discovery_rates(p_value: jax.Array) -> jax.Array:
    """Benjamini and Hochberg's adjusted p-values; NaN ones are left out."""
    flat = p_value.ravel()
    number = jnp.sum(~jnp.isnan(flat), dtype=flat.dtype)
    # NaN sorts last.
    order = jnp.argsort(flat)
    rank = jnp.arange(1, flat.shape[0] + 1).astype(flat.dtype)
    raised = flat[order] * number / rank
    raised = jnp.where(jnp.isnan(raised), jnp.inf, raised)
    least = jax.lax.cummin(raised, reverse=True)
    rates = jnp.zeros_like(flat).at[order].set(jnp.minimum(least, 1))
    return jnp.where(jnp.isnan(p_value), jnp.nan, rates.reshape(p_value.shape))


def _just_below(value: jax.Array) -> jax.Array:
    """What is equal to a value up to the rounding of tables with equal counts."""
    eps = float(np.finfo(value.dtype).eps)
    return value - 8 * eps * (jnp.abs(value) + 1)
