"""The table of accuracy compares with true values."""

import importlib
import json
import pathlib

import numpy as np
import pytest

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


@pytest.mark.slow
def test_a_table_has_a_line_for_each_family(accuracy, tmp_path):
    file = tmp_path / "table.md"
    accuracy.main(["--seeds", "2", "--sizes", "60", "--markdown", str(file)])
    table = file.read_text()
    for name, (_, parameters) in accuracy.FAMILIES.items():
        assert table.count(f"| {name} ") == len(parameters) + 2
