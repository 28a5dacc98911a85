"""Whether an information is zero, by permutation."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.gmm import (
    _estimates,
    _integrals,
    _mixtures,
    _options,
    _search,
    _whitening,
)
from jaxinfo.gmm._options import Fitting
from jaxinfo.gmm._types import GaussianMixture
from jaxinfo.measures import PermutationTest

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

    The information :math:`\hat I` of the fit chosen by `select` is compared with the
    informations :math:`\hat I_b` of the fits that it chooses for :math:`(x_n,
    y_{\pi_b(n)})`:

    .. math::
        p = \frac{1 + \#\{b: \hat I_b \ge \hat I\}}{1 + B} .

    Where the chosen components gain less than 6 nats of held-out log-likelihood over a
    single one, the information of the single one is used: components added by chance
    would create more information than a weak dependence has. As data and permutations
    are treated alike, a test at level :math:`\alpha` calls independent samples
    dependent in a share :math:`\alpha` of cases, whatever their distributions, if their
    rows are independent of each other. Rows that are not, such as the steps of a time
    series, make samples look dependent: most pairs of independent autoregressive series
    of coefficient 0.9 do. Subsample the steps, or use a test that keeps their order.

    Not differentiable: the p-value is a step function. Costs as much as :math:`1 + B`
    calls of `select`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, a)``.
        y: Samples of the other variable, in the same order. Shape ``(n, b)``.
        num_permutations: Permutations :math:`B`. Static.
        weights: Weights of the samples, non-negative. Rows of weight zero are not
            permuted; a permuted pair has the product of the weights of its parts. Shape
            ``(n,)``.
        fitting: How the mixture is fitted and its number of components is chosen.
        block_size: Permutations computed in parallel; ``None`` computes them one after
            the other. Static.

    Returns:
        Information of the fit in nats, not corrected for its sampling bias, which the
        permuted fits share; their mean and standard deviation; and the p-value. NaN for
        data without a density; a constant sample gives zeros and a p-value of one.

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

    key_nodes, key_searches, key_orders = jax.random.split(key, 3)
    a, dim = x.shape[1], joint.shape[1]
    nodes = _integrals.nodes(key_nodes, dim, x.dtype, num_nodes=_NUM_NODES).high

    def value_of(of: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        key, order, row_weights = of
        moved = jnp.concatenate([x, y[order]], axis=1)
        problem = _search.one_group(moved, row_weights, fitting)
        groups = _search.search(key, problem)
        fit = jax.tree.map(lambda leaf: leaf[0], groups)
        # More components than are needed make up information, of permutations too.
        does = _estimates.one_component_does(groups, problem)
        mixture: GaussianMixture = jax.tree.map(
            lambda one, other: jnp.where(does, one, other),
            _merged(fit.place.fit),
            fit.place.fit,
        )
        columns = _whitening.carry_to_columns(problem.frame, mixture)
        blocks = tuple(range(a)), tuple(range(a, dim))
        number = jnp.where(does, 1, fit.num_components)
        return jnp.mean(_integrals.information(columns, *blocks, (), nodes, number))

    # The data come first, and are treated no other way: that keeps the level.
    keys = jax.random.split(key_orders, num_permutations)
    orders = jax.vmap(_permutation, in_axes=(0, None))(keys, weights)
    identity = jnp.arange(x.shape[0], dtype=orders.dtype)
    values = jax.lax.map(
        value_of,
        (
            jax.random.split(key_searches, 1 + num_permutations),
            jnp.concatenate([identity[None], orders]),
            jnp.concatenate([weights[None], weights[None] * weights[orders]]),
        ),
        batch_size=block_size,
    )
    value, null = values[0], values[1:]
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


def _merged(mixture: GaussianMixture) -> GaussianMixture:
    """The Gaussian of the mean and covariance of a mixture, other components absent."""
    mean, covariance = _mixtures.moments_of(mixture)
    factor = linalg.cholesky(covariance)
    is_first = jnp.arange(mixture.means.shape[0]) == 0
    return GaussianMixture(
        log_weights=jnp.where(is_first, 0.0, -jnp.inf).astype(mean.dtype),
        means=jnp.broadcast_to(mean, mixture.means.shape),
        scale_trils=jnp.broadcast_to(factor, mixture.scale_trils.shape),
    )


def _permutation(key: jax.Array, weights: jax.Array) -> jax.Array:
    """A permutation of the rows of positive weight; the others stay."""
    n = weights.shape[0]
    is_used = weights > 0
    noise = jax.random.uniform(key, (n,))
    shuffled = jnp.argsort(jnp.where(is_used, noise, 2))
    place = jnp.argsort(~is_used, stable=True)
    return jnp.zeros_like(shuffled).at[place].set(shuffled)
