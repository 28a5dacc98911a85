"""Starts of EM as a public function."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg
from jaxinfo.gmm import _arguments, _frame, _moments, _starts
from jaxinfo.gmm._types import GaussianMixture

# Keeps clusters of equal points from having no width.
_REGULARIZATION = 1e-6
_METHODS = ("kmeans", "points", "box", "jitter", "responsibilities")


@compiled.jit(static_argnames=("num_components", "method"))
def initialize(
    key: ArrayLike,
    x: ArrayLike,
    *,
    num_components: int,
    method: str = "kmeans",
    weights: ArrayLike | None = None,
) -> GaussianMixture:
    r"""Draw a start for `em`.

    In coordinates where the weighted data are white:

    - ``"kmeans"``: clusters by k-means++ and three Lloyd steps; each covariance is
      :math:`(N_k C_k + (d + 2) C) / (N_k + d + 2)`, with the pooled :math:`C`, and a
      millionth of the data's.
    - ``"jitter"``: the same, each mean moved by a draw from its own covariance.
    - ``"points"``: equal weights, spheres around data points, which are moved by normal
      draws times their radius :math:`(V \Gamma(d/2 + 1) / k)^{1/d} / \sqrt\pi`;
      :math:`V` is the volume of the bounding box.
    - ``"box"``: such spheres anywhere in the bounding box.
    - ``"responsibilities"``: random ones. It starts next to a saddle of the likelihood,
      where loose tolerances stop at once: better avoided.

    Not meant to be differentiated: the draws are differentiable almost everywhere in
    ``x``, but fits forget their start. Costs :math:`O(n k d^2)` time, in
    :math:`n (k + d^2 / 2)` numbers of memory.

    Args:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        num_components: Number of components, at most n. Static.
        method: One of the above. Static.
        weights: Weights of the samples, not negative. Shape ``(n,)``.

    Returns:
        A mixture in the units of ``x``. NaN where `em` would give NaN; an empty cluster
        is an absent component.

    Raises:
        TypeError: If ``key`` is not a typed key, an argument is complex or not an
            array, or ``num_components`` not an int.
        ValueError: If a shape is not the documented one, ``num_components`` is below 1
            or above n, or ``method`` unknown.

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
    _arguments.num_components("num_components", num_components, x.shape[0])
    checks.one_of("method", method, _METHODS)
    weights = _arguments.weights(weights, x)
    frame, points = _frame.standardise(x, weights)
    key_start, key_move = jax.random.split(key)
    if method in ("points", "box"):
        start = _spheres(key_start, key_move, points, weights, num_components, method)
    else:
        start = _clusters(key_start, key_move, points, weights, num_components, method)
    return _frame.carry_out(frame, start)


def _clusters(
    key: jax.Array,
    key_move: jax.Array,
    points: jax.Array,
    weights: jax.Array,
    num_components: int,
    method: str,
) -> GaussianMixture:
    rows = _moments.as_rows(points, num_components=num_components)
    if method == "responsibilities":
        shape = (num_components, points.shape[0])
        given = jax.random.uniform(key, shape, points.dtype)
        share = weights / jnp.sum(weights)
        given = given / jnp.sum(given, axis=0, keepdims=True) * share[None]
        raw = linalg.product(given, _moments.features_of(rows).T)
        moments = _moments.from_raw(raw)
    else:
        moments = _starts.kmeans(
            key, rows, weights, num_components, capacity=num_components
        )
    start = _moments.mixture(moments, jnp.asarray(_REGULARIZATION, points.dtype))
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
    radius = _starts.radius(points, num_components)
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
