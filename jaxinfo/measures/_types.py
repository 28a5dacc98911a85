"""Results that several packages share."""

from typing import NamedTuple

import jax


class PermutationTest(NamedTuple):
    """A test of independence by permutation.

    All but the p-value are of one quantity, an information in nats.

    Attributes:
        value: Its estimate for the data. Shape ``()``.
        null_mean: Mean of its estimates for permuted data. Shape ``()``.
        null_std: Their standard deviation. Shape ``()``.
        p_value: Share of estimates, that of the data counted in, that are at least
            ``value``; never zero. Shape ``()``.
    """

    value: jax.Array
    null_mean: jax.Array
    null_std: jax.Array
    p_value: jax.Array
