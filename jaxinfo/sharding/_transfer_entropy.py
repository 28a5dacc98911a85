"""Transfer entropy of long series, or of many replications, over a mesh."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, shards
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout
from jaxinfo.transfer_entropy import Timing, _pairs, _pairwise, _timing


def transfer_entropy_pairwise(
    mesh: Mesh,
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    axis: Axis = None,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    estimator: str = "plugin",
    block_size: int | None = None,
) -> jax.Array:
    r"""Transfer entropy of all pairs of columns, with the time split over devices.

    Same result as `transfer_entropy.pairwise`. Each device counts the samples whose
    future is among its rows, and receives the earlier rows that these look back at; the
    counts of all devices,

    .. math::
        c(x^-, y^-, y^+) = \sum_{\text{devices}} c_d(x^-, y^-, y^+) ,

    are added up once. They are whole numbers, so that the result is the same bit for
    bit.

    Not differentiable. Costs :math:`O(m n N (s - 1) (g - 1) / (32 D))` operations on
    each of D devices, for s codes of a source's past and g of a target's past and
    future, and :math:`O(m n s g)` memory, which is also what they exchange.

    Args:
        mesh: Mesh of devices.
        sources: Symbols from 0 to ``num_source_symbols - 1``, integers or booleans.
            Shape ``(t, m)``.
        targets: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t, n)``.
        num_symbols: Number of symbols of a target. Static.
        axis: Name of the mesh axis over which the time is split, or a tuple of several
            names; may be left out if the mesh has only one axis.
        timing: Histories, delays and lags. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``. Static.
        block_size: Sources processed at once; by default all. Static.

    Returns:
        Transfer entropy from source i to target j in nats, in the default float; NaN
        for columns with a symbol out of range that a sample uses. Shape ``(m, n)``.

    Raises:
        ValueError: If the series have no more steps than ``timing`` looks back, or the
            mesh has several axes and ``axis`` is not given.

    References:
        Moldovan, Cataron and Andonie, `Information plane analysis visualization in deep
        learning via transfer entropy <https://arxiv.org/abs/2404.01364>`_, 2024.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(10_000, 2))
        >>> y = jnp.roll(x, 1, axis=0)  # copies, one step later
        >>> values = sharding.transfer_entropy_pairwise(mesh, x, y, num_symbols=2)
        >>> print(values.round(2))
        [[0.69 0.  ]
         [0.   0.69]]
    """
    layout = _layouts.read(mesh, axis)
    sources = checks.shaped("sources", sources, "(t, m)")
    t = np.shape(sources)[0]
    _timing.check_length("sources", t, timing)
    return layout.call(
        _of_parts,
        layout.fill(sources),
        layout.place_rows("targets", targets, "(t, n)", t=t),
        num_symbols=num_symbols,
        timing=timing,
        num_source_symbols=num_source_symbols,
        estimator=estimator,
        block_size=block_size,
        layout=layout,
        num_rows=t,
        has_replications=False,
    )


def transfer_entropy_ensemble_pairwise(
    mesh: Mesh,
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    axis: Axis = None,
    timing: Timing = Timing(),
    num_source_symbols: int | None = None,
    estimator: str = "plugin",
    block_size: int | None = None,
) -> jax.Array:
    r"""Transfer entropy from replications, which are split over devices.

    Same result as `transfer_entropy.ensemble_pairwise`: the counts :math:`c = \sum_r
    c^{(r)}` of the replications of all devices are added up once, and are whole
    numbers. Not differentiable. Costs are those of `transfer_entropy_pairwise` for the
    samples of all replications.

    Args:
        mesh: Mesh of devices.
        sources: Symbols of r replications, from 0 to ``num_source_symbols - 1``,
            integers or booleans. Shape ``(t, r, m)``.
        targets: Symbols from 0 to ``num_symbols - 1``, integers or booleans. Shape
            ``(t, r, n)``.
        num_symbols: Number of symbols of a target. Static.
        axis: Name of the mesh axis over which the replications are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        timing: Histories, delays and lags, in steps of the first axis. Static.
        num_source_symbols: Number of symbols of a source; by default that of a target.
            Static.
        estimator: ``"plugin"``, ``"miller_madow"`` or ``"grassberger"``. Static.
        block_size: Sources processed at once; by default all. Static.

    Returns:
        Transfer entropy from source i to target j in nats, in the default float; NaN
        for columns with a symbol out of range that a sample uses. Shape ``(m, n)``.

    Raises:
        ValueError: As for `transfer_entropy_pairwise`.

    References:
        Gomez-Herrero et al., `Assessing coupling dynamics from an ensemble of time
        series <https://arxiv.org/abs/1008.0539>`_, 2015.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x = jax.random.bernoulli(jax.random.key(0), shape=(20, 500, 1))
        >>> y = jnp.roll(x, 1, axis=0)
        >>> values = sharding.transfer_entropy_ensemble_pairwise(
        ...     mesh, x, y, num_symbols=2
        ... )
        >>> print(values.round(2))
        [[0.69]]
    """
    layout = _layouts.read(mesh, axis)
    sources = checks.shaped("sources", sources, "(t, r, m)")
    t, r, _ = np.shape(sources)
    _timing.check_length("sources", t, timing)
    return layout.call(
        _of_parts,
        layout.fill(sources, axis=1),
        layout.place_rows("targets", targets, "(t, r, n)", axis=1, t=t, r=r),
        num_symbols=num_symbols,
        timing=timing,
        num_source_symbols=num_source_symbols,
        estimator=estimator,
        block_size=block_size,
        layout=layout,
        num_rows=r,
        has_replications=True,
    )


@compiled.jit(
    static_argnames=(
        "num_symbols",
        "num_source_symbols",
        "estimator",
        "block_size",
        "layout",
        "num_rows",
        "has_replications",
    )
)
def _of_parts(
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    num_symbols: int,
    timing: Timing,
    num_source_symbols: int | None,
    estimator: str,
    block_size: int | None,
    layout: Layout,
    num_rows: int,
    has_replications: bool,
) -> jax.Array:
    """Of some of the replications on each device, or else of some of the time."""
    x, y, of_source = _pairs.read_symbols(
        sources,
        targets,
        num_symbols,
        num_source_symbols,
        has_replications=has_replications,
    )
    reach = timing.reach()

    def with_before(rows: jax.Array) -> jax.Array:
        before = shards.rows_before(rows, reach, layout.axes)
        return jnp.concatenate([before, rows])

    def of_part(x: jax.Array, y: jax.Array) -> jax.Array:
        if layout.size == 1:
            # Nothing comes before its rows, and nothing fills up.
            codes = _pairs.of_series(x, y, of_source, num_symbols, timing)
            return _pairwise.values_of(codes, estimator, block_size)
        is_sample = layout.is_real(num_rows, jnp.dtype(bool))
        if has_replications:
            is_sample = jnp.tile(is_sample, x.shape[0] - reach)
        else:
            time = shards.row_indices(x.shape[0], layout.axes)
            is_sample = is_sample & (time >= reach)
            x, y = with_before(x), with_before(y)
        codes = _pairs.of_series(
            x, y, of_source, num_symbols, timing, is_sample, layout.axes
        )
        return _pairwise.values_of(codes, estimator, block_size)

    rows = layout.rows(1 if has_replications else 0)
    return layout.map(of_part, rows, WHOLE)(x, y)
