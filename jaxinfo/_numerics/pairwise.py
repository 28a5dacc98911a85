"""Distances between all pairs of points."""

import jax
import jax.numpy as jnp

# Up to this dimension the differences themselves are as fast as a matrix product and
# lose no digits.
_DIRECT_UP_TO = 8


def squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """Squared Euclidean distances, ``(n, d)`` and ``(l, d)`` to ``(n, l)``.

    Never negative. In many dimensions they come from one matrix product of centred
    points: without centring, points far from the origin lose every digit.
    """
    if x.shape[1] <= _DIRECT_UP_TO:
        return sum(
            (jnp.square(x[:, k, None] - y[None, :, k]) for k in range(x.shape[1])),
            start=jnp.zeros((x.shape[0], y.shape[0]), x.dtype),
        )
    centre = jax.lax.stop_gradient(jnp.mean(y, axis=0, keepdims=True))
    x, y = x - centre, y - centre
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1)[None, :]
    return jnp.maximum(squares - 2 * product, 0)
