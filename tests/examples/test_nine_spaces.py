"""The example of nine spaces against numbers made by the authors' code of the paper."""

import numpy as np
import pytest

from tests.helpers import assert_close, assert_within_standard_errors, load

PAIRS = np.triu_indices(9, 1)


@pytest.fixture(scope="module")
def reference():
    return load("fingerprint", "nine_spaces")


def test_spaces_follow_the_formulas_of_the_paper(example, reference):
    for i, space in enumerate(example.nine_spaces()):
        # The reference adds up the steps of the square spirals in single precision.
        assert_close(space.means, reference[f"means_{i}"], tolerance=1e-6)
        expected = reference[f"log_variances_{i}"]
        assert_close(space.log_variances, expected, tolerance=1e-12)


def test_overlaps_give_the_nmi_and_vi_of_the_reference(example, reference):
    result = example.compare_by_overlaps(example.nine_spaces())
    for name in ("information", "nmi", "vi"):
        assert_close(getattr(result, name), reference[name], tolerance=2e-5)


def test_sampling_agrees_with_the_reference_within_its_errors(example, reference, key):
    # A line and two planar spaces; of fewer kinds of pairs, as each is compiled.
    chosen = [5, 6, 8]
    spaces = [example.nine_spaces()[k] for k in chosen]
    value, error = example.compare_by_sampling(key, spaces, 20_000)
    block = np.ix_(chosen, chosen)
    assert_close(value["nmi"], reference["monte_carlo_nmi"][block], tolerance=0.02)
    assert_close(value["vi"], reference["monte_carlo_vi"][block], tolerance=0.05)
    expected, expected_error = reference["monte_carlo_information"][chosen].T
    joint_error = np.hypot(error["information"], expected_error)
    assert_within_standard_errors(value["information"], joint_error, expected, number=5)


def test_average_outputs_differ_as_in_the_reference(example, reference, key):
    actual = example.output_divergences(key, example.nine_spaces(), 1000)
    assert_close(actual, reference["jensen_shannon"], tolerance=0.005)


@pytest.mark.parametrize("name", ["linear", "rbf", "overlaps"])
def test_alignments_of_kernels_are_those_of_the_reference(example, reference, name):
    kernel_fns = {
        "linear": example.linear_kernel,
        "rbf": example.rbf_kernel,
        "overlaps": example.overlap_kernel,
    }
    kernels = [kernel_fns[name](space) for space in example.nine_spaces()]
    actual = example.all_pairs(example.kernel_alignment, kernels, 1.0)
    assert_close(actual, reference[f"cka_{name}"], tolerance=1e-6)


def test_shape_metric_is_that_of_the_reference(example, reference):
    actual = example.all_pairs(example.stochastic_shape, example.nine_spaces(), 0.0)
    expected = reference["stochastic_shape"]
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    assert_close(actual[PAIRS], expected[PAIRS], tolerance=1e-3)


def test_rank_correlations_are_those_of_the_reference(example, reference):
    matrices = [reference[str(name)] for name in reference["spearman_names"]]
    actual = example.rank_correlations(matrices)
    assert_close(actual, reference["spearman"], tolerance=1e-12)


@pytest.mark.slow
def test_quick_run_reports_the_table_and_writes_the_figures(
    example, capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(example, "tqdm", lambda items, **_: items)
    example.main(["--quick", "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Rank correlations between measures" in printed
    assert "inf" not in printed.replace("information", "")
    names = ["10_measures.png", "10_rank_correlations.png", "10_spaces.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
