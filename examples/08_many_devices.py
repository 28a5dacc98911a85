"""Up to which noise level do many views of the same data agree? On many devices.

Forty-eight views of 600 handwritten digits: each is the projection of an image onto a
random direction, with normal noise. For one noise level after another this asks how
much information each view carries about which image it is, and how far two views agree,
as soft clusterings of the images.

It shows how to use a mesh of devices, in one process or in several:

1. `sharding.gaussian_pairwise` compares the views: each device has some of the images.
2. `sharding.map` bootstraps the images: each device has some of the keys.
3. After each noise level the results so far are saved with orbax. If a process dies,
   all are restarted and continue after the last saved noise level: at most one is lost,
   and the results are the same to the bit.
4. Only one process shows progress.

By default it uses eight devices in one process; with ``--processes 2`` two processes of
four devices each, connected over loopback. On machines with accelerators a scheduler
starts one process per host, and none of them sets the number of its devices; everything
from `work` on stays the same. With ``--interrupt`` one of the processes is killed
during the sweep.

With the defaults: with noise of a hundredth of its spread a view carries 6.2 of the 9.2
bits, and each factor of ten in noise costs three more bits. Views then agree with an
NMI of 0.57, but only because both distinguish single images: at a tenth of the spread
it is 0.09, and from there falls slowly to 0.05, which reflects the coarse order that
they have in common.

With ``--output DIR`` also writes ``noise.png`` and ``noise.npz``.

Run: ``python examples/08_many_devices.py [--quick] [--output DIR] [--processes N]
[--interrupt]``
"""

import argparse
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import tqdm
from jax.sharding import Mesh
from sklearn.datasets import load_digits

from jaxinfo import fingerprint, measures, sharding

NUM_DEVICES = 8
# How often a launcher starts all processes again.
MOST_RESTARTS = 3
# The block after which `--interrupt` kills.
INTERRUPTED_AFTER = 1


class Settings(NamedTuple):
    """Sizes of a run."""

    num_images: int = 600
    num_views: int = 48
    num_noises: int = 13
    num_resamples: int = 24


QUICK = Settings(num_images=120, num_views=12, num_noises=5, num_resamples=8)


def views(settings: Settings) -> np.ndarray:
    """Projections of images onto random directions, of unit spread."""
    images, _ = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(images))[: settings.num_images]
    directions = rng.normal(size=(images.shape[1], settings.num_views))
    projected = images[chosen] @ directions
    return ((projected - projected.mean(0)) / projected.std(0)).astype(np.float32)


def noises(settings: Settings) -> np.ndarray:
    """Deviations of the noise, from a hundredth of the spread to ten times of it."""
    return np.geomspace(0.01, 10, settings.num_noises)


def resampling(means: np.ndarray) -> Callable[[Any], jax.Array]:
    """Mean information of the views of images drawn anew, from a key and a noise.

    Built once: each new function would be compiled anew.
    """
    number = len(means)

    def of_key(arguments: Any) -> jax.Array:
        key, log_variance = arguments
        drawn = jnp.asarray(means)[jax.random.choice(key, number, (number,))]
        result = fingerprint.gaussian_pairwise(
            drawn, jnp.full_like(drawn, log_variance)
        )
        return jnp.mean(result.information)

    return of_key


def of_noise(
    mesh: Mesh,
    means: np.ndarray,
    resampled: Callable[[Any], jax.Array],
    noise: float,
    key: jax.Array,
    settings: Settings,
) -> dict[str, np.ndarray]:
    """Information of each view, agreement of pairs, and an error, for one noise."""
    log_variance = np.float32(2 * np.log(noise))
    result = sharding.gaussian_pairwise(mesh, means, np.full_like(means, log_variance))
    number = settings.num_resamples
    means_of_draws = sharding.map(
        mesh,
        resampled,
        (jax.random.split(key, number), np.full(number, log_variance)),
    )
    pairs = np.triu_indices(settings.num_views, 1)
    return {
        "information": np.asarray(result.information),
        "nmi": np.mean(np.asarray(result.nmi)[pairs]),
        "error": np.std(np.asarray(means_of_draws), ddof=1),
    }


def work(settings: Settings, checkpoints: pathlib.Path) -> dict[str, np.ndarray]:
    """The sweep, as each process runs it: what is saved is not done again."""
    mesh = Mesh(np.array(jax.devices()), ("devices",))
    is_first = jax.process_index() == 0
    means, levels = views(settings), noises(settings)
    resampled = resampling(means)
    found = {
        "information": np.zeros((len(levels), settings.num_views), np.float32),
        "nmi": np.zeros(len(levels), np.float32),
        "error": np.zeros(len(levels), np.float32),
    }
    options = ocp.CheckpointManagerOptions(max_to_keep=2)
    with ocp.CheckpointManager(checkpoints, options=options) as manager:
        last = manager.latest_step()
        if last is not None:
            restored = manager.restore(last, args=ocp.args.StandardRestore(found))
            found = {name: np.array(array) for name, array in restored.items()}
        start = 0 if last is None else last + 1
        if is_first and start:
            print(f"goes on with {start} of {len(levels)} noises done", flush=True)
        # Processes work together on each noise; one alone says how far they are.
        for index in tqdm.trange(
            start, len(levels), initial=start, total=len(levels), disable=not is_first
        ):
            key = jax.random.fold_in(jax.random.key(1), index)
            for name, value in of_noise(
                mesh, means, resampled, levels[index], key, settings
            ).items():
                found[name][index] = value
            manager.save(index, args=ocp.args.StandardSave(found))
            manager.wait_until_finished()
    return found


