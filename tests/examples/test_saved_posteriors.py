"""The example of saved posteriors: what it makes of good files, and of bad ones."""

import io
import pathlib
import pickle
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import fingerprint
from tests.helpers import assert_close

SHAPE = (3, 40, 2)


@pytest.fixture(autouse=True)
def no_progress_bar(example, monkeypatch):
    monkeypatch.setattr(example, "tqdm", lambda items, **_: items)


@pytest.fixture
def good():
    """Two factors, learned by three models with some noise, and labels of them."""
    rng = np.random.default_rng(0)
    factors = rng.normal(size=SHAPE[1:])
    means = 4 * factors + 0.1 * rng.normal(size=SHAPE)
    return {
        "means": means.astype(np.float32),
        "log_variances": np.zeros(SHAPE, np.float32),
        "labels": (factors[:, 0] > 0).astype(np.int64),
    }


@pytest.fixture
def run(example, tmp_path, capsys):
    """Run the script on arrays, or on a file; its status and what it printed."""

    def run_on(arrays, *options):
        path = arrays
        if isinstance(arrays, dict):
            path = tmp_path / "given.npz"
            np.savez(path, **arrays)
        status = 0
        try:
            example.main([str(path), *options])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return run_on


def assert_refused(outcome, *parts):
    """One line on stderr that has these parts, and status 2."""
    status, printed, error = outcome
    assert status == 2
    assert printed == ""
    assert len(error.strip().splitlines()) == 1, error
    for part in parts:
        assert part in error


@pytest.fixture
def read(example, tmp_path):
    """Read arrays as the command line would, or what it says when it refuses them."""

    def read_arrays(arrays, *options):
        path = tmp_path / "given.npz"
        np.savez(path, **arrays)
        names = example.parse([str(path), *options]).names
        try:
            return example.load(path, 10**6, names)
        except example.BadFileError as error:
            return str(error)

    return read_arrays


SPREADS = {
    "log_variances": lambda log_variances: log_variances,
    "variances": np.exp,
    "stds": lambda log_variances: np.exp(log_variances / 2),
    "log_std": lambda log_variances: log_variances / 2,
}
MEANS = ("means", "mean", "mu", "mus", "loc", "z_mean")
NAMES_OF_SPREADS = {
    "log_variances": (
        *("log_variances", "log_variance", "logvar", "log_var", "logvars", "log_vars"),
        *("z_log_var", "z_logvar"),
    ),
    "variances": ("variances", "variance", "var"),
    "stds": ("stds", "std", "sigma", "scale", "standard_deviations"),
    "log_std": ("log_std", "logstd", "log_scale", "log_sigma"),
}
LABELS = ("labels", "label", "y", "targets", "target")
SCHEMES = [
    *((name, "log_variances", "log_variances", "labels") for name in MEANS),
    *(
        ("mean", name, kind, "targets")
        for kind, names in NAMES_OF_SPREADS.items()
        for name in names
    ),
    *(("mu", "logvar", "log_variances", name) for name in LABELS),
    ("MU", "Sigma", "stds", "Y"),
]


@pytest.fixture
def wide(good):
    """Posteriors whose spreads are not all alike."""
    rng = np.random.default_rng(1)
    log_variances = rng.normal(size=SHAPE).astype(np.float32)
    return good | {"log_variances": log_variances}


