"""Redundancy of sets of sources, in closed form.

Tables have one axis per source and the target last; a set of sources is a tuple of
their axes, and stands for the variable that they form together.
"""

import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxinfo._numerics import logspace

Sets = tuple[tuple[int, ...], ...]


def information(p: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """What a set of sources tells about the target."""
    return jnp.sum(_specific_information(p, axes))


def williams_beer(p: jax.Array, antichains: Sequence[Sets]) -> jax.Array:
    """Least information about each value of the target, summed over values."""
    specific = _for_each_set(antichains, lambda axes: _specific_information(p, axes))
    return _of_each(antichains, lambda sets: jnp.sum(_least(specific, sets)))


def minimum_mutual_information(p: jax.Array, antichains: Sequence[Sets]) -> jax.Array:
    """Least information about the target."""
    informations = _for_each_set(antichains, lambda axes: information(p, axes))
    return _of_each(antichains, lambda sets: _least(informations, sets))


def specificity_ambiguity(p: jax.Array, antichains: Sequence[Sets]) -> jax.Array:
    """Least specificity less least ambiguity, pointwise."""

    def redundancy(sets: Sets) -> jax.Array:
        with_target = [_keep(p, (*axes, p.ndim - 1)) for axes in sets]
        without = [_keep(p, axes) for axes in sets]
        likeliest = [functools.reduce(jnp.maximum, m) for m in (with_target, without)]
        return _mean_log_ratio(p, *likeliest)

    return _of_each(antichains, redundancy)


def shared_exclusions(p: jax.Array, antichains: Sequence[Sets]) -> jax.Array:
    """Information of the event that one of the sets has its value, pointwise."""

    def redundancy(sets: Sets) -> jax.Array:
        with_target, without = jnp.zeros((), p.dtype), jnp.zeros((), p.dtype)
        # By inclusion and exclusion: sets have their values together if their union
        # has.
        for number in range(1, len(sets) + 1):
            for chosen in itertools.combinations(sets, number):
                axes = tuple(sorted(set().union(*chosen)))
                sign = (-1) ** (number + 1)
                with_target += sign * _keep(p, (*axes, p.ndim - 1))
                without += sign * _keep(p, axes)
        return _mean_log_ratio(p, with_target, without)

    return _of_each(antichains, redundancy)


def _of_each(antichains: Sequence[Sets], fn: Callable[[Sets], jax.Array]) -> jax.Array:
    return jnp.stack([fn(sets) for sets in antichains])


def _for_each_set(
    antichains: Sequence[Sets], fn: Callable[[tuple[int, ...]], jax.Array]
) -> dict[tuple[int, ...], jax.Array]:
    """What belongs to each set of sources, which stands in several antichains."""
    return {axes: fn(axes) for axes in dict.fromkeys(itertools.chain(*antichains))}


def _least(of_set: dict[tuple[int, ...], jax.Array], sets: Sets) -> jax.Array:
    return functools.reduce(jnp.minimum, [of_set[axes] for axes in sets])


def _keep(p: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """Marginal on some axes; the others stay, of size one."""
    others = tuple(axis for axis in range(p.ndim) if axis not in axes)
    return jnp.sum(p, axis=others, keepdims=True)


def _specific_information(p: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """What a set tells about each value of the target, ``(t,)``, weighted by it."""
    p_set, p_target = _keep(p, axes), _keep(p, (p.ndim - 1,))
    terms = logspace.relative_entropy(
        _keep(p, (*axes, p.ndim - 1)),
        p_set * p_target,
        logspace.log(p_set) + logspace.log(p_target),
    )
    return jnp.sum(terms, axis=tuple(range(p.ndim - 1)))


def _mean_log_ratio(
    p: jax.Array, with_target: jax.Array, without: jax.Array
) -> jax.Array:
    """Mean of ``log(P(event, t) / (P(t) P(event)))`` over the cells of a table."""
    is_zero = p == 0

    def log(q: jax.Array) -> jax.Array:
        return jnp.log(jnp.where(is_zero, 1, q))

    ratio = log(with_target) - log(without) - log(_keep(p, (p.ndim - 1,)))
    return jnp.sum(p * ratio)
