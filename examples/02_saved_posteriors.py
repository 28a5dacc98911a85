"""Compare posteriors saved by any framework, without running its models.

Reads means and spreads of Gaussian posteriors from an npz file: floating-point numbers
for the same ``n`` points in the same order for every model. If the points have labels,
reads those, too: integers of shape ``(n,)`` or ``(n, l)``. Arrays are found by their
names, in upper or lower case:

- means by ``means``, ``mean``, ``mu``, ``mus``, ``loc`` or ``z_mean``;
- log-variances by ``log_variances``, ``log_variance``, ``logvar``, ``log_var``,
  ``logvars``, ``log_vars``, ``z_log_var`` or ``z_logvar``; or, in their place,
  variances by ``variances``, ``variance`` or ``var``, standard deviations by ``stds``,
  ``std``, ``sigma``, ``scale`` or ``standard_deviations``, or logarithms of standard
  deviations by ``log_std``, ``logstd``, ``log_scale`` or ``log_sigma``; variances and
  standard deviations have to be positive;
- labels by ``labels``, ``label``, ``y``, ``targets`` or ``target``.

One array holds the means of all models, with shape ``(models, n, d)``, or those of a
single model, with shape ``(n, d)``; a second array holds the spreads. Without these
two, every model has two arrays of its own, of shape ``(n, d)``, with the name of the
model and a separator before or after: ``model0_mu`` and ``model0_logvar``,
``model_1/mean`` and ``model_1/std``, or ``mu_0`` and ``logvar_0``. Models are ordered
by their names, ``model2`` before ``model10``.

Other names are given by ``--means``, ``--spreads`` and ``--labels``. If every model has
arrays of its own, the first two give the part beside the name of the model.
``--spread-kind`` says what the spreads are, if their name does not; ``--no-labels``
reads no labels. Other arrays in the file are ignored.

The report, in bits, says

- which arrays were read, and as what;
- how much information each channel (one latent of one model) carries about the points,
  and how many channels are dropped because they carry less than 0.01 bits;
- which channels share information: NMI, NMI adjusted for chance, and variation of
  information (VI) of all pairs;
- the fragments of information that models have in common, found by OPTICS, with a
  representative of each, and their information about the labels;
- how much information the full spaces of the models share.

The file is not trusted: nothing in it is unpickled, and sizes and types are checked in
the headers of its arrays before any data are read. ``--demo`` makes a file of six
models, each of which learned three factors, with noise and in an order of its own, and
has one more latent that learned nothing; one latent in the file is NaN. The report has
to find three fragments of six or five copies, one of which identifies the label (NMI
above 0.9).

The comparison is that of Murphy et al., `Comparing the information content of
probabilistic representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025.

Run ``python examples/02_saved_posteriors.py FILE.npz [--output DIR]``, or ``--demo``.
"""

import argparse
import io
import itertools
import lzma
import math
import os
import pathlib
import re
import sys
import tempfile
import textwrap
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
# Numpy takes no longer ones either, but reads them whole before it says so.
MAX_HEADER_BYTES = 2**14
# What numpy and zipfile raise for arrays that are broken, or made to break them.
BROKEN = (
    ValueError,
    TypeError,
    SyntaxError,
    RecursionError,
    MemoryError,
    EOFError,
    tokenize.TokenError,
    zlib.error,
    lzma.LZMAError,
)
# Kinds of spreads, in words.
KINDS = {
    "log_variance": "log-variances",
    "variance": "variances",
    "std": "standard deviations",
    "log_std": "logarithms of standard deviations",
}
# Names that arrays are saved under.
MEANS = ("means", "mean", "mu", "mus", "loc", "z_mean")
SPREADS = {
    name: kind
    for kind, names in (
        ("log_variance", ("log_variances", "log_variance", "logvar", "log_var")),
        ("log_variance", ("logvars", "log_vars", "z_log_var", "z_logvar")),
        ("variance", ("variances", "variance", "var")),
        ("std", ("stds", "std", "sigma", "scale", "standard_deviations")),
        ("log_std", ("log_std", "logstd", "log_scale", "log_sigma")),
    )
    for name in names
}
LABELS = ("labels", "label", "y", "targets", "target")
# Between the name of a model and what its array holds.
SEPARATORS = tuple("_/.-: ")


class BadFileError(Exception):
    """A file that holds no posteriors to compare; its text says why in one line."""


