"""The parts of pages that are made from the code and from running programs.

- ``<!-- help: watchbook agent run -->`` and a fence: what the word's ``--help`` prints.
- ``<!-- output -->`` and a fence: commands after ``$ ``, each with what it prints when it is run beside the shipped
  ``config`` and the page's own examples.
- ``<!-- table: NAME -->`` to ``<!-- end of table -->``: a table from the code, or of a program's metrics.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.docs import shell
from tests.docs.metrics import of_agent, of_collector
from tests.docs.pages import ROOT, write_examples
from tests.docs.tables import TABLES
from tests.docs.words import help_of

#: Name of a table of metrics -> what makes it of the answers of both programs.
METRICS: Final[dict[str, Callable[[str], str]]] = {"metrics": of_collector, "agent metrics": of_agent}

_HELP: Final = re.compile(r"(^<!-- help: ([a-z -]+) -->\n```\n).*?(^```$)", re.MULTILINE | re.DOTALL)
_OUTPUT: Final = re.compile(r"(^<!-- output -->\n```\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)
_TABLE: Final = re.compile(r"(^<!-- table: ([a-z ]+) -->\n).*?(^<!-- end of table -->$)", re.MULTILINE | re.DOTALL)


def needs_collector(text: str) -> bool:
    """Return whether a page has a part that only running programs can tell."""
    return any(f"<!-- table: {name} -->" in text for name in METRICS)


def has_parts(text: str) -> bool:
    """Return whether a page has parts that are made without a collector, and none that needs one."""
    return not needs_collector(text) and any(pattern.search(text) for pattern in (_HELP, _OUTPUT, _TABLE))


def regenerated(page: Path, exposition: Callable[[], str]) -> str:
    """Return what a page should be; ``exposition`` is asked for the metrics of both programs, if it shows them."""
    text = page.read_text(encoding="utf-8")
    text = _HELP.sub(lambda found: f"{found[1]}{help_of(found[2])}{found[3]}", text)
    text = _OUTPUT.sub(lambda found: f"{found[1]}{_outputs(page, found[2])}{found[3]}", text)
    return _TABLE.sub(lambda found: f"{found[1]}\n{_table(found[2], exposition)}\n{found[3]}", text)


def _table(name: str, exposition: Callable[[], str]) -> str:
    return METRICS[name](exposition()) if name in METRICS else TABLES[name]()


def _outputs(page: Path, body: str) -> str:
    commands = [line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ ")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").symlink_to(ROOT / "config")
        write_examples(page, folder)
        return "".join(f"$ {command}\n{_output(command, folder)}" for command in commands)


def _output(command: str, folder: Path) -> str:
    done = shell.run(command, folder)
    assert done.returncode == 0, f"{command} exited with {done.returncode}: {done.stderr}"
    return done.stdout.rstrip() + "\n"
