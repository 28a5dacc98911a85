"""Nine synthetic spaces, compared by information and by measures that compare points.

Nine spaces of 64 points differ in shape, noise and dimension: three spirals, two square
spirals, a line, and two or four clusters. They are compared by NMI and variation of
information (VI), from overlaps and by Monte Carlo, and by other measures in use: linear
CKA, RBF CKA, CKA on overlaps, the stochastic shape metric, and the Jensen-Shannon
divergence (JSD) between the average outputs of the best possible decoders. The report
shows

- the information of each space, and NMI and VI of all pairs with standard errors;
- the rank correlations between all measures over the 36 pairs of spaces;
- what follows from them, in words.

The spaces and the comparison are those of Murphy et al., `Comparing the information
content of probabilistic representation spaces <https://arxiv.org/abs/2405.21042>`_,
2025.

Run ``python examples/10_nine_spaces.py [--quick] [--output DIR]``.
"""

import argparse
import functools
import itertools
import math
import pathlib
import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import scipy.stats
from tqdm import tqdm

from jaxinfo import fingerprint, measures, plotting

Array = npt.NDArray[np.float64]

NUM_POINTS = 64
TITLES = (
    "spiral",
    "noisy spiral",
    "spiral, noise grows outwards",
    "square spiral",
    "noisy square spiral",
    "line",
    "two clusters",
    "four clusters",
    "four clusters, one noisy latent",
)


class Measure(NamedTuple):
    """One way to compare spaces.

    Attributes:
        name: What is measured, and how.
        unit: "bits", or empty; the values of the former are in nats.
        values: Values of all pairs. Shape ``(9, 9)``.
    """

    name: str
    unit: str
    values: Array


class Space(NamedTuple):
    """Gaussian posteriors of all points.

    Attributes:
        means: Means. Shape ``(n, d)``.
        log_variances: Logarithms of the variances. Shape ``(n, d)``.
    """

    means: Array
    log_variances: Array


