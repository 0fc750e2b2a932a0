"""The sender: works the outbox off, at least once, for as long as it takes.

Each channel has a loop of its own, so a receiver that hangs holds up nobody else.  A loop sleeps until it is woken (a
notification was written, an attempt ended) or the next retry is due.  A notification is struck off only after the
receiver's 2xx; one that was taken but not struck off (a crash between the two) is sent again under the same id.

A receiver that answers 410 wants no more: its channel rests until the collector is restarted, and what waits is kept
and counted.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar

import aiohttp

from collector.alert.outbox import Due, Outbox
from collector.alert.settings import AlertSettings, ChannelSettings
from collector.alert.webhook import AttemptFailedError, Webhook
from watchbook.clock import SECOND_US, Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("alert")

#: The longest pause that a receiver's Retry-After is granted.
RETRY_AFTER_MAX_S: Final = 3600.0
#: The longest sleep of a loop: it looks at the clock again, which may have been set.
_SLEEP_MAX_S: Final = 60.0
_DATABASE_PAUSE_S: Final = 1.0
_DOUBLINGS_MAX: Final = 30

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class ChannelCounters:
    """What a channel did since the start.  ``failed`` counts attempts, ``gone`` tells that it rests after a 410."""

    sent: int = 0
    failed: int = 0
    in_flight: int = 0
    gone: bool = False
    last_error: str | None = None


@dataclass
class _Channel:
    settings: ChannelSettings
    webhook: Webhook
    failure: RepeatedFailure
    counters: ChannelCounters = field(default_factory=ChannelCounters)
    active: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Sender:
    """Sends the notifications of every configured channel.  ``session`` belongs to the caller.

    Create it and call it in the event loop's thread; another thread wakes it with ``loop.call_soon_threadsafe``.
    ``jitter`` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: AlertSettings,
        session: aiohttp.ClientSession,
        *,
        clock: Clock = now_us,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._stopping = False
        self._database_failure = RepeatedFailure(log.error, "outbox", clock)
        self._channels = {
            channel.name: _Channel(
                channel,
                Webhook(channel.webhook, session, clock),
                RepeatedFailure(log.warning, "notification", clock),
            )
            for channel in settings.notify
        }

    @property
    def counters(self) -> Mapping[str, ChannelCounters]:
        """The counters of each channel, by name.  How many wait is for the outbox to say."""
        return {name: channel.counters for name, channel in self._channels.items()}

    def wake(self) -> None:
        """Look at the outbox now: something was written to it."""
        for channel in self._channels.values():
            channel.woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until asked to stop; then end the attempts under way and return."""
        async with asyncio.TaskGroup() as tasks:
            for channel in self._channels.values():
                tasks.create_task(self._work(channel))
            await stop.wait()
            self._stopping = True
            self.wake()

    async def _work(self, channel: _Channel) -> None:
        async with asyncio.TaskGroup() as tasks:
            while not self._stopping and not channel.counters.gone:
                channel.woken.clear()
                # One look at the clock for both questions: a retry must be due now, or be what the sleep ends with.
                now = self._clock()
                for due in await self._due(channel, now):
                    channel.active.add(due.id)
                    channel.counters.in_flight = len(channel.active)
                    tasks.create_task(self._attempt(channel, due))
                await self._sleep(channel, now)

    async def _due(self, channel: _Channel, now: int) -> list[Due]:
        """Return what is to be sent now and is not under way, as much as the channel may have in flight."""
        # What is under way before the question is asked may have ended when the answer comes: it is not sent again.
        under_way = set(channel.active)
        free = self._settings.in_flight - len(under_way)
        if free <= 0:
            return []
        limit = self._settings.in_flight + len(under_way)
        due = await self._database(self._outbox.due, channel.settings.name, now, limit)
        return [one for one in due or () if one.id not in under_way][:free]

    async def _sleep(self, channel: _Channel, now: int) -> None:
        due_us = await self._database(self._outbox.next_attempt, channel.settings.name, now)
        seconds = _SLEEP_MAX_S if due_us is None else min((due_us - self._clock()) / SECOND_US, _SLEEP_MAX_S)
        try:
            async with asyncio.timeout(seconds):
                await channel.woken.wait()
        except TimeoutError:
            return

    async def _attempt(self, channel: _Channel, due: Due) -> None:
        name = channel.settings.name
        try:
            await channel.webhook.send(due.id, due.payload)
        except AttemptFailedError as error:
            self._note_failure(channel, error)
            at = self._clock() + round(self.pause_s(due.attempts, error.retry_after_s) * SECOND_US)
            await self._database(self._outbox.failed, due.id, str(error), at)
        else:
            channel.counters.sent += 1
            channel.counters.last_error = None
            channel.failure.succeeded(channel=name)
            await self._database(self._outbox.delivered, due.id, self._clock())
        finally:
            channel.active.discard(due.id)
            channel.counters.in_flight = len(channel.active)
            channel.woken.set()

    def pause_s(self, attempts: int, asked_s: float | None) -> float:
        """Return how long to wait after a failed attempt when ``attempts`` were made before it.

        Exponential with jitter (between half and the whole pause), and at least what the receiver asked for.
        """
        grown = self._settings.retry_first * 2.0 ** min(attempts, _DOUBLINGS_MAX)
        pause = min(grown, self._settings.retry_max) * (0.5 + 0.5 * self._jitter())
        return max(pause, min(asked_s or 0.0, RETRY_AFTER_MAX_S))

    def _note_failure(self, channel: _Channel, error: AttemptFailedError) -> None:
        name = channel.settings.name
        channel.counters.failed += 1
        channel.counters.last_error = str(error)
        channel.failure.failed(str(error), channel=name)
        if error.gone and not channel.counters.gone:
            channel.counters.gone = True
            log.error(
                "channel_gone", channel=name, url=channel.settings.webhook.url,
                next_step="the receiver answered 410 and is left alone; correct or remove the channel, then restart",
            )  # fmt: skip

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
