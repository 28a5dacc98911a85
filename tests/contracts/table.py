"""All cases, beside all public functions, and how tests draw their arguments."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxinfo
from tests.contracts import (
    cases,
    diffusion_cases,
    disentanglement_cases,
    gmm_cases,
    information_plane_cases,
    measures_cases,
    neighbors_cases,
    pid_cases,
    transfer_entropy_cases,
)

CASES = (
    measures_cases.CASES
    | cases.CASES
    | diffusion_cases.CASES
    | gmm_cases.CASES
    | neighbors_cases.CASES
    | transfer_entropy_cases.CASES
    | information_plane_cases.CASES
    | pid_cases.CASES
    | disentanglement_cases.CASES
)


def public_functions():
    """Dotted names of all public functions, from the packages themselves."""
    found = {}
    for package_name in jaxinfo.__all__:
        package = getattr(jaxinfo, package_name)
        if isinstance(package, types.ModuleType):
            for name in package.__all__:
                if not isinstance(getattr(package, name), type):
                    found[f"{package_name}.{name}"] = getattr(package, name)
    return found


PUBLIC = public_functions()


def parametrize(chosen, slow=()):
    """One test per case; those of the given names are slow."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, id=name, marks=pytest.mark.slow if name in slow else ())
            for name, case in chosen.items()
        ],
    )


HEAVY = {name for name, case in CASES.items() if case.is_heavy}


def draw(case, dtype, seed=0):
    return cases.cast(case.make(np.random.default_rng(seed)), dtype)


def floating_leaves(tree):
    leaves = jax.tree.leaves(tree)
    return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]


def numbers_of(case, tree):
    """A result without the fields that are NaN, as documented."""
    return [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        if not path or getattr(path[-1], "name", None) not in case.is_nan
    ]


def scalar_of(case, result):
    """What is smooth in a result, as one number."""
    chosen = [getattr(result, name) for name in case.smooth] or result
    chosen = numbers_of(case, chosen)
    # Unequal weights, as sums of derivatives may cancel by symmetry.
    return sum(
        jnp.vdot(jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)), leaf.ravel())
        for leaf in floating_leaves(chosen)
    )
