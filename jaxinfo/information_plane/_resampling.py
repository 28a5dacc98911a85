"""How uncertain coordinates are, and what they are without anything to find."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, resampling
from jaxinfo.information_plane._types import (
    Coordinates,
    LabelNull,
    Spread,
    check_coordinates,
)

# Of activations and labels.
CoordinatesFn = Callable[[jax.Array, jax.Array], Coordinates]


@compiled.jit(static_argnames=("coordinates_fn", "num_permutations"))
def label_null(
    key: jax.Array,
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    coordinates_fn: CoordinatesFn,
    num_permutations: int = 20,
) -> LabelNull:
    r"""Null distribution of the information with labels, by permuting the labels.

    With S random permutations, :math:`p = (1 + |\{I_s \ge I\}|) / (1 + S)`. Not
    differentiable. Costs S + 1 calls of the estimator, one at a time.

    Args:
        key: Random key.
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes, integers or booleans. Shape ``(n,)``.
        coordinates_fn: Estimator, ``coordinates_fn(activations, labels)``, such as
            ``functools.partial(binned, num_classes=10)``. Pass the same object each
            time, as a new one is traced anew. Static.
        num_permutations: Number S of random permutations. Static.

    Returns:
        Mean and standard deviation of the information with permuted labels, and the
        p-value of that with the true labels.

    Raises:
        TypeError: If ``coordinates_fn`` does not return `Coordinates`.

    References:
        Phipson and Smyth, `Permutation p-values should never be zero
        <https://arxiv.org/abs/1603.05766>`_, 2010.

    Example:
        >>> import functools
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> labels = jnp.arange(60) % 2
        >>> activations = (jnp.arange(60.0) % 2 + jnp.arange(60) % 7 / 10)[:, None]
        >>> estimator = functools.partial(information_plane.binned, num_classes=2)
        >>> null = information_plane.label_null(
        ...     jax.random.key(0), activations, labels, coordinates_fn=estimator
        ... )
        >>> print(null.p_value)  # 1 / 21
        0.0476
    """
    key = checks.as_key("key", key)
    array = checks.as_float("activations", activations, "(n, d)")
    labels = checks.as_labels("labels", labels, "(n,)", n=array.shape[0])
    checks.at_least("num_permutations", num_permutations, 1)

    def of_order(key: jax.Array | None) -> jax.Array:
        given = labels if key is None else jax.random.permutation(key, labels)
        coordinates = coordinates_fn(array, given)
        check_coordinates("coordinates_fn", coordinates)
        return coordinates.information_y

    value = of_order(None)
    null = jax.lax.map(of_order, jax.random.split(key, num_permutations))
    eps = float(np.finfo(value.dtype).eps)
    # Equal tables differ by rounding.
    number = jnp.sum(null >= value - 8 * eps * (1 + jnp.abs(value)), dtype=value.dtype)
    std = jnp.std(null, ddof=1) if num_permutations > 1 else jnp.nan * value
    p_value = (1 + number) / (1 + num_permutations)
    return LabelNull(
        mean=jnp.mean(null),
        std=std,
        p_value=jnp.where(jnp.isnan(value), jnp.nan, p_value),
    )


@compiled.jit(static_argnames=("coordinates_fn", "num_repetitions"))
def subsample(
    key: jax.Array,
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    coordinates_fn: CoordinatesFn,
    num_repetitions: int = 20,
) -> Spread:
    r"""Standard errors of information-plane coordinates, from random half-samples.

    The standard deviation over halves drawn without replacement estimates that of the
    whole sample: half a sample varies twice as much as a whole one in variance, and
    sharing the data halves that. A bootstrap would bias the coordinates by its
    duplicates. Near saturation the error is too small. The means over halves differ
    from the coordinates of the whole, as these depend on the number of samples: report
    those of the whole with this error.

    Not differentiable. Costs one call of the estimator for each half of :math:`\lfloor
    n / 2 \rfloor` samples, one at a time.

    Args:
        key: Random key.
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes, integers or booleans. Shape ``(n,)``.
        coordinates_fn: Estimator, ``coordinates_fn(activations, labels)``. Static.
        num_repetitions: Number of halves, at least 2. Static.

    Returns:
        Means over halves, and errors for the whole sample, in nats.

    Raises:
        ValueError: If there are fewer than four samples.
        TypeError: If ``coordinates_fn`` does not return `Coordinates`.

    References:
        Politis and Romano, `Large sample confidence regions based on subsamples under
        minimal assumptions <https://doi.org/10.1214/aos/1176325770>`_, 1994.

    Example:
        >>> import functools
        >>> import jax
        >>> from jaxinfo import information_plane
        >>> activations = jax.random.normal(jax.random.key(0), (200, 1))
        >>> estimator = functools.partial(
        ...     information_plane.binned, num_classes=2, bin_width=0.5
        ... )
        >>> spread = information_plane.subsample(
        ...     jax.random.key(1),
        ...     activations,
        ...     activations[:, 0] > 0,
        ...     coordinates_fn=estimator,
        ... )
        >>> print(bool(0 < spread.error_x < 0.2))
        True
    """
    key = checks.as_key("key", key)
    array = checks.as_float("activations", activations, "(n, d)")
    n = array.shape[0]
    labels = checks.as_labels("labels", labels, "(n,)", n=n)
    checks.at_least("num_repetitions", num_repetitions, 2)
    if n < 4:
        raise ValueError(f"Expected `activations` to have at least 4 rows, got {n}.")

    def of_half(key: jax.Array) -> Any:
        chosen = resampling.subset(key, n, n // 2)
        half = coordinates_fn(array[chosen], labels[chosen])
        check_coordinates("coordinates_fn", half)
        return half.information_x, half.information_y

    x, y = jax.lax.map(of_half, jax.random.split(key, num_repetitions))
    return Spread(
        mean_x=jnp.mean(x),
        mean_y=jnp.mean(y),
        error_x=jnp.std(x, ddof=1),
        error_y=jnp.std(y, ddof=1),
    )
