"""Coordinates of activations cut into cells."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo import measures
from jaxinfo._numerics import checks, compiled, distinct, guarded
from jaxinfo.information_plane import _common
from jaxinfo.information_plane._types import Coordinates

_SCOPES = ("neuron", "layer")
# Stands for the level of what is not a number.
_NO_LEVEL = -(2**31)


@compiled.jit(static_argnames=("num_classes", "input_kind", "is_noisy"))
def binned(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    bin_width: ArrayLike = 0.07,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates in cells of one width, floor(T / width).

    With H the entropy of the distinct rows of cells,

    .. math::
        I(X; \mathrm{bin}(T)) = H(T), \qquad
        I(\mathrm{bin}(T); Y) = H(T) - \sum_c \frac{n_c}{n} H(T \mid y = c) ,

    as the cell of a deterministic layer follows from its input. It measures how
    activations spread over cells of the chosen width, and nothing else: other widths
    give other trajectories. Sweep widths with ``jax.vmap`` over ``bin_width``.

    Not differentiable: the gradient is zero. Costs :math:`O(n d + n \log n)` time and
    :math:`O(n (d + c))` memory.

    Args:
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes. Static.
        bin_width: Width of a cell, in the units of the activations. Positive scalar.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats, ``information_x`` between 0 and ``log(n)``. NaN if an
        activation is not finite or the width is not positive; with respect to labels,
        if one is out of range. Shapes ``()``.

    References:
        Shwartz-Ziv and Tishby, `Opening the black box of deep neural networks via
        information <https://arxiv.org/abs/1703.00810>`_, 2017; Saxe et al., `On the
        information bottleneck theory of deep learning
        <https://openreview.net/forum?id=ry_WPG-A->`_, 2018.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[0.0], [0.01], [0.5], [0.51]])
        >>> labels = jnp.array([0, 0, 1, 1])
        >>> plane = information_plane.binned(activations, labels, num_classes=2)
        >>> print(plane.information_x, plane.information_y)  # log(2)
        0.6931 0.6931
        >>> plane.quantity_x
        'I(X; bin(T))'
    """
    array, labels = _common.read(activations, labels, num_classes)
    width = checks.as_scalar("bin_width", bin_width, array.dtype)
    width = jnp.where(width > 0, width, jnp.nan)
    return _of_cells(
        jnp.floor(array / width),
        array / width,
        labels,
        num_classes,
        estimator="binned",
        parameters={"bin_width": width},
        truth=_common.true_information(input_kind, is_noisy),
    )


