import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import measures
from tests.helpers import assert_all_finite, assert_close


@dataclasses.dataclass
class Definition:
    """Plain NumPy transcriptions of the definitions, for positive tables."""

    p: np.ndarray

    @staticmethod
    def entropy(p):
        p = p[p > 0]
        return -np.sum(p * np.log(p))

    def marginal(self, *keep):
        drop = tuple(axis for axis in range(self.p.ndim) if axis not in keep)
        return self.p.sum(axis=drop)

    def mutual_information(self):
        h = self.entropy
        return h(self.marginal(0)) + h(self.marginal(1)) - h(self.p)

    def variation_of_information(self):
        h = self.entropy
        return 2 * h(self.p) - h(self.marginal(0)) - h(self.marginal(1))

    def conditional_mutual_information(self):
        h = self.entropy
        joint = h(self.marginal(0, 2)) + h(self.marginal(1, 2))
        return joint - h(self.marginal(2)) - h(self.p)


def tables(dtype, *shape, number=100, seed=0):
    rng = np.random.default_rng(seed)
    flat = rng.dirichlet(np.full(np.prod(shape), 0.5), number)
    return flat.reshape(number, *shape), jnp.asarray(
        flat.reshape(number, *shape), dtype
    )


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mutual_information", (3, 4)),
        ("variation_of_information", (3, 4)),
        ("conditional_mutual_information", (2, 3, 4)),
    ],
)
def test_matches_definition_over_many_tables(dtype, name, shape):
    exact, p = tables(dtype, *shape)
    expected = [getattr(Definition(table), name)() for table in exact]
    assert_close(jax.vmap(getattr(measures, name))(p), expected)


def test_entropy_matches_definition_over_many_distributions(dtype):
    exact, p = tables(dtype, 6)
    expected = [Definition.entropy(one) for one in exact]
    assert_close(jax.vmap(measures.entropy)(p), expected)


def test_tables_with_empty_cells_match_definition(dtype):
    p = np.array([[0.5, 0.0, 0.0], [0.0, 0.25, 0.25]])
    assert_close(measures.mutual_information(jnp.asarray(p, dtype)), np.log(2))
    assert_close(
        measures.variation_of_information(jnp.asarray(p, dtype)), np.log(2) / 2
    )
    expected = np.log(2) / np.sqrt(np.log(2) * 1.5 * np.log(2))
    assert_close(
        measures.normalized_mutual_information(jnp.asarray(p, dtype)), expected
    )


def test_information_is_symmetric_bounded_and_never_negative(dtype):
    _, p = tables(dtype, 4, 4)
    value = jax.vmap(measures.mutual_information)(p)
    swapped = jax.vmap(measures.mutual_information)(p.transpose(0, 2, 1))
    assert_close(value, swapped)
    entropies = [jax.vmap(measures.entropy)(jnp.sum(p, axis=axis)) for axis in (1, 2)]
    slack = 10 * jnp.finfo(dtype).eps
    assert jnp.all(value >= -slack)
    assert jnp.all(value <= jnp.minimum(*entropies) + slack)


def test_information_of_a_variable_about_itself_is_its_entropy(dtype):
    _, p = tables(dtype, 5)
    value = jax.vmap(lambda p: measures.mutual_information(jnp.diag(p)))(p)
    assert_close(value, jax.vmap(measures.entropy)(p))


def test_chain_rule(dtype):
    _, p = tables(dtype, 2, 3, 4)  # I(X; Y, Z) = I(X; Z) + I(X; Y | Z)
    joint = jax.vmap(measures.mutual_information)(p.reshape(-1, 2, 12))
    with_z = jax.vmap(measures.mutual_information)(jnp.sum(p, axis=2))
    given_z = jax.vmap(measures.conditional_mutual_information)(p)
    assert_close(joint, with_z + given_z)


def test_merging_values_never_raises_information(dtype):
    _, p = tables(dtype, 4, 4)
    merged = p.reshape(-1, 4, 2, 2).sum(axis=3)
    fine = jax.vmap(measures.mutual_information)(p)
    coarse = jax.vmap(measures.mutual_information)(merged)
    assert jnp.all(coarse <= fine + 10 * jnp.finfo(dtype).eps)


def test_variation_of_information_is_a_metric(dtype):
    _, p = tables(dtype, 3, 3, 3)
    distance = jax.vmap(measures.variation_of_information)
    xy, yz, xz = (distance(jnp.sum(p, axis=axis)) for axis in (3, 1, 2))
    assert jnp.all(xz <= xy + yz + 10 * jnp.finfo(dtype).eps)


def test_normalised_information_is_at_most_one(dtype):
    _, p = tables(dtype, 3, 5)
    value = jax.vmap(measures.normalized_mutual_information)(p)
    assert jnp.all(value <= 1)
    assert jnp.all(value >= 0)


def test_normalised_information_is_zero_without_entropy(dtype):
    p = jnp.asarray([[0.25, 0.75]], dtype)
    value, gradient = jax.value_and_grad(measures.normalized_mutual_information)(p)
    assert value == 0
    assert_all_finite(gradient)


