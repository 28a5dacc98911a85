"""Transfer entropy by Gaussian mixtures, with its uncertainty."""

import jax
from jax.typing import ArrayLike

from jaxinfo import gmm
from jaxinfo._numerics import compiled
from jaxinfo.transfer_entropy._timing import Timing, embed_series, read_series


@compiled.jit(static_argnames=("block_size",))
def mixture(
    key: jax.Array,
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    timing: Timing = Timing(),
    fitting: gmm.Fitting = gmm.Fitting(),
    sampling: gmm.Sampling = gmm.Sampling(),
    block_size: int | None = None,
) -> gmm.Estimate:
    r"""Transfer entropy of continuous series by a Gaussian mixture of their samples.

    The conditional mutual information of future and source given the past,

    .. math::
        T = I(f; s \mid p) ,

    see `embed` and `gmm.conditional_mutual_information`; without a target history or a
    condition, the mutual information. With one component it is `gaussian`, up to the
    regularisation. Samples of a series are not independent: where they depend on each
    other beyond the histories, the standard error is too small.

    Differentiable in the series to the extent that function is. Costs are the same.

    Args:
        key: Random key.
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        timing: Histories, delays and lags. Static.
        fitting: How the mixture is fitted, see `gmm.Fitting`.
        sampling: How its uncertainty is sampled, see `gmm.Sampling`.
        block_size: Runs held in memory at once. Static.

    Returns:
        Estimate, in nats.

    Raises:
        ValueError: If the series have no more steps than ``timing`` looks back.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm, transfer_entropy
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 200, 1))
        >>> result = transfer_entropy.mixture(
        ...     jax.random.key(1),
        ...     x,
        ...     jnp.roll(x, 1) + noise,
        ...     fitting=gmm.Fitting(max_components=1),
        ...     sampling=gmm.Sampling(num_replicates=0),
        ... )
        >>> print(bool(result.value > 3 * result.standard_error))
        True
    """
    series = read_series(source, target, condition)
    future, past, source_past = embed_series(series, timing)
    if past.shape[1] == 0:
        return gmm.mutual_information(
            key,
            source_past,
            future,
            fitting=fitting,
            sampling=sampling,
            block_size=block_size,
        )
    return gmm.conditional_mutual_information(
        key,
        source_past,
        future,
        past,
        fitting=fitting,
        sampling=sampling,
        block_size=block_size,
    )
