"""Differential entropy and divergence of samples, by the mixture fitted to them."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import _estimates, _integrals, _mixtures
from jaxinfo.gmm._estimates import Found
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Fitting, Sampling
from jaxinfo.gmm._types import Estimate, GaussianMixture
from jaxinfo.gmm._whitening import Frame


@compiled.jit(static_argnames=("block_size",), is_staged=True)
def entropy(
    key: ArrayLike,
    x: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Differential entropy of a sample, with its uncertainty.

    With a Gaussian mixture :math:`p` fitted to the sample, as in `mutual_information`,

    .. math::
        h(X) = -E_p[\log p(x)] .

    Increases by :math:`\log |\det A|` when ``x`` is mapped by a matrix :math:`A`. The
    sampling bias of ``plugin`` is negative; ``value`` is corrected for it.

    Differentiable in ``x`` and ``weights`` like `mutual_information`, at the same cost.
    Costs grow with the dimension as :math:`d^2`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: EM runs held in memory at once; ``None`` takes as many as fit in
            2^24 numbers. Static.

    Returns:
        Estimates in nats, of any sign. Data without a density (constant or duplicated
        columns, n at most d) or with a NaN give NaN.

    Raises:
        ValueError: If ``fitting.num_folds`` or ``fitting.min_components`` is above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 2.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x = jax.random.normal(jax.random.key(0), (1000, 1))
        >>> fitting = gmm.Fitting(max_components=1)
        >>> result = gmm.entropy(jax.random.key(1), x, fitting=fitting)
        >>> print(result.value)  # log(2 pi e) / 2 = 1.419
        1.4
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    return _entropy(key, (x,), weights, fitting, sampling, block_size=block_size)


@_estimates.of_rows
def _entropy(
    found: Found, blocks: tuple[jax.Array, ...], sampling: Sampling
) -> Estimate:
    def functional(
        mixtures: GaussianMixture,
        _: jax.Array,
        numbers: jax.Array,
        nodes: Nodes,
        frame: Frame,
    ) -> jax.Array:
        only = jax.tree.map(lambda leaf: leaf[0], mixtures)
        own = _integrals.entropy(only, nodes, numbers[0])
        return own + jnp.sum(jnp.log(frame.scale))

    dim = blocks[0].shape[1]
    return _estimates.estimate(found, functional, sampling, dim=dim)


@compiled.jit(static_argnames=("block_size",), is_staged=True)
def marginal_kl_divergence(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Kullback-Leibler divergence between the marginals of two paired samples.

    With a Gaussian mixture fitted to the joint sample, as in `mutual_information`, and
    its marginals :math:`p_x` and :math:`p_y`,

    .. math::
        D(p_x \| p_y) = E_{p_x}[\log p_x - \log p_y] ,

    and the reverse divergence if the samples are exchanged. Invariant under a common
    affine map of both samples.

    Differentiable in the samples and ``weights`` like `mutual_information`, at the same
    cost. Costs grow with the dimension as :math:`d^2`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        y: Samples of the other variable, in the same order and units. Shape
            ``(n, d)``.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: EM runs held in memory at once; ``None`` takes as many as fit in
            2^24 numbers. Static.

    Returns:
        Estimates in nats, of which ``plugin`` is non-negative up to
        ``integration_error``. Data without a density give NaN.

    Raises:
        ValueError: If ``fitting.num_folds`` or ``fitting.min_components`` is above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023; the option
        ``include_kl`` of its package.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 1000, 1))
        >>> result = gmm.marginal_kl_divergence(
        ...     jax.random.key(1), x, y + 1.0, fitting=gmm.Fitting(max_components=1)
        ... )
        >>> print(result.value)  # 1/2
        0.5
    """
    key = checks.as_key("key", key)
    x, y = checks.as_floats("(n, d)", x=x, y=y)
    return _divergence(key, (x, y), weights, fitting, sampling, block_size=block_size)


@_estimates.of_rows
def _divergence(
    found: Found, blocks: tuple[jax.Array, ...], sampling: Sampling
) -> Estimate:
    def functional(
        mixtures: GaussianMixture,
        _: jax.Array,
        numbers: jax.Array,
        nodes: Nodes,
        frame: Frame,
    ) -> jax.Array:
        only = jax.tree.map(lambda leaf: leaf[0], mixtures)
        of_x, of_y = _in_units_of_x(frame, only)
        return _integrals.kl_divergence(of_x, of_y, nodes, numbers[0])

    dim = blocks[0].shape[1]
    return _estimates.estimate(found, functional, sampling, dim=dim)


def _in_units_of_x(
    frame: Frame, columns: GaussianMixture
) -> tuple[GaussianMixture, GaussianMixture]:
    """Marginals of both halves, from standardised columns to those of the first."""
    dim = columns.means.shape[1] // 2
    of_x = _mixtures.marginal_of(columns, tuple(range(dim)))
    of_y = _mixtures.marginal_of(columns, tuple(range(dim, 2 * dim)))
    ratio = frame.scale[dim:] / frame.scale[:dim]
    shift = (frame.centre[dim:] - frame.centre[:dim]) / frame.scale[:dim]
    moved = of_y._replace(
        means=shift[None] + ratio[None] * of_y.means,
        scale_trils=ratio[None, :, None] * of_y.scale_trils,
    )
    return of_x, moved
