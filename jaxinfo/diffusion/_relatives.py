"""Entropies of point clouds beside the spectral one."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, logspace
from jaxinfo.diffusion import _eigenvalues, _kernels

# Distinct codes that one sort can tell apart.
_MOST_CODES = 2**31


@compiled.jit
def collision_entropy(
    x: ArrayLike, *, bandwidth: ArrayLike, alpha: ArrayLike = 0.0
) -> jax.Array:
    r"""Diffusion spectral entropy of order 2 (Rényi), without a decomposition.

    With the eigenvalues :math:`\lambda_i` of `spectrum` and their operator :math:`K`,

    .. math::
        H_2 = -\log \sum_i p_i^2 = 2 \log \mathrm{tr} K - \log \|K\|_F^2, \qquad
        p_i = \lambda_i / \textstyle\sum_j \lambda_j .

    Never above `spectral_entropy` at diffusion time 1. Made for training: exact,
    smooth, differentiable to any order in every argument. Costs :math:`O(n^2 d)` time
    and :math:`n^2` numbers of memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive; or one for each point. Shape ``()`` or ``(n,)``.
        alpha: Density exponent between 0 and 1.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if ``x`` is not finite or an
        option not in its range. Shape ``()``.

    Raises:
        TypeError: If an argument is complex or not an array.
        ValueError: If a shape is not the documented one, or the matrix too large to
            index.

    References:
        Sanchez Giraldo, Rao and Principe, `Measures of entropy from data using
        infinitely divisible kernels <https://arxiv.org/abs/1211.2459>`_, 2012, for
        matrix entropies of order :math:`\alpha`; of the diffusion operator new here.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> far_apart = 100.0 * jnp.eye(8)
        >>> print(diffusion.collision_entropy(far_apart, bandwidth=1.0))  # log(8)
        2.0794
    """
    points = _kernels.points(x)
    width = _kernels.widths(bandwidth, points)
    exponent = _kernels.exponent(alpha, points.dtype)
    matrix = _kernels.operator(points, width, exponent).matrix
    return 2 * jnp.log(jnp.trace(matrix)) - jnp.log(jnp.sum(matrix**2))


@compiled.jit
def matrix_entry_entropy(
    x: ArrayLike, *, bandwidth: ArrayLike, alpha: ArrayLike = 0.5
) -> jax.Array:
    r"""Entropy of the entries of the diffusion matrix (DMEE).

    With the chain :math:`P` of `spectrum`, the entropy of the numbers
    :math:`P_{ij} / n`,

    .. math::
        \log n + \frac{1}{n} \sum_i H(P_{i \cdot}) .

    Differentiable in every argument. Costs :math:`O(n^2 d)` time and :math:`n^2`
    numbers of memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive; or one for each point. Shape ``()`` or ``(n,)``.
        alpha: Density exponent between 0 and 1; the authors' package takes 1/2.

    Returns:
        Entropy in nats, between ``log(n)`` and ``2 log(n)``. NaN if ``x`` is not finite
        or an option not in its range. Shape ``()``.

    Raises:
        TypeError: If an argument is complex or not an array.
        ValueError: If a shape is not the documented one, or the matrix too large to
            index.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024. The authors' package adds 2e-16 to each probability; here 0 log 0 is 0.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> same = jnp.zeros((8, 2))
        >>> print(diffusion.matrix_entry_entropy(same, bandwidth=1.0))  # 2 log(8)
        4.1589
    """
    points = _kernels.points(x)
    width = _kernels.widths(bandwidth, points)
    exponent = _kernels.exponent(alpha, points.dtype)
    operator = _kernels.operator(points, width, exponent)
    n = points.shape[0]
    return float(np.log(n)) + _kernels.row_entropies(operator) / n


@compiled.jit
def adjacency_entropy(x: ArrayLike, *, bandwidth: ArrayLike) -> jax.Array:
    r"""Entropy of the eigenvalues of the Gaussian kernel itself.

    The von Neumann entropy of :math:`G / n`, whose exponential is the Vendi score.

    Differentiable as `spectral_entropy` is. Costs :math:`O(n^2 d + n^3)` time and
    :math:`2 n^2` numbers of memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive; or one for each point. Shape ``()`` or ``(n,)``.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if ``x`` is not finite or the
        bandwidth not positive. Shape ``()``.

    Raises:
        TypeError: If an argument is complex or not an array.
        ValueError: If a shape is not the documented one, or the matrix too large to
            index.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024; Friedman and Dieng, `The Vendi score <https://arxiv.org/abs/2210.02410>`_,
        2023.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> far_apart = 100.0 * jnp.eye(8)
        >>> print(diffusion.adjacency_entropy(far_apart, bandwidth=1.0))  # log(8)
        2.0794
    """
    points = _kernels.points(x)
    width = _kernels.widths(bandwidth, points)
    kernel = _kernels.gaussian(points, width)
    time = jnp.ones((1,), points.dtype)
    return _eigenvalues.entropies(kernel, time, width.ndim == 0)[0]


@compiled.jit(static_argnames=("num_neighbors",))
def neighbor_graph_entropy(x: ArrayLike, *, num_neighbors: int = 10) -> jax.Array:
    r"""Entropy of the spectrum of the directed graph of nearest neighbours.

    Edges lead from each point to all points no farther than its k-th nearest, the point
    itself counted, so that ties add edges; the entropy is that of the moduli of the
    complex eigenvalues.

    Such graphs often have zero as a defective eigenvalue, which rounding moves: the
    entropy is known to about 2e-5 in float64. Not differentiable: the graph is constant
    almost everywhere, and gradients are zero. Costs :math:`O(n^2 d + n^3)` time, with a
    large factor; not every accelerator has a solver for such matrices.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        num_neighbors: Neighbours :math:`k`, at most n, the point itself counted.
            Static.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if ``x`` is not finite. Shape
        ``()``.

    Raises:
        TypeError: If ``x`` is complex or not an array, or ``num_neighbors`` not an int.
        ValueError: If ``x`` is not two-dimensional, ``num_neighbors`` below 1 or above
            n, or the matrix too large to index.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024; the option ``use_knn`` of the authors' package.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.arange(8.0)[:, None]
        >>> print(diffusion.neighbor_graph_entropy(x, num_neighbors=1))  # log(8)
        2.0794
    """
    points = jax.lax.stop_gradient(_kernels.points(x))
    n = points.shape[0]
    checks.at_least("num_neighbors", num_neighbors, 1)
    if num_neighbors > n:
        raise ValueError(
            f"Expected `num_neighbors` to be at most the {n} points, got "
            f"{num_neighbors}."
        )
    # Computed once: were they computed again for the comparison, rounded otherwise, the
    # last neighbour could be beyond its own distance.
    squares = jax.lax.optimization_barrier(  # type: ignore[no-untyped-call]
        _kernels.squared_distances(points / _kernels.unit(points))
    )
    nearest, _ = jax.lax.top_k(-squares, num_neighbors)
    graph = (squares <= -nearest[:, -1:]).astype(points.dtype)
    values = jnp.abs(jnp.linalg.eigvals(graph))
    entropy = _eigenvalues.entropy_of_values(values, jnp.ones((), points.dtype))
    return jnp.where(jnp.isnan(points[0, 0]), jnp.nan, entropy)


@compiled.jit(static_argnames=("num_bins",))
def binned_entropy(x: ArrayLike, *, num_bins: int = 2) -> jax.Array:
    r"""Shannon entropy of the samples in a grid of equal bins (CSE).

    Each column is cut into ``num_bins`` bins of equal width between its own least and
    largest entry, the last one closed; a constant column is one bin. Saturates at
    ``log(n)`` as soon as every sample has a cell of its own, which takes few columns.

    Not differentiable: its gradient is zero. Costs :math:`O(n d \log n)` time and
    :math:`O(n d)` memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        num_bins: Bins of a column. Static.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if ``x`` is not finite. Shape
        ``()``.

    Raises:
        TypeError: If ``x`` is complex or not an array, or ``num_bins`` not an int.
        ValueError: If ``x`` is not two-dimensional, or ``num_bins`` below 1.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, section III: classic Shannon entropy.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.array([[0.0], [0.1], [0.9], [1.0]])
        >>> print(diffusion.binned_entropy(x))  # log(2)
        0.6931
    """
    array = jax.lax.stop_gradient(checks.as_float("x", x, "(n, d)"))
    checks.at_least("num_bins", num_bins, 1)
    n = array.shape[0]
    counts = jnp.zeros((n,), array.dtype).at[cells(array, num_bins)].add(1)
    entropy = -jnp.sum(logspace.xlogx(counts / n))
    return jnp.where(jnp.all(jnp.isfinite(array)), entropy, jnp.nan)


def bins(x: jax.Array, num_bins: int) -> jax.Array:
    """Bin of each entry between the least and the largest of its column."""
    low, high = jnp.min(x, axis=0, keepdims=True), jnp.max(x, axis=0, keepdims=True)
    # Halved, as the range of finite numbers may not be finite.
    width = high / 2 - low / 2
    share = (x / 2 - low / 2) / jnp.where(width == 0, 1, width)
    return jnp.clip(jnp.floor(share * num_bins), 0, num_bins - 1).astype(jnp.int32)


def cells(x: jax.Array, num_bins: int) -> jax.Array:
    """Number, below n, of the distinct row of bins that each sample has ``(n,)``."""
    n, dim = x.shape
    # Several columns are told apart by one sort while their codes fit an integer.
    at_once = 1
    while at_once < dim and n * num_bins ** (at_once + 1) < _MOST_CODES:
        at_once += 1
    missing = -dim % at_once
    codes = jnp.pad(bins(x, num_bins), ((0, 0), (0, missing)))
    groups = codes.T.reshape(-1, at_once, n)

    def fold(rank: jax.Array, group: jax.Array) -> tuple[jax.Array, None]:
        for k in range(at_once):
            rank = rank * num_bins + group[k]
        order = jnp.argsort(rank)
        ordered = rank[order]
        is_new = jnp.concatenate([jnp.zeros((1,), bool), ordered[1:] != ordered[:-1]])
        dense = jnp.cumsum(is_new.astype(jnp.int32))
        return jnp.zeros_like(rank).at[order].set(dense), None

    rank, _ = jax.lax.scan(fold, jnp.zeros((n,), jnp.int32), groups)
    return rank
