"""Information between continuous variables, from their nearest neighbours."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import compiled, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.neighbors import _samples, _search


@compiled.jit(static_argnames=("num_neighbors", "algorithm", "exclusion_window"))
def mutual_information(
    x: ArrayLike,
    y: ArrayLike,
    *,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Mutual information of two samples by nearest neighbours (KSG).

    With :math:`\epsilon_i` the distance of sample i from its K-th neighbour in the
    joint space, in the maximum norm, and :math:`n_x, n_y` the numbers of other samples
    that are strictly closer than that in one of the spaces, algorithm 1 is

    .. math::
        I(X;Y) = \psi(K) + \psi(N) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle .

    Algorithm 2 takes in each space the largest distance to the K neighbours; with
    :math:`n_x, n_y` the numbers of samples up to that distance,

    .. math::
        I(X;Y) = \psi(K) - 1/K + \psi(N) - \langle \psi(n_x) + \psi(n_y) \rangle ;

    its bias is smaller, its variance larger.

    Both assume that no two values of a variable are equal. Measured data are often
    rounded, and estimates are then too high, by several times where most values recur:
    pass rounded variables through `break_ties` first, and use
    `mixed_mutual_information` for discrete ones. `tied_fraction` of ``x`` and of ``y``,
    each alone, says how bad it is.
    Neither algorithm standardises the data: coordinates should have comparable scales.

    Not differentiable: the gradient is zero, as samples are counted. Costs :math:`O(n w
    d)` time, for windows of :math:`w` samples that are close in one coordinate (at
    worst n), and :math:`O(n d)` memory. Under ``vmap``, problems run one after another.

    Args:
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        num_neighbors: Number K of neighbours; more give less variance and more bias.
            Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many rows apart are not neighbours and
            are not counted (Theiler window), for series whose successive samples are
            close to each other. Static.
        mask: Which samples to use, booleans; the others may hold anything. Shape
            ``(n,)``.

    Returns:
        Information in nats; where it is small, estimates may be negative. NaN if a
        sample is not finite or has fewer than K neighbours. Shape ``()``.

    Raises:
        ValueError: If n is not more than K plus twice the window.

    References:
        Kraskov, Stögbauer and Grassberger, `Estimating mutual information
        <https://arxiv.org/abs/cond-mat/0305641>`_, 2004, equations 8 and 9.

    Example:
        >>> import jax
        >>> from jaxinfo import neighbors
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 1000, 1))
        >>> information = neighbors.mutual_information(x, x + noise)
        >>> print(information.round(1))  # log(2) / 2 = 0.347
        0.3
    """
    return _mean(
        local_mutual_information(
            x,
            y,
            num_neighbors=num_neighbors,
            algorithm=algorithm,
            exclusion_window=exclusion_window,
            mask=mask,
        ),
        mask,
    )


