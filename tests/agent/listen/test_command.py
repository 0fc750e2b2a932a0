"""Commands as inputs, with real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.listen import CommandSettings
from agent.listen.command import Command
from tests.agent.listen.arrivals import Taker, taking
from tests.stand import is_alive
from watchbook.units import Bytes, Seconds

SOON = {"restart": Seconds(0.05), "restart_max": Seconds(0.1), "stop_timeout": Seconds(0.5)}


@asynccontextmanager
async def running(*argv: str, inlet_bytes: int = 1 << 20, **settings: Any) -> AsyncIterator[tuple[Command, Taker]]:
    async with taking(inlet_bytes) as taker:
        command = Command("cmd", CommandSettings(argv=argv, **{**SOON, **settings}), taker.inlet, None)
        task = asyncio.ensure_future(command.run())
        yield command, taker
        command.stop()
        async with asyncio.timeout(20):
            await task


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_a_command_that_ends_is_started_again() -> None:
    async with running("sh", "-c", "echo one; printf two") as (command, taker):
        await taker.until(4)
        assert taker.lines[:4] == [b"one", b"two", b"one", b"two"]
        assert command.state["starts"] >= 2
        assert taker.arrivals[0].chunk.file == "sh"
        assert "error" not in command.state


async def test_no_shell_is_between() -> None:
    async with running("echo", "$HOME; exit 3", "*") as (_, taker):
        await taker.until(1)
        assert taker.lines[0] == b"$HOME; exit 3 *"


async def test_a_command_runs_every_so_often() -> None:
    async with running("echo", "tick", every=Seconds(0.1)) as (command, taker):
        await taker.until(3)
        assert command.state["exit_code"] == 0
        assert set(taker.lines) == {b"tick"}


async def test_a_failure_shows_the_exit_code_and_what_was_said_last() -> None:
    async with running("sh", "-c", "echo first >&2; echo no such host >&2; exit 7") as (command, taker):
        await until(lambda: command.state["starts"] > 1 and command.state.get("exit_code") == 7)
        await until(lambda: "error" in command.state)
        assert command.state["error"] == "it ended with exit code 7: no such host"
        assert command.state["last_stderr"] == "no such host"
        assert taker.inlet.counters["cmd", "failures"] >= 1
        assert taker.lines == []


async def test_standard_error_can_be_lines_too() -> None:
    async with running("sh", "-c", "echo out; echo err >&2; sleep 60", stderr="lines") as (_, taker):
        await taker.until(2)
        assert sorted(taker.lines) == [b"err", b"out"]


async def test_a_command_that_is_not_there_is_said_and_tried_again(tmp_path: Path) -> None:
    program = tmp_path / "later"
    async with running(str(program)) as (command, taker):
        await until(lambda: "error" in command.state)
        assert command.state["error"] == f"{program} cannot be started: No such file or directory ({program})"
        program.write_text("#!/bin/sh\necho here\n")
        program.chmod(0o755)
        await taker.until(1)


async def test_folder_and_environment_are_those_that_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    script = "pwd; echo $COLOUR; echo ${NOTIFY_SOCKET:-none}"
    async with running("sh", "-c", script, cwd=tmp_path, env={"COLOUR": "red"}) as (_, taker):
        await taker.until(3)
        assert taker.lines[:3] == [str(tmp_path).encode(), b"red", b"none"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process as somebody else")
async def test_a_command_runs_as_another_user() -> None:
    async with running("id", "-un", user="nobody") as (_, taker):
        await taker.until(1)
        assert taker.lines[0] == b"nobody"
    async with running("id", user="nobody-at-all") as (command, _):
        await until(lambda: "error" in command.state)
        assert "there is no user 'nobody-at-all'" in command.state["error"]


async def test_a_run_that_takes_too_long_is_ended_with_all_it_started() -> None:
    async with running("sh", "-c", "sleep 600 & echo $!; wait", timeout=Seconds(0.3)) as (command, taker):
        await taker.until(1)
        child = int(taker.lines[0])
        await until(lambda: taker.inlet.counters["cmd", "timeouts"])
        await until(lambda: not is_alive(child))
        assert "'timeout'" in command.state["error"]


async def test_a_stop_ends_it_and_takes_what_it_said_at_the_end() -> None:
    script = "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.02; done"
    async with running("sh", "-c", script) as (_, taker):
        await taker.until(1)
    assert taker.lines == [b"hello", b"bye"]


async def test_a_stop_kills_what_does_not_end_and_what_it_started() -> None:
    script = "trap '' TERM; (trap '' TERM; sleep 600) & echo $$; echo $!; while :; do sleep 0.05; done"
    async with running("sh", "-c", script) as (_, taker):
        await taker.until(2)
        pids = [int(line) for line in taker.lines]
    await until(lambda: not any(map(is_alive, pids)))


async def test_what_a_command_leaves_behind_does_not_keep_it_running() -> None:
    async with running("sh", "-c", "sleep 600 & echo $!") as (command, taker):
        await taker.until(1)
        await until(lambda: not is_alive(int(taker.lines[0])))
        await until(lambda: command.state["starts"] > 1)


async def test_the_command_waits_while_nothing_is_taken() -> None:
    script = "import sys\nfor n in range(200_000):\n    print(n)\nsys.stderr.write('all written')"
    async with running(sys.executable, "-c", script, inlet_bytes=100_000, every=Seconds(600)) as (command, taker):
        taker.open.clear()
        await until(lambda: not taker.inlet.is_empty)
        await asyncio.sleep(0.3)  # nothing may happen now
        assert "exit_code" not in command.state
        assert len(taker.lines) < 200_000
        taker.open.set()
        await taker.until(200_000)
        assert taker.lines == [b"%d" % number for number in range(200_000)]
        await until(lambda: command.state.get("exit_code") == 0)


async def test_a_long_line_is_cut_and_marked() -> None:
    script = "print('x' * 200_000); print('short')"
    async with running(sys.executable, "-c", script, max_line_bytes=Bytes(1000), every=Seconds(600)) as (_, taker):
        await taker.until(2)
        assert taker.lines == [b"x" * 1000, b"short"]
        cut = [arrival.chunk.truncated for arrival in taker.arrivals if arrival.chunk.truncated]
        assert cut == [(0,)]


async def test_a_killed_command_is_started_again() -> None:
    async with running("sh", "-c", "echo $$; sleep 600") as (command, taker):
        await taker.until(1)
        os.kill(int(taker.lines[0]), signal.SIGKILL)
        await taker.until(2)
        assert command.state["exit_code"] == -signal.SIGKILL
