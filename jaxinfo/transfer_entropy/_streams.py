"""Counts that are carried through a training loop."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.transfer_entropy import (
    _counting,
    _discrete,
    _nulls,
    _pairs,
    _significance,
    _tables,
)
from jaxinfo.transfer_entropy._timing import Timing
from jaxinfo.transfer_entropy._types import Significance


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """Counts of all pairs of two layers, and the rows that further samples need.

    A pytree of arrays; the last three fields are static. The rows kept at either end
    are those that samples spanning this end need: s of them, as many as ``timing``
    looks back.

    Attributes:
        counts: How often each source code, and each code of past and future, occur
            together; integers, or floats if old counts decay. Shape ``(s_x, s_yf, m,
            n)``.
        first_sources: Rows since the start or, if earlier, up to the first boundary.
            Shape ``(s, m)``, or ``(s, r, m)`` with replications.
        first_targets: Likewise. Shape ``(s, n)`` or ``(s, r, n)``.
        num_first: How many of these there are so far. Shape ``()``.
        last_sources: Rows since the last boundary, ending with the latest. Shape ``(s,
            m)`` or ``(s, r, m)``.
        last_targets: Likewise. Shape ``(s, n)`` or ``(s, r, n)``.
        num_last: How many of these there are. Shape ``()``.
        has_boundary: Whether there was a boundary. Shape ``()``.
        num_rows: Rows seen. Shape ``()``.
        is_source: Which sources have had only symbols in range. Shape ``(m,)``.
        is_target: Likewise for targets. Shape ``(n,)``.
        num_symbols: Number of symbols of a target.
        num_source_symbols: Number of symbols of a source.
        timing: Histories, delays and lags.
    """

    counts: jax.Array
    first_sources: jax.Array
    first_targets: jax.Array
    num_first: jax.Array
    last_sources: jax.Array
    last_targets: jax.Array
    num_last: jax.Array
    has_boundary: jax.Array
    num_rows: jax.Array
    is_source: jax.Array
    is_target: jax.Array
    num_symbols: int = dataclasses.field(metadata={"static": True})
    num_source_symbols: int = dataclasses.field(metadata={"static": True})
    timing: Timing = dataclasses.field(metadata={"static": True})


@compiled.jit(
    static_argnames=(
        "num_sources",
        "num_targets",
        "num_symbols",
        "num_source_symbols",
        "num_replications",
        "is_decaying",
    )
)
def stream_init(
    *,
    num_sources: int,
    num_targets: int,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    num_replications: int | None = None,
    is_decaying: bool = False,
) -> Stream:
    r"""Start counting the transitions of two layers.

    Not differentiable. Costs the memory of the counts, :math:`O(m n s_x s_{yf})` for
    :math:`s_x` codes of a source's past and :math:`s_{yf}` of a target's past and
    future.

    Args:
        num_sources: Number m of sources. Static.
        num_targets: Number n of targets. Static.
        num_symbols: Number of symbols of a target. Static.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        num_replications: Number r of replications, if rows have them. Static.
        is_decaying: Whether old counts will decay, in which case they are floats.
            Static.

    Returns:
        Empty counts.

    Raises:
        ValueError: If there are more than 2,147,483,648 counts.

    Example:
        >>> from jaxinfo import transfer_entropy
        >>> state = transfer_entropy.stream_init(
        ...     num_sources=3, num_targets=2, num_symbols=2
        ... )
        >>> print(state.counts.shape)
        (2, 4, 3, 2)
    """
    for name, number, least in (
        ("num_sources", num_sources, 1),
        ("num_targets", num_targets, 1),
        ("num_symbols", num_symbols, 2),
    ):
        checks.at_least(name, number, least)
    of_source = _discrete.or_default(
        "num_source_symbols", num_source_symbols, num_symbols
    )
    if num_replications is not None:
        checks.at_least("num_replications", num_replications, 1)
    sizes = (
        of_source**timing.source_history,
        num_symbols**timing.target_history,
        num_symbols,
    )
    _pairs.check_table(
        sizes, num_sources, num_targets, "count fewer neurons or shorter histories"
    )
    inner = () if num_replications is None else (num_replications,)
    sources = jnp.zeros((timing.reach(), *inner, num_sources), int)
    targets = jnp.zeros((timing.reach(), *inner, num_targets), int)
    shape = sizes[0], sizes[1] * sizes[2], num_sources, num_targets
    nothing = jnp.zeros((), jnp.int32)
    return Stream(
        counts=jnp.zeros(shape, float if is_decaying else jnp.int32),
        first_sources=sources,
        first_targets=targets,
        num_first=nothing,
        last_sources=sources,
        last_targets=targets,
        num_last=nothing,
        has_boundary=jnp.zeros((), bool),
        num_rows=nothing,
        is_source=jnp.ones((num_sources,), bool),
        is_target=jnp.ones((num_targets,), bool),
        num_symbols=num_symbols,
        num_source_symbols=of_source,
        timing=timing,
    )


@compiled.jit
def stream_update(
    state: Stream,
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    decay: ArrayLike | None = None,
) -> Stream:
    r"""Count the transitions of further rows, including those that begin before them.

    However the rows are batched, the counts are exactly those of the whole series.
    Donate the state to a compiled step, so that its counts are not copied. Not
    differentiable. Costs :math:`O(m n (s_x - 1) (s_{yf} - 1) N / 32)` for N new
    samples, and memory of the counts.

    Args:
        state: Counts so far.
        sources: Symbols of one or more rows, integers or booleans. Shape ``(t, m)``, or
            ``(t, r, m)`` with replications.
        targets: Symbols. Shape ``(t, n)``, or ``(t, r, n)`` with replications.
        decay: What old counts are multiplied by before new ones are added, for a state
            that decays. Scalar between 0 and 1.

    Returns:
        Counts including those of the rows. A symbol out of range marks its column,
        whose values are NaN from then on.

    Raises:
        ValueError: If ``decay`` is given for a state whose counts are integers.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> state = transfer_entropy.stream_init(
        ...     num_sources=1, num_targets=1, num_symbols=2
        ... )
        >>> rows = jnp.array([[0], [1], [1]])
        >>> state = transfer_entropy.stream_update(state, rows, rows)
        >>> state = transfer_entropy.stream_update(state, rows, rows)
        >>> print(state.counts.sum())  # samples: all six rows but the first
        5
    """
    is_decaying = jnp.issubdtype(state.counts.dtype, jnp.floating)
    if decay is not None and not is_decaying:
        raise ValueError(
            "Expected `decay` for a state made with is_decaying=True, got "
            "integer counts."
        )
    x, y = _rows(state, sources, targets)
    num_new, reach = x.shape[0], state.timing.reach()
    before_x = jnp.concatenate([state.last_sources, x])
    before_y = jnp.concatenate([state.last_targets, y])
    # Samples that look back beyond the last boundary are none.
    is_sample = state.num_last + jnp.arange(num_new, dtype=jnp.int32) >= reach
    new = _count(state, before_x, before_y, is_sample)
    counts = state.counts
    if decay is not None:
        counts = counts * checks.as_scalar("decay", decay, counts.dtype)
    num_new_rows = jnp.asarray(num_new, jnp.int32)
    open_rows = jnp.where(state.has_boundary, 0, num_new_rows)
    limit = jnp.asarray(reach, jnp.int32)
    return dataclasses.replace(
        state,
        counts=counts + new.astype(counts.dtype),
        first_sources=_append(state.first_sources, state.num_first, x, open_rows),
        first_targets=_append(state.first_targets, state.num_first, y, open_rows),
        num_first=jnp.minimum(limit, state.num_first + open_rows),
        last_sources=before_x[num_new:],
        last_targets=before_y[num_new:],
        num_last=jnp.minimum(limit, state.num_last + num_new_rows),
        num_rows=state.num_rows + num_new_rows,
        is_source=state.is_source & _are_in_range(x, state.num_source_symbols),
        is_target=state.is_target & _are_in_range(y, state.num_symbols),
    )


@compiled.jit
def stream_break(state: Stream) -> Stream:
    r"""End an epoch or a trial: no sample will look back across this boundary.

    Not differentiable. Costs :math:`O(1)`.

    Args:
        state: Counts so far.

    Returns:
        The same counts, with a boundary after the latest row.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> state = transfer_entropy.stream_init(
        ...     num_sources=1, num_targets=1, num_symbols=2
        ... )
        >>> rows = jnp.array([[0], [1], [1]])
        >>> state = transfer_entropy.stream_update(state, rows, rows)
        >>> state = transfer_entropy.stream_break(state)
        >>> state = transfer_entropy.stream_update(state, rows, rows)
        >>> print(state.counts.sum())
        4
    """
    return dataclasses.replace(
        state,
        num_last=jnp.zeros_like(state.num_last),
        has_boundary=jnp.ones_like(state.has_boundary),
    )


@compiled.jit(static_argnames=("is_contiguous",))
def stream_merge(
    first: Stream, second: Stream, *, is_contiguous: bool = False
) -> Stream:
    r"""Add the counts of two states, such as those of two devices or parts of a series.

    Merging is associative, and exact. Not differentiable. Costs :math:`O(m n s_x
    s_{yf})`, as many operations as there are counts.

    Args:
        first: Counts of one part.
        second: Counts of another, with the same settings.
        is_contiguous: Whether the rows of the second go on where those of the first
            ended: then the samples that span the seam are counted too, even where a
            part is shorter than the steps that they look back. Otherwise there is a
            boundary between them. Static.

    Returns:
        Counts of both, which can be updated with rows that follow the second.

    Raises:
        ValueError: If the settings or shapes of the two differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> state = transfer_entropy.stream_init(
        ...     num_sources=1, num_targets=1, num_symbols=2
        ... )
        >>> rows = jnp.array([[0], [1], [1]])
        >>> half = transfer_entropy.stream_update(state, rows, rows)
        >>> whole = transfer_entropy.stream_merge(half, half, is_contiguous=True)
        >>> print(whole.counts.sum())
        5
    """
    if len({jax.tree.structure(first), jax.tree.structure(second)}) > 1 or any(
        one.shape != other.shape or one.dtype != other.dtype
        for one, other in zip(
            jax.tree.leaves(first), jax.tree.leaves(second), strict=True
        )
    ):
        raise ValueError(
            "Expected `second` to have the settings and shapes of `first`, got others."
        )
    if not is_contiguous:
        first = dataclasses.replace(
            first,
            num_last=jnp.zeros_like(first.num_last),
            has_boundary=jnp.ones_like(first.has_boundary),
        )
    reach = first.timing.reach()
    # The first rows of the second look back at the last of the first.
    position = jnp.arange(reach, dtype=jnp.int32)
    is_sample = (position < second.num_first) & (first.num_last + position >= reach)
    seam = jnp.zeros_like(first.counts)
    if reach and is_contiguous:
        across = _count(
            first,
            jnp.concatenate([first.last_sources, second.first_sources]),
            jnp.concatenate([first.last_targets, second.first_targets]),
            is_sample,
        )
        seam = across.astype(first.counts.dtype)
    limit = jnp.asarray(reach, jnp.int32)
    open_rows = jnp.where(first.has_boundary, 0, second.num_first)
    earlier = jnp.where(second.has_boundary, 0, first.num_last)

    def last(one: jax.Array, other: jax.Array) -> jax.Array:
        both = jnp.concatenate([one, other])
        # The second's, and before them the last of the first.
        is_second = position >= reach - second.num_last
        place = jnp.where(is_second, reach + position, position + second.num_last)
        return both[place]

    return dataclasses.replace(
        first,
        counts=first.counts + second.counts + seam,
        first_sources=_append(
            first.first_sources, first.num_first, second.first_sources, open_rows
        ),
        first_targets=_append(
            first.first_targets, first.num_first, second.first_targets, open_rows
        ),
        num_first=jnp.minimum(limit, first.num_first + open_rows),
        last_sources=last(first.last_sources, second.last_sources),
        last_targets=last(first.last_targets, second.last_targets),
        num_last=jnp.minimum(limit, second.num_last + earlier),
        has_boundary=first.has_boundary | second.has_boundary,
        num_rows=first.num_rows + second.num_rows,
        is_source=first.is_source & second.is_source,
        is_target=first.is_target & second.is_target,
    )


@compiled.jit(static_argnames=("estimator",))
def stream_value(state: Stream, *, estimator: str = "plugin") -> jax.Array:
    r"""Transfer entropy of all pairs from the counts so far.

    The result of `pairwise` or `ensemble_pairwise` for all rows, if all symbols are in
    range: one out of range is remembered even where no sample looks at it. Not
    differentiable. Costs :math:`O(m n s_x s_{yf})`, as many operations as there are
    counts.

    Args:
        state: Counts.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``, as in
            `discrete`; the last one only for counts that do not decay; the second
            counts decayed cells as occupied. Static.

    Returns:
        Transfer entropy from source i to target j in nats, in the default float; NaN
        for columns with a symbol out of range, and before the first sample. Shape ``(m,
        n)``.

    Raises:
        ValueError: If ``"grassberger"`` is requested for counts that decay.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(1000, 1))
        >>> state = transfer_entropy.stream_init(
        ...     num_sources=1, num_targets=1, num_symbols=2
        ... )
        >>> state = transfer_entropy.stream_update(state, x, jnp.roll(x, 1))
        >>> print(transfer_entropy.stream_value(state).round(2))
        [[0.69]]
    """
    checks.one_of("estimator", estimator, _tables.ESTIMATORS)
    has_decay = jnp.issubdtype(state.counts.dtype, jnp.floating)
    if has_decay and estimator == "grassberger":
        raise ValueError(
            'Expected `estimator` not to be "grassberger", which needs whole '
            "numbers, for counts that decay."
        )
    value = _tables.value(marginals(state), estimator)
    return _where_valid(state, value)


@compiled.jit(static_argnames=("correction",))
def stream_significance(
    state: Stream, *, correction: str = "benjamini_hochberg"
) -> Significance:
    r"""Test the transfer entropy of all pairs against a chi-squared null, from counts.

    As `significance` with ``method="chi2"``, from the distribution of :math:`2 N T`.
    Decayed counts stand for as many samples as they add up to. Not differentiable.
    Costs :math:`O(m n s_x s_{yf})`, as many operations as there are counts.

    Args:
        state: Counts.
        correction: ``"benjamini_hochberg"`` or ``"none"``. Static.

    Returns:
        Values and their null, in the default float. Shapes ``(m, n)``.

    Raises:
        ValueError: If ``correction`` needs surrogates.

    References:
        Barnett and Bossomaier, `Transfer entropy as a log-likelihood ratio
        <https://arxiv.org/abs/1205.6339>`_, 2012.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(1000, 1))
        >>> state = transfer_entropy.stream_init(
        ...     num_sources=1, num_targets=1, num_symbols=2
        ... )
        >>> state = transfer_entropy.stream_update(state, x, jnp.roll(x, 1))
        >>> print(transfer_entropy.stream_significance(state).p_value < 1e-6)
        [[ True]]
    """
    _significance.check_correction(correction, "chi2")
    counts = marginals(state)
    measures = _significance.measures_of(counts)
    value = _where_valid(state, measures.value)
    null = _nulls.chi_squared(value, measures.degrees, counts.total)
    return _nulls.significance(value, null, measures.future_entropy, correction)


def _rows(
    state: Stream, sources: ArrayLike, targets: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    """Check rows for a state."""
    m, n = state.is_source.shape[0], state.is_target.shape[0]
    if state.last_sources.ndim == 2:
        x = checks.as_labels("sources", sources, "(t, m)", m=m)
        return x, checks.as_labels("targets", targets, "(t, n)", t=x.shape[0], n=n)
    r = state.last_sources.shape[1]
    x = checks.as_labels("sources", sources, "(t, r, m)", r=r, m=m)
    y = checks.as_labels("targets", targets, "(t, r, n)", t=x.shape[0], r=r, n=n)
    return x, y


def _count(
    state: Stream, sources: jax.Array, targets: jax.Array, is_sample: jax.Array
) -> jax.Array:
    """Count samples of series ``(s + N, ..., m)`` where ``is_sample (N,)``."""
    codes = _pairs.of_series(
        sources, targets, state.num_source_symbols, state.num_symbols, state.timing
    )
    replications = codes.source.shape[0] // is_sample.shape[0]
    mask = jnp.repeat(is_sample, replications)
    of_source, of_past, of_future = codes.sizes
    both = codes.past * of_future + codes.future
    return _counting.pairs(
        _counting.side(codes.source, of_source, mask),
        _counting.side(both, of_past * of_future, mask),
    )


def _append(
    first: jax.Array, number: jax.Array, rows: jax.Array, open_rows: jax.Array
) -> jax.Array:
    """Rows ``(s, ...)`` of which a number is there, with the next ones as they fit."""
    place = jnp.arange(first.shape[0], dtype=jnp.int32)
    source = jnp.clip(place - number, 0, rows.shape[0] - 1)
    is_new = (place >= number) & (place - number < open_rows)
    shape = (-1, *[1] * (first.ndim - 1))
    return jnp.where(is_new.reshape(shape), rows[source], first)


def _are_in_range(rows: jax.Array, num_symbols: int) -> jax.Array:
    is_inside = (rows >= 0) & (rows < num_symbols)
    return jnp.all(is_inside, axis=tuple(range(rows.ndim - 1)))


def marginals(state: Stream) -> _tables.Marginals:
    """Counts of a state with their marginals."""
    of_source, _, m, n = state.counts.shape
    table = state.counts.reshape(of_source, -1, state.num_symbols, m, n)
    return _tables.marginals(table, jnp.zeros(()).dtype)


def _where_valid(state: Stream, values: jax.Array) -> jax.Array:
    is_valid = state.is_source[:, None] & state.is_target[None, :]
    return jnp.where(is_valid, values, jnp.nan)
