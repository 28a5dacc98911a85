"""Scores of disentanglement from a matrix of what latents tell about factors."""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, logspace
from jaxinfo.disentanglement._types import Dci, InfoMC


@compiled.jit
def mutual_information_gap(
    information: ArrayLike, factor_entropies: ArrayLike
) -> jax.Array:
    r"""Mutual information gap (MIG): whether one latent alone captures each factor.

    With :math:`I_k^{(1)}` and :math:`I_k^{(2)}` the largest and second largest
    information over the latents,

    .. math::
        \mathrm{MIG} = \frac1K \sum_k \frac{I_k^{(1)} - I_k^{(2)}}{H(y_k)} .

    Differentiable; where entries tie, its gradient is between those on either side.
    Costs :math:`O(d k)`.

    Args:
        information: Information of each latent and each factor, in nats, non-negative,
            by any estimate. Shape ``(d, k)``.
        factor_entropies: Entropies of the factors, in nats. Shape ``(k,)``.

    Returns:
        Gap, dimensionless, between 0 and 1 where information is at most the entropy. A
        factor of entropy 0 counts as 0; with a single latent, the second largest is 0.
        NaN if any entry is NaN. Shape ``()``.

    References:
        Chen et al., `Isolating sources of disentanglement in variational autoencoders
        <https://arxiv.org/abs/1802.04942>`_, 2018, equation 6. Divided by the entropy
        of the factor, as there, not of the code.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> information = jnp.array([[0.6, 0.0], [0.3, 0.5]])
        >>> entropies = jnp.array([0.6, 0.5])
        >>> print(disentanglement.mutual_information_gap(information, entropies))
        0.75
    """
    matrix, entropies = _read(information, factor_entropies)
    first, second, _ = _two_largest(matrix, axis=0)
    return jnp.mean(guarded.quotient(first - second, entropies))


@compiled.jit
def mutual_information_gap_sup(
    information: ArrayLike, factor_entropies: ArrayLike
) -> jax.Array:
    r"""MIG-sup: whether each latent captures one factor alone.

    With :math:`n_{lk} = I_{lk} / H(y_k)`, and :math:`n_l^{(1)}`, :math:`n_l^{(2)}` the
    largest and second largest of a latent over the factors,

    .. math::
        \frac1d \sum_l \left(n_l^{(1)} - n_l^{(2)}\right) .

    Uninformative latents count as 0, so unused ones lower it.

    Differentiable; where entries tie, its gradient is between those on either side.
    Costs :math:`O(d k)`.

    Args:
        information: Information of each latent and each factor, in nats, non-negative,
            by any estimate. Shape ``(d, k)``.
        factor_entropies: Entropies of the factors, in nats. Shape ``(k,)``.

    Returns:
        Gap, dimensionless, between 0 and 1 where information is at most the entropy.
        The share of a factor of entropy 0 is 0; with a single factor, the second
        largest is 0. NaN if any entry is NaN. Shape ``()``.

    References:
        Li et al., `Progressive learning and disentanglement of hierarchical
        representations <https://arxiv.org/abs/2002.10549>`_, 2020.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> information = jnp.array([[0.6, 0.0], [0.3, 0.5]])
        >>> entropies = jnp.array([0.6, 0.5])
        >>> print(disentanglement.mutual_information_gap_sup(information, entropies))
        0.75
    """
    matrix, entropies = _read(information, factor_entropies)
    first, second, _ = _two_largest(_shares(matrix, entropies), axis=1)
    return jnp.mean(first - second)


@compiled.jit
def dcimig(information: ArrayLike, factor_entropies: ArrayLike) -> jax.Array:
    r"""DCIMIG: the gap of each latent between factors, credited to its best factor.

    With :math:`g_l` the largest minus the second largest information of a latent over
    the factors, and :math:`k_l` the factor of the largest,

    .. math::
        \mathrm{DCIMIG} = \frac{\sum_k \max_{l : k_l = k} g_l}{\sum_k H(y_k)} .

    Differentiable; where entries tie, its gradient is between those on either side.
    Costs :math:`O(d k)`.

    Args:
        information: Information of each latent and each factor, in nats, non-negative,
            by any estimate. Shape ``(d, k)``.
        factor_entropies: Entropies of the factors, in nats. Shape ``(k,)``.

    Returns:
        Score, dimensionless, between 0 and 1 where information is at most the entropy.
        A factor that is not the best one of any latent adds 0; with a single factor,
        the second largest is 0; 0 if all entropies are 0. NaN if any entry is NaN.
        Shape ``()``.

    References:
        Sepliarskaia, Kiseleva and de Rijke, `How to not measure disentanglement
        <https://arxiv.org/abs/1910.05587>`_, 2019.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> information = jnp.array([[0.6, 0.1], [0.2, 0.5]])
        >>> print(disentanglement.dcimig(information, jnp.array([0.6, 0.6])))
        0.6667
    """
    matrix, entropies = _read(information, factor_entropies)
    first, second, best = _two_largest(matrix, axis=1)
    gaps = jnp.where(best, (first - second)[:, None], 0)
    return guarded.quotient(jnp.sum(jnp.max(gaps, axis=0)), jnp.sum(entropies))


