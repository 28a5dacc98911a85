"""One case for each function of `pid`."""

import numpy as np

from jaxinfo import pid
from tests.contracts.cases import Case
from tests.contracts.measures_cases import covariance, on_simplex, table

TABLE = table(2, 2, 3)
ATOMS = "redundant", "unique_x", "unique_y", "synergistic"
DIMS = {"dim_x": 2, "dim_y": 1}
# Derivatives are off by about the root of the gap. A tolerance that nothing reaches
# makes all runs take as many steps.
AS_FAR_AS_IT_GOES = {"tol": -1.0, "max_steps": 20}


def informations(rng):
    """Draw what x, y and both tell, with what is redundant first."""
    redundant, x, y, rest = rng.uniform(0.1, 0.5, 4)
    return redundant, redundant + x, redundant + y, redundant + x + y + rest


def of_table(fn, *, smooth=(), scale=1.0, **kwargs):
    return Case(
        fn, TABLE, kwargs, smooth=smooth, scale=scale, through=on_simplex
    )  # fmt: skip


def of_covariance(fn, **kwargs):
    smooth = {"smooth": ATOMS} if kwargs else {}
    return Case(
        fn, lambda rng: (covariance(rng, 5),), DIMS | kwargs, scale=100.0, **smooth
    )


CASES = {
    "pid.table": Case(
        pid.table,
        lambda rng: (rng.integers(0, 2, (9, 3)),),
        {"num_states": (2, 2, 3)},
        grad=(),
        keeps_dtype=False,
    ),
    "pid.williams_beer": of_table(pid.williams_beer),
    "pid.minimum_mutual_information": of_table(pid.minimum_mutual_information),
    "pid.specificity_ambiguity": of_table(pid.specificity_ambiguity),
    "pid.shared_exclusions": of_table(pid.shared_exclusions),
    "pid.intervention": of_table(pid.intervention),
    "pid.broja": of_table(pid.broja, smooth=ATOMS, scale=100.0, **AS_FAR_AS_IT_GOES),
    "pid.maximum_entropy": of_table(
        pid.maximum_entropy, smooth=("p_xyt",), scale=100.0
    ),
    "pid.dependency": of_table(pid.dependency, smooth=ATOMS, scale=100.0),
    "pid.common_change": of_table(pid.common_change, smooth=ATOMS, scale=100.0),
    "pid.bounds": Case(pid.bounds, lambda rng: informations(rng)[1:], grad=(0, 1, 2)),
    "pid.from_redundancy": Case(pid.from_redundancy, informations, grad=(0, 1, 2, 3)),
    "pid.three_sources": Case(
        pid.three_sources,
        table(2, 2, 2, 2),
        {"measure": "shared_exclusions"},
        through=on_simplex,
        scale=10.0,
    ),
    "pid.gaussian_mmi": of_covariance(pid.gaussian_mmi),
    "pid.gaussian_dependency": of_covariance(pid.gaussian_dependency),
    "pid.gaussian_broja": of_covariance(pid.gaussian_broja, **AS_FAR_AS_IT_GOES),
    "pid.gaussian_samples": Case(
        pid.gaussian_samples,
        lambda rng: tuple(np.cumsum(rng.normal(size=(3, 20, 1)), axis=0)),
        AS_FAR_AS_IT_GOES,
        grad=(0, 1, 2),
        smooth=ATOMS,
        scale=100.0,
    ),
}