def assert_same(posteriors, arrays):
    """Means and labels to the last bit, log-variances up to what converting rounds."""
    assert not isinstance(posteriors, str), posteriors
    np.testing.assert_array_equal(posteriors.means, arrays["means"])
    assert posteriors.log_variances.dtype == np.float32
    assert posteriors.log_variances.shape == arrays["log_variances"].shape
    np.testing.assert_allclose(
        posteriors.log_variances, arrays["log_variances"], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(posteriors.labels[:, 0], arrays["labels"])


@pytest.mark.parametrize(("means", "spreads", "kind", "labels"), SCHEMES)
def test_names_that_people_use_give_the_same_posteriors(
    read, wide, means, spreads, kind, labels
):
    renamed = {
        means: wide["means"],
        spreads: SPREADS[kind](wide["log_variances"]),
        labels: wide["labels"],
    }
    assert_same(read(renamed), wide)


def test_the_names_are_all_that_the_script_knows(example):
    assert example.MEANS == MEANS
    assert tuple(example.SPREADS) == sum(NAMES_OF_SPREADS.values(), ())
    assert example.LABELS == LABELS
    for name in (*MEANS, *example.SPREADS, *LABELS):
        assert f"``{name}``" in example.__doc__


@pytest.mark.parametrize(
    ("means", "spreads", "kind"),
    [
        ("model{}_mu", "model{}_logvar", "log_variances"),
        ("model_{}/mean", "model_{}/std", "stds"),
        ("mu_{}", "logvar_{}", "log_variances"),
        ("mu{}", "log_std{}", "log_std"),
        ("vae{}.z_mean", "vae{}.var", "variances"),
        ("Beta-VAE {}:Loc", "Beta-VAE {}:Scale", "stds"),
        ("z_mean-{}", "log_variances-{}", "log_variances"),
        ("{}_mean", "{}_log_std", "log_std"),
        ("mean/run{}", "run{}/sigma", "stds"),
    ],
)
def test_arrays_of_every_model_are_paired_and_sorted(read, wide, means, spreads, kind):
    numbers = (2, 10, 1)
    converted = SPREADS[kind](wide["log_variances"])
    renamed = {"labels": wide["labels"], "losses": np.zeros(3)}
    for model, number in zip((1, 2, 0), numbers, strict=True):
        renamed[means.format(number)] = wide["means"][model]
        renamed[spreads.format(number)] = converted[model]
    posteriors = read(renamed)
    assert_same(posteriors, wide)
    pairs = posteriors.sources.pairs
    assert [pair.means for pair in pairs] == [means.format(n) for n in (1, 2, 10)]
    assert [pair.spreads for pair in pairs] == [spreads.format(n) for n in (1, 2, 10)]


def test_models_may_have_spreads_of_different_kinds(read, wide):
    renamed = {"y": wide["labels"]}
    for model, name in enumerate(("logvar", "std", "var")):
        kind = {"logvar": "log_variances", "std": "stds", "var": "variances"}[name]
        renamed[f"vae{model}_mu"] = wide["means"][model]
        renamed[f"vae{model}_{name}"] = SPREADS[kind](wide["log_variances"][model])
    assert_same(read(renamed), wide)


def test_numbers_in_names_are_sorted_by_value_however_long(example):
    names = ["b1", "a10", "a2", "a02x", "a", "a" + "9" * 5000, "a1" + "0" * 5000, "10"]
    ordered = sorted(names, key=example.natural_order)
    expected = ["10", "a", "a2", "a02x", "a10", names[5], names[6], "b1"]
    assert ordered == expected


@pytest.mark.parametrize(
    ("means", "spreads"),
    [("mu", "logvar"), ("vae_mu", "vae_logvar"), ("mu_7", "var_7")],
)
def test_single_model_is_an_ensemble_of_one(read, wide, means, spreads):
    kind = "variances" if "var_" in spreads else "log_variances"
    one = {name: wide[name][1] for name in ("means", "log_variances")}
    renamed = {
        means: one["means"],
        spreads: SPREADS[kind](one["log_variances"]),
        "labels": wide["labels"],
    }
    expected = {name: array[None] for name, array in one.items()}
    assert_same(read(renamed), wide | expected)


def test_only_pair_may_hold_all_models(read, wide):
    renamed = {"q_mu": wide["means"], "q_logvar": wide["log_variances"]}
    assert_same(read(renamed | {"y": wide["labels"]}), wide)


def test_single_model_is_compared_and_reported(run, good, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    one = {"mu": good["means"][0], "sigma": np.ones(SHAPE[1:]), "y": good["labels"]}
    status, printed, _ = run(one, "--output", str(tmp_path / "results"))
    assert status == 0
    assert "given.npz: 1 model of 2 latents" in printed
    assert "posteriors: `mu` as means, `sigma` as standard deviations" in printed
    assert "labels: `y`" in printed


def test_report_says_which_model_is_which(example, capsys):
    pairs = [example.Pair(f"v{i}_mu", f"v{i}_var", "variance") for i in range(23)]
    example.report_sources(example.Sources(tuple(pairs)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "  model 1: `v1_mu` as means, `v1_var` as variances"
    assert lines[-1] == "  and those of 3 more models"


@pytest.mark.parametrize(
    ("names", "kind", "options"),
    [
        (("a", "b"), "log_variances", ["--spread-kind", "log_variance"]),
        (("a", "b"), "variances", ["--spread-kind", "variance"]),
        (("a", "b"), "stds", ["--spread-kind", "std"]),
        (("a", "b"), "log_std", ["--spread-kind", "log_std"]),
        (("a", "enc_sigma"), "stds", []),
        (("A", "B"), "stds", ["--spread-kind", "std"]),
        (("y", "sigma"), "log_variances", ["--spread-kind", "log_variance"]),
    ],
)
def test_options_name_whole_arrays(read, wide, names, kind, options):
    means, spreads = names
    renamed = {
        means: wide["means"],
        spreads: SPREADS[kind](wide["log_variances"]),
        "classes": wide["labels"],
        # Left alone, as other names are asked for.
        "mu": np.zeros(3),
        "logvar": np.zeros(3),
        "labels": np.zeros(3),
    }
    options = ["--means", means, "--spreads", spreads, *options]
    assert_same(read(renamed, *options, "--labels", "classes"), wide)
    del renamed["labels"]
    assert read(renamed, *options, "--no-labels").labels.shape == (40, 0)


def test_options_name_what_arrays_of_every_model_are_called(read, wide):
    renamed = {"labels": wide["labels"], "m0_mu": np.zeros(3)}
    for model in range(3):
        renamed[f"m{model}/center"] = wide["means"][model]
        renamed[f"m{model}/width"] = SPREADS["stds"](wide["log_variances"][model])
    options = ("--means", "center", "--spreads", "width", "--spread-kind", "std")
    assert_same(read(renamed, *options), wide)


def test_kind_of_spreads_overrides_what_names_say(read, wide):
    renamed = wide | {"sigma": wide["log_variances"]}
    del renamed["log_variances"]
    assert "positive" in read(renamed)
    assert_same(read(renamed, "--spread-kind", "log_variance"), wide)


def test_option_tells_arrays_apart_that_differ_in_capitals(read, wide):
    renamed = wide | {"Means": np.zeros(3)}
    assert "got `Means` and `means` (--means says which)" in read(renamed)
    assert_same(read(renamed, "--means", "means"), wide)


def test_other_names_do_not_hide_arrays_with_plain_ones(read, wide):
    others = {"data_mean": np.zeros(7), "data_std": np.ones(7), "loss_mean": np.ones(1)}
    assert_same(read(wide | others), wide)
    # Without plain spreads, a plain name of means is one of other arrays.
    renamed = {"mean": np.zeros(7), "labels": wide["labels"]}
    for model in range(3):
        renamed[f"mu_{model}"] = wide["means"][model]
        renamed[f"logvar_{model}"] = wide["log_variances"][model]
    assert_same(read(renamed), wide)


A = np.zeros((40, 2), np.float32)


@pytest.mark.parametrize(
    ("arrays", "options", "expected"),
    [
        (
            "means extra",
            [],
            "spreads beside `means`, under a known name or that of --spreads",
        ),
        ("logvar", [], "means beside `logvar`, under a known name or that of --means"),
        (
            "mu logvar",
            ["--means", "center"],
            "means beside `logvar`, under a known name or that of --means",
        ),
        (
            "a b",
            [],
            "means and spreads under known names or those of --means and --spreads",
        ),
        (
            "mean mu std",
            [],
            "one array of means, got `mean` and `mu` (--means says which)",
        ),
        (
            "mu logvar std",
            [],
            "one array of spreads, got `logvar` and `std` (--spreads says which)",
        ),
        (
            "mu logvar y label",
            [],
            "one array of labels, got `label` and `y` (--labels says which, "
            "--no-labels reads none)",
        ),
        (
            "mu logvar y",
            ["--labels", "classes"],
            "an array `classes` of labels (--labels)",
        ),
        (
            "m0_mu m0_std m1_mu",
            [],
            "spreads of model `m1` beside `m1_mu`, under a known name or that of "
            "--spreads",
        ),
        (
            "mu_0 var_1",
            [],
            "spreads of model `0` beside `mu_0`, under a known name or that of "
            "--spreads",
        ),
        (
            "m0_mu m0_var m1_var",
            [],
            "means of model `m1` beside `m1_var`, under a known name or that of "
            "--means",
        ),
        (
            "m0_mu m0_var m0_std",
            [],
            "one array of spreads of model `m0`, got `m0_std` and `m0_var` (--spreads "
            "says which)",
        ),
    ],
)
def test_arrays_that_cannot_be_told_are_listed(read, arrays, options, expected):
    names = arrays.split()
    listed = ", ".join(map(repr, sorted(names)))
    refusal = read(dict.fromkeys(names, A), *options)
    assert refusal == f"Expected {expected}; the file has {listed}."


def test_lists_of_arrays_are_cut(read):
    assert read({}).endswith("; the file has no arrays.")
    refusal = read({f"a{i:02}": A for i in range(22)})
    assert "; the file has 'a00', 'a01', " in refusal
    assert refusal.endswith(", 'a18', 'a19' and 2 more.")


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (
            {"m0": A[:, :1], "m1": A, "m2": A},
            "`m0_mu` to have shape (40, 2), as `m1_mu` has, since all models need the "
            "same n and d, got (40, 1).",
        ),
        (
            {"m0": A, "m1": A[:30]},
            "`m1_mu` to have shape (40, 2), as `m0_mu` has, since all models need the "
            "same n and d, got (30, 2).",
        ),
        ({"m0": A[None], "m1": A}, "`m0_mu` to have shape (n, d), got (1, 40, 2)."),
    ],
)
def test_model_that_differs_from_others_is_named(read, arrays, expected):
    pairs = {f"{m}_{field}": a for m, a in arrays.items() for field in ("mu", "logvar")}
    assert read(pairs) == f"Expected {expected}"


def test_spreads_that_differ_from_means_are_named(read):
    refusal = read({"m0_mu": A, "m0_var": A[:30], "m1_mu": A, "m1_var": A})
    expected = "Expected `m0_var` to have shape (40, 2), as `m0_mu` has, got (30, 2)."
    assert refusal == expected


def test_labels_that_are_none_say_how_to_do_without(read):
    advice = "(--labels names another array, --no-labels reads none)."
    for labels, expected in (
        (A, "to hold integers, got float32"),
        (np.zeros(30, int), "of 40 points, as the posteriors, got shape (30,)"),
    ):
        refusal = read({"mu": A, "logvar": A, "y": labels})
        assert refusal == f"Expected `y` {expected} {advice}"


@pytest.mark.parametrize("value", [0, -1.5, -np.inf])
@pytest.mark.parametrize(
    ("name", "words"), [("stds", "standard deviations"), ("var", "variances")]
)
def test_spreads_that_are_not_positive_are_refused(read, name, words, value):
    spreads = np.ones((40, 2))
    spreads[0] = np.nan
    spreads[3, 1] = value
    assert read({"mu": A, name: spreads}) == (
        f"Expected `{name}` to hold positive {words}, got {value:g} (--spread-kind "
        "says what they are)."
    )
    # Logarithms may be anything.
    loaded = read({"mu": A, name: spreads}, "--spread-kind", "log_std")
    assert loaded.log_variances[0, 3, 1] == 2 * value


def test_spreads_of_any_precision_are_converted_in_no_less_than_single(read):
    given = [0.5, 2e-3, 1e3, np.nan, np.inf]
    expected = 2 * np.log(np.array(given))
    for dtype, rtol in ((np.float16, 1e-3), (">f4", 1e-6), (np.longdouble, 1e-6)):
        std = np.array(given, dtype)[:, None]
        loaded = read({"mu": np.zeros((5, 1)), "std": std}).log_variances
        np.testing.assert_allclose(loaded[0, :, 0], expected, rtol=rtol)
    # Beyond what single precision holds, but its logarithm is not.
    std = np.full((5, 1), 1e-100)
    loaded = read({"mu": np.zeros((5, 1)), "std": std}).log_variances
    np.testing.assert_allclose(loaded, 2 * np.log(1e-100), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int32, bool, np.complex64, "U3", "V2"])
@pytest.mark.parametrize("field", ["means", "log_variances"])
def test_posteriors_that_are_not_floating_are_refused(run, good, field, dtype):
    good[field] = np.zeros(SHAPE, dtype)
    expected = f"Expected `{field}` to hold floating-point numbers, got"
    assert_refused(run(good), expected, str(np.dtype(dtype)))


@pytest.mark.parametrize("dtype", [np.float32, bool, "U3"])
def test_labels_that_are_not_integers_are_refused(run, good, dtype):
    good["labels"] = np.zeros(SHAPE[1], dtype)
    assert_refused(run(good), "Expected `labels` to hold integers, got")


@pytest.mark.parametrize("shape", [(), (40,), (1, 3, 40, 2)])
def test_posteriors_of_another_rank_are_refused(run, good, shape):
    good["means"] = np.zeros(shape, np.float32)
    expected = "`means` to have shape (models, n, d) or (n, d)"
    assert_refused(run(good), expected, f"got {shape}")


def test_posteriors_of_unequal_shapes_are_refused(run, good):
    good["log_variances"] = np.zeros((3, 40, 1))
    assert_refused(run(good), "`log_variances`", str(SHAPE), "got (3, 40, 1)")


@pytest.mark.parametrize("shape", [(), (2, 40), (40, 1, 1), (39,)])
def test_labels_of_other_points_are_refused(run, good, shape):
    good["labels"] = np.zeros(shape, int)
    assert_refused(run(good), "`labels`", str(shape))


@pytest.mark.parametrize("num_points", [0, 1, 2])
def test_too_few_points_are_refused(run, num_points):
    array = np.zeros((3, num_points, 2))
    outcome = run({"means": array, "log_variances": array})
    assert_refused(outcome, "`means`", f"(3, {num_points}, 2)")


def test_posteriors_that_tell_nothing_are_refused(run, good):
    good["means"] = np.zeros(SHAPE)
    assert_refused(run(good), "at least two", "0.01 bits", "got 0 of 6")


class Bomb:
    """Marks the test as failed if it is unpickled."""

    exploded = False

    def __reduce__(self):
        return setattr, (Bomb, "exploded", True)


@pytest.mark.parametrize("field", ["means", "log_variances", "labels"])
def test_objects_are_refused_and_never_unpickled(run, good, field):
    good[field] = np.array([Bomb()], object)
    assert_refused(run(good), f"`{field}`", "got object")
    assert not Bomb.exploded


@pytest.mark.parametrize("field", ["mu_0", "std_0", "mu_1", "std_1", "y"])
def test_objects_under_other_names_are_never_unpickled_either(run, field):
    arrays = dict.fromkeys(("mu_0", "std_0", "mu_1", "std_1"), A)
    outcome = run(arrays | {field: np.array([Bomb()], object)})
    assert_refused(outcome, f"`{field}`", "got object")
    assert not Bomb.exploded


def test_objects_in_fields_that_are_not_needed_are_left_alone(run, good):
    status, _, _ = run(good | {"metadata": np.array([Bomb()], object)})
    assert status == 0
    assert not Bomb.exploded


def test_pickle_is_refused(run, tmp_path):
    path = tmp_path / "posteriors.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    assert_refused(run(path), "Expected an npz file")
    assert not Bomb.exploded


def test_single_array_is_refused(run, tmp_path, good):
    path = tmp_path / "means.npy"
    np.save(path, good["means"])
    assert_refused(run(path), "Expected an npz file")


def test_missing_file_and_folder_are_refused(run, tmp_path):
    assert_refused(run(tmp_path / "none.npz"), "none.npz", "No such file")
    assert_refused(run(tmp_path), "Is a directory")


def test_sizes_are_judged_by_headers_before_data_is_read(run, tmp_path, good):
    declared = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (1000, 100_000, 100)}
    np.lib.format.write_array_header_1_0(declared, header)
    path = tmp_path / "declared.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for field in ("mu", "sigma"):
            archive.writestr(f"{field}.npy", declared.getvalue())
    assert_refused(run(path), "at most 2147483648 bytes", f"got {8 * 10**10}")
    # The same without a limit: there is no data behind the header.
    assert_refused(
        run(path, "--max-bytes", str(10**12)), f"Expected {4 * 10**10} bytes"
    )


