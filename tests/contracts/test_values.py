"""What the values of every public function keep to, from one program per function."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tests import helpers
from tests.contracts.cases import HOST_SIDE
from tests.contracts.table import (
    CASES,
    HEAVY,
    PUBLIC,
    draw,
    floating_leaves,
    numbers_of,
    parametrize,
)


def test_every_public_function_has_a_case():
    assert set(PUBLIC) == set(CASES) | HOST_SIDE


@parametrize(CASES)
def test_compiles_once_per_shape_changes_no_argument_and_keeps_the_dtype(case):
    args = case.make(np.random.default_rng(0))
    before = jax.tree.map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, args)
    for leaf in jax.tree.leaves(args):
        if isinstance(leaf, np.ndarray):
            leaf.flags.writeable = False
    first = draw(case, jnp.float32)
    result = jax.block_until_ready(case.fn(*first, **case.kwargs))
    helpers.assert_all_finite(numbers_of(case, result))
    # The default floating dtype is that of the data.
    assert {leaf.dtype for leaf in floating_leaves(result)} <= {jnp.dtype("float32")}

    compilations = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            compilations.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        second = draw(case, jnp.float32, seed=1)
        compilations.clear()
        jax.block_until_ready(case.fn(*second, **case.kwargs))
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not compilations

    case.fn(*args, **case.kwargs)
    for one, other in zip(jax.tree.leaves(args), jax.tree.leaves(before), strict=True):
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)


# Step by step every primitive is a program of its own: by default that is for one
# package, and the slow tests do it for all.
STEP_BY_STEP = {name for name in CASES if name.startswith("measures.")}
COMPILED = {name: case for name, case in CASES.items() if name not in STEP_BY_STEP}


def looped(case, batch):
    results = [case.fn(*args, **case.kwargs) for args in batch]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *results)


def mapped(case, batch):
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *batch)
    return jax.vmap(functools.partial(case.fn, **case.kwargs))(*stacked)


@parametrize({name: CASES[name] for name in sorted(STEP_BY_STEP)})
def test_vmap_step_by_step_equals_a_loop_of_the_compiled(case):
    batch = [draw(case, jnp.float32, seed) for seed in range(3)]
    expected = looped(case, batch)
    with jax.disable_jit():
        actual = mapped(case, batch)
    helpers.assert_trees_close(actual, expected, scale=case.scale)


@parametrize(COMPILED, slow=HEAVY)
def test_vmap_equals_a_loop(case):
    batch = [draw(case, jnp.float32, seed) for seed in range(3)]
    helpers.assert_trees_close(
        mapped(case, batch), looped(case, batch), scale=case.scale
    )


@parametrize(COMPILED, slow=COMPILED)
def test_compiled_equals_step_by_step(case):
    args = draw(case, jnp.float32)
    with jax.disable_jit():
        eager = case.fn(*args, **case.kwargs)
    compiled = case.fn(*args, **case.kwargs)
    helpers.assert_trees_close(compiled, eager, scale=case.scale)
