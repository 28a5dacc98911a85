"""Fusion of very many weak learners over a mesh."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, shards
from jaxinfo.fingerprint import _clusterings
from jaxinfo.fusion import FusionResult, _fuse, _objectives
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout


def fuse(
    mesh: Mesh,
    key: ArrayLike,
    reference_overlaps: ArrayLike,
    *,
    dim: int,
    optimizer: Any,
    num_steps: int,
    axis: Axis = None,
    objective: str = "exp_vi",
    init_scale: ArrayLike = 0.05,
    initial: tuple[ArrayLike, ArrayLike] | None = None,
) -> FusionResult:
    r"""Fuse reference spaces into one, with the references split over devices.

    Same result as `fusion.fuse`, whose loss, for ``"exp_vi"``, is

    .. math::
        -\left\langle e^{-\mathrm{VI}(U(\mu, \ell), V)} \right\rangle_V .

    Every device has the fused space, and compares it with its own references; the loss
    and its gradient are added up over devices in each step. For restarts, use `map`, or
    ``jax.vmap`` over keys with ``spmd_axis_name`` the mesh axis over which they are
    split.

    Differentiable in ``reference_overlaps`` and ``initial``, through all steps. Costs
    :math:`O(e n^2 / D + n^2 d)` per step on each of D devices, in :math:`O(e n^2 / D)`
    memory; they exchange :math:`n^2` numbers per step.

    Args:
        mesh: Mesh of devices.
        key: Random key for the initial means; not used if ``initial`` is given.
        reference_overlaps: Overlaps in the references, 1 on the diagonals. Shape ``(e,
            n, n)``.
        dim: Dimension d of the fused space. Static.
        optimizer: Any optax optimiser. Static: build it once.
        num_steps: Number of steps, at least 1. Static.
        axis: Name of the mesh axis over which the references are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        objective: Objective of `fusion.loss`. Static.
        init_scale: Standard deviation of the initial means. Scalar.
        initial: Means and log-variances to start from, both of shape ``(n, dim)``.

    Returns:
        The fused posteriors, and the loss before each step and at the end; NaN if the
        optimisation diverged.

    Raises:
        TypeError: If ``initial`` is not a pair.
        ValueError: If the mesh has several axes and ``axis`` is not given.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4.

    Example:
        >>> import jax
        >>> import optax
        >>> from jaxinfo import fingerprint, sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> cuts = jax.numpy.array([[0, 0, 1, 1], [0, 1, 0, 1]])  # of four points
        >>> references = jax.vmap(fingerprint.label_overlaps)(cuts)
        >>> fused = sharding.fuse(
        ...     mesh,
        ...     jax.random.key(0),
        ...     references,
        ...     dim=2,
        ...     optimizer=optax.adam(0.05),
        ...     num_steps=500,
        ... )
        >>> print(f"{fused.loss:.3f}")
        -0.747
    """
    layout = _layouts.read(mesh, axis)
    references = checks.shaped("reference_overlaps", reference_overlaps, "(e, n, n)")
    return layout.call(
        _of_references,
        layout.place_whole(key),
        layout.fill(references),
        dim=dim,
        optimizer=optimizer,
        num_steps=num_steps,
        objective=objective,
        init_scale=layout.place_whole(init_scale),
        initial=layout.place_whole(initial),
        layout=layout,
        num_rows=np.shape(references)[0],
    )


@compiled.jit(
    static_argnames=("dim", "optimizer", "num_steps", "objective", "layout", "num_rows")
)
def _of_references(
    key: ArrayLike,
    reference_overlaps: ArrayLike,
    *,
    dim: int,
    optimizer: Any,
    num_steps: int,
    objective: str,
    init_scale: ArrayLike,
    initial: tuple[ArrayLike, ArrayLike] | None,
    layout: Layout,
    num_rows: int,
) -> FusionResult:
    references = checks.as_float("reference_overlaps", reference_overlaps, "(e, n, n)")
    # Points first, then references.
    specs: Any = _objectives.References(
        rows=layout.rows(1),  # type: ignore[arg-type]
        own=layout.rows(),  # type: ignore[arg-type]
    )
    prepared = layout.map(_objectives.prepare, layout.rows(), specs)(references)

    def of_part(rows: _clusterings.Rows, prepared: _objectives.References) -> jax.Array:
        weights = layout.is_real(num_rows, references.dtype) / num_rows
        loss = _objectives.loss_of_rows(rows, prepared, objective, weights)
        return shards.total(loss, layout.axes)

    loss_of_parts = layout.map(of_part, (WHOLE, specs), WHOLE)
    return _fuse.fuse_by(
        lambda rows: loss_of_parts(rows, prepared),
        key,
        references,
        dim=dim,
        optimizer=optimizer,
        num_steps=num_steps,
        objective=objective,
        init_scale=init_scale,
        initial=initial,
    )
