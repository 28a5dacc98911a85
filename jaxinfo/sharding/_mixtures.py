"""Gaussian mixtures over a mesh: one fit to many rows, and many fits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import (
    Estimate,
    FitResult,
    Fitting,
    GaussianMixture,
    Sampling,
    _em,
    _information,
)
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout


def em(
    mesh: Mesh,
    mixture: GaussianMixture,
    x: ArrayLike,
    *,
    axis: Axis = None,
    weights: ArrayLike | None = None,
    tol: ArrayLike = 1e-5,
    max_steps: int = 1000,
    regularization: ArrayLike = 1e-6,
    block_size: int | None = None,
) -> FitResult:
    r"""Fit a Gaussian mixture by EM, with the rows split over devices.

    Same result as `gmm.em`. In each step, a device computes the responsibilities of its
    rows, and the sums over rows

    .. math::
        n_k = \sum_n s_n r_{nk}, \qquad \sum_n s_n r_{nk} x_n, \qquad
        \sum_n s_n r_{nk} x_n x_n^\top

    are added up over devices, as are those that standardise the data.

    Differentiable in ``x`` and ``weights``. Costs :math:`O(n k d^2 / D)` time per step
    on each of D devices, which exchange :math:`k (1 + d + d (d + 1) / 2)` numbers, and
    :math:`n (k + d^2 / 2) / D` numbers of memory.

    Args:
        mesh: Mesh of devices.
        mixture: Start, in the units of ``x``.
        x: Samples. Shape ``(n, d)``.
        axis: Name of the mesh axis over which the samples are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        tol: Gain per step, in nats, below which EM stops.
        max_steps: Maximum number of steps. Static.
        regularization: Share of the data's covariance that is added to each
            component's.
        block_size: Rows that a device holds in memory at once; ``None`` is all, or as
            many as fit in about 2^24 numbers. Static.

    Returns:
        The fit, with NaN where `gmm.em` gives NaN.

    Raises:
        ValueError: If the mesh has several axes and ``axis`` is not given.

    References:
        Dempster, Laird and Rubin, `Maximum likelihood from incomplete data via the EM
        algorithm <https://doi.org/10.1111/j.2517-6161.1977.tb01600.x>`_, 1977.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm, sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x = jnp.concatenate([jnp.linspace(-3, -1, 50), jnp.linspace(2, 4, 150)])
        >>> start = gmm.GaussianMixture(
        ...     jnp.log(jnp.array([0.5, 0.5])),
        ...     jnp.array([[-1.0], [1.0]]),
        ...     jnp.ones((2, 1, 1)),
        ... )
        >>> print(*sharding.em(mesh, start, x[:, None]).mixture.means[:, 0])
        -2.00 3.00
    """
    layout = _layouts.read(mesh, axis)
    x = checks.shaped("x", x, "(n, d)")
    n = np.shape(x)[0]
    checks.block_size(block_size)
    if weights is not None:
        weights = layout.place_rows("weights", weights, "(n,)", n=n)
    return layout.call(
        _em_of_rows,
        layout.place_whole(mixture),
        layout.fill(x),
        weights=weights,
        tol=layout.place_whole(tol),
        regularization=layout.place_whole(regularization),
        layout=layout,
        num_rows=n,
        max_steps=max_steps,
        block_size=block_size,
    )


@compiled.jit(static_argnames=("layout", "num_rows", "max_steps", "block_size"))
def _em_of_rows(
    mixture: GaussianMixture,
    x: ArrayLike,
    *,
    weights: ArrayLike | None,
    tol: ArrayLike,
    regularization: ArrayLike,
    layout: Layout,
    num_rows: int,
    max_steps: int,
    block_size: int | None,
) -> FitResult:
    def of_part(
        mixture: GaussianMixture,
        x: jax.Array,
        weights: jax.Array,
        fitting: Fitting,
    ) -> FitResult:
        is_real = layout.is_real(num_rows, x.dtype)
        # What fills up may be anything.
        weights = jnp.where(is_real > 0, weights, 0)
        return _em.run_from(
            mixture,
            x,
            weights,
            fitting,
            block_size=block_size,
            axis_name=layout.axes,
        )

    begin, samples, weights, fitting = _em.read(
        mixture,
        x,
        weights=weights,
        tol=tol,
        max_steps=max_steps,
        regularization=regularization,
    )
    rows = layout.rows()
    run = layout.map(of_part, (WHOLE, rows, rows, WHOLE), WHOLE)
    return run(begin, samples, weights, fitting)


def mutual_information(
    mesh: Mesh,
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    axis: Axis = None,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Mutual information by mixtures, with the replicates split over devices.

    Same result as `gmm.mutual_information`,

    .. math::
        I(X;Y) = E_p[\log p(x, y) - \log p(x) - \log p(y)] .

    Every device has all samples and searches for the fit :math:`p` to them; then each
    refits some of the replicates that give the bias and the error. For many replicates:
    with the default of 50, the search takes about half of the time.

    Differentiable in the samples and ``weights``. Devices exchange one number for each
    replicate.

    Args:
        mesh: Mesh of devices.
        key: Random key.
        x: Samples. Shape ``(n, a)``.
        y: Samples. Shape ``(n, b)``.
        axis: Name of the mesh axis over which the replicates are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: EM runs that a device holds in memory at once; ``None`` takes as
            many as fit in 2^24 numbers. Static.

    Returns:
        Estimates in nats.

    Raises:
        ValueError: If the mesh has several axes and ``axis`` is not given.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 2.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm, sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 500, 1))
        >>> result = sharding.mutual_information(
        ...     mesh,
        ...     jax.random.key(1),
        ...     x,
        ...     0.6 * x + 0.8 * noise,
        ...     fitting=gmm.Fitting(max_components=1),
        ... )
        >>> print(result.value, result.standard_error)  # -log(1 - 0.6^2) / 2 = 0.223
        0.20 0.03
    """
    return _shared_out(
        mesh,
        axis,
        (key, x, y),
        weights,
        fitting,
        sampling,
        block_size,
        _information.of_blocks,
    )


