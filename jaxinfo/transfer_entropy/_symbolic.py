"""Transfer entropy of the ordinal patterns of series."""

import math

import jax
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.transfer_entropy import _discrete, _symbols
from jaxinfo.transfer_entropy._timing import Timing


@compiled.jit(static_argnames=("order", "source_order", "estimator"))
def symbolic(
    source: ArrayLike,
    target: ArrayLike,
    *,
    order: int = 3,
    source_order: int | None = None,
    estimator: str = "plugin",
    timing: Timing = Timing(),
) -> jax.Array:
    r"""Transfer entropy between the ordinal patterns of two series.

    The series are turned into patterns, see `ordinal_patterns`, aligned at their last
    entries if their lengths differ, and the patterns are the symbols of `discrete`.
    Monotone maps of a series change nothing; equal values count as rising. As patterns
    of consecutive steps overlap, so do source and future. Not differentiable. Costs are
    those of `discrete` with :math:`m!` symbols.

    Args:
        source: Source series. Shape ``(t,)``.
        target: Target series. Shape ``(t,)``.
        order: Length m of the patterns. Static.
        source_order: Length of the patterns of the source; by default the same. Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``, as in
            `discrete`. Static.
        timing: Histories, delays and lags of the patterns. Static.

    Returns:
        Transfer entropy in nats, in the default float; NaN if a value is NaN. Shape
        ``()``.

    Raises:
        ValueError: If the series are not longer than patterns and ``timing`` look back,
            or an order is below 2 or above 12.

    References:
        Staniek and Lehnertz, `Symbolic transfer entropy
        <https://doi.org/10.1103/PhysRevLett.100.158101>`_, 2008.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.normal(jax.random.key(0), (2000,))
        >>> y = jnp.roll(x, 1)
        >>> value = transfer_entropy.symbolic(x, y)
        >>> print(bool(value > transfer_entropy.symbolic(y, x)))
        True
    """
    x = checks.as_float("source", source, "(t,)")
    y = checks.as_float("target", target, "(t,)", t=x.shape[0])
    of_source = order if source_order is None else source_order
    _symbols.check_order("order", order)
    _symbols.check_order("source_order", of_source)
    longest = max(order, of_source)
    if x.shape[0] < longest:
        raise ValueError(
            f"Expected `source` to have at least {longest} steps, the length of its "
            f"patterns, got {x.shape[0]}."
        )
    return _discrete.discrete(
        _symbols.ordinal_patterns(x[longest - of_source :], order=of_source),
        _symbols.ordinal_patterns(y[longest - order :], order=order),
        num_symbols=math.factorial(order),
        num_source_symbols=math.factorial(of_source),
        estimator=estimator,
        timing=timing,
    )
