"""Mistakes in the settings of inputs whose lines are received are named with their place."""

from pathlib import Path

import pytest

from agent.config import load_settings
from watchbook.configfile import ConfigError

HEAD = "collector: {url: 'http://127.0.0.1:1', token: t}\nstate: /tmp/s\ninputs:\n  - name: a\n    profile: jsonl\n"


def problems(tmp_path: Path, rest: str) -> list[str]:
    path = tmp_path / "agent.yaml"
    path.write_text(HEAD + rest)
    try:
        load_settings(path)
    except ConfigError as error:
        return [str(problem).removeprefix(str(path)) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hook: {auth: bearer}", ":6:11: 'inputs[0].hook': expected either 'secret_file' or 'secrets'; auth: none"),
        ("hook: {auth: bearer, secrets: [a], secret_file: /b}", ":6:11: 'inputs[0].hook': expected either"),
        ("hook: {auth: none, secrets: [a]}", ":6:33: 'inputs[0].hook.secrets': a secret has no use with auth: none"),
        ("hook: {secrets: [a]}", ":6:11: 'inputs[0].hook': the option 'auth' is missing"),
        ("hook: {auth: standard, secrets: [whsec_!]}", ":6:38: 'inputs[0].hook.secrets[0]': expected a secret of"),
        ("hook: {auth: none}\n    files: [/x]", ":6:11: 'inputs[0].hook': expected one source, found 'files' too"),
        ("command: {argv: []}", ":6:21: 'inputs[0].command.argv': expected a program and its arguments"),
        ("command: {argv: [true], every: 0s}", ":6:36: 'inputs[0].command.every': expected a value above zero"),
        ("journal: {matches: [sshd]}", ":6:25: 'inputs[0].journal.matches[0]': expected FIELD=value or +, found"),
        ("journal: {since: yesterday}", ":6:22: 'inputs[0].journal.since': expected one of now, boot, all"),
        ("hook: {auth: none}\nhooks: {listen: 8421}", ":7:17: 'hooks.listen': expected an address and a port"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, source: str, expected: str) -> None:
    (problem,) = problems(tmp_path, f"    {source}\n")
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    "source",
    [
        "hook: {auth: none}",
        "hook: {auth: bearer, secrets: [a, b]}",
        "journal: {since: now}",
        "command: {argv: [tail, -F, /x], stderr: lines}",
    ],
)
def test_what_is_right_is_taken(tmp_path: Path, source: str) -> None:
    assert problems(tmp_path, f"    {source}\n") == []
