"""Entropy of continuous variables from their nearest neighbours."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import compiled
from jaxinfo.neighbors import _samples, _search


@compiled.jit(static_argnames=("num_neighbors",))
def entropy(x: ArrayLike, *, num_neighbors: int = 4) -> jax.Array:
    r"""Differential entropy by nearest neighbours (Kozachenko and Leonenko).

    With :math:`\epsilon_i` the distance of sample i from its K-th neighbour in the
    maximum norm,

    .. math::
        h(X) = \psi(N) - \psi(K) + d \log 2 + d \langle \log \epsilon_i \rangle .

    Not differentiable: the gradient is zero, as neighbours are searched for, not
    followed. Costs :math:`O(n w d)` time, for windows of :math:`w` samples that are
    close in one coordinate, and :math:`O(n d)` memory. Under ``vmap``, problems run one
    after another.

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
    psi = _samples.digamma_table(samples.columns)
    value = psi[n] - psi[num_neighbors] + dim * float(np.log(2))
    value = value + dim * jnp.mean(jnp.log(distances))
    return jnp.where(samples.is_finite, value, jnp.nan)


def furthest(columns: jax.Array, num_neighbors: int) -> jax.Array:
    """Distances of the last of the nearest neighbours, ``(n,)``."""

    def search(columns: jax.Array) -> jax.Array:
        dim, n = columns.shape
        points = _search.points(columns, jnp.ones((n,), bool))
        return _search.nearest(points, tuple(range(dim)), num_neighbors)[-1]

    return _search.one_by_one(search)(columns)