class Names(NamedTuple):
    """Names that arrays are looked for under, in capitals or not.

    Attributes:
        means: Names of means.
        spreads: Names of spreads, and of which of the ``KINDS`` each is.
        labels: Names of labels. A single one has to be there.
    """

    means: tuple[str, ...] = MEANS
    spreads: dict[str, str] = SPREADS
    labels: tuple[str, ...] = LABELS


KNOWN = Names()


class Pair(NamedTuple):
    """Arrays that hold the posteriors of one model, or of all.

    Attributes:
        means: Name of the array of means.
        spreads: Name of the array of spreads.
        kind: Which of the ``KINDS`` the spreads are.
    """

    means: str
    spreads: str
    kind: str


class Sources(NamedTuple):
    """The arrays of a file that are read.

    Attributes:
        pairs: One pair for all models, or one for every model, in their order.
        labels: Name of the array of labels, if there is one.
    """

    pairs: tuple[Pair, ...] = ()
    labels: str | None = None


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
        sources: The arrays that they were read from.
    """

    means: np.ndarray
    log_variances: np.ndarray
    labels: np.ndarray
    sources: Sources = Sources()


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


def load(path: pathlib.Path, max_bytes: int, names: Names = KNOWN) -> Posteriors:
    """Read posteriors from an npz file of unknown origin.

    Args:
        path: The file.
        max_bytes: Most bytes that its arrays may take, unpacked.
        names: Names to look for.

    Returns:
        The posteriors in single precision.

    Raises:
        BadFileError: If the file cannot be read or does not hold posteriors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stored = {
                member.removesuffix(".npy")
                for member in archive.namelist()
                if member.endswith(".npy")
            }
            sources = find_sources(sorted(stored), names)
            arrays = [array for pair in sources.pairs for array in pair[:2]]
            if sources.labels is not None:
                arrays.append(sources.labels)
            headers = {array: read_header(archive, array) for array in arrays}
            check_headers(sources, headers, max_bytes)
            return read_posteriors(archive, sources, headers)
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError) as error:
        raise BadFileError(f"Expected an npz file, got {path}: {error}") from None
    except OSError as error:
        raise BadFileError(f"Cannot read {path}: {error.strerror or error}") from None


def quote(array: str) -> str:
    """Name of an array as it is printed; a hostile one may hold anything."""
    return f"`{repr(array)[1:-1]}`"


def listing(stored: Sequence[str]) -> str:
    """The arrays of a file, as an error lists them."""
    text = ", ".join(map(repr, stored[:NUM_LISTED]))
    if len(stored) > NUM_LISTED:
        text += f" and {len(stored) - NUM_LISTED} more"
    return f"the file has {text or 'no arrays'}"


def find_sources(stored: Sequence[str], names: Names) -> Sources:
    """Find the arrays to read.

    Args:
        stored: All arrays of the file.
        names: Names to look for.

    Returns:
        The arrays that have these names.

    Raises:
        BadFileError: If arrays are missing, or if it is not clear which to read.
    """
    labels = find_labels(stored, names)
    free = [array for array in stored if array != labels]
    models = {"": (named(free, names.means), named(free, tuple(names.spreads)))}
    if not all(models[""]):
        apart = find_models(free, names)
        if any(map(all, apart.values())) or not any(models[""]):
            models = apart
    if not models:
        raise BadFileError(
            "Expected means and spreads under known names or those of --means and "
            f"--spreads; {listing(stored)}."
        )
    pairs = []
    for model in sorted(models, key=natural_order):
        check_model(model, *models[model], stored)
        ((means,), (spreads,)) = models[model]
        pairs.append(Pair(means, spreads, kind_of(spreads, names.spreads)))
    return Sources(tuple(pairs), labels)


def find_labels(stored: Sequence[str], names: Names) -> str | None:
    """Find the array of labels, which need not be there unless it has been named."""
    labels = named(stored, names.labels)
    if len(names.labels) == 1 and not labels:
        raise BadFileError(
            f"Expected an array {quote(names.labels[0])} of labels (--labels); "
            f"{listing(stored)}."
        )
    if len(names.labels) > 1:
        # Options may give their names to means or spreads.
        others = {name.lower() for name in (*names.means, *names.spreads)}
        labels = [array for array in labels if array.lower() not in others]
    if len(labels) > 1:
        raise BadFileError(
            f"Expected one array of labels, got {' and '.join(map(quote, labels))} "
            f"(--labels says which, --no-labels reads none); {listing(stored)}."
        )
    return labels[0] if labels else None


