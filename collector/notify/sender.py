"""The sender: works the outbox off, at least once, until a channel took it or it was tried for long enough.

Each channel has a loop of its own, so a receiver that hangs holds up nobody else.  A loop sleeps until it is woken (a
notification was written, an attempt ended) or the next retry is due.  A notification is struck off only after the
receiver took it; one that was taken but not struck off (a crash between the two) is sent again under the same id.

A receiver that answers 410 wants no more: its channel rests until the collector is restarted, and what waits is kept
and counted.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, ParamSpec, TypeVar

import orjson

from collector.notify.attempt import AttemptFailedError, Channel
from collector.notify.channels.refreshed import Refreshed
from collector.notify.document import trial_document
from collector.notify.failing import FailingChannels
from collector.notify.outbox import Due, Outbox
from collector.notify.settings import NotifySettings
from watchbook.clock import SECOND_US, Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("notify")

#: The longest pause that a receiver's Retry-After is granted.
RETRY_AFTER_MAX_S: Final = 3600.0
#: The longest sleep of a loop: it looks at the clock again, which may have been set.
_SLEEP_MAX_S: Final = 60.0
_DATABASE_PAUSE_S: Final = 1.0
_DOUBLINGS_MAX: Final = 30

P = ParamSpec("P")
T = TypeVar("T")

#: Returns the alerts, ready to be shown, that a channel was told of and that are not over; called in a worker thread.
Firing = Callable[[str], Sequence[dict[str, Any]]]


@dataclass
class ChannelCounters:
    """What a channel did since the start.

    ``failed`` counts attempts, ``retried`` those that were not the first, ``dead`` notifications that were given up;
    ``gone`` tells that it rests after a 410, ``failing`` that there is an alert because of it.
    """

    sent: int = 0
    failed: int = 0
    retried: int = 0
    dead: int = 0
    in_flight: int = 0
    gone: bool = False
    failing: bool = False
    last_error: str | None = None


@dataclass
class _Line:
    name: str
    channel: Channel
    failure: RepeatedFailure
    counters: ChannelCounters = field(default_factory=ChannelCounters)
    active: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    #: Whether the alert about it was ended, or there was none, since it last failed.
    settled: bool = False


class Sender:
    """Sends the notifications of every channel.

    Create it and call it in the event loop's thread; another thread wakes it with ``loop.call_soon_threadsafe``.
    ``on_alert`` is called there when the alert about a channel was opened or ended.  ``jitter`` gives numbers from 0 to
    1.
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: NotifySettings,
        channels: Mapping[str, Channel],
        failing: FailingChannels,
        *,
        firing: Firing,
        on_alert: Callable[[], None] = lambda: None,
        clock: Clock = now_us,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._failing = failing
        self._firing = firing
        self._on_alert = on_alert
        self._clock = clock
        self._jitter = jitter
        self._stopping = False
        self._database_failure = RepeatedFailure(log.error, "outbox", clock)
        self._lines = {
            name: _Line(name, channel, RepeatedFailure(log.warning, "notification", clock))
            for name, channel in channels.items()
        }

    @property
    def counters(self) -> Mapping[str, ChannelCounters]:
        """The counters of each channel, by name.  How many wait is for the outbox to say."""
        return {name: line.counters for name, line in self._lines.items()}

    def wake(self) -> None:
        """Look at the outbox now: something was written to it."""
        for line in self._lines.values():
            line.woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until asked to stop; then end the attempts under way and return."""
        await self._database(self._failing.forget_others, frozenset(self._lines))
        self._on_alert()
        async with asyncio.TaskGroup() as tasks:
            for line in self._lines.values():
                tasks.create_task(self._work(line))
                if isinstance(line.channel, Refreshed):
                    tasks.create_task(self._refresh(line, line.channel, stop))
            tasks.create_task(self._sweep(stop))
            await stop.wait()
            self._stopping = True
            self.wake()

    async def test(self, name: str) -> dict[str, Any]:
        """Send a test message through a channel now; return what happened.  Raises KeyError for an unknown channel."""
        line = self._lines[name]
        began = self._clock()
        document = trial_document(name, began)
        try:
            said = await self._send(line, document["id"], orjson.dumps(document).decode())
            outcome: dict[str, Any] = {"sent": True, "answer": said}
            await self._note_success(line)
        except AttemptFailedError as error:
            outcome = {"sent": False, "error": str(error)}
        return {"channel": name, "id": document["id"], **outcome, "took_ms": round((self._clock() - began) / 1000)}

    def pause_s(self, attempts: int, asked_s: float | None) -> float:
        """Return how long to wait after a failed attempt when ``attempts`` were made before it.

        Exponential with jitter (between half and the whole pause), and at least what the receiver asked for.
        """
        grown = self._settings.retry_first * 2.0 ** min(attempts, _DOUBLINGS_MAX)
        pause = min(grown, self._settings.retry_max) * (0.5 + 0.5 * self._jitter())
        return max(pause, min(asked_s or 0.0, RETRY_AFTER_MAX_S))

    async def _work(self, line: _Line) -> None:
        async with asyncio.TaskGroup() as tasks:
            while not self._stopping and not line.counters.gone:
                line.woken.clear()
                # One look at the clock for both questions: a retry must be due now, or be what the sleep ends with.
                now = self._clock()
                for due in await self._due(line, now):
                    line.active.add(due.id)
                    line.counters.in_flight = len(line.active)
                    tasks.create_task(self._attempt(line, due))
                await self._sleep(line, now)

    async def _due(self, line: _Line, now: int) -> list[Due]:
        """Return what is to be sent now and is not under way, as much as the channel may have in flight."""
        # What is under way before the question is asked may have ended when the answer comes: it is not sent again.
        under_way = set(line.active)
        free = self._settings.in_flight - len(under_way)
        if free <= 0:
            return []
        limit = self._settings.in_flight + len(under_way)
        due = await self._database(self._outbox.due, line.name, now, limit)
        return [one for one in due or () if one.id not in under_way][:free]

    async def _sleep(self, line: _Line, now: int) -> None:
        due_us = await self._database(self._outbox.next_attempt, line.name, now)
        seconds = _SLEEP_MAX_S if due_us is None else min((due_us - self._clock()) / SECOND_US, _SLEEP_MAX_S)
        try:
            async with asyncio.timeout(seconds):
                await line.woken.wait()
        except TimeoutError:
            return

    async def _attempt(self, line: _Line, due: Due) -> None:
        line.counters.retried += due.attempts > 0
        try:
            await self._send(line, due.id, due.document)
        except AttemptFailedError as error:
            await self._put_off(line, due, error)
        else:
            line.counters.sent += 1
            await self._database(self._outbox.delivered, due.id, self._clock())
            await self._note_success(line)
        finally:
            line.active.discard(due.id)
            line.counters.in_flight = len(line.active)
            line.woken.set()

    async def _send(self, line: _Line, notification: str, document: str) -> str:
        try:
            return await line.channel.send(notification, orjson.loads(document))
        except AttemptFailedError:
            raise
        except Exception as error:  # a mistake in one channel must not stop the others, nor be taken for delivered
            log.exception("channel_broken", channel=line.name, notification=notification, next_step="report this")
            raise AttemptFailedError(f"{type(error).__name__}: see the collector's log", permanent=True) from error

    async def _put_off(self, line: _Line, due: Due, error: AttemptFailedError) -> None:
        """Note a failed attempt: when the next one is, or that there is none."""
        now = self._clock()
        give_up = error.permanent or now - due.created >= self._settings.give_up_after * SECOND_US
        if give_up and not error.gone:
            line.counters.dead += 1
            log.error("notification_dead", channel=line.name, notification=due.id, error=str(error),
                      next_step="see 'watchbook notify dead list'")  # fmt: skip
            await self._database(self._outbox.given_up, due.id, str(error), now)
        else:
            at = now + round(self.pause_s(due.attempts, error.retry_after_s) * SECOND_US)
            await self._database(self._outbox.failed, due.id, str(error), at)
        await self._note_failure(line, error, at_once=give_up)

    async def _note_failure(self, line: _Line, error: AttemptFailedError, *, at_once: bool) -> None:
        line.counters.failed += 1
        line.counters.last_error = str(error)
        line.failure.failed(str(error), channel=line.name)
        if error.gone and not line.counters.gone:
            line.counters.gone = True
            log.error(
                "channel_gone", channel=line.name,
                next_step="the receiver answered 410 and is left alone; correct or remove the channel, then restart",
            )  # fmt: skip
        attempts = line.failure.consecutive_errors
        if not line.counters.failing and (at_once or error.gone or attempts >= self._settings.failing_after):
            line.counters.failing = True
            line.settled = False
            await self._database(self._failing.failed, line.name, attempts)
            self._on_alert()

    async def _note_success(self, line: _Line) -> None:
        line.counters.last_error = None
        line.failure.succeeded(channel=line.name)
        if line.counters.failing or not line.settled:  # an alert may also be left from before the start
            line.counters.failing = False
            line.settled = True
            await self._database(self._failing.works, line.name)
            self._on_alert()

    async def _refresh(self, line: _Line, channel: Refreshed, stop: asyncio.Event) -> None:
        """Tell a channel again, from time to time, of what fires."""

        async def firing() -> Sequence[dict[str, Any]]:
            return await self._database(self._firing, line.name) or ()

        while not await _stopped(stop, channel.refresh_s):
            try:
                told = await channel.refresh(firing)
            except AttemptFailedError as error:
                await self._note_failure(line, error, at_once=False)
            else:
                if told:
                    await self._note_success(line)

    async def _sweep(self, stop: asyncio.Event) -> None:
        """Forget what was delivered long ago."""
        while True:
            before = self._clock() - round(self._settings.keep * SECOND_US)
            await self._database(self._outbox.forget, before)
            if await _stopped(stop, min(self._settings.keep, 3600.0)):
                return

    async def _database(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Call the outbox in a thread, again and again while the database refuses; None when asked to stop then."""
        while True:
            try:
                answer = await asyncio.to_thread(call, *args, **kwargs)
            except sqlite3.OperationalError as error:
                self._database_failure.failed(str(error), next_step="look at the disk that holds state.db")
                if self._stopping:
                    return None
                await asyncio.sleep(_DATABASE_PAUSE_S)
            else:
                self._database_failure.succeeded()
                return answer


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    """Return whether the stop was asked for within some seconds."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
