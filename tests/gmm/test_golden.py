"""Reference numbers: single fits, densities, integrals and derivatives."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import gmm
from tests import helpers
from tests.helpers import assert_close
from tests.references import gmm_mi

FITS = ["em_1d_K3", "em_3d_K3", "em_6d_K2", "em_mix4_K4", "em_mix4_K7", "em_offset_K2"]
STARTS = [
    "random",
    "minmax",
    "kmeans",
    "randomized_kmeans",
    "random_sklearn",
    "kmeans_sklearn",
]
SEEDS = dict(zip(FITS, (3, 4, 5, 1, 2, 6), strict=True))


def reference_mixture(numbers, prefix, dtype):
    """A mixture of a file, in one precision."""
    return gmm.GaussianMixture(
        jnp.asarray(np.log(numbers[f"{prefix}weights"]), dtype),
        jnp.asarray(numbers[f"{prefix}means"], dtype),
        jnp.asarray(np.linalg.cholesky(numbers[f"{prefix}covariances"]), dtype),
    )


def assert_parameters(mixture, numbers, prefix, tolerance):
    names = ("weights", "means", "covariances")
    for name, actual in zip(names, gmm_mi.parameters(mixture), strict=True):
        assert_close(actual, numbers[f"{prefix}{name}"], tolerance=tolerance)


@pytest.mark.parametrize("method", STARTS)
@pytest.mark.parametrize("name", FITS)
def test_fits_from_given_parameters_in_double_precision(x64, name, method):
    numbers = helpers.load("gmm", name)
    tolerance = 1e-8 if name == "em_offset_K2" else 1e-10
    start = reference_mixture(numbers, f"{method}_initial_", jnp.float64)
    x = jnp.asarray(numbers["x"])
    for label, tol in (("tol1em5", 1e-5), ("tol1em8", 1e-8)):
        prefix = f"{method}_{label}_"
        result = gmm.em(start, x, tol=tol, max_steps=10_000, regularization=1e-15)
        assert result.num_steps == numbers[f"{prefix}num_steps"]
        assert result.converged
        assert_parameters(result.mixture, numbers, prefix, tolerance)
        log_likelihood = numbers[f"{prefix}log_likelihood"]
        assert_close(result.log_likelihood, log_likelihood, tolerance=tolerance)
        k = len(numbers[f"{prefix}weights"])
        for total, kind in zip(
            gmm_mi.totals(x, result, k), ("aic", "bic"), strict=True
        ):
            expected = numbers[f"{prefix}{kind}"]
            # Totals are n = 500 to 1000 times a mean.
            assert_close(np.float64(total), expected, tolerance=1e3 * tolerance)


@pytest.mark.parametrize("name", FITS)
def test_every_step_is_the_reference_s(x64, name):
    numbers = helpers.load("gmm", name)
    tolerance = 1e-8 if name == "em_offset_K2" else 1e-10
    x = jnp.asarray(numbers["x"])

    @jax.jit
    def trace(start):
        def step(mixture, _):
            result = gmm.em(mixture, x, max_steps=1, regularization=1e-15)
            return result.mixture, result

        return jax.lax.scan(step, start, None, length=50)[1]

    for method in STARTS:
        start = reference_mixture(numbers, f"{method}_initial_", jnp.float64)
        steps = trace(start)
        assert_close(
            steps.log_likelihood, numbers[f"{method}_trace"], tolerance=tolerance
        )
        for t in (1, 3, 10):
            at = jax.tree.map(lambda leaf, t=t: leaf[t - 1], steps.mixture)
            assert_parameters(at, numbers, f"{method}_after{t}_", tolerance)


@pytest.mark.parametrize("name", FITS)
def test_fits_from_given_parameters_in_single_precision(name):
    numbers = helpers.load("gmm", name)
    x = jnp.asarray(numbers["x"], jnp.float32)
    is_far = name == "em_offset_K2"
    for method in STARTS:
        if name == "em_mix4_K7" and method in ("random", "minmax"):
            continue  # plateaus, on which rounding decides where to stop
        start = reference_mixture(numbers, f"{method}_initial_", jnp.float32)
        result = gmm.em(start, x)
        prefix = f"{method}_tol1em5_"
        difference = int(result.num_steps) - numbers[f"{prefix}num_steps"]
        assert abs(difference) <= 1
        assert_close(
            result.log_likelihood,
            numbers[f"{prefix}log_likelihood"],
            tolerance=2e-4 if is_far else 2e-5,
        )
        expected = numbers[f"{prefix}weights"]
        if difference:
            # A step more or less may itself move weights by more than the bound.
            expected = weights_after(numbers, method, int(result.num_steps))
        assert_close(
            jnp.exp(result.mixture.log_weights),
            expected,
            tolerance=2e-3 if is_far else 1e-4,
        )


def weights_after(numbers, method, num_steps):
    """Weights after as many steps in double precision, which are the reference's."""
    with jax.enable_x64(True):
        start = reference_mixture(numbers, f"{method}_initial_", jnp.float64)
        options = {"tol": 0.0, "max_steps": num_steps, "regularization": 1e-15}
        return np.exp(gmm.em(start, numbers["x"], **options).mixture.log_weights)


