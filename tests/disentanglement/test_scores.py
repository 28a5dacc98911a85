"""Reference numbers of the scores, and what scores of whole representations keep to."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import disentanglement
from tests.helpers import assert_close, load, load_json

DATA = load("disentanglement", "scores")
REFERENCE = load_json("disentanglement", "scores")
CASES = REFERENCE["cases"]
NUM_CLASSES = tuple(REFERENCE["num_classes"])
WIDTH = 8
# Rounding of one nat, as the origin of the numbers has it.
INFORMATION = {"float32": 1e-5, "float64": 1e-12}
STORED = {"float32": 1e-6, "float64": 1e-12}
INFOMEC = "infomec_bins_10", "infomec_neighbors_10"


def width(name):
    return DATA[f"{name}__x"].shape[1]


def padded(name):
    """Codes beside constant columns, which tell nothing: one program for all cases."""
    codes = DATA[f"{name}__x"]
    return np.pad(codes, ((0, 0), (0, WIDTH - codes.shape[1])))


@functools.cache
def of_codes(dtype):
    """What is computed from codes, for all cases side by side, in one program."""
    codes = jnp.asarray(np.stack([padded(name) for name in CASES]), dtype)
    factors = np.stack([DATA[f"{name}__factors"] for name in CASES])
    covariances = np.stack([np.cov(padded(name).T) for name in CASES])
    # Independent latents of variance one instead of constant ones add nothing either.
    ones = np.eye(WIDTH) * (covariances.diagonal(0, 1, 2) == 0)[:, None]

    @jax.jit
    @jax.vmap
    def results(codes, factors, covariance, regular):
        binned = functools.partial(
            disentanglement.binned_information, codes, factors, num_classes=NUM_CLASSES
        )
        return {
            "bins_20": binned(num_bins=20),
            "bins_10": binned(num_bins=10),
            "mutual_information_score": disentanglement.mutual_information_score(codes),
            "squared_correlations": disentanglement.squared_correlations(
                codes, factors
            ),
            "total_correlation": disentanglement.gaussian_total_correlation(regular),
            "of_singular": disentanglement.gaussian_total_correlation(covariance),
            "wasserstein_correlation": (
                disentanglement.gaussian_wasserstein_correlation(covariance)
            ),
            "factor_vae_accuracy": disentanglement.factor_vae_score(
                jax.random.key(0), codes, factors, batch_size=64
            ),
        }

    stacked = results(
        codes,
        factors,
        jnp.asarray(covariances, dtype),
        jnp.asarray(covariances + ones, dtype),
    )
    return {
        name: jax.tree.map(lambda leaf, k=k: np.asarray(leaf[k]), stacked)
        for k, name in enumerate(CASES)
    }


@pytest.mark.parametrize("bins", ["bins_20", "bins_10"])
def test_binned_information(dtype, bins):
    for name, case in CASES.items():
        matrix = of_codes(dtype.name)[name][bins]
        expected = np.zeros((WIDTH, 4))
        entropies = case["bins_20"]["factor_entropies"]
        expected[: width(name)] = (
            case[bins]["information"]
            if bins == "bins_20"
            else case["infomec_bins_10"]["normalized_information"]
            * np.asarray(entropies)
        )
        bound = INFORMATION[dtype.name]
        assert matrix.information.dtype == dtype
        assert_close(matrix.information, expected, tolerance=bound)
        assert_close(matrix.factor_entropies, entropies, tolerance=bound)
        np.testing.assert_array_equal(matrix.information[width(name) :], 0)


def test_mean_information_of_pairs_of_latents(dtype):
    for name, case in CASES.items():
        # Constant columns tell nothing, but count as latents.
        share = width(name) * (width(name) - 1) / (WIDTH * (WIDTH - 1))
        assert_close(
            of_codes(dtype.name)[name]["mutual_information_score"],
            case["bins_20"]["mutual_information_score"] * share,
            tolerance=INFORMATION[dtype.name],
        )


def test_squared_correlations(dtype):
    for name, case in CASES.items():
        assert_close(
            of_codes(dtype.name)[name]["squared_correlations"][: width(name)],
            case["predictability"]["squared_correlations"],
            tolerance=INFORMATION[dtype.name],
        )


def test_dependence_of_gaussian_latents(dtype):
    for name, case in CASES.items():
        actual = of_codes(dtype.name)[name]
        for field in ("total_correlation", "wasserstein_correlation"):
            assert_close(
                actual[field],
                case["gaussian"][field],
                tolerance=INFORMATION[dtype.name],
            )
        assert np.isnan(actual["of_singular"]) == (width(name) < WIDTH)


def test_votes_of_still_latents(dtype):
    for name, case in CASES.items():
        actual = of_codes(dtype.name)[name]["factor_vae_accuracy"]
        assert actual.dtype == dtype
        assert_close(actual, case["factor_vae_accuracy"], tolerance=0.05)


def stacked(name, field):
    """What each latent of each case has, beside latents that have nothing."""
    arrays = [np.asarray(case[name][field], float) for case in CASES.values()]
    silent = [[(0, WIDTH - len(x))] + [(0, 0)] * (x.ndim - 1) for x in arrays]
    return np.stack([np.pad(x, pad) for x, pad in zip(arrays, silent, strict=True)])


@functools.cache
def of_matrices(dtype):
    """What is computed from stored matrices, for all cases, in one program."""
    fine = [of_codes(dtype)[name]["bins_10"] for name in CASES]
    inputs = {
        "information": stacked("bins_20", "information"),
        "entropies": np.stack(
            [c["bins_20"]["factor_entropies"] for c in CASES.values()]
        ),
        "importance": stacked("boosted_trees", "importance"),
        "accuracy": stacked("predictability", "accuracy"),
        "correlations": stacked("predictability", "squared_correlations"),
        "coarse": np.stack([matrix.information for matrix in fine]),
        "latents": np.stack([matrix.latent_entropies for matrix in fine]),
        **{kind: stacked(kind, "normalized_information") for kind in INFOMEC},
    }
    active = {kind: stacked(kind, "active") > 0 for kind in INFOMEC}

    @jax.jit
    @jax.vmap
    def results(one, active):
        return {
            "mutual_information_gap": disentanglement.mutual_information_gap(
                one["information"], one["entropies"]
            ),
            "modularity": disentanglement.modularity(one["information"]),
            "dci_of_information": disentanglement.dci(one["information"]),
            "dci": disentanglement.dci(one["importance"]),
            "gap_of_accuracy": disentanglement.attribute_predictability_gap(
                one["accuracy"]
            ),
            "gap_of_squared_correlations": (
                disentanglement.attribute_predictability_gap(one["correlations"])
            ),
            "jemmig": disentanglement.jemmig(
                one["coarse"], one["latents"], one["entropies"], num_bins=10
            ),
            "dcimig": disentanglement.dcimig(one["coarse"], one["entropies"]),
            "modularity_10": disentanglement.modularity(one["coarse"]),
            **{
                kind: disentanglement.infomec(
                    one[kind], jnp.ones_like(one["entropies"]), active=active[kind]
                )
                for kind in INFOMEC
            },
        }

    inputs = {name: jnp.asarray(x, dtype) for name, x in inputs.items()}
    found = results(inputs, active)
    return {
        name: without_padding(
            jax.tree.map(lambda leaf, k=k: np.asarray(leaf[k]), found), width(name)
        )
        for k, name in enumerate(CASES)
    }


def without_padding(scores, dim):
    """The scores of the latents that there are, from those beside silent ones.

    These leave gaps of factors and the weights of latents as they are; means over
    latents, and entropies over latents in units of the largest, count them.
    """
    scores = dict(scores)
    for name in ("modularity", "modularity_10"):
        scores[name] = scores[name] * np.asarray(WIDTH / dim, scores[name].dtype)
    for name in ("dci", "dci_of_information"):
        evenness = 1 - scores[name].completeness
        ratio = np.asarray(np.log(WIDTH) / np.log(dim), evenness.dtype)
        scores[name] = scores[name]._replace(completeness=1 - evenness * ratio)
    return scores


def test_aggregates_of_binned_information(dtype):
    # The reference adds 1e-11 inside the logarithms of its entropies.
    approximate = {"float32": 1e-5, "float64": 1e-9}
    for name, case in CASES.items():
        actual, expected = of_matrices(dtype.name)[name], case["bins_20"]
        for field in ("mutual_information_gap", "modularity"):
            assert_close(
                actual[field], expected[field], tolerance=INFORMATION[dtype.name]
            )
        for field in disentanglement.Dci._fields:
            assert_close(
                getattr(actual["dci_of_information"], field),
                expected[f"dci_{field}_of_information"],
                tolerance=approximate[dtype.name],
            )


def test_aggregates_of_predictors(dtype):
    approximate = {"float32": 1e-6, "float64": 2e-9}
    for name, case in CASES.items():
        actual = of_matrices(dtype.name)[name]
        for field in disentanglement.Dci._fields:
            assert_close(
                getattr(actual["dci"], field),
                case["boosted_trees"][f"dci_{field}"],
                tolerance=approximate[dtype.name],
            )
        for field in ("gap_of_accuracy", "gap_of_squared_correlations"):
            assert_close(
                actual[field],
                case["predictability"][field],
                tolerance=STORED[dtype.name],
            )


def test_gaps_with_joint_entropies(dtype):
    for name, case in CASES.items():
        actual, expected = of_matrices(dtype.name)[name], case["bins_10"]
        for field in ("jemmig", "dcimig"):
            assert_close(
                actual[field], expected[field], tolerance=INFORMATION[dtype.name]
            )
        if expected["modularity"] is not None:
            assert_close(
                actual["modularity_10"],
                expected["modularity"],
                tolerance=INFORMATION[dtype.name],
            )


@pytest.mark.parametrize("kind", INFOMEC)
def test_modularity_and_compactness_of_active_latents(dtype, kind):
    for name, case in CASES.items():
        for field, actual in of_matrices(dtype.name)[name][kind]._asdict().items():
            assert_close(actual, case[kind][field], tolerance=STORED[dtype.name])


@functools.cache
def together():
    """Scores of codes, and what the public functions make of them one by one."""
    codes, factors = DATA["dead_dims__x"], DATA["dead_dims__factors"]
    codes = jnp.asarray(codes, jnp.float32)

    def gap(codes):
        result = disentanglement.scores(codes, factors, num_classes=NUM_CLASSES)
        return result.attribute_predictability_gap, result

    (_, result), slope = jax.value_and_grad(gap, has_aux=True)(codes)
    return result, slope


def test_scores_are_those_of_the_aggregates():
    result, _ = together()
    one, case = of_matrices("float32")["dead_dims"], CASES["dead_dims"]
    expected = {
        "mutual_information_gap": one["mutual_information_gap"],
        "modularity": one["modularity"],
        "dci_disentanglement": one["dci_of_information"].disentanglement,
        "dci_completeness": one["dci_of_information"].completeness,
        "attribute_predictability_gap": one["gap_of_squared_correlations"],
    }
    matrix = of_codes("float32")["dead_dims"]["bins_20"]
    information, latents = (leaf[: width("dead_dims")] for leaf in matrix[:2])
    entropies = matrix.factor_entropies
    infomec = disentanglement.infomec(
        information, entropies, active=np.asarray(case["infomec_bins_10"]["active"]) > 0
    )
    expected |= {
        "mutual_information_gap_sup": disentanglement.mutual_information_gap_sup(
            information, entropies
        ),
        "dcimig": disentanglement.dcimig(information, entropies),
        "jemmig": disentanglement.jemmig(information, latents, entropies, num_bins=20),
        "infomec_modularity": infomec.modularity,
        "infomec_compactness": infomec.compactness,
    }
    assert set(expected) == set(result._fields)
    for field, value in expected.items():
        assert_close(getattr(result, field), value, tolerance=1e-5)


def test_only_the_gap_of_correlations_has_a_slope():
    _, slope = together()
    assert np.all(np.isfinite(slope))
    # The best two latents of each factor have one, and the constant column has none.
    np.testing.assert_array_equal(np.any(slope != 0, axis=0)[:3], [True, True, False])


def test_scores_of_one_latent_or_factor_are_refused():
    codes, factors = np.zeros((5, 2), np.float32), np.zeros((5, 2), int)
    score = functools.partial(disentanglement.scores, num_classes=(2, 2))
    with pytest.raises(ValueError, match="`codes` to have at least two columns"):
        score(codes[:, :1], factors)
    with pytest.raises(ValueError, match="`factors` to have at least two columns"):
        score(codes, factors[:, :1])
    with pytest.raises(ValueError, match="`num_bins` to be at least 2, got 1"):
        score(codes, factors, num_bins=1)


def test_one_point_has_no_scores_but_no_nan_either():
    codes, factors = np.zeros((1, 2), np.float32), np.zeros((1, 2), int)
    result = disentanglement.scores(codes, factors, num_classes=(2, 2))
    for field, value in result._asdict().items():
        # Of no latent that varies.
        if field.startswith("infomec"):
            assert np.isnan(value)
        else:
            assert value == 0
