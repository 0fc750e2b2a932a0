"""A process whose output is read, in a group of its own: it and what it starts are ended together.

Whoever takes the lines sets the pace: while nobody does, the pipe fills and the process waits.
"""

import asyncio
import contextlib
import grp
import os
import pwd
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent.listen.lines import LineReader, Lines

_READ_BYTES: Final = 64 << 10
#: How long what the process started may keep its pipes open when it has ended itself.
_LINGER_S: Final = 1.0
#: What systemd gives to the agent alone.
_OURS: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")

Take = Callable[[Lines], Awaitable[None]]


class Spec(NamedTuple):
    """How a process is started and ended; times in seconds."""

    argv: Sequence[str]
    line_bytes_max: int
    stop_timeout: float
    cwd: Path | None = None
    env: Mapping[str, str] = {}
    user: str | None = None


class Child:
    """One run of a process.  ``take`` gets its output, ``hear`` its standard error, whole lines each."""

    def __init__(self, spec: Spec, take: Take, hear: Take) -> None:
        self._spec = spec
        self._take = take
        self._hear = hear
        self.pid: int | None = None

    async def run(self, stopping: asyncio.Event, timeout_s: float | None = None) -> tuple[int, bool]:
        """Run until it ends and everything that it wrote is taken; return its exit code and whether time was up.

        It is ended when ``stopping`` is set or the time is up.  Raises OSError, or LookupError for a user that is
        not there, when it cannot be started.
        """
        transport, protocol = await self._start()
        self.pid = transport.get_pid()
        assert protocol.stdout is not None
        assert protocol.stderr is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                readers = {
                    tasks.create_task(self._read(protocol.stdout, self._take)),
                    tasks.create_task(self._read(protocol.stderr, self._hear)),
                }
                exited = tasks.create_task(protocol.exited.wait())
                timed_out = await self._until_ended(exited, stopping, timeout_s)
                await self._until_read(readers, stopping)
        finally:
            transport.close()
            self.pid = None
        code = transport.get_returncode()
        assert code is not None
        return code, timed_out

    async def _start(self) -> "tuple[asyncio.SubprocessTransport, _Protocol]":
        spec, loop = self._spec, asyncio.get_running_loop()
        environment = {name: value for name, value in os.environ.items() if name not in _OURS}
        pipe = asyncio.subprocess.PIPE
        return await loop.subprocess_exec(
            lambda: _Protocol(limit=_READ_BYTES, loop=loop),
            *spec.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            cwd=spec.cwd,
            env={**environment, **spec.env},
            start_new_session=True,
            **(await asyncio.to_thread(_identity, spec.user) if spec.user else {}),
        )

    async def _until_ended(self, exited: asyncio.Task[Any], stopping: asyncio.Event, timeout_s: float | None) -> bool:
        stopped = asyncio.get_running_loop().create_task(stopping.wait())
        try:
            await asyncio.wait({exited, stopped}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            timed_out = not exited.done() and not stopped.done()
            if not exited.done():
                self._signal(signal.SIGTERM)
                await asyncio.wait({exited}, timeout=self._spec.stop_timeout)
            if not exited.done():
                self._signal(signal.SIGKILL)
            await exited
        finally:
            stopped.cancel()
        return timed_out

    async def _until_read(self, readers: "set[asyncio.Task[None]]", stopping: asyncio.Event) -> None:
        """Wait for the end of the output; what the process left behind is killed, so that there is one."""
        _, waiting = await asyncio.wait(readers, timeout=_LINGER_S)
        if not waiting:
            return
        self._signal(signal.SIGKILL)
        while waiting:
            _, waiting = await asyncio.wait(waiting, timeout=_LINGER_S)
            if waiting and stopping.is_set():
                break  # something that left the group holds the pipe
        for task in waiting:
            task.cancel()

    async def _read(self, stream: asyncio.StreamReader, take: Take) -> None:
        reader = LineReader(self._spec.line_bytes_max)
        while data := await stream.read(_READ_BYTES):
            lines = reader.feed(data)
            if lines.lines:
                await take(lines)
        rest = reader.end()
        if rest.lines:
            await take(rest)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Says that the process itself has ended; asyncio's ``wait()`` waits for the ends of its pipes too."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=limit, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


def _identity(name: str) -> dict[str, Any]:
    """Return the arguments that start a process as a user with all of its groups; raises LookupError."""
    try:
        user = pwd.getpwnam(name)
    except KeyError as error:
        raise LookupError(f"there is no user {name!r}") from error
    groups = [each.gr_gid for each in grp.getgrall() if name in each.gr_mem]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}
