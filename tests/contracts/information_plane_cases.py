"""One case for each function of `information_plane`."""

import functools

from jaxinfo import gmm, information_plane
from tests.contracts.cases import Case, key

CLASSES = {"num_classes": 2}
N = 24


def layer(rng):
    """Draw activations and labels."""
    return rng.normal(size=(N, 2)), rng.integers(0, 2, N)


def with_inputs(rng):
    return rng.normal(size=(N, 1)), *layer(rng)


def with_key(make):
    return lambda rng: (key(rng), *make(rng))


def trajectory(rng):
    plane = information_plane.binned(*layer(rng), num_classes=2)
    return information_plane.stack(
        rng.integers(0, 9, 2), [{"first": plane, "second": plane}] * 2
    )


binned = functools.partial(information_plane.binned, num_classes=2, bin_width=0.5)
# What is smooth in coordinates.
SMOOTH = ("information_x", "information_y", "saturation")

CASES = {
    "information_plane.binned": Case(
        information_plane.binned, layer, CLASSES | {"bin_width": 0.5}, grad=()
    ),
    "information_plane.uniform_binned": Case(
        information_plane.uniform_binned, layer, CLASSES | {"num_bins": 4}, grad=()
    ),
    "information_plane.quantile_binned": Case(
        information_plane.quantile_binned,
        layer,
        CLASSES | {"num_bins": 4, "scope": "layer"},
        grad=(),
    ),
    "information_plane.edge_binned": Case(
        information_plane.edge_binned,
        lambda rng: (*layer(rng), rng.normal(size=(3, 2))),
        CLASSES,
        grad=(),
    ),
    "information_plane.adaptive_binned": Case(
        information_plane.adaptive_binned,
        layer,
        CLASSES | {"num_bins": 4, "low": 0.0},
        grad=(),
    ),
    "information_plane.exact": Case(
        information_plane.exact,
        lambda rng: (rng.integers(0, 3, (N, 2)), rng.integers(0, 2, N)),
        CLASSES,
        grad=(),
        keeps_dtype=False,
    ),
    "information_plane.quantize": Case(
        information_plane.quantize,
        lambda rng: layer(rng)[:1],
        {"num_bits": 2},
        grad=(),
        keeps_dtype=False,
    ),
    "information_plane.kde_bounds": Case(
        information_plane.kde_bounds,
        layer,
        CLASSES | {"noise_variance": 0.3, "block_size": 10},
        smooth=("lower", "upper"),
        scale=10.0,
        is_nan=("coverage",),
    ),
    "information_plane.noisy": Case(
        information_plane.noisy,
        with_key(layer),
        CLASSES | {"noise_variance": 0.3, "num_samples": 30, "block_size": 20},
        grad=(1,),
        smooth=SMOOTH,
        scale=10.0,
        is_nan=("coverage",),
    ),
    "information_plane.renyi": Case(
        information_plane.renyi,
        with_inputs,
        CLASSES | {"input_bandwidth": 1.0, "bandwidth": 1.0},
        grad=(0, 1),
        smooth=SMOOTH,
        scale=1000.0,
        is_nan=("coverage",),
    ),
    "information_plane.spectral": Case(
        information_plane.spectral,
        with_key(lambda rng: (*layer(rng), rng.integers(0, 3, N))),
        CLASSES | {"num_input_classes": 3, "bandwidth": 1.0, "num_repetitions": 2},
        grad=(1,),
        smooth=SMOOTH,
        scale=100.0,
        is_heavy=True,
        is_nan=("coverage",),
    ),
    "information_plane.mixture": Case(
        information_plane.mixture,
        with_key(with_inputs),
        CLASSES
        | {
            "fitting": gmm.Fitting(max_components=1, num_folds=2),
            "sampling": gmm.Sampling(num_replicates=0),
        },
        grad=(1, 2),
        smooth=SMOOTH,
        is_heavy=True,
        is_nan=("coverage",),
    ),
    "information_plane.neighbors": Case(
        information_plane.neighbors,
        with_inputs,
        CLASSES,
        grad=(),
        is_heavy=True,
        is_nan=("coverage",),
    ),
    "information_plane.flatten": Case(
        information_plane.flatten,
        lambda rng: (rng.normal(size=(3, 2, 4)),),
        {"space": "mean"},
    ),
    "information_plane.label_null": Case(
        information_plane.label_null,
        with_key(layer),
        {"coordinates_fn": binned, "num_permutations": 3},
        grad=(),
    ),
    "information_plane.subsample": Case(
        information_plane.subsample,
        with_key(layer),
        {"coordinates_fn": binned, "num_repetitions": 3},
        grad=(),
    ),
    "information_plane.is_logged": Case(
        information_plane.is_logged,
        lambda rng: (rng.integers(0, 99),),
        grad=(),
        keeps_dtype=False,
    ),
    "information_plane.violations": Case(
        information_plane.violations,
        lambda rng: (trajectory(rng),),
        grad=(),
        keeps_dtype=False,
    ),
}
