"""Compare sharded functions with their twins on meshes of several devices.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 \
        python -m tests.sharding.compare OUTPUT PRECISION NAMES SLOPES SIZES

writes how far apart they are, by case and number of devices, as JSON. Names, those
whose derivatives are compared, and sizes are joined by commas. With a last argument
``address,number,index`` this is one of several processes, whose devices are all in one
mesh.
"""

import json
import pathlib
import sys

import jax
import numpy as np
from jax.sharding import Mesh

from tests.sharding import cases


def of_case(case, has_slope, sizes):
    """Gaps of results and derivatives on meshes of these sizes."""
    expected = case.twin(*case.args, **case.kwargs)
    slopes = cases.derivative(case.twin, case) if has_slope else None
    gaps = {}
    for size in sizes:
        mesh = Mesh(np.array(jax.devices()[:size]), ("devices",))

        def sharded(*args, mesh=mesh, **kwargs):
            return case.sharded(mesh, *args, **kwargs)

        found = sharded(*case.args, **case.kwargs)
        gaps[f"value {size}"] = cases.gap(found, expected)
        if slopes is not None:
            found = cases.derivative(sharded, case)
            gaps[f"slope {size}"] = cases.gap(found, slopes)
    return gaps


def main(output, precision, names, slopes, sizes, process=None):
    """Write the gaps of some cases."""
    if process is not None:
        address, number, index = process.split(",")
        jax.distributed.initialize(
            address,
            num_processes=int(number),
            process_id=int(index),
            coordinator_bind_address=address,
            initialization_timeout=60,
            heartbeat_timeout_seconds=60,
        )
    sizes = [int(size) for size in sizes.split(",")]
    with jax.enable_x64(precision == "float64"):
        known = cases.cases()
        gaps = {
            name: of_case(known[name], name in slopes.split(","), sizes)
            for name in names.split(",")
        }
    pathlib.Path(output).write_text(json.dumps(gaps))


if __name__ == "__main__":
    main(*sys.argv[1:])
