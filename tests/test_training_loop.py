"""Measures and objectives inside a jitted Flax training step."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx

from jaxinfo import fingerprint, fusion


@pytest.fixture(autouse=True)
def _standard_promotion():
    """Flax and optax mix types and ranks."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


class Encoder(nnx.Module):
    def __init__(self, *, rngs):
        self.linear = nnx.Linear(3, 4, rngs=rngs)

    def __call__(self, x):
        means, log_variances = jnp.split(self.linear(x), 2, axis=1)
        return means, log_variances


def test_a_training_step_with_an_objective_compiles_once(key):
    x = jax.random.normal(key, (20, 3))
    references = fingerprint.gaussian_overlaps(3 * x[:, :1], 0 * x[:, :1])[None]
    model = Encoder(rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(0.05), wrt=nnx.Param)

    @nnx.jit
    @chex.assert_max_traces(n=1)
    def step(model, optimizer, x):
        def loss_fn(model):
            overlaps = fingerprint.gaussian_overlaps(*model(x))
            return fusion.loss(overlaps, references), fingerprint.information(overlaps)

        (loss, information), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model)
        optimizer.update(model, grads)
        return loss, information

    losses = [step(model, optimizer, x)[0] for _ in range(60)]
    assert losses[-1] < losses[0] - 0.3
    assert losses[-1] < -0.8


def test_an_ensemble_is_measured_by_vmap(key):
    @nnx.split_rngs(splits=3)
    @nnx.vmap
    def create(rngs):
        return Encoder(rngs=rngs)

    models = create(nnx.Rngs(0))
    x = jax.random.normal(key, (10, 3))
    means, log_variances = nnx.vmap(lambda model, x: model(x), in_axes=(0, None))(
        models, x
    )
    overlaps = jax.vmap(fingerprint.gaussian_overlaps)(means, log_variances)
    assert fingerprint.pairwise(overlaps).nmi.shape == (3, 3)


def test_nothing_leaves_the_device_inside_a_measure(key):
    means = jax.device_put(jax.random.normal(key, (3, 12)))
    log_variances = jnp.zeros_like(means)
    fingerprint.gaussian_pairwise(means, log_variances)
    with jax.transfer_guard("disallow"):
        result = fingerprint.gaussian_pairwise(means, log_variances)
        fingerprint.channel_distances(result)
    jax.block_until_ready(result)


def test_no_tracer_leaks_and_no_key_is_used_twice(key):
    means = jax.random.normal(key, (6, 2))
    with jax.checking_leaks(), jax.debug_key_reuse(True):
        fingerprint.monte_carlo_compare(
            jax.random.key(1), means, means, means, means, num_samples=4
        )
        references = fingerprint.gaussian_overlaps(means, means)[None]
        fusion.fuse(
            jax.random.key(2),
            references,
            dim=1,
            optimizer=optax.sgd(1.0),
            num_steps=2,
        )
        fingerprint.sample_fingerprint(jax.random.key(3), num_data=9, num_points=3)
