"""``watchbook collector enrolment``, run on a folder without a collector."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from watchbook.cli import cli


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "collector.yaml"
    path.write_text(f"data: {tmp_path}/data\n")
    return path


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["collector", "enrolment", words[0], "--config", str(config), *words[1:]])


def test_a_one_time_token_is_printed_once_listed_and_revoked(config: Path) -> None:
    token = run(config, "create", "--name", "web01", "--note", "rack 3", "--ttl", "2d").stdout.strip()
    assert re.fullmatch(r"wbe_[\w-]{43}", token)
    assert run(config, "create", "--uses", "50").exit_code == 0
    lines = run(config, "list").stdout.splitlines()
    assert re.fullmatch(r" +1  open     0/1 +web01 +\d{4}-.*Z +\S+ +rack 3", lines[1])
    assert re.fullmatch(r" +2  open     0/50 +- .*", lines[2])
    assert token not in "".join(lines)
    assert run(config, "revoke", "1").exit_code == 0
    assert " 1  revoked " in run(config, "list").stdout
    done = run(config, "revoke", "1")
    assert done.exit_code == 1
    assert "there is no one-time token 1 that is not revoked" in done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--name", "a", "--uses", "2"], "--name is for one agent"),
        (["--name", "a\nb"], "1 to 100 printable characters"),
        (["--ttl", "soon"], "is no duration"),
        (["--ttl", "0s"], "more than nothing"),
        (["--ttl", "400d"], "at most a year"),
        (["--uses", "0"], "is not in the range"),
    ],
)
def test_what_makes_no_sense_is_a_mistake_and_makes_no_token(config: Path, options: list[str], said: str) -> None:
    done = run(config, "create", *options)
    assert done.exit_code == 2
    assert said in done.output
    assert len(run(config, "list").stdout.splitlines()) == 1
