"""Pieces of the example of one loop with all measures; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxinfo import diffusion
from tests.helpers import assert_close


@pytest.fixture(scope="module")
def run(example):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return example.train(example.Settings(num_epochs=2, num_images=300))


def test_nothing_is_traced_anew(run):
    assert run.traces == {"measured_step": 1, "bare_step": 1, "end_epoch": 1}


def test_every_curve_has_a_number_for_every_epoch(example, run):
    found = example.curves(run)
    assert len(found) == 6 + 2 * len(example.WIDTHS)
    for name, values in found.items():
        assert values.shape == (2,), name
        assert np.isfinite(values).all(), name


def test_a_measured_step_learns_what_a_bare_one_learns(example):
    x = jax.random.uniform(jax.random.key(0), (20, 64))
    y = jnp.arange(20) % 10
    models = [example.Network(rngs=nnx.Rngs(0)) for _ in range(2)]
    optimizers = [nnx.Optimizer(m, optax.sgd(0.1), wrt=nnx.Param) for m in models]
    measured = example.all_metrics()
    before = models[0].layers(x)[-1]
    probes = x[jnp.arange(example.NUM_PROBES) % 20]
    step = nnx.jit(example.measured_step)
    step(models[0], optimizers[0], measured, x, y, probes)
    loss = example.bare_step(models[1], optimizers[1], x, y)
    for one, other in zip(*map(jax.tree.leaves, map(nnx.state, models)), strict=True):
        assert_close(one, other)
    assert_close(measured.loss.compute(), loss)
    expected = diffusion.spectral_entropy(before, bandwidth=example.BANDWIDTH)
    assert_close(measured.entropy.compute(), expected)
