"""Arrays that arrive in all ways, in sharded functions and in plain ones.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 \
        python -m tests.sharding.arrivals sharded|plain [NAMES]

prints for each way, or each public function, what went wrong, as JSON.
"""

import json
import sys
import traceback

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from tests.sharding import cases


def placed(x, mesh):
    """An array sharded along the first axis that divides, else whole."""
    if not hasattr(x, "shape") or not isinstance(mesh, Mesh):
        return x
    for axis, size in enumerate(x.shape):
        if size and size % mesh.size == 0:
            return jax.device_put(x, NamedSharding(mesh, P(*[None] * axis, "devices")))
    return jax.device_put(x, NamedSharding(mesh, P()))


def meshes():
    """One mesh with an Auto axis, and one with an Explicit one."""
    devices = np.array(jax.devices())
    auto = Mesh(devices, ("devices",))
    return auto, jax.make_mesh((devices.size,), ("devices",))


def ways():
    """Ways in which arrays arrive: how they are placed, and the mesh that is set."""
    auto, explicit = meshes()
    last = jax.devices()[-1]
    some = jax.make_mesh((1,), ("devices",), devices=jax.devices()[2:3])
    return {
        "NumPy": (lambda x: x, None),
        "on another device": (lambda x: jax.device_put(x, last), None),
        "Auto": (lambda x: placed(x, auto), None),
        "Explicit": (lambda x: placed(x, explicit), None),
        "Explicit on some": (lambda x: placed(x, some), None),
        "Auto, set": (lambda x: placed(x, auto), auto),
        "Explicit, set": (lambda x: placed(x, explicit), explicit),
        "NumPy, Explicit set": (lambda x: x, explicit),
        "half precision": (lambda x: x, None),
    }


def sharded_in_all_ways(names):
    """Gaps of sharded functions on eight devices, and on the first four only."""
    known = cases.cases()
    found = {}
    for name in names:
        case = known[name]
        expected = case.twin(*case.args, **case.kwargs)
        for way, (place, around) in ways().items():
            args = case.args
            goal = expected
            if way == "half precision":
                args = halved(args)
                goal = case.twin(*args, **case.kwargs)
            args = on_arrays(place, args)
            for mesh in (*meshes(), Mesh(jax.devices()[:4], ("devices",))):
                found[f"{name}, {way}, {mesh.size} {mesh.axis_types[0]}"] = attempt(
                    lambda mesh=mesh, case=case, args=args: case.sharded(
                        mesh, *args, **case.kwargs
                    ),
                    goal,
                    case.single,
                    around,
                )
    return found


def halved(args):
    """Floating arrays in half precision."""
    return on_arrays(
        lambda x: x.astype(np.float16) if x.dtype == np.float32 else x, args
    )


def on_arrays(fn, args):
    """Apply a function to the arrays among some arguments."""
    return jax.tree.map(lambda x: fn(x) if hasattr(x, "dtype") else x, args)


def plain_in_all_ways(names):
    """What plain functions make of sharded arrays."""
    # Imports all packages and their cases.
    from tests.contracts import table

    found = {}
    auto, explicit = meshes()
    for name in names or table.CASES:
        case = table.CASES[name]
        args = table.draw(case, jnp.float32)
        expected = case.fn(*args, **case.kwargs)
        for kind, mesh in (("Auto", auto), ("Explicit", explicit)):
            there = jax.tree.map(lambda x, mesh=mesh: placed(x, mesh), args)
            found[f"{name}, {kind}"] = attempt(
                lambda case=case, there=there: case.fn(*there, **case.kwargs),
                expected,
                1e-4 * case.scale,
                None,
                # Errors of integrals that are nothing but rounding.
                least=1.0,
            )
    return found


def attempt(fn, expected, bound, around, *, least=0.0):
    """What is wrong with the result of a function, or nothing."""
    try:
        if around is None:
            result = fn()
        else:
            with jax.set_mesh(around):
                result = fn()
        gap = cases.gap(result, expected, least=least)
    except Exception:
        return traceback.format_exc()[-1500:]
    return "" if gap <= bound else f"off by {gap}"


def main(kind, names=""):
    """Print what went wrong."""
    run = sharded_in_all_ways if kind == "sharded" else plain_in_all_ways
    print(json.dumps(run([name for name in names.split(",") if name])))


if __name__ == "__main__":
    main(*sys.argv[1:])
