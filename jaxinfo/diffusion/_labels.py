"""Labels of scalars and of clouds, for information with them."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.diffusion import _relatives


@compiled.jit(static_argnames=("num_bins",))
def equal_width_labels(values: ArrayLike, *, num_bins: int = 10) -> jax.Array:
    r"""Labels of a scalar by bins of equal width between its least and largest value.

    .. math::
        \min(\lfloor b (v_i - \min v) / (\max v - \min v) \rfloor, b - 1)

    Not differentiable: labels are integers. Costs :math:`O(n)` time.

    Args:
        values: A scalar for each sample. Shape ``(n,)``.
        num_bins: Number of bins :math:`b`. Static.

    Returns:
        Labels from 0 to ``num_bins - 1``; zeros for a constant, -1 for all if a value
        is not finite, which makes an information with them NaN. Integers. Shape
        ``(n,)``.

    Raises:
        TypeError: If ``values`` is complex or not an array, or ``num_bins`` not an int.
        ValueError: If ``values`` is not one-dimensional, or ``num_bins`` below 1.

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
    labels = _relatives.bins(array[:, None], num_bins)[:, 0]
    return jnp.where(jnp.all(jnp.isfinite(array)), labels, -1)


def cluster_labels(x: ArrayLike, *, num_clusters: int = 10) -> npt.NDArray[np.intp]:
    """Labels of a cloud by spectral clustering of its nearest neighbours.

    On the host, by scikit-learn (extra ``cluster``): not compiled, not differentiable.
    Costs about :math:`O(n^2 d)` time.

    Args:
        x: Samples. Shape ``(n, d)``.
        num_clusters: Number of clusters, at most n.

    Returns:
        Labels from 0 to ``num_clusters - 1``. NumPy integers. Shape ``(n,)``.

    Raises:
        ImportError: If scikit-learn is not installed.
        TypeError: If ``x`` is complex or not an array.
        ValueError: If ``x`` is not two-dimensional or not finite, or ``num_clusters``
            below 1 or above n.

    References:
        Damle, Minden and Ying, `Simple, direct and efficient multi-way spectral
        clustering <https://arxiv.org/abs/1607.08251>`_, 2019, for how clusters are cut.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import diffusion
        >>> x = np.arange(24.0)[:, None] + 1000.0 * (np.arange(24)[:, None] > 11)
        >>> labels = diffusion.cluster_labels(x, num_clusters=2)
        >>> print(np.bincount(labels))
        [12 12]
    """
    array = np.asarray(checks.as_float("x", x, "(n, d)"))
    checks.at_least("num_clusters", num_clusters, 1)
    if num_clusters > len(array):
        raise ValueError(
            f"Expected `num_clusters` to be at most the {len(array)} samples, got "
            f"{num_clusters}."
        )
    if not np.all(np.isfinite(array)):
        raise ValueError("Expected `x` to be finite.")
    try:
        from sklearn.cluster import SpectralClustering
    except ImportError as error:
        raise ImportError(
            "diffusion.cluster_labels needs scikit-learn: "
            'pip install "jaxinfo[cluster]".'
        ) from error
    import warnings

    clustering = SpectralClustering(
        num_clusters,
        affinity="nearest_neighbors",
        n_neighbors=min(10, len(array)),
        assign_labels="cluster_qr",
        random_state=0,
    )
    with warnings.catch_warnings():
        # Clusters far apart make a graph of several parts, which is no fault.
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        labels: npt.NDArray[np.intp] = clustering.fit(array).labels_
    return labels
