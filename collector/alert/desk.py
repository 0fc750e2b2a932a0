"""The desk: what people see and do about alerts, and what the clock does.  Belongs to the event loop.

Its acts are done in worker threads, each in one transaction; what they tell is in the store a moment later.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from collector.alert.acts import Acts, find_alert
from collector.alert.documents import full_document
from collector.alert.exceptions import AlertExceptions, EventOf, Fields, Wanted
from collector.alert.hiding import active_silences
from collector.alert.life import Act
from collector.alert.pages import Filters
from collector.alert.ratios import ratios
from collector.alert.reports import drop_reports, waiting_reports
from collector.alert.settings import AlertSettings
from collector.alert.silences import Silences
from collector.alert.store import AlertStore
from collector.alert.transitions import transitions_of, write_transitions
from collector.alert.wishes import check_matchers, check_reason, moment_ahead
from collector.finding import Inhibition
from collector.problem import ApiProblem
from watchbook.clock import Clock, now_us
from watchbook.daemon import Stop
from watchbook.logs import RepeatedFailure, get_logger

log = get_logger("alerts")

#: Transitions that an alert's page shows: the latest.
HISTORY_MAX = 200

_P = ParamSpec("_P")
_T = TypeVar("_T")
Document = Mapping[str, Any]

#: Stores events of the collector's own, once for each key; returns why it could not, None when it did.
Tell = Callable[[Sequence[Mapping[str, Any]], str], Awaitable[str | None]]


class AlertDesk:
    """Shows alerts, acts on them, and keeps silences and exceptions.  ``by`` is the name of a token.

    Every method raises ApiProblem 404, 409 and 422 for what cannot be done, and 503 while nothing can be written.
    ``changed`` is called after something changed that the rules or the senders want to know of.
    """

    def __init__(
        self,
        store: AlertStore,
        settings: AlertSettings,
        *,
        fields: Fields,
        event_of: EventOf,
        changed: Callable[[], None],
        clock: Clock = now_us,
    ) -> None:
        self._store = store
        self._settings = settings
        self._event_of = event_of
        self._changed = changed
        self._clock = clock
        self._acts = Acts(store.state, store.hiding, clock)
        self.silences = Silences(store.state, store.hiding, settings, clock)
        self.exceptions = AlertExceptions(store.state, fields, event_of, settings, clock)
        self._active: tuple[str, ...] | None = None
        self._failures = RepeatedFailure(log.error, "silences_looked_at", clock)
        self._telling = RepeatedFailure(log.error, "alerts_told", clock)

    # What people see ---------------------------------------------------------------------------------------------

    async def page(self, wanted: Mapping[str, Any], limit: int, cursor: str | None) -> Document:
        """Return a page of alerts, newest first; ``wanted`` are :class:`Filters`.  Raises CursorError."""
        return await _done(self._store.page, Filters(**wanted), limit=limit, cursor=cursor)

    async def get(self, alert_id: str) -> Document:
        """Return all that is known of an alert, named by its id or by what that begins with."""
        return await _done(self._full, alert_id)

    async def ratios(self, days: int) -> Document:
        """Return how often each rule was right in the last days."""
        return await _done(ratios, self._store.state, self._clock(), days)

    # What people do ----------------------------------------------------------------------------------------------

    async def act(self, alert_id: str, act: str, by: str, note: str | None) -> Document:
        """Acknowledge, resolve or reopen an alert and return it."""
        done = await _done(self._acts.act, alert_id, cast(Act, act), by, note)
        log.info("alert_changed", alert=done, act=act, by=by)
        self._changed()
        return await self.get(done)

    async def dispose(self, alert_id: str, disposition: str, by: str, note: str | None) -> Document:
        """Say what an alert turned out to be and return it."""
        return await self.get(await _done(self._acts.dispose, alert_id, disposition, by, note))

    async def silence(
        self, matchers: Sequence[dict[str, Any]], starts: str | None, ends: str, reason: str, by: str
    ) -> Document:
        """Hide alerts for a time and return the silence."""
        now, max_s = self._clock(), self._settings.silence_time_max
        begin = None if starts is None else moment_ahead("starts", starts, now, max_s)
        end = moment_ahead("ends", ends, now, max_s)
        checked = check_matchers(matchers)
        made = await _done(self.silences.add, checked, begin, end, check_reason(reason), by)
        log.info("silence_created", silence=made["id"], by=by)
        self._changed()
        return made

    async def end_silence(self, silence_id: str, by: str) -> Document:
        """End a silence before its time."""
        ended = await _done(self.silences.end, silence_id, by)
        log.info("silence_ended", silence=silence_id, by=by)
        self._changed()
        return ended

    async def preview(self, matchers: Sequence[dict[str, Any]], days: int) -> Document:
        """Return what a silence would hide now, and would have hidden in the last days."""
        return await _done(self.silences.preview, check_matchers(matchers), days)

    async def silenced(self, state: str | None) -> list[dict[str, Any]]:
        """Return the silences."""
        return await _done(self.silences.listed, state)

    async def get_silence(self, silence_id: str) -> Document:
        """Return one silence."""
        return await _done(self.silences.get, silence_id)

    async def make_exception(
        self, alert_id: str, fields: Sequence[dict[str, Any]], until: str, reason: str, by: str
    ) -> Document:
        """Let events with an alert's field values count no more for its rule, and return the exception."""
        end = moment_ahead("until", until, self._clock(), self._settings.exception_time_max)
        wanted = [Wanted(each["name"], "value" in each, each.get("value")) for each in fields]
        made = await _done(self.exceptions.add, alert_id, wanted, end, check_reason(reason), by)
        self._exceptions_changed()
        log.info("exception_created", exception=made["id"], rule=made["rule_id"], by=by)
        return made

    async def end_exception(self, exception_id: str, by: str) -> Document:
        """Take an exception out again."""
        ended = await _done(self.exceptions.end, exception_id, by)
        self._exceptions_changed()
        log.info("exception_ended", exception=exception_id, rule=ended["rule_id"], by=by)
        return ended

    async def excepted(self, state: str | None, rule: str | None) -> list[dict[str, Any]]:
        """Return the exceptions."""
        return await _done(self.exceptions.listed, state, rule)

    async def get_exception(self, exception_id: str) -> Document:
        """Return one exception."""
        return await _done(self.exceptions.get, exception_id)

    def _exceptions_changed(self) -> None:
        self._store.exceptions_changed()
        self._changed()

    # The clock ---------------------------------------------------------------------------------------------------

    async def run(self, stop: Stop, tell: Tell) -> None:
        """Begin and end what the clock does, and store what is to be told, until the stop."""
        while True:
            stopping = await stop.wait(self._settings.look_every)
            try:
                if await asyncio.to_thread(self.look):
                    self._changed()
                await self._tell_waiting(tell)
            except sqlite3.Error as error:
                self._failures.failed(str(error), next_step="free space for state.db; it is looked at again then")
            else:
                self._failures.succeeded()
            if stopping:
                return

    def rules_changed(self, inhibitions: Sequence[Inhibition]) -> None:
        """Take note that other rules are in force; the next :meth:`look` goes by what they say of each other."""
        self._store.hiding.inhibitions = tuple(inhibitions)
        self._active = None

    def look(self) -> bool:
        """Hide what silences hide now, announce those that end soon, note what is over; return whether it changed."""
        now = self._clock()
        state, news = self._store.state, self.silences.has_news(now) or self.exceptions.has_news(now)
        with state.locked() as connection:
            active = active_silences(connection, now)
        if not news and active == self._active:
            return False
        self._active = active  # before it is acted on: whatever changes meanwhile is looked at again
        try:
            with state.transaction() as connection:
                happened = self._store.hiding.judge_all(connection, now)
                write_transitions(connection, happened)
                self.silences.look(connection, now)
                self.exceptions.look(connection, now)
        except BaseException:
            self._active = None
            raise
        return bool(happened) or news

    async def _tell_waiting(self, tell: Tell) -> None:
        state = self._store.state
        while waiting := await asyncio.to_thread(waiting_reports, state):
            for each in waiting:
                failure = await tell([each.event], each.key)
                if failure is not None:
                    self._telling.failed(failure, next_step="it is stored once the store can write")
                    return
            await asyncio.to_thread(drop_reports, state, waiting)
        self._telling.succeeded()

    def _full(self, alert_id: str) -> dict[str, Any]:
        state = self._store.state
        view = find_alert(state.rows, alert_id)
        event_ids = self._store.evidence(view.state.id)
        events = [event for event_id in event_ids if (event := self._event_of(event_id)) is not None]
        history = transitions_of(state, view.state.id, HISTORY_MAX)
        return full_document(view, event_ids, events, history, self._settings.public_url)


async def _done(call: Callable[_P, _T], *arguments: _P.args, **keywords: _P.kwargs) -> _T:
    """Return what a call in a worker thread returns; raises ApiProblem 503 while the database cannot be used."""
    try:
        return await asyncio.to_thread(call, *arguments, **keywords)
    except sqlite3.Error as error:
        detail = f"the alerts cannot be read or changed: {error}; free space or repair the disk, then try again"
        raise ApiProblem(503, "alerts-unavailable", detail, headers={"Retry-After": "5"}) from error
