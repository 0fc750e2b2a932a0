"""Reads of the log become events of the log: joins the face, which notes them, and the store."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter

from collector.web import Read, ReadSettings
from watchbook.clock import Clock, now_us
from watchbook.daemon import Stop
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("reads")

#: Stores events once for a key; returns why that cannot be done now, None when it is done.
Tell = Callable[[Sequence[Mapping[str, Any]], str], Awaitable[str | None]]
_BATCH_MAX: Final = 512


class ReadJournal:
    """Keeps reads until they are stored.  Belongs to the event loop.

    A read is answered before its event is on disk; those of the last ``every`` are lost when the process is killed.
    """

    def __init__(self, settings: ReadSettings, registry: CollectorRegistry, clock: Clock = now_us) -> None:
        self._settings = settings
        self._clock = clock
        self._waiting: deque[dict[str, Any]] = deque()
        self._stored = 0
        self._failure = RepeatedFailure(log.error, "reads_stored", clock)
        self._noted = Counter("watchbook_reads_noted", "Reads of the log that become events.", registry=registry)
        self._dropped = Counter(
            "watchbook_reads_dropped",
            "Reads of the log that were answered and not noted, because too many waited for the store.",
            registry=registry,
        )

    def note(self, read: Read) -> None:
        """Take in one read; beyond ``waiting_max`` it is dropped and counted."""
        if len(self._waiting) >= self._settings.waiting_max:
            self._dropped.inc()
            return
        self._noted.inc()
        self._waiting.append(event_of(read, self._clock()))

    async def run(self, stop: Stop, tell: Tell) -> None:
        """Store what was noted, again and again, until the stop; then once more."""
        began = self._clock()
        while not await stop.wait(self._settings.every):
            await self._store(tell, began)
        await self._store(tell, began)

    async def _store(self, tell: Tell, began: int) -> None:
        while self._waiting:
            events = [self._waiting[index] for index in range(min(_BATCH_MAX, len(self._waiting)))]
            problem = await tell(events, f"reads-{began}-{self._stored}")
            if problem is not None:
                self._failure.failed(problem, next_step="they are stored when the store takes them")
                return
            self._failure.succeeded()
            self._stored += len(events)
            for _ in events:
                self._waiting.popleft()


def event_of(read: Read, time: int) -> dict[str, Any]:
    """Return the event of a read, in flat form."""
    event: dict[str, Any] = {
        "time": time,
        "actor.type": "user",
        "actor.id": read.caller,
        "action": "export" if read.event_type == "events exported" else "read",
        "event_type": read.event_type,
        "category": "meta",
        "resource.type": "event" if read.event_id is not None else "activity_log",
        "resource.id": read.event_id or read.route,
        "module": "collector",
        "outcome": "success",
        "details": {"query": {name: list(values) for name, values in read.query.items()}},
        "source.ip": read.address,
        "source.user_agent": read.user_agent,
    }
    if read.results is not None:
        event["measures"] = {"items": read.results}
    return {name: value for name, value in event.items() if value is not None}
