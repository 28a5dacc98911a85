"""Options that all estimates share, checked and gathered."""

from typing import Any, NamedTuple

import jax
from jax.typing import ArrayLike

from jaxinfo._numerics import checks
from jaxinfo.gmm._lanes import Stopping
from jaxinfo.gmm._search import Settings

CRITERIA = ("validation", "aic", "bic")
RESAMPLINGS = ("dirichlet", "counts")
# Arguments of estimates that fix shapes or code paths.
STATIC = (
    "max_components",
    "criterion",
    "num_inits",
    "num_folds",
    "patience",
    "max_steps",
    "num_bootstrap",
    "resampling",
    "num_nodes",
    "num_shifts",
    "block_size",
)


class Sampling(NamedTuple):
    """How uncertainty and integrals are sampled; see `mutual_information`.

    Attributes:
        num_bootstrap: Replicates.
        resampling: ``"dirichlet"`` or ``"counts"``.
        num_nodes: Quasi Monte Carlo nodes a component.
        num_shifts: Their independent shifts.
    """

    num_bootstrap: int
    resampling: str
    num_nodes: int
    num_shifts: int


def read(
    x: jax.Array,
    *,
    num_bootstrap: int,
    resampling: str,
    num_nodes: int,
    num_shifts: int,
    **search: Any,
) -> tuple[Settings, Sampling]:
    """Check all options of an estimate, for data of the dtype and rows of ``x``."""
    checks.at_least("num_bootstrap", num_bootstrap, 0)
    if num_bootstrap == 1:
        raise ValueError("Expected `num_bootstrap` to be 0 or at least 2, got 1.")
    checks.one_of("resampling", resampling, RESAMPLINGS)
    checks.at_least("num_nodes", num_nodes, 2)
    if num_nodes & (num_nodes - 1):
        raise ValueError(f"Expected `num_nodes` to be a power of two, got {num_nodes}.")
    checks.at_least("num_shifts", num_shifts, 2)
    sampling = Sampling(num_bootstrap, resampling, num_nodes, num_shifts)
    return settings(x, **search), sampling


def settings(
    x: jax.Array,
    *,
    max_components: int,
    criterion: str,
    num_inits: int,
    num_folds: int,
    patience: int,
    min_gain: ArrayLike,
    tol: ArrayLike,
    max_steps: int,
    regularization: ArrayLike,
    block_size: int | None = None,
) -> Settings:
    """Check what a search is told, for data of the dtype and rows of ``x``."""
    n = x.shape[0]
    checks.at_least("max_components", max_components, 1)
    checks.one_of("criterion", criterion, CRITERIA)
    checks.at_least("num_inits", num_inits, 1)
    checks.at_least("num_folds", num_folds, 2)
    if criterion == "validation" and num_folds > n:
        raise ValueError(
            f"Expected `num_folds` to be at most the {n} samples, got {num_folds}."
        )
    checks.at_least("patience", patience, 1)
    checks.block_size(block_size)
    return Settings(
        max_components=max_components,
        criterion=criterion,
        num_inits=num_inits,
        num_folds=num_folds,
        patience=patience,
        min_gain=checks.as_scalar("min_gain", min_gain, x.dtype),
        stopping=stopping(
            x, tol=tol, max_steps=max_steps, regularization=regularization
        ),
        block_size=block_size,
    )


def stopping(
    x: jax.Array, *, tol: ArrayLike, max_steps: int, regularization: ArrayLike
) -> Stopping:
    """Check what ends a fit."""
    checks.at_least("max_steps", max_steps, 1)
    return Stopping(
        tol=checks.as_scalar("tol", tol, x.dtype),
        max_steps=max_steps,
        regularization=jax.lax.stop_gradient(
            checks.as_scalar("regularization", regularization, x.dtype)
        ),
    )
