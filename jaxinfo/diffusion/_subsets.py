"""Entropies of many subsets of one cloud, whose sizes only the labels tell.

Each subset is padded to one of a few static sizes, and solved there; nothing is solved
for subsets that are empty or not asked for.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxinfo.diffusion import _eigenvalues, _kernels

# Of points (b, d) and whether they are real (b,).
Entropy = Callable[[jax.Array, jax.Array], jax.Array]


class Classes(NamedTuple):
    """Points sorted by class.

    Attributes:
        sizes: Points of each class. Shape ``(c,)``.
        starts: Where each class begins in ``order``. Shape ``(c,)``.
        order: The points, class by class, those that do not count last. Shape ``(n,)``.
        is_counted: Whether a point counts; ``None`` if all do. Shape ``(n,)``.
        is_valid: Whether all labels that count are classes. Shape ``()``.
    """

    sizes: jax.Array
    starts: jax.Array
    order: jax.Array
    is_counted: jax.Array | None
    is_valid: jax.Array


def classes(
    labels: jax.Array, num_classes: int, is_counted: jax.Array | None = None
) -> Classes:
    """Sort the points by class."""
    is_class = (labels >= 0) & (labels < num_classes)
    if is_counted is not None:
        labels = jnp.where(is_counted, labels, num_classes)
        is_class = is_class | ~is_counted
    is_member = labels[None] == jnp.arange(num_classes)[:, None]
    sizes = jnp.sum(is_member, axis=1)
    return Classes(
        sizes=sizes,
        starts=jnp.cumsum(sizes) - sizes,
        order=jnp.argsort(labels, stable=True),
        is_counted=is_counted,
        is_valid=jnp.all(is_class),
    )


def members(classes: Classes, index: jax.Array) -> jax.Array:
    """All points, those of one class first ``(n,)``."""
    return jnp.roll(classes.order, -classes.starts[index])


def shuffled(key: jax.Array, classes: Classes) -> jax.Array:
    """All points in random order ``(n,)``, those that do not count last."""
    order = jax.random.permutation(key, classes.order.shape[0])
    if classes.is_counted is None:
        return order
    return order[jnp.argsort(~classes.is_counted[order], stable=True)]


def entropies(
    fn: Entropy,
    x: jax.Array,
    choose: Callable[[jax.Array], jax.Array],
    sizes: jax.Array,
    *,
    num_classes: int,
) -> jax.Array:
    """Entropies ``(p,)`` of the first points ``sizes`` of ``choose(index) (n,)``.

    Zero for a size of zero.
    """
    n = x.shape[0]
    padded = _padded_sizes(n, num_classes)

    def of_size(size: int) -> Callable[[jax.Array, jax.Array], jax.Array]:
        def branch(chosen: jax.Array, number: jax.Array) -> jax.Array:
            return fn(x[chosen[:size]], jnp.arange(size) < number)

        return branch

    def nothing(chosen: jax.Array, number: jax.Array) -> jax.Array:
        return jnp.zeros((), x.dtype)

    branches = [nothing, *(of_size(size) for size in padded)]

    # Recomputed in reverse, where every branch would leave its matrices otherwise.
    @jax.checkpoint
    def one(_: None, problem: tuple[jax.Array, jax.Array]) -> tuple[None, jax.Array]:
        index, number = problem
        place = jnp.searchsorted(jnp.asarray(padded), number)
        place = jnp.where(number == 0, 0, place + 1)
        # A random order costs as much as a small problem: not for those left out.
        chosen = jax.lax.cond(number == 0, lambda _: jnp.arange(n), choose, index)
        return None, jax.lax.switch(place, branches, chosen, number)

    stacked: jax.Array
    _, stacked = jax.lax.scan(one, None, (jnp.arange(sizes.shape[0]), sizes))
    return stacked


def _padded_sizes(n: int, num_classes: int) -> list[int]:
    """Half the size of balanced classes, that size, and its doubles up to all."""
    mean = -(-n // num_classes)
    sizes = [-(-mean // 2)] if mean > 1 else []
    while mean < n:
        sizes.append(mean)
        mean = 2 * mean
    return [*sizes, n]


def spectral(bandwidth: jax.Array, time: jax.Array, alpha: jax.Array) -> Entropy:
    """Diffusion spectral entropy of the points that are real."""

    def entropy(x: jax.Array, is_real: jax.Array) -> jax.Array:
        kernel = masked_kernel(x, is_real, bandwidth)
        matrix, _ = masked_diffusion(kernel, is_real, alpha)
        value = _of_padded(matrix, is_real, time)
        log_number = jnp.log(jnp.sum(is_real).astype(x.dtype))
        # Zeros of the padding would count at time zero.
        return jnp.where(time == 0, log_number, value)

    return entropy


def adjacency(bandwidth: jax.Array) -> Entropy:
    """Entropy of the eigenvalues of the kernel of the points that are real."""

    def entropy(x: jax.Array, is_real: jax.Array) -> jax.Array:
        kernel = masked_kernel(x, is_real, bandwidth)
        return _of_padded(kernel, is_real, jnp.ones((), x.dtype))

    return entropy


def matrix_entry(bandwidth: jax.Array, alpha: jax.Array) -> Entropy:
    """Entropy of the entries of the diffusion matrix of the points that are real."""

    def entropy(x: jax.Array, is_real: jax.Array) -> jax.Array:
        kernel = masked_kernel(x, is_real, bandwidth)
        operator = masked_diffusion(kernel, is_real, alpha)
        number = jnp.sum(is_real).astype(x.dtype)
        return jnp.log(number) + _kernels.row_entropies(operator) / number

    return entropy


def masked_kernel(x: jax.Array, is_real: jax.Array, bandwidth: jax.Array) -> jax.Array:
    """Gaussian kernel with zeros for points that are not real."""
    kernel = _kernels.gaussian(x, bandwidth)
    return jnp.where(is_real[:, None] & is_real[None, :], kernel, 0)


def masked_diffusion(
    kernel: jax.Array, is_real: jax.Array, alpha: jax.Array
) -> _kernels.Operator:
    """Diffusion operator with zeros for points that are not real."""
    # A one on their diagonal keeps their row sums from being zero.
    is_padding = jnp.diag(~is_real)
    operator = _kernels.diffusion(jnp.where(is_padding, 1, kernel), alpha)
    return operator._replace(matrix=jnp.where(is_padding, 0, operator.matrix))


def _of_padded(matrix: jax.Array, is_real: jax.Array, time: jax.Array) -> jax.Array:
    # Minus one for points that are not real, which is clipped to exactly zero where
    # rounding would leave a zero a little above.
    padded = jnp.where(jnp.diag(~is_real), -1, matrix)
    return _eigenvalues.entropies(padded, time[None], True)[0]
