"""Compare posteriors that any framework has saved, without running its models.

Reads an npz file with ``means`` and ``log_variances`` of Gaussian posteriors, both of
shape ``(models, n, d)`` and floating point, of the same ``n`` points in the same order
for every model; and, if there are any, integer ``labels`` of the points, of shape
``(n,)`` or ``(n, l)``. Other arrays in the file are left alone. The report, in bits,
says

- how much each channel, one latent of one model, tells about the points, and how many
  channels are dropped because they tell less than 0.01 bits;
- which channels share information: NMI, NMI adjusted for chance, and variation of
  information (VI) of all pairs;
- the fragments of information that models have in common, found by OPTICS, with a
  representative of each, and what they tell about the labels;
- how much the full spaces of the models share.

The file is not trusted: nothing in it is unpickled, and sizes and types are checked in
the headers of its arrays before any data is read. ``--demo`` makes a file of six models
that each learned three factors, with noise, in an order of its own, beside one latent
that learned nothing, and one latent that is NaN; the report has to find three fragments
of six or five copies, one of which gives the label away (NMI above 0.9).

The comparison is that of Murphy et al., `Comparing the information content of
probabilistic representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025.

Run ``python examples/02_saved_posteriors.py FILE.npz [--output DIR]``, or ``--demo``.
"""

import argparse
import itertools
import math
import os
import pathlib
import sys
import tempfile
import textwrap
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from jaxinfo import fingerprint, plotting

BIT = math.log(2)
# Channels below tell nothing worth comparing.
THRESHOLD = 0.01 * BIT
# Adjusted NMI of members that share no more than unrelated channels.
CHANCE = 0.1
NUM_LISTED = 20
FIGURES = ("02_similarity.png", "02_information.png")
NUMBERS = "comparison.npz"
HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class BadFileError(Exception):
    """A file that holds no posteriors to compare; its text says why in one line."""


class Header(NamedTuple):
    """What is known of an array before it is read.

    Attributes:
        shape: Its shape.
        dtype: Type of its entries.
    """

    shape: tuple[int, ...]
    dtype: np.dtype


class Posteriors(NamedTuple):
    """Posteriors of an ensemble.

    Attributes:
        means: Means. Shape ``(models, n, d)``.
        log_variances: Logarithms of the variances. Shape ``(models, n, d)``.
        labels: Integers from 0, one column per labelling; of shape ``(n, 0)`` without
            labels.
    """

    means: np.ndarray
    log_variances: np.ndarray
    labels: np.ndarray


class Findings(NamedTuple):
    """All results, in nats. ``m`` channels are kept.

    Attributes:
        points: Indices of the points of the fingerprint. Shape ``(n,)``.
        num_not_finite: Points with a NaN or an infinity of each channel. Shape
            ``(models, d)``.
        information: Information of all channels; NaN for those that are not finite.
            Shape ``(models, d)``.
        kept: Model and latent of the kept channels. Shape ``(m, 2)``.
        comparison: Comparison of the kept channels.
        adjusted_nmi: Their NMI adjusted for chance. Shape ``(m, m)``.
        distances: Their variation of information, not negative. Shape ``(m, m)``.
        min_samples: Channels that make a dense region for OPTICS.
        clusters: Fragments of information.
        labels: Comparison of the kept channels with the labels.
        spaces: Comparison of the full spaces of the models.
        spaces_adjusted_nmi: Their NMI adjusted for chance. Shape ``(models, models)``.
    """

    points: np.ndarray
    num_not_finite: np.ndarray
    information: np.ndarray
    kept: np.ndarray
    comparison: fingerprint.PairwiseComparison
    adjusted_nmi: np.ndarray
    distances: np.ndarray
    min_samples: int
    clusters: fingerprint.ChannelClusters
    labels: fingerprint.CrossComparison
    spaces: fingerprint.PairwiseComparison
    spaces_adjusted_nmi: np.ndarray


