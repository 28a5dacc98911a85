"""Pieces of the example of a fused circle; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxinfo import fingerprint, fusion
from tests.helpers import assert_close, assert_trees_close


@pytest.fixture(autouse=True)
def no_progress_bar(example, monkeypatch):
    monkeypatch.setattr(example, "tqdm", lambda items, **_: items)


def arcs(starts, num_angles=40):
    """Overlaps of channels that each cut the circle once, at an index."""
    position = jnp.arange(num_angles)
    means = jnp.stack([(position - start) % num_angles for start in starts])
    means = means.astype(jnp.float32)[:, :, None]
    return jax.vmap(fingerprint.gaussian_overlaps)(means, 0 * means)


def test_angles_lie_on_the_unit_circle_counterclockwise(example):
    angles = jnp.array([0.0, jnp.pi / 2, jnp.pi])
    assert_close(example.circle(angles), [[1, 0], [0, 1], [-1, 0]])


def test_loss_of_a_learner_is_squared_error_and_weighted_divergence(example, key):
    learner = example.Learner(nnx.Rngs(0))
    x = example.circle(jnp.linspace(0, 6, 7))
    means, log_variances = learner.encoder(x)
    noise = jax.random.normal(key, (7, 1))
    guess = np.asarray(learner.decoder(means + jnp.exp(log_variances / 2) * noise))
    mean, variance = np.asarray(means), np.exp(np.asarray(log_variances))
    divergence = (variance + mean**2 - 1 - np.log(variance)) / 2
    expected = np.mean((guess - np.asarray(x)) ** 2) + 0.03 * np.mean(divergence)
    assert_close(learner.loss(key, x), expected)


def test_learners_trained_together_are_those_trained_alone(example, key):
    learners = example.create_learners(nnx.Rngs(0))
    graphdef, params = nnx.split(learners)
    number = 3
    params = jax.tree.map(lambda leaf: leaf[number], params)
    keys = jax.random.split(key, 2)
    transformation = optax.sgd(0.1)
    optimizer = nnx.Optimizer(learners, transformation, wrt=nnx.Param)
    losses = example.train_chunk(learners, optimizer, keys, batch_size=8)
    assert losses.shape == (2, example.NUM_LEARNERS)

    state = transformation.init(params)
    for step in range(2):
        own = jax.random.split(keys[step], example.NUM_LEARNERS)[number]
        key_angles, key_noise = jax.random.split(own)
        angles = jax.random.uniform(key_angles, (8,), maxval=2 * jnp.pi)

        def loss_fn(params, noise=key_noise, angles=angles):
            learner = nnx.merge(graphdef, params)
            return learner.loss(noise, example.circle(angles))

        value, gradient = jax.value_and_grad(loss_fn)(params)
        assert_close(losses[step, number], value)
        updates, state = transformation.update(gradient, state)
        params = optax.apply_updates(params, updates)
    together = jax.tree.map(lambda leaf: leaf[number], nnx.state(learners))
    assert_trees_close(jax.tree.leaves(together), jax.tree.leaves(params))


def test_learners_start_apart_and_embed_apart(example):
    learners = example.create_learners(nnx.Rngs(0))
    x = example.circle(jnp.linspace(0, 6, 5))
    means, log_variances = example.embed(learners, x)
    assert means.shape == log_variances.shape == (example.NUM_LEARNERS, 5, 1)
    assert len(np.unique(np.asarray(means)[:, 0, 0])) == example.NUM_LEARNERS


def test_fusion_takes_the_least_loss_and_no_diverged_start(example, monkeypatch):
    starts = jnp.arange(3.0)
    results = fusion.FusionResult(
        means=starts[:, None, None],
        log_variances=starts[:, None, None],
        losses=starts[:, None],
        loss=jnp.array([jnp.nan, -0.5, -0.8]),
    )
    continuities = jnp.array([1.0, 2.0, 7.0])
    monkeypatch.setattr(
        example, "fuse_starts", lambda *_, **__: (results, continuities)
    )
    ring = example.fuse_ring(jax.random.key(0), jnp.ones((1, 4, 4)), example.QUICK)
    assert ring.result.loss == jnp.float32(-0.8)
    assert ring.result.means == 2
    assert ring.continuity == 7


def test_starts_differ_and_are_judged_by_the_library(example, key):
    overlaps = arcs([0, 15])
    results, continuities = example.fuse_starts(
        key, overlaps, num_steps=20, num_starts=2
    )
    assert results.losses.shape == (2, 20)
    assert results.losses[0, 0] != results.losses[1, 0]
    posteriors = results.means[1], results.log_variances[1]
    fused = fingerprint.gaussian_overlaps(*posteriors)
    assert_close(fusion.loss(fused, overlaps), results.loss[1], tolerance=1e-4)
    assert_close(fusion.continuity(*posteriors), continuities[1])


def test_sets_of_learners_do_not_overlap(example, key, monkeypatch):
    monkeypatch.setattr(
        example, "fuse_ring", lambda key, overlaps, _: overlaps[:, 0, 0]
    )
    overlaps = jnp.arange(10.0)[:, None, None]
    settings = example.QUICK._replace(sizes=(1, 3, 10))
    rings = example.fuse_sizes(key, overlaps, settings)
    chosen = {size: [one.tolist() for one in sets] for size, sets in rings.items()}
    assert chosen == {
        1: [[0], [1]],
        3: [[0, 1, 2], [3, 4, 5]],
        10: [list(range(10))],
    }


def test_cuts_are_where_neighbours_are_torn_apart(example):
    assert example.cuts(arcs([0, 10, 39])) == ["360", "90", "351"]
    halves = jnp.where(jnp.arange(40) < 20, 0.0, 50.0)[:, None]
    overlaps = fingerprint.gaussian_overlaps(halves, 0 * halves)
    assert example.cuts(overlaps[None]) == ["180, 360"]


def test_similarity_falls_with_the_variation_of_information(example):
    similar = example.similarities(arcs([0, 0, 20]))
    expected = fingerprint.compare(*arcs([0, 20])).vi
    assert_close(similar[0, 2], np.exp(-np.asarray(expected)))
    assert_close(similar[0, 1], 1.0)


def test_trained_encoder_embeds_as_its_loss_says(example):
    angles = jnp.linspace(0, 2 * jnp.pi, 40, endpoint=False)
    overlaps = arcs([0, 13, 27])
    encoder, result = example.fuse_encoder(0, angles, overlaps, 30)
    fused = fingerprint.gaussian_overlaps(*encoder(example.circle(angles)))
    assert_close(fusion.loss(fused, overlaps), result.loss, tolerance=1e-4)
    assert result.loss < result.losses[0]


@pytest.mark.parametrize(("continuity", "verdict"), [(2.9, "closed"), (3.1, "NOT")])
def test_report_says_plainly_whether_the_ring_is_closed(
    example, capsys, continuity, verdict
):
    ring = example.Ring(
        result=fusion.FusionResult(
            jnp.zeros((4, 2)), jnp.zeros((4, 2)), jnp.zeros(1), jnp.float32(-0.8)
        ),
        continuity=continuity,
        losses=np.zeros((2, 1)),
        continuities=np.array([continuity, 2.0]),
    )
    example.report_rings({example.NUM_LEARNERS: [ring]}, 2)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("  With all learners the ring is " + verdict)
