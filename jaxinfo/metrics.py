"""Measures as metrics of Flax, collected over the steps of an epoch.

Each keeps a random sample of all rows that it was given in a reservoir of fixed size,
so that a compiled training step that updates it has one trace, and computes its measure
on that sample.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxinfo import diffusion
from jaxinfo._numerics import checks

__all__ = ["SpectralEntropy", "SpectralMutualInformation"]


class _Reservoir(nnx.Pytree):
    """A uniform sample without replacement of all rows seen.

    Every row draws a random number, and those with the largest stay.
    """

    def __init__(self, key: ArrayLike, *, size: int, num_features: int) -> None:
        checks.at_least("buffer_size", size, 1)
        checks.at_least("num_features", num_features, 1)
        self.size = size
        self.num_features = num_features
        self.key = nnx.metrics.MetricState(checks.as_key("key", key))
        self.rows = nnx.metrics.MetricState(jnp.zeros((size, num_features)))
        self.labels = nnx.metrics.MetricState(jnp.zeros((size,), int))
        # Zero where there is no row yet.
        self.ranks = nnx.metrics.MetricState(jnp.zeros((size,), jnp.uint32))

    def reset(self) -> None:
        self.ranks[...] = jnp.zeros_like(self.ranks[...])

    def keys(self) -> jax.Array:
        """Keys ``(3,)``: for after the next rows, for their ranks, for a measure."""
        return jax.random.split(self.key[...], 3)

    def add(
        self, x: ArrayLike, labels: ArrayLike | None, mask: ArrayLike | None, name: str
    ) -> None:
        """Offer rows ``(b, d)``; those that the mask leaves out are not counted."""
        rows = checks.as_float(name, x, "(b, d)", d=self.num_features)
        number = rows.shape[0]
        key, key_ranks, _ = self.keys()
        ranks = jnp.maximum(jax.random.bits(key_ranks, (number,), jnp.uint32), 1)
        if mask is not None:
            is_counted = checks.as_mask("mask", mask, "(b,)", b=number)
            ranks = jnp.where(is_counted, ranks, 0)
        given = jnp.zeros((number,), int)
        if labels is not None:
            given = checks.as_labels("labels", labels, "(b,)", b=number)
        kept, place = jax.lax.top_k(
            jnp.concatenate([self.ranks[...], ranks]), self.size
        )
        rows = rows.astype(self.rows[...].dtype)
        self.rows[...] = jnp.concatenate([self.rows[...], rows])[place]
        self.labels[...] = jnp.concatenate([self.labels[...], given])[place]
        self.ranks[...] = kept
        self.key[...] = key


class _OfSample(nnx.Metric):
    """A measure of a sample of the rows seen since the last reset."""

    def __init__(
        self, key: ArrayLike, *, buffer_size: int, num_features: int, argname: str
    ) -> None:
        self.reservoir = _Reservoir(key, size=buffer_size, num_features=num_features)
        self.argname = argname

    def reset(self) -> None:
        """Forget all rows."""
        self.reservoir.reset()


class SpectralEntropy(_OfSample):
    """Diffusion spectral entropy of the rows seen since the last reset.

    Computed by `diffusion.spectral_entropy` on a random sample of ``buffer_size`` of
    them, or on all while they are fewer; the entropy depends on that number. The state
    is the sample, in the default floating dtype; memory of an update does not depend on
    the number of steps.

    Args:
        key: Random key of the sample.
        buffer_size: Rows kept.
        num_features: Entries of a row.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of the rows.
        diffusion_time: Power of the diffusion matrix, not negative.
        alpha: Density exponent between 0 and 1.
        argname: Keyword under which `update` gets the rows, so that metrics of several
            layers can stand in one ``nnx.MultiMetric``.

    Example:
        >>> import jax
        >>> from jaxinfo import metrics
        >>> entropy = metrics.SpectralEntropy(
        ...     jax.random.key(0), buffer_size=64, num_features=3, bandwidth=1.0
        ... )
        >>> for step in range(4):
        ...     entropy.update(x=jax.random.normal(jax.random.key(step), (32, 3)))
        >>> value = entropy.compute()  # of 64 of the 128 rows
    """

    def __init__(
        self,
        key: ArrayLike,
        *,
        buffer_size: int,
        num_features: int,
        bandwidth: float,
        diffusion_time: float = 1.0,
        alpha: float = 0.0,
        argname: str = "x",
    ) -> None:
        super().__init__(
            key, buffer_size=buffer_size, num_features=num_features, argname=argname
        )
        self.bandwidth = bandwidth
        self.diffusion_time = diffusion_time
        self.alpha = alpha

    def update(self, *, mask: ArrayLike | None = None, **kwargs: Any) -> None:
        """Offer rows to the sample.

        Args:
            mask: Which rows count, booleans. Shape ``(b,)``.
            **kwargs: The rows, under ``argname``, of shape ``(b, num_features)``; the
                rest is for other metrics.
        """
        rows = _argument(kwargs, self.argname)
        self.reservoir.add(rows, None, mask, self.argname)

    def compute(self) -> jax.Array:
        """Entropy of the sample in nats, ``()``; NaN without rows."""
        return diffusion.spectral_entropy(
            self.reservoir.rows[...],
            bandwidth=self.bandwidth,
            diffusion_time=self.diffusion_time,
            alpha=self.alpha,
            mask=self.reservoir.ranks[...] > 0,
        )


class SpectralMutualInformation(_OfSample):
    """Diffusion spectral mutual information of the rows seen since the last reset.

    Computed by `diffusion.spectral_mutual_information` on a random sample of
    ``buffer_size`` of them, or on all while they are fewer.

    Args:
        key: Random key of the sample, and of the subsets that `compute` compares with.
        buffer_size: Rows kept.
        num_features: Entries of a row.
        num_classes: Number of classes.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of the rows.
        diffusion_time: Power of the diffusion matrix, not negative.
        num_repetitions: Subsets of each size, at least 2.
        alpha: Density exponent between 0 and 1.
        argname: Keyword under which `update` gets the rows.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import metrics
        >>> information = metrics.SpectralMutualInformation(
        ...     jax.random.key(0),
        ...     buffer_size=40,
        ...     num_features=2,
        ...     num_classes=2,
        ...     bandwidth=1.0,
        ... )
        >>> labels = jnp.arange(20) % 2
        >>> for step in range(4):
        ...     noise = jax.random.normal(jax.random.key(step), (20, 2))
        ...     x = noise + 9.0 * jax.nn.one_hot(labels, 2)
        ...     information.update(x=x, labels=labels)
        >>> result = information.compute()
        >>> print(result.class_sizes.sum())
        40
    """

    def __init__(
        self,
        key: ArrayLike,
        *,
        buffer_size: int,
        num_features: int,
        num_classes: int,
        bandwidth: float,
        diffusion_time: float = 1.0,
        num_repetitions: int = 5,
        alpha: float = 0.0,
        argname: str = "x",
    ) -> None:
        checks.at_least("num_classes", num_classes, 1)
        checks.at_least("num_repetitions", num_repetitions, 2)
        super().__init__(
            key, buffer_size=buffer_size, num_features=num_features, argname=argname
        )
        self.num_classes = num_classes
        self.bandwidth = bandwidth
        self.diffusion_time = diffusion_time
        self.num_repetitions = num_repetitions
        self.alpha = alpha

    def update(self, *, mask: ArrayLike | None = None, **kwargs: Any) -> None:
        """Offer rows with labels to the sample.

        Args:
            mask: Which rows count, booleans. Shape ``(b,)``.
            **kwargs: The rows, under ``argname``, of shape ``(b, num_features)``, and
                ``labels``, classes from 0 to ``num_classes - 1``, of shape ``(b,)``;
                the rest is for other metrics.
        """
        rows, labels = (_argument(kwargs, name) for name in (self.argname, "labels"))
        self.reservoir.add(rows, labels, mask, self.argname)

    def compute(self) -> diffusion.SpectralMutualInformation:
        """Information of the sample, in nats; its value is NaN without rows."""
        return diffusion.spectral_mutual_information(
            self.reservoir.keys()[2],
            self.reservoir.rows[...],
            self.reservoir.labels[...],
            num_classes=self.num_classes,
            bandwidth=self.bandwidth,
            diffusion_time=self.diffusion_time,
            num_repetitions=self.num_repetitions,
            alpha=self.alpha,
            mask=self.reservoir.ranks[...] > 0,
        )


def _argument(kwargs: dict[str, Any], name: str) -> ArrayLike:
    if name not in kwargs:
        given = ", ".join(f"`{other}`" for other in kwargs) or "nothing"
        raise TypeError(f"Expected keyword argument `{name}`, got {given}.")
    argument: ArrayLike = kwargs[name]
    return argument