@compiled.jit(static_argnames=("num_bins",))
def jemmig(
    information: ArrayLike,
    latent_entropies: ArrayLike,
    factor_entropies: ArrayLike,
    *,
    num_bins: int,
) -> jax.Array:
    r"""Normalised JEMMIG: the gap of each factor, minus its latent's other information.

    With :math:`z^*` the latent with the most information about a factor, the largest
    and second largest information as in `mutual_information_gap`, and b bins,

    .. math::
        \frac1K \sum_k 1 - \frac{H(z^*) + H(y_k) - 2 I_k^{(1)} + I_k^{(2)}}
        {H(y_k) + \log b} .

    Differentiable; where entries tie, its gradient is between those on either side.
    Costs :math:`O(d k)`.

    Args:
        information: Information of each latent and each factor, in nats, non-negative,
            as `binned_information` and `soft_binned_information` give it. Shape ``(d,
            k)``.
        latent_entropies: Entropies of the latents, cut into the same bins, in nats.
            Shape ``(d,)``.
        factor_entropies: Entropies of the factors, in nats. Shape ``(k,)``.
        num_bins: Number b of these bins, at least 2. Static.

    Returns:
        Score, dimensionless, between 0 and 1 for information of tables. An
        uninformative latent scores higher the less entropy it has: codes that are all
        constant score ``log(num_bins) / (H(y) + log(num_bins))``, not 0. A factor of
        entropy 0 counts as 0; with a single latent, the second largest is 0. NaN if any
        entry is NaN, as the latent entropies of `neighbor_information` are. Shape
        ``()``.

    References:
        Do and Tran, `Theory and evaluation metrics for learning disentangled
        representations <https://arxiv.org/abs/1908.09961>`_, 2020.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> perfect = jnp.log(2.0) * jnp.eye(2)
        >>> entropies = jnp.log(2.0) * jnp.ones(2)
        >>> print(disentanglement.jemmig(perfect, entropies, entropies, num_bins=2))
        1.0
    """
    matrix, entropies = _read(information, factor_entropies)
    latents = checks.as_float(
        "latent_entropies", latent_entropies, "(d,)", d=matrix.shape[0]
    )
    checks.at_least("num_bins", num_bins, 2)
    matrix, entropies, latents = checks.promote(matrix, entropies, latents)
    first, second, best = _two_largest(matrix, axis=0)
    of_best = jnp.sum(jnp.where(best, latents[:, None], 0), axis=0)
    # Not to pass over an entropy that is not known.
    of_best = of_best + 0 * jnp.sum(latents)
    rest = of_best + entropies - 2 * first + second
    is_constant = entropies == 0
    values = 1 - rest / (entropies + math.log(num_bins))
    return jnp.mean(jnp.where(is_constant, 0 * values, values))


@compiled.jit
def modularity(information: ArrayLike) -> jax.Array:
    r"""Modularity: whether each latent captures one factor alone.

    .. math::
        \frac1d \sum_l 1 - \frac{\sum_k I_{lk}^2 - \max_k I_{lk}^2}
        {(K - 1) \max_k I_{lk}^2} .

    Noise does not score 0, as the bias of binned information is larger for factors of
    more classes: codes of pure noise score 0.66 with 2000 points, 20 bins and 3 to 8
    classes.

    Differentiable; where entries tie, its gradient is between those on either side.
    Costs :math:`O(d k)`.

    Args:
        information: Information of each latent and each of at least two factors, in
            nats, non-negative, by any estimate. Shape ``(d, k)``.

    Returns:
        Score, dimensionless, between 0 and 1. An entirely uninformative latent counts
        as 0. NaN if any entry is NaN. Shape ``()``.

    Raises:
        ValueError: If there is one factor.

    References:
        Ridgeway and Mozer, `Learning deep disentangled embeddings with the F-statistic
        loss <https://arxiv.org/abs/1802.05312>`_, 2018.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> print(disentanglement.modularity(jnp.array([[1.0, 0.0], [0.5, 1.0]])))
        0.875
    """
    matrix = checks.as_float("information", information, "(d, k)")
    _check_width("information", matrix, 1)
    # Neither squares nor their sums overflow, and none is subtracted again.
    matrix = _of_largest(matrix, axis=1)
    largest, _, best = _two_largest(matrix, axis=1)
    others = jnp.sum(jnp.where(best, 0, matrix) ** 2, axis=1)
    values = 1 - guarded.quotient(others, largest**2) / (matrix.shape[1] - 1)
    return jnp.mean(jnp.where(largest == 0, 0, values))


