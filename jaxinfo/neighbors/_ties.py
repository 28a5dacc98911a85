"""Samples that coincide, which most estimates by nearest neighbours do not expect."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.neighbors import _entropies, _samples


@compiled.jit(static_argnames=("num_neighbors",))
def tied_fraction(x: ArrayLike, *, num_neighbors: int = 4) -> jax.Array:
    r"""Share of the samples whose K nearest neighbours all coincide with them.

    With :math:`\epsilon_i` the distance of sample i from its K-th neighbour,

    .. math::
        \frac1n \left| \{ i : \epsilon_i = 0 \} \right| .

    Look at each variable alone: in joint samples ties of one are hidden by the other.
    If the share is above zero, estimates by nearest neighbours lose their meaning: use
    `break_ties` for rounded data, the mixed estimates for discrete ones.

    Not differentiable: the gradient is zero. Costs are those of `entropy`.

    Args:
        x: Samples. Shape ``(n, d)``.
        num_neighbors: Number K of neighbours. Static.

    Returns:
        Share between 0 and 1; NaN if a sample is not finite. Shape ``()``.

    Raises:
        ValueError: If n is not more than K.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import neighbors
        >>> x = jnp.array([[0.0], [0.0], [1.0], [2.0]])
        >>> print(neighbors.tied_fraction(x, num_neighbors=1))
        0.5
    """
    samples = _samples.read({"x": x}, num_neighbors)
    distances = _entropies.furthest(samples.columns, num_neighbors)
    share = jnp.mean(distances == 0, dtype=distances.dtype)
    return jnp.where(samples.is_finite, share, jnp.nan)


@compiled.jit
def break_ties(
    key: jax.Array, x: ArrayLike, *, relative_scale: ArrayLike | None = None
) -> jax.Array:
    r"""Add a little Gaussian noise, so that no two samples coincide.

    .. math::
        x_{ij} + \sigma s_j e_{ij}, \qquad e_{ij} \sim N(0, 1) ,

    with :math:`s_j` the standard deviation of a column. Take another key for each
    variable: the same one adds the same noise to both, which is information that they
    share. Noise much smaller than the default is lost where values are rounded.

    Differentiable in ``x``. Costs :math:`O(n d)`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        relative_scale: Scale :math:`\sigma` of the noise relative to the standard
            deviation of each column; by default 64 times the machine epsilon of the
            dtype: 7.6e-6 in float32, but 0.06 in float16 and 0.5 in bfloat16. Scalar.

    Returns:
        Samples with noise. A constant column stays constant. Shape ``(n, d)``.

    References:
        Kraskov, Stögbauer and Grassberger, `Estimating mutual information
        <https://arxiv.org/abs/cond-mat/0305641>`_, 2004, section II.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import neighbors
        >>> steps = jnp.arange(100.0)[:, None] // 10
        >>> print(neighbors.tied_fraction(steps))
        1.0
        >>> x = neighbors.break_ties(jax.random.key(0), steps)
        >>> print(neighbors.tied_fraction(x))
        0.0
    """
    key = checks.as_key("key", key)
    array = checks.as_float("x", x, "(n, d)")
    if relative_scale is None:
        scale = jnp.asarray(64 * checks.data_eps(array), array.dtype)
    else:
        scale = checks.as_scalar("relative_scale", relative_scale, array.dtype)
    deviation = jax.lax.stop_gradient(jnp.std(array, axis=0, keepdims=True))
    noise = jax.random.normal(key, array.shape, array.dtype)
    return array + scale * deviation * noise