@pytest.mark.parametrize("name", FITS)
def test_the_reference_s_starts_are_rebuilt(name):
    numbers = helpers.load("gmm", name)
    x = numbers["x"]
    k = int(numbers["num_components"])
    # Those of k-means depend on scikit-learn's version.
    for method in STARTS[:-1]:
        start = gmm_mi.start(method, x, k, SEEDS[name])
        for field, actual in zip(
            ("weights", "means", "covariances"), start, strict=True
        ):
            expected = numbers[f"{method}_initial_{field}"]
            scale = max(1.0, np.abs(expected).max())
            assert_close(actual / scale, expected / scale, tolerance=1e-12)


@pytest.mark.parametrize("name", ["d1_k3", "mix4", "d3_k3", "d6_k2"])
def test_densities_marginals_and_conditionals(dtype, name):
    numbers = helpers.load("gmm", "mixtures")
    mixture = reference_mixture(numbers, f"{name}_", dtype)
    x = jnp.asarray(numbers[f"{name}_x"], dtype)

    def assert_log_prob(mixture, x, field):
        expected = numbers[f"{name}_{field}"]
        error = np.abs(np.asarray(gmm.log_prob(mixture, x), np.float64) - expected)
        bound = 1e-10 if dtype == jnp.float64 else 2e-6 * (1 + np.abs(expected))
        assert np.all(error <= bound)

    assert_log_prob(mixture, x, "log_prob")
    d = x.shape[1]
    if d == 1:
        return
    others = gmm.marginal(mixture, dims=tuple(range(1, d)))
    assert_log_prob(others, x[:, 1:], "marginal_log_prob")
    value = jnp.asarray(numbers[f"{name}_condition_value"], dtype).reshape(1)
    given = gmm.condition(mixture, value, dims=(0,))
    assert_log_prob(given, x[:, 1:], "condition_log_prob")
    tolerance = 1e-10 if dtype == jnp.float64 else 1e-5
    assert_parameters(given, numbers, f"{name}_condition_", tolerance)


def test_integrals_of_given_mixtures(dtype, key):
    numbers = helpers.load("gmm", "mixtures")
    is_double = dtype == jnp.float64

    def tolerance(double):
        return double if is_double else 1e-4

    one = reference_mixture(numbers, "d1_k3_", dtype)
    entropy = gmm.mixture_entropy(key, one)
    assert_close(entropy.value, numbers["d1_k3_entropy"], tolerance=tolerance(1e-9))

    two = reference_mixture(numbers, "mix4_", dtype)
    shared = gmm.mixture_mutual_information(key, two, dim_x=1)
    expected = numbers["mix4_mutual_information"]
    assert_close(shared.value, expected, tolerance=tolerance(1e-5))
    of_x, of_y = (gmm.marginal(two, dims=(i,)) for i in (0, 1))
    for p, q, direction in ((of_x, of_y, "forward"), (of_y, of_x, "reverse")):
        divergence = gmm.mixture_kl_divergence(key, p, q)
        expected = numbers[f"mix4_kl_{direction}"]
        assert_close(divergence.value, expected, tolerance=tolerance(1e-6))

    three = reference_mixture(numbers, "d3_k3_", dtype)
    given = gmm.mixture_conditional_mutual_information(
        key, three, dim_x=1, dim_y=1, num_nodes=4096
    )
    error = float(given.value) - numbers["d3_k3_conditional_mutual_information"]
    assert abs(error) <= 4 * float(given.standard_error) + tolerance(1e-6)


