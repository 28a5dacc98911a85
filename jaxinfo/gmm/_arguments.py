"""Checks of arguments that several functions take."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks
from jaxinfo.gmm._types import GaussianMixture


def mixture(
    name: str, mixture: GaussianMixture, dim: int | None = None
) -> GaussianMixture:
    """Check the shapes of a mixture, and give its arrays one dtype.

    What an absent component has for a mean and a factor is replaced, as it is to be
    ignored and may be singular.
    """
    if not isinstance(mixture, tuple) or len(mixture) != 3:
        raise TypeError(
            f"Expected `{name}` to be a GaussianMixture, got {type(mixture).__name__}."
        )
    sizes = {} if dim is None else {"d": dim}
    means = checks.as_float(f"{name}.means", mixture[1], "(k, d)", **sizes)
    sizes = {"k": means.shape[0], "d": means.shape[1]}
    log_weights = checks.as_float(f"{name}.log_weights", mixture[0], "(k,)", **sizes)
    trils = checks.as_float(f"{name}.scale_trils", mixture[2], "(k, d, d)", **sizes)
    log_weights, means, trils = checks.promote(log_weights, means, trils)
    is_absent = jnp.isneginf(log_weights)
    identity = jnp.eye(means.shape[1], dtype=means.dtype)[None]
    return GaussianMixture(
        log_weights=log_weights,
        means=jnp.where(is_absent[:, None], 0, means),
        scale_trils=jnp.where(is_absent[:, None, None], identity, trils),
    )


def weights(weights: ArrayLike | None, x: jax.Array) -> jax.Array:
    """Weights of the rows of ``x``, one by default; all NaN if one is negative."""
    if weights is None:
        # Known weights would be folded by the compiler, at the cost of a long run.
        ones: jax.Array = jax.lax.optimization_barrier(  # type: ignore[no-untyped-call]
            jnp.ones_like(x[:, 0])
        )
        return ones
    given = checks.as_float("weights", weights, "(n,)", n=x.shape[0]).astype(x.dtype)
    return jnp.where(jnp.any(given < 0), jnp.nan, given)


def dims(name: str, dims: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """Check a choice of dimensions."""
    if not isinstance(dims, tuple):
        raise TypeError(
            f"Expected `{name}` to be a tuple of ints, got {type(dims).__name__}."
        )
    for value in dims:
        checks.at_least(name, value, 0)
    if not dims or len(set(dims)) != len(dims) or max(dims) >= dim:
        raise ValueError(
            f"Expected `{name}` to hold different dimensions below {dim}, got {dims}."
        )
    return dims


def leading_dims(name: str, value: int, dim: int) -> None:
    """Check a number of leading dimensions that leaves others."""
    checks.at_least(name, value, 1)
    if value >= dim:
        raise ValueError(
            f"Expected `{name}` to be below the {dim} dimensions, got {value}."
        )


def num_components(name: str, value: int, num_rows: int) -> None:
    """Check a number of components against that of samples."""
    checks.at_least(name, value, 1)
    if value > num_rows:
        raise ValueError(
            f"Expected `{name}` to be at most the {num_rows} samples, got {value}."
        )
