"""``watchbook agent profile list`` and ``show``."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agent.profile_cli import highlighted
from watchbook.cli import cli
from watchbook.shipped import shipped_folder

OWN = """\
# mine
profile: sshd
description: Mine stands in front.
format: json
logsource: {product: linux, service: sshd}
constants: {action: log}
samples:
  - line: '{}'
"""


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["agent", "profile", *words, "--config", "/nonexistent/agent.yaml"])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "sshd.yaml").write_text(OWN)
    return tmp_path


def test_every_shipped_profile_is_listed_with_what_it_is_for() -> None:
    listed = [json.loads(line) for line in run("list", "--json").splitlines()]
    names = sorted(path.stem for path in (shipped_folder("config") / "profiles").glob("*.yaml"))
    assert [each["name"] for each in listed] == names
    assert all(each["shipped"] and each["description"] and each["format"] for each in listed)
    table = run("list").splitlines()
    assert table[0].split() == ["profile", "format", "samples", "source", "logsource", "description"]
    assert [line.split()[0] for line in table[1:]] == names


def test_ones_own_profiles_stand_in_place_of_shipped_ones(own: Path) -> None:
    listed = {
        each["name"]: each for each in map(json.loads, run("list", "--json", "--profiles", str(own)).splitlines())
    }
    mine = listed["sshd"]
    assert (mine["shipped"], mine["file"], mine["samples"]) == (False, str(own / "sshd.yaml"), 1)
    assert mine["logsource"] == {"product": "linux", "service": "sshd"}
    assert run("list", "--profiles", str(own)).splitlines()[-1] == f"own: {own}"


def test_the_configuration_names_ones_own_profiles_too(own: Path) -> None:
    config = own / "agent.yaml.txt"
    config.write_text(
        f"collector: {{url: 'http://x', token: t}}\nstate: /x\nprofiles: {own}\n"
        "inputs: [{name: a, files: [/a], profile: sshd}]\n"
    )
    done = CliRunner().invoke(cli, ["agent", "profile", "show", "sshd", "--config", str(config)])
    assert done.output == f"# {own}/sshd.yaml\n{OWN}"


def test_a_profile_is_shown_as_its_file_says_it_with_its_path() -> None:
    path = shipped_folder("config") / "profiles" / "nginx.yaml"
    assert run("show", "nginx") == f"# {path}\n{path.read_text()}"
    assert "there is no profile 'nginy'; known here: " in run("show", "nginy", code=2)


def test_colours_change_nothing_of_the_text() -> None:
    for path in sorted((shipped_folder("config") / "profiles").glob("*.yaml")):
        text = path.read_text()
        painted = highlighted(text)
        assert painted != text
        assert click.unstyle(painted) == text
