"""Errors of five estimators of mutual information, on samples of known information.

    python benchmarks/which_estimator.py [--seeds 50] [--sizes 200 1000]

prints a table: one line per distribution and number of samples, with the bias and the
root-mean-square error of each estimator in nats. The distributions are those of
`accuracy_gmm`.
"""

import argparse
import functools
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import accuracy_gmm

from jaxinfo import diffusion, gmm, measures, neighbors

LAWS = {
    "Gaussian, correlation 0.6": (accuracy_gmm.gaussian, 0.6),
    "gamma-exponential": (accuracy_gmm.gamma_exponential, 1.0),
    "ordered Weinman, a hard edge": (accuracy_gmm.weinman, 1.0),
    "Gaussian, 2 + 2 dimensions": (accuracy_gmm.sparse_gaussian, 2),
    "Student, 2 + 2 dimensions": (accuracy_gmm.student, 2),
    "spiral, 2 + 2 dimensions": (accuracy_gmm.spiral, 2),
    "Gaussian, 5 + 5 dimensions": (accuracy_gmm.sparse_gaussian, 5),
}
NUM_BINS = 8


def by_covariance(_, x, y):
    """As if the sample were Gaussian."""
    covariance = jnp.cov(jnp.concatenate([x, y], axis=1).T)
    return measures.gaussian_mutual_information(covariance, dim_x=x.shape[1])


def by_scores(key, x, y):
    """As if it were Gaussian behind a map of each column."""
    return by_covariance(key, gmm.normal_scores(x), gmm.normal_scores(y))


def in_bins(_, x, y):
    """In bins of equal width, for one dimension a side."""
    if x.shape[1] > 1:
        return jnp.full((), jnp.nan)
    labels = [
        diffusion.equal_width_labels(column[:, 0], num_bins=NUM_BINS)
        for column in (x, y)
    ]
    return measures.compare_labels(
        *labels, num_x=NUM_BINS, num_y=NUM_BINS
    ).mutual_information


ESTIMATORS = {
    "gmm": lambda key, x, y: gmm.mutual_information(key, x, y).value,
    "neighbors": lambda _, x, y: neighbors.mutual_information(x, y),
    "covariance": by_covariance,
    "normal scores": by_scores,
    f"{NUM_BINS} x {NUM_BINS} bins": in_bins,
}


@functools.partial(jax.jit, static_argnames="name")
def estimates(keys, x, y, *, name):
    """Estimates of all samples, one after the other."""
    estimator = ESTIMATORS[name]
    return jax.lax.map(lambda arguments: estimator(*arguments), (keys, x, y))


def errors(law, parameter, n, num_seeds):
    """Truth, and the error of each sample, by the name of the estimator."""
    draws = [
        law(np.random.default_rng(seed), n, parameter) for seed in range(num_seeds)
    ]
    truth = float(draws[0][2])
    x, y = (
        np.stack([np.reshape(draw[side], (n, -1)) for draw in draws]) for side in (0, 1)
    )
    keys = jax.random.split(jax.random.key(0), num_seeds)
    return truth, {
        name: np.asarray(estimates(keys, x, y, name=name)) - truth
        for name in ESTIMATORS
    }


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000])
    arguments = parser.parse_args(argv)
    lines = [
        f"| sample of | truth | n | {' | '.join(ESTIMATORS)} |",
        "| --- | --- | --- |" + " --- |" * len(ESTIMATORS),
    ]
    tasks = [(name, n) for name in LAWS for n in arguments.sizes]
    for name, n in tqdm(tasks, file=sys.stderr):
        truth, found = errors(*LAWS[name], n, arguments.seeds)
        cells = [
            f"{np.mean(e):+.3f} / {np.sqrt(np.mean(e**2)):.3f}"
            if np.isfinite(e).all()
            else "-"
            for e in found.values()
        ]
        lines.append(f"| {name} | {truth:.3f} | {n} | {' | '.join(cells)} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
