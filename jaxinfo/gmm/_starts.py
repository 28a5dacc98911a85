"""Where fits start from: clusters, points, and splits of smaller fits."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg, pairwise
from jaxinfo.gmm import _em_step, _options, _whitening
from jaxinfo.gmm._em_step import Rows
from jaxinfo.gmm._types import GaussianMixture

_METHODS = ("kmeans", "points", "box", "jitter", "responsibilities")
# Of a start: keeps clusters of equal points from having no width.
_REGULARIZATION = 1e-6
_LLOYD_STEPS = 3
# Variance of a seed, as a share of the mean square of distances to the nearest.
_SEED_SHARE = 0.25
# Of a component's widest direction, in standard deviations.
_SPLIT_DISTANCE = 0.8


@compiled.jit(static_argnames=("num_components", "method"))
def initialize(
    key: ArrayLike,
    x: ArrayLike,
    *,
    num_components: int,
    method: str = "kmeans",
    weights: ArrayLike | None = None,
) -> GaussianMixture:
    r"""Draw a starting mixture for `em`.

    In coordinates where the weighted data are white:

    - ``"kmeans"``: clusters by k-means++ and three Lloyd steps; each covariance is
      :math:`(N_k C_k + (d + 2) C) / (N_k + d + 2)`, with the pooled :math:`C`, and a
      millionth of the data's.
    - ``"jitter"``: the same, each mean moved by a draw from its own covariance.
    - ``"points"``: equal weights, spheres around data points, which are moved by normal
      draws times their radius :math:`(V \Gamma(d/2 + 1) / k)^{1/d} / \sqrt\pi`;
      :math:`V` is the volume of the bounding box.
    - ``"box"``: such spheres anywhere in the bounding box.
    - ``"responsibilities"``: random responsibilities. This starts next to a saddle of
      the likelihood, where EM with a loose tolerance stops at once: better avoided.

    Not meant to be differentiated: the draws are differentiable almost everywhere in
    ``x``, but fits forget their start. Costs :math:`O(n k d^2)` time, in
    :math:`n (k + d^2 / 2)` numbers of memory.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        num_components: Number of components, at most n. Static.
        method: One of the above. Static.
        weights: Weights of the samples, non-negative. Shape ``(n,)``.

    Returns:
        A mixture in the units of ``x``. NaN where `em` would give NaN; an empty cluster
        is an absent component.

    Raises:
        ValueError: If ``num_components`` is above n.

    References:
        Arthur and Vassilvitskii, `k-means++: the advantages of careful seeding
        <https://theory.stanford.edu/~sergei/papers/kMeansPP-soda.pdf>`_, 2007; other
        starts follow section 2 of Piras et al., `A robust estimator of mutual
        information <https://arxiv.org/abs/2211.00024>`_, 2023.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> x = jnp.concatenate([jnp.linspace(-3, -1, 50), jnp.linspace(2, 4, 50)])
        >>> start = gmm.initialize(jax.random.key(0), x[:, None], num_components=2)
        >>> print(jnp.sort(start.means[:, 0]))
        [-2.  3.]
    """
    key = checks.as_key("key", key)
    x = checks.as_float("x", x, "(n, d)")
    check_num_components(num_components, x.shape[0])
    checks.one_of("method", method, _METHODS)
    weights = _options.weights_of(weights, x)
    frame, points, _, _ = _whitening.whiten(x, weights)
    key_start, key_move = jax.random.split(key)
    if method in ("points", "box"):
        start = _spheres(key_start, key_move, points, weights, num_components, method)
    else:
        start = _clusters(key_start, key_move, points, weights, num_components, method)
    return _whitening.carry_out(frame, start)


def seeds(
    uniform: jax.Array,
    points: jax.Array,
    weights: jax.Array,
    num_components: Any,
) -> jax.Array:
    """Moments of equal spheres about rows drawn as k-means++ draws its centres.

    Random numbers ``uniform`` ``(capacity,)`` draw them. ``num_components`` may be
    traced; the rest of the capacity stays absent. Lloyd steps before those of EM would
    lead to fits no better.
    """
    capacity, dim = uniform.shape[0], points.shape[1]
    centres, nearest = _plus_plus(uniform, points, weights, num_components)
    is_present = jnp.arange(capacity) < num_components
    square = jnp.sum(weights * nearest) / jnp.sum(weights)
    identity = jnp.eye(dim, dtype=points.dtype)
    return _em_step.pack(
        jnp.where(is_present, 1.0, 0.0).astype(points.dtype),
        centres,
        jnp.broadcast_to(
            (_SEED_SHARE * square / dim) * identity, (capacity, *identity.shape)
        ),
    )


def _kmeans(uniform: jax.Array, points: jax.Array, weights: jax.Array) -> jax.Array:
    """Moments of clusters by k-means++ and a few Lloyd steps.

    Covariances are shrunk to the pooled one by ``d + 2`` pseudo-observations. Random
    numbers ``uniform`` ``(k,)`` draw the centres.
    """
    k = uniform.shape[0]
    centres, _ = _plus_plus(uniform, points, weights, k)
    share = weights / jnp.sum(weights)

    def weighed(label: jax.Array) -> jax.Array:
        return jnp.where(label[None] == jnp.arange(k)[:, None], share[None], 0)

    def lloyd(
        carry: tuple[jax.Array, jax.Array], _: None
    ) -> tuple[tuple[jax.Array, jax.Array], None]:
        centres = carry[0]
        label = jnp.argmin(pairwise.squared_distances(centres, points), axis=0)
        membership = weighed(label)
        mass = jnp.sum(membership, axis=1, keepdims=True)
        is_empty = mass == 0
        moved = linalg.product(membership, points) / jnp.where(is_empty, 1, mass)
        return (jnp.where(is_empty, centres, moved), label), None

    # The means of the last labels are the last centres.
    start = centres, jnp.zeros(points.shape[:1], int)
    (centres, label), _ = jax.lax.scan(lloyd, start, None, length=_LLOYD_STEPS + 1)
    # About the means, as a cluster far off would lose its digits.
    features = _em_step.features(points - centres[label])
    about = _em_step.from_raw(linalg.product(weighed(label), features.T))
    mass, offsets, covariances = _em_step.unpack(about)
    pooled = jnp.sum(mass[:, None, None] * covariances, axis=0)
    count = mass * jnp.sum(weights > 0).astype(mass.dtype)
    drawn = draw_towards(pooled, covariances, count)
    return _em_step.pack(mass, centres + offsets, drawn)


def draw_towards(
    pooled: jax.Array, covariances: jax.Array, count: jax.Array
) -> jax.Array:
    """Covariances ``(k, d, d)`` of ``count`` samples and ``d + 2`` pooled ones."""
    extra = pooled.shape[0] + 2
    count = count[:, None, None]
    return (count * covariances + extra * pooled[None]) / (count + extra)


def split(
    moments: jax.Array, num_components: Any, *, number: int
) -> Sequence[jax.Array]:
    """Starts for ``num_components`` from a fit with one less, at most two.

    The heaviest component is replaced by two of half its weight: apart along its widest
    direction, or one narrow and one wide.
    """
    mass, means, covariances = _em_step.unpack(moments)
    heaviest = jnp.argmax(mass)
    half = mass[heaviest] / 2
    mean, covariance = means[heaviest], covariances[heaviest]
    eigenvalues, eigenvectors = jnp.linalg.eigh(covariance)
    direction = eigenvectors[:, -1]
    # Its sign is arbitrary, and would order the halves by rounding.
    direction = direction * jnp.sign(direction[jnp.argmax(jnp.abs(direction))])
    widest = jnp.sqrt(eigenvalues[-1]) * direction
    shift = _SPLIT_DISTANCE * widest
    between = covariance - shift[:, None] * shift[None, :]
    pairs = (
        (mean + shift, between, mean - shift, between),
        (mean, covariance / 4, mean, 7 * covariance / 4),
    )
    new = num_components - 1
    return [
        _em_step.pack(
            mass.at[heaviest].set(half).at[new].set(half),
            means.at[heaviest].set(one_mean).at[new].set(other_mean),
            covariances.at[heaviest].set(one).at[new].set(other),
        )
        for one_mean, one, other_mean, other in pairs[:number]
    ]


def single(rows: Rows, weights: jax.Array, *, capacity: int) -> jax.Array:
    """Moments of the one Gaussian, which no start can better."""
    share = weights / jnp.sum(weights)
    mean = linalg.product(share[None], rows.points)
    offsets = rows.points - mean
    covariance = linalg.product((offsets * share[:, None]).T, offsets)
    only = _em_step.pack(jnp.ones_like(share[:1]), mean, covariance[None])
    return jnp.pad(only, ((0, capacity - 1), (0, 0)))


def _plus_plus(
    uniform: jax.Array, points: jax.Array, weights: jax.Array, num_components: Any
) -> tuple[jax.Array, jax.Array]:
    """Centres drawn from the rows, each by the squared distance to those before.

    And the squared distance of each row to the nearest of them.
    """

    def draw(chances: jax.Array, k: Any) -> jax.Array:
        cumulated = jnp.cumsum(chances)
        index = jnp.searchsorted(cumulated, uniform[k] * cumulated[-1], side="right")
        # Rounding may lead past the last row, or to one that has no chance.
        index = jnp.minimum(index, points.shape[0] - 1)
        likeliest = jnp.argmax(chances).astype(index.dtype)
        index = jnp.where(chances[index] > 0, index, likeliest)
        return points[index]

    def add(k: Any, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        centres, nearest = carry
        chances = jnp.where(k == 0, weights, weights * nearest)
        chances = jnp.where(jnp.sum(chances) > 0, chances, weights)
        centre = draw(chances, k)
        distance = jnp.sum((points - centre[None]) ** 2, axis=1)
        nearest = jnp.where(k == 0, distance, jnp.minimum(nearest, distance))
        return centres.at[k].set(centre), nearest

    centres = jnp.zeros((uniform.shape[0], points.shape[1]), points.dtype)
    last: tuple[jax.Array, jax.Array] = jax.lax.fori_loop(
        0, num_components, add, (centres, jnp.zeros_like(weights))
    )
    return last


def check_num_components(value: int, num_rows: int) -> None:
    """Check a number of components against that of samples."""
    checks.at_least("num_components", value, 1)
    if value > num_rows:
        raise ValueError(
            f"Expected `num_components` to be at most the number of samples, "
            f"{num_rows}, got {value}."
        )


def _clusters(
    key: jax.Array,
    key_move: jax.Array,
    points: jax.Array,
    weights: jax.Array,
    num_components: int,
    method: str,
) -> GaussianMixture:
    if method == "responsibilities":
        shape = (num_components, points.shape[0])
        given = jax.random.uniform(key, shape, points.dtype)
        share = weights / jnp.sum(weights)
        given = given / jnp.sum(given, axis=0, keepdims=True) * share[None]
        raw = linalg.product(given, _em_step.features(points).T)
        moments = _em_step.from_raw(raw)
    else:
        uniform = jax.random.uniform(key, (num_components,), points.dtype)
        moments = _kmeans(uniform, points, weights)
    start = _em_step.mixture(moments, jnp.asarray(_REGULARIZATION, points.dtype))
    if method != "jitter":
        return start
    noise = jax.random.normal(key_move, (*start.means.shape, 1), points.dtype)
    moved = linalg.product(start.scale_trils, noise)[:, :, 0]
    return start._replace(means=start.means + moved)


def _spheres(
    key: jax.Array,
    key_move: jax.Array,
    points: jax.Array,
    weights: jax.Array,
    num_components: int,
    method: str,
) -> GaussianMixture:
    shape = (num_components, points.shape[1])
    radius = _radius(points, num_components)
    if method == "points":
        chosen = jax.random.choice(
            key, points.shape[0], (num_components,), replace=False, p=weights
        )
        moves = jax.random.normal(key_move, shape, points.dtype)
        means = points[chosen] + radius * moves
    else:
        low, high = jnp.min(points, axis=0), jnp.max(points, axis=0)
        place = jax.random.uniform(key, shape, points.dtype)
        means = low[None] + (high - low)[None] * place
    identity = jnp.eye(shape[1], dtype=points.dtype)
    return GaussianMixture(
        log_weights=jnp.full((num_components,), -jnp.log(num_components), points.dtype),
        means=means,
        scale_trils=jnp.broadcast_to(
            radius * identity, (num_components, *identity.shape)
        ),
    )


def _radius(points: jax.Array, num_components: int) -> jax.Array:
    """Radius of balls that fill the bounding box of the points, one per component."""
    dim = points.shape[1]
    sides = jnp.max(points, axis=0) - jnp.min(points, axis=0)
    log_volume = jnp.sum(jnp.log(sides)) + jax.scipy.special.gammaln(
        jnp.asarray(dim / 2 + 1, points.dtype)
    )
    log_radius = (log_volume - jnp.log(num_components)) / dim
    return jnp.exp(log_radius) / jnp.sqrt(jnp.pi)
