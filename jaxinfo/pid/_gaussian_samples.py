"""Decompositions of samples of Gaussian variables, less the bias of small samples."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, linalg, units
from jaxinfo.pid import _bounds, _gaussian_broja, _gaussians
from jaxinfo.pid._types import CertifiedDecomposition

_MEASURES = ("broja", "mmi", "dependency")


@compiled.jit(static_argnames=("measure", "correct_bias", "max_steps"))
def gaussian_samples(
    x: ArrayLike,
    y: ArrayLike,
    t: ArrayLike,
    *,
    measure: str = "broja",
    correct_bias: bool = True,
    tol: ArrayLike | None = None,
    max_steps: int = 60,
) -> CertifiedDecomposition:
    r"""Decomposition of the information of two Gaussian samples about a third.

    The decomposition of their covariance C (with denominator n - 1). Its informations
    are biased upwards in small samples, by exactly

    .. math::
        \tfrac12 \left[ b(d_x) + b(d_t) - b(d_x + d_t) \right], \qquad
        b(d) = \mathrm{E} \log\det C - \log\det \Sigma
        = \sum_{i=1}^{d} \left[ \psi\left(\tfrac{n-i}2\right)
        - \log\tfrac{n-1}2 \right] ,

    which is subtracted; values below zero are set to zero, and the joint information is
    raised to that of either source alone where it is less. For the union information
    there is no exact correction: it is shrunk as :math:`I_{XY}` is, and kept within
    what the corrected informations allow (for ``"mmi"`` it is the larger of the two).
    This halves the bias of the redundancy and the synergy.

    Differentiable like the function of the measure. Costs are :math:`O(n d^2)` plus
    those of that function.

    Args:
        x: Samples of the first source. Shape ``(n, a)``.
        y: Samples of the second source. Shape ``(n, b)``.
        t: Samples of the target. Shape ``(n, c)``.
        measure: ``"broja"`` (`gaussian_broja`), ``"mmi"`` (`gaussian_mmi`) or
            ``"dependency"`` (`gaussian_dependency`). Static.
        correct_bias: Whether to subtract the bias. Static.
        tol: As for `gaussian_broja`.
        max_steps: As for `gaussian_broja`. Static.

    Returns:
        Atoms in nats, non-negative up to rounding. The interval is that of the optimum
        for the covariance of these samples, shrunk likewise, and says nothing about the
        sampling error; its gap is zero for the measures in closed form. NaN, and not
        converged, if a sample is not finite or the covariance is not positive definite.
        Shapes ``()``.

    Raises:
        ValueError: If n is not more than a + b + c: the covariance would be singular.

    References:
        Venkatesh et al., `Gaussian partial information decomposition: bias correction
        and application to high-dimensional data <https://arxiv.org/abs/2307.10515>`_,
        2023, section 5. The expected log-determinant is that of a Wishart matrix.

    Example:
        >>> import jax
        >>> from jaxinfo import pid
        >>> x, y, noise = jax.random.normal(jax.random.key(0), (3, 1000, 1))
        >>> atoms = pid.gaussian_samples(x, y, x + y + noise)
        >>> print(atoms.redundant.round(1), atoms.synergistic.round(1))
        0.2 0.3
    """
    x = checks.as_float("x", x, "(n, a)")
    n = x.shape[0]
    y = checks.as_float("y", y, "(n, b)", n=n)
    t = checks.as_float("t", t, "(n, c)", n=n)
    checks.one_of("measure", measure, _MEASURES)
    samples = jnp.concatenate(checks.promote(x, y, t), axis=1)
    dim_x, dim_y, dim = x.shape[1], y.shape[1], samples.shape[1]
    if n <= dim:
        raise ValueError(
            f"Expected `x` to hold more samples than the {dim} coordinates of all "
            f"variables, got {n}."
        )
    standard = units.standardized(samples)
    covariance = linalg.product(standard.T, standard) / (n - 1)
    plain = _decompose(covariance, measure, dim_x, dim_y, tol, max_steps)
    return _correct(plain, measure, n, dim_x, dim_y, dim) if correct_bias else plain


def _decompose(
    covariance: jax.Array,
    measure: str,
    dim_x: int,
    dim_y: int,
    tol: ArrayLike | None,
    max_steps: int,
) -> CertifiedDecomposition:
    if measure == "broja":
        return _gaussian_broja.decompose(covariance, dim_x, dim_y, tol, max_steps)
    alone = _gaussians.informations(covariance, dim_x, dim_y)
    if measure == "mmi":
        redundant = jnp.minimum(alone.x, alone.y)
    else:
        redundant = _gaussians.dependency_redundancy(covariance, alone, dim_x, dim_y)
    union = alone.x + alone.y - redundant
    return CertifiedDecomposition(
        *_bounds.from_redundancy(redundant, *alone),
        union_lower=union,
        union_upper=union,
        gap=jnp.zeros_like(union) * union,
        num_steps=jnp.zeros((), int),
        converged=jnp.isfinite(union),
    )


def _correct(
    plain: CertifiedDecomposition,
    measure: str,
    n: int,
    dim_x: int,
    dim_y: int,
    dim: int,
) -> CertifiedDecomposition:
    dim_t = dim - dim_x - dim_y

    def bias(dim_source: int) -> float:
        both = _log_det_bias(n, dim_source + dim_t)
        return (_log_det_bias(n, dim_source) + _log_det_bias(n, dim_t) - both) / 2

    x = jnp.maximum(plain.redundant + plain.unique_x - bias(dim_x), 0)
    y = jnp.maximum(plain.redundant + plain.unique_y - bias(dim_y), 0)
    least = jnp.maximum(x, y)
    together = plain.redundant + plain.unique_x + plain.unique_y + plain.synergistic
    # Both together tell no less than one.
    xy = jnp.maximum(together - bias(dim_x + dim_y), least)
    share = guarded.quotient(xy, together)

    def shrunk(union: jax.Array) -> jax.Array:
        most = jnp.minimum(x + y, xy)
        return jnp.maximum(jnp.minimum(share * union, most), least)

    lower, upper = shrunk(plain.union_lower), shrunk(plain.union_upper)
    # The best source tells the union, whatever the samples.
    union = least if measure == "mmi" else shrunk(together - plain.synergistic)
    if measure == "mmi":
        lower = upper = least
    return plain._replace(
        **_bounds.from_redundancy(x + y - union, x, y, xy)._asdict(),
        union_lower=lower,
        union_upper=upper,
        gap=upper - lower,
    )


def _log_det_bias(n: int, dim: int) -> float:
    """What the log-determinant of a covariance of n samples is too high by."""
    from scipy import special

    degrees = (n - np.arange(1, dim + 1)) / 2
    return float(np.sum(special.digamma(degrees) - math.log((n - 1) / 2)))
