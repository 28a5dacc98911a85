"""Information between variables that are discrete, continuous, or both in parts."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import compiled
from jaxinfo.neighbors import _samples, _search


@compiled.jit(static_argnames=("num_neighbors",))
def mixed_mutual_information(
    x: ArrayLike, y: ArrayLike, *, num_neighbors: int = 4
) -> jax.Array:
    r"""Mutual information of continuous, discrete or mixed samples, by neighbours.

    Algorithm 1 of `mutual_information`, with counts that allow samples to coincide: a
    sample is counted if it is closer than the K-th neighbour or at distance zero, and
    where the K-th neighbour is at distance zero, K is the number of samples there,
    including the sample itself. Without ties this is algorithm 1; for discrete data it
    is the plug-in estimate up to terms of order :math:`1/n`. Discrete variables are
    given as numbers, of whose differences it matters only whether they are zero, if
    these are large compared with those of the continuous variables.

    Not differentiable: the gradient is zero, as samples are counted. Costs are those of
    `mutual_information`.

    Args:
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        num_neighbors: Number K of neighbours. Static.

    Returns:
        Information in nats; where it is small, estimates may be negative. NaN if a
        sample is not finite. Shape ``()``.

    Raises:
        ValueError: If n is not more than K.

    References:
        Gao, Kannan, Oh and Viswanath, `Estimating mutual information for
        discrete-continuous mixtures <https://arxiv.org/abs/1709.06212>`_, 2017,
        algorithm 1, with digamma functions in place of logarithms.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import neighbors
        >>> x = (jnp.arange(900) % 3)[:, None]
        >>> print(neighbors.mixed_mutual_information(x, x).round(2))  # log(3) = 1.0986
        1.1
    """
    return _mixed({"x": x, "y": y}, num_neighbors)


@compiled.jit(static_argnames=("num_neighbors",))
def mixed_conditional_mutual_information(
    x: ArrayLike, y: ArrayLike, z: ArrayLike, *, num_neighbors: int = 4
) -> jax.Array:
    r"""Conditional mutual information of continuous, discrete or mixed samples.

    Algorithm 1 of `conditional_mutual_information` with the counts of
    `mixed_mutual_information`,

    .. math::
        I(X;Y|Z) = \langle \psi(K_i) + \psi(n_z + 1) - \psi(n_{xz} + 1)
        - \psi(n_{yz} + 1) \rangle .

    Not differentiable: the gradient is zero. Costs are those of
    `conditional_mutual_information`.

    Args:
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        z: Samples of the conditioning variable. Shape ``(n, c)``.
        num_neighbors: Number K of neighbours. Static.

    Returns:
        Information in nats; where it is small, estimates may be negative. NaN if a
        sample is not finite. Shape ``()``.

    Raises:
        ValueError: If n is not more than K.

    References:
        Mesner and Shalizi, `Conditional mutual information estimation for mixed,
        discrete and continuous data <https://arxiv.org/abs/1912.03387>`_, 2020,
        algorithm 1, not clipped at zero.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import neighbors
        >>> x = (jnp.arange(900) % 3)[:, None]
        >>> print(
        ...     neighbors.mixed_conditional_mutual_information(x, x, 0 * x).round(2)
        ... )  # log(3) = 1.0986
        1.1
    """
    return _mixed({"x": x, "y": y, "z": z}, num_neighbors)


def _mixed(variables: dict[str, ArrayLike], num_neighbors: int) -> jax.Array:
    samples = _samples.read(variables, num_neighbors)
    local = functools.partial(_local, dims=samples.dims, num_neighbors=num_neighbors)
    values = _search.one_by_one(local)(samples.columns)
    return jnp.where(samples.is_finite, jnp.mean(values), jnp.nan)


def _local(
    columns: jax.Array, *, dims: tuple[int, ...], num_neighbors: int
) -> jax.Array:
    joint, (x, y, *z) = _samples.spaces(dims)
    n = columns.shape[1]
    points = _search.points(columns, jnp.ones((n,), bool))
    furthest = _search.nearest(points, joint, num_neighbors)[-1]
    psi = functools.partial(_samples.digamma, dtype=columns.dtype)
    count = functools.partial(_search.counts, points, is_within=_is_closer_or_there)
    if z:
        others = [x, y, x + y]
        of_z, of_xz, of_yz, joint_numbers = count(z[0], others, [furthest] * 4)
        values = psi(of_z + 1) - psi(of_xz + 1) - psi(of_yz + 1)
    else:
        of_x, joint_numbers = count(x, [y], [furthest] * 2)
        (of_y,) = count(y, [], [furthest])
        values = psi(n) - psi(of_x + 1) - psi(of_y + 1)
    return values + psi(jnp.where(furthest == 0, joint_numbers + 1, num_neighbors))


def _is_closer_or_there(distance: jax.Array, radius: jax.Array) -> jax.Array:
    return (distance < radius) | (distance == 0)
