"""Stand-ins with the attributes that each library gives its distributions."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.helpers import assert_close

N, D = 4, 2


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    means, log_variances = rng.normal(size=(2, N, D)).astype(np.float32)
    trils = np.tril(0.3 * rng.normal(size=(N, D, D))) + np.eye(D)
    return means, log_variances, trils.astype(np.float32)


def distribution(name, module, **attributes):
    return type(name, (), {"__module__": module, **attributes})()


def test_pairs_are_means_and_log_variances(arrays):
    means, log_variances, _ = arrays
    for pair in ((means, log_variances), [means, log_variances]):
        result = fingerprint.gaussian_parameters(pair)
        assert isinstance(result, fingerprint.DiagonalGaussian)
        assert_close(result.log_variances, log_variances)


def test_named_tuples_say_what_they_hold(arrays):
    means, log_variances, _ = arrays
    posterior = collections.namedtuple("Posterior", ["mean", "standard_deviation"])
    result = fingerprint.gaussian_parameters(
        posterior(means, np.exp(log_variances / 2))
    )
    assert_close(result.log_variances, log_variances)


def test_own_types_pass_through(arrays):
    means, log_variances, trils = arrays
    diagonal = fingerprint.DiagonalGaussian(means, log_variances)
    full = fingerprint.FullGaussian(means, trils)
    assert isinstance(
        fingerprint.gaussian_parameters(diagonal), fingerprint.DiagonalGaussian
    )
    assert isinstance(fingerprint.gaussian_parameters(full), fingerprint.FullGaussian)


@pytest.mark.parametrize("name", ["log_variance", "variance", "standard_deviation"])
def test_mappings_name_their_second_entry(arrays, name):
    means, log_variances, _ = arrays
    second = {
        "log_variance": log_variances,
        "variance": np.exp(log_variances),
        "standard_deviation": np.exp(log_variances / 2),
    }[name]
    result = fingerprint.gaussian_parameters({"mean": means, name: second})
    assert_close(result.log_variances, log_variances)


def test_mappings_hold_factors(arrays):
    means, _, trils = arrays
    result = fingerprint.gaussian_parameters({"mean": means, "scale_tril": trils})
    assert isinstance(result, fingerprint.FullGaussian)
    assert_close(result.scale_trils, trils)


def diagonal_distributions(means, log_variances):
    scales = np.exp(log_variances / 2)
    for module in ("numpyro.distributions", "distrax", "tfp.substrates.jax"):
        normal = distribution("Normal", module, loc=means, scale=scales)
        yield normal
        inner = "base_dist" if module.startswith("numpyro") else "distribution"
        yield distribution("Independent", module, **{inner: normal})
    yield distribution(
        "MultivariateNormalDiag",
        "distrax",
        loc=means,
        scale=object(),  # a bijector
        stddev=lambda self: scales,
    )


def test_diagonal_distributions_of_every_library(arrays):
    means, log_variances, _ = arrays
    for posterior in diagonal_distributions(means, log_variances):
        result = fingerprint.gaussian_parameters(posterior)
        assert isinstance(result, fingerprint.DiagonalGaussian)
        assert_close(result.means, means)
        assert_close(result.log_variances, log_variances)


def test_full_distributions_of_every_library(arrays):
    means, _, trils = arrays
    covariances = trils @ trils.transpose(0, 2, 1)
    for posterior in (
        distribution(
            "MultivariateNormal", "numpyro.distributions", loc=means, scale_tril=trils
        ),
        distribution(
            "LowRankMultivariateNormal",
            "numpyro.distributions",
            loc=means,
            covariance_matrix=covariances,
        ),
        distribution(
            "MultivariateNormalTri",
            "distrax",
            loc=means,
            covariance=lambda self: covariances,
        ),
        distribution(
            "MultivariateNormalFullCovariance",
            "tfp.substrates.jax",
            loc=means,
            covariance=lambda self: covariances,
        ),
    ):
        result = fingerprint.gaussian_parameters(posterior)
        assert isinstance(result, fingerprint.FullGaussian)
        products = result.scale_trils @ result.scale_trils.mT
        assert_close(products, covariances, scale=10)


def test_shared_scales_are_spread(arrays):
    means, _, trils = arrays
    for scale in (1.0, np.ones((1, 1), np.float32)):
        normal = distribution("Normal", "tfp", loc=means, scale=scale)
        result = fingerprint.gaussian_parameters(normal)
        assert result.log_variances.shape == means.shape
    shared = distribution(
        "MultivariateNormal", "numpyro", loc=means, scale_tril=trils[:1]
    )
    assert fingerprint.gaussian_parameters(shared).scale_trils.shape == trils.shape


def test_works_under_jit(arrays):
    means, log_variances, _ = arrays

    @jax.jit
    def first_row(mean, deviation):
        posterior = {"mean": mean, "standard_deviation": deviation}
        return fingerprint.gaussian_overlaps(
            *fingerprint.gaussian_parameters(posterior)
        )[0]

    expected = fingerprint.gaussian_overlaps(means, log_variances)[0]
    assert_close(first_row(means, np.exp(log_variances / 2)), expected)


@pytest.mark.parametrize("name", ["Laplace", "StudentT", "ExpandedDistribution"])
def test_what_is_not_gaussian_is_refused(arrays, name):
    posterior = distribution(
        name, "numpyro.distributions", loc=arrays[0], scale=1.0, mean=0, variance=1
    )
    with pytest.raises(TypeError, match=rf"got numpyro.distributions.{name}"):
        fingerprint.gaussian_parameters(posterior)


@pytest.mark.parametrize(
    ("posterior", "error", "message"),
    [
        ({"mean": np.ones((2, 1))}, ValueError, r"one of .*, got \['mean'\]"),
        ({"log_variance": np.ones((2, 1))}, ValueError, "to hold 'mean' and one of"),
        (
            dict.fromkeys(("mean", "variance", "log_variance"), np.ones((2, 1))),
            ValueError,
            "to hold 'mean' and one of",
        ),
        (
            {"mean": np.ones((2, 1)), "logvar": np.ones((2, 1))},
            ValueError,
            "to hold 'mean' and one of",
        ),
        ((np.ones((2, 1)),) * 3, TypeError, "a pair .*, got 3 entries"),
        (
            (np.ones((2, 1)), np.ones((3, 1))),
            ValueError,
            "`log_variance` to have shape",
        ),
        (
            {"mean": np.ones((2, 1)), "scale_tril": np.ones((2, 2, 2))},
            ValueError,
            "`scale_tril` to have shape",
        ),
        (np.ones((2, 1)), TypeError, "got numpy.ndarray"),
        (None, TypeError, "got builtins.NoneType"),
    ],
)
def test_bad_posteriors_are_named(posterior, error, message):
    with pytest.raises(error, match=message):
        fingerprint.gaussian_parameters(posterior)


@pytest.mark.filterwarnings("default")
def test_numpyro_distributions_are_read(arrays):
    numpyro = pytest.importorskip("numpyro.distributions")
    means, log_variances, trils = (jnp.asarray(x) for x in arrays)
    normal = numpyro.Normal(means, jnp.exp(log_variances / 2))
    covariances = trils @ trils.mT
    for posterior in (normal, normal.to_event(1)):
        result = fingerprint.gaussian_parameters(posterior)
        assert_close(result.log_variances, log_variances)
    for posterior in (
        numpyro.MultivariateNormal(means, scale_tril=trils),
        numpyro.MultivariateNormal(means, covariance_matrix=covariances),
        numpyro.LowRankMultivariateNormal(
            means, jnp.zeros((N, D, 1)), jnp.exp(log_variances)
        ),
    ):
        result = fingerprint.gaussian_parameters(posterior)
        assert isinstance(result, fingerprint.FullGaussian)
        expected = np.asarray(posterior.covariance_matrix)
        assert_close(result.scale_trils @ result.scale_trils.mT, expected, scale=10)
    with pytest.raises(TypeError, match="Laplace"):
        fingerprint.gaussian_parameters(numpyro.Laplace(means, 1.0))


@pytest.mark.filterwarnings("default")
def test_distrax_distributions_are_read(arrays):
    distrax = pytest.importorskip("distrax")
    means, log_variances, trils = (jnp.asarray(x) for x in arrays)
    scales = jnp.exp(log_variances / 2)
    for posterior in (
        distrax.Normal(means, scales),
        distrax.Independent(distrax.Normal(means, scales), 1),
        distrax.MultivariateNormalDiag(means, scales),
    ):
        result = fingerprint.gaussian_parameters(posterior)
        assert isinstance(result, fingerprint.DiagonalGaussian)
        assert_close(result.log_variances, log_variances, scale=3)
    for posterior in (
        distrax.MultivariateNormalTri(means, trils),
        distrax.MultivariateNormalFullCovariance(means, trils @ trils.mT),
    ):
        result = fingerprint.gaussian_parameters(posterior)
        expected = trils @ trils.mT
        assert_close(result.scale_trils @ result.scale_trils.mT, expected, scale=10)
    with pytest.raises(TypeError, match="Laplace"):
        fingerprint.gaussian_parameters(distrax.Laplace(means, scales))


def test_arrays_of_distributions_are_looked_at_before_they_are_cast(arrays):
    _, log_variances, trils = arrays
    lost = 1e9 + np.arange(N)[:, None] * np.ones(D)
    for posterior in (
        distribution("Normal", "numpyro", loc=lost, scale=np.exp(log_variances / 2)),
        distribution("MultivariateNormal", "numpyro", loc=lost, scale_tril=trils),
    ):
        with pytest.raises(ValueError, match="column 0 of `mean` to vary in float32"):
            fingerprint.gaussian_parameters(posterior)
    listed = distribution("Normal", "numpyro", loc=[[0.0]], scale=np.ones((1, 1)))
    with pytest.raises(TypeError, match="`mean` to be an array, got list"):
        fingerprint.gaussian_parameters(listed)
