"""Run the Python of the pages, and draw their figures.

    python docs/run_pages.py [PAGE ...]

A page is one program: its Python blocks run one after another, in one folder. A block
of text that follows one holds what it prints, and is written anew. Pages say
``savefig("NAME.png")``; here that is ``docs/figures/NAME.png``.
"""

import contextlib
import io
import os
import pathlib
import re
import sys
from typing import NamedTuple

DOCS = pathlib.Path(__file__).parent
ROOT = DOCS.parent
FIGURES = DOCS / "figures"
_BLOCKS = re.compile(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", re.DOTALL)


class Block(NamedTuple):
    """A block of code, and what it printed.

    Attributes:
        code: The code.
        promised: What the page says that it prints, or "" if it says nothing.
        printed: What it printed.
    """

    code: str
    promised: str
    printed: str


def pages() -> list[str]:
    """All pages with code, as paths from the root of the project."""
    files = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [
        str(file.relative_to(ROOT))
        for file in files
        if "_build" not in file.parts and _BLOCKS.search(file.read_text())
    ]


def run(page: str, folder: pathlib.Path) -> list[Block]:
    """Run the code of a page, figures going to a folder.

    Args:
        page: Path from the root of the project.
        folder: Where it runs.

    Returns:
        Its blocks.
    """
    names: dict = {}
    blocks = []
    with contextlib.chdir(folder):
        for code, promised in _BLOCKS.findall((ROOT / page).read_text()):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, page, "exec"), names)
            blocks.append(Block(code, promised, printed.getvalue()))
    return blocks


def update(page: str) -> None:
    """Write what the blocks of a page print below them."""
    file = ROOT / page
    blocks = iter(run(page, FIGURES))

    def written(match: re.Match) -> str:
        block = next(blocks)
        if block.printed == block.promised:
            return match[0]
        print(f"{page}: {block.printed}")
        return f"```python\n{block.code}```\n\n```text\n{block.printed}```"

    file.write_text(_BLOCKS.sub(written, file.read_text()))


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    FIGURES.mkdir(exist_ok=True)
    for name in sys.argv[1:] or pages():
        update(name)
