"""Coordinates from the eigenvalues of kernel matrices."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, pairwise
from jaxinfo.information_plane import _common
from jaxinfo.information_plane._types import Coordinates

# Below, differences are taken from a series: its fifth term is below the rounding.
_SMALL = 1e-4


@compiled.jit(static_argnames=("num_classes", "input_kind", "is_noisy"))
def renyi(
    inputs: ArrayLike,
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    input_bandwidth: ArrayLike,
    bandwidth: ArrayLike,
    order: ArrayLike = 1.01,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates by matrix-based Rényi entropies.

    With kernel matrices :math:`K_{ij} = \exp(-|x_i - x_j|^2 / 2 h^2)`, for labels
    :math:`K_{ij} = [y_i = y_j]`, and :math:`A = K / \mathrm{tr} K`,

    .. math::
        S_a(A) = \frac{1}{1 - a} \log \sum_i \lambda_i(A)^a, \qquad
        I_a(A; B) = S_a(A) + S_a(B)
        - S_a\left(\frac{A \circ B}{\mathrm{tr} A \circ B}\right) .

    Near order 1 the entropy is evaluated without cancellation, and at 1 it is von
    Neumann's. Both informations depend strongly on the bandwidths, and neither is
    Shannon's.

    Differentiable in inputs, activations, bandwidths and order. Costs :math:`O(n^3)`
    time and :math:`O(n^2)` memory.

    Args:
        inputs: Inputs of the network. Shape ``(n, q)``.
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes. Static.
        input_bandwidth: Bandwidth h of the inputs, a standard deviation. Positive
            scalar.
        bandwidth: Bandwidth h of the activations. Positive scalar.
        order: Order a. Positive scalar.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats. NaN if a value is not finite, or a bandwidth or the order
        is not positive. Shapes ``()``.

    References:
        Giraldo, Rao and Principe, `Measures of entropy from data using infinitely
        divisible kernels <https://arxiv.org/abs/1211.2459>`_, 2015, equations 9 and 10;
        Yu, Wickstrøm, Jenssen and Principe, `Understanding convolutional neural
        networks with information theory <https://arxiv.org/abs/1804.06537>`_, 2020. One
        published code divides distances by the bandwidth itself.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> x = jnp.array([[0.0], [0.0], [9.0], [9.0]])
        >>> plane = information_plane.renyi(
        ...     x,
        ...     x,
        ...     jnp.array([0, 0, 1, 1]),
        ...     num_classes=2,
        ...     input_bandwidth=1.0,
        ...     bandwidth=1.0,
        ... )
        >>> print(plane.information_x)  # log(2)
        0.6931
    """
    array, labels = _common.read(activations, labels, num_classes)
    n = array.shape[0]
    inputs = checks.as_float("inputs", inputs, "(n, q)", n=n)
    inputs, array = checks.promote(inputs, array)
    widths = [
        checks.as_scalar(name, given, array.dtype)
        for name, given in (
            ("input_bandwidth", input_bandwidth),
            ("bandwidth", bandwidth),
        )
    ]
    power = checks.as_scalar("order", order, array.dtype)
    of_inputs, of_layer = (
        _kernel(points / jnp.where(width > 0, width, jnp.nan))
        for points, width in zip((inputs, array), widths, strict=True)
    )
    is_same = labels[:, None] == labels[None, :]
    of_labels = is_same.astype(array.dtype)
    # The diagonals are one, so that all traces are n; one decomposition at a time.
    matrices = jnp.stack(
        [of_inputs, of_layer, of_labels, of_inputs * of_layer, of_layer * of_labels]
    )
    in_inputs, in_layer, in_labels, joint_x, joint_y = jax.lax.map(
        lambda matrix: _entropy(jnp.linalg.eigvalsh(matrix / n), power), matrices
    )
    return _common.coordinates(
        in_inputs + in_layer - joint_x,
        in_layer + in_labels - joint_y,
        labels,
        num_classes,
        estimator="renyi",
        quantity_x="I_a(X; T)",
        quantity_y="I_a(T; Y)",
        truth=_common.true_information(input_kind, is_noisy),
        parameters={
            "input_bandwidth": widths[0],
            "bandwidth": widths[1],
            "order": power,
        },
    )


def _kernel(points: jax.Array) -> jax.Array:
    """Gaussian kernel matrix of unit bandwidth, with a diagonal of ones."""
    distances = pairwise.squared_distances(points, points)
    index = jnp.arange(points.shape[0])
    is_itself = index[:, None] == index[None, :]
    # Finite data only: NaN must stay.
    kernel = jnp.exp(-distances / 2)
    return jnp.where(is_itself & ~jnp.isnan(kernel), 1, kernel)


def _entropy(eigenvalues: jax.Array, order: jax.Array) -> jax.Array:
    """Rényi entropy of a spectrum."""
    # Rounding leaves some below zero.
    positive = jnp.maximum(eigenvalues, 0)
    weights = positive / jnp.sum(positive)
    excess = jnp.where(order > 0, order, jnp.nan) - 1
    # Weights of zero have powers of zero, also below order one.
    logs = jnp.log(jnp.where(weights == 0, 1, weights))
    # The sum of powers less that of the weights, which is one, in units of the excess
    # order: at order one, and near it, as exact as elsewhere.
    gain = jnp.sum(weights * logs * _expm1_share(excess * logs))
    return -gain * _log1p_share(excess * gain)


def _expm1_share(x: jax.Array) -> jax.Array:
    """``expm1(x) / x``, one at zero."""
    is_small = jnp.abs(x) < _SMALL
    large = jnp.where(is_small, 1, x)
    series = 1 + x / 2 * (1 + x / 3 * (1 + x / 4))
    return jnp.where(is_small, series, jnp.expm1(large) / large)


def _log1p_share(x: jax.Array) -> jax.Array:
    """``log1p(x) / x``, one at zero."""
    is_small = jnp.abs(x) < _SMALL
    large = jnp.where(is_small, 1, x)
    series = 1 - x * (1 / 2 - x * (1 / 3 - x / 4))
    return jnp.where(is_small, series, jnp.log1p(large) / large)
