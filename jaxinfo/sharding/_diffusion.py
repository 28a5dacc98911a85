"""Spectral entropy of very many points over a mesh."""

import jax
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.diffusion import StochasticEntropy, _stochastic
from jaxinfo.sharding import _layouts
from jaxinfo.sharding._layouts import WHOLE, Axis, Layout


def stochastic_spectral_entropy(
    mesh: Mesh,
    key: ArrayLike,
    x: ArrayLike,
    *,
    bandwidth: ArrayLike,
    diffusion_times: ArrayLike,
    axis: Axis = None,
    alpha: ArrayLike = 0.0,
    num_probes: int = 16,
    subspace_size: int = 256,
    block_size: int | None = None,
) -> StochasticEntropy:
    r"""Estimate the spectral entropy of very many points, split over devices.

    Same result as `diffusion.stochastic_spectral_entropy`,

    .. math::
        S_t = \log Z - t L / Z, \qquad Z = \sum_i \lambda_i^t, \quad
        L = \sum_i \lambda_i^t \log \lambda_i ,

    with the same random vectors. Each device holds a share of the points, of the
    vectors and of the rows of the kernel. In each product with the operator, vectors
    (and points, where the kernel is not held) are passed from device to device in a
    ring.

    Not differentiable: gradients are zero. Costs :math:`O(n^2 (d + r + m p) / D)` time
    on each of D devices, for r columns of the subspace and :math:`m = 20` steps of p
    probes. Each holds :math:`n^2 / D` numbers of the kernel if these are at most
    :math:`2^{28}`; otherwise :math:`n (b + 3 r + m p) / D` numbers in blocks of b rows,
    and computes its rows of the kernel anew in each of :math:`m + 11` products. Devices
    send :math:`n (r + m p)` numbers around the ring, and :math:`n d` more in each
    product in blocks.

    Args:
        mesh: Mesh of devices.
        key: Random key for the subspace and the probes.
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        diffusion_times: Powers of the diffusion matrix, non-negative. Shape ``(t,)``.
        axis: Name of the mesh axis over which the samples are split, or a tuple of
            several names; may be left out if the mesh has only one axis.
        alpha: Density exponent between 0 and 1.
        num_probes: Random vectors, at least 2.
        subspace_size: Columns of the subspace, rounded up to a multiple of eight. Up to
            twice as many points have their spectrum computed, on every device.
        block_size: Rows of the kernel that a device holds at once. ``None`` holds all
            its rows while these have up to 2^28 entries, and about 8 mebibytes beyond.

    Returns:
        The estimate, NaN where that of the single-device function is.

    Raises:
        ValueError: If the mesh has several axes and ``axis`` is not given.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, definition IV.1; Demmel et al., `Communication-optimal parallel and
        sequential QR and LU factorizations <https://arxiv.org/abs/0808.2664>`_, 2012,
        for that of columns whose rows are shared out.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import sharding
        >>> mesh = jax.sharding.Mesh(jax.devices(), ("devices",))
        >>> x = jax.random.normal(jax.random.key(0), (1000, 3))
        >>> estimate = sharding.stochastic_spectral_entropy(
        ...     mesh, jax.random.key(1), x, bandwidth=1.0,
        ...     diffusion_times=jnp.array([1.0, 2.0]),
        ... )
        >>> print(estimate.value.round(1))
        [3.8 2.3]
    """
    layout = _layouts.read(mesh, axis)
    x = checks.shaped("x", x, "(n, d)")
    return layout.call(
        _of_rows,
        layout.place_whole(key),
        layout.fill(x),
        **layout.place_whole(
            {
                "bandwidth": bandwidth,
                "diffusion_times": diffusion_times,
                "alpha": alpha,
            }
        ),
        num_probes=num_probes,
        subspace_size=subspace_size,
        block_size=block_size,
        layout=layout,
        num_rows=np.shape(x)[0],
    )


@compiled.jit(
    static_argnames=(
        "num_probes",
        "subspace_size",
        "block_size",
        "layout",
        "num_rows",
    )
)
def _of_rows(
    key: jax.Array,
    x: ArrayLike,
    *,
    bandwidth: ArrayLike,
    diffusion_times: ArrayLike,
    alpha: ArrayLike,
    num_probes: int,
    subspace_size: int,
    block_size: int | None,
    layout: Layout,
    num_rows: int,
) -> StochasticEntropy:
    settings = _stochastic.Settings(num_probes, subspace_size, block_size)
    given = _stochastic.read(key, x, bandwidth, diffusion_times, alpha, settings)

    def of_part(*given: jax.Array) -> StochasticEntropy:
        return _stochastic.of_rows(
            *given, settings=settings, number=num_rows, axis_name=layout.axes
        )

    in_specs = WHOLE, layout.rows(), WHOLE, WHOLE, WHOLE
    return layout.map(of_part, in_specs, WHOLE)(*given)
