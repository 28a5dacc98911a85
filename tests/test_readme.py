"""README.md is short, and the changelog tells of the version."""

import pathlib
import re

import jaxinfo

ROOT = pathlib.Path(__file__).parents[1]


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    words = len(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split())
    assert 600 <= words <= 900


def test_the_changelog_tells_of_this_version():
    assert f"## {jaxinfo.__version__}" in (ROOT / "CHANGELOG.md").read_text()
