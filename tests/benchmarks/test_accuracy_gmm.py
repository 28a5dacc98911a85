"""The table of accuracy compares with true values."""

import importlib
import json
import pathlib

import numpy as np
import pytest
import scipy.stats

from tests import helpers
from tests.helpers import assert_close

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def accuracy():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("accuracy_gmm")


def test_truths_are_the_closed_forms(accuracy):
    path = helpers.REFERENCES / "gmm" / "closed_forms.json"
    forms = json.loads(path.read_text())
    rng = np.random.default_rng(0)
    for field, family, parameter in (
        ("bivariate_normal", accuracy.gaussian, "rho"),
        ("gamma_exponential", accuracy.gamma_exponential, "alpha"),
        ("ordered_weinman", accuracy.weinman, "alpha"),
    ):
        for case in forms[field]:
            if case[parameter] == 0.5 and field == "ordered_weinman":
                continue  # the formula has a limit there, which the table leaves out
            truth = np.float64(family(rng, 3, case[parameter])[2])
            expected = case["mutual_information"]
            assert_close(truth, expected, tolerance=1e-12 * max(1, expected))


def test_the_truth_of_student_s_vectors_is_the_mean_of_log_ratios(accuracy):
    dim, freedom = 2, 5
    x, y, truth = accuracy.student(np.random.default_rng(0), 100_000, dim, freedom)
    shape = np.eye(2 * dim)
    shape[:dim, dim:] = shape[dim:, :dim] = 0.8 * np.eye(dim)

    def log_density(z, shape):
        return scipy.stats.multivariate_t(shape=shape, df=freedom).logpdf(z)

    ratio = log_density(np.hstack([x, y]), shape)
    ratio = ratio - log_density(x, np.eye(dim)) - log_density(y, np.eye(dim))
    error = np.std(ratio) / len(x) ** 0.5
    helpers.assert_within_standard_errors(np.mean(ratio), error, truth)


def test_maps_of_vectors_leave_their_information(accuracy):
    rng = np.random.default_rng(0)
    for dim in (2, 3):
        _, _, expected = accuracy.sparse_gaussian(rng, 9, dim)
        assert accuracy.uniform(rng, 9, dim)[2] == expected
        x, y, truth = accuracy.spiral(np.random.default_rng(1), 9, dim)
        plain = accuracy.sparse_gaussian(np.random.default_rng(1), 9, dim)
        assert truth == expected
        # Turned, each about the origin.
        for turned, straight in zip((x, y), plain, strict=False):
            norms = [np.linalg.norm(z, axis=1) for z in (turned, straight)]
            assert_close(*norms)


@pytest.mark.slow
def test_a_table_has_a_line_for_each_family(accuracy, tmp_path):
    file = tmp_path / "table.md"
    accuracy.main(["--seeds", "2", "--sizes", "60", "--markdown", str(file)])
    table = file.read_text()
    for name, (_, parameters) in accuracy.FAMILIES.items():
        assert table.count(f"| {name} ") == len(parameters) + 2
