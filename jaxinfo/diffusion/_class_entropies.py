"""Entropies of classes and random subsets of one cloud, whose sizes the labels tell.

Each subset is padded to one of a few static sizes, and solved there; nothing is solved
for subsets that are empty or not asked for.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxinfo._numerics import checks

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


def of_one_size(sizes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Which classes have equal sizes ``(c, c)``, and which is their first ``(c,)``."""
    same = sizes[:, None] == sizes[None, :]
    return same, jnp.argmax(same, axis=1) == jnp.arange(sizes.shape[0])


class ClassEntropies(NamedTuple):
    """Entropies of the classes, and of random sets of their sizes.

    Attributes:
        of_classes: Zero for an empty one. Shape ``(c,)``.
        of_subsets: Of random subsets of all points. Shape ``(r, c)``.
        of_permuted: Of the classes of permuted labels. Shape ``(b, c)``.
    """

    of_classes: jax.Array
    of_subsets: jax.Array
    of_permuted: jax.Array


def entropies(
    key: jax.Array,
    x: jax.Array,
    classes: Classes,
    fn: Entropy,
    num_repetitions: int,
    num_permutations: int = 0,
) -> ClassEntropies:
    """Entropies of classes, random subsets, and classes of permuted labels.

    Classes of one size share their subsets.
    """
    checks.at_least("num_repetitions", num_repetitions, 2)
    sizes, (num_classes,) = classes.sizes, classes.sizes.shape
    num_points = classes.order.shape[0]
    same, is_first = of_one_size(sizes)

    # One list of problems, as each place that solves one compiles every padded size.
    num_known = num_classes * (1 + num_repetitions)
    asked = jnp.repeat(jnp.where(is_first, sizes, 0), num_repetitions)
    numbers = jnp.concatenate([sizes, asked, jnp.tile(sizes, num_permutations)])

    def of_class(index: jax.Array) -> jax.Array:
        return jnp.roll(classes.order, -classes.starts[index])

    def at_random(index: jax.Array) -> jax.Array:
        permutation, label = jnp.divmod(index - num_known, num_classes)
        is_subset = index < num_known
        # All classes of a permutation come from one random order.
        draw = jnp.where(is_subset, index, num_known + permutation)
        start = jnp.where(is_subset, 0, classes.starts[label])
        return jnp.roll(_shuffled(jax.random.fold_in(key, draw), classes), -start)

    def choose(index: jax.Array) -> jax.Array:
        chosen: jax.Array = jax.lax.cond(
            index < num_classes, of_class, at_random, index
        )
        return chosen

    padded = _padded_sizes(num_points, num_classes)

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
        chosen = jax.lax.cond(
            number == 0, lambda _: jnp.arange(num_points), choose, index
        )
        return None, jax.lax.switch(place, branches, chosen, number)

    _, flat = jax.lax.scan(one, None, (jnp.arange(numbers.shape[0]), numbers))
    drawn = flat[num_classes:num_known].reshape(num_classes, num_repetitions)
    return ClassEntropies(
        of_classes=flat[:num_classes],
        of_subsets=drawn[jnp.argmax(same, axis=1)].T,
        of_permuted=flat[num_known:].reshape(num_permutations, num_classes),
    )


def _shuffled(key: jax.Array, classes: Classes) -> jax.Array:
    """All points in random order ``(n,)``, those that do not count last."""
    order = jax.random.permutation(key, classes.order.shape[0])
    if classes.is_counted is None:
        return order
    return order[jnp.argsort(~classes.is_counted[order], stable=True)]


def _padded_sizes(n: int, num_classes: int) -> list[int]:
    """Half the size of balanced classes, that size, its doubles up to half, and all.

    Each is a program to compile: one more, for a class of more than half, would save
    it less than half its time.
    """
    mean = -(-n // num_classes)
    sizes = [-(-mean // 2)] if mean > 1 else []
    while 2 * mean <= n:
        sizes.append(mean)
        mean = 2 * mean
    return [*sizes, n]
