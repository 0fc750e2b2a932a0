"""Every command that is written down can be typed, and those for operators are run against a collector."""

import json
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.config import DEFAULT_PATH as AGENT_YAML
from collector.config import DEFAULT_PATH as COLLECTOR_YAML
from collector.query.errors import QueryError
from collector.query.language import parse_query
from tests.docs import shell
from tests.docs.pages import ROOT, Fence, all_fences, commands, fences, page_paths
from tests.docs.words import complaint_about
from tests.stand import Stand

pytestmark = [pytest.mark.timeout(180)]

WORDS = r"watchbook (?:agent|collector|search|tail|alerts|demo)\b"


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


@pytest.mark.parametrize("fence", blocks("operator", "install", "output"))
def test_a_command_of_a_block_can_be_typed_as_it_stands(fence: Fence) -> None:
    for command in commands(fence.body):
        for words in re.findall(r"(?<![\w/.-])watchbook (?!\d)[a-z].*$", command.removeprefix("$ ")):
            assert complaint_about(words.partition(" | ")[0], complete=True) is None


def test_a_command_with_a_mistake_is_noticed() -> None:
    for command in ("watchbook agent go", "watchbook agent run --confg x", "watchbook collector token create web01",
                    "watchbook serach x", "watchbook agent check now"):  # fmt: skip
        assert complaint_about(command, complete=False) is not None
    assert complaint_about("watchbook collector token create --name a", complete=True) is not None
    assert complaint_about("watchbook collector token create --name a --scope all", complete=True) is not None
    assert complaint_about("watchbook collector token create --name a --scope read", complete=True) is None


def test_the_install_blocks_copy_files_that_exist_to_where_the_programs_look() -> None:
    copied = {}
    for fence in all_fences("install"):
        for command in commands(fence.body):
            if found := re.fullmatch(r"install .*?-m \d+ ((?:config|systemd)/\S+) (\S+)", command):
                copied[found[1]] = found[2]
    assert {source: target for source, target in copied.items() if not (ROOT / source).is_file()} == {}
    assert copied["config/agent.yaml"] == str(AGENT_YAML)
    assert copied["config/collector.yaml"] == str(COLLECTOR_YAML)
    assert {name for name in copied if name.startswith("systemd/")} == {
        f"systemd/{path.name}" for path in (ROOT / "systemd").iterdir()
    }


@pytest.mark.parametrize("program", ["agent", "collector"])
def test_the_install_blocks_make_what_the_unit_and_the_configuration_need(program: str) -> None:
    block = "\n".join(fence.body for fence in all_fences("install") if fence.name == program)
    unit = (ROOT / "systemd" / f"watchbook-{program}.service").read_text()
    config = (ROOT / "config" / f"{program}.yaml").read_text()
    (user,) = re.findall(r"^User=(.+)$", unit, re.MULTILINE)
    (state,) = re.findall(r"^StateDirectory=(.+)$", unit, re.MULTILINE)
    (binary,) = re.findall(r"^ExecStart=(\S+) ", unit, re.MULTILINE)
    (mode,) = re.findall(r"^StateDirectoryMode=(.+)$", unit, re.MULTILINE)
    assert re.search(rf"^useradd --system .*{user}$", block, re.MULTILINE)
    assert f"install -d -m {mode} -o {user} -g {user} /var/lib/{state}\n" in block
    assert f" {'data' if program == 'collector' else 'state'}: /var/lib/{state}\n" in config.replace("\n", "\n ")
    assert binary.startswith(re.findall(r"-m venv (\S+)", block)[0])
    assert f"[{program}]" in block or f",{program}]" in block
    if program == "agent":
        (token,) = re.findall(r"^ +token_file: (.+)$", config, re.MULTILINE)
        assert f"install -m 0600 -o {user} /dev/stdin {token} <<<" in block


@pytest.mark.parametrize("line", [line for fence in all_fences("query") for line in commands(fence.body)])
def test_a_query_in_the_documentation_is_understood(line: str) -> None:
    query, meaning = re.split(r" {2,}", line, maxsplit=1)
    assert meaning
    parse_query(query)
    with pytest.raises(QueryError):
        parse_query(f"nosuchfield:1 {query}")


@pytest.mark.end_to_end
@pytest.mark.parametrize("fence", blocks("operator"))
def test_an_operators_block_does_what_it_says(fence: Fence, stand: Stand, tmp_path: Path) -> None:
    settings = {"WATCHBOOK_URL": stand.url, "WATCHBOOK_TOKEN": stand.token}
    for command in commands(fence.body):
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
            assert json.loads(done.stdout.splitlines()[0]), command


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
