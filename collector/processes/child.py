"""A child process as the main process holds it: started, spoken to in frames, ended."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
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


class Child:
    """One running child.  One coroutine at a time may receive.

    ``metrics`` are what it counted, as it said last.
    """

    def __init__(self, process: Process, body_bytes_max: int) -> None:
        self._process = process
        self._body_bytes_max = body_bytes_max
        self.metrics: Snapshot = []

    @classmethod
    async def start(cls, kind: str, recipe: Recipe) -> "Child":
        """Start a child and send it the settings; raises OSError when no process can be started."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", recipe.module, kind, str(os.getpid()),
            stdin=PIPE, stdout=PIPE, limit=_READ_AHEAD_BYTES, start_new_session=True,
        )  # fmt: skip
        body_bytes_max = recipe.limits.frame_bytes_max
        child = cls(process, max(body_bytes_max, SETTINGS_BYTES_MAX))
        with suppress(ChildGoneError):  # whoever waits for it to be ready notices
            await child.send({"kind": "settings", "frame_bytes_max": body_bytes_max}, recipe.settings)
        return child

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a frame; raises ChildGoneError, or FrameError when it is too large (nothing was sent then)."""
        pieces = encode_frame(head, body, body_bytes_max=self._body_bytes_max)
        pipe = self._pipe()
        if pipe.is_closing():
            raise ChildGoneError("it does not listen any more")
        try:
            pipe.writelines(pieces)
            await pipe.drain()
        except ConnectionError as error:
            raise ChildGoneError("it does not listen any more") from error

    async def receive(self) -> Frame:
        """Return the next frame that it sends, noting the metrics that come with it; raises ChildGoneError."""
        pipe = self._process.stdout
        assert pipe is not None
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
        self._pipe().close()

    def kill(self) -> None:
        """Kill it with SIGKILL, if it still runs."""
        # Not Process.kill(): it reaps a child that has just died, and asyncio then cannot tell how it ended.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def end(self, seconds: float) -> str:
        """Ask it to end, and kill it when it has not in time; return how it ended."""
        self.hang_up()
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            self.kill()
        code = await self._process.wait()
        return f"killed by signal {-code}" if code < 0 else f"exited with {code}"

    def _pipe(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None
        return self._process.stdin
