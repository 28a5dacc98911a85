"""Clusters of channels that carry the same information, by OPTICS."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.fingerprint._types import ChannelClusters, PairwiseComparison

# Spaces that share no information would be infinitely far apart.
_SMALLEST_NMI = 1e-4


@compiled.jit(static_argnames=("measure",))
def channel_distances(
    comparison: PairwiseComparison, *, measure: str = "vi"
) -> jax.Array:
    r"""Distances between spaces, for clustering, from their pairwise comparison.

    .. math::
        d_\text{vi} = \max(\mathrm{VI}, 0), \qquad
        d_\text{nmi} = \max(-\log \max(\mathrm{NMI}, 10^{-4}), 0) .

    Rounding may leave VI slightly negative and NMI may exceed 1; clusterings need
    distances that are not negative. Differentiable where nothing is clipped.
    Costs :math:`O(m^2)`.

    Args:
        comparison: Comparison of all pairs, of which ``vi`` or ``nmi`` is used. Shape
            ``(m, m)``.
        measure: ``"vi"`` or ``"nmi"``. Static.

    Returns:
        Distances, non-negative; VI in nats. Shape ``(m, m)``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> overlaps = jnp.stack([jnp.eye(4), jnp.ones((4, 4))])
        >>> comparison = fingerprint.pairwise(overlaps)
        >>> print(fingerprint.channel_distances(comparison))  # log(4) apart
        [[0.     1.3863]
         [1.3863 0.    ]]
    """
    checks.one_of("measure", measure, ("vi", "nmi"))
    if measure == "vi":
        return jnp.maximum(checks.as_float("vi", comparison.vi, "(m, m)"), 0)
    nmi = checks.as_float("nmi", comparison.nmi, "(m, m)")
    return jnp.maximum(-jnp.log(jnp.maximum(nmi, _SMALLEST_NMI)), 0)


def cluster_channels(distances: ArrayLike, *, min_samples: int) -> ChannelClusters:
    """Cluster channels that carry the same information, with OPTICS.

    The clusters are the information fragments that many models of an ensemble learn.
    Runs on the host, in NumPy and scikit-learn, so it is neither compiled nor
    differentiable. Costs O(m^2).

    Args:
        distances: Distances of channels, symmetric, non-negative. Shape ``(m, m)``.
        min_samples: How many channels make a dense region, between 2 and ``m``.
            Fragments with fewer copies are noise, so tie it to the number of models: a
            fragment that every model learns has that many copies.

    Returns:
        Order of the channels, reachability, clusters, and a representative of each
        cluster, as NumPy arrays.

    Raises:
        ImportError: If scikit-learn is missing: ``pip install "jaxinfo[cluster]"``.
        ValueError: If a distance is negative or not finite, or ``min_samples`` is above
            ``m``.

    References:
        Ankerst et al., `OPTICS: ordering points to identify the clustering structure
        <https://doi.org/10.1145/304181.304187>`_, 1999, as implemented in scikit-learn.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import fingerprint
        >>> x = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2])
        >>> distances = np.abs(x[:, None] - x)
        >>> found = fingerprint.cluster_channels(distances, min_samples=2)
        >>> print(found.labels, found.representatives)
        [0 0 0 1 1 1] [1 4]
    """
    try:
        from sklearn.cluster import OPTICS
    except ImportError as error:
        raise ImportError(
            "fingerprint.cluster_channels needs scikit-learn: "
            'pip install "jaxinfo[cluster]".'
        ) from error
    matrix = checks.as_host_float("distances", distances, "(m, m)")
    checks.at_least("min_samples", min_samples, 2)
    if min_samples > len(matrix):
        raise ValueError(
            f"Expected `min_samples` to be at most the number of channels, "
            f"{len(matrix)}, got {min_samples}."
        )
    if not np.all(np.isfinite(matrix)):
        raise ValueError("Expected `distances` to be finite, got NaN or infinity.")
    if np.any(matrix < 0):
        raise ValueError(
            f"Expected `distances` not to be negative, got {matrix.min()}; "
            "see channel_distances."
        )
    # Channels that coincide are reached at distance zero, by whose ratios
    # scikit-learn divides.
    with np.errstate(divide="ignore", invalid="ignore"):
        optics = OPTICS(min_samples=min_samples, metric="precomputed").fit(matrix)
    members = [
        np.flatnonzero(optics.labels_ == label)
        for label in range(optics.labels_.max() + 1)
    ]
    representatives = [
        group[np.argmin(matrix[np.ix_(group, group)].sum(axis=1))] for group in members
    ]
    return ChannelClusters(
        ordering=optics.ordering_,
        reachability=optics.reachability_,
        labels=optics.labels_,
        representatives=np.asarray(representatives, np.intp),
    )
