"""One case for each function of `neighbors`."""

from jaxinfo import neighbors
from tests.contracts.cases import Case, key


def samples(*widths, n=30):
    """Draw samples of dependent variables."""

    def make(rng):
        common = rng.normal(size=(n, 1))
        return tuple(common + rng.normal(size=(n, width)) for width in widths)

    return make


# Samples are counted: no gradient.
FEW = {"num_neighbors": 2}
CASES = {
    "neighbors.entropy": Case(neighbors.entropy, samples(2), FEW, grad=()),
    "neighbors.mutual_information": Case(
        neighbors.mutual_information, samples(1, 2), FEW, grad=(), is_heavy=True
    ),
    "neighbors.conditional_mutual_information": Case(
        neighbors.conditional_mutual_information,
        samples(1, 1, 1),
        FEW | {"algorithm": 2, "exclusion_window": 1},
        grad=(),
        is_heavy=True,
    ),
    "neighbors.local_mutual_information": Case(
        neighbors.local_mutual_information, samples(1, 2), FEW, grad=(), is_heavy=True
    ),
    "neighbors.local_conditional_mutual_information": Case(
        neighbors.local_conditional_mutual_information,
        samples(1, 1, 1),
        FEW,
        grad=(),
        is_heavy=True,
    ),
    "neighbors.mixed_mutual_information": Case(
        neighbors.mixed_mutual_information, samples(1, 1), FEW, grad=(), is_heavy=True
    ),
    "neighbors.mixed_conditional_mutual_information": Case(
        neighbors.mixed_conditional_mutual_information,
        samples(1, 1, 1),
        FEW,
        grad=(),
        is_heavy=True,
    ),
    "neighbors.class_mutual_information": Case(
        neighbors.class_mutual_information,
        lambda rng: (*samples(2)(rng), rng.integers(0, 3, 30)),
        FEW | {"num_classes": 3},
        grad=(),
        is_heavy=True,
    ),
    "neighbors.tied_fraction": Case(neighbors.tied_fraction, samples(2), FEW, grad=()),
    "neighbors.break_ties": Case(
        neighbors.break_ties,
        lambda rng: (key(rng), *samples(2)(rng)),
        {"relative_scale": 0.1},
        grad=(),
    ),
}
