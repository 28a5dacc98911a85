"""Activations of Flax models, inside and outside of a compiled step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxinfo import information_plane, transfer_entropy


@pytest.fixture(autouse=True)
def promotion():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


class Encoder(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(3, 4, rngs=rngs)
        self.heads = nnx.Linear(4, 4, rngs=rngs)

    def __call__(self, x):
        mean, log_variance = jnp.split(self.heads(jnp.tanh(self.hidden(x))), 2, -1)
        return {"mean": mean, "log_variance": log_variance}


class Model(nnx.Module):
    def __init__(self, rngs):
        self.encoder = Encoder(rngs)
        self.shared = nnx.Linear(2, 2, rngs=rngs)

    def __call__(self, x):
        return self.shared(jnp.tanh(self.shared(self.encoder(x)["mean"])))


@pytest.fixture
def model():
    return Model(nnx.Rngs(0))


def test_outputs_have_dotted_names(model):
    x = jnp.ones((5, 3))
    layers = information_plane.capture(model, x)
    assert set(layers) == {
        "encoder.hidden",
        "encoder.heads",
        "encoder.mean",
        "encoder.log_variance",
        "shared.0",
        "shared.1",
        "output",
    }
    np.testing.assert_array_equal(layers["output"], model(x))
    np.testing.assert_array_equal(layers["encoder.hidden"], model.encoder.hidden(x))
    applied = information_plane.capture(
        model, x, activation_fns={"encoder.hidden": jnp.tanh}
    )
    expected = np.tanh(layers["encoder.hidden"])
    np.testing.assert_allclose(applied["encoder.hidden"], expected, rtol=1e-6)
    with pytest.raises(
        ValueError, match=r"to name outputs, .*'output'.*, got 'decoder'"
    ):
        information_plane.capture(model, x, activation_fns={"decoder": jnp.tanh})
    with pytest.raises(TypeError, match=r"`model` to be an nnx.Module, got function"):
        information_plane.capture(lambda x: x, x)


def test_models_that_take_more_than_one_input():
    class Sampling(nnx.Module):
        def __init__(self):
            self.encoder = nnx.Linear(3, 2, rngs=nnx.Rngs(0))

        def __call__(self, x, key, *, scale):
            mean = self.encoder(x)
            return mean + scale * jax.random.normal(key, mean.shape)

    x, key, model = jnp.ones((5, 3)), jax.random.key(0), Sampling()
    layers = information_plane.capture(model, x, key, scale=0.5)
    np.testing.assert_array_equal(layers["encoder"], model.encoder(x))
    np.testing.assert_array_equal(layers["output"], model(x, key, scale=0.5))


def test_a_module_called_output_is_not_lost():
    class Classifier(nnx.Module):
        def __init__(self, rngs):
            self.output = nnx.Linear(3, 2, rngs=rngs)

        def __call__(self, x):
            return nnx.softmax(self.output(x))

    model, x = Classifier(nnx.Rngs(0)), jnp.ones((5, 3))
    layers = information_plane.capture(model, x)
    np.testing.assert_array_equal(layers["output.__call__"], model.output(x))
    np.testing.assert_array_equal(layers["output"], model(x))


def test_a_training_step_with_capture_and_counts_is_traced_once(model):
    optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    x = jax.random.normal(jax.random.key(0), (20, 3))
    y = x[:, :2] ** 2
    state = transfer_entropy.stream_init(
        num_sources=4, num_targets=2, num_symbols=2, num_replications=20
    )
    traces = []

    @nnx.jit
    def step(model, optimizer, state):
        traces.append(1)

        def loss_fn(model):
            layers = information_plane.capture(
                model, x, activation_fns={"encoder.hidden": jnp.tanh}
            )
            return jnp.mean((layers["output"] - y) ** 2), layers

        (loss, layers), slopes = nnx.value_and_grad(loss_fn, has_aux=True)(model)
        optimizer.update(model, slopes)
        state = transfer_entropy.stream_update(
            state, layers["encoder.hidden"][None] > 0, layers["output"][None] > 0
        )
        plane = information_plane.binned(
            layers["encoder.hidden"], y[:, 0] > 1, num_classes=2
        )
        return state, loss, plane

    losses = []
    for _ in range(100):
        state, loss, plane = step(model, optimizer, state)
        losses.append(loss)
    assert len(traces) == 1
    assert losses[-1] < losses[0]
    assert state.counts.sum() == 99 * 20 * 4 * 2
    assert np.isfinite(plane.information_x)
    assert np.all(np.isfinite(transfer_entropy.stream_value(state)))


def test_positions_become_features_rows_or_their_mean():
    x = jnp.arange(24.0).reshape(2, 2, 2, 3)
    flatten = information_plane.flatten
    assert flatten(x).shape == (2, 12)
    np.testing.assert_array_equal(flatten(x, space="mean"), x.mean((1, 2)))
    np.testing.assert_array_equal(flatten(x, space="samples"), x.reshape(-1, 3))
    assert flatten(jnp.arange(3.0)).shape == (3, 1)


def test_metrics_hold_what_the_functions_give(key):
    from jaxinfo import metrics

    estimator = functools.partial(
        information_plane.binned, num_classes=2, bin_width=0.5
    )
    plane = metrics.InformationPlane(
        buffer_size=12, num_features=2, num_classes=2, coordinates_fn=estimator
    )
    x = jax.random.normal(key, (40, 2))
    labels = (x[:, 0] > 0).astype(int)
    mask = jnp.arange(40) % 3 > 0
    update = nnx.jit(
        lambda plane, x, labels, mask: plane.update(
            activations=x, labels=labels, mask=mask
        )
    )
    for start in range(0, 40, 8):
        rows = slice(start, start + 8)
        update(plane, x[rows], labels[rows], mask[rows])
        if start == 0:
            assert np.isnan(plane.compute().information_x)
            assert np.isnan(plane.compute().label_entropy)
    latest = np.flatnonzero(mask)[-12:]
    expected = estimator(x[latest], labels[latest])
    assert plane.compute().information_y == expected.information_y
    # A batch that is larger than the ring leaves its last rows.
    plane.update(activations=x, labels=labels)
    expected = estimator(x[-12:], labels[-12:])
    assert plane.compute().information_x == expected.information_x
    # Labels that are no class, though the estimator has room for them.
    plane = metrics.InformationPlane(
        buffer_size=12, num_features=2, num_classes=1, coordinates_fn=estimator
    )
    plane.update(activations=x, labels=labels)
    assert np.isfinite(plane.compute().information_x)
    assert np.isnan(plane.compute().information_y)
    plane.reset()
    assert np.isnan(plane.compute().information_x)
    assert np.isnan(plane.compute().label_entropy)


def test_transfer_over_training_has_the_null_of_permuted_probes(key):
    from jaxinfo import metrics

    options = {"num_sources": 3, "num_targets": 2, "num_symbols": 2}
    transfer = metrics.TransferEntropy(
        key, num_replications=30, num_surrogates=19, **options
    )
    x, y = np.random.default_rng(0).integers(0, 2, (2, 25, 30, 3))
    y = y[..., :2]
    y[1:, :, 0] = x[:-1, :, 2]
    update = nnx.jit(lambda transfer, x, y: transfer.update(sources=x, targets=y))
    for now_x, now_y in zip(x, y, strict=True):
        update(transfer, now_x, now_y)
    result = transfer.compute()
    expected = transfer_entropy.ensemble_pairwise(x, y, num_symbols=2)
    np.testing.assert_allclose(result.value, expected, rtol=1e-6)
    assert result.p_value[2, 0] == np.float32(1 / 20)
    nulls = [
        transfer_entropy.ensemble_pairwise(x[:, order], y, num_symbols=2)
        for order in np.asarray(transfer.orders[...])[1:]
    ]
    np.testing.assert_allclose(result.null_mean, np.mean(nulls, 0), rtol=1e-4)
    transfer.boundary()
    transfer.reset()
    assert np.all(np.isnan(transfer.compute().value))
