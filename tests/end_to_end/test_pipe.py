"""``watchbook agent pipe`` as a real process: everything arrives once, and what cannot is kept and said."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand")
    yield made
    made.close()


def entry(number: int) -> bytes:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({"ts": now, "user": "alice@example.com", "action": "viewed", "seq": number}).encode() + b"\n"


def pipe(stand: Stand, *options: str, **keywords: Any) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "watchbook", "agent", "pipe", "--config", str(stand.agent_yaml), *options]
    keywords = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, **keywords}
    return subprocess.Popen(command, **keywords)


def finish(process: "subprocess.Popen[bytes]", timeout_s: float = 60) -> tuple[int, str]:
    """Close its input and return its exit code and what it said."""
    try:
        _, said = process.communicate(timeout=timeout_s)
    finally:
        process.kill()
    return process.returncode, (said or b"").decode()


def up(stand: Stand) -> None:
    stand.collector.start()
    stand.wait_until_up()


def test_a_hundred_thousand_lines_arrive_once_over_an_outage_of_the_collector(stand: Stand) -> None:
    up(stand)
    lines = [entry(number) for number in range(100_000)]
    process = pipe(stand, "--drain", "60s")
    assert process.stdin is not None
    process.stdin.write(b"".join(lines[:50_000]))
    process.stdin.flush()
    wait_for("the first", lambda: stand.stored_events() > 1000, 60, stand.evidence)
    stand.collector.kill()
    process.stdin.write(b"".join(lines[50_000:80_000]))
    process.stdin.flush()
    up(stand)
    process.stdin.write(b"".join(lines[80_000:]))
    code, said = finish(process, 120)
    assert (code, "lines" in said) == (0, False), said
    assert stand.stored_numbers() == dict.fromkeys(range(100_000), 1)


def test_without_a_collector_the_lines_are_kept_and_the_next_pipe_sends_them(stand: Stand) -> None:
    code, said = finish_with(pipe(stand, "--drain", "300ms", "--name", "nightly"), b"".join(map(entry, range(20))))
    assert code == 75
    assert "20 events are not at the collector yet" in said
    assert "--flush" in said
    up(stand)
    code, said = finish(pipe(stand, "--flush", "--name", "nightly", stdin=subprocess.DEVNULL))
    assert (code, said) == (0, "")
    assert stand.stored_numbers() == dict.fromkeys(range(20), 1)
    (event,) = stand.get("/v1/events?limit=1")["events"]
    assert (event["origin"]["input"], event["origin"]["profile"]) == ("nightly", "jsonl")


def test_a_pipe_works_beside_a_running_agent_and_not_beside_one_of_its_name(stand: Stand) -> None:
    up(stand)
    stand.agent.start()
    wait_for("the agent", lambda: stand.agent_status().get("running"), 30, stand.evidence)
    first = pipe(stand)
    assert first.stdin is not None
    first.stdin.write(entry(1))
    first.stdin.flush()
    wait_for("the first line", lambda: stand.stored_events() >= 1, 30, stand.evidence)
    code, said = finish_with(pipe(stand), entry(2))
    assert code == 65
    assert "is in use by another agent" in said
    assert "--name" in said
    assert finish(first) == (0, "")


def test_what_was_read_before_a_stop_is_not_lost(stand: Stand) -> None:
    up(stand)
    process = pipe(stand)
    assert process.stdin is not None
    process.stdin.write(b"".join(map(entry, range(10))))
    process.stdin.flush()
    wait_for("the lines", lambda: stand.stored_events() >= 10, 30, stand.evidence)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    process.stderr.close()
    process.stdin.close()
    assert process.returncode == 1
    assert "stopped before the end of standard input, after 10 lines" in said
    assert stand.stored_numbers() == dict.fromkeys(range(10), 1)


def test_a_killed_pipe_has_what_was_in_its_spool_sent_by_the_next(stand: Stand) -> None:
    process = pipe(stand)
    assert process.stdin is not None
    process.stdin.write(b"".join(map(entry, range(5000))))
    process.stdin.flush()
    spool = stand.folder / "agent" / "pipe-pipe" / "spool.db-wal"
    wait_for("a commit", lambda: spool.exists() and spool.stat().st_size > 100_000, 30)
    process.kill()
    finish(process)
    up(stand)
    assert finish(pipe(stand, "--flush", stdin=subprocess.DEVNULL))[0] == 0
    stored = stand.stored_numbers()
    assert stored
    assert set(stored.values()) == {1}
    assert set(stored) == set(range(len(stored)))


def test_without_a_configuration_a_file_is_sent_to_an_address(stand: Stand, tmp_path: Path) -> None:
    up(stand)
    log = tmp_path / "old.log"
    log.write_bytes(b"".join(map(entry, range(7))) + entry(7).rstrip(b"\n"))
    where = ("--url", stand.url, "--token-file", str(stand.folder / "agent.token"), "--state", str(tmp_path / "state"))
    command = [sys.executable, "-m", "watchbook", "agent", "pipe", *where]
    with log.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert stand.stored_numbers() == dict.fromkeys(range(8), 1)


def test_progress_is_shown_on_a_terminal(stand: Stand) -> None:
    up(stand)
    ours, theirs = pty.openpty()
    process = pipe(stand, stderr=theirs)
    os.close(theirs)
    process.communicate(b"".join(map(entry, range(3))), timeout=60)
    shown = b""
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.returncode == 0
    assert b"3 lines read, 3 events at the collector" in shown


def finish_with(process: "subprocess.Popen[bytes]", data: bytes) -> tuple[int, str]:
    _, said = process.communicate(data, timeout=60)
    return process.returncode, said.decode()
