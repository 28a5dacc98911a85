"""Spectral entropy of many points: leading eigenvalues, and probes of the others."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, linalg, shards
from jaxinfo._numerics.shards import AxisName
from jaxinfo.diffusion import _eigenvalues, _kernels, _krylov, _matrix_free
from jaxinfo.diffusion._krylov import Pairs, Quadrature
from jaxinfo.diffusion._matrix_free import Products
from jaxinfo.diffusion._types import StochasticEntropy

# Steps of each probe: nodes of its quadrature.
_NUM_STEPS = 20


@compiled.jit(static_argnames=("num_probes", "subspace_size", "block_size"))
def stochastic_spectral_entropy(
    key: jax.Array,
    x: ArrayLike,
    *,
    bandwidth: ArrayLike,
    diffusion_times: ArrayLike,
    alpha: ArrayLike = 0.0,
    num_probes: int = 16,
    subspace_size: int = 256,
    block_size: int | None = None,
) -> StochasticEntropy:
    r"""Estimate the spectral entropy of many points, with a standard error.

    The same quantity as `spectral_entropy`, at several times :math:`t`, without
    computing the spectrum: both sums of :math:`S_t = \log Z - t L / Z`, with :math:`Z =
    \sum_i \lambda_i^t` and :math:`L = \sum_i \lambda_i^t \log \lambda_i`, are traces of
    functions of the operator.

    1. A block Krylov subspace gives the leading eigenvalues. Those whose eigenvectors
       are known to a residual of 0.01 of the eigenvalue are summed as they are.
    2. Random vectors without these directions probe the other eigenvalues, by Lanczos
       iteration with Gauss and Gauss-Radau quadrature.
    3. The trace of the operator and of its square, known exactly, correct the probes.

    Which to use: `spectral_entropy`, which is exact and differentiable, up to a few
    thousand points; this function beyond. From about 2000 points it is the faster one,
    and from 46341 on the only one. It is made for times from 1 on: at smaller times
    rounding of the smallest eigenvalues dominates, which the standard error then shows.

    Not differentiable: gradients are zero. Costs :math:`O(n^2 (d + r + m p))` time for
    r columns of the subspace and :math:`m = 20` steps of p probes, and :math:`n^2`
    numbers of memory; or in blocks of b rows :math:`n (b + 3 r + m p)` numbers, and the
    kernel is recomputed for each of the :math:`m + 11` products.

    Args:
        key: Random key for the subspace and the probes.
        x: Samples of a representation. Shape ``(n, d)``.
        bandwidth: Standard deviation of the Gaussian kernel, in the units of ``x``,
            positive.
        diffusion_times: Powers of the diffusion matrix, non-negative. Shape ``(t,)``.
        alpha: Density exponent between 0 and 1.
        num_probes: Random vectors, at least 2.
        subspace_size: Columns of the subspace, rounded up to a multiple of eight. Up to
            twice as many points have their spectrum computed.
        block_size: Rows of the kernel held in memory at once. ``None`` holds the whole
            kernel up to 16384 points, and about 8 mebibytes beyond.

    Returns:
        The estimate; its value and error are NaN where a time is negative, ``x`` is not
        finite or an option is out of range.

    References:
        Liao et al., `Assessing neural network representations during training using
        noise-resilient diffusion spectral entropy <https://arxiv.org/abs/2312.04823>`_,
        2024, definition IV.1; Ubaru, Chen and Saad, `Fast estimation of tr(f(A)) via
        stochastic Lanczos quadrature <https://doi.org/10.1137/16M1104974>`_, 2017;
        Golub and Meurant, Matrices, moments and quadrature with applications, 2010,
        chapter 6, on the rules.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import diffusion
        >>> x = jax.random.normal(jax.random.key(0), (1000, 3))
        >>> options = {"bandwidth": 1.0, "diffusion_times": jnp.array([1.0, 2.0])}
        >>> estimate = diffusion.stochastic_spectral_entropy(
        ...     jax.random.key(1), x, **options
        ... )
        >>> exact = diffusion.spectral_entropy(x, bandwidth=1.0)
        >>> bool(abs(estimate.value[0] - exact) < 4 * estimate.standard_error[0] + 1e-4)
        True
    """
    settings = Settings(num_probes, subspace_size, block_size)
    given = read(key, x, bandwidth, diffusion_times, alpha, settings)
    return of_rows(*given, settings=settings, number=given.x.shape[0])


class Settings(NamedTuple):
    """Sizes that `stochastic_spectral_entropy` is given."""

    num_probes: int
    subspace_size: int
    block_size: int | None


class Given(NamedTuple):
    """Arrays that it is given, in one dtype.

    Attributes:
        key: Random key.
        x: Samples. Shape ``(n, d)``.
        width: Bandwidth. Shape ``()``.
        times: Diffusion times. Shape ``(t,)``.
        exponent: Density exponent, NaN if out of its range. Shape ``()``.
    """

    key: jax.Array
    x: jax.Array
    width: jax.Array
    times: jax.Array
    exponent: jax.Array


def read(
    key: ArrayLike,
    x: ArrayLike,
    bandwidth: ArrayLike,
    diffusion_times: ArrayLike,
    alpha: ArrayLike,
    settings: Settings,
) -> Given:
    """Check the arguments of `stochastic_spectral_entropy`."""
    checks.at_least("num_probes", settings.num_probes, 2)
    checks.at_least("subspace_size", settings.subspace_size, 1)
    checks.block_size(settings.block_size)
    x = checks.as_float("x", x, "(n, d)")
    times = checks.as_float("diffusion_times", diffusion_times, "(t,)")
    return Given(
        key=checks.as_key("key", key),
        x=x,
        width=checks.as_scalar("bandwidth", bandwidth, x.dtype),
        times=times.astype(x.dtype),
        exponent=_kernels.exponent(alpha, x.dtype),
    )


def of_rows(
    key: jax.Array,
    x: jax.Array,
    width: jax.Array,
    times: jax.Array,
    exponent: jax.Array,
    *,
    settings: Settings,
    number: int,
    axis_name: AxisName = None,
) -> StochasticEntropy:
    """Estimate from the samples, or on each of several devices from some of them.

    There are ``number`` on all devices; what fills up stands behind them.
    """
    is_finite = ~shards.any_holds(~jnp.all(jnp.isfinite(x)), axis_name)
    is_valid = is_finite & (width > 0) & jnp.isfinite(width) & ~jnp.isnan(exponent)
    # Solvers may loop for ever on NaN.
    x, times, width, exponent = jax.lax.stop_gradient(
        (
            jnp.where(is_valid, x, 0),
            times,
            jnp.where(is_valid, width, 1),
            jnp.where(is_valid, exponent, 0),
        )
    )
    subspace_size = settings.subspace_size
    if number <= max(2 * subspace_size, _krylov.num_columns(subspace_size)):
        everything = shards.gather(x, axis_name)[:number]
        estimate = _exact(everything, width, times, exponent)
    else:
        products = _matrix_free.products(
            x, width, exponent, settings.block_size, number, axis_name
        )
        # Far out of range distances overflow.
        is_valid = is_valid & jnp.isfinite(products.trace + products.squares)
        products = _identity_unless(is_valid, products)
        estimate = _estimate(key, products, times, subspace_size, settings.num_probes)
    is_known = is_valid & (times >= 0)
    return StochasticEntropy(
        value=jnp.where(is_known, estimate.value, jnp.nan),
        standard_error=jnp.where(is_known, estimate.standard_error, jnp.nan),
        num_deflated=estimate.num_deflated,
    )


class _Sums(NamedTuple):
    """Sums over eigenvalues, of one kind each time.

    Attributes:
        powers: Of ``l^t``. Shape ``(..., t)``.
        logs: Of ``l^t log l``. Shape ``(..., t)``.
    """

    powers: jax.Array
    logs: jax.Array


def _exact(
    x: jax.Array, width: jax.Array, times: jax.Array, exponent: jax.Array
) -> StochasticEntropy:
    operator = _kernels.diffusion(_kernels.gaussian(x, width), exponent)
    value = _eigenvalues.entropies(operator.matrix, times, is_definite=True)
    return StochasticEntropy(
        value=value,
        standard_error=jnp.zeros_like(value),
        num_deflated=jnp.asarray(x.shape[0]),
    )


def _identity_unless(is_valid: jax.Array, products: Products) -> Products:
    """An operator that solvers can take, in place of one that is not finite."""
    number = jnp.asarray(products.number, products.leading.dtype)
    equal = products.is_real / jnp.sqrt(number)
    return products._replace(
        multiply=lambda vectors: jnp.where(
            is_valid, products.multiply(vectors), vectors
        ),
        trace=jnp.where(is_valid, products.trace, number),
        squares=jnp.where(is_valid, products.squares, number),
        leading=jnp.where(is_valid, products.leading, equal),
    )


def _estimate(
    key: jax.Array,
    products: Products,
    times: jax.Array,
    subspace_size: int,
    num_probes: int,
) -> StochasticEntropy:
    n, dtype = products.number, times.dtype
    subspace_key, probe_key = jax.random.split(key)
    pairs = _krylov.leading_pairs(subspace_key, products, subspace_size)
    num_others = (n - jnp.sum(pairs.is_known)).astype(dtype)

    def without_known(vectors: jax.Array) -> jax.Array:
        shares = products.total(linalg.product(pairs.vectors.T, vectors))
        return vectors - linalg.product(pairs.vectors, shares)

    signs = products.draw(
        probe_key, lambda key: jax.random.rademacher(key, (num_probes,), dtype)
    )
    probes = without_known(signs)
    probes = probes / jnp.sqrt(products.total(jnp.sum(probes**2, axis=0)))[None]
    tridiagonal = _krylov.lanczos(products, without_known, probes, _NUM_STEPS)
    rules = _krylov.gauss_and_radau(*tridiagonal)
    gauss, radau = (_of_probes(rule, times, num_others) for rule in rules)
    middle: _Sums = jax.tree.map(lambda one, two: (one + two) / 2, gauss, radau)
    gap: _Sums = jax.tree.map(
        lambda one, two: jnp.mean(one - two, axis=0) / 2, gauss, radau
    )
    others = _controlled(middle, rules[0], times, num_others, products, pairs)
    return _combined(times, products, pairs, others, gap)


def _combined(
    times: jax.Array, products: Products, pairs: Pairs, others: _Sums, gap: _Sums
) -> StochasticEntropy:
    """Entropies from known eigenvalues and the sums ``(p, t)`` over the others.

    ``gap`` is the error of these sums by quadrature. Standard errors are to first order
    in the sums.
    """
    number = others.powers.shape[0]
    of_known = _terms(jnp.where(pairs.is_known, pairs.values, 0), times)
    powers, logs = (
        jnp.sum(jnp.where(pairs.is_known[:, None], known, 0), axis=0)
        + jnp.mean(probes, axis=0)
        for known, probes in zip(of_known, others, strict=True)
    )
    # Two of the sums are known.
    is_exact = (times == 1) | (times == 2)
    z = jnp.where(times == 1, products.trace, powers)
    z = jnp.where(times == 2, products.squares, z)
    ratio = logs / z
    value = jnp.log(z) - times * ratio

    def moved(powers: jax.Array, logs: jax.Array) -> jax.Array:
        """How far an entropy moves with the sums."""
        powers = jnp.where(is_exact, 0, powers)
        return (powers * (1 + times * ratio) - times * logs) / z

    offsets: _Sums = jax.tree.map(
        lambda sums: sums - jnp.mean(sums, axis=0, keepdims=True), others
    )
    variance = jnp.sum(jax.vmap(moved)(*offsets) ** 2, axis=0) / (number * (number - 1))
    rounding = 4 * float(np.finfo(times.dtype).eps) * (1 + jnp.abs(value))
    by_quadrature = moved(gap.powers, gap.logs)
    return StochasticEntropy(
        value=value,
        standard_error=jnp.sqrt(variance + by_quadrature**2 + rounding**2),
        num_deflated=jnp.sum(pairs.is_known),
    )


def _terms(values: jax.Array, times: jax.Array) -> _Sums:
    """Powers of eigenvalues, and these times their logarithms, ``(..., t)``."""
    is_zero = values == 0
    logs = jnp.log(jnp.where(is_zero, 1, values))

    def one(time: jax.Array) -> _Sums:
        # To the power of zero every eigenvalue is one.
        powers = jnp.where(is_zero & (time != 0), 0, jnp.exp(time * logs))
        return _Sums(powers, powers * logs)

    terms: _Sums = jax.vmap(one, out_axes=-1)(times)
    return terms


def _of_probes(rule: Quadrature, times: jax.Array, num_others: jax.Array) -> _Sums:
    """Sums over all eigenvalues not known, as each probe estimates them, ``(p, t)``."""
    sums: _Sums = jax.tree.map(
        lambda terms: num_others * jnp.sum(rule.weights[..., None] * terms, axis=1),
        _terms(rule.nodes, times),
    )
    return sums


def _controlled(
    sums: _Sums,
    rule: Quadrature,
    times: jax.Array,
    num_others: jax.Array,
    products: Products,
    pairs: Pairs,
) -> _Sums:
    """Correct estimates by the error of those of the two sums that are known.

    Each function of the eigenvalues is fitted by a parabola, whose sum is known.
    """
    known = jnp.where(pairs.is_known, pairs.values, 0)
    # The image of a vector has a part along it and its residual.
    hidden = jnp.where(pairs.is_known, known**2 + 2 * pairs.residuals**2, 0)
    largest = jnp.max(rule.nodes)
    unit = jnp.where(largest > 0, largest, 1)
    totals = jnp.stack([products.trace / unit, products.squares / unit**2])
    exact = totals - jnp.stack([jnp.sum(known) / unit, jnp.sum(hidden) / unit**2])

    nodes = rule.nodes / unit
    powers = jnp.stack([jnp.ones_like(nodes), nodes, nodes**2], axis=-1)
    estimated = num_others * jnp.sum(rule.weights[..., None] * powers[..., 1:], axis=1)
    root = jnp.sqrt(rule.weights)[..., None]
    basis, triangle = jnp.linalg.qr((root * powers).reshape(-1, 3))
    # A power helps where its sum is known better than the probes know it, and where
    # the nodes tell it from lower powers.
    rounding = float(np.finfo(times.dtype).eps)
    is_resolved = 8 * rounding * totals < 0.01 * jnp.mean(estimated, axis=0)
    diagonal = jnp.abs(jnp.diagonal(triangle))
    is_used = jnp.cumprod(
        jnp.append(True, is_resolved) & (diagonal > rounding * diagonal[0])
    ).astype(bool)
    is_in_use = is_used[:, None] & is_used[None, :]
    triangle = jnp.where(is_in_use, triangle, jnp.eye(3, dtype=times.dtype))

    def correct(sums: jax.Array, terms: jax.Array) -> jax.Array:
        flat = (root * terms).reshape(-1, terms.shape[-1])
        moments = linalg.product(basis.T, flat)
        slopes = jax.scipy.linalg.solve_triangular(
            triangle, jnp.where(is_used[:, None], moments, 0)
        )
        return sums + linalg.product(exact[None] - estimated, slopes[1:])

    corrected: _Sums = jax.tree.map(correct, sums, _terms(rule.nodes, times))
    return corrected