@compiled.jit
def dci(importance: ArrayLike) -> Dci:
    r"""Disentanglement and completeness (DCI) of a matrix of importances.

    With :math:`H` the entropy of a row or a column that is normalised to sum to one,

    .. math::
        D = \sum_l \rho_l \left(1 - \frac{H(R_{l \cdot})}{\log K}\right), \qquad
        C = \sum_k \gamma_k \left(1 - \frac{H(R_{\cdot k})}{\log d}\right),

    :math:`\rho_l` and :math:`\gamma_k` the shares of the total in a row and a column.
    Importances may be those of predictors trained elsewhere, or an information matrix.

    Differentiable; the derivative at an importance of zero, infinite in the limit, is
    finite. Costs :math:`O(d k)`.

    Args:
        importance: How much each of at least two latents matters to each of at least
            two factors, not negative, in any unit. Shape ``(d, k)``.

    Returns:
        Two scores, dimensionless, between 0 and 1; both 0 if all importances are 0.
        Rows and columns of zeros have no share. NaN if an entry is negative or not
        finite.

    Raises:
        ValueError: If there is one latent or one factor.

    References:
        Eastwood and Williams, `A framework for the quantitative evaluation of
        disentangled representations <https://openreview.net/forum?id=By-7dz-AZ>`_,
        2018, section 2. Without the small numbers that programs add inside logarithms.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> result = disentanglement.dci(jnp.array([[1.0, 0.0], [0.5, 0.5]]))
        >>> print(result.disentanglement, result.completeness)
        0.5 0.3113
    """
    matrix = checks.as_float("importance", importance, "(d, k)")
    _check_width("importance", matrix, 0)
    _check_width("importance", matrix, 1)
    matrix = _of_largest(jnp.where(matrix < 0, jnp.nan, matrix), axis=None)
    shares = guarded.quotient(matrix, jnp.sum(matrix))
    return Dci(
        disentanglement=_concentration(shares, axis=1),
        completeness=_concentration(shares, axis=0),
    )


@compiled.jit
def infomec(
    information: ArrayLike,
    factor_entropies: ArrayLike,
    *,
    active: ArrayLike | None = None,
) -> InfoMC:
    r"""Modularity and compactness of InfoMEC.

    With :math:`n_{lk} = I_{lk} / H(y_k)` on the A active latents,

    .. math::
        \mathrm{InfoM} = \frac{\frac1A \sum_l \frac{\max_k n_{lk}}{\sum_k n_{lk}} -
        \frac1K}{1 - \frac1K}, \qquad
        \mathrm{InfoC} = \frac{\frac1K \sum_k \frac{\max_l n_{lk}}{\sum_l n_{lk}} -
        \frac1A}{1 - \frac1A} .

    Latents that carry only noise lower both scores considerably, so specify which ones
    are in use by ``active``.

    Differentiable; where entries tie, its gradient is between those on either side.
    Costs :math:`O(d k)`.

    Args:
        information: Information of each of at least two latents and each of at least
            two factors, in nats, non-negative, by any estimate. Shape ``(d, k)``.
        factor_entropies: Entropies of the factors, in nats. Shape ``(k,)``.
        active: Which latents are in use; by default all. The information of the others
            may be NaN. Shape ``(d,)``, boolean.

    Returns:
        Two scores, dimensionless, between 0 and 1. An uninformative latent, and a
        factor that no latent is informative about, such as one of entropy 0, contribute
        0 to their mean, as evenly spread ones do. Compactness is NaN with one active
        latent, and both scores are NaN with none, or if an entry of active latents is
        NaN.

    Raises:
        ValueError: If there is one latent or one factor.

    References:
        Hsu et al., `Disentanglement via latent quantization
        <https://arxiv.org/abs/2305.18378>`_, 2023.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> information = jnp.array([[1.0, 0.0], [0.25, 0.75]])
        >>> result = disentanglement.infomec(information, jnp.ones(2))
        >>> print(result.modularity, result.compactness)
        0.75 0.8
    """
    matrix, entropies = _read(information, factor_entropies)
    _check_width("information", matrix, 0)
    _check_width("information", matrix, 1)
    dim = matrix.shape[0]
    if active is None:
        is_active = jnp.ones((dim,), bool)
    else:
        is_active = checks.as_mask("active", active, "(d,)", d=dim)
    shares = jnp.where(is_active[:, None], _shares(matrix, entropies), 0)
    number = jnp.sum(is_active).astype(matrix.dtype)
    least = jnp.where(number > 1, 1 / number, jnp.nan)
    of_latents = _dominance(shares, 1, jnp.asarray(1 / matrix.shape[1], matrix.dtype))
    return InfoMC(
        modularity=jnp.sum(of_latents) / number,
        compactness=jnp.mean(_dominance(shares, 0, least)),
    )


