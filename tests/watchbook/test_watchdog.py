"""The watchdog: who is asked, what counts as going on, and what systemd hears."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from watchbook.daemon import notify_ready, notify_reloading
from watchbook.watchdog import Answers, Steps, run_watchdog, watchdog_s


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield made


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 30.0),
        ("500000", str(os.getpid()), 0.5),
        ("500000", "1", None),
        ("0", None, None),
        ("", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_asked_for_by_the_environment_of_this_very_process(
    usec: str | None, pid: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert watchdog_s() == expected


def test_steps_are_timed_until_the_next_one_or_a_rest() -> None:
    steps = Steps()
    assert steps.busy_s() == 0
    steps.begin()
    first = steps.busy_s()
    while steps.busy_s() <= first:
        pass
    steps.rest()
    assert steps.busy_s() == 0


def test_an_executor_that_hangs_leaves_its_question_unanswered() -> None:
    go_on, hangs = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        go_on.wait()

    with ThreadPoolExecutor(1) as executor:
        answers = Answers(executor)
        executor.submit(hang)
        hangs.wait()
        times = [answers.busy_s() for _ in range(100)]
        assert times == sorted(times)  # one question, and it grows old
        oldest = times[-1]
        go_on.set()
        executor.submit(int).result()
        asked_anew = answers.busy_s()
        assert asked_anew < oldest or oldest == 0


async def heard(systemd: socket.socket) -> str:
    return (await asyncio.to_thread(systemd.recv, 4096)).decode()


async def test_systemd_hears_nothing_while_a_part_is_stuck(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    busy = {"pump": 0.0}
    text = "one line\nof two"
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run_watchdog({"pump": lambda: busy["pump"]}, lambda: text))
        assert await heard(systemd) == "WATCHDOG=1\nSTATUS=one line of two"
        assert [await heard(systemd) for _ in range(3)] == ["WATCHDOG=1"] * 3  # what was said is not said again
        busy["pump"] = 0.021
        while (said := await heard(systemd)) == "WATCHDOG=1":
            pass
        assert said == "STATUS=stuck: pump; one line of two"
        text = "still here"
        assert await heard(systemd) == "STATUS=stuck: pump; still here"
        busy["pump"] = 0.019
        assert await heard(systemd) == "WATCHDOG=1\nSTATUS=still here"
        task.cancel()


async def test_without_a_watchdog_only_the_status_is_told(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run_watchdog({"pump": lambda: 3600.0}, lambda: "fine"))
        assert await heard(systemd) == "STATUS=fine"
        task.cancel()


async def test_without_systemd_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    await run_watchdog({"pump": lambda: 1 / 0}, lambda: "")


def test_a_reload_has_a_beginning_and_an_end(systemd: socket.socket) -> None:
    notify_reloading()
    state, time = systemd.recv(4096).decode().split("\n")
    assert state == "RELOADING=1"
    assert time.removeprefix("MONOTONIC_USEC=").isdecimal()
    notify_ready()
    assert systemd.recv(4096) == b"READY=1"


def test_a_loop_that_hangs_says_nothing_and_shows_where_when_it_is_aborted(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    code = """
import asyncio, time
from watchbook.daemon import run_daemon
from watchbook.watchdog import run_watchdog

def hang_in_the_loop():
    time.sleep(3600)

async def main(stop):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_watchdog({}, lambda: "fine"))
        await asyncio.sleep(0.1)
        hang_in_the_loop()
run_daemon(main, 10)
"""
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as process:
        try:
            systemd.recv(4096)
            systemd.settimeout(2)
            with suppress(TimeoutError):
                while systemd.recv(4096):
                    assert process.poll() is None
        finally:
            process.send_signal(signal.SIGABRT)  # what systemd sends
        _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGABRT
    assert "hang_in_the_loop" in err
