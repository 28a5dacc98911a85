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


def test_file_without_a_field_is_refused_by_its_name(run, good):
    del good["log_variances"]
    assert_refused(run(good), "`log_variances`", "'means.npy'")


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


@pytest.mark.parametrize("shape", [(), (40,), (40, 2), (1, 3, 40, 2)])
def test_posteriors_of_another_rank_are_refused(run, good, shape):
    good["means"] = np.zeros(shape, np.float32)
    assert_refused(run(good), "`means` to have shape (models, n, d)", f"got {shape}")


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
        for field in ("means", "log_variances"):
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


@pytest.mark.parametrize(
    "content", [b"", b"no array", b"\x93NUMPY\x01\x00\x08\x00{[}]    "]
)
def test_members_that_are_no_arrays_are_refused(run, tmp_path, content):
    path = tmp_path / "broken.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("means.npy", content)
    assert_refused(run(path), "`means`", "no valid header")


def test_unknown_versions_of_the_format_are_refused(run, tmp_path):
    path = tmp_path / "newer.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("means.npy", b"\x93NUMPY\x03\x00" + bytes(100))
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
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\x1b[31m\nred.npy", b"")
    assert_refused(run(path), "`means`", r"\x1b[31m\nred.npy")


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["a.npz", "--demo"],
        ["--demo", "--points", "2"],
        ["--demo", "--min-samples", "1"],
        ["--demo", "--max-bytes", "0"],
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
