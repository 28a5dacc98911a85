"""The pipeline of gmm-mi 0.8.2, rebuilt on `jaxinfo.gmm.em`, to reproduce its numbers.

Host side, in double precision, with NumPy's legacy random streams. Written from a
description of what the package computes; none of its code is here.

Mixtures are padded with absent components and samples with rows of weight zero, so that
few programs serve all files.
"""

import jax.numpy as jnp
import numpy as np

from jaxinfo import gmm
from tests.helpers import optimized

# In a weight, so that an empty component does not divide by zero.
_TINY = 10 * 2.22e-16
# What mixtures and samples are padded to.
_COMPONENTS = 7
_ROWS = 500


def mixture(weights, means, covariances, *, num_components=_COMPONENTS):
    """A mixture from NumPy arrays, padded with absent components."""
    missing = num_components - len(weights)
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.append(weights, np.zeros(missing)))
    trils = np.linalg.cholesky(covariances)
    return gmm.GaussianMixture(
        jnp.asarray(log_weights),
        jnp.asarray(np.concatenate([means, np.repeat(means[:1], missing, 0)])),
        jnp.asarray(np.concatenate([trils, np.repeat(trils[:1], missing, 0)])),
    )


def parameters(mixture):
    """Weights, means and covariances of the components that are present."""
    is_present = ~np.isneginf(np.asarray(mixture.log_weights))
    trils = np.asarray(mixture.scale_trils)[is_present]
    return (
        np.exp(np.asarray(mixture.log_weights)[is_present]),
        np.asarray(mixture.means)[is_present],
        trils @ np.swapaxes(trils, 1, 2),
    )


def log_prob(mixture, x):
    """Log-density, ``(n,)``, by one program for all numbers of points near ``n``."""
    missing = -len(x) % _ROWS
    padded = np.concatenate([x, np.repeat(x[:1], missing, 0)])
    return np.asarray(gmm.log_prob(mixture, jnp.asarray(padded)))[: len(x)]


def folds(n, num_folds=2):
    """The fold that each row is validated in."""
    order = np.arange(n)
    np.random.RandomState(42).shuffle(order)
    fold = np.empty(n, int)
    start = 0
    for f in range(num_folds):
        size = n // num_folds + (f < n % num_folds)
        fold[order[start : start + size]] = f
        start += size
    return fold


def _m_step(x, responsibilities):
    n_k = responsibilities.sum(0) + _TINY
    means = responsibilities.T @ x / n_k[:, None]
    offsets = x[None] - means[:, None]
    weighted = responsibilities.T[..., None] * offsets
    return (
        n_k / len(x),
        means,
        np.swapaxes(weighted, 1, 2) @ offsets / n_k[:, None, None],
    )


def _radius(x, k):
    from scipy.special import gammaln

    d = x.shape[1]
    volume = np.prod(x.max(0) - x.min(0))
    return (volume * np.exp(gammaln(d / 2 + 1)) / k) ** (1 / d) / np.sqrt(np.pi)


def start(method, x, k, seed, scale=None):
    """Parameters that a fit starts from."""
    random = np.random.RandomState(seed)
    n, d = x.shape
    if method == "random_sklearn":
        given = random.rand(n, k)
        return _m_step(x, given / given.sum(1, keepdims=True))
    if method in ("random", "minmax"):
        radius = _radius(x, k) if scale is None else scale
        spheres = np.stack([radius**2 * np.eye(d)] * k)
        if method == "random":
            rows = random.randint(0, n, size=k)
            moves = random.multivariate_normal(
                np.zeros(d), radius**2 * np.eye(d), size=k
            )
            means = x[rows] + moves
        else:
            means = x.min(0) + (x.max(0) - x.min(0)) * random.rand(k, d)
        return np.full(k, 1 / k), means, spheres
    if method == "kmeans_sklearn":
        from sklearn.cluster import KMeans

        labels = KMeans(k, n_init=1, random_state=random).fit(x).labels_
        return _m_step(x, np.eye(k)[labels])
    weights, means, covariances = _lloyd(x, k, random)
    if method == "randomized_kmeans":
        scale = 1.0 if scale is None else scale
        means = means.copy()
        for j in range(k):
            means[j] += (
                scale
                * random.multivariate_normal(np.zeros(d), covariances[j], size=1)[0]
            )
    return weights, means, covariances


def _lloyd(x, k, random):
    n, d = x.shape
    factor = np.linalg.cholesky(np.atleast_2d(np.cov(x.T)))
    centres = x.mean(0) + random.standard_normal((k, d)) @ factor.T
    for _ in range(10):
        distances = ((x[:, None] - centres[None]) ** 2).sum(2)
        labels = distances.argmin(1)
        centres = np.stack(
            [
                x[labels == j].mean(0) if (labels == j).any() else c
                for j, c in enumerate(centres)
            ]
        )
    weights = np.array([(labels == j).mean() for j in range(k)])
    covariances = np.stack(
        [
            (x[labels == j] - c).T @ (x[labels == j] - c) / n
            for j, c in enumerate(centres)
        ]
    )
    return weights, centres, covariances


