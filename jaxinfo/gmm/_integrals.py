"""Integrals over mixtures: entropies, divergences, information.

The public functions take a given mixture. Behind them, and behind all estimates, are
functions that take nodes of integration and return one value for each of their sets,
``(s,)``: one of Gauss-Hermite nodes, several of randomised quasi Monte Carlo.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, linalg, quadrature
from jaxinfo.gmm import _mixtures, _options
from jaxinfo.gmm._types import GaussianMixture, Integral
from jaxinfo.measures import _gaussians

# Gauss-Hermite orders on a line and in a plane, of values and of replicates.
_HIGH = (96, 64)
_LOW = (64, 32)
# Independent shifts of quasi Monte Carlo nodes, from whose spread the error is known.
_NUM_SHIFTS = 8
Dims = tuple[int, ...]


@compiled.jit(static_argnames=("dim_x", "num_nodes"))
def mixture_mutual_information(
    key: ArrayLike, mixture: GaussianMixture, *, dim_x: int, num_nodes: int = 1024
) -> Integral:
    r"""Mutual information between the first dimensions of a mixture and the others.

    .. math::
        I(X;Y) = E_p[\log p(x, y) - \log p(x) - \log p(y)]

    In closed form for one component, by Gauss-Hermite quadrature in two dimensions, by
    randomised quasi Monte Carlo beyond.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s nodes in
    all, 1500 per component where quadrature applies.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        dim_x: Number of leading dimensions that are x. Static.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Unused up to two dimensions. Static.

    Returns:
        Information in nats, not negative up to its error; and this error.

    Raises:
        ValueError: If ``dim_x`` does not leave dimensions on both sides, or
            ``num_nodes`` is not a power of two.

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
        >>> key = jax.random.key(0)
        >>> print(gmm.mixture_mutual_information(key, mixture, dim_x=1).value)
        0.2231
    """
    key = checks.as_key("key", key)
    mixture = _mixtures.read("mixture", mixture)
    dim = mixture.means.shape[1]
    _check_leading("dim_x", dim_x, dim)
    x, y = tuple(range(dim_x)), tuple(range(dim_x, dim))
    level = nodes(key, dim, mixture.means.dtype, num_nodes=num_nodes)
    columns, _, _ = standardised(mixture)
    high = information(columns, x, y, (), level.high)
    low = information(columns, x, y, (), level.low)
    return Integral(*combine(high, low[0]))


@compiled.jit(static_argnames=("dim_x", "dim_y", "num_nodes"))
def mixture_conditional_mutual_information(
    key: ArrayLike,
    mixture: GaussianMixture,
    *,
    dim_x: int,
    dim_y: int,
    num_nodes: int = 1024,
) -> Integral:
    r"""Mutual information of dimensions of a mixture, given its last ones.

    .. math::
        I(X;Y|Z) = E_p[\log p(x, y, z) + \log p(z) - \log p(x, z) - \log p(y, z)]

    In closed form for one component, else by randomised quasi Monte Carlo.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s nodes in all.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        dim_x: Number of leading dimensions that are x. Static.
        dim_y: Number of the next ones, that are y; the rest are z. Static.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Unused up to two dimensions. Static.

    Returns:
        Information in nats, not negative up to its error; and this error.

    Raises:
        ValueError: If ``dim_x + dim_y`` leaves no dimension, or ``num_nodes`` is not a
            power of two.

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
        >>> result = gmm.mixture_conditional_mutual_information(
        ...     jax.random.key(0), mixture, dim_x=1, dim_y=1
        ... )
        >>> print(result.value)
        0.0
    """
    key = checks.as_key("key", key)
    mixture = _mixtures.read("mixture", mixture)
    dim = mixture.means.shape[1]
    checks.at_least("dim_x", dim_x, 1)
    checks.at_least("dim_y", dim_y, 1)
    _check_leading("dim_x + dim_y", dim_x + dim_y, dim)
    columns, _, _ = standardised(mixture)
    values = information(
        columns,
        tuple(range(dim_x)),
        tuple(range(dim_x, dim_x + dim_y)),
        tuple(range(dim_x + dim_y, dim)),
        nodes(key, dim, mixture.means.dtype, num_nodes=num_nodes).high,
    )
    return Integral(*combine(values, values[0]))


@compiled.jit(static_argnames=("num_nodes",))
def mixture_entropy(
    key: ArrayLike, mixture: GaussianMixture, *, num_nodes: int = 1024
) -> Integral:
    r"""Differential entropy of a mixture.

    .. math::
        h(X) = -E_p[\log p(x)]

    In closed form for one component, by Gauss-Hermite quadrature up to two dimensions,
    by randomised quasi Monte Carlo beyond.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s nodes in all.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Unused up to two dimensions. Static.

    Returns:
        Entropy in nats, of any sign; and the error of its evaluation.

    Raises:
        ValueError: If ``num_nodes`` is not a power of two.

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
        >>> result = gmm.mixture_entropy(jax.random.key(0), mixture)
        >>> print(result.value)  # log(2) + log(2 pi e) / 2
        2.1121
    """
    key = checks.as_key("key", key)
    mixture = _mixtures.read("mixture", mixture)
    dim, dtype = mixture.means.shape[1], mixture.means.dtype
    level = nodes(key, dim, dtype, num_nodes=num_nodes)
    columns, _, scale = standardised(mixture)
    high = entropy(columns, level.high)
    low = entropy(columns, level.low)
    value, error = combine(high, low[0])
    return Integral(value + jnp.sum(jnp.log(scale)), error)


@compiled.jit(static_argnames=("num_nodes",))
def mixture_kl_divergence(
    key: ArrayLike, p: GaussianMixture, q: GaussianMixture, *, num_nodes: int = 1024
) -> Integral:
    r"""Kullback-Leibler divergence between two mixtures.

    .. math::
        D(p \| q) = E_p[\log p(x) - \log q(x)]

    In closed form if both have one component, by Gauss-Hermite quadrature up to two
    dimensions, by randomised quasi Monte Carlo beyond.

    Differentiable in both mixtures. Costs :math:`O(s k d^2)` time for s nodes in all.

    Args:
        key: Random key.
        p: Mixture that the mean is taken over, with normalised weights.
        q: The other mixture, of any number of components.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Unused up to two dimensions. Static.

    Returns:
        Divergence in nats, not negative up to its error; and this error.

    Raises:
        ValueError: If ``num_nodes`` is not a power of two.

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
        >>> print(gmm.mixture_kl_divergence(key, p, q).value)
        0.5
    """
    key = checks.as_key("key", key)
    p = _mixtures.read("p", p)
    q = _mixtures.read("q", q, p.means.shape[1])
    leaves = checks.promote(*p, *q)
    p, q = GaussianMixture(*leaves[:3]), GaussianMixture(*leaves[3:])
    level = nodes(key, p.means.shape[1], p.means.dtype, num_nodes=num_nodes)
    p, centre, scale = standardised(p)
    q = _moved(q, centre, scale)
    high = kl_divergence(p, q, level.high)
    low = kl_divergence(p, q, level.low)
    return Integral(*combine(high, low[0]))


class Nodes(NamedTuple):
    """Nodes of integrals over standard normal variables.

    Attributes:
        line: Nodes ``(1, p, 1)`` on a line.
        line_weights: Shape ``(p,)``.
        full: Sets of nodes in all dimensions. Shape ``(s, q, d)``.
        full_weights: Shape ``(q,)``.
    """

    line: jax.Array
    line_weights: jax.Array
    full: jax.Array
    full_weights: jax.Array


class Level(NamedTuple):
    """Nodes of values, and the cheaper ones of replicates.

    Attributes:
        high: Of values.
        low: Of replicates.
    """

    high: Nodes
    low: Nodes


def nodes(key: jax.Array, dim: int, dtype: jnp.dtype, *, num_nodes: int) -> Level:
    """Gauss-Hermite nodes up to two dimensions, shifted Sobol points beyond."""
    _options.check_num_nodes(num_nodes)
    if dim <= 2:
        return Level(*(_hermite(orders, dim, dtype) for orders in (_HIGH, _LOW)))
    full = quadrature.sobol_normals(
        key, num_shifts=_NUM_SHIFTS, num_nodes=num_nodes, dim=dim, dtype=dtype
    )
    equal = jnp.full((num_nodes,), 1 / num_nodes, dtype)
    high = _hermite(_HIGH, 1, dtype)._replace(full=full, full_weights=equal)
    return Level(high=high, low=high._replace(full=full[:1]))


def combine(values: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Integral and its error, from values with high nodes and the one with low."""
    number = values.shape[0]
    if number == 1:
        return values[0], jnp.abs(values[0] - low)
    # From the first, so that equal values of a closed form have no spread at all.
    offsets = values - values[0]
    shift = jnp.mean(offsets)
    mean = values[0] + shift
    variance = jnp.sum((offsets - shift) ** 2) / (number - 1)
    return mean, guarded.sqrt(variance / number)


