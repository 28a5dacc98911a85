"""Entropy of continuous variables from their nearest neighbours."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import compiled
from jaxinfo._numerics.shards import AxisName
from jaxinfo.neighbors import _samples, _search


@compiled.jit(static_argnames=("num_neighbors",))
def entropy(x: ArrayLike, *, num_neighbors: int = 4) -> jax.Array:
    r"""Differential entropy by nearest neighbours (Kozachenko and Leonenko).

    With :math:`\epsilon_i` the distance of sample i from its K-th neighbour in the
    maximum norm,

    .. math::
        h(X) = \psi(N) - \psi(K) + d \log 2 + d \langle \log \epsilon_i \rangle .

    Not differentiable: the gradient is zero, as gradients are not taken through the
    search for neighbours. Costs :math:`O(n w d)` time, for windows of :math:`w` samples
    that are close in one coordinate, and :math:`O(n d)` memory. Under ``vmap``,
    problems run one after another.

    Args:
        x: Samples. Shape ``(n, d)``.
        num_neighbors: Number K of neighbours. Static.

    Returns:
        Entropy in nats, of either sign; ``-inf`` if a sample coincides with K others
        (`tied_fraction`, `break_ties`), NaN if one is not finite. Shape ``()``.

    Raises:
        ValueError: If n is not more than K.

    References:
        Kraskov, Stögbauer and Grassberger, `Estimating mutual information
        <https://arxiv.org/abs/cond-mat/0305641>`_, 2004, equation 20.

    Example:
        >>> import jax
        >>> from jaxinfo import neighbors
        >>> x = jax.random.uniform(jax.random.key(0), (2000, 1), maxval=2.0)
        >>> print(neighbors.entropy(x).round(1))  # log(2)
        0.7
    """
    samples = _samples.read({"x": x}, num_neighbors)
    dim, n = samples.columns.shape
    distances = furthest(samples.columns, num_neighbors)
    value = of_mean(jnp.mean(jnp.log(distances)), n, dim, num_neighbors)
    return jnp.where(samples.is_finite, value, jnp.nan)


def of_mean(
    mean: jax.Array, num_points: int, dim: int, num_neighbors: int
) -> jax.Array:
    """Entropy from the mean of logarithms of distances."""
    psi = functools.partial(_samples.digamma, dtype=mean.dtype)
    constant = psi(num_points) - psi(num_neighbors) + dim * float(np.log(2))
    return constant + dim * mean


def furthest(columns: jax.Array, num_neighbors: int) -> jax.Array:
    """Distances of the last of the nearest neighbours, ``(n,)``."""

    def search(columns: jax.Array) -> jax.Array:
        everyone = jnp.ones(columns.shape[1:], bool)
        return furthest_of(columns, everyone, num_neighbors)

    return _search.one_by_one(search)(columns)


def furthest_of(
    columns: jax.Array,
    is_counted: jax.Array,
    num_neighbors: int,
    axis_name: AxisName = None,
) -> jax.Array:
    """`furthest` of points that count, or of those of one of several devices."""
    points = _search.points(columns, is_counted, axis_name=axis_name)
    space = tuple(range(columns.shape[0]))
    return _search.nearest(points, space, num_neighbors)[-1]
