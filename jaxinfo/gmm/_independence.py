"""Whether an information is zero, by permutation."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import (
    _em_step,
    _integrals,
    _options,
    _search,
    _starts,
    _whitening,
)
from jaxinfo.gmm._options import Fitting
from jaxinfo.gmm._search import State
from jaxinfo.gmm._whitening import Frame
from jaxinfo.measures import PermutationTest

# Starts of the fit to permuted data.
_NUM_STARTS = 2
# Nodes of the integrals beyond two dimensions.
_NUM_NODES = 1024


@compiled.jit(static_argnames=("num_permutations", "block_size"))
def independence_test(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    num_permutations: int = 99,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    block_size: int | None = None,
) -> PermutationTest:
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
        weights: Weights of the samples, not negative. Rows of weight zero are not
            permuted; a permuted pair has the product of the weights of its parts.
            Shape ``(n,)``.
        fitting: How the mixture is fitted and the number of components chosen.
        block_size: Permutations that run side by side; ``None`` takes one after the
            other. Static.

    Returns:
        Information of the fit in nats, not corrected for its sampling bias, which the
        permuted ones share; their mean and standard deviation; and the p-value. NaN for
        data without a density; a constant side gives zeros and a p-value of one.

    Raises:
        ValueError: If ``fitting.num_folds`` or ``fitting.min_components`` is above n.

    References:
        Davison and Hinkley, `Bootstrap methods and their application
        <https://doi.org/10.1017/CBO9780511802843>`_, 1997, section 4.3.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 200, 1))
        >>> result = gmm.independence_test(
        ...     jax.random.key(1),
        ...     x,
        ...     x + 3.0 * noise,
        ...     fitting=gmm.Fitting(max_components=1),
        ... )
        >>> print(result.p_value)
        0.01
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    y = checks.as_float("y", y, "(n, b)", n=x.shape[0])
    x, y = jax.lax.stop_gradient(checks.promote(x, y))
    checks.at_least("num_permutations", num_permutations, 1)
    checks.block_size(block_size)
    weights = jax.lax.stop_gradient(_options.weights_of(weights, x))
    fitting = fitting.of(x)
    joint = jnp.concatenate([x, y], axis=1)
    is_trivial = _whitening.is_constant((x, y), joint, weights)
    joint = jnp.where(is_trivial, _whitening.stand_in(joint), joint)
    x, y = joint[:, : x.shape[1]], joint[:, x.shape[1] :]

    key_search, key_nodes, key_null = jax.random.split(key, 3)
    a, dim = x.shape[1], joint.shape[1]
    problem = _search.one_group(joint, weights, fitting)
    nodes = _integrals.nodes(key_nodes, dim, x.dtype, num_nodes=_NUM_NODES).high

    def value_of(moments: jax.Array, frame: Frame) -> jax.Array:
        mixture = _em_step.mixture(moments, fitting.regularization)
        columns = _whitening.carry_to_columns(frame, mixture)
        blocks = tuple(range(a)), tuple(range(a, dim))
        return jnp.mean(_integrals.information(columns, *blocks, (), nodes))

    def complete(states: State) -> tuple[jax.Array, jax.Array]:
        """Information of the data ``()`` and of permuted data ``(b,)``."""
        of_groups = _search.fit_groups(problem, states)
        fit = jax.tree.map(lambda leaf: leaf[0], of_groups)
        capacity = fit.moments.shape[0]

        def permuted(key: jax.Array) -> jax.Array:
            order = _permutation(key, weights)
            moved = jnp.concatenate([x, y[order]], axis=1)
            products = weights * weights[order]
            frame, points = _whitening.whiten(moved, products)
            rows = _em_step.as_rows(points, num_components=capacity)
            starts = jax.vmap(
                lambda key: _starts.kmeans(
                    key, rows, products, fit.num_components, capacity=capacity
                )
            )(jax.random.split(key, _NUM_STARTS))
            run = _search.likeliest(starts, rows, products, fitting, None)
            return value_of(run.moments, frame)

        keys = jax.random.split(key_null, num_permutations)
        null = jax.lax.map(permuted, keys, batch_size=block_size)
        return value_of(fit.moments, problem.frame), null

    value, null = _search.search(key_search, problem, complete)
    number = jnp.sum(null >= value).astype(value.dtype)
    p_value = (1 + number) / (1 + num_permutations)
    p_value = jnp.where(
        jnp.isfinite(value) & jnp.all(jnp.isfinite(null)), p_value, jnp.nan
    )
    spread = (
        jnp.std(null, ddof=1) if num_permutations > 1 else jnp.full_like(value, jnp.nan)
    )
    return PermutationTest(
        value=jnp.where(is_trivial, 0, value),
        null_mean=jnp.where(is_trivial, 0, jnp.mean(null)),
        null_std=jnp.where(is_trivial, 0, spread),
        p_value=jnp.where(is_trivial, 1, p_value),
    )


def _permutation(key: jax.Array, weights: jax.Array) -> jax.Array:
    """A permutation of the rows of positive weight; the others stay."""
    n = weights.shape[0]
    is_used = weights > 0
    noise = jax.random.uniform(key, (n,))
    shuffled = jnp.argsort(jnp.where(is_used, noise, 2))
    place = jnp.argsort(~is_used, stable=True)
    return jnp.zeros_like(shuffled).at[place].set(shuffled)