@compiled.jit(static_argnames=("num_neighbors", "algorithm", "exclusion_window"))
def local_mutual_information(
    x: ArrayLike,
    y: ArrayLike,
    *,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Local mutual information of each sample, whose mean is `mutual_information`.

    The terms are

    .. math::
        i_1 = \psi(K) + \psi(N) - \psi(n_x + 1) - \psi(n_y + 1), \qquad
        i_2 = \psi(K) - 1/K + \psi(N) - \psi(n_x) - \psi(n_y) .

    Not differentiable: the gradient is zero. Costs are those of `mutual_information`.

    Args:
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        num_neighbors: Number K of neighbours. Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many rows apart are not neighbours and
            are not counted. Static.
        mask: Which samples to use, booleans. Shape ``(n,)``.

    Returns:
        Local information in nats, of either sign; NaN for samples that the mask leaves
        out or that have fewer than K neighbours, and for all if a sample is not finite.
        Shape ``(n,)``.

    Raises:
        ValueError: If n is not more than K plus twice the window.

    References:
        Lizier, `JIDT <https://arxiv.org/abs/1408.3270>`_, 2014, section 2.3.

    Example:
        >>> import jax
        >>> from jaxinfo import neighbors
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 1000, 1))
        >>> print(neighbors.local_mutual_information(x, x + noise).shape)
        (1000,)
    """
    return _local({"x": x, "y": y}, num_neighbors, algorithm, exclusion_window, mask)


@compiled.jit(static_argnames=("num_neighbors", "algorithm", "exclusion_window"))
def conditional_mutual_information(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    *,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Mutual information of two samples given a third, by nearest neighbours.

    With distances and numbers as in `mutual_information`, in the spaces of z, of x and
    z, and of y and z,

    .. math::
        I_1(X;Y|Z) &= \psi(K) + \langle \psi(n_z + 1) - \psi(n_{xz} + 1)
        - \psi(n_{yz} + 1) \rangle, \\
        I_2(X;Y|Z) &= \psi(K) - \tfrac2K + \langle \psi(n_z) - \psi(n_{xz})
        + \tfrac1{n_{xz}} - \psi(n_{yz}) + \tfrac1{n_{yz}} \rangle .

    The estimate is biased towards zero where z has many coordinates. Not
    differentiable: the gradient is zero, as samples are counted. Costs are those of
    `mutual_information`; samples are sorted by the first coordinate of z.

    Args:
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        z: Samples of the conditioning variable. Shape ``(n, c)``.
        num_neighbors: Number K of neighbours. Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many rows apart are not neighbours and
            are not counted. Static.
        mask: Which samples to use, booleans; the others may hold anything. Shape
            ``(n,)``.

    Returns:
        Information in nats; where it is small, estimates may be negative. NaN if a
        sample is not finite or has fewer than K neighbours. Shape ``()``.

    Raises:
        ValueError: If n is not more than K plus twice the window.

    References:
        Frenzel and Pompe, `Partial mutual information for coupling analysis of
        multivariate time series <https://doi.org/10.1103/PhysRevLett.99.204101>`_,
        2007, equation 8; algorithm 2 after Wibral et al., Directed information
        measures in neuroscience, 2014, and JIDT.

    Example:
        >>> import jax
        >>> from jaxinfo import neighbors
        >>> z, x, y = jax.random.normal(jax.random.key(0), (3, 1000, 1))
        >>> given = neighbors.conditional_mutual_information(x + z, y + z, z)
        >>> alone = neighbors.mutual_information(x + z, y + z)
        >>> print(bool(abs(given) < alone))
        True
    """
    return _mean(
        local_conditional_mutual_information(
            x,
            y,
            z,
            num_neighbors=num_neighbors,
            algorithm=algorithm,
            exclusion_window=exclusion_window,
            mask=mask,
        ),
        mask,
    )


@compiled.jit(static_argnames=("num_neighbors", "algorithm", "exclusion_window"))
def local_conditional_mutual_information(
    x: ArrayLike,
    y: ArrayLike,
    z: ArrayLike,
    *,
    num_neighbors: int = 4,
    algorithm: int = 1,
    exclusion_window: int = 0,
    mask: ArrayLike | None = None,
) -> jax.Array:
    r"""Local conditional mutual information of each sample, by nearest neighbours.

    The terms that `conditional_mutual_information` averages, including its constants,
    so that their mean is its value. With algorithm 1,

    .. math::
        i = \psi(K) + \psi(n_z + 1) - \psi(n_{xz} + 1) - \psi(n_{yz} + 1) .

    Not differentiable: the gradient is zero. Costs are those of
    `conditional_mutual_information`.

    Args:
        x: Samples of one variable. Shape ``(n, a)``.
        y: Samples of the other. Shape ``(n, b)``.
        z: Samples of the conditioning variable. Shape ``(n, c)``.
        num_neighbors: Number K of neighbours. Static.
        algorithm: 1 or 2. Static.
        exclusion_window: Samples at most this many rows apart are not neighbours and
            are not counted. Static.
        mask: Which samples to use, booleans. Shape ``(n,)``.

    Returns:
        Local information in nats, of either sign; NaN for samples that the mask leaves
        out or that have fewer than K neighbours, and for all if a sample is not finite.
        Shape ``(n,)``.

    Raises:
        ValueError: If n is not more than K plus twice the window.

    References:
        Lizier, `JIDT <https://arxiv.org/abs/1408.3270>`_, 2014, section 2.3.

    Example:
        >>> import jax
        >>> from jaxinfo import neighbors
        >>> x, y, z = jax.random.normal(jax.random.key(0), (3, 100, 1))
        >>> print(neighbors.local_conditional_mutual_information(x, y, z).shape)
        (100,)
    """
    spaces = {"x": x, "y": y, "z": z}
    return _local(spaces, num_neighbors, algorithm, exclusion_window, mask)


