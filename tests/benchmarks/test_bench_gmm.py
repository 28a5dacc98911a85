"""The benchmark of EM runs, and both sides agree."""

import pathlib

from tests import helpers

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks" / "bench_gmm.py"


def test_em_agrees_with_scikit_learn(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    rows = helpers.load_script(SCRIPT).bench_em(quick=True)
    assert rows[0]["kind"] == "ratio"
    assert rows[0]["agrees"]


def test_the_reference_is_left_out_where_it_is_not(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.delenv("GMM_MI_PYTHON", raising=False)
    bench = helpers.load_script(SCRIPT)
    assert bench.bench_pairs(quick=True) == []
    assert bench.bench_matrix(quick=True) == []
