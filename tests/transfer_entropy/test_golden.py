"""Reference numbers of transfer entropy."""

import dataclasses
import functools
import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import transfer_entropy
from tests.helpers import assert_close, by_precision, load, load_json

SERIES = load("transfer_entropy", "series")
VALUES = load_json("transfer_entropy", "values")
ESTIMATORS = {"plugin": 1e-6, "miller_madow": 1e-6, "grassberger": 1e-5}


def timing_of(case):
    fields = {field.name for field in dataclasses.fields(transfer_entropy.Timing)}
    return transfer_entropy.Timing(**{k: v for k, v in case.items() if k in fields})


def by_program(cases, *names):
    """Cases that share what is static."""

    def key(case):
        return *(case[name] for name in names), dataclasses.astuple(timing_of(case))

    return [list(some) for _, some in itertools.groupby(sorted(cases, key=key), key)]


def name_of(parameter):
    """Name of a precision, or of cases that share a program."""
    if isinstance(parameter, str):
        return parameter
    first = parameter[0]
    return "-".join(
        str(part) for part in (first.get("num_symbols", "real"), timing_of(first))
    )


DISCRETE = by_program(VALUES["discrete"], "num_symbols")


@pytest.mark.parametrize(
    ("dtype", "cases"),
    by_precision(
        DISCRETE, single=lambda c: timing_of(c[0]) == transfer_entropy.Timing()
    ),
    ids=name_of,
    indirect=["dtype"],
)
def test_discrete(dtype, cases):
    options = {"num_symbols": cases[0]["num_symbols"], "timing": timing_of(cases[0])}

    @jax.jit
    def everything(source, target):
        values = {
            name: transfer_entropy.discrete(source, target, estimator=name, **options)
            for name in ESTIMATORS
        }
        chi_squared = transfer_entropy.significance(
            jax.random.key(0),
            source[:, None],
            target[:, None],
            method="chi2",
            **options,
        )
        return values, chi_squared

    for case in cases:
        values, chi_squared = everything(SERIES[case["source"]], SERIES[case["target"]])
        for name, single in ESTIMATORS.items():
            if name in case:
                bound = single if dtype == jnp.float32 else 1e-12
                assert_close(values[name], case[name], tolerance=bound)
        assert_close(chi_squared.value[0, 0], values["plugin"], scale=10.0)
        if "p_chi2_occupied" in case:
            degrees, number = case["dof_occupied"], case["num_samples"]
            mean = chi_squared.null_mean[0, 0]
            assert_close(mean, degrees / (2 * number))
            p = np.asarray(chi_squared.p_value[0, 0])
            if dtype == jnp.float32:
                assert abs(p - case["p_chi2_occupied"]) <= 1e-5
            else:
                np.testing.assert_allclose(p, case["p_chi2_occupied"], rtol=1e-8)


def test_two_alphabets(dtype):
    case = VALUES["discrete_two_alphabets"]
    actual = transfer_entropy.discrete(
        SERIES[case["source"]],
        SERIES[case["target"]],
        num_symbols=case["num_symbols"],
        num_source_symbols=case["num_source_symbols"],
        timing=timing_of(case),
    )
    bound = 1e-6 if dtype == jnp.float32 else 1e-12
    assert_close(actual, case["plugin"], tolerance=bound)


def test_conditional(dtype):
    bound = 1e-6 if dtype == jnp.float32 else 1e-12
    for case in VALUES["conditional"]:
        x, y, w = (SERIES[case[name]] for name in ("source", "target", "condition"))
        options = {"num_symbols": case["num_symbols"], "timing": timing_of(case)}
        actual = transfer_entropy.conditional(x, y, w[:, None], **options)
        assert_close(actual, case["value"], tolerance=bound)
        if "unconditional" in case:
            actual = transfer_entropy.discrete(x, y, **options)
            assert_close(actual, case["unconditional"], tolerance=bound)


def test_nine_samples(dtype):
    case = VALUES["nine_samples"]
    bound = 1e-6 if dtype == jnp.float32 else 1e-12
    x, y, w = (np.array(case[name]) for name in ("xs", "ys", "ws"))
    options = {
        "num_symbols": 2,
        "timing": transfer_entropy.Timing(target_history=2),
    }
    actual = transfer_entropy.discrete(x, y, **options)
    assert_close(actual, case["xy_k2"], tolerance=bound)
    actual = transfer_entropy.discrete(y, x, **options)
    assert_close(actual, case["yx_k2"], tolerance=bound)
    local = transfer_entropy.local_discrete(x, y, **options)
    assert_close(local, case["xy_k2_local"], tolerance=bound)
    given = transfer_entropy.conditional(x, y, w[:, None], **options)
    assert_close(given, case["xy_k2_given_ws"], tolerance=bound)


def test_local_values(dtype):
    bound = 2e-6 if dtype == jnp.float32 else 1e-12
    for history in (1, 2):
        actual = transfer_entropy.local_discrete(
            SERIES["bsc_x"],
            SERIES["bsc_y"],
            num_symbols=2,
            timing=transfer_entropy.Timing(target_history=history),
        )
        assert_close(actual, SERIES[f"bsc_local_k{history}_nats"], tolerance=bound)


