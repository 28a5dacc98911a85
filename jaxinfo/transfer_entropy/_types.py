"""Results of this package."""

from typing import NamedTuple

import jax


class Significance(NamedTuple):
    """Transfer entropy, compared with what it would be without transfer.

    Attributes:
        value: Transfer entropy, plug-in where series are discrete, in nats. Shape ``(m,
            n)``, or ``()`` for one pair of series, as for all fields.
        null_mean: Mean of the estimate under the null, in nats: the bias.
        null_std: Standard deviation of the estimate under the null, in nats.
        effective_value: ``value - null_mean``, in nats, of either sign.
        normalized_value: ``effective_value`` over the entropy of the future given the
            past; 0 where that is zero, NaN for continuous series.
        z_score: ``effective_value / null_std``; 0 where that is zero.
        p_value: Probability of a value at least as large under the null; never zero.
        adjusted_p_value: The same, corrected for the number of pairs.
    """

    value: jax.Array
    null_mean: jax.Array
    null_std: jax.Array
    effective_value: jax.Array
    normalized_value: jax.Array
    z_score: jax.Array
    p_value: jax.Array
    adjusted_p_value: jax.Array