def test_limit_of_bytes_counts_all_arrays(run, good):
    size = sum(array.nbytes for array in good.values())
    assert_refused(run(good, "--max-bytes", str(size - 1)), "--max-bytes")
    assert run(good, "--max-bytes", str(size))[0] == 0
    apart = {f"mu{i}": A for i in range(3)} | {f"var{i}": A for i in range(3)}
    outcome = run(apart, "--max-bytes", str(6 * A.nbytes - 1))
    assert_refused(outcome, "the 6 arrays", f"got {6 * A.nbytes}")


HUGE_SHAPE = b"{'descr':'<f4','fortran_order':False,'shape':(3,0x" + b"f" * 5000 + b")}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        b"\x93NUMPY\x01\x00\x08\x00{[}]    ",
        b"\x93NUMPY\x01\x00\x08\x00{       ",
        b"\x93NUMPY\x01\x00\x08\x00  x\n y  ",
        b"\x93NUMPY\x01\x00" + len(HUGE_SHAPE).to_bytes(2, "little") + HUGE_SHAPE,
        b"\x93NUMPY\x02\x00" + (2**20).to_bytes(4, "little") + b" " * 2**20,
    ],
)
def test_members_that_are_no_arrays_are_refused(run, tmp_path, content):
    path = tmp_path / "broken.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("means.npy", content)
        archive.writestr("log_variances.npy", content)
    assert_refused(run(path), "`means`", "no valid header")


