"""Results that several packages share."""

from typing import NamedTuple

import jax


class LabelComparison(NamedTuple):
    r"""Information of two labellings, as it is and adjusted for chance.

    In exact arithmetic, they equal the scores of scikit-learn that are named below.

    Attributes:
        mutual_information: Information :math:`I` that they share, in nats:
            ``mutual_info_score``. Shape ``()``.
        nmi: :math:`I / \sqrt{H_x H_y}`, between 0 and 1, 0 where an entropy is 0:
            ``normalized_mutual_info_score(average_method="geometric")``, which is 1
            where both entropies are 0. Shape ``()``.
        vi: Variation of information :math:`H_x + H_y - 2 I`, in nats. Shape ``()``.
        expected_mutual_information: Information :math:`E` that labellings with these
            class sizes share by chance, in nats. Shape ``()``.
        adjusted_mutual_information: :math:`I - E`, in nats. Shape ``()``.
        adjusted_nmi: :math:`(I - E) / (\sqrt{H_x H_y} - E)`, at most 1:
            ``adjusted_mutual_info_score(average_method="geometric")``. 1 for labellings
            that are identical up to renaming, including those of a single class and
            those of singletons; otherwise 0 where the denominator is 0. Shape ``()``.
        adjusted_vi: One minus the ratio of the VI to its expectation, :math:`(I - E) /
            ((H_x + H_y) / 2 - E)`, at most 1: ``adjusted_mutual_info_score`` with the
            default average. 1 in the same cases. Shape ``()``.
    """

    mutual_information: jax.Array
    nmi: jax.Array
    vi: jax.Array
    expected_mutual_information: jax.Array
    adjusted_mutual_information: jax.Array
    adjusted_nmi: jax.Array
    adjusted_vi: jax.Array


class PermutationTest(NamedTuple):
    """A test of independence by permutation.

    All but the p-value refer to one quantity, an information in nats.

    Attributes:
        value: Estimate for the data. Shape ``()``.
        null_mean: Mean of the estimates for permuted data. Shape ``()``.
        null_std: Standard deviation of these estimates. Shape ``()``.
        p_value: Share of the estimates, including that for the data, that are at least
            ``value``; never zero. Shape ``()``.
    """

    value: jax.Array
    null_mean: jax.Array
    null_std: jax.Array
    p_value: jax.Array
