"""Time of the first call of the headline functions, each in a process of its own.

    python benchmarks/first_calls.py [--only NAME ...] [--markdown FILE]

A first call traces and compiles. Imports and data generation are not counted; the
persistent compilation cache is off. The second call, which only runs, is given for
comparison.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from jaxinfo import diffusion, fingerprint, fusion, gmm

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


def normals(*shape):
    """Data of a shape, on the device."""
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def dependent(n, *widths):
    """Blocks of columns that share a common one."""
    common = RNG.normal(size=(n, 1))
    return [
        jnp.asarray(common + RNG.normal(size=(n, width)), jnp.float32)
        for width in widths
    ]


def labelled(n, d, num_classes):
    """Points of classes that lie apart, and the classes."""
    labels = np.arange(n) % num_classes
    x = RNG.normal(size=(n, d)) + labels[:, None]
    return jnp.asarray(x, jnp.float32), jnp.asarray(labels)


def spaces(n, d):
    """Means and log-variances of posteriors."""
    return normals(n, d), normals(n, d) - 2


def gmm_mutual_information():
    """Make the call of `gmm.mutual_information`."""
    x, y = dependent(1000, 1, 1)
    return lambda: gmm.mutual_information(KEY, x, y)


def gmm_conditional_mutual_information():
    """Make the call of `gmm.conditional_mutual_information`."""
    x, y, z = dependent(1000, 1, 1, 1)
    return lambda: gmm.conditional_mutual_information(KEY, x, y, z)


def gmm_class_mutual_information():
    """Make the call of `gmm.class_mutual_information`."""
    x, labels = labelled(1000, 1, 4)
    return lambda: gmm.class_mutual_information(KEY, x, labels, num_classes=4)


def gmm_mutual_information_matrix():
    """Make the call of `gmm.mutual_information_matrix`."""
    x, y = dependent(1000, 10, 5)
    return lambda: gmm.mutual_information_matrix(KEY, x, y)


def gmm_select():
    """Make the call of `gmm.select`."""
    x = normals(1000, 2)
    return lambda: gmm.select(KEY, x)


def diffusion_stochastic_spectral_entropy():
    """Make the call of `diffusion.stochastic_spectral_entropy`."""
    x = normals(1000, 10)
    return lambda: diffusion.stochastic_spectral_entropy(
        KEY, x, bandwidth=3.0, diffusion_times=jnp.array([1.0])
    )


def diffusion_spectral_mutual_information():
    """Make the call of `diffusion.spectral_mutual_information`."""
    x, labels = labelled(500, 10, 5)
    return lambda: diffusion.spectral_mutual_information(
        KEY, x, labels, num_classes=5, bandwidth=3.0
    )


def diffusion_spectral_entropy():
    """Make the call of `diffusion.spectral_entropy`."""
    x = normals(500, 10)
    return lambda: diffusion.spectral_entropy(x, bandwidth=3.0)


def fusion_fuse():
    """Make the call of `fusion.fuse`."""
    overlaps = jnp.stack(
        [fingerprint.gaussian_overlaps(*spaces(100, 2)) for _ in range(5)]
    )
    optimizer = optax.adam(0.01)
    return lambda: fusion.fuse(KEY, overlaps, dim=2, optimizer=optimizer, num_steps=100)


def fingerprint_monte_carlo_compare():
    """Make the call of `fingerprint.monte_carlo_compare`."""
    u, v = spaces(200, 4), spaces(200, 4)
    return lambda: fingerprint.monte_carlo_compare(KEY, *u, *v, num_samples=2000)


def fingerprint_gaussian_pairwise():
    """Make the call of `fingerprint.gaussian_pairwise`."""
    means, log_variances = spaces(500, 20)
    return lambda: fingerprint.gaussian_pairwise(means, log_variances)


# Seconds within which a first answer is due, on two idle cores.
LIMITS = {
    gmm_mutual_information: 8,
    gmm_conditional_mutual_information: 10,
    gmm_class_mutual_information: 10,
    gmm_mutual_information_matrix: 10,
    gmm_select: 5,
    diffusion_stochastic_spectral_entropy: 8,
    diffusion_spectral_mutual_information: 4,
    fusion_fuse: 4,
    fingerprint_monte_carlo_compare: 3,
    fingerprint_gaussian_pairwise: 2,
    diffusion_spectral_entropy: 2,
}
CALLS = {call.__name__: call for call in LIMITS}


def measure(name):
    """Seconds of the first and of the second call, in this process."""
    call = CALLS[name]()
    # What any first use of a device costs is no function's own.
    jax.block_until_ready(jnp.zeros(3) + 1)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - start)
    return seconds


def main(argv=None):
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=CALLS, default=list(CALLS))
    parser.add_argument("--markdown", type=pathlib.Path, help="file for the table")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.inside:
        print(json.dumps(measure(arguments.inside)))
        return
    lines = [
        "| function | first call, s | limit | second call, s |",
        "| --- " * 4 + "|",
    ]
    without_cache = {
        name: value
        for name, value in os.environ.items()
        if name != "JAX_COMPILATION_CACHE_DIR"
    }
    for name in tqdm(arguments.only, file=sys.stderr):
        run = subprocess.run(
            [sys.executable, __file__, "--inside", name],
            check=True,
            capture_output=True,
            text=True,
            env=without_cache,
        )
        first, second = json.loads(run.stdout)
        label = name.replace("_", ".", 1)
        limit = LIMITS[CALLS[name]]
        lines.append(f"| `{label}` | {first:.1f} | {limit} | {second:.3f} |")
    table = "\n".join(lines) + "\n"
    if arguments.markdown:
        arguments.markdown.write_text(table)
    else:
        print(table)


if __name__ == "__main__":
    main()
