"""Counts of labels, and what two labellings tell about each other."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, logspace
from jaxinfo.measures._types import LabelComparison


@compiled.jit(static_argnames=("num_x", "num_y"))
def contingency_table(
    labels_x: ArrayLike, labels_y: ArrayLike, *, num_x: int, num_y: int
) -> jax.Array:
    r"""Count how often two labels occur together.

    .. math::
        c_{ab} = \left| \{ i : x_i = a,\ y_i = b \} \right| .

    Not differentiable. Costs :math:`O(n + kl)`; in float32 counts are exact up to
    16,777,216.

    Args:
        labels_x: Labels, integers or booleans, from 0 to ``num_x - 1``. Shape ``(n,)``.
        labels_y: Labels, integers or booleans, from 0 to ``num_y - 1``. Shape ``(n,)``.
        num_x: Number of values of the first label. Static.
        num_y: Number of values of the second label. Static.

    Returns:
        Counts in the default floating dtype; all NaN if a label is out of range, so
        that the error does not go unnoticed. Shape ``(num_x, num_y)``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> x, y = jnp.array([0, 0, 1]), jnp.array([1, 1, 0])
        >>> print(measures.contingency_table(x, y, num_x=2, num_y=2))
        [[0. 2.]
         [1. 0.]]
    """
    x, y, _ = _read(labels_x, labels_y, num_x, num_y, None)
    counts, is_valid = _count(x, y, num_x, num_y, None)
    return jnp.where(is_valid, counts.astype(float), jnp.nan)


@compiled.jit(static_argnames=("num_x", "num_y"))
def compare_labels(
    labels_x: ArrayLike,
    labels_y: ArrayLike,
    *,
    num_x: int,
    num_y: int,
    mask: ArrayLike | None = None,
) -> LabelComparison:
    r"""Information shared by two labellings, as it is and adjusted for chance.

    With the counts :math:`c_{ab}` of `contingency_table`, their row and column sums
    :math:`c_a`, :math:`c_b` and their total :math:`N`,

    .. math::
        I = \sum_{ab} \frac{c_{ab}}{N} \log \frac{N c_{ab}}{c_a c_b}, \qquad
        E = \sum_{ab} \sum_m P(m; c_a, c_b, N) \,
        \frac{m}{N} \log \frac{N m}{c_a c_b} ,

    where :math:`P` is the hypergeometric law: :math:`E` is the expectation of
    :math:`I` over all permutations of the labels :math:`y`. Labellings of many classes
    share information by chance alone; adjusted values are 0 in expectation if the
    labellings are unrelated.

    Not differentiable. Costs :math:`O(n + k l \sqrt{s})` for :math:`k l` pairs of
    classes and :math:`s` points in the largest, and :math:`O(n + k l)` memory.

    Args:
        labels_x: Labels, integers or booleans, from 0 to ``num_x - 1``. Shape ``(n,)``.
        labels_y: Labels, integers or booleans, from 0 to ``num_y - 1``. Shape ``(n,)``.
        num_x: Number of values of the first label; some may be absent. Static.
        num_y: Number of values of the second label. Static.
        mask: Which points to count, booleans; the others may have any label. Shape
            ``(n,)``.

    Returns:
        Values in the default floating dtype; all NaN if a label is out of range or no
        point is counted. In float32, counts are exact up to 16,777,216 points, and
        adjusted values are accurate to 1e-6, or to 3e-5 where nearly every point has a
        label of its own and their denominator vanishes.

    References:
        Vinh, Epps and Bailey, `Information theoretic measures for clusterings
        comparison <https://www.jmlr.org/papers/v11/vinh10a.html>`_, 2010, equation 24
        and table 2. Each expectation is summed outwards from the mode of :math:`P`,
        over terms of which none is negative.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> x, y = jnp.array([0, 0, 1, 1, 2, 2]), jnp.array([0, 0, 1, 1, 1, 1])
        >>> result = measures.compare_labels(x, y, num_x=3, num_y=2)
        >>> print(result.nmi, result.adjusted_nmi)
        0.7612 0.6492
    """
    x, y, is_counted = _read(labels_x, labels_y, num_x, num_y, mask)
    counts, is_valid = _count(x, y, num_x, num_y, is_counted)
    in_x, in_y = jnp.sum(counts, axis=1), jnp.sum(counts, axis=0)
    number = jnp.sum(counts)
    total = jnp.where(is_valid & (number > 0), number.astype(float), jnp.nan)
    shape = counts.shape
    size_x = jnp.broadcast_to(in_x[:, None], shape)
    size_y = jnp.broadcast_to(in_y[None, :], shape)

    at_least_one = jnp.maximum(number, 1).astype(float)
    mean = size_x.astype(float) / at_least_one * size_y.astype(float)
    information = _total(_excess(counts, mean)) / total
    expected = _total(_expected_excess(size_x, size_y, number, mean)) / total
    entropy_x = _surprise(in_x, jnp.broadcast_to(number, in_x.shape)) / total
    entropy_y = _surprise(in_y, jnp.broadcast_to(number, in_y.shape)) / total
    x_given_y = _surprise(counts, size_y) / total
    y_given_x = _surprise(counts, size_x) / total

    above_chance = information - expected
    # What the most that I could be, a mean of the entropies, is above I: differences of
    # entropies that lose no digits where the labellings nearly agree.
    vi = x_given_y + y_given_x
    geometric = guarded.sqrt(entropy_x) * guarded.sqrt(entropy_y)
    below_geometric = guarded.quotient(
        information * vi + x_given_y * y_given_x, geometric + information
    )
    is_same = jnp.sum(counts > 0) == jnp.maximum(jnp.sum(in_x > 0), jnp.sum(in_y > 0))
    is_same &= jnp.sum(in_x > 0) == jnp.sum(in_y > 0)

    def adjusted(below_most: jax.Array) -> jax.Array:
        share = guarded.quotient(above_chance, below_most + above_chance)
        return jnp.where(is_same & ~jnp.isnan(total), 1, share)

    return LabelComparison(
        mutual_information=information,
        nmi=guarded.over_geometric_mean(information, entropy_x, entropy_y),
        vi=vi,
        expected_mutual_information=expected,
        adjusted_mutual_information=above_chance,
        adjusted_nmi=adjusted(below_geometric),
        adjusted_vi=adjusted(vi / 2),
    )


def _read(
    labels_x: ArrayLike,
    labels_y: ArrayLike,
    num_x: int,
    num_y: int,
    mask: ArrayLike | None,
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """Check two labellings of the same points."""
    x = checks.as_labels("labels_x", labels_x, "(n,)")
    n = x.shape[0]
    y = checks.as_labels("labels_y", labels_y, "(n,)", n=n)
    checks.at_least("num_x", num_x, 1)
    checks.at_least("num_y", num_y, 1)
    return x, y, None if mask is None else checks.as_mask("mask", mask, "(n,)", n=n)


def _count(
    x: jax.Array, y: jax.Array, num_x: int, num_y: int, mask: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Integer counts ``(num_x, num_y)``, and whether all labels are in range."""
    is_inside = (x >= 0) & (x < num_x) & (y >= 0) & (y < num_y)
    table = jnp.zeros((num_x, num_y), int)
    if mask is None:
        return table.at[x, y].add(1), jnp.all(is_inside)
    x, y = jnp.where(mask, x, 0), jnp.where(mask, y, 0)
    return table.at[x, y].add(mask.astype(int)), jnp.all(is_inside | ~mask)


