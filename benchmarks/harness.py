"""Time compiled functions against their baselines, and measure the memory they add.

A benchmark is a function of ``quick`` that returns rows, made by ``ratio``, ``timings``
and ``memory``; ``main`` runs benchmarks and writes the rows as Markdown or JSON, ratios
first. Every row names device, dtype, shapes and versions.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jaxlib
import numpy as np

Row = dict[str, Any]

# Seconds between two sides.
_PAUSE = 0.3


class Side(NamedTuple):
    """One way to get a result.

    Attributes:
        name: What is run.
        run: Gets the result, and returns once it is there.
        dtype: Precision it computes in.
        compile_seconds: Time to trace and compile; none for what is not compiled.
        share: Part of the task that one run does; times are extrapolated from it.
    """

    name: str
    run: Callable[[], Any]
    dtype: str
    compile_seconds: float | None = None
    share: float = 1.0


class Measured(NamedTuple):
    """A side and how it ran.

    Attributes:
        side: The side.
        seconds: Time of each run, extrapolated to the whole task.
        result: What the last run returned.
    """

    side: Side
    seconds: list[float]
    result: Any


def compiled(
    name: str, fn: Callable[..., Any], *args: Any, dtype: str, share: float = 1.0
) -> Side:
    """A function of arrays, compiled for the given ones."""
    start = time.perf_counter()
    executable = jax.jit(fn).lower(*args).compile()
    compile_seconds = time.perf_counter() - start
    return Side(
        name=name,
        run=lambda: jax.block_until_ready(executable(*args)),
        dtype=dtype,
        compile_seconds=compile_seconds,
        share=share,
    )


def measure(sides: Sequence[Side], *, repeats: int) -> dict[str, Measured]:
    """Run all sides in turns, after a warm-up, so that all meet the same machine."""
    results = {side.name: side.run() for side in sides}
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            # Threads of the side before wait for more work, on the cores of this one.
            time.sleep(_PAUSE)
            start = time.perf_counter()
            results[side.name] = side.run()
            elapsed = time.perf_counter() - start
            seconds[side.name].append(elapsed / side.share)
    return {
        side.name: Measured(side, seconds[side.name], results[side.name])
        for side in sides
    }


def ratio(
    task: str,
    slower: Measured,
    faster: Measured,
    *,
    shapes: str,
    difference: float,
    tolerance: float,
    at_least: float | None = None,
    at_most: float | None = None,
    factor: float = 1.0,
) -> Row:
    """How many times longer one side takes than another that has the same answer.

    Args:
        task: What both do.
        slower: The side whose time is divided.
        faster: The side whose time it is divided by.
        shapes: Sizes of the task.
        difference: How far the answers are apart.
        tolerance: How far they may be apart.
        at_least: Goal for the ratio of the shortest times.
        at_most: Likewise.
        factor: Runs of the slower side that are as precise as one of the faster.
    """
    of_minimum = factor * min(slower.seconds) / min(faster.seconds)
    medians = [statistics.median(side.seconds) for side in (slower, faster)]
    goals = [
        f"{word} {limit:g}"
        for word, limit in (("at least", at_least), ("at most", at_most))
        if limit is not None
    ]
    is_met = (at_least is None or of_minimum >= at_least) and (
        at_most is None or of_minimum <= at_most
    )
    return {
        "kind": "ratio",
        "task": task,
        "ratio": f"{slower.side.name} / {faster.side.name}",
        "of_minimum": of_minimum,
        "of_median": factor * medians[0] / medians[1],
        "goal": ", ".join(goals),
        "is_met": is_met if goals else None,
        "difference": float(difference),
        "tolerance": tolerance,
        "agrees": bool(difference <= tolerance),
        "dtype": f"{slower.side.dtype} / {faster.side.dtype}",
        "shapes": shapes,
        **environment(),
    }


def timings(task: str, measured: Mapping[str, Measured], *, shapes: str) -> list[Row]:
    """Times of each side."""
    return [
        {
            "kind": "timing",
            "task": task,
            "side": name,
            "compile_seconds": one.side.compile_seconds,
            "median_seconds": statistics.median(one.seconds),
            "minimum_seconds": min(one.seconds),
            "repeats": len(one.seconds),
            "share": one.side.share,
            "dtype": one.side.dtype,
            "shapes": shapes,
            **environment(),
        }
        for name, one in measured.items()
    ]


def memory(
    task: str, added_bytes: int, *, limit_bytes: int, shapes: str, dtype: str
) -> Row:
    """Memory that a run added to its process."""
    return {
        "kind": "memory",
        "task": task,
        "added_bytes": added_bytes,
        "limit_bytes": limit_bytes,
        "is_met": added_bytes <= limit_bytes,
        "dtype": dtype,
        "shapes": shapes,
        **environment(),
    }


def added_bytes(run: Callable[[], Any]) -> int:
    """Memory that a run adds at its peak, for a process that does nothing else.

    From what is resident before the run to the peak of the process after it; an upper
    bound, as compilation may have peaked higher. Linux only.
    """
    before = _status("VmRSS")
    run()
    return peak_bytes() - before


def peak_bytes() -> int:
    """Most memory that this process has held so far. Linux only."""
    return _status("VmHWM")


def in_fresh_process(script: pathlib.Path, *arguments: str) -> Any:
    """What a script prints as JSON, run in a process of its own.

    The process finds the packages that this one does.
    """
    path = os.pathsep.join(filter(None, sys.path))
    finished = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    return json.loads(finished.stdout)


def largest_difference(one: Any, other: Any) -> float:
    """Largest absolute difference of two results of arrays; NaN if one has NaN."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    # NumPy's maximum, as Python's loses NaN.
    return float(
        np.max(
            [
                np.max(np.abs(np.asarray(a, float) - np.asarray(b, float)))
                for a, b in pairs
            ]
        )
    )


