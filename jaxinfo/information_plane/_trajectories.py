"""Coordinates of all layers over training."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.information_plane._types import (
    Coordinates,
    Trajectory,
    check_coordinates,
)


@compiled.jit
def is_logged(step: ArrayLike) -> jax.Array:
    r"""Whether to log a training step: often at first, then less and less often.

    Every step below 20, each 5th below 100, each 20th below 2000, then each 100th, as
    trajectories move on a logarithmic scale. Not differentiable. Costs :math:`O(1)`.

    Args:
        step: Number of the step, from 0. Integer scalar.

    Returns:
        Whether to log it. Shape ``()``, boolean.

    References:
        Saxe et al., `On the information bottleneck theory of deep learning
        <https://openreview.net/forum?id=ry_WPG-A->`_, 2018, whose code logs so.

    Example:
        >>> from jaxinfo import information_plane
        >>> print([s for s in range(15, 40) if information_plane.is_logged(s)])
        [15, 16, 17, 18, 19, 20, 25, 30, 35]
    """
    number = checks.as_labels("step", step, "()")
    each = jnp.where(
        number < 20,
        1,
        jnp.where(number < 100, 5, jnp.where(number < 2000, 20, 100)),
    )
    return number % each == 0


def stack(steps: ArrayLike, records: Sequence[Mapping[str, Coordinates]]) -> Trajectory:
    """Combine the coordinates of layers at logged steps into a trajectory.

    Runs on the host. Costs the memory of the coordinates.

    Args:
        steps: Logged steps. Shape ``(e,)``.
        records: Coordinates of each layer, by its name, for each of the steps; with
            layers in the order of the network, which may differ from that of `capture`.

    Returns:
        Trajectory whose coordinates have arrays of shape ``(e, l)``.

    Raises:
        ValueError: If there are no records or not as many as steps, or if their layers
            or estimators differ.
        TypeError: If ``records`` hold anything but `Coordinates`.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> labels = jnp.arange(10) % 2
        >>> records = []
        >>> for step in (0, 1):
        ...     layer = (1.0 + step) * jnp.arange(10.0)[:, None]
        ...     plane = information_plane.binned(layer, labels, num_classes=2)
        ...     records.append({"hidden": plane, "output": plane})
        >>> trajectory = information_plane.stack(jnp.arange(2), records)
        >>> print(trajectory.coordinates.information_x.shape, trajectory.layers)
        (2, 2) ('hidden', 'output')
    """
    numbers = checks.as_labels("steps", steps, "(e,)")
    if not records or len(records) != numbers.shape[0]:
        raise ValueError(
            f"Expected `records` to have one entry for each of the "
            f"{numbers.shape[0]} steps, got {len(records)}."
        )
    layers = tuple(records[0])
    everything = [
        record[layer] for record in records for layer in layers if layer in record
    ]
    if any(tuple(record) != layers for record in records):
        raise ValueError(
            f"Expected `records` to have the layers {layers} at each step, got others."
        )
    for one in everything:
        check_coordinates("records", one)
    if len({jax.tree.structure(one) for one in everything}) != 1:
        raise ValueError("Expected `records` to come from one estimator, got several.")
    shape = len(records), len(layers)
    coordinates = jax.tree.map(
        lambda *leaves: jnp.stack(leaves).reshape(*shape, *leaves[0].shape), *everything
    )
    return Trajectory(steps=numbers, coordinates=coordinates, layers=layers)


@compiled.jit
def violations(trajectory: Trajectory, *, tolerance: ArrayLike = 0.0) -> jax.Array:
    r"""Where a layer seems to carry more information about inputs than the one before.

    .. math::
        I(X; T_{l+1}) > I(X; T_l) + \mathrm{tolerance}

    The data processing inequality forbids this, so the estimator failed there: its
    cells, widths or noise mean different things in the two layers. For consecutive
    layers of a network without shortcuts. Not differentiable. Costs nothing.

    Args:
        trajectory: Coordinates of layers, in the order of the network.
        tolerance: Excess that is ignored, in nats. Scalar.

    Returns:
        Whether each layer but the first violates it. Shape ``(e, l - 1)``, booleans.

    References:
        Geiger, `On information plane analyses of neural network classifiers
        <https://arxiv.org/abs/2003.09671>`_, 2021, section IV.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> labels = jnp.arange(10) % 2
        >>> few, many = (
        ...     information_plane.binned(x[:, None], labels, num_classes=2)
        ...     for x in (jnp.arange(10.0) // 5, jnp.arange(10.0))
        ... )
        >>> trajectory = information_plane.stack(
        ...     jnp.arange(1), [{"first": few, "second": many}]
        ... )
        >>> print(information_plane.violations(trajectory))
        [[ True]]
    """
    information = trajectory.coordinates.information_x
    excess = checks.as_scalar("tolerance", tolerance, information.dtype)
    return information[:, 1:] > information[:, :-1] + excess
