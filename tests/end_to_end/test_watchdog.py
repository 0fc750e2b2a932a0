"""What systemd hears of the real programs: while they work, while they wait on purpose, and while they hang."""

import json
import os
import resource
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.stand import Stand

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(90)]

LIMIT_S = 1.0
MakeStand = Callable[..., Stand]


class Systemd:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(20)

    def hear(self) -> str:
        return self._socket.recv(65536).decode()

    def hear_until(self, word: str) -> list[str]:
        """Return what is heard up to the first word of a kind, that one last."""
        heard = [self.hear()]
        while word not in heard[-1]:
            heard.append(self.hear())
        return heard

    def pings(self, count: int) -> None:
        """Return when it has been heard so often that all is well."""
        for _ in range(count):
            self.hear_until("WATCHDOG=1")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    made = Systemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(LIMIT_S * 1e6)))
    yield made
    made.close()


@pytest.fixture
def make_stand(tmp_path: Path) -> Iterator[MakeStand]:
    made: list[Stand] = []

    def make(**options: Any) -> Stand:
        made.append(Stand(tmp_path / "stand", **options))
        return made[-1]

    yield make
    for stand in made:
        stand.close()


def write(stand: Stand, count: int = 1) -> None:
    """Write events that do not compress."""
    with (stand.logs / "app.log").open("a") as log:
        for _ in range(count):
            entry = {"ts": "2026-11-21T10:00:00Z", "user": "alice", "action": "viewed", "nonce": os.urandom(32).hex()}
            log.write(json.dumps(entry) + "\n")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a database, so that whoever wants to write there waits, as for a disk that does not answer."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def silence(systemd: Systemd) -> str:
    """Return the status with which the silence began, after it has lasted for longer than systemd would wait."""
    stuck = systemd.hear_until("STATUS=stuck")[-1]
    ends = time.monotonic() + 2 * LIMIT_S
    systemd._socket.settimeout(0.2)
    while time.monotonic() < ends:
        try:
            said = systemd.hear()
        except TimeoutError:
            continue
        assert "WATCHDOG=1" not in said
    systemd._socket.settimeout(20)
    return stuck


def test_a_commit_of_the_agent_that_hangs_silences_it_until_it_goes_on(make_stand: MakeStand, systemd: Systemd) -> None:
    stand = make_stand()
    stand.agent.start()
    assert systemd.hear_until("READY=1")
    systemd.pings(2)
    with held(stand.folder / "agent" / "spool.db"):
        write(stand)
        stuck = silence(systemd)
        assert "pump" in stuck
        assert "spool worker" in stuck
    systemd.pings(2)
    assert stand.agent.stop() == 0
    systemd.hear_until("STOPPING=1")


def test_an_agent_whose_collector_is_away_and_whose_spool_is_full_goes_on(
    make_stand: MakeStand, systemd: Systemd
) -> None:
    stand = make_stand(agent_extra="spool: {bytes_max: 1KiB}\n")
    stand.agent.start()
    write(stand, 20_000)
    assert "retrying" in systemd.hear_until("reading is paused: the spool is full")[-1]
    systemd.pings(int(8 * LIMIT_S))


def test_an_agent_whose_disk_is_full_goes_on_trying(make_stand: MakeStand, systemd: Systemd) -> None:
    stand = make_stand()
    stand.agent.start()
    systemd.hear_until("READY=1")
    room = 256 << 10  # enough for what the agent logs, too little for the spool
    resource.prlimit(stand.agent.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    write(stand, 20_000)
    systemd.hear_until("reading is paused: the spool cannot be written")
    systemd.pings(int(8 * LIMIT_S))
    resource.prlimit(stand.agent.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    while "reading is paused" in systemd.hear_until("STATUS=")[-1]:
        pass


def test_a_writer_of_the_collector_that_hangs_silences_it_until_it_goes_on(
    make_stand: MakeStand, systemd: Systemd
) -> None:
    stand = make_stand()
    stand.collector.start()
    assert "0 events stored" in systemd.hear_until("STATUS=")[-1]
    systemd.pings(2)
    stand.wait_until_up()
    (segment,) = stand.segments.glob("*.blk")
    with held(segment), pytest.MonkeyPatch.context() as patch:
        patch.delenv("NOTIFY_SOCKET")
        stand.agent.start()
        write(stand)
        assert "writer" in silence(systemd)
    assert "WATCHDOG=1" in systemd.hear_until("STATUS=1 events stored")[-1]
    assert stand.collector.stop() == 0
    systemd.hear_until("STOPPING=1")
