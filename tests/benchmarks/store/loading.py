"""Fills a real collector over HTTP, and measures what it cost until everything was durable and indexed."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from tests.benchmarks.ingest import descendants_cpu_s
from tests.benchmarks.ingest_client import Job, Sent
from tests.stand import Stand
from watchbook import wire

_TIMEOUT_S: Final = 3600
_CONNECTIONS: Final = 8
#: A collector that uses less CPU than this in so much time has nothing to do.
_IDLE_CPU_S: Final = 0.1
_IDLE_S: Final = 2


class Loaded(NamedTuple):
    """CPU seconds of the server (its processes together) until all was stored, and until all was indexed."""

    events: int
    stored_s: float
    indexed_s: float
    stored_cpu_s: float
    indexed_cpu_s: float
    ack_p50_ms: float
    ack_p99_ms: float


class Sizes(NamedTuple):
    """Bytes an event."""

    block_bytes: float
    index_bytes: float

    @property
    def together(self) -> float:
        """Blocks and index."""
        return self.block_bytes + self.index_bytes


def start_sending(stand: Stand, bodies: Path, connections: int = _CONNECTIONS) -> "subprocess.Popen[bytes]":
    """Start a process that sends a corpus as so many agents would; its output is a :class:`Sent`."""
    token = (stand.folder / "agent.token").read_text()
    job = Job(stand.port, "/v1/batches", wire.CONTENT_TYPE, token, str(bodies), connections, streams=True)
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.ingest_client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sender.stdin is not None
    sender.stdin.write(msgspec.json.encode(job))
    sender.stdin.close()
    return sender


def end_sending(sender: "subprocess.Popen[bytes]") -> Sent:
    """Wait for a sender and return what it saw."""
    assert sender.stdout is not None
    output = sender.stdout.read()
    if sender.wait() != 0:
        raise RuntimeError("the sender failed")
    return msgspec.json.decode(output, type=Sent)


def load(stand: Stand, bodies: Path, events: int, progress: Callable[[str], None]) -> Loaded:
    """Send a corpus and wait until it is indexed."""
    began, before = time.monotonic(), server_cpu_s(stand)
    sender = start_sending(stand, bodies)
    while sender.poll() is None:
        stored = metric(stand, "watchbook_store_events")
        behind = metric(stand, "watchbook_index_behind_events")
        progress(f"storing {events:,} events: {stored / events:.0%}, {behind:,.0f} of them not indexed yet")
        time.sleep(0.5)
    sent = end_sending(sender)
    stored_s, stored_cpu = time.monotonic() - began, server_cpu_s(stand) - before
    wait_until_indexed(stand, progress)
    return Loaded(
        sent.events,
        stored_s,
        time.monotonic() - began,
        stored_cpu,
        server_cpu_s(stand) - before,
        sent.ack_p50_ms,
        sent.ack_p99_ms,
    )


def wait_until_indexed(stand: Stand, progress: Callable[[str], None]) -> None:
    """Return when the index has every stored event."""
    ends = time.monotonic() + _TIMEOUT_S
    while behind := metric(stand, "watchbook_index_behind_events"):
        progress(f"indexing: {behind:,.0f} events to go")
        if time.monotonic() > ends:
            raise RuntimeError(f"{behind:,.0f} events are still not indexed\n{stand.evidence()}")
        time.sleep(0.2)


def wait_until_settled(stand: Stand, progress: Callable[[str], None]) -> None:
    """Return when the collector has done what it does after a start: hourly counts of what was just sealed."""
    progress("waiting until the collector has nothing left to do")
    ends, before = time.monotonic() + _TIMEOUT_S, -1.0
    while (used := server_cpu_s(stand)) - before > _IDLE_CPU_S and time.monotonic() < ends:
        before = used
        time.sleep(_IDLE_S)


def server_cpu_s(stand: Stand) -> float:
    """Return the CPU seconds of the collector and of its children so far."""
    return stand.collector.cpu_s() + descendants_cpu_s(stand.collector.pid)


def metric(stand: Stand, name: str) -> float:
    """Return a metric without labels."""
    request = urllib.request.Request(f"{stand.url}/metrics", headers={"Authorization": f"Bearer {stand.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith(f"{name} ")]
    if not found:
        raise RuntimeError(f"the collector has no metric {name}")
    return float(found[0].split()[1])


def sizes(stand: Stand, events: int) -> Sizes:
    """Return the bytes of the segments; the collector must have stopped, so that no WAL is left."""
    folder = stand.folder / "collector" / "segments"
    blocks, index = (sum(path.stat().st_size for path in folder.glob(pattern)) for pattern in ("*.blk*", "*.ix*"))
    return Sizes(blocks / events, index / events)
