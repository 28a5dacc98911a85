"""Entropies of other matrices of a point cloud, or of other kinds."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, logspace
from jaxinfo.diffusion import _eigenvalues, _kernels


@compiled.jit
def collision_entropy(
    x: ArrayLike,
    *,
    bandwidth: ArrayLike,
    alpha: ArrayLike = 0.0,
    mask: ArrayLike | None = None,
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
        mask: Which points to count, booleans, for padded batches; the others may hold
            anything, and n is the number of those counted. Only with one bandwidth for
            all points. Shape ``(n,)``.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if no point is counted, ``x`` is
        not finite or an option is out of range. Shape ``()``.

    Raises:
        ValueError: If the matrix of all pairs is too large to index.

    References:
        Sanchez Giraldo, Rao and Principe, `Measures of entropy from data using
        infinitely divisible kernels <https://arxiv.org/abs/1211.2459>`_, 2012, for
        matrix entropies of order :math:`\alpha`; their use for the diffusion operator
        is new here.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> far_apart = 100.0 * jnp.eye(8)
        >>> print(diffusion.collision_entropy(far_apart, bandwidth=1.0))  # log(8)
        2.0794
    """
    x, is_counted = _kernels.points(x, mask)
    width = _kernels.widths(bandwidth, x, one_for_all=is_counted is not None)
    kernel = _kernels.gaussian(x, width, is_counted)
    exponent = _kernels.exponent(alpha, x.dtype)
    matrix = _kernels.diffusion(kernel, exponent, is_counted).matrix
    return 2 * jnp.log(jnp.trace(matrix)) - jnp.log(jnp.sum(matrix**2))


@compiled.jit
def matrix_entry_entropy(
    x: ArrayLike,
    *,
    bandwidth: ArrayLike,
    alpha: ArrayLike = 0.5,
    mask: ArrayLike | None = None,
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
        alpha: Density exponent between 0 and 1; the authors' package uses 1/2.
        mask: Which points to count, booleans, for padded batches; the others may hold
            anything, and n is the number of those counted. Only with one bandwidth for
            all points. Shape ``(n,)``.

    Returns:
        Entropy in nats, between ``log(n)`` and ``2 log(n)``. NaN if no point is
        counted, ``x`` is not finite or an option is out of range. Shape ``()``.

    Raises:
        ValueError: If the matrix of all pairs is too large to index.

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
    x, is_counted = _kernels.points(x, mask)
    width = _kernels.widths(bandwidth, x, one_for_all=is_counted is not None)
    kernel = _kernels.gaussian(x, width, is_counted)
    return of_entries(kernel, _kernels.exponent(alpha, x.dtype), is_counted)


@compiled.jit
def adjacency_entropy(
    x: ArrayLike, *, bandwidth: ArrayLike, mask: ArrayLike | None = None
) -> jax.Array:
    r"""Entropy of the eigenvalues of the Gaussian kernel itself.

    The von Neumann entropy of :math:`G / n`, whose exponential is the Vendi score.

    Differentiable like `spectral_entropy`. Costs :math:`O(n^2 d + n^3)` time and
    :math:`2 n^2` numbers of memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive; or one for each point. Shape ``()`` or ``(n,)``.
        mask: Which points to count, booleans, for padded batches; the others may hold
            anything, and n is the number of those counted. Only with one bandwidth for
            all points. Shape ``(n,)``.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if no point is counted, ``x`` is
        not finite or the bandwidth is not positive. Shape ``()``.

    Raises:
        ValueError: If the matrix of all pairs is too large to index.

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
    x, is_counted = _kernels.points(x, mask)
    width = _kernels.widths(bandwidth, x, one_for_all=is_counted is not None)
    return _eigenvalues.entropies(
        _kernels.gaussian(x, width, is_counted),
        jnp.ones((1,), x.dtype),
        is_definite=width.ndim == 0,
        mask=is_counted,
    )[0]


@compiled.jit(static_argnames=("num_neighbors",))
def neighbor_graph_entropy(x: ArrayLike, *, num_neighbors: int = 10) -> jax.Array:
    r"""Entropy of the spectrum of the directed graph of nearest neighbours.

    Edges lead from each point to all points no farther than its k-th nearest one,
    counting the point itself, so that ties add edges; the entropy is that of the moduli
    of the complex eigenvalues.

    Such graphs often have zero as a defective eigenvalue, which rounding moves: the
    entropy is accurate to about 2e-5 in float64. Not differentiable: the graph is
    constant almost everywhere, and gradients are zero. Costs :math:`O(n^2 d + n^3)`
    time, with a large factor; not every accelerator has a solver for such matrices.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        num_neighbors: Number of neighbours :math:`k`, counting the point itself; at
            most n. Static.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if ``x`` is not finite. Shape
        ``()``.

    Raises:
        ValueError: If ``num_neighbors`` is above n, or the matrix of all pairs is too
            large to index.

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
    points = jax.lax.stop_gradient(_kernels.points(x)[0])
    n = points.shape[0]
    checks.at_least("num_neighbors", num_neighbors, 1)
    if num_neighbors > n:
        raise ValueError(
            f"Expected `num_neighbors` to be at most the number of points, {n}, got "
            f"{num_neighbors}."
        )
    squares = _kernels.squared_distances(points / _kernels.unit(points))
    # What a sort returns was computed once: were distances computed again for the
    # comparison, rounded otherwise, the last neighbour could be beyond its own.
    index = jnp.broadcast_to(jnp.arange(points.shape[0])[None], squares.shape)
    ordered, columns = jax.lax.sort((squares, index), dimension=1, num_keys=1)
    is_near = ordered <= ordered[:, num_neighbors - 1 : num_neighbors]
    graph = (
        jnp.zeros_like(squares).at[index.T, columns].set(is_near.astype(points.dtype))
    )
    values = jnp.abs(jnp.linalg.eigvals(graph))
    entropy = _eigenvalues.entropy_of_values(values, jnp.ones((), points.dtype))
    return jnp.where(jnp.isnan(points[0, 0]), jnp.nan, entropy)


def of_entries(
    kernel: jax.Array, alpha: jax.Array, mask: jax.Array | None
) -> jax.Array:
    """Entropy ``()`` of the entries of the chain of a kernel; NaN if none is left."""
    matrix, degrees = _kernels.diffusion(kernel, alpha, mask)
    root = jnp.sqrt(degrees)
    chain = matrix * root[None, :] / root[:, None]
    number = jnp.asarray(len(chain) if mask is None else jnp.sum(mask), chain.dtype)
    return jnp.log(number) - jnp.sum(logspace.xlogx(chain)) / number