@optimized
def _fit(start, x, weights, tol):
    return gmm.em(
        start, x, weights=weights, tol=tol, max_steps=10_000, regularization=1e-15
    )


def fit(start, x, weights=None, tol=1e-5):
    """EM from given parameters with 0/1 or integer weights."""
    weights = np.ones(len(x)) if weights is None else weights
    missing = -len(x) % _ROWS
    x = np.concatenate([x, np.repeat(x[:1], missing, 0)])
    weights = np.append(weights, np.zeros(missing))
    return _fit(mixture(*start), jnp.asarray(x), jnp.asarray(weights), tol)


def totals(x, result, k):
    """AIC and BIC of a fit to all data, not divided by the number of rows."""
    n, d = x.shape
    count = k * (1 + d + d * (d + 1) / 2) - 1
    base = -2 * n * float(result.log_likelihood)
    return base + 2 * count, base + np.log(n) * count


def try_components(x, k, *, method="random_sklearn", num_inits=3, num_folds=2):
    """Every start in every fold, and the fit to all data from the best."""
    fold = folds(len(x), num_folds)
    starts = [start(method, x, k, seed) for seed in range(num_inits)]
    validation = np.empty((num_inits, num_folds))
    num_steps = np.empty((num_inits, num_folds), int)
    fitted = {}
    for seed in range(num_inits):
        for f in range(num_folds):
            result = fit(starts[seed], x, fold != f)
            validation[seed, f] = np.mean(log_prob(result.mixture, x)[fold == f])
            num_steps[seed, f] = result.num_steps
            fitted[seed, f] = parameters(result.mixture)
    seed = int(validation.mean(1).argmax())
    f = int(validation[seed].argmax())
    return {
        "starts": starts,
        "validation": validation,
        "num_steps": num_steps,
        "seed": seed,
        "best": fitted[seed, f],
    }


def select(x, *, criterion="valid", patience=1, tol=1e-5, max_components=50, **options):
    """The search for a number of components; the number tried last less patience."""
    best, failures, tried = -np.inf, 0, {}
    for k in range(1, max_components + 1):
        tried[k] = try_components(x, k, **options)
        score = tried[k]["validation"].mean(1).max()
        if criterion != "valid":
            result = fit(tried[k]["best"], x)
            score = -totals(x, result, k)[criterion == "bic"]
        if score - best > tol:
            best = score
        else:
            failures += 1
            if failures == patience:
                return max(k - patience, 1), tried
    return max_components, tried


def counts(n, number):
    """How often each row is drawn in each replicate."""
    drawn = [np.random.default_rng(b).integers(0, n, size=n) for b in range(number)]
    return np.stack([np.bincount(rows, minlength=n) for rows in drawn])


def monte_carlo(fitted, seed, num_samples=100_000):
    """Information of a bivariate mixture, or conditional, from one fixed stream."""
    weights, means, covariances = fitted
    random = np.random.RandomState(seed)
    number = random.multinomial(num_samples, weights)
    x = np.concatenate(
        [
            random.multivariate_normal(m, c, int(size))
            for m, c, size in zip(means, covariances, number, strict=True)
        ]
    )
    d = means.shape[1]
    given = list(range(2, d))

    def log_prob_of(dims):
        part = covariances[:, dims][:, :, dims]
        return log_prob(mixture(weights, means[:, dims], part), x[:, dims])

    parts = [list(range(d)), [0, *given], [1, *given]]
    joint, first, second = (log_prob_of(dims) for dims in parts)
    ratio = joint - first - second
    if given:
        ratio = ratio + log_prob_of(given)
    return ratio.mean()


def quadrature(fitted, order=96):
    """Information of a bivariate mixture by Gauss-Hermite nodes, none dropped."""
    weights, means, covariances = fitted
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(order)
    node_weights = node_weights / node_weights.sum()
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    grid_weights = np.outer(node_weights, node_weights).ravel()

    def entropy(dims, nodes, node_weights):
        part = covariances[:, dims][:, :, dims]
        chosen = mixture(weights, means[:, dims], part)
        points = means[:, None, dims] + nodes @ np.swapaxes(
            np.linalg.cholesky(part), 1, 2
        )
        # One component's nodes at a time: as many for every mixture.
        values = np.stack([log_prob(chosen, of_one) for of_one in points])
        return -weights @ values @ node_weights

    line = (nodes[:, None], node_weights)
    return (
        entropy([0], *line) + entropy([1], *line) - entropy([0, 1], grid, grid_weights)
    )


def class_information(fits, priors, order=96):
    """Information of a scalar and classes, from a fit and a prior for each."""
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(order)
    node_weights = node_weights / node_weights.sum()
    mixtures = [mixture(*fit) for fit in fits]
    total = 0.0
    for prior, (weights, means, covariances), own in zip(
        priors, fits, mixtures, strict=True
    ):
        points = means + np.sqrt(covariances[:, :, 0]) * nodes
        flat = points.reshape(-1, 1)
        of_all = np.stack([log_prob(one, flat) for one in mixtures])
        mean = np.logaddexp.reduce(of_all + np.log(priors)[:, None], axis=0)
        ratio = log_prob(own, flat) - mean
        total += prior * weights @ ratio.reshape(points.shape) @ node_weights
    return total
