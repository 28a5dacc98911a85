"""Weighted expectation-maximisation from given parameters."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import (
    _arguments,
    _frame,
    _implicit,
    _lanes,
    _moments,
    _options,
)
from jaxinfo.gmm._frame import Frame
from jaxinfo.gmm._types import FitResult, GaussianMixture


@compiled.jit(static_argnames=("max_steps", "block_size"))
def em(
    mixture: GaussianMixture,
    x: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    tol: ArrayLike = 1e-5,
    max_steps: int = 1000,
    regularization: ArrayLike = 1e-6,
    block_size: int | None = None,
) -> FitResult:
    r"""Fit a Gaussian mixture by weighted expectation-maximisation (EM).

    Each step climbs :math:`\ell = \sum_n s_n \log p(x_n) / \sum_n s_n` for weights
    :math:`s_n`. With the responsibilities :math:`r_{nk}`,

    .. math::
        n_k = \sum_n s_n r_{nk}, \qquad
        m_k = \frac{1}{n_k} \sum_n s_n r_{nk} x_n, \qquad
        C_k = \frac{1}{n_k} \sum_n s_n r_{nk} (x_n - m_k)(x_n - m_k)^\top
        + \epsilon \Sigma

    and weights proportional to :math:`n_k`, :math:`\Sigma` being the weighted
    covariance of all data. As the regularisation :math:`\epsilon` is relative, EM is
    equivariant under affine maps: data times 1e-9 give the same fit. It stops after a
    step if the likelihoods before this step and the one before differ by less than
    ``tol``.

    Differentiable in ``x`` and ``weights``, by the implicit derivative of the fixed
    point, exact for a fit that has converged tightly; not in the start, ``tol`` or
    ``regularization``. Costs :math:`O(n k d^2)` time a step, as two matrix products,
    and :math:`n (k + d^2 / 2)` numbers of memory.

    Args:
        mixture: Start, in the units of ``x``; components with a log-weight of ``-inf``
            stay absent.
        x: Samples. Shape ``(n, d)``.
        weights: Weights of the samples, not negative; weight zero is the same as
            leaving a sample out, integers the same as repeating it. Shape ``(n,)``.
        tol: Gain of a step, in nats, below which EM stops. Zero takes exactly
            ``max_steps`` steps; below 1e-6 is below the rounding of float32.
        max_steps: Most steps taken. Static.
        regularization: Share :math:`\epsilon` of the data's covariance that is added
            to each component's.
        block_size: Rows that are held at once; ``None`` is all, or as many as take
            about 2^24 numbers. Static.

    Returns:
        The fit. A step that is not finite is not taken: the last finite parameters are
        returned with ``converged`` false. Singular data (constant or duplicated
        columns, n at most d, a column determined by others to within 16 d roundings of
        its variance), a NaN or infinity in a row of positive weight, weights
        that are negative or all zero give NaN.

    Raises:
        TypeError: If an argument is complex or not an array, or a static one not an
            int.
        ValueError: If a shape is not the documented one, or ``max_steps`` or
            ``block_size`` below 1.

    References:
        Dempster, Laird and Rubin, `Maximum likelihood from incomplete data via the EM
        algorithm <https://doi.org/10.1111/j.2517-6161.1977.tb01600.x>`_, 1977; the
        density estimator of Piras et al., `A robust estimator of mutual information
        for deep learning interpretability <https://arxiv.org/abs/2211.00024>`_, 2023,
        section 2, whose regularisation is absolute.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> x = jnp.concatenate([jnp.linspace(-3, -1, 50), jnp.linspace(2, 4, 150)])
        >>> start = gmm.GaussianMixture(
        ...     jnp.log(jnp.array([0.5, 0.5])),
        ...     jnp.array([[-1.0], [1.0]]),
        ...     jnp.ones((2, 1, 1)),
        ... )
        >>> print(*gmm.em(start, x[:, None]).mixture.means[:, 0])
        -2.00 3.00
    """
    x = checks.as_float("x", x, "(n, d)")
    mixture = _arguments.mixture("mixture", mixture, x.shape[1])
    x, *parameters = checks.promote(x, *mixture)
    weights = _arguments.weights(weights, x)
    checks.block_size(block_size)
    stopping = _options.stopping(
        x, tol=tol, max_steps=max_steps, regularization=regularization
    )

    frame, points = _frame.standardise(x, weights)
    start = _moments.from_mixture(
        _frame.carry_in(frame, GaussianMixture(*parameters)), stopping.regularization
    )
    start, fixed_points, fixed_weights = jax.lax.stop_gradient((start, points, weights))
    rows = _moments.as_rows(
        fixed_points, num_components=start.shape[0], block_size=block_size
    )
    lane = _lanes.run(_lanes.start(start, stopping), rows, fixed_weights, stopping)
    fit = result(
        lane.moments,
        frame,
        points,
        weights,
        stopping.regularization,
        block_size=block_size,
    )
    return fit._replace(
        num_steps=lane.num_steps,
        converged=lane.converged,
        collapsed=fit.collapsed & (start[:, 0] != 0),
    )


def result(
    moments: jax.Array,
    frame: Frame,
    points: jax.Array,
    weights: jax.Array,
    regularization: jax.Array,
    *,
    block_size: int | None = None,
) -> FitResult:
    """A fit in the units of the data, as a function of points and weights.

    Steps and convergence are the caller's to fill in.
    """
    moments = _implicit.attach(moments, points, weights, regularization)
    rows = _moments.as_rows(
        points, num_components=moments.shape[0], block_size=block_size
    )
    fit = _moments.mixture(moments, regularization)
    log_likelihood, _ = _moments.evaluate(_moments.density(fit), rows, weights)
    num_rows = jnp.sum(weights > 0).astype(points.dtype)
    pivots = jnp.diagonal(fit.scale_trils, axis1=1, axis2=2) ** 2
    floor = 4 * _moments.ridge(moments[:, 1 : 1 + pivots.shape[1]], regularization)
    floor = floor + 64 * float(np.finfo(points.dtype).eps)
    is_narrow = jnp.any(pivots <= floor, axis=1)
    return FitResult(
        mixture=_frame.carry_out(frame, fit),
        log_likelihood=log_likelihood - _frame.log_det(frame),
        num_steps=jnp.zeros((), int),
        converged=jnp.zeros((), bool),
        collapsed=(moments[:, 0] * num_rows < 1) | is_narrow,
    )
