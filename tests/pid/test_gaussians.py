"""Decompositions of Gaussian variables and of samples of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import measures, pid

DIMS = {"dim_x": 2, "dim_y": 2}
NUMBER = 200


def random_covariances(number, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(number, dim, dim + 3))
    return roots @ roots.swapaxes(1, 2) / (dim + 3)


def atoms(decomposition):
    return np.stack([np.asarray(atom, float) for atom in decomposition[:4]], axis=-1)


@jax.jit
@jax.vmap
def all_decompositions(covariance):
    """Everything that decomposes a covariance, and the informations, in one program."""
    both = measures.gaussian_mutual_information(covariance, dim_x=4)
    of_y = measures.gaussian_mutual_information(covariance[2:, 2:], dim_x=2)
    return {
        "mmi": pid.gaussian_mmi(covariance, **DIMS),
        "dependency": pid.gaussian_dependency(covariance, **DIMS),
        "broja": pid.gaussian_broja(covariance, **DIMS),
    }, (of_y, both)


@pytest.fixture(scope="module", params=["float32", "float64"])
def drawn(request):
    with jax.enable_x64(request.param == "float64"):
        dtype = jnp.dtype(request.param)
        covariances = random_covariances(NUMBER)
        found, (of_y, both) = all_decompositions(jnp.asarray(covariances, dtype))
        yield covariances, found, (of_y, both), dtype


def rounding(dtype):
    # Of covariances of a condition of hundreds.
    return 1e3 * float(jnp.finfo(dtype).eps)


def test_interval_closes_on_random_covariances(drawn):
    _, found, _, dtype = drawn
    assert np.all(found["broja"].converged)
    tol = max(1e-6, 1024 * float(jnp.finfo(dtype).eps))
    assert np.all(np.asarray(found["broja"].gap) <= 1.1 * tol)
    assert np.all(np.asarray(found["broja"].num_steps) <= 20)


def test_atoms_sum_to_the_informations_and_none_is_negative(drawn):
    _, found, (of_y, both), dtype = drawn
    for result in found.values():
        redundant, _, unique_y, _ = (parts := atoms(result)).T
        np.testing.assert_allclose(parts.sum(axis=1), both, atol=rounding(dtype))
        np.testing.assert_allclose(redundant + unique_y, of_y, atol=rounding(dtype))
        assert np.min(parts) >= -rounding(dtype)


def test_union_is_least_by_the_optimum(drawn):
    # The noises as they are, and those that are independent, are candidates too.
    _, found, _, dtype = drawn
    unions = {name: atoms(result)[:, :3].sum(axis=1) for name, result in found.items()}
    tol = max(1e-6, 1024 * float(jnp.finfo(dtype).eps))
    assert np.all(unions["broja"] >= unions["mmi"] - rounding(dtype))
    assert np.all(unions["broja"] <= atoms(found["broja"]).sum(axis=1) + tol)
    assert np.all(found["broja"].union_lower <= found["broja"].union_upper)


def exchanged(covariances):
    order = [2, 3, 0, 1, 4, 5]
    return covariances[:, order][:, :, order]


def test_exchanging_sources_exchanges_their_atoms(drawn):
    covariances, found, _, dtype = drawn
    other, _ = all_decompositions(jnp.asarray(exchanged(covariances), dtype))
    for name, result in found.items():
        expected = atoms(result)[:, [0, 2, 1, 3]]
        tol = 2e-6 if dtype == "float64" else 3e-4
        tolerance = tol if name == "broja" else rounding(dtype)
        np.testing.assert_allclose(atoms(other[name]), expected, atol=tolerance)


def test_units_of_the_variables_do_not_matter(drawn):
    covariances, found, _, dtype = drawn
    scale = np.array([1e3, 1e-3, 1.0, 1e2, 1e-2, 1e1])
    rescaled = covariances * scale[:, None] * scale
    other, _ = all_decompositions(jnp.asarray(rescaled, dtype))
    for name, result in found.items():
        tol = 2e-6 if dtype == "float64" else 3e-4
        tolerance = tol if name == "broja" else rounding(dtype)
        np.testing.assert_allclose(atoms(other[name]), atoms(result), atol=tolerance)


def test_intervals_of_sharp_sources_hold_and_are_not_called_narrow():
    # Signals a hundred to a million times their noise, in single precision.
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(80, 6, 2))
    noise = np.repeat([1e-2, 1e-3, 1e-4, 1e-6], 20)[:, None, None] * np.eye(6)
    covariances = (roots @ roots.swapaxes(1, 2) + noise).astype(np.float32)
    single = all_decompositions(jnp.asarray(covariances))[0]["broja"]
    with jax.enable_x64(True):
        # Of the covariances as single precision holds them.
        exact = all_decompositions(jnp.asarray(covariances, float))[0]["broja"]
    lower, upper = (
        np.asarray(end, float) for end in (single.union_lower, single.union_upper)
    )
    is_known = np.isfinite(lower) & np.isfinite(np.asarray(exact.union_upper))
    assert np.mean(is_known) > 0.9
    assert np.all((lower <= np.asarray(exact.union_upper))[is_known])
    assert np.all((upper >= np.asarray(exact.union_lower))[is_known])
    assert np.all((np.asarray(single.gap) > 0)[is_known])
    assert not np.any(single.converged[60:])


def test_dependency_is_that_of_its_definition(x64):
    covariance = random_covariances(1, seed=7)[0]

    def information(matrix, dim):
        dets = [
            np.linalg.det(m) for m in (matrix[:dim, :dim], matrix[dim:, dim:], matrix)
        ]
        return np.log(dets[0] * dets[1] / dets[2]) / 2

    through = covariance[:2, 4:] @ np.linalg.solve(
        covariance[4:, 4:], covariance[4:, 2:4]
    )
    given = covariance[:4, :4].copy()
    given[:2, 2:], given[2:, :2] = through, through.T
    without_x, without_y = (
        covariance[2:, 2:],
        covariance[np.ix_([0, 1, 4, 5], [0, 1, 4, 5])],
    )
    triple = (
        information(without_y, 2)
        + information(without_x, 2)
        - information(covariance, 4)
    )
    expected = max(information(given, 2), triple)
    actual = pid.gaussian_dependency(jnp.asarray(covariance), **DIMS).redundant
    np.testing.assert_allclose(actual, expected, rtol=1e-10)


def test_independent_blocks_add(x64):
    one, two = random_covariances(2, dim=3)
    joint = np.zeros((6, 6))
    first, second = np.ix_([0, 2, 4], [0, 2, 4]), np.ix_([1, 3, 5], [1, 3, 5])
    joint[first], joint[second] = one, two
    fn = functools.partial(pid.gaussian_broja, dim_x=1, dim_y=1, tol=1e-9)
    parts = jax.vmap(fn)(jnp.asarray([one, two]))
    whole = pid.gaussian_broja(jnp.asarray(joint), **DIMS, tol=1e-9)
    np.testing.assert_allclose(atoms(whole), atoms(parts).sum(axis=0), atol=1e-8)


def test_target_of_one_dimension_has_the_largest_redundancy(x64):
    covariances = jnp.asarray(random_covariances(50, dim=5))
    fns = [
        functools.partial(pid.gaussian_broja, **DIMS, tol=1e-8),
        functools.partial(pid.gaussian_mmi, **DIMS),
    ]
    optimum, simple = (jax.jit(jax.vmap(fn))(covariances) for fn in fns)
    np.testing.assert_allclose(atoms(optimum), atoms(simple), atol=2e-8)


@pytest.mark.parametrize("fn", [pid.gaussian_mmi, pid.gaussian_broja])
def test_singular_and_indefinite_covariances_give_nan(fn):
    copied = np.eye(6)
    copied[0, 2] = copied[2, 0] = 1.0
    constant = np.diag([1.0, 1, 1, 1, 1, 0])
    indefinite = np.eye(6)
    indefinite[0, 4] = indefinite[4, 0] = 1.5
    for covariance in (copied, constant, indefinite, np.full((6, 6), np.nan)):
        result = fn(jnp.asarray(covariance, float), **DIMS)
        assert np.all(np.isnan(atoms(result)))
        assert not getattr(result, "converged", False)


def test_derivative_is_that_of_differences_at_a_generic_and_at_a_boundary_point(x64):
    fn = functools.partial(pid.gaussian_broja, **DIMS, tol=1e-10)

    @jax.jit
    def value_and_slope(root, direction, step):
        def scalar(root):
            result = fn(root @ root.T)
            return jnp.stack(result[:4]), result.converged

        value, slope, _ = jax.jvp(
            scalar, (root + step * direction,), (direction,), has_aux=True
        )
        return value, slope

    rng = np.random.default_rng(1)
    for seed in range(3):
        root = np.linalg.cholesky(random_covariances(1, seed=seed)[0])
        direction = rng.normal(size=root.shape)
        step = 2e-4
        ahead, behind = (value_and_slope(root, direction, s)[0] for s in (step, -step))
        _, slope = value_and_slope(root, direction, 0.0)
        difference = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-4, atol=1e-4)


class TestSamples:
    """Decompositions of samples."""

    def test_bias_is_taken_off_in_small_samples(self, x64):
        covariance = random_covariances(1, seed=3)[0]
        root = np.linalg.cholesky(covariance)
        exact = atoms(pid.gaussian_broja(jnp.asarray(covariance), **DIMS))
        noise = jax.random.normal(jax.random.key(0), (400, 60, 6))
        x, y, t = jnp.split(noise @ root.T, 3, axis=2)

        @jax.jit
        @jax.vmap
        def errors(x, y, t):
            found = [
                pid.gaussian_samples(x, y, t, correct_bias=correct)
                for correct in (False, True)
            ]
            return jnp.stack([jnp.stack(result[:4]) for result in found]) - exact[None]

        plain, corrected = np.moveaxis(np.asarray(errors(x, y, t)), 1, 0)
        # Sums of atoms are the informations, whose bias is known exactly.
        for parts in ([0, 1], [0, 2], [0, 1, 2, 3]):
            biased, unbiased = plain[:, parts].sum(1), corrected[:, parts].sum(1)
            error = unbiased.std() / np.sqrt(unbiased.size)
            assert abs(unbiased.mean()) < 3.5 * error
            assert biased.mean() > 5 * error
        for part in (0, 3):
            error = corrected[:, part].std() / np.sqrt(corrected.shape[0])
            bound = 0.7 * abs(plain[:, part].mean()) + 3 * error
            assert abs(corrected[:, part].mean()) < bound

    @pytest.mark.parametrize("measure", ["broja", "mmi", "dependency"])
    def test_without_correction_it_is_that_of_the_covariance(self, x64, measure):
        x, y, t = np.random.default_rng(0).normal(size=(3, 40, 2))
        t = t + x - y
        covariance = np.cov(np.hstack([x, y, t]).T)
        fn = getattr(pid, f"gaussian_{measure}")
        expected = fn(jnp.asarray(covariance), **DIMS)
        actual = pid.gaussian_samples(x, y, t, measure=measure, correct_bias=False)
        np.testing.assert_allclose(atoms(actual), atoms(expected), atol=2e-6)
        if measure != "broja":
            assert actual.gap == 0
            assert actual.converged

    def test_units_and_offsets_of_columns_do_not_matter(self):
        x, y, t = np.random.default_rng(0).normal(size=(3, 40, 2)).astype(np.float32)
        expected = atoms(pid.gaussian_samples(x, y, t + x))
        actual = atoms(pid.gaussian_samples(1e25 * x, 1e-25 * y, 7 + t + x))
        np.testing.assert_allclose(actual, expected, atol=2e-4)

    def test_corrected_atoms_of_independent_samples_are_not_negative(self):
        x, y, t = np.random.default_rng(0).normal(size=(3, 20, 30, 2))
        found = atoms(
            jax.vmap(pid.gaussian_samples)(*(jnp.asarray(v, float) for v in (x, y, t)))
        )
        assert np.min(found) >= -1e-6
        assert np.mean(found.sum(axis=1)) < 0.08

    def test_constants_and_what_is_not_finite_give_nan(self):
        x, y, t = np.random.default_rng(0).normal(size=(3, 40, 2)).astype(np.float32)
        for bad in (
            np.full_like(x, 3.0),
            np.where(x == x[3], np.nan, x),
            x[:, :1] + 0 * x,
        ):
            result = pid.gaussian_samples(bad, y, t)
            assert np.all(np.isnan(atoms(result)))
            assert not result.converged

    def test_too_few_samples_are_named(self):
        with pytest.raises(ValueError, match="`x` to hold more samples than the 6"):
            pid.gaussian_samples(*np.zeros((3, 6, 2)))


@pytest.mark.parametrize("dims", [(1, 5), (5, 1), (0, 2)])
def test_variables_without_coordinates_are_named(dims):
    with pytest.raises(ValueError, match="Expected `dim_"):
        pid.gaussian_mmi(jnp.eye(6), dim_x=dims[0], dim_y=dims[1])