def test_header_is_not_read_beyond_what_one_may_take(example, monkeypatch, tmp_path):
    path = tmp_path / "long.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        length = (2**24).to_bytes(4, "little")
        archive.writestr("mu.npy", b"\x93NUMPY\x02\x00" + length + b" " * 2**24)
    sizes = []
    read = zipfile.ZipExtFile.read

    def counted(member, size=-1):
        content = read(member, size)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with (
        zipfile.ZipFile(path) as archive,
        pytest.raises(example.BadFileError, match="no valid header"),
    ):
        example.read_header(archive, "mu")
    assert sizes == [example.MAX_HEADER_BYTES]


def test_unknown_versions_of_the_format_are_refused(run, tmp_path):
    path = tmp_path / "newer.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("means.npy", b"\x93NUMPY\x03\x00" + bytes(100))
        archive.writestr("variances.npy", b"")
    assert_refused(run(path), "`means`", "got version 3.0")


def test_damaged_data_is_refused(run, tmp_path, good):
    path = tmp_path / "damaged.npz"
    np.savez(path, **good)
    content = bytearray(path.read_bytes())
    content[300:320] = bytes(20)
    path.write_bytes(content)
    assert_refused(run(path), "Expected an npz file", "CRC")


def test_names_in_a_hostile_file_are_not_printed_as_they_are(run, tmp_path):
    path = tmp_path / "names.npz"
    hostile = "\x1b[31m\nred"
    for fields in (["red"], ["mu"], ["mu", "mean", "std"], ["mu", "std"]):
        with zipfile.ZipFile(path, "w") as archive:
            for field in fields:
                archive.writestr(f"{hostile}_{field}.npy", b"")
        outcome = run(path)
        assert_refused(outcome, rf"\x1b[31m\nred_{fields[0]}")
        assert outcome[2].strip().isprintable()


