"""Mutual information of samples, by the mixture fitted to them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm import _estimates, _integrals
from jaxinfo.gmm._estimates import Found, Sharing
from jaxinfo.gmm._integrals import Nodes
from jaxinfo.gmm._options import Fitting, Sampling
from jaxinfo.gmm._search import Fit
from jaxinfo.gmm._types import Estimate, GaussianMixture
from jaxinfo.gmm._whitening import Frame


@compiled.jit(static_argnames=("block_size",), is_staged=True)
def mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Mutual information of two samples, with its uncertainty (GMM-MI).

    A Gaussian mixture :math:`p` is fitted to the joint sample, with its number of
    components chosen by `select`, and

    .. math::
        I(X;Y) = E_p[\log p(x, y) - \log p(x) - \log p(y)]

    is evaluated in closed form (one component), by Gauss-Hermite quadrature (two
    dimensions) or by randomised quasi Monte Carlo. The bootstrap refits the mixture to
    resampled data; with the informations :math:`I_b` of these fits, ``replicates`` are
    :math:`2 I - I_b`. Invariant under affine maps of ``x`` and of ``y``.

    Which number to report: ``plugin``, the information :math:`\hat I` of the fit, has a
    positive sampling bias, about :math:`a b / 2n` for one component. Where one
    component suffices (it was chosen, or more of them gain less than 6 nats of held-out
    log-likelihood in all), ``value`` is the mean :math:`\hat I_c` of ``replicates``,
    which is free of this bias, and ``standard_error`` their standard deviation
    :math:`s`. Elsewhere the density may not be exactly a mixture, and with the mean
    :math:`\bar i` of `pointwise_mutual_information` over the data, which follow the
    true distribution where the fit does not,

    .. math::
        \text{value} = \tfrac12 (\hat I_c + \bar i), \qquad \text{standard error}^2 =
        s^2 + (\hat I - \hat I_c)^2 + (\hat I_c - \bar i)^2 .

    With strong curvature in several dimensions (spirals) the value is far too low, and
    the error does not show it. Nothing is clipped: independent data mostly have a
    negative ``value``; use `independence_test` to decide whether the information is
    zero. Above 20 dimensions, use thousands of samples, or project first.

    Differentiable in ``x``, ``y`` and ``weights``, by the implicit derivative of the
    fits: ``value``, ``standard_error``, ``plugin``, ``jackknife_error``, ``replicates``
    and the mixture, at the chosen number of components; gradients do not see changes of
    that number. As a loss, use ``sampling=Sampling(num_replicates=0)``. Costs
    ``num_folds * (12 * num_inits + steps)`` steps of `em` for each number of components
    tried, and 37 for each replicate.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, a)``.
        y: Samples of the other variable, in the same order. Shape ``(n, b)``.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: EM runs held in memory at once; ``None`` takes as many as fit in
            2^24 numbers. Static.

    Returns:
        Estimates in nats. Exactly zero, with a mixture of NaN, if every column of
        ``x``, or of ``y``, is constant. Data without a density (y = x, duplicated
        columns, n at most a + b) or with a NaN give NaN, and so does a column that the
        others determine up to :math:`16 d \epsilon` of its standard deviation, with
        :math:`\epsilon` the machine epsilon of the dtype: informations above about 12
        nats need float64. Outliers, batches far apart and heavy tails are fitted; where
        the value or its error cannot be used, ``reason`` says why. Within a component
        of fewer than a + b + 2 rows, which do not determine its shape, x and y are
        taken to be independent.

    Raises:
        ValueError: If ``fitting.num_folds`` or ``fitting.min_components`` is above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 2. The
        correction of the bias, the jackknife, quadrature and regularisation relative to
        the data are new here; there the mean of replicates is reported, which doubles
        the sampling bias. Replicates weight the samples as in Rubin, `The Bayesian
        bootstrap <https://doi.org/10.1214/aos/1176345338>`_, 1981, and are refitted by
        squared extrapolation: Varadhan and Roland, `Simple and globally convergent
        methods for accelerating the convergence of any EM algorithm
        <https://doi.org/10.1111/j.1467-9469.2007.00585.x>`_, 2008, scheme S3.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 500, 1))
        >>> result = gmm.mutual_information(
        ...     jax.random.key(1),
        ...     x,
        ...     0.6 * x + 0.8 * noise,
        ...     fitting=gmm.Fitting(max_components=1),
        ... )
        >>> print(result.value, result.standard_error)  # -log(1 - 0.6^2) / 2 = 0.223
        0.20 0.03
    """
    key, blocks = read(key, x, y)
    return of_blocks(key, blocks, weights, fitting, sampling, block_size)


