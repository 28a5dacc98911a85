"""Information between continuous variables and classes."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.neighbors import _samples, _search


@compiled.jit(static_argnames=("num_classes", "num_neighbors"))
def class_mutual_information(
    x: ArrayLike, labels: ArrayLike, *, num_classes: int, num_neighbors: int = 3
) -> jax.Array:
    r"""Mutual information of samples and class labels, by nearest neighbours (Ross).

    With :math:`c_i` the size of the class of sample i, :math:`K_i = \min(K, c_i - 1)`,
    :math:`r_i` the distance of its :math:`K_i`-th neighbour in its class, in the
    maximum norm, and :math:`m_i` the number of samples of all classes strictly within
    :math:`r_i`, including itself,

    .. math::
        I(X;Y) = \psi(N) + \langle \psi(K_i) - \psi(c_i) - \psi(m_i) \rangle .

    Assumes that no two samples are equal, and is far too high where many are, even
    above the entropy of the labels: add noise to rounded data first, by `break_ties`.
    Samples that are alone in their class are left out, also as neighbours and in N. Not
    clipped at zero. Not differentiable: the gradient is zero, as samples are counted.
    Costs are those of `mutual_information`.

    Args:
        x: Samples. Shape ``(n, d)``.
        labels: Classes from 0 to ``num_classes - 1``, integers or booleans. Shape
            ``(n,)``.
        num_classes: Number of classes; some may be empty. Static.
        num_neighbors: Number K of neighbours in a class. Static.

    Returns:
        Information in nats, at most about the entropy of the labels; where it is
        small, estimates may be negative. NaN if a sample is not finite, a label is out
        of range, or every sample is alone in its class. Shape ``()``.

    Raises:
        ValueError: If n is not more than K.

    References:
        Ross, `Mutual information between discrete and continuous data sets
        <https://doi.org/10.1371/journal.pone.0087357>`_, 2014.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import neighbors
        >>> labels = jnp.arange(200) % 2
        >>> noise = jax.random.normal(jax.random.key(0), (200, 1))
        >>> x = noise + 20.0 * labels[:, None].astype(float)
        >>> print(
        ...     neighbors.class_mutual_information(x, labels, num_classes=2).round(2)
        ... )  # log(2)
        0.7
    """
    samples = _samples.read({"x": x}, num_neighbors)
    labels = checks.as_labels("labels", labels, "(n,)", n=samples.columns.shape[1])
    checks.at_least("num_classes", num_classes, 1)
    is_class = jnp.all((labels >= 0) & (labels < num_classes))
    estimate = functools.partial(
        _estimate, num_classes=num_classes, num_neighbors=num_neighbors
    )
    value = _search.one_by_one(estimate)(samples.columns, labels)
    return jnp.where(samples.is_finite & is_class, value, jnp.nan)


def _estimate(
    columns: jax.Array, labels: jax.Array, *, num_classes: int, num_neighbors: int
) -> jax.Array:
    space = tuple(range(columns.shape[0]))
    sizes = jnp.zeros((num_classes,), int).at[labels].add(1)[labels]
    is_counted = sizes > 1
    points = _search.points(columns, is_counted, labels)
    nearest = _search.nearest(points, space, num_neighbors)
    number = jnp.clip(sizes - 1, 1, num_neighbors)
    radius = jnp.take_along_axis(nearest, number[None] - 1, axis=0)[0]
    # Within that radius, of all classes.
    everyone = points._replace(groups=None)
    (within,) = _search.counts(everyone, space, [], [radius], jnp.less)
    psi = functools.partial(_samples.digamma, dtype=columns.dtype)
    terms = psi(number) - psi(sizes) - psi(within + 1)
    total = jnp.sum(is_counted)
    mean = jnp.sum(jnp.where(is_counted, terms, 0)) / total.astype(terms.dtype)
    return psi(total) + mean