def named(stored: Iterable[str], names: Sequence[str]) -> list[str]:
    """Arrays that have one of these names, in capitals or not."""
    if len(names) == 1 and names[0] in stored:
        return list(names)
    lower = {name.lower() for name in names}
    return [array for array in stored if array.lower() in lower]


def find_models(
    stored: Sequence[str], names: Names
) -> dict[str, tuple[list[str], list[str]]]:
    """Arrays of means and of spreads of every model that has arrays of its own."""
    models = {}
    fields = (*names.means, *names.spreads)
    for array in stored:
        field, model = split(array, fields)
        if model:
            pair = models.setdefault(model, ([], []))
            pair[field not in names.means].append(array)
    return models


def split(array: str, fields: Iterable[str]) -> tuple[str, str]:
    """Split the name of an array into one of the fields and a model, empty if none.

    The longest field that the name ends with counts, or else begins with. A separator
    parts it from the model; none is needed where the model is a number, as in ``mu0``.
    """
    fields = sorted(fields, key=len, reverse=True)
    for field in fields:
        model, end = array[: -len(field)], array[-len(field) :]
        if end.lower() == field.lower() and model.endswith(SEPARATORS):
            return field, model[:-1]
    for field in fields:
        begin, model = array[: len(field)], array[len(field) :]
        if begin.lower() == field.lower():
            if model.isdecimal():
                return field, model
            if model.startswith(SEPARATORS):
                return field, model[1:]
    return "", ""


def kind_of(array: str, spreads: dict[str, str]) -> str | None:
    """The kind of spreads that the name of their array says."""
    for field, kind in spreads.items():
        if array.lower() == field.lower():
            return kind
    return spreads.get(split(array, spreads)[0])


def natural_order(name: str) -> tuple[list, str]:
    """Key that sorts numbers in names by their values."""
    parts = re.split("([0-9]+)", name)
    # By the number of digits first: Python refuses to read very long numbers.
    for i in range(1, len(parts), 2):
        digits = parts[i].lstrip("0")
        parts[i] = (len(digits), digits)
    return parts, name


def check_model(
    model: str, means: list[str], spreads: list[str], stored: Sequence[str]
) -> None:
    """Refuse a model that has not one array of means and one of spreads."""
    of_model = f" of model {quote(model)}" if model else ""
    for field, arrays, others in (
        ("means", means, spreads),
        ("spreads", spreads, means),
    ):
        if not arrays:
            raise BadFileError(
                f"Expected {field}{of_model} beside {quote(others[0])}, under a known "
                f"name or that of --{field}; {listing(stored)}."
            )
        if len(arrays) > 1:
            raise BadFileError(
                f"Expected one array of {field}{of_model}, got "
                f"{' and '.join(map(quote, arrays))} (--{field} says which); "
                f"{listing(stored)}."
            )


def read_header(archive: zipfile.ZipFile, array: str) -> Header:
    """Read the header of one array, but nothing of its data."""
    try:
        with archive.open(f"{array}.npy") as member:
            begin = io.BytesIO(member.read(MAX_HEADER_BYTES))
        version = np.lib.format.read_magic(begin)
        if version not in HEADER_READERS:
            raise BadFileError(
                f"Expected {quote(array)} in npy format 1.0 or 2.0, got version "
                f"{'.'.join(map(str, version))}."
            )
        shape, _, dtype = HEADER_READERS[version](begin)
        # Hexadecimal numbers may have more digits than Python prints.
        if max(shape, default=0) >= 2**63:
            raise ValueError
    except BROKEN:
        raise BadFileError(
            f"Expected {quote(array)} to be an array in npy format, got no valid "
            "header."
        ) from None
    except (NotImplementedError, RuntimeError) as error:
        raise BadFileError(
            f"Expected {quote(array)} to be readable, got: {error}"
        ) from None
    return Header(shape, dtype)


def read_array(archive: zipfile.ZipFile, array: str, header: Header) -> np.ndarray:
    """Read one array, whose header has been checked."""
    size = math.prod(header.shape) * header.dtype.itemsize
    # Before numpy reserves the memory that the header asks for.
    if archive.getinfo(f"{array}.npy").file_size < size:
        raise BadFileError(
            f"Expected {size} bytes of data in {quote(array)}, got fewer."
        )
    try:
        with archive.open(f"{array}.npy") as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except MemoryError:
        raise BadFileError(
            f"Expected {quote(array)} to fit in memory, got {size} bytes."
        ) from None
    except BROKEN:
        raise BadFileError(
            f"Expected intact data in {quote(array)}, got other."
        ) from None


