"""Linear systems with one unknown for each pair of states of x, y and t.

Newton steps on tables whose pair marginals are given need them: the unknowns are the
multipliers of the marginals, and the matrix holds sums of a table of positive
curvatures.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Pairs(NamedTuple):
    """One number for each pair of states."""

    xt: jax.Array
    yt: jax.Array
    xy: jax.Array


def marginals(table: jax.Array) -> Pairs:
    """Sums of a table ``(x, y, t)`` over the third variable."""
    return Pairs(
        xt=jnp.sum(table, axis=1), yt=jnp.sum(table, axis=0), xy=jnp.sum(table, axis=2)
    )


def spread(pairs: Pairs) -> jax.Array:
    """Sum of the numbers of the three pairs of each cell, ``(x, y, t)``."""
    return pairs.xt[:, None, :] + pairs.yt[None, :, :] + pairs.xy[:, :, None]


class System(NamedTuple):
    """A symmetric system, scaled so that its diagonal entries are one or less.

    Attributes:
        matrix: Rows and columns of unknowns without a curvature, or held at zero, are
            those of the identity. Shape ``(u, u)``.
        scale: Roots by which rows and columns were divided; zero for the unknowns that
            stay zero. Shape ``(u,)``.
    """

    matrix: jax.Array
    scale: jax.Array


def system(curvature: jax.Array, diagonal_xy: jax.Array, is_free: Pairs) -> System:
    """The system of a table of curvatures.

    Equation (x, t) is ``sum_y curvature * spread(unknowns)``, and so for (y, t); that
    for (x, y) has its own entries on the diagonal.
    """
    size_x, size_y, size_t = curvature.shape
    sums = marginals(curvature)

    def eye(size: int) -> jax.Array:
        return jnp.eye(size, dtype=curvature.dtype)

    def diagonal(entries: jax.Array) -> jax.Array:
        return jnp.diag(entries.ravel())

    xt_yt = curvature.transpose(0, 2, 1)[:, :, :, None] * eye(size_t)[None, :, None]
    xt_xy = curvature.transpose(0, 2, 1)[:, :, None, :] * eye(size_x)[:, None, :, None]
    yt_xy = curvature.transpose(1, 2, 0)[..., None] * eye(size_y)[:, None, None, :]
    num_xt, num_yt, num_xy = size_x * size_t, size_y * size_t, size_x * size_y
    xt_yt = xt_yt.reshape(num_xt, num_yt)
    xt_xy = xt_xy.reshape(num_xt, num_xy)
    yt_xy = yt_xy.reshape(num_yt, num_xy)
    matrix = jnp.block(
        [
            [diagonal(sums.xt), xt_yt, xt_xy],
            [xt_yt.T, diagonal(sums.yt), yt_xy],
            [xt_xy.T, yt_xy.T, diagonal(diagonal_xy)],
        ]
    )
    weight = flat(sums)
    is_unknown = flat(is_free) & (weight > 0)
    scale = jnp.where(is_unknown, jax.lax.rsqrt(jnp.where(is_unknown, weight, 1)), 0)
    scaled = matrix * scale[:, None] * scale[None, :]
    return System(
        matrix=scaled + jnp.diag((~is_unknown).astype(scale.dtype)), scale=scale
    )


def solve(system: System, rhs: Pairs, shape: tuple[int, ...]) -> Pairs:
    """Unknowns for stacked right-hand sides, ``(r, ...)``."""
    columns = jax.vmap(flat)(rhs).T * system.scale[:, None]
    solution = jax.scipy.linalg.solve(system.matrix, columns) * system.scale[:, None]
    return jax.vmap(lambda unknowns: split(unknowns, shape))(solution.T)


def split(unknowns: jax.Array, shape: tuple[int, ...]) -> Pairs:
    """Unknowns, the first axis, by pairs of states."""
    size_x, size_y, size_t = shape
    num_xt, num_yt = size_x * size_t, size_y * size_t
    return Pairs(
        xt=unknowns[:num_xt].reshape(size_x, size_t),
        yt=unknowns[num_xt : num_xt + num_yt].reshape(size_y, size_t),
        xy=unknowns[num_xt + num_yt :].reshape(size_x, size_y),
    )


def flat(pairs: Pairs) -> jax.Array:
    """All numbers, in one vector."""
    return jnp.concatenate([part.ravel() for part in pairs])
