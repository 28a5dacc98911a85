"""Measures as metrics of Flax, collected over the steps of an epoch.

The state of each has a fixed size, so that a compiled training step that updates it has
one trace: a random sample of all rows, the latest rows, or counts.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxinfo import diffusion, information_plane, transfer_entropy
from jaxinfo._numerics import checks
from jaxinfo.information_plane._resampling import CoordinatesFn
from jaxinfo.information_plane._types import check_coordinates
from jaxinfo.transfer_entropy import _nulls, _significance, _streams

__all__ = [
    "InformationPlane",
    "SpectralEntropy",
    "SpectralMutualInformation",
    "TransferEntropy",
]


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
    them, or on all of them while there are fewer; the entropy depends on that number.
    The state is the sample, in the default floating dtype; memory of an update does not
    depend on the number of steps.

    Args:
        key: Random key of the sample.
        buffer_size: Rows kept.
        num_features: Entries of a row.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of the rows.
        diffusion_time: Power of the diffusion matrix, non-negative.
        alpha: Density exponent between 0 and 1.
        argname: Keyword under which `update` receives the rows, so that metrics of
            several layers can share one ``nnx.MultiMetric``.

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
            mask: Which rows to count, booleans. Shape ``(b,)``.
            **kwargs: The rows, under ``argname``, of shape ``(b, num_features)``; any
                other arguments are for other metrics.
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
    ``buffer_size`` of them, or on all of them while there are fewer.

    Args:
        key: Random key of the sample, and of the subsets that `compute` compares with.
        buffer_size: Rows kept.
        num_features: Entries of a row.
        num_classes: Number of classes.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of the rows.
        diffusion_time: Power of the diffusion matrix, non-negative.
        num_repetitions: Subsets of each size, at least 2.
        alpha: Density exponent between 0 and 1.
        argname: Keyword under which `update` receives the rows.

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
            mask: Which rows to count, booleans. Shape ``(b,)``.
            **kwargs: The rows, under ``argname``, of shape ``(b, num_features)``, and
                ``labels``, classes from 0 to ``num_classes - 1``, of shape ``(b,)``;
                any other arguments are for other metrics.
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


class TransferEntropy(nnx.Metric):
    """Transfer entropy between two layers over training, with its null distribution.

    Time is training time: each update is one step, and the rows are the activations of
    fixed probe inputs, as symbols. Counts are pooled over probes, as in
    `transfer_entropy.ensemble_pairwise`. Further counts are kept in which the probes of
    the sources are permuted, in the same way at every step: they show the bias and the
    drift common to all probes.

    The state consists of ``1 + num_surrogates`` tables of counts; memory and time of an
    update do not depend on the number of steps.

    Args:
        key: Random key of the permutations.
        num_sources: Neurons of the source layer.
        num_targets: Neurons of the target layer.
        num_symbols: Number of symbols of a neuron.
        num_replications: Number of probes.
        num_surrogates: Number of permutations.
        timing: Histories, delays and lags, in updates.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import metrics
        >>> transfer = metrics.TransferEntropy(
        ...     jax.random.key(0),
        ...     num_sources=1,
        ...     num_targets=1,
        ...     num_symbols=2,
        ...     num_replications=100,
        ... )
        >>> x = jax.random.bernoulli(jax.random.key(1), shape=(10, 100, 1))
        >>> for now, before in zip(x[1:], x[:-1]):
        ...     transfer.update(sources=now, targets=before)
        >>> print(transfer.compute().p_value)  # 1 / 21
        [[0.0476]]
    """

    def __init__(
        self,
        key: ArrayLike,
        *,
        num_sources: int,
        num_targets: int,
        num_symbols: int,
        num_replications: int,
        num_surrogates: int = 20,
        timing: transfer_entropy.Timing | None = None,
    ) -> None:
        checks.at_least("num_replications", num_replications, 2)
        checks.at_least("num_surrogates", num_surrogates, 1)
        key = checks.as_key("key", key)
        orders = jax.vmap(jax.random.permutation, in_axes=(0, None))(
            jax.random.split(key, num_surrogates), jnp.arange(num_replications)
        )
        # The first is that of the probes themselves.
        itself = jnp.arange(num_replications)[None]
        self.orders = nnx.metrics.MetricState(jnp.concatenate([itself, orders]))
        self.num_sources = num_sources
        self.num_targets = num_targets
        self.num_symbols = num_symbols
        self.num_replications = num_replications
        self.timing = timing or transfer_entropy.Timing()
        leaves, self.structure = jax.tree.flatten(self._empty())
        self.leaves = nnx.List([nnx.metrics.MetricState(leaf) for leaf in leaves])

    def reset(self) -> None:
        """Forget all counts; the permutations stay."""
        self._write(self._empty())

    def update(self, **kwargs: Any) -> None:
        """Count one training step.

        Args:
            **kwargs: ``sources``, symbols of the source layer for each probe, integers
                or booleans, of shape ``(r, m)``, and ``targets``, of shape ``(r, n)``;
                any other arguments are for other metrics.
        """
        sources, targets = (_argument(kwargs, name) for name in ("sources", "targets"))
        r = self.num_replications
        x = checks.as_labels("sources", sources, "(r, m)", r=r, m=self.num_sources)
        y = checks.as_labels("targets", targets, "(r, n)", r=r, n=self.num_targets)

        def count(
            state: transfer_entropy.Stream, order: jax.Array
        ) -> transfer_entropy.Stream:
            return transfer_entropy.stream_update(state, x[order][None], y[None])

        self._write(jax.vmap(count)(self._read(), self.orders[...]))

    def boundary(self) -> None:
        """End a training run: no sample looks back across this boundary."""
        self._write(jax.vmap(transfer_entropy.stream_break)(self._read()))

    def compute(self) -> transfer_entropy.Significance:
        """Values and their null, in nats, ``(m, n)``; NaN before the first sample."""
        states = self._read()
        values = jax.vmap(transfer_entropy.stream_value)(states)
        itself = jax.tree.map(lambda leaf: leaf[0], states)
        counts = _streams.marginals(itself)
        null = _nulls.sample(
            values[0], lambda number: values[1 + number], values.shape[0] - 1
        )
        entropy = _significance.measures_of(counts).future_entropy
        return _nulls.significance(values[0], null, entropy, "benjamini_hochberg")

    def _empty(self) -> transfer_entropy.Stream:
        state = transfer_entropy.stream_init(
            num_sources=self.num_sources,
            num_targets=self.num_targets,
            num_symbols=self.num_symbols,
            num_replications=self.num_replications,
            timing=self.timing,
        )
        number = self.orders[...].shape[0]
        states: transfer_entropy.Stream = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (number, *leaf.shape)), state
        )
        return states

    def _read(self) -> transfer_entropy.Stream:
        leaves = [leaf[...] for leaf in self.leaves]
        state: transfer_entropy.Stream = jax.tree.unflatten(self.structure, leaves)
        return state

    def _write(self, state: transfer_entropy.Stream) -> None:
        for leaf, value in zip(self.leaves, jax.tree.leaves(state), strict=True):
            leaf[...] = value


class InformationPlane(nnx.Metric):
    """Coordinates of a layer in the information plane, from its latest rows.

    The state is a ring of the latest ``buffer_size`` rows, in the default floating
    dtype, so that coordinates at different steps are from equally many samples.

    Args:
        buffer_size: Rows kept.
        num_features: Entries of a row.
        num_classes: Number of classes; labels out of range make coordinates with
            respect to labels NaN.
        coordinates_fn: Estimator, ``coordinates_fn(activations, labels)``, such as
            ``functools.partial(information_plane.binned, num_classes=10)``.
        argname: Keyword under which `update` receives the rows, so that metrics of
            several layers can share one ``nnx.MultiMetric``.

    Example:
        >>> import functools
        >>> import jax
        >>> from jaxinfo import information_plane, metrics
        >>> plane = metrics.InformationPlane(
        ...     buffer_size=64,
        ...     num_features=2,
        ...     num_classes=2,
        ...     coordinates_fn=functools.partial(
        ...         information_plane.binned, num_classes=2
        ...     ),
        ... )
        >>> for step in range(4):
        ...     x = jax.random.normal(jax.random.key(step), (32, 2))
        ...     plane.update(activations=x, labels=x[:, 0] > 0)
        >>> coordinates = plane.compute()  # of the last two batches
    """

    def __init__(
        self,
        *,
        buffer_size: int,
        num_features: int,
        num_classes: int,
        coordinates_fn: CoordinatesFn,
        argname: str = "activations",
    ) -> None:
        checks.at_least("buffer_size", buffer_size, 1)
        checks.at_least("num_features", num_features, 1)
        checks.at_least("num_classes", num_classes, 1)
        self.num_classes = num_classes
        self.coordinates_fn = coordinates_fn
        self.argname = argname
        # Rows and labels that are not there make coordinates NaN.
        rows = jnp.full((buffer_size, num_features), jnp.nan)
        self.rows = nnx.metrics.MetricState(rows)
        self.labels = nnx.metrics.MetricState(jnp.full((buffer_size,), -1))
        self.place = nnx.metrics.MetricState(jnp.zeros((), int))

    def reset(self) -> None:
        """Forget all rows."""
        self.rows[...] = jnp.full_like(self.rows[...], jnp.nan)
        self.labels[...] = jnp.full_like(self.labels[...], -1)
        self.place[...] = jnp.zeros_like(self.place[...])

    def update(self, *, mask: ArrayLike | None = None, **kwargs: Any) -> None:
        """Replace the oldest rows by new ones.

        Args:
            mask: Which rows to count, booleans. Shape ``(b,)``.
            **kwargs: The rows, under ``argname``, of shape ``(b, num_features)``, and
                ``labels``, classes from 0 to ``num_classes - 1``, of shape ``(b,)``;
                any other arguments are for other metrics.
        """
        given, classes = (_argument(kwargs, name) for name in (self.argname, "labels"))
        size, width = self.rows[...].shape
        rows = checks.as_float(self.argname, given, "(b, d)", d=width)
        number = rows.shape[0]
        labels = checks.as_labels("labels", classes, "(b,)", b=number)
        is_class = (labels >= 0) & (labels < self.num_classes)
        labels = jnp.where(is_class, labels, -1)
        is_counted = jnp.ones((number,), bool)
        if mask is not None:
            is_counted = checks.as_mask("mask", mask, "(b,)", b=number)
        order = jnp.cumsum(is_counted)
        # Only the last ones of a batch that is larger than the ring.
        is_kept = is_counted & (order > order[-1] - size)
        place = jnp.where(is_kept, (self.place[...] + order - 1) % size, size)
        rows = rows.astype(self.rows[...].dtype)
        self.rows[...] = self.rows[...].at[place].set(rows, mode="drop")
        self.labels[...] = self.labels[...].at[place].set(labels, mode="drop")
        self.place[...] = (self.place[...] + order[-1]) % size

    def compute(self) -> information_plane.Coordinates:
        """Coordinates of the rows in nats; NaN until the ring is full."""
        coordinates = self.coordinates_fn(self.rows[...], self.labels[...])
        check_coordinates("coordinates_fn", coordinates)
        return coordinates


def _argument(kwargs: dict[str, Any], name: str) -> ArrayLike:
    if name not in kwargs:
        given = ", ".join(f"`{other}`" for other in kwargs) or "nothing"
        raise TypeError(f"Expected keyword argument `{name}`, got {given}.")
    argument: ArrayLike = kwargs[name]
    return argument
