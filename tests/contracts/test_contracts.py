"""What every public function keeps to."""

import functools
import inspect
import re
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxinfo
from tests import helpers
from tests.contracts import diffusion_cases, gmm_cases, measures_cases
from tests.contracts.cases import CASES as SMALLER_CASES
from tests.contracts.cases import HOST_SIDE, cast

CASES = measures_cases.CASES | SMALLER_CASES | diffusion_cases.CASES | gmm_cases.CASES


def public_functions():
    """Dotted names of all public functions, from the packages themselves."""
    found = {}
    for package_name in jaxinfo.__all__:
        package = getattr(jaxinfo, package_name)
        if isinstance(package, types.ModuleType):
            for name in package.__all__:
                if not inspect.isclass(getattr(package, name)):
                    found[f"{package_name}.{name}"] = getattr(package, name)
    return found


PUBLIC = public_functions()


def parametrize(cases, heavy=()):
    """One test a case; those of heavy cases have the given marks."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, id=name, marks=heavy if case.is_heavy else ())
            for name, case in cases.items()
        ],
    )


DIFFERENTIABLE = {name: case for name, case in CASES.items() if case.grad}
each_case = parametrize(CASES)
each_case_or_slow = parametrize(CASES, pytest.mark.slow)
each_differentiable_or_slow = parametrize(DIFFERENTIABLE, pytest.mark.slow)


def draw(case, dtype, seed=0):
    return cast(case.make(np.random.default_rng(seed)), dtype)


def floating_leaves(tree):
    leaves = jax.tree.leaves(tree)
    return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]


def smooth_leaves(case, result):
    chosen = [getattr(result, name) for name in case.smooth] or result
    return floating_leaves(chosen)


def scalar_of(case, args):
    """The function as a scalar of the arguments that it is differentiable in."""

    def scalar(*chosen):
        full = list(args)
        for position, value in zip(case.grad, chosen, strict=True):
            full[position] = case.through(value)
        result = case.fn(*full, **case.kwargs)
        # Unequal weights, as sums of derivatives may cancel by symmetry.
        return sum(
            jnp.vdot(jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)), leaf.ravel())
            for leaf in smooth_leaves(case, result)
        )

    return scalar, [args[position] for position in case.grad]


def test_every_public_function_has_a_case():
    assert set(PUBLIC) == set(CASES) | HOST_SIDE


# What takes seconds step by step.
SLOW_WITHOUT_JIT = {
    "diffusion.binned_mutual_information",
    "diffusion.permutation_test",
    "fingerprint.monte_carlo_compare",
    "fingerprint.quantized_pairwise",
    "fusion.fuse",
    "gmm.initialize",
    "gmm.mixture_conditional_mutual_information",
    "gmm.mixture_mutual_information",
}


@parametrize(
    {
        name: case._replace(is_heavy=case.is_heavy or name in SLOW_WITHOUT_JIT)
        for name, case in CASES.items()
    },
    pytest.mark.slow,
)
def test_compiled_equals_eager(case):
    args = draw(case, jnp.float32)
    compiled = case.fn(*args, **case.kwargs)
    helpers.assert_all_finite(compiled)
    with jax.disable_jit():
        eager = case.fn(*args, **case.kwargs)
    helpers.assert_trees_close(compiled, eager, scale=case.scale)


@each_case_or_slow
def test_vmap_equals_a_loop(case):
    batch = [draw(case, jnp.float32, seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *batch)
    mapped = jax.vmap(functools.partial(case.fn, **case.kwargs))(*stacked)
    looped = [case.fn(*args, **case.kwargs) for args in batch]
    expected = jax.tree.map(lambda *leaves: jnp.stack(leaves), *looped)
    helpers.assert_trees_close(mapped, expected, scale=case.scale)


@pytest.mark.parametrize(
    ("kind", "has_x64"), [("float32", False), ("float32", True), ("float64", True)]
)
@each_case
def test_results_have_the_dtype_of_the_data(case, kind, has_x64):
    with jax.enable_x64(has_x64):
        result = jax.eval_shape(
            functools.partial(case.fn, **case.kwargs), *draw(case, jnp.dtype(kind))
        )
        expected = jnp.dtype(kind) if case.keeps_dtype else jnp.asarray(1.0).dtype
    assert {leaf.dtype for leaf in floating_leaves(result)} <= {expected}


each_of_dtype = parametrize(
    {name: case for name, case in CASES.items() if case.keeps_dtype}
)


@each_of_dtype
def test_half_precision_is_returned(case):
    result = jax.eval_shape(
        functools.partial(case.fn, **case.kwargs), *draw(case, jnp.bfloat16)
    )
    assert {leaf.dtype for leaf in floating_leaves(result)} == {jnp.dtype("bfloat16")}


@pytest.mark.parametrize(
    "name",
    [
        "measures.kl_divergence",
        "fingerprint.compare",
        "fingerprint.channel_distances",
        "fusion.loss",
    ],
)
def test_half_precision_is_computed_in_single(name):
    # By the decorator that all public functions share.
    case = CASES[name]
    args = draw(case, jnp.bfloat16)
    result = case.fn(*args, **case.kwargs)
    wide = jax.tree.map(lambda x: x.astype(jnp.float32), args)
    expected = case.fn(*wide, **case.kwargs)
    for one, other in zip(
        floating_leaves(result), floating_leaves(expected), strict=True
    ):
        np.testing.assert_array_equal(one, other.astype(jnp.bfloat16))


@each_case
def test_compiles_once_a_shape(case):
    compilations = []

    def listen(event, duration, **_):
        if event.endswith("backend_compile_duration"):
            compilations.append(duration)

    first, second = draw(case, jnp.float32), draw(case, jnp.float32, seed=1)
    jax.block_until_ready(case.fn(*first, **case.kwargs))
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        jax.block_until_ready(case.fn(*second, **case.kwargs))
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not compilations


@each_case
def test_no_argument_is_changed(case):
    args = case.make(np.random.default_rng(0))
    before = jax.tree.map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, args)
    for leaf in jax.tree.leaves(args):
        if isinstance(leaf, np.ndarray):
            leaf.flags.writeable = False
    case.fn(*args, **case.kwargs)
    for one, other in zip(jax.tree.leaves(args), jax.tree.leaves(before), strict=True):
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)


@each_differentiable_or_slow
def test_gradient_equals_finite_differences(case, x64):
    scalar, args = scalar_of(case, draw(case, jnp.float64))
    check_grads(scalar, args, order=1, modes=("fwd", "rev"), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_is_complete(name):
    fn = PUBLIC[name]
    doc = inspect.getdoc(fn)
    sections = re.findall(r"^(Args|Returns|Raises|References|Example):$", doc, re.M)
    assert [s for s in sections if s not in ("Raises", "References")] == [
        "Args",
        "Returns",
        "Example",
    ]
    order = ["Args", "Returns", "Raises", "References", "Example"]
    assert sections == sorted(sections, key=order.index)
    if name not in HOST_SIDE:
        # The formula may stand in the summary line.
        assert ":math:" in doc or ".. math::" in doc
        assert "ifferentiable" in doc
        assert "Costs" in doc
    for parameter in inspect.signature(fn).parameters:
        assert re.search(rf"^    {parameter}: ", doc, re.M), parameter
    assert ">>> " in doc


@pytest.mark.parametrize("name", PUBLIC)
def test_data_is_positional_and_options_are_keywords(name):
    parameters = inspect.signature(PUBLIC[name]).parameters.values()
    for parameter in parameters:
        has_default = parameter.default is not parameter.empty
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert not has_default, f"{parameter.name} is an option"
    names = [parameter.name for parameter in parameters]
    assert "key" not in names or names[0] == "key"


def degenerate(name, array, kind):
    """An argument like a given one, of spaces that tell nothing or everything."""
    if "overlaps" in name:
        n = array.shape[-1]
        edge = jnp.ones((n, n)) if kind == "nothing" else jnp.eye(n)
    elif name.startswith("means"):
        points = jnp.arange(float(array.size)).reshape(array.shape)
        edge = 0 * points if kind == "nothing" else 1e6 * points
    elif name.startswith(("log_variances", "logits")):
        edge = jnp.zeros(())
    else:
        return array
    return jnp.broadcast_to(edge, array.shape).astype(array.dtype)


@each_differentiable_or_slow
def test_gradient_is_finite_also_where_spaces_tell_nothing_or_everything(case):
    names = list(inspect.signature(case.fn).parameters)
    args = draw(case, jnp.float32)

    @functools.partial(jax.value_and_grad, argnums=case.grad)
    def value_and_gradient(*args):
        # Unequal weights, as sums of derivatives may cancel by symmetry.
        return sum(
            jnp.vdot(jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)), leaf.ravel())
            for leaf in smooth_leaves(case, case.fn(*args, **case.kwargs))
        )

    value_and_gradient = jax.jit(value_and_gradient)
    value, gradient = value_and_gradient(*args)
    helpers.assert_all_finite((value, gradient))
    assert any(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(gradient))
    if case.fn is jaxinfo.fusion.continuity:
        return  # points that coincide have none: NaN, as documented
    for kind in ("nothing", "everything"):
        edge = [
            degenerate(name, arg, kind) if isinstance(arg, jax.Array) else arg
            for name, arg in zip(names, args, strict=False)
        ]
        helpers.assert_all_finite(value_and_gradient(*edge))
