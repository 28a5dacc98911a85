"""Estimates for many points: their errors, and the errors that they report."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import diffusion
from tests import helpers
from tests.helpers import assert_close

NUMBERS = json.loads((helpers.REFERENCES / "diffusion" / "large_n.json").read_text())
KINDS = ("blobs", "gauss_narrow", "gauss_wide", "swiss", "tree", "uniform")
TIMES = np.array([1.0, 1.5, 2.0, 5.0])
SMALL = {
    "bandwidth": 0.8,
    "diffusion_times": TIMES,
    "subspace_size": 24,
}


def draw(kind, n, seed=7):
    """Points of one kind, from the recipe of the reference numbers."""
    rng = np.random.default_rng(seed)
    if kind.startswith("gauss"):
        return rng.standard_normal((n, 10))
    if kind == "uniform":
        return rng.uniform(-1, 1, (n, 2048))
    if kind == "blobs":
        centres = rng.uniform(-10, 10, (10, 100))
        return centres[np.arange(n) % 10] + rng.standard_normal((n, 100))
    if kind == "swiss":
        angle = 1.5 * np.pi * (1 + 2 * rng.uniform(size=n))
        height = 21 * rng.uniform(size=n)
        roll = np.stack([angle * np.cos(angle), height, angle * np.sin(angle)], 1)
        return roll + 0.3 * rng.standard_normal((n, 3))
    branches = [np.cumsum(rng.uniform(-1, 1, (n // 10, 20)), 0)]
    for _ in range(9):
        fork = branches[0][rng.integers(n // 10)]
        branches.append(np.cumsum(rng.uniform(-1, 1, (n // 10, 20)), 0) + fork)
    return np.concatenate(branches)


def estimate(kind, n, num_keys, dtype=jnp.float32):
    """Estimates with several keys, and the numbers that they are held against."""
    numbers = NUMBERS[f"{kind}_{n}"]
    x = draw(kind, n)
    np.testing.assert_allclose(x.sum(), numbers["sum"])
    np.testing.assert_allclose((x**2).sum(), numbers["sum_of_squares"])
    x = jnp.asarray(x, dtype)
    options = {
        "bandwidth": numbers["bandwidth"],
        "diffusion_times": np.array(numbers["diffusion_times"]),
    }
    runs = [
        diffusion.stochastic_spectral_entropy(key, x, **options)
        for key in jax.random.split(jax.random.key(0), num_keys)
    ]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves).astype(float), *runs)
    return stacked, np.array(numbers["entropy"]), options["diffusion_times"]


def root_mean_square(x):
    return np.sqrt(np.mean(x**2, axis=0))


@pytest.mark.parametrize("kind", ["gauss_narrow", "swiss"])
def test_errors_are_within_those_reported(kind):
    result, exact, times = estimate(kind, 2000, 2)
    error = np.abs(result.value - exact[None])
    assert (error <= 4 * result.standard_error + 5e-5).all()
    assert (error[:, times >= 1] <= 0.02).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_standard_errors_are_calibrated(kind):
    result, exact, times = estimate(kind, 2000, 64)
    error = root_mean_square(result.value - exact[None])
    ratio = error / root_mean_square(result.standard_error)
    is_resolved = (error > 3e-5) & (times >= 1)
    assert (ratio[is_resolved] >= 0.7).all()
    assert (ratio[is_resolved] <= 1.3).all()
    is_within = np.abs(result.value - exact[None]) <= 4 * result.standard_error + 5e-5
    # Errors from sixteen probes have wider tails than a normal law's.
    assert is_within.mean() >= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_errors_at_5000_points(kind):
    result, exact, times = estimate(kind, 5000, 4)
    error = root_mean_square(result.value - exact[None])
    assert (error[(times >= 1) & (times <= 5)] <= 0.01).all()


@jax.jit
def with_many_keys(x, times, alpha):
    """Estimates with 48 keys, and the exact entropy."""
    options = SMALL | {"diffusion_times": times, "alpha": alpha}
    run = functools.partial(diffusion.stochastic_spectral_entropy, x=x, **options)
    exact = diffusion.spectral_entropies(
        x, bandwidths=jnp.full(1, 0.8, x.dtype), diffusion_times=times, alpha=alpha
    )[0]
    return jax.lax.map(run, jax.random.split(jax.random.key(1), 48)), exact


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_many_keys_agree_with_the_spectrum(dtype, alpha):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(200, 2)), dtype)
    result, exact = with_many_keys(x, TIMES, alpha)
    error = root_mean_square(result.value - exact[None])
    reported = root_mean_square(result.standard_error)
    assert (result.num_deflated < 20).all()
    assert ((error < 1.6 * reported) | (error < 3e-5)).all()
    assert ((error > 0.6 * reported) | (error < 3e-5)).all()


@pytest.mark.parametrize("block_size", [1, 7, 1000])
def test_blocks_do_not_matter(block_size):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(60, 3)), jnp.float32)
    run = functools.partial(
        diffusion.stochastic_spectral_entropy, jax.random.key(0), x, alpha=0.5, **SMALL
    )
    whole, blocked = run(), run(block_size=block_size)
    helpers.assert_trees_close(whole, blocked, scale=100.0)


def test_few_points_have_their_spectrum_computed(dtype):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(32, 3)), dtype)
    result = diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **SMALL)
    exact = diffusion.spectral_entropies(
        x, bandwidths=np.array([0.8]), diffusion_times=TIMES
    )[0]
    assert_close(result.value, exact)
    assert (result.standard_error == 0).all()
    assert result.num_deflated == 32


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (np.zeros(60), 0.0),
        (np.repeat([0.0, 1e3], 30), np.log(2)),
        (1e3 * np.arange(60.0), np.log(60)),
    ],
    ids=["one place", "two places", "far apart"],
)
def test_degenerate_spectra(dtype, line, expected):
    x = jnp.asarray(line[:, None] * np.eye(3)[0], dtype)
    for seed in range(4):
        result = diffusion.stochastic_spectral_entropy(jax.random.key(seed), x, **SMALL)
        assert_close(result.value, jnp.full(4, expected, dtype), scale=30.0)
        assert (result.standard_error < 1e-4).all()


@pytest.mark.parametrize("seed", range(3))
def test_every_mode_of_repeated_points_is_found(dtype, seed):
    # Once these modes are in the subspace, images of it have nothing new but rounding.
    places = np.random.default_rng(seed).normal(size=(12, 2))
    x = jnp.asarray(np.repeat(places, 20, axis=0), dtype)
    options = SMALL | {"subspace_size": 64}
    result = diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **options)
    exact = diffusion.spectral_entropies(
        x, bandwidths=np.array([0.8]), diffusion_times=TIMES
    )[0]
    assert_close(result.value, exact, scale=10.0)


def test_rounded_data_keep_their_modes():
    x = jnp.round(jax.random.normal(jax.random.key(1), (600, 3)))
    options = {"bandwidth": 0.8, "diffusion_times": TIMES}
    result = diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **options)
    exact = diffusion.spectral_entropies(
        x, bandwidths=np.array([0.8]), diffusion_times=TIMES
    )[0]
    assert result.num_deflated > 20
    assert_close(result.value, exact, tolerance=5e-5)


@pytest.mark.parametrize("n", [5, 9, 10])
def test_tiny_subspaces(dtype, n):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(n, 2)), dtype)
    options = SMALL | {"subspace_size": 1}
    result = diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **options)
    exact = diffusion.spectral_entropies(
        x, bandwidths=np.array([0.8]), diffusion_times=TIMES
    )[0]
    error = np.abs(result.value - exact)
    assert (error <= 4 * result.standard_error + 5e-5).all()


def test_time_zero_counts_the_points(dtype):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(60, 3)), dtype)
    options = SMALL | {"diffusion_times": np.zeros(4)}
    result = diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **options)
    assert_close(result.value, np.full(4, np.log(60)), scale=10.0)


def test_scale_does_not_matter(dtype):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(60, 3)), dtype)
    run = functools.partial(diffusion.stochastic_spectral_entropy, jax.random.key(0))
    for scale in (1e-18, 1e18):
        scaled = run(scale * x, **SMALL | {"bandwidth": 0.8 * scale})
        # The estimate is the same to its error at least.
        same = run(x, **SMALL)
        gap = np.abs(scaled.value - same.value)
        assert (gap <= 0.1 * same.standard_error + 1e-5).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"bandwidth": 0.0},
        {"bandwidth": np.nan},
        {"alpha": 1.5},
        {"bandwidth": np.inf},
        {"x": np.full((60, 3), np.inf)},
        # Squares overflow, and in many dimensions are subtracted from each other.
        {"x": 1e25 * np.arange(540.0).reshape(60, 9)},
    ],
)
def test_nonsense_gives_nan(wrong):
    x = jnp.asarray(wrong.get("x", np.ones((60, 3))), jnp.float32)
    options = SMALL | {name: wrong[name] for name in wrong if name != "x"}
    result = diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **options)
    assert jnp.isnan(result.value).all()
    assert jnp.isnan(result.standard_error).all()


def test_a_negative_time_leaves_the_others_alone():
    x = jax.random.normal(jax.random.key(0), (60, 3))
    options = SMALL | {"diffusion_times": np.array([-1.0, 1.0, 2.0, -3.0])}
    result = diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **options)
    np.testing.assert_array_equal(jnp.isnan(result.value), [True, False, False, True])


def test_gradients_are_zero():
    x = jax.random.normal(jax.random.key(0), (60, 3))
    gradient = jax.grad(
        lambda x: jnp.sum(
            diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **SMALL).value
        )
    )(x)
    assert (gradient == 0).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_probes": 1}, "`num_probes` to be at least 2, got 1"),
        ({"subspace_size": 0}, "`subspace_size` to be at least 1, got 0"),
        ({"block_size": 0}, "`block_size` to be at least 1, got 0"),
        ({"diffusion_times": 1.0}, r"`diffusion_times` to have shape \(t,\), got \(\)"),
        ({"bandwidth": np.ones(40)}, r"`bandwidth` to have shape \(\)"),
    ],
)
def test_names_what_is_wrong(wrong, message):
    x = jnp.ones((40, 2))
    with pytest.raises(ValueError, match=message):
        diffusion.stochastic_spectral_entropy(jax.random.key(0), x, **SMALL | wrong)


def test_memory_of_a_hundred_thousand_points():
    run = functools.partial(
        diffusion.stochastic_spectral_entropy, bandwidth=1.0, diffusion_times=TIMES
    )
    x = jax.ShapeDtypeStruct((100_000, 10), jnp.float32)
    compiled = jax.jit(run).lower(jax.random.key(0), x).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 2**31


def test_exact_functions_point_to_the_estimate():
    x = jax.ShapeDtypeStruct((46341, 2), jnp.float32)
    entropy = functools.partial(diffusion.spectral_entropy, bandwidth=1.0)
    with pytest.raises(ValueError, match=r"8589953124 bytes.*`stochastic_"):
        jax.eval_shape(entropy, x)