def mutual_information_matrix(
    mesh: Mesh,
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    axis: Axis = None,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Mutual information of all pairs of columns, with the pairs split over devices.

    Same result as `gmm.mutual_information_matrix`, whose entry :math:`(i, j)` is
    :math:`I(X_i;Y_j)`. Every device has all samples and works only on its own pairs;
    those that finish early wait for the others, CPU devices with the time limit given
    in `map`.

    Differentiable like the single-device function. Costs :math:`a b / D` times as much
    as one pair on each of D devices, which exchange the estimates.

    Args:
        mesh: Mesh of devices.
        key: Random key.
        x: Samples, for example latents. Shape ``(n, a)``.
        y: Samples, for example factors. Shape ``(n, b)``.
        axis: Name of the mesh axis over which the pairs are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: Pairs that a device computes in parallel; ``None`` computes them one
            after the other. Static.

    Returns:
        Estimates in nats, every field with two leading axes ``(a, b)``.

    Raises:
        ValueError: If the mesh has several axes and ``axis`` is not given.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 4.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm, sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x = jax.random.normal(jax.random.key(0), (500, 2))
        >>> y = x @ jnp.array([[1.0, 1.0], [0.0, 1.0]]) + 0.5 * x[::-1]
        >>> fitting = gmm.Fitting(max_components=1)
        >>> result = sharding.mutual_information_matrix(
        ...     mesh, jax.random.key(1), x, y, fitting=fitting
        ... )
        >>> print(*result.value[0], *result.value[1])
        0.785 0.291 -0.001 0.293
    """
    return _shared_out(
        mesh,
        axis,
        (key, x, y),
        weights,
        fitting,
        sampling,
        block_size,
        _information.of_columns,
    )


def _shared_out(
    mesh: Mesh,
    axis: Axis,
    data: tuple[ArrayLike, ArrayLike, ArrayLike],
    weights: ArrayLike | None,
    fitting: Fitting,
    sampling: Sampling,
    block_size: int | None,
    of_part: Callable[..., Estimate],
) -> Estimate:
    """An estimate by a function that knows what to share out."""
    layout = _layouts.read(mesh, axis)
    checks.block_size(block_size)
    key, x, y = layout.place_whole(data)
    return layout.call(
        _estimate,
        key,
        x,
        y,
        weights=layout.place_whole(weights),
        fitting=layout.place_whole(fitting),
        sampling=sampling,
        layout=layout,
        block_size=block_size,
        of_part=of_part,
    )


@compiled.jit(static_argnames=("layout", "block_size", "of_part"))
def _estimate(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None,
    fitting: Fitting,
    sampling: Sampling,
    layout: Layout,
    block_size: int | None,
    of_part: Callable[..., Estimate],
) -> Estimate:
    def run(key: jax.Array, blocks: Any, weights: Any, fitting: Fitting) -> Estimate:
        return of_part(key, blocks, weights, fitting, sampling, block_size, layout.axes)

    key, blocks = _information.read(key, x, y)
    return layout.map(run, WHOLE, WHOLE)(key, blocks, weights, fitting)
