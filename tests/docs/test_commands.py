"""Every command that is written down can be typed, and those for operators are run against a collector."""

import json
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from agent.config import DEFAULT_PATH as AGENT_YAML
from collector.config import DEFAULT_PATH as COLLECTOR_YAML
from collector.query.canonical import canonical
from collector.query.errors import QueryError
from collector.query.language import parse_query
from tests.docs import shell
from tests.docs.pages import ROOT, Fence, all_fences, commands, fences, page_paths
from tests.docs.traffic import UsedStand, halted_stand
from tests.docs.words import complaint_about
from tests.stand import Stand, wait_for
from watchbook.cli import cli

pytestmark = [pytest.mark.timeout(180)]

WORDS = rf"watchbook (?:{'|'.join(sorted(cli.list_commands(click.Context(cli))))})\b"
#: Words that write no JSON to a pipe: what they say goes to standard error.
SILENT = (
    "watchbook filters save ",
    "watchbook filters rm ",
    "watchbook notify dead retry ",
    "watchbook notify dead drop ",
)
#: What stands for something of the reader's own: where the collector shows it, and what of it is meant there.
STANDS_FOR = {
    "3f9c1a2b": ("/v1/alerts?group=actor.id:alice", "alerts", "id"),
    "5a0b7c11d2e3": ("/v1/silences?state=active", "silences", "id"),
    "77c0a1b2c3d4": ("/v1/exceptions?state=active", "exceptions", "id"),
    "17": ("/v1/notifications?state=dead", "notifications", "number"),
    "5f3c0a…-12-0": ("/v1/events?user=alice&status=failed", "events", "id"),
}


def blocks(*kinds: str) -> list[Any]:
    return [pytest.param(fence, id=fence.place) for kind in kinds for fence in all_fences(kind)]


