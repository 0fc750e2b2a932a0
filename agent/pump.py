"""Moves lines from the inputs into the spool: read, normalise, gather, commit, and only then read on for good.

Positions move in the transaction of the batch that holds the lines, so whatever was read and not committed is read
again after a crash.  One commit is under way while the next group is read.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, NamedTuple, Protocol

from agent.accounting import account_of
from agent.batch import Builder, Origin
from agent.listen import Inlet
from agent.records import Chunk, Normalised, Normaliser
from agent.routing import Chosen
from agent.select import DROPPED_BY, KEPT_BY, Selection
from agent.spool import Backlog, Group, Mark, Spool, SpoolError, StoredBatch, is_damage
from agent.tail import Tailer, TailSettings, Waker
from watchbook.clock import Clock
from watchbook.daemon import Stop
from watchbook.logs import RepeatedFailure, get_logger
from watchbook.watchdog import Steps

log = get_logger("pump")
_RETRY_S = 1.0


class Route(NamedTuple):
    """What becomes of an input's lines; ``select``: its rules for dropping events, None when there are none.

    ``choose``: finds the route of some lines, where the input does not say which profile they are of.
    """

    normalise: Normaliser
    origin: Origin
    select: Selection | None = None
    choose: "RouteChooser | None" = None


class RouteChooser(Protocol):
    """Finds routes; ``choices`` says which profiles it found for which file."""

    @property
    def choices(self) -> Mapping[str, Chosen]:
        """What was chosen, by file."""
        ...

    def look(self, file: str) -> Chosen:
        """Return what would be chosen for a file as it is now."""
        ...

    def __call__(self, chunk: Chunk) -> Route:
        """Return the route of some lines."""
        ...


class _UnderWay(NamedTuple):
    """A commit on its way: its outcome, how it is tried again, and who waits to be told that it is through."""

    outcome: asyncio.Future[list[StoredBatch]]
    commit: Callable[[], list[StoredBatch]]
    told: list[asyncio.Future[None]]


class Pump:
    """Reads until it is asked to stop.

    ``paused`` says why nothing is being read, None when something is.  ``steps`` go on also while it is paused.
    """

    def __init__(
        self,
        *,
        tailer: Tailer,
        waker: Waker,
        inlet: Inlet,
        routes: Mapping[str, Route],
        builder: Builder,
        spool: Spool,
        backlog: Backlog,
        worker: Executor,
        tail: TailSettings,
        spool_bytes_max: int,
        clock: Clock,
    ) -> None:
        self._tailer = tailer
        self._waker = waker
        self._inlet = inlet
        self._routes = routes
        self._builder = builder
        self._spool = spool
        self._backlog = backlog
        self._worker = worker
        self._tail = tail
        self._spool_bytes_max = spool_bytes_max
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._counters: Counter[tuple[str, str]] = Counter()
        self._under_way: _UnderWay | None = None
        self._marks: dict[str, bytes] = {}
        self._told: list[asyncio.Future[None]] = []
        self._dropped: Mark | None = None
        self._looked = -1e9
        self._look_cost = 0.0
        self._failure = RepeatedFailure(log.error, "spool_commit", clock)
        self._own_events: list[Mapping[str, Any]] = []
        self.paused: str | None = None
        self.steps = Steps()

    def choices(self) -> dict[str, dict[str, Any]]:
        """Return, by input and file, which profiles were found for it and why, where the input does not name them."""
        return {
            name: {file: chosen._asdict() for file, chosen in route.choose.choices.items()}
            for name, route in self._routes.items()
            if route.choose is not None
        }

    def add_event(self, event: Mapping[str, Any]) -> None:
        """Send one event of the agent's own (flat form) with the next group."""
        self._own_events.append(event)
        self._waker.wake()

    async def run(self, stop: Stop) -> None:
        """Read, first what is there, then whatever comes, until the stop; then commit what is in hand."""
        # What is there at the first start is noted before anything is read, so that it is known after a crash.
        await self._look()
        await self._flush(stop)
        await self._turn(stop)
        read = self._loop.time()
        while not stop.asked.is_set():
            self.steps.rest()
            if hinted := await self._waker.wait():
                # The first line after a pause is read at once; those that follow are gathered for a tick.
                await stop.wait(read + self._tail.tick - self._loop.time())
            read = self._loop.time()
            await self._turn(stop, hinted=hinted)
            if self._tailer.needs_look:  # a file was not what it had been: find its content at once
                await self._turn(stop)
        await self._settle(stop)

    async def _turn(self, stop: Stop, *, hinted: bool = True) -> None:
        self.steps.begin()
        if self._is_time_to_look(hinted):
            await self._look()
        await self._wait_for_room(stop)
        for chunk in self._tailer.read(self._waker.take_paths()):
            self._take_in(chunk)
            self._take_arrivals()
            if self._builder.is_full:
                await self._flush(stop)
                await self._wait_for_room(stop)
            if stop.asked.is_set():
                break
            if self._is_look_due():
                # Files are rotated and removed while a backlog is read; what is held open cannot be lost.
                await self._look()
        await self._take_all_arrivals(stop)
        self._take_own_events()
        if self._has_something_to_commit:
            await self._flush(stop)
        await self._settle(stop)

    @property
    def _has_something_to_commit(self) -> bool:
        moved = self._tailer.has_changes or self._backlog.acknowledged != self._dropped
        return bool(self._builder.n or moved or self._marks or self._told or self._inlet.counters)

    async def finish(self, stop: Stop) -> None:
        """After the stop: commit what has been received since."""
        await self._take_all_arrivals(stop)
        if self._has_something_to_commit:
            await self._flush(stop)
        await self._settle(stop)

    async def _take_all_arrivals(self, stop: Stop) -> None:
        """Take in what waits now; what comes meanwhile has its turn after the files."""
        left = len(self._inlet)
        while left > 0 and not self._inlet.is_empty:
            left -= self._take_arrivals()
            if self._builder.is_full:
                await self._flush(stop)
                await self._wait_for_room(stop)

    def _take_arrivals(self) -> int:
        """Take in what was received, as much as still fits into the group; return how many arrivals."""
        taken = 0
        while not self._builder.is_full and (arrival := self._inlet.take()):
            self._take_in(arrival.chunk)
            if arrival.mark is not None:
                self._marks[arrival.chunk.input] = arrival.mark
            if arrival.stored is not None:
                self._told.append(arrival.stored)
            taken += 1
        return taken

    def _is_time_to_look(self, hinted: bool = True) -> bool:
        # With very many files even a glance at all of them is no small thing: while they rest it comes the more rarely.
        rest = 0.0 if hinted else self._look_cost / self._tail.rescan_cpu_max
        return self._is_look_due(rest) or self._tailer.needs_look or self._waker.names_changed

    def _is_look_due(self, rest: float = 0.0) -> bool:
        return self._loop.time() - self._looked >= max(self._tail.rescan_interval, rest)

    async def _look(self) -> None:
        self.steps.begin()
        self._waker.names_changed = False
        self._looked = self._loop.time()
        self._look_cost = await asyncio.to_thread(self._timed_look)

    def _timed_look(self) -> float:
        began = time.thread_time()
        self._tailer.look()
        self._waker.folders_may_have_changed()
        return time.thread_time() - began

    def _take_in(self, chunk: Chunk) -> None:
        if not chunk.lines:
            self._count(chunk, Normalised([], None, []))
            return
        route = self._routes[chunk.input]
        if route.choose is not None:
            route = route.choose(chunk)
        read_us = self._clock()
        normalised = route.normalise(chunk.lines, read_us)
        if route.select is not None:
            normalised, kept = route.select(normalised, chunk.lines, chunk.offsets)
            for rule, count in kept.items():
                self._counters[chunk.input, KEPT_BY + rule] += count
        self._builder.add(normalised, route.normalise.fields, route.normalise.constants, chunk, route.origin, read_us)
        self._count(chunk, normalised)

    def _count(self, chunk: Chunk, normalised: Normalised) -> None:
        name, counters = chunk.input, self._counters
        counters[name, "lines"] += len(chunk.lines)
        counters[name, "events"] += len(normalised.rows)
        counters[name, "unparsed"] += len(normalised.unparsed)
        counters[name, "blank"] += normalised.blank
        counters[name, "truncated"] += len(chunk.truncated)
        counters[name, "replaced"] += normalised.replaced
        counters[name, "nuls"] += chunk.nuls
        for rule, count in normalised.dropped.items():
            counters[name, DROPPED_BY + rule] += count
        account = account_of(chunk, normalised)
        for each in ("read", "delivered", "dropped", "unparsed", "lost"):
            counters[name, f"bytes_{each}"] += getattr(account, each)
        if chunk.track is not None:
            self._tailer.account(chunk.track, account)

    def _take_own_events(self) -> None:
        lost, self._tailer.lost = self._tailer.lost, []
        for each in lost:
            self._counters[each.input, "bytes_read"] += each.bytes
            self._counters[each.input, "bytes_lost"] += each.bytes
            self._own_events.append(
                {
                    "action": "lose",
                    "event_type": "agent.bytes_lost",
                    "resource.type": "file",
                    "resource.id": each.file,
                    "outcome": "failure",
                    "measures": {"bytes": each.bytes},
                    "message": f"{each.bytes} bytes of {each.file} were gone before they could be read",
                    "origin.input": each.input,
                }
            )
        origin = next(iter(self._routes.values())).origin
        for event in self._own_events:
            self._builder.add_event(
                {
                    "time": self._clock(),
                    "actor.type": "system",
                    "actor.id": "watchbook-agent",
                    "category": "system",
                    "origin.host": origin.host,
                    "origin.agent": origin.agent,
                    **event,
                }
            )
        self._own_events = []

    async def _flush(self, stop: Stop) -> None:
        """Hand what is gathered to the worker, once the commit before is through."""
        changes = self._tailer.take_changes()
        self._counters.update(self._inlet.counters)
        self._inlet.counters.clear()
        marks, self._marks = self._marks, {}
        told, self._told = self._told, []
        group = Group(self._builder.take(), changes.tracks, changes.started, dict(self._counters), marks, changes.reach)
        self._counters.clear()
        acknowledged = self._backlog.acknowledged
        await self._settle(stop)
        self._submit(lambda: self._spool.commit(group, acknowledged), told)
        self._dropped = acknowledged

    def _submit(self, commit: Callable[[], list[StoredBatch]], told: list[asyncio.Future[None]]) -> None:
        self._under_way = _UnderWay(self._loop.run_in_executor(self._worker, commit), commit, told)

    async def _make_room(self) -> None:
        """Drop what was acknowledged since a commit failed: where the spool itself fills the disk, that frees it."""
        acknowledged = self._backlog.acknowledged
        if acknowledged == self._dropped:
            return
        try:
            await self._loop.run_in_executor(self._worker, self._spool.drop, acknowledged)
        except SpoolError as error:
            log.debug("spool_drop_failed", error=str(error))
        else:
            self._dropped = acknowledged

    async def _settle(self, stop: Stop) -> None:
        """Wait until the commit under way is through, however often it must be tried.

        Raises the error of a commit that fails while the agent stops: the lines are still in their files.
        """
        while self._under_way is not None:
            outcome, commit, told = self._under_way
            self.steps.begin()
            try:
                stored = await outcome
            except SpoolError as error:
                if stop.gives_up or is_damage(error):  # what is damaged is salvaged at the next start
                    raise
                self.paused = f"the spool cannot be written: {error}"
                self._failure.failed(str(error), next_step="free space in 'state'; nothing is lost meanwhile")
                await stop.wait(_RETRY_S)
                await self._make_room()
                self._submit(commit, told)
            else:
                self._under_way = None
                self.paused = None
                self._failure.succeeded()
                self._backlog.add(stored)
                for each in told:
                    if not each.done():  # whoever waited may be gone
                        each.set_result(None)

    async def _wait_for_room(self, stop: Stop) -> None:
        """While the spool is full, read nothing: the log files are the buffer."""
        said = False
        while self._spool.bytes >= self._spool_bytes_max and not stop.asked.is_set():
            self.steps.begin()
            if self._backlog.acknowledged != self._dropped:
                await self._flush(stop)
                await self._settle(stop)
                continue
            if not said:
                log.warning("spool_full", bytes=self._spool.bytes, bytes_max=self._spool_bytes_max)
                said = True
            if self._is_time_to_look():
                await self._look()
                if self._tailer.has_changes:  # the sizes seen: what is deleted unread can then be counted
                    await self._flush(stop)
                    await self._settle(stop)
            self.paused = "the spool is full ('spool.bytes_max'); reading goes on when the collector takes events"
            await stop.wait(_RETRY_S)
        if said:
            self.paused = None
