"""The sweep on many devices: in processes, interrupted or not."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = next((pathlib.Path(__file__).parents[2] / "examples").glob("08_*.py"))


def swept(folder, *options):
    """Numbers of a quick sweep, and what was printed."""
    command = [sys.executable, SCRIPT, "--quick", "--output", folder, *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "noise.npz") as file:
        return {name: file[name] for name in file.files}, done


@pytest.mark.multidevice
def test_a_killed_process_loses_one_noise_at_most_and_changes_no_bit(tmp_path):
    whole, undisturbed = swept(tmp_path / "whole", "--processes", "2")
    again, disturbed = swept(tmp_path / "again", "--processes", "2", "--interrupt")
    assert "goes on" not in undisturbed.stdout
    assert "kills one process after noise 2" in disturbed.stdout
    (number,) = re.findall(r"goes on with (\d) of 5 noises done", disturbed.stdout)
    # The second was saved when the process was killed.
    assert int(number) >= 2
    # One process alone shows progress, and reports.
    assert disturbed.stdout.count("8 devices in 2 processes") == 1
    assert set(whole) == set(again)
    for name, numbers in whole.items():
        np.testing.assert_array_equal(again[name], numbers)


def test_views_are_of_unit_spread_and_noise_takes_information(example):
    settings = example.Settings(num_images=50, num_views=3, num_noises=3)
    views = example.views(settings)
    assert views.shape == (50, 3)
    np.testing.assert_allclose(views.std(0), 1, rtol=1e-5)
    assert np.all(np.diff(example.noises(settings)) > 0)
