"""Evaluates the rules over every stored block once, in order of arrival, and writes what comes of it.

The alert store notes with each change how far the rules have read.  After a restart the engine's memory is rebuilt from
the stored blocks before that mark and goes on after it, so nothing is skipped and nothing is alerted twice.  In a
backlog, and while alerts come in quick succession, the changes of several blocks are written together: a write costs as
much as many changes.  None is kept back for as long as a person would notice.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from collector.alert import AlertStore, Watermark
from collector.block import BlockInfo, BlockSource, DecodedBlock
from collector.detect import RECENT_BLOCKS_MAX, DetectSettings, Engine, Hearing, RuleSet, tick_of
from collector.finding import OWN_RULES, AlertChange, AlertState, ExceptionUse
from collector.rereading import arrived, blocks_before, replay_from
from watchbook.clock import SECOND_US, Clock
from watchbook.daemon import Stop
from watchbook.logs import RepeatedFailure, get_logger
from watchbook.watchdog import Steps
from watchbook.wire import WireError

AnswerT = TypeVar("AnswerT")

log = get_logger("watch")
_AT_ONCE = 64
_RETRY_S = 1.0
#: How long, and how many, changes are gathered while there is more to read.
_GATHER_S = 0.5
#: Writing takes no more than this part of the time, unless changes would be gathered for longer than that.
_WRITING_SHARE = 1 / 16
#: How long the rules read on before others may ask what they remember.
_TURN_S = 0.05
_UNSAID_MAX = 10_000


class Watch:
    """Follows the store.  ``on_written`` is called on the event loop after alerts were written."""

    def __init__(
        self,
        engine: Engine,
        alerts: AlertStore,
        source: BlockSource,
        settings: DetectSettings,
        *,
        clock: Clock,
        on_written: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._alerts = alerts
        self._source = source
        self._clock = clock
        self._on_written = on_written
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="rules")
        self._recent: deque[DecodedBlock] = deque(maxlen=RECENT_BLOCKS_MAX)
        self._set_aside: dict[str, str] = {}
        self._news = asyncio.Event()
        self._told_up_to = 0
        self._bell = False
        self._bell_at: tuple[int, int] | None = None
        self._unsaid_since: float | None = None
        #: Before this moment there is no hurry to write again.
        self._write_from = 0.0
        self._is_written = False
        self._from_files = False
        self._room = asyncio.Event()
        self._room.set()
        self._unwritten: tuple[list[AlertChange], Watermark | None, Mapping[str, ExceptionUse]] | None = None
        self._failure = RepeatedFailure(log.error, "alerts_write", clock)
        self._mark: Watermark | None = None
        self._ticked = 0
        self._hearing = Hearing(round(settings.lateness * SECOND_US), 0)
        self.read_up_to = 0
        #: The number of the last event of which all that the rules said is written.
        self.said_up_to = 0
        self.failed_blocks = 0
        self.steps = Steps()
        #: How many requests of senders waited for the rules.
        self.waited = 0

    @property
    def clock_held(self) -> int:
        """How often the clock decided nothing for a while, because nobody had listened or it had jumped."""
        return self._hearing.interrupted

    @property
    def engine(self) -> Engine:
        """The engine that is at work; another one after :meth:`change_rules`."""
        return self._engine

    @property
    def rules(self) -> int:
        """How many rules that raise alerts are at work; those that only others are told of have ids of two parts."""
        return sum("/" not in rule_id for rule_id in self._engine.counters)

    def take_set_aside(self) -> dict[str, str]:
        """Return the rules that were set aside since the last call, and why; any thread may ask."""
        found, self._set_aside = self._set_aside, {}
        return found

    async def look(self, question: Callable[[Engine], AnswerT]) -> AnswerT:
        """Return what a question finds out about the engine at work, between two steps of it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, lambda: question(self._engine))

    async def change_rules(self, rules: RuleSet, *, aside: Collection[str] = ()) -> int:
        """Go on with other rules; return how many of them are new or changed.

        Nothing is skipped and nothing alerted twice.  Rules that are the same keep what they remember; what the others
        would remember is found in the store while the old ones go on.  ``aside``: rules that stay set aside.
        """
        loop = asyncio.get_running_loop()
        engine = await asyncio.to_thread(Engine, rules, self._settings, self._engine.exceptions)
        old = self._engine
        changed = await asyncio.to_thread(engine.unlike, old)
        await asyncio.to_thread(engine.prepare_like, old)
        fresh = Engine(RuleSet(tuple(changed)), self._settings, old.exceptions)
        began = None if self._mark is None or not changed else self._mark
        replayed_from = 0 if began is None else await asyncio.to_thread(self._replay, fresh, began)
        failure = RepeatedFailure(log.error, "rules_change", self._clock)
        while True:
            try:
                await loop.run_in_executor(
                    self._worker, partial(self._exchange, engine, fresh, began, replayed_from, aside)
                )
            except sqlite3.Error as error:
                failure.failed(str(error), next_step="free space for state.db; the rules are changed then")
                await asyncio.sleep(_RETRY_S)
            else:
                self._news.set()
                return len(changed)

    def _exchange(
        self,
        engine: Engine,
        fresh: Engine,
        began: Watermark | None,
        replayed_from: int,
        aside: Collection[str],
    ) -> None:
        """Put another engine in place of the one at work, between two steps of it.

        What the old one has said is written first, so that the alerts which are open are known.
        """
        old = self._engine
        self._write()
        self._pass_on(old.changes())
        kept = engine.kept_from(old)
        alerts = [alert for alert in self._alerts.open_alerts() if alert.rule.id not in kept]
        if began is None and fresh.counters and self._mark is not None:
            replayed_from = self._replay(fresh, self._mark)
        elif began is not None:
            for info in arrived(self._source, began.number + 1, self.read_up_to):
                block = self._read(info)
                if block is not None:
                    fresh.replay(block, self._ticked)
        over = fresh.restore(alerts, replayed_from, self._ticked)
        engine.take_over(old, fresh, aside=aside)
        self._engine = engine
        self._unwritten = (over, self._mark, {})  # the next step writes it, and tries again if need be

    def committed(self, blocks: Sequence[DecodedBlock]) -> None:
        """Take note of blocks that were just stored."""
        self._recent.extend(blocks)
        last = blocks[-1].info
        self._told_up_to = last.number + last.n - 1
        self._news.set()
        if len(self._recent) >= self._settings.waiting_blocks_max and not self._from_files:
            self._room.clear()

    async def room(self) -> None:
        """Wait while many blocks wait for the rules, but not for long.

        What is stored faster than the rules read would soon have to be read again from its file, and alerts would come
        ever later; so a sender feels how fast the rules are.
        """
        if not self._room.is_set():
            self.waited += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.waiting_time):
                    await self._room.wait()

    def wake(self) -> None:
        """Look at once whether people changed what the rules go by."""
        self._news.set()

    def ring(self) -> None:
        """Close what has been quiet for long enough, and note how far the rules have read."""
        self._bell = True
        self._news.set()

    async def start(self) -> None:
        """Rebuild the engine's memory from what is stored."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._worker, self._rebuild)
        log.info("rules_ready", rules=self.rules, read_up_to=self.read_up_to)
        self._news.set()

    async def run(self, stop: Stop) -> None:
        """Evaluate until the stop is asked for, and then what was stored before that."""
        while not stop.asked.is_set():
            await self._wait_for_news()
            self._news.clear()
            await self._catch_up(stop)
            self.steps.rest()
        self.ring()
        await self._catch_up(stop)

    async def close(self) -> None:
        """End the worker."""
        await asyncio.to_thread(self._worker.shutdown)

    async def _wait_for_news(self) -> None:
        """Wait until there is something to do: to read, or to write what was kept back."""
        left = None if self._unsaid_since is None else max(0.0, self._write_from - time.monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._news.wait()

    async def _catch_up(self, stop: Stop) -> None:
        """Read all there is; when the alerts cannot be written, try again until they can, or the stop."""
        loop = asyncio.get_running_loop()
        more = True
        while more:
            self.steps.begin()
            try:
                more = await loop.run_in_executor(self._worker, self._take_steps)
            except sqlite3.Error as error:
                self._failure.failed(str(error), next_step="free space for state.db; the alerts are written then")
                self._room.set()
                if await stop.wait(_RETRY_S):
                    return
            else:
                self._failure.succeeded()
                if self._is_written:
                    self._is_written = False
                    self._on_written()
                if len(self._recent) < self._settings.waiting_blocks_max or self._from_files:
                    self._room.set()

    def _take_steps(self) -> bool:
        """Take steps while there is more to read, for a moment: on the event loop others have their turn."""
        until = time.monotonic() + _TURN_S
        while (more := self._step()) and not self._is_written and time.monotonic() < until:
            pass
        return more

    def _step(self) -> bool:
        """Evaluate some blocks and write what came of them; return whether there may be more."""
        self._write()
        self._take_up_exceptions()
        blocks = self._next_blocks()
        for info, block in blocks:
            self._turn(self._hearing.take_note(info.received), info.received)
            self._evaluate(info, block)
            self.read_up_to = info.number + info.n - 1
            self._mark = Watermark(self.read_up_to, info.received, self._ticked)
        more = bool(blocks) if self._from_files else self.read_up_to < self._told_up_to
        if self._bell:
            self._answer_bell(more=more)
        if self._engine.unsaid:
            now = time.monotonic()
            since = self._unsaid_since = self._unsaid_since or now
            if (not more and now >= self._write_from) or now - since >= _GATHER_S or self._engine.unsaid >= _UNSAID_MAX:
                self._pass_on(self._engine.changes())
        if not self._engine.unsaid:
            self.said_up_to = self.read_up_to
        return more

    def _answer_bell(self, *, more: bool) -> None:
        """Let the clock end what has been quiet, once all that was stored before the bell is read.

        What is stored may yet go on with an alert that the clock would end.  Under unbroken load there is always more
        to read: so the time that counts is the bell's.
        """
        if self._bell_at is None:
            self._bell_at = (self._source.last_number(), self._clock())
        last_number, now = self._bell_at
        if self.read_up_to >= last_number or not more:
            self._bell, self._bell_at = False, None
            self._turn(self._hearing.advance(now), now)
            self._set_aside |= self._engine.look_at_costs(time.monotonic())
            self._pass_on(self._engine.changes())

    def _turn(self, decided: int, now: int) -> None:
        """Let the clock decide what it may at a moment; ``decided``: what the hearing says of it."""
        at = tick_of(min(decided, now))
        if at > self._ticked:
            self._ticked = at
            changes = self._engine.tick(at)
            if self._mark is not None:
                self._mark = self._mark._replace(ticked=at)
            if changes:
                self._pass_on(changes)

    def _pass_on(self, changes: list[AlertChange]) -> None:
        self._unsaid_since = None
        self._unwritten = (changes, self._mark, self._engine.exceptions.uses())
        self._write()

    def _take_up_exceptions(self) -> None:
        """Let exceptions that people made or ended hold from the next event on."""
        fresh = self._alerts.fresh_exceptions(self.read_up_to + 1)
        if fresh is not None:
            self._engine.exceptions.replace(fresh)

    def _write(self) -> None:
        """Write what the rules said; it is kept for the next try when that fails, for the engine says it only once."""
        if self._unwritten is not None:
            began = time.monotonic()
            self._alerts.apply(*self._unwritten)
            self._unwritten = None
            self._is_written = True
            ended = time.monotonic()
            self._write_from = ended + min(_GATHER_S, (ended - began) / _WRITING_SHARE)

    def _evaluate(self, info: BlockInfo, block: DecodedBlock | None) -> None:
        """Put a block to the rules; when that fails, say so and count it.

        A block that stops the rules would stop them after every restart, and with them every alert after it.
        """
        try:
            if block is not None:
                self._engine.read(block)
        except Exception:  # whatever it is, it is said and counted
            self.failed_blocks += 1
            log.exception("rules_failed", block=info.number, segment=info.segment, next_step="report this block")

    def _read(self, info: BlockInfo) -> DecodedBlock | None:
        """Return a stored block, None when it is gone or damaged; errors of the disk are raised."""
        try:
            return self._source.read(info)
        except (KeyError, WireError) as error:
            self.failed_blocks += 1
            log.error("block_unreadable", block=info.number, segment=info.segment, error=str(error))  # noqa: TRY400
            return None

    def _next_blocks(self) -> list[tuple[BlockInfo, DecodedBlock | None]]:
        """Return blocks that follow what was read: those just stored if they follow on, else from the files."""
        recent: list[tuple[BlockInfo, DecodedBlock | None]] = []
        expected = self.read_up_to + 1
        while self._recent and len(recent) < _AT_ONCE:  # between two steps the clock has its turn
            block = self._recent[0]
            if block.info.number > expected:
                break
            self._recent.popleft()
            if block.info.number == expected:
                recent.append((block.info, block))
                expected += block.info.n
        self._from_files = not recent and (self._bell or not 0 < self._told_up_to <= self.read_up_to)
        if not self._from_files:
            return recent
        return [(info, self._read(info)) for info in self._source.arrived_after(self.read_up_to, _AT_ONCE)]

    def _rebuild(self) -> None:
        self._mark = mark = self._alerts.watermark()
        replayed_from = 0
        self._engine.exceptions.replace(self._alerts.exceptions())
        if mark is not None:
            self._ticked = mark.ticked
            replayed_from = self._replay(self._engine, mark)
            self.read_up_to = self.said_up_to = mark.number
            self._hearing = Hearing(round(self._settings.lateness * SECOND_US), self._ticked or mark.received)
            self._hearing.advance(self._clock())
        self._unwritten = (self._engine.restore(self._open_alerts(), replayed_from, self._ticked), mark, {})
        self._write()

    def _open_alerts(self) -> list[AlertState]:
        """Return the open alerts that rules look after; the collector's own have none."""
        return [alert for alert in self._alerts.open_alerts() if not alert.rule.id.startswith(OWN_RULES)]

    def _replay(self, engine: Engine, mark: Watermark) -> int:
        """Let an engine remember what was read up to a mark; return from which event time on that is all there was."""
        replayed_from = replay_from(self._source, mark, engine.replay_span_us)
        for info in blocks_before(self._source, mark, replayed_from):
            block = self._read(info)
            if block is not None:
                engine.replay(block, mark.ticked)
        return replayed_from
