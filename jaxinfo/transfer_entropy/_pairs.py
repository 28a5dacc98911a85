"""All pairs of columns of two layers: their samples as codes, and measures of these."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.transfer_entropy import _counting, _discrete, _symbols, _tables
from jaxinfo.transfer_entropy._timing import Timing, check_length, lagged

_MOST_ENTRIES = 2**31
Measured = TypeVar("Measured")


class PairCodes(NamedTuple):
    """Samples of two layers, a code for each variable of each sample.

    Samples of replications stand below each other, all of one time together.

    Attributes:
        source: Past of each source. Shape ``(N, m)``.
        past: Past of each target. Shape ``(N, n)``.
        future: Future of each target. Shape ``(N, n)``.
        sizes: How many codes there are of each.
        is_source: Which sources have symbols in range only. Shape ``(m,)``.
        is_target: Which targets have. Shape ``(n,)``.
        is_sample: Which of the N are samples; ``None`` if all are. Shape ``(N,)``.
        axis_name: Devices that share all samples, of which these are those of one.
    """

    source: jax.Array
    past: jax.Array
    future: jax.Array
    sizes: tuple[int, int, int]
    is_source: jax.Array
    is_target: jax.Array
    is_sample: jax.Array | None = None
    axis_name: AxisName = None


def read(
    sources: ArrayLike,
    targets: ArrayLike,
    num_symbols: int,
    num_source_symbols: int | None,
    timing: Timing,
    *,
    has_replications: bool = False,
) -> PairCodes:
    """Check two layers, and code their samples."""
    x, y, of_source = read_symbols(
        sources,
        targets,
        num_symbols,
        num_source_symbols,
        has_replications=has_replications,
    )
    check_length("sources", x.shape[0], timing)
    return of_series(x, y, of_source, num_symbols, timing)


def read_symbols(
    sources: ArrayLike,
    targets: ArrayLike,
    num_symbols: int,
    num_source_symbols: int | None,
    *,
    has_replications: bool = False,
) -> tuple[jax.Array, jax.Array, int]:
    """Check two layers, and how many symbols a source has."""
    checks.at_least("num_symbols", num_symbols, 2)
    of_source = _discrete.or_default(
        "num_source_symbols", num_source_symbols, num_symbols
    )
    if has_replications:
        x = checks.as_labels("sources", sources, "(t, r, m)")
        t, r, _ = x.shape
        y = checks.as_labels("targets", targets, "(t, r, n)", t=t, r=r)
    else:
        x = checks.as_labels("sources", sources, "(t, m)")
        y = checks.as_labels("targets", targets, "(t, n)", t=x.shape[0])
    return x, y, of_source


def of_series(
    sources: jax.Array,
    targets: jax.Array,
    num_source_symbols: int,
    num_symbols: int,
    timing: Timing,
    is_sample: jax.Array | None = None,
    axis_name: AxisName = None,
) -> PairCodes:
    """Code the samples of layers ``(t, ..., m)`` and ``(t, ..., n)``.

    Some of these may be none, by ``is_sample`` ``(N,)``.
    """
    reach = timing.reach()
    source, is_source = _symbols.join(
        lagged(sources, timing.source(), reach), num_source_symbols
    )
    past, is_past = _symbols.join(lagged(targets, timing.past(), reach), num_symbols)
    future, is_future = _symbols.join(targets[None, reach:], num_symbols)

    def flat(array: jax.Array) -> jax.Array:
        return array.reshape(-1, array.shape[-1])

    def always(is_valid: jax.Array) -> jax.Array:
        is_wrong = ~flat(is_valid)
        if is_sample is not None:
            is_wrong = is_wrong & is_sample[:, None]
        return ~shards.any_holds(jnp.any(is_wrong, axis=0), axis_name)

    return PairCodes(
        source=flat(source),
        past=flat(past),
        future=flat(future),
        sizes=(
            num_source_symbols**timing.source_history,
            num_symbols**timing.target_history,
            num_symbols,
        ),
        is_source=always(is_source),
        is_target=always(is_past & is_future),
        is_sample=is_sample,
        axis_name=axis_name,
    )


def check_table(
    sizes: tuple[int, int, int], num_sources: int, num_targets: int, way_out: str
) -> None:
    """Check that the counts of all pairs that are held at once are not too many."""
    of_source, of_past, of_future = sizes
    entries = num_sources * num_targets * of_source * of_past * of_future
    if entries > _MOST_ENTRIES:
        raise ValueError(
            f"Expected a table of at most {_MOST_ENTRIES} counts, got {num_sources} x "
            f"{num_targets} pairs of {of_source} x {of_past} x {of_future} states, "
            f"{entries} counts in {4 * entries} bytes; {way_out}."
        )


def targets_of(codes: PairCodes) -> _counting.Side:
    """Past and future of the targets, as one code."""
    _, of_past, of_future = codes.sizes
    both = codes.past * of_future + codes.future
    return _counting.side(both, of_past * of_future, codes.is_sample)


def of_all(
    measure: Callable[[_tables.Marginals], Measured],
    codes: PairCodes,
    block_size: int | None = None,
) -> Measured:
    """A measure of the table of each pair, ``(m, n)``, by blocks of sources."""
    of_source, of_past, of_future = codes.sizes
    targets = targets_of(codes)

    def of_one(source: jax.Array) -> Measured:
        own = _counting.side(source[:, None], of_source, codes.is_sample)
        table = shards.total(_counting.pairs(own, targets), codes.axis_name)
        # Of one source: its axis goes.
        table = table.reshape(of_source, of_past, of_future, -1)
        return measure(_tables.marginals(table, jnp.zeros(()).dtype))

    if block_size is None or block_size >= codes.source.shape[1]:
        return jax.vmap(of_one, in_axes=1)(codes.source)
    measured: Measured = jax.lax.map(of_one, codes.source.T, batch_size=block_size)
    return measured


def where_valid(codes: PairCodes, values: jax.Array) -> jax.Array:
    """Values ``(m, n)``, NaN where a symbol is out of range."""
    is_valid = codes.is_source[:, None] & codes.is_target[None, :]
    return jnp.where(is_valid, values, jnp.nan)


def check_block(codes: PairCodes, block_size: int | None) -> None:
    """Check a number of sources per step, and the table that they need."""
    checks.block_size(block_size)
    m, n = codes.source.shape[1], codes.future.shape[1]
    at_once = m if block_size is None else min(block_size, m)
    check_table(
        codes.sizes,
        at_once,
        n,
        "pass a smaller `block_size`, the number of sources per step",
    )
