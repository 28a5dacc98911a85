"""Gaussian posteriors in the forms that encoders and distribution libraries give."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxinfo._numerics import checks, front_door
from jaxinfo.fingerprint._types import DiagonalGaussian, FullGaussian

_SECOND = ("log_variance", "variance", "standard_deviation", "scale_tril")


def gaussian_parameters(posterior: Any) -> DiagonalGaussian | FullGaussian:
    """Convert the outputs of encoders and other libraries to Gaussian posteriors.

    The result unpacks into ``gaussian_overlaps`` or ``full_gaussian_overlaps``. Plain
    Python on arrays, not compiled itself but usable under jit; differentiable in
    whatever arrays the posterior holds. Distributions are recognised by their class
    names; no library is imported. Costs nothing for pairs and log-variances, a
    logarithm per entry for deviations, a Cholesky factor per point for covariances.

    Args:
        posterior: One of

            - a pair ``(mean, log_variance)``, both of shape ``(n, d)``;
            - a mapping or named tuple with ``"mean"`` and one of ``"log_variance"``,
              ``"variance"``, ``"standard_deviation"`` of shape ``(n, d)``,
              ``"scale_tril"`` of shape ``(n, d, d)``;
            - a ``Normal``, ``MultivariateNormal...`` or ``LowRankMultivariateNormal``
              of numpyro, distrax or TensorFlow Probability, also inside
              ``Independent``, with one distribution per point.

    Returns:
        ``DiagonalGaussian(means, log_variances)`` or ``FullGaussian(means,
        scale_trils)``, floating point of one dtype.

    Raises:
        TypeError: If ``posterior`` is not Gaussian, or none of these.
        ValueError: If a mapping holds no second entry or several.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint
        >>> mean, deviation = jnp.zeros((3, 2)), jnp.ones((3, 2))
        >>> posterior = {"mean": mean, "standard_deviation": deviation}
        >>> means, log_variances = fingerprint.gaussian_parameters(posterior)
        >>> print(fingerprint.gaussian_overlaps(means, log_variances)[0])
        [1. 1. 1.]
    """
    if isinstance(posterior, DiagonalGaussian | FullGaussian):
        second = "log_variance"
        if isinstance(posterior, FullGaussian):
            second = "scale_tril"
        return _from_arrays(posterior[0], second, posterior[1])
    if hasattr(posterior, "_asdict"):  # a named tuple says what its entries are
        posterior = posterior._asdict()
    if isinstance(posterior, Mapping):
        return _from_mapping(posterior)
    if isinstance(posterior, tuple | list):
        if len(posterior) != 2:
            raise TypeError(
                "Expected `posterior` to be a pair (mean, log_variance), got "
                f"{len(posterior)} entries."
            )
        return _from_arrays(posterior[0], "log_variance", posterior[1])
    return _from_distribution(posterior)


def _from_mapping(posterior: Mapping[str, Any]) -> DiagonalGaussian | FullGaussian:
    named = [name for name in _SECOND if name in posterior]
    unknown = [name for name in posterior if name not in ("mean", *_SECOND)]
    if "mean" not in posterior or len(named) != 1 or unknown:
        raise ValueError(
            "Expected `posterior` to hold 'mean' and one of "
            f"{', '.join(map(repr, _SECOND))}, got {list(posterior)}."
        )
    return _from_arrays(posterior["mean"], named[0], posterior[named[0]])


def _from_arrays(mean: Any, name: str, second: Any) -> DiagonalGaussian | FullGaussian:
    if name == "scale_tril":
        means = checks.as_float("mean", mean, "(n, d)")
        n, d = means.shape
        scale_trils = checks.as_float(name, second, "(n, d, d)", n=n, d=d)
        return FullGaussian(*checks.promote(means, scale_trils))
    means, other = checks.as_floats("(n, d)", **{"mean": mean, name: second})
    to_log_variances: dict[str, Callable[[jax.Array], jax.Array]] = {
        "log_variance": lambda x: x,
        "variance": jnp.log,
        "standard_deviation": lambda x: 2 * jnp.log(x),
    }
    return DiagonalGaussian(means, to_log_variances[name](other))


def _from_distribution(posterior: Any) -> DiagonalGaussian | FullGaussian:
    name = type(posterior).__name__
    if name == "Independent":
        # numpyro names what it wraps base_dist, distrax and TFP distribution.
        inner = getattr(posterior, "base_dist", None)
        return _from_distribution(posterior.distribution if inner is None else inner)
    if name == "Normal":
        # Nothing is broadcast by the libraries: a scale may be shared by all.
        mean, scale = jnp.broadcast_arrays(
            _looked_at("mean", posterior.loc),
            _looked_at("standard_deviation", posterior.scale),
        )
        return _from_arrays(mean, "standard_deviation", scale)
    if name == "MultivariateNormalDiag":
        mean, scale = jnp.broadcast_arrays(
            _looked_at("mean", posterior.loc),
            _looked_at("standard_deviation", posterior.stddev()),
        )
        return _from_arrays(mean, "standard_deviation", scale)
    if name == "LowRankMultivariateNormal" or name.startswith("MultivariateNormal"):
        mean = _looked_at("mean", posterior.loc)
        factor = _factor(posterior)
        return _from_arrays(
            mean, "scale_tril", jnp.broadcast_to(factor, (*mean.shape, mean.shape[-1]))
        )
    raise TypeError(
        "Expected `posterior` to be a pair (mean, log_variance), a mapping or a "
        f"Gaussian distribution, got {type(posterior).__module__}.{name}."
    )


def _factor(posterior: Any) -> jax.Array:
    """Cholesky factor of the covariance of a multivariate distribution."""
    if hasattr(posterior, "scale_tril"):
        return _looked_at("scale_tril", posterior.scale_tril)
    covariance = getattr(posterior, "covariance_matrix", None)  # numpyro's name
    if covariance is None:
        covariance = posterior.covariance()
    factor: jax.Array = jnp.linalg.cholesky(_looked_at("covariance", covariance))
    return factor


def _looked_at(name: str, x: Any) -> jax.Array:
    """An array of a distribution, looked at before jax casts it."""
    return jnp.asarray(front_door.look_at(name, x, is_data=name == "mean"))