@pytest.mark.parametrize(
    "name", ["mix4_N2000", "gammaexp_a10p0_N500", "gauss_rho0p6_N2000"]
)
def test_derivatives_of_the_fixed_point(x64, key, name):
    numbers = helpers.load("gmm", "implicit")
    start = reference_mixture(numbers, f"{name}_start_", jnp.float64)
    x = jnp.asarray(numbers[f"{name}_x"])
    n = len(x)

    @jax.jit
    def information(x, weights):
        # Slow to the last digit: rates of convergence reach 0.98.
        fit = gmm.em(
            start, x, weights=weights, tol=0.0, max_steps=3000, regularization=1e-12
        )
        shared = gmm.mixture_mutual_information(key, fit.mixture, dim_x=1)
        return shared.value, fit

    (value, fit), (in_x, in_weights) = jax.value_and_grad(
        information, argnums=(0, 1), has_aux=True
    )(x, jnp.ones(n))
    assert_parameters(fit.mixture, numbers, f"{name}_", 1e-6)
    assert_close(fit.log_likelihood, numbers[f"{name}_log_likelihood"], tolerance=1e-6)
    assert_close(value, numbers[f"{name}_mutual_information"], tolerance=1e-5)
    bound = 1e-5 if name.startswith("gauss") else 5e-4
    for actual, field in ((in_x, "gradient"), (n * in_weights, "influence")):
        expected = numbers[f"{name}_{field}"]
        assert_close(actual, expected, tolerance=bound * np.abs(expected).max())
    assert_close(jnp.sum(in_weights), 0.0, tolerance=1e-12)
    spread = jnp.sqrt(jnp.sum(in_weights**2))
    assert_close(spread, numbers[f"{name}_jackknife_std"], tolerance=1e-5)


def test_closed_forms_of_gaussians(dtype, key):
    path = helpers.REFERENCES / "gmm" / "closed_forms.json"
    cases = json.loads(path.read_text())
    # 1e-12 in double precision, as many digits in single.
    scale = 1e-12 / (100 * np.finfo(np.float64).eps)

    def gaussian(covariance, order):
        part = np.asarray(covariance)[np.ix_(order, order)]
        return gmm.GaussianMixture(
            jnp.zeros(1, dtype),
            jnp.zeros((1, len(order)), dtype),
            jnp.asarray(np.linalg.cholesky(part), dtype)[None],
        )

    for case in cases["bivariate_normal"]:
        rho, value = case["rho"], case["mutual_information"]
        mixture = gaussian([[1, rho], [rho, 1]], [0, 1])
        actual = gmm.mixture_mutual_information(key, mixture, dim_x=1)
        # Near one the correlation itself is rounded.
        loss = 1 / (1 - rho**2)
        assert_close(actual.value, value, scale=scale * loss)
        assert actual.standard_error == 0
    for case in cases["gaussian_blocks"] + cases["gaussian_conditional"]:
        x, y, z = (case.get(block, []) for block in "xyz")
        mixture = gaussian(case["covariance"], [*x, *y, *z])
        if z:
            actual = gmm.mixture_conditional_mutual_information(
                key, mixture, dim_x=len(x), dim_y=len(y)
            )
        else:
            actual = gmm.mixture_mutual_information(key, mixture, dim_x=len(x))
        assert_close(actual.value, case["value"], scale=scale)
