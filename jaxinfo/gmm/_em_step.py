"""The map whose fixed points are fits: weighted EM on the moments of components.

Everything here lives in a frame of standardised data (`_whitening`). A mixture is
carried as its moments, one array ``(k, q)``: for each component its mass, its mean and
the lower triangle of its covariance, q = 1 + d + d (d + 1) / 2. A component of mass
zero is absent. Sums over points are products with the features

    phi(z) = (1, z_i, z_i z_j for i >= j),

the same for all components: fast, but they lose the digits of a component that is
narrow and far from the origin. `_local` keeps these.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm._types import GaussianMixture

Whole = TypeVar("Whole")

# Numbers that a pass over all rows may hold before it goes by blocks of rows.
LARGEST = 2**24
# Dimensions up to which log-densities are summed from whitened offsets: as fast as the
# product, and without its cancellation for narrow components.
DIRECT_UP_TO = 3
# Stands for the logarithm of zero where exponentials are taken: the difference of two
# infinities would be NaN.
ABSENT = -1e30
# Share of its size, in roundings, that is added to what a difference leaves.
_ROUNDING = 4
# Components for which there are programs of their own, see `of_present`.
_FEW = 4


class Rows(NamedTuple):
    """Points in the frame, and their features if these are held.

    Attributes:
        points: Shape ``(n, d)``.
        features: Shape ``(q, n)``; ``None`` where they are made block by block.
        block_size: Rows of a block.
        axis_name: Devices that share all rows, of which these are those of one.
    """

    points: jax.Array
    features: jax.Array | None
    block_size: int
    axis_name: AxisName = None


def num_features(dim: int) -> int:
    """How many features a point has."""
    return 1 + dim + dim * (dim + 1) // 2


def features(points: jax.Array) -> jax.Array:
    """Features of points, ``(n, d)`` to ``(q, n)``."""
    return features_of_columns(points.T)


def features_of_columns(columns: jax.Array) -> jax.Array:
    """Features of coordinates, ``(..., d, n)`` to ``(..., q, n)``."""
    i, j = np.tril_indices(columns.shape[-2])
    ones = jnp.ones_like(columns[..., :1, :])
    products = columns[..., i, :] * columns[..., j, :]
    return jnp.concatenate([ones, columns, products], axis=-2)


def as_rows(
    points: jax.Array,
    *,
    num_components: int,
    block_size: int | None = None,
    axis_name: AxisName = None,
) -> Rows:
    """Hold the features where they and the responsibilities are few enough."""
    n, dim = points.shape
    entries = num_components + num_features(dim)
    if block_size is None:
        block_size = n if n * entries <= LARGEST else max(1, LARGEST // (4 * entries))
    is_held = block_size >= n
    held = features(points) if is_held else None
    return Rows(points, held, min(block_size, n), axis_name)


def unpack(moments: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Masses ``(k,)``, means ``(k, d)`` and covariances ``(k, d, d)``."""
    dim = _dim(moments.shape[-1])
    covariances = symmetric(moments[:, 1 + dim :], dim)
    return moments[:, 0], moments[:, 1 : 1 + dim], covariances


def pack(mass: jax.Array, means: jax.Array, covariances: jax.Array) -> jax.Array:
    """Moments ``(k, q)``; those of a mass of zero are all zero."""
    i, j = np.tril_indices(means.shape[1])
    packed = jnp.concatenate([mass[:, None], means, covariances[:, i, j]], axis=1)
    return jnp.where(mass[:, None] == 0, 0, packed)


def from_raw(raw: jax.Array) -> jax.Array:
    """Moments from masses times means of the features."""
    dim = _dim(raw.shape[-1])
    mass = raw[:, 0]
    scaled = raw / jnp.where(mass == 0, 1, mass)[:, None]
    means = scaled[:, 1 : 1 + dim]
    i, j = np.tril_indices(dim)
    covariances = scaled[:, 1 + dim :] - means[:, i] * means[:, j]
    packed = jnp.concatenate([mass[:, None], means, covariances], axis=1)
    return jnp.where(mass[:, None] == 0, 0, packed)


def mixture(moments: jax.Array, regularization: ArrayLike) -> GaussianMixture:
    """Parameters of the M-step, with the regularised covariances."""
    shares, means, factors = parameters(moments, regularization)
    return mixture_of(density_of(shares, means, factors), factors)