def nine_spaces() -> list[Space]:
    """The spaces of the paper, by its formulas."""
    index = np.arange(NUM_POINTS)
    radius = np.sqrt(index)
    turn = 0.4 * np.pi * radius
    spiral = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    square = square_spiral()
    line = np.linspace(-32, 32, NUM_POINTS)[:, None]
    two = 6.4 * np.repeat([[-1.0, 0.0], [1.0, 0.0]], 32, axis=0)
    corners = 5.6 * np.array([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    four = np.repeat(corners, 16, axis=0)
    four_mirrored = np.repeat(corners[[0, 3, 2, 1]], 16, axis=0)
    # Log variances of all points, or of each.
    pairs = [
        (spiral, 0.1),
        (spiral, 2.1),
        (spiral, radius[:, None] - 4.4),
        (square, 0.0),
        (square, 2.5),
        (line, -1.0),
        (two, 1.0),
        (four, 1.0),
        (four_mirrored, np.array([[1.0, 4.0]])),
    ]
    return [Space(m, np.broadcast_to(noise, m.shape)) for m, noise in pairs]


def square_spiral() -> Array:
    """Sides of 1, 1, 2, 2, 3, 3... steps; the step grows by 0.1 at each turn."""
    directions = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]])
    steps = [np.zeros((1, 2))]
    for side in range(NUM_POINTS // 4):
        step = (0.5 + 0.1 * side) * directions[side % 4]
        steps.append(np.tile(step, (side // 2 + 1, 1)))
    return np.cumsum(np.concatenate(steps), axis=0)[:NUM_POINTS]


def overlaps_of(space: Space) -> jax.Array:
    """Overlaps of the posteriors of all points."""
    return fingerprint.gaussian_overlaps(*map(jnp.float32, space))


def compare_by_overlaps(spaces: Sequence[Space]) -> fingerprint.PairwiseComparison:
    """NMI and VI of all pairs, from overlaps."""
    return fingerprint.pairwise(jnp.stack([overlaps_of(one) for one in spaces]))


def compare_by_sampling(
    key: jax.Array, spaces: Sequence[Space], num_samples: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Information, NMI and VI of all pairs by Monte Carlo, and their standard errors.

    The information of a space is the mean over its comparisons with the others.
    """
    count = len(spaces)
    pairs = list(itertools.combinations(range(count), 2))
    value = {"nmi": np.eye(count), "vi": np.zeros((count, count))}
    error = {name: np.zeros((count, count)) for name in value}
    estimates: list[list[tuple[jax.Array, jax.Array]]] = [[] for _ in spaces]
    for key_pair, (i, j) in zip(
        jax.random.split(key, len(pairs)),
        tqdm(pairs, desc="Monte Carlo, pairs of spaces"),
        strict=True,
    ):
        posteriors = map(jnp.float32, (*spaces[i], *spaces[j]))
        result = fingerprint.monte_carlo_compare(
            key_pair, *posteriors, num_samples=num_samples
        )
        for name in value:
            value[name][i, j] = value[name][j, i] = getattr(result.value, name)
            error[name][i, j] = error[name][j, i] = getattr(result.standard_error, name)
        for k, name in ((i, "information_u"), (j, "information_v")):
            estimates[k].append(
                (getattr(result.value, name), getattr(result.standard_error, name))
            )
    means = [
        fingerprint.inverse_variance_mean(*map(jnp.stack, zip(*one, strict=True)))
        for one in estimates
    ]
    value["information"] = np.array([one.value for one in means])
    error["information"] = np.array([one.standard_error for one in means])
    return value, error


@functools.partial(jax.jit, static_argnames="num_draws")
def average_outputs(
    key: jax.Array, means: jax.Array, log_variances: jax.Array, *, num_draws: int
) -> jax.Array:
    """What the best decoder of the point says on average, one row for each point.

    The mean of p(x_j | u) over draws u from p(u | x_i). Shape ``(n, n)``.
    """
    scales = jnp.exp(log_variances / 2)

    def of_point(point: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        key, mean, scale = point
        noise = jax.random.normal(key, (num_draws, mean.shape[0]), mean.dtype)
        draws = mean[None] + scale[None] * noise
        deviations = (draws[:, None] - means[None]) / scales[None]
        log_densities = -jnp.sum(deviations**2 + log_variances[None], axis=2) / 2
        return jnp.mean(jax.nn.softmax(log_densities, axis=1), axis=0)

    keys = jax.random.split(key, means.shape[0])
    return jax.lax.map(of_point, (keys, means, scales))


def output_divergences(
    key: jax.Array, spaces: Sequence[Space], num_draws: int
) -> Array:
    """JSD between the average outputs of all pairs of spaces, in nats.

    By entropies, as outputs hold probabilities too small to be divided by.
    """
    outputs = [
        average_outputs(key_space, *map(jnp.float32, space), num_draws=num_draws)
        for key_space, space in zip(
            jax.random.split(key, len(spaces)),
            tqdm(spaces, desc="average outputs, spaces"),
            strict=True,
        )
    ]
    divergences = jax.vmap(measures.jensen_shannon_divergence)

    def divergence(p: jax.Array, q: jax.Array) -> float:
        return float(jnp.mean(divergences(p, q)))

    return all_pairs(divergence, outputs, 0.0)


def linear_kernel(space: Space) -> Array:
    """Inner products of the means; noise has no part in it."""
    return space.means @ space.means.T


def rbf_kernel(space: Space) -> Array:
    """Gaussian kernel of the means, as wide as the mean standard deviation."""
    bandwidth = np.mean(np.exp(space.log_variances / 2))
    differences = space.means[:, None] - space.means[None]
    return np.exp(-np.sum(differences**2, axis=2) / (2 * bandwidth**2))


def overlap_kernel(space: Space) -> Array:
    """Bhattacharyya coefficients."""
    return np.asarray(overlaps_of(space), np.float64)


def kernel_alignment(kernel_u: Array, kernel_v: Array) -> float:
    """Centred kernel alignment (CKA), in its biased form."""
    u, v = (k - k.mean(0) - k.mean(1)[:, None] + k.mean() for k in (kernel_u, kernel_v))
    return float(np.sum(u * v) / (np.linalg.norm(u) * np.linalg.norm(v)))


def stochastic_shape(u: Space, v: Space, num_angles: int = 2000) -> float:
    """Stochastic shape metric of two planar spaces.

    The root mean square over points of the 2-Wasserstein distance between posteriors,
    for the best rotation or reflection of the second space; NaN if the dimensions
    differ.

    References:
        Duong et al., `Representational dissimilarity metric spaces for stochastic
        neural networks <https://arxiv.org/abs/2211.11665>`_, 2023.
    """
    if u.means.shape[1] != v.means.shape[1]:
        return math.nan
    angles = np.linspace(0, 2 * np.pi, num_angles, endpoint=False)
    cosines, sines = np.cos(angles), np.sin(angles)
    rotations = np.stack([cosines, -sines, sines, cosines], axis=1).reshape(-1, 2, 2)
    maps = np.concatenate([rotations, rotations * np.array([1, -1])])
    alignment = np.einsum("ni,qij,nj->qn", u.means, maps, v.means, optimize=True)
    of_means = np.sum(u.means**2 + v.means**2, axis=1) - 2 * alignment
    # The root of a 2 x 2 matrix A has trace sqrt(tr A + 2 sqrt(det A)).
    variances_u, variances_v = np.exp(u.log_variances), np.exp(v.log_variances)
    trace = np.einsum("ni,qij,nj->qn", variances_u, maps**2, variances_v, optimize=True)
    root_determinant = np.exp(np.sum(u.log_variances + v.log_variances, axis=1) / 2)
    fidelity = np.sqrt(trace + 2 * root_determinant)
    of_noise = np.sum(variances_u + variances_v, axis=1) - 2 * fidelity
    return float(np.sqrt(np.mean(of_means + of_noise, axis=1).min()))


def all_pairs(fn: Callable[..., float], items: Sequence, diagonal: float) -> Array:
    """Symmetric matrix of a measure of two items, and of one with itself."""
    result = np.diag(np.full(len(items), diagonal))
    for i, j in itertools.combinations(range(len(items)), 2):
        result[i, j] = result[j, i] = fn(items[i], items[j])
    return result


def rank_correlations(matrices: Sequence[Array]) -> Array:
    """Spearman's correlations between measures over all pairs of spaces.

    Pairs that a measure is not defined for are left out of its correlations.
    """
    rows = [matrix[np.triu_indices(len(matrix), 1)] for matrix in matrices]

    def correlation(one: Array, other: Array) -> float:
        both = np.isfinite(one) & np.isfinite(other)
        return float(scipy.stats.spearmanr(one[both], other[both]).statistic)

    return all_pairs(correlation, rows, 1.0)


def in_bits(measure: Measure) -> Array:
    """Values as they are shown."""
    return measure.values / math.log(2) if measure.unit == "bits" else measure.values


def print_matrix(title: str, values: Array) -> None:
    """Print a matrix of all pairs of spaces, counted from one."""
    print(f"\n{title}")
    print("      " + "".join(f"{k + 1:6d}" for k in range(len(values))))
    for k, row in enumerate(values):
        print(f"{k + 1:6d}" + "".join(f"{value:6.2f}" for value in row))


def report(
    spaces: Sequence[Space],
    bound: fingerprint.PairwiseComparison,
    value: dict[str, Array],
    error: dict[str, Array],
    shown: dict[str, Measure],
    correlations: Array,
) -> None:
    """Print all numbers in bits, and what they say."""
    bits = 1 / math.log(2)
    print(f"Information of each space (at most log2 {NUM_POINTS} = 6 bits)")
    print("  space                               d  bound  Monte Carlo")
    for k, (title, space) in enumerate(zip(TITLES, spaces, strict=True)):
        print(
            f"  {k + 1} {title:33s} {space.means.shape[1]}  "
            f"{float(bound.information[k]) * bits:5.3f}  "
            f"{value['information'][k] * bits:5.3f} "
            f"+- {error['information'][k] * bits:.3f}"
        )
    upper = np.triu(np.ones_like(correlations), 1).astype(bool)
    for name, unit, scale in (("nmi", "", 1.0), ("vi", " in bits", bits)):
        both = np.where(upper, value[name], np.asarray(getattr(bound, name))) * scale
        print_matrix(
            f"{name.upper()}{unit}: by Monte Carlo above the diagonal "
            f"(standard errors up to {error[name].max() * scale:.4f}), bound below",
            both,
        )
    for name in ("JSD", "linear CKA", "RBF CKA", "overlap CKA", "shape"):
        unit = f" in {shown[name].unit}" if shown[name].unit else ""
        print_matrix(shown[name].name + unit, in_bits(shown[name]))
    print("\nRank correlations between measures over pairs of spaces (Spearman)")
    print(" " * 21 + "".join(f"{k + 1:7d}" for k in range(len(correlations))))
    for k, (measure, row) in enumerate(zip(shown.values(), correlations, strict=True)):
        print(f"{k + 1} {measure.name:19s}" + "".join(f"{one:7.3f}" for one in row))
    print("\nWhat holds (rank correlations without their signs)")
    for one in conclusions(bound, value, shown, correlations):
        print(textwrap.fill(f"- {one}", subsequent_indent="  "))


def conclusions(
    bound: fingerprint.PairwiseComparison,
    value: dict[str, Array],
    shown: dict[str, Measure],
    correlations: Array,
) -> list[str]:
    """What holds, in words."""
    names = list(shown)

    def rank(one: str, other: str) -> str:
        return f"{abs(correlations[names.index(one), names.index(other)]):.3f}"

    def of(name: str, one: int, other: int) -> float:
        return float(in_bits(shown[name])[one - 1, other - 1])

    gap = (value["information"] - np.asarray(bound.information)) / math.log(2)
    shapes = shown["shape"].values[np.triu_indices(len(TITLES), 1)]
    shapes = shapes[np.isfinite(shapes)]
    num_smaller = np.sum(shapes < of("shape", 7, 9))
    return [
        f"Overlaps are enough. Information by them is {gap.min():.2f} to "
        f"{gap.max():.2f} bits lower than by Monte Carlo, but pairs rank alike: "
        f"{rank('NMI bound', 'NMI')} for NMI, {rank('VI bound', 'VI')} for VI.",
        "VI is what a decoder notices. Pairs rank as by the JSD between mean outputs: "
        f"{rank('VI bound', 'JSD')} by overlaps, {rank('VI', 'JSD')} by Monte Carlo. "
        f"Other measures do less well: RBF CKA {rank('RBF CKA', 'JSD')}, CKA on "
        f"overlaps {rank('overlap CKA', 'JSD')}, stochastic shape "
        f"{rank('shape', 'JSD')}, linear CKA {rank('linear CKA', 'JSD')}.",
        "NMI and VI answer different questions: which share is common, and how much "
        f"is not ({rank('NMI', 'VI')} by Monte Carlo).",
        "Noise matters. Spirals 1 and 2 have the same means: linear CKA "
        f"{of('linear CKA', 1, 2):.2f}, but VI {of('VI', 1, 2):.2f} bits.",
        "Places do not. Spaces 7 and 9 both tell left from right and little else: NMI "
        f"{of('NMI bound', 7, 9):.2f}, VI {of('VI bound', 7, 9):.2f} bits by overlaps. "
        f"Linear CKA is {of('linear CKA', 7, 9):.2f}, and by shape they are farther "
        f"apart than {num_smaller} of {shapes.size} pairs.",
        "Dimensions do not. Line 6 and spiral 1 order the points alike: NMI "
        f"{of('NMI bound', 1, 6):.2f}, linear CKA {of('linear CKA', 1, 6):.2f}; the "
        "shape metric is not defined.",
    ]


def draw(
    folder: pathlib.Path,
    spaces: Sequence[Space],
    shown: Sequence[Measure],
    correlations: Array,
) -> None:
    """Write the spaces, the matrices of all measures and their correlations."""
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    figure, grid = pyplot.subplots(3, 3, figsize=(7.5, 8), layout="constrained")
    for k, (ax, space) in enumerate(zip(grid.flat, spaces, strict=True)):
        # The line gets a second latent that nothing varies in.
        missing = 2 - space.means.shape[1]
        padding = ((0, 0), (0, missing))
        plotting.posterior_ellipses(
            np.pad(space.means, padding),
            np.pad(space.log_variances, padding, constant_values=-np.inf),
            ax=ax,
        )
        ax.set_title(f"{k + 1}: {TITLES[k]}", fontsize="small")
        if missing:
            ax.set_ylabel("(no second latent)")
    colors = grid.flat[0].collections[0]
    label = "Point of the data (ellipses: one standard deviation of its posterior)"
    figure.colorbar(colors, ax=grid, label=label, location="bottom", pad=0.02)
    figure.savefig(folder / "10_spaces.png", dpi=62)
    pyplot.close(figure)

    figure, grid = pyplot.subplots(3, 3, figsize=(10, 9), layout="constrained")
    for ax, measure in zip(grid.flat, shown, strict=True):
        image = ax.imshow(in_bits(measure), cmap="magma_r", vmin=0)
        ax.set_title(measure.name, fontsize="medium")
        ax.set_xticks(range(9), range(1, 10))
        ax.set_yticks(range(9), range(1, 10))
        ax.set_xlabel("Space")
        ax.set_ylabel("Space")
        figure.colorbar(image, ax=ax, shrink=0.8, label=measure.unit or "no unit")
    figure.savefig(folder / "10_measures.png", dpi=70)
    pyplot.close(figure)

    names = [measure.name for measure in shown]
    ax = plotting.rank_correlations(correlations, names)
    ax.figure.savefig(folder / "10_rank_correlations.png", dpi=70)
    pyplot.close(ax.figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the nine spaces, and print and draw what comes out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    arguments = parser.parse_args(argv)
    num_samples, num_draws = (4000, 500) if arguments.quick else (200_000, 4000)

    spaces = nine_spaces()
    key_pairs, key_outputs = jax.random.split(jax.random.key(0))
    bound = compare_by_overlaps(spaces)
    value, error = compare_by_sampling(key_pairs, spaces, num_samples)

    def aligned(kernel_fn: Callable[[Space], Array]) -> Array:
        return all_pairs(kernel_alignment, [kernel_fn(one) for one in spaces], 1.0)

    shown = {
        "NMI bound": Measure("NMI, overlaps", "", np.asarray(bound.nmi)),
        "NMI": Measure("NMI, Monte Carlo", "", value["nmi"]),
        "VI bound": Measure("VI, overlaps", "bits", np.asarray(bound.vi)),
        "VI": Measure("VI, Monte Carlo", "bits", value["vi"]),
        "JSD": Measure(
            "JSD of mean outputs",
            "bits",
            output_divergences(key_outputs, spaces, num_draws),
        ),
        "linear CKA": Measure("CKA, linear", "", aligned(linear_kernel)),
        "RBF CKA": Measure("CKA, RBF", "", aligned(rbf_kernel)),
        "overlap CKA": Measure("CKA, overlaps", "", aligned(overlap_kernel)),
        "shape": Measure(
            "Stochastic shape", "", all_pairs(stochastic_shape, spaces, 0.0)
        ),
    }
    correlations = rank_correlations([one.values for one in shown.values()])
    report(spaces, bound, value, error, shown, correlations)
    if arguments.output:
        draw(arguments.output, spaces, list(shown.values()), correlations)


if __name__ == "__main__":
    main()
