"""Information, entropy and divergence of given mixtures."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.gmm import _arguments, _integrals
from jaxinfo.gmm._types import Estimate, GaussianMixture

# Independent shifts of the nodes, from whose spread the error is known.
_NUM_SHIFTS = 8
_LEAST_NODES = 16


@compiled.jit(static_argnames=("dim_x", "num_samples"))
def mixture_mutual_information(
    key: ArrayLike, mixture: GaussianMixture, *, dim_x: int, num_samples: int
) -> Estimate:
    r"""Mutual information between the first dimensions of a mixture and the others.

    .. math::
        I(X;Y) = E_p[\log p(x, y) - \log p(x) - \log p(y)]

    In closed form for one component, by Gauss-Hermite quadrature in two dimensions, by
    randomised quasi Monte Carlo beyond.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s samples, 1500 a
    component where quadrature applies.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        dim_x: Number of leading dimensions that are x. Static.
        num_samples: Most points of quasi Monte Carlo, in 8 shifts of a power of two for
            each component, of at least 16; unused up to two dimensions. Static.

    Returns:
        Information in nats, not negative up to its error; and this error.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, ``dim_x`` does not leave
            dimensions on both sides, or ``num_samples`` is below 1.

    References:
        Piras et al., `A robust estimator of mutual information for deep learning
        interpretability <https://arxiv.org/abs/2211.00024>`_, 2023, section 2, which
        draws pseudo-random samples.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> factor = jnp.array([[[1.0, 0.0], [0.6, 0.8]]])
        >>> mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), factor)
        >>> print(
        ...     gmm.mixture_mutual_information(
        ...         jax.random.key(0), mixture, dim_x=1, num_samples=1000
        ...     ).value
        ... )
        0.2231
    """
    key, mixture = _read(key, mixture, num_samples)
    dim = mixture.means.shape[1]
    _arguments.leading_dims("dim_x", dim_x, dim)
    x, y = tuple(range(dim_x)), tuple(range(dim_x, dim))
    level = _level(key, mixture, dim, num_samples)
    columns, _, _ = _standardised(mixture)
    high = _integrals.information(columns, x, y, (), level.high)
    low = _integrals.information(columns, x, y, (), level.low)
    return Estimate(*_integrals.combine(high, low[0]))


@compiled.jit(static_argnames=("dim_x", "dim_y", "num_samples"))
def mixture_conditional_mutual_information(
    key: ArrayLike,
    mixture: GaussianMixture,
    *,
    dim_x: int,
    dim_y: int,
    num_samples: int,
) -> Estimate:
    r"""Mutual information of dimensions of a mixture, given its last ones.

    .. math::
        I(X;Y|Z) = E_p[\log p(x, y, z) + \log p(z) - \log p(x, z) - \log p(y, z)]

    In closed form for one component, else by randomised quasi Monte Carlo.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s samples.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        dim_x: Number of leading dimensions that are x. Static.
        dim_y: Number of the next ones, that are y; the rest are z. Static.
        num_samples: Most points, in 8 shifts of a power of two for each component, of
            at least 16. Static.

    Returns:
        Information in nats, not negative up to its error; and this error.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or a static one not an int.
        ValueError: If a shape is not the documented one, ``dim_x + dim_y`` leaves no
            dimension, or a count is below 1.

    References:
        Cover and Thomas, `Elements of information theory
        <https://doi.org/10.1002/047174882X>`_, 2006, chapter 8.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> mixture = gmm.GaussianMixture(
        ...     jnp.zeros(1), jnp.zeros((1, 3)), jnp.eye(3)[::-1, ::-1][None]
        ... )
        >>> print(
        ...     gmm.mixture_conditional_mutual_information(
        ...         jax.random.key(0), mixture, dim_x=1, dim_y=1, num_samples=1000
        ...     ).value
        ... )
        0.0
    """
    key, mixture = _read(key, mixture, num_samples)
    dim = mixture.means.shape[1]
    checks.at_least("dim_x", dim_x, 1)
    checks.at_least("dim_y", dim_y, 1)
    _arguments.leading_dims("dim_x + dim_y", dim_x + dim_y, dim)
    columns, _, _ = _standardised(mixture)
    values = _integrals.information(
        columns,
        tuple(range(dim_x)),
        tuple(range(dim_x, dim_x + dim_y)),
        tuple(range(dim_x + dim_y, dim)),
        _level(key, mixture, dim, num_samples).high,
    )
    return Estimate(*_integrals.combine(values, values[0]))


@compiled.jit(static_argnames=("num_samples",))
def mixture_entropy(
    key: ArrayLike, mixture: GaussianMixture, *, num_samples: int
) -> Estimate:
    r"""Differential entropy of a mixture.

    .. math::
        h(X) = -E_p[\log p(x)]

    In closed form for one component, by Gauss-Hermite quadrature up to two dimensions,
    by randomised quasi Monte Carlo beyond.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s samples.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        num_samples: Most points of quasi Monte Carlo, in 8 shifts of a power of two for
            each component, of at least 16; unused up to two dimensions. Static.

    Returns:
        Entropy in nats, of any sign; and the error of its evaluation.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or ``num_samples`` not an int.
        ValueError: If a shape is not the documented one, or ``num_samples`` below 1.

    References:
        Cover and Thomas, `Elements of information theory
        <https://doi.org/10.1002/047174882X>`_, 2006, chapter 8.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> mixture = gmm.GaussianMixture(
        ...     jnp.log(jnp.array([0.5, 0.5])),
        ...     jnp.array([[-20.0], [20.0]]),
        ...     jnp.ones((2, 1, 1)),
        ... )
        >>> estimate = gmm.mixture_entropy(
        ...     jax.random.key(0), mixture, num_samples=1000
        ... )
        >>> print(estimate.value)  # log(2) + log(2 pi e) / 2
        2.1121
    """
    key, mixture = _read(key, mixture, num_samples)
    level = _level(key, mixture, mixture.means.shape[1], num_samples)
    columns, _, scale = _standardised(mixture)
    high = _integrals.entropy(columns, level.high)
    low = _integrals.entropy(columns, level.low)
    value, error = _integrals.combine(high, low[0])
    return Estimate(value + jnp.sum(jnp.log(scale)), error)


@compiled.jit(static_argnames=("num_samples",))
def mixture_kl_divergence(
    key: ArrayLike, p: GaussianMixture, q: GaussianMixture, *, num_samples: int
) -> Estimate:
    r"""Kullback-Leibler divergence between two mixtures.

    .. math::
        D(p \| q) = E_p[\log p(x) - \log q(x)]

    In closed form if both have one component, by Gauss-Hermite quadrature up to two
    dimensions, by randomised quasi Monte Carlo beyond.

    Differentiable in both mixtures. Costs :math:`O(s k d^2)` time for s samples.

    Args:
        key: Random key.
        p: Mixture that the mean is taken over, with normalised weights.
        q: The other mixture, of any number of components.
        num_samples: Most points of quasi Monte Carlo, in 8 shifts of a power of two for
            each component of ``p``, of at least 16; unused up to two dimensions.
            Static.

    Returns:
        Divergence in nats, not negative up to its error; and this error.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or ``num_samples`` not an int.
        ValueError: If a shape is not the documented one, or ``num_samples`` below 1.

    References:
        Hershey and Olsen, `Approximating the Kullback Leibler divergence between
        Gaussian mixture models <https://doi.org/10.1109/ICASSP.2007.366913>`_, 2007.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> one = jnp.ones((1, 1))
        >>> p = gmm.GaussianMixture(jnp.zeros(1), 0 * one, one[None])
        >>> q = p._replace(means=one)
        >>> key = jax.random.key(0)
        >>> print(gmm.mixture_kl_divergence(key, p, q, num_samples=1000).value)
        0.5
    """
    key, p = _read(key, p, num_samples, name="p")
    q = _arguments.mixture("q", q, p.means.shape[1])
    leaves = checks.promote(*p, *q)
    p, q = GaussianMixture(*leaves[:3]), GaussianMixture(*leaves[3:])
    level = _level(key, p, p.means.shape[1], num_samples)
    p, centre, scale = _standardised(p)
    q = _moved(q, centre, scale)
    high = _integrals.kl_divergence(p, q, level.high)
    low = _integrals.kl_divergence(p, q, level.low)
    return Estimate(*_integrals.combine(high, low[0]))


def _read(
    key: ArrayLike, mixture: GaussianMixture, num_samples: int, name: str = "mixture"
) -> tuple[jax.Array, GaussianMixture]:
    checks.at_least("num_samples", num_samples, 1)
    return checks.as_key("key", key), _arguments.mixture(name, mixture)


def _level(
    key: jax.Array, mixture: GaussianMixture, dim: int, num_samples: int
) -> _integrals.Level:
    share = num_samples // (_NUM_SHIFTS * mixture.means.shape[0])
    return _integrals.nodes(
        key,
        dim,
        mixture.means.dtype,
        num_nodes=max(_LEAST_NODES, 2 ** max(share.bit_length() - 1, 0)),
        num_shifts=_NUM_SHIFTS,
    )


def _standardised(
    mixture: GaussianMixture,
) -> tuple[GaussianMixture, jax.Array, jax.Array]:
    """A mixture of about unit size, so that no scale leaves the range of a dtype."""
    is_absent = jnp.isneginf(mixture.log_weights)[:, None]
    heaviest = jnp.argmax(mixture.log_weights)
    centre = jax.lax.stop_gradient(mixture.means[heaviest])
    offsets = jnp.where(is_absent, 0, jnp.abs(mixture.means - centre[None]))
    widths = jnp.max(jnp.abs(mixture.scale_trils), axis=2)
    size = jnp.max(jnp.maximum(offsets, jnp.where(is_absent, 0, widths)), axis=0)
    scale = jax.lax.stop_gradient(size)
    return _moved(mixture, centre, scale), centre, scale


def _moved(
    mixture: GaussianMixture, centre: jax.Array, scale: jax.Array
) -> GaussianMixture:
    return mixture._replace(
        means=(mixture.means - centre[None]) / scale[None],
        scale_trils=mixture.scale_trils / scale[None, :, None],
    )
