"""Factors of variation, as labels in columns."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, logspace


class Factors(NamedTuple):
    """Factors of some points.

    Attributes:
        labels: Class of each point; zeros for a factor with a label that is no class.
            Shape ``(n, k)``.
        is_valid: Whether all labels of a factor are classes. Shape ``(k,)``.
        num_classes: Number of classes of each factor. Static.
    """

    labels: jax.Array
    is_valid: jax.Array
    num_classes: tuple[int, ...]

    @property
    def places(self) -> jax.Array:
        """Labels among the classes of all factors, one factor after another."""
        ends = np.cumsum(self.num_classes)
        return self.labels + jnp.asarray(ends - self.num_classes)[None]

    def sum_classes(self, terms: jax.Array) -> jax.Array:
        """Sums of terms of all classes ``(..., c)`` by factor, ``(..., k)``."""
        of_factor = np.repeat(np.eye(len(self.num_classes)), self.num_classes, axis=0)
        return jnp.matmul(
            terms,
            jnp.asarray(of_factor, terms.dtype),
            precision=jax.lax.Precision.HIGHEST,
        )

    def entropies(self, dtype: jnp.dtype) -> jax.Array:
        """Entropy of each factor in nats, NaN where it is not valid, ``(k,)``."""
        counts = jnp.zeros((sum(self.num_classes),), int)
        counts = counts.at[self.places.ravel()].add(1)
        shares = counts.astype(dtype) / self.labels.shape[0]
        # Subtracted from zero, which is not negative then.
        values = 0 - self.sum_classes(logspace.xlogx(shares))
        return jnp.where(self.is_valid, values, jnp.nan)


def read(
    factors: ArrayLike,
    num_classes: tuple[int, ...],
    n: int,
    *,
    name: str = "factors",
) -> Factors:
    """Check the factors of ``n`` points and their numbers of classes."""
    labels = checks.as_labels(name, factors, "(n, k)", n=n)
    checks.one_per_column("num_classes", num_classes, name, labels.shape[1])
    is_class = (labels >= 0) & (labels < jnp.asarray(num_classes)[None])
    is_valid = jnp.all(is_class, axis=0)
    return Factors(jnp.where(is_valid[None], labels, 0), is_valid, num_classes)