def parameters(
    moments: jax.Array, regularization: ArrayLike
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Weights, means and factors of the M-step."""
    mass, means, covariances = unpack(moments)
    is_absent = mass == 0
    identity = jnp.eye(means.shape[1], dtype=means.dtype)[None]
    variances = jnp.diagonal(covariances, axis1=1, axis2=2)
    added = ridge(means, regularization) + _eps(means) * variances
    covariances = covariances + added[:, :, None] * identity
    covariances = jnp.where(is_absent[:, None, None], identity, covariances)
    return mass / jnp.sum(mass), means, linalg.cholesky(covariances)


def from_mixture(mixture: GaussianMixture, regularization: ArrayLike) -> jax.Array:
    """Moments whose M-step gives a mixture."""
    is_absent = jnp.isneginf(mixture.log_weights)
    identity = jnp.eye(mixture.means.shape[1], dtype=mixture.means.dtype)[None]
    means = jnp.where(is_absent[:, None], 0, mixture.means)
    covariances = linalg.gram(mixture.scale_trils)
    variances = jnp.diagonal(covariances, axis1=1, axis2=2)
    added = ridge(means, regularization) + _eps(means) * variances
    covariances = covariances - added[:, :, None] * identity
    return pack(jnp.exp(mixture.log_weights), means, covariances)


def ridge(means: jax.Array, regularization: ArrayLike) -> jax.Array:
    """What is added to variances ``(k, d)``: the regularisation, and their rounding."""
    # Second moments minus squared means lose this much.
    return jnp.asarray(regularization) + _ROUNDING * _eps(means) * means**2


class Density(NamedTuple):
    """A mixture in the form that log-densities are taken from.

    Attributes:
        constants: What does not depend on the point. Shape ``(k,)``.
        means: Shape ``(k, d)``.
        whiteners: Inverse Cholesky factors. Shape ``(k, d, d)``.
    """

    constants: jax.Array
    means: jax.Array
    whiteners: jax.Array


def shares(log_weights: jax.Array) -> jax.Array:
    """Weights of components; zero, with no slope, of the absent ones."""
    is_absent = jnp.isneginf(log_weights)
    return jnp.where(is_absent, 0, jnp.exp(jnp.where(is_absent, 0, log_weights)))


def density(mixture: GaussianMixture) -> Density:
    """Constants, means and whiteners; an absent component is nowhere."""
    dim = mixture.means.shape[1]
    is_absent = jnp.isneginf(mixture.log_weights)
    log_weights = jnp.where(is_absent, 0, mixture.log_weights)
    log_det = linalg.log_det_of_factor(mixture.scale_trils)
    constants = log_weights - (log_det + dim * float(np.log(2 * np.pi))) / 2
    return Density(
        constants=jnp.where(is_absent, ABSENT, constants),
        means=mixture.means,
        whiteners=linalg.invert_factor(mixture.scale_trils),
    )


def density_of(shares: jax.Array, means: jax.Array, factors: jax.Array) -> Density:
    """The density of weights, which may be zero, means and factors."""
    dim = means.shape[1]
    is_absent = shares == 0
    diagonals = jnp.diagonal(factors, axis1=1, axis2=2)
    given = jnp.where(is_absent, 1, shares)[:, None]
    # Logarithms that are summed at once compile in a fraction of the time that those of
    # small arrays take.
    logs = jnp.log(jnp.concatenate([given, diagonals], axis=1))
    signs = np.asarray([[1] + [-1] * dim])
    constants = jnp.sum(logs * signs.astype(logs.dtype), axis=1)
    constants = constants - dim * float(np.log(2 * np.pi)) / 2
    return Density(
        constants=jnp.where(is_absent, ABSENT, constants),
        means=means,
        whiteners=linalg.invert_factor(factors),
    )


def mixture_of(density: Density, factors: jax.Array) -> GaussianMixture:
    """The mixture of a density with these factors."""
    dim = density.means.shape[1]
    log_det = linalg.log_det_of_factor(factors)
    log_weights = density.constants + (log_det + dim * float(np.log(2 * np.pi))) / 2
    return GaussianMixture(
        log_weights=jnp.where(density.constants == ABSENT, -jnp.inf, log_weights),
        means=density.means,
        scale_trils=factors,
    )


def coefficients(density: Density) -> jax.Array:
    """Coefficients ``(k, q)`` of the joint log-densities on the features."""
    dim = density.means.shape[1]
    transposed = jnp.swapaxes(density.whiteners, 1, 2)
    precisions = linalg.product(transposed, density.whiteners)
    white_means = linalg.product(density.whiteners, density.means[:, :, None])
    linear = linalg.product(transposed, white_means)[:, :, 0]
    constants = density.constants - jnp.sum(white_means[:, :, 0] ** 2, axis=1) / 2
    i, j = np.tril_indices(dim)
    factors = jnp.asarray(np.where(i == j, -0.5, -1.0)[None], precisions.dtype)
    return jnp.concatenate(
        [constants[:, None], linear, precisions[:, i, j] * factors], axis=1
    )


def direct_joint(density: Density, points: jax.Array) -> jax.Array:
    """Logarithms of weight times density, ``(k, n)``, from whitened offsets."""
    dim = points.shape[1]
    offsets = [points[None, :, j] - density.means[:, None, j] for j in range(dim)]
    joint = density.constants[:, None]
    for i in range(dim):
        white = sum(density.whiteners[:, i, j, None] * offsets[j] for j in range(i + 1))
        joint = joint - white**2 / 2
    return joint


def responsibilities(
    density: Density, points: jax.Array, features: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Log-densities ``(n,)`` and responsibilities ``(k, n)``."""
    if points.shape[1] <= DIRECT_UP_TO:
        return normalise(direct_joint(density, points))
    return normalise(linalg.product(coefficients(density), features))


def evaluate(
    density: Density, rows: Rows, weights: jax.Array, number: jax.Array | None = None
) -> tuple[jax.Array, jax.Array]:
    """Mean log-likelihood under a mixture, and the moments of the M-step from it.

    Weights ``(n,)`` of any scale; rows of weight zero must still be finite. With
    ``number``, components from there on are absent.
    """
    share = weights / shards.total(jnp.sum(weights), rows.axis_name)

    def sums(
        density: Density, points: jax.Array, features: jax.Array, share: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        log_density, given = responsibilities(density, points, features)
        raw = linalg.product(given * share[None], features.T)
        return jnp.sum(share * log_density), raw

    def of(density: Density) -> tuple[jax.Array, jax.Array]:
        if rows.features is not None:
            return sums(density, rows.points, rows.features, share)

        def block(
            block: tuple[jax.Array, jax.Array], is_real: jax.Array
        ) -> tuple[tuple[jax.Array, jax.Array], None]:
            points, share = block
            return sums(density, points, features(points), share * is_real), None

        total, _ = blocks.over_rows(
            block, (rows.points, share), block_size=rows.block_size
        )
        return total

    log_likelihood, raw = shards.total(of_present(number, density, of), rows.axis_name)
    return log_likelihood, from_raw(raw)


def of_present(
    number: jax.Array | None,
    components: Any,
    fn: Callable[[Any], tuple[Whole, Any]],
) -> tuple[Whole, Any]:
    """Apply a function to few components where the others are absent.

    Mostly a few components are enough of those that arrays have room for.

    Args:
        number: How many components there are at most; all if ``None``.
        components: Arrays with a leading axis of components.
        fn: Gives what has no axis of components, and arrays with one. Of these the
            absent ones have zeros.
    """
    capacity = jax.tree.leaves(components)[0].shape[0]
    if number is None or capacity <= _FEW:
        return fn(components)

    def of_first(count: int) -> Callable[[Any], tuple[Whole, Any]]:
        def run(components: Any) -> tuple[Whole, Any]:
            whole, each = fn(jax.tree.map(lambda leaf: leaf[:count], components))
            return whole, jax.tree.map(lambda leaf: pad_to(capacity, leaf), each)

        return run

    result: tuple[Whole, Any] = jax.lax.cond(
        number <= _FEW, of_first(_FEW), of_first(capacity), components
    )
    return result


def one_by_one(
    number: jax.Array, capacity: int, fn: Callable[[jax.Array], Whole]
) -> Whole:
    """Apply a function to the index of one component after the other.

    Stacked along a new first axis; zeros from ``number`` on, at no cost.
    """

    def one(index: jax.Array) -> Whole:
        zeros = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(fn, index)
        )
        value: Whole = jax.lax.cond(index < number, fn, lambda _: zeros, index)
        return value

    stacked: Whole = jax.lax.map(one, jnp.arange(capacity))
    return stacked


def pad_to(length: int, array: jax.Array) -> jax.Array:
    """Add zeros along the first axis."""
    missing = [(0, length - array.shape[0])] + [(0, 0)] * (array.ndim - 1)
    return jnp.pad(array, missing)


def is_finite(density: Density) -> jax.Array:
    """Whether a mixture has a factor and all else that a step needs."""
    leaves = [jnp.all(jnp.isfinite(leaf)) for leaf in density]
    return leaves[0] & leaves[1] & leaves[2]


def log_sum(joint: jax.Array) -> jax.Array:
    """Logarithms of sums over components ``(k, n)`` of exponentials."""
    largest = jax.lax.stop_gradient(jnp.max(joint, axis=0))
    return jnp.log(jnp.sum(jnp.exp(joint - largest[None]), axis=0)) + largest


def normalise(joint: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Logarithms of sums over components ``(k, n)``, and shares in them."""
    largest = jax.lax.stop_gradient(jnp.max(joint, axis=0))
    scaled = jnp.exp(joint - largest[None])
    total = jnp.sum(scaled, axis=0)
    return jnp.log(total) + largest, scaled / total[None]


def symmetric(entries: jax.Array, dim: int) -> jax.Array:
    """Matrices ``(k, d, d)`` from the entries of their lower triangles."""
    position = np.zeros((dim, dim), int)
    i, j = np.tril_indices(dim)
    position[i, j] = position[j, i] = np.arange(len(i))
    return entries[:, position]


def _eps(x: jax.Array) -> float:
    return float(np.finfo(x.dtype).eps)


def _dim(num_features: int) -> int:
    return int((np.sqrt(8 * num_features + 1) - 3) / 2 + 0.5)
