"""The benchmark of EM runs, and both sides agree."""

import importlib.util
import pathlib
import sys

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_em_agrees_with_scikit_learn(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    rows = load("bench_gmm").bench_em(quick=True)
    assert rows[0]["kind"] == "ratio"
    assert rows[0]["agrees"]


def test_the_reference_is_left_out_where_it_is_not(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delenv("GMM_MI_PYTHON", raising=False)
    bench = load("bench_gmm")
    assert bench.bench_pairs(quick=True) == []
    assert bench.bench_matrix(quick=True) == []