def report(settings: Settings, found: dict[str, np.ndarray]) -> None:
    """Print what was found, in bits."""
    print(f"{len(jax.devices())} devices in {jax.process_count()} processes")
    print("noise    bits per view (error)    agreement of views (NMI)")
    bits = np.asarray(measures.nats_to_bits(found["information"]))
    errors = np.asarray(measures.nats_to_bits(found["error"]))
    for noise, row, error, nmi in zip(
        noises(settings), bits, errors, found["nmi"], strict=True
    ):
        print(f"{noise:6.3f} {row.mean():11.3f} ({error:.3f}) {nmi:20.3f}")


def draw(
    settings: Settings, found: dict[str, np.ndarray], output: pathlib.Path
) -> None:
    """Write the figure and the numbers."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    levels = noises(settings)
    bits = np.asarray(measures.nats_to_bits(found["information"]))
    errors = np.asarray(measures.nats_to_bits(found["error"]))
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(5.5, 5), sharex=True, layout="constrained"
    )
    top.errorbar(levels, bits.mean(axis=1), errors, fmt="o-", ms=3, label="mean")
    top.axhline(
        np.log2(settings.num_images), color="0.5", ls=":", label="all images told apart"
    )
    top.set_ylabel("information of a view\nwith the image [bit]")
    top.legend(frameon=False)
    bottom.plot(levels, found["nmi"], "o-", ms=3, color="C1")
    bottom.set_ylabel("agreement of two views\n[NMI]")
    bottom.set_ylim(0, None)
    bottom.set_xscale("log")
    bottom.set_xlabel("deviation of the noise [spread of a view]")
    output.mkdir(parents=True, exist_ok=True)
    figure.savefig(output / "noise.png", dpi=120)
    plt.close(figure)
    np.savez(output / "noise.npz", noises=levels, **found)


def run_as_process(arguments: argparse.Namespace, settings: Settings) -> None:
    """Meet the other processes, work, and let the first one report."""
    address, number, index = arguments.process.split(",")
    if int(number) > 1:
        jax.distributed.initialize(
            address,
            num_processes=int(number),
            process_id=int(index),
            coordinator_bind_address=address,
            heartbeat_timeout_seconds=20,
        )
    found = work(settings, arguments.checkpoints)
    if jax.process_index() == 0:
        report(settings, found)
        if arguments.output is not None:
            draw(settings, found, arguments.output)


def start_processes(arguments: argparse.Namespace) -> list[subprocess.Popen[bytes]]:
    """Start all processes, each with its share of the devices."""
    number = arguments.processes
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    flags = os.environ.get("XLA_FLAGS", "")
    flags += f" --xla_force_host_platform_device_count={NUM_DEVICES // number}"
    command = [sys.executable, __file__, "--checkpoints", str(arguments.checkpoints)]
    command += ["--quick"] * arguments.quick
    if arguments.output is not None:
        command += ["--output", str(arguments.output)]
    return [
        subprocess.Popen(
            [*command, "--process", f"{address},{number},{index}"],
            env=os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        )
        for index in range(number)
    ]


def launch(arguments: argparse.Namespace) -> None:
    """Run all processes, and start them again from what is saved if one dies."""
    # Ends as by Ctrl-C, so that no process is left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    is_to_kill = arguments.interrupt
    for _ in range(1 + MOST_RESTARTS):
        processes = start_processes(arguments)
        try:
            codes = [process.poll() for process in processes]
            while any(code is None for code in codes) and not any(codes):
                time.sleep(0.05)
                if is_to_kill and has_saved(arguments.checkpoints, INTERRUPTED_AFTER):
                    print(f"kills one process after noise {INTERRUPTED_AFTER + 1}")
                    processes[-1].send_signal(signal.SIGKILL)
                    is_to_kill = False
                codes = [process.poll() for process in processes]
        finally:
            # Those that wait for a dead one would wait for long.
            for process in processes:
                process.kill()
                process.wait()
        if not any(codes):
            return
        print("a process died: all start again", flush=True)
    raise SystemExit("Processes died again and again.")


def has_saved(checkpoints: pathlib.Path, index: int) -> bool:
    """Whether a noise, or a later one, is saved."""
    names = [path.name for path in checkpoints.glob("*") if path.name.isdigit()]
    return any(int(name) >= index for name in names)


def main(argv: list[str] | None = None) -> None:
    """Run the sweep."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, under 40 s")
    parser.add_argument("--output", type=pathlib.Path, help="folder for figures")
    parser.add_argument("--processes", type=int, choices=(1, 2, 4), default=1)
    parser.add_argument(
        "--interrupt", action="store_true", help="kill one process amid the sweep"
    )
    parser.add_argument(
        "--checkpoints", type=pathlib.Path, help="folder to save in and to go on from"
    )
    parser.add_argument("--process", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.process is not None:
        run_as_process(arguments, QUICK if arguments.quick else Settings())
        return
    with tempfile.TemporaryDirectory() as folder:
        chosen = arguments.checkpoints or pathlib.Path(folder)
        arguments.checkpoints = chosen.absolute()
        launch(arguments)


if __name__ == "__main__":
    main()
