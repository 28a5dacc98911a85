"""Arrays that arrive sharded, elsewhere or as NumPy's, and what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from jaxinfo import gmm, sharding
from tests.sharding import cases, processes

# Whose arrays are in rows, or whole.
SHARDED = ["gaussian_pairwise", "map"]
PLAIN = [
    "fingerprint.gaussian_pairwise",
    "diffusion.spectral_entropy",
    "neighbors.entropy",
    "measures.entropy",
]
START = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), jnp.eye(2)[None])
MESH = Mesh(np.array(jax.devices()[:1]), ("devices",))
SQUARE = Mesh(np.array(jax.devices()[:1]).reshape(1, 1), ("rows", "columns"))
X = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)


def assert_all_well(kind, names):
    script = "-m", "tests.sharding.arrivals", kind, processes.joined(names)
    (printed,) = processes.finish(processes.start(8, *script))
    found = json.loads(printed)
    assert found
    assert not {name: wrong for name, wrong in found.items() if wrong}


@pytest.mark.multidevice
def test_sharded_functions_take_arrays_however_they_come():
    assert_all_well("sharded", SHARDED)


@pytest.mark.multidevice
def test_plain_functions_take_arrays_sharded_over_any_mesh():
    assert_all_well("plain", PLAIN)


@pytest.mark.slow
@pytest.mark.multidevice
def test_all_sharded_functions_take_arrays_however_they_come():
    names = [name for name, case in cases.cases().items() if not case.is_slow]
    assert_all_well("sharded", names)


@pytest.mark.slow
@pytest.mark.multidevice
def test_all_plain_functions_take_arrays_sharded_over_any_mesh():
    assert_all_well("plain", [])


@pytest.mark.parametrize(
    ("mesh", "axis", "message"),
    [
        (None, None, r"`mesh` to be a jax.sharding.Mesh, got NoneType; make one with"),
        (
            Mesh(np.array(jax.devices()[0]), ()),
            None,
            "`mesh` to have an axis, got none",
        ),
        (SQUARE, None, r"`axis` to name one .*\('rows', 'columns'\).* got None"),
        (SQUARE, "layers", r"`axis` to name one .* got 'layers'"),
        (SQUARE, ("rows", "rows"), r"`axis` to name one .* got \('rows', 'rows'\)"),
        (SQUARE, (), r"`axis` to name one .* got \(\)"),
        (SQUARE, ["rows"], r"`axis` to be a name or a tuple of names, got \['rows'\]"),
    ],
)
@pytest.mark.parametrize("name", ["neighbors_entropy", "em", "map"])
def test_meshes_and_axes_that_do_not_fit_are_named(name, mesh, axis, message):
    case = cases.cases()[name]
    with pytest.raises((TypeError, ValueError), match=f"Expected {message}"):
        case.sharded(mesh, *case.args, axis=axis, **case.kwargs)


def test_several_axes_may_share_the_rows():
    both = sharding.neighbors_entropy(SQUARE, X, axis=("rows", "columns"))
    one = sharding.neighbors_entropy(SQUARE, X, axis="columns")
    assert both == one == sharding.neighbors_entropy(MESH, X)


def test_channels_are_not_shared_by_the_devices_that_share_points():
    with pytest.raises(ValueError, match="Expected `channel_axis` to name axes other"):
        sharding.gaussian_pairwise(SQUARE, X, X, axis="rows", channel_axis="rows")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: sharding.em(MESH, cases.cases()["em"].args[0], X[:, 0]),
            "`x` to have",
        ),
        (lambda: sharding.gaussian_pairwise(MESH, X, X[:5]), "`log_variances` to have"),
        (
            lambda: sharding.gaussian_pairwise(MESH, X, [1.0]),
            "`log_variances` to be an",
        ),
        (lambda: sharding.pairwise(MESH, X), "`overlaps` to have"),
        (lambda: sharding.neighbors_entropy(MESH, X[:3]), "`x` to have more than 4 "),
        (
            lambda: sharding.mutual_information(MESH, jax.random.key(0), X, X[:3]),
            "`y` to have",
        ),
        (
            lambda: sharding.mutual_information(
                MESH, jax.random.split(jax.random.key(0)), X, X
            ),
            "`key` to be one key",
        ),
        (
            lambda: sharding.transfer_entropy_pairwise(MESH, X, X, num_symbols=2),
            "`sources` to hold integers",
        ),
        (
            lambda: sharding.transfer_entropy_pairwise(
                MESH, np.zeros((1, 1), int), np.zeros((1, 1), int), num_symbols=2
            ),
            "`sources` to have more steps",
        ),
        (lambda: sharding.map(MESH, jnp.sum, {"a": X, "b": X[:3]}), "`xs` to hold"),
        (lambda: sharding.map(MESH, jnp.sum, X, batch_size=0), "`batch_size` to be"),
        (lambda: sharding.map(MESH, "sum", X), "`fn` to be a function"),
        (
            lambda: sharding.fuse(
                MESH,
                jax.random.key(0),
                np.ones((1, 3, 3)),
                dim=2,
                optimizer="adam",
                num_steps=1,
            ),
            "`optimizer` to be",
        ),
    ],
)
def test_other_arguments_are_checked_as_the_twin_checks_them(call, message):
    with pytest.raises((TypeError, ValueError), match=f"Expected {message}"):
        call()


def test_what_a_sharded_function_is_given_by_a_trace_it_takes():
    @jax.jit
    def mean_of_fit(x):
        return sharding.em(MESH, START, x).mixture.means[0]

    np.testing.assert_allclose(mean_of_fit(X), X.mean(axis=0), atol=1e-6)


def test_a_map_takes_one_branch_of_a_condition():
    def never_on_both(x):
        return jax.lax.cond(x[0] > 0, lambda: x, lambda: x / 0)

    program = jax.make_jaxpr(lambda x: sharding.map(MESH, never_on_both, x))(X)
    assert "cond[" in str(program)


def test_a_map_loses_no_large_integers():
    large = np.array([2**40, 1])
    assert sharding.map(MESH, lambda x: x, large)[0] == 2.0**40


def test_another_mesh_amid_a_trace_is_named():
    with jax.set_mesh(SQUARE), pytest.raises(ValueError, match="`mesh` to be the one"):
        jax.jit(lambda x: sharding.neighbors_entropy(MESH, x))(X)
