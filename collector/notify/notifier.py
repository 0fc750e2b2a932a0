"""The room as a whole: the dispatcher plans, the sender sends, and at the desk people look after both."""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

import aiohttp

from collector.locked import LockedConnection
from collector.notify.channels import make_channel
from collector.notify.desk import NotifyDesk, Tell
from collector.notify.dispatcher import Dispatcher
from collector.notify.document import Describer
from collector.notify.failing import FailingChannels, RaiseAlerts
from collector.notify.ledger import Ledger
from collector.notify.outbox import Outbox
from collector.notify.routing import Router
from collector.notify.sender import Sender
from collector.notify.settings import NotifySettings
from collector.notify.view import AlertReader, EventOf
from watchbook.clock import Clock, now_us

#: Alerts that an Alertmanager is kept told of.
_FIRING_MAX = 20_000


class Notifier:
    """Tells people about alerts.  ``connection`` becomes its own, ``session`` stays the caller's.

    ``reader`` and ``event_of`` are asked, ``raise_alerts`` is called in worker threads; ``tell`` stores events of the
    collector's own.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        settings: NotifySettings,
        session: aiohttp.ClientSession,
        *,
        reader: AlertReader,
        event_of: EventOf,
        raise_alerts: RaiseAlerts,
        tell: Tell,
        clock: Clock = now_us,
    ) -> None:
        self._connection = LockedConnection(connection)
        self._reader = reader
        self._ledger = Ledger(self._connection)
        self.outbox = Outbox(self._connection)
        self._describer = Describer(event_of, alerts_max=settings.alerts_max, evidence_max=settings.evidence_max)
        self.dispatcher = Dispatcher(
            reader, self._ledger, Router(settings), self._describer, event_of,
            on_planned=self._planned, clock=clock,
        )  # fmt: skip
        self.sender = Sender(
            self.outbox,
            settings,
            {each.name: make_channel(each, session, clock) for each in settings.channels},
            FailingChannels(self._connection, raise_alerts, clock),
            firing=self._firing,
            on_alert=self.dispatcher.wake,
            clock=clock,
        )
        self.desk = NotifyDesk(settings, self.outbox, self.sender, tell, self.dispatcher.held, clock)

    def wake(self) -> None:
        """Look at once what happened to alerts.  Belongs to the event loop."""
        self.dispatcher.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Plan and send until asked to stop; what is under way then ends first."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.dispatcher.run(planning := asyncio.Event()))
            tasks.create_task(self.sender.run(stop))
            await stop.wait()
            planning.set()
            self.dispatcher.wake()

    def _planned(self) -> None:
        self.sender.wake()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _firing(self, channel: str) -> Sequence[dict[str, Any]]:
        return list(map(self._describer.alert, self._reader.alerts(self._ledger.firing(channel, _FIRING_MAX)).values()))
