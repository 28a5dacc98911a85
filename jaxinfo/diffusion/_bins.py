"""Entropy, information and labels of samples cut into bins of equal width."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo import measures
from jaxinfo._numerics import checks, compiled, distinct


@compiled.jit(static_argnames=("num_bins",))
def binned_entropy(
    x: ArrayLike, *, num_bins: int = 2, mask: ArrayLike | None = None
) -> jax.Array:
    r"""Shannon entropy of samples in a grid of equal-width bins (CSE).

    Each column is cut into ``num_bins`` bins of equal width between its own least and
    largest entry, the last one closed; a constant column is one bin. Saturates at
    ``log(n)`` as soon as every sample has a cell of its own, for which a few columns
    suffice.

    Not differentiable: its gradient is zero. Costs :math:`O(n d + n \log n)` time and
    :math:`O(n d)` memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        num_bins: Number of bins per column. Static.
        mask: Which points to count, booleans, for padded batches; the others may hold
            anything, and n is the number of those counted.
            Shape ``(n,)``.

    Returns:
        Entropy in nats, between 0 and ``log(n)``. NaN if no point is counted or ``x``
        is not finite. Shape ``()``.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, section III: classic Shannon entropy.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.array([[0.0], [0.1], [0.9], [1.0]])
        >>> print(diffusion.binned_entropy(x))  # log(2)
        0.6931
    """
    array, counted = _read(x, mask)
    checks.at_least("num_bins", num_bins, 1)
    cells = distinct.rows(_bins(array, num_bins))
    counts = jnp.zeros_like(counted).at[cells.labels].add(counted)
    entropy = measures.entropy(counts / jnp.sum(counted))
    is_valid = cells.is_exact & jnp.all(jnp.isfinite(array))
    return jnp.where(is_valid, entropy, jnp.nan)


@compiled.jit(static_argnames=("num_classes", "num_bins"))
def binned_mutual_information(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    num_classes: int,
    num_bins: int = 2,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Shannon mutual information of labels and points in a grid of equal bins (CSMI).

    With the cells :math:`Q` of `binned_entropy`, the same for all classes,

    .. math::
        I(Q; Y) = H(Q) + H(Y) - H(Q, Y) .

    Equals the entropy of the labels as soon as every sample has a cell of its own,
    for which a few columns suffice. Not differentiable: its gradient is zero. Costs
    :math:`O(n d + n \log n)` time and :math:`O(n (d + c))` memory.

    Args:
        x: Samples of a representation. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes. Static.
        num_bins: Number of bins per column. Static.
        mask: Which points to count, booleans, for padded batches; the others may have
            any value and label. Shape ``(n,)``.

    Returns:
        Information in nats, between 0 and the entropy of the labels. NaN if no point
        is counted, ``x`` is not finite or a label is out of range. Shape ``()``.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024; its package bins each class anew, which can give negative values.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jnp.array([[0.0], [0.1], [0.9], [1.0]])
        >>> print(
        ...     diffusion.binned_mutual_information(
        ...         x, jnp.array([0, 0, 1, 1]), num_classes=2
        ...     )
        ... )  # log(2)
        0.6931
    """
    array, counted = _read(x, mask)
    labels = checks.as_labels("labels", labels, "(n,)", n=array.shape[0])
    checks.at_least("num_classes", num_classes, 1)
    checks.at_least("num_bins", num_bins, 1)
    counts = jnp.zeros((array.shape[0], num_classes), array.dtype)
    cells = distinct.rows(_bins(array, num_bins))
    counts = counts.at[cells.labels, labels].add(counted)
    information = measures.mutual_information(counts / jnp.sum(counted))
    is_valid = jnp.all(((labels >= 0) & (labels < num_classes)) | (counted == 0))
    is_valid = is_valid & cells.is_exact & jnp.all(jnp.isfinite(array))
    return jnp.where(is_valid, information, jnp.nan)


@compiled.jit(static_argnames=("num_bins",))
def equal_width_labels(values: ArrayLike, *, num_bins: int = 10) -> jax.Array:
    r"""Turn a scalar into labels, by bins of equal width over its range.

    .. math::
        \min(\lfloor b (v_i - \min v) / (\max v - \min v) \rfloor, b - 1)

    Not differentiable: labels are integers. Costs :math:`O(n)` time.

    Args:
        values: One scalar for each sample. Shape ``(n,)``.
        num_bins: Number of bins :math:`b`. Static.

    Returns:
        Labels from 0 to ``num_bins - 1``; zeros for a constant, -1 for all if a value
        is not finite, which makes any information about these labels NaN. Integers.
        Shape ``(n,)``.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, whose package bins continuous references so.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> values = jnp.array([0.0, 0.4, 0.6, 1.0])
        >>> print(diffusion.equal_width_labels(values, num_bins=2))
        [0 0 1 1]
    """
    array = checks.as_float("values", values, "(n,)")
    checks.at_least("num_bins", num_bins, 1)
    labels = _bins(array[:, None], num_bins)[:, 0]
    return jnp.where(jnp.all(jnp.isfinite(array)), labels, -1)


def _read(x: ArrayLike, mask: ArrayLike | None) -> tuple[jax.Array, jax.Array]:
    """Check points, those left out moved to the first other; one for those counted."""
    array = jax.lax.stop_gradient(checks.as_float("x", x, "(n, d)"))
    n = array.shape[0]
    if mask is None:
        return array, jnp.ones((n,), array.dtype)
    is_counted = checks.as_mask("mask", mask, "(n,)", n=n)
    first = array[jnp.argmax(is_counted)]
    array = jnp.where(is_counted[:, None], array, first[None])
    return array, is_counted.astype(array.dtype)


def _bins(x: jax.Array, num_bins: int) -> jax.Array:
    """Bin of each entry between the least and the largest of its column."""
    low, high = jnp.min(x, axis=0, keepdims=True), jnp.max(x, axis=0, keepdims=True)
    # Halved, as the range of finite numbers may not be finite.
    width = high / 2 - low / 2
    share = (x / 2 - low / 2) / jnp.where(width == 0, 1, width)
    return jnp.clip(jnp.floor(share * num_bins), 0, num_bins - 1).astype(jnp.int32)
