"""Metrics of Flax: their sample, their values, and one trace for all steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxinfo import diffusion, metrics
from tests import helpers
from tests.helpers import assert_close

OPTIONS = {"num_features": 3, "bandwidth": 1.0}


@pytest.fixture(autouse=True)
def flax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def entropy(**options):
    return metrics.SpectralEntropy(
        jax.random.key(0), **{"buffer_size": 40} | OPTIONS | options
    )


def information(**options):
    return metrics.SpectralMutualInformation(
        jax.random.key(0),
        **{"buffer_size": 40, "num_classes": 3} | OPTIONS | options,
    )


def batches(number, size=10):
    """Rows whose first entry is their place in the stream, and labels."""
    rows = np.random.default_rng(0).normal(size=(number, size, 3)).astype(np.float32)
    return rows, np.arange(number * size).reshape(number, size) % 3


@pytest.mark.parametrize("number", [1, 4])
def test_of_all_rows_while_they_fit(number):
    rows, labels = batches(number)
    of_rows, with_labels = entropy(), information()
    for x, y in zip(rows, labels, strict=True):
        of_rows.update(x=x)
        with_labels.update(x=x, labels=y)
    x, y = rows.reshape(-1, 3), labels.ravel()
    assert_close(of_rows.compute(), diffusion.spectral_entropy(x, bandwidth=1.0))
    expected = diffusion.spectral_mutual_information(
        jax.random.key(1), x, y, num_classes=3, bandwidth=1.0
    )
    result = with_labels.compute()
    assert_close(result.class_entropies, expected.class_entropies)
    np.testing.assert_array_equal(result.class_sizes, expected.class_sizes)
    helpers.assert_within_standard_errors(
        result.value,
        np.hypot(result.standard_error, expected.standard_error),
        expected.value,
    )


def test_options_reach_the_measure():
    (rows,), (labels,) = batches(1, 40)
    options = {"bandwidth": 0.7, "diffusion_time": 3.0, "alpha": 0.5}
    of_rows, with_labels = entropy(**options), information(**options, num_repetitions=9)
    of_rows.update(x=rows)
    with_labels.update(x=rows, labels=labels)
    assert_close(of_rows.compute(), diffusion.spectral_entropy(rows, **options))
    expected = diffusion.spectral_mutual_information(
        jax.random.key(1), rows, labels, num_classes=3, num_repetitions=9, **options
    )
    assert_close(with_labels.compute().class_entropies, expected.class_entropies)


def test_keeps_every_row_equally_often():
    rows = np.arange(60, dtype=np.float32).reshape(6, 10, 1)

    @jax.jit
    @jax.vmap
    def kept(key):
        metric = metrics.SpectralEntropy(
            key, buffer_size=15, num_features=1, bandwidth=1.0
        )
        for x in rows:
            metric.update(x=x)
        return metric.reservoir.rows[...][:, 0].astype(int)

    number = 1000
    sample = np.asarray(kept(jax.random.split(jax.random.key(0), number)))
    assert all(len(set(one)) == 15 for one in sample)
    counts = np.bincount(sample.ravel(), minlength=60)
    chance = 15 / 60
    deviation = (number * chance * (1 - chance)) ** 0.5
    assert np.abs(counts - number * chance).max() < 4.5 * deviation


def test_mask_leaves_rows_out():
    rows, labels = batches(2)
    mask = np.arange(10) < 7
    rows[:, 7:] = np.nan
    of_rows, with_labels = entropy(), information()
    for x, y in zip(rows, labels, strict=True):
        of_rows.update(x=x, mask=mask)
        with_labels.update(x=x, labels=np.where(mask, y, 99), mask=mask)
    x = rows[:, :7].reshape(-1, 3)
    assert_close(of_rows.compute(), diffusion.spectral_entropy(x, bandwidth=1.0))
    result = with_labels.compute()
    assert result.class_sizes.sum() == 14
    assert jnp.isfinite(result.value)


def test_nothing_seen_is_nan_and_reset_forgets():
    (rows,), (labels,) = batches(1)
    of_rows, with_labels = entropy(), information()
    assert jnp.isnan(of_rows.compute())
    assert jnp.isnan(with_labels.compute().value)
    of_rows.update(x=rows)
    with_labels.update(x=rows, labels=labels)
    assert jnp.isfinite(of_rows.compute())
    of_rows.reset()
    with_labels.reset()
    assert jnp.isnan(of_rows.compute())
    assert jnp.isnan(with_labels.compute().value)


def test_one_trace_for_all_steps_beside_other_metrics():
    rows, labels = batches(8)
    together = nnx.MultiMetric(
        loss=nnx.metrics.Average("loss"),
        hidden=entropy(argname="hidden"),
        information=information(argname="hidden"),
    )
    traces = []

    @nnx.jit
    def step(together, x, y):
        traces.append(None)
        together.update(loss=jnp.mean(x), hidden=x, labels=y)

    for x, y in zip(rows, labels, strict=True):
        step(together, x, y)
    assert len(traces) == 1
    values = nnx.jit(lambda together: together.compute())(together)
    assert values["information"].class_sizes.sum() == 40
    direct = together.compute()
    assert_close(values["hidden"], direct["hidden"])
    assert 0 < values["hidden"] < np.log(40)


@pytest.mark.parametrize("make", [entropy, information])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"buffer_size": 0}, "`buffer_size` to be at least 1, got 0"),
        ({"num_features": 0}, "`num_features` to be at least 1, got 0"),
    ],
)
def test_names_a_wrong_size(make, wrong, message):
    with pytest.raises(ValueError, match=message):
        make(**wrong)


def test_names_what_an_update_lacks():
    metric = information(argname="hidden")
    rows, labels = np.ones((4, 3), np.float32), np.zeros(4, int)
    with pytest.raises(TypeError, match="keyword argument `hidden`, got `x`"):
        metric.update(x=rows, labels=labels)
    with pytest.raises(TypeError, match="keyword argument `labels`, got `hidden`"):
        metric.update(hidden=rows)
    with pytest.raises(ValueError, match=r"`hidden` to have shape \(b, d\) with d = 3"):
        metric.update(hidden=np.ones((4, 2), np.float32), labels=labels)
    with pytest.raises(ValueError, match=r"`labels` to have shape \(b,\) with b = 4"):
        metric.update(hidden=rows, labels=labels[:2])
    with pytest.raises(TypeError, match="`mask` to hold booleans"):
        metric.update(hidden=rows, labels=labels, mask=np.ones(4, np.float32))
