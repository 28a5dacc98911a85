"""Products with a diffusion operator whose matrix need not be held."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxinfo._numerics import blocks, linalg, pairwise
from jaxinfo.diffusion import _kernels

# A kernel of up to this many entries is formed once.
_MOST_FORMED = 2**28

# What to compute from rows of the kernel: ``(b, n)`` to ``(b, c)``.
OfRows = Callable[[jax.Array], jax.Array]


class Products(NamedTuple):
    """A diffusion operator by what can be computed without its entries.

    Attributes:
        multiply: From vectors ``(n, c)`` to their images ``(n, c)``.
        trace: Sum of its eigenvalues. Shape ``()``.
        squares: Sum of the squares of its eigenvalues. Shape ``()``.
        leading: Unit eigenvector of the eigenvalue 1. Shape ``(n,)``.
    """

    multiply: Callable[[jax.Array], jax.Array]
    trace: jax.Array
    squares: jax.Array
    leading: jax.Array


def products(
    x: jax.Array, bandwidth: jax.Array, alpha: jax.Array, block_size: int | None
) -> Products:
    """Diffusion operator of points, from blocks of rows of its kernel."""
    over_rows = _kernel_rows(x / bandwidth, block_size)

    def times(vectors: jax.Array) -> jax.Array:
        return over_rows(lambda rows: linalg.product(rows, vectors))

    density = jnp.sum(times(jnp.ones_like(x[:, :1])), axis=1) ** -alpha
    degrees = density * times(density[:, None])[:, 0]
    root = jnp.sqrt(degrees)
    scale = density / root
    # As a sum, not a product: the squares are then never held.
    squares = over_rows(
        lambda rows: jnp.sum(rows**2 * scale[None] ** 2, axis=1, keepdims=True)
    )
    return Products(
        multiply=lambda vectors: scale[:, None] * times(scale[:, None] * vectors),
        trace=jnp.sum(scale**2),
        squares=jnp.sum(scale**2 * squares[:, 0]),
        leading=root / jnp.linalg.norm(root),
    )


def _kernel_rows(x: jax.Array, block_size: int | None) -> Callable[[OfRows], jax.Array]:
    """Apply functions to the rows of the Gaussian kernel of unit width."""
    n = x.shape[0]
    one = jnp.ones((), x.dtype)
    if block_size is None and n**2 <= _MOST_FORMED:
        # Held as it is: otherwise each sum over it takes all exponentials again.
        kernel: jax.Array = jax.lax.optimization_barrier(  # type: ignore[no-untyped-call]
            _kernels.gaussian(x, one)
        )
        return lambda of_rows: of_rows(kernel)
    if block_size is None:
        # Wide enough for products to run at full speed.
        block_size = 8 * blocks.default_size(n, x.dtype.itemsize)

    def over_blocks(of_rows: OfRows) -> jax.Array:
        def of_block(
            block: tuple[jax.Array, jax.Array], _: jax.Array
        ) -> tuple[tuple[()], jax.Array]:
            points, index = block
            squares = pairwise.squared_distances(points, x)
            is_self = index[:, None] == jnp.arange(n)[None, :]
            rows = _kernels.of_squares(jnp.where(is_self, 0, squares), one)
            return (), of_rows(rows)

        _, stacked = blocks.over_rows(
            of_block, (x, jnp.arange(n)), block_size=block_size
        )
        return stacked

    return over_blocks