def prose_commands() -> list[Any]:
    """Return (place, command) for each command named in the text of pages, or quoted in a message of the programs."""
    found = []
    for page in page_paths():
        text = page.read_text(encoding="utf-8")
        for fence in fences(page):
            text = text.replace(fence.body, "")
        found += [(page.name, command) for command in re.findall(rf"`({WORDS}[^`]*)`", text)]
    for path in sorted(p for f in ("agent", "collector", "watchbook") for p in (ROOT / f).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        found += [(path.name, command) for command in re.findall(rf"['`]({WORDS}[^'`\"]*)['`]", source)]
    return [pytest.param(command, id=f"{place}: {command}") for place, command in found]


def commented_commands() -> list[Any]:
    """Return the commands to the end of a line of configurations, rules and units."""
    paths = [p for f in ("config", "rules", "systemd") for p in sorted((ROOT / f).rglob("*")) if p.is_file()]
    found = []
    for path in paths:
        if path.parent.name != "samples":
            found += [(path.name, line) for line in re.findall(rf"(?<!\w)({WORDS}.*)$", path.read_text(), re.MULTILINE)]
    return [pytest.param(command, id=f"{place}: {command}") for place, command in found]


@pytest.mark.parametrize("command", prose_commands())
def test_a_command_named_in_a_text_has_words_and_options_that_exist(command: str) -> None:
    assert complaint_about(command, complete=False) is None


@pytest.mark.parametrize("command", commented_commands())
def test_a_command_in_a_shipped_file_can_be_typed_as_it_stands(command: str) -> None:
    assert complaint_about(command, complete=True) is None


@pytest.mark.parametrize("fence", blocks("operator", "host", "install", "output"))
def test_a_command_of_a_block_can_be_typed_as_it_stands(fence: Fence) -> None:
    for command in commands(fence.body):
        for words in re.findall(r"(?<![\w/.-])watchbook (?!\d)[a-z].*$", command.removeprefix("$ ")):
            assert complaint_about(re.split(r" \| | >", words)[0], complete=True) is None


@pytest.mark.parametrize("fence", [fence for fence in blocks("") if "watchbook " in fence.values[0].body])
def test_a_command_of_a_block_that_is_not_run_has_words_and_options_that_exist(fence: Fence) -> None:
    for command in re.findall(r"^(?:\$ )?(watchbook [a-z].*)$", fence.body, re.MULTILINE):
        typed = re.split(r" \| | >|  +#", command)[0]
        assert complaint_about(typed, complete=False) is None, typed


def test_a_command_with_a_mistake_is_noticed() -> None:
    for command in ("watchbook agent go", "watchbook agent run --confg x", "watchbook collector token create web01",
                    "watchbook serach x", "watchbook agent check now"):  # fmt: skip
        assert complaint_about(command, complete=False) is not None
    assert complaint_about("watchbook collector token create --name a", complete=True) is not None
    assert complaint_about("watchbook collector token create --name a --scope all", complete=True) is not None
    assert complaint_about("watchbook collector token create --name a --scope read", complete=True) is None


@pytest.mark.parametrize("program", ["agent", "collector"])
def test_the_install_blocks_fit_the_unit_the_configuration_and_the_script(program: str) -> None:
    block = "\n".join(fence.body for fence in all_fences("install") if fence.name == program)
    script = (ROOT / "systemd" / "install.sh").read_text()
    unit = (ROOT / "systemd" / f"watchbook-{program}.service").read_text()
    config = (ROOT / "config" / f"{program}.yaml").read_text()
    (user,) = re.findall(r"^User=(.+)$", unit, re.MULTILINE)
    (state,) = re.findall(r"^StateDirectory=(.+)$", unit, re.MULTILINE)
    (binary,) = re.findall(r"^ExecStart=(\S+) ", unit, re.MULTILINE)
    assert f"make install ROLE={program}\n" in block
    assert f"systemctl enable --now {user}\n" in block
    assert f"u {user} - " in (ROOT / "systemd" / f"{user}.sysusers").read_text()
    assert f" {'data' if program == 'collector' else 'state'}: /var/lib/{state}\n" in config.replace("\n", "\n ")
    assert f"STATE=/var/lib/{state.partition('/')[0]} " in script
    assert f"PREFIX:-{binary.removesuffix('/current/bin/watchbook')}" in script
    assert f"--config {AGENT_YAML if program == 'agent' else COLLECTOR_YAML}\n" in unit
    assert f"ETC={AGENT_YAML.parent} " in script
    if program == "agent":
        assert re.search(r"^ +token_file: (.+)$", config, re.MULTILINE)
        # The token is given to the agent's user, who is there first.
        assert block.index("make install") < block.index("watchbook agent enroll --token ")


@pytest.mark.parametrize("line", [line for fence in all_fences("query") for line in commands(fence.body)])
def test_a_query_in_the_documentation_is_understood(line: str) -> None:
    query, meaning = re.split(r" {2,}", line, maxsplit=1)
    assert meaning
    plan = parse_query(query)
    assert parse_query(canonical(plan)) == plan
    with pytest.raises(QueryError):
        parse_query(f"nosuchfield:1 {query}")


@pytest.mark.parametrize("line", [line for fence in all_fences("mistaken") for line in commands(fence.body)])
def test_a_mistake_in_a_query_is_answered_as_the_documentation_says(line: str) -> None:
    query, said = re.split(r" {2,}", line, maxsplit=1)
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert said == f"{caught.value.position}: {caught.value}"


@pytest.mark.end_to_end
@pytest.mark.parametrize("fence", blocks("operator"))
def test_an_operators_block_does_what_it_says(fence: Fence, stand: UsedStand, tmp_path: Path) -> None:
    settings = {"WATCHBOOK_URL": stand.url, "WATCHBOOK_TOKEN": stand.operator}
    for typed in commands(fence.body):
        command = _with_what_is_there(typed, stand)
        if command.startswith("export "):
            assert set(re.findall(r"(WATCHBOOK_\w+)=", command)) == settings.keys()
        elif command.startswith("watchbook tail"):
            event = _first_line_of_what_goes_on(command, tmp_path, settings)
            assert event["origin"]["input"] == "app"
        else:
            if not shutil.which(command.split()[0]) and not command.startswith("watchbook"):
                pytest.skip(f"{command.split()[0]} is not installed here")
            done = shell.run(command, tmp_path, **settings)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            if written := re.search(r" --to ([\w.-]*\w)", command) or re.search(r" > (\S+)$", command):
                assert (tmp_path / written[1]).stat().st_size > 0, command
            elif not command.startswith(SILENT):
                assert json.loads(done.stdout.splitlines()[0]), command


def _with_what_is_there(command: str, stand: Stand) -> str:
    """Return a command with the ids that this collector has."""
    for word, (path, name, key) in STANDS_FOR.items():
        if re.search(rf" {word}\b", command):
            wait_for(f"{name} of {path}", lambda: bool(stand.get(path)[name]), 30, stand.evidence)  # noqa: B023
            command = re.sub(rf" {word}\b", f" {stand.get(path)[name][0][key]}", command)
    return command


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    made = halted_stand(tmp_path_factory.mktemp("halted") / "stand")
    yield made
    made.close()


@pytest.mark.end_to_end
@pytest.mark.parametrize("fence", blocks("host"))
def test_what_is_done_on_the_collectors_host_does_what_it_says(fence: Fence, halted: Stand, tmp_path: Path) -> None:
    """Commands for the collector's own user, on a collector that is stopped; systemd is not asked for."""
    for command in commands(fence.body):
        if not command.startswith("systemctl "):
            typed = command.replace("runuser -u watchbook-collector -- ", "").replace("/srv/", f"{tmp_path}/")
            typed = typed.replace("/var/lib/watchbook/collector", str(halted.folder / "collector"))
            done = shell.run(typed, tmp_path, WATCHBOOK_COLLECTOR_CONFIG=str(halted.collector_yaml))
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _first_line_of_what_goes_on(command: str, folder: Path, settings: dict[str, str]) -> dict[str, Any]:
    environment = shell.environment(folder / ".shell", **settings)
    process = subprocess.Popen(
        ["bash", "-c", f"exec {command}"], env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(2)]  # the posted event is the older one
        finally:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    return dict(json.loads(lines[-1]))


@pytest.mark.end_to_end
@pytest.mark.parametrize("fence", blocks("sql"))
def test_a_question_to_a_file_of_the_collector_is_answered(fence: Fence, halted: Stand) -> None:
    with closing(sqlite3.connect(halted.folder / "collector" / fence.name)) as connection:
        assert connection.execute(fence.body).fetchone() is not None
