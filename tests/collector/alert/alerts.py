"""Alert stores on real files, and changes to put into them."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from collector.alert import MIGRATIONS, AlertSettings, AlertStore
from collector.alert.documents import document_of
from collector.finding import AlertChange, AlertState, RuleBrief
from collector.state import COMPATIBILITY
from watchbook.database import connect

SECOND = 1_000_000
START = 1_795_000_000 * SECOND
STREAM = "a" * 32
RULE = RuleBrief(
    id="0b8d6a1e-54f4-4e4e-9e86-27e9bd2a6f35",
    title="Failure spike",
    level="high",
    description="Many failures.",
    response="Look.",
    runbook="https://example.com/runbook",
    tags=("attack.t1110",),
)
EVENT = {
    "time": START,
    "actor.type": "user",
    "actor.id": "alice",
    "actor.email": "alice@company.com",
    "action": "execute",
    "event_type": "notebook_executed",
    "resource.type": "notebook",
    "resource.name": "Q2 Sales Report",
}


def event_id(index: int) -> str:
    return f"{STREAM}-1-{index}"


def state(alert_id: str = "a1", events: int = 3, **more: Any) -> AlertState:
    known: dict[str, Any] = {
        "rule": RULE, "group": (("actor.id", "alice"),), "track": "", "first": START, "last": START + 5 * SECOND,
        "holds_from": START + 5 * SECOND, "holds_until": START + 5 * SECOND, "received": START + 6 * SECOND,
        "opened": START + 6 * SECOND,
    }  # fmt: skip
    return AlertState(id=alert_id, events=events, **(known | more))


def opened(alert_id: str = "a1", events: int = 3, **more: Any) -> AlertChange:
    return AlertChange("opened", state(alert_id, events, **more), tuple(event_id(index) for index in range(events)))


def updated(alert_id: str = "a1", before: int = 3, events: int = 5, **more: Any) -> AlertChange:
    ids = tuple(event_id(index) for index in range(before, events))
    return AlertChange("updated", state(alert_id, events, last=START + 9 * SECOND, **more), ids)


def resolved(alert_id: str = "a1", events: int = 3, **more: Any) -> AlertChange:
    over = state(alert_id, events, resolved=START + 300 * SECOND, resolution="quiet", **more)
    return AlertChange("resolved", over)


def open_state(folder: Path) -> sqlite3.Connection:
    folder.mkdir(exist_ok=True)
    connection = connect(folder / "state.db", compatibility=COMPATIBILITY)
    MIGRATIONS.apply(Database(connection))
    return connection


def open_store(folder: Path, **settings: Any) -> AlertStore:
    return AlertStore(open_state(folder), AlertSettings(**settings), clock=lambda: START)


def shown(store: AlertStore, alert_id: str) -> dict[str, Any] | None:
    """Return an alert as lists show it, with the ids of its events."""
    view = store.alert(alert_id)
    return None if view is None else {**document_of(view), "event_ids": store.evidence(alert_id)}
