"""A collector's stand-in, as a process of its own: it acknowledges every batch and does nothing else.

So what is measured against it is the agent alone.  ``python -m tests.benchmarks.sink --port 8420``; ``--keep FILE``
writes down every batch with the moment of its acknowledgement, for :func:`read_kept`; ``--forward PORT`` passes the
requests on to a real collector and acknowledges when that one has: the moment is the collector's commit then.
``GET /count`` answers how many events have been acknowledged.
"""

import argparse
import asyncio
import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import zstandard

from watchbook.clock import now_us

_RECORD = struct.Struct("<QI")
_HEAD_BYTES = 64


class Sink:
    """Counts the events of the batches that come in."""

    def __init__(self, keep: BinaryIO | None, forward: int | None) -> None:
        self._keep = keep
        self._forward = forward
        self._events = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        upstream = None if self._forward is None else await asyncio.open_connection("127.0.0.1", self._forward)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(_content_length(head))
                if head.startswith(b"GET /count"):
                    answer = _answer(b'{"events":%d}' % self._events)
                elif upstream is None:
                    answer = _answer(b'{"duplicate":false,"sequence":1,"events":1,"enrolled":false}')
                else:
                    answer = await _ask(*upstream, head + body)
                if head.startswith(b"POST /v1/batches") and answer.startswith(b"HTTP/1.1 200"):
                    self._acknowledged(body)
                writer.write(answer)
                await writer.drain()
        writer.close()
        if upstream is not None:
            upstream[1].close()

    def _acknowledged(self, body: bytes) -> None:
        if self._keep is not None:
            self._keep.write(_RECORD.pack(now_us(), len(body)) + body)
            self._keep.flush()
        self._events += events_of(body)


def events_of(body: bytes) -> int:
    """Return how many events a batch says that it holds, without unpacking more than its beginning."""
    with zstandard.ZstdDecompressor().stream_reader(body) as stream:
        head = stream.read(_HEAD_BYTES)
    return int(head.partition(b'"n":')[2].partition(b",")[0])


def read_kept(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (microseconds since the epoch, batch) of each acknowledgement."""
    with path.open("rb") as file:
        while head := file.read(_RECORD.size):
            moment, size = _RECORD.unpack(head)
            yield moment, file.read(size)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(_content_length(head))


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--forward", type=int)
    arguments = parser.parse_args()
    keep = None if arguments.keep is None else arguments.keep.open("wb")
    server = await asyncio.start_server(Sink(keep, arguments.forward).serve, "127.0.0.1", arguments.port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
