"""Units of information."""

import math

import jax
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled


@compiled.jit
def nats_to_bits(value: ArrayLike) -> jax.Array:
    r"""Convert information from nats to bits, :math:`v / \log 2`.

    Differentiable. Costs one multiplication per entry.

    Args:
        value: Information in nats. Array of any shape.

    Returns:
        Information in bits. The shape of ``value``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import measures
        >>> fair_coin = jnp.array([0.5, 0.5])
        >>> print(measures.nats_to_bits(measures.entropy(fair_coin)))
        1.0
    """
    return checks.as_float("value", value, "(...)") * (1 / math.log(2))
