"""Is it transfer? Values beside surrogates and the chi-squared law."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.transfer_entropy import _discrete, _nulls, _pairs, _surrogates, _tables
from jaxinfo.transfer_entropy._timing import Timing
from jaxinfo.transfer_entropy._types import Significance

_METHODS = ("permutation", "stratified", "block", "circular", "given", "chi2")
_ENSEMBLE_METHODS = ("replications", "stratified", "chi2")


@compiled.jit(
    static_argnames=(
        "num_symbols",
        "num_source_symbols",
        "method",
        "num_surrogates",
        "block_length",
        "correction",
        "block_size",
    )
)
def significance(
    key: jax.Array,
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    method: str = "permutation",
    num_surrogates: int = 200,
    block_length: int | None = None,
    surrogates: ArrayLike | None = None,
    correction: str = "benjamini_hochberg",
    block_size: int | None = None,
) -> Significance:
    r"""Test the plug-in transfer entropy of all pairs against a null distribution.

    How the null is drawn, with s, p and f the source, past and future of a sample:

    - ``"permutation"``: rows of s in random order, the same for all sources, so that
      their dependence on each other is preserved. Wrong where sources carry information
      about the target's past, as adjacent layers do: it overstates the bias.
    - ``"stratified"``: futures exchanged among samples of equal past, independently for
      each target. Preserves what s and p share, and the distribution of f given p.
    - ``"block"``: blocks of ``block_length`` rows of s in random order; ``"circular"``:
      s shifted cyclically by a random number of rows. For series that depend on their
      own past beyond the histories.
    - ``"given"``: the caller's source series, ``surrogates``.
    - ``"chi2"``: without surrogates, from the distribution of 2 N T in nats, which is
      chi-squared with as many degrees of freedom as occupied cells leave; only
      approximate where cells are rarely occupied.

    With S surrogates, :math:`p = (1 + |\{T_s \ge T\}|) / (1 + S)`, where values that
    differ only by rounding count as equal. ``"benjamini_hochberg"`` controls the false
    discovery rate among all pairs; ``"max_statistic"`` controls the probability of any
    false discovery, using the largest value of each surrogate, for methods that permute
    all sources alike.

    Not differentiable. Costs are S times those of `pairwise`, plus a sort of each
    target with ``"stratified"``; one table is held in memory at a time.

    Args:
        key: Random key; ``"chi2"`` and ``"given"`` do not use it.
        sources: Symbols from 0 to ``num_source_symbols - 1``, integers or booleans.
            Shape ``(t, m)``.
        targets: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t, n)``.
        num_symbols: Number of symbols of a target. Static.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        method: ``"permutation"``, ``"stratified"``, ``"block"``, ``"circular"``,
            ``"given"`` or ``"chi2"``. Static.
        num_surrogates: Number S of surrogates, unless they are given. Static.
        block_length: Rows of a block. Static.
        surrogates: Sources unrelated to the targets, for ``"given"``. Shape ``(s, t,
            m)``.
        correction: ``"benjamini_hochberg"``, ``"max_statistic"`` or ``"none"``. Static.
        block_size: Sources processed at once; by default all. Static.

    Returns:
        Values and their null, in the default float. Shapes ``(m, n)``; NaN for columns
        with a symbol out of range.

    Raises:
        ValueError: As for `pairwise`; if ``block_length`` or ``surrogates`` is missing
            for its method, or given for another; if ``"max_statistic"`` is requested
            with ``"stratified"`` or ``"chi2"``.

    References:
        Lindner et al., `TRENTOOL <https://doi.org/10.1186/1471-2202-12-119>`_, 2011;
        Barnett and Bossomaier, `Transfer entropy as a log-likelihood ratio
        <https://arxiv.org/abs/1205.6339>`_, 2012, for the chi-squared law; Phipson and
        Smyth, `Permutation p-values should never be zero
        <https://arxiv.org/abs/1603.05766>`_, 2010; Benjamini and Hochberg, `Controlling
        the false discovery rate
        <https://doi.org/10.1111/j.2517-6161.1995.tb02031.x>`_, 1995.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(500, 2))
        >>> y = jnp.roll(x, 1, axis=0)
        >>> result = transfer_entropy.significance(
        ...     jax.random.key(1), x, y, num_symbols=2, num_surrogates=99
        ... )
        >>> print(result.p_value[0, 0], result.p_value[0, 1] > 0.01)
        0.01 True
    """
    key = checks.as_key("key", key)
    codes = _pairs.read(sources, targets, num_symbols, num_source_symbols, timing)
    checks.one_of("method", method, _METHODS)
    _surrogates.check_block_length(method, block_length, codes.source.shape[0])
    if surrogates is not None and method != "given":
        raise ValueError(
            f'Expected `surrogates` with method="given" only, got them with "{method}".'
        )
    if method == "given":
        if surrogates is None:
            raise ValueError('Expected `surrogates` with method="given", got None.')
        t, m = jnp.shape(sources)
        given = checks.as_labels("surrogates", surrogates, "(s, t, m)", t=t, m=m)
        y = checks.as_labels("targets", targets, "(t, n)")
        of_source = _discrete.or_default(
            "num_source_symbols", num_source_symbols, num_symbols
        )
        num_surrogates = given.shape[0]

    def draw(key: jax.Array, number: jax.Array) -> _pairs.PairCodes:
        if method == "given":
            return _pairs.of_series(given[number], y, of_source, num_symbols, timing)
        if method == "stratified":
            future = _surrogates.within_strata(key, codes.future, codes.past)
            return codes._replace(future=future)
        chosen = _surrogates.rows(key, codes.source.shape[0], method, block_length)
        return codes._replace(source=codes.source[chosen])

    return _of_codes(key, codes, draw, method, num_surrogates, correction, block_size)


@compiled.jit(
    static_argnames=(
        "num_symbols",
        "num_source_symbols",
        "method",
        "num_surrogates",
        "correction",
        "block_size",
    )
)
def ensemble_significance(
    key: jax.Array,
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    method: str = "replications",
    num_surrogates: int = 200,
    correction: str = "benjamini_hochberg",
    block_size: int | None = None,
) -> Significance:
    r"""Test the plug-in transfer entropy of replications against a null distribution.

    - ``"replications"``: one permutation of the source's replications, the same at all
      times: the null contains the bias and the drift common to all replications.
    - ``"stratified"``: at each time, futures exchanged among the replications of equal
      past, independently for each target. Also preserves what source and past share.
    - ``"chi2"``: without surrogates, as in `significance`; accounts for the bias only.

    With S surrogates, :math:`p = (1 + |\{T_s \ge T\}|) / (1 + S)`; corrections are
    those of `significance`. Not differentiable. Costs are S times those of
    `ensemble_pairwise`.

    Args:
        key: Random key; ``"chi2"`` does not use it.
        sources: Symbols of r replications, from 0 to ``num_source_symbols - 1``,
            integers or booleans. Shape ``(t, r, m)``.
        targets: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t, r, n)``.
        num_symbols: Number of symbols of a target. Static.
        timing: Histories, delays and lags, in steps of the first axis. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        method: ``"replications"``, ``"stratified"`` or ``"chi2"``. Static.
        num_surrogates: Number of surrogates. Static.
        correction: ``"benjamini_hochberg"``, ``"max_statistic"`` or ``"none"``. Static.
        block_size: Sources processed at once; by default all. Static.

    Returns:
        Values and their null, in the default float. Shapes ``(m, n)``; NaN for columns
        with a symbol out of range.

    Raises:
        ValueError: As for `significance`.

    References:
        Those of `significance` and `ensemble_pairwise`.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(20, 50, 1))
        >>> y = jnp.roll(x, 1, axis=0)
        >>> result = transfer_entropy.ensemble_significance(
        ...     jax.random.key(1), x, y, num_symbols=2, num_surrogates=99
        ... )
        >>> print(result.p_value)
        [[0.01]]
    """
    key = checks.as_key("key", key)
    codes = _pairs.read(
        sources,
        targets,
        num_symbols,
        num_source_symbols,
        timing,
        has_replications=True,
    )
    checks.one_of("method", method, _ENSEMBLE_METHODS)
    num_replications = jnp.shape(sources)[1]
    num_samples = codes.source.shape[0]
    time = jnp.arange(num_samples) // num_replications

    def draw(key: jax.Array, number: jax.Array) -> _pairs.PairCodes:
        if method == "stratified":
            times = jnp.broadcast_to(time[:, None], codes.past.shape)
            future = _surrogates.within_strata(key, codes.future, codes.past, times)
            return codes._replace(future=future)
        order = jax.random.permutation(key, num_replications)
        others = order[jnp.arange(num_samples) % num_replications]
        chosen = time * num_replications + others
        return codes._replace(source=codes.source[chosen])

    return _of_codes(key, codes, draw, method, num_surrogates, correction, block_size)


class Measures(NamedTuple):
    """What significance needs of each pair. Shapes ``(m, n)``."""

    value: jax.Array
    degrees: jax.Array
    future_entropy: jax.Array


def measures_of(counts: _tables.Marginals) -> Measures:
    """Measures of a table."""
    return Measures(
        _tables.value(counts, "plugin"),
        _tables.degrees_of_freedom(counts),
        _tables.entropy_rate(counts),
    )


def _of_codes(
    key: jax.Array,
    codes: _pairs.PairCodes,
    draw: Callable[[jax.Array, jax.Array], _pairs.PairCodes],
    method: str,
    num_surrogates: int,
    correction: str,
    block_size: int | None,
) -> Significance:
    check_correction(correction, method)
    checks.at_least("num_surrogates", num_surrogates, 1)
    _pairs.check_block(codes, block_size)
    measures = _pairs.of_all(measures_of, codes, block_size)
    value = _pairs.where_valid(codes, measures.value)
    if method == "chi2":
        number = jnp.asarray(codes.source.shape[0]).astype(value.dtype)
        null = _nulls.chi_squared(value, measures.degrees, number)
    else:

        def of_surrogate(number: jax.Array) -> jax.Array:
            drawn = draw(jax.random.fold_in(key, number), number)
            plugin = functools.partial(_tables.value, estimator="plugin")
            values = _pairs.of_all(plugin, drawn, block_size)
            return _pairs.where_valid(drawn, values)

        null = _nulls.sample(value, of_surrogate, num_surrogates)
    return _nulls.significance(value, null, measures.future_entropy, correction)


def check_correction(correction: str, method: str) -> None:
    """Check how p-values are corrected."""
    checks.one_of("correction", correction, _nulls.CORRECTIONS)
    if correction == "max_statistic" and method in ("stratified", "chi2"):
        raise ValueError(
            'Expected `correction` to be "benjamini_hochberg" or "none" with method='
            f'"{method}", got "max_statistic", which needs the same permutation for '
            "all sources."
        )
