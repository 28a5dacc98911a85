"""How mixtures are fitted and how uncertainty is sampled: the options of estimates."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, options

_CRITERIA = ("validation", "aic", "bic")
_RESAMPLINGS = ("bayesian", "counts")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitting:
    """How a mixture is fitted and its number of components is chosen.

    A pytree: ``tol`` and ``regularization`` may be traced, the others are static.
    ``Fitting(min_components=k, max_components=k)`` fixes the number of components.

    Attributes:
        min_components: Minimum number of components that may be chosen. Fits with fewer
            are only steps on the way to them. Positive integer.
        max_components: Maximum number of components that are tried. Integer, at least
            ``min_components``.
        criterion: Score of a number of components: ``"validation"``, ``"aic"`` or
            ``"bic"``, see `select`.
        num_inits: Starting points of EM for each number of components and each fold.
            Positive integer.
        num_folds: Folds of the validation. Integer of at least 2, at most the number
            of samples.
        patience: How many successive numbers of components may fail to improve the
            score before the search ends. Positive integer.
        max_steps: Maximum number of EM steps per fit. Positive integer.
        tol: Gain of the mean log-likelihood per step, in nats, below which a fit has
            converged. Scalar; values below 1e-6 are below the rounding error of
            float32.
        regularization: Share of the covariance of the data that is added to the
            covariance of each component: its square root, 1e-5 by default, is the
            smallest width of a component relative to the spread of the data.
            Non-negative scalar.

    Raises:
        TypeError: If a count is not an int.
        ValueError: If a count is too small, ``max_components`` is below
            ``min_components``, or ``criterion`` is unknown.

    Example:
        >>> from jaxinfo import gmm
        >>> gmm.Fitting(max_components=4).num_folds
        5
    """

    min_components: int = options.static(1)
    max_components: int = options.static(16)
    criterion: str = options.static("validation")
    num_inits: int = options.static(4)
    num_folds: int = options.static(5)
    patience: int = options.static(1)
    max_steps: int = options.static(300)
    tol: ArrayLike = 1e-5
    regularization: ArrayLike = 1e-10

    def __post_init__(self) -> None:
        checks.at_least("min_components", self.min_components, 1)
        checks.at_least("max_components", self.max_components, self.min_components)
        checks.one_of("criterion", self.criterion, _CRITERIA)
        checks.at_least("num_inits", self.num_inits, 1)
        checks.at_least("num_folds", self.num_folds, 2)
        checks.at_least("patience", self.patience, 1)
        checks.at_least("max_steps", self.max_steps, 1)

    def of(self, x: jax.Array) -> "Fitting":
        """The same for samples ``x``: in their dtype, and checked against their number.

        Nothing flows back to the regularisation.
        """
        n = x.shape[0]
        if self.min_components > n:
            raise ValueError(
                f"Expected `min_components` to be at most the number of samples, {n}, "
                f"got {self.min_components}."
            )
        if self.criterion == "validation" and self.num_folds > n:
            raise ValueError(
                f"Expected `num_folds` to be at most the number of samples, {n}, got "
                f"{self.num_folds}."
            )
        given = checks.as_scalar("regularization", self.regularization, x.dtype)
        return dataclasses.replace(
            self,
            tol=checks.as_scalar("tol", self.tol, x.dtype),
            regularization=jax.lax.stop_gradient(given),
        )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the uncertainty of an estimate and its integrals are sampled.

    All fields are static.

    Attributes:
        num_replicates: Fits to resampled data. Integer of at least 2, or 0, in which
            case an estimate is not corrected for its sampling bias, and its standard
            error is that of the infinitesimal jackknife.
        resampling: How data are resampled: ``"bayesian"`` draws weights that follow
            the exponential distribution (the Bayesian bootstrap, Rubin 1981), under
            which no sample is left out and components hardly ever collapse;
            ``"counts"`` draws samples with replacement (Efron's bootstrap).
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts.
            A power of two. Unused up to two dimensions, where the nodes of
            Gauss-Hermite quadrature are used.

    Raises:
        TypeError: If a count is not an int.
        ValueError: If ``num_replicates`` is negative or 1, ``resampling`` is unknown,
            or ``num_nodes`` is not a power of two.

    References:
        Rubin, `The Bayesian bootstrap <https://doi.org/10.1214/aos/1176345338>`_, 1981.

    Example:
        >>> from jaxinfo import gmm
        >>> gmm.Sampling(num_replicates=0).resampling
        'bayesian'
    """

    num_replicates: int = options.static(50)
    resampling: str = options.static("bayesian")
    num_nodes: int = options.static(1024)

    def __post_init__(self) -> None:
        checks.at_least("num_replicates", self.num_replicates, 0)
        if self.num_replicates == 1:
            raise ValueError("Expected `num_replicates` to be 0 or at least 2, got 1.")
        checks.one_of("resampling", self.resampling, _RESAMPLINGS)
        check_num_nodes(self.num_nodes)


def check_num_nodes(value: int) -> None:
    """Check a number of quasi Monte Carlo nodes."""
    checks.at_least("num_nodes", value, 2)
    if value & (value - 1):
        raise ValueError(f"Expected `num_nodes` to be a power of two, got {value}.")


def weights_of(weights: ArrayLike | None, x: jax.Array) -> jax.Array:
    """Weights of the rows of ``x``, one by default; all NaN if one is negative."""
    if weights is None:
        # Known weights would be folded by the compiler, at the cost of a long run.
        ones: jax.Array = jax.lax.optimization_barrier(  # type: ignore[no-untyped-call]
            jnp.ones_like(x[:, 0])
        )
        return ones
    given = checks.as_float("weights", weights, "(n,)", n=x.shape[0]).astype(x.dtype)
    return jnp.where(jnp.any(given < 0), jnp.nan, given)
