"""Is it transfer? Continuous series beside surrogates and the chi-squared law."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.neighbors import _search
from jaxinfo.transfer_entropy import (
    _gaussian,
    _kernel,
    _neighbors,
    _nulls,
    _surrogates,
)
from jaxinfo.transfer_entropy._timing import (
    Embedding,
    Timing,
    embed_series,
    read_series,
    standardized,
)
from jaxinfo.transfer_entropy._types import Significance

_ESTIMATORS = ("gaussian", "neighbors", "kernel")
_METHODS = ("permutation", "local_permutation", "block", "circular", "chi2")


@compiled.jit(
    static_argnames=(
        "estimator",
        "method",
        "num_surrogates",
        "block_length",
        "num_local_neighbors",
        "num_neighbors",
        "algorithm",
        "exclusion_window",
        "shape",
        "standardize",
    )
)
def series_significance(
    key: jax.Array,
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    estimator: str = "gaussian",
    method: str = "permutation",
    num_surrogates: int = 200,
    block_length: int | None = None,
    num_local_neighbors: int = 5,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int | None = None,
    bandwidth: ArrayLike = 0.25,
    shape: str = "box",
    standardize: bool = True,
    timing: Timing = Timing(),
) -> Significance:
    r"""Test the transfer entropy of one pair of continuous series against its null.

    - ``"permutation"``: whole histories of the source in random order.
    - ``"local_permutation"``: in random order, each sample takes the source history of
      a random one of the samples that are nearest to it in the target's past, itself
      included, and one not yet taken if there is any. This preserves what source and
      past share, as ``"stratified"`` of `significance` does for symbols. Ties between
      equally near samples are broken at random.
    - ``"block"``, ``"circular"``: as in `significance`.
    - ``"chi2"``: without surrogates, for the Gaussian estimate: 2 N T in nats is taken
      as chi-squared, with as many degrees of freedom as the number of columns of the
      source times that of the target.

    With S surrogates, :math:`p = (1 + |\{T_s \ge T\}|) / (1 + S)`. Not differentiable.
    Costs are those of the estimator for each surrogate, one at a time.

    Args:
        key: Random key; ``"chi2"`` does not use it.
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        estimator: ``"gaussian"``, ``"neighbors"`` or ``"kernel"``: the function of that
            name. Static.
        method: ``"permutation"``, ``"local_permutation"``, ``"block"``, ``"circular"``
            or ``"chi2"``. Static.
        num_surrogates: Number of surrogates. Static.
        block_length: Samples of a block. Static.
        num_local_neighbors: Number of nearest samples to draw from, for
            ``"local_permutation"``. Static.
        num_neighbors: Option of the estimator ``"neighbors"``. Static.
        algorithm: Option of the estimator ``"neighbors"``. Static.
        exclusion_window: Option of the estimators ``"neighbors"`` and ``"kernel"``.
            Static.
        bandwidth: Option of the estimator ``"kernel"``. Scalar.
        shape: Option of the estimator ``"kernel"``. Static.
        standardize: Option of the estimators ``"neighbors"`` and ``"kernel"``. Static.
        timing: Histories, delays and lags. Static.

    Returns:
        Value and its null. ``normalized_value`` is NaN, and ``adjusted_p_value`` the
        p-value, as there is one pair. Shapes ``()``.

    Raises:
        ValueError: As for the estimator; if ``block_length`` is missing for its method,
            or given for another; if ``"chi2"`` is requested for an estimator other than
            the Gaussian, or if there is no past for ``"local_permutation"``.

    References:
        Runge, `Conditional independence testing based on a nearest-neighbor estimator
        of conditional mutual information <https://arxiv.org/abs/1709.01447>`_, 2018,
        algorithm 1, for ``"local_permutation"``; those of `significance`.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 500, 1))
        >>> result = transfer_entropy.series_significance(
        ...     jax.random.key(1), x, jnp.roll(x, 1) + noise, num_surrogates=99
        ... )
        >>> print(result.p_value)
        0.01
    """
    key = checks.as_key("key", key)
    checks.one_of("estimator", estimator, _ESTIMATORS)
    checks.one_of("method", method, _METHODS)
    checks.at_least("num_surrogates", num_surrogates, 1)
    if method == "chi2" and estimator != "gaussian":
        raise ValueError(
            'Expected `estimator` to be "gaussian" with method="chi2", got '
            f'"{estimator}", whose null distribution is not known.'
        )
    series = read_series(source, target, condition)
    if standardize and estimator != "gaussian":
        series = standardized(series)
    embedding = embed_series(series, timing)
    num_samples = embedding.future.shape[0]
    _surrogates.check_block_length(method, block_length, num_samples)

    def value_of(embedding: Embedding) -> jax.Array:
        if estimator == "gaussian":
            return _gaussian.of_embedding(embedding)
        if estimator == "kernel":
            return _kernel.of_embedding(
                embedding,
                bandwidth=bandwidth,
                shape=shape,
                exclusion_window=exclusion_window,
            )
        return jnp.mean(
            _neighbors.local_of_embedding(
                embedding,
                num_neighbors=num_neighbors,
                algorithm=algorithm,
                exclusion_window=exclusion_window or 0,
            )
        )

    value = value_of(embedding)
    if method == "chi2":
        degrees = jnp.asarray(_gaussian.degrees_of_freedom(embedding), value.dtype)
        number = jnp.asarray(num_samples, value.dtype)
        null = _nulls.chi_squared(value, degrees, number)
    else:
        rows = functools.partial(
            _surrogates.rows,
            num_samples=num_samples,
            method=method,
            block_length=block_length,
        )
        if method == "local_permutation":
            key, key_ties = jax.random.split(key)
            near = _near_in_past(key_ties, embedding, num_local_neighbors)
            rows = functools.partial(_surrogates.locally, neighbors=near)

        def of_surrogate(number: jax.Array) -> jax.Array:
            shuffled = embedding.source_past[rows(jax.random.fold_in(key, number))]
            return value_of(embedding._replace(source_past=shuffled))

        null = _nulls.sample(value, of_surrogate, num_surrogates)
    return _nulls.significance(value, null, jnp.full_like(value, jnp.nan), "none")


def _near_in_past(key: jax.Array, embedding: Embedding, number: int) -> jax.Array:
    """Samples nearest in the past, each itself among them, ``(number, N)``.

    Of samples that are equally near, each has others, at random.
    """
    checks.at_least("num_local_neighbors", number, 2)
    past = embedding.target_past
    num_samples, dim = past.shape
    if dim == 0:
        raise ValueError(
            "Expected a target history or a condition with "
            'method="local_permutation", got neither.'
        )
    if num_samples < number:
        raise ValueError(
            f"Expected `num_local_neighbors` to be at most the number of samples, "
            f"{num_samples}, got {number}."
        )

    def search(columns: jax.Array) -> jax.Array:
        points = _search.points(columns, jnp.ones((num_samples,), bool))
        return _search.nearest_rows(points, tuple(range(dim)), number - 1)

    # Ties go by the order of rows.
    order = jax.random.permutation(key, num_samples)
    columns = jnp.nan_to_num(jax.lax.stop_gradient(past).T)[:, order]
    others = order[_search.one_by_one(search)(columns)]
    near = jnp.concatenate([order[None], others])
    return jnp.zeros_like(near).at[:, order].set(near)
