"""Standard input (or any open file), read to its end."""

import asyncio
import os
import select
from collections.abc import Mapping
from typing import Any, Final

from agent.listen.inlet import Arrival, Inlet
from agent.listen.lines import LineReader, Lines
from agent.records import Chunk

_READ_BYTES: Final = 256 << 10


class Stdin:
    """The listener of a file descriptor; None has nothing to say.

    ``ended`` is set when everything that was read is in the spool; ``complete`` says whether that was all there is.
    """

    def __init__(self, name: str, inlet: Inlet, fd: int | None, line_bytes_max: int) -> None:
        self._name = name
        self._inlet = inlet
        self._fd = fd
        self._reader = LineReader(line_bytes_max)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self.ended = asyncio.Event()
        self.complete = fd is None
        self.lines = 0
        self.bytes = 0

    @property
    def state(self) -> Mapping[str, Any]:
        """See :class:`agent.listen.listener.Listener`."""
        return {"read_lines": self.lines, "read_bytes": self.bytes, "complete": self.complete}

    async def run(self) -> None:
        """Read to the end, or to the stop; a pipe that is not read makes its writer wait."""
        try:
            while not self.complete:
                # In a thread, for files and terminals of every kind can be read like that.
                data = await asyncio.to_thread(_read, self._fd, self._wake_read)
                if data is None:
                    rest = self._reader.end().lines
                    await self._put(Lines(rest, tuple(range(len(rest)))))  # it was cut in the middle
                    break
                self.bytes += len(data)
                self.complete = not data
                await self._put(self._reader.feed(data) if data else self._reader.end())
            await self._inlet.deliver(Arrival(Chunk(self._name, "", [], [])))
            self.ended.set()
        finally:
            os.close(self._wake_read)
            os.close(self._wake_write)

    def stop(self) -> None:
        """Stop reading."""
        if not self.ended.is_set():
            os.write(self._wake_write, b"!")

    async def _put(self, lines: Lines) -> None:
        if lines.lines:
            self.lines += len(lines.lines)
            chunk = Chunk(self._name, "", lines.lines, [None] * len(lines.lines), lines.truncated)
            await self._inlet.put(Arrival(chunk))


def _read(fd: int | None, wake: int) -> bytes | None:
    """Return what can be read, b"" at the end; None when ``wake`` can be read."""
    assert fd is not None
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    poll.register(fd, select.POLLIN)
    ready = {number for number, _ in poll.poll()}
    return None if wake in ready else os.read(fd, _READ_BYTES)
