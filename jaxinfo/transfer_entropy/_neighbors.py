"""Transfer entropy by nearest neighbours."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

import jaxinfo.neighbors
from jaxinfo._numerics import compiled
from jaxinfo.transfer_entropy._timing import (
    Embedding,
    Timing,
    embed_series,
    read_series,
    standardized,
)

_STATIC = ("num_neighbors", "algorithm", "exclusion_window", "standardize")


@compiled.jit(static_argnames=_STATIC)
def neighbors(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    standardize: bool = True,
    timing: Timing = Timing(),
) -> jax.Array:
    r"""Transfer entropy of continuous series by nearest neighbours.

    The conditional mutual information of future and source given the past,

    .. math::
        T = I(f; s \mid p) ,

    see `embed` and `neighbors.conditional_mutual_information`; without a target history
    or a condition, the mutual information. Not differentiable: the gradient is zero, as
    samples are counted. Costs are those of that function for the N samples.

    Args:
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        num_neighbors: Number K of neighbours. Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many steps apart are not neighbours and
            are not counted (Theiler window). Static.
        standardize: Whether to centre each column of the whole series and to divide it
            by its standard deviation. Static.
        timing: Histories, delays and lags. Static.

    Returns:
        Transfer entropy in nats; where it is small, estimates may be negative. NaN if a
        value is not finite. Shape ``()``.

    Raises:
        ValueError: If there are not more samples than K plus twice the window.

    References:
        Frenzel and Pompe, `Partial mutual information for coupling analysis of
        multivariate time series <https://doi.org/10.1103/PhysRevLett.99.204101>`_,
        2007, equation 8.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 1000, 1))
        >>> y = jnp.roll(x, 1) ** 2 + noise
        >>> value = transfer_entropy.neighbors(x, y)
        >>> print(bool(value > transfer_entropy.gaussian(x, y)))  # it is not linear
        True
    """
    return jnp.mean(
        local_neighbors(
            source,
            target,
            condition,
            num_neighbors=num_neighbors,
            algorithm=algorithm,
            exclusion_window=exclusion_window,
            standardize=standardize,
            timing=timing,
        )
    )


@compiled.jit(static_argnames=_STATIC)
def local_neighbors(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    standardize: bool = True,
    timing: Timing = Timing(),
) -> jax.Array:
    r"""Local transfer entropy of each sample, whose mean is `neighbors`.

    The local values :math:`i(f_n; s_n \mid p_n)` of
    `neighbors.local_conditional_mutual_information`. Not differentiable: the gradient
    is zero. Costs are those of `neighbors`.

    Args:
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        num_neighbors: Number K of neighbours. Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many steps apart are not neighbours and
            are not counted. Static.
        standardize: Whether to centre each column of the whole series and to divide it
            by its standard deviation. Static.
        timing: Histories, delays and lags. Static.

    Returns:
        Local transfer entropy in nats, of either sign, starting with the first sample.
        Shape ``(N,)``.

    Raises:
        ValueError: If there are not more samples than K plus twice the window.

    References:
        Lizier, `JIDT <https://arxiv.org/abs/1408.3270>`_, 2014, section 2.3.

    Example:
        >>> import jax
        >>> from jaxinfo import transfer_entropy
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 100, 1))
        >>> print(transfer_entropy.local_neighbors(x, y).shape)
        (99,)
    """
    series = read_series(source, target, condition)
    if standardize:
        series = standardized(series)
    return local_of_embedding(
        embed_series(series, timing),
        num_neighbors=num_neighbors,
        algorithm=algorithm,
        exclusion_window=exclusion_window,
    )


def local_of_embedding(
    embedding: Embedding, *, num_neighbors: int, exclusion_window: int, algorithm: int
) -> jax.Array:
    """Local transfer entropy of samples."""
    future, past, source = embedding
    number = num_neighbors + 2 * exclusion_window
    if future.shape[0] <= number:
        raise ValueError(
            f"Expected `source` and `target` to have more than {number} samples, the "
            "number of neighbours plus twice the exclusion window, got "
            f"{future.shape[0]}."
        )
    options: dict[str, Any] = {
        "num_neighbors": num_neighbors,
        "exclusion_window": exclusion_window,
        "algorithm": algorithm,
    }
    if past.shape[1] == 0:
        return jaxinfo.neighbors.local_mutual_information(source, future, **options)
    return jaxinfo.neighbors.local_conditional_mutual_information(
        source, future, past, **options
    )