def test_names_that_are_no_text_are_refused(run, tmp_path):
    path = tmp_path / "names.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("é.npy", b"")
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    assert_refused(run(path), "Expected an npz file")


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["a.npz", "--demo"],
        ["--demo", "--points", "2"],
        ["--demo", "--min-samples", "1"],
        ["--demo", "--max-bytes", "0"],
        ["a.npz", "--spreads", "width"],
        ["a.npz", "--means", "a", "--spreads", "a", "--spread-kind", "std"],
    ],
)
def test_options_that_make_no_sense_are_refused(example, capsys, options):
    with pytest.raises(SystemExit) as stop:
        example.main(options)
    assert stop.value.code == 2
    assert "error: expected" in capsys.readouterr().err


def test_nan_spoils_its_own_channel_only(run, example, good):
    clean = example.compare(posteriors(example, good), num_points=99, min_samples=2)
    good["means"][1, 7, 0] = np.nan
    good["log_variances"][2, 3:5, 1] = np.inf
    status, printed, _ = run(good)
    assert status == 0
    assert "model 1, latent 0 is dropped, as 1 of 40 points" in printed
    assert "model 2, latent 1 is dropped, as 2 of 40 points" in printed
    found = example.compare(posteriors(example, good), num_points=99, min_samples=2)
    assert found.kept.tolist() == [[0, 0], [0, 1], [1, 1], [2, 0]]
    is_left = np.array([True, True, False, True, True, False])
    block = np.ix_(is_left, is_left)
    assert_close(found.comparison.nmi, np.asarray(clean.comparison.nmi)[block])
    assert np.isnan(found.information).sum() == 2


