"""What all estimators of coordinates have in common."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, guarded, logspace
from jaxinfo.information_plane._types import Coordinates

_INPUT_KINDS = ("continuous", "discrete")
# Above this share of the logarithm of the number of samples, that number is all one
# sees.
_SATURATED = 0.9


def true_information(input_kind: str, is_noisy: bool) -> str:
    """What the information of inputs and layer itself is."""
    checks.one_of("input_kind", input_kind, _INPUT_KINDS)
    if is_noisy:
        return "finite"
    return "infinite" if input_kind == "continuous" else "constant"


def read(
    activations: ArrayLike, labels: ArrayLike, num_classes: int
) -> tuple[jax.Array, jax.Array]:
    """Check activations ``(n, d)`` and the labels of their samples."""
    array = checks.as_float("activations", activations, "(n, d)")
    checks.at_least("num_classes", num_classes, 1)
    return array, checks.as_labels("labels", labels, "(n,)", n=array.shape[0])


def label_entropy(labels: jax.Array, num_classes: int, dtype: jnp.dtype) -> jax.Array:
    """Entropy of labels; NaN if one is out of range."""
    shares = jnp.zeros((num_classes,), dtype).at[labels].add(1)
    shares = shares / labels.shape[0]
    return jnp.where(
        are_classes(labels, num_classes), -jnp.sum(logspace.xlogx(shares)), jnp.nan
    )


def are_classes(labels: jax.Array, num_classes: int) -> jax.Array:
    """Whether all labels are in range."""
    return jnp.all((labels >= 0) & (labels < num_classes))


def coordinates(
    information_x: jax.Array,
    information_y: jax.Array,
    labels: jax.Array,
    num_classes: int,
    *,
    estimator: str,
    quantity_x: str,
    quantity_y: str,
    truth: str,
    parameters: Mapping[str, jax.Array],
    coverage: jax.Array | None = None,
) -> Coordinates:
    """Coordinates from the two informations."""
    dtype = information_x.dtype
    most = jnp.asarray(np.log(labels.shape[0]), dtype)
    saturation = guarded.quotient(information_x, most)
    is_valid = are_classes(labels, num_classes)
    return Coordinates(
        information_x=information_x,
        information_y=jnp.where(is_valid, information_y, jnp.nan),
        saturation=saturation,
        coverage=jnp.full((), jnp.nan, dtype) if coverage is None else coverage,
        label_entropy=label_entropy(labels, num_classes, dtype),
        is_saturated=saturation > _SATURATED,
        parameters=dict(parameters),
        estimator=estimator,
        quantity_x=quantity_x,
        quantity_y=quantity_y,
        true_information=truth,
    )
