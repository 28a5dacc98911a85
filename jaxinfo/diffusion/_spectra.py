"""Spectrum of the diffusion operator and its entropy."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.diffusion import _eigenvalues, _kernels


@compiled.jit
def spectrum(
    x: ArrayLike,
    *,
    bandwidth: ArrayLike,
    alpha: ArrayLike = 0.0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Eigenvalues of the diffusion operator of a point cloud.

    With a Gaussian kernel :math:`G_{ij} = \exp(-|x_i - x_j|^2 / 2 \sigma^2)`, its row
    sums :math:`q` and

    .. math::
        W_{ij} = \frac{G_{ij}}{(q_i q_j)^\alpha}, \qquad d_i = \sum_j W_{ij}, \qquad
        P = D^{-1} W ,

    the eigenvalues of the Markov chain :math:`P`. ``alpha = 0`` is the plain random
    walk on the points, ``1/2`` the Fokker-Planck operator of their density, ``1`` the
    Laplace-Beltrami operator, which does not depend on their density.

    Differentiable in every argument where the eigenvalues are distinct; the entropies
    of this package are differentiable everywhere. Costs :math:`O(n^2 d + n^3)` time and
    :math:`2 n^2` numbers of memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation :math:`\sigma` of the kernel, in the units of
            ``x``, positive; or one for each point, in which case :math:`\sigma^2` is
            the product of the two (self-tuning, see `local_bandwidths`). Shape ``()``
            or ``(n,)``.
        alpha: Density exponent between 0 and 1.
        mask: Which points to count, booleans, for padded batches; the others may hold
            anything, and each adds a zero eigenvalue. Only with one bandwidth for all
            points. Shape ``(n,)``.

    Returns:
        Eigenvalues, descending, the first 1. With one bandwidth none is negative: those
        that rounding leaves below zero are set to zero; a kernel with a bandwidth for
        each point may have negative ones, and they are sorted by modulus. NaN if ``x``
        is not finite or an option is out of range. Shape ``(n,)``.

    Raises:
        ValueError: If the matrix of all pairs is too large to index.

    References:
        Coifman and Lafon, `Diffusion maps <https://doi.org/10.1016/j.acha.2006.04.006>`_,
        2006; Liao et al., `Assessing neural network representations during training
        using noise-resilient diffusion spectral entropy
        <https://arxiv.org/abs/2312.04823>`_, 2024, section III.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> two_points = jnp.array([[0.0], [1.0]])
        >>> print(diffusion.spectrum(two_points, bandwidth=1.0))
        [1. 0.245]
    """
    x, is_counted = _kernels.points(x, mask)
    width = _kernels.widths(bandwidth, x, one_for_all=is_counted is not None)
    kernel = _kernels.gaussian(x, width, is_counted)
    exponent = _kernels.exponent(alpha, x.dtype)
    matrix = _kernels.diffusion(kernel, exponent, is_counted).matrix
    if is_counted is not None:
        matrix = _eigenvalues.padded_below(matrix, is_counted)
    is_definite = width.ndim == 0
    values = _eigenvalues.clipped(
        _eigenvalues.eigenvalues(matrix), is_definite=is_definite
    )
    if is_definite:
        return values[::-1]
    return values[jnp.argsort(-jnp.abs(values))]


@compiled.jit
def entropy_of_spectrum(
    eigenvalues: ArrayLike, *, diffusion_time: ArrayLike = 1.0
) -> jax.Array:
    r"""Shannon entropy of a spectrum at a diffusion time.

    .. math::
        S_t = -\sum_i p_i \log p_i, \qquad
        p_i = |\lambda_i|^t / \textstyle\sum_j |\lambda_j|^t .

    Differentiable in both arguments; the gradient leaves out eigenvalues that are
    exactly zero. Costs :math:`O(n)` time.

    Args:
        eigenvalues: Eigenvalues of any sign, order and scale. Shape ``(n,)``.
        diffusion_time: Power :math:`t`, non-negative; 0 gives ``log(n)``.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN for a negative time, or if all
        eigenvalues are zero. Shape ``()``.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, definition IV.1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> print(diffusion.entropy_of_spectrum(jnp.ones(8)))  # log(8)
        2.0794
    """
    values = checks.as_float("eigenvalues", eigenvalues, "(n,)")
    time = checks.as_scalar("diffusion_time", diffusion_time, values.dtype)
    is_nothing = jnp.all(values == 0)
    entropy = _eigenvalues.entropy_of_values(jnp.where(is_nothing, 1, values), time)
    return jnp.where(is_nothing, jnp.nan, entropy)


