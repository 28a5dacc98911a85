"""Bias, error and coverage of estimated information on samples of known information.

    python benchmarks/accuracy_gmm.py [--seeds 100] [--sizes 200 500 2000]
        [--dims 1 2 3 5]

prints a table: for 1 dimension per side the families of scalar pairs, for more those of
vectors. With an environment for gmm-mi (see `gmm_mi_peer`), gmm-mi's figures are added,
from as many samples per line as ``--reference-seeds`` says.
"""

import argparse
import pathlib
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from scipy.special import digamma, gammaln
from tqdm import tqdm

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gmm_mi_peer

from jaxinfo import gmm


def gaussian(rng, n, rho):
    """Bivariate normal of correlation ``rho``."""
    x, noise = rng.normal(size=(2, n))
    return x, rho * x + np.sqrt(1 - rho**2) * noise, -np.log1p(-(rho**2)) / 2


def gamma_exponential(rng, n, alpha):
    """Logarithms of a gamma variable, and of an exponential one of this rate."""
    x = rng.gamma(alpha, size=n)
    truth = digamma(alpha + 1) - np.log(alpha)
    return np.log(x), np.log(rng.exponential(size=n) / x), truth


def weinman(rng, n, alpha):
    """Logarithms of ordered Weinman exponential variables."""
    x = rng.exponential(0.5, size=n)
    y = x + rng.exponential(alpha, size=n)
    rest = abs(2 * alpha - 1)
    if alpha < 0.5:
        truth = -np.log(2 * alpha / rest) + digamma(1 / rest) - digamma(1)
    else:
        truth = np.log(rest / (2 * alpha)) + digamma(2 * alpha / rest) - digamma(1)
    return np.log(x), np.log(y), truth


def sparse_gaussian(rng, n, dim):
    """Normal vectors of which the first two coordinates are correlated, by 0.8."""
    x, noise = rng.normal(size=(2, n, dim))
    rho = np.where(np.arange(dim) < 2, 0.8, 0.0)
    y = rho * x + np.sqrt(1 - rho**2) * noise
    return x, y, -np.sum(np.log1p(-(rho**2))) / 2


def uniform(rng, n, dim):
    """The same seen through their distribution function, which changes nothing."""
    x, y, truth = sparse_gaussian(rng, n, dim)
    return scipy.stats.norm.cdf(x), scipy.stats.norm.cdf(y), truth


def student(rng, n, dim, freedom=5):
    """The same over the root of one chi-squared variable a row."""
    x, y, truth = sparse_gaussian(rng, n, dim)
    scale = np.sqrt(freedom / rng.chisquare(freedom, size=(n, 1)))

    def excess(k):
        return gammaln(k / 2) - k / 2 * digamma(k / 2)

    truth = truth + excess(freedom) + excess(freedom + 2 * dim)
    return scale * x, scale * y, truth - 2 * excess(freedom + dim)


def asinh_student(rng, n, dim):
    """Student's vectors of three degrees of freedom through asinh."""
    x, y, truth = student(rng, n, dim, 3)
    return np.arcsinh(x), np.arcsinh(y), truth


def spiral(rng, n, dim):
    """Sparse Gaussians, x and y turned by an angle that grows with their norm."""
    x, y, truth = sparse_gaussian(rng, n, dim)

    def turned(x):
        angle = np.sum(x**2, axis=1) / dim
        first = np.cos(angle) * x[:, 0] - np.sin(angle) * x[:, 1]
        second = np.sin(angle) * x[:, 0] + np.cos(angle) * x[:, 1]
        return np.column_stack([first, second, x[:, 2:]])

    return turned(x), turned(y), truth


FAMILIES = {
    "Gaussian": (gaussian, (0.0, 0.3, 0.6, 0.9)),
    "gamma-exponential": (gamma_exponential, (0.3, 1.0, 3.0)),
    "ordered Weinman": (weinman, (0.3, 1.0, 3.0)),
}
VECTORS = {
    "sparse Gaussian": sparse_gaussian,
    "uniform": uniform,
    "Student": student,
    "asinh of Student": asinh_student,
    "spiral": spiral,
}


@jax.jit
def estimates(keys, x, y):
    """Estimates of all samples, one after the other."""

    def one(arguments):
        key, x, y = arguments
        result = gmm.mutual_information(key, x, y)
        return result.value, result.standard_error, result.plugin, result.converged

    return jax.lax.map(one, (keys, x, y))


class Accuracy(NamedTuple):
    """How estimates lie about the truth."""

    bias: float
    rmse: float
    absolute: float
    covered: tuple[float, float]  # within one and two standard errors
    failed: int  # estimates left out, as there are none


def accuracy(estimate, error, truth):
    """Judge estimates of one truth."""
    has_value = np.isfinite(estimate)
    gap = np.asarray(estimate)[has_value] - truth
    score = np.abs(gap) / error[has_value]
    return Accuracy(
        failed=int(np.sum(~has_value)),
        bias=gap.mean(),
        rmse=np.sqrt(np.mean(gap**2)),
        absolute=np.abs(gap).mean(),
        covered=(np.mean(score <= 1), np.mean(score <= 2)),
    )


