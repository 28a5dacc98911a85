"""Decompositions of Gaussian variables in closed form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo import measures
from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.pid import _bounds, _tables
from jaxinfo.pid._types import Decomposition


@compiled.jit(static_argnames=("dim_x", "dim_y"))
def gaussian_mmi(covariance: ArrayLike, *, dim_x: int, dim_y: int) -> Decomposition:
    r"""Decomposition of Gaussian variables with the largest possible redundancy.

    .. math::
        R = \min(I(X;T), I(Y;T)) .

    For a target of one dimension, every decomposition whose redundancy depends only on
    the joint distribution of each source with the target is this one; for more
    dimensions see `gaussian_broja`. Differentiable; where the sources tie, the
    derivative is a mean of the one-sided ones. Costs :math:`O(d^3)`.

    Args:
        covariance: Symmetric positive-definite covariance of x, then y, then the
            target; only its lower triangle is read. Shape ``(d, d)``.
        dim_x: Number of coordinates of x. Static.
        dim_y: Number of coordinates of y; the target has the rest. Static.

    Returns:
        Atoms in nats, non-negative up to rounding; NaN if ``covariance`` is not
        positive definite. Shapes ``()``.

    Raises:
        ValueError: If a variable is left without coordinates.

    References:
        Barrett, `Exploration of synergistic and redundant information sharing in
        static and dynamical Gaussian systems
        <https://doi.org/10.1103/PhysRevE.91.052802>`_, 2015, section V.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> covariance = jnp.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.5, 0.5, 1.0]])
        >>> print(pid.gaussian_mmi(covariance, dim_x=1, dim_y=1).synergistic)
        0.2027
    """
    covariance = read(covariance, dim_x, dim_y)
    alone = informations(covariance, dim_x, dim_y)
    return _bounds.from_redundancy(jnp.minimum(alone.x, alone.y), *alone)


@compiled.jit(static_argnames=("dim_x", "dim_y"))
def gaussian_dependency(
    covariance: ArrayLike, *, dim_x: int, dim_y: int
) -> Decomposition:
    r"""Decomposition of Gaussian variables by dependency constraints (:math:`I_{dep}`).

    With q the Gaussian in which x and y are independent given the target,

    .. math::
        R = \max\left( I_q(X;Y),\ I(X;T) + I(Y;T) - I(X,Y;T) \right) ,

    as the distribution of largest entropy with the pair marginals of a Gaussian is this
    Gaussian itself. Differentiable; at a tie, a mean of the one-sided derivatives.
    Costs :math:`O(d^3)`.

    Args:
        covariance: Symmetric positive-definite covariance of x, then y, then the
            target; only its lower triangle is read. Shape ``(d, d)``.
        dim_x: Number of coordinates of x. Static.
        dim_y: Number of coordinates of y; the target has the rest. Static.

    Returns:
        Atoms in nats, non-negative up to rounding; NaN if ``covariance`` is not
        positive definite. Shapes ``()``.

    Raises:
        ValueError: If a variable is left without coordinates.

    References:
        Kay and Ince, `Exact partial information decompositions for Gaussian systems
        based on dependency constraints <https://arxiv.org/abs/1803.02030>`_, 2018,
        section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> covariance = jnp.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.5, 0.5, 1.0]])
        >>> print(pid.gaussian_dependency(covariance, dim_x=1, dim_y=1).redundant)
        0.0323
    """
    covariance = read(covariance, dim_x, dim_y)
    alone = informations(covariance, dim_x, dim_y)
    redundant = dependency_redundancy(covariance, alone, dim_x, dim_y)
    return _bounds.from_redundancy(redundant, *alone)


def read(covariance: ArrayLike, dim_x: int, dim_y: int) -> jax.Array:
    """A covariance of three variables, made symmetric from its lower triangle."""
    covariance = checks.as_float("covariance", covariance, "(d, d)")
    check_dims("covariance", covariance.shape[0], dim_x, dim_y)
    return jnp.tril(covariance) + jnp.tril(covariance, -1).T


def check_dims(name: str, dim: int, dim_x: int, dim_y: int) -> None:
    """Check that x and y have coordinates and leave some to the target."""
    checks.at_least("dim_x", dim_x, 1)
    checks.at_least("dim_y", dim_y, 1)
    if dim_x + dim_y >= dim:
        raise ValueError(
            f"Expected `dim_x` and `dim_y` to sum to less than the {dim} dimensions of "
            f"`{name}`, got {dim_x} + {dim_y}."
        )


def informations(covariance: jax.Array, dim_x: int, dim_y: int) -> _tables.Informations:
    """What the sources tell about the target; NaN for a matrix that is not positive."""
    start = dim_x + dim_y
    without_x = covariance[dim_x:, dim_x:]
    rows = jnp.asarray([*range(dim_x), *range(start, covariance.shape[0])])
    without_y = covariance[rows[:, None], rows[None, :]]
    both = measures.gaussian_mutual_information(covariance, dim_x=start)
    # Where all together are not positive definite, parts may be.
    is_covariance = jnp.where(jnp.isnan(both), jnp.nan, 0)
    return _tables.Informations(
        x=is_covariance + measures.gaussian_mutual_information(without_y, dim_x=dim_x),
        y=is_covariance + measures.gaussian_mutual_information(without_x, dim_x=dim_y),
        xy=both,
    )


def dependency_redundancy(
    covariance: jax.Array, alone: _tables.Informations, dim_x: int, dim_y: int
) -> jax.Array:
    """Redundancy by dependency constraints."""
    seen = through_target(covariance, dim_x, dim_y)
    shared = linalg.product(seen.x, seen.y.T)
    start = dim_x + dim_y
    both = covariance[:start, :start]
    both = both.at[dim_x:, :dim_x].set(shared.T)
    given_target = measures.gaussian_mutual_information(both, dim_x=dim_x)
    return jnp.maximum(given_target, alone.x + alone.y - alone.xy)


class Seen(NamedTuple):
    """What a white target of as many coordinates adds to each source."""

    x: jax.Array
    y: jax.Array


def through_target(covariance: jax.Array, dim_x: int, dim_y: int) -> Seen:
    """Covariances of the sources with the whitened target, a row per coordinate."""
    start = dim_x + dim_y
    factor = jnp.linalg.cholesky(covariance[start:, start:], symmetrize_input=False)
    seen = linalg.solve_factor(factor, covariance[start:, :start]).T
    return Seen(x=seen[:dim_x], y=seen[dim_x:])
