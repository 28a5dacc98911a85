import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from jaxinfo import measures
from tests.helpers import assert_all_finite


def test_contingency_matches_scikit_learn():
    x, y = np.random.default_rng(0).integers(0, 3, (2, 50))
    table = measures.contingency_table(x, y, num_x=3, num_y=3)
    np.testing.assert_array_equal(table, contingency_matrix(x, y))


@pytest.mark.parametrize("wrong", [-1, 2])
def test_labels_out_of_range_give_nan(wrong):
    x = jnp.array([0, wrong])
    assert jnp.all(
        jnp.isnan(measures.contingency_table(x, jnp.zeros(2, int), num_x=2, num_y=2))
    )


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_narrow_labels_are_widened(kind):
    labels = np.array([0, 100, 100], kind)
    table = measures.contingency_table(labels, labels, num_x=300, num_y=300)
    assert table[100, 100] == 2


def test_labels_must_be_integers_of_equal_number():
    x = jnp.zeros(3, int)
    with pytest.raises(TypeError, match="Expected `labels_y` to hold integers"):
        measures.contingency_table(x, jnp.zeros(3), num_x=1, num_y=1)
    with pytest.raises(ValueError, match=r"`labels_y` to have shape \(n,\) with n = 3"):
        measures.contingency_table(x, x[:2], num_x=1, num_y=1)
    with pytest.raises(ValueError, match="`num_x` to be at least 1, got 0"):
        measures.contingency_table(x, x, num_x=0, num_y=1)


def test_booleans_are_labels():
    x = np.random.default_rng(0).random((2, 20)) < 0.5
    table = measures.contingency_table(*x, num_x=2, num_y=2)
    np.testing.assert_array_equal(table, contingency_matrix(*x))
    result = measures.compare_labels(*x, num_x=2, num_y=2)
    expected = measures.compare_labels(*x.astype(int), num_x=2, num_y=2)
    assert all(one == other for one, other in zip(result, expected, strict=True))


NUMBER = 40


def compare(x, y, **options):
    return measures.compare_labels(
        jnp.asarray(x), jnp.asarray(y), num_x=NUMBER, num_y=NUMBER, **options
    )


def scikit_learn(x, y):
    """The same quantities, with a geometric mean and an arithmetic one."""
    information = metrics.mutual_info_score(x, y)
    entropies = [metrics.mutual_info_score(z, z) for z in (x, y)]
    expected = expected_mutual_information(
        contingency_matrix(x, y, sparse=True), len(x)
    )
    return measures.LabelComparison(
        mutual_information=information,
        nmi=metrics.normalized_mutual_info_score(x, y, average_method="geometric"),
        vi=sum(entropies) - 2 * information,
        expected_mutual_information=expected,
        adjusted_mutual_information=information - expected,
        adjusted_nmi=metrics.adjusted_mutual_info_score(
            x, y, average_method="geometric"
        ),
        adjusted_vi=metrics.adjusted_mutual_info_score(x, y),
    )


def draw_labels(kind, n=2000):
    rng = np.random.default_rng(0)
    y = rng.integers(0, NUMBER, n)
    if kind == "unrelated":
        return rng.integers(0, NUMBER, n), y
    if kind == "few points":
        n, y = 60, y[:60]
    if kind == "two classes":
        y = y % 2
    if kind == "rare class":
        y = (y == 0) & (rng.random(n) < 0.05)
    x = rng.permutation(NUMBER)[np.where(rng.random(n) < 0.3, y[::-1], y).astype(int)]
    return x, y.astype(int)


@pytest.mark.parametrize(
    "kind", ["related", "unrelated", "few points", "two classes", "rare class"]
)
def test_comparison_equals_scikit_learn(dtype, kind):
    x, y = draw_labels(kind)
    result = compare(x, y)
    for name, expected in scikit_learn(x, y)._asdict().items():
        actual = getattr(result, name)
        assert actual.dtype == dtype
        bound = 1e-6 if dtype == jnp.float32 else 1e-11
        np.testing.assert_allclose(actual, expected, rtol=0, atol=bound, err_msg=name)


@pytest.mark.parametrize("kind", ["constant", "singletons", "one point"])
def test_labellings_equal_but_for_names_agree_beyond_chance(dtype, kind):
    x = {
        "constant": np.zeros(NUMBER, int),
        "singletons": np.arange(NUMBER),
        "one point": np.zeros(1, int),
    }[kind]
    y = NUMBER - 1 - x
    result = compare(x, y)
    expected = scikit_learn(x, y)
    assert result.adjusted_nmi == result.adjusted_vi == 1
    assert expected.adjusted_nmi == expected.adjusted_vi == 1
    assert result.vi == 0
    entropy = np.log(len(np.unique(x)))
    np.testing.assert_allclose(result.mutual_information, entropy, rtol=1e-6)
    assert abs(result.adjusted_mutual_information) < 1e-6
    np.testing.assert_allclose(result.nmi, entropy > 0, rtol=1e-6)


def test_a_constant_agrees_with_nothing(dtype):
    for y in (np.arange(NUMBER), np.arange(NUMBER) % 3):
        result = compare(np.zeros(NUMBER, int), y)
        assert result.mutual_information == result.nmi == 0
        assert abs(result.adjusted_nmi) < 1e-6
        assert abs(result.adjusted_vi) < 1e-6
        assert_all_finite(result)


def test_points_that_a_mask_leaves_out_do_not_count():
    x, y = draw_labels("related")
    mask = np.random.default_rng(1).random(len(x)) < 0.7
    expected = compare(x[mask], y[mask])
    x[~mask] = 999
    for one, other in zip(compare(x, y, mask=mask), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert all(np.isnan(compare(x, y)))
    assert all(np.isnan(compare(x, y, mask=np.zeros(len(x), bool))))


def test_a_million_points_are_counted_and_compared(key):
    # Of unrelated labels: the bias of the information, to first order in 1 / N.
    x, y = jax.random.randint(key, (2, 10**6), 0, NUMBER)
    result = compare(x, y)
    first_order = (NUMBER - 1) ** 2 / 2e6
    np.testing.assert_allclose(
        result.expected_mutual_information, first_order, rtol=2e-3
    )
    assert abs(result.adjusted_nmi) < 1e-3
