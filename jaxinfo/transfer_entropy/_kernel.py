"""Transfer entropy by kernel estimates of the densities."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled, pairwise
from jaxinfo.transfer_entropy._timing import (
    Embedding,
    Timing,
    embed_series,
    read_series,
    standardized,
)


@compiled.jit(
    static_argnames=("shape", "standardize", "exclusion_window", "block_size")
)
def kernel(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    bandwidth: ArrayLike = 0.25,
    shape: str = "box",
    standardize: bool = True,
    exclusion_window: int | None = None,
    timing: Timing = Timing(),
    block_size: int | None = None,
) -> jax.Array:
    r"""Transfer entropy of continuous series by kernels around each sample.

    With :math:`n` the total weights of all samples around sample i in the variables
    that `embed` joins,

    .. math::
        T = \left\langle \log \frac{n_{fps}}{n_{ps}} - \log \frac{n_{fp}}{n_p}
        \right\rangle .

    The weights of ``"box"`` are one up to the bandwidth in each variable, in the
    maximum norm; those of ``"gaussian"`` are :math:`\exp(-|d|^2 / 2 r^2)` with r the
    bandwidth. The estimate depends strongly on the bandwidth.

    Differentiable in the series and the bandwidth with ``shape="gaussian"``; with
    ``"box"``, the gradient is zero. Costs :math:`O(N^2 d)` time and :math:`O(N b)`
    memory for blocks of b samples, forward and backward.

    Args:
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        bandwidth: Half width of the box, or standard deviation of the Gaussian kernel;
            in standard deviations of each column, or in its units if not standardised.
            Positive scalar.
        shape: ``"box"`` or ``"gaussian"``. Static.
        standardize: Whether to centre each column of the whole series and to divide it
            by its standard deviation. Static.
        exclusion_window: Samples at most this many steps apart, including a sample
            itself, are not counted; by default all are counted, including a sample
            itself. Static.
        timing: Histories, delays and lags. Static.
        block_size: Samples whose weights are held in memory at once. Static.

    Returns:
        Transfer entropy in nats; NaN if a value is not finite or the bandwidth is not
        positive. A sample with no other in its box contributes 0. Shape ``()``.

    Raises:
        ValueError: If the series have no more steps than ``timing`` looks back.

    References:
        Schreiber, `Measuring information transfer
        <https://arxiv.org/abs/nlin/0001042>`_, 2000, equation 8.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 1000, 1))
        >>> y = jnp.roll(x, 1) + noise
        >>> value = transfer_entropy.kernel(x, y, bandwidth=0.5)
        >>> print(bool(value > transfer_entropy.kernel(y, x, bandwidth=0.5)))
        True
    """
    series = read_series(source, target, condition)
    if standardize:
        series = standardized(series)
    return of_embedding(
        embed_series(series, timing),
        bandwidth=bandwidth,
        shape=shape,
        exclusion_window=exclusion_window,
        block_size=block_size,
    )


def of_embedding(
    embedding: Embedding,
    *,
    bandwidth: ArrayLike,
    shape: str,
    exclusion_window: int | None,
    block_size: int | None = None,
) -> jax.Array:
    """Transfer entropy of samples."""
    checks.one_of("shape", shape, ("box", "gaussian"))
    checks.block_size(block_size)
    if exclusion_window is not None:
        checks.at_least("exclusion_window", exclusion_window, 0)
    width = checks.as_scalar("bandwidth", bandwidth, embedding.future.dtype)
    # A bandwidth that is none leaves nothing to count.
    scaled = [columns / jnp.where(width > 0, width, jnp.nan) for columns in embedding]
    num_samples = scaled[0].shape[0]
    if shape == "box":
        scaled = [jax.lax.stop_gradient(columns) for columns in scaled]
    rows = jnp.arange(num_samples)

    def of_block(
        block: tuple[list[jax.Array], jax.Array], weights: jax.Array
    ) -> tuple[jax.Array, tuple[()]]:
        here, index = block
        future, past, source = (
            _weights(one, all_, shape) for one, all_ in zip(here, scaled, strict=True)
        )
        if exclusion_window is not None:
            apart = jnp.abs(index[:, None] - rows[None, :])
            past = jnp.where(apart > exclusion_window, past, 0)
        sums = _Sums(
            *(
                jnp.sum(product, axis=1)
                for product in (
                    future * past * source,
                    past * source,
                    future * past,
                    past,
                )
            )
        )
        return jnp.sum(weights * _local(sums)), ()

    size = block_size or blocks.default_size(num_samples, scaled[0].dtype.itemsize)
    total, _ = blocks.over_rows(of_block, (scaled, rows), block_size=size)
    is_finite = jnp.all(
        jnp.stack([jnp.all(jnp.isfinite(columns)) for columns in scaled])
    )
    return jnp.where(is_finite, total / num_samples, jnp.nan)


class _Sums(NamedTuple):
    """Weights of all samples around each of a block. Shapes ``(b,)``."""

    joint: jax.Array
    past_source: jax.Array
    future_past: jax.Array
    past: jax.Array


def _weights(here: jax.Array, there: jax.Array, shape: str) -> jax.Array:
    """Weights of all samples around each of a block, ``(b, n)``, of unit bandwidth."""
    if shape == "gaussian":
        return jnp.exp(-pairwise.squared_distances(here, there) / 2)
    weights = jnp.ones((here.shape[0], there.shape[0]), here.dtype)
    for k in range(here.shape[1]):
        is_near = jnp.abs(here[:, k, None] - there[None, :, k]) <= 1
        weights = jnp.where(is_near, weights, 0)
    return weights


def _local(sums: _Sums) -> jax.Array:
    is_empty = sums.joint == 0

    def log(weights: jax.Array) -> jax.Array:
        return jnp.log(jnp.where(is_empty, 1, weights))

    local = log(sums.joint) - log(sums.past_source)
    return local - (log(sums.future_past) - log(sums.past))
