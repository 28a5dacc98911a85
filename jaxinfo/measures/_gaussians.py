"""Entropy and information of Gaussian variables."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg


@compiled.jit
def gaussian_entropy(covariance: ArrayLike) -> jax.Array:
    r"""Differential entropy of a Gaussian variable.

    .. math::
        h(X) = \tfrac12 \log\det(2 \pi e \Sigma) .

    Differentiable. Costs :math:`O(d^3)`.

    Args:
        covariance: Symmetric positive-definite covariance; only its lower triangle is
            read. Shape ``(d, d)``.

    Returns:
        Entropy in nats, of either sign; NaN if ``covariance`` is not positive definite.
        Shape ``()``.

    References:
        Cover and Thomas, `Elements of information theory
        <https://doi.org/10.1002/047174882X>`_, 2006, theorem 8.4.1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> print(measures.gaussian_entropy(jnp.eye(1)))  # log(2 pi e) / 2
        1.4189
    """
    covariance = checks.as_float("covariance", covariance, "(d, d)")
    return entropy_of_factor(_cholesky(covariance))


@compiled.jit(static_argnames=("dim_x",))
def gaussian_mutual_information(covariance: ArrayLike, *, dim_x: int) -> jax.Array:
    r"""Mutual information of two jointly Gaussian variables.

    With :math:`\rho_i` the canonical correlations of X, the first ``dim_x``
    coordinates, and Y, the others,

    .. math::
        I(X;Y) = \tfrac12 \log \frac{\det\Sigma_X \det\Sigma_Y}{\det\Sigma}
        = -\tfrac12 \sum_i \log(1 - \rho_i^2) .

    The second form is computed, so that small values do not lose precision.
    Differentiable. Costs :math:`O(d^3)`.

    Args:
        covariance: Symmetric positive-definite joint covariance; only its lower
            triangle is read. Shape ``(d, d)``.
        dim_x: Number of coordinates of X, between 1 and ``d - 1``. Static.

    Returns:
        Mutual information in nats, non-negative; NaN if ``covariance`` is not positive
        definite. Shape ``()``.

    Raises:
        ValueError: If ``dim_x`` leaves a variable without coordinates.

    References:
        Gelfand and Yaglom, `Calculation of the amount of information about a random
        function contained in another such function
        <https://doi.org/10.1090/trans2/012/09>`_, 1959.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> covariance = jnp.array([[1.0, 0.6], [0.6, 1.0]])
        >>> print(measures.gaussian_mutual_information(covariance, dim_x=1))
        0.2231
    """
    covariance = checks.as_float("covariance", covariance, "(d, d)")
    checks.at_least("dim_x", dim_x, 1)
    if dim_x >= covariance.shape[0]:
        raise ValueError(
            f"Expected `dim_x` to be less than the number of coordinates of "
            f"`covariance`, {covariance.shape[0]}, got {dim_x}."
        )
    factor_x = _cholesky(covariance[:dim_x, :dim_x])
    factor_y = _cholesky(covariance[dim_x:, dim_x:])
    half = linalg.solve_factor(factor_y, covariance[dim_x:, :dim_x])
    coherence = linalg.solve_factor(factor_x, half.T)
    if dim_x > covariance.shape[0] - dim_x:
        coherence = coherence.T
    gram = jnp.matmul(coherence, coherence.T, precision=jax.lax.Precision.HIGHEST)
    # An indefinite joint matrix has a correlation above one: the logarithm is NaN.
    squared_correlations = jnp.linalg.eigvalsh(gram)
    # Rounding leaves correlations of zero slightly negative, which log1p takes.
    return -jnp.sum(jnp.log1p(-squared_correlations)) / 2


def entropy_of_factor(scale_tril: jax.Array) -> jax.Array:
    """Entropy of a Gaussian variable by the Cholesky factor of its covariance."""
    constant = scale_tril.shape[-1] * math.log(2 * math.pi * math.e)
    return (constant + linalg.log_det_of_factor(scale_tril)) / 2


def _cholesky(matrix: jax.Array) -> jax.Array:
    lower = jnp.tril(matrix)
    symmetric = lower + jnp.tril(matrix, -1).T
    factor: jax.Array = jnp.linalg.cholesky(symmetric, symmetrize_input=False)
    return factor
