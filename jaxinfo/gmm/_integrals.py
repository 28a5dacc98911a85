"""Integrals over mixtures: entropies, divergences, information.

The public functions take a given mixture. Behind them, and behind all estimates, are
functions that take nodes of integration and return one value for each of their sets,
``(s,)``: one of Gauss-Hermite nodes, several of randomised quasi Monte Carlo.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, guarded, linalg, quadrature
from jaxinfo.gmm import _em_step, _mixtures, _options
from jaxinfo.gmm._em_step import Density
from jaxinfo.gmm._types import GaussianMixture, Integral
from jaxinfo.measures import _gaussians

# Gauss-Hermite orders on a line and in a plane, of values and of replicates.
_HIGH = (96, 64)
_LOW = (64, 32)
# Independent shifts of quasi Monte Carlo nodes, from whose spread the error is known.
_NUM_SHIFTS = 8
_HALF_LOG_2_PI = float(np.log(2 * np.pi) / 2)
Dims = tuple[int, ...]
# Dimensions of marginals, and the signs of their log-densities in a sum.
Terms = tuple[tuple[Dims, int], ...]


@compiled.jit(static_argnames=("dim_x", "num_nodes"))
def mixture_mutual_information(
    key: ArrayLike, mixture: GaussianMixture, *, dim_x: int, num_nodes: int = 1024
) -> Integral:
    r"""Mutual information between the leading dimensions of a mixture and the others.

    .. math::
        I(X;Y) = E_p[\log p(x, y) - \log p(x) - \log p(y)]

    Evaluated in closed form for one component, by Gauss-Hermite quadrature in two
    dimensions, by randomised quasi Monte Carlo beyond.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s nodes in all, of
    which there are 1500 per component where quadrature applies.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        dim_x: Number of leading dimensions that are x. Static.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Unused up to two dimensions. Static.

    Returns:
        Information in nats, non-negative up to its error, and this error.

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
    r"""Mutual information of two blocks of dimensions of a mixture, given the others.

    .. math::
        I(X;Y|Z) = E_p[\log p(x, y, z) + \log p(z) - \log p(x, z) - \log p(y, z)]

    Evaluated in closed form for one component, otherwise by randomised quasi Monte
    Carlo.

    Differentiable in the mixture. Costs :math:`O(s k d^2)` time for s nodes in all.

    Args:
        key: Random key.
        mixture: The mixture, with normalised weights.
        dim_x: Number of leading dimensions that are x. Static.
        dim_y: Number of dimensions after these that are y; the rest are z. Static.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Unused up to two dimensions. Static.

    Returns:
        Information in nats, non-negative up to its error, and this error.

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

    Evaluated in closed form for one component, by Gauss-Hermite quadrature up to two
    dimensions, by randomised quasi Monte Carlo beyond.

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

    Evaluated in closed form if both have one component, by Gauss-Hermite quadrature up
    to two dimensions, by randomised quasi Monte Carlo beyond.

    Differentiable in both mixtures. Costs :math:`O(s k d^2)` time for s nodes in all.

    Args:
        key: Random key.
        p: Mixture over which the expectation is taken, with normalised weights.
        q: The other mixture, of any number of components.
        num_nodes: Quasi Monte Carlo nodes of each component, in each of eight shifts;
            a power of two. Unused up to two dimensions. Static.

    Returns:
        Divergence in nats, non-negative up to its error, and this error.

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
        full: Sets of nodes in all dimensions. Shape ``(s, q, d)``.
        full_weights: Shape ``(s, q)``.
    """

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
        return Level(
            *(_hermite(orders[dim - 1], dim, dtype) for orders in (_HIGH, _LOW))
        )
    full = quadrature.sobol_normals(
        key, num_shifts=_NUM_SHIFTS, num_nodes=num_nodes, dim=dim, dtype=dtype
    )
    equal = jnp.full((_NUM_SHIFTS, num_nodes), 1 / num_nodes, dtype)
    return Level(high=Nodes(full, equal), low=Nodes(full[:1], equal[:1]))


class Parts(NamedTuple):
    """Nodes of values and of replicates in sets of one size.

    Attributes:
        nodes: The sets. The mean over the first of them is an integral with the high
            nodes.
        num_high: How many these are.
        low: Which set has the low nodes.
        is_random: Whether each set alone estimates the integral.
    """

    nodes: Nodes
    num_high: int
    low: int
    is_random: bool


