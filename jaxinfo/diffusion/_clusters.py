"""Labels of a cloud by its clusters, for information with them."""

import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo._numerics import checks


def cluster_labels(x: ArrayLike, *, num_clusters: int = 10) -> npt.NDArray[np.intp]:
    """Turn a point cloud into labels, by spectral clustering of its neighbour graph.

    Runs on the host, in scikit-learn (extra ``cluster``): not compiled, not
    differentiable. Costs about :math:`O(n^2 d)` time.

    Args:
        x: Samples. Shape ``(n, d)``.
        num_clusters: Number of clusters, at most n.

    Returns:
        Labels from 0 to ``num_clusters - 1``. NumPy integers. Shape ``(n,)``.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If ``x`` is not finite, or ``num_clusters`` is above n.

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
    array = checks.as_host_float("x", x, "(n, d)")
    checks.at_least("num_clusters", num_clusters, 1)
    if num_clusters > len(array):
        raise ValueError(
            f"Expected `num_clusters` to be at most the number of samples, "
            f"{len(array)}, got {num_clusters}."
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