def posteriors(example, arrays):
    labels = arrays["labels"].reshape(SHAPE[1], -1)
    return example.Posteriors(arrays["means"], arrays["log_variances"], labels)


def test_numbers_are_those_of_the_library(example, run, good, tmp_path):
    path = tmp_path / "given.npz"
    np.savez(path, **good)
    loaded = example.load(path, 10**6)
    found = example.compare(loaded, num_points=100, min_samples=None)
    numbers = example.numbers(found)
    channels = [
        jnp.asarray(good[field].transpose(1, 0, 2).reshape(40, 6))
        for field in ("means", "log_variances")
    ]
    expected = fingerprint.gaussian_pairwise(*channels)
    for field in expected._fields:
        assert_close(numbers[f"channel_{field}"], getattr(expected, field))
    chance = fingerprint.gaussian_pairwise_chance(*channels)
    assert_close(numbers["channel_adjusted_nmi"], chance.nmi)
    labels = fingerprint.gaussian_label_pairwise(*channels, good["labels"][:, None])
    assert_close(numbers["label_nmi"], labels.nmi)
    overlaps = jnp.stack(
        [
            fingerprint.gaussian_overlaps(*pair)
            for pair in zip(good["means"], good["log_variances"], strict=True)
        ]
    )
    spaces = fingerprint.pairwise(overlaps)
    assert_close(numbers["space_vi"], spaces.vi)
    adjusted = fingerprint.adjust_for_chance(overlaps[0], overlaps[2]).nmi
    assert_close(numbers["space_adjusted_nmi"][0, 2], adjusted)


