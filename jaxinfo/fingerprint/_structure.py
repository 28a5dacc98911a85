"""The structure of an ensemble: distances, clusters, means, fingerprints."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, resampling
from jaxinfo.fingerprint._types import EnsembleMean, PairwiseComparison, Structure

# Spaces that share no information would be infinitely far apart.
_SMALLEST_NMI = 1e-4


@compiled.jit(static_argnames=("measure",))
def channel_distances(
    comparison: PairwiseComparison, *, measure: str = "vi"
) -> jax.Array:
    r"""Distances of spaces for clustering, from their comparison.

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

    Raises:
        TypeError: If the field of ``comparison`` is complex or not an array.
        ValueError: If ``measure`` is unknown, or the field not square.

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


def structure(distances: ArrayLike, *, min_samples: int) -> Structure:
    """Find groups of channels that carry the same information, with OPTICS.

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
        TypeError: If ``distances`` is complex or not an array, or ``min_samples`` not
            an int.
        ValueError: If ``distances`` are not square, finite and non-negative, or
            ``min_samples`` is below 2 or above ``m``.

    References:
        Ankerst et al., `OPTICS: ordering points to identify the clustering structure
        <https://doi.org/10.1145/304181.304187>`_, 1999, as scikit-learn has it.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import fingerprint
        >>> x = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2])
        >>> found = fingerprint.structure(np.abs(x[:, None] - x), min_samples=2)
        >>> print(found.labels, found.representatives)
        [0 0 0 1 1 1] [1 4]
    """
    try:
        from sklearn.cluster import OPTICS
    except ImportError as error:
        raise ImportError(
            'fingerprint.structure needs scikit-learn: pip install "jaxinfo[cluster]".'
        ) from error
    checked = checks.as_float("distances", distances, "(m, m)")
    # From the argument itself, as jax would round float64 without x64.
    matrix = np.asarray(distances, np.float64)
    checks.at_least("min_samples", min_samples, 2)
    if min_samples > checked.shape[0]:
        raise ValueError(
            f"Expected `min_samples` to be at most the number of channels, "
            f"{checked.shape[0]}, got {min_samples}."
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
    return Structure(
        ordering=optics.ordering_,
        reachability=optics.reachability_,
        labels=optics.labels_,
        representatives=np.asarray(representatives, np.intp),
    )


@compiled.jit(static_argnames=("num_data", "num_points"))
def sample_fingerprint(key: ArrayLike, *, num_data: int, num_points: int) -> jax.Array:
    r"""Draw the points of a fingerprint, without replacement.

    A point drawn twice would look like two that every space confuses, :math:`B_{ij} =
    1`. Not differentiable. Costs :math:`O(N \log N)` for N data points.

    Args:
        key: Random key.
        num_data: Size of the data set. Static.
        num_points: Number of points, between 1 and ``num_data``. Static.

    Returns:
        Distinct indices in random order. Shape ``(num_points,)``, integer.

    Raises:
        TypeError: If ``key`` is not a typed key, or a number not an int.
        ValueError: If ``num_points`` is below 1 or above ``num_data``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 3.

    Example:
        >>> import jax
        >>> from jaxinfo import fingerprint
        >>> key = jax.random.key(0)
        >>> fingerprint.sample_fingerprint(key, num_data=60_000, num_points=300).shape
        (300,)
    """
    key = checks.as_key("key", key)
    checks.at_least("num_points", num_points, 1)
    checks.at_least("num_data", num_data, 1)
    if num_points > num_data:
        raise ValueError(
            f"Expected `num_points` to be at most `num_data`, {num_data}, got "
            f"{num_points}."
        )
    return resampling.subset(key, num_data, num_points)


@compiled.jit
def ensemble_mean(values: ArrayLike, standard_errors: ArrayLike) -> EnsembleMean:
    r"""Mean of estimates weighted by their precision.

    .. math::
        \bar v = \frac{\sum_i v_i / e_i^2}{\sum_i 1 / e_i^2}, \qquad
        \bar e = \left( \sum_i 1 / e_i^2 \right)^{-1/2} .

    For the consistency of an ensemble over its pairs. The error is that of independent
    estimates; it does not contain the spread of the values. Values with an error of
    zero are exact and outweigh all others.

    Differentiable in both arguments. Costs :math:`O(m)`.

    Args:
        values: Estimates. Shape ``(m,)``.
        standard_errors: One standard error of each, non-negative. Shape ``(m,)``.

    Returns:
        Weighted mean and its standard error, in the unit of the values; NaN for a
        negative error.

    Raises:
        TypeError: If an argument is complex or not an array.
        ValueError: If the arguments are not one-dimensional, empty, or differ in
            length.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> values, errors = jnp.array([0.8, 0.6]), jnp.array([0.01, 0.02])
        >>> mean, standard_error = fingerprint.ensemble_mean(values, errors)
        >>> print(f"{mean:.2f} +- {standard_error:.3f}")
        0.76 +- 0.009
    """
    values, errors = checks.as_floats(
        "(m,)", values=values, standard_errors=standard_errors
    )
    errors = jnp.where(errors < 0, jnp.nan, errors)
    # In units of the smallest error, so that no square leaves the range. The result
    # does not depend on the unit, so the unit has no gradient.
    smallest = jax.lax.stop_gradient(jnp.min(errors))
    is_exact = errors == 0
    precisions = jnp.where(is_exact, 1, smallest / jnp.where(is_exact, 1, errors))
    weights = precisions**2
    total = jnp.sum(weights)
    return EnsembleMean(
        mean=jnp.sum(weights * values) / total,
        standard_error=smallest / jnp.sqrt(total),
    )
