"""Mutual information of all pairs of columns."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import _arguments, _information, _lanes, _options
from jaxinfo.gmm._types import MutualInformation


@compiled.jit(static_argnames=_options.STATIC)
def mutual_information_matrix(
    key: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    max_components: int = 16,
    criterion: str = "validation",
    num_inits: int = 4,
    num_folds: int = 5,
    patience: int = 1,
    min_gain: ArrayLike = 1e-4,
    tol: ArrayLike = 1e-5,
    max_steps: int = 300,
    regularization: ArrayLike = 1e-6,
    weights: ArrayLike | None = None,
    num_bootstrap: int = 50,
    resampling: str = "dirichlet",
    num_nodes: int = 1024,
    num_shifts: int = 8,
    block_size: int | None = None,
) -> MutualInformation:
    r"""Mutual information of every column of one matrix with every column of another.

    Entry :math:`(i, j)` is :math:`I(X_i;Y_j)` as `mutual_information` gives it for the
    two columns and the key ``jax.random.fold_in(key, i * b + j)``.

    Pairs run one after the other, so that a hard pair costs its own time only, or
    ``block_size`` side by side, until the slowest ends. Differentiable as
    `mutual_information` is. Costs :math:`a b` times as much.

    Args:
        key: Random key.
        x: Samples, for example latents. Shape ``(n, a)``.
        y: Samples, for example factors. Shape ``(n, b)``.
        max_components: Where the search ends at the latest. Static.
        criterion: ``"validation"``, ``"aic"`` or ``"bic"``, see `select`. Static.
        num_inits: Starts of each fit. Static.
        num_folds: Folds of the validation, at least 2. Static.
        patience: Successive failures that end the search. Static.
        min_gain: Gain of a score, in nats, that is no failure.
        tol: Gain of a step of EM, in nats, below which a fit stops.
        max_steps: Most steps of a fit. Static.
        regularization: Share of the data's covariance that is added to each
            component's.
        weights: Weights of the samples, not negative. Shape ``(n,)``.
        num_bootstrap: Replicates; with 0, ``mean`` is ``value`` and ``std`` is
            ``jackknife_std``. Static.
        resampling: Weights of replicates: ``"dirichlet"``, or ``"counts"`` of draws
            with replacement. Static.
        num_nodes: Quasi Monte Carlo nodes of a component, a power of two; unused up to
            two dimensions. Static.
        num_shifts: Independent shifts of these nodes, at least 2. Static.
        block_size: Pairs that run side by side; ``None`` takes one after the other.
            Static.

    Returns:
        Estimates in nats, every field with two leading axes ``(a, b)``. A constant
        column has zeros, a pair without a density NaN, and others are not touched.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, an option is unknown, a count
            is too small, ``num_bootstrap`` is 1, ``num_nodes`` no power of two, or
            ``num_folds`` above n.

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
        ...     jax.random.key(1), x, y, max_components=1
        ... )
        >>> print(*result.mean[0], *result.mean[1])
        0.798 0.279 -0.001 0.297
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, a)")
    y = checks.as_float("y", y, "(n, b)", n=x.shape[0])
    x, y = checks.promote(x, y)
    settings, sampling = _options.read(
        x,
        max_components=max_components,
        criterion=criterion,
        num_inits=num_inits,
        num_folds=num_folds,
        patience=patience,
        min_gain=min_gain,
        tol=tol,
        max_steps=max_steps,
        regularization=regularization,
        num_bootstrap=num_bootstrap,
        resampling=resampling,
        num_nodes=num_nodes,
        num_shifts=num_shifts,
        block_size=None,
    )
    checks.block_size(block_size)
    weights_of_rows = _arguments.weights(weights, x)
    a, b = x.shape[1], y.shape[1]

    def pair(index: jax.Array) -> MutualInformation:
        blocks = (x[:, index // b][:, None], y[:, index % b][:, None])
        return _information.of_blocks(
            jax.random.fold_in(key, index), blocks, weights_of_rows, settings, sampling
        )

    flat = _lanes.in_turn(pair, jnp.arange(a * b), block_size=block_size)
    matrix: MutualInformation = jax.tree.map(
        lambda leaf: leaf.reshape(a, b, *leaf.shape[1:]), flat
    )
    return matrix