def load(path: pathlib.Path, max_bytes: int) -> Posteriors:
    """Read posteriors from an npz file of unknown origin.

    Args:
        path: The file.
        max_bytes: Most bytes that its arrays may take, unpacked.

    Returns:
        The posteriors in single precision.

    Raises:
        BadFileError: If the file cannot be read or does not hold posteriors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stored = set(archive.namelist())
            fields = [
                field
                for field in ("means", "log_variances", "labels")
                if f"{field}.npy" in stored or field != "labels"
            ]
            headers = {field: read_header(archive, field) for field in fields}
            check_headers(headers, max_bytes)
            arrays = {
                field: read_array(archive, field, header)
                for field, header in headers.items()
            }
    except zipfile.BadZipFile as error:
        raise BadFileError(f"Expected an npz file, got {path}: {error}") from None
    except OSError as error:
        raise BadFileError(f"Cannot read {path}: {error.strerror or error}") from None
    # Numbers beyond single precision become infinite, and their channels are dropped.
    with np.errstate(over="ignore"):
        means, log_variances = (
            arrays[field].astype(np.float32) for field in ("means", "log_variances")
        )
    labels = arrays.get("labels", np.zeros((means.shape[1], 0), int))
    labels = labels.reshape(len(labels), -1)
    # Which integers they are does not matter, but jax has no 64 bits for them.
    columns = [np.unique(column, return_inverse=True)[1] for column in labels.T]
    labels = np.array(columns, int).reshape(labels.T.shape).T
    return Posteriors(means, log_variances, labels)


def read_header(archive: zipfile.ZipFile, field: str) -> Header:
    """Read the header of one array, but nothing of its data."""
    try:
        with archive.open(f"{field}.npy") as member:
            version = np.lib.format.read_magic(member)
            if version not in HEADER_READERS:
                raise BadFileError(
                    f"Expected `{field}` in npy format 1.0 or 2.0, got version "
                    f"{'.'.join(map(str, version))}."
                )
            shape, _, dtype = HEADER_READERS[version](member)
    except KeyError:
        names = ", ".join(map(repr, sorted(archive.namelist())[:10])) or "nothing"
        raise BadFileError(f"Expected a field `{field}`, got {names}.") from None
    except (ValueError, TypeError, RecursionError, MemoryError, zlib.error):
        raise BadFileError(
            f"Expected `{field}` to be an array in npy format, got no valid header."
        ) from None
    except (NotImplementedError, RuntimeError) as error:
        raise BadFileError(f"Expected `{field}` to be readable, got: {error}") from None
    return Header(shape, dtype)


def read_array(archive: zipfile.ZipFile, field: str, header: Header) -> np.ndarray:
    """Read one array, whose header has been checked."""
    size = math.prod(header.shape) * header.dtype.itemsize
    # Before numpy reserves the memory that the header asks for.
    if archive.getinfo(f"{field}.npy").file_size < size:
        raise BadFileError(f"Expected {size} bytes of data in `{field}`, got fewer.")
    try:
        with archive.open(f"{field}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except (ValueError, EOFError, zlib.error):
        raise BadFileError(f"Expected intact data in `{field}`, got other.") from None
    except MemoryError:
        raise BadFileError(
            f"Expected `{field}` to fit in memory, got {size} bytes."
        ) from None


def check_headers(headers: dict[str, Header], max_bytes: int) -> None:
    """Refuse arrays that are no posteriors or labels, or too large."""
    for field, (shape, dtype) in headers.items():
        is_label = field == "labels"
        kind = np.integer if is_label else np.floating
        if not np.issubdtype(dtype, kind):
            expected = "integers" if is_label else "floating-point numbers"
            raise BadFileError(f"Expected `{field}` to hold {expected}, got {dtype}.")
        if len(shape) not in ((1, 2) if is_label else (3,)):
            expected = "(n,) or (n, l)" if is_label else "(models, n, d)"
            raise BadFileError(
                f"Expected `{field}` to have shape {expected}, got {shape}."
            )
        if min(shape) < 1:
            raise BadFileError(f"Expected `{field}` not to be empty, got {shape}.")
    means, log_variances = headers["means"].shape, headers["log_variances"].shape
    if means != log_variances:
        raise BadFileError(
            f"Expected `log_variances` to have shape {means}, as `means` has, got "
            f"{log_variances}."
        )
    if means[1] < 3:
        raise BadFileError(
            f"Expected `means` to have at least 3 points, got {means[1]}, of shape "
            f"{means}."
        )
    if "labels" in headers and headers["labels"].shape[0] != means[1]:
        raise BadFileError(
            f"Expected `labels` of {means[1]} points, as `means` has, got shape "
            f"{headers['labels'].shape}."
        )
    size = sum(math.prod(shape) * dtype.itemsize for shape, dtype in headers.values())
    if size > max_bytes:
        raise BadFileError(
            f"Expected {', '.join(f'`{field}`' for field in headers)} to take at most "
            f"{max_bytes} bytes (--max-bytes), got {size}."
        )


def write_demo(path: pathlib.Path, num_models: int = 6, num_points: int = 400) -> None:
    """Save an ensemble whose models have learned three factors."""
    rng = np.random.default_rng(0)
    classes = rng.integers(4, size=num_points)
    factors = np.stack(
        [2.0 * classes, *rng.uniform(-2, 2, (2, num_points)), np.zeros(num_points)]
    )
    means = np.stack([rng.permutation(factors).T for _ in range(num_models)])
    means *= rng.choice([-1, 1], means[:, :1].shape) * rng.uniform(0.8, 1.2)
    means += 0.05 * rng.normal(size=means.shape)
    # Wide where the factor is missing, so that noise in the means tells nothing.
    is_empty = means.std(axis=1, keepdims=True) < 0.5
    log_variances = np.where(is_empty, 0.0, np.log(0.3**2)) + np.zeros_like(means)
    first = np.flatnonzero(~is_empty[0, 0])[0]
    means[0, :3, first] = np.nan
    np.savez(path, means=means, log_variances=log_variances, labels=classes)


def compare(
    posteriors: Posteriors, *, num_points: int, min_samples: int | None
) -> Findings:
    """Compare all channels and all spaces on a fingerprint of the points.

    Args:
        posteriors: Posteriors of the ensemble.
        num_points: Most points of the fingerprint.
        min_samples: Channels that make a fragment; ``None`` is half as many as models.

    Returns:
        What was found.

    Raises:
        BadFileError: If there are not two channels to compare.
    """
    num_models, num_data, num_latents = posteriors.means.shape
    is_finite = np.isfinite(posteriors.means) & np.isfinite(posteriors.log_variances)
    num_not_finite = np.sum(~is_finite, axis=1)
    points = np.arange(num_data)
    if num_data > num_points:
        drawn = fingerprint.sample_fingerprint(
            jax.random.key(0), num_data=num_data, num_points=num_points
        )
        points = np.sort(np.asarray(drawn))
    # A latent of equal posteriors adds nothing to a space.
    means, log_variances = (
        np.where((num_not_finite > 0)[:, None], 0, array)[:, points]
        for array in posteriors[:2]
    )
    channels = [
        jnp.asarray(array.transpose(1, 0, 2).reshape(-1, num_models * num_latents))
        for array in (means, log_variances)
    ]
    every = fingerprint.gaussian_pairwise(*channels)
    kept = np.flatnonzero(np.asarray(every.information) > THRESHOLD)
    if kept.size < 2:
        raise BadFileError(
            "Expected at least two finite channels above 0.01 bits to compare, got "
            f"{kept.size} of {num_models * num_latents}."
        )
    comparison = fingerprint.PairwiseComparison(
        every.information[kept], *(field[np.ix_(kept, kept)] for field in every[1:])
    )
    channels = [array[:, kept] for array in channels]
    distances = np.asarray(fingerprint.channel_distances(comparison))
    min_samples = min(min_samples or max(2, num_models // 2), kept.size)
    clusters = fingerprint.cluster_channels(distances, min_samples=min_samples)
    information = np.asarray(every.information).reshape(num_models, num_latents)
    spaces, spaces_adjusted_nmi = compare_spaces(means, log_variances)
    return Findings(
        points=points,
        num_not_finite=num_not_finite,
        information=np.where(num_not_finite > 0, np.nan, information),
        kept=np.stack(np.divmod(kept, num_latents), axis=1),
        comparison=comparison,
        adjusted_nmi=np.asarray(fingerprint.gaussian_pairwise_chance(*channels).nmi),
        distances=distances,
        min_samples=min_samples,
        clusters=clusters,
        labels=compare_labels(*channels, posteriors.labels[points]),
        spaces=spaces,
        spaces_adjusted_nmi=spaces_adjusted_nmi,
    )


def compare_labels(
    means: jax.Array, log_variances: jax.Array, labels: np.ndarray
) -> fingerprint.CrossComparison:
    """Compare channels with labels, of which there may be none."""
    if labels.shape[1]:
        return fingerprint.gaussian_label_pairwise(
            means, log_variances, jnp.asarray(labels)
        )
    empty = jnp.zeros((means.shape[1], 0))
    return fingerprint.CrossComparison(empty[:, 0:0], empty[0], empty, empty, empty)


def compare_spaces(
    means: np.ndarray, log_variances: np.ndarray
) -> tuple[fingerprint.PairwiseComparison, np.ndarray]:
    """Compare the full spaces of all models, and adjust their NMI for chance."""
    overlaps = jax.lax.map(
        lambda posteriors: fingerprint.gaussian_overlaps(*posteriors),
        (jnp.asarray(means), jnp.asarray(log_variances)),
    )
    adjusted = np.eye(len(means))
    pairs = list(itertools.combinations(range(len(means)), 2))
    for i, j in tqdm(pairs, desc="adjusting for chance, pairs of spaces"):
        nmi = fingerprint.adjust_for_chance(overlaps[i], overlaps[j]).nmi
        adjusted[i, j] = adjusted[j, i] = nmi
    return fingerprint.pairwise(overlaps), adjusted


def say(text: str) -> None:
    """Print a paragraph."""
    print(textwrap.fill(text, 80, replace_whitespace=False, break_on_hyphens=False))


def report(name: str, posteriors: Posteriors, found: Findings) -> None:
    """Print what was found, in bits."""
    num_models, num_data, num_latents = posteriors.means.shape
    num_points = len(found.points)
    say(
        f"{name}: {num_models} models of {num_latents} latents, counted from 0; "
        f"{num_points} of {num_data} points"
    )
    for model, latent in np.argwhere(found.num_not_finite):
        say(
            f"Warning: model {model}, latent {latent} is dropped, as "
            f"{found.num_not_finite[model, latent]} of {num_data} points are NaN or "
            "infinite."
        )
    num_broken = np.count_nonzero(found.num_not_finite)
    num_weak = num_models * num_latents - num_broken - len(found.kept)
    say(
        f"\nChannels: {len(found.kept)} kept, {num_weak} dropped below 0.01 bits, "
        f"{num_broken} dropped as not finite. Information by overlaps is a lower "
        f"bound, at most log2 {num_points} = {math.log2(num_points):.2f} bits. Spaces "
        "whose joint information nears that look alike by chance, which adjusted NMI "
        "corrects: it is 0 for unrelated ones."
    )
    report_channels(found)
    report_fragments(found, num_models)
    report_spaces(found)


def report_channels(found: Findings) -> None:
    """Print the most informative channels, and how alike pairs of channels are."""
    information = np.asarray(found.comparison.information) / BIT
    order = np.argsort(-information)[:NUM_LISTED]
    is_own = found.kept[:, None, 0] == found.kept[None, :, 0]
    to_others = np.where(is_own, np.inf, found.distances)
    print(f"\nMost informative channels ({len(order)} of {len(information)})")
    print("  model  latent   bits  fragment | nearest in another model (by VI)")
    print("                                 | model  latent   NMI  adjusted  VI (bits)")
    for channel in order:
        model, latent = found.kept[channel]
        fragment = found.clusters.labels[channel]
        row = (
            f"  {model:5d}  {latent:6d}  {information[channel]:5.2f}  "
            f"{fragment if fragment >= 0 else '-':>8} |"
        )
        nearest = np.argmin(to_others[channel])
        if np.isfinite(to_others[channel, nearest]):
            model, latent = found.kept[nearest]
            row += f" {model:5d}  {latent:6d}  {similarity(found, channel, nearest)}"
        print(row)
    pairs = np.triu_indices(len(information), 1)
    for name, values in (
        ("NMI", found.comparison.nmi),
        ("adjusted NMI", found.adjusted_nmi),
        ("VI (bits)", np.asarray(found.comparison.vi) / BIT),
    ):
        low, median, high = np.quantile(np.asarray(values)[pairs], [0, 0.5, 1])
        print(
            f"  all {len(pairs[0])} pairs, {name}: median {median:.2f}, from "
            f"{low:.2f} to {high:.2f}"
        )


def similarity(found: Findings, one: int, other: int) -> str:
    """How alike two channels are."""
    return (
        f"{found.comparison.nmi[one, other]:4.2f}  "
        f"{found.adjusted_nmi[one, other]:8.2f}  "
        f"{found.comparison.vi[one, other] / BIT:9.2f}"
    )


def report_fragments(found: Findings, num_models: int) -> None:
    """Print the fragments, and what their representatives tell about the labels."""
    clusters = found.clusters
    say(
        f"\nFragments, found by OPTICS on VI: what at least about {found.min_samples} "
        f"channels share (--min-samples; by default half of {num_models} models, at "
        "least 2). Members that share no more than chance make no fragment."
    )
    if not len(clusters.representatives):
        print("  none")
    else:
        print(
            "  fragment  copies  models   bits | representative | mean over copies of\n"
            "                                 | model  latent  |  NMI  adjusted  "
            "VI (bits)"
        )
    for fragment, chosen in enumerate(clusters.representatives):
        members = np.flatnonzero(clusters.labels == fragment)
        others = np.setdiff1d(members, chosen)
        nmi, adjusted, vi = (
            np.mean(np.asarray(values)[chosen, others])
            for values in (found.comparison.nmi, found.adjusted_nmi, found.distances)
        )
        bits = np.mean(np.asarray(found.comparison.information)[members]) / BIT
        model, latent = found.kept[chosen]
        num_in = len(np.unique(found.kept[members, 0]))
        print(
            f"  {fragment:8d}  {len(members):6d}  {num_in:6d}  {bits:5.2f} | "
            f"{model:5d}  {latent:6d}  | {nmi:4.2f}  {adjusted:8.2f}  {vi / BIT:9.2f}"
            f"{'  by chance' if adjusted < CHANCE else ''}"
        )
    print(f"  channels in no fragment: {np.sum(clusters.labels < 0)}")
    for label, entropy in enumerate(np.asarray(found.labels.information_v) / BIT):
        nmi = np.asarray(found.labels.nmi)[:, label]
        shared = np.asarray(found.labels.mutual_information)[:, label] / BIT
        best = np.argmax(nmi)
        print(
            f"\nLabel {label} (entropy {entropy:.2f} bits)\n"
            f"  best channel: model {found.kept[best, 0]}, latent "
            f"{found.kept[best, 1]}, shares {shared[best]:.2f} bits, NMI "
            f"{nmi[best]:.2f}"
        )
        for fragment, chosen in enumerate(clusters.representatives):
            print(
                f"  fragment {fragment}: its representative shares "
                f"{shared[chosen]:.2f} bits, NMI {nmi[chosen]:.2f}"
            )


def report_spaces(found: Findings) -> None:
    """Print what full spaces tell and share."""
    ceiling = math.log2(len(found.points))
    information = np.asarray(found.spaces.information) / BIT
    print(
        f"\nFull spaces: {information.min():.2f} to {information.max():.2f} bits, mean "
        f"{information.mean():.2f} (ceiling {ceiling:.2f})"
    )
    for model, value in enumerate(information[:NUM_LISTED]):
        print(f"  model {model}: {value:.2f} bits")
    if len(information) > NUM_LISTED:
        print(f"  and {len(information) - NUM_LISTED} more")
    pairs = np.triu_indices(len(information), 1)
    if pairs[0].size:
        nmi, adjusted, vi = (
            np.mean(np.asarray(values)[pairs])
            for values in (found.spaces.nmi, found.spaces_adjusted_nmi, found.spaces.vi)
        )
        print(
            f"  mean over {pairs[0].size} pairs: NMI {nmi:.2f}, adjusted "
            f"{adjusted:.2f}, VI {vi / BIT:.2f} bits"
        )
    if information.max() > ceiling / 2:
        say(
            "  Beyond half of the ceiling, so the joint information of two spaces "
            "comes near it: take more points, or trust the adjusted NMI only."
        )


def numbers(found: Findings) -> dict[str, np.ndarray]:
    """All results under the names that they are saved by, in nats."""
    return {
        "unit": np.array("nats"),
        "points": found.points,
        "information": found.information,
        "channel_model_and_latent": found.kept,
        **{f"channel_{k}": v for k, v in found.comparison._asdict().items()},
        "channel_adjusted_nmi": found.adjusted_nmi,
        **{f"clusters_{k}": v for k, v in found.clusters._asdict().items()},
        "clusters_min_samples": np.array(found.min_samples),
        **{f"label_{k}": v for k, v in found.labels._asdict().items()},
        **{f"space_{k}": v for k, v in found.spaces._asdict().items()},
        "space_adjusted_nmi": found.spaces_adjusted_nmi,
    }


def write(path: pathlib.Path, write_fn: Callable[[pathlib.Path], None]) -> None:
    """Write a file under a temporary name, then rename it, so that it is never half."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        temporary = pathlib.Path(folder, path.name)
        write_fn(temporary)
        os.replace(temporary, path)


