"""Aggregates of matrices against plain NumPy, their properties, and where they end."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import disentanglement
from tests.helpers import assert_all_finite, assert_close

D, K, DRAWS, BINS = 4, 3, 40, 8


def aggregates(information, latent_entropies, factor_entropies):
    """All scores of one matrix, by name."""
    dci = disentanglement.dci(information)
    infomec = disentanglement.infomec(information, factor_entropies)
    return {
        "mutual_information_gap": disentanglement.mutual_information_gap(
            information, factor_entropies
        ),
        "mutual_information_gap_sup": disentanglement.mutual_information_gap_sup(
            information, factor_entropies
        ),
        "dcimig": disentanglement.dcimig(information, factor_entropies),
        "jemmig": disentanglement.jemmig(
            information, latent_entropies, factor_entropies, num_bins=BINS
        ),
        "modularity": disentanglement.modularity(information),
        "disentanglement": dci.disentanglement,
        "completeness": dci.completeness,
        "infomec_modularity": infomec.modularity,
        "infomec_compactness": infomec.compactness,
        "gap": disentanglement.attribute_predictability_gap(information),
    }


def numpy_aggregates(information, latent_entropies, factor_entropies):
    """The definitions, one entry after another."""
    d, k = information.shape
    by_latent = np.sort(information, axis=0)[::-1]
    by_factor = np.sort(information, axis=1)[:, ::-1]
    best = np.argmax(information, axis=0)
    shares = information / factor_entropies
    in_order = np.sort(shares, axis=1)[:, ::-1]
    given = np.zeros(k)
    for latent in range(d):
        factor = np.argmax(information[latent])
        gap = by_factor[latent, 0] - by_factor[latent, 1]
        given[factor] = max(given[factor], gap)
    joint = latent_entropies[best] + factor_entropies - by_latent[0]

    def concentration(matrix):
        total = 0.0
        for row in matrix:
            p = row / row.sum()
            entropy = -np.sum(p * np.log(p))
            total += row.sum() / matrix.sum() * (1 - entropy / np.log(len(row)))
        return total

    def dominance(matrix):
        least = 1 / matrix.shape[1]
        return (np.mean(matrix.max(1) / matrix.sum(1)) - least) / (1 - least)

    squares = by_factor**2
    return {
        "mutual_information_gap": np.mean(
            (by_latent[0] - by_latent[1]) / factor_entropies
        ),
        "mutual_information_gap_sup": np.mean(in_order[:, 0] - in_order[:, 1]),
        "dcimig": given.sum() / factor_entropies.sum(),
        "jemmig": np.mean(
            1
            - (joint - by_latent[0] + by_latent[1]) / (factor_entropies + np.log(BINS))
        ),
        "modularity": np.mean(1 - squares[:, 1:].sum(1) / (squares[:, 0] * (k - 1))),
        "disentanglement": concentration(information),
        "completeness": concentration(information.T),
        "infomec_modularity": dominance(shares),
        "infomec_compactness": dominance(shares.T),
        "gap": np.mean(by_latent[0] - by_latent[1]),
    }


def draws(dtype):
    """Matrices with entropies that they do not exceed."""
    rng = np.random.default_rng(0)
    factor_entropies = rng.uniform(0.5, 2, (DRAWS, K))
    information = rng.beta(0.5, 1, (DRAWS, D, K)) * factor_entropies[:, None]
    latent_entropies = information.max(2) + rng.uniform(0, 1, (DRAWS, D))
    exact = information, latent_entropies, factor_entropies
    return exact, tuple(x.astype(dtype) for x in exact)


compiled = jax.jit(aggregates)
compiled_for_each = jax.jit(jax.vmap(aggregates))


def one(*arguments):
    # In NumPy, whose indices and products compile nothing.
    return jax.tree.map(np.asarray, compiled(*arguments))


def each(*arguments):
    return jax.tree.map(np.asarray, compiled_for_each(*arguments))


def test_match_the_definitions(dtype):
    exact, arrays = draws(dtype)
    actual = each(*arrays)
    expected = [numpy_aggregates(*arguments) for arguments in zip(*exact, strict=True)]
    for name, values in actual.items():
        assert values.dtype == dtype
        assert_close(values, [scores[name] for scores in expected])


def test_lie_between_zero_and_one_and_the_order_does_not_matter(dtype):
    _, (information, latents, factors) = draws(dtype)
    actual = each(information, latents, factors)
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(D), rng.permutation(K)
    permuted = each(
        information[:, rows][:, :, columns], latents[:, rows], factors[:, columns]
    )
    slack = 10 * float(jnp.finfo(dtype).eps)
    for name, values in actual.items():
        assert_close(values, permuted[name])
        # The gap of scores is in their own unit.
        assert np.all(values >= -slack)
        assert np.all(values <= 1 + slack) or name == "gap"


def test_a_latent_for_each_factor_scores_one():
    entropies = np.log([2, 5, BINS]).astype(np.float32)
    scores = one(np.diag(entropies), entropies, entropies)
    for name, value in scores.items():
        # The gap of scores is in their own unit.
        assert_close(value, np.mean(entropies) if name == "gap" else 1)


def test_latents_that_tell_nothing_leave_gaps_of_factors():
    _, (information, latents, factors) = draws(np.float32)
    pad = np.pad(information, ((0, 0), (0, 2), (0, 0)))
    silent = each(pad, np.pad(latents, ((0, 0), (0, 2))), factors)
    actual = each(information, latents, factors)
    for name in ("mutual_information_gap", "dcimig", "jemmig", "gap"):
        assert_close(silent[name], actual[name])
    assert_close(silent["disentanglement"], actual["disentanglement"])
    for name in ("mutual_information_gap_sup", "modularity", "infomec_modularity"):
        assert_close(silent[name], actual[name] * D / (D + 2))


def test_latents_that_are_not_active_do_not_count():
    _, (information, _, factors) = draws(np.float32)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, 0, None))
    def infomec(information, factors, active):
        return disentanglement.infomec(information, factors, active=active)

    noise = np.full((DRAWS, 2, K), np.nan, np.float32)
    actual = infomec(
        np.concatenate([information, noise], axis=1),
        factors,
        np.array([True] * D + [False] * 2),
    )
    expected = infomec(information, factors, np.ones(D, bool))
    for one_field, other in zip(actual, expected, strict=True):
        assert_close(one_field, other)
    lonely = infomec(information, factors, np.arange(D) == 1)
    assert np.all(np.isfinite(lonely.modularity))
    assert np.all(np.isnan(lonely.compactness))
    nobody = infomec(information, factors, np.zeros(D, bool))
    assert np.all(np.isnan(nobody))


def test_the_unit_of_importance_does_not_matter():
    _, (information, *_) = draws(np.float32)
    of_matrix = jax.jit(
        jax.vmap(jax.value_and_grad(lambda x: sum(disentanglement.dci(x))))
    )
    value, slope = of_matrix(information)
    for unit in (1e32, 1e-30):
        unit = np.float32(unit)
        scaled, scaled_slope = of_matrix(information * unit)
        assert_close(scaled, value)
        assert_close(scaled_slope * unit, slope, scale=100.0)


def test_gradients_equal_finite_differences(x64):
    arguments, _ = draws(np.float64)
    rng = np.random.default_rng(2)
    directions = [rng.normal(size=x.shape) for x in arguments]
    step = 1e-6

    def moved(step):
        pairs = zip(arguments, directions, strict=True)
        return [x + step * dx for x, dx in pairs]

    ahead, behind = each(*moved(step)), each(*moved(-step))
    _, slopes = jax.jit(lambda *x: jax.jvp(compiled_for_each, x, tuple(directions)))(
        *arguments
    )
    for name, slope in slopes.items():
        expected = (ahead[name] - behind[name]) / (2 * step)
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-5, err_msg=name)


def edges():
    """Matrices at ties and zeros, with latent and factor entropies."""
    zeros, ones = np.zeros((D, K), np.float32), np.ones((D, K), np.float32)
    latents, factors = np.ones(D, np.float32), np.ones(K, np.float32)
    tiny = np.float32(1e-32)
    yield zeros, latents, factors
    yield zeros, 0 * latents, 0 * factors
    yield ones, latents, factors
    yield ones * tiny, latents, factors
    yield ones * [[0, 1, 1]], latents, factors * [0, 1, 1]
    for row, others in ((1, 0), (tiny, 0), (1, 1e-20)):
        matrix = others * ones
        matrix[1] = row
        yield matrix, latents, factors
        matrix = others * ones
        matrix[1, 2] = row
        yield matrix, latents, factors


def test_values_and_gradients_are_finite_at_ties_and_zeros():
    @jax.jit
    @jax.vmap
    def values_and_slopes(*arguments):
        value, pull_back = jax.vjp(aggregates, *arguments)
        # One score at a time, of those at the ends of a tree.
        leaves, structure = jax.tree.flatten(value)
        each_score = jax.tree.unflatten(structure, list(jnp.eye(len(leaves))))
        return value, jax.vmap(pull_back)(each_score)

    stacks = [np.stack(x).astype(np.float32) for x in zip(*edges(), strict=True)]
    value, slopes = values_and_slopes(*stacks)
    assert_all_finite((value, slopes))
    for scores in value.values():
        assert np.all((scores >= -1e-6) & (scores <= 1))


def test_nothing_told_scores_zero():
    latents = np.full(D, np.log(BINS), np.float32)
    scores = one(np.zeros((D, K), np.float32), latents, np.ones(K, np.float32))
    for value in scores.values():
        assert_close(value, 0)


def test_a_factor_with_one_value_counts_as_zero(x64):
    information, latents, factors = (x[0] for x in draws(np.float64)[0])
    padded = np.pad(information, ((0, 0), (0, 1))), latents, np.append(factors, 0)
    actual = one(*padded)
    expected = numpy_aggregates(information, latents, factors)
    for name in ("mutual_information_gap", "jemmig", "infomec_compactness", "gap"):
        assert_close(actual[name], expected[name] * K / (K + 1))
    for name in ("mutual_information_gap_sup", "dcimig", "completeness"):
        assert_close(actual[name], expected[name])


def test_the_second_largest_of_one_is_zero():
    entropies, latents = np.array([2, 4], np.float32), np.array([3], np.float32)
    information = np.array([[1, 3]], np.float32)
    gap = disentanglement.mutual_information_gap(information, entropies)
    assert_close(gap, (1 / 2 + 3 / 4) / 2)
    assert_close(disentanglement.attribute_predictability_gap(information), 2)
    jemmig = disentanglement.jemmig(information, latents, entropies, num_bins=BINS)
    most = np.log(BINS)
    assert_close(jemmig, 1 - (3 / (2 + most) + 1 / (4 + most)) / 2)
    one_factor = information.T, entropies[1:]
    assert_close(disentanglement.mutual_information_gap_sup(*one_factor), 1 / 2)
    assert_close(disentanglement.dcimig(*one_factor), 3 / 4)


def test_nan_stays_nan(dtype):
    _, arrays = draws(dtype)
    arguments = [x[0] for x in arrays]
    needs = {
        0: set(one(*arguments)),
        1: {"jemmig"},
        2: {
            "mutual_information_gap",
            "mutual_information_gap_sup",
            "dcimig",
            "jemmig",
            "infomec_modularity",
            "infomec_compactness",
        },
    }
    for position, names in needs.items():
        spoilt = list(arguments)
        spoilt[position] = spoilt[position].copy()
        spoilt[position].flat[0] = np.nan
        scores = one(*spoilt)
        assert {name for name, value in scores.items() if np.isnan(value)} == names
    negative = arguments[0].copy()
    negative[0] = -1
    scores = one(negative, *arguments[1:])
    assert np.isnan(scores["disentanglement"])
    assert np.isnan(scores["completeness"])


def test_bad_arguments_are_named():
    matrix, entropies = np.ones((3, 2), np.float32), np.ones(2, np.float32)
    gap = disentanglement.mutual_information_gap
    with pytest.raises(ValueError, match=r"`factor_entropies` to have shape \(k,\) wi"):
        gap(matrix, entropies[:1])
    with pytest.raises(ValueError, match="`information` not to be empty"):
        gap(matrix[:0], entropies)
    jemmig = functools.partial(disentanglement.jemmig, matrix)
    with pytest.raises(ValueError, match=r"`latent_entropies` to have shape \(d,\) wi"):
        jemmig(entropies, entropies, num_bins=2)
    with pytest.raises(ValueError, match="`num_bins` to be at least 2, got 1"):
        jemmig(np.ones(3, np.float32), entropies, num_bins=1)
    with pytest.raises(ValueError, match="`information` to have at least two factors"):
        disentanglement.modularity(matrix[:, :1])
    for few, kind in ((matrix[:1], "latents"), (matrix[:, :1], "factors")):
        message = f"to have at least two {kind}, got shape"
        with pytest.raises(ValueError, match=f"`importance` {message}"):
            disentanglement.dci(few)
        with pytest.raises(ValueError, match=f"`information` {message}"):
            disentanglement.infomec(few, entropies[: few.shape[1]])
    with pytest.raises(TypeError, match="`active` to hold booleans"):
        disentanglement.infomec(matrix, entropies, active=np.ones(3))
