"""Information of latents and UniBound beside reference numbers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import disentanglement
from tests import helpers

DATA = helpers.load("disentanglement", "unibound")
REFERENCE = helpers.load_json("disentanglement", "unibound")
NUM_CLASSES = tuple(REFERENCE["num_classes"])
FACTORS = DATA["factors"]
CASES = list(REFERENCE["cases"])
STRENGTHS = list(REFERENCE["attack"])
WIDTH = max(DATA[f"{name}__means"].shape[1] for name in CASES)
INFORMATIONS = "single", "rest", "joint", "single_error", "rest_error", "joint_error"
TOLERANCE = {"float32": 3e-6, "float64": 1e-12}


def padded(name, field, dtype):
    """Latents beside constant ones, which tell nothing: one program for all cases."""
    array = DATA[f"{name}__{field}"]
    array = np.pad(array, ((0, 0), (0, WIDTH - array.shape[1])))
    return jnp.asarray(array, dtype)


@pytest.fixture(scope="module", params=["float32", "float64"])
def of_cases(request):
    """Informations and scores of all cases, by name."""
    dtype = request.param
    with jax.enable_x64(dtype == "float64"):

        def one(samples, means, log_variances):
            return disentanglement.latent_information(
                samples, FACTORS, means, log_variances, FACTORS, num_classes=NUM_CLASSES
            )

        run = jax.jit(one)
        found = {}
        for name in CASES:
            fields = "samples", "means", "log_variances"
            found[name] = run(*(padded(name, field, dtype) for field in fields))
        yield dtype, found


def test_informations_and_their_errors(of_cases):
    dtype, found = of_cases
    for name, information in found.items():
        num_latents = DATA[f"{name}__means"].shape[1]
        for field in INFORMATIONS:
            actual = getattr(information, field)
            if not field.startswith("joint"):
                # Those of the constant latents come last.
                assert np.all(np.abs(actual[num_latents:]) <= 1e-5) or "rest" in field
                actual = actual[:num_latents]
            expected = DATA[f"{name}__{field}"]
            helpers.assert_close(actual, expected, tolerance=TOLERANCE[dtype])


def test_scores_and_total_correlations(of_cases):
    dtype, found = of_cases
    for name, information in found.items():
        scores = disentanglement.unibound_scores(
            information.single,
            information.rest,
            information.joint,
            information.factor_entropies,
        )
        case = REFERENCE["cases"][name]
        for field, expected in case["formula"].items():
            actual = getattr(scores, field)
            helpers.assert_close(actual, expected, tolerance=TOLERANCE[dtype])
        expected = case["authors"]["total_correlation"]
        actual = information.total_correlation
        helpers.assert_close(actual, expected, tolerance=TOLERANCE[dtype])


def test_informations_under_attack(dtype):
    def one(samples, means, scale_trils):
        return disentanglement.full_latent_information(
            samples, FACTORS, means, scale_trils, FACTORS, num_classes=NUM_CLASSES
        )

    run = jax.jit(one)
    for strength in STRENGTHS:
        name = f"attack{strength}"
        covariance = DATA[f"{name}__covariance"]
        factor = np.linalg.cholesky(covariance)
        scale_trils = np.broadcast_to(factor, (len(FACTORS), *factor.shape))
        arrays = DATA[f"{name}__samples"], DATA[f"{name}__means"], scale_trils
        information = run(*(jnp.asarray(array, dtype) for array in arrays))
        for field in ("single", "rest", "joint"):
            actual = getattr(information, field)
            expected = DATA[f"{name}__{field}"]
            helpers.assert_close(actual, expected, tolerance=TOLERANCE[str(dtype)])


def test_attack_makes_the_posteriors(dtype):
    attack = functools.partial(
        disentanglement.redundancy_attack,
        jnp.asarray(DATA["perfect__means"], dtype),
        jnp.asarray(DATA["perfect__log_variances"], dtype),
    )
    tolerance = {"float32": 2e-6, "float64": 1e-14}[str(dtype)]
    for strength in STRENGTHS:
        attacked = attack(strength=float(strength))
        name = f"attack{strength}"
        helpers.assert_close(
            attacked.means, DATA[f"{name}__means"], tolerance=tolerance
        )
        covariances = attacked.scale_trils @ attacked.scale_trils.mT
        expected = np.broadcast_to(DATA[f"{name}__covariance"], covariances.shape)
        helpers.assert_close(covariances, expected, tolerance=4 * tolerance)


def test_oracle_of_the_attack(x64):
    rows = REFERENCE["attack_exact"]["rows"]
    settings = jnp.asarray([(row["variance"], row["strength"]) for row in rows])
    atoms = []
    for number in NUM_CLASSES:
        states = np.arange(number) - (number - 1) / 2
        levels = states / np.sqrt((number**2 - 1) / 12)

        oracle = functools.partial(disentanglement.attack_oracle, jnp.asarray(levels))
        found = jax.jit(
            jax.vmap(
                lambda setting, fn=oracle: fn(variance=setting[0], strength=setting[1])
            )
        )(settings)
        atoms.append(np.stack(found) / np.log(number))
    unique, redundant, informativeness = np.stack(atoms, axis=2)
    expected = [row["score_per_factor"] for row in rows]
    np.testing.assert_allclose(unique, expected, rtol=0, atol=1e-10)
    for actual, field in (
        (unique, "score"),
        (redundant, "redundant"),
        (informativeness, "informativeness"),
    ):
        expected = [row[field] for row in rows]
        np.testing.assert_allclose(actual.mean(axis=1), expected, rtol=0, atol=1e-10)
