"""Sends every new checkpoint to every destination, for as long as it takes.

Each destination has a loop of its own, so that one that hangs holds up nobody else.  Only the newest checkpoint of a
kind is sent: it speaks for all before it.  What a destination took is remembered after it took it, so that a crash
between the two sends it once more.
"""

import asyncio
import dataclasses
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from collector.destinations.delivery import Checkpoint, DeliveryFailedError, deliver
from collector.destinations.memory import Known, Memory, changes_of, digest_of, read_memory, write_memory
from collector.destinations.settings import CheckpointSettings, DestinationSettings
from watchbook.clock import Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("destinations")

_DOUBLINGS_MAX: Final = 30
#: Appends events to the collector's own store under a key that makes the same call happen once.
Append = Callable[[Sequence[Mapping[str, Any]], str], Awaitable[None]]


@dataclass
class DestinationCounters:
    """What was done for a destination since the start.  ``failed`` counts attempts."""

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    last_error: str | None = None


@dataclass
class _Destination:
    settings: DestinationSettings
    failure: RepeatedFailure
    counters: DestinationCounters = field(default_factory=DestinationCounters)
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class CheckpointSender:
    """Sends what ``read`` (called in a thread) returns: the checkpoints there are at this moment.

    ``session`` belongs to the caller.  ``jitter`` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        settings: CheckpointSettings,
        read: Callable[[], Sequence[Checkpoint]],
        path: Path,
        memory: Memory,
        session: aiohttp.ClientSession,
        *,
        clock: Clock = now_us,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._read = read
        self._path = path
        self._memory = memory
        self._session = session
        self._clock = clock
        self._jitter = jitter
        self._writing = asyncio.Lock()
        self._stopping = False
        self._read_failure = RepeatedFailure(log.error, "checkpoint_read", clock)
        self._destinations = {
            each.name: _Destination(each, RepeatedFailure(log.warning, "checkpoint_sending", clock))
            for each in settings.send
        }

    @classmethod
    async def open(
        cls,
        settings: CheckpointSettings,
        read: Callable[[], Sequence[Checkpoint]],
        path: Path,
        session: aiohttp.ClientSession,
        *,
        clock: Clock = now_us,
        jitter: Callable[[], float] = random.random,
    ) -> "CheckpointSender":
        """Return a sender that goes on from what ``path`` remembers; raises ValueError or NewerDatabaseError."""
        memory = await asyncio.to_thread(read_memory, path)
        return cls(settings, read, path, memory, session, clock=clock, jitter=jitter)

    @property
    def counters(self) -> Mapping[str, DestinationCounters]:
        """The counters of each destination, by name."""
        return {name: destination.counters for name, destination in self._destinations.items()}

    def wake(self) -> None:
        """Look for new checkpoints now."""
        for destination in self._destinations.values():
            destination.woken.set()

    async def tell_changes(self, append: Append) -> None:
        """Write an event for each destination that came, went or changed since the collector ran last."""
        memory = self._memory
        await self._tell(append)  # what a start before this one could not tell any more
        after = {name: known(each.settings) for name, each in self._destinations.items()}
        before = memory.destinations
        events = [
            self._event(done, name, before.get(name), after.get(name)) for done, name in changes_of(before, after)
        ]
        if not events:
            return
        memory.untold, memory.key = events, f"destinations-{uuid.uuid4().hex}"
        memory.destinations = after
        memory.sent = {name: sent for name, sent in memory.sent.items() if name in after}
        await self._write()
        await self._tell(append)

    async def _tell(self, append: Append) -> None:
        if self._memory.untold:
            await append(self._memory.untold, self._memory.key)
            self._memory.untold = []
            await self._write()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until asked to stop."""
        async with asyncio.TaskGroup() as tasks:
            for destination in self._destinations.values():
                tasks.create_task(self._work(destination))
            await stop.wait()
            self._stopping = True
            self.wake()

    async def _work(self, destination: _Destination) -> None:
        failures = 0
        while not self._stopping:
            destination.woken.clear()
            failed = await self._send_new(destination)
            failures = failures + 1 if failed else 0
            if not self._stopping:
                await self._sleep(destination, self.pause_s(failures) if failed else None)

    async def _send_new(self, destination: _Destination) -> bool:
        """Send what is new; return whether something failed."""
        try:
            checkpoints = await asyncio.to_thread(self._read)
        except (OSError, ValueError) as error:
            self._read_failure.failed(str(error))
            return True
        self._read_failure.succeeded()
        name, counters = destination.settings.name, destination.counters
        new = [each for each in checkpoints if not self._memory.has(name, each.kind, digest_of(each.text))]
        counters.waiting = len(new)
        for checkpoint in new:
            try:
                await deliver(checkpoint, destination.settings, self._session, self._clock)
            except DeliveryFailedError as error:
                counters.failed += 1
                counters.last_error = str(error)
                destination.failure.failed(str(error), destination=name, kind=checkpoint.kind)
                return True
            destination.failure.succeeded(destination=name)
            counters.sent += 1
            counters.waiting -= 1
            counters.last_error = None
            self._memory.sent.setdefault(name, {})[checkpoint.kind] = digest_of(checkpoint.text)
            await self._remember()
        return False

    async def _sleep(self, destination: _Destination, pause_s: float | None) -> None:
        """Wait for the bell; after a failure for the pause, whatever rings meanwhile."""
        if pause_s is None:
            await destination.woken.wait()
            return
        ends = asyncio.get_running_loop().time() + pause_s
        while not self._stopping and (left := ends - asyncio.get_running_loop().time()) > 0:
            destination.woken.clear()
            try:
                async with asyncio.timeout(left):
                    await destination.woken.wait()
            except TimeoutError:
                return

    def pause_s(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row: exponential, between half and the whole."""
        grown = self._settings.retry_first * 2.0 ** min(failures - 1, _DOUBLINGS_MAX)
        return min(grown, self._settings.retry_max) * (0.5 + 0.5 * self._jitter())

    async def _write(self) -> None:
        async with self._writing:
            await asyncio.to_thread(write_memory, self._path, self._memory.encoded())

    async def _remember(self) -> None:
        try:
            await self._write()
        except OSError as error:
            # What was sent is sent once more after a restart; that is all that is lost.
            log.warning("destinations_not_remembered", error=str(error), path=str(self._path))

    def _event(self, action: str, name: str, before: Known | None, after: Known | None) -> dict[str, Any]:
        change: dict[str, Any] = {"field": "destination"}
        change |= {"old": before.shown} if before is not None else {}
        change |= {"new": after.shown} if after is not None else {}
        return {
            "time": self._clock(),
            "actor.type": "system",
            "actor.id": "watchbook-collector",
            "action": action,
            "event_type": f"Checkpoint destination {action}d",
            "category": "configuration",
            "resource.type": "streaming_destination",
            "resource.id": name,
            "outcome": "success",
            "changes": [change],
            "message": f"Checkpoint destination {name} {action}d",
        }


def known(settings: DestinationSettings) -> Known:
    """Return a destination as it is remembered; what is shown has no credentials and no query in it."""
    return Known(digest_of(repr(dataclasses.astuple(settings))), shown(settings))


def shown(settings: DestinationSettings) -> str:
    """Return words for a destination."""
    if settings.webhook is not None:
        parts = urlsplit(settings.webhook.url)
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        return f"webhook {parts.scheme}://{host}{parts.path}"
    if settings.file is not None:
        return f"file {settings.file.path} ({settings.file.mode})"
    return f"syslog {settings.syslog.address}" if settings.syslog is not None else "nothing"
