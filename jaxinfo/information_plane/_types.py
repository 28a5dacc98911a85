"""Results of this package."""

import dataclasses
from typing import Any, NamedTuple

import jax


def _static() -> Any:
    return dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Coordinates:
    """Position of a layer in the information plane, and what its coordinates estimate.

    A pytree of arrays; the last four fields are static. For a layer of continuous
    values that noise does not reach, the information with the inputs is infinite, or
    constant: what estimators give then depends on their bins, widths or noise, as the
    names of the quantities say.

    Attributes:
        information_x: Information with the inputs, as ``quantity_x`` says, in nats.
            Shape ``()``, as all arrays.
        information_y: Information with the labels, as ``quantity_y`` says, in nats.
        saturation: ``information_x`` over the logarithm of the number of samples, the
            most that this many samples can show.
        coverage: Share of the samples whose cell holds another sample; NaN for
            estimators without cells.
        label_entropy: Entropy of the labels in the sample, in nats.
        is_saturated: Whether ``saturation`` is above 0.9: if so, it shows the number of
            samples and nothing about the layer.
        parameters: Bins, widths or noise, by name: scalars.
        estimator: Name of the function.
        quantity_x: What ``information_x`` estimates.
        quantity_y: What ``information_y`` estimates.
        true_information: ``"infinite"``, ``"constant"`` or ``"finite"``: the true
            information between inputs and layer.
    """

    information_x: jax.Array
    information_y: jax.Array
    saturation: jax.Array
    coverage: jax.Array
    label_entropy: jax.Array
    is_saturated: jax.Array
    parameters: dict[str, jax.Array]
    estimator: str = _static()
    quantity_x: str = _static()
    quantity_y: str = _static()
    true_information: str = _static()


def check_coordinates(name: str, value: object) -> None:
    """Check what an estimator gave."""
    if not isinstance(value, Coordinates):
        raise TypeError(
            f"Expected `{name}` to give Coordinates, got {type(value).__name__}; with "
            "Bounds, use `.lower` or `.upper`."
        )


class Bounds(NamedTuple):
    """Lower and upper coordinates of a layer with noise.

    Their ``information_x`` are bounds. Their ``information_y`` are differences of
    bounds, and hence not bounds.

    Attributes:
        lower: Coordinates from the lower bounds of entropies.
        upper: Coordinates from the upper bounds.
    """

    lower: Coordinates
    upper: Coordinates


class LabelNull(NamedTuple):
    """Null distribution of the information with labels.

    Attributes:
        mean: Mean over permuted labels, in nats: the bias. Shape ``()``.
        std: Standard deviation over permuted labels, in nats. Shape ``()``.
        p_value: Share of the permutations, including the true order, whose information
            is at least that with the labels; never zero. Shape ``()``.
    """

    mean: jax.Array
    std: jax.Array
    p_value: jax.Array


class Spread(NamedTuple):
    """Coordinates of random halves of a sample.

    Attributes:
        mean_x: Mean information with the inputs, in nats. Shape ``()``.
        mean_y: Mean information with the labels, in nats. Shape ``()``.
        error_x: Standard deviation over halves, which estimates the standard error for
            the whole sample. Shape ``()``.
        error_y: Likewise. Shape ``()``.
    """

    mean_x: jax.Array
    mean_y: jax.Array
    error_x: jax.Array
    error_y: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Coordinates of the layers of a network over training.

    A pytree of arrays; the names of layers are static.

    Attributes:
        steps: Logged steps. Shape ``(e,)``.
        coordinates: Coordinates whose arrays have shape ``(e, l)``.
        layers: Names of the layers, in their order.
    """

    steps: jax.Array
    coordinates: Coordinates
    layers: tuple[str, ...] = _static()
