"""The code of README.md runs, prints what it says, and names what exists."""

import contextlib
import io
import pathlib
import re

import pytest

import jaxinfo
from tests.contracts.table import PUBLIC

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_code_prints_what_follows_it():
    pairs = re.findall(r"```python\n(.*?)```\s*```text\n(.*?)```", TEXT, re.DOTALL)
    assert pairs
    for code, expected in pairs:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), {})
        numbers = [
            [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]
            for text in (printed.getvalue(), expected)
        ]
        assert numbers[0] == pytest.approx(numbers[1], abs=1e-3)


def test_every_public_name_is_in_the_table():
    table = TEXT.split("## Question, function, cost, paper")[1].split("## Conventions")[
        0
    ]
    named = set(re.findall(r"`(\w+)`", table))
    functions = {name.split(".")[1] for name in PUBLIC}
    assert functions | set(jaxinfo.metrics.__all__) == named


def test_linked_files_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert link.startswith("https://") or (ROOT / link).is_file(), link


def test_the_changelog_tells_of_this_version():
    assert f"## {jaxinfo.__version__}" in (ROOT / "CHANGELOG.md").read_text()
