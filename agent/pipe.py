"""``watchbook agent pipe``: an agent for the lines of standard input, with a spool of its own.

It ends when everything is on disk at the collector.  What is not stays in its folder, and the next one of the same
name sends it.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from agent.app import Running, run_agent
from agent.config import AgentSettings
from agent.listen import Listener
from agent.listen.stdin import Stdin
from agent.profile import Definition
from agent.spool.look import look_into
from watchbook.daemon import Stop, run_daemon
from watchbook.units import Seconds

#: Exit code: something is kept for the next time (sysexits.h).
EX_TEMPFAIL: Final = 75
_SHOW_EVERY_S: Final = 0.5


class Outcome(NamedTuple):
    """How it went: an exit code, and what to say."""

    code: int
    text: str


@dataclass
class Pipe:
    """Brings standard input in.  ``drain``: how long the collector may take nothing at the end."""

    name: str
    fd: int | None
    line_bytes_max: int
    drain: Seconds
    stop: Stop
    shows_progress: bool

    def enter(self, running: Running) -> Listener:
        """See :class:`agent.app.Guest`."""
        self._running = running
        self.stdin = Stdin(self.name, running.inlet, self.fd, self.line_bytes_max)
        return self.stdin

    async def accompany(self) -> None:
        """Wait for the end of the input, then for the collector; then ask for the stop."""
        async with asyncio.TaskGroup() as tasks:
            showing = tasks.create_task(self._show())
            await self.stdin.ended.wait()
            await self._until_sent()
            showing.cancel()
        self.stop.asked.set()

    async def _until_sent(self) -> None:
        backlog = self._running.backlog
        while not backlog.is_empty:
            before = backlog.acknowledged
            try:
                async with asyncio.timeout(self.drain):
                    await backlog.wait_until_empty(lambda: False)
            except TimeoutError:
                if backlog.acknowledged == before:
                    return

    async def _show(self) -> None:
        while self.shows_progress:
            self.show("\r")
            await asyncio.sleep(_SHOW_EVERY_S)

    def show(self, begin: str) -> None:
        """Write how far it is, over what was written before."""
        shipping = self._running.shipping
        trouble = f"; {shipping.state}: {shipping.last_error}"[:100] if shipping.last_error else ""
        text = f"{self.stdin.lines:,} lines read, {shipping.events:,} events at the collector{trouble}"
        sys.stderr.write(f"{begin}{text}\x1b[K")
        sys.stderr.flush()


def run_pipe(
    settings: AgentSettings,
    profiles: Mapping[str, Definition],
    *,
    fd: int | None,
    drain: Seconds,
    shows_progress: bool,
) -> Outcome:
    """Read a file descriptor (None: only send what is kept) to its end and send it.

    Raises what the spool raises: FolderInUseError, NewerDatabaseError, sqlite3.Error.
    """
    (source,) = settings.inputs
    pipes: list[Pipe] = []

    async def main(stop: Stop) -> None:
        pipe = Pipe(source.name, fd, settings.tail.max_line_bytes, drain, stop, shows_progress)
        pipes.append(pipe)
        await run_agent(settings, profiles, stop, guest=pipe)

    code = run_daemon(main, settings.drain_timeout)
    (pipe,) = pipes
    if shows_progress:
        pipe.show("\r")
        sys.stderr.write("\n")
    return Outcome(1, "it failed; its log says why") if code else _outcome(settings, pipe)


def _outcome(settings: AgentSettings, pipe: Pipe) -> Outcome:
    view = look_into(settings.state)
    stdin, shipping = pipe.stdin, pipe._running.shipping
    said = []
    if not stdin.complete:
        said.append(f"stopped before the end of standard input, after {stdin.lines} lines")
    if view.rejected:
        said.append(f"the collector refused {view.rejected} events; they are kept in {settings.state}")
    if view.batches:
        why = f" ({shipping.last_error})" if shipping.last_error else ""
        said.append(
            f"{view.events} events are not at the collector yet{why}; they are kept in {settings.state}, and the next "
            f"'watchbook agent pipe' with the name {pipe.name!r} sends them, also with '--flush'"
        )
        return Outcome(EX_TEMPFAIL, "; ".join(said))
    return Outcome(1 if said else 0, "; ".join(said))