def test_fragments_are_the_factors(example, good):
    found = example.compare(posteriors(example, good), num_points=100, min_samples=None)
    assert found.min_samples == 2
    labels = found.clusters.labels.reshape(3, 2)
    assert (labels == labels[0]).all()
    assert sorted(labels[0]) == [0, 1]


def test_more_samples_than_channels_are_limited(example, good):
    found = example.compare(posteriors(example, good), num_points=100, min_samples=50)
    assert found.min_samples == 6


def test_large_data_is_compared_on_a_fingerprint(example, run, good):
    found = example.compare(posteriors(example, good), num_points=25, min_samples=2)
    drawn = fingerprint.sample_fingerprint(
        jax.random.key(0), num_data=40, num_points=25
    )
    np.testing.assert_array_equal(found.points, np.sort(drawn))
    assert "25 of 40 points" in run(good, "--points", "25")[1]


def test_other_layouts_of_the_same_numbers_are_read_alike(example, tmp_path, good):
    means = good["means"].astype(np.float16)
    path = tmp_path / "given.npz"
    for array in (
        means,
        np.asfortranarray(means),
        means.astype(">f4"),
        means.astype(np.float64),
        means.astype(np.longdouble),
    ):
        np.savez(path, **(good | {"means": array}))
        loaded = example.load(path, 10**6).means
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, means.astype(np.float32))


