"""The script that times first calls runs each in a process of its own."""

import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).parents[2] / "benchmarks" / "first_calls.py"


def test_a_table_has_the_first_and_the_second_call(tmp_path):
    file = tmp_path / "table.md"
    name = "diffusion_spectral_entropy"
    subprocess.run(
        [sys.executable, SCRIPT, "--only", name, "--markdown", file],
        check=True,
        capture_output=True,
    )
    line = file.read_text().splitlines()[2]
    label, first, limit, second = [cell.strip() for cell in line.split("|")[1:-1]]
    assert label == "`diffusion.spectral_entropy`"
    assert float(first) > 0
    assert float(second) > 0
    assert limit == "2"
