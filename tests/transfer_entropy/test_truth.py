"""Transfer entropy of processes whose law is known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import transfer_entropy
from jaxinfo.transfer_entropy import Timing
from tests.helpers import assert_close, assert_within_standard_errors, load_json

ANALYTIC = load_json("transfer_entropy", "values")["analytic"]
T = 20_000


def flips(rng, probability):
    return (rng.random(T) < probability).astype(int)


def copied_with_noise(rng):
    x = flips(rng, 0.5)
    return x, np.append(0, x[:-1]) ^ flips(rng, 0.1)


def exclusive_or(rng):
    x, noise = flips(rng, 0.5), flips(rng, 0.25)
    y = np.zeros(T, int)
    for n in range(1, T):
        y[n] = x[n - 1] ^ y[n - 1] ^ noise[n]
    return x, y


def sometimes_copied(rng):
    x, copies = flips(rng, 0.5), flips(rng, 0.5)
    y = np.zeros(T, int)
    for n in range(1, T):
        y[n] = x[n - 1] if copies[n] else y[n - 1]
    return x, y


@functools.cache
def drawn(process):
    return process(np.random.default_rng(0))


@pytest.mark.parametrize(
    ("process", "name"),
    [
        (copied_with_noise, "bsc: p=0.1, x->y, any histories"),
        (exclusive_or, "nxor: q=0.25, x->y"),
        (sometimes_copied, "mix: c=0.5, x->y, any target history"),
    ],
)
def test_values_are_true_within_four_errors(process, name):
    x, y = drawn(process)
    for timing in (Timing(), Timing(target_history=2)):
        local = transfer_entropy.local_discrete(x, y, num_symbols=2, timing=timing)
        error = np.std(local) / np.sqrt(len(local))
        value = transfer_entropy.discrete(x, y, num_symbols=2, timing=timing)
        assert_close(value, np.asarray(local, float).mean(), tolerance=1e-5)
        # The plug-in value is high by its degrees of freedom over 2 N.
        value = value - 2 * timing.target_history / (2 * T)
        assert_within_standard_errors(value, error, ANALYTIC[name], number=4)


def test_an_exclusive_or_tells_nothing_alone():
    x, y = drawn(exclusive_or)
    lagged = Timing(target_history=0)
    value = transfer_entropy.discrete(x, y, num_symbols=2, timing=lagged)
    assert value < 10 / (2 * T)


def test_a_common_driver_explains_what_it_drives():
    driver = drawn(copied_with_noise)[0]
    rng = np.random.default_rng(1)
    x = np.append(0, driver[:-1]) ^ flips(rng, 0.1)
    y = np.append([0, 0], driver[:-2]) ^ flips(rng, 0.1)
    assert transfer_entropy.discrete(x, y, num_symbols=2) > 0.1
    given = transfer_entropy.conditional(
        x,
        y,
        driver[:, None],
        num_symbols=2,
        timing=Timing(condition_lag=2),
    )
    assert given < 20 / (2 * T)


def test_a_markov_chain_has_the_value_of_its_stationary_law(x64):
    transition = np.random.default_rng(0).dirichlet(np.full(9, 0.5), size=9)
    values, vectors = np.linalg.eig(transition.T)
    law = np.real(vectors[:, np.argmax(np.real(values))])
    joint = ((law / law.sum())[:, None] * transition).reshape(3, 3, 3, 3)
    p = joint.sum(2)  # x, y, y'
    expected = np.sum(
        p * np.log(p * p.sum((0, 2))[None, :, None] / (p.sum(2)[..., None] * p.sum(0)))
    )
    states = [0]
    rng = np.random.default_rng(1)
    draws, cumulative = rng.random(T), transition.cumsum(1)
    for draw in draws:
        states.append(int(np.searchsorted(cumulative[states[-1]], draw)))
    x, y = np.divmod(np.minimum(states, 8), 3)
    local = transfer_entropy.local_discrete(x, y, num_symbols=3)
    error = np.std(local) / np.sqrt(len(local))
    value = transfer_entropy.discrete(x, y, num_symbols=3, estimator="miller_madow")
    assert_within_standard_errors(value, error, expected, number=4)


def test_what_is_stored_is_not_transferred(x64):
    y = np.arange(4002) // 2 % 2
    x = np.roll(y, -1)
    assert_close(
        transfer_entropy.discrete(x, y, num_symbols=2), np.log(2), tolerance=1e-3
    )
    longer = Timing(target_history=2)
    stored = transfer_entropy.discrete(x, y, num_symbols=2, timing=longer)
    assert_close(stored, 0.0)


@pytest.fixture(scope="module")
def autoregressive():
    rng, t = np.random.default_rng(0), 20_000
    noise = rng.normal(size=(t, 2)) * [1, np.sqrt(0.5)]
    series = np.zeros((t, 2))
    for n in range(1, t):
        series[n] = np.array([[0.6, 0], [0.5, 0.4]]) @ series[n - 1] + noise[n]
    return series[:, :1], series[:, 1:]


@pytest.mark.parametrize("length", [1, 2])
def test_gaussian_value_of_an_autoregressive_process(x64, autoregressive, length):
    timing = Timing(target_history=length, source_history=length)
    x, y = autoregressive
    local = transfer_entropy.local_gaussian(x, y, timing=timing)
    value = transfer_entropy.gaussian(x, y, timing=timing)
    assert_close(value, np.mean(local), scale=1e4)
    error = np.std(local) / np.sqrt(len(local))
    expected = ANALYTIC[f"var2 0->1, k={length},l={length}"]
    assert_within_standard_errors(value, error, expected, number=4)
    back = transfer_entropy.gaussian(y, x, timing=timing)
    assert 0 <= back < 10 * length / len(x)


def test_affine_maps_change_nothing_gaussian(autoregressive):
    x, y = (jnp.asarray(one[:300], jnp.float32) for one in autoregressive)
    expected = transfer_entropy.gaussian(x, y)
    for scale in (1e-15, 1e15):
        moved = transfer_entropy.gaussian(scale * x, scale * (3 - y))
        assert_close(moved, expected, scale=100.0)


def test_scales_whose_squares_leave_the_range_do_not_matter(autoregressive):
    x, y = (jnp.asarray(one[:300], jnp.float32) for one in autoregressive)
    for fn in (transfer_entropy.kernel, transfer_entropy.neighbors):
        expected = fn(x, y)
        for scale in (2.0**-80, 2.0**66):
            assert_close(fn(scale * x, scale * y), expected, scale=10.0)


def test_constant_series_transfer_nothing(autoregressive):
    x, y = (jnp.asarray(one[:300], jnp.float32) for one in autoregressive)
    # The means of equal numbers may round.
    for one, other in ((0.1, 0.3), (0.7, 0.2), (1.1, 3.3)):
        source, target = jnp.full_like(x, one), jnp.full_like(y, other)
        for history in (0, 1):
            timing = Timing(target_history=history)
            assert transfer_entropy.gaussian(source, target, timing=timing) == 0
    for source, target in ((0 * x, y), (x, 0 * y + 3)):
        assert transfer_entropy.gaussian(source, target) == 0
        assert transfer_entropy.kernel(source, target) == 0
    np.testing.assert_array_equal(
        jax.grad(transfer_entropy.gaussian)(jnp.ones_like(x), y), 0
    )
    assert transfer_entropy.symbolic(0 * x[:, 0], y[:, 0]) == 0
    zeros = np.zeros(300, int)
    for source in (zeros, np.arange(300) % 2):
        assert transfer_entropy.discrete(source, zeros, num_symbols=2) == 0


def test_a_mixture_of_one_component_is_gaussian(x64, autoregressive, key):
    from jaxinfo import gmm

    x, y = (one[:300] for one in autoregressive)
    result = transfer_entropy.mixture(
        key,
        x,
        y,
        fitting=gmm.Fitting(max_components=1, regularization=0.0),
        sampling=gmm.Sampling(num_replicates=0),
    )
    assert_close(result.value, transfer_entropy.gaussian(x, y), tolerance=1e-8)


def test_a_series_tells_itself_nothing():
    x = drawn(sometimes_copied)[1]
    assert_close(transfer_entropy.discrete(x, x, num_symbols=2), 0.0)


def test_information_is_chained():
    x, y = drawn(copied_with_noise)
    z = drawn(exclusive_or)[1]
    options = {"num_symbols": 2}
    both = transfer_entropy.joint_symbols(np.stack([x, z], 1), num_symbols=2)
    joint = transfer_entropy.discrete(both, y, num_source_symbols=4, **options)
    first = transfer_entropy.discrete(x, y, **options)
    second = transfer_entropy.conditional(z, y, x[:, None], **options)
    assert_close(joint, first + second, scale=10.0)


def test_small_values_of_many_samples_keep_their_digits():
    x, y = np.random.default_rng(0).integers(0, 2, (2, 200_000))
    for estimator in ("plugin", "grassberger"):
        # Of few symbols by a table, of many by sorting.
        single = [
            transfer_entropy.discrete(x, y, num_symbols=number, estimator=estimator)
            for number in (2, 80)
        ]
        with jax.enable_x64(True):
            expected = float(
                transfer_entropy.discrete(x, y, num_symbols=2, estimator=estimator)
            )
        assert abs(expected) < 1e-4
        for value, bound in zip(single, (1e-10, 1e-8), strict=True):
            assert_close(value, expected, tolerance=bound)


def test_names_of_symbols_and_order_of_samples_do_not_matter():
    x, y = np.random.default_rng(0).integers(0, 3, (2, 500))
    expected = transfer_entropy.discrete(x, y, num_symbols=3)
    renamed = transfer_entropy.discrete(2 - x, (y + 1) % 3, num_symbols=3)
    assert_close(renamed, expected)
    instantaneous = Timing(target_history=0, lag=0)
    order = np.random.default_rng(1).permutation(500)
    one, other = (
        transfer_entropy.discrete(a, b, num_symbols=3, timing=instantaneous)
        for a, b in ((x, y), (x[order], y[order]))
    )
    assert one == other
