"""EM, fits and given mixtures against definitions and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import gmm
from jaxinfo.gmm import _implicit
from tests.helpers import assert_all_finite, assert_close, assert_trees_close


@pytest.fixture
def mixture(x64):
    trils = np.array([[[1.0, 0.0], [0.5, 0.8]], [[0.7, 0.0], [-0.3, 1.2]]])
    weights = np.array([0.3, 0.7])
    means = np.array([[-1.5, 0.0], [1.5, 1.0]])
    return gmm.GaussianMixture(jnp.log(weights), jnp.asarray(means), jnp.asarray(trils))


@pytest.fixture
def x(mixture):
    return gmm.sample(jax.random.key(3), mixture, num_samples=300)


def test_samples_have_the_mixture_s_em_step(mixture):
    x = gmm.sample(jax.random.key(0), mixture, num_samples=200_000)
    weights = jnp.exp(mixture.log_weights)
    mean = weights @ mixture.means
    covariances = mixture.scale_trils @ jnp.swapaxes(mixture.scale_trils, 1, 2)
    offsets = mixture.means - mean[None]
    outer = offsets[:, :, None] * offsets[:, None, :]
    covariance = jnp.einsum("k,kij->ij", weights, covariances + outer)
    # Five standard errors of a mean, and of a product of two deviations.
    assert_close(jnp.mean(x, axis=0), mean, tolerance=5 * 2 / 200_000**0.5)
    assert_close(jnp.cov(x.T), covariance, tolerance=5 * 6 / 200_000**0.5)


def test_an_absent_component_is_not_drawn_and_does_not_count(mixture, x):
    extra = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:1]]), mixture)
    extra = extra._replace(log_weights=extra.log_weights.at[2].set(-jnp.inf))
    assert_close(gmm.log_prob(extra, x), gmm.log_prob(mixture, x))
    assert np.all(np.asarray(gmm.responsibilities(extra, x)[:, 2]) == 0)
    fits = [gmm.em(start, x) for start in (extra, mixture)]
    assert fits[0].num_steps == fits[1].num_steps
    assert_close(fits[0].log_likelihood, fits[1].log_likelihood)
    assert np.isneginf(fits[0].mixture.log_weights[2])
    assert not fits[0].collapsed[2]


def test_responsibilities_are_shares_of_the_density(mixture, x):
    parts = [
        gmm.log_prob(jax.tree.map(lambda leaf, k=k: leaf[k : k + 1], mixture), x)
        for k in range(2)
    ]
    expected = jnp.exp(jnp.stack(parts, 1) - gmm.log_prob(mixture, x)[:, None])
    assert_close(gmm.responsibilities(mixture, x), expected)


def test_marginal_times_conditional_is_the_joint(mixture):
    point = jnp.array([0.3, -0.7])
    first = gmm.log_prob(gmm.marginal(mixture, dims=(0,)), point[None, :1])
    rest = gmm.log_prob(gmm.condition(mixture, point[:1], dims=(0,)), point[None, 1:])
    assert_close(first + rest, gmm.log_prob(mixture, point[None]))


def test_the_mean_of_pointwise_information_is_the_information(mixture, key):
    x = gmm.sample(key, mixture, num_samples=200_000)
    values = gmm.pointwise_mutual_information(mixture, x[:, :1], x[:, 1:])
    shared = gmm.mixture_mutual_information(key, mixture, dim_x=1)
    error = jnp.std(values) / 200_000**0.5
    assert abs(jnp.mean(values) - shared.value) < 5 * error


def test_entropies_add_up_to_information(mixture, key):
    parts = [gmm.marginal(mixture, dims=dims) for dims in ((0,), (1,), (0, 1))]
    x, y, both = (gmm.mixture_entropy(key, part) for part in parts)
    shared = gmm.mixture_mutual_information(key, mixture, dim_x=1)
    # Each by nodes of its own.
    error = sum(one.standard_error for one in (x, y, both, shared))
    assert abs(x.value + y.value - both.value - shared.value) < error < 1e-4


def test_likelihood_never_falls(mixture, x):
    start = gmm.initialize(jax.random.key(0), x, num_components=3)

    def step(mixture, _):
        result = gmm.em(mixture, x, max_steps=1, regularization=0.0)
        return result.mixture, result.log_likelihood

    _, trace = jax.lax.scan(step, start, None, length=60)
    assert np.all(np.diff(trace) > -1e-13)


def test_integer_weights_repeat_samples(mixture, x):
    counts = np.random.default_rng(0).integers(0, 4, len(x))
    weighted = gmm.em(mixture, x, weights=counts)
    repeated = gmm.em(mixture, jnp.repeat(x, counts, axis=0))
    assert weighted.num_steps == repeated.num_steps
    for one, other in zip(weighted.mixture, repeated.mixture, strict=True):
        assert_close(one, other, scale=100.0)


@pytest.mark.parametrize("block_size", [7, pytest.param(100, marks=pytest.mark.slow)])
def test_blocks_of_rows_change_nothing(mixture, x, block_size):
    def fit(x, block_size=None):
        return gmm.em(mixture, x, max_steps=5, block_size=block_size)

    assert_trees_close(fit(x, block_size), fit(x), scale=10.0)

    def value(x, block_size=None):
        return fit(x, block_size).log_likelihood

    blocked = jax.grad(value)(x, block_size)
    assert_close(blocked, jax.grad(value)(x), scale=10.0)


def test_iterative_and_dense_solutions_agree(mixture, x, monkeypatch):
    fit = gmm.em(mixture, x, tol=1e-12).mixture
    ridge = jnp.full_like(fit.means, 1e-6)
    along = jax.tree.map(
        lambda leaf: jnp.cos(jnp.arange(leaf.size, dtype=x.dtype)).reshape(leaf.shape),
        fit,
    )

    def slope():
        # A new function each time, so that the limit is looked at again.
        @jax.jit
        def pulled(x, weights):
            _, pull = jax.vjp(
                lambda *of: _implicit.attach(fit, *of, ridge, jnp.asarray(2)),
                x,
                weights,
            )
            return pull(along)

        return pulled(x, jnp.ones_like(x[:, 0]))

    dense = slope()
    monkeypatch.setattr(_implicit, "_DENSE_UP_TO", 0)
    for one, other in zip(slope(), dense, strict=True):
        assert_close(one, other, tolerance=1e-9)


def test_a_fit_finds_the_mixture_as_em_from_the_truth_does(mixture, x):
    from_truth = gmm.em(mixture, x, tol=1e-12)
    found = gmm.fit(jax.random.key(0), x, num_components=2)
    assert found.converged
    assert_close(found.log_likelihood, from_truth.log_likelihood, tolerance=1e-8)


@pytest.mark.parametrize("method", ["points", "box", "jitter", "responsibilities"])
def test_every_start_leads_to_a_fit(mixture, x, method):
    start = gmm.initialize(jax.random.key(1), x, num_components=2, method=method)
    assert_close(jnp.sum(jnp.exp(start.log_weights)), 1.0)
    result = gmm.em(start, x, tol=1e-10, max_steps=3000)
    assert result.converged
    best = gmm.em(mixture, x, tol=1e-10).log_likelihood
    assert_close(result.log_likelihood, best, tolerance=1e-6)


def test_lanes_leave_each_other_alone(mixture, x):
    spoilt = x.at[0].set(jnp.nan)
    twins = jnp.repeat(x[:3], 100, axis=0)
    fit = jax.vmap(lambda x: gmm.em(mixture, x))
    together = fit(jnp.stack([x, spoilt, twins]))
    alone = gmm.em(mixture, x)
    good = jax.tree.map(lambda leaf: leaf[0], together)
    assert_trees_close(good, alone, scale=10.0)
    assert np.isnan(together.log_likelihood[1])
    np.testing.assert_array_equal(together.converged[:2], [True, False])
    assert np.any(together.collapsed[2])


@pytest.mark.parametrize("size", [0.0, 1e-12])
def test_more_components_than_samples_collapse(x, size):
    few = jnp.arange(3.0)[:, None] + size
    start = gmm.GaussianMixture(
        jnp.full(4, -jnp.log(4.0)), jnp.arange(4.0)[:, None], jnp.ones((4, 1, 1))
    )
    result = gmm.em(start, few)
    assert np.isfinite(result.log_likelihood)
    assert np.any(result.collapsed)


def test_what_an_absent_component_holds_is_ignored(mixture, x):
    def padded(filler):
        def pad(leaf):
            return jnp.concatenate([leaf, jnp.full_like(leaf[:1], filler)])

        extra = jax.tree.map(pad, mixture)
        return extra._replace(log_weights=extra.log_weights.at[2].set(-jnp.inf))

    for filler in (0.0, jnp.nan):
        extra = padded(filler)
        assert_close(gmm.log_prob(extra, x), gmm.log_prob(mixture, x))
        assert np.all(np.asarray(gmm.responsibilities(extra, x)[:, 2]) == 0)
        values = [
            gmm.mixture_mutual_information(jax.random.key(0), one, dim_x=1).value
            for one in (extra, mixture)
        ]
        assert_close(*values)
        slope = jax.grad(lambda one: jnp.sum(gmm.log_prob(one, x)))(extra)
        assert_all_finite(slope)


def test_points_out_of_all_range_have_no_density():
    mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 2)), jnp.eye(2)[None])
    x = jnp.array([[1e18, 0.0], [1e25, 0.0]])
    log_density = gmm.log_prob(mixture, x)
    assert np.isfinite(log_density[0])
    assert np.isneginf(log_density[1])


@pytest.mark.parametrize("dim", [5, 20])
def test_as_many_samples_as_dimensions_have_no_density(dim):
    start = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, dim)), jnp.eye(dim)[None])
    x = jax.random.normal(jax.random.key(0), (40, dim, dim))
    results = jax.vmap(lambda x: gmm.em(start, x, max_steps=3))(x)
    assert np.all(np.isnan(results.log_likelihood))
    assert not np.any(results.converged)
    one_more = jax.random.normal(jax.random.key(0), (dim + 1, dim), jnp.float32)
    assert np.isfinite(gmm.em(start, one_more, max_steps=3).log_likelihood)
