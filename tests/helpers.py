"""Comparisons that all tests judge by, and where the reference numbers are."""

import functools
import importlib.util
import json
import pathlib
import sys

import jax
import numpy as np
import pytest

REFERENCES = pathlib.Path(__file__).parent / "references"


def load(package, name):
    """Reference numbers of one file."""
    path = REFERENCES / package / f"{name}.npz"
    with np.load(path, allow_pickle=False) as file:
        return {field: file[field] for field in file.files}


def load_json(package, name):
    """Reference numbers of one file of text."""
    return json.loads((REFERENCES / package / f"{name}.json").read_text())


def load_script(path):
    """A script as a module, anew each time."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up there.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def optimized(fn, **kwargs):
    """Compile with the optimisation that tests leave out, for runs that take long."""
    return jax.jit(
        functools.partial(fn, **kwargs),
        compiler_options={"xla_backend_optimization_level": 2},
    )


def by_precision(cases, *, single):
    """Parameters ``dtype, case``: cases in double precision, and some in single.

    The others in single precision, which compile programs of their own, are slow tests.
    ``single`` tells whether a case is one of the some.
    """
    return [
        pytest.param(
            dtype,
            case,
            marks=() if dtype == "float64" or single(case) else pytest.mark.slow,
        )
        for dtype in ("float32", "float64")
        for case in cases
    ]


def assert_close(actual, expected, *, scale=1.0, tolerance=None):
    """Compare with a tolerance that follows from the dtype of the result.

    A hundred units in the last place, of one and of the value, times ``scale``; or
    absolutely ``tolerance``, where the origin of the numbers sets it.
    """
    actual = np.asarray(actual)
    bound = 100 * float(np.finfo(actual.dtype).eps) * scale
    np.testing.assert_allclose(
        actual.astype(np.float64),
        np.asarray(expected, np.float64),
        rtol=bound if tolerance is None else 0,
        atol=bound if tolerance is None else tolerance,
    )


def assert_trees_close(actual, expected, **kwargs):
    """``assert_close`` for results of several arrays; integers must be equal."""
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    for one, other in pairs:
        if np.issubdtype(np.asarray(one).dtype, np.inexact):
            assert_close(one, other, **kwargs)
        else:
            np.testing.assert_array_equal(one, other)


def assert_within_standard_errors(value, standard_error, expected, *, number=4.5):
    """Judge a Monte Carlo estimate by its own error."""
    gap = np.abs(np.asarray(value, np.float64) - np.asarray(expected, np.float64))
    assert np.all(gap <= number * np.asarray(standard_error)), (
        f"off by {gap / np.asarray(standard_error)} standard errors"
    )


def assert_all_finite(tree):
    """Every number of a result is finite."""
    for leaf in jax.tree.leaves(tree):
        assert np.all(np.isfinite(np.asarray(leaf, np.float64))), leaf
