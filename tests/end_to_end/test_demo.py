"""The demo as a person runs it: real processes, real files, real alerts."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchbook.demo.alarms import SHIPPED_RULES

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a demo that sets up in this test's own folder."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "watchbook", "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=100)


def read_until(process: "subprocess.Popen[str]", enough: Callable[[str], bool]) -> str:
    """Return what is printed until it is enough (or the end)."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if enough(printed):
            break
    return printed


def test_the_demo_ends_by_itself_and_nothing_is_lost_or_doubled(start: Start, tmp_path: Path) -> None:
    process = start("--seconds", "8", "--rate", "300")
    printed, _ = process.communicate(timeout=200)
    assert process.returncode == 0, printed
    for application in ("nginx", "sshd", "app"):
        row = re.search(rf"^  {application} +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +0 +0$", printed, re.MULTILINE)
        assert row, printed
        assert len(set(row.groups())) == 1
    for title in SHIPPED_RULES.values():
        assert re.search(rf"^ALERT .* {title}", printed, re.MULTILINE), printed
    assert "exit codes: agent 0, collector 0" in printed
    assert not list(tmp_path.iterdir())


def test_ctrl_c_ends_the_demo_in_order(start: Start) -> None:
    process = start("--rate", "100")
    printed = read_until(process, lambda printed: all(f" {title} (" in printed for title in SHIPPED_RULES.values()))
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=200)
    assert process.returncode == 0, printed + rest
    assert "The writer has stopped" in rest
    assert "exit codes: agent 0, collector 0" in rest


def test_a_demo_whose_agent_dies_fails_and_shows_what_it_said(start: Start, tmp_path: Path) -> None:
    process = start("--rate", "100")
    printed = read_until(process, lambda printed: all(f" {title} (" in printed for title in SHIPPED_RULES.values()))
    (folder,) = tmp_path.iterdir()
    os.kill(json.loads((folder / "agent" / "status.json").read_text())["pid"], signal.SIGKILL)
    rest, _ = process.communicate(timeout=200)
    assert process.returncode == 1, printed + rest
    assert "the agent exited with -9, expected 0" in rest
    assert "The last lines of the agent's log:" in rest
    assert "agent_started" in rest
    assert f"Kept: {folder}" in rest


def test_ctrl_c_during_the_set_up_leaves_nothing(start: Start, tmp_path: Path) -> None:
    process = start()
    read_until(process, lambda printed: "Setting up" in printed)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "Stopped before anything was written." in rest
    assert not list(tmp_path.iterdir())
