"""What every public function makes of what is not a jax array of floats."""

import contextlib
import importlib
import inspect
import itertools
import pathlib
import types
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo._numerics import checks

CASES = {
    name: case
    for path in sorted(pathlib.Path(__file__).parent.glob("*cases.py"))
    for name, case in importlib.import_module(
        f"tests.contracts.{path.stem}"
    ).CASES.items()
}
# Data with a natural zero: what floats cannot tell apart there is as good as equal.
HAVE_A_ZERO = {
    "p", "q", "p_xy", "p_xyz", "logits", "log_variances", "log_variances_u",
    "log_variances_v", "concentrations", "scale_trils", "overlaps", "overlaps_u",
    "overlaps_v", "reference_overlaps", "information", "importance", "scores",
    "p_xyt", "p_wxyt", "single", "rest",
}  # fmt: skip


def is_array(parameter):
    annotation = parameter.annotation
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return jax.Array in (typing.get_args(annotation) if is_union else (annotation,))


def is_labels(name):
    return name.removeprefix("sample_").split("_")[0] in ("labels", "factors")


class Call:
    """A call of a public function, in which arguments can be replaced."""

    def __init__(self, case):
        self.case = case
        self.args = case.make(np.random.default_rng(0))
        self.parameters = list(inspect.signature(case.fn).parameters.values())
        self.names = [parameter.name for parameter in self.parameters]

    def data(self):
        """Names and values of the arrays among its data."""
        pairs = zip(self.parameters, self.args, strict=False)
        return {
            parameter.name: value
            for parameter, value in pairs
            if is_array(parameter) and parameter.name != "key" and np.ndim(value)
        }

    def may_be_left_out(self, name):
        """Whether None stands for data that are not there."""
        return self.parameters[self.names.index(name)].default is None

    def options(self):
        """Names of the arrays among its options."""
        return [
            parameter.name
            for parameter in self.parameters
            if is_array(parameter) and parameter.kind is parameter.KEYWORD_ONLY
        ]

    def by_position(self, name, value):
        args = list(self.args)
        args[self.names.index(name)] = value
        return self.case.fn(*args, **self.case.kwargs)

    def by_keyword(self, name, value):
        data = dict(zip(self.names, self.args, strict=False)) | {name: value}
        return self.case.fn(**(data | dict(self.case.kwargs)))

    def both_ways(self, name, value):
        yield lambda: self.by_position(name, value)
        yield lambda: self.by_keyword(name, value)


@pytest.fixture(autouse=True, scope="module")
def no_traces_of_other_tests():
    """Functions are stopped while they are traced, so they must not have been yet."""
    jax.clear_caches()


@pytest.fixture
def call(request):
    return Call(request.param)


each_case = pytest.mark.parametrize("call", CASES.values(), ids=CASES, indirect=True)


