"""The harness times what it says, and writes down where and how."""

import importlib
import json
import pathlib
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest

BENCHMARKS = pathlib.Path(__file__).parents[2] / "benchmarks"
PLACE = {"device", "dtype", "shapes", "versions"}
needs_procfs = pytest.mark.skipif(
    not pathlib.Path("/proc/self/status").exists(), reason="needs procfs"
)


@pytest.fixture(scope="module")
def harness():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("harness")


@pytest.fixture
def measured(harness):
    """A side of three runs, and one ten times faster."""
    sides = [harness.Side(name, lambda: None, "float32") for name in ("slow", "fast")]
    return [
        harness.Measured(side, seconds, None)
        for side, seconds in zip(sides, ([9, 4, 6], [0.9, 0.4, 0.5]), strict=True)
    ]


def make_ratio(harness, measured, **kwargs):
    settings = {"shapes": "n=3", "difference": 0.0, "tolerance": 1e-6} | kwargs
    return harness.ratio("task", *measured, **settings)


def test_sides_run_in_turns_after_a_warm_up(harness):
    calls = []
    sides = [
        harness.Side("a", lambda: calls.append("a"), "float32"),
        harness.Side("b", lambda: calls.append("b"), "float32"),
    ]
    harness.measure(sides, repeats=2)
    assert calls == ["a", "b"] * 3


def test_times_are_extrapolated_from_the_share_of_the_task(harness, monkeypatch):
    ticks = iter([0.0, 1.0, 10.0, 13.0])
    monkeypatch.setattr(harness.time, "perf_counter", lambda: next(ticks))
    side = harness.Side("a", lambda: 5, "float32", share=0.1)
    measured = harness.measure([side], repeats=2)["a"]
    np.testing.assert_allclose(measured.seconds, [10, 30])
    assert measured.result == 5


def test_compiled_functions_are_traced_once_and_timed_apart(harness):
    traces = []

    def double(x):
        traces.append(x.shape)
        return 2 * x

    side = harness.compiled("double", double, jnp.ones(3), dtype="float32")
    measured = harness.measure([side], repeats=3)["double"]
    np.testing.assert_array_equal(measured.result, 2 * np.ones(3))
    assert traces == [(3,)]
    assert side.compile_seconds > 0


def test_ratios_are_of_shortest_times_and_of_medians(harness, measured):
    row = make_ratio(harness, measured)
    assert row["of_minimum"] == pytest.approx(10)
    assert row["of_median"] == pytest.approx(12)
    assert row["is_met"] is None
    assert make_ratio(harness, measured, factor=3)["of_minimum"] == pytest.approx(30)


@pytest.mark.parametrize(
    ("goals", "is_met"),
    [
        ({"at_least": 5}, True),
        ({"at_least": 11}, False),
        ({"at_most": 11}, True),
        ({"at_most": 5}, False),
    ],
)
def test_goals_are_judged_by_the_shortest_times(harness, measured, goals, is_met):
    assert make_ratio(harness, measured, **goals)["is_met"] is is_met


@pytest.mark.parametrize(
    ("difference", "agrees"), [(1e-7, True), (1e-5, False), (float("nan"), False)]
)
def test_answers_agree_within_the_tolerance(harness, measured, difference, agrees):
    assert make_ratio(harness, measured, difference=difference)["agrees"] is agrees


def test_differences_are_the_largest_over_all_arrays(harness):
    one, other = (np.zeros(2), np.ones((2, 2))), (np.array([0, 3]), np.ones((2, 2)))
    assert harness.largest_difference(one, other) == 3
    has_nan = np.zeros(1), np.array([np.nan])
    assert np.isnan(harness.largest_difference(has_nan, (np.zeros(1), np.zeros(1))))


def test_every_row_names_device_precision_shapes_and_versions(harness, measured):
    rows = [
        make_ratio(harness, measured),
        harness.memory("task", 5, limit_bytes=6, shapes="n=3", dtype="float32"),
        *harness.timings("task", {"slow": measured[0]}, shapes="n=3"),
    ]
    assert [row["kind"] for row in rows] == ["ratio", "memory", "timing"]
    for row in rows:
        assert row.keys() >= PLACE
        assert row["versions"].keys() == {"python", "jax", "jaxlib", "numpy"}


def test_tables_show_ratios_first(harness, measured):
    rows = [
        *harness.timings("task", {"slow": measured[0]}, shapes="n=3"),
        make_ratio(harness, measured, at_least=11),
    ]
    text = harness.markdown(rows)
    assert text.index("## Ratios of times") < text.index("## Times")
    assert "| slow / fast | 10 | 12 | at least 11 | NO | yes, 0.0e+00" in text
    assert "| slow |  | 6000 | 4000 | 3 |" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in table[:3]} == {10}


def test_main_writes_json_and_markdown(harness, measured, tmp_path, capsys):
    chosen = {"one": lambda quick: [make_ratio(harness, measured, shapes=str(quick))]}
    files = [tmp_path / "rows.json", tmp_path / "rows.md"]
    harness.main(
        "", chosen, ["--quick", "--json", str(files[0]), "--markdown", str(files[1])]
    )
    (row,) = json.loads(files[0].read_text())
    assert row["shapes"] == "True"
    assert files[1].read_text() == harness.markdown([row])
    assert not capsys.readouterr().out


def test_main_prints_tables_and_fails_if_sides_disagree(harness, measured, capsys):
    chosen = {
        "right": lambda quick: [make_ratio(harness, measured)],
        "wrong": lambda quick: [make_ratio(harness, measured, difference=1.0)],
    }
    harness.main("", chosen, ["--only", "right"])
    assert "## Ratios of times" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="disagree"):
        harness.main("", chosen, [])


@needs_procfs
def test_memory_of_a_fresh_process_is_what_its_run_adds(harness, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r})\n"
        "import harness, numpy\n"
        "print(harness.added_bytes(lambda: numpy.ones(int(sys.argv[1]) // 8)))\n"
    )
    size = 2**28
    added = harness.in_fresh_process(script, str(size))
    # The kernel counts resident pages in batches.
    assert 0.99 * size < added < 1.2 * size


def test_failures_in_a_fresh_process_are_failures(harness, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(3)")
    with pytest.raises(subprocess.CalledProcessError):
        harness.in_fresh_process(script)
    script.write_text("import sys; print(len(sys.argv))")
    assert harness.in_fresh_process(script, "a", "b") == 3
