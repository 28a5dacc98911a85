"""The benchmark of a training step runs, and peers that are not there are left out."""

import importlib
import pathlib

import jax
import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield importlib.import_module("bench_transfer_entropy")


def test_a_watched_step_trains_as_a_bare_one(bench):
    rows = bench.bench_step(True)
    assert rows[0]["kind"] == "ratio"
    assert rows[0]["agrees"]


def test_peers_are_left_out_where_they_are_not(bench, monkeypatch):
    monkeypatch.setattr(bench, "is_installed", lambda package: False)
    assert bench.bench_pairs(True) == []
    assert bench.bench_neighbors(True) == []
