"""What the pages name is there: files, links, Python names, options, make targets, dependencies."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from agent.config import AgentSettings
from collector.config import CollectorSettings
from tests.docs.pages import ROOT, all_fences, fences, page_name, page_paths
from tests.docs.tables import options_of
from watchbook.event import FIELD_NAMES

PAGES = [*page_paths(), ROOT / "CHANGELOG.md"]
FOLDERS = "agent|collector|watchbook|config|rules|systemd|tests|docs"

#: Names of files and of what else has dots and is none of ours.
_NO_NAME = re.compile(
    r".*\.(yaml|yml|md|py|db|json|jsonl|log|toml|token|secret|service|sock|conf|sh|blk|ix|parquet|key|pub|head|csv|ndjson|new|1)|readme.*|.*\.com"
)


def prose(path: Path) -> str:
    """Return a page without its example files, which name what only they have."""
    text = path.read_text(encoding="utf-8")
    for fence in fences(path):
        if fence.kind == "example":
            text = text.replace(fence.body, "")
    return text


def examples(path: Path) -> set[str]:
    return {fence.name for fence in fences(path) if fence.kind == "example"}


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_the_files_that_a_page_names_exist(path: Path) -> None:
    named = set(re.findall(rf"(?<![\w./<-])(?:{FOLDERS}|\.ci)/[\w./*-]*\w", prose(path)))
    missing = [
        name for name in named - examples(path) if not any(ROOT.glob(name)) and not (ROOT / f"{name}.py").is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_the_links_of_a_page_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    missing = [t for t in targets if not t.startswith("https://") and not (path.parent / t.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_the_dotted_names_of_a_page_exist(path: Path) -> None:
    known = {*FIELD_NAMES} | {o.name for s in (AgentSettings, CollectorSettings) for o in options_of(s)}
    known |= set(re.findall(r"^ +- ([a-z-]+(?:\.[a-z0-9-]+)+)$", _rules(), re.MULTILINE))  # tags
    source = "\n".join(p.read_text() for f in FOLDERS.split("|")[:3] for p in (ROOT / f).rglob("*.py"))
    strange = []
    for name in set(re.findall(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)`", prose(path))):
        if name.startswith(("measures.", "details.", "changes.", "user.")) or _NO_NAME.fullmatch(name):
            continue
        if name not in known and not _is_python(name) and f'"{name}"' not in source and not _is_a_part(name, known):
            strange.append(name)
    assert strange == []


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_the_make_commands_of_a_page_are_targets(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^|&& )make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE)) <= targets


def test_what_the_readme_promises_is_run_before_a_change_lands() -> None:
    run = (ROOT / ".ci" / "run").read_text()
    for command in (
        "make lint",
        "make test",
        'make demo ARGS="--seconds 20"',
        "make faults",
        "make bench",
        "make bench-store",
    ):
        assert re.search(rf"^step \d+ {re.escape(command)}", run, re.MULTILINE)
        assert command.partition(" ARGS")[0] in (ROOT / "README.md").read_text()


def test_the_readme_names_every_folder_and_room() -> None:
    readme = (ROOT / "README.md").read_text()
    for folder in FOLDERS.split("|"):
        assert f"| `{folder}/` |" in readme
    for program in ("agent", "collector"):
        for room in (ROOT / program).iterdir():
            if (room / "__init__.py").is_file():
                assert f"`{room.name}`" in readme, room


def test_every_page_can_be_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    for path in sorted((ROOT / "docs").glob("*.md")):
        assert f"(docs/{path.name})" in readme


def test_every_dependency_says_why_it_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = {
        re.split(r"[<>=\[]", each)[0] for each in [*project["dependencies"], *extras["agent"], *extras["collector"]]
    }
    reasons = (ROOT / "docs" / "decisions" / "002-dependencies.md").read_text()
    assert {name for name in needed if f"| {name.lower()} |" not in reasons.lower()} == set()


def test_no_block_of_a_page_is_empty() -> None:
    kinds = ("help", "output", "example", "operator", "host", "install", "query", "mistaken")
    blocks = [fence for kind in kinds for fence in all_fences(kind)]
    assert len(blocks) > len(kinds)
    assert [fence.place for fence in blocks if not fence.body.strip()] == []


def _rules() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "rules").glob("*.yml"))


def _is_python(name: str) -> bool:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        return _has(found, parts[end:])
    return False


def _has(found: object, names: list[str]) -> bool:
    for name in names:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def _is_a_part(name: str, known: set[str]) -> bool:
    """Whether a name is the end of an option (``webhook.url``) or of the report of ``agent status``."""
    return any(option.endswith(f".{name}") for option in known) or name == "agent.ship"
