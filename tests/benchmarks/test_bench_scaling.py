"""What is counted in compiled programs is what they do."""

import importlib
import pathlib

import jax
import jax.numpy as jnp
import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"
EXCHANGING = """
ENTRY %main (x: f32[8,4]) -> f32[64,4] {
  %x = f32[8,4]{1,0} parameter(0)
  %sum = f32[8,4]{1,0} all-reduce(%x), replica_groups={{0,1,2,3,4,5,6,7}}, to_apply=%add
  ROOT %all = f32[64,4]{1,0} all-gather(%sum), replica_groups={{0,1,2,3,4,5,6,7}}
}
"""


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("bench_scaling")


def test_loops_count_as_often_as_they_run(bench):
    def powers(x):
        def step(y, _):
            return jnp.exp(jnp.matmul(y, x) / 9), None

        return jax.lax.scan(step, x, None, length=10)[0]

    program = jax.jit(powers).lower(jnp.zeros((16, 16))).compile()
    counts = bench.count(program.as_text(), 1)
    assert counts.flops == 10 * 2 * 16**3
    assert counts.special == 10 * 16**2
    assert counts.sent == counts.exchanges == 0


def test_exchanges_send_what_rings_send(bench):
    counts = bench.count(EXCHANGING, 8)
    assert counts.exchanges == 2
    assert counts.sent == 2 * 7 / 8 * 8 * 4 * 4 + 7 / 8 * 64 * 4 * 4
    assert bench.count(EXCHANGING, 1) == bench.Counts()


def test_a_device_of_many_does_its_part(bench):
    task = next(task for task in bench.tasks(quick=True) if task.name == "unibound")
    counts, held = bench.compiled_for(task, 1)
    assert counts.flops > 0
    assert held > 0
