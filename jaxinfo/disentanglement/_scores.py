"""All scores of disentanglement of one representation."""

from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.disentanglement import _aggregators, _matrices
from jaxinfo.disentanglement._types import Scores


@compiled.jit(static_argnames=("num_classes", "num_bins"))
def scores(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    num_bins: int = 20,
) -> Scores:
    r"""Disentanglement scores of codes whose factors of variation are known.

    With I the `binned_information` of latents and factors, and :math:`\rho^2` their
    `squared_correlations`, all aggregates of I, and the gap

    .. math::
        \frac1K \sum_k \left(\rho^{2\,(1)}_k - \rho^{2\,(2)}_k\right) .

    The bias of binned information, about :math:`(b - 1)(v - 1) / 2n` for b bins and v
    classes, affects all scores but that one. `infomec` is computed on the latents that
    vary.

    Only ``attribute_predictability_gap`` is differentiable in the codes: the gradient
    of all others is zero. To obtain gradients of these, aggregate
    `soft_binned_information`. Costs are those of `binned_information`.

    Args:
        codes: Codes of the points, one column per latent, at least two. Shape ``(n,
            d)``.
        factors: Factors of variation that the points were made from, at least two,
            integers from 0 to ``num_classes[k] - 1``, or booleans. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        num_bins: Number of bins, at least 2. Static.

    Returns:
        Ten scores, dimensionless, between 0 and 1. Constant columns of codes are
        uninformative, which only `jemmig` does not score as 0; factors with one value
        count as 0. ``infomec_compactness`` is NaN if only one latent varies, and both
        scores of `infomec` are NaN if none does. All are NaN if a code is not finite or
        a label is out of range (except the score from correlations, which accept any
        integers).

    Raises:
        ValueError: If there is one latent or one factor, or ``num_classes`` does not
            hold one positive number per factor.

    References:
        Those of the aggregates. The choice of bins is that of Locatello et al.,
        `Challenging common assumptions in the unsupervised learning of disentangled
        representations <https://arxiv.org/abs/1811.12359>`_, 2019.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> factors = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> result = disentanglement.scores(
        ...     factors.astype(float), factors, num_classes=(2, 2), num_bins=2
        ... )
        >>> print(result.mutual_information_gap, result.dci_completeness)
        1.0 1.0
    """
    codes = checks.as_float("codes", codes, "(n, d)")
    labels = checks.as_labels("factors", factors, "(n, k)", n=codes.shape[0])
    for name, array in (("codes", codes), ("factors", labels)):
        if array.shape[1] < 2:
            raise ValueError(
                f"Expected `{name}` to have at least two columns, got shape "
                f"{array.shape}."
            )
    matrix = _matrices.binned_information(
        codes, labels, num_classes=num_classes, num_bins=num_bins
    )
    information, entropies = matrix.information, matrix.factor_entropies
    # A column has an entropy of exactly zero if it does not vary.
    varies = matrix.latent_entropies != 0
    importance = _aggregators.dci(information)
    infomec = _aggregators.infomec(information, entropies, active=varies)
    correlations = _matrices.squared_correlations(codes, labels)
    return Scores(
        mutual_information_gap=_aggregators.mutual_information_gap(
            information, entropies
        ),
        mutual_information_gap_sup=_aggregators.mutual_information_gap_sup(
            information, entropies
        ),
        dcimig=_aggregators.dcimig(information, entropies),
        jemmig=_aggregators.jemmig(
            information, matrix.latent_entropies, entropies, num_bins=num_bins
        ),
        modularity=_aggregators.modularity(information),
        dci_disentanglement=importance.disentanglement,
        dci_completeness=importance.completeness,
        infomec_modularity=infomec.modularity,
        infomec_compactness=infomec.compactness,
        attribute_predictability_gap=_aggregators.attribute_predictability_gap(
            correlations
        ),
    )