def _mean(local: jax.Array, mask: ArrayLike | None) -> jax.Array:
    """Mean of local values where the mask is true."""
    if mask is None:
        return jnp.mean(local)
    is_counted = jnp.asarray(mask)
    number = jnp.sum(is_counted, dtype=local.dtype)
    return jnp.sum(jnp.where(is_counted, local, 0)) / number


def _local(
    spaces: dict[str, ArrayLike],
    num_neighbors: int,
    algorithm: int,
    exclusion_window: int,
    mask: ArrayLike | None,
) -> jax.Array:
    samples = _samples.read(spaces, num_neighbors, exclusion_window, mask)
    local = local_fn(algorithm, samples.dims, num_neighbors, exclusion_window)
    values = _search.one_by_one(local)(samples.columns, samples.is_counted)
    return jnp.where(samples.is_finite, values, jnp.nan)


def local_fn(
    algorithm: int,
    dims: tuple[int, ...],
    num_neighbors: int,
    exclusion_window: int,
    axis_name: AxisName = None,
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Local values ``(n,)`` of coordinates ``(d, n)`` where they count ``(n,)``."""
    if algorithm not in (1, 2):
        raise ValueError(f"Expected `algorithm` to be 1 or 2, got {algorithm!r}.")
    return functools.partial(
        _of_first_algorithm if algorithm == 1 else _of_second_algorithm,
        dims=dims,
        num_neighbors=num_neighbors,
        exclusion_window=exclusion_window,
        axis_name=axis_name,
    )


def _of_first_algorithm(
    columns: jax.Array,
    is_counted: jax.Array,
    *,
    dims: tuple[int, ...],
    num_neighbors: int,
    exclusion_window: int,
    axis_name: AxisName = None,
) -> jax.Array:
    joint, (x, y, *z) = _samples.spaces(dims)
    points = _search.points(columns, is_counted, axis_name=axis_name)
    furthest = _search.nearest(points, joint, num_neighbors, exclusion_window)[-1]
    count = functools.partial(
        _search.counts,
        points,
        is_within=jnp.less,
        exclusion_window=exclusion_window,
    )
    psi = functools.partial(_samples.digamma, dtype=columns.dtype)
    if z:
        numbers = count(z[0], [x, y], [furthest] * 3)
        of_z, of_xz, of_yz = psi(numbers + 1)
        values = psi(num_neighbors) + of_z - of_xz - of_yz
    else:
        of_x, of_y = (psi(count(one, [], [furthest])[0] + 1) for one in (x, y))
        number = shards.total(jnp.sum(is_counted), axis_name)
        values = psi(num_neighbors) + psi(number) - of_x - of_y
    return jnp.where(is_counted & jnp.isfinite(furthest), values, jnp.nan)


def _of_second_algorithm(
    columns: jax.Array,
    is_counted: jax.Array,
    *,
    dims: tuple[int, ...],
    num_neighbors: int,
    exclusion_window: int,
    axis_name: AxisName = None,
) -> jax.Array:
    joint, (x, y, *z) = _samples.spaces(dims)
    points = _search.points(columns, is_counted, axis_name=axis_name)
    distances = _search.nearest(points, joint, num_neighbors, exclusion_window)
    radii = _search.radii(points, joint, [x, y, *z], distances, exclusion_window)
    count = functools.partial(
        _search.counts,
        points,
        is_within=jnp.less_equal,
        exclusion_window=exclusion_window,
    )
    psi = functools.partial(_samples.digamma, dtype=columns.dtype)
    if z:
        numbers = count(z[0], [x, y], [radii[2], *radii[:2]])
        of_z, of_xz, of_yz = psi(numbers)
        inverse = 1 / numbers[1:].astype(columns.dtype)
        values = psi(num_neighbors) - 2 / num_neighbors + of_z - of_xz - of_yz
        values = values + inverse[0] + inverse[1]
    else:
        of_x, of_y = (
            psi(count(one, [], [radius])[0])
            for one, radius in zip((x, y), radii, strict=True)
        )
        number = shards.total(jnp.sum(is_counted), axis_name)
        values = psi(num_neighbors) - 1 / num_neighbors + psi(number)
        values = values - of_x - of_y
    return jnp.where(is_counted & jnp.isfinite(distances[-1]), values, jnp.nan)