@compiled.jit
def attribute_predictability_gap(scores: ArrayLike) -> jax.Array:
    r"""Separated attribute predictability (SAP): the gap between the best two latents.

    With :math:`S_k^{(1)}` and :math:`S_k^{(2)}` the largest and second largest score
    over the latents,

    .. math::
        \mathrm{SAP} = \frac1K \sum_k \left(S_k^{(1)} - S_k^{(2)}\right) .

    Differentiable; where entries tie, its gradient is between those on either side.
    Costs :math:`O(d k)`.

    Args:
        scores: How well each latent alone predicts each factor: accuracies of
            classifiers, or `squared_correlations`. Not negative. Shape ``(d, k)``.

    Returns:
        Gap, in the units of the scores, not negative. With a single latent, the second
        largest is 0. NaN if any entry is NaN. Shape ``()``.

    References:
        Kumar, Sattigeri and Balakrishnan, `Variational inference of disentangled latent
        concepts from unlabeled observations <https://arxiv.org/abs/1711.00848>`_, 2018,
        section 3.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> accuracies = jnp.array([[0.9, 0.5], [0.5, 0.5]])
        >>> print(disentanglement.attribute_predictability_gap(accuracies))
        0.2
    """
    matrix = checks.as_float("scores", scores, "(d, k)")
    first, second, _ = _two_largest(matrix, axis=0)
    return jnp.mean(first - second)


def _read(
    information: ArrayLike, factor_entropies: ArrayLike
) -> tuple[jax.Array, jax.Array]:
    matrix = checks.as_float("information", information, "(d, k)")
    entropies = checks.as_float(
        "factor_entropies", factor_entropies, "(k,)", k=matrix.shape[1]
    )
    one, other = checks.promote(matrix, entropies)
    return one, other


def _check_width(name: str, matrix: jax.Array, axis: int) -> None:
    if matrix.shape[axis] < 2:
        kind = ("latents", "factors")[axis]
        raise ValueError(
            f"Expected `{name}` to have at least two {kind}, got shape {matrix.shape}."
        )


def _two_largest(
    matrix: jax.Array, axis: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Largest and second largest along an axis, and which entry is the largest.

    The first of those that tie. The second of one is zero. NaN is the largest.
    """
    place = jnp.expand_dims(jnp.argmax(matrix, axis=axis), axis)
    is_largest = jax.lax.broadcasted_iota(place.dtype, matrix.shape, axis) == place
    first = jnp.sum(jnp.where(is_largest, matrix, 0), axis=axis)
    if matrix.shape[axis] == 1:
        return first, jnp.zeros_like(first), is_largest
    return first, jnp.max(jnp.where(is_largest, -jnp.inf, matrix), axis), is_largest


def _of_largest(matrix: jax.Array, axis: int | None) -> jax.Array:
    """Rows, columns or all in units of their largest, which has no derivative.

    For what does not depend on the unit. The derivative of a quotient squares its
    divisor, which would underflow for tiny information, but not in this unit.
    """
    sizes = jnp.abs(jax.lax.stop_gradient(matrix))
    unit = jnp.max(sizes, axis=axis, keepdims=True)
    return guarded.quotient(matrix, jnp.broadcast_to(unit, matrix.shape))


def _shares(information: jax.Array, entropies: jax.Array) -> jax.Array:
    """Information in shares of the entropies of the factors."""
    return guarded.quotient(information, jnp.broadcast_to(entropies, information.shape))


def _concentration(shares: jax.Array, axis: int) -> jax.Array:
    """One less the relative entropy of each row or column, weighted by its share."""
    inside = _of_largest(shares, axis)
    total = jnp.sum(inside, axis=axis, keepdims=True)
    inside = guarded.quotient(inside, jnp.broadcast_to(total, inside.shape))
    entropies = -jnp.sum(logspace.xlogx(inside), axis=axis)
    most = math.log(shares.shape[axis])
    return jnp.sum(jnp.sum(shares, axis=axis) * (1 - entropies / most))


def _dominance(shares: jax.Array, axis: int, least: jax.Array) -> jax.Array:
    """How far the largest is above an even spread, from 0 to 1; 0 for zeros."""
    shares = _of_largest(shares, axis)
    total = jnp.sum(shares, axis=axis)
    share = guarded.quotient(jnp.max(shares, axis=axis), total)
    values = (share - least) / (1 - least)
    return jnp.where(total == 0, 0 * least, values)
