"""One case for each function of `transfer_entropy`."""

from jaxinfo import gmm, transfer_entropy
from jaxinfo.transfer_entropy import Timing
from tests.contracts.cases import Case, key


def symbols(*shapes, num_symbols=2):
    """Draw series of symbols."""
    return lambda rng: tuple(rng.integers(0, num_symbols, shape) for shape in shapes)


def series(*widths, t=24):
    """Draw continuous series."""

    def make(rng):
        common = rng.normal(size=(t, 1))
        return tuple(common + rng.normal(size=(t, width)) for width in widths)

    return make


def with_key(make):
    return lambda rng: (key(rng), *make(rng))


def stream(rng):
    """Counts of some rows."""
    state = transfer_entropy.stream_init(
        num_sources=2, num_targets=3, num_symbols=2, timing=LONG
    )
    return transfer_entropy.stream_update(state, *symbols((9, 2), (9, 3))(rng))


LONG = Timing(target_history=2, source_history=2, lag=2)
BINARY = {"num_symbols": 2}
LAYERS = symbols((40, 2), (40, 3))
PROBES = symbols((6, 5, 2), (6, 5, 3))


def case(fn, make, kwargs=BINARY, grad=(), **options):
    """A case of symbols, whose results have the default dtype."""
    return Case(fn, make, kwargs, grad=grad, keeps_dtype=False, **options)


CASES = {
    "transfer_entropy.discrete": case(
        transfer_entropy.discrete, symbols(40, 40), BINARY | {"timing": LONG}
    ),
    "transfer_entropy.conditional": case(
        transfer_entropy.conditional, symbols(40, 40, (40, 2))
    ),
    "transfer_entropy.local_discrete": case(
        transfer_entropy.local_discrete, symbols(40, 40)
    ),
    "transfer_entropy.active_information": case(
        transfer_entropy.active_information, symbols(40), BINARY | {"history": 2}
    ),
    "transfer_entropy.pairwise": case(transfer_entropy.pairwise, LAYERS),
    "transfer_entropy.ensemble_pairwise": case(
        transfer_entropy.ensemble_pairwise, PROBES
    ),
    "transfer_entropy.windowed_pairwise": case(
        transfer_entropy.windowed_pairwise, LAYERS, BINARY | {"window": 20, "stride": 9}
    ),
    "transfer_entropy.significance": case(
        transfer_entropy.significance,
        with_key(LAYERS),
        BINARY | {"method": "stratified", "num_surrogates": 3},
        is_heavy=True,
    ),
    "transfer_entropy.ensemble_significance": case(
        transfer_entropy.ensemble_significance,
        with_key(PROBES),
        BINARY | {"num_surrogates": 3},
        is_heavy=True,
    ),
    "transfer_entropy.stream_update": case(
        transfer_entropy.stream_update,
        lambda rng: (stream(rng), *symbols((4, 2), (4, 3))(rng)),
        {},
    ),
    "transfer_entropy.stream_break": case(
        transfer_entropy.stream_break, lambda rng: (stream(rng),), {}
    ),
    "transfer_entropy.stream_merge": case(
        transfer_entropy.stream_merge,
        lambda rng: (stream(rng), stream(rng)),
        {"is_contiguous": True},
    ),
    "transfer_entropy.stream_value": case(
        transfer_entropy.stream_value, lambda rng: (stream(rng),), {}
    ),
    "transfer_entropy.stream_significance": case(
        transfer_entropy.stream_significance, lambda rng: (stream(rng),), {}
    ),
    "transfer_entropy.quantile_thresholds": Case(
        transfer_entropy.quantile_thresholds, series(2), {"num_symbols": 3}
    ),
    "transfer_entropy.symbolize": Case(
        transfer_entropy.symbolize,
        lambda rng: (*series(2)(rng), rng.normal(size=(2, 2))),
        grad=(),
        keeps_dtype=False,
    ),
    "transfer_entropy.joint_symbols": case(
        transfer_entropy.joint_symbols, symbols((40, 2))
    ),
    "transfer_entropy.ordinal_patterns": Case(
        transfer_entropy.ordinal_patterns,
        lambda rng: (rng.normal(size=20),),
        {"order": 3},
        grad=(),
        keeps_dtype=False,
    ),
    "transfer_entropy.embed": Case(
        transfer_entropy.embed, series(1, 2, 1), {"timing": LONG}, grad=(0, 1, 2)
    ),
    "transfer_entropy.gaussian": Case(
        transfer_entropy.gaussian, series(1, 2, 1), grad=(0, 1, 2), scale=10.0
    ),
    "transfer_entropy.local_gaussian": Case(
        transfer_entropy.local_gaussian, series(1, 1), grad=(0, 1), scale=100.0
    ),
    "transfer_entropy.kernel": Case(
        transfer_entropy.kernel,
        series(1, 1, 1),
        {"shape": "gaussian", "bandwidth": 0.7, "block_size": 10},
        grad=(0, 1, 2),
        scale=10.0,
    ),
    "transfer_entropy.neighbors": Case(
        transfer_entropy.neighbors, series(1, 1), grad=(), is_heavy=True
    ),
    "transfer_entropy.local_neighbors": Case(
        transfer_entropy.local_neighbors, series(1, 1), grad=(), is_heavy=True
    ),
    "transfer_entropy.symbolic": case(
        transfer_entropy.symbolic,
        lambda rng: tuple(rng.normal(size=(2, 40))),
        {"source_order": 2},
    ),
    "transfer_entropy.mixture": Case(
        transfer_entropy.mixture,
        with_key(series(1, 1)),
        {
            "fitting": gmm.Fitting(max_components=1, num_folds=2),
            "sampling": gmm.Sampling(num_replicates=0),
        },
        grad=(1, 2),
        smooth=("value",),
        is_heavy=True,
    ),
    "transfer_entropy.series_significance": Case(
        transfer_entropy.series_significance,
        with_key(series(1, 1)),
        {"num_surrogates": 3},
        grad=(),
        is_heavy=True,
        is_nan=("normalized_value",),
    ),
}
