"""Results of fusion."""

from typing import Any, NamedTuple

import jax


class FusionResult(NamedTuple):
    """A representation space fused from references.

    Attributes:
        means: Means of the fused posteriors. Shape ``(n, dim)``.
        log_variances: Logarithms of their variances. Shape ``(n, dim)``.
        losses: Loss before each step. Shape ``(num_steps,)``.
        loss: Loss of the result. Shape ``()``.
    """

    means: jax.Array
    log_variances: jax.Array
    losses: jax.Array
    loss: jax.Array


class EncoderFusionResult(NamedTuple):
    """An encoder whose representation space is fused from references.

    Attributes:
        params: Parameters of the encoder, a pytree like the given one.
        losses: Loss before each step. Shape ``(num_steps,)``.
        loss: Loss of the result. Shape ``()``.
    """

    params: Any
    losses: jax.Array
    loss: jax.Array
