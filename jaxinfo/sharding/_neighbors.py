"""Estimates by nearest neighbours over a mesh: the points of each device go round."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, shards
from jaxinfo.neighbors import _entropies, _information, _samples
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout


def neighbors_entropy(
    mesh: Mesh, x: ArrayLike, *, axis: Axis = None, num_neighbors: int = 4
) -> jax.Array:
    r"""Differential entropy by nearest neighbours, with the samples split over devices.

    Same result as `neighbors.entropy`,

    .. math::
        h(X) = \psi(N) - \psi(K) + d \log 2 + d \langle \log \epsilon_i \rangle .

    The samples of each device are passed from device to device in a ring, and each
    device searches for neighbours of its own samples among those that arrive.

    Not differentiable: the gradient is zero. Costs :math:`O(n (w + D) d / D)` time on
    each of D devices, for windows of :math:`w` samples that are close in one
    coordinate, and :math:`O(n d / D)` memory; devices send :math:`n d` numbers around
    the ring.

    Args:
        mesh: Mesh of devices.
        x: Samples. Shape ``(n, d)``.
        axis: Name of the mesh axis over which the samples are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        num_neighbors: Number K of neighbours. Static.

    Returns:
        Entropy in nats, of either sign; ``-inf`` if a sample coincides with K others,
        NaN if one is not finite. Shape ``()``.

    Raises:
        ValueError: If n is not more than K, or the mesh has several axes and ``axis``
            is not given.

    References:
        Kraskov, Stögbauer and Grassberger, `Estimating mutual information
        <https://arxiv.org/abs/cond-mat/0305641>`_, 2004, equation 20.

    Example:
        >>> import jax
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x = jax.random.uniform(jax.random.key(0), (2000, 1), maxval=2.0)
        >>> print(sharding.neighbors_entropy(mesh, x).round(1))  # log(2)
        0.7
    """
    layout = _layouts.read(mesh, axis)
    x = checks.shaped("x", x, "(n, d)")
    return layout.call(
        _entropy,
        layout.fill(x),
        num_neighbors=num_neighbors,
        layout=layout,
        num_rows=np.shape(x)[0],
    )


@compiled.jit(static_argnames=("num_neighbors", "layout", "num_rows"))
def _entropy(
    x: ArrayLike, *, num_neighbors: int, layout: Layout, num_rows: int
) -> jax.Array:
    samples = _samples.read({"x": x}, num_neighbors, num_rows=num_rows)

    def of_part(columns: jax.Array, is_counted: jax.Array) -> jax.Array:
        distances = _entropies.furthest_of(
            columns, is_counted, num_neighbors, layout.axes
        )
        logs = jnp.where(is_counted, jnp.log(distances), 0)
        return shards.total(jnp.sum(logs), layout.axes)

    in_specs = layout.rows(1), layout.rows()
    total = layout.map(of_part, in_specs, WHOLE)(samples.columns, samples.is_counted)
    value = _entropies.of_mean(
        total / num_rows, num_rows, samples.columns.shape[0], num_neighbors
    )
    return jnp.where(samples.is_finite, value, jnp.nan)


def neighbors_mutual_information(
    mesh: Mesh,
    x: ArrayLike,
    y: ArrayLike,
    *,
    axis: Axis = None,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Mutual information by nearest neighbours, with the samples split over devices.

    Same result as `neighbors.mutual_information`, by algorithm 1

    .. math::
        I(X;Y) = \psi(K) + \psi(N) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle .

    The samples of each device are passed from device to device in a ring: for
    distances, and for the counts within them in each space.

    Not differentiable: the gradient is zero. Costs :math:`O(n (w + D) d / D)` time on
    each of D devices, for windows of :math:`w` samples that are close in one
    coordinate, and :math:`O(n d / D)` memory; devices send :math:`n d` numbers around
    the ring.

    Args:
        mesh: Mesh of devices.
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        axis: Name of the mesh axis over which the samples are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        num_neighbors: Number K of neighbours. Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many rows apart are not neighbours and
            are not counted. Static.
        mask: Which samples to use, booleans. Shape ``(n,)``.

    Returns:
        Information in nats; where it is small, estimates may be negative. NaN if a
        sample is not finite or has fewer than K neighbours. Shape ``()``.

    Raises:
        ValueError: If n is not more than K plus twice the window, or the mesh has
            several axes and ``axis`` is not given.

    References:
        Kraskov, Stögbauer and Grassberger, `Estimating mutual information
        <https://arxiv.org/abs/cond-mat/0305641>`_, 2004, equations 8 and 9.

    Example:
        >>> import jax
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 1000, 1))
        >>> information = sharding.neighbors_mutual_information(mesh, x, x + noise)
        >>> print(information.round(1))  # log(2) / 2 = 0.347
        0.3
    """
    return _of_spaces(
        mesh,
        axis,
        {"x": x, "y": y},
        mask,
        num_neighbors=num_neighbors,
        algorithm=algorithm,
        exclusion_window=exclusion_window,
    )