def test_weak_information_keeps_its_digits(dtype):
    # I = x^2 / 2 + x^4 / 12 + ... for a table of (1 +- x) / 4; x is a power of two, so
    # the table is exact.
    x = 2.0**-14 if dtype == jnp.float32 else 2.0**-30
    p = jnp.asarray([[1 + x, 1 - x], [1 - x, 1 + x]], dtype) / 4
    value = measures.mutual_information(p)
    np.testing.assert_allclose(value, x**2 / 2 + x**4 / 12, rtol=1e-6)


def test_constant_labels_have_no_normalised_information(dtype):
    # Their probabilities sum to one but for rounding, which must not pass for entropy.
    p = np.random.default_rng(0).dirichlet(np.ones(10), 200)[:, None]
    fn = jax.vmap(jax.value_and_grad(measures.normalized_mutual_information))
    for table in (p, p.transpose(0, 2, 1), np.pad(p, ((0, 0), (0, 2), (0, 0)))):
        value, gradient = fn(jnp.asarray(table, dtype))
        assert jnp.all(value == 0)
        assert_all_finite(gradient)


@pytest.mark.parametrize("rare", [1e-3, 1e-6, 1e-9, 1e-12])
def test_tiny_entropies_keep_their_normalised_information(dtype, rare):
    table = jnp.asarray([[1 - rare, 0], [0, rare]], dtype)
    assert_close(measures.normalized_mutual_information(table), 1)
    independent = jnp.asarray(np.outer([1 - rare, rare], [0.3, 0.7]), dtype)
    assert measures.normalized_mutual_information(independent) < 1e-3


def test_a_table_off_one_by_rounding_is_taken_as_it_is(dtype):
    exact, p = tables(dtype, 3, 4, number=5)
    factor = 1 + float(jnp.finfo(dtype).eps) ** 0.5 / 2
    expected = [Definition(factor * table).mutual_information() for table in exact]
    assert_close(jax.vmap(measures.mutual_information)(factor * p), expected)
    expected = [Definition.entropy(factor * table) for table in exact]
    assert_close(jax.vmap(measures.entropy)(factor * p.reshape(5, 12)), expected)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("entropy", (3,)),
        ("mutual_information", (3, 2)),
        ("variation_of_information", (3, 2)),
        ("normalized_mutual_information", (3, 2)),
        ("conditional_mutual_information", (3, 2, 2)),
    ],
)
class TestEdges:
    def test_negative_entries_give_nan(self, name, shape, dtype):
        p = jnp.zeros(shape, dtype).at[-1].set(1.1 / (np.prod(shape) / shape[0]))
        p = p.at[(0,) * len(shape)].set(-0.1)
        assert_close(jnp.sum(p), 1)
        assert jnp.isnan(getattr(measures, name)(p))

    def test_counts_and_other_sums_give_nan(self, name, shape, dtype):
        fn, flat = getattr(measures, name), 1 / np.prod(shape)
        off = float(jnp.finfo(dtype).eps) ** 0.5
        for factor, is_table in (
            (1 + 0.9 * off, True),
            (1 - 0.9 * off, True),
            (1 + 1.1 * off, False),
            (1 - 1.1 * off, False),
            (10, False),
            (0, False),
        ):
            value = fn(jnp.full(shape, factor * flat, dtype))
            assert jnp.isfinite(value) == is_table

    def test_nan_stays_nan(self, name, shape, dtype):
        p = jnp.full(shape, 0.1, dtype).at[(0,) * len(shape)].set(jnp.nan)
        assert jnp.isnan(getattr(measures, name)(p))

    def test_gradient_at_empty_cells_is_finite(self, name, shape, dtype):
        fn = jax.value_and_grad(getattr(measures, name))
        nothing = jnp.zeros(shape, dtype)
        row = nothing.at[-1].set(shape[0] / np.prod(shape))
        for p in (nothing.at[(-1,) * len(shape)].set(1), row):
            assert_all_finite(fn(p))

    def test_one_cell_carries_nothing(self, name, shape, dtype):
        assert getattr(measures, name)(jnp.ones((1,) * len(shape), dtype)) == 0

    def test_tiny_probabilities_do_not_underflow(self, name, shape, dtype):
        fn = getattr(measures, name)
        for tiny in (float(jnp.finfo(dtype).tiny), 1e-30, 1e-20):
            p = jnp.full(shape, tiny, dtype).at[(-1,) * len(shape)].set(1)
            value = fn(p)
            assert jnp.isfinite(value)
            assert abs(value) < 1e-17 or name == "normalized_mutual_information"
        assert_all_finite(jax.grad(fn)(p))

    def test_wrong_rank_and_kind_are_named(self, name, shape, dtype):
        fn = getattr(measures, name)
        with pytest.raises(
            ValueError, match=r"Expected `p.*` to have shape .*, got \(\)"
        ):
            fn(jnp.ones((), dtype))
        with pytest.raises(ValueError, match="not to be empty"):
            fn(jnp.ones((0,) * len(shape), dtype))
        with pytest.raises(TypeError, match="to be real, got dtype complex"):
            fn(jnp.ones(shape, complex))
        with pytest.raises(TypeError, match="to be an array, got list"):
            fn([0.5, 0.5])

    def test_integers_become_the_default_float(self, name, shape):
        p = jnp.zeros(shape, int).at[(0,) * len(shape)].set(1)
        value = getattr(measures, name)(p)
        assert value == 0
        assert value.dtype == jnp.float32