def test_labels_may_be_any_integers_in_any_number(example, tmp_path, good):
    path = tmp_path / "given.npz"
    large = good["labels"].astype(np.uint64) * np.uint64(2**63) + np.uint64(7)
    np.savez(path, **(good | {"labels": np.stack([large, large[::-1]], axis=1)}))
    first, second = example.load(path, 10**6).labels.T
    np.testing.assert_array_equal(first, good["labels"])
    np.testing.assert_array_equal(second, first[::-1])
    del good["labels"]
    np.savez(path, **good)
    assert example.load(path, 10**6).labels.shape == (40, 0)


def test_results_are_not_overwritten_unasked(run, good, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "comparison.npz").write_text("mine")
    status, _, error = run(good, "--output", str(folder))
    assert status == 2
    assert "--overwrite" in error
    assert (folder / "comparison.npz").read_text() == "mine"
    status, _, error = run(good, "--output", str(folder / "comparison.npz"))
    assert status == 2
    assert "to be a folder" in error


def test_results_are_written_whole_and_load_without_pickle(run, good, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    folder = tmp_path / "results"
    for options in ([], ["--overwrite"]):
        status, _, _ = run(good, "--output", str(folder), *options)
        assert status == 0
        assert sorted(path.name for path in folder.iterdir()) == [
            "02_information.png",
            "02_similarity.png",
            "comparison.npz",
        ]
    with np.load(folder / "comparison.npz", allow_pickle=False) as file:
        assert file["unit"] == "nats"
        assert file["channel_nmi"].shape == (6, 6)


def test_demonstration_finds_what_it_promises(example, capsys):
    example.main(["--demo", "--quick"])
    printed = capsys.readouterr().out
    assert "6 models of 4 latents" in printed
    assert "17 kept, 6 dropped below 0.01 bits, 1 dropped as not finite" in printed
    rows = [line.split() for line in printed.splitlines()]
    fragments = [row for row in rows if len(row) == 11 and row[4] == "|"]
    fragments = [row for row in fragments if row[0].isdigit()]
    assert sorted(row[1] for row in fragments) == ["5", "6", "6"]
    best = next(line for line in printed.splitlines() if "best channel" in line)
    assert float(best.split()[-1]) > 0.9


def test_script_never_unpickles(example):
    source = pathlib.Path(example.__file__).read_text()
    assert "allow_pickle=False" in source
    for word in ("allow_pickle=True", "import pickle", "np.load(", "eval(", "exec("):
        assert word not in source
