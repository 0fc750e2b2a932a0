"""What a notification says: the body of a webhook, ``{type, timestamp, data}`` as Standard Webhooks recommends it.

``data`` is the alert and, of its first event, the short form that simple receivers read: ``event``, ``user``,
``resource`` and ``timestamp``.  The bytes are made once, when the alert changes, so that every attempt sends the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from collector.finding import AlertChange, AlertState
from watchbook.clock import format_rfc3339

#: The type of a notification by the kind of change; a change of another kind is told to nobody.
TYPES: Final = {"opened": "alert.opened", "resolved": "alert.resolved"}


def notification_id(change: AlertChange, channel: str) -> str:
    """Return the idempotency key of telling one channel about one change: letters, digits, ``-`` and ``_`` only."""
    return f"{change.alert.id}-{change.kind}-{channel}"


def notification_body(change: AlertChange, event_ids: Sequence[str], event: Mapping[str, Any] | None) -> str:
    """Return the JSON of a notification.

    ``event_ids`` are the ids that the alert keeps, ``event`` is its first event in flat form, if it can still be read.
    """
    alert = change.alert
    when = alert.resolved if change.kind == "resolved" and alert.resolved is not None else alert.opened
    data = {**alert_json(alert), "event_ids": list(event_ids), **first_event(event, alert)}
    return orjson.dumps({"type": TYPES[change.kind], "timestamp": format_rfc3339(when), "data": data}).decode()


def alert_json(alert: AlertState) -> dict[str, Any]:
    """Return an alert as the API and notifications show it, without its event ids and without what it lacks."""
    shown = {
        "id": alert.id,
        "rule_id": alert.rule.id,
        "title": alert.rule.title,
        "level": alert.rule.level,
        "status": "open" if alert.resolved is None else "resolved",
        "summary": summary(alert),
        "description": alert.rule.description,
        "response": alert.rule.response,
        "runbook": alert.rule.runbook,
        "tags": list(alert.rule.tags),
        "falsepositives": list(alert.rule.falsepositives),
        "group": dict(alert.group),
        "count": alert.events,
        "first": format_rfc3339(alert.first),
        "last": format_rfc3339(alert.last),
        "opened": format_rfc3339(alert.opened),
        "resolved": None if alert.resolved is None else format_rfc3339(alert.resolved),
        "resolution": alert.resolution,
    }
    return {name: value for name, value in shown.items() if value is not None}


def summary(alert: AlertState) -> str:
    """Return one line that says what it is about: ``Failure spike (actor.id alice): 12 events``."""
    about = ", ".join(f"{name} {'none' if value is None else value}" for name, value in alert.group)
    return f"{alert.rule.title}{f' ({about})' if about else ''}: {alert.events} event{'' if alert.events == 1 else 's'}"


def first_event(event: Mapping[str, Any] | None, alert: AlertState) -> dict[str, Any]:
    """Return the short form of an alert's first event; only its time when the event can no longer be read."""
    if event is None:
        return {"timestamp": format_rfc3339(alert.first)}
    shown = {
        "event": event.get("event_type") or _words(event.get("resource.type"), event.get("action")),
        "user": event.get("actor.email") or event.get("actor.id") or event.get("actor.name") or event.get("actor.type"),
        "resource": event.get("resource.name") or event.get("resource.id") or event.get("resource.type"),
        "timestamp": format_rfc3339(event["time"]),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _words(*parts: str | None) -> str:
    return "_".join(part for part in parts if part)
