"""The map whose fixed points are fits: weighted EM on the moments of components.

Everything here lives in a frame of standardised data (`_whitening`). A mixture is
carried as its moments, one array ``(k, q)``: for each component its mass, its mean and
the lower triangle of its covariance, q = 1 + d + d (d + 1) / 2. A component of mass
zero is absent.

The same as raw moments, masses times the means of the features

    phi(z) = (1, z_i, z_i z_j for i >= j),

are where a step is linear in the weights of points; they are extrapolated and solved
for (`_bootstrap`, `_implicit`), but lose the digits of narrow components.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, linalg
from jaxinfo.gmm._types import GaussianMixture

# Numbers that a pass over all rows may hold before it goes by blocks of rows.
LARGEST = 2**24
# Dimensions up to which log-densities are summed from whitened offsets: as fast as the
# product, and without its cancellation for narrow components.
DIRECT_UP_TO = 3
# Stands for the logarithm of zero where exponentials are taken: the difference of two
# infinities would be NaN.
ABSENT = -1e30


class Rows(NamedTuple):
    """Points in the frame, and their features if these are held.

    Attributes:
        points: Shape ``(n, d)``.
        features: Shape ``(q, n)``; ``None`` where they are made block by block.
        block_size: Rows of a block.
    """

    points: jax.Array
    features: jax.Array | None
    block_size: int


def num_features(dim: int) -> int:
    """How many features a point has."""
    return 1 + dim + dim * (dim + 1) // 2


def features(points: jax.Array) -> jax.Array:
    """Features of points, ``(n, d)`` to ``(q, n)``."""
    columns = points.T
    i, j = np.tril_indices(columns.shape[0])
    return jnp.concatenate(
        [jnp.ones_like(columns[:1]), columns, columns[i] * columns[j]]
    )


def as_rows(
    points: jax.Array, *, num_components: int, block_size: int | None = None
) -> Rows:
    """Hold the features where they and the responsibilities are few enough."""
    n, dim = points.shape
    entries = num_components + num_features(dim)
    if block_size is None:
        block_size = n if n * entries <= LARGEST else max(1, LARGEST // (4 * entries))
    is_held = block_size >= n
    return Rows(points, features(points) if is_held else None, min(block_size, n))


def features_of(rows: Rows) -> jax.Array:
    """Features of rows, ``(q, n)``, whether held or not."""
    return features(rows.points) if rows.features is None else rows.features


def unpack(moments: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Masses ``(k,)``, means ``(k, d)`` and covariances ``(k, d, d)``."""
    dim = _dim(moments.shape[-1])
    covariances = _symmetric(moments[:, 1 + dim :], dim)
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


def to_raw(moments: jax.Array) -> jax.Array:
    """Masses times means of the features."""
    dim = _dim(moments.shape[-1])
    mass, means = moments[:, :1], moments[:, 1 : 1 + dim]
    i, j = np.tril_indices(dim)
    second = moments[:, 1 + dim :] + means[:, i] * means[:, j]
    return mass * jnp.concatenate([jnp.ones_like(mass), means, second], axis=1)


def mixture(moments: jax.Array, regularization: ArrayLike) -> GaussianMixture:
    """Parameters of the M-step, with the regularised covariances."""
    mass, means, covariances = unpack(moments)
    is_absent = mass == 0
    identity = jnp.eye(means.shape[1], dtype=means.dtype)[None]
    covariances = covariances + ridge(means, regularization)[:, :, None] * identity
    covariances = jnp.where(is_absent[:, None, None], identity, covariances)
    log_mass = jnp.log(jnp.where(is_absent, 1, mass))
    log_total = jnp.log(jnp.sum(mass))
    return GaussianMixture(
        log_weights=jnp.where(is_absent, -jnp.inf, log_mass - log_total),
        means=means,
        scale_trils=linalg.cholesky(covariances),
    )


