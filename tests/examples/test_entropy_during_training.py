"""Pieces of the study of entropy in training; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo import diffusion
from tests.helpers import assert_close


def test_no_image_is_both_trained_on_and_held_out(example):
    data = example.digits()
    assert len(data.x) + len(data.held_x) == 1797
    together = np.concatenate([data.x, data.held_x])
    assert len(np.unique(together, axis=0)) == 1797
    assert together.min() == 0
    assert together.max() == 1


def test_a_balanced_sample_has_as_many_of_each_label(example):
    labels = np.random.default_rng(0).permutation(np.arange(200) % 10)
    chosen = example.balanced(labels, 7)
    np.testing.assert_array_equal(np.bincount(labels[chosen]), np.full(10, 7))


def test_a_look_measures_each_layer(example, key):
    trained = example.begin(key)
    model = example.network(trained)
    data = example.digits()
    whole = ((data.x, data.y), (data.held_x, np.asarray(model(data.held_x)).argmax(1)))
    chosen = example.balanced(data.y, 4), example.balanced(data.held_y, 4)
    x = jnp.stack([data.x[chosen[0]], data.held_x[chosen[1]]])
    y = jnp.stack([data.y[chosen[0]], data.held_y[chosen[1]]])
    widths = example.bandwidths(model, x[1])
    seen = example.look(trained, example.Eyes(whole, x, y, 2 * widths))
    assert seen.accuracy[0] < 0.5
    assert seen.accuracy[1] == 1
    for layer, z in enumerate(model.layers(x[1])):
        assert_close(widths[layer], diffusion.median_bandwidth(z))
        for place, factor in ((0, 2.0), (1, 1.0)):
            expected = diffusion.spectral_entropy(z, bandwidth=factor * widths[layer])
            assert_close(seen.entropy[place, layer], expected, scale=10.0)
    for place, layer in ((0, 0), (1, 2)):
        z = model.layers(x[place])[layer]
        expected = diffusion.spectral_mutual_information(
            jax.random.key(0),
            z,
            y[place],
            num_classes=10,
            bandwidth=diffusion.median_bandwidth(z),
        ).value
        assert_close(seen.information[place, layer], expected, scale=10.0)


def test_training_lowers_the_error_and_the_weight_moves_the_entropy(example, key):
    data = example.digits(256)
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)

    def after(weight):
        trained = example.begin(key)
        for _ in range(15):
            trained = train(trained, x, y, jnp.asarray(weight))
        model = example.network(trained)
        z = model.layers(x)[-1]
        width = diffusion.median_bandwidth(z)
        accuracy = jnp.mean(jnp.argmax(model(x), axis=1) == y)
        return accuracy, diffusion.collision_entropy(z, bandwidth=width)

    train = jax.jit(example.train_epoch)
    rewarded, punished = after(-1.0), after(0.3)
    assert punished[0] > 0.5
    assert rewarded[1] > punished[1] + 0.3
