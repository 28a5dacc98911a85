"""Bandwidths that follow the scale of the data."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded
from jaxinfo.diffusion import _kernels


@compiled.jit
def median_bandwidth(x: ArrayLike) -> jax.Array:
    r"""Bandwidth from the median of all squared pairwise distances.

    .. math::
        \sigma = \sqrt{\mathrm{median}_{i < j} |x_i - x_j|^2 / 2} ,

    so that the kernel of the median pair is :math:`1/e`. Entropies at this bandwidth do
    not depend on the scale of ``x``.

    Differentiable in ``x``; the gradient is zero where points coincide. Costs
    :math:`O(n^2 (d + \log n))` time and :math:`2 n^2` numbers of memory.

    Args:
        x: Samples, at least two. Shape ``(n, d)``.

    Returns:
        Bandwidth in the units of ``x``; 0 if the median distance is 0. Shape ``()``.

    Raises:
        ValueError: If ``x`` has one row, or the matrix of all pairs is too large to
            index.

    References:
        Garreau, Jitkrittum and Kanagawa, `Large sample analysis of the median heuristic
        <https://arxiv.org/abs/1707.07269>`_, 2018.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.array([[0.0], [1.0], [3.0]])  # distances 1, 2, 3
        >>> print(diffusion.median_bandwidth(x))  # sqrt(2)
        1.414
    """
    x, _ = _kernels.points(x)
    n = x.shape[0]
    if n < 2:
        raise ValueError(f"Expected `x` to have at least two rows, got {n}.")
    unit = _kernels.unit(x)
    squares = _kernels.squared_distances(x / unit)[np.triu_indices(n, 1)]
    return unit * guarded.sqrt(jnp.median(squares) / 2)


@compiled.jit(static_argnames=("num_neighbors",))
def neighbor_bandwidth(x: ArrayLike, *, num_neighbors: int = 7) -> jax.Array:
    r"""Bandwidth from the median distance to the k-th nearest neighbour.

    The median over points of the distance to the k-th nearest other point. Entropies at
    this bandwidth resolve fine structure, such as clusters, at any scale of ``x``.

    Differentiable in ``x``; the gradient is zero where points coincide. Costs
    :math:`O(n^2 (d + \log n))` time and :math:`n^2` numbers of memory.

    Args:
        x: Samples. Shape ``(n, d)``.
        num_neighbors: Which neighbour :math:`k`, below n. Static.

    Returns:
        Bandwidth in the units of ``x``; 0 for coincident points. Shape ``()``.

    Raises:
        ValueError: If ``num_neighbors`` is not below n, or the matrix of all pairs is
            too large to index.

    References:
        Zelnik-Manor and Perona, `Self-tuning spectral clustering
        <https://papers.nips.cc/paper/2619-self-tuning-spectral-clustering>`_, 2004, for
        the seventh neighbour.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.arange(10.0)[:, None]
        >>> print(diffusion.neighbor_bandwidth(x, num_neighbors=2))
        1.0
    """
    return jnp.median(_to_neighbor(x, num_neighbors))


@compiled.jit(static_argnames=("num_neighbors",))
def local_bandwidths(x: ArrayLike, *, num_neighbors: int = 7) -> jax.Array:
    r"""Distance of each point to its k-th nearest other point.

    Widths for a kernel that tunes itself to the local density: that of Zelnik-Manor and
    Perona is ``bandwidth=local_bandwidths(x) / sqrt(2)``.

    Differentiable in ``x``; the gradient is zero where points coincide. Costs
    :math:`O(n^2 (d + \log n))` time and :math:`n^2` numbers of memory.

    Args:
        x: Samples. Shape ``(n, d)``.
        num_neighbors: Which neighbour :math:`k`, below n. Static.

    Returns:
        Distances in the units of ``x``; 0 where k others coincide with a point, which
        then has no kernel. Shape ``(n,)``.

    Raises:
        ValueError: If ``num_neighbors`` is not below n, or the matrix of all pairs is
            too large to index.

    References:
        Zelnik-Manor and Perona, `Self-tuning spectral clustering
        <https://papers.nips.cc/paper/2619-self-tuning-spectral-clustering>`_, 2004.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.array([[0.0], [1.0], [2.0], [10.0]])
        >>> print(diffusion.local_bandwidths(x, num_neighbors=1))
        [1. 1. 1. 8.]
    """
    return _to_neighbor(x, num_neighbors)


def _to_neighbor(x: ArrayLike, num_neighbors: int) -> jax.Array:
    points, _ = _kernels.points(x)
    checks.at_least("num_neighbors", num_neighbors, 1)
    if num_neighbors >= points.shape[0]:
        raise ValueError(
            f"Expected `num_neighbors` to be less than the number of points, "
            f"{points.shape[0]}, got {num_neighbors}."
        )
    unit = _kernels.unit(points)
    squares = _kernels.squared_distances(points / unit)
    # The nearest of all is the point itself.
    nearest, _ = jax.lax.top_k(-squares, num_neighbors + 1)
    return unit * guarded.sqrt(-nearest[:, num_neighbors])
