"""What each device computes and exchanges, as a function of the number of devices.

    python benchmarks/bench_scaling.py [--quick] [--markdown FILE]
    python benchmarks/bench_scaling.py --measure em|spectral [--devices 8]

Compiles each function of `sharding` for meshes of up to 512 devices, runs none of them,
and counts in the compiled programs what one device does: operations of matrix products,
exponentials and logarithms, simple operations, bytes sent, exchanges, and bytes of
buffers. Loops count as often as they run; those that run until something has converged
count as one step.

The last column is a projection for machines on which one device performs 50 Tflop/s of
matrix products, 1e12 exponentials and 1e13 simple operations per second, sends 50 GB/s,
and waits 10 microseconds for each exchange: the share of the time spent on computation.
A function scales up to the point where that falls below a half.

With ``--measure`` a million points go through EM, or 200,000 through the spectral
entropy, on devices of this machine, and time and resident memory are measured.
"""

import argparse
import math
import os
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import harness

_MOST_DEVICES = 512


def set_devices(number: int) -> None:
    """Before jax starts: how many devices the CPU has."""
    flag = f"--xla_force_host_platform_device_count={number}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"


class Counts(NamedTuple):
    """What a program does.

    Attributes:
        flops: Operations of matrix products.
        special: Exponentials, logarithms and the like.
        simple: Sums, comparisons and the like, entry by entry.
        sent: Bytes that a device sends.
        exchanges: How often devices wait for each other.
    """

    flops: float = 0
    special: float = 0
    simple: float = 0
    sent: float = 0
    exchanges: float = 0

    def plus(self, other: "Counts", times: float = 1) -> "Counts":
        """These and others, so many times."""
        pairs = zip(self, other, strict=True)
        return Counts(*(one + times * more for one, more in pairs))