def _excess(count: jax.Array, mean: jax.Array) -> jax.Array:
    """``c log(c / mean) - c + mean``, elementwise: none is negative.

    Their sum is that of the logarithms, as counts deviate from their means by zero on
    average, in a table as in the hypergeometric law.
    """
    is_empty = mean == 0
    divisor = jnp.where(is_empty, 1, mean)
    deviation = (count.astype(mean.dtype) - mean) / divisor
    return jnp.where(is_empty, 0, mean * logspace.excess(deviation))


def _surprise(count: jax.Array, size: jax.Array) -> jax.Array:
    """Sum of ``c log(size / c)``, of terms of which none is negative."""
    divisor = jnp.where(count == 0, 1, count).astype(float)
    return _total(
        count.astype(float) * jnp.log1p((size - count).astype(float) / divisor)
    )


def _total(terms: jax.Array) -> jax.Array:
    """Sum of all entries by halves: that of a million, one by one, loses digits."""
    terms = terms.ravel()
    while terms.shape[0] > 1:
        terms = jnp.pad(terms, (0, terms.shape[0] % 2))
        half = terms.shape[0] // 2
        terms = terms[:half] + terms[half:]
    return terms[0]


def _expected_excess(
    size_x: jax.Array, size_y: jax.Array, number: jax.Array, mean: jax.Array
) -> jax.Array:
    """Expectations of `_excess` of hypergeometric counts, ``(k, l)``.

    From a count near the mode, weights follow from each other in both directions; that
    of the first is one, and their sum normalises.
    """
    dtype = mean.dtype
    # What neither class holds, less what both hold.
    rest = number - size_x - size_y
    start = jnp.floor(mean).astype(size_x.dtype)
    start = jnp.clip(start, jnp.maximum(0, -rest), jnp.minimum(size_x, size_y))
    least = float(np.finfo(dtype).eps)

    def product(one: jax.Array, other: jax.Array) -> jax.Array:
        return one.astype(dtype) * other.astype(dtype)

    def goes_on(state: _Sums) -> jax.Array:
        is_heavy = (state.up > least) | (state.down > least)
        # Far out a count is rare, but tells much.
        return jnp.any(is_heavy | (state.latest > least * state.terms))

    def step(state: _Sums) -> _Sums:
        high, low = start + state.step, start - state.step
        up = state.up * product(size_x - high, size_y - high)
        up = up / product(high + 1, rest + high + 1)
        down = state.down * product(low, rest + low)
        down = down / product(size_x - low + 1, size_y - low + 1)
        latest = up * _excess(high + 1, mean) + down * _excess(
            jnp.maximum(low - 1, 0), mean
        )
        return _Sums(
            step=state.step + 1,
            up=up,
            down=down,
            weights=state.weights + up + down,
            terms=state.terms + latest,
            latest=latest,
        )

    one = jnp.ones_like(mean)
    first = _excess(start, mean)
    sums: _Sums = jax.lax.while_loop(
        goes_on, step, _Sums(jnp.zeros((), int), one, one, one, first, first)
    )
    return sums.terms / sums.weights


class _Sums(NamedTuple):
    """Sums over hypergeometric counts, up to some steps from the first count.

    Attributes:
        step: Number of steps. Shape ``()``.
        up: Weight of the highest count. Shape ``(k, l)``.
        down: Weight of the lowest count. Shape ``(k, l)``.
        weights: Sum of all weights. Shape ``(k, l)``.
        terms: Sum of weights times `_excess`. Shape ``(k, l)``.
        latest: What the last step added to it. Shape ``(k, l)``.
    """

    step: jax.Array
    up: jax.Array
    down: jax.Array
    weights: jax.Array
    terms: jax.Array
    latest: jax.Array