def read_posteriors(
    archive: zipfile.ZipFile, sources: Sources, headers: dict[str, Header]
) -> Posteriors:
    """Read all arrays, whose headers have been checked."""
    means, log_variances = [], []
    # Numbers beyond single precision become infinite, and their channels are dropped.
    with np.errstate(over="ignore", invalid="ignore"):
        for pair in sources.pairs:
            read = read_array(archive, pair.means, headers[pair.means])
            means.append(of_models(read))
            read = read_array(archive, pair.spreads, headers[pair.spreads])
            log_variances.append(of_models(to_log_variances(pair, read)))
    means, log_variances = np.concatenate(means), np.concatenate(log_variances)
    labels = np.zeros((means.shape[1], 0), int)
    if sources.labels is not None:
        labels = read_array(archive, sources.labels, headers[sources.labels])
    labels = labels.reshape(len(labels), -1)
    # Which integers they are does not matter, but jax has no 64 bits for them.
    columns = [np.unique(column, return_inverse=True)[1] for column in labels.T]
    labels = np.array(columns, int).reshape(labels.T.shape).T
    return Posteriors(means, log_variances, labels, sources)


def of_models(array: np.ndarray) -> np.ndarray:
    """Posteriors of one or all models as an array of models, in single precision."""
    return array.astype(np.float32, copy=False).reshape(-1, *array.shape[-2:])


def to_log_variances(pair: Pair, spreads: np.ndarray) -> np.ndarray:
    """Convert spreads of any kind; NaN stays, and its channel is dropped."""
    # Logarithms in the precision of the file, but of no less than single.
    spreads = spreads.astype(np.promote_types(spreads.dtype, np.float32), copy=False)
    if pair.kind in ("variance", "std"):
        if np.any(spreads <= 0):
            raise BadFileError(
                f"Expected {quote(pair.spreads)} to hold positive {KINDS[pair.kind]}, "
                f"got {np.nanmin(spreads):g} (--spread-kind says what they are)."
            )
        spreads = np.log(spreads)
    return 2 * spreads if pair.kind in ("std", "log_std") else spreads


def check_headers(sources: Sources, headers: dict[str, Header], max_bytes: int) -> None:
    """Refuse arrays that are no posteriors or labels, or too large."""
    for pair in sources.pairs:
        check_pair(pair, headers, is_only=len(sources.pairs) == 1)
    shapes = {pair.means: headers[pair.means].shape for pair in sources.pairs}
    usual = Counter(shapes.values()).most_common(1)[0][0]
    example = next(array for array, shape in shapes.items() if shape == usual)
    for array, shape in shapes.items():
        if shape != usual:
            raise BadFileError(
                f"Expected {quote(array)} to have shape {usual}, as {quote(example)} "
                f"has, since all models need the same n and d, got {shape}."
            )
    num_points = usual[-2]
    if num_points < 3:
        raise BadFileError(
            f"Expected {quote(example)} to have at least 3 points, got {num_points}, "
            f"of shape {usual}."
        )
    if sources.labels is not None:
        check_labels(sources.labels, headers[sources.labels], num_points)
    size = sum(math.prod(shape) * dtype.itemsize for shape, dtype in headers.values())
    if size > max_bytes:
        raise BadFileError(
            f"Expected the {len(headers)} arrays to read to take at most {max_bytes} "
            f"bytes (--max-bytes), got {size}."
        )


def check_pair(pair: Pair, headers: dict[str, Header], *, is_only: bool) -> None:
    """Refuse arrays that are no posteriors; the only pair may be of all models."""
    for array in (pair.means, pair.spreads):
        shape, dtype = headers[array]
        if not np.issubdtype(dtype, np.floating):
            raise BadFileError(
                f"Expected {quote(array)} to hold floating-point numbers, got {dtype}."
            )
        if len(shape) != 2 and not (is_only and len(shape) == 3):
            expected = "(models, n, d) or (n, d)" if is_only else "(n, d)"
            raise BadFileError(
                f"Expected {quote(array)} to have shape {expected}, got {shape}."
            )
        if min(shape) < 1:
            raise BadFileError(f"Expected {quote(array)} not to be empty, got {shape}.")
    means, spreads = headers[pair.means].shape, headers[pair.spreads].shape
    if means != spreads:
        raise BadFileError(
            f"Expected {quote(pair.spreads)} to have shape {means}, as "
            f"{quote(pair.means)} has, got {spreads}."
        )