def information(
    mixture: GaussianMixture, x: Dims, y: Dims, given: Dims, nodes: Nodes
) -> jax.Array:
    """I(X;Y|Z) of blocks of dimensions, in nats, ``(s,)``."""
    both = mixture.means.shape[1]
    assert len(x) + len(y) + len(given) == both
    closed = gaussian_information(one_component(mixture), x, y, given)
    if mixture.means.shape[0] == 1:
        return _for_each_set(closed, nodes)
    if both == 2:
        value = (
            _entropy_on_a_line(_mixtures.marginal_of(mixture, x), nodes)
            + _entropy_on_a_line(_mixtures.marginal_of(mixture, y), nodes)
            - _entropy(mixture, nodes)
        )
    else:
        parts = [
            (_mixtures.marginal_of(mixture, dims), np.asarray(dims), sign)
            for dims, sign in ((x + given, -1), (y + given, -1), (given, 1))
            if dims
        ]

        def log_ratio(points: jax.Array) -> jax.Array:
            total = _mixtures.log_density(mixture, points)
            for part, dims, sign in parts:
                total = total + sign * _mixtures.log_density(part, points[:, dims])
            return total

        value = expectation(log_ratio, mixture, nodes.full, nodes.full_weights)
    return jnp.where(has_one_component(mixture), closed, value)


