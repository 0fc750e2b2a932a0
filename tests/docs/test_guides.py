"""Worked examples about rules, lived through: every file is written and every command typed, in their order."""

import json
import shlex
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs import shell
from tests.docs.guides import fits, steps
from tests.docs.pages import ROOT, fences
from tests.stand import Stand, wait_for
from watchbook.cli import cli
from watchbook.clock import format_rfc3339, now_us

#: How often mallory mistypes before the rules are asked of the past, and then once one is in force.
BEFORE, THEN = 7, 5
#: The beginning of an alert's id, as the pages have it.
ON_PAGES = "3f9c1a2b"

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


@pytest.fixture
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A collector that has the shipped rules in a folder of its own."""
    folder = tmp_path_factory.mktemp("guide")
    shutil.copytree(ROOT / "rules", folder / "rules", ignore=shutil.ignore_patterns("tests"))
    made = Stand(folder / "stand", collector_extra=f"rules: [{folder}/rules]\n")
    made.token = made.make_token("alice-on-call", "admin")
    try:
        made.collector.start()
        made.wait_until_up()
        yield made
    finally:
        made.close()


def store(stand: Stand, actor: str, times: int = 1, ago_s: int = 0, **fields: object) -> None:
    """Store events of a user, one a second until so many seconds ago."""
    first = now_us() - (ago_s + times) * 1_000_000
    events = [
        {"time": format_rfc3339(first + each * 1_000_000), "actor": {"type": "user", "id": actor}, **fields}
        for each in range(times)
    ]
    token = (stand.folder / "agent.token").read_text()
    request = urllib.request.Request(
        f"{stand.url}/v1/events", data=json.dumps(events).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )  # fmt: skip
    urllib.request.urlopen(request, timeout=30).close()


def mistype(stand: Stand, actor: str, times: int, ago_s: int = 0) -> None:
    """Store wrong passwords."""
    store(stand, actor, times, ago_s, action="login", outcome="failure", reason="wrong password")


def read_secret(stand: Stand, actor: str, times: int = 1, ago_s: int = 0) -> None:
    """Store reads of a secret."""
    store(stand, actor, times, ago_s, action="read", resource={"type": "secret", "id": "s1", "name": "prod-db"})


def open_alerts(stand: Stand) -> list[str]:
    """Return the ids of the grave alerts that wait for somebody."""
    return [alert["id"] for alert in stand.get("/v1/alerts?status=open&level=high")["alerts"]]


def typed(command: str, stand: Stand, folder: Path) -> str:
    """Return what a command prints on a terminal, when it ends as what it says lets one expect."""
    command = command.replace("/etc/watchbook/", f"{stand.folder.parent}/")
    words = shlex.split(command)
    if words[0] != "watchbook":
        done = shell.run(command, folder)
        assert done.returncode == 0, done.stderr
        return done.stdout
    on_files = words[1:3] in (["rules", "lint"], ["rules", "test"])
    known = {"WATCHBOOK_URL": stand.url, "WATCHBOOK_TOKEN": stand.token, "COLUMNS": "110"}
    result = CliRunner().invoke(cli, words[1:] + ([] if on_files else ["--table"]), env=known)
    assert result.exit_code == int("FAILED " in result.output), f"{command}: {result.output}"
    return result.output


def live_through(page: str, stand: Stand, folder: Path, happens: Callable[[], None]) -> int:
    """Write every file of a page's worked example and type its commands; return how many these were.

    ``happens`` is what happens before somebody looks for alerts.
    """
    typed_commands = 0
    for fence in fences(ROOT / page):
        if fence.kind == "example" and fence.name.startswith("my-rules/"):
            (folder / fence.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / fence.name).write_text(fence.body)
        for command, expected in steps(fence.body) if fence.kind == "guide" else ():
            if command.startswith("watchbook alerts --status"):
                happens()
                wait_for("the alert", lambda: open_alerts(stand), 30, stand.evidence)
            mine = (open_alerts(stand) or [ON_PAGES])[0][: len(ON_PAGES)]
            said = typed(command.replace(ON_PAGES, mine), stand, folder)
            lines = [line.replace(ON_PAGES, mine) for line in expected]
            assert fits(said.splitlines(), lines), f"{fence.place}: {command}:\n{said}"
            typed_commands += 1
    return typed_commands


def test_a_first_rule_from_nothing_goes_as_the_page_says(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mistype(stand, "mallory", BEFORE, ago_s=7200)
    wait_for("the events", lambda: stand.stored_events() >= BEFORE, 30, stand.evidence)
    assert live_through("docs/rules.md", stand, tmp_path, lambda: mistype(stand, "mallory", THEN)) == 10


def test_the_way_from_a_rule_to_a_person_goes_as_the_readme_says(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read_secret(stand, "bob", 2, ago_s=86_400)
    read_secret(stand, "backup", ago_s=7200)
    wait_for("the events", lambda: stand.stored_events() >= 3, 30, stand.evidence)
    assert live_through("README.md", stand, tmp_path, lambda: read_secret(stand, "bob")) == 7


@pytest.mark.parametrize(
    ("said", "expected", "is_so"),
    [
        (["a", "b", "c"], ["a", "…", "c"], True),
        (["a", "c"], ["a", "…", "c", "…"], True),
        (["it took 3 s  "], ["it took … s"], True),
        (["a", "b"], ["a", "c"], False),
        (["a", "b"], ["a"], False),
        (["a"], ["a", "b"], False),
        (["it took 3 s"], ["it took … ms"], False),
    ],
)
def test_a_wrong_line_of_a_page_would_be_noticed(said: list[str], expected: list[str], is_so: bool) -> None:
    assert fits(said, expected) is is_so