class Frame:
    """A table as libraries of data frames have it."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


class Tensor(Frame):
    """An array of another framework."""

    def detach(self):
        return self


class Sparse:
    """A matrix that holds its entries only."""

    def __init__(self, values):
        self.values = values

    def toarray(self):
        return self.values


def masked(x):
    mask = np.zeros(np.shape(x), bool)
    mask.flat[0] = True
    return np.ma.masked_array(x, mask)


NO_ARRAYS = {
    "list": (lambda x: x.tolist(), r"got list; pass np\.(asarray|unique)\("),
    "list of strings": (lambda x: x.astype(str).tolist(), r"got list; pass np\.unique"),
    "string": (lambda x: "0.5", "got str"),
    "nothing": (lambda x: None, "got NoneType"),
    "frame": (Frame, r"got \S+\.Frame; pass np\.(asarray|unique)\("),
    "tensor": (Tensor, r"got \S+\.Tensor; pass np\.(asarray|unique)\("),
    "sparse": (Sparse, r"got \S+\.Sparse; pass \w+\.toarray\(\)"),
    "masked": (masked, r"got a masked one; pass \w+\.filled\(0\)"),
    "objects": (lambda x: x.astype(object), r"dtype object; pass .*np\.unique\("),
    "strings": (lambda x: x.astype(str), r"dtype <U\d+; pass np\.unique\("),
    "dates": (lambda x: x.astype(int).astype("M8[s]"), r"dtype datetime64\[s\]; pass"),
    "complex": (lambda x: x.astype(complex), "dtype complex.*; pass"),
}


@each_case
def test_what_is_not_a_real_array_is_named_with_a_way_out(call):
    for name, value in call.data().items():
        for kind, (make, message) in NO_ARRAYS.items():
            if kind == "nothing" and call.may_be_left_out(name):
                continue
            for attempt in call.both_ways(name, make(value)):
                with pytest.raises(TypeError, match=f"Expected `{name}` .*{message}"):
                    attempt()


@each_case
def test_options_that_are_not_arrays_are_named(call):
    wrong = [0.5], "0.5", np.array(["0.5"])
    for name, value in itertools.product(call.options(), wrong):
        kwargs = dict(call.case.kwargs) | {name: value}
        with pytest.raises(TypeError, match=f"Expected `{name}` to"):
            call.case.fn(*call.args, **kwargs)


@each_case
def test_containers_of_something_else_are_named(call):
    containers = zip(call.names, call.args, strict=False)
    for name, value in containers:
        if not hasattr(value, "_fields"):
            continue
        for other in (list(value), value._asdict(), "text", np.zeros(2)):
            for attempt in call.both_ways(name, other):
                with pytest.raises(TypeError, match=f"Expected `{name}` to be an? "):
                    attempt()
        for field in value._fields:
            strings = value._replace(**{field: np.array(["a"])})
            for attempt in call.both_ways(name, strings):
                with pytest.raises(TypeError, match=rf"Expected `{name}\.{field}` "):
                    attempt()


class ReachedError(Exception):
    """An argument has come to its check, inside the compiled function."""


@contextlib.contextmanager
def expect(name, dtype, check="_as_array"):
    """A function that looks at an argument of this dtype, and is stopped there."""

    def stop(given, x, *args, **kwargs):
        if given == name:
            raise ReachedError(str(x.dtype))
        return checked(given, x, *args, **kwargs)

    checked = getattr(checks, check)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, check, stop)
        with pytest.raises(ReachedError, match=dtype):
            yield


@each_case
def test_integers_beyond_the_range_become_floats_and_labels_are_named(call):
    for name, value in call.data().items():
        large = np.arange(np.size(value)).reshape(np.shape(value)) * 10**12
        for attempt in call.both_ways(name, large):
            if is_labels(name):
                message = rf"Expected `{name}` .* 32 bits, .* pass np\.unique\({name}"
                with pytest.raises(TypeError, match=message):
                    attempt()
            else:
                with expect(name, "float32"):
                    attempt()


@each_case
def test_half_precision_is_widened_however_it_comes(call):
    for name, value in call.data().items():
        if is_labels(name):
            continue
        for half in (np.asarray(value, np.float16), jnp.asarray(value, jnp.bfloat16)):
            for attempt in call.both_ways(name, half):
                with expect(name, "float32"):
                    attempt()


@each_case
def test_labels_may_be_booleans_and_not_floats(call):
    for name, value in call.data().items():
        if is_labels(name):
            message = rf"`{name}` to hold integers, .*; pass np\.unique\({name}"
            for attempt in call.both_ways(name, value.astype(float)):
                with pytest.raises(TypeError, match=message):
                    attempt()
            for attempt in call.both_ways(name, value > 0):
                with expect(name, "bool", check="as_labels"):
                    attempt()


@each_case
def test_columns_that_the_cast_makes_constant_are_named(call):
    for (name, value), kind in itertools.product(call.data().items(), (float, int)):
        if np.ndim(value) < 2 or np.shape(value)[-2] < 2 or is_labels(name):
            continue
        steps = np.arange(np.size(value)).reshape(np.shape(value)) // value.shape[-1]
        lost = (10**9 + steps % 7).astype(kind)
        lost[..., :-1] = 0
        column = value.shape[-1] - 1
        message = rf"column {column} of `{name}` .* subtract its mean .* enable x64"
        for attempt in call.both_ways(name, lost):
            with (
                expect(name, "float32" if kind is float else "int32")
                if name in HAVE_A_ZERO
                else pytest.raises(ValueError, match=message)
            ):
                attempt()


@each_case
def test_rounding_is_not_taken_for_variation(call):
    for name, value in call.data().items():
        if np.ndim(value) >= 2 and not is_labels(name):
            steps = np.arange(np.size(value)).reshape(np.shape(value)) % 2
            for attempt in call.both_ways(name, 0.1 + 2e-16 * steps):
                with expect(name, "float32"):
                    attempt()
