"""An alert desk on a real file, with a clock that a test moves, and what it tells."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from collector.alert import AlertDesk, AlertSettings, AlertStore, Fields, Transition, Watermark
from collector.detect import group_complaint, value_in
from collector.finding import AlertChange, Inhibition
from tests.collector.alert.alerts import EVENT, SECOND, START, event_id, open_state

DAY = 86_400 * SECOND


class _Waiting:
    def __init__(self, desk: AlertDesk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._desk, name)
        if not asyncio.iscoroutinefunction(method):
            return method
        return lambda *arguments: asyncio.run(method(*arguments))


class Office:
    """A desk, its store and its clock."""

    def __init__(self, folder: Path, *, inhibitions: Sequence[Inhibition] = (), **settings: Any) -> None:
        self.now = START + 10 * SECOND
        self.events: dict[str, Mapping[str, Any]] = {event_id(index): EVENT for index in range(3)}
        self.changes = 0
        limits = AlertSettings(**settings)
        self.store = AlertStore(open_state(folder), limits, inhibitions=inhibitions, clock=lambda: self.now)
        self.awaited = AlertDesk(
            self.store, limits, fields=Fields(group_complaint, value_in), event_of=self.events.get,
            changed=self._note, clock=lambda: self.now,
        )  # fmt: skip

    @property
    def desk(self) -> Any:
        """The desk, each of whose answers is waited for."""
        return _Waiting(self.awaited)

    def _note(self) -> None:
        self.changes += 1

    def say(self, *changes: AlertChange, number: int = 1) -> None:
        """Let the rules say something."""
        self.store.apply(changes, Watermark(number, self.now))

    def status(self, alert_id: str = "a1") -> tuple[str, str | None, str | None]:
        """Return an alert's status, and what silences and inhibits it."""
        view = self.store.alert(alert_id)
        assert view is not None
        return view.status, view.silenced_by, view.inhibited_by

    def kinds(self, alert_id: str = "a1") -> list[str]:
        """Return what happened to an alert."""
        return [each.kind for each in self.transitions() if each.alert_id == alert_id]

    def transitions(self) -> list[Transition]:
        """Return all that happened."""
        return self.store.transitions_after(0, 1000)

    def told(self) -> list[dict[str, Any]]:
        """Return the events that are to be stored."""
        rows = self.store.state.rows("select document from alert_report order by id")
        return [msgspec.json.decode(row[0]) for row in rows]
