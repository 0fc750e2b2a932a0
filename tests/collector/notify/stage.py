"""A real alert store with the notifications on top of it, as the collector joins them; only the events are made up."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from collector.alert import AlertSettings, AlertStore
from collector.finding import AlertChange
from collector.notify import ChannelSettings, Notifier, NotifySettings
from collector.notify.channel_settings import WebhookSettings
from collector.notifying import StoredAlerts
from collector.state import open_state
from tests.collector.alert.alerts import EVENT, event_id
from tests.collector.notify.receiver import SECRET
from watchbook.clock import Clock, now_us
from watchbook.units import Seconds


@dataclass
class Stage:
    """What is under test, with the events that were told into the store."""

    alerts: AlertStore
    notifier: Notifier
    told: list[Mapping[str, Any]] = field(default_factory=list)

    async def apply(self, *changes: AlertChange) -> None:
        await asyncio.to_thread(self.alerts.apply, changes, None)
        self.notifier.wake()

    async def waiting(self) -> dict[tuple[str, str], int]:
        return await asyncio.to_thread(self.notifier.outbox.counts)

    async def until(
        self, state: str, number: int, channel: str | None = None, seconds: float = 10
    ) -> list[dict[str, Any]]:
        """Wait until so many notifications are in a state and return them, oldest first."""
        async with asyncio.timeout(seconds):
            while True:
                found = await asyncio.to_thread(self.notifier.outbox.page, state, channel, 1000)
                if len(found) >= number:
                    return found[::-1]
                await asyncio.sleep(0.005)

    async def until_idle(self, planned: int, seconds: float = 10) -> None:
        """Wait until so many notifications were planned and none of them waits."""
        async with asyncio.timeout(seconds):
            while self.notifier.dispatcher.planned < planned or any(
                state == "waiting" for _, state in await self.waiting()
            ):
                await asyncio.sleep(0.005)


def hook(name: str = "ops", url: str = "http://127.0.0.1:9/", *, timeout: float = 5, **more: Any) -> ChannelSettings:
    return ChannelSettings(name=name, webhook=WebhookSettings(url=url, secret=SECRET, timeout=Seconds(timeout)), **more)


def fast(*channels: ChannelSettings, **more: Any) -> NotifySettings:
    """Settings with pauses that a test can wait for."""
    return NotifySettings(
        channels=channels, **({"retry_first": Seconds(0.01), "retry_max": Seconds(0.05), "failing_after": 1000} | more)
    )


@asynccontextmanager
async def notifying(
    folder: Path,
    settings: NotifySettings,
    *,
    events: Mapping[str, Mapping[str, Any]] | None = None,
    before: Sequence[AlertChange] = (),
    clock: Clock = now_us,
) -> AsyncIterator[Stage]:
    """Run notifications until the block ends, then stop them as the daemon does; ``before``: changes of before."""
    known = {event_id(0): EVENT} if events is None else events
    alerts = AlertStore(await asyncio.to_thread(open_state, folder / "state.db"), AlertSettings(), clock=clock)
    connection = await asyncio.to_thread(open_state, folder / "state.db")
    await asyncio.to_thread(alerts.apply, before, None)
    stored = StoredAlerts(alerts)
    told: list[Mapping[str, Any]] = []

    async def tell(told_events: Sequence[Mapping[str, Any]], _: str) -> str | None:
        told.extend(told_events)
        return None

    stop = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        notifier = Notifier(
            connection, settings, session, reader=stored, event_of=known.get, raise_alerts=stored.raise_alerts,
            tell=tell, clock=clock,
        )  # fmt: skip
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(notifier.run(stop))
                try:
                    yield Stage(alerts, notifier, told)
                finally:
                    stop.set()
        finally:
            await asyncio.to_thread(notifier.close)
            await asyncio.to_thread(alerts.close)
