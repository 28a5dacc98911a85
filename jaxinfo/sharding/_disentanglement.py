"""UniBound over a mesh."""

import jax
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxinfo._numerics import compiled
from jaxinfo.disentanglement import UniBound, _unibound
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout


def unibound(
    mesh: Mesh,
    key: ArrayLike,
    means: ArrayLike,
    log_variances: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    axis: Axis = None,
    logits: ArrayLike | None = None,
    num_samples: int | None = None,
    block_size: int | None = None,
) -> UniBound:
    r"""UniBound, with the samples split over devices.

    Same result as `disentanglement.unibound`,

    .. math::
        \frac1K \sum_k \max_l \frac{[I(y_k;z_l) - I(y_k;z_{\setminus l})]_+}{H(y_k)} .

    Every device has the posteriors of all data points, and streams them past its own
    samples.

    Differentiable like the single-device function. Costs :math:`O(m n d (d + k) / D)`
    time on each of D devices, for m samples of n points; they exchange the terms of
    each sample, :math:`m (2 d + 1) (k + 1)` numbers.

    Args:
        mesh: Mesh of devices.
        key: Random key.
        means: Means of the posteriors of a whole data set. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.
        factors: Factors of variation of the data points, integers from 0 to
            ``num_classes[k] - 1``, or booleans. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        axis: Name of the mesh axis over which the samples are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        logits: Logits of further, categorical latents. Shape ``(n, e, c)``.
        num_samples: Number of samples; None is one for each point. Static.
        block_size: Samples that a device holds in memory at once; None is 16. Static.

    Returns:
        Scores between 0 and 1, with bounds for each latent and factor.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor, or
            the mesh has several axes and ``axis`` is not given.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, sections 4 and 5.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> factors = jnp.stack(jnp.meshgrid(jnp.arange(4), jnp.arange(4)), -1)
        >>> factors = factors.reshape(16, 2)
        >>> # One latent for each factor, and one more that repeats the first.
        >>> means = 9.0 * factors[:, jnp.array([0, 1, 0])].astype(float)
        >>> result = sharding.unibound(
        ...     mesh, jax.random.key(0), means, 0 * means, factors, num_classes=(4, 4)
        ... )
        >>> print(result.bounds.lower.redundant[:, 0].round(2))
        [1. 0. 1.]
    """
    layout = _layouts.read(mesh, axis)
    return layout.call(
        _of_samples,
        *layout.place_whole((key, means, log_variances, factors)),
        num_classes=num_classes,
        logits=layout.place_whole(logits),
        num_samples=num_samples,
        block_size=block_size,
        layout=layout,
    )


@compiled.jit(static_argnames=("num_classes", "num_samples", "block_size", "layout"))
def _of_samples(
    key: ArrayLike,
    means: ArrayLike,
    log_variances: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    logits: ArrayLike | None,
    num_samples: int | None,
    block_size: int | None,
    layout: Layout,
) -> UniBound:
    def of_part(
        key: jax.Array,
        means: jax.Array,
        log_variances: jax.Array,
        factors: jax.Array,
        logits: jax.Array | None,
    ) -> UniBound:
        return _unibound.of_data(
            key,
            means,
            log_variances,
            factors,
            num_classes=num_classes,
            logits=logits,
            num_samples=num_samples,
            block_size=block_size,
            axis_name=layout.axes,
        )

    run = layout.map(of_part, WHOLE, WHOLE)
    return run(key, means, log_variances, factors, logits)
