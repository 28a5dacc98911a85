"""Reference numbers: entropies of every kind, other exponents, derivatives, rules."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import diffusion
from tests import helpers
from tests.helpers import assert_close

ENTROPIES = helpers.load("diffusion", "entropies")
CASES = sorted({name.split("__")[0] for name in ENTROPIES if "__" in name})
LARGE = ("blobs4_", "tree5_")
UNTIED = ("gauss_", "uniform_", "blobs", "moons_", "tree5_")


def fields(numbers, case):
    """Fields of one case."""
    prefix = f"{case}__"
    return {
        name.removeprefix(prefix): value
        for name, value in numbers.items()
        if name.startswith(prefix)
    }


# Clouds are padded to few shapes, so that they share their programs.
SHAPES = (100, 5), (200, 10), (500, 20)


def read(case, dtype, shapes=SHAPES[:2]):
    """Fields, points, and the mask of a case, in the first of the shapes it fits in.

    A shift of 1e4 rounds the points in float32.
    """
    if case == "offset_1e4" and dtype == jnp.float32:
        pytest.skip("the points themselves round")
    numbers = fields(ENTROPIES, case)
    x, mask = numbers["x"], None
    x = x if np.issubdtype(x.dtype, np.integer) else x.astype(dtype)
    for n, d in shapes:
        if len(x) <= n and x.shape[1] <= d:
            mask = np.arange(n) < len(x)
            return numbers, np.pad(x, [(0, n - len(x)), (0, d - x.shape[1])]), mask
    return numbers, x, mask


def tolerance(case, dtype, double=1e-10):
    if dtype == jnp.float32:
        return 1e-4
    # The reference's distances lose digits.
    return 1e-8 if case == "offset_1e4" else double


@jax.jit
def all_of_matrices(x, bandwidths, diffusion_times, mask):
    """Everything that the reference takes from matrices, by one program per shape."""

    def of_width(width):
        return tuple(
            fn(x, bandwidth=width, mask=mask)
            for fn in (
                diffusion.spectrum,
                diffusion.matrix_entry_entropy,
                diffusion.adjacency_entropy,
            )
        )

    grid = diffusion.spectral_entropies(
        x, bandwidths=bandwidths, diffusion_times=diffusion_times, mask=mask
    )
    return grid, *jax.lax.map(of_width, bandwidths)


@pytest.mark.parametrize(
    ("dtype", "case"),
    helpers.by_precision(CASES, single=lambda case: not case.startswith(LARGE)),
    indirect=["dtype"],
)
def test_spectra_and_entropies(dtype, case):
    numbers, x, mask = read(case, dtype)
    widths, times = (
        jnp.asarray(numbers[name], dtype) for name in ("bandwidths", "diffusion_times")
    )
    grid, values, entries, kernel = all_of_matrices(x, widths, times, mask)
    bound = tolerance(case, dtype)
    assert_close(grid, numbers["spectral_entropy"], tolerance=bound)
    # The reference adds 2.2e-16 to each of n^2 probabilities.
    of_entries = tolerance(case, dtype, 1e-8)
    assert_close(entries, numbers["matrix_entry_entropy"], tolerance=of_entries)
    assert_close(kernel, numbers["adjacency_entropy"], tolerance=bound)
    if "eigenvalues" not in numbers:
        return  # not stored for many points
    if case == "offset_1e4":
        # The reference's distances are off by eps * 1e9, and its eigenvalues by 3e-8:
        # better, those of the same points before they were moved.
        numbers = fields(ENTROPIES, "gauss_n200_d10")
    # Both sides round zeros, here up and there either way.
    expected = np.maximum(numbers["eigenvalues"], 0)
    number = expected.shape[1]
    bound = 1e-4 if dtype == jnp.float32 else 1e-10
    assert_close(values[:, :number], expected, tolerance=bound)
    assert (values[:, number:] == 0).all()


@pytest.mark.parametrize("case", CASES)
def test_entropies_of_bins(dtype, case):
    numbers, x, mask = read(case, dtype, SHAPES[2:])
    for number, expected in zip(
        numbers["num_bins"], numbers["binned_entropy"], strict=True
    ):
        actual = diffusion.binned_entropy(x, num_bins=int(number), mask=mask)
        assert_close(actual, expected, tolerance=tolerance(case, dtype))


@pytest.mark.parametrize("case", [name for name in CASES if name.startswith(UNTIED)])
def test_entropies_of_neighbor_graphs(x64, case):
    numbers = fields(ENTROPIES, case)
    x = numbers["x"]
    for number, expected in zip(
        numbers["num_neighbors"], numbers["neighbor_graph_entropy"], strict=True
    ):
        actual = diffusion.neighbor_graph_entropy(x, num_neighbors=int(number))
        # Where zero is a defective eigenvalue, rounding moves it by a root of itself:
        # NumPy's own entropies of a graph and of its transpose, which has the same
        # spectrum, differ by up to 2e-5. The number is not known better than that.
        graph = neighbor_graph(x, number)
        spectra = [np.linalg.eigvals(one) for one in (graph, graph.T)]
        is_singular = min(np.abs(values).min() for values in spectra) < 1e-3
        tolerance = 3e-5 if is_singular else 1e-8
        for values in spectra:
            assert abs(moduli_entropy(values) - expected) < tolerance
        assert_close(actual, expected, tolerance=tolerance)


def neighbor_graph(x, number):
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    return (squares <= np.sort(squares, 1)[:, number - 1 : number]).astype(float)


def moduli_entropy(values):
    p = np.abs(values) / np.abs(values).sum()
    return -np.sum(p[p > 0] * np.log(p[p > 0]))


@pytest.mark.parametrize(
    ("dtype", "case"),
    helpers.by_precision(
        ["gauss_n200_d10", "blobs3_n300_d5", "blobs4_n400_d20", "moons_n200_d2"],
        single=lambda case: "_n200_" in case,
    ),
    indirect=["dtype"],
)
def test_density_exponents(dtype, case):
    numbers = fields(helpers.load("diffusion", "alpha"), case)
    x = fields(ENTROPIES, case)["x"].astype(dtype)

    @jax.jit
    def of_exponent(alpha):
        grid = diffusion.spectral_entropies(
            x,
            bandwidths=numbers["bandwidths"],
            diffusion_times=numbers["diffusion_times"],
            alpha=alpha,
        )
        top = jax.lax.map(
            lambda width: diffusion.spectrum(x, bandwidth=width, alpha=alpha)[:20],
            jnp.asarray(numbers["bandwidths"], dtype),
        )
        return grid, top

    for k, alpha in enumerate(numbers["alphas"]):
        grid, top = of_exponent(alpha)
        bound = tolerance(case, dtype)
        assert_close(grid, numbers["spectral_entropy"][k], tolerance=bound)
        assert_close(top, numbers["top_eigenvalues"][k], tolerance=bound)


DERIVATIVES = helpers.load("diffusion", "derivatives")


@jax.jit
def derivatives(x, bandwidth, time, along, mask):
    """Value, slopes, and products with the Hessian, by one program per shape."""

    def entropy(x, bandwidth, time):
        return diffusion.spectral_entropy(
            x, bandwidth=bandwidth, diffusion_time=time, mask=mask
        )

    def slope(x):
        return jax.grad(entropy)(x, bandwidth, time)

    value, slopes = jax.value_and_grad(entropy, argnums=(0, 1, 2))(x, bandwidth, time)
    forward = jax.jvp(slope, (x,), (along,))[1]
    reverse = jax.grad(lambda x: jnp.vdot(slope(x), along))(x)
    return value, *slopes, forward, reverse


@pytest.mark.parametrize(
    "case", sorted({name.split("__")[0] for name in DERIVATIVES if "__" in name})
)
def test_derivatives_at_degenerate_spectra(x64, case):
    numbers = fields(DERIVATIVES, case)
    (n, d), mask = numbers["x"].shape, None
    x, along = numbers["x"], numbers["direction"]
    if n < 12:  # padded to one shape, others are of one
        mask = np.arange(12) < n
        x, along = (np.pad(z, [(0, 12 - n), (0, 6 - d)]) for z in (x, along))
    value, *slopes, forward, reverse = derivatives(
        x, numbers["bandwidth"], numbers["diffusion_time"], along, mask
    )
    assert_close(value, numbers["value"], tolerance=1e-9)
    in_x, in_bandwidth, in_time = slopes
    assert_close(in_x[:n, :d], numbers["gradient"], tolerance=1e-9)
    assert_close(in_bandwidth, numbers["derivative_bandwidth"], tolerance=1e-9)
    assert_close(in_time, numbers["derivative_time"], tolerance=1e-9)
    for product in (forward, reverse):
        expected = numbers["hessian_times_direction"]
        assert_close(product[:n, :d], expected, tolerance=1e-6)


BANDWIDTHS = json.loads((helpers.REFERENCES / "diffusion/bandwidths.json").read_text())


@jax.jit
def of_rules(x, times):
    """Everything that the reference takes from rules, by one program per shape."""
    widths = diffusion.local_bandwidths(x, num_neighbors=7)
    return (
        diffusion.median_bandwidth(x),
        {k: diffusion.neighbor_bandwidth(x, num_neighbors=k) for k in (1, 7, 10)},
        jax.lax.map(
            lambda t: diffusion.spectral_entropy(x, bandwidth=widths, diffusion_time=t),
            times,
        ),
        diffusion.collision_entropy(x, bandwidth=1.0),
    )


@pytest.mark.parametrize("case", BANDWIDTHS)
def test_bandwidth_rules(dtype, case):
    numbers, bound = BANDWIDTHS[case], tolerance(case, dtype)
    x = fields(ENTROPIES, case)["x"].astype(dtype)
    of_times = numbers["local_bandwidth_7_entropy"]
    median, neighbors, local, collision = of_rules(x, np.array([*map(float, of_times)]))
    assert_close(median, numbers["median_bandwidth"], tolerance=bound)
    for k, expected in numbers["neighbor_bandwidth"].items():
        assert_close(neighbors[int(k)], expected, tolerance=bound)
    assert_close(local, [*of_times.values()], tolerance=bound)
    expected = numbers["collision_entropy_bandwidth_1"]
    assert_close(collision, expected, tolerance=bound)
