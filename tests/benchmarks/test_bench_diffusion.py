"""The NumPy sides of the benchmark against the library, on small shapes."""

import importlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import diffusion
from tests.helpers import assert_close

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("bench_diffusion")


def test_numpy_has_the_same_entropies(bench, x64):
    x = np.random.default_rng(0).normal(size=(30, 4))
    matrix = bench.numpy_operator(x, 2.0)
    expected = diffusion.spectral_entropies(
        x, bandwidths=np.array([2.0]), diffusion_times=np.array(bench.TIMES)
    )[0]
    assert_close(bench.numpy_entropies(matrix, bench.TIMES), expected)


def test_matfree_estimates_the_same_entropy(bench):
    pytest.importorskip("matfree")
    x = np.random.default_rng(0).normal(size=(60, 2))
    matrix = jnp.asarray(bench.numpy_operator(x, 1.0), jnp.float32)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        value = bench.matfree_entropy(60, time=2.0, num_probes=400)(
            jax.random.key(0), matrix
        )
    assert_close(value, bench.numpy_entropies(matrix, (2.0,))[0], tolerance=0.1)


@pytest.mark.slow
def test_sides_agree_on_small_shapes(bench):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rows = [
            row
            for name, benchmark in bench.BENCHMARKS.items()
            if name != "large"
            for row in benchmark(True)
        ]
    assert {row["kind"] for row in rows} == {"ratio", "timing"}
    assert all(row.get("agrees", True) for row in rows)
