"""The code of README.md and of the pages runs and prints what they say."""

import pathlib
import re

import jax
import pytest

import jaxinfo
from tests import helpers
from tests.contracts.table import PUBLIC
from tests.sharding import processes

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")


run_pages = helpers.load_script(DOCS / "run_pages.py")
list_functions = helpers.load_script(DOCS / "list_functions.py")

# One sets the number of devices, which a process of its own has to.
ON_MANY_DEVICES = "docs/scale_out.md"
PAGES = [page for page in run_pages.pages() if page != ON_MANY_DEVICES]


@pytest.mark.parametrize("page", PAGES)
def test_code_prints_what_follows_it(page, tmp_path):
    # Users have neither strict promotion nor strict ranks.
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        blocks = run_pages.run(page, tmp_path)
    for block in blocks:
        words = [NUMBER.sub("#", text) for text in (block.printed, block.promised)]
        assert words[0].split() == words[1].split()
        numbers = [
            [float(number) for number in NUMBER.findall(text)]
            for text in (block.printed, block.promised)
        ]
        # What XLA does without optimisation moves the last digits.
        assert numbers[0] == pytest.approx(numbers[1], rel=0.05, abs=0.005)


@pytest.mark.multidevice
def test_the_page_on_many_devices_prints_what_it_says():
    page = (ROOT / ON_MANY_DEVICES).read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (expected,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (printed,) = processes.finish(processes.start(1, "-c", code))
    assert printed == expected


def test_figures_that_pages_draw_are_kept():
    for page in PAGES:
        for name in re.findall(r'savefig\("(.*?)"', (ROOT / page).read_text()):
            assert (run_pages.FIGURES / name).exists(), (page, name)


def test_every_public_function_has_a_question():
    named = [
        f"{package}.{name}"
        for package, questions in list_functions.QUESTIONS.items()
        for names in questions.values()
        for name in names
    ]
    of_metrics = [f"metrics.{name}" for name in jaxinfo.metrics.__all__]
    assert sorted(named) == sorted([*PUBLIC, *of_metrics])


def test_the_page_of_functions_is_that_of_the_docstrings():
    assert list_functions.FILE.read_text() == list_functions.render()


@pytest.mark.parametrize("package", list_functions.QUESTIONS)
def test_the_reference_of_a_package_has_all_its_public_names(package):
    page = list_functions.render_package(package)
    names = re.findall(r"^\.\. auto(?:class|function):: (\w+)", page, re.MULTILINE)
    assert sorted(names) == sorted(getattr(jaxinfo, package).__all__)


def test_the_gallery_shows_every_example():
    page = (DOCS / "gallery.md").read_text()
    for example in (ROOT / "examples").glob("[0-9]*.py"):
        (section,) = (
            section
            for section in page.split("\n## ")
            if f"](../examples/{example.name})" in section
        )
        assert f"python examples/{example.name}" in section
        assert "\nTakes " in section
        assert re.search(rf"\(\.\./examples/figures/{example.name[:2]}_", section)


def test_every_claim_links_to_its_evidence():
    page = (DOCS / "claims.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    claims = [row for row in rows if not row.startswith(("| claim", "| ---"))]
    assert len(claims) >= 20
    for row in claims:
        assert re.search(r"\]\((\.\./examples/\d\d_\w+\.py|\w+\.md)\)", row), row
        assert len(row.split(" | ")) == 4, row


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *(str(file.relative_to(ROOT)) for file in DOCS.rglob("*.md")),
    ],
)
def test_linked_files_exist(page):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_names_in_code_are_public():
    """What pages name as ``package.function`` is there."""
    packages = "|".join(list_functions.QUESTIONS)
    for file in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        text = re.sub(r"```.*?```", "", file.read_text(), flags=re.DOTALL)
        for package, name in re.findall(rf"`({packages})\.(\w+)", text):
            if name not in ("py", "md"):
                assert name in getattr(jaxinfo, package).__all__, (file.name, name)
