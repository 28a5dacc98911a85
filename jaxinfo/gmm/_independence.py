"""Whether an information is zero, by permutation."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import (
    _arguments,
    _estimates,
    _frame,
    _information,
    _integrals,
    _lanes,
    _moments,
    _options,
    _search,
    _starts,
)
from jaxinfo.gmm._search import Settings, State
from jaxinfo.gmm._types import IndependenceTest

# Starts of the fit to permuted data.
_NUM_STARTS = 2
# Nodes of the integrals beyond two dimensions.
_NUM_NODES, _NUM_SHIFTS = 1024, 8


@compiled.jit(
    static_argnames=(
        "num_permutations",
        "max_components",
        "criterion",
        "num_inits",
        "num_folds",
        "patience",
        "max_steps",
        "block_size",
    )
)
def independence_test(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    num_permutations: int = 99,
    max_components: int = 16,
    criterion: str = "validation",
    num_inits: int = 4,
    num_folds: int = 5,
    patience: int = 1,
    min_gain: ArrayLike = 1e-4,
    tol: ArrayLike = 1e-5,
    max_steps: int = 300,
    regularization: ArrayLike = 1e-6,
    weights: ArrayLike | None = None,
    block_size: int | None = None,
) -> IndependenceTest:
    r"""Test whether two samples are independent, by permuting one of them.

    The information :math:`\hat I` of the fit that `select` chooses is compared with the
    informations :math:`\hat I_b` of fits with as many components to
    :math:`(x_n, y_{\pi_b(n)})`, each the likelier of two from k-means++:

    .. math::
        p = \frac{1 + \#\{b: \hat I_b \ge \hat I\}}{1 + B} .

    Not differentiable: the p-value is a step function. Costs two fits by `em` for each
    permutation, beside those of `select`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, a)``.
        y: Samples of the other variable, in the same order. Shape ``(n, b)``.
        num_permutations: Permutations :math:`B`. Static.
        max_components: Where the search ends at the latest. Static.
        criterion: ``"validation"``, ``"aic"`` or ``"bic"``, see `select`. Static.
        num_inits: Starts of each fit. Static.
        num_folds: Folds of the validation, at least 2. Static.
        patience: Successive failures that end the search. Static.
        min_gain: Gain of a score, in nats, that is no failure.
        tol: Gain of a step of EM, in nats, below which a fit stops.
        max_steps: Most steps of a fit. Static.
        regularization: Share of the data's covariance that is added to each
            component's.
        weights: Weights of the samples, not negative. Rows of weight zero are not
            permuted; a permuted pair has the product of the weights of its parts.
            Shape ``(n,)``.
        block_size: Permutations that run side by side; ``None`` takes one after the
            other. Static.

    Returns:
        Information in nats, mean and standard deviation of the permuted ones, and the
        p-value. NaN for data without a density; a constant side gives zeros and a
        p-value of one.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, or ``num_folds`` above n.

    References:
        Davison and Hinkley, `Bootstrap methods and their application
        <https://doi.org/10.1017/CBO9780511802843>`_, 1997, section 4.3.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 200, 1))
        >>> result = gmm.independence_test(
        ...     jax.random.key(1), x, x + 3.0 * noise, max_components=1
        ... )
        >>> print(result.p_value)
        0.01
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    y = checks.as_float("y", y, "(n, b)", n=x.shape[0])
    x, y = checks.promote(x, y)
    checks.at_least("num_permutations", num_permutations, 1)
    checks.block_size(block_size)
    weights = jax.lax.stop_gradient(_arguments.weights(weights, x))
    x, y = jax.lax.stop_gradient((x, y))
    settings = _options.settings(
        x,
        max_components=max_components,
        criterion=criterion,
        num_inits=num_inits,
        num_folds=num_folds,
        patience=patience,
        min_gain=min_gain,
        tol=tol,
        max_steps=max_steps,
        regularization=regularization,
    )
    joint = jnp.concatenate([x, y], axis=1)
    is_trivial = _information.is_constant((x, y), joint, weights)
    stand_in = _information.stand_in(joint)
    x = jnp.where(is_trivial, stand_in[:, : x.shape[1]], x)
    y = jnp.where(is_trivial, stand_in[:, x.shape[1] :], y)
    value, null = _value_and_null(
        key, x, y, weights, settings, num_permutations, block_size
    )
    number = jnp.sum(null >= value).astype(value.dtype)
    p_value = (1 + number) / (1 + num_permutations)
    p_value = jnp.where(
        jnp.isfinite(value) & jnp.all(jnp.isfinite(null)), p_value, jnp.nan
    )
    zero = jnp.zeros_like(value)
    spread = (
        jnp.std(null, ddof=1) if num_permutations > 1 else jnp.full_like(zero, jnp.nan)
    )
    return IndependenceTest(
        value=jnp.where(is_trivial, zero, value),
        null_mean=jnp.where(is_trivial, zero, jnp.mean(null)),
        null_std=jnp.where(is_trivial, zero, spread),
        p_value=jnp.where(is_trivial, 1, p_value),
    )


