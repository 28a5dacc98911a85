"""EM about a given fit, in coordinates in which its components are standard normal.

The coordinates of component k are ``u = L_k^-1 (z - m_k)``. Sums over points are masses
times means of the features of `_em_step` in these coordinates,

    S_k = sum_n s_n r_nk phi(u_nk),

one array ``(k, q)``: about a component itself, they keep the digits of one that is
narrow and far from the others. A step of EM leads from ``S`` to a mixture (`moved`) and
on to the ``S`` of its responsibilities; that of the fit itself is `standing`.

What is added to covariances is a diagonal matrix for each component, its ``ridge``
``(k, d)``, which stays as it is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.gmm import _em_step
from jaxinfo.gmm._em_step import Density
from jaxinfo.gmm._types import GaussianMixture

Result = TypeVar("Result")


class Place(NamedTuple):
    """A fit, with what is known about the coordinates of its components.

    Attributes:
        fit: The fit.
        density: Its density.
        mass: Its weights. Shape ``(k,)``.
        blur: What the ridge adds to covariances in these coordinates. Shape
            ``(k, d, d)``.
    """

    fit: GaussianMixture
    density: Density
    mass: jax.Array
    blur: jax.Array


class View(NamedTuple):
    """Points as a fit sees them.

    Attributes:
        log_density: Shape ``(n,)``.
        given: Responsibilities. Shape ``(k, n)``.
        features: In the coordinates of each component. Shape ``(k, q, n)``.
    """

    log_density: jax.Array
    given: jax.Array
    features: jax.Array


def ridge(means: jax.Array, regularization: ArrayLike) -> jax.Array:
    """What is added to variances: the regularisation, and the rounding of offsets."""
    rounding = 4 * float(np.finfo(means.dtype).eps) * means
    return jnp.asarray(regularization) + rounding**2


def place(fit: GaussianMixture, ridge: jax.Array) -> Place:
    """Stand at a fit."""
    density = _em_step.density(fit)
    return Place(
        fit=fit,
        density=density,
        mass=_em_step.shares(fit.log_weights),
        blur=linalg.gram(density.whiteners * jnp.sqrt(ridge)[:, None, :]),
    )


@jax.custom_jvp
def follow(place: Place, fit: GaussianMixture, ridge: jax.Array) -> Place:
    """A place as a function of its fit, which it need not be found from again."""
    return place


@follow.defjvp
def _follow_jvp(
    primals: tuple[Place, GaussianMixture, jax.Array],
    tangents: tuple[Place, GaussianMixture, jax.Array],
) -> tuple[Place, Place]:
    found, ridge = primals[0], primals[2]
    _, change = jax.jvp(lambda fit: place(fit, ridge), (primals[1],), (tangents[1],))
    return found, change


def view(density: Density, points: jax.Array) -> View:
    """See points ``(n, d)`` from a fit."""
    white = coordinates(density, points)
    joint = density.constants[:, None] - jnp.sum(white**2, axis=1) / 2
    log_density, given = _em_step.normalise(joint)
    return View(log_density, given, _em_step.features_of_columns(white))


def coordinates(density: Density, points: jax.Array) -> jax.Array:
    """Points in the coordinates of each component, ``(k, d, n)``."""
    offsets = points.T[None] - density.means[:, :, None]
    if points.shape[1] > _em_step.DIRECT_UP_TO:
        return linalg.product(density.whiteners, offsets)
    return jnp.sum(density.whiteners[:, :, :, None] * offsets[:, None], axis=2)


def sums(
    density: Density,
    points: jax.Array,
    weights: jax.Array,
    axis_name: AxisName = None,
) -> tuple[jax.Array, jax.Array]:
    """Mean log-likelihood ``()``, and ``S`` of the responsibilities of a fit."""

    def of(points: jax.Array, share: jax.Array) -> tuple[jax.Array, jax.Array]:
        seen = view(density, points)
        return jnp.sum(share * seen.log_density), gather(
            seen.given * share[None], seen.features
        )

    return over_blocks(of, density.means.shape[0], points, weights, axis_name)


def gather(given: jax.Array, features: jax.Array) -> jax.Array:
    """Sums ``(k, q)`` of features ``(k, q, n)`` by weights ``(k, n)``."""
    return jnp.einsum(
        "kn,kqn->kq", given, features, precision=jax.lax.Precision.HIGHEST
    )


def spread(coefficients: jax.Array, features: jax.Array) -> jax.Array:
    """Values ``(k, n)`` by coefficients ``(k, q)`` on features ``(k, q, n)``."""
    if features.shape[1] <= _em_step.num_features(_em_step.DIRECT_UP_TO):
        # One loop over points, where so thin products of matrices would be slower.
        terms = [
            coefficients[:, i, None] * features[:, i] for i in range(features.shape[1])
        ]
        return sum(terms[1:], terms[0])
    return jnp.einsum(
        "kq,kqn->kn", coefficients, features, precision=jax.lax.Precision.HIGHEST
    )


def over_blocks(
    fn: Callable[[jax.Array, jax.Array], Result],
    num_components: int,
    points: jax.Array,
    weights: jax.Array,
    axis_name: AxisName = None,
) -> Result:
    """Sum a function of points and their shares, by as many as may be held at once."""
    share = weights / shards.total(jnp.sum(weights), axis_name)
    if may_be_held(num_components, points):
        return shards.total(fn(points, share), axis_name)

    def block(block: Any, is_real: jax.Array) -> tuple[Result, None]:
        points, share = block
        return fn(points, share * is_real), None

    total, _ = blocks.over_rows(
        block, (points, share), block_size=_block_size(num_components, points)
    )
    return shards.total(total, axis_name)


def of_rows(
    fn: Callable[[jax.Array], jax.Array], num_components: int, points: jax.Array
) -> jax.Array:
    """Apply a function of points that gives one value a row, in blocks if need be."""
    if may_be_held(num_components, points):
        return fn(points)
    _, stacked = blocks.over_rows(
        lambda points, _: (None, fn(points)),
        points,
        block_size=_block_size(num_components, points),
    )
    return stacked


def may_be_held(num_components: int, points: jax.Array) -> bool:
    """Whether the features of all points are few enough to be held."""
    entries = num_components * _em_step.num_features(points.shape[1])
    return points.shape[0] * entries <= _em_step.LARGEST


def _block_size(num_components: int, points: jax.Array) -> int:
    entries = num_components * _em_step.num_features(points.shape[1])
    return max(1, _em_step.LARGEST // (8 * entries))


def standing(place: Place) -> jax.Array:
    """The ``S`` that a fit is the mixture of."""
    ones = jnp.ones_like(place.mass)[:, None]
    zeros = jnp.zeros_like(place.fit.means)
    each = jnp.concatenate([ones, zeros, _second(place)], axis=1)
    return place.mass[:, None] * each


def local(raw: jax.Array, blur: jax.Array) -> tuple[GaussianMixture, Density]:
    """Mixture of an ``S`` in the coordinates of the fit, its masses as they are."""
    dim = blur.shape[-1]
    mass = raw[:, 0]
    is_absent = mass == 0
    scaled = raw / jnp.where(is_absent, 1, mass)[:, None]
    means = scaled[:, 1 : 1 + dim]
    second = _em_step.symmetric(scaled[:, 1 + dim :], dim)
    covariances = second - means[:, :, None] * means[:, None, :] + blur
    identity = jnp.eye(dim, dtype=raw.dtype)[None]
    # The difference loses this much, where a component has moved far or become narrow.
    rounding = 4 * float(np.finfo(raw.dtype).eps) * means**2
    covariances = covariances + rounding[:, :, None] * identity
    covariances = jnp.where(is_absent[:, None, None], identity, covariances)
    factors = linalg.cholesky(covariances)
    density = _em_step.density_of(mass, means, factors)
    return _em_step.mixture_of(density, factors), density


def moved(place: Place, raw: jax.Array) -> GaussianMixture:
    """The mixture of an ``S``."""
    return carried_out(place, local(raw / jnp.sum(raw[:, 0]), place.blur)[0])


def carried_out(place: Place, seen: GaussianMixture) -> GaussianMixture:
    """The mixture of one in the coordinates of the fit."""
    fit = place.fit
    shift = linalg.product(fit.scale_trils, seen.means[:, :, None])[:, :, 0]
    return GaussianMixture(
        log_weights=seen.log_weights,
        means=fit.means + shift,
        scale_trils=linalg.product(fit.scale_trils, seen.scale_trils),
    )


def tangent(place: Place, raw: jax.Array) -> GaussianMixture:
    """Derivative of `moved` at the fit, along a change of ``S``."""
    factors, dim = place.fit.scale_trils, place.fit.means.shape[1]
    scaled, second = _scaled(place, raw)
    # The factor of 1 + x changes by the lower triangle of x, with half its diagonal.
    lower = np.tril(np.ones((dim, dim))) - np.eye(dim) / 2
    half = _em_step.symmetric(second, dim) * lower.astype(raw.dtype)[None]
    shift = linalg.product(factors, scaled[:, 1 : 1 + dim, None])[:, :, 0]
    change = scaled[:, 0] - jnp.sum(raw[:, 0])
    return GaussianMixture(
        log_weights=jnp.where(place.mass == 0, 0, change),
        means=shift,
        scale_trils=linalg.product(factors, half),
    )


def slopes(place: Place, raw: jax.Array) -> jax.Array:
    """Change ``(k, q)`` of the coefficients of log-densities along one of ``S``.

    The joint log-density of component k changes by the product with its features.
    """
    dim = place.fit.means.shape[1]
    scaled, second = _scaled(place, raw)
    i, j = np.tril_indices(dim)
    constant = scaled[:, 0] - jnp.sum(second[:, i == j], axis=1) / 2
    factors = np.where(i == j, 0.5, 1.0).astype(raw.dtype)
    changed = jnp.concatenate(
        [constant[:, None], scaled[:, 1 : 1 + dim], second * factors[None]], axis=1
    )
    return jnp.where(place.mass[:, None] == 0, 0, changed)


def _scaled(place: Place, raw: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A change of ``S`` over the masses, and that of covariances, packed."""
    dim = place.fit.means.shape[1]
    scaled = raw / jnp.where(place.mass == 0, 1, place.mass)[:, None]
    return scaled, scaled[:, 1 + dim :] - _second(place) * scaled[:, :1]


def _second(place: Place) -> jax.Array:
    """Second moments without the ridge, packed ``(k, d (d + 1) / 2)``."""
    dim = place.blur.shape[-1]
    i, j = np.tril_indices(dim)
    identity = jnp.eye(dim, dtype=place.blur.dtype)[None]
    return (identity - place.blur)[:, i, j]
