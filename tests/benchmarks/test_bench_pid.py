"""The sides of the benchmark against the library, on small shapes."""

import importlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import disentanglement
from tests.helpers import assert_close

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("bench_pid")


def test_sweeps_give_the_information_of_the_library(bench, monkeypatch, x64):
    # Batches that do not divide the number of points.
    monkeypatch.setattr(bench, "OUTER", 7)
    monkeypatch.setattr(bench, "INNER", 5)
    num_classes = (2, 3, 2)
    *given, factors = bench.posteriors(num_classes, 4)
    samples, means, log_variances = (one.astype(np.float64) for one in given)
    actual = bench.plain_information(
        samples, means, log_variances, factors, num_classes
    )
    expected = disentanglement.latent_information(
        *map(jnp.asarray, (samples, factors, means, log_variances, factors)),
        num_classes=num_classes,
    )
    assert_close(actual[0], expected.single, tolerance=1e-12)
    assert_close(actual[1], expected.rest, tolerance=1e-12)
    assert_close(actual[2], expected.joint[None], tolerance=1e-12)


def test_both_estimates_of_the_bounds_agree(bench):
    rows = bench.bench_unibound(True)
    assert rows[0]["kind"] == "ratio"
    assert rows[0]["agrees"]


def test_memory_is_within_its_limit(bench):
    rows = bench.bench_memory(True)
    assert [row["kind"] for row in rows] == ["memory", "memory"]
    assert all(row["is_met"] for row in rows)


def test_the_peer_finds_the_same_decompositions(bench):
    pytest.importorskip("dit")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rows = bench.bench_tables(True)
    assert {row["kind"] for row in rows} == {"ratio", "timing"}
    assert all(row.get("agrees", True) for row in rows)


def test_the_peer_is_left_out_where_it_is_not(bench, monkeypatch):
    monkeypatch.setattr(bench, "is_installed", lambda package: False)
    assert bench.bench_tables(True) == []
