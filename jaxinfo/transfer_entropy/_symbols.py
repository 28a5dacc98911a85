"""Series of symbols: how values become symbols, and symbols one code."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled

_MOST_CODES = 2**31 - 1


@compiled.jit(static_argnames=("num_symbols",))
def quantile_thresholds(x: ArrayLike, *, num_symbols: int = 2) -> jax.Array:
    r"""Thresholds that cut each column into symbols of equal frequency.

    The quantiles at :math:`1/b, \dots, (b-1)/b` of a column, linearly interpolated.
    Thresholds that follow the data at every step would leak information about later
    samples into the symbols: compute them once, from a probe batch, and keep them.

    Differentiable in ``x`` except where entries tie. Costs :math:`O(n d \log n)`.

    Args:
        x: Values. Shape ``(n, d)``.
        num_symbols: Number b of symbols. Static.

    Returns:
        Ascending thresholds of each column; NaN for a column with a NaN. Shape
        ``(num_symbols - 1, d)``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jnp.arange(5.0)[:, None]
        >>> print(transfer_entropy.quantile_thresholds(x))
        [[2.]]
    """
    array = checks.as_float("x", x, "(n, d)")
    checks.at_least("num_symbols", num_symbols, 2)
    shares = jnp.arange(1, num_symbols).astype(array.dtype) / num_symbols
    return jnp.quantile(array, shares, axis=0)


@compiled.jit
def symbolize(x: ArrayLike, thresholds: ArrayLike) -> jax.Array:
    r"""Turn values into symbols: the number of thresholds that each value reaches.

    .. math::
        s_{ij} = \left| \{ k : \theta_{kj} \le x_{ij} \} \right| .

    Not differentiable: symbols are integers. Costs :math:`O(t d b)`.

    Args:
        x: Values. Shape ``(t, d)``.
        thresholds: One for all, or some for each column, as `quantile_thresholds` gives
            them. Shape ``()`` or ``(num_symbols - 1, d)``.

    Returns:
        Symbols from 0 to the number of thresholds; -1 where the value or a threshold is
        NaN, which makes whatever is computed from them NaN. Integers. Shape ``(t, d)``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> print(transfer_entropy.symbolize(jnp.array([[-1.0], [0.0], [2.0]]), 0.0).T)
        [[0 1 1]]
    """
    array = checks.as_float("x", x, "(t, d)")
    limits = checks.as_float("thresholds", thresholds, "(...)")
    if limits.ndim == 0:
        limits = jnp.broadcast_to(limits, (1, array.shape[1]))
    limits = checks.as_float("thresholds", limits, "(b, d)", d=array.shape[1])
    array, limits = checks.promote(array, limits)
    reached = jnp.sum(limits[None] <= array[:, None], axis=1, dtype=jnp.int32)
    is_known = ~jnp.isnan(array) & ~jnp.any(jnp.isnan(limits), axis=0, keepdims=True)
    return jnp.where(is_known, reached, -1)


@compiled.jit(static_argnames=("num_symbols",))
def joint_symbols(symbols: ArrayLike, *, num_symbols: int) -> jax.Array:
    r"""Join the symbols of each row into one code, so that several series become one.

    .. math::
        c_i = \sum_j s_{ij} b^{d - 1 - j} ,

    with the first column most significant, one of :math:`b^d` codes. Not
    differentiable. Costs :math:`O(t d)`.

    Args:
        symbols: Integers or booleans from 0 to ``num_symbols - 1``. Shape ``(t, d)``.
        num_symbols: Number b of symbols of a column. Static.

    Returns:
        Codes; -1 for rows that hold something else. Integers. Shape ``(t,)``.

    Raises:
        ValueError: If there are more than 2,147,483,647 codes.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> symbols = jnp.array([[0, 1], [1, 0]])
        >>> print(transfer_entropy.joint_symbols(symbols, num_symbols=2))
        [1 2]
    """
    array = checks.as_labels("symbols", symbols, "(t, d)")
    checks.at_least("num_symbols", num_symbols, 2)
    number = num_symbols ** array.shape[1]
    if number > _MOST_CODES:
        raise ValueError(
            f"Expected `symbols` to have at most {_MOST_CODES} codes, got {number}."
        )
    codes, is_valid = join(array.T[::-1], num_symbols)
    return jnp.where(is_valid, codes, -1)


@compiled.jit(static_argnames=("order",))
def ordinal_patterns(x: ArrayLike, *, order: int) -> jax.Array:
    r"""Ordinal pattern of each window of a series: the order of its values.

    The stable argsort of :math:`(x_{n-m+1}, \dots, x_n)`, written as its Lehmer code
    :math:`\sum_i l_i (m - 1 - i)!` with :math:`l_i` the number of later entries that
    are smaller. Not differentiable. Costs :math:`O(t m^2)`.

    Args:
        x: Series. Shape ``(t,)``.
        order: Length m of a window, at least 2. Static.

    Returns:
        Codes from 0, for a rising window, to ``m! - 1``; -1 for windows with a NaN.
        Integers. Shape ``(t - order + 1,)``.

    Raises:
        ValueError: If the series is shorter than a window, or ``order`` is above 12,
            whose patterns do not fit an integer.

    References:
        Bandt and Pompe, `Permutation entropy
        <https://doi.org/10.1103/PhysRevLett.88.174102>`_, 2002.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jnp.array([1.0, 2.0, 3.0, 0.0])
        >>> print(transfer_entropy.ordinal_patterns(x, order=3))
        [0 4]
    """
    array = checks.as_float("x", x, "(t,)")
    check_order("order", order)
    number = array.shape[0] - order + 1
    if number < 1:
        raise ValueError(
            f"Expected `x` to have at least `order` = {order} steps, got "
            f"{array.shape[0]}."
        )
    windows = jnp.stack([array[k : k + number] for k in range(order)])
    ranked = jnp.argsort(windows, axis=0, stable=True)
    codes = jnp.zeros((number,), jnp.int32)
    for i in range(order):
        smaller = jnp.sum(ranked[i + 1 :] < ranked[i : i + 1], axis=0, dtype=jnp.int32)
        codes = codes + smaller * math.factorial(order - 1 - i)
    return jnp.where(jnp.any(jnp.isnan(windows), axis=0), -1, codes)


def check_order(name: str, order: int) -> None:
    """Check the length of ordinal patterns."""
    checks.at_least(name, order, 2)
    if order > 12:
        raise ValueError(f"Expected `{name}` to be at most 12, got {order}.")


def join(values: jax.Array, num_symbols: int) -> tuple[jax.Array, jax.Array]:
    """Join symbols ``(l, ...)``, the first least significant.

    Returns:
        Codes below ``num_symbols ** l``, and which rows hold symbols only; the codes of
        others are those of some symbols. Shapes ``(...)``.
    """
    is_valid = jnp.all((values >= 0) & (values < num_symbols), axis=0)
    codes = jnp.zeros(values.shape[1:], values.dtype)
    for value in values[::-1]:
        codes = codes * num_symbols + jnp.clip(value, 0, num_symbols - 1)
    return codes, is_valid
