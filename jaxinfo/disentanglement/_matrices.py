"""Matrices of what each latent tells about each factor."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import blocks, checks, compiled, guarded, logspace, normal
from jaxinfo.disentanglement import _class_neighbors, _columns, _factors
from jaxinfo.disentanglement._types import InformationMatrix

# Standard deviations beyond which a tail is zero in every precision.
_FAR = 40.0


@compiled.jit(static_argnames=("num_classes", "num_bins"))
def binned_information(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    num_bins: int = 20,
) -> InformationMatrix:
    r"""Mutual information of each binned latent and each factor.

    Each column of codes is cut into bins of equal width between its minimum and its
    maximum, whose lower edges are closed, the last bin on both sides. With
    :math:`p_{bv}` the share of the points in bin b and class v,

    .. math::
        I_{lk} = \sum_{bv} p_{bv} \log \frac{p_{bv}}{p_b \, p_v} .

    The estimate is biased upwards by about :math:`(b - 1)(v - 1) / 2n` for b bins and v
    classes that occur: noise seems informative, the more so about factors of more
    classes.

    Not differentiable: the gradient is zero; that of `soft_binned_information` is not.
    Costs :math:`O(n d k)` time and :math:`O(n (d + k) + d b c)` memory for c classes of
    all factors together.

    Args:
        codes: Codes of the points, one column per latent. Shape ``(n, d)``.
        factors: Factors of variation that the points were made from, integers from 0
            to ``num_classes[k] - 1``, or booleans. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        num_bins: Number of bins, at least 2. Static.

    Returns:
        Information in nats, between 0 and the smaller entropy, and the entropies of
        the bins and of the factors. A constant column is in one bin and has information
        0, as has a factor with one value. NaN for columns of codes with an entry that
        is not finite, and for factors with an out-of-range label.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Locatello et al., `Challenging common assumptions in the unsupervised learning
        of disentangled representations <https://arxiv.org/abs/1811.12359>`_, 2019, who
        take 20 bins.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> codes = jnp.array([[0.0, 1.0], [0.1, 1.0], [0.9, 1.0], [1.0, 1.0]])
        >>> factors = jnp.array([[0], [0], [1], [1]])
        >>> matrix = disentanglement.binned_information(
        ...     codes, factors, num_classes=(2,), num_bins=2
        ... )
        >>> print(matrix.information[:, 0])  # log(2), and nothing
        [0.6931 0.    ]
    """
    codes = checks.as_float("codes", codes, "(n, d)")
    read = _factors.read(factors, num_classes, codes.shape[0])
    checks.at_least("num_bins", num_bins, 2)
    bins, places = _columns.cells(codes, num_bins), read.places
    num_places = sum(num_classes)

    # Adding ones takes a third of the time of a product of indicators, and counts are
    # exact up to two thousand million points.
    def count(column: jax.Array) -> jax.Array:
        cells = column[:, None] * num_places + places
        counts = jnp.zeros((num_bins * num_places,), int).at[cells.ravel()].add(1)
        return counts.reshape(num_bins, num_places)

    counts: jax.Array = jax.lax.map(count, bins.T)
    tables = counts.astype(codes.dtype) / codes.shape[0]
    return _of_tables(tables, _columns.varies(codes), _columns.is_finite(codes), read)


@compiled.jit(static_argnames=("num_classes", "num_bins"))
def soft_binned_information(
    means: ArrayLike,
    log_variances: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    num_bins: int = 100,
    limit: ArrayLike = 4.0,
) -> InformationMatrix:
    r"""Mutual information of each softly binned Gaussian latent and each factor.

    Bins of equal width on :math:`[-L, L]`, the outer two open to infinity. A sample of
    a posterior falls into bin b with probability :math:`P_{ib}`, so that

    .. math::
        p_{bv} = \frac1n \sum_{i: y_i = v} P_{ib}, \qquad
        I_{lk} = \sum_{bv} p_{bv} \log \frac{p_{bv}}{p_b \, p_v} .

    A lower bound on the information of the samples themselves, tight for bins narrower
    than the posteriors. Smooth where `binned_information` has steps, so that it can
    serve as an objective. On a batch it is biased upwards, as the posterior of each
    point itself weighs more there.

    Differentiable in means and log variances, everywhere. Both tails of a posterior
    keep full precision; the mass of a bin is accurate to the rounding of the tail on
    its side of the mean, 6e-8 at most in single precision. Standard deviations are
    taken to be no more than about 17 (float32) or 138 (float64) orders of magnitude
    from one. Costs :math:`O(n d b)` normal tails and :math:`O(n d b c)` flops in matrix
    products for c classes of all factors together, in blocks of points, so that memory
    is :math:`O(n (d + k) + d b c)`, in reverse mode too.

    Args:
        means: Means of the posteriors, one column per latent. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.
        factors: Factors of variation that the points were made from, integers from 0
            to ``num_classes[k] - 1``, or booleans. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        num_bins: Number of bins, at least 2. Static.
        limit: End :math:`L` of the binned range, where the open outer bins begin, in
            the units of the means. Positive scalar.

    Returns:
        Information in nats, between 0 and the smaller entropy, and the entropies of
        the bins and of the factors. A latent whose posterior is the same for all points
        has information 0, as has a factor with one value. NaN for latents with a mean
        or log variance that is not finite, for factors with an out-of-range label, and
        if ``limit`` is not positive.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Do and Tran, `Theory and evaluation metrics for learning disentangled
        representations <https://arxiv.org/abs/1908.09961>`_, 2020, who cut posteriors
        into bins like these.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> means = jnp.array([[-2.0], [-2.0], [2.0], [2.0]])
        >>> factors = jnp.array([[0], [0], [1], [1]])
        >>> matrix = disentanglement.soft_binned_information(
        ...     means, jnp.full((4, 1), -4.0), factors, num_classes=(2,)
        ... )
        >>> print(matrix.information)  # log(2)
        [[0.6931]]
    """
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    n, dim = means.shape
    read = _factors.read(factors, num_classes, n)
    checks.at_least("num_bins", num_bins, 2)
    limit = checks.as_scalar("limit", limit, means.dtype)
    is_finite = _columns.is_finite(means, log_variances)
    means = jnp.where(is_finite[None], means, 0)
    log_variances = jnp.where(is_finite[None], log_variances, 0)
    edges = limit * jnp.linspace(-1, 1, num_bins + 1, dtype=means.dtype)[1:-1]
    num_places = sum(num_classes)

    def block(
        rows: tuple[jax.Array, jax.Array, jax.Array], weights: jax.Array
    ) -> tuple[jax.Array, tuple[()]]:
        means, log_variances, places = rows
        masses = normal.interval_masses(_standardised(edges, means, log_variances))
        is_class = places[:, :, None] == jnp.arange(num_places)[None, None]
        indicators = jnp.any(is_class, axis=1).astype(weights.dtype) * weights[:, None]
        masses = jnp.moveaxis(masses, 1, 2).reshape(num_bins * dim, -1)
        return jnp.matmul(masses, indicators, precision=jax.lax.Precision.HIGHEST), ()

    size = blocks.default_size(num_bins * dim + num_places, means.dtype.itemsize)
    rows = means, log_variances, read.places
    sums, _ = blocks.over_rows(block, rows, block_size=size)
    tables = jnp.swapaxes(sums.reshape(num_bins, dim, num_places), 0, 1) / n
    varies = _columns.varies(means) | _columns.varies(log_variances)
    return _of_tables(tables, varies, is_finite & (limit > 0), read)


@compiled.jit(static_argnames=("num_classes", "num_neighbors"))
def neighbor_information(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    num_classes: tuple[int, ...],
    num_neighbors: int = 10,
) -> InformationMatrix:
    r"""Mutual information of each latent and each factor, by nearest neighbours (Ross).

    For a point i of a class of :math:`N_i > 1` points, with :math:`K_i = \min(K, N_i -
    1)`, :math:`r_i` the distance of its :math:`K_i`-th neighbour in its class, and
    :math:`m_i` the number of points of all classes that are strictly nearer than that,
    including itself,

    .. math::
        I = \max(0, \psi(n) + \langle \psi(K_i) - \psi(N_i) - \psi(m_i) \rangle) .

    Points that are alone in their class are left out, also as neighbours and in n.
    Without bins there is no bias that grows with their number; but points that coincide
    create spurious information, as no point is nearer than a neighbour at distance
    zero: for data with repeated rows, add a little noise first
    (``neighbors.break_ties``).

    Not differentiable: the gradient is zero, as points are counted. Costs :math:`O(d k
    n (K + \log n))` time, one pair of columns after another, and :math:`O(n (d + k))`
    memory.

    Args:
        codes: Codes of the points, one column per latent. Shape ``(n, d)``.
        factors: Factors of variation that the points were made from, integers from 0
            to ``num_classes[k] - 1``, or booleans. Shape ``(n, k)``.
        num_classes: Number of classes of each factor; some may be absent. Static.
        num_neighbors: Number K of neighbours in a class; classes may be smaller.
            Static.

    Returns:
        Information in nats, not negative, and at most about the entropy of the factor,
        which it may slightly exceed; the entropies of the factors; those of latents,
        which have no bins, are NaN. A constant column has information 0, as has a
        factor with one value. NaN for columns of codes with an entry that is not
        finite, and for factors with an out-of-range label or without a class of two
        points.

    Raises:
        ValueError: If ``num_classes`` does not hold one positive number per factor.

    References:
        Ross, `Mutual information between discrete and continuous data sets
        <https://doi.org/10.1371/journal.pone.0087357>`_, 2014; Hsu et al.,
        `Disentanglement via latent quantization <https://arxiv.org/abs/2305.18378>`_,
        2023, who use it for InfoMEC. Equal to scikit-learn's ``mutual_info_classif`` on
        distinct points.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> factors = jnp.arange(200)[:, None] % 2
        >>> noise = jax.random.normal(jax.random.key(0), (200, 2))
        >>> codes = noise + jnp.array([[20.0, 0.0]]) * factors.astype(float)
        >>> matrix = disentanglement.neighbor_information(
        ...     codes, factors, num_classes=(2,)
        ... )
        >>> print(matrix.information[:, 0].round(1))  # log(2), and nothing
        [0.7 0. ]
    """
    codes = checks.as_float("codes", codes, "(n, d)")
    read = _factors.read(factors, num_classes, codes.shape[0])
    checks.at_least("num_neighbors", num_neighbors, 1)
    is_finite = _columns.is_finite(codes)
    columns = jax.lax.stop_gradient(jnp.where(is_finite[None], codes, 0)).T
    values = _class_neighbors.information(
        columns, read.labels.T, max(num_classes), num_neighbors
    )
    unknown = jnp.full(codes.shape[1:], jnp.nan, codes.dtype)
    # Points that coincide would fake information.
    varies = _columns.varies(codes)
    return _matrix(values, unknown, varies, is_finite, read)


@compiled.jit
def squared_correlations(codes: ArrayLike, factors: ArrayLike) -> jax.Array:
    r"""Squared correlation of each latent and each factor.

    .. math::
        \rho^2_{lk} = \frac{\operatorname{Cov}(z_l, y_k)^2}
        {\operatorname{Var}(z_l) \operatorname{Var}(y_k)} ,

    with the classes of a factor taken as numbers. It is the share of the factor's
    variance that the best linear fit to the codes explains, for use in
    `attribute_predictability_gap`. Units and origins do not matter, at any scale.

    Differentiable in the codes. Costs :math:`O(n d k)`.

    Args:
        codes: Codes of the points, one column per latent. Shape ``(n, d)``.
        factors: Factors of variation that the points were made from, integers or
            booleans. Shape ``(n, k)``.

    Returns:
        Squared correlations between 0 and 1, dimensionless; 0, with a gradient of zero,
        for a constant column of either. NaN for columns of codes with an entry that is
        not finite. Shape ``(d, k)``.

    References:
        Kumar, Sattigeri and Balakrishnan, `Variational inference of disentangled latent
        concepts from unlabeled observations <https://arxiv.org/abs/1711.00848>`_, 2018,
        section 3, for continuous factors.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> codes = jnp.array([[0.0, 1.0], [1.0, -1.0], [2.0, 1.0]])
        >>> factors = jnp.array([[0], [1], [2]])
        >>> print(disentanglement.squared_correlations(codes, factors)[:, 0])
        [1. 0.]
    """
    codes = checks.as_float("codes", codes, "(n, d)")
    labels = checks.as_labels("factors", factors, "(n, k)", n=codes.shape[0])
    # Large numbers of classes are exact once the least is subtracted.
    unsigned = jnp.dtype(f"uint{8 * labels.dtype.itemsize}")
    least = jnp.min(labels, axis=0, keepdims=True)
    # Without a sign, as their range may be twice that of integers with one.
    steps = labels.astype(unsigned) - least.astype(unsigned)
    one = _centred(_columns.rescaled(codes))
    other = _centred(_columns.rescaled(steps.astype(codes.dtype)))
    products = jnp.matmul(one.T, other, precision=jax.lax.Precision.HIGHEST)
    scales = jnp.sum(one**2, axis=0)[:, None] * jnp.sum(other**2, axis=0)[None]
    # Rounding may take it beyond one.
    return jnp.minimum(guarded.quotient(products**2, scales), 1)


def _of_tables(
    tables: jax.Array,
    varies: jax.Array,
    is_latent: jax.Array,
    factors: _factors.Factors,
) -> InformationMatrix:
    """Information from tables of bins and all classes, ``(d, b, c)``."""
    in_bin = jnp.sum(tables[:, :, : factors.num_classes[0]], axis=2, keepdims=True)
    of_class = jnp.sum(tables, axis=1, keepdims=True)
    log_product = logspace.log(in_bin) + logspace.log(of_class)
    # No term of this form is negative, so the sum is not either.
    terms = logspace.relative_excess(tables, in_bin * of_class, log_product)
    information = factors.sum_classes(jnp.sum(terms, axis=1))
    # Subtracted from zero, which is not negative then.
    latent_entropies = 0 - jnp.sum(logspace.xlogx(in_bin), axis=(1, 2))
    return _matrix(information, latent_entropies, varies, is_latent, factors)


def _matrix(
    information: jax.Array,
    latent_entropies: jax.Array,
    varies: jax.Array,
    is_latent: jax.Array,
    factors: _factors.Factors,
) -> InformationMatrix:
    """The result: zero where nothing varies, NaN where the input is not valid."""
    entropies = factors.entropies(information.dtype)
    tells = varies[:, None] & (entropies != 0)[None]
    is_valid = is_latent[:, None] & factors.is_valid[None]
    return InformationMatrix(
        information=jnp.where(is_valid, jnp.where(tells, information, 0), jnp.nan),
        latent_entropies=jnp.where(is_latent, latent_entropies, jnp.nan),
        factor_entropies=entropies,
    )


def _standardised(
    edges: jax.Array, means: jax.Array, log_variances: jax.Array
) -> jax.Array:
    """Edges less means in standard deviations, as far as tails go, ``(e, n, d)``."""
    # Where neither a deviation nor its inverse overflows, nor what multiplies them in
    # a derivative.
    bound = 0.45 * math.log(np.finfo(means.dtype).max)
    inverse = jnp.exp(-jnp.clip(log_variances / 2, -bound, bound))[None]
    apart = edges[:, None, None] - means[None]
    is_far = jnp.abs(apart) * inverse > _FAR
    near = jnp.where(is_far, 0, apart) * inverse
    return jnp.where(is_far, _FAR * jnp.sign(apart), near)


def _centred(x: jax.Array) -> jax.Array:
    return x - jnp.mean(x, axis=0, keepdims=True)