@compiled.jit(static_argnames=("block_size",), is_staged=True)
def conditional_mutual_information(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Mutual information of two samples given a third, with its uncertainty.

    With a Gaussian mixture :math:`p` fitted to all three, as in `mutual_information`,

    .. math::
        I(X;Y|Z) = E_p[\log p(x, y, z) + \log p(z) - \log p(x, z) - \log p(y, z)] .

    Differentiable in the samples and ``weights`` like `mutual_information`, at the same
    cost. Costs grow with the joint dimension d as :math:`d^2`.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, a)``.
        y: Samples. Shape ``(n, b)``.
        z: Samples of the conditioning variable. Shape ``(n, c)``.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: EM runs held in memory at once; ``None`` takes as many as fit in
            2^24 numbers. Static.

    Returns:
        Estimates in nats, of which ``plugin`` is non-negative up to
        ``integration_error``. Exactly zero if every column of ``x``, or of ``y``, is
        constant. Data without a density give NaN, as does a constant column of ``z``:
        leave it out.

    Raises:
        ValueError: If ``fitting.num_folds`` or ``fitting.min_components`` is above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023; its package takes
        scalars ``x`` and ``y`` only.

    Example:
        >>> import jax
        >>> from jaxinfo import gmm
        >>> x, y, z = jax.random.normal(jax.random.key(0), (3, 500, 1))
        >>> fitting = gmm.Fitting(max_components=1)
        >>> result = gmm.conditional_mutual_information(
        ...     jax.random.key(1), x + z, y + z, z, fitting=fitting
        ... )
        >>> print(result.value)  # independent given z
        -0.0005
    """
    key, blocks = read(key, x, y)
    z = checks.as_float("z", z, "(n, c)", n=blocks[0].shape[0])
    return of_blocks(key, (*blocks, z), weights, fitting, sampling, block_size)


@compiled.jit(static_argnames=("block_size",))
def mutual_information_matrix(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    fitting: Fitting = Fitting(),
    sampling: Sampling = Sampling(),
    block_size: int | None = None,
) -> Estimate:
    r"""Mutual information of every column of one matrix with every column of another.

    Entry :math:`(i, j)` is :math:`I(X_i;Y_j)` as `mutual_information` gives it for the
    two columns and the key ``jax.random.fold_in(key, i * b + j)``.

    Pairs are computed one after the other, so that a hard pair costs only its own time,
    or ``block_size`` in parallel, until the slowest ends. Differentiable like
    `mutual_information`. Costs :math:`a b` times as much.

    Args:
        key: Random key.
        x: Samples, for example latents. Shape ``(n, a)``.
        y: Samples, for example factors. Shape ``(n, b)``.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.
        fitting: How mixtures are fitted and their number of components is chosen.
        sampling: How the uncertainty and the integrals are sampled.
        block_size: Pairs computed in parallel; ``None`` computes them one after the
            other. Static.

    Returns:
        Estimates in nats, every field with two leading axes ``(a, b)``. A constant
        column gives zeros and a pair without a density NaN; other entries are not
        affected.

    Raises:
        ValueError: If ``fitting.num_folds`` or ``fitting.min_components`` is above n.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 4.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> x = jax.random.normal(jax.random.key(0), (500, 2))
        >>> y = x @ jnp.array([[1.0, 1.0], [0.0, 1.0]]) + 0.5 * x[::-1]
        >>> result = gmm.mutual_information_matrix(
        ...     jax.random.key(1), x, y, fitting=gmm.Fitting(max_components=1)
        ... )
        >>> print(*result.value[0], *result.value[1])
        0.785 0.291 -0.001 0.293
    """
    key, blocks = read(key, x, y)
    checks.block_size(block_size)
    return of_columns(key, blocks, weights, fitting, sampling, block_size)


def read(
    key: ArrayLike, x: ArrayLike, y: ArrayLike
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """Check a key and two samples."""
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    return key, (x, checks.as_float("y", y, "(n, b)", n=x.shape[0]))


def of_columns(
    key: jax.Array,
    blocks: tuple[jax.Array, ...],
    weights: ArrayLike | None,
    fitting: Fitting,
    sampling: Sampling,
    block_size: int | None,
    axis_name: AxisName = None,
) -> Estimate:
    """Information of all pairs of columns; on several devices, each takes some."""
    x, y = blocks
    a, b = x.shape[1], y.shape[1]

    def pair(index: jax.Array) -> Estimate:
        columns = x[:, index // b][:, None], y[:, index % b][:, None]
        its_key = jax.random.fold_in(key, index)
        return of_blocks(its_key, columns, weights, fitting, sampling, None)

    return _estimates.of_pairs(pair, a, b, block_size=block_size, axis_name=axis_name)


def of_blocks(
    key: jax.Array,
    blocks: tuple[jax.Array, ...],
    weights: ArrayLike | None,
    fitting: Fitting,
    sampling: Sampling,
    block_size: int | None,
    axis_name: AxisName = None,
) -> Estimate:
    """Information of blocks ``x, y``, given those after them.

    On several devices, each refits some of the replicates.
    """
    arguments = key, blocks, weights, fitting, sampling
    options: dict[str, Any] = {
        "block_size": block_size,
        "num_varying": 2,
        "is_shuffled": len(blocks) == 2,
    }
    if axis_name is None:
        return _in_stages(*arguments, **options)
    found = _estimates.find_in_rows(*arguments, **options)
    return _estimates.only_group(_from_fit(found, blocks, sampling, axis_name))


def _from_fit(
    found: Found,
    blocks: tuple[jax.Array, ...],
    sampling: Sampling,
    axis_name: AxisName = None,
) -> Estimate:
    ends = np.cumsum([block.shape[1] for block in blocks]).tolist()
    x, y, *given = (
        tuple(range(end - block.shape[1], end))
        for end, block in zip(ends, blocks, strict=True)
    )

    def decide(fits: Fit) -> tuple[Any, jax.Array, jax.Array]:
        weights, frame = found.problem.weights, found.problem.frame
        num_rows = jnp.sum(weights > 0).astype(weights.dtype)
        share = jnp.minimum((ends[-1] + 2) / num_rows, 0.5)
        decided = share, frame.factor, frame.whitener
        return decided, fits.num_components, jnp.zeros_like(share)

    def prepare(fits: GaussianMixture, _: jax.Array, decided: Any) -> GaussianMixture:
        share, factor, whitener = decided
        is_few = jnp.exp(fits.log_weights[0]) < share
        trils = _apart(fits.scale_trils[0], is_few, ends, factor, whitener)
        return fits._replace(scale_trils=trils[None])

    def functional(
        mixtures: GaussianMixture,
        _: jax.Array,
        numbers: jax.Array,
        nodes: Nodes,
        __: Frame,
    ) -> jax.Array:
        only = jax.tree.map(lambda leaf: leaf[0], mixtures)
        return _integrals.information(only, x, y, sum(given, ()), nodes, numbers[0])

    def pointwise(
        mixture: GaussianMixture, points: jax.Array, number: jax.Array
    ) -> jax.Array:
        return _integrals.pointwise_information(
            mixture, points, x, y, sum(given, ()), number
        )

    return _estimates.estimate(
        found,
        functional,
        sampling,
        dim=ends[-1],
        sharing=Sharing(prepare, decide),
        pointwise=pointwise,
        axis_name=axis_name,
    )


_in_stages = _estimates.of_rows(_from_fit)


def _apart(
    scale_trils: jax.Array,
    is_few: jax.Array,
    ends: list[int],
    factor: jax.Array,
    whitener: jax.Array,
) -> jax.Array:
    """Factors ``(k, d, d)`` of components of few rows, with independent blocks.

    So few rows do not tell how blocks depend on each other: they would seem to by as
    much as the regularisation lets them. ``factor`` leads from the frame, where the
    fits are, to columns, and ``whitener`` back.
    """
    identity = jnp.eye(ends[-1], dtype=factor.dtype)
    rows = linalg.product(jnp.broadcast_to(factor, scale_trils.shape), scale_trils)
    # The others may be anything: these stand for them.
    rows = jnp.where(is_few[:, None, None], rows, identity[None])
    blocks = jnp.zeros_like(rows)
    for first, end in zip([0, *ends], ends, strict=False):
        own = linalg.factor_of_rows(rows[:, first:end])
        blocks = blocks.at[:, first:end, first:end].set(own)
    apart = linalg.product(jnp.broadcast_to(whitener, blocks.shape), blocks)
    return jnp.where(is_few[:, None, None], apart, scale_trils)
