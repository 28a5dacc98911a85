"""Decompositions of what is neither discrete nor Gaussian, by a mixture."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo import gmm, pid
from jaxinfo._numerics import checks, compiled
from jaxinfo.disentanglement._types import MixtureDecomposition
from jaxinfo.gmm import _integrals, _mixtures
from jaxinfo.pid import _gaussians


@compiled.jit(static_argnames=("dim_x", "dim_y", "num_nodes"))
def mixture_decomposition(
    key: ArrayLike,
    mixture: gmm.GaussianMixture,
    *,
    dim_x: int,
    dim_y: int,
    num_nodes: int = 1024,
) -> MixtureDecomposition:
    r"""Decomposition of the information of two blocks of a mixture about the third.

    .. math::
        I(X;T) = E_p[\log p(x, t) - \log p(x) - \log p(t)]

    and likewise for y and for both, on the same integration nodes, so that common
    errors cancel in the atoms; the redundancy is the largest possible,
    :math:`\min(I(X;T), I(Y;T))`, and the bounds that hold for every measure are given
    as well. For continuous variables of any distribution: fit a mixture to the joint
    samples (``gmm.select``) first.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s nodes in all.

    Args:
        key: Random key.
        mixture: Mixture over x, then y, then the target, with normalised weights.
        dim_x: Number of coordinates of x. Static.
        dim_y: Number of coordinates of y; the target has the rest. Static.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Static.

    Returns:
        Atoms and bounds in nats, non-negative up to the errors of integration, which
        are given; a mixture of one component is integrated in closed form. The sampling
        error of the fit is not included.

    Raises:
        ValueError: If a variable is left without coordinates, or ``num_nodes`` is not a
            power of two.

    References:
        Barrett, `Exploration of synergistic and redundant information sharing in
        static and dynamical Gaussian systems
        <https://doi.org/10.1103/PhysRevE.91.052802>`_, 2015, equation 15; Piras et al.,
        `A robust estimator of mutual information for deep learning interpretability
        <https://arxiv.org/abs/2211.00024>`_, 2023, section 2.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement, gmm
        >>> factor = jnp.array([[[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0.5**0.5]]])
        >>> mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 3)), factor)
        >>> result = disentanglement.mixture_decomposition(
        ...     jax.random.key(0), mixture, dim_x=1, dim_y=1
        ... )
        >>> print(result.informations)
        [0.1438 0.1438 0.3466]
    """
    key = checks.as_key("key", key)
    mixture = _mixtures.read("mixture", mixture)
    dim = mixture.means.shape[1]
    _gaussians.check_dims("mixture", dim, dim_x, dim_y)
    nodes = _integrals.nodes(key, dim, mixture.means.dtype, num_nodes=num_nodes).high
    mixture, _, _ = _integrals.standardised(mixture)
    x, y = tuple(range(dim_x)), tuple(range(dim_x, dim_x + dim_y))
    target = tuple(range(dim_x + dim_y, dim))
    found = [_information(mixture, s, target, nodes) for s in (x, y, x + y)]
    values, errors = (jnp.stack(part) for part in zip(*found, strict=True))
    return MixtureDecomposition(
        decomposition=pid.from_redundancy(jnp.minimum(values[0], values[1]), *values),
        bounds=pid.bounds(*values),
        informations=values,
        standard_errors=errors,
    )


def _information(
    mixture: gmm.GaussianMixture,
    source: _integrals.Dims,
    target: _integrals.Dims,
    nodes: _integrals.Nodes,
) -> tuple[jax.Array, jax.Array]:
    """Information of two blocks, by nodes of all, and its error."""
    values = _integrals.information(mixture, source, target, (), nodes)
    return _integrals.combine(values, values[0])
