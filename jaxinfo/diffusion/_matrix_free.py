"""Products with a diffusion operator whose matrix need not be held."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxinfo._numerics import blocks, linalg, pairwise, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.diffusion import _kernels

# A kernel of up to this many entries is formed once.
_MOST_FORMED = 2**28

# Sums over some columns, made of rows of the kernel ``(b, c)`` and of what belongs to
# these columns ``(c, k)``. Shape ``(b, k)``.
OfRows = Callable[[jax.Array, jax.Array], jax.Array]
# Those over all columns, from what belongs to the rows, which are columns too.
OverColumns = Callable[[OfRows, jax.Array], jax.Array]


class Products(NamedTuple):
    """A diffusion operator by what can be computed without its entries.

    Several devices have some of the rows of vectors each, zeros in those that fill up.

    Attributes:
        multiply: From vectors ``(n, c)`` to their images ``(n, c)``.
        trace: Sum of its eigenvalues. Shape ``()``.
        squares: Sum of the squares of its eigenvalues. Shape ``()``.
        leading: Unit eigenvector of the eigenvalue 1. Shape ``(n,)``.
        is_real: One for rows, zero for what fills up. Shape ``(n,)``.
        number: How many points there are on all devices.
        axis_name: The devices.
    """

    multiply: Callable[[jax.Array], jax.Array]
    trace: jax.Array
    squares: jax.Array
    leading: jax.Array
    is_real: jax.Array
    number: int
    axis_name: AxisName

    def draw(
        self, key: jax.Array, draw_fn: Callable[[jax.Array], jax.Array]
    ) -> jax.Array:
        """A random vector for each row of this device, whatever device that is."""
        index = shards.row_indices(self.leading.shape[0], self.axis_name)
        keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, index)
        return self.is_real[:, None] * jax.vmap(draw_fn)(keys)

    def total(self, own: jax.Array) -> jax.Array:
        """A sum over all rows, from that over those of this device."""
        return shards.total(own, self.axis_name)


def products(
    x: jax.Array,
    bandwidth: jax.Array,
    alpha: jax.Array,
    block_size: int | None,
    number: int,
    axis_name: AxisName = None,
) -> Products:
    """Diffusion operator of points, from blocks of rows of its kernel.

    Of ``number`` points, which several devices may share.
    """
    over_columns = _kernel(x / bandwidth, block_size, number, axis_name)
    is_real = (shards.row_indices(x.shape[0], axis_name) < number).astype(x.dtype)

    def times(vectors: jax.Array) -> jax.Array:
        return over_columns(linalg.product, vectors)

    def total(own: jax.Array) -> jax.Array:
        return shards.total(jnp.sum(own), axis_name)

    density = jnp.sum(times(is_real[:, None]), axis=1) ** -alpha
    density = density * is_real
    degrees = density * times(density[:, None])[:, 0]
    root = jnp.sqrt(degrees)
    scale = density / jnp.where(is_real > 0, root, 1)
    # As a sum, not a product: the squares are then never held.
    squares = over_columns(
        lambda rows, scale: jnp.sum(rows**2 * scale.T**2, axis=1, keepdims=True),
        scale[:, None],
    )
    return Products(
        multiply=lambda vectors: scale[:, None] * times(scale[:, None] * vectors),
        trace=total(scale**2),
        squares=total(scale**2 * squares[:, 0]),
        leading=root / jnp.sqrt(total(root**2)),
        is_real=is_real,
        number=number,
        axis_name=axis_name,
    )


def _kernel(
    x: jax.Array, block_size: int | None, number: int, axis_name: AxisName
) -> OverColumns:
    """Sums over the columns of the Gaussian kernel of unit width."""
    num_rows = x.shape[0]
    one = jnp.ones((), x.dtype)
    index = shards.row_indices(num_rows, axis_name)

    def rows_of(
        points: jax.Array, index: jax.Array, columns: tuple[jax.Array, jax.Array]
    ) -> jax.Array:
        squares = pairwise.squared_distances(points, columns[0])
        is_self = index[:, None] == columns[1][None, :]
        return _kernels.of_squares(jnp.where(is_self, 0, squares), one)

    if block_size is None and num_rows * number <= _MOST_FORMED:
        _, formed = shards.around(
            lambda nothing, columns, _: (nothing, rows_of(x, index, columns)),
            (),
            (x, index),
            axis_name,
        )
        # Held as it is: otherwise each sum over it takes all exponentials again.
        kernel: jax.Array = jax.lax.optimization_barrier(formed)  # type: ignore[no-untyped-call]

        def over_formed(fn: OfRows, values: jax.Array) -> jax.Array:
            def visit(so_far: Any, values: jax.Array, rows: jax.Array) -> Any:
                return _added(so_far, fn(rows, values)), ()

            total: jax.Array = shards.around(visit, None, values, axis_name, kernel)[0]
            return total

        return over_formed
    size = block_size
    if size is None:
        # Wide enough for products to run at full speed.
        size = 8 * blocks.default_size(num_rows, x.dtype.itemsize)

    def over_blocks(fn: OfRows, values: jax.Array) -> jax.Array:
        def visit(so_far: Any, visiting: Any, _: None) -> Any:
            points, place, values = visiting

            def of_block(block: Any, _: jax.Array) -> tuple[None, jax.Array]:
                own, its_index = block
                return None, fn(rows_of(own, its_index, (points, place)), values)

            _, stacked = blocks.over_rows(of_block, (x, index), block_size=size)
            return _added(so_far, stacked), ()

        total: jax.Array = shards.around(visit, None, (x, index, values), axis_name)[0]
        return total

    return over_blocks


def _added(so_far: jax.Array | None, more: jax.Array) -> jax.Array:
    return more if so_far is None else so_far + more
