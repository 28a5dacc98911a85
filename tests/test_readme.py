"""README.md runs and prints what it says; its pages name what exists."""

import contextlib
import importlib.util
import io
import pathlib
import re

import pytest

import jaxinfo
from tests.contracts.table import PUBLIC
from tests.sharding import processes

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
PAGES = ("functions", "accuracy", "speed", "conventions", "scale_out")


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


@pytest.fixture
def functions():
    """The script that makes the page of all functions."""
    spec = importlib.util.spec_from_file_location(
        "list_functions", ROOT / "docs" / "list_functions.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_function_has_a_question(functions):
    named = [
        f"{package}.{name}"
        for package, questions in functions.QUESTIONS.items()
        for names in questions.values()
        for name in names
    ]
    of_metrics = [f"metrics.{name}" for name in jaxinfo.metrics.__all__]
    assert sorted(named) == sorted([*PUBLIC, *of_metrics])


def test_the_page_of_functions_is_that_of_the_docstrings(functions):
    assert functions.FILE.read_text() == functions.render()


@pytest.mark.multidevice
def test_the_page_on_many_devices_prints_what_it_says():
    page = (ROOT / "docs" / "scale_out.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (expected,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    # It sets the number of devices itself.
    (printed,) = processes.finish(processes.start(1, "-c", code))
    assert printed == expected


def test_the_readme_is_short():
    words = len(re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL).split())
    assert 600 <= words <= 900


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{n}.md" for n in PAGES)])
def test_linked_files_exist(page):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_the_changelog_tells_of_this_version():
    assert f"## {jaxinfo.__version__}" in (ROOT / "CHANGELOG.md").read_text()
