"""Default estimates against the truth, and those of one component in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import gmm
from tests import helpers
from tests.helpers import assert_close

ONE = {
    "fitting": gmm.Fitting(max_components=1, regularization=0.0),
    "sampling": gmm.Sampling(num_replicates=0),
}


@pytest.fixture
def blocks(x64):
    x = np.random.default_rng(0).normal(size=(60, 4))
    x = x + 0.8 * x[:, :1]
    return x, np.cov(x.T, bias=True)


def log_det(covariance, *dims):
    part = covariance[np.ix_(dims, dims)]
    return np.linalg.slogdet(part)[1]


def test_one_component_gives_the_gaussian_formulas(blocks, key):
    x, c = blocks
    shared = gmm.mutual_information(key, x[:, :2], x[:, 2:], **ONE)
    expected = log_det(c, 0, 1) + log_det(c, 2, 3) - log_det(c, 0, 1, 2, 3)
    assert_close(shared.value, expected / 2, scale=10.0)
    given = gmm.conditional_mutual_information(
        key, x[:, :1], x[:, 1:2], x[:, 2:], **ONE
    )
    expected = log_det(c, 0, 2, 3) + log_det(c, 1, 2, 3)
    expected = expected - log_det(c, 2, 3) - log_det(c, 0, 1, 2, 3)
    assert_close(given.value, expected / 2, scale=10.0)
    entropy = gmm.entropy(key, x, **ONE)
    expected = (4 * np.log(2 * np.pi * np.e) + log_det(c, 0, 1, 2, 3)) / 2
    assert_close(entropy.value, expected, scale=10.0)
    for result in (shared, given, entropy):
        assert result.integration_error == 0
        assert result.converged


def test_one_component_gives_the_gaussian_divergence(blocks, key):
    x, _ = blocks
    one, other = x[:, :2], 3 * x[:, 2:] + 1
    for p, q in ((one, other), (other, one)):
        result = gmm.marginal_kl_divergence(key, p, q, **ONE)
        (m_p, c_p), (m_q, c_q) = ((z.mean(0), np.cov(z.T, bias=True)) for z in (p, q))
        inverse = np.linalg.inv(c_q)
        expected = np.trace(inverse @ c_p) + (m_q - m_p) @ inverse @ (m_q - m_p) - 2
        expected = expected + np.linalg.slogdet(c_q)[1] - np.linalg.slogdet(c_p)[1]
        assert_close(result.value, expected / 2, scale=10.0)


def estimate_where_the_reference_stops(dtype):
    numbers = helpers.load("gmm", "collapse")
    x = jnp.asarray(numbers["x"], dtype)
    result = gmm.mutual_information(jax.random.key(0), x[:, :1], x[:, 1:])
    assert abs(result.value - numbers["truth"]) <= 0.2
    assert np.isfinite(result.standard_error)
    assert result.standard_error > 0
    return result


def test_the_set_that_stops_the_reference_has_a_value():
    # A component on two rows has a likelihood that rounds by more than the tolerance of
    # EM in single precision: whether the fit converges depends on the machine.
    result = estimate_where_the_reference_stops(jnp.float32)
    assert result.num_failed <= 2


@pytest.mark.slow
def test_the_set_that_stops_the_reference_converges_in_double_precision(x64):
    result = estimate_where_the_reference_stops(jnp.float64)
    assert result.converged
    assert result.num_failed == 0


@pytest.mark.parametrize(
    "name",
    ["gammaexp_a1p0_N500", "gauss_rho0p3_N500", "mix4_N500", "weinman_a1p0_N500"],
)
def test_default_estimates_are_within_four_deviations(key, name):
    numbers = helpers.load("gmm", f"pipeline_{name}")
    x = jnp.asarray(numbers["x"], jnp.float32)
    result = gmm.mutual_information(key, x[:, :1], x[:, 1:])
    assert abs(result.value - numbers["truth"]) <= 4 * result.standard_error


def test_a_bimodal_class_is_found(key):
    # The reference stops beside a saddle, at 0.258.
    numbers = helpers.load("gmm", "classes_cat2_bimodal_N1000")
    x = jnp.asarray(numbers["x"], jnp.float32)[:, None]
    result = gmm.class_mutual_information(
        key,
        x,
        numbers["labels"],
        num_classes=2,
        fitting=gmm.Fitting(max_components=4),
        sampling=gmm.Sampling(num_replicates=0),
    )
    assert abs(result.plugin - numbers["truth"]) <= 0.05


def test_gradient_of_an_estimate_equals_finite_differences(x64, key):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 150, 1)) + 1.7 * rng.choice([-1, 1], size=(1, 150, 1))
    along = rng.normal(size=(2, 150, 1))

    def numbers(t):
        result = gmm.mutual_information(
            key,
            x + t * along[0],
            y + t * along[1],
            fitting=gmm.Fitting(max_components=3),
            sampling=gmm.Sampling(num_replicates=0),
        )
        estimated = jnp.stack([result.value, result.jackknife_error])
        return estimated, (estimated, result.num_components)

    values_and_slopes = jax.jit(jax.jacrev(numbers, has_aux=True))
    # Rounding decides whether the last Newton step is taken: values jump by 4e-10.
    step = 1e-4
    slope, (_, number) = values_and_slopes(0.0)
    assert number > 1
    ahead, behind = (values_and_slopes(t)[1][0] for t in (step, -step))
    difference = (ahead - behind) / (2 * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("law", ["exponential", "lognormal"])
def test_the_test_of_independence_keeps_its_level(law):
    rng = np.random.default_rng(0)
    x, y = getattr(rng, law)(size=(2, 100, 100, 1)).astype(np.float32)

    def p_value(of):
        key, x, y = of
        return gmm.independence_test(key, x, y, num_permutations=19).p_value

    keys = jax.random.split(jax.random.key(0), 100)
    p_values = jax.jit(lambda *of: jax.lax.map(p_value, of))(keys, x, y)
    # Three deviations of the share of rejections at 5 and at 10 %.
    assert np.mean(p_values <= 0.05) < 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
    assert np.mean(p_values <= 0.1) < 0.1 + 3 * (0.1 * 0.9 / 100) ** 0.5
