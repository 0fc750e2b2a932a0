"""A sender of prepared request bodies, as a process of its own: several connections, one request in flight on each.

``python -m tests.benchmarks.ingest_client`` reads a :class:`Job` as JSON from its input and writes a :class:`Sent` as
JSON to its output.  The bodies' file is a row of records: two little-endian 32-bit numbers (events, bytes), then the
bytes of the body.  Connection *i* of *c* sends the bodies *i*, *i + c*, *i + 2c* …, as a stream of its own where the
job says so.
"""

import asyncio
import struct
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from watchbook import wire

_RECORD = struct.Struct("<II")
_RETRY_S = 0.05
_RETRIES_MAX = 2000


class Job(msgspec.Struct):
    """What to send, and where.  ``streams``: as batches of agents' streams, else as plain posts."""

    port: int
    path: str
    content_type: str
    token: str
    bodies: str
    connections: int
    streams: bool


class Sent(msgspec.Struct):
    """What came of it: events answered with 200, seconds from the first byte to the last answer, times of answers."""

    events: int
    seconds: float
    ack_p50_ms: float
    ack_p99_ms: float
    retries: int


def write_bodies(path: Path, bodies: Iterable[tuple[int, bytes]]) -> None:
    """Write (events, body) records for :func:`read_bodies`."""
    with path.open("wb") as file:
        for n, body in bodies:
            file.write(_RECORD.pack(n, len(body)) + body)


def read_bodies(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (events, body) of each record."""
    with path.open("rb") as file:
        while head := file.read(_RECORD.size):
            n, size = _RECORD.unpack(head)
            yield n, file.read(size)


class _Sender:
    def __init__(self, job: Job) -> None:
        self._job = job
        self.acks: list[float] = []
        self.retries = 0
        self.events = 0

    async def send(self, bodies: Sequence[tuple[int, bytes]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._job.port, limit=1 << 20)
        try:
            stream = uuid.uuid4().hex
            for sequence, (n, body) in enumerate(bodies, 1):
                await self._send_one(reader, writer, self._head(stream, sequence, len(body)) + body)
                self.events += n
        finally:
            writer.close()

    def _head(self, stream: str, sequence: int, size: int) -> bytes:
        job = self._job
        named = f"{wire.STREAM_HEADER}: {stream}\r\n{wire.SEQUENCE_HEADER}: {sequence}\r\n" if job.streams else ""
        return (
            f"POST {job.path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\nAuthorization: Bearer {job.token}\r\n"
            f"Content-Type: {job.content_type}\r\nContent-Length: {size}\r\n{named}\r\n"
        ).encode()

    async def _send_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        for _ in range(_RETRIES_MAX):
            began = time.perf_counter()
            writer.write(request)
            await writer.drain()
            status, answer = await _answer(reader)
            if status == 200:
                self.acks.append(time.perf_counter() - began)
                return
            if status != 503:
                raise RuntimeError(f"the collector answered {status}: {answer[:500]!r}")
            self.retries += 1
            await asyncio.sleep(_RETRY_S)
        raise RuntimeError(f"the collector answered 503 {_RETRIES_MAX} times: {answer[:500]!r}")


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    size = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    return int(lines[0].split()[1]), await reader.readexactly(size)


async def _run(job: Job) -> Sent:
    bodies = list(read_bodies(Path(job.bodies)))
    sender = _Sender(job)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for connection in range(job.connections):
            tasks.create_task(sender.send(bodies[connection :: job.connections]))
    seconds = time.perf_counter() - began
    acks = sorted(sender.acks)
    p50, p99 = (acks[min(len(acks) - 1, int(len(acks) * part))] * 1000 for part in (0.5, 0.99))
    return Sent(sender.events, seconds, p50, p99, sender.retries)


def main() -> None:
    """Do the job that stands on the input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_run(job))))


if __name__ == "__main__":
    main()