def _value_and_null(
    key: jax.Array,
    x: jax.Array,
    y: jax.Array,
    weights: jax.Array,
    settings: Settings,
    num_permutations: int,
    block_size: int | None,
) -> tuple[jax.Array, jax.Array]:
    """Information of the data ``()`` and of permuted data ``(b,)``."""
    key_search, key_nodes, key_null = jax.random.split(key, 3)
    joint = jnp.concatenate([x, y], axis=1)
    dim = joint.shape[1]
    blocks = tuple(range(x.shape[1])), tuple(range(x.shape[1], dim))
    problem = _estimates.problem(joint, weights, settings)
    nodes = _integrals.nodes(
        key_nodes, dim, x.dtype, num_nodes=_NUM_NODES, num_shifts=_NUM_SHIFTS
    ).high

    def value_of(moments: jax.Array, frame: _frame.Frame) -> jax.Array:
        mixture = _moments.mixture(moments, settings.stopping.regularization)
        columns = _frame.carry_to_columns(frame, mixture)
        return jnp.mean(_integrals.information(columns, *blocks, (), nodes))

    def complete(states: State) -> tuple[jax.Array, jax.Array]:
        fit = jax.tree.map(
            lambda leaf: leaf[0], _estimates.fits(problem, states, settings)
        )
        capacity = fit.moments.shape[0]

        def permuted(key: jax.Array) -> jax.Array:
            order = _permutation(key, weights)
            moved = jnp.concatenate([x, y[order]], axis=1)
            frame, points = _frame.standardise(moved, weights * weights[order])
            rows = _moments.as_rows(points, num_components=capacity)
            repeated = jnp.stack([weights * weights[order]] * _NUM_STARTS)
            starts = jax.vmap(
                lambda key, weights: _starts.kmeans(
                    key, rows, weights, fit.num_components, capacity=capacity
                )
            )(jax.random.split(key, _NUM_STARTS), repeated)
            lanes = jax.vmap(_lanes.start, in_axes=(0, None))(starts, settings.stopping)
            lane = _search.likeliest(lanes, rows, repeated, settings)
            return value_of(lane.moments, frame)

        keys = jax.random.split(key_null, num_permutations)
        null = _lanes.in_turn(permuted, keys, block_size=block_size)
        return value_of(fit.moments, problem.frame), null

    return _estimates.staged(key_search, problem, settings, complete)


def _permutation(key: jax.Array, weights: jax.Array) -> jax.Array:
    """A permutation of the rows of positive weight; the others stay."""
    n = weights.shape[0]
    is_used = weights > 0
    noise = jax.random.uniform(key, (n,))
    shuffled = jnp.argsort(jnp.where(is_used, noise, 2))
    place = jnp.argsort(~is_used, stable=True)
    return jnp.zeros_like(shuffled).at[place].set(shuffled)