def from_mixture(mixture: GaussianMixture, regularization: ArrayLike) -> jax.Array:
    """Moments whose M-step gives a mixture."""
    is_absent = jnp.isneginf(mixture.log_weights)
    identity = jnp.eye(mixture.means.shape[1], dtype=mixture.means.dtype)[None]
    means = jnp.where(is_absent[:, None], 0, mixture.means)
    covariances = linalg.gram(mixture.scale_trils)
    covariances = covariances - ridge(means, regularization)[:, :, None] * identity
    return pack(jnp.exp(mixture.log_weights), means, covariances)


def ridge(means: jax.Array, regularization: ArrayLike) -> jax.Array:
    """What is added to variances ``(k, d)``: the regularisation, and their rounding."""
    # Second moments minus squared means lose this much.
    return jnp.asarray(regularization) + 4 * float(np.finfo(means.dtype).eps) * means**2


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
        return _normalise(direct_joint(density, points))
    return _normalise(linalg.product(coefficients(density), features))


def evaluate(
    density: Density, rows: Rows, weights: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Mean log-likelihood under a mixture, and the moments of the M-step from it.

    Weights ``(n,)`` of any scale; rows of weight zero must still be finite.
    """
    share = weights / jnp.sum(weights)

    def sums(
        points: jax.Array, features: jax.Array, share: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        log_density, given = responsibilities(density, points, features)
        raw = linalg.product(given * share[None], features.T)
        return jnp.sum(share * log_density), raw

    if rows.features is not None:
        log_likelihood, raw = sums(rows.points, rows.features, share)
        return log_likelihood, from_raw(raw)

    def block(
        block: tuple[jax.Array, jax.Array], is_real: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array], None]:
        points, share = block
        return sums(points, features(points), share * is_real), None

    (log_likelihood, raw), _ = blocks.over_rows(
        block, (rows.points, share), block_size=rows.block_size
    )
    return log_likelihood, from_raw(raw)


def step(
    moments: jax.Array,
    rows: Rows,
    weights: jax.Array,
    regularization: ArrayLike,
) -> jax.Array:
    """One step of EM: the map F."""
    current = density(mixture(moments, regularization))
    return evaluate(current, rows, weights)[1]


def log_densities(density: Density, rows: Rows) -> jax.Array:
    """Log-density of each row, ``(n,)``."""
    return over_rows(
        lambda points, features: responsibilities(density, points, features)[0], rows
    )


def over_rows(fn: Callable[[jax.Array, jax.Array], jax.Array], rows: Rows) -> jax.Array:
    """Apply a function of points and their features, and stack what it gives a row."""
    if rows.features is not None:
        return fn(rows.points, rows.features)
    _, stacked = blocks.over_rows(
        lambda points, _: (None, fn(points, features(points))),
        rows.points,
        block_size=rows.block_size,
    )
    return stacked


def is_finite(density: Density) -> jax.Array:
    """Whether a mixture has a factor and all else that a step needs."""
    leaves = [jnp.all(jnp.isfinite(leaf)) for leaf in density]
    return leaves[0] & leaves[1] & leaves[2]


def _normalise(joint: jax.Array) -> tuple[jax.Array, jax.Array]:
    largest = jax.lax.stop_gradient(jnp.max(joint, axis=0))
    scaled = jnp.exp(joint - largest[None])
    total = jnp.sum(scaled, axis=0)
    return jnp.log(total) + largest, scaled / total[None]


def _symmetric(entries: jax.Array, dim: int) -> jax.Array:
    """Matrices ``(k, d, d)`` from the entries of their lower triangles."""
    position = np.zeros((dim, dim), int)
    i, j = np.tril_indices(dim)
    position[i, j] = position[j, i] = np.arange(len(i))
    return entries[:, position]


def _dim(num_features: int) -> int:
    return int((np.sqrt(8 * num_features + 1) - 3) / 2 + 0.5)
