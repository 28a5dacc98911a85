"""Results that several packages share."""

from typing import NamedTuple

import jax


class LabelComparison(NamedTuple):
    r"""Information of two labellings, as it is and adjusted for chance.

    Each is equal to a score of scikit-learn, in exact arithmetic.

    Attributes:
        mutual_information: Information :math:`I` that they share, in nats:
            ``mutual_info_score``. Shape ``()``.
        nmi: :math:`I / \sqrt{H_x H_y}`, between 0 and 1, 0 where an entropy is 0:
            ``normalized_mutual_info_score(average_method="geometric")``, which is 1
            where both are. Shape ``()``.
        vi: Variation of information :math:`H_x + H_y - 2 I`, in nats. Shape ``()``.
        expected_mutual_information: Information :math:`E` that labellings with these
            class sizes share by chance, in nats. Shape ``()``.
        adjusted_mutual_information: :math:`I - E`, in nats. Shape ``()``.
        adjusted_nmi: :math:`(I - E) / (\sqrt{H_x H_y} - E)`, at most 1:
            ``adjusted_mutual_info_score(average_method="geometric")``. 1 for labellings
            that are the same but for names, also those of one class and those of
            singletons; else 0 where the denominator is. Shape ``()``.
        adjusted_vi: One less the ratio of the VI to its expectation, :math:`(I - E) /
            ((H_x + H_y) / 2 - E)`, at most 1: ``adjusted_mutual_info_score`` with the
            default average. In the same cases 1. Shape ``()``.
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

    All but the p-value are of one quantity, an information in nats.

    Attributes:
        value: Its estimate for the data. Shape ``()``.
        null_mean: Mean of its estimates for permuted data. Shape ``()``.
        null_std: Their standard deviation. Shape ``()``.
        p_value: Share of estimates, that of the data counted in, that are at least
            ``value``; never zero. Shape ``()``.
    """

    value: jax.Array
    null_mean: jax.Array
    null_std: jax.Array
    p_value: jax.Array
