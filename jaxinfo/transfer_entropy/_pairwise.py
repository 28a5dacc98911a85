"""Transfer entropy of all pairs of columns of two layers."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.transfer_entropy import _pairs, _tables
from jaxinfo.transfer_entropy._timing import Timing, check_length

_STATIC = ("num_symbols", "num_source_symbols", "estimator", "block_size")


@compiled.jit(static_argnames=_STATIC)
def pairwise(
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    estimator: str = "plugin",
    block_size: int | None = None,
) -> jax.Array:
    r"""Transfer entropy from each source to each target, for series of symbols.

    Time is the first axis. Where it is the order of samples in a loader, as in the
    original use on networks, nothing passes from one sample to the next: with fixed
    weights the value at lag 1 is pure bias, about the degrees of freedom over 2N, and a
    curve over training shows how many states are occupied. There ``Timing(lag=0)`` asks
    the useful question; where time is training time, use `ensemble_pairwise`. Report
    the null of `significance` with the values.

    Not differentiable. Costs :math:`O(m n N (s - 1) (g - 1) / 32)` operations, on bits
    of 32 samples at once, for s codes of a source's past and g of a target's past and
    future, and :math:`O(m n s g)` memory.

    Args:
        sources: Symbols from 0 to ``num_source_symbols - 1``, integers or booleans.
            Shape ``(t, m)``.
        targets: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t, n)``.
        num_symbols: Number of symbols of a target. Static.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``, as in
            `discrete`. Static.
        block_size: Sources processed at once; by default all. Static.

    Returns:
        Transfer entropy from source i to target j in nats, in the default float; NaN
        for columns with a symbol out of range that a sample uses. Shape ``(m, n)``.

    Raises:
        ValueError: If the series have no more steps than ``timing`` looks back, or a
            block needs a table of more than 2,147,483,648 counts.

    References:
        Moldovan, Cataron and Andonie, `Information plane analysis visualization in deep
        learning via transfer entropy <https://arxiv.org/abs/2404.01364>`_, 2024;
        Schreiber, `Measuring information transfer
        <https://arxiv.org/abs/nlin/0001042>`_, 2000, equation 4.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(10_000, 2))
        >>> y = jnp.roll(x, 1, axis=0)  # copies, one step later
        >>> print(transfer_entropy.pairwise(x, y, num_symbols=2).round(2))
        [[0.69 0.  ]
         [0.   0.69]]
    """
    codes = _pairs.read(sources, targets, num_symbols, num_source_symbols, timing)
    return values_of(codes, estimator, block_size)


@compiled.jit(static_argnames=_STATIC)
def ensemble_pairwise(
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    estimator: str = "plugin",
    block_size: int | None = None,
) -> jax.Array:
    r"""Transfer entropy of all pairs, from replications of the same process.

    For networks, time is training time, with one row for each logged step, and the
    replications are fixed probe inputs. The counts :math:`c = \sum_r c^{(r)}` of all
    replications are pooled; no sample spans two of them. Part of such values is common
    drift, as all neurons change together: `ensemble_significance` shows how much. Not
    differentiable. Costs are those of `pairwise` for the samples of all replications.

    Args:
        sources: Symbols of r replications, from 0 to ``num_source_symbols - 1``,
            integers or booleans. Shape ``(t, r, m)``.
        targets: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t, r, n)``.
        num_symbols: Number of symbols of a target. Static.
        timing: Histories, delays and lags, in steps of the first axis. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``, as in
            `discrete`. Static.
        block_size: Sources processed at once; by default all. Static.

    Returns:
        Transfer entropy from source i to target j in nats, in the default float; NaN
        for columns with a symbol out of range that a sample uses. Shape ``(m, n)``.

    Raises:
        ValueError: As for `pairwise`.

    References:
        Gomez-Herrero et al., `Assessing coupling dynamics from an ensemble of time
        series <https://arxiv.org/abs/1008.0539>`_, 2015, for ensembles in place of
        time averages.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(20, 500, 1))
        >>> y = jnp.roll(x, 1, axis=0)
        >>> print(transfer_entropy.ensemble_pairwise(x, y, num_symbols=2).round(2))
        [[0.69]]
    """
    codes = _pairs.read(
        sources,
        targets,
        num_symbols,
        num_source_symbols,
        timing,
        has_replications=True,
    )
    return values_of(codes, estimator, block_size)


@compiled.jit(static_argnames=(*_STATIC, "window", "stride"))
def windowed_pairwise(
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    window: int,
    stride: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    estimator: str = "plugin",
    block_size: int | None = None,
) -> jax.Array:
    r"""Transfer entropy of all pairs in windows that slide over time.

    Window w holds the steps from :math:`w \cdot \mathrm{stride}` on, and is treated by
    `pairwise` as a series of its own: no sample looks back beyond its start. Steps
    after the last whole window are not used. Not differentiable. Costs are those of
    `pairwise` for each window; one is held in memory at a time.

    Args:
        sources: Symbols from 0 to ``num_source_symbols - 1``, integers or booleans.
            Shape ``(t, m)``.
        targets: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t, n)``.
        num_symbols: Number of symbols of a target. Static.
        window: Number of steps of a window. Static.
        stride: Steps from the start of one window to that of the next. Static.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``, as in
            `discrete`. Static.
        block_size: Sources processed at once; by default all. Static.

    Returns:
        Transfer entropy of each window in nats, in the default float; NaN for columns
        with a symbol out of range that a sample of the window uses. Shape ``(w, m,
        n)``.

    Raises:
        ValueError: If a window is longer than the series, or not longer than ``timing``
            looks back.

    References:
        Moldovan, Cataron and Andonie, `Learning in convolutional neural networks
        accelerated by transfer entropy <https://arxiv.org/abs/2404.02943>`_, 2021,
        whose code never drops what leaves a window.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jnp.arange(100)[:, None] % 2
        >>> windows = transfer_entropy.windowed_pairwise(
        ...     x, x, num_symbols=2, window=50, stride=25
        ... )
        >>> print(windows.shape)
        (3, 1, 1)
    """
    checks.at_least("window", window, 1)
    checks.at_least("stride", stride, 1)
    x = checks.as_labels("sources", sources, "(t, m)")
    y = checks.as_labels("targets", targets, "(t, n)", t=x.shape[0])
    num_windows = (x.shape[0] - window) // stride + 1
    if num_windows < 1:
        raise ValueError(
            f"Expected `window` to be at most the number of steps, {x.shape[0]}, got "
            f"{window}."
        )

    check_length("window", window, timing)

    def of_window(start: jax.Array) -> jax.Array:
        rows = functools.partial(jax.lax.dynamic_slice_in_dim, slice_size=window)
        codes = _pairs.read(
            rows(x, start), rows(y, start), num_symbols, num_source_symbols, timing
        )
        return values_of(codes, estimator, block_size)

    values: jax.Array = jax.lax.map(of_window, stride * jnp.arange(num_windows))
    return values


def values_of(
    codes: _pairs.PairCodes, estimator: str, block_size: int | None
) -> jax.Array:
    """Transfer entropy of all pairs from the codes of their samples."""
    checks.one_of("estimator", estimator, _tables.ESTIMATORS)
    _pairs.check_block(codes, block_size)
    measure = functools.partial(_tables.value, estimator=estimator)
    return _pairs.where_valid(codes, _pairs.of_all(measure, codes, block_size))
