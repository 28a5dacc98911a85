"""The table of estimators has their errors about the known truth."""

import pathlib
import sys

import numpy as np
import pytest

from tests import helpers

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks" / "which_estimator.py"


@pytest.fixture
def bench(monkeypatch):
    # The script puts its folder there.
    monkeypatch.setattr(sys, "path", sys.path[:])
    bench = helpers.load_script(SCRIPT)
    # The fit, which is compiled long, has a table of its own.
    monkeypatch.delitem(bench.ESTIMATORS, "gmm")
    return bench


def test_errors_of_a_covariance_are_those_of_the_theory(bench):
    law, rho = bench.LAWS["Gaussian, correlation 0.6"]
    n = 400
    truth, found = bench.errors(law, rho, n, num_seeds=40)
    np.testing.assert_allclose(truth, -np.log(1 - 0.6**2) / 2)
    # The delta method: dI/drho = rho / (1 - rho^2), std of rho (1 - rho^2) / sqrt(n).
    ratio = np.sqrt(np.mean(found["covariance"] ** 2)) / (rho / n**0.5)
    assert 0.7 < ratio < 1.3
    # The map of scores is the identity but for noise, and neighbours are less exact.
    assert np.std(found["normal scores"] - found["covariance"]) < 0.3 * rho / n**0.5
    assert np.std(found["neighbors"]) > np.std(found["covariance"])


def test_the_table_leaves_out_bins_of_vectors(bench, capsys):
    bench.LAWS = {"vectors": bench.LAWS["Gaussian, 2 + 2 dimensions"]}
    bench.main(["--seeds", "2", "--sizes", "40"])
    _, _, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[:3] == ["vectors", "1.022", "40"]
    assert [cell == "-" for cell in cells[3:]] == [False, False, False, True]