@compiled.jit(
    static_argnames=("num_classes", "num_bins", "scope", "input_kind", "is_noisy")
)
def uniform_binned(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    num_bins: int = 30,
    scope: str = "neuron",
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates in bins of equal width over the range of a layer.

    Cells :math:`\lfloor b (t - \min) / (\max - \min) \rfloor`, the last one closed,
    with the minimum and maximum of each neuron or of the layer; a constant is in one
    cell. As these move during training, so do the cells. Formulas are those of
    `binned`. Not differentiable: the gradient is zero. Costs are those of `binned`.

    Args:
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``. Shape ``(n,)``.
        num_classes: Number of classes. Static.
        num_bins: Number b of bins. Static.
        scope: ``"neuron"`` or ``"layer"``: whose minimum and maximum are used. Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats, as for `binned`. Shapes ``()``.

    References:
        Lorenzen, Igel and Nielsen, `Information bottleneck: exact analysis of
        (quantized) neural networks <https://arxiv.org/abs/2106.12912>`_, 2022, section
        3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[0.0], [0.1], [0.9], [1.0]])
        >>> plane = information_plane.uniform_binned(
        ...     activations, jnp.array([0, 0, 1, 1]), num_classes=2, num_bins=2
        ... )
        >>> print(plane.information_x)
        0.6931
    """
    array, labels = _common.read(activations, labels, num_classes)
    checks.at_least("num_bins", num_bins, 1)
    low, high = _ends(array, scope)
    # Halved, as the range of finite numbers may not be finite.
    share = guarded.quotient(array / 2 - low / 2, high / 2 - low / 2)
    cells = jnp.minimum(jnp.floor(share * num_bins), num_bins - 1)
    return _of_cells(
        cells,
        array,
        labels,
        num_classes,
        estimator="uniform_binned",
        parameters={"num_bins": jnp.asarray(num_bins)},
        truth=_common.true_information(input_kind, is_noisy),
    )


@compiled.jit(
    static_argnames=("num_classes", "num_bins", "scope", "input_kind", "is_noisy")
)
def quantile_binned(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    num_bins: int = 30,
    scope: str = "neuron",
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates in bins of equal mass.

    The cell of an activation is the number of interior edges up to it; edges are the
    quantiles at :math:`1/b, \dots, (b-1)/b` of each neuron or of the layer, linearly
    interpolated. Formulas are those of `binned`. Not differentiable: the gradient is
    zero. Costs :math:`O(n d \log n)` time and :math:`O(n (d + c))` memory.

    Args:
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``. Shape ``(n,)``.
        num_classes: Number of classes. Static.
        num_bins: Number b of bins. Static.
        scope: ``"neuron"`` or ``"layer"``: whose quantiles are used. Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats, as for `binned`. Shapes ``()``.

    References:
        Lorenzen, Igel and Nielsen, `Information bottleneck: exact analysis of
        (quantized) neural networks <https://arxiv.org/abs/2106.12912>`_, 2022, section
        3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[0.0], [0.1], [0.2], [1.0]])
        >>> plane = information_plane.quantile_binned(
        ...     activations, jnp.array([0, 0, 1, 1]), num_classes=2, num_bins=2
        ... )
        >>> print(plane.information_x)
        0.6931
    """
    array, labels = _common.read(activations, labels, num_classes)
    checks.at_least("num_bins", num_bins, 1)
    checks.one_of("scope", scope, _SCOPES)
    shares = jnp.arange(1, num_bins).astype(array.dtype) / num_bins
    pooled = array if scope == "neuron" else array.reshape(-1, 1)
    edges = jnp.quantile(pooled, shares, axis=0)
    edges = jnp.broadcast_to(edges, (num_bins - 1, array.shape[1]))
    return _of_cells(
        _reached(array, edges),
        array,
        labels,
        num_classes,
        estimator="quantile_binned",
        parameters={"num_bins": jnp.asarray(num_bins)},
        truth=_common.true_information(input_kind, is_noisy),
    )


