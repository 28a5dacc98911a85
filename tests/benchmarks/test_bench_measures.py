"""The benchmark of labels: both sides agree."""

import importlib
import pathlib

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


def test_the_comparison_of_labels_agrees_with_scikit_learn(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    rows = importlib.import_module("bench_measures").labels(True)
    assert rows[0]["kind"] == "ratio"
    assert rows[0]["agrees"]
