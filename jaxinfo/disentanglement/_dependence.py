"""How much the latents of a representation depend on each other."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo import measures
from jaxinfo._numerics import checks, compiled, guarded, linalg
from jaxinfo.disentanglement import _columns


@compiled.jit(static_argnames=("num_bins",))
def mutual_information_score(codes: ArrayLike, *, num_bins: int = 20) -> jax.Array:
    r"""Mean mutual information of all pairs of binned latents.

    With the bins of `binned_information`,

    .. math::
        \frac{1}{d (d - 1)} \sum_{l \ne m} I(z_l; z_m) .

    Biased upwards by about :math:`(b - 1)^2 / 2n` for b bins that occur. Not
    differentiable: the gradient is zero. Costs :math:`O(n d^2)` time and :math:`O(n d +
    d^2)` memory.

    Args:
        codes: Codes of the points, one column per latent, at least two. Shape ``(n,
            d)``.
        num_bins: Number of bins, at least 2. Static.

    Returns:
        Information in nats, between 0 and ``log(num_bins)``, up to rounding. A constant
        column has information 0 with the others. NaN if a code is not finite. Shape
        ``()``.

    Raises:
        ValueError: If there is one latent.

    References:
        Locatello et al., `Challenging common assumptions in the unsupervised learning
        of disentangled representations <https://arxiv.org/abs/1811.12359>`_, 2019.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> codes = jnp.array([[0.0, 5.0], [1.0, 7.0]])
        >>> print(disentanglement.mutual_information_score(codes))  # log(2)
        0.6931
    """
    codes = checks.as_float("codes", codes, "(n, d)")
    checks.at_least("num_bins", num_bins, 2)
    n, dim = codes.shape
    if dim < 2:
        raise ValueError(
            f"Expected `codes` to have at least two columns, got shape {codes.shape}."
        )
    bins = _columns.cells(codes, num_bins).T

    def of_pair(pair: jax.Array) -> jax.Array:
        cells = bins[pair[0]] * num_bins + bins[pair[1]]
        counts = jnp.zeros((num_bins**2,), int).at[cells].add(1)
        shares = counts.reshape(num_bins, num_bins).astype(codes.dtype) / n
        return measures.mutual_information(shares)

    pairs = jnp.asarray(np.stack(np.triu_indices(dim, 1), axis=1))
    value = jnp.mean(jax.lax.map(of_pair, pairs))
    return jnp.where(jnp.all(_columns.is_finite(codes)), value, jnp.nan)


@compiled.jit
def gaussian_total_correlation(covariance: ArrayLike) -> jax.Array:
    r"""Total correlation of Gaussian latents.

    .. math::
        \tfrac12 \left(\sum_i \log \Sigma_{ii} - \log\det\Sigma\right)
        = -\tfrac12 \sum_i \log\Big(1 - \sum_{j < i} L_{ij}^2\Big) ,

    L the Cholesky factor of the correlation matrix. The second form is computed, so
    that weak correlations do not lose precision and scales do not matter.
    Differentiable. Costs :math:`O(d^3)`.

    Args:
        covariance: Symmetric positive-definite covariance; only its lower triangle is
            read. Shape ``(d, d)``.

    Returns:
        Total correlation in nats, not negative, 0 for one latent; NaN if ``covariance``
        is not positive definite, as with a constant latent, which should be left out.
        Shape ``()``.

    References:
        Watanabe, `Information theoretical analysis of multivariate correlation
        <https://doi.org/10.1147/rd.41.0066>`_, 1960.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> covariance = jnp.array([[1.0, 0.6], [0.6, 1.0]])
        >>> print(disentanglement.gaussian_total_correlation(covariance))
        0.2231
    """
    matrix = checks.as_float("covariance", covariance, "(d, d)")
    roots = jnp.sqrt(jnp.diagonal(matrix))
    # Divided by one root at a time, entries stay in range.
    below = jnp.tril(matrix / roots[:, None] / roots[None, :], -1)
    factor = linalg.cholesky(below + jnp.eye(below.shape[0], dtype=below.dtype))
    explained = jnp.sum(jnp.tril(factor, -1) ** 2, axis=1)
    # All of its variance is that of others, or more: singular, or indefinite.
    is_definite = jnp.all(explained < 1) & jnp.all(jnp.isfinite(roots))
    value = jnp.sum(jnp.log1p(jnp.where(explained < 1, -explained, 0))) / -2
    return jnp.where(is_definite, jnp.maximum(value, 0), jnp.nan)


@compiled.jit
def gaussian_wasserstein_correlation(covariance: ArrayLike) -> jax.Array:
    r"""Squared Wasserstein distance of Gaussian latents from independent ones.

    With :math:`E` the diagonal of :math:`\Sigma`,

    .. math::
        W_2^2(N(0, \Sigma), N(0, E)) =
        2 \operatorname{tr} \Sigma - 2 \operatorname{tr}
        \left(E^{1/2} \Sigma E^{1/2}\right)^{1/2}
        = \left\| E^{1/2} - U^\top F^\top \right\|^2 ,

    F any factor :math:`\Sigma = F F^\top` and U the orthogonal matrix nearest to
    :math:`F^\top E^{1/2}`. The last form is computed: a sum of squares, so that small
    distances do not lose precision. Divide by the trace for a dimensionless number.

    Differentiable, by the optimal transport itself, so that equal eigenvalues are no
    obstacle. Where latents determine each other linearly the derivative towards
    independence is infinite: the value returned there is finite but meaningless. Costs
    :math:`O(d^3)`.

    Args:
        covariance: Symmetric covariance without negative eigenvalues; only its lower
            triangle is read. Shape ``(d, d)``.

    Returns:
        Squared distance, in the units of the covariance, not negative, 0 for one
        latent. Constant latents, of variance 0, add nothing. Where the matrix is
        singular otherwise, accurate to the square root of machine epsilon. NaN if a
        variance is negative, or an eigenvalue of the correlations is negative by more
        than rounding. Shape ``()``.

    References:
        Dowson and Landau, `The Fréchet distance between multivariate normal
        distributions <https://doi.org/10.1016/0047-259X(82)90077-X>`_, 1982; as a score
        of Locatello et al., `Challenging common assumptions in the unsupervised
        learning of disentangled representations <https://arxiv.org/abs/1811.12359>`_,
        2019.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> covariance = jnp.array([[1.0, 0.6], [0.6, 1.0]])
        >>> print(disentanglement.gaussian_wasserstein_correlation(covariance))
        0.2053
    """
    matrix = checks.as_float("covariance", covariance, "(d, d)")
    # In units of the largest variance, in which products stay in range. It scales the
    # distance as it does the covariance.
    unit = jax.lax.stop_gradient(jnp.max(jnp.diagonal(matrix)))
    unit = jnp.where(unit >= 0, unit, jnp.nan)
    lower = jnp.tril(guarded.quotient(matrix, unit))
    return unit * _squared_distance(lower + jnp.tril(lower, -1).T)


@jax.custom_jvp
def _squared_distance(covariance: jax.Array) -> jax.Array:
    return _distance_and_gradient(covariance)[0]


@_squared_distance.defjvp
def _squared_distance_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    value, gradient = _distance_and_gradient(*primals)
    return value, jnp.sum(gradient * tangents[0])


def _distance_and_gradient(covariance: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Squared distance from independence, and its derivative by a symmetric matrix."""
    dim = covariance.shape[0]
    eps = float(np.finfo(covariance.dtype).eps)
    variances = jnp.diagonal(covariance)
    scales = jnp.sqrt(variances)
    # Latents without variance are independent of all others, or else it is none.
    is_constant = variances == 0
    is_apart = is_constant[:, None] | is_constant[None, :]
    divisor = jnp.where(is_constant, 1, scales)
    identity = jnp.eye(dim, dtype=covariance.dtype)
    correlations = covariance / divisor[:, None] / divisor[None, :]
    is_covariance = jnp.all(jnp.isfinite(correlations)) & jnp.all(
        jnp.where(is_apart, covariance == 0, True)
    )
    is_own = is_apart | (identity == 1) | ~is_covariance
    correlations = jnp.where(is_own, identity, correlations)

    # Correlations have entries of one size, so that small variances keep their digits.
    eigenvalues, basis = jnp.linalg.eigh(correlations)
    is_covariance &= eigenvalues[0] >= -8 * dim * eps
    roots = jnp.sqrt(jnp.maximum(eigenvalues, 0))
    root = linalg.product(basis * roots[None], basis.T)
    weights = jnp.where(is_covariance, variances, 0)
    left, values, right = jnp.linalg.svd(root * weights[None])
    rotation = linalg.product(left, right)
    apart = (identity - linalg.product(rotation.T, root)) * scales[None]
    distance = jnp.sum(apart**2)

    # The optimal transport to independent latents, and back.
    is_small = values <= eps * values[0]
    inverse = jnp.where(is_small, 0, 1 / jnp.where(is_small, 1, values))
    there = linalg.product(right.T * inverse[None], right)
    there = scales[:, None] * there * scales[None]
    back = jnp.sum(right**2 * values[:, None], axis=0) / jnp.square(divisor)
    gradient = 2 * identity - there - jnp.diag(back)
    gradient = jnp.where(is_apart, 0, gradient)
    return jnp.where(is_covariance, distance, jnp.nan), gradient
