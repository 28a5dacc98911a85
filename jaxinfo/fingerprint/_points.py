"""The points of a data set that make a fingerprint."""

import jax
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, resampling


@compiled.jit(static_argnames=("num_data", "num_points"))
def sample_fingerprint(key: ArrayLike, *, num_data: int, num_points: int) -> jax.Array:
    r"""Draw the points of a fingerprint, without replacement.

    A point drawn twice would look like two points that every space confuses,
    :math:`B_{ij} = 1`. Not differentiable. Costs :math:`O(N \log N)` for N data points.

    Args:
        key: Random key.
        num_data: Size of the data set. Static.
        num_points: Number of points, between 1 and ``num_data``. Static.

    Returns:
        Distinct indices in random order. Shape ``(num_points,)``, integer.

    Raises:
        ValueError: If ``num_points`` is above ``num_data``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> key = jax.random.key(0)
        >>> fingerprint.sample_fingerprint(key, num_data=60_000, num_points=300).shape
        (300,)
    """
    key = checks.as_key("key", key)
    checks.at_least("num_points", num_points, 1)
    checks.at_least("num_data", num_data, 1)
    if num_points > num_data:
        raise ValueError(
            f"Expected `num_points` to be at most `num_data`, {num_data}, got "
            f"{num_points}."
        )
    return resampling.subset(key, num_data, num_points)