def save(folder: pathlib.Path, found: Findings) -> None:
    """Write the numbers and the figures."""
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    write(folder / NUMBERS, lambda path: np.savez_compressed(path, **numbers(found)))
    num_labels = found.labels.nmi.shape[1]
    figures = (
        plotting.similarity_matrix(
            found.comparison,
            found.clusters,
            label_nmi=found.labels.nmi[:, 0] if num_labels else None,
        ),
        plotting.channel_information(
            found.information, ["model"] * len(found.information)
        ),
    )
    for name, ax in zip(FIGURES, figures, strict=True):
        write(folder / name, lambda path, ax=ax: ax.figure.savefig(path, dpi=100))
        pyplot.close(ax.figure)
    print(f"\nWrote {', '.join((NUMBERS, *FIGURES))} to {folder} (numbers in nats).")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what is wrong with it ends the program with status 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=pathlib.Path, help="posteriors, npz")
    parser.add_argument("--demo", action="store_true", help="make a file and read it")
    parser.add_argument("--quick", action="store_true", help="300 points by default")
    parser.add_argument("--points", type=int, help="most points to compare on (1000)")
    parser.add_argument(
        "--min-samples",
        type=int,
        help="channels that make a fragment (half as many as models, at least 2)",
    )
    parser.add_argument(
        "--max-bytes",
        type=int,
        default=2 * 2**30,
        help="most bytes of arrays to read (2 GiB)",
    )
    parser.add_argument("--output", type=pathlib.Path, help="folder for results")
    parser.add_argument("--overwrite", action="store_true", help="replace results")
    arguments = parser.parse_args(argv)
    if arguments.demo == (arguments.file is not None):
        parser.error("expected FILE or --demo, and not both")
    if arguments.points is None:
        arguments.points = 300 if arguments.quick else 1000
    for name, least in (("points", 3), ("min_samples", 2), ("max_bytes", 1)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            option = name.replace("_", "-")
            parser.error(f"expected --{option} to be at least {least}, got {value}")
    if arguments.output and arguments.output.exists() and not arguments.output.is_dir():
        parser.error(f"expected --output to be a folder, got {arguments.output}")
    if arguments.output and not arguments.overwrite:
        for name in (NUMBERS, *FIGURES):
            if (arguments.output / name).exists():
                parser.error(
                    f"{arguments.output / name} exists; --overwrite replaces it"
                )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the posteriors of a file, and print and save what comes out."""
    arguments = parse(argv)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = arguments.file
            if arguments.demo:
                path = pathlib.Path(folder, "demo.npz")
                write_demo(path)
            posteriors = load(path, arguments.max_bytes)
        found = compare(
            posteriors,
            num_points=arguments.points,
            min_samples=arguments.min_samples,
        )
    except BadFileError as error:
        print(f"{pathlib.Path(__file__).name}: error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    report(path.name, posteriors, found)
    if arguments.output:
        save(arguments.output, found)


if __name__ == "__main__":
    main()
