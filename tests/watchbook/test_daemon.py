"""The frame of a daemon, in real processes: drain, force, failure, and word to systemd."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchbook.daemon import Stop, Turn

Start = Callable[[str], "subprocess.Popen[str]"]

PRELUDE = """
import asyncio, sys, time
from watchbook.daemon import notify_systemd, run_daemon
from watchbook.logs import configure_logs

configure_logs()

def say(word):
    print(word, flush=True)

"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a daemon given as the source of ``main`` (and the drain time), and wait until it says that it is up."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Return the exit code and what was still said, without waiting for ever."""
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_drain_that_ends_with_0(start: Start, number: signal.Signals) -> None:
    process = start("""
async def main(stop):
    say("up")
    await stop.asked.wait()
    await asyncio.sleep(0.05)
    say("drained")
sys.exit(run_daemon(main, 10))
""")
    process.send_signal(number)
    code, out, err = ended(process)
    assert (code, out) == (0, "drained\n")
    assert f'"signal": "{number.name}"' in err


def test_a_drain_that_takes_too_long_is_cut_off_with_1(start: Start) -> None:
    process = start("""
async def main(stop):
    say("up")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("cancelled")
        raise
sys.exit(run_daemon(main, 0.05))
""")
    process.terminate()
    code, out, err = ended(process)
    assert (code, out) == (1, "cancelled\n")
    assert "drain_failed" in err


def test_a_second_signal_forces(start: Start) -> None:
    process = start("""
async def main(stop):
    say("up")
    await stop.asked.wait()
    say("draining")
    await asyncio.Event().wait()
sys.exit(run_daemon(main, 3600))
""")
    process.terminate()
    assert process.stdout is not None
    assert process.stdout.readline() == "draining\n"
    process.terminate()
    code, _, err = ended(process)
    assert code == 1
    assert "stop_forced" in err


def test_a_third_signal_ends_what_does_not_heed_its_cancellation(start: Start) -> None:
    process = start("""
async def main(stop):
    say("up")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("cancelled")
sys.exit(run_daemon(main, 3600))
""")
    process.terminate()
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "cancelled\n"
    process.terminate()
    assert ended(process)[0] == 1


def test_a_further_signal_ends_a_thread_that_hangs_at_the_end(start: Start) -> None:
    process = start("""
async def main(stop):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)
    say("up")
    await stop.asked.wait()
    say("ended")
sys.exit(run_daemon(main, 3600))
""")
    process.terminate()
    assert process.stdout is not None
    assert process.stdout.readline() == "ended\n"
    process.terminate()
    code, _, err = ended(process)
    assert code == 1
    assert "stop_forced" in err


def test_a_task_that_fails_ends_the_process_with_1_and_says_why(start: Start) -> None:
    process = start("""
async def fail():
    raise RuntimeError("the disk is gone")

async def main(stop):
    say("up")
    async with asyncio.TaskGroup() as group:
        group.create_task(stop.asked.wait())
        async with asyncio.TaskGroup() as inner:
            inner.create_task(fail())
sys.exit(run_daemon(main, 10))
""")
    code, _, err = ended(process)
    assert code == 1
    assert "daemon_failed" in err
    assert "the disk is gone" in err


def test_a_time_out_of_the_programs_own_is_not_taken_for_a_drain(start: Start) -> None:
    process = start("""
async def main(stop):
    say("up")
    async with asyncio.timeout(0.01):
        await stop.asked.wait()
sys.exit(run_daemon(main, 10))
""")
    code, _, err = ended(process)
    assert code == 1
    assert "TimeoutError" in err
    assert "drain_failed" not in err


def test_a_main_that_returns_ends_with_0(start: Start) -> None:
    assert ended(start("async def main(stop): say('up')\nsys.exit(run_daemon(main, 10))"))[0] == 0


def test_waiting_ends_with_the_time_or_with_the_stop(start: Start) -> None:
    process = start("""
async def main(stop):
    say("up")
    say(await stop.wait(0.01))
    say(await stop.wait(3600))
sys.exit(run_daemon(main, 10))
""")
    assert process.stdout is not None
    assert process.stdout.readline() == "False\n"
    process.terminate()
    assert ended(process)[:2] == (0, "True\n")


def test_a_hangup_is_for_the_program_to_heed(start: Start) -> None:
    process = start("""
async def main(stop):
    say("up")
    for _ in range(2):
        await stop.hangup.wait()
        stop.hangup.clear()
        say("reloaded")
    await stop.asked.wait()
sys.exit(run_daemon(main, 10, heeds_hangup=True))
""")
    assert process.stdout is not None
    for _ in range(2):
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "reloaded\n"
    process.terminate()
    assert ended(process)[0] == 0


def test_a_hangup_ends_a_program_that_does_not_heed_it(start: Start) -> None:
    process = start("""
async def main(stop):
    say("up")
    await stop.asked.wait()
sys.exit(run_daemon(main, 10))
""")
    process.send_signal(signal.SIGHUP)
    assert ended(process)[0] == -signal.SIGHUP


async def test_a_turn_ends_by_itself_or_with_the_whole_and_gives_up_only_then() -> None:
    whole = Stop()
    turn = Turn(whole)
    turn.asked.set()
    gave_up = turn.gives_up
    assert not await turn.wait(0.01)  # it is asked for, and still there is a pause between two tries
    whole.asked.set()
    assert (gave_up, turn.gives_up) == (False, True)
    assert await turn.wait(3600)
    following = Turn(whole)
    await following.follow()
    assert following.asked.is_set()


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_when_it_asked_for_it(
    abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    name = f"watchbook-test-{tmp_path.name}-{id(start)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}" if abstract else name)
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
        process = start("""
async def main(stop):
    notify_systemd("READY=1")
    say("up")
    await stop.asked.wait()
sys.exit(run_daemon(main, 10))
""")
        assert systemd.recv(100) == b"READY=1"
        process.terminate()
        assert systemd.recv(100) == b"STOPPING=1"
        assert ended(process)[0] == 0


def test_a_systemd_that_is_gone_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    process = start("""
async def main(stop):
    notify_systemd("READY=1")
    say("up")
sys.exit(run_daemon(main, 10))
""")
    code, _, err = ended(process)
    assert code == 0
    assert "systemd could not be told 'READY=1'" in err