def environment() -> Row:
    """Device and versions."""
    device = jax.devices()[0]
    return {
        "device": f"{device.device_kind}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            "jax": jax.__version__,
            "jaxlib": jaxlib.__version__,
            "numpy": np.__version__,
        },
    }


def markdown(rows: Sequence[Row]) -> str:
    """Tables of ratios, memory and times, in this order."""
    parts = []
    for kind, title, columns in _TABLES:
        chosen = [row for row in rows if row["kind"] == kind]
        if chosen:
            head = [" | ".join(columns), " | ".join("---" for _ in columns)]
            body = [
                " | ".join(show(row) for show in columns.values()) for row in chosen
            ]
            lines = [f"| {line} |" for line in head + body]
            parts.append("\n".join([f"## {title}", "", *lines]))
    return "\n\n".join(parts) + "\n"


def main(
    description: str,
    benchmarks: Mapping[str, Callable[[bool], list[Row]]],
    argv: Sequence[str] | None = None,
) -> None:
    """Run benchmarks from the command line; fail if sides disagree."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small shapes")
    parser.add_argument("--only", choices=benchmarks, help="one benchmark")
    parser.add_argument("--json", type=pathlib.Path, help="file for all rows")
    parser.add_argument("--markdown", type=pathlib.Path, help="file for the tables")
    arguments = parser.parse_args(argv)
    rows = []
    for name in [arguments.only] if arguments.only else benchmarks:
        print(f"{name} ...", file=sys.stderr)
        rows += benchmarks[name](arguments.quick)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(markdown(rows))
    if not arguments.json and not arguments.markdown:
        print(markdown(rows))
    if not all(row.get("agrees", True) for row in rows):
        sys.exit("Sides disagree: see the ratios.")


def _status(field: str) -> int:
    """A size of this process in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        name, value = line.split(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise KeyError(field)


def _yes(row: Row, field: str) -> str:
    return {True: "yes", False: "NO", None: ""}[row[field]]


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.4g}"


def _versions(row: Row) -> str:
    return ", ".join(f"{name} {value}" for name, value in row["versions"].items())


_PLACE: dict[str, Callable[[Row], str]] = {
    "dtype": lambda row: row["dtype"],
    "shapes": lambda row: row["shapes"],
    "device": lambda row: row["device"],
    "versions": _versions,
}
_TABLES: list[tuple[str, str, dict[str, Callable[[Row], str]]]] = [
    (
        "ratio",
        "Ratios of times",
        {
            "task": lambda row: row["task"],
            "ratio": lambda row: row["ratio"],
            "of minima": lambda row: f"{row['of_minimum']:.3g}",
            "of medians": lambda row: f"{row['of_median']:.3g}",
            "goal": lambda row: row["goal"],
            "met": lambda row: _yes(row, "is_met"),
            "same answer": lambda row: (
                f"{_yes(row, 'agrees')}, {row['difference']:.1e} "
                f"of {row['tolerance']:.1e}"
            ),
            **_PLACE,
        },
    ),
    (
        "memory",
        "Memory added",
        {
            "task": lambda row: row["task"],
            "MiB": lambda row: f"{row['added_bytes'] / 2**20:.0f}",
            "limit": lambda row: f"{row['limit_bytes'] / 2**20:.0f}",
            "met": lambda row: _yes(row, "is_met"),
            **_PLACE,
        },
    ),
    (
        "timing",
        "Times",
        {
            "task": lambda row: row["task"],
            "side": lambda row: row["side"],
            "compile, ms": lambda row: (
                ""
                if row["compile_seconds"] is None
                else _milliseconds(row["compile_seconds"])
            ),
            "median, ms": lambda row: _milliseconds(row["median_seconds"]),
            "minimum, ms": lambda row: _milliseconds(row["minimum_seconds"]),
            "runs": lambda row: str(row["repeats"]),
            "timed part": lambda row: (
                f"{row['share']:.2%}" if row["share"] < 1 else f"{row['share']:g}"
            ),
            **_PLACE,
        },
    ),
]
