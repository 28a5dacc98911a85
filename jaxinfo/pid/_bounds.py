"""Atoms from one redundancy, and bounds on those of every decomposition."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.pid._types import Bounds, Decomposition


@compiled.jit
def from_redundancy(
    redundant: ArrayLike,
    information_x: ArrayLike,
    information_y: ArrayLike,
    information_xy: ArrayLike,
) -> Decomposition:
    r"""Decomposition with a given redundancy.

    .. math::
        U_x = I_X - R, \qquad U_y = I_Y - R, \qquad S = I_{XY} - I_X - I_Y + R .

    Any one atom fixes the others. Differentiable in every argument. Costs
    :math:`O(1)`.

    Args:
        redundant: Redundancy :math:`R`, in nats. Shape ``()``.
        information_x: Information of x about the target, in nats. Shape ``()``.
        information_y: Information of y about it, in nats. Shape ``()``.
        information_xy: Information of both together, in nats. Shape ``()``.

    Returns:
        Atoms in nats, of either sign. Shapes ``()``.

    References:
        Williams and Beer, `Nonnegative decomposition of multivariate information
        <https://arxiv.org/abs/1004.2515>`_, 2010, section 3.

    Example:
        >>> from jaxinfo import pid
        >>> print(pid.from_redundancy(0.2, 0.5, 0.3, 0.9).synergistic)
        0.3
    """
    redundant, x, y, xy = checks.as_floats(
        "()",
        redundant=redundant,
        information_x=information_x,
        information_y=information_y,
        information_xy=information_xy,
    )
    return Decomposition(
        redundant=redundant,
        unique_x=x - redundant,
        unique_y=y - redundant,
        synergistic=xy - (x + y - redundant),
    )


@compiled.jit
def bounds(
    information_x: ArrayLike, information_y: ArrayLike, information_xy: ArrayLike
) -> Bounds:
    r"""Bounds on the atoms of every decomposition without negative atoms.

    With :math:`c = I_X + I_Y - I_{XY}` and :math:`[u]_+ = \max(u, 0)`,

    .. math::
        [c]_+ \le R \le \min(I_X, I_Y), \qquad
        [-c]_+ \le S \le [I_{XY} - \max(I_X, I_Y)]_+, \\
        [I_X - I_Y]_+ \le U_x \le \min(I_X, [I_{XY} - I_Y]_+)

    and likewise for :math:`U_y`. Whatever measure one chooses, its atoms lie between
    them. Differentiable in every argument (at a tie, a mean of the one-sided
    derivatives). Costs :math:`O(1)`.

    Args:
        information_x: Information of x about the target, in nats. Shape ``()``.
        information_y: Information of y about it, in nats. Shape ``()``.
        information_xy: Information of both together, in nats; that it is at least that
            of either is not checked. Shape ``()``.

    Returns:
        Bounds in nats, non-negative. Shapes ``()``.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, section 4.

    Example:
        >>> from jaxinfo import pid
        >>> lower, upper = pid.bounds(0.5, 0.3, 0.9)
        >>> print(lower.unique_x, upper.unique_x)
        0.2 0.5
    """
    x, y, xy = checks.as_floats(
        "()",
        information_x=information_x,
        information_y=information_y,
        information_xy=information_xy,
    )
    common = x + y - xy
    return Bounds(
        lower=Decomposition(
            redundant=_positive(common),
            unique_x=_positive(x - y),
            unique_y=_positive(y - x),
            synergistic=_positive(-common),
        ),
        upper=Decomposition(
            redundant=jnp.minimum(x, y),
            unique_x=jnp.minimum(x, _positive(xy - y)),
            unique_y=jnp.minimum(y, _positive(xy - x)),
            synergistic=_positive(xy - jnp.maximum(x, y)),
        ),
    )


def _positive(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 0)
