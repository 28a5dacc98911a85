import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxinfo import fingerprint
from tests.helpers import assert_all_finite, assert_close


def draw(family, n, d, dtype, seed=0):
    """A function of one array, and an array for it, for each family."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    trils = np.tril(0.3 * rng.normal(size=(n, d, d))) + np.eye(d)
    calls = {
        "gaussian": (fingerprint.gaussian_overlaps, 2 * x, y),
        "gaussian_kl": (fingerprint.gaussian_kl_overlaps, x, y),
        "full_gaussian": (fingerprint.full_gaussian_overlaps, 2 * x, trils),
        "von_mises": (fingerprint.von_mises_overlaps, 3 * x, np.exp(y)),
        "bernoulli": (fingerprint.bernoulli_overlaps, 3 * x),
        "categorical": (fingerprint.categorical_overlaps, 3 * x),
        "exponential": (
            functools.partial(
                fingerprint.exponential_family_overlaps, log_partition_fn=poisson
            ),
            x,
        ),
    }
    fn, *args = calls[family]
    return fn, [jnp.asarray(arg, dtype) for arg in args]


def poisson(eta):
    return jnp.sum(jnp.exp(eta))


FAMILIES = [
    "gaussian",
    "full_gaussian",
    "von_mises",
    "bernoulli",
    "categorical",
    "exponential",
]
each_family = pytest.mark.parametrize("family", FAMILIES)


@each_family
@pytest.mark.parametrize(
    ("dim", "dtype"),
    [(3, "float32"), (3, "float64"), (20, "float32")],
    indirect=["dtype"],
)
def test_overlaps_are_symmetric_coefficients(dtype, family, dim):
    fn, args = draw(family, 9, dim, dtype)
    overlaps = fn(*args)
    eps = float(jnp.finfo(dtype).eps)
    assert_close(overlaps, overlaps.T)
    assert jnp.all((overlaps >= 0) & (overlaps <= 1 + 4 * eps))


@each_family
def test_a_posterior_and_itself_overlap_fully(dtype, family):
    fn, args = draw(family, 9, 3, dtype)
    diagonal = jnp.diagonal(fn(*args))
    if family == "exponential":
        assert_close(diagonal, jnp.ones(9))
    else:
        assert jnp.all(diagonal == 1)


@each_family
def test_one_point_overlaps_itself(family):
    fn, args = draw(family, 1, 2, jnp.float32)
    assert_close(fn(*args), [[1.0]])


@each_family
def test_equal_posteriors_have_a_finite_gradient(family):
    fn, args = draw(family, 4, 2, jnp.float32)
    args = [jnp.broadcast_to(arg[:1], arg.shape) for arg in args]
    value, gradient = jax.value_and_grad(lambda args: jnp.sum(fn(*args)))(args)
    assert_close(value, 16.0)
    assert_all_finite(gradient)


@each_family
def test_order_of_points_does_not_matter(dtype, family):
    fn, args = draw(family, 9, 3, dtype)
    order = np.random.default_rng(1).permutation(9)
    permuted = fn(*(arg[order] for arg in args))
    assert_close(permuted, fn(*args)[order][:, order])


@each_family
def test_nan_stays_with_its_point(dtype, family):
    fn, args = draw(family, 9, 3, dtype)
    args[0] = args[0].at[2, 0].set(jnp.nan)
    is_nan = jnp.isnan(fn(*args))
    assert jnp.all(is_nan[2])
    assert jnp.all(is_nan[:, 2])
    others = np.delete(np.arange(9), 2)
    assert not jnp.any(is_nan[np.ix_(others, others)])


def test_joint_spaces_multiply_their_overlaps(dtype):
    # Of many latents, over which the loop is not unrolled.
    fn, args = draw("gaussian", 9, 20, dtype)
    by_latent = [fn(*(arg[:, k : k + 1] for arg in args)) for k in range(20)]
    assert_close(fn(*args), np.prod(by_latent, axis=0))
    few = [arg[:, :3] for arg in args]
    assert_close(fn(*few), np.prod(by_latent[:3], axis=0))


def test_full_gaussians_with_diagonal_factors_are_diagonal_gaussians(dtype):
    _, (means, log_variances) = draw("gaussian", 9, 3, dtype)
    trils = jax.vmap(jnp.diag)(jnp.exp(log_variances / 2))
    full = fingerprint.full_gaussian_overlaps(means, trils)
    assert_close(full, fingerprint.gaussian_overlaps(means, log_variances))


def test_full_gaussians_read_lower_triangles_only():
    fn, (means, trils) = draw("full_gaussian", 9, 3, jnp.float32)
    spoilt = trils + jnp.triu(jnp.full((3, 3), jnp.nan), 1)[None]
    spoilt = jnp.where(jnp.tril(jnp.ones((3, 3), bool))[None], trils, spoilt)
    assert jnp.all(fn(means, spoilt) == fn(means, trils))


def test_overlaps_do_not_depend_on_the_unit_of_a_latent(dtype):
    for family in ("gaussian", "gaussian_kl"):
        fn, (means, log_variances) = draw(family, 9, 3, dtype)
        for unit in (1e-12, 1e12):
            scaled = fn(means * unit, log_variances + 2 * np.log(unit))
            assert_close(scaled, fn(means, log_variances), scale=10)
    fn, (means, trils) = draw("full_gaussian", 9, 3, dtype)
    for unit in (1e-15, 1e15):
        assert_close(fn(means * unit, trils * unit), fn(means, trils), scale=10)


def test_tiny_deviations_far_from_the_origin_do_not_overflow(dtype):
    means = jnp.asarray([1e10, -1e10, 1e10], dtype)[:, None]
    overlaps = fingerprint.gaussian_overlaps(means, 0 * means - 150)
    assert_close(overlaps, fingerprint.label_overlaps(jnp.array([0, 1, 0])))


def test_extreme_posteriors_in_one_space_are_told_apart(dtype):
    means = jnp.asarray([0.0, 1e4, -1e4, 1.0], dtype)[:, None]
    log_variances = jnp.asarray([-30.0, 20.0, 0.0, -30.0], dtype)[:, None]
    for fn in (fingerprint.gaussian_overlaps, fingerprint.gaussian_kl_overlaps):
        overlaps = fn(means, log_variances)
        assert jnp.all(jnp.diagonal(overlaps) == 1)
        assert jnp.all(overlaps - jnp.diag(jnp.diagonal(overlaps)) < 0.01)
        gradient = jax.grad(lambda *args, fn=fn: jnp.sum(fn(*args)), argnums=(0, 1))(
            means, log_variances
        )
        assert_all_finite(gradient)


def test_equal_log_variances_have_the_right_gradient(x64):
    # Where a fusion starts: forms through |l_i - l_j| fail here.
    means = jnp.linspace(-1.0, 1.0, 5)[:, None]
    log_variances = jnp.zeros((5, 1))

    def total(log_variances):
        overlaps = fingerprint.gaussian_overlaps(means, log_variances)
        return jnp.sum(jnp.sin(jnp.arange(25.0).reshape(5, 5)) * overlaps)

    gradient = jax.grad(total)(log_variances)
    for k in range(5):
        step = jnp.zeros((5, 1)).at[k].set(1e-5)
        difference = (total(log_variances + step) - total(log_variances - step)) / 2e-5
        assert_close(gradient[k, 0], difference, tolerance=1e-8)


@pytest.mark.parametrize(
    ("log_partition_fn", "natural", "expected"),
    [
        (
            lambda eta: (
                jnp.sum(jax.scipy.special.gammaln(eta))
                - jax.scipy.special.gammaln(jnp.sum(eta))
            ),
            [[2.0, 5.0], [3.0, 2.0]],
            0.698525737,
        ),
        (
            lambda eta: jax.scipy.special.gammaln(eta[0]) - eta[0] * jnp.log(-eta[1]),
            [[2.0, -1.0], [2.5, -2.5]],
            0.877005664,
        ),
        (lambda eta: jnp.exp(eta[0]), np.log([[3.0], [5.0]]), 0.880719005),
    ],
    ids=["beta", "gamma", "poisson"],
)
def test_exponential_families_match_integration(
    x64, log_partition_fn, natural, expected
):
    overlaps = fingerprint.exponential_family_overlaps(
        jnp.asarray(natural), log_partition_fn=log_partition_fn
    )
    assert_close(overlaps[0, 1], expected, tolerance=1e-9)


def test_von_mises_edges_have_finite_gradients(dtype):
    # Opposite means of equal concentration, and no concentration at all.
    means = jnp.asarray([[0.0], [np.pi], [1.0], [2.0]], dtype)
    kappas = jnp.asarray([[2.0], [2.0], [0.0], [0.0]], dtype)
    overlaps = fingerprint.von_mises_overlaps(means, kappas)
    assert_close(overlaps[0, 1], 1 / special.i0(2.0))
    assert_close(overlaps[2, 3], 1.0)
    assert_close(overlaps[0, 2], special.i0(1.0) / np.sqrt(special.i0(2.0)))
    gradient = jax.grad(
        lambda *args: jnp.sum(fingerprint.von_mises_overlaps(*args)), argnums=(0, 1)
    )(means, kappas)
    assert_all_finite(gradient)


def test_von_mises_has_the_right_slope_at_concentration_zero(x64):
    means = jnp.asarray([[0.3], [0.9]])

    def overlap(kappa):
        kappas = jnp.stack([kappa, jnp.asarray(2.0)])[:, None]
        return fingerprint.von_mises_overlaps(means, kappas)[0, 1]

    slope = jax.grad(overlap)(jnp.asarray(0.0))
    step = 1e-6
    assert_close(slope, (overlap(step) - overlap(0.0)) / step, tolerance=1e-5)


def test_weak_and_huge_concentrations_keep_their_digits(dtype):
    # I0(x) = 1 + x^2 / 4 + ..., so 1 - B is about kappa^2 sin^2(delta / 2) / 4.
    means = jnp.asarray([[0.0], [np.pi / 2]], dtype)
    information = fingerprint.information
    kappas = jnp.full((2, 1), 1e-2, dtype)
    value = information(fingerprint.von_mises_overlaps(means, kappas))
    np.testing.assert_allclose(value, 1e-4 / 16, rtol=2e-2)
    kappas = jnp.full((2, 1), 1e25, dtype)
    overlaps, gradient = jax.value_and_grad(
        lambda kappas: jnp.sum(fingerprint.von_mises_overlaps(means, kappas))
    )(kappas)
    assert overlaps == 2
    assert_all_finite(gradient)


def test_von_mises_of_huge_concentration_is_gaussian(x64):
    means, kappa = jnp.asarray([[0.0], [1e-4]]), 1e8
    circular = fingerprint.von_mises_overlaps(means, jnp.full((2, 1), kappa))
    flat = fingerprint.gaussian_overlaps(means, jnp.full((2, 1), -np.log(kappa)))
    assert_close(circular, flat, tolerance=1e-7)


def test_negative_concentrations_give_nan(dtype):
    kappas = jnp.asarray([[-1.0], [1.0]], dtype)
    overlaps = fingerprint.von_mises_overlaps(jnp.zeros((2, 1), dtype), kappas)
    assert jnp.isnan(overlaps[0, 1])
    assert overlaps[1, 1] == 1


def test_extreme_logits_are_hard_labels(dtype):
    logits = jnp.asarray([[500.0, -500.0], [-500.0, 500.0], [500.0, -500.0]], dtype)
    expected = fingerprint.label_overlaps(jnp.array([0, 1, 0]))
    assert_close(fingerprint.categorical_overlaps(logits), expected)
    assert_close(fingerprint.bernoulli_overlaps(logits), expected)


def test_impossible_classes_have_no_gradient(dtype):
    logits = jnp.asarray([[0.0, 1.0, -jnp.inf], [1.0, 0.0, -jnp.inf]], dtype)
    gradient = jax.grad(lambda x: jnp.sum(fingerprint.categorical_overlaps(x)))(logits)
    assert_all_finite(gradient)


def test_labels_take_any_integers():
    expected = fingerprint.label_overlaps(jnp.array([0, 1, 0]))
    for labels in (np.array([7, -3, 7]), np.array([2**31 - 1, 0, 2**31 - 1])):
        assert jnp.all(fingerprint.label_overlaps(labels) == expected)
    with pytest.raises(TypeError, match="Expected `labels` to hold integers"):
        fingerprint.label_overlaps(jnp.zeros(3))


def test_reverse_mode_holds_no_matrix_for_each_latent():
    n, d = 512, 64
    x = jax.ShapeDtypeStruct((n, d), jnp.float32)
    gradient = jax.jit(
        jax.grad(lambda x: jnp.sum(fingerprint.gaussian_overlaps(x, 0 * x)))
    )
    memory = gradient.lower(x).compile().memory_analysis()
    assert memory.temp_size_in_bytes < d * n * n * 4 / 2


@pytest.mark.parametrize("name", ["gaussian", "gaussian_kl", "von_mises"])
def test_bad_posteriors_are_named(name):
    fn = getattr(fingerprint, f"{name}_overlaps")
    second = "concentrations" if name == "von_mises" else "log_variances"
    good = jnp.zeros((3, 2))
    with pytest.raises(ValueError, match=r"`means` to have shape \(n, d\), got \(3,\)"):
        fn(good[:, 0], good)
    with pytest.raises(ValueError, match=rf"`{second}` to have shape \(3, 2\), as"):
        fn(good, good[:2])
    with pytest.raises(TypeError, match="`means` to be real"):
        fn(good.astype(complex), good)
    with pytest.raises(TypeError, match="`means` to be an array, got list"):
        fn([[0.0]], good)
    with pytest.raises(
        ValueError, match=r"`means` not to be empty, got shape \(0, 2\)"
    ):
        fn(good[:0], good[:0])


def test_bad_factors_are_named():
    with pytest.raises(
        ValueError, match=r"`scale_trils` to have shape \(n, d, d\) with"
    ):
        fingerprint.full_gaussian_overlaps(jnp.zeros((3, 2)), jnp.zeros((3, 2, 3)))


def test_integers_become_floats():
    means = jnp.array([[0], [2]])
    overlaps = fingerprint.gaussian_overlaps(means, 0 * means)
    assert_close(overlaps[0, 1], np.exp(-0.5))