def test_pairs(dtype):
    actual = transfer_entropy.pairwise(
        SERIES["pairs_sources"], SERIES["pairs_targets"], num_symbols=2
    )
    bound = 1e-6 if dtype == jnp.float32 else 1e-12
    assert_close(actual, SERIES["pairs_nats"], tolerance=bound)


def columns(case, dtype):
    """Source and target of a case, ``(t, 1)``."""
    series = SERIES[case["series"]]
    return [
        jnp.asarray(series[:, [case[f"{name}_column"]]], dtype)
        for name in ("source", "target")
    ]


CONTINUOUS = by_program(VALUES["continuous"])
# Of the kinds of estimates, in single precision.
SINGLE = {"gaussian": 2e-5, "neighbors": 2e-3, "kernel": 1e-4, "symbolic": 1e-6}


def estimates(case):
    """Name, function and kind of each value of a case."""
    timing = timing_of(case)
    yield "gaussian", functools.partial(transfer_entropy.gaussian, timing=timing)
    for name in case["neighbors"]:
        algorithm, k = re.match(r"algorithm(\d)_k(\d+)", name).groups()
        window = re.search(r"exclusion(\d+)", name)
        yield (
            f"neighbors/{name}",
            functools.partial(
                transfer_entropy.neighbors,
                algorithm=int(algorithm),
                num_neighbors=int(k),
                exclusion_window=int(window[1]) if window else 0,
                timing=timing,
            ),
        )
    for kind in ("kernel_box", "kernel_box_exclusion49", "kernel_gaussian"):
        window = 49 if kind.endswith("49") else None
        for width in case.get(kind, ()):
            yield (
                f"{kind}/{width}",
                functools.partial(
                    transfer_entropy.kernel,
                    bandwidth=float(width),
                    shape="gaussian" if kind == "kernel_gaussian" else "box",
                    exclusion_window=window,
                    timing=timing,
                ),
            )


@pytest.mark.parametrize(
    ("dtype", "cases"),
    by_precision(
        CONTINUOUS, single=lambda c: timing_of(c[0]) == transfer_entropy.Timing()
    ),
    ids=name_of,
    indirect=["dtype"],
)
def test_continuous(dtype, cases):
    fns = dict(estimates(cases[0]))
    if dtype == jnp.float32:
        # One estimate by either algorithm is enough, as each compiles.
        fns = {name: fn for name, fn in fns.items() if not re.search("_k(1|10)$", name)}
    orders = {name: int(name[-1]) for name in cases[0].get("symbolic", ())}
    timing = timing_of(cases[0])

    @jax.jit
    def everything(source, target):
        return {name: fn(source, target) for name, fn in fns.items()}, {
            name: transfer_entropy.symbolic(
                source[:, 0], target[:, 0], order=order, timing=timing
            )
            for name, order in orders.items()
        }

    for case in cases:
        continuous, symbolic = everything(*columns(case, dtype))
        for name, actual in continuous.items():
            kind, _, key = name.partition("/")
            expected = case[kind][key] if key else case[kind]
            single = SINGLE[kind.split("_")[0]]
            bound = single if dtype == jnp.float32 else 1e-10
            assert_close(actual, expected, tolerance=bound)
        for name, actual in symbolic.items():
            bound = SINGLE["symbolic"] if dtype == jnp.float32 else 1e-10
            assert_close(actual, case["symbolic"][name], tolerance=bound)


def test_chi_squared_of_gaussian_estimates(x64):
    for case in VALUES["continuous"]:
        result = transfer_entropy.series_significance(
            jax.random.key(0),
            *columns(case, jnp.float64),
            method="chi2",
            timing=timing_of(case),
        )
        expected = case["gaussian_p_chi2"]
        assert_close(result.p_value, expected, tolerance=1e-10)


def test_continuous_given_a_third(dtype):
    is_single = dtype == jnp.float32
    for case in VALUES["continuous_conditional"]:
        x, y = columns(case, dtype)
        series = SERIES[case["series"]]
        z = jnp.asarray(series[:, [case["condition_column"]]], dtype)
        bound = 2e-5 if is_single else 1e-10
        actual = transfer_entropy.gaussian(x, y, z)
        assert_close(actual, case["gaussian"], tolerance=bound)
        actual = transfer_entropy.gaussian(x, y)
        assert_close(actual, case["gaussian_unconditional"], tolerance=bound)
        actual = transfer_entropy.neighbors(x, y, z)
        expected = case["neighbors_algorithm1_k4"]
        assert_close(actual, expected, tolerance=2e-3 if is_single else 1e-10)


def test_vectors(dtype):
    is_single = dtype == jnp.float32
    for case in VALUES["continuous_multivariate"]:
        x, y = (jnp.asarray(SERIES[case[name]], dtype) for name in ("source", "target"))
        actual = transfer_entropy.gaussian(x, y)
        assert_close(actual, case["gaussian"], tolerance=5e-5 if is_single else 1e-10)
        actual = transfer_entropy.neighbors(x, y)
        expected = case["neighbors_algorithm1_k4"]
        assert_close(actual, expected, tolerance=2e-3 if is_single else 1e-10)
