"""What every decomposition of a table keeps to, and what is special to each."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import measures, pid
from tests import helpers
from tests.pid.tables import AND, COPY, REDUNDANT, XOR, random_tables

LARGEST = (4, 4, 4)
SHAPES = [(2, 2, 2), (2, 3, 4), (4, 2, 3), (3, 3, 3), LARGEST]
CLOSED = {
    "williams_beer": pid.williams_beer,
    "minimum_mutual_information": pid.minimum_mutual_information,
    "specificity_ambiguity": pid.specificity_ambiguity,
    "shared_exclusions": pid.shared_exclusions,
    "intervention": pid.intervention,
}
ITERATED = {"dependency": pid.dependency, "common_change": pid.common_change}
NONNEGATIVE = "williams_beer", "minimum_mutual_information", "broja", "dependency"
NUMBER = 1000


@jax.jit
@jax.vmap
def informations(p_xyt):
    """What the sources of a table tell, alone and together."""
    both = p_xyt.reshape(-1, p_xyt.shape[2])
    parts = p_xyt.sum(axis=1), p_xyt.sum(axis=0), both
    return jnp.stack([measures.mutual_information(part) for part in parts])


@jax.jit
@jax.vmap
def by_closed_forms(p_xyt):
    return {name: fn(p_xyt) for name, fn in CLOSED.items()}


@jax.jit
@jax.vmap
def by_iteration(p_xyt):
    return {name: fn(p_xyt) for name, fn in ITERATED.items()}


@jax.jit
@jax.vmap
def by_optimum(p_xyt):
    """The decomposition, and the gradient of its union information."""

    def union(p):
        atoms = pid.broja(p)
        return atoms.redundant + atoms.unique_x + atoms.unique_y, atoms

    gradient, atoms = jax.grad(union, has_aux=True)(p_xyt)
    return atoms, gradient


class Drawn:
    """Many tables of one precision and all that is known of them."""

    def __init__(self, dtype):
        tables = random_tables(NUMBER, SHAPES, LARGEST)
        self.tables = jnp.asarray(tables, dtype)
        self.alone = np.asarray(informations(self.tables), float)
        self.optimum, self.gradient = by_optimum(self.tables)
        self.few = self.tables[:100]
        self.found = {"broja": self.optimum, **by_closed_forms(self.tables)}
        self.iterated = by_iteration(self.few)
        self.eps = float(jnp.finfo(dtype).eps)

    def named(self):
        """All decompositions, as plain atoms, beside the informations."""
        for name, result in (self.found | self.iterated).items():
            number = result.redundant.shape[0]
            yield name, np.asarray(result[:4], float), self.alone[:number].T


@pytest.fixture(scope="module", params=["float32", "float64"])
def drawn(request):
    with jax.enable_x64(request.param == "float64"):
        yield Drawn(jnp.dtype(request.param))


def test_interval_closes_on_random_tables(drawn):
    tol = max(1e-6, 1024 * drawn.eps)
    assert np.all(drawn.optimum.converged)
    assert np.all(np.asarray(drawn.optimum.gap) <= tol)
    assert np.all(np.asarray(drawn.optimum.num_steps) <= 20)


def test_atoms_sum_to_the_informations(drawn):
    for _, (redundant, unique_x, unique_y, synergistic), (x, y, xy) in drawn.named():
        bound = 40 * drawn.eps
        np.testing.assert_allclose(redundant + unique_x, x, rtol=0, atol=bound)
        np.testing.assert_allclose(redundant + unique_y, y, rtol=0, atol=bound)
        total = redundant + unique_x + unique_y + synergistic
        np.testing.assert_allclose(total, xy, rtol=0, atol=bound)


def test_decompositions_without_negative_atoms_keep_within_the_bounds(drawn):
    for name, atoms, alone in drawn.named():
        if name not in NONNEGATIVE:
            continue
        lower, upper = jax.vmap(pid.bounds)(*jnp.asarray(alone))
        bound = 40 * drawn.eps
        assert np.all(atoms >= np.asarray(lower) - bound), name
        assert np.all(atoms <= np.asarray(upper) + bound), name
        assert np.all(atoms >= -bound), name


def test_others_leave_the_bounds_on_some_tables(drawn):
    # So that the test above can fail.
    outside = {
        name
        for name, atoms, _ in drawn.named()
        if name not in NONNEGATIVE and np.min(atoms) < -1e-3
    }
    assert outside == {"specificity_ambiguity", "shared_exclusions", "intervention",
                       "common_change"}  # fmt: skip


def test_gradient_of_the_union_certifies_it(drawn):
    # Any function g of the cells that is a sum over (x, t) and (y, t) gives a lower
    # value; that of the gradient reaches the optimum.
    p, g = np.asarray(drawn.tables, float), np.asarray(drawn.gradient, float)
    p_t = p.sum(axis=(1, 2), keepdims=True)
    possible = (p.sum(axis=2)[:, :, None, :] > 0) & (p.sum(axis=1)[:, None] > 0)
    inner = np.where(possible, p_t * np.exp(g), 0).sum(axis=3)
    value = np.sum(p * g, axis=(1, 2, 3)) - np.log(inner.max(axis=(1, 2)))
    upper = np.asarray(drawn.optimum.union_upper, float)
    assert np.all(value <= upper + 40 * drawn.eps)
    assert np.all(value >= upper - 1.1 * np.asarray(drawn.optimum.gap, float))


def swapped(atoms):
    return atoms._replace(unique_x=atoms.unique_y, unique_y=atoms.unique_x)


def test_exchanging_sources_exchanges_their_atoms(drawn):
    tables = jnp.swapaxes(drawn.few, 1, 2)
    exchanged = by_closed_forms(tables) | by_iteration(tables)
    found = drawn.found | drawn.iterated
    for name, result in exchanged.items():
        expected = [atom[:100] for atom in swapped(found[name])[:4]]
        if name == "common_change" and drawn.eps > 1e-8:
            continue
        np.testing.assert_allclose(
            np.asarray(result[:4]), np.asarray(expected), rtol=0, atol=1e3 * drawn.eps
        )
    optimum, _ = by_optimum(jnp.swapaxes(drawn.tables, 1, 2))
    difference = np.asarray(optimum[:4]) - np.asarray(swapped(drawn.optimum)[:4])
    assert np.max(np.abs(difference)) <= max(1e-6, 1024 * drawn.eps)


def test_names_of_states_do_not_matter(drawn):
    rng = np.random.default_rng(1)
    tables = drawn.tables
    for axis in (1, 2, 3):
        tables = jnp.take(tables, rng.permutation(4), axis=axis)
    renamed = by_closed_forms(tables)
    for name, result in renamed.items():
        np.testing.assert_allclose(
            np.asarray(result), np.asarray(drawn.found[name]), rtol=0,
            atol=40 * drawn.eps,
        )  # fmt: skip
    optimum, _ = by_optimum(tables)
    difference = np.asarray(optimum[:4]) - np.asarray(drawn.optimum[:4])
    assert np.max(np.abs(difference)) <= max(1e-6, 1024 * drawn.eps)


def test_pairwise_table_has_the_marginals_and_the_largest_entropy(drawn):
    found = jax.jit(jax.vmap(pid.maximum_entropy))(drawn.few)
    q, p = np.asarray(found.p_xyt, float), np.asarray(drawn.few, float)
    for axis in (1, 2, 3):
        np.testing.assert_allclose(
            q.sum(axis), p.sum(axis), rtol=0, atol=1024 * drawn.eps
        )
    # Log q is a sum over pairs, but for the barrier: alternating sums over two states
    # of each variable vanish.
    inner = q[:, :2, :2, :2]
    signs = np.array([1, -1])
    signs = signs[:, None, None] * signs[:, None] * signs
    alternating = np.sum(signs * np.log(inner), axis=(1, 2, 3))
    barrier = max(1e-13, drawn.eps)
    assert np.all(np.abs(alternating) <= 20 * np.sum(barrier / inner, axis=(1, 2, 3)))


class TestCanonicalTables:
    """Tables whose decompositions everybody agrees on."""

    @pytest.mark.parametrize(
        ("table", "expected"),
        [
            (XOR, [0, 0, 0, 1]),
            (REDUNDANT, [1, 0, 0, 0]),
            (COPY, [0, 1, 1, 0]),
        ],
        ids=["xor", "redundant", "copy"],
    )
    def test_optimum_is_exact(self, dtype, table, expected):
        table = np.pad(table, [(0, 0), (0, 0), (0, 4 - table.shape[2])])
        result = pid.broja(jnp.asarray(table, dtype))
        helpers.assert_close(jnp.stack(result[:4]), np.log(2) * np.array(expected))
        assert result.converged
        # Where the interval that is known beforehand is a point, no step is taken.
        assert result.num_steps == (1 if expected[1] else 0)

    def test_source_that_is_a_noisy_copy_of_the_other_has_nothing_unique(self, x64):
        rng = np.random.default_rng(3)
        p_yt = rng.dirichlet(np.ones(12)).reshape(3, 4)
        noise = rng.dirichlet(np.ones(3), size=3)
        table = noise.T[:, :, None] * p_yt[None]
        result = pid.broja(jnp.asarray(table), tol=1e-10)
        assert abs(result.unique_x) <= 1e-10

    def test_union_of_two_states_equals_a_search_on_a_line(self, x64):
        # Tables of two states with given marginals form a line for each state of the
        # target: search both.
        p = np.random.default_rng(5).dirichlet(np.ones(8)).reshape(2, 2, 2)
        sign = np.array([[1, -1], [-1, 1]])
        grid = []
        for t in range(2):
            moved = sign > 0
            low = -np.min(p[..., t][moved])
            high = np.min(p[..., t][~moved])
            grid.append(np.linspace(low, high, 801))
        shifts = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1)
        tables = p + sign[:, :, None] * shifts[:, :, None, None, :]
        tables = np.maximum(tables, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            q = tables.sum(-1, keepdims=True)
            terms = tables * np.log(tables / (q * p.sum((0, 1))))
        least = np.nansum(terms, axis=(2, 3, 4)).min()
        result = pid.broja(jnp.asarray(p), tol=1e-9)
        assert result.union_lower <= least
        assert least - result.union_upper < 1e-5


BAD = {
    "negative": np.array([[[0.6, 0.2], [0.3, -0.1]], [[0, 0], [0, 0]]]),
    "not normalised": np.full((2, 2, 2), 0.2),
    "counts": np.full((2, 2, 2), 3.0),
    "nan": np.where(np.arange(8) == 3, np.nan, 1 / 8).reshape(2, 2, 2),
}


@jax.jit
def all_decompositions(p_xyt):
    """All that decompose two sources, in one program."""
    fns = CLOSED | ITERATED | {"broja": pid.broja}
    return {name: fn(p_xyt) for name, fn in fns.items()}


class TestEdges:
    @pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)
    def test_sparse_tables_with_vanishing_cells_are_solved(self, dtype):
        rng = np.random.default_rng(0)
        tables = rng.dirichlet(np.full(64, 0.05), 60) * (rng.uniform(size=64) < 0.5)
        tables = (tables / tables.sum(axis=1, keepdims=True)).reshape(-1, *LARGEST)
        # Cells between 1e-40 and 1, which single precision does not hold.
        optimum, _ = by_optimum(jnp.asarray(tables, dtype))
        iterated = by_iteration(jnp.asarray(tables, dtype))
        assert np.all(optimum.converged)
        assert np.all(iterated["dependency"].converged)
        for result in (optimum, iterated["dependency"]):
            assert np.min(np.asarray(result[:4])) > -100 * np.finfo(dtype).eps

    @pytest.mark.parametrize("kind", BAD)
    def test_what_is_no_table_gives_nan_and_does_not_converge(self, kind):
        for result in all_decompositions(jnp.asarray(BAD[kind], float)).values():
            assert np.all(np.isnan(np.asarray(result[:4])))
            assert not getattr(result, "converged", False)

    @pytest.mark.parametrize("kind", BAD)
    def test_three_sources_of_what_is_no_table_are_nan(self, kind):
        p = np.stack([BAD[kind], 0 * BAD[kind]])
        assert np.all(np.isnan(pid.three_sources(jnp.asarray(p, float)).atoms))

    def test_source_of_one_state_tells_nothing(self):
        p = np.zeros((2, 2, 2))
        p[0] = np.array([[0.4, 0.1], [0.2, 0.3]])
        for name, result in all_decompositions(jnp.asarray(p, float)).items():
            assert abs(result.redundant) < 1e-6, name
            assert abs(result.unique_x) < 1e-6, name

    def test_target_of_one_state_has_nothing_to_tell(self):
        p = np.zeros((2, 2, 2))
        p[..., 1] = np.array([[0.4, 0.1], [0.2, 0.3]])
        for name, result in all_decompositions(jnp.asarray(p, float)).items():
            np.testing.assert_allclose(
                np.asarray(result[:4]), 0, atol=2e-7, err_msg=name
            )

    def test_single_cell_is_certain(self):
        p = np.zeros((2, 2, 2))
        p[1, 0, 1] = 1
        for name, result in all_decompositions(jnp.asarray(p, float)).items():
            np.testing.assert_array_equal(np.asarray(result[:4]), 0, err_msg=name)

    def test_rare_cells_do_not_break_single_precision(self):
        p = np.full((2, 2, 2), 1e-30)
        p[0, 0, 0] = p[1, 1, 1] = 0.5
        for name, result in all_decompositions(jnp.asarray(p, float)).items():
            helpers.assert_all_finite(result)
            np.testing.assert_allclose(
                np.asarray(result[:4]), [np.log(2), 0, 0, 0], atol=2e-6, err_msg=name
            )

    def test_gradients_at_structural_zeros_are_finite(self):
        def scalar(p):
            found = all_decompositions(p).values()
            weights = jnp.cos(jnp.arange(4.0))
            return sum(jnp.vdot(weights, jnp.stack(result[:4])) for result in found)

        gradients = jax.jit(jax.grad(scalar))
        for table in (AND, XOR, REDUNDANT):
            helpers.assert_all_finite(gradients(jnp.asarray(table, float)))

    def test_tolerance_below_rounding_is_not_reached_and_the_interval_holds(self):
        p = random_tables(50, [(3, 3, 3)], (3, 3, 3))
        fn = jax.jit(jax.vmap(functools.partial(pid.broja, tol=1e-10)))
        result = fn(jnp.asarray(p, jnp.float32))
        assert not np.any(result.converged)
        with jax.enable_x64(True):
            # Of the tables as single precision holds them.
            exact = fn(jnp.asarray(p.astype(np.float32), jnp.float64))
        assert np.all(np.asarray(result.union_lower) <= np.asarray(exact.union_upper))
        assert np.all(np.asarray(result.union_upper) >= np.asarray(exact.union_lower))

    def test_no_step_leaves_the_interval_that_is_known_without_one(self):
        p = jnp.asarray(random_tables(1, [(3, 3, 3)], (3, 3, 3))[0], float)
        result = pid.broja(p, max_steps=0)
        x, y, xy = np.asarray(informations(p[None]))[0]
        assert not result.converged
        assert result.num_steps == 0
        np.testing.assert_allclose(result.union_lower, max(x, y), atol=3e-6)
        np.testing.assert_allclose(result.union_upper, min(x + y, xy), atol=3e-6)


class TestLabels:
    def test_table_of_labels_counts_them(self, dtype):
        rng = np.random.default_rng(0)
        labels = rng.integers(0, [2, 3, 4], size=(50, 3))
        expected, _ = np.histogramdd(
            labels, bins=(2, 3, 4), range=[(0, 2), (0, 3), (0, 4)]
        )
        actual = pid.table(labels, num_states=(2, 3, 4))
        assert actual.dtype == dtype
        helpers.assert_close(actual, expected / 50)

    @pytest.mark.parametrize("label", [-1, 2])
    def test_label_out_of_range_gives_nan(self, label):
        labels = np.array([[0, 1], [label, 0]])
        assert np.all(np.isnan(pid.table(labels, num_states=(2, 2))))

    def test_labels_give_three_sources(self):
        bits = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), axis=1)
        labels = np.column_stack([bits, bits.sum(axis=1) % 2])
        atoms = pid.three_sources(pid.table(labels, num_states=(2, 2, 2, 2))).atoms
        helpers.assert_close(jnp.sum(atoms), np.log(2))

    @pytest.mark.parametrize("num_states", [(2,), (2, 2, 2), (2, 0)])
    def test_wrong_number_of_states_is_named(self, num_states):
        with pytest.raises(ValueError, match="`num_states`"):
            pid.table(np.zeros((3, 2), int), num_states=num_states)


class TestErrors:
    @pytest.mark.parametrize("fn", [pid.broja, pid.williams_beer, pid.dependency])
    def test_shape_is_named(self, fn):
        with pytest.raises(ValueError, match=r"`p_xyt` to have shape \(x, y, t\)"):
            fn(jnp.ones((2, 2)))

    def test_number_of_sources(self):
        with pytest.raises(ValueError, match="`num_sources` to be 2 or 3, got 4"):
            pid.lattice(4)

    def test_unknown_measure(self):
        with pytest.raises(ValueError, match="`measure` to be one of 'williams_beer'"):
            pid.three_sources(jnp.ones((1, 1, 1, 1)), measure="broja")


class TestLattice:
    @pytest.mark.parametrize("num_sources", [2, 3])
    def test_atoms_sum_back_to_redundancies(self, num_sources):
        lattice = pid.lattice(num_sources)
        inverse = np.linalg.inv(lattice.moebius)
        # Zeros and ones: each redundancy is a sum of atoms.
        assert set(np.rint(inverse).ravel()) == {0, 1}
        assert len(lattice.antichains) == {2: 4, 3: 18}[num_sources]

    def test_two_of_three_sources_are_those_of_two(self, x64):
        p = jnp.asarray(random_tables(1, [(3, 2, 3)], (3, 2, 3))[0])
        # A third source of one state is below everything.
        of_three = pid.three_sources(p[:, :, None, :], measure="shared_exclusions")
        names = pid.lattice(3).antichains
        index = names.index("{0}{1}")
        expected = pid.shared_exclusions(p).redundant
        helpers.assert_close(of_three.redundancies[index], expected)

    def test_atoms_of_three_sum_to_what_all_tell(self, x64):
        p = np.random.default_rng(0).dirichlet(np.ones(24), 20)
        p = jnp.asarray(p.reshape(20, 2, 2, 2, 3))
        for measure in ("williams_beer", "specificity_ambiguity"):
            fn = functools.partial(pid.three_sources, measure=measure)
            atoms = jax.jit(jax.vmap(fn))(p).atoms
            total = jax.vmap(measures.mutual_information)(p.reshape(20, 8, 3))
            helpers.assert_close(jnp.sum(atoms, axis=1), total)
            if measure == "williams_beer":
                assert np.all(atoms >= -1e-14)
