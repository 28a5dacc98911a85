"""Transfer entropy of series of symbols."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, logspace
from jaxinfo.measures import _counts
from jaxinfo.transfer_entropy import _symbols, _tables
from jaxinfo.transfer_entropy._timing import Timing, check_length, lagged

_MOST_STATES = 2**31 - 1
# A table of so many states is no burden, however few the samples.
_FEW = 2**12


@compiled.jit(static_argnames=("num_symbols", "num_source_symbols", "estimator"))
def discrete(
    source: ArrayLike,
    target: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    estimator: str = "plugin",
) -> jax.Array:
    r"""Transfer entropy from one series of symbols to another.

    Information of the source's past s about the target's future f beyond the target's
    own past p, see `Timing`. With counts :math:`c` of the N samples,

    .. math::
        T = I(f; s \mid p)
        = \frac1N \sum_{sfp} c_{sfp} \log \frac{c_{sfp} c_p}{c_{sp} c_{fp}} .

    The plug-in value is never negative, and biased upwards by about the degrees of
    freedom over 2N. With K occupied cells, ``"miller_madow"`` adds :math:`(K_{fp} +
    K_{sp} - K_p - K_{sfp}) / 2N`; ``"grassberger"`` estimates each entropy as
    `measures.entropy_of_counts` does. Both may be negative and are not clipped.

    Over shuffled samples of a fixed network, values at lag 1 are pure bias, as nothing
    passes from one sample to the next: there ``lag=0`` asks the useful question, or
    `ensemble_pairwise`, whose time is training time. Not differentiable: symbols are
    integers. Costs :math:`O(N)`, or :math:`O(N \log N)` where there are more states
    than samples.

    Args:
        source: Symbols from 0 to ``num_source_symbols - 1``, integers or booleans.
            Shape ``(t,)``.
        target: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t,)``.
        num_symbols: Number of symbols of the target. Static.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of the source; by default that of the
            target. Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``. Static.

    Returns:
        Transfer entropy in nats, in the default float; NaN if a symbol that is used is
        out of range. Shape ``()``.

    Raises:
        ValueError: If the series have no more steps than ``timing`` looks back, or have
            more than 2,147,483,647 states.

    References:
        Schreiber, `Measuring information transfer
        <https://arxiv.org/abs/nlin/0001042>`_, 2000, equation 4; Grassberger, `Entropy
        estimates from insufficient samplings
        <https://arxiv.org/abs/physics/0307138>`_, 2003, equation 27.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(10_000,))
        >>> y = jnp.roll(x, 1)  # a copy, one step later
        >>> print(transfer_entropy.discrete(x, y, num_symbols=2).round(3))  # log(2)
        0.693
    """
    codes = _read(source, target, None, num_symbols, num_source_symbols, None, timing)
    checks.one_of("estimator", estimator, _tables.ESTIMATORS)
    return _value(codes, estimator)


@compiled.jit(
    static_argnames=(
        "num_symbols",
        "num_source_symbols",
        "num_condition_symbols",
        "estimator",
    )
)
def conditional(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    num_condition_symbols: int | None = None,
    estimator: str = "plugin",
) -> jax.Array:
    r"""Transfer entropy from one series of symbols to another, given further series.

    As `discrete`, with the values z of the condition joined to the past of the target,

    .. math::
        T = I(f; s \mid p, z) :

    what a common driver explains does not count as transfer. Not differentiable. Costs
    are those of `discrete`.

    Args:
        source: Symbols from 0 to ``num_source_symbols - 1``, integers or booleans.
            Shape ``(t,)``.
        target: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t,)``.
        condition: Symbols from 0 to ``num_condition_symbols - 1`` of c series. Shape
            ``(t, c)``.
        num_symbols: Number of symbols of the target. Static.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of the source; by default that of the
            target. Static.
        num_condition_symbols: Number of symbols of each condition; by default that of
            the target. Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``, as in
            `discrete`. Static.

    Returns:
        Transfer entropy in nats, in the default float; NaN if a symbol that is used is
        out of range. Shape ``()``.

    Raises:
        ValueError: If the series have no more steps than ``timing`` looks back, or have
            more than 2,147,483,647 states.

    References:
        Lizier, Prokopenko and Zomaya, `Local information transfer as a spatiotemporal
        filter for complex systems <https://arxiv.org/abs/0809.3275>`_, 2008.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> driver = jax.random.bernoulli(jax.random.key(0), shape=(10_000,))
        >>> x, y = jnp.roll(driver, 1), jnp.roll(driver, 2)
        >>> value = transfer_entropy.conditional(x, y, x[:, None], num_symbols=2)
        >>> print(value.round(3))
        0.0
    """
    series = checks.as_labels("condition", condition, "(t, c)")
    codes = _read(
        source,
        target,
        series,
        num_symbols,
        num_source_symbols,
        num_condition_symbols,
        timing,
    )
    checks.one_of("estimator", estimator, _tables.ESTIMATORS)
    return _value(codes, estimator)


@compiled.jit(static_argnames=("num_symbols", "num_source_symbols"))
def local_discrete(
    source: ArrayLike,
    target: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
) -> jax.Array:
    r"""Local transfer entropy of each sample, whose mean is the plug-in `discrete`.

    .. math::
        t_n = \log \frac{c_{sfp} c_p}{c_{sp} c_{fp}} \quad
        \text{at the cells of sample } n.

    Not differentiable. Costs :math:`O(N \log N)`.

    Args:
        source: Symbols from 0 to ``num_source_symbols - 1``, integers or booleans.
            Shape ``(t,)``.
        target: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t,)``.
        num_symbols: Number of symbols of the target. Static.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of the source; by default that of the
            target. Static.

    Returns:
        Local transfer entropy in nats, of either sign, starting with the first sample,
        at the earliest step for which ``timing`` finds all its values; all NaN if a
        symbol is out of range. Shape ``(N,)``.

    Raises:
        ValueError: As for `discrete`.

    References:
        Lizier, Prokopenko and Zomaya, `Local information transfer as a spatiotemporal
        filter for complex systems <https://arxiv.org/abs/0809.3275>`_, 2008.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jnp.array([0, 1, 1, 0, 1, 0, 0, 1])
        >>> print(transfer_entropy.local_discrete(x, 1 - x, num_symbols=2).shape)
        (7,)
    """
    codes = _read(source, target, None, num_symbols, num_source_symbols, None, timing)
    ratio = _local_counts(codes)
    local = jnp.log(ratio.joint / ratio.source_past)
    local = local - jnp.log(ratio.past_future / ratio.past)
    return jnp.where(codes.is_valid, local, jnp.nan)


@compiled.jit(static_argnames=("num_symbols", "history", "delay", "estimator"))
def active_information(
    target: ArrayLike,
    *,
    num_symbols: int,
    history: int = 1,
    delay: int = 1,
    estimator: str = "plugin",
) -> jax.Array:
    r"""Active information storage: information of a series' past about its next value.

    .. math::
        A = I(y_n; y_{n-1}, \dots, y_{n - 1 - (k-1) \tau}) .

    Transfer entropy with the same history counts only what is not stored. The history
    at which the bias-corrected value stops growing suits transfer entropy. Not
    differentiable. Costs are those of `discrete`.

    Args:
        target: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t,)``.
        num_symbols: Number of symbols. Static.
        history: Number k of past values. Static.
        delay: Steps between them. Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``, as in
            `discrete`. Static.

    Returns:
        Information in nats, in the default float; NaN if a symbol is out of range.
        Shape ``()``.

    Raises:
        ValueError: As for `discrete`.

    References:
        Lizier, Prokopenko and Zomaya, `Local measures of information storage in complex
        distributed computation <https://doi.org/10.1016/j.ins.2012.04.016>`_, 2012.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jnp.arange(1001) // 2 % 2  # 0, 0, 1, 1, ...
        >>> print(transfer_entropy.active_information(x, num_symbols=2).round(3))
        0.0
        >>> print(transfer_entropy.active_information(x, num_symbols=2, history=2))
        0.6931
    """
    checks.at_least("history", history, 1)
    checks.at_least("delay", delay, 1)
    checks.one_of("estimator", estimator, _tables.ESTIMATORS)
    series = checks.as_labels("target", target, "(t,)")
    reach = 1 + (history - 1) * delay
    if series.shape[0] <= reach:
        raise ValueError(
            f"Expected `target` to have more steps than the {reach} that `history` and "
            f"`delay` look back, got {series.shape[0]}."
        )
    timing = Timing(target_history=0, source_history=history, source_delay=delay)
    codes = _read(series, series, None, num_symbols, None, None, timing)
    return _value(codes, estimator)


class Codes(NamedTuple):
    """Source, past and future of each sample as one number each.

    Attributes:
        source: Shape ``(N,)``.
        past: With the condition. Shape ``(N,)``.
        future: Shape ``(N,)``.
        sizes: How many codes there are of each.
        is_valid: Whether all symbols are in range. Shape ``()``.
    """

    source: jax.Array
    past: jax.Array
    future: jax.Array
    sizes: tuple[int, int, int]
    is_valid: jax.Array


def _read(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None,
    num_symbols: int,
    num_source_symbols: int | None,
    num_condition_symbols: int | None,
    timing: Timing,
) -> Codes:
    """Check one pair of series, and code its samples."""
    checks.at_least("num_symbols", num_symbols, 2)
    of_source = or_default("num_source_symbols", num_source_symbols, num_symbols)
    x = checks.as_labels("source", source, "(t,)")
    y = checks.as_labels("target", target, "(t,)", t=x.shape[0])
    has_condition = condition is not None
    check_length("source", x.shape[0], timing, has_condition=has_condition)
    reach = timing.reach(has_condition=has_condition)
    sources, is_source = _symbols.join(lagged(x, timing.source(), reach), of_source)
    pasts, is_past = _symbols.join(lagged(y, timing.past(), reach), num_symbols)
    futures, is_future = _symbols.join(y[None, reach:], num_symbols)
    num_pasts = num_symbols**timing.target_history
    is_valid = jnp.all(is_source & is_past & is_future)
    if condition is not None:
        number = or_default("num_condition_symbols", num_condition_symbols, num_symbols)
        z = checks.as_labels("condition", condition, "(t, c)", t=x.shape[0])
        values = lagged(z, timing.condition(), reach)
        values = jnp.moveaxis(values, 2, 1).reshape(-1, values.shape[1])
        num_conditions = number ** values.shape[0]
        _check_states(of_source**timing.source_history * num_conditions * num_pasts)
        conditions, is_condition = _symbols.join(values, number)
        pasts = pasts * num_conditions + conditions
        num_pasts, is_valid = (
            num_pasts * num_conditions,
            is_valid & jnp.all(is_condition),
        )
    sizes = of_source**timing.source_history, num_pasts, num_symbols
    _check_states(sizes[0] * sizes[1] * sizes[2])
    return Codes(sources, pasts, futures, sizes, is_valid)


def or_default(name: str, number: int | None, num_symbols: int) -> int:
    """A number of symbols that is by default that of the target."""
    if number is None:
        return num_symbols
    checks.at_least(name, number, 2)
    return number


def _check_states(number: int) -> None:
    if number > _MOST_STATES:
        raise ValueError(
            f"Expected histories and alphabets of at most {_MOST_STATES} states of "
            f"source, past and future, got {number}; shorten the histories."
        )


def _value(codes: Codes, estimator: str) -> jax.Array:
    num_states = math.prod(codes.sizes)
    if num_states <= max(codes.source.shape[0], _FEW):
        _, of_past, of_future = codes.sizes
        flat = (codes.source * of_past + codes.past) * of_future + codes.future
        table = jnp.zeros((num_states,), jnp.int32).at[flat].add(1)
        counts = _tables.marginals(table.reshape(codes.sizes), jnp.zeros(()).dtype)
        value = _tables.value(counts, estimator)
    else:
        value = _value_of_samples(codes, estimator)
    return jnp.where(codes.is_valid, value, jnp.nan)


class _LocalCounts(NamedTuple):
    """How many samples share the cells of each sample, in floating point ``(N,)``."""

    joint: jax.Array
    source_past: jax.Array
    past_future: jax.Array
    past: jax.Array


def _cells(codes: Codes) -> tuple[jax.Array, ...]:
    """Codes of the cells of a table and its marginals that each sample is in."""
    of_future = codes.sizes[2]
    source_past = codes.source * codes.sizes[1] + codes.past
    return (
        source_past * of_future + codes.future,
        source_past,
        codes.past * of_future + codes.future,
        codes.past,
    )


def _local_counts(codes: Codes) -> _LocalCounts:
    def count(cells: jax.Array) -> jax.Array:
        ordered = jnp.sort(cells)
        first = jnp.searchsorted(ordered, cells, side="left")
        return (jnp.searchsorted(ordered, cells, side="right") - first).astype(float)

    return _LocalCounts(*map(count, _cells(codes)))


def _value_of_samples(codes: Codes, estimator: str) -> jax.Array:
    """Transfer entropy without a table, from the cells that samples are in."""
    counts = _local_counts(codes)
    total = jnp.asarray(codes.source.shape[0]).astype(counts.joint.dtype)
    expected = _tables.expectation(counts.source_past, counts.past_future, counts.past)
    deviation = (counts.joint - expected) / expected
    # Each cell is met by as many samples as it holds; cells that hold none have the
    # expectation that the others leave, which is not negative.
    share = expected / counts.joint
    occupied = jnp.sum(share * logspace.excess(deviation))
    empty = jnp.maximum(jnp.sum(share * deviation), 0)
    plugin = (occupied + empty) / total
    if estimator == "grassberger":
        corrections = [jnp.sum(_counts.correction(count) / count) for count in counts]
        return plugin + _tables.alternating(corrections) / total
    if estimator == "miller_madow":
        numbers = [jnp.sum(1 / count) for count in counts]
        return plugin - _tables.alternating(numbers) / (2 * total)
    return plugin