def neighbors_conditional_mutual_information(
    mesh: Mesh,
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    *,
    axis: Axis = None,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Conditional information by nearest neighbours, with samples split over devices.

    Same result as `neighbors.conditional_mutual_information`, by algorithm 1

    .. math::
        I(X;Y|Z) = \psi(K) + \langle \psi(n_z + 1) - \psi(n_{xz} + 1)
        - \psi(n_{yz} + 1) \rangle ,

    at the cost of `neighbors_mutual_information`. Not differentiable: the gradient is
    zero.

    Args:
        mesh: Mesh of devices.
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        z: Samples of the conditioning variable. Shape ``(n, c)``.
        axis: Name of the mesh axis over which the samples are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        num_neighbors: Number K of neighbours. Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many rows apart are not neighbours and
            are not counted. Static.
        mask: Which samples to use, booleans. Shape ``(n,)``.

    Returns:
        Information in nats; where it is small, estimates may be negative. NaN if a
        sample is not finite or has fewer than K neighbours. Shape ``()``.

    Raises:
        ValueError: If n is not more than K plus twice the window, or the mesh has
            several axes and ``axis`` is not given.

    References:
        Frenzel and Pompe, `Partial mutual information for coupling analysis of
        multivariate time series <https://doi.org/10.1103/PhysRevLett.99.204101>`_,
        2007, equation 8.

    Example:
        >>> import jax
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> z, x, y = jax.random.normal(jax.random.key(0), (3, 1000, 1))
        >>> given = sharding.neighbors_conditional_mutual_information(
        ...     mesh, x + z, y + z, z
        ... )
        >>> alone = sharding.neighbors_mutual_information(mesh, x + z, y + z)
        >>> print(bool(abs(given) < alone))
        True
    """
    return _of_spaces(
        mesh,
        axis,
        {"x": x, "y": y, "z": z},
        mask,
        num_neighbors=num_neighbors,
        algorithm=algorithm,
        exclusion_window=exclusion_window,
    )


def _of_spaces(
    mesh: Mesh,
    axis: Axis,
    spaces: dict[str, ArrayLike],
    mask: ArrayLike | None,
    *,
    num_neighbors: int,
    algorithm: int,
    exclusion_window: int,
) -> jax.Array:
    layout = _layouts.read(mesh, axis)
    x = checks.shaped("x", spaces.pop("x"), "(n, d)")
    n = np.shape(x)[0]
    if mask is not None:
        mask = layout.place_rows("mask", mask, "(n,)", n=n)
    return layout.call(
        _mean_of_local,
        layout.fill(x),
        *(layout.place_rows(name, y, "(n, d)", n=n) for name, y in spaces.items()),
        mask=mask,
        num_neighbors=num_neighbors,
        algorithm=algorithm,
        exclusion_window=exclusion_window,
        layout=layout,
        num_rows=n,
    )


@compiled.jit(
    static_argnames=(
        "num_neighbors",
        "algorithm",
        "exclusion_window",
        "layout",
        "num_rows",
    )
)
def _mean_of_local(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike | None = None,
    *,
    mask: ArrayLike | None,
    num_neighbors: int,
    algorithm: int,
    exclusion_window: int,
    layout: Layout,
    num_rows: int,
) -> jax.Array:
    spaces = {"x": x, "y": y} | ({} if z is None else {"z": z})
    samples = _samples.read(
        spaces, num_neighbors, exclusion_window, mask, num_rows=num_rows
    )
    local = _information.local_fn(
        algorithm, samples.dims, num_neighbors, exclusion_window, layout.axes
    )

    def of_part(columns: jax.Array, is_counted: jax.Array) -> jax.Array:
        values = jnp.where(is_counted, local(columns, is_counted), 0)
        number = jnp.sum(is_counted, dtype=values.dtype)
        total, number = shards.total((jnp.sum(values), number), layout.axes)
        return total / number

    in_specs = layout.rows(1), layout.rows()
    value = layout.map(of_part, in_specs, WHOLE)(samples.columns, samples.is_counted)
    return jnp.where(samples.is_finite, value, jnp.nan)