def check_labels(array: str, header: Header, num_points: int) -> None:
    """Refuse an array that holds no labels of the points."""
    advice = "(--labels names another array, --no-labels reads none)"
    shape, dtype = header
    if not np.issubdtype(dtype, np.integer):
        raise BadFileError(
            f"Expected {quote(array)} to hold integers, got {dtype} {advice}."
        )
    if len(shape) not in (1, 2):
        raise BadFileError(
            f"Expected {quote(array)} to have shape (n,) or (n, l), got {shape} "
            f"{advice}."
        )
    if min(shape) < 1:
        raise BadFileError(
            f"Expected {quote(array)} not to be empty, got {shape} {advice}."
        )
    if shape[0] != num_points:
        raise BadFileError(
            f"Expected {quote(array)} of {num_points} points, as the posteriors, got "
            f"shape {shape} {advice}."
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
        f"{name}: {num_models} model{'s' * (num_models > 1)} of {num_latents} latents, "
        f"counted from 0; {num_points} of {num_data} points"
    )
    report_sources(posteriors.sources)
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
    report_fragments(found)
    report_spaces(found)


def report_sources(sources: Sources) -> None:
    """Print which arrays were read, and as what."""
    print("Arrays read")
    for model, pair in enumerate(sources.pairs[:NUM_LISTED]):
        print(
            f"  {f'model {model}' if len(sources.pairs) > 1 else 'posteriors'}: "
            f"{quote(pair.means)} as means, {quote(pair.spreads)} as {KINDS[pair.kind]}"
        )
    if len(sources.pairs) > NUM_LISTED:
        print(f"  and those of {len(sources.pairs) - NUM_LISTED} more models")
    if sources.labels is not None:
        print(f"  labels: {quote(sources.labels)}")


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


def report_fragments(found: Findings) -> None:
    """Print the fragments, and what their representatives tell about the labels."""
    clusters = found.clusters
    say(
        f"\nFragments, found by OPTICS on VI: what at least about {found.min_samples} "
        "channels share (--min-samples; by default half as many as models, at least "
        "2). Members that share no more than chance make no fragment."
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
    for field in ("means", "spreads"):
        parser.add_argument(
            f"--{field}",
            metavar="NAME",
            help=f"array of {field}, or what it is called beside the name of a model",
        )
    parser.add_argument(
        "--spread-kind", choices=KINDS, help="what spreads are (as their name says)"
    )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument("--labels", metavar="NAME", help="array of labels")
    labels.add_argument("--no-labels", action="store_true", help="read no labels")
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
    arguments.names = wanted_names(arguments, parser)
    if arguments.output and arguments.output.exists() and not arguments.output.is_dir():
        parser.error(f"expected --output to be a folder, got {arguments.output}")
    if arguments.output and not arguments.overwrite:
        for name in (NUMBERS, *FIGURES):
            if (arguments.output / name).exists():
                parser.error(
                    f"{arguments.output / name} exists; --overwrite replaces it"
                )
    return arguments


def wanted_names(
    arguments: argparse.Namespace, parser: argparse.ArgumentParser
) -> Names:
    """The names that the command line asks for."""
    spreads, kind = SPREADS, arguments.spread_kind
    if arguments.spreads:
        kind = kind or kind_of(arguments.spreads, SPREADS)
        if kind is None:
            parser.error(
                f"expected --spread-kind with --spreads {arguments.spreads}, a name "
                "that does not tell it"
            )
        spreads = {arguments.spreads: kind}
    elif kind:
        spreads = dict.fromkeys(SPREADS, kind)
    if arguments.means and arguments.means == arguments.spreads:
        parser.error("expected --means and --spreads to name different arrays")
    labels = (arguments.labels,) if arguments.labels else LABELS
    return Names(
        means=(arguments.means,) if arguments.means else MEANS,
        spreads=spreads,
        labels=() if arguments.no_labels else labels,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the posteriors of a file, and print and save what comes out."""
    arguments = parse(argv)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = arguments.file
            if arguments.demo:
                path = pathlib.Path(folder, "demo.npz")
                write_demo(path)
            posteriors = load(path, arguments.max_bytes, arguments.names)
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