@compiled.jit(static_argnames=("num_classes", "input_kind", "is_noisy"))
def edge_binned(
    activations: ArrayLike,
    labels: ArrayLike,
    edges: ArrayLike,
    *,
    num_classes: int,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates in cells between given edges.

    The cell of an activation is the number of edges up to it. Edges that were fixed
    before training make the points of a trajectory comparable; the classical 30 bins of
    tanh networks are ``linspace(-1, 1, 30)``. Formulas are those of `binned`. Not
    differentiable: the gradient is zero. Costs :math:`O(n d \log e)` time.

    Args:
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``. Shape ``(n,)``.
        edges: Edges of each neuron, in any order. Shape ``(e, d)``.
        num_classes: Number of classes. Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats, as for `binned`; NaN also if an edge is NaN. Shapes ``()``.

    References:
        Shwartz-Ziv and Tishby, `Opening the black box of deep neural networks via
        information <https://arxiv.org/abs/1703.00810>`_, 2017.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[-0.5], [-0.4], [0.4], [0.5]])
        >>> plane = information_plane.edge_binned(
        ...     activations, jnp.array([0, 0, 1, 1]), jnp.zeros((1, 1)), num_classes=2
        ... )
        >>> print(plane.information_x)
        0.6931
    """
    array, labels = _common.read(activations, labels, num_classes)
    limits = checks.as_float("edges", edges, "(e, d)", d=array.shape[1])
    array, limits = checks.promote(array, jnp.sort(limits, axis=0))
    is_known = jnp.where(jnp.any(jnp.isnan(limits)), jnp.nan, 0)
    return _of_cells(
        _reached(array, limits),
        array + is_known.astype(array.dtype),
        labels,
        num_classes,
        estimator="edge_binned",
        # Scalars, so that layers of different widths can be put together.
        parameters={
            "num_edges": jnp.asarray(limits.shape[0]),
            "low": jnp.min(limits),
            "high": jnp.max(limits),
        },
        truth=_common.true_information(input_kind, is_noisy),
    )


@compiled.jit(static_argnames=("num_classes", "num_bins", "input_kind", "is_noisy"))
def adaptive_binned(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    low: ArrayLike,
    num_bins: int = 30,
    input_kind: str = "continuous",
    is_noisy: bool = False,
) -> Coordinates:
    r"""Information-plane coordinates in bins of equal mass of the distinct activations.

    With u the sorted distinct activations of the whole layer other than ``low``, edges
    are ``low``, :math:`u_{\lfloor i |u| / b \rfloor}` for :math:`i < b`, and the last
    of u; the cell of an activation is the number of edges up to it. Saturated neurons
    share the cell of ``low``. Formulas are those of `binned`. Not differentiable: the
    gradient is zero. Costs :math:`O(n d \log n d)` time.

    Args:
        activations: Activations of a layer. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``. Shape ``(n,)``.
        num_classes: Number of classes. Static.
        low: Least value of the activation function: 0 for ReLU, slightly below -1, such
            as -1.000001, for tanh. Scalar.
        num_bins: Number b of bins. Static.
        input_kind: Whether the inputs are ``"continuous"`` or ``"discrete"``. Static.
        is_noisy: Whether noise inside the network reaches the layer. Static.

    Returns:
        Coordinates in nats, as for `binned`. Shapes ``()``.

    References:
        Chelombiev, Houghton and O'Donnell, `Adaptive estimators show information
        compression in deep neural networks <https://arxiv.org/abs/1902.09037>`_, 2019,
        entropy-based binning.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[0.0], [0.0], [0.5], [2.0]])
        >>> plane = information_plane.adaptive_binned(
        ...     activations, jnp.array([0, 0, 1, 1]), num_classes=2, low=0.0, num_bins=1
        ... )
        >>> print(plane.information_y)  # log(2)
        0.6931
    """
    array, labels = _common.read(activations, labels, num_classes)
    checks.at_least("num_bins", num_bins, 1)
    least = checks.as_scalar("low", low, array.dtype)
    ordered = jnp.sort(array.ravel())
    is_new = jnp.concatenate([jnp.ones((1,), bool), ordered[1:] != ordered[:-1]])
    is_new &= ordered != least
    # Distinct values first.
    values = jnp.sort(jnp.where(is_new, ordered, jnp.inf))
    number = jnp.sum(is_new, dtype=jnp.int32)
    place = jnp.arange(num_bins, dtype=jnp.int32)
    # The floor of place * number / num_bins, whose product might overflow.
    index = number // num_bins * place + number % num_bins * place // num_bins
    index = jnp.append(index, jnp.maximum(number - 1, 0))
    edges = jnp.append(values[index], least)
    edges = jnp.broadcast_to(jnp.sort(edges)[:, None], (num_bins + 2, array.shape[1]))
    return _of_cells(
        _reached(array, edges),
        array,
        labels,
        num_classes,
        estimator="adaptive_binned",
        parameters={"num_bins": jnp.asarray(num_bins), "low": least},
        truth=_common.true_information(input_kind, is_noisy),
    )


@compiled.jit(static_argnames=("num_classes",))
def exact(symbols: ArrayLike, labels: ArrayLike, *, num_classes: int) -> Coordinates:
    r"""Exact information-plane coordinates of a layer with few values (quantised).

    The entropy of the distinct rows is the information itself, not that of an
    estimator's cells, provided that the sample is the whole population: :math:`I(X; T)
    = H(T)`, and the rest as in `binned`. Not differentiable. Costs are those of
    `binned`.

    Args:
        symbols: Integers that a layer computes with, as `quantize` gives them. Shape
            ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``. Shape ``(n,)``.
        num_classes: Number of classes. Static.

    Returns:
        Coordinates in nats, in the default float. ``true_information`` is finite. NaN
        if a symbol is ``-2**31``, which `quantize` gives for NaN; with respect to
        labels, if one is out of range. Shapes ``()``.

    References:
        Lorenzen, Igel and Nielsen, `Information bottleneck: exact analysis of
        (quantized) neural networks <https://arxiv.org/abs/2106.12912>`_, 2022.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> symbols = jnp.array([[0, 1], [0, 1], [1, 0], [1, 1]])
        >>> plane = information_plane.exact(
        ...     symbols, jnp.array([0, 0, 1, 1]), num_classes=2
        ... )
        >>> print(plane.information_x, plane.true_information)
        1.0397 finite
    """
    cells = checks.as_labels("symbols", symbols, "(n, d)")
    checks.at_least("num_classes", num_classes, 1)
    labels = checks.as_labels("labels", labels, "(n,)", n=cells.shape[0])
    return _of_cells(
        cells,
        jnp.where(cells == _NO_LEVEL, jnp.nan, jnp.zeros(())),
        labels,
        num_classes,
        estimator="exact",
        parameters={},
        truth="finite",
        quantity=("I(X; T)", "I(T; Y)"),
    )


@compiled.jit(static_argnames=("num_bits",))
def quantize(
    activations: ArrayLike,
    *,
    num_bits: int,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> jax.Array:
    r"""Quantise the activations of a layer to integer levels.

    .. math::
        \mathrm{round}\left(2^b \frac{t - \mathrm{low}}{\mathrm{high} - \mathrm{low}}
        \right)

    rounding halves to even, which makes :math:`2^b + 1` levels. Activations beyond an
    end take the level of that end, as in a network that saturates. Not differentiable.
    Costs :math:`O(n d)`.

    Args:
        activations: Activations of a layer. Shape ``(n, d)``.
        num_bits: Number b of bits, at most 24. Static.
        low: Lower end; by default the least activation of the layer. Scalar.
        high: Upper end; by default the largest. Scalar.

    Returns:
        Levels from 0 to ``2**num_bits``; zeros if the ends are equal; the least
        integer, ``-2**31``, where an activation is NaN. Shape ``(n, d)``, int32.

    References:
        Lorenzen, Igel and Nielsen, `Information bottleneck: exact analysis of
        (quantized) neural networks <https://arxiv.org/abs/2106.12912>`_, 2022, section
        3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> activations = jnp.array([[0.0, 0.4, 1.0]])
        >>> print(information_plane.quantize(activations, num_bits=2))
        [[0 2 4]]
    """
    array = checks.as_float("activations", activations, "(n, d)")
    checks.at_least("num_bits", num_bits, 1)
    if num_bits > 24:
        raise ValueError(f"Expected `num_bits` to be at most 24, got {num_bits}.")
    ends = [jnp.nanmin(array), jnp.nanmax(array)]
    for k, (name, given) in enumerate((("low", low), ("high", high))):
        if given is not None:
            ends[k] = checks.as_scalar(name, given, array.dtype)
    bottom, top = ends
    share = guarded.quotient(array - bottom, top - bottom)
    levels = jnp.clip(jnp.round(share * 2**num_bits), 0, 2**num_bits)
    is_none = jnp.isnan(levels)
    whole = jnp.where(is_none, 0, levels).astype(jnp.int32)
    return jnp.where(is_none, _NO_LEVEL, whole)


def _ends(array: jax.Array, scope: str) -> tuple[jax.Array, jax.Array]:
    """Least and largest activations of each neuron or of the layer, ``(1, d)``."""
    checks.one_of("scope", scope, _SCOPES)
    axis = 0 if scope == "neuron" else None
    low = jnp.min(array, axis=axis, keepdims=True)
    high = jnp.max(array, axis=axis, keepdims=True)
    shape = 1, array.shape[1]
    return jnp.broadcast_to(low, shape), jnp.broadcast_to(high, shape)


def _reached(array: jax.Array, edges: jax.Array) -> jax.Array:
    """How many edges ``(e, d)`` each activation ``(n, d)`` has reached."""

    def of_column(column: jax.Array, limits: jax.Array) -> jax.Array:
        return jnp.searchsorted(limits, column, side="right")

    return jax.vmap(of_column, in_axes=1, out_axes=1)(array, edges)


def _of_cells(
    cells: jax.Array,
    array: jax.Array,
    labels: jax.Array,
    num_classes: int,
    *,
    estimator: str,
    parameters: Mapping[str, jax.Array],
    truth: str,
    quantity: tuple[str, str] = ("I(X; bin(T))", "I(bin(T); Y)"),
) -> Coordinates:
    """Coordinates from cells ``(n, d)``; NaN if ``array`` is not finite."""
    n, dtype = cells.shape[0], array.dtype
    found = distinct.rows(jax.lax.stop_gradient(cells))
    counts = jnp.zeros((n, num_classes), dtype).at[found.labels, labels].add(1)
    # Labels out of range are in no column.
    in_cell = jnp.zeros((n,), dtype).at[found.labels].add(1)
    is_valid = found.is_exact & jnp.all(jnp.isfinite(array))
    information_x = measures.entropy(in_cell / n)
    information_y = measures.mutual_information(counts / n)
    shared = jnp.sum(jnp.where(in_cell > 1, in_cell, 0)) / n

    def valid(value: jax.Array) -> jax.Array:
        return jnp.where(is_valid, value, jnp.nan)

    return _common.coordinates(
        valid(information_x),
        valid(information_y),
        labels,
        num_classes,
        estimator=estimator,
        quantity_x=quantity[0],
        quantity_y=quantity[1],
        truth=truth,
        parameters=parameters,
        coverage=valid(shared),
    )