def entropy(mixture: GaussianMixture, nodes: Nodes) -> jax.Array:
    """Differential entropy in nats, ``(s,)``."""
    closed = _gaussians.entropy_of_factor(one_component(mixture).scale_trils)
    if mixture.means.shape[0] == 1:
        return _for_each_set(closed, nodes)
    value = _entropy(mixture, nodes)
    return jnp.where(has_one_component(mixture), closed, value)


def kl_divergence(p: GaussianMixture, q: GaussianMixture, nodes: Nodes) -> jax.Array:
    """KL(p || q) in nats, ``(s,)``."""
    closed = _gaussian_kl(one_component(p), one_component(q))
    if p.means.shape[0] == q.means.shape[0] == 1:
        return _for_each_set(closed, nodes)

    def log_ratio(points: jax.Array) -> jax.Array:
        return _mixtures.log_density(p, points) - _mixtures.log_density(q, points)

    value = expectation(log_ratio, p, nodes.full, nodes.full_weights)
    return jnp.where(has_one_component(p) & has_one_component(q), closed, value)


def class_information(
    mixtures: GaussianMixture, priors: jax.Array, nodes: Nodes
) -> jax.Array:
    """I(X;C) in nats, ``(s,)``, of classes ``(c,)`` with a mixture each.

    A class of prior zero counts for nothing.
    """
    c, k = mixtures.log_weights.shape
    is_empty = priors == 0
    log_priors = jnp.where(is_empty, -jnp.inf, jnp.log(jnp.where(is_empty, 1, priors)))
    everything = GaussianMixture(
        log_weights=(mixtures.log_weights + log_priors[:, None]).reshape(c * k),
        means=mixtures.means.reshape(c * k, -1),
        scale_trils=mixtures.scale_trils.reshape(c * k, *mixtures.means.shape[2:] * 2),
    )

    def of_class(mixture: GaussianMixture) -> jax.Array:
        def log_ratio(points: jax.Array) -> jax.Array:
            own = _mixtures.log_density(mixture, points)
            return own - _mixtures.log_density(everything, points)

        return expectation(log_ratio, mixture, nodes.full, nodes.full_weights)

    by_class = jax.lax.map(of_class, mixtures)
    return jnp.sum(priors[:, None] * by_class, axis=0)


