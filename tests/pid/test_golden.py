"""Decompositions beside reference numbers, which other programs gave."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import pid
from tests import helpers
from tests.pid.tables import padded

NUMBERS = helpers.load_json("pid", "discrete")
TABLES = helpers.load("pid", "discrete_tables")
BY_DIT = helpers.load_json("pid", "dit_measures")["cases"]
TABLES_OF_DIT = helpers.load("pid", "dit_tables")
CLOSED = {
    "williams_beer": pid.williams_beer,
    "minimum_mutual_information": pid.minimum_mutual_information,
    "specificity_ambiguity": pid.specificity_ambiguity,
    "shared_exclusions": pid.shared_exclusions,
}
# Tables share programs by empty states, which change nothing.
SHAPES = [(4, 4, 4), (5, 5, 5), (8, 8, 16)]
SINGLE = {"closed": 5e-6, "broja": 1.5e-4, "iterated": 1e-5}


def shape_of(table):
    return next(s for s in SHAPES if np.all(np.array(table.shape) <= s))


TWO_SOURCES = {
    shape: {
        name: padded(TABLES[f"two__{name}"], shape)
        for name in NUMBERS["two_sources"]
        if shape_of(TABLES[f"two__{name}"]) == shape
    }
    for shape in SHAPES
}
by_shape = pytest.mark.parametrize(
    ("dtype", "shape"),
    helpers.by_precision(SHAPES, single=lambda shape: shape == (4, 4, 4)),
    indirect=["dtype"],
    ids=str,
)


def atoms(decomposition):
    """The four atoms of a decomposition, stacked."""
    return jnp.stack(decomposition[:4], axis=-1)


def expected(field, names):
    """Reference numbers of all tables that have them, and where they are."""
    cases = [NUMBERS["two_sources"][name] for name in names]
    has = [case[field] is not None for case in cases]
    return np.array([case[field] for case in cases if case[field] is not None]), has


@by_shape
def test_closed_forms_of_two_sources(dtype, shape):
    tables = jnp.asarray(np.stack([*TWO_SOURCES[shape].values()]), dtype)

    @jax.jit
    @jax.vmap
    def all_of_them(table):
        return {name: atoms(fn(table)) for name, fn in CLOSED.items()}

    found = all_of_them(tables)
    tolerance = 1e-12 if dtype == "float64" else SINGLE["closed"]
    for name, actual in found.items():
        numbers, has = expected(name, TWO_SOURCES[shape])
        if any(has):
            helpers.assert_close(actual[np.array(has)], numbers, tolerance=tolerance)


@by_shape
def test_broja_of_two_sources(dtype, shape):
    tables = jnp.asarray(np.stack([*TWO_SOURCES[shape].values()]), dtype)
    names = TWO_SOURCES[shape]

    @jax.jit
    def found(tables, tol):
        fn = functools.partial(pid.broja, tol=tol, max_steps=60)
        return jax.vmap(fn)(tables)

    numbers, _ = expected("broja", names)
    lower, _ = expected("broja_union_lower", names)
    upper, _ = expected("broja_union_upper", names)
    is_double = dtype == "float64"
    limits = {1e-6: 1e-6, 1e-10: 1e-9} if is_double else {2.0**-13: SINGLE["broja"]}
    for tol, tolerance in limits.items():
        result = found(tables, tol)
        helpers.assert_close(atoms(result), numbers, tolerance=tolerance)
        assert np.all(result.converged)
        assert np.all(result.gap <= (1.001 if tol > 1e-8 else 2) * tol)
        # The intervals overlap, as both hold the optimum.
        assert np.all(np.asarray(result.union_lower) <= upper)
        assert np.all(np.asarray(result.union_upper) >= lower)


@pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)
def test_bounds_of_two_sources(dtype):
    cases = list(NUMBERS["two_sources"].values())
    fields = "information_x", "information_y", "information_xy"
    informations = [jnp.asarray([c[field] for c in cases], dtype) for field in fields]
    found = jax.jit(jax.vmap(pid.bounds))(*informations)
    tolerance = 1e-14 if dtype == "float64" else 5e-7
    for side in ("lower", "upper"):
        numbers = [case[f"bounds_{side}"] for case in cases]
        actual = atoms(getattr(found, side))
        helpers.assert_close(actual, numbers, tolerance=tolerance)


def cases_of_dit(shape):
    tables = TABLES | TABLES_OF_DIT
    chosen = {name: tables[f"two__{name}"] for name in BY_DIT}
    return {
        name: padded(table, shape)
        for name, table in chosen.items()
        if shape_of(table) == shape
    }


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("float32", (4, 4, 4)),
        ("float64", (4, 4, 4)),
        ("float64", (5, 5, 5)),
        pytest.param("float64", (8, 8, 16), marks=pytest.mark.slow),
    ],
    indirect=["dtype"],
    ids=str,
)
def test_measures_by_the_pairwise_table_and_by_intervention(dtype, shape):
    cases = cases_of_dit(shape)
    tables = jnp.asarray(np.stack([*cases.values()]), dtype)

    @jax.jit
    @jax.vmap
    def found(table):
        iterated = pid.dependency(table), pid.common_change(table)
        names = "dependency", "common_change", "intervention"
        results = (*iterated, pid.intervention(table))
        return dict(zip(names, map(atoms, results), strict=True)), iterated

    results, iterated = found(tables)
    assert all(np.all(result.converged) for result in iterated)
    for measure, actual in results.items():
        numbers = {name: BY_DIT[name][measure] for name in cases}
        if measure == "common_change" and dtype == "float32":
            # Jumps with signs, which rounding decides where a term is 9e-5.
            numbers["rand5_4x4x4"] = None
        has = np.array([number is not None for number in numbers.values()])
        numbers = [number for number in numbers.values() if number is not None]
        tolerance = 1e-9 if dtype == "float64" else SINGLE["iterated"]
        helpers.assert_close(actual[has], numbers, tolerance=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)
def test_atoms_of_three_sources(dtype):
    cases = NUMBERS["three_sources"]
    shape = (4, 4, 4, 8)
    tables = np.stack([padded(TABLES[f"three__{name}"], shape) for name in cases])

    @jax.jit
    @jax.vmap
    def found(table):
        return {name: pid.three_sources(table, measure=name).atoms for name in CLOSED}

    tolerance = 1e-12 if dtype == "float64" else SINGLE["closed"]
    for measure, actual in found(jnp.asarray(tables, dtype)).items():
        has = np.array([case[measure] is not None for case in cases.values()])
        numbers = [case[measure] for case in cases.values() if case[measure]]
        helpers.assert_close(actual[has], numbers, tolerance=tolerance)


def test_lattice_has_the_order_and_the_inversion():
    lattice = pid.lattice(3)
    assert list(lattice.antichains) == NUMBERS["antichains"]
    np.testing.assert_array_equal(lattice.moebius, NUMBERS["moebius"])


@pytest.mark.parametrize("dtype", ["float32", "float64"], indirect=True)
def test_derivatives_of_broja(dtype):
    cases = helpers.load_json("pid", "broja_gradients")["cases"]
    shape = (3, 4, 5)

    def tables(along):
        """Tables of all cases, moved along their directions."""
        for case in cases:
            logits = jnp.asarray(case["logits"], dtype)
            moved = logits + along * jnp.asarray(case["direction"], dtype)
            p = jax.nn.softmax(moved.ravel()).reshape(moved.shape)
            widths = [(0, n - old) for n, old in zip(shape, p.shape, strict=True)]
            yield jnp.pad(p, widths)

    @jax.jit
    def found(tol):
        def at(along):
            fn = functools.partial(pid.broja, tol=tol, max_steps=60)
            return atoms(jax.vmap(fn)(jnp.stack([*tables(along)])))

        zero = jnp.zeros((), dtype)
        return jax.jvp(at, (zero,), (jnp.ones_like(zero),))

    numbers = [case["value"] for case in cases]
    slopes = [case["derivative"] for case in cases]
    is_double = dtype == "float64"
    # By tolerance of the interval, those of values and of derivatives.
    limits = (
        {1e-10: (1e-9, 3e-6), 1e-6: (1e-6, 2e-4)}
        if is_double
        else {2.0**-13: (1.5e-4, 5e-3)}
    )
    for tol, (of_value, of_slope) in limits.items():
        value, slope = found(tol)
        helpers.assert_close(value, numbers, tolerance=of_value)
        helpers.assert_close(slope, slopes, tolerance=of_slope)


GAUSSIAN = helpers.load_json("pid", "gaussian")["cases"]
DIMS = sorted({(c["dim_x"], c["dim_y"], c["dim_t"]) for c in GAUSSIAN.values()})


@pytest.mark.parametrize(
    ("dtype", "dims"),
    helpers.by_precision(DIMS, single=lambda dims: dims in [(1, 1, 1), (3, 3, 3)]),
    indirect=["dtype"],
    ids=str,
)
def test_gaussians(dtype, dims):
    cases = [
        case
        for case in GAUSSIAN.values()
        if (case["dim_x"], case["dim_y"], case["dim_t"]) == dims
    ]
    covariances = jnp.asarray([case["covariance"] for case in cases], dtype)
    shape = {"dim_x": dims[0], "dim_y": dims[1]}

    @jax.jit
    def found(covariances, tol):
        fn = functools.partial(pid.gaussian_broja, tol=tol, **shape)
        closed = functools.partial(pid.gaussian_mmi, **shape)
        return jax.vmap(fn)(covariances), jax.vmap(closed)(covariances)

    is_double = dtype == "float64"
    numbers = [case["broja_analytic"] or case["broja"] for case in cases]
    for tol, tolerance in (
        {1e-6: 1e-6, 1e-9: 1e-8} if is_double else {1e-4: 1.2e-4}
    ).items():
        optimum, closed = found(covariances, tol)
        helpers.assert_close(atoms(optimum), numbers, tolerance=tolerance)
        assert np.all(optimum.converged)
    simple = [case["minimum_mutual_information"] for case in cases]
    # To round a covariance of condition 500 costs 3e-6 by itself.
    tolerance = 1e-12 if is_double else 2e-5
    helpers.assert_close(atoms(closed), simple, tolerance=tolerance)
