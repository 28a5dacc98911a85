"""What UniBound finds in codes whose atoms are known, and what it keeps to."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxinfo import disentanglement, fingerprint, gmm, pid
from jaxinfo.disentanglement import _streams
from tests import helpers

NUM_CLASSES = (4, 5, 6)
GRID = np.stack(np.unravel_index(np.arange(np.prod(NUM_CLASSES)), NUM_CLASSES), axis=1)
STRENGTHS = 0.0, 0.5, 1.0, 2.0, 4.0
VARIANCE = 0.09


def levels(number):
    return (np.arange(number) - (number - 1) / 2) / np.sqrt((number**2 - 1) / 12)


def perfect_codes(times=1):
    """One latent per factor, all combinations of factors."""
    means = np.stack([levels(c)[GRID[:, k]] for k, c in enumerate(NUM_CLASSES)], axis=1)
    means = np.tile(means, (times, 1)).astype(np.float32)
    return means, np.full_like(means, np.log(VARIANCE)), np.tile(GRID, (times, 1))


def random_spaces(seed):
    """Four latents of 120 points: one per factor, and a noisy copy of the first."""
    rng = np.random.default_rng(seed)
    told = np.stack([levels(c)[GRID[:, k]] for k, c in enumerate(NUM_CLASSES)], axis=1)
    means = told[:, [0, 1, 2, 0]] + rng.normal(size=(120, 4)) * np.array(
        [0.1, 0.3, 1, 0.8]
    )
    log_variances = 0.5 * rng.normal(size=means.shape) - 2
    return jnp.asarray(means, float), jnp.asarray(log_variances, float)


run = jax.jit(
    functools.partial(disentanglement.unibound, num_classes=NUM_CLASSES),
    static_argnames=("block_size",),
)


@pytest.mark.parametrize("rotation", ["reflection", "random"])
def test_attack_costs_what_its_oracle_says_at_five_strengths(rotation):
    # A perfect code in which each point of the grid occurs five times.
    means, log_variances, factors = perfect_codes(5)
    matrix = None
    if rotation == "random":
        matrix, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
        matrix = jnp.asarray(matrix, jnp.float32)

    @jax.jit
    def attacked(key, strength):
        posteriors = disentanglement.redundancy_attack(
            means, log_variances, strength=strength, rotation=matrix
        )
        return disentanglement.full_unibound(
            key, *posteriors, factors, num_classes=NUM_CLASSES
        )

    found = []
    for i, strength in enumerate(STRENGTHS):
        result = attacked(jax.random.key(i), strength)
        exact = [
            np.stack(
                disentanglement.attack_oracle(
                    jnp.asarray(levels(c), jnp.float32),
                    variance=VARIANCE,
                    strength=strength,
                )
            )
            / np.log(c)
            for c in NUM_CLASSES
        ]
        unique, redundant, informativeness = np.mean(exact, axis=0)
        error = float(result.standard_error)
        assert abs(result.score - unique) <= 3 * error
        assert abs(result.upper - unique) <= 3 * error
        assert abs(result.redundant_upper - redundant) <= 4 * error
        assert abs(result.redundant_lower - redundant) <= 4 * error
        assert result.synergistic_lower <= 4 * error
        assert abs(result.informativeness - informativeness) <= 4 * error
        np.testing.assert_array_equal(result.latents, np.arange(3))
        found.append((float(result.score), float(result.gap)))
    score, gap = np.transpose(found)
    assert np.all(np.diff(score) < 0)
    if matrix is None:
        # What the gap misses: at strength 2 it has lost little, and UniBound half.
        assert score[3] < 0.5 * score[0]
        assert gap[3] > 0.8 * gap[0]


class Found:
    """UniBound of some random posteriors."""

    def __init__(self):
        self.spaces = random_spaces(0)
        self.result = run(jax.random.key(0), *self.spaces, GRID)


@pytest.fixture(scope="module")
def found():
    return Found()


def test_bounds_are_ordered_and_scores_are_shares(found):
    lower, upper = found.result.bounds
    for least, most in zip(lower, upper, strict=True):
        assert np.all(least <= most + 1e-6)
        assert np.all((least >= 0) & (most <= 1))
    result = found.result
    assert result.score <= result.upper
    assert result.redundant_lower <= result.redundant_upper
    assert result.synergistic_lower <= result.synergistic_upper
    assert result.upper <= result.informativeness + 1e-6


def test_scores_are_those_of_its_informations(found):
    information = found.result.information
    scores = disentanglement.unibound_scores(
        information.single,
        information.rest,
        information.joint,
        information.factor_entropies,
    )
    helpers.assert_trees_close(scores, found.result[:9])


@pytest.mark.parametrize("block_size", [1, 7, 1000])
def test_block_size_changes_nothing(found, block_size):
    other = run(jax.random.key(0), *found.spaces, GRID, block_size=block_size)
    helpers.assert_trees_close(other, found.result, scale=10)


def test_chunks_of_data_change_nothing(found, monkeypatch):
    # 120 points in three chunks, the last one filled up.
    monkeypatch.setattr(_streams, "_CHUNK", 43)
    fresh = jax.jit(
        lambda *args: disentanglement.unibound(*args, num_classes=NUM_CLASSES)
    )
    with jax.checking_leaks():
        other = fresh(jax.random.key(0), *found.spaces, GRID)
    helpers.assert_trees_close(other, found.result, scale=10)


def as_full(means, log_variances):
    deviations = np.exp(log_variances / 2)
    return means, deviations[:, :, None] * np.eye(means.shape[1], dtype=means.dtype)


def test_full_densities_with_diagonal_factors_are_the_diagonal_ones(found):
    means, log_variances = found.spaces
    samples = means + jnp.exp(log_variances / 2) * np.random.default_rng(1).normal(
        size=means.shape
    ).astype(np.float32)
    args = samples, GRID
    diagonal = disentanglement.latent_information(
        *args, means, log_variances, GRID, num_classes=NUM_CLASSES
    )
    full = disentanglement.full_latent_information(
        *args, *as_full(means, log_variances), GRID, num_classes=NUM_CLASSES
    )
    helpers.assert_trees_close(full, diagonal, scale=10)


def test_densities_without_one_latent_are_those_of_the_marginals(x64):
    rng = np.random.default_rng(2)
    n, dim = 120, 3
    means = rng.normal(size=(n, dim))
    scale_trils = np.tril(0.5 * rng.normal(size=(n, dim, dim))) + np.eye(dim)
    samples = means + np.einsum("nij,nj->ni", scale_trils, rng.normal(size=(n, dim)))

    def information(kept):
        covariances = np.einsum("nij,nkj->nik", scale_trils, scale_trils)
        factors = np.linalg.cholesky(covariances[:, kept][:, :, kept])
        return disentanglement.full_latent_information(
            samples[:, kept], GRID, means[:, kept], factors, GRID,
            num_classes=NUM_CLASSES,
        )  # fmt: skip

    whole = information([0, 1, 2])
    for left_out in range(dim):
        kept = [i for i in range(dim) if i != left_out]
        helpers.assert_close(whole.rest[left_out], information(kept).joint, scale=100)


def test_permuting_latents_permutes_rows(found):
    order = np.array([2, 0, 3, 1])
    means, log_variances = found.spaces
    args = means[:, order] + 0.1, GRID

    def information(samples, order):
        return disentanglement.latent_information(
            samples, GRID, means[:, order], log_variances[:, order], GRID,
            num_classes=NUM_CLASSES,
        )  # fmt: skip

    permuted = information(args[0], order)
    plain = information(means + 0.1, np.arange(4))
    helpers.assert_close(permuted.single, plain.single[order], scale=10)
    helpers.assert_close(permuted.rest, plain.rest[order], scale=10)
    helpers.assert_close(permuted.joint, plain.joint, scale=10)


def test_a_latent_that_is_far_off_costs_the_others_no_digits():
    # Standard deviations of 1e-3 put most posteriors a thousand of them away.
    rng = np.random.default_rng(3)
    means = np.stack([GRID[:, 0], 3.0 * GRID[:, 1], rng.normal(size=120)], axis=1)
    log_variances = np.stack(
        [np.full(120, -14.0), np.zeros(120), np.zeros(120)], axis=1
    )
    noise = rng.normal(size=means.shape)
    samples = means + np.exp(log_variances / 2) * noise

    def rest(dtype):
        arrays = (jnp.asarray(a, dtype) for a in (samples, means, log_variances))
        samples_, means_, log_variances_ = arrays
        return disentanglement.latent_information(
            samples_, GRID, means_, log_variances_, GRID, num_classes=NUM_CLASSES
        ).rest

    single = rest(jnp.float32)
    with jax.enable_x64(True):
        double = rest(jnp.float64)
    np.testing.assert_allclose(single, double, atol=5e-6)


def test_narrow_posteriors_cost_full_densities_no_digits():
    # Two bits, of which the first is the factor: the others tell it, or do not.
    means = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    factors = np.array([[0], [0], [1], [1]])
    run_full = jax.jit(
        functools.partial(disentanglement.full_unibound, num_classes=(2,))
    )
    for deviation in (1e-2, 1e-4, 1e-9):
        scale_trils = np.tile(deviation * np.eye(2, dtype=np.float32), (4, 1, 1))
        result = run_full(jax.random.key(0), means, scale_trils, factors)
        expected = np.log([[1], [2]])
        np.testing.assert_allclose(result.information.rest, expected, atol=1e-6)
        assert result.score == pytest.approx(1, abs=1e-6)


def test_error_is_the_spread_over_keys(found):
    keys = jax.random.split(jax.random.key(5), 60)
    results = jax.jit(
        lambda keys: jax.lax.map(
            lambda key: disentanglement.unibound(
                key, *found.spaces, GRID, num_classes=NUM_CLASSES
            )[0::9][:2],
            keys,
        )
    )(keys)
    scores, errors = results
    assert 0.6 < np.std(scores) / np.mean(errors) < 1.4


def test_a_part_of_the_samples_finds_the_same(found):
    result = disentanglement.unibound(
        jax.random.key(1), *found.spaces, GRID, num_classes=NUM_CLASSES, num_samples=60
    )
    error = np.hypot(
        result.information.joint_error, found.result.information.joint_error
    )
    difference = result.information.joint - found.result.information.joint
    assert np.all(np.abs(difference) < 4 * error)
    # As many as there are points are all of them, in another order.
    many = disentanglement.unibound(
        jax.random.key(1), *found.spaces, GRID, num_classes=NUM_CLASSES, num_samples=120
    )
    error = np.hypot(many.information.joint_error, found.result.information.joint_error)
    difference = many.information.joint - found.result.information.joint
    assert np.all(np.abs(difference) < 4 * error)


class TestCategoricalLatents:
    def test_copies_of_factors_tell_them(self):
        logits = 50.0 * np.eye(6)[GRID[:, [1, 2]]]
        means = np.zeros((120, 1))
        result = disentanglement.unibound(
            jax.random.key(0), means, means, GRID, num_classes=NUM_CLASSES,
            logits=logits,
        )  # fmt: skip
        np.testing.assert_allclose(
            result.bounds.lower.unique_x, [[0, 0, 0], [0, 1, 0], [0, 0, 1]], atol=1e-5
        )
        assert result.score == pytest.approx(2 / 3, abs=1e-5)

    def test_noisy_copy_tells_the_information_of_its_table(self):
        kept = 0.7
        p = kept * np.eye(4) + (1 - kept) / 4
        logits = np.log(p)[GRID[:, :1]]
        means = np.zeros((120, 1))
        result = disentanglement.unibound(
            jax.random.key(0), means, means, GRID, num_classes=NUM_CLASSES,
            logits=logits, num_samples=2400,
        )  # fmt: skip
        expected = np.log(4) + np.sum(p[0] * np.log(p[0]))
        information = result.information
        helpers.assert_within_standard_errors(
            information.single[1, 0], information.single_error[1, 0], expected
        )


class TestEdges:
    def test_dead_latents_and_factors_of_one_value_are_zero(self):
        means, log_variances, _ = perfect_codes()
        means[:, 2] = 0
        factors = GRID * np.array([1, 1, 0])
        result = run(jax.random.key(0), means, log_variances, factors)
        helpers.assert_all_finite(result)
        assert np.all(np.abs(result.information.single[2]) < 1e-5)
        assert np.all(np.abs(result.information.single[:, 2]) < 1e-5)
        for bounds in result.bounds:
            np.testing.assert_array_equal(np.stack(bounds)[:, :, 2], 0)

    def test_one_latent_has_nothing_beside_it(self):
        means, log_variances, factors = perfect_codes()
        result = disentanglement.unibound(
            jax.random.key(0), means[:, :1], log_variances[:, :1], factors,
            num_classes=NUM_CLASSES,
        )  # fmt: skip
        np.testing.assert_array_equal(result.information.rest, 0)
        helpers.assert_close(result.score, result.informativeness)
        helpers.assert_close(result.gap, result.informativeness)

    def test_one_point_tells_nothing(self):
        zero = np.zeros((1, 2))
        result = disentanglement.unibound(
            jax.random.key(0), zero, zero, np.zeros((1, 1), int), num_classes=(2,)
        )
        helpers.assert_all_finite(result)
        assert result.score == 0
        assert result.standard_error == 0

    def test_fewer_samples_than_classes_give_finite_values(self):
        means, log_variances, factors = perfect_codes()
        result = disentanglement.unibound(
            jax.random.key(0), means, log_variances, factors, num_classes=NUM_CLASSES,
            num_samples=2,
        )  # fmt: skip
        helpers.assert_all_finite(result)

    @pytest.mark.parametrize("label", [-1, 4])
    def test_label_out_of_range_gives_nan_for_its_factor(self, label):
        means, log_variances, factors = perfect_codes()
        factors = factors.copy()
        factors[3, 0] = label
        result = run(jax.random.key(0), means, log_variances, factors)
        assert np.all(np.isnan(result.information.single[:, 0]))
        assert np.all(np.isfinite(result.information.single[:, 1:]))
        assert np.isnan(result.score)
        assert np.isnan(result.standard_error)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_what_is_not_finite_gives_nan(self, bad):
        means, log_variances, factors = perfect_codes()
        information = jax.jit(
            functools.partial(
                disentanglement.latent_information, num_classes=NUM_CLASSES
            )
        )
        samples = means.copy()
        for broken in (means, log_variances, samples):
            kept, broken[5, 1] = broken[5, 1], bad
            found = information(samples[:4] if broken is not samples else samples,
                                factors[:4] if broken is not samples else factors,
                                means, log_variances, factors)  # fmt: skip
            assert np.all(np.isnan(found.joint))
            broken[5, 1] = kept

    @pytest.mark.parametrize("state", [-1.0, 3.0, 0.5, np.nan])
    def test_state_that_is_none_gives_nan(self, state):
        zero = np.zeros((3, 1), np.float32)
        samples = np.array([[0, 0], [0, 1], [0, state]], np.float32)
        factors = np.array([[0], [1], [0]])
        found = disentanglement.latent_information(
            samples, factors, zero, zero, factors, num_classes=(2,),
            logits=np.zeros((3, 1, 3), np.float32),
        )  # fmt: skip
        assert np.all(np.isnan(found.joint))

    def test_sample_that_is_impossible_in_its_class_is_no_score(self):
        means, log_variances, factors = perfect_codes()
        information = disentanglement.latent_information(
            means[::-1] * 20, factors, means * 20, log_variances - 4, factors,
            num_classes=NUM_CLASSES,
        )  # fmt: skip
        assert np.any(np.isneginf(information.joint))
        scores = disentanglement.unibound_scores(
            information.single,
            information.rest,
            information.joint,
            information.factor_entropies,
        )
        assert np.isnan(scores.informativeness)

    def test_class_that_no_data_point_has_is_nan(self):
        means, log_variances, factors = perfect_codes()
        is_kept = factors[:, 0] > 0
        information = disentanglement.latent_information(
            means, factors, means[is_kept], log_variances[is_kept], factors[is_kept],
            num_classes=NUM_CLASSES,
        )  # fmt: skip
        assert np.isnan(information.joint[0])
        assert np.all(np.isfinite(information.joint[1:]))

    @pytest.mark.parametrize("num_classes", [(4, 5), (4, 5, 0)])
    def test_wrong_numbers_of_classes_are_named(self, num_classes):
        means, log_variances, factors = perfect_codes()
        with pytest.raises(ValueError, match="`num_classes`"):
            disentanglement.unibound(
                jax.random.key(0), means, log_variances, factors,
                num_classes=num_classes,
            )  # fmt: skip


class TestPenalty:
    def test_descent_turns_a_rotated_code_back(self):
        means, log_variances, factors = perfect_codes()
        start, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
        optimizer = optax.adam(0.03)

        def penalty(matrix, key):
            return disentanglement.unibound_penalty(
                key, jnp.matmul(means, matrix), log_variances, factors,
                num_classes=NUM_CLASSES,
            )  # fmt: skip

        @jax.jit
        def descend(matrix):
            def step(carry, key):
                matrix, state = carry
                value, slope = jax.value_and_grad(penalty)(matrix, key)
                with jax.numpy_dtype_promotion("standard"):
                    updates, state = optimizer.update(slope, state)
                    matrix = optax.apply_updates(matrix, updates)
                return (matrix, state), value

            keys = jax.random.split(jax.random.key(0), 60)
            carry = matrix, optimizer.init(matrix)
            return jax.lax.scan(step, carry, keys)[1]

        values = descend(jnp.asarray(start, jnp.float32))
        assert values[-1] < values[0] - 0.2

    def test_value_is_its_formula_and_odd_batches_and_temperatures_are_seen(self):
        means, log_variances, factors = perfect_codes()
        fn = functools.partial(
            disentanglement.unibound_penalty, jax.random.key(0), means, log_variances,
            num_classes=NUM_CLASSES,
        )  # fmt: skip
        assert fn(0 * factors) == 0
        key = jax.random.key(0)
        noise = jax.random.normal(jax.random.split(key)[0], means.shape)
        found = disentanglement.latent_information(
            means + np.exp(log_variances / 2) * noise, factors, means, log_variances,
            factors, num_classes=NUM_CLASSES,
        )  # fmt: skip
        ahead = np.asarray(found.single - found.rest) / np.log(NUM_CLASSES)
        weights = np.exp(ahead / 0.1)
        expected = -np.mean(np.sum(weights * ahead, 0) / np.sum(weights, 0))
        helpers.assert_close(fn(factors), np.float32(expected), scale=10)
        assert np.isnan(fn(factors, temperature=-1.0))

    def test_memory_does_not_grow_with_the_square_of_the_data(self):
        n, dim = 20_000, 4
        posterior = jax.ShapeDtypeStruct((n, dim), jnp.float32)
        factors = jax.ShapeDtypeStruct((n, 1), jnp.int32)

        def penalty(means, log_variances, factors):
            return disentanglement.unibound_penalty(
                jax.random.key(0), means, log_variances, factors, num_classes=(10,)
            )

        gradient = jax.jit(jax.grad(penalty, argnums=(0, 1)))
        memory = gradient.lower(posterior, posterior, factors).compile()
        # The square of the data would be 1.6e9 bytes.
        assert memory.memory_analysis().temp_size_in_bytes < 6e7


class TestAttack:
    def test_attack_of_strength_zero_adds_noise_only(self, dtype):
        means, log_variances = (jnp.asarray(a, dtype) for a in perfect_codes()[:2])
        attacked = disentanglement.redundancy_attack(means, log_variances, strength=0.0)
        assert isinstance(attacked, fingerprint.FullGaussian)
        np.testing.assert_array_equal(attacked.means[:, :3], means)
        np.testing.assert_array_equal(attacked.means[:, 3:], 0)
        np.testing.assert_array_equal(attacked.scale_trils[:, 3:, :3], 0)

    def test_oracle_at_its_ends(self, dtype):
        points = jnp.asarray(levels(5), dtype)
        oracle = functools.partial(disentanglement.attack_oracle, points)
        none = oracle(variance=0.1, strength=0.0)
        helpers.assert_close(none.redundant, 0.0)
        strong = oracle(variance=0.1, strength=1e4)
        helpers.assert_close(strong.unique, 0.0, tolerance=1e-5)
        np.testing.assert_array_equal(none.redundant, 0)
        endless = oracle(variance=0.1, strength=1e20)
        helpers.assert_close(endless.redundant, endless.informativeness)
        sharp = oracle(variance=1e-8, strength=1.0)
        helpers.assert_close(sharp.informativeness, np.log(5))
        assert np.all(np.isnan(np.stack(oracle(variance=0.0, strength=1.0))))
        assert np.isnan(oracle(variance=0.1, strength=-1.0).unique)

    def test_oracle_has_a_slope_where_the_attack_vanishes(self):
        def unique(strength):
            return disentanglement.attack_oracle(
                jnp.arange(3.0), variance=0.1, strength=strength
            ).unique

        assert np.isfinite(jax.grad(unique)(0.0))
        assert jax.grad(unique)(0.5) < 0


class TestMixtures:
    def test_one_component_is_a_gaussian(self, dtype):
        rng = np.random.default_rng(0)
        factor = np.tril(rng.normal(size=(4, 4)))
        mixture = gmm.GaussianMixture(
            jnp.zeros(1, dtype),
            jnp.zeros((1, 4), dtype),
            jnp.asarray(factor[None], dtype),
        )
        result = disentanglement.mixture_decomposition(
            jax.random.key(0), mixture, dim_x=1, dim_y=2
        )
        expected = pid.gaussian_mmi(
            jnp.asarray(factor @ factor.T, dtype), dim_x=1, dim_y=2
        )
        helpers.assert_trees_close(result.decomposition, expected, scale=100)
        np.testing.assert_array_equal(result.standard_errors, 0)

    def test_exclusive_or_of_clusters_is_synergistic(self):
        means = np.array([[x, y, x * y] for x in (-1, 1) for y in (-1, 1)])
        mixture = gmm.GaussianMixture(
            jnp.full(4, np.log(0.25)), jnp.asarray(means, float),
            jnp.asarray(np.tile(0.1 * np.eye(3), (4, 1, 1)), float),
        )  # fmt: skip
        result = disentanglement.mixture_decomposition(
            jax.random.key(0), mixture, dim_x=1, dim_y=1, num_nodes=256
        )
        np.testing.assert_allclose(result.informations, [0, 0, np.log(2)], atol=1e-4)
        assert result.bounds.lower.synergistic == pytest.approx(np.log(2), abs=1e-4)

    @pytest.mark.parametrize("dims", [(1, 2), (0, 1)])
    def test_blocks_without_coordinates_are_named(self, dims):
        mixture = gmm.GaussianMixture(jnp.zeros(1), jnp.zeros((1, 3)), jnp.eye(3)[None])
        with pytest.raises(ValueError, match="`dim_"):
            disentanglement.mixture_decomposition(
                jax.random.key(0), mixture, dim_x=dims[0], dim_y=dims[1]
            )