@compiled.jit
def spectral_entropy(
    x: ArrayLike,
    *,
    bandwidth: ArrayLike,
    diffusion_time: ArrayLike = 1.0,
    alpha: ArrayLike = 0.0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Diffusion spectral entropy (DSE) of a point cloud.

    With :math:`\lambda_i` the eigenvalues of the diffusion operator, see `spectrum`,

    .. math::
        S_t(x) = -\sum_i p_i \log p_i, \qquad
        p_i = |\lambda_i|^t / \textstyle\sum_j |\lambda_j|^t ,

    so that :math:`e^{S_t}` is an effective number of diffusion modes. It depends on the
    number of points and on the scale of the data relative to ``bandwidth``: compare
    clouds of equal size, with a rule such as `median_bandwidth`. It is not Shannon's
    entropy.

    Differentiable in every argument, to second order also where eigenvalues coincide;
    at ``diffusion_time=1`` the second derivative is infinite in directions that split
    duplicates, and the finite value returned leaves them out. For times below 1,
    float32 resolves rapidly decaying spectra only poorly. Beyond 8 dimensions it
    resolves squared distances only to about :math:`10^{-7}` of the squared size of the
    cloud: clusters much narrower than the distances among them need float64. Costs
    :math:`O(n^2 d + n^3)` time and :math:`2 n^2` numbers of memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive; or one for each point. :math:`\sqrt d` is a usual choice for
            standardised data. Shape ``()`` or ``(n,)``.
        diffusion_time: Power :math:`t` of the diffusion matrix, non-negative; larger
            values keep only the coarse structure.
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
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, definition IV.1. The authors' package speaks of an anisotropic operator,
        but its eigenvalues are those of ``alpha = 0``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> far_apart = 100.0 * jnp.eye(8)
        >>> print(diffusion.spectral_entropy(far_apart, bandwidth=1.0))  # log(8)
        2.0794
    """
    x, is_counted = _kernels.points(x, mask)
    width = _kernels.widths(bandwidth, x, one_for_all=is_counted is not None)
    time = checks.as_scalar("diffusion_time", diffusion_time, x.dtype)
    kernel = _kernels.gaussian(x, width, is_counted)
    operator = _kernels.diffusion(kernel, _kernels.exponent(alpha, x.dtype), is_counted)
    return _eigenvalues.entropies(
        operator.matrix, time[None], is_definite=width.ndim == 0, mask=is_counted
    )[0]


@compiled.jit
def spectral_entropies(
    x: ArrayLike,
    *,
    bandwidths: ArrayLike,
    diffusion_times: ArrayLike,
    alpha: ArrayLike = 0.0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Diffusion spectral entropies on a grid of bandwidths and diffusion times.

    Entry :math:`(i, j)` is `spectral_entropy` :math:`S_{t_j}` at bandwidth
    :math:`\sigma_i`, from one matrix of distances, and one decomposition per bandwidth.

    Differentiable like `spectral_entropy`. Costs :math:`O(n^2 d + b n^3)` time for b
    bandwidths and :math:`3 n^2` numbers of memory, its gradient :math:`b t n^2`.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidths: Standard deviations of the kernel, positive. Shape ``(b,)``.
        diffusion_times: Powers of the diffusion matrix, non-negative. Shape ``(t,)``.
        alpha: Density exponent between 0 and 1.
        mask: Which points to count, booleans, for padded batches; the others may hold
            anything, and n is the number of those counted. Shape ``(n,)``.

    Returns:
        Entropies in nats, between 0 and ``log(n)``; NaN if no point is counted, and
        where an option is out of range. Shape ``(b, t)``.

    Raises:
        ValueError: If the matrix of all pairs is too large to index.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, definition IV.1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.arange(6.0)[:, None]
        >>> grid = diffusion.spectral_entropies(
        ...     x,
        ...     bandwidths=jnp.array([0.1, 100.0]),
        ...     diffusion_times=jnp.array([1.0, 2.0]),
        ... )
        >>> print(*grid[0])  # log(6): each point is alone
        1.79 1.79
    """
    x, is_counted = _kernels.points(x, mask)
    given = checks.as_float("bandwidths", bandwidths, "(b,)").astype(x.dtype)
    given = jnp.where(given > 0, given, jnp.nan)
    times = checks.as_float("diffusion_times", diffusion_times, "(t,)").astype(x.dtype)
    exponent = _kernels.exponent(alpha, x.dtype)
    unit = jax.lax.stop_gradient(jnp.nanmax(given))
    squares = _kernels.squared_distances(x / unit)

    def one(width: jax.Array) -> jax.Array:
        kernel = _kernels.among(_kernels.of_squares(squares, width / unit), is_counted)
        matrix = _kernels.diffusion(kernel, exponent, is_counted).matrix
        return _eigenvalues.entropies(matrix, times, is_definite=True, mask=is_counted)

    grid: jax.Array = jax.lax.map(one, given)
    return grid
