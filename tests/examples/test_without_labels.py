"""Pieces of the example of learning without labels; the whole of it runs in CI."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jaxinfo import diffusion
from tests.helpers import assert_close


def test_a_view_shifts_dims_and_blurs_an_image(example, key):
    image = jnp.zeros((example.SIDE, example.SIDE)).at[5, 5].set(1.0)
    x = jnp.broadcast_to(image.ravel(), (500, image.size))
    seen = np.asarray(example.view(key, x)).reshape(500, *image.shape)
    places = {np.unravel_index(one.argmax(), one.shape) for one in seen}
    assert places == {(i, j) for i in (4, 5, 6) for j in (4, 5, 6)}
    assert 0.6 < seen.max(axis=(1, 2)).mean() < 1.0
    assert 0.09 < seen[:, 10:, 10:].std() < 0.11


def test_contrast_is_lost_on_views_that_all_look_alike(example, key):
    """Told apart from 2n - 1 views by chance, a partner costs their logarithm."""
    model = example.Network(rngs=nnx.Rngs(0))
    model.projection.kernel[...] = jnp.zeros_like(model.projection.kernel[...])
    model.projection.bias[...] = jnp.ones_like(model.projection.bias[...])
    x = jax.random.uniform(key, (8, example.NUM_PIXELS))
    assert_close(model.contrast_loss(key, x, jnp.zeros(8, int)), jnp.log(15.0))


def test_both_sets_have_ten_classes_and_no_image_twice(example):
    settings = example.QUICK
    for data in (example.digits(settings), example.sprites(settings)):
        assert data.x.shape == (settings.num_training, example.NUM_PIXELS)
        assert data.held_x.shape == (settings.num_points, example.NUM_PIXELS)
        assert set(data.held_y) == set(data.y) == set(range(10))
        assert set(data.clusters) <= set(range(10))
        both = np.concatenate([data.x, data.held_x])
        assert len(np.unique(both, axis=0)) == len(both)
        assert both.min() >= 0
        assert both.max() <= 1


def test_a_look_is_what_the_library_says_of_each_layer(example):
    data = example.digits(example.QUICK)._replace(name=None)
    data = jax.tree.map(lambda x: jnp.asarray(x[:40]), data)
    params, _ = example.begin(jax.random.key(0))
    widths = example.bandwidths(params, data.held_x)
    seen = example.look(params, data, 2 * widths)
    layers = nnx.merge(example.GRAPH, params).layers(data.held_x)
    assert_close(widths[1], diffusion.median_bandwidth(layers[1]))
    for at, scale in enumerate((2, 1)):
        expected = diffusion.spectral_entropy(layers[1], bandwidth=scale * widths[1])
        assert_close(seen.entropy[at, 1], expected)
    information = diffusion.spectral_mutual_information(
        jax.random.key(0),
        layers[2],
        data.clusters,
        num_classes=10,
        bandwidth=widths[2],
    ).value
    assert_close(seen.information[1, 2], information, tolerance=1e-4)
