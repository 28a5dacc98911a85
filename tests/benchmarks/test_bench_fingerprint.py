"""The NumPy sides of the benchmarks against the library, on small shapes."""

import importlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxinfo import fingerprint, fusion
from tests.helpers import assert_close, assert_within_standard_errors

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("bench_fingerprint")


@pytest.fixture
def references(bench):
    return bench.numpy_references(*bench.posteriors(3, 20))


@pytest.fixture(params=["terms_of_distances", "terms_of_overlaps"])
def terms(bench, request):
    return getattr(bench, request.param)


def assert_same_pairs(actual, expected, tolerance):
    for name in ("mutual_information", "nmi", "vi"):
        one, other = getattr(actual, name), getattr(expected, name)
        assert_close(one, other, tolerance=tolerance)


def test_distances_are_those_of_the_overlaps(bench, x64):
    means, log_variances = bench.posteriors(12, 3)
    actual = np.exp(-bench.numpy_distances(means, log_variances))
    expected = fingerprint.gaussian_overlaps(means, log_variances)
    assert_close(actual, expected, tolerance=1e-12)


def test_pair_loop_gives_the_comparison_of_the_library(bench, x64):
    means, log_variances = bench.posteriors(4, 30)
    distances = bench.numpy_references(means, log_variances).distances
    actual = bench.numpy_pair_loop(distances)
    expected = fingerprint.gaussian_pairwise(means.T, log_variances.T)
    assert_same_pairs(actual, expected, 1e-10)


def test_pair_loop_computes_as_many_informations_as_are_counted(bench, monkeypatch):
    calls = []
    monkeypatch.setattr(bench, "numpy_information", lambda d: calls.append(d) or 1.0)
    bench.numpy_pair_loop(np.ones((5, 2, 2)))
    assert len(calls) == bench.num_informations(5)


def test_written_out_gradient_is_that_of_the_loss(bench, references, terms, x64):
    start = bench.posteriors(20, 2, seed=1)

    def loss(means, log_variances):
        overlaps = fingerprint.gaussian_overlaps(means, log_variances)
        return fusion.loss(overlaps, references.overlaps)

    value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(*map(jnp.array, start))
    actual, *actual_gradients = bench.numpy_fusion_gradient(*start, references, terms)
    assert_close(actual, value, tolerance=1e-12)
    for one, other in zip(actual_gradients, gradients, strict=True):
        assert_close(one / np.abs(other).max(), other / np.abs(other).max(), scale=1e4)


def test_written_out_descent_takes_the_steps_of_fuse(bench, references, terms, key):
    start = bench.posteriors(20, 2, seed=1)
    losses, *posteriors = bench.numpy_descent(*start, references, terms, num_steps=5)
    result = fusion.fuse(
        key,
        *bench.single(references.overlaps),
        dim=2,
        optimizer=optax.sgd(bench.LEARNING_RATE),
        num_steps=5,
        initial=bench.single(*start),
    )
    assert_close(np.array(losses), result.losses, tolerance=1e-5)
    assert_close(posteriors[0], result.means, tolerance=1e-4)
    assert_close(posteriors[1], result.log_variances, tolerance=1e-4)


def test_table_loop_gives_the_exact_comparison_of_the_library(bench, x64):
    channels = bench.posteriors(3, 40)
    actual = bench.numpy_channel_pairs(*channels, 16)
    expected = fingerprint.quantized_pairwise(*(x.T for x in channels), num_bins=16)
    assert_same_pairs(actual, expected, 1e-10)


def test_separate_runs_estimate_the_same_variation(bench, key):
    u = bench.posteriors(60, 2)
    v = (u[0] + bench.posteriors(60, 2, seed=1)[0] / 2, u[1])
    value, error = bench.numpy_separate_runs(u, v, 5000, seed=0)
    ours = fingerprint.monte_carlo_compare(key, *bench.single(*u, *v), num_samples=5000)
    joint_error = np.hypot(error, ours.standard_error.vi)
    assert_within_standard_errors(value, joint_error, ours.value.vi)
    # What the samples have in common cancels in the library's error only.
    assert ours.standard_error.vi < error


@pytest.mark.slow
def test_both_sides_of_every_benchmark_agree(bench):
    rows = [row for one in bench.BENCHMARKS.values() for row in one(True)]
    assert {row["kind"] for row in rows} == {"ratio", "memory", "timing"}
    assert all(row.get("agrees", True) for row in rows)
