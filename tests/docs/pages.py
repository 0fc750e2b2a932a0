"""The pages of the documentation and the fenced blocks in them.

A comment right before a fence says what it is: ``help`` and ``output`` are made by the tool, ``example`` is a file that
tests use under that name, ``operator``, ``host`` and ``install`` are commands, ``query`` are queries that are right and
``mistaken`` those that are not.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent.parent

_FENCE: Final = re.compile(
    r"(?:^<!-- (?P<kind>[a-z]+)(?:: (?P<name>[^>]*?))? -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Fence(NamedTuple):
    """A fenced block: what the comment before it says (``kind: name``), and its text."""

    page: str
    line: int
    kind: str
    name: str
    language: str
    body: str

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.page}:{self.line}"


def page_paths() -> list[Path]:
    """Return every page, the README first."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def page_name(path: Path) -> str:
    """Return a page's path as people write it: ``docs/rules.md``."""
    return path.relative_to(ROOT).as_posix()


def fences(page: Path) -> Iterator[Fence]:
    """Yield the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Fence(page_name(page), line, found["kind"] or "", found["name"] or "", found["language"], found["body"])


def all_fences(kind: str) -> list[Fence]:
    """Return the blocks of one kind on all pages."""
    return [fence for page in page_paths() for fence in fences(page) if fence.kind == kind]


def commands(body: str) -> list[str]:
    """Return the commands of a block of shell: one a line, lines that end in a backslash joined, no comments."""
    joined = body.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def write_examples(page: Path, folder: Path) -> None:
    """Write the example files of a page into a folder, under their names."""
    for fence in fences(page):
        if fence.kind == "example":
            path = folder / fence.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fence.body, encoding="utf-8")