_SHAPE = re.compile(r"(pred|[a-z]+\d+)\[([\d,]*)\]")
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = (.*?) ([\w-]+)\((.*)$")
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.-]+) \(.*\{\s*$")
_SPECIAL = {
    "exponential",
    "exponential-minus-one",
    "log",
    "log-plus-one",
    "rsqrt",
    "tanh",
    "erf",
    "cosine",
    "sine",
    "power",
}
_SIMPLE = {
    "abs",
    "add",
    "and",
    "compare",
    "divide",
    "maximum",
    "minimum",
    "multiply",
    "or",
    "popcnt",
    "select",
    "subtract",
    "xor",
}
_BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "f64": 8}


def count(program: str, num_devices: int) -> Counts:
    """Counts of a compiled program, from its text."""
    computations: dict[str, list[tuple[str, str, str, str]]] = {}
    entry, current = "", ""
    for line in program.splitlines():
        start = _COMPUTATION.match(line)
        if start:
            current = start[2]
            computations[current] = []
            entry = current if start[1] else entry
        elif current and (found := _INSTRUCTION.match(line)):
            computations[current].append((found[1], found[2], found[3], found[4]))
    known: dict[str, Counts] = {}

    def of_computation(name: str) -> Counts:
        if name not in known:
            shapes = {one: shape for one, shape, _, _ in computations[name]}
            total = Counts()
            for _, shape, opcode, rest in computations[name]:
                total = total.plus(of_instruction(shape, opcode, rest, shapes))
            known[name] = total
        return known[name]

    def of_instruction(
        shape: str, opcode: str, rest: str, shapes: dict[str, str]
    ) -> Counts:
        if opcode == "dot":
            return Counts(flops=2 * _elements(shape) * _contracted(rest, shapes))
        if opcode in _SPECIAL:
            return Counts(special=_elements(shape))
        if opcode in _SIMPLE:
            return Counts(simple=_elements(shape))
        if opcode == "while":
            trips = re.search(r'"known_trip_count":\{"n":"(\d+)"', rest)
            body = re.search(r"body=%?([\w.-]+)", rest)
            assert body is not None
            return Counts().plus(of_computation(body[1]), int(trips[1]) if trips else 1)
        if opcode == "conditional":
            named = re.search(r"branch_computations=\{(.*?)\}", rest)
            names = re.findall(r"(?:true|false)_computation=%?([\w.-]+)", rest)
            names = re.findall(r"%?([\w.-]+)", named[1]) if named else names
            return max((of_computation(one) for one in names), key=sum)
        if opcode in ("fusion", "call", "map", "custom-call"):
            named = re.search(r"(?:calls|to_apply)=%?([\w.-]+)", rest)
            return of_computation(named[1]) if named else Counts()
        opcode = opcode.removesuffix("-start")
        if opcode not in _SENT or num_devices == 1:
            return Counts()
        sent = _SENT[opcode](_bytes(shape), num_devices)
        return Counts(sent=sent, exchanges=1)

    return of_computation(entry)


# Bytes that a device sends, from those of the result, in rings.
_SENT: dict[str, Callable[[float, int], float]] = {
    "all-reduce": lambda size, number: 2 * size * (number - 1) / number,
    "all-gather": lambda size, number: size * (number - 1) / number,
    "all-to-all": lambda size, number: size * (number - 1) / number,
    "reduce-scatter": lambda size, number: size * (number - 1),
    "collective-permute": lambda size, number: size,
}


def _elements(shape: str) -> int:
    return sum(
        math.prod(int(size) for size in sizes.split(",") if size)
        for _, sizes in _SHAPE.findall(shape)
    )


def _bytes(shape: str) -> int:
    return sum(
        _BYTES.get(kind, 4) * math.prod(int(size) for size in sizes.split(",") if size)
        for kind, sizes in _SHAPE.findall(shape)
    )


def _contracted(rest: str, shapes: dict[str, str]) -> int:
    """How many products a dot adds up for each entry of its result."""
    first = re.search(r"%([\w.-]+)", rest)
    named = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", rest)
    assert first is not None
    assert named is not None
    (found,) = _SHAPE.findall(shapes[first[1]])[:1]
    sizes = [int(size) for size in found[1].split(",") if size]
    return math.prod(sizes[int(k)] for k in named[1].split(",") if k)


class Task(NamedTuple):
    """A sharded function and what it is given.

    Attributes:
        name: Its name.
        shapes: What it is given, in words.
        call: ``call(mesh, *arrays)``.
        arrays: Shapes, dtypes, and the axis whose parts devices have, if any.
    """

    name: str
    shapes: str
    call: Callable[..., Any]
    arrays: tuple[tuple[tuple[int, ...], str, int | None], ...]


def tasks(*, quick: bool) -> list[Task]:
    """Headline sizes, or small ones."""
    import jax.numpy as jnp
    import optax

    from jaxinfo import gmm, sharding

    adam = optax.adam(0.05)
    small = 8 if quick else 1

    def em(mesh: Any, x: Any) -> Any:
        k, d = 16, x.shape[1]
        start = gmm.GaussianMixture(
            jnp.full(k, -math.log(k)), x[:k], jnp.broadcast_to(jnp.eye(d), (k, d, d))
        )
        return sharding.em(mesh, start, x, max_steps=100)

    def spectral(mesh: Any, key: Any, x: Any) -> Any:
        return sharding.stochastic_spectral_entropy(
            mesh,
            key,
            x,
            bandwidth=1.0,
            diffusion_times=jnp.array([1.0]),
            subspace_size=64 if quick else 256,
            block_size=64 if quick else 512,
        )

    def fuse(mesh: Any, key: Any, overlaps: Any) -> Any:
        return sharding.fuse(
            mesh, key, overlaps, dim=4, optimizer=adam, num_steps=1000 // small
        )

    n, points, rows = 2048 // small, 2**18 // small**2, 2**20 // small**2
    channels, learners, steps = 1024 // small, 4096 // small, 2**24 // small**2
    latents = 2**15 // small
    return [
        Task(
            "gaussian_pairwise",
            f"{n} points, {channels} channels",
            sharding.gaussian_pairwise,
            (((n, channels), "float32", 0),) * 2,
        ),
        Task(
            "em, a step",
            f"{rows} rows, d = 16, k = 16",
            em,
            (((rows, 16), "float32", 0),),
        ),
        Task(
            "stochastic_spectral_entropy",
            f"{points} points, d = 8, in blocks",
            spectral,
            (((), "key", None), ((points, 8), "float32", 0)),
        ),
        Task(
            "neighbors_mutual_information",
            f"{points} samples of 1 + 1, a step of each walk",
            sharding.neighbors_mutual_information,
            (((points, 1), "float32", 0),) * 2,
        ),
        Task(
            "transfer_entropy_pairwise",
            f"{steps} steps of 32 x 32 neurons, 3 symbols",
            lambda mesh, x, y: sharding.transfer_entropy_pairwise(
                mesh, x, y, num_symbols=3, block_size=8
            ),
            (((steps, 32), "int32", 0),) * 2,
        ),
        Task(
            "unibound",
            f"{latents} points and samples of 10 latents, 5 factors",
            lambda mesh, key, *data: sharding.unibound(
                mesh, key, *data, num_classes=(4,) * 5
            ),
            (
                ((), "key", None),
                ((latents, 10), "float32", None),
                ((latents, 10), "float32", None),
                ((latents, 5), "int32", None),
            ),
        ),
        Task(
            "fuse",
            f"{learners} learners of {n // 8} points, {1000 // small} steps",
            fuse,
            (((), "key", None), ((learners, n // 8, n // 8), "float32", 0)),
        ),
    ]


def compiled_for(task: Task, num_devices: int) -> tuple[Counts, int]:
    """Counts of a task on one of some devices, and bytes of its buffers."""
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.array(jax.devices()[:num_devices]), ("devices",))

    def described(array: tuple[tuple[int, ...], str, int | None]) -> Any:
        shape, kind, axis = array
        if kind == "key":
            key = jax.eval_shape(lambda: jax.random.key(0))
            return jax.ShapeDtypeStruct(shape, key.dtype)
        spec = PartitionSpec() if axis is None else PartitionSpec(mesh.axis_names)
        sharding = NamedSharding(mesh, spec)
        return jax.ShapeDtypeStruct(shape, kind, sharding=sharding)

    run = jax.jit(lambda *arrays: task.call(mesh, *arrays))
    program = run.lower(*map(described, task.arrays)).compile()
    memory = program.memory_analysis()
    held = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    return count(program.as_text(), num_devices), held


def share_of_work(counts: Counts) -> float:
    """Which part of the time is work, on the machine of the plan."""
    work = counts.flops / 50e12 + counts.special / 1e12 + counts.simple / 10e12
    waiting = counts.sent / 50e9 + counts.exchanges * 10e-6
    return work / (work + waiting) if work + waiting else 1.0


def table(*, quick: bool) -> str:
    """All tasks on all numbers of devices."""
    import tqdm

    sizes = (1, 2, 8) if quick else (1, 8, 64, _MOST_DEVICES)
    lines = [
        "| function | given | devices | Gflop of products | 10^9 exponentials | "
        "10^9 simple operations | "
        "MB sent | exchanges | MB of buffers | share of work in the plan |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    progress = tqdm.tqdm(
        [(task, size) for task in tasks(quick=quick) for size in sizes], file=sys.stderr
    )
    for task, size in progress:
        progress.set_description(task.name)
        counts, held = compiled_for(task, size)
        lines.append(
            f"| {task.name} | {task.shapes} | {size} | {counts.flops / 1e9:.4g} "
            f"| {counts.special / 1e9:.4g} | {counts.simple / 1e9:.4g} "
            f"| {counts.sent / 1e6:.4g} "
            f"| {counts.exchanges:.0f} | {held / 1e6:.4g} "
            f"| {share_of_work(counts):.2f} |"
        )
    return "\n".join(lines) + "\n"


def measure(what: str, num_devices: int, *, quick: bool) -> str:
    """Run a large task on devices of this machine."""
    import time

    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from jaxinfo import gmm, sharding

    mesh = Mesh(np.array(jax.devices()), ("devices",))
    rows = NamedSharding(mesh, PartitionSpec("devices"))
    n, d = {"em": (10**6, 16), "spectral": (200_000, 8)}[what]
    n //= 100 if quick else 1
    rng = np.random.default_rng(0)
    centres = 4 * rng.normal(size=(16, d))

    def of_part(part: Any) -> Any:
        """Rows of one device, made apart, so that nobody ever holds them all."""
        first, end, _ = part[0].indices(n)
        own = np.random.default_rng(first)
        drawn = centres[own.integers(0, 16, end - first)]
        return (drawn + own.normal(size=drawn.shape)).astype(np.float32)

    x = jax.make_array_from_callback((n, d), rows, of_part)
    k = 16
    start = gmm.GaussianMixture(
        jnp.full(k, -math.log(k)),
        jnp.asarray(centres, jnp.float32),
        jnp.broadcast_to(jnp.eye(d), (k, d, d)),
    )

    @jax.jit
    def run(x: Any) -> Any:
        if what == "em":
            return sharding.em(mesh, start, x, tol=0.0, max_steps=10)
        return sharding.stochastic_spectral_entropy(
            mesh,
            jax.random.key(0),
            x,
            bandwidth=4.0,
            diffusion_times=jnp.array([1.0, 2.0]),
            num_probes=4,
            subspace_size=64,
        )

    program = run.lower(x).compile()
    counts = count(program.as_text(), num_devices)
    before = harness.peak_bytes()
    begun = time.perf_counter()
    result = jax.block_until_ready(program(x))
    seconds = time.perf_counter() - begun
    added = harness.peak_bytes() - before
    held = program.memory_analysis().temp_size_in_bytes
    return (
        f"{what}: {n} x {d} on {num_devices} devices: {seconds:.1f} s, data "
        f"{x.nbytes / 1e6:.0f} MB in all, resident memory grew by {added / 1e6:.0f} MB "
        f"in all, buffers of a device {held / 1e6:.1f} MB, sent by a device "
        f"{counts.sent / 1e6:.2f} MB in {counts.exchanges:.0f} exchanges (per step)\n"
        f"{jax.tree.leaves(result)[0][:4]}"
    )


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, in a minute")
    parser.add_argument("--markdown", type=pathlib.Path, help="file for the table")
    parser.add_argument("--measure", choices=("em", "spectral"))
    parser.add_argument("--devices", type=int, default=8)
    arguments = parser.parse_args(argv)
    if arguments.measure:
        set_devices(arguments.devices)
        print(measure(arguments.measure, arguments.devices, quick=arguments.quick))
        return
    set_devices(8 if arguments.quick else _MOST_DEVICES)
    written = table(quick=arguments.quick)
    if arguments.markdown:
        arguments.markdown.write_text(written)
    else:
        print(written)


if __name__ == "__main__":
    main()