def expectation(
    fn: Callable[[jax.Array], jax.Array],
    mixture: GaussianMixture,
    nodes: jax.Array,
    weights: jax.Array,
) -> jax.Array:
    """Mean of a function of points ``(m, d)`` for each set of nodes, ``(s,)``."""
    k, dim = mixture.means.shape
    is_absent = jnp.isneginf(mixture.log_weights)
    log_weights = jnp.where(is_absent, 0, mixture.log_weights)
    shares = jnp.where(is_absent, 0, jnp.exp(log_weights))

    @jax.checkpoint
    def one(nodes: jax.Array) -> jax.Array:
        moved = jnp.einsum(
            "kij,qj->kqi",
            mixture.scale_trils,
            nodes,
            precision=jax.lax.Precision.HIGHEST,
        )
        points = mixture.means[:, None, :] + moved
        values = fn(points.reshape(-1, dim)).reshape(k, -1)
        return jnp.sum(shares * jnp.sum(weights[None] * values, axis=1))

    if nodes.shape[0] == 1:
        only: jax.Array = one(nodes[0])
        return only[None]
    values: jax.Array = jax.lax.map(one, nodes)
    return values


def has_one_component(mixture: GaussianMixture) -> jax.Array:
    """Whether all others are absent."""
    return jnp.sum(~jnp.isneginf(mixture.log_weights)) == 1


def _hermite(orders: tuple[int, int], dim: int, dtype: jnp.dtype) -> Nodes:
    line, line_weights = quadrature.gauss_hermite(orders[0], 1)
    full, full_weights = quadrature.gauss_hermite(orders[dim - 1], dim)
    return Nodes(
        line=jnp.asarray(line[None], dtype),
        line_weights=jnp.asarray(line_weights, dtype),
        full=jnp.asarray(full[None], dtype),
        full_weights=jnp.asarray(full_weights, dtype),
    )


def _entropy(mixture: GaussianMixture, nodes: Nodes) -> jax.Array:
    def log_density(points: jax.Array) -> jax.Array:
        return _mixtures.log_density(mixture, points)

    return -expectation(log_density, mixture, nodes.full, nodes.full_weights)


def _entropy_on_a_line(mixture: GaussianMixture, nodes: Nodes) -> jax.Array:
    return _entropy(
        mixture, nodes._replace(full=nodes.line, full_weights=nodes.line_weights)
    )


def _for_each_set(closed: jax.Array, nodes: Nodes) -> jax.Array:
    """A value that needs no nodes, as if from each of their sets."""
    return jnp.broadcast_to(closed, nodes.full.shape[:1])


def one_component(mixture: GaussianMixture) -> GaussianMixture:
    """The heaviest component alone, without the leading axis."""
    heaviest = jnp.argmax(mixture.log_weights)
    return GaussianMixture(*(leaf[heaviest] for leaf in mixture))


def gaussian_information(
    gaussian: GaussianMixture, x: Dims, y: Dims, given: Dims
) -> jax.Array:
    """From factors of correlations, so that scales do not round it away."""
    covariance = linalg.gram(gaussian.scale_trils)
    deviation = jnp.sqrt(jnp.diagonal(covariance))
    correlation = covariance / deviation[:, None] / deviation[None, :]

    def log_det(dims: Dims) -> jax.Array:
        index = np.asarray(dims)
        part = correlation[index[:, None], index[None, :]]
        return linalg.log_det_of_factor(linalg.cholesky(part))

    information = log_det(x + given) + log_det(y + given) - log_det(x + y + given)
    if given:
        information = information - log_det(given)
    return information / 2


def _gaussian_kl(p: GaussianMixture, q: GaussianMixture) -> jax.Array:
    whitener = linalg.invert_factor(q.scale_trils)
    spread = linalg.product(whitener, p.scale_trils)
    shift = linalg.product(whitener, (p.means - q.means)[:, None])[:, 0]
    log_dets = [linalg.log_det_of_factor(g.scale_trils) for g in (q, p)]
    squares = jnp.sum(spread**2) + jnp.sum(shift**2) - p.means.shape[0]
    return (squares + log_dets[0] - log_dets[1]) / 2


def standardised(
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


def _check_leading(name: str, value: int, dim: int) -> None:
    """Check a number of leading dimensions that leaves others."""
    checks.at_least(name, value, 1)
    if value >= dim:
        raise ValueError(
            f"Expected `{name}` to be below the {dim} dimensions, got {value}."
        )
