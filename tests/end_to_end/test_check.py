"""``check`` as the units ask it: only this host, or only the configuration."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.stand import Stand
from watchbook.cli import cli

pytestmark = [pytest.mark.end_to_end]


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path / "stand")


def check(program: str, path: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [program, "check", "--config", str(path), *options])
    return done.exit_code, done.output


def test_an_agent_whose_collector_is_down_is_well_as_far_as_this_host_goes(stand: Stand) -> None:
    code, said = check("agent", stand.agent_yaml)
    assert code == 1
    assert f"WRONG  collector: {stand.url}: " in said
    code, said = check("agent", stand.agent_yaml, "--offline")
    assert code == 0, said
    assert "was not asked" in said


def test_offline_still_finds_what_is_wrong_on_this_host(stand: Stand) -> None:
    (stand.folder / "agent.token").unlink()
    code, said = check("agent", stand.agent_yaml, "--offline")
    assert code == 1
    assert f"WRONG  collector: the token file {stand.folder}/agent.token cannot be read" in said
    assert check("agent", stand.agent_yaml, "--config-only") == (
        0,
        f"ok     config: {stand.agent_yaml} and the profiles are right\n",
    )


def test_a_collector_that_runs_does_not_hinder_the_check_of_its_configuration(stand: Stand) -> None:
    stand.collector.start()
    try:
        stand.wait_until_up()
        code, said = check("collector", stand.collector_yaml)
        assert code == 1
        assert "is a collector running already?" in said
        assert check("collector", stand.collector_yaml, "--config-only") == (0, f"ok     {stand.collector_yaml}\n")
    finally:
        stand.close()


@pytest.mark.parametrize("program", ["agent", "collector"])
def test_a_configuration_that_is_wrong_is_refused_with_78(program: str, stand: Stand) -> None:
    path = stand.agent_yaml if program == "agent" else stand.collector_yaml
    with path.open("a") as config:
        config.write("wrong: 1\n")
    words = [sys.executable, "-m", "watchbook", program, "check", "--config", str(path), "--config-only"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "wrong" in done.stderr
    assert done.returncode == 78
