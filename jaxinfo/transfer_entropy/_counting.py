"""How often codes of two sides occur together, for all pairs of columns at once."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

_WORD = 32
# Words that one step of a sum takes: the sums are read and written once per step.
_WORDS = 8


class Side(NamedTuple):
    """Codes of some columns, as bits.

    The first code has no bits of its own: its counts follow from those of all others.

    Attributes:
        bits: Which samples have a code, ``_WORD`` of them in a word. Shape ``(w, c - 1,
            m)``.
        counts: How often each code occurs. Shape ``(c, m)``.
    """

    bits: jax.Array
    counts: jax.Array


def side(codes: jax.Array, num_codes: int, mask: jax.Array | None = None) -> Side:
    """Pack codes ``(N, m)`` below a number, of samples that a mask ``(N,)`` keeps."""
    n, m = codes.shape
    number: jax.Array | int = n
    if mask is not None:
        # The first code has no bits.
        codes = jnp.where(mask[:, None], codes, 0)
        number = jnp.sum(mask, dtype=jnp.int32)
    num_words = -(-n // _WORD)
    num_words += -num_words % _WORDS if num_words > _WORDS else 0
    padded = jnp.pad(codes, ((0, num_words * _WORD - n), (0, 0)))
    words = padded.reshape(num_words, _WORD, 1, m)
    of_code = jnp.arange(1, num_codes).astype(codes.dtype)
    is_code = words == of_code[None, None, :, None]
    places = jnp.arange(_WORD).astype(jnp.uint32)[None, :, None, None]
    bits = jnp.sum(is_code.astype(jnp.uint32) << places, axis=1, dtype=jnp.uint32)
    others = jnp.sum(jax.lax.population_count(bits), axis=0, dtype=jnp.uint32)
    others = others.astype(jnp.int32)
    first = number - jnp.sum(others, axis=0, keepdims=True, dtype=jnp.int32)
    return Side(bits, jnp.concatenate([first, others]))


def pairs(source: Side, target: Side) -> jax.Array:
    """Counts of pairs of codes for all pairs of columns, ``(c_s, c_t, m, n)``."""
    num_words, *shape_s = source.bits.shape
    _, *shape_t = target.bits.shape
    at_once = min(num_words, _WORDS)

    def words(bits: jax.Array) -> jax.Array:
        return bits.reshape(num_words // at_once, at_once, -1)

    def step(
        total: jax.Array, some: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, None]:
        both = [
            jax.lax.population_count(one[:, None] & other[None, :])
            for one, other in zip(*some, strict=True)
        ]
        return total + functools.reduce(jnp.add, both).astype(jnp.int32), None

    flat = jnp.zeros((shape_s[0] * shape_s[1], shape_t[0] * shape_t[1]), jnp.int32)
    flat, _ = jax.lax.scan(step, flat, (words(source.bits), words(target.bits)))
    rest = flat.reshape(*shape_s, *shape_t).transpose(0, 2, 1, 3)
    # What pairs with a first code is what is missing from the marginals.
    of_source, of_target = source.counts[:, None, :, None], target.counts[:, None]
    first_target = of_source[1:] - jnp.sum(rest, 1, keepdims=True, dtype=jnp.int32)
    lower = jnp.concatenate([first_target, rest], axis=1)
    upper = of_target[None] - jnp.sum(lower, 0, keepdims=True, dtype=jnp.int32)
    return jnp.concatenate([upper, lower], axis=0)