def parts(level: Level) -> Parts:
    """Sets of nodes for which one program does."""
    high, low = level
    if high.full.shape[0] > 1:
        return Parts(high, high.full.shape[0], low=0, is_random=True)
    size, dim = low.full.shape[1:]
    number = -(-high.full.shape[1] // size)
    missing = number * size - high.full.shape[1]
    full = jnp.pad(high.full[0], ((0, missing), (0, 0))).reshape(number, size, dim)
    weights = jnp.pad(high.full_weights[0], (0, missing)).reshape(number, size)
    nodes = Nodes(
        jnp.concatenate([full, low.full]),
        jnp.concatenate([number * weights, low.full_weights]),
    )
    return Parts(nodes, number, low=number, is_random=False)


def combine(values: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Integral and its error, from values with high nodes and the one with low."""
    if values.shape[0] == 1:
        return values[0], jnp.abs(values[0] - low)
    return mean_and_error(values)


def mean_and_error(values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean of the values of sets of random nodes, and its error."""
    number = values.shape[0]
    # From the first, so that equal values of a closed form have no spread at all.
    offsets = values - values[0]
    shift = jnp.mean(offsets)
    mean = values[0] + shift
    variance = jnp.sum((offsets - shift) ** 2) / (number - 1)
    return mean, guarded.sqrt(variance / number)


def information(
    mixture: GaussianMixture,
    x: Dims,
    y: Dims,
    given: Dims,
    nodes: Nodes,
    number: jax.Array | None = None,
) -> jax.Array:
    """I(X;Y|Z) of blocks of dimensions, in nats, ``(s,)``.

    Here and below components from ``number`` on are absent.
    """
    sum_of = _terms(x, y, given)
    marginals = _marginals(mixture, sum_of)
    # Where it is known that there is one, it is the first.
    heaviest = 0 if number is not None else jnp.argmax(mixture.log_weights)
    closed = _gaussian_information(
        mixture.scale_trils[heaviest],
        marginals.density.whiteners[:, heaviest],
        marginals.log_dets[:, heaviest],
        jnp.asarray([sign for _, sign in sum_of], marginals.log_dets.dtype),
    )
    return _closed_or(
        closed,
        lambda: mean_log_density(mixture, sum_of, marginals.density, nodes, number),
        nodes,
        (mixture,),
        number,
    )


@jax.custom_jvp
def _gaussian_information(
    factor: jax.Array, whiteners: jax.Array, log_dets: jax.Array, signs: jax.Array
) -> jax.Array:
    """Information of one Gaussian, from log-determinants of its marginals ``(t,)``.

    Its derivative takes their whiteners ``(t, d, d)``, which are there already.
    """
    return -jnp.sum(signs * log_dets) / 2


@_gaussian_information.defjvp
def _gaussian_information_jvp(
    primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[jax.Array, jax.Array]:
    factor, whiteners, _, signs = primals
    # Of half the log-determinants: the traces of W dL (W L)^T.
    seen = linalg.product(whiteners, factor[None])
    changed = linalg.product(whiteners, jnp.tril(tangents[0])[None])
    by_term = jnp.sum(seen * changed, axis=(1, 2))
    return _gaussian_information(*primals), -jnp.sum(signs * by_term)


def pointwise_information(
    mixture: GaussianMixture,
    points: jax.Array,
    x: Dims,
    y: Dims,
    given: Dims,
    number: jax.Array,
) -> jax.Array:
    """What `information` is the mean of, at points ``(n, d)``: shape ``(n,)``."""
    terms = _terms(x, y, given)
    log_ratio = _sum_of_terms(_marginals(mixture, terms).density, terms, number)
    return log_ratio(jnp.zeros_like(points[0]), points)


def _terms(x: Dims, y: Dims, given: Dims) -> Terms:
    """Marginals whose log-densities make up information, and their signs."""
    terms = ((x + y + given, 1), (x + given, -1), (y + given, -1), (given, 1))
    return tuple((tuple(sorted(dims)), sign) for dims, sign in terms if dims)


def entropy(
    mixture: GaussianMixture, nodes: Nodes, number: jax.Array | None = None
) -> jax.Array:
    """Differential entropy in nats, ``(s,)``."""
    terms: Terms = ((tuple(range(mixture.means.shape[1])), -1),)
    density = jax.tree.map(lambda leaf: leaf[None], _em_step.density(mixture))
    return _closed_or(
        _gaussians.entropy_of_factor(one_component(mixture).scale_trils),
        lambda: mean_log_density(mixture, terms, density, nodes, number),
        nodes,
        (mixture,),
        number,
    )


def kl_divergence(
    p: GaussianMixture,
    q: GaussianMixture,
    nodes: Nodes,
    number: jax.Array | None = None,
) -> jax.Array:
    """KL(p || q) in nats, ``(s,)``."""

    def integral() -> jax.Array:
        densities = _em_step.density(p), _em_step.density(q)

        def log_ratio(centre: jax.Array, offsets: jax.Array) -> jax.Array:
            own, other = (
                density_about(of, centre, offsets, number) for of in densities
            )
            return own - other

        return expectation(log_ratio, p, nodes, number)[0]

    closed = _gaussian_kl(one_component(p), one_component(q))
    return _closed_or(closed, integral, nodes, (p, q), number)


def class_information(
    mixtures: GaussianMixture, priors: jax.Array, nodes: Nodes, numbers: jax.Array
) -> jax.Array:
    """I(X;C) in nats, ``(s,)``, of classes ``(c,)`` with a mixture each.

    A class of prior zero counts for nothing.
    """
    value: jax.Array = _class_information(mixtures, priors, nodes, numbers)
    return value


@jax.custom_jvp
def _class_information(
    mixtures: GaussianMixture, priors: jax.Array, nodes: Nodes, numbers: jax.Array
) -> jax.Array:
    return _by_class(mixtures, priors, nodes, numbers)[0]


@_class_information.defjvp
def _class_information_jvp(
    primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[jax.Array, jax.Array]:
    mixtures, priors = primals[:2]
    value, by_class, weighed = _by_class(*primals)
    changes = jax.vmap(_changes)(mixtures, tangents[0])
    through_mixtures = _along(weighed, priors[:, None, None] * changes)
    # All densities together change as the shares do.
    through_priors = jnp.sum((by_class - 1) * tangents[1][:, None], axis=0)
    return value, jnp.sum(through_mixtures, axis=0) + through_priors


def _by_class(
    mixtures: GaussianMixture, priors: jax.Array, nodes: Nodes, numbers: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The information, its parts ``(c, s)``, and their weighed features."""
    c, k = mixtures.log_weights.shape
    is_empty = priors == 0
    log_priors = jnp.where(is_empty, -jnp.inf, jnp.log(jnp.where(is_empty, 1, priors)))
    of_all = _em_step.density(
        GaussianMixture(
            log_weights=(mixtures.log_weights + log_priors[:, None]).reshape(c * k),
            means=mixtures.means.reshape(c * k, -1),
            scale_trils=mixtures.scale_trils.reshape(
                c * k, *mixtures.means.shape[2:] * 2
            ),
        )
    )

    def of_class(of: tuple[GaussianMixture, jax.Array]) -> tuple[jax.Array, jax.Array]:
        mixture, number = of
        of_own = _em_step.density(mixture)

        def log_ratio(centre: jax.Array, offsets: jax.Array) -> jax.Array:
            own = density_about(of_own, centre, offsets, number)
            return own - density_about(of_all, centre, offsets)

        return expectation(log_ratio, mixture, nodes, number)[:2]

    by_class, weighed = jax.lax.map(of_class, (mixtures, numbers))
    return jnp.sum(priors[:, None] * by_class, axis=0), by_class, weighed


def mean_log_density(
    mixture: GaussianMixture,
    terms: Terms,
    marginals: Density,
    nodes: Nodes,
    number: jax.Array | None,
) -> jax.Array:
    """Mean over a mixture of a sum of log-densities of its marginals, ``(s,)``.

    Its derivative is the mean of the same sum along a change of the mixture, as the
    mean of a log-density does not change with that density to first order: one pass
    over the nodes gives both. Marginals are functions of the mixture, which the second
    derivative sees.
    """

    @jax.custom_jvp
    def value(
        mixture: GaussianMixture, marginals: Density, nodes: Nodes, number: Any
    ) -> jax.Array:
        return passed(mixture, marginals, nodes, number)[0]

    @value.defjvp
    def value_jvp(
        primals: tuple[Any, ...], tangents: tuple[Any, ...]
    ) -> tuple[jax.Array, jax.Array]:
        mixture, tangent = primals[0], tangents[0]
        mean, weighed, shares = passed(*primals)
        # Each density changes by as much as its weights do together.
        mass = jnp.sum(shares * _changed_weights(mixture, tangent))
        mass = sum(sign for _, sign in terms) * mass
        return mean, _along(weighed, _changes(mixture, tangent)) + mass

    def passed(
        mixture: GaussianMixture, marginals: Density, nodes: Nodes, number: Any
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        return expectation(
            _sum_of_terms(marginals, terms, number), mixture, nodes, number
        )

    if number is None:
        # The derivative of the sum itself, however few its nodes.
        return passed(mixture, marginals, nodes, number)[0]
    result: jax.Array = value(mixture, marginals, nodes, number)
    return result


class Marginals(NamedTuple):
    """Marginals of a mixture, one for each of some terms.

    Attributes:
        density: As densities that some dimensions do not matter to, with a leading axis
            of terms.
        log_dets: Of the correlations of each component. Shape ``(t, k)``.
    """

    density: Density
    log_dets: jax.Array


def _marginals(mixture: GaussianMixture, terms: Terms) -> Marginals:
    """Marginals by rows of the factors, so that near dependence does not round them."""
    k, dim = mixture.means.shape
    which = np.zeros((len(terms), dim), mixture.means.dtype)
    for term, (dims, _) in enumerate(terms):
        which[term, list(dims)] = 1
    both = which[:, :, None] * which[:, None, :]
    # Each row of length one, as scales do not matter.
    lengths = jnp.sqrt(jnp.sum(mixture.scale_trils**2, axis=2))
    rows = mixture.scale_trils / lengths[:, :, None]
    # Leading dimensions have a part of the factor, and single ones nothing to factor.
    is_leading = [
        len(dims) > 1 and dims == tuple(range(len(dims))) for dims, _ in terms
    ]
    is_kept = both * np.asarray(is_leading)[:, None, None] > 0
    identity = jnp.eye(dim, dtype=rows.dtype)[None, None]
    factors = jnp.where(is_kept[:, None], rows[None], identity)
    others = [
        term
        for term, (dims, _) in enumerate(terms)
        if not is_leading[term] and len(dims) > 1
    ]
    if others:
        is_used = jnp.asarray(which[others] > 0)[:, None]
        shape = len(others), k, dim
        theirs = linalg.factor_of_rows(
            jnp.broadcast_to(rows, (*shape, dim)), jnp.broadcast_to(is_used, shape)
        )
        factors = factors.at[np.asarray(others)].set(theirs)
    # Signs of the diagonal of a given factor do not matter.
    log_dets = linalg.log_det_of_factor(jnp.abs(factors))
    log_lengths = linalg.product(jnp.asarray(which), jnp.log(lengths).T)
    log_norms = log_lengths + jnp.sum(which, axis=1)[:, None] * _HALF_LOG_2_PI
    is_absent = jnp.isneginf(mixture.log_weights)
    log_weights = jnp.where(is_absent, 0, mixture.log_weights)
    constants = log_weights[None] - log_dets / 2 - log_norms
    whiteners = linalg.invert_factor(factors) / lengths[None, :, None]
    density = Density(
        constants=jnp.where(is_absent[None], _em_step.ABSENT, constants),
        means=jnp.broadcast_to(mixture.means, factors.shape[:3]),
        whiteners=whiteners * both[:, None],
    )
    return Marginals(density, log_dets)


def _sum_of_terms(
    marginals: Density, terms: Terms, number: jax.Array | None
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """A sum of log-densities of marginals, as `expectation` takes it."""
    signs = np.asarray([sign for _, sign in terms])

    def total(centre: jax.Array, offsets: jax.Array) -> jax.Array:
        each = jax.vmap(lambda part: density_about(part, centre, offsets, number))(
            marginals
        )
        return jnp.sum(signs.astype(each.dtype)[:, None] * each, axis=0)

    return total


def expectation(
    fn: Callable[[jax.Array, jax.Array], jax.Array],
    mixture: GaussianMixture,
    nodes: Nodes,
    number: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Mean over a mixture for each set of nodes, ``(s,)``, component by component.

    Beside it the means of the function times the features of the coordinates of each
    component, times its weight, ``(s, k, q)``: the slopes of an integral in those. And
    the weights, ``(k,)``.

    ``fn`` gives values ``(m,)`` at a centre ``(d,)`` plus offsets ``(m, d)``: kept
    apart, as narrow components far from the origin would lose their digits.
    """
    k, dim = mixture.means.shape
    sets, size = nodes.full.shape[:2]
    features = _em_step.features_of_columns(jnp.swapaxes(nodes.full, 1, 2))
    weighed_features = features * nodes.full_weights[:, None]

    @jax.checkpoint
    def about(centre: jax.Array, scale_tril: jax.Array) -> jax.Array:
        def one(points: jax.Array) -> jax.Array:
            return fn(centre, linalg.product(points, scale_tril.T))

        if k * sets * size <= _em_step.LARGEST:
            values = one(nodes.full.reshape(-1, dim)).reshape(sets, size)
        else:
            values = jax.lax.map(one, nodes.full)
        each: jax.Array = linalg.product(weighed_features, values[:, :, None])
        return jnp.squeeze(each, axis=2)

    def of_component(index: jax.Array) -> tuple[jax.Array, jax.Array]:
        each = about(mixture.means[index], mixture.scale_trils[index])
        share = _em_step.shares(mixture.log_weights[index])
        return share * each, share

    if number is None:
        by_component, shares = jax.lax.map(of_component, jnp.arange(k))
    else:
        by_component, shares = _em_step.one_by_one(number, k, of_component)
    weighed = jnp.swapaxes(by_component, 0, 1)
    # The first feature is one.
    return jnp.sum(weighed[:, :, 0], axis=1), weighed, shares


def _changes(mixture: GaussianMixture, tangent: GaussianMixture) -> jax.Array:
    """Change of log-densities, as coefficients ``(k, q)`` on the features."""
    dim = mixture.means.shape[1]
    whiteners = linalg.invert_factor(mixture.scale_trils)
    shift = linalg.product(whiteners, tangent.means[:, :, None])[:, :, 0]
    stretch = linalg.product(whiteners, jnp.tril(tangent.scale_trils))
    i, j = np.tril_indices(dim)
    constant = _changed_weights(mixture, tangent)
    constant = constant - jnp.trace(stretch, axis1=1, axis2=2)
    changes = jnp.concatenate([constant[:, None], shift, stretch[:, i, j]], axis=1)
    is_absent = jnp.isneginf(mixture.log_weights)[:, None]
    return jnp.where(is_absent, 0, changes)


def _changed_weights(mixture: GaussianMixture, tangent: GaussianMixture) -> jax.Array:
    return jnp.where(jnp.isneginf(mixture.log_weights), 0, tangent.log_weights)


def _along(weighed: jax.Array, changes: jax.Array) -> jax.Array:
    """Change of an integral ``(..., s)`` along changes ``(..., k, q)``."""
    return jnp.sum(weighed * changes[..., None, :, :], axis=(-2, -1))


def density_about(
    density: Density,
    centre: jax.Array,
    offsets: jax.Array,
    number: jax.Array | None = None,
) -> jax.Array:
    """Log-density at a centre ``(d,)`` plus offsets ``(m, d)``."""
    moved = density._replace(means=density.means - centre[None])

    def of(density: Density) -> tuple[jax.Array, tuple[()]]:
        return _em_step.log_sum(_mixtures.joint_of(density, offsets)), ()

    return _em_step.of_present(number, moved, of)[0]


def _closed_or(
    closed: jax.Array,
    integral: Callable[[], jax.Array],
    nodes: Nodes,
    mixtures: tuple[GaussianMixture, ...],
    number: jax.Array | None,
) -> jax.Array:
    """The closed form of single components, or an integral, ``(s,)``."""
    # A value that needs no nodes, as if from each of their sets.
    closed = jnp.broadcast_to(closed, nodes.full.shape[:1])
    if all(mixture.means.shape[0] == 1 for mixture in mixtures):
        return closed
    if number is not None:
        value: jax.Array = jax.lax.cond(number == 1, lambda: closed, integral)
        return value
    is_closed = [has_one_component(mixture) for mixture in mixtures]
    return jnp.where(jnp.all(jnp.stack(is_closed)), closed, integral())


def has_one_component(mixture: GaussianMixture) -> jax.Array:
    """Whether all others are absent."""
    return jnp.sum(~jnp.isneginf(mixture.log_weights)) == 1


def _hermite(order: int, dim: int, dtype: jnp.dtype) -> Nodes:
    full, weights = quadrature.gauss_hermite(order, dim)
    return Nodes(jnp.asarray(full[None], dtype), jnp.asarray(weights[None], dtype))


def one_component(mixture: GaussianMixture) -> GaussianMixture:
    """The heaviest component alone, without the leading axis."""
    heaviest = jnp.argmax(mixture.log_weights)
    return GaussianMixture(*(leaf[heaviest] for leaf in mixture))


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
            f"Expected `{name}` to be less than the number of dimensions, {dim}, got "
            f"{value}."
        )