class Cell(NamedTuple):
    """Estimates of samples of one law and size."""

    truth: float
    value: Accuracy
    plugin: Accuracy
    converged: float
    reference: Accuracy | None


def cell(family, parameter, n, num_seeds, num_reference_seeds):
    """Estimate all samples of one law, and the first of them by gmm-mi."""
    rng = np.random.default_rng([n, int(1000 * parameter), len(family.__name__)])
    samples = [family(rng, n, parameter) for _ in range(num_seeds)]
    x, y = (np.stack(part) for part in list(zip(*samples, strict=True))[:2])
    keys = jax.random.split(jax.random.key(n), num_seeds)
    columns = (z if z.ndim == 3 else z[:, :, None] for z in (x, y))
    results = estimates(keys, *(jnp.asarray(z, jnp.float32) for z in columns))
    value, error, plugin, converged = map(np.asarray, results)
    truth, reference = samples[0][2], None
    if num_reference_seeds and x.ndim == 2:
        pairs = np.stack([x, y], axis=2)[:num_reference_seeds]
        reference = accuracy(*gmm_mi_peer.estimates(pairs)[:, 1:].T, truth)
    return Cell(
        truth=truth,
        value=accuracy(value, error, truth),
        plugin=accuracy(plugin, error, truth),
        converged=converged.mean(),
        reference=reference,
    )


def families(dim):
    """Families of ``dim`` dimensions a side, and their parameters."""
    if dim == 1:
        return FAMILIES
    return {f"{name}, {dim} + {dim}": (law, (dim,)) for name, law in VECTORS.items()}


def bias_and_rmse(one):
    """A cell of the table; a dash where there is none."""
    if one is None:
        return "-"
    failed = f", {one.failed} failed" if one.failed else ""
    return f"{one.bias:+.4f} / {one.rmse:.4f}{failed}"


def coverage(one):
    """A cell of the table; a dash where there is none."""
    return "-" if one is None else "{:.2f}, {:.2f}".format(*one.covered)


def pool(cells):
    """A line of several laws: means of their figures, and the root of mean squares."""
    return Accuracy(
        bias=np.mean([one.bias for one in cells]),
        rmse=np.sqrt(np.mean([one.rmse**2 for one in cells])),
        absolute=np.mean([one.absolute for one in cells]),
        covered=tuple(np.mean([one.covered for one in cells], axis=0)),
        failed=sum(one.failed for one in cells),
    )


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--reference-seeds", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500, 2000])
    parser.add_argument("--dims", type=int, nargs="+", default=[1])
    parser.add_argument("--markdown", type=pathlib.Path, help="file for the table")
    arguments = parser.parse_args(argv)
    number = arguments.reference_seeds if gmm_mi_peer.is_available() else 0
    tasks = [
        (name, family, parameter, n)
        for n in arguments.sizes
        for dim in arguments.dims
        for name, (family, parameters) in families(dim).items()
        for parameter in parameters
    ]
    lines = [
        "| sample | truth | n | `value`: bias / RMSE | `plugin`: bias / RMSE | "
        f"within 1, 2 errors | converged | gmm-mi ({number}) | within 1, 2 errors |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    pooled = {}
    for name, family, parameter, n in tqdm(tasks, file=sys.stderr):
        one = cell(family, parameter, n, arguments.seeds, number)
        lines.append(
            f"| {name} {parameter:g} | {one.truth:.3f} | {n} "
            f"| {bias_and_rmse(one.value)} | {bias_and_rmse(one.plugin)} "
            f"| {coverage(one.value)} | {one.converged:.2f} "
            f"| {bias_and_rmse(one.reference)} | {coverage(one.reference)} |"
        )
        if one.truth > 0:
            for group in ((name, n), (name, "all")):
                pooled.setdefault(group, []).append(one)
    lines += [
        "",
        "| pooled, but for independence | n | bias / RMSE of `value` | mean absolute "
        "error | within 1, 2 errors | gmm-mi | mean absolute error "
        "| within 1, 2 errors |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, n), cells in pooled.items():
        ours = pool([one.value for one in cells])
        theirs = pool([one.reference for one in cells]) if number else None
        absolute = f"{theirs.absolute:.4f}" if number else "-"
        lines.append(
            f"| {name} | {n} | {bias_and_rmse(ours)} | {ours.absolute:.4f} "
            f"| {ours.covered[0]:.3f}, {ours.covered[1]:.3f} "
            f"| {bias_and_rmse(theirs)} | {absolute} | {coverage(theirs)} |"
        )
    table = "\n".join(lines) + "\n"
    if arguments.markdown:
        arguments.markdown.write_text(table)
    else:
        print(table)


if __name__ == "__main__":
    main()
