"""Comparison of the spaces and channels of an ensemble over a mesh."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, shards
from jaxinfo.fingerprint import (
    PairwiseComparison,
    _channels,
    _clusterings,
    _compare,
    _hellinger,
)
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout


def pairwise(
    mesh: Mesh, overlaps: ArrayLike, *, axis: Axis = None
) -> PairwiseComparison:
    r"""Compare all pairs of representation spaces, with the points split over devices.

    Same result as `fingerprint.pairwise`. Each device holds and compares the rows of
    its points in all spaces, and the sums over points

    .. math::
        \sum_i \log\left(1 + \frac{\langle c^U_i, c^V_i \rangle}{n\, m^U_i m^V_i}\right)

    are added up once, also over devices. Overlaps that are sharded by spaces, as
    separately trained models leave them, are resharded first.

    Differentiable. Costs :math:`O(m^2 n^2 / D)` flops and :math:`m n^2 / D` numbers of
    memory on each of D devices, which exchange :math:`m^2` numbers.

    Args:
        mesh: Mesh of devices.
        overlaps: Overlaps in each space, of the same points in the same order, 1 on the
            diagonal. Shape ``(m, n, n)``.
        axis: Name of the mesh axis over which the points are split, or a tuple of
            several names; may be left out if the mesh has only one axis.

    Returns:
        Information of each space, and I(U;V), NMI and VI of each pair, in nats.

    Raises:
        ValueError: If the mesh has several axes and ``axis`` is not given.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint, sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> labels = jnp.array([[0, 0, 1, 1], [0, 1, 0, 1], [5, 5, 4, 4]])
        >>> overlaps = jnp.stack([fingerprint.label_overlaps(one) for one in labels])
        >>> print(sharding.pairwise(mesh, overlaps).nmi)
        [[1. 0. 1.]
         [0. 1. 0.]
         [1. 0. 1.]]
    """
    layout = _layouts.read(mesh, axis)
    overlaps = checks.shaped("overlaps", overlaps, "(m, n, n)")
    placed = layout.fill(overlaps, axis=1)
    number = np.shape(overlaps)[1]
    return layout.call(_pairwise, placed, layout=layout, num_points=number)


@compiled.jit(static_argnames=("layout", "num_points"))
def _pairwise(
    overlaps: ArrayLike, *, layout: Layout, num_points: int
) -> PairwiseComparison:
    def of_part(overlaps: jax.Array) -> tuple[jax.Array, jax.Array]:
        is_real = layout.is_real(num_points, overlaps.dtype)
        return shards.total(_compare.sums_over_points(overlaps, is_real), layout.axes)

    array = checks.as_float("overlaps", overlaps, "(...)")
    sums = layout.map(of_part, layout.rows(1), WHOLE)(array)
    return _compare.pairs_of_sums(sums, num_points)


def gaussian_pairwise(
    mesh: Mesh,
    means: ArrayLike,
    log_variances: ArrayLike,
    *,
    axis: Axis = None,
    channel_axis: Axis = None,
    block_size: int | None = None,
) -> PairwiseComparison:
    r"""Compare all pairs of Gaussian channels, with the points split over devices.

    Same result as `fingerprint.gaussian_pairwise`. Each device compares the rows of its
    points in all channels, and sums over points are added up once, also over devices.
    With a second axis of the mesh, devices along it have the same points, and each
    handles the pairs that start with some of the channels: for more devices than
    points.

    Differentiable. Costs :math:`2 m^2 n^2 / (D C)` flops and :math:`m n^2 / D`
    exponentials on each of D times C devices, in ``block_size * m * (n + m / C) +
    m**2`` memory. Devices exchange :math:`2 m n` parameters and :math:`m^2` sums.

    Args:
        mesh: Mesh of devices.
        means: Means of the posteriors, one column per channel. Shape ``(n, m)``.
        log_variances: Logarithms of their variances. Shape ``(n, m)``.
        axis: Name of the mesh axis over which the points are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        channel_axis: Name of the mesh axis over which the first channels of pairs are
            split, or a tuple of several names.
        block_size: Points that a device holds in memory at once; ``None`` holds about
            one mebibyte. Static.

    Returns:
        Information of each channel, and I(U;V), NMI and VI of each pair, in nats.

    Raises:
        ValueError: If the mesh has several axes and ``axis`` is not given, or ``axis``
            and ``channel_axis`` name the same one.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x = jax.random.normal(jax.random.key(0), (200,))
        >>> means = 3 * jax.numpy.stack([x, -2 * x, x**2], axis=1)
        >>> log_variances = jax.numpy.array([[0.0, 1.4, 0.0]]) + 0 * means
        >>> result = sharding.gaussian_pairwise(mesh, means, log_variances)
        >>> print(jax.numpy.round(result.nmi, 2))
        [[1.  1.  0.6]
         [1.  1.  0.6]
         [0.6 0.6 1. ]]
    """
    layout = _layouts.read(mesh, axis)
    across = None
    if channel_axis is not None:
        across = _layouts.read(mesh, channel_axis, name="channel_axis")
        if set(across.axes) & set(layout.axes):
            raise ValueError(
                "Expected `channel_axis` to name axes other than those of `axis`, got "
                f"{channel_axis!r} and {axis!r}."
            )
    checks.block_size(block_size)
    means = checks.shaped("means", means, "(n, m)")
    n, m = np.shape(means)
    return layout.call(
        _gaussian_pairwise,
        layout.fill(means),
        layout.place_rows("log_variances", log_variances, "(n, m)", n=n, m=m),
        layout=layout,
        across=across,
        num_points=n,
        block_size=block_size,
    )


@compiled.jit(static_argnames=("layout", "across", "num_points", "block_size"))
def _gaussian_pairwise(
    means: ArrayLike,
    log_variances: ArrayLike,
    *,
    layout: Layout,
    across: Layout | None,
    num_points: int,
    block_size: int | None,
) -> PairwiseComparison:
    num_channels = jnp.shape(means)[1]

    def of_part(
        means: jax.Array, log_variances: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        everything = shards.gather((means, log_variances), layout.axes)
        means, log_variances = (array[:num_points] for array in everything)
        parameters = _hellinger.standardised(means, log_variances)
        channels = None
        if across is not None:
            # What fills up is the last channel once more.
            own = -(-num_channels // across.size)
            place = shards.row_indices(own, across.axes)
            channels = jnp.minimum(place, num_channels - 1)
        sums = _channels.sums_over_points(
            shards.own_rows(parameters, layout.axes),
            layout.is_real(num_points, means.dtype),
            parameters,
            block_size=block_size,
            channels=channels,
        )
        log_mean, terms = shards.total(sums, layout.axes)
        if across is not None:
            terms = shards.gather(terms, across.axes)[:num_channels]
        return log_mean, terms

    arrays = checks.as_floats("(...)", means=means, log_variances=log_variances)
    log_mean, terms = layout.map(of_part, layout.rows(), WHOLE)(*arrays)
    return _clusterings.comparison_of_pairs(-log_mean / num_points, terms / num_points)
