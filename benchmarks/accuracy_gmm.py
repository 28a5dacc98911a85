"""Bias, error and coverage of estimated information on samples of known information.

    python benchmarks/accuracy_gmm.py [--seeds 100] [--sizes 200 500 2000]

prints a table; the reference's published figures stand in the README.
"""

import argparse
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import digamma
from tqdm import tqdm

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


FAMILIES = {
    "Gaussian": (gaussian, (0.0, 0.3, 0.6, 0.9)),
    "gamma-exponential": (gamma_exponential, (0.3, 1.0, 3.0)),
    "ordered Weinman": (weinman, (0.3, 1.0, 3.0)),
}


@jax.jit
def estimates(keys, x, y):
    """Estimates of all samples, one after the other."""

    def one(arguments):
        key, x, y = arguments
        result = gmm.mutual_information(key, x[:, None], y[:, None])
        return result.mean, result.std, result.value, result.converged

    return jax.lax.map(one, (keys, x, y))


def cell(family, parameter, n, num_seeds):
    """Errors of the mean and the value, and how often the mean's interval holds."""
    rng = np.random.default_rng([n, int(1000 * parameter), len(family.__name__)])
    samples = [family(rng, n, parameter) for _ in range(num_seeds)]
    x, y = (
        jnp.asarray(np.stack(part)) for part in list(zip(*samples, strict=True))[:2]
    )
    keys = jax.random.split(jax.random.key(n), num_seeds)
    mean, std, value, converged = map(np.asarray, estimates(keys, x, y))
    truth = samples[0][2]
    score = np.abs(mean - truth) / std
    return {
        "truth": truth,
        "mean": (np.mean(mean - truth), np.sqrt(np.mean((mean - truth) ** 2))),
        "value": (np.mean(value - truth), np.sqrt(np.mean((value - truth) ** 2))),
        "absolute": np.mean(np.abs(mean - truth)),
        "covered": [(score <= 1).mean(), (score <= 2).mean()],
        "converged": converged.mean(),
    }


def main(argv=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500, 2000])
    parser.add_argument("--markdown", type=pathlib.Path, help="file for the table")
    arguments = parser.parse_args(argv)
    tasks = [
        (name, family, parameter, n)
        for n in arguments.sizes
        for name, (family, parameters) in FAMILIES.items()
        for parameter in parameters
    ]
    lines = [
        "| sample | truth | n | `mean`: bias / RMSE | `value`: bias / RMSE | "
        "within 1, 2 std | converged |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    pooled = {}
    for name, family, parameter, n in tqdm(tasks, file=sys.stderr):
        one = cell(family, parameter, n, arguments.seeds)
        lines.append(
            f"| {name} {parameter:g} | {one['truth']:.3f} | {n} "
            f"| {one['mean'][0]:+.4f} / {one['mean'][1]:.4f} "
            f"| {one['value'][0]:+.4f} / {one['value'][1]:.4f} "
            f"| {one['covered'][0]:.2f}, {one['covered'][1]:.2f} "
            f"| {one['converged']:.2f} |"
        )
        if one["truth"] > 0:
            for group in ((name, n), (name, "all")):
                pooled.setdefault(group, []).append(one)
    lines += [
        "",
        "| pooled, but for independence | n | mean absolute error of `mean` |",
    ]
    lines[-1] += " within 1, 2 std |"
    lines.append("| --- | --- | --- | --- |")
    for (name, n), cells in pooled.items():
        covered = np.mean([one["covered"] for one in cells], axis=0)
        error = np.mean([one["absolute"] for one in cells])
        lines.append(
            f"| {name} | {n} | {error:.4f} | {covered[0]:.3f}, {covered[1]:.3f} |"
        )
    table = "\n".join(lines) + "\n"
    if arguments.markdown:
        arguments.markdown.write_text(table)
    else:
        print(table)


if __name__ == "__main__":
    main()
