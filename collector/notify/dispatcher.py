"""The dispatcher: reads what happened to alerts, plans, and writes what is to be told, all of it or nothing.

Notifications, what planning remembers and the number of the last transition read are one transaction, so whatever is
killed when, no transition is planned twice and none is passed over.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Final

import orjson

from collector.notify.document import Describer
from collector.notify.flow import Tell
from collector.notify.groups import PlanState
from collector.notify.ledger import Ledger, NewNotification
from collector.notify.plan import looked_at, plan
from collector.notify.routing import Router
from collector.notify.view import AlertReader, AlertView, EventOf
from watchbook.clock import SECOND_US, Clock, now_us
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("notify")

_AT_ONCE: Final = 500
_SLEEP_MAX_S: Final = 60.0
_DATABASE_PAUSE_S: Final = 1.0


class Dispatcher:
    """Plans whenever it is woken, or when a group, a repeat or a digest is due.

    ``on_planned`` is called on the event loop after notifications were written.  ``wake`` belongs to the event loop.
    """

    def __init__(
        self,
        reader: AlertReader,
        ledger: Ledger,
        router: Router,
        describer: Describer,
        event_of: EventOf,
        *,
        on_planned: Callable[[], None],
        clock: Clock = now_us,
    ) -> None:
        self._reader = reader
        self._ledger = ledger
        self._router = router
        self._describer = describer
        self._event_of = event_of
        self._on_planned = on_planned
        self._clock = clock
        self._state: PlanState | None = None
        self._woken = asyncio.Event()
        self._failure = RepeatedFailure(log.error, "notifications_plan", clock)
        #: Notifications since the start, and alerts held back, by channel.
        self.planned = 0
        self.held: dict[str, int] = {}
        #: Alerts since the start that no channel hears of.
        self.unrouted = 0
        #: Whether the last plan could not be made or written.
        self.failing = False

    def wake(self) -> None:
        """Plan now: something happened to an alert."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Plan until asked to stop, and once more then."""
        self._woken.set()
        while not stop.is_set():
            await self._rest(stop, await self._plan())
        await self._plan()

    def plan_once(self) -> tuple[int, int | None]:
        """Plan what happened, up to a limit; return how many notifications, and when to plan again at the latest."""
        state = self._state
        if state is None:
            state = self._ledger.read(self._router.channels)
        # What is kept in memory counts only when it is on disk too.
        self._state = None
        transitions = self._reader.transitions_after(state.number, _AT_ONCE)
        now = self._clock()
        looked = looked_at(state, transitions, now, self._router)
        views: dict[str, AlertView | None] = {**dict.fromkeys(looked), **self._reader.alerts(looked)}

        def look(alert_id: str) -> AlertView | None:
            if alert_id not in views:
                views[alert_id] = self._reader.alerts((alert_id,)).get(alert_id)
            return views[alert_id]

        planned = plan(state, transitions, now, look=look, org_of=self._org_of, router=self._router)
        notifications = [self._notification(tell, look) for tell in planned.tells]
        added = 0
        if transitions or planned.groups or planned.watched or planned.flows or notifications:
            added = self._ledger.write(state, planned, notifications)
        self._state = state
        self.planned += added
        self.unrouted += planned.unrouted
        for channel, number in planned.held.items():
            self.held[channel] = self.held.get(channel, 0) + number
        return added, now if len(transitions) == _AT_ONCE else planned.wake

    async def _plan(self) -> int | None:
        """Return when to plan again."""
        self._woken.clear()
        try:
            added, wake = await asyncio.to_thread(self.plan_once)
        except (sqlite3.OperationalError, OSError) as error:
            return self._failed(str(error), "look at the disk that holds state.db")
        except (
            Exception
        ) as error:  # a mistake in planning must not end the daemon that stores; it is said and tried again
            if not self.failing:
                log.exception("notifications_plan_broken")
            return self._failed(f"{type(error).__name__}: {error}", "report this; nobody is told of new alerts")
        self._failure.succeeded()
        self.failing = False
        if added:
            self._on_planned()
        return wake

    def _failed(self, error: str, next_step: str) -> int:
        self.failing = True
        self._failure.failed(error, next_step=next_step)
        return self._clock() + round(_DATABASE_PAUSE_S * SECOND_US)

    async def _rest(self, stop: asyncio.Event, wake: int | None) -> None:
        seconds = _SLEEP_MAX_S if wake is None else min((wake - self._clock()) / SECOND_US, _SLEEP_MAX_S)
        if stop.is_set() or seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    def _org_of(self, view: AlertView) -> str | None:
        """Return the organization of an alert's first event, if any route asks for it."""
        if not self._router.uses_org or not view.event_ids:
            return None
        event = self._event_of(view.event_ids[0])
        org = None if event is None else event.get("org")
        return None if org is None else str(org)

    def _notification(self, tell: Tell, look: Callable[[str], AlertView | None]) -> NewNotification:
        views = {alert_id: view for alert_id in tell.alerts if (view := look(alert_id)) is not None}
        document = orjson.dumps(self._describer.describe(tell, views)).decode()
        return NewNotification(
            tell.id, tell.channel, tell.subject, tell.reason, tell.standing, tell.level, document, tell.time
        )
