"""Sends batches one after the other and does what the answers ask for.

One batch is in flight.  A batch leaves the backlog only when a collector has said 200, which means: on disk there.

Of several collectors one is used at a time.  A batch has the same stream and sequence wherever it is sent, so that one
whose answer was lost is known as a repeat when it comes to that collector again, whatever was used in between.  A
collector that has not seen the batches before it is told that they are elsewhere (docs/decisions/010-fail-over.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

from agent.ship.connection import Connection, Outgoing
from agent.ship.http import Session
from agent.ship.rota import Rota
from agent.ship.settings import ShipSettings
from agent.ship.state import CollectorState, ShipState
from agent.ship.verdict import Kind, Verdict, retry_wait
from watchbook.clock import Clock
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("ship")
#: What is counted since the start, over reloads.
_CARRIED: Final = (
    "last_success", "batches", "events", "repeats", "retries", "rejected", "halved", "renewals", "changes",
)  # fmt: skip


class Journal(NamedTuple):
    """What the shipper needs of the spool.

    ``next()`` waits for the next unsent batch; ``acknowledge(batch)`` notes that it is on disk at the collector;
    ``reject(sequence, indexes, reason)`` sets events aside and returns how many, 0 when the batch was halved because it
    is not known which; ``renew(reason)`` begins a new stream; ``change(url)`` notes durably what was acknowledged and
    that batches go to another collector from now on; ``elsewhere(stream, first, last)`` is told which batches the
    collector in use lacks.
    """

    next: Callable[[], Awaitable[Outgoing]]
    acknowledge: Callable[[Any], None]
    reject: Callable[[int, tuple[int, ...] | None, str], Awaitable[int]]
    renew: Callable[[str], Awaitable[None]]
    change: Callable[[str], Awaitable[None]]
    elsewhere: Callable[[str, int, int], None]


class Shipper:
    """Works the backlog off.  ``state`` is kept up to date; ``last_used`` is the collector that was used last."""

    def __init__(
        self,
        settings: ShipSettings,
        session: Session,
        journal: Journal,
        *,
        clock: Clock,
        last_used: str | None = None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._connection = Connection(settings, session, clock)
        addresses = self._connection.addresses
        place = addresses.index(last_used) if last_used in addresses else 0
        self._rota = Rota(len(addresses), place, settings.failover_after)
        self._failure = RepeatedFailure(log.warning, "ship", clock)
        self._attempt = 0
        self._last_used = last_used
        # After a kill what is unsent may begin with batches that the one in use has: they are confirmed there first.
        self._confirmed = place == 0
        self._hole: int | None = None
        self._sending = asyncio.Lock()
        self._first_is_back = asyncio.Event()
        self.state = ShipState(collectors=[CollectorState(url) for url in addresses])
        self._collector.in_use = True

    @property
    def url(self) -> str:
        """The address of the collector in use."""
        return self._collector.url

    @property
    def _collector(self) -> CollectorState:
        return self.state.collectors[self._rota.current]

    def carry_on(self, before: ShipState) -> None:
        """Go on counting where another shipper of the same agent ended."""
        self.state = replace(self.state, **{name: getattr(before, name) for name in _CARRIED})

    def report(self) -> dict[str, Any]:
        """Return the state as plain data, with what is wrong at this moment."""
        self.state.problems = [*self._connection.problems(), *self._stand_in()]
        return asdict(self.state)

    def _stand_in(self) -> list[str]:
        if self._rota.current == 0:
            return []
        first = self.state.collectors[0]
        return [f"{self.url} stands in for {first.url}: {first.last_error or 'it had failed before the start'}"]

    async def tell(self, path: str, document: bytes) -> str | None:
        """Post a JSON document to the collector in use, beside the batches and once; return why it failed."""
        return await self._connection.tell(self._rota.current, path, document, "enrolled")

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_files())
            if self._last_used != self.url:
                await self._journal.change(self.url)
            if self._rota.size > 1:
                tasks.create_task(self._look_for_the_first())
            while True:
                self.state.state = self.state.state if self.state.state in ("retrying", "paused") else "idle"
                batch = await self._journal.next()
                async with self._sending:
                    await self._send(batch)

    async def _follow_files(self) -> None:
        while True:
            await self._connection.follow_files()
            await asyncio.sleep(self._settings.tls.reload_interval)

    async def _look_for_the_first(self) -> None:
        """Ask the preferred collector whether it is back, beside the sending; use it once no batch is in flight."""
        while True:
            await asyncio.sleep(self._settings.return_interval)
            if self._rota.current == 0 or not self._confirmed:
                continue
            self._connection.forget_token(0)
            probe = await self._connection.is_ready(0)
            if not probe.usable:
                self._note_error(self.state.collectors[0], probe.text)
                continue
            self._first_is_back.set()
            async with self._sending:
                self._first_is_back.clear()
                if self._rota.current != 0:
                    await self._use(0, "it is back")

    async def _use(self, place: int, reason: str) -> None:
        """Go on with another collector."""
        before = self.url
        await self._journal.change(self._connection.addresses[place])
        self._collector.in_use = False
        self._rota.use(place)
        self._collector.in_use = True
        self._hole, self._attempt, self._confirmed = None, 0, True
        self.state.changes += 1
        log.warning("collector_changed", url=self.url, before=before, reason=reason)

    async def _send(self, batch: Outgoing) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        verdict, repeat = await self._connection.post(self._rota.current, batch, self._hole)
        if verdict.kind is Kind.ACCEPTED:
            self.state.repeats += repeat
            self._confirmed = self._confirmed or not repeat
            self._accepted(batch)
        elif verdict.kind is Kind.POISON and batch.n:
            await self._reject(batch, verdict)
        elif verdict.kind is Kind.GAP and self._rota.size > 1:
            verdict = await self._pass_over(batch, verdict)
        elif verdict.kind in (Kind.GAP, Kind.CONFLICT):
            log.error("stream_renewed", sequence=batch.sequence, reason=verdict.reason)
            await self._journal.renew(verdict.reason)
            self._hole = None
            self.state.renewals += 1
        else:
            await self._wait(verdict)
        following = self._rota.note(verdict.kind, began, loop.time())
        if following is not None:
            await self._use(following, verdict.reason)

    def _accepted(self, batch: Outgoing) -> None:
        self._failure.succeeded()
        self._attempt = 0
        state, collector = self.state, self._collector
        state.state, state.last_error, state.last_success = "sending", None, self._clock()
        collector.last_error, collector.last_success = None, state.last_success
        collector.batches += 1
        state.batches += 1
        state.events += batch.n
        self._journal.acknowledge(batch)
        if self._hole is not None:
            log.warning("batches_elsewhere", url=self.url, first=self._hole, last=batch.sequence - 1)
            self._journal.elsewhere(batch.stream, self._hole, batch.sequence - 1)
            self._hole = None

    async def _reject(self, batch: Outgoing, verdict: Verdict) -> None:
        aside = await self._journal.reject(batch.sequence, verdict.indexes, verdict.reason)
        self.state.rejected += aside
        if aside:
            log.error("batch_rejected", sequence=batch.sequence, reason=verdict.reason, events=aside)
        else:
            log.warning("batch_halved", sequence=batch.sequence, reason=verdict.reason, events=batch.n)
            self.state.halved += 1

    async def _pass_over(self, batch: Outgoing, verdict: Verdict) -> Verdict:
        """Tell the collector, with the next try, that the batches it expects are elsewhere."""
        assert verdict.expected is not None
        if verdict.expected != self._hole and verdict.expected < batch.sequence:
            self._hole = verdict.expected
            return verdict
        failed = Verdict(
            Kind.RETRY, f"{verdict.reason}: this collector cannot take over a stream in the middle; update it"
        )
        await self._wait(failed)
        return failed

    async def _wait(self, verdict: Verdict) -> None:
        refused = verdict.kind is Kind.REFUSED
        if refused:
            self._connection.forget_token(self._rota.current)
        wait = self._settings.refused_wait if refused else retry_wait(self._settings, self._attempt)
        self._attempt += 1
        if verdict.wait_s is not None:
            wait = max(wait, min(verdict.wait_s, self._settings.retry_max))
        self.state.state = "paused" if refused else "retrying"
        self.state.last_error = verdict.reason
        self.state.retries += 1
        self._note_error(self._collector, verdict.reason)
        next_step = "give this agent a token of scope 'ingest' in 'collector.token_file'; nothing is dropped meanwhile"
        self._failure.failed(
            verdict.reason, url=self.url, backoff_s=round(wait, 2), **({"next_step": next_step} if refused else {})
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._first_is_back.wait()

    def _note_error(self, collector: CollectorState, reason: str) -> None:
        collector.last_error, collector.last_error_time = reason, self._clock()
