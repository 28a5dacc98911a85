"""Scripts in processes of their own, which set how many devices they have."""

import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def start(num_devices, *command):
    """Start Python with some devices."""
    flags = os.environ.get("XLA_FLAGS", "")
    flags += f" --xla_force_host_platform_device_count={num_devices}"
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        env=os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes):
    """Wait for all of them, let none outlive the test, and give what they printed."""
    printed = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=900)
            assert process.returncode == 0, errors[-3000:]
            printed.append(output)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return printed


def free_address():
    """A place where processes may meet."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


def joined(entries):
    """Entries of an argument."""
    return ",".join(map(str, entries))
