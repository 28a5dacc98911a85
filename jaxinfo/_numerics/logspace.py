"""Logarithms whose value and gradient stay finite where the limit is."""

import jax
import jax.numpy as jnp


def log(p: jax.Array) -> jax.Array:
    """Logarithm with a gradient of zero, not infinity, at zero.

    For factors that vanish with ``p``. Negative values give NaN.
    """
    is_zero = p == 0
    return jnp.where(is_zero, -jnp.inf, jnp.log(jnp.where(is_zero, 1, p)))


def xlogx(p: jax.Array) -> jax.Array:
    """``p log p``, with value and gradient zero at zero; NaN below."""
    return xlogy(p, p)


def xlogy(p: jax.Array, q: jax.Array) -> jax.Array:
    """``p log q``, with value and gradient zero at ``p = 0``; NaN for negatives."""
    is_zero = p == 0
    logarithm = jnp.log(jnp.where(is_zero, 1, q))
    return jnp.where(is_zero, 0, jnp.where(p < 0, jnp.nan, p * logarithm))


def excess(x: jax.Array) -> jax.Array:
    r"""``(1 + x) log(1 + x) - x``, to relative precision for small ``x``.

    The contribution of a cell to a relative entropy when the cell has ``1 + x`` times
    its expected mass: about ``x**2 / 2``, never negative, 1 at ``x = -1``, NaN below.
    """
    is_small = jnp.abs(x) < 0.03
    # Each branch sees its own arguments only, so that neither spoils the gradient.
    small = jnp.where(is_small, x, 0)
    series = jnp.zeros_like(x)
    for power in range(9, 1, -1):  # x^2/2 - x^3/6 + ..., 2e-14 off at the border
        series = series * small + (-1) ** power / (power * (power - 1))
    series = series * small**2
    large = jnp.where(is_small, 1, x)
    return jnp.where(is_small, series, _xlog1p(large) - large)


def _xlog1p(x: jax.Array) -> jax.Array:
    is_empty = x == -1
    return jnp.where(is_empty, 0, (1 + x) * jnp.log1p(jnp.where(is_empty, 0, x)))


def relative_entropy(p: jax.Array, q: jax.Array, log_q: jax.Array) -> jax.Array:
    """Terms ``p log(p / q)`` of a relative entropy, elementwise.

    Zero where ``p`` is, with a zero gradient; infinite where only ``q`` is zero; NaN
    where either is negative. ``log_q`` is given apart as ``q`` may underflow.
    """
    is_near, near, far = _near_and_far(p, q, log_q)
    return jnp.where(is_near, near + jnp.where(is_near, p - q, 0), far)


def relative_excess(p: jax.Array, q: jax.Array, log_q: jax.Array) -> jax.Array:
    """Terms ``p log(p / q) - p + q``, elementwise: none is negative.

    For distributions they have the sum of `relative_entropy`, to relative precision.
    The gradient is finite where ``p`` is zero.
    """
    is_near, near, far = _near_and_far(p, q, log_q)
    return jnp.where(is_near, near, far + jnp.where(is_near, 0, q - p))


def _near_and_far(
    p: jax.Array, q: jax.Array, log_q: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """``p log(p / q) - p + q`` where ``p`` is close to ``q``, ``p log(p / q)`` else."""
    is_near = jnp.abs(p - q) < q / 2
    # Where p is close to q the logarithm of the quotient loses its digits.
    near_p, near_q = jnp.where(is_near, p, 1), jnp.where(is_near, q, 1)
    # The derivative of a quotient squares its divisor, which would underflow for rare
    # events: divide by its root twice.
    root = jnp.sqrt(near_q)
    near = near_q * excess((near_p - near_q) / root / root)
    is_far = ~is_near & (p != 0)
    far_p, far_log_q = jnp.where(is_far, p, 1), jnp.where(is_far, log_q, 0)
    far = far_p * (jnp.log(far_p) - far_log_q)
    far = jnp.where(is_far, far, 0)
    return is_near, near, jnp.where((p >= 0) & (q >= 0), far, jnp.nan)


def log_mean_exp(x: jax.Array, axis: int) -> jax.Array:
    """Logarithm of a mean of exponentials along one axis.

    Exactly the common value where all are equal. Its gradient is finite (zero) where
    every term is ``-inf``, unlike that of ``jax.nn.logsumexp``.
    """
    largest = jax.lax.stop_gradient(jnp.max(x, axis=axis, keepdims=True))
    largest = jnp.where(jnp.isneginf(largest), 0, largest)
    mean = jnp.mean(jnp.exp(x - largest), axis=axis)
    return log(mean) + jnp.squeeze(largest, axis)
