"""A child process as the main process holds it: started, spoken to in frames, ended."""

import asyncio
import asyncio.subprocess
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from collector.processes.frames import SIZES_BYTES, Frame, FrameError, decode_head, encode_frame, frame_sizes
from collector.processes.gathered import Snapshot
from collector.processes.parent import SETTINGS_BYTES_MAX
from collector.processes.settings import ProcessSettings

#: What is read ahead of an answer before the child has to wait.
_READ_AHEAD_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Recipe:
    """What every child is made from.

    ``settings`` are the bytes it gets first, ``module`` is what is run, with the kind and our process id.
    """

    settings: bytes
    limits: ProcessSettings
    module: str = "collector.worker"


class ChildGoneError(Exception):
    """The child died, or said something that is no frame; it is of no use any more."""


class _Streams(asyncio.subprocess.SubprocessStreamProtocol):
    """Also says when the process ends, whatever is left in the pipes: ``Process.wait`` waits for all to be read."""

    def __init__(self) -> None:
        super().__init__(limit=_READ_AHEAD_BYTES, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class Child:
    """One running child.  One coroutine at a time may receive.

    ``metrics`` are what it counted, as it said last.
    """

    def __init__(self, transport: asyncio.SubprocessTransport, streams: _Streams, body_bytes_max: int) -> None:
        assert streams.stdin is not None
        assert streams.stdout is not None
        self._transport = transport
        self._exited = streams.exited
        self._outgoing = streams.stdin
        self._incoming = streams.stdout
        self._body_bytes_max = body_bytes_max
        self.metrics: Snapshot = []

    @classmethod
    async def start(cls, kind: str, recipe: Recipe) -> "Child":
        """Start a child and send it the settings; raises OSError when no process can be started."""
        transport, streams = await asyncio.get_running_loop().subprocess_exec(
            _Streams, sys.executable, "-m", recipe.module, kind, str(os.getpid()),
            stdin=PIPE, stdout=PIPE, stderr=None, start_new_session=True,
        )  # fmt: skip
        body_bytes_max = recipe.limits.frame_bytes_max
        child = cls(transport, streams, max(body_bytes_max, SETTINGS_BYTES_MAX))
        with suppress(ChildGoneError):  # whoever waits for it to be ready notices
            await child.send({"kind": "settings", "frame_bytes_max": body_bytes_max}, recipe.settings)
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._transport.get_pid()

    async def send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame; raises ChildGoneError, or FrameError when it is too large (nothing was sent then)."""
        pieces = encode_frame(head, body, body_bytes_max=self._body_bytes_max)
        if self._outgoing.is_closing():
            raise ChildGoneError("it does not listen any more")
        try:
            self._outgoing.writelines(pieces)
            await self._outgoing.drain()
        except ConnectionError as error:
            raise ChildGoneError("it does not listen any more") from error

    async def receive(self) -> Frame:
        """Return the next frame that it sends, noting the metrics that come with it; raises ChildGoneError."""
        pipe = self._incoming
        try:
            head_bytes, body_bytes = frame_sizes(await pipe.readexactly(SIZES_BYTES), self._body_bytes_max)
            head = decode_head(await pipe.readexactly(head_bytes))
            frame = Frame(head, await pipe.readexactly(body_bytes))
        except asyncio.IncompleteReadError as error:
            raise ChildGoneError("it ended") from error
        except (FrameError, ConnectionError) as error:
            raise ChildGoneError(str(error)) from error
        self.metrics = head.get("metrics") or self.metrics
        return frame

    async def receive_ready(self) -> None:
        """Return once it says that it is ready; raises ChildGoneError."""
        frame = await self.receive()
        if frame.kind != "ready":
            raise ChildGoneError(f"its first word was {frame.kind!r}, not 'ready'")

    def hang_up(self) -> None:
        """Ask it to end, by closing its pipe."""
        self._outgoing.close()

    def kill(self) -> None:
        """Kill it with SIGKILL, if it still runs."""
        # Not the transport's kill(): it reaps a child that has just died, and asyncio then cannot tell how it ended.
        if self._transport.get_returncode() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def end(self, seconds: float) -> str:
        """Ask it to end, and kill it when it has not in time; return how it ended."""
        self.hang_up()
        try:
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        except TimeoutError:
            self.kill()
            await self._exited.wait()
        self._transport.close()
        code = self._transport.get_returncode() or 0
        return f"killed by signal {-code}" if code < 0 else f"exited with {code}"
