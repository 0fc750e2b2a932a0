"""The ten minutes of docs/profiles.md, lived through: every file is written and every command typed, in their order."""

import json
import os
import shlex
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.docs.guides import fits, steps
from tests.docs.pages import ROOT, Fence, fences
from tests.stand import Stand, wait_for
from watchbook.cli import cli

PAGE = ROOT / "docs" / "profiles.md"


def blocks() -> list[Fence]:
    """Return the examples and the guided commands of the page, in their order."""
    return [fence for fence in fences(PAGE) if fence.kind in ("example", "guide")]


def moved(text: str, folder: Path) -> str:
    """Return a text of the page with the paths of a host in a folder."""
    text = text.replace("/var/log/quill/", f"{folder}/").replace("/etc/watchbook/", f"{folder}/")
    return text.replace("/var/lib/watchbook", f"{folder}/state")


def test_the_worked_example_goes_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    typed = 0
    for fence in blocks():
        if fence.kind == "example":
            path = tmp_path / fence.name
            path.parent.mkdir(exist_ok=True)
            path.write_text(moved(fence.body, tmp_path))
            continue
        for command, expected in steps(fence.body):
            words = shlex.split(command)
            if words[0] == "systemctl":  # the next test reloads an agent
                assert words == ["systemctl", "reload", "watchbook-agent"]
                continue
            done = CliRunner().invoke(cli, words[1:])
            assert done.exit_code == 0, f"{fence.place}: {command}: {done.output}"
            assert fits(done.output.splitlines(), expected), f"{fence.place}: {command}:\n{done.output}"
            typed += 1
    assert typed == 8


@pytest.mark.end_to_end
@pytest.mark.timeout(180)
def test_an_agent_takes_the_profile_of_the_guide_in_with_a_reload(tmp_path: Path) -> None:
    stand = Stand(tmp_path / "stand", agent_extra="status_interval: 100ms\n")
    try:
        stand.collector.start()
        stand.wait_until_up()
        stand.agent.start()
        wait_for("the agent", lambda: stand.agent_status().get("running"), 60, stand.evidence)
        files = {fence.name: fence.body for fence in blocks() if fence.kind == "example"}
        (tmp_path / "profiles").mkdir()
        (tmp_path / "profiles" / "quill.yaml").write_text(files["profiles/quill.yaml"])
        (tmp_path / "quill.log").write_text(files["quill.log"])
        parts = moved(files["agent.yaml"], tmp_path).partition("inputs:\n")
        (profiles,) = [line for line in parts[0].splitlines() if line.startswith("profiles:")]
        text = stand.agent_yaml.read_text().replace("inputs:\n", f"{profiles}\ninputs:\n{parts[2]}")
        stand.agent_yaml.write_text(text)
        os.kill(stand.agent.pid, signal.SIGHUP)
        read = files["quill.log"].encode()
        wait_for("the log to be read", lambda: _bytes_read(stand) == len(read), 60, stand.evidence)
        status = stand.agent_status()
        dropped, kept = status["dropped_by_rule"]["quill"], status["kept_by_rule"].get("quill", {})
        assert dropped["heartbeat"] == 2
        assert dropped.get("views", 0) + kept.get("views", 0) == 2
        events = 13 - sum(dropped.values())
        assert stand.wait_until_stored(events, 60), stand.evidence()
        found = stand.get("/v1/events?limit=100&from=2026-11-01T00:00:00Z&q=" + "origin.profile:quill")["events"]
        assert len(found) == events, json.dumps(found)
        assert {each["org"] for each in found} == {"acme"}
        (refused,) = [each for each in found if each.get("reason") == "not on the list"]
        assert (refused["actor"]["id"], refused["outcome"]) == ("mallory@example.com", "failure")
        assert refused["time"] == "2026-11-21T07:15:40.002000Z"
    finally:
        stand.close()


def _bytes_read(stand: Stand) -> int:
    counters = stand.agent_status().get("counters", {})
    return int(counters.get("quill", {}).get("bytes_read", 0))
