"""Surrogates: samples in which the source tells nothing of the target."""

import jax
import jax.numpy as jnp

from jaxinfo._numerics import checks


def rows(
    key: jax.Array, num_samples: int, method: str, block_length: int | None
) -> jax.Array:
    """Which sample each takes its source from, ``(N,)``."""
    index = jnp.arange(num_samples)
    if method == "circular":
        shift = jax.random.randint(key, (), 1, max(num_samples, 2))
        return jnp.roll(index, shift)
    if method == "block" and block_length is not None:
        num_blocks = num_samples // block_length
        order = jax.random.permutation(key, num_blocks)
        inside = jnp.arange(block_length)[None]
        shuffled = (block_length * order[:, None] + inside).ravel()
        # What is left after the last whole block stays.
        return jnp.concatenate([shuffled, index[num_blocks * block_length :]])
    return jax.random.permutation(key, num_samples)


def check_block_length(method: str, block_length: int | None, num_samples: int) -> None:
    """Check the length of blocks, for the method that needs it."""
    if method != "block":
        if block_length is not None:
            raise ValueError(
                f'Expected `block_length` with method="block" only, got it with '
                f'"{method}".'
            )
        return
    if block_length is None:
        raise ValueError('Expected `block_length` with method="block", got None.')
    checks.at_least("block_length", block_length, 1)
    if 2 * block_length > num_samples:
        raise ValueError(
            f"Expected `block_length` to be at most half the number of samples, "
            f"{num_samples}, got {block_length}."
        )


def within_strata(key: jax.Array, values: jax.Array, *strata: jax.Array) -> jax.Array:
    """Exchange values among samples of equal strata, column by column, ``(N, n)``."""
    chance = jax.random.uniform(key, values.shape)
    # Both orders go stratum by stratum, one of them at random inside.
    order = jnp.lexsort(strata, axis=0)
    random_order = jnp.lexsort((chance, *strata), axis=0)
    shuffled = jnp.take_along_axis(values, random_order, axis=0)
    return jnp.put_along_axis(values, order, shuffled, axis=0, inplace=False)


def locally(key: jax.Array, neighbors: jax.Array) -> jax.Array:
    """Which sample each takes its source from, one of its neighbours ``(k, N)``.

    In random order each takes a random neighbour that none before it took, the last one
    if all are taken.
    """
    number, num_samples = neighbors.shape
    key_order, key_neighbors = jax.random.split(key)
    order = jax.random.permutation(key_order, num_samples)
    shuffled = jax.random.permutation(
        key_neighbors, neighbors, axis=0, independent=True
    )

    def take(
        step: jax.Array, state: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        is_taken, taken = state
        candidates = shuffled[:, order[step]]
        is_free = ~is_taken[candidates]
        first = jnp.where(jnp.any(is_free), jnp.argmax(is_free), number - 1)
        chosen = candidates[first]
        return is_taken.at[chosen].set(True), taken.at[order[step]].set(chosen)

    start = jnp.zeros((num_samples,), bool), jnp.arange(num_samples)
    taken: tuple[jax.Array, jax.Array] = jax.lax.fori_loop(0, num_samples, take, start)
    return taken[1]
