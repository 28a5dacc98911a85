"""Given mixtures: densities, samples, marginals and conditionals."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.gmm import _em_step
from jaxinfo.gmm._em_step import Density
from jaxinfo.gmm._types import GaussianMixture


@compiled.jit
def log_prob(mixture: GaussianMixture, x: ArrayLike) -> jax.Array:
    r"""Log-density of a Gaussian mixture.

    .. math::
        \log p(x) = \log \sum_k w_k N(x; m_k, L_k L_k^\top)

    Differentiable in the mixture and in ``x``. Costs :math:`O(n k d^2)` time, in
    :math:`n k` numbers of memory.

    Args:
        mixture: The mixture; its weights are used as they are (not normalised).
        x: Points. Shape ``(n, d)``.

    Returns:
        Logarithms of the density, per unit of volume of ``x``; ``-inf`` if every
        component is absent. Shape ``(n,)``.

    References:
        McLachlan and Peel, `Finite mixture models
        <https://doi.org/10.1002/0471721182>`_, 2000.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> mixture = gmm.GaussianMixture(
        ...     jnp.log(jnp.array([0.5, 0.5])),
        ...     jnp.array([[-2.0], [2.0]]),
        ...     jnp.ones((2, 1, 1)),
        ... )
        >>> print(gmm.log_prob(mixture, jnp.array([[-2.0], [0.0]])))
        [-1.6118 -2.9189]
    """
    mixture, x = _mixture_and_points(mixture, x)
    return log_density(mixture, x)


@compiled.jit
def responsibilities(mixture: GaussianMixture, x: ArrayLike) -> jax.Array:
    r"""Posterior probabilities that each point comes from each component.

    .. math::
        r_{nk} = w_k N(x_n; m_k, L_k L_k^\top) / p(x_n)

    Differentiable in the mixture and in ``x``. Costs :math:`O(n k d^2)` time, in
    :math:`n k` numbers of memory.

    Args:
        mixture: The mixture; at least one component must be present.
        x: Points. Shape ``(n, d)``.

    Returns:
        Responsibilities, summing to one in each row; NaN where a point is so far away
        that the logarithms of all densities overflow. Shape ``(n, k)``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> mixture = gmm.GaussianMixture(
        ...     jnp.log(jnp.array([0.5, 0.5])),
        ...     jnp.array([[-2.0], [2.0]]),
        ...     jnp.ones((2, 1, 1)),
        ... )
        >>> print(gmm.responsibilities(mixture, jnp.array([[-0.5], [0.0]])))
        [[0.881 0.119]
         [0.5   0.5  ]]
    """
    mixture, x = _mixture_and_points(mixture, x)
    return jax.nn.softmax(log_joint(mixture, x), axis=0).T


@compiled.jit(static_argnames=("num_samples",))
def sample(key: ArrayLike, mixture: GaussianMixture, *, num_samples: int) -> jax.Array:
    r"""Draw independent points from a Gaussian mixture.

    Draws a component :math:`k` with probability proportional to :math:`w_k`, then
    :math:`x = m_k + L_k \epsilon` with standard normal :math:`\epsilon`.

    Differentiable in the means and factors for the components drawn; not in the
    weights. Costs :math:`O(s d^2)` time.

    Args:
        key: Random key.
        mixture: The mixture.
        num_samples: Number of points. Static.

    Returns:
        Points. Shape ``(num_samples, d)``.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> mixture = gmm.GaussianMixture(
        ...     jnp.log(jnp.array([0.5, 0.5])),
        ...     jnp.array([[-2.0], [2.0]]),
        ...     0.1 * jnp.ones((2, 1, 1)),
        ... )
        >>> x = gmm.sample(jax.random.key(0), mixture, num_samples=1000)
        >>> print(jnp.mean(jnp.abs(x)))
        2.00
    """
    key = checks.as_key("key", key)
    mixture = read("mixture", mixture)
    checks.at_least("num_samples", num_samples, 1)
    key_component, key_noise = jax.random.split(key)
    component = jax.random.categorical(
        key_component, mixture.log_weights, shape=(num_samples,)
    )
    dim = mixture.means.shape[1]
    noise = jax.random.normal(key_noise, (num_samples, dim, 1), mixture.means.dtype)
    moved = linalg.product(mixture.scale_trils[component], noise)
    return mixture.means[component] + moved[:, :, 0]


@compiled.jit(static_argnames=("dims",))
def marginal(mixture: GaussianMixture, *, dims: tuple[int, ...]) -> GaussianMixture:
    r"""Marginal of a mixture on some of its dimensions.

    Its components have means :math:`m_{k,A}` and covariances :math:`C_{k,AA}`.

    Differentiable in the mixture. Costs :math:`O(k d^3)` time.

    Args:
        mixture: The mixture.
        dims: Dimensions :math:`A` to keep, in the order of the result. Static.

    Returns:
        Mixture of ``len(dims)`` dimensions.

    Raises:
        TypeError: If ``dims`` is not a tuple of ints.
        ValueError: If ``dims`` is empty, has repetitions or exceeds the dimensions.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> factor = jnp.array([[[1.0, 0.0], [3.0, 4.0]]])
        >>> mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), factor)
        >>> print(gmm.marginal(mixture, dims=(1,)).scale_trils)
        [[[5.]]]
    """
    mixture = read("mixture", mixture)
    dims = _dims("dims", dims, mixture.means.shape[1])
    return marginal_of(mixture, dims)


@compiled.jit(static_argnames=("dims",))
def condition(
    mixture: GaussianMixture, values: ArrayLike, *, dims: tuple[int, ...]
) -> GaussianMixture:
    r"""Conditional distribution of a mixture, given the values of some dimensions.

    Given :math:`x_B = v`, with :math:`G_k = C_{k,AB} C_{k,BB}^{-1}`,

    .. math::
        m_k' = m_{k,A} + G_k (v - m_{k,B}), \qquad
        C_k' = C_{k,AA} - G_k C_{k,BA}, \qquad
        w_k' \propto w_k N(v; m_{k,B}, C_{k,BB}) .

    Differentiable in the mixture and the values. Costs :math:`O(k d^3)` time.

    Args:
        mixture: The mixture.
        values: Values :math:`v` of the given dimensions. Shape ``(len(dims),)``.
        dims: The given dimensions :math:`B`, not all. Static.

    Returns:
        Normalised mixture of the other dimensions, in ascending order.

    Raises:
        TypeError: If ``dims`` is not a tuple of ints.
        ValueError: If ``dims`` is empty, has repetitions, exceeds the dimensions or
            leaves none.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> factor = jnp.array([[[1.0, 0.0], [0.6, 0.8]]])
        >>> mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), factor)
        >>> print(gmm.condition(mixture, jnp.array([2.0]), dims=(0,)).means)
        [[1.2]]
    """
    mixture = read("mixture", mixture)
    dim = mixture.means.shape[1]
    dims = _dims("dims", dims, dim)
    if len(dims) == dim:
        raise ValueError(f"Expected `dims` to leave out a dimension, got all {dim}.")
    values = checks.as_float("values", values, "(b,)", b=len(dims))
    values, *parameters = checks.promote(values, *mixture)
    mixture = GaussianMixture(*parameters)
    others = tuple(i for i in range(dim) if i not in dims)

    # With the given dimensions first, the factor holds all there is: its blocks are
    # those of the given ones, of the regression on them, and of the rest.
    ordered = marginal_of(mixture, dims + others)
    given = len(dims)
    first = marginal_of(ordered, tuple(range(given)))
    offsets = values[None] - first.means
    white = linalg.product(linalg.invert_factor(first.scale_trils), offsets[:, :, None])
    regression = ordered.scale_trils[:, given:, :given]
    joint = log_joint(first, values[None])[:, 0]
    is_absent = jnp.isneginf(mixture.log_weights)
    joint = jnp.where(is_absent, -jnp.inf, joint)
    return GaussianMixture(
        log_weights=jax.nn.log_softmax(joint),
        means=ordered.means[:, given:] + linalg.product(regression, white)[:, :, 0],
        scale_trils=ordered.scale_trils[:, given:, given:],
    )


@compiled.jit
def pointwise_mutual_information(
    mixture: GaussianMixture, x: ArrayLike, y: ArrayLike
) -> jax.Array:
    r"""Pointwise mutual information of pairs of points under a mixture.

    .. math::
        i(x; y) = \log \frac{p(x, y)}{p(x)\, p(y)}

    Its mean over the mixture is `mixture_mutual_information`. Differentiable in the
    mixture and the points. Costs :math:`O(n k d^2)` time.

    Args:
        mixture: Joint mixture, the dimensions of ``x`` first.
        x: Points. Shape ``(n, a)``.
        y: Points. Shape ``(n, b)``.

    Returns:
        Values in nats, of any sign. Shape ``(n,)``.

    Raises:
        ValueError: If a + b is not the dimension of the mixture.

    References:
        Fano, `Transmission of information
        <https://mitpress.mit.edu/9780262561693>`_, 1961.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> factor = jnp.array([[[1.0, 0.0], [0.6, 0.8]]])
        >>> mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), factor)
        >>> x, y = jnp.array([[1.0], [1.0]]), jnp.array([[1.0], [-1.0]])
        >>> print(gmm.pointwise_mutual_information(mixture, x, y))
        [ 0.5981 -1.2769]
    """
    x = checks.as_float("x", x, "(n, a)")
    y = checks.as_float("y", y, "(n, b)", n=x.shape[0])
    mixture = read("mixture", mixture, x.shape[1] + y.shape[1])
    x, y, *parameters = checks.promote(x, y, *mixture)
    mixture = GaussianMixture(*parameters)
    a, dim = x.shape[1], mixture.means.shape[1]
    of_x = marginal_of(mixture, tuple(range(a)))
    of_y = marginal_of(mixture, tuple(range(a, dim)))
    # Weights that do not sum to one would count twice apart and once together.
    log_total = jax.nn.logsumexp(mixture.log_weights)
    return (
        log_density(mixture, jnp.concatenate([x, y], axis=1))
        - log_density(of_x, x)
        - log_density(of_y, y)
        + log_total
    )


def read(
    name: str, mixture: GaussianMixture, dim: int | None = None
) -> GaussianMixture:
    """Check the shapes of a mixture, and give its arrays one dtype.

    What an absent component has for a mean and a factor is replaced, as it is to be
    ignored and may be singular.
    """
    sizes = {} if dim is None else {"d": dim}
    means = checks.as_float(f"{name}.means", mixture[1], "(k, d)", **sizes)
    sizes = {"k": means.shape[0], "d": means.shape[1]}
    log_weights = checks.as_float(f"{name}.log_weights", mixture[0], "(k,)", **sizes)
    trils = checks.as_float(f"{name}.scale_trils", mixture[2], "(k, d, d)", **sizes)
    log_weights, means, trils = checks.promote(log_weights, means, trils)
    is_absent = jnp.isneginf(log_weights)
    identity = jnp.eye(means.shape[1], dtype=means.dtype)[None]
    return GaussianMixture(
        log_weights=log_weights,
        means=jnp.where(is_absent[:, None], 0, means),
        scale_trils=jnp.where(is_absent[:, None, None], identity, trils),
    )


def log_joint(mixture: GaussianMixture, points: jax.Array) -> jax.Array:
    """Logarithms of weight times density of each component, ``(k, n)``.

    Absent components have a large negative value.
    """
    return joint_of(_em_step.density(mixture), points)


def joint_of(density: Density, points: jax.Array) -> jax.Array:
    """Logarithms of weight times density, ``(k, n)``, from whitened offsets.

    One component at a time where they would take much memory.
    """
    if points.shape[1] <= _em_step.DIRECT_UP_TO:
        return _em_step.direct_joint(density, points)

    @jax.checkpoint
    def one(density: Density) -> jax.Array:
        white = linalg.product(points - density.means[None], density.whiteners.T)
        return density.constants - jnp.sum(white**2, axis=1) / 2

    terms: jax.Array = jax.lax.map(one, density)
    return terms


def log_density(mixture: GaussianMixture, points: jax.Array) -> jax.Array:
    """Log-density at points ``(n, d)``; ``-inf`` if every component is absent."""
    terms = log_joint(mixture, points)
    # Points so far that even the logarithm overflows.
    is_nowhere = jnp.all(jnp.isneginf(terms), axis=0)
    total = _em_step.log_sum(jnp.where(is_nowhere[None], 0, terms))
    is_nothing = jnp.all(jnp.isneginf(mixture.log_weights))
    return jnp.where(is_nowhere | is_nothing, -jnp.inf, total)


def moments_of(mixture: GaussianMixture) -> tuple[jax.Array, jax.Array]:
    """Mean ``(d,)`` and covariance ``(d, d)`` of all of a mixture."""
    shares = _em_step.shares(mixture.log_weights)
    mean = linalg.product(shares[None], mixture.means)[0]
    offsets = mixture.means - mean[None]
    each = linalg.gram(mixture.scale_trils) + offsets[:, :, None] * offsets[:, None]
    return mean, jnp.sum(shares[:, None, None] * each, axis=0)


def marginal_of(mixture: GaussianMixture, dims: tuple[int, ...]) -> GaussianMixture:
    """Mixture of some of the dimensions."""
    index = np.asarray(dims)
    means = mixture.means[:, index]
    if dims == tuple(range(len(dims))):
        trils = mixture.scale_trils[:, : len(dims), : len(dims)]
        return GaussianMixture(mixture.log_weights, means, trils)
    trils = linalg.factor_of_rows(mixture.scale_trils[:, index])
    return GaussianMixture(mixture.log_weights, means, trils)


def _mixture_and_points(
    mixture: GaussianMixture, x: ArrayLike
) -> tuple[GaussianMixture, jax.Array]:
    x = checks.as_float("x", x, "(n, d)")
    mixture = read("mixture", mixture, x.shape[1])
    x, *parameters = checks.promote(x, *mixture)
    return GaussianMixture(*parameters), x


def _dims(name: str, dims: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """Check a choice of dimensions."""
    if not isinstance(dims, tuple):
        raise TypeError(
            f"Expected `{name}` to be a tuple of ints, got {type(dims).__name__}."
        )
    for value in dims:
        checks.at_least(name, value, 0)
    if not dims or len(set(dims)) != len(dims) or max(dims) >= dim:
        raise ValueError(
            f"Expected `{name}` to hold distinct dimensions below {dim}, got {dims}."
        )
    return dims
