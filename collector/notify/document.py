"""What a notification says, before a channel puts it into its own form: a JSON object that is kept with it.

``{id, reason, standing, level, time, subject, group, counts, alerts, omitted, held?, since?}``: ``subject`` is one
line, ``alerts`` hold all that an on-call person needs (see :func:`alert_document`), the new ones first; ``omitted`` is
how many alerts are not shown.  ``reason``: new, resolved, acknowledged, repeat, digest, calm or test.  It is made once,
when the notification is planned, so that every attempt says the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collector.finding import AlertState, response_of
from collector.notify.flow import Tell
from collector.notify.groups import Held
from collector.notify.view import AlertView, EventOf
from watchbook.clock import format_rfc3339

Document = dict[str, Any]
_EVIDENCE_CHARS: Final = 400
_SUBJECT_CHARS: Final = 200


class Describer:
    """Makes documents.  ``event_of`` is asked for the first events of an alert; what is gone is left out."""

    def __init__(self, event_of: EventOf, *, alerts_max: int, evidence_max: int) -> None:
        self._event_of = event_of
        self._alerts_max = alerts_max
        self._evidence_max = evidence_max

    def describe(self, tell: Tell, views: Mapping[str, AlertView]) -> Document:
        """Return the document of a notification."""
        shown = [views[alert_id] for alert_id in tell.alerts if alert_id in views]
        new, over = set(tell.fresh), set(tell.over)
        document: Document = {
            "id": tell.id,
            "reason": tell.reason,
            "standing": tell.standing,
            "level": tell.level,
            "time": format_rfc3339(tell.time),
            "subject": one_line(_subject(tell, shown))[:_SUBJECT_CHARS],
            "about": tell.subject,
            "group": dict(tell.key),
            "counts": {
                "alerts": len(shown),
                "new": len(new),
                "over": len(over),
                "firing": sum(view.status == "open" for view in shown),
            },
            "alerts": [self.alert(view) for view in shown[: self._alerts_max]],
            "omitted": max(0, len(shown) - self._alerts_max),
        }
        if tell.repeats:
            document["repeats"] = tell.repeats
        if tell.held:
            document["held"] = [_held(rule_id, held) for rule_id, held in tell.held]
        if tell.since is not None:
            document["since"] = format_rfc3339(tell.since)
        return document

    def alert(self, view: AlertView) -> dict[str, Any]:
        """Return an alert as notifications show it, with its first events."""
        events = []
        for event_id in view.event_ids[: self._evidence_max]:
            event = self._event_of(event_id)
            if event is not None:
                events.append(event)
        return alert_document(view, events)


def alert_document(view: AlertView, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an alert for a notification, without what it lacks; ``events`` are its first ones, in flat form.

    Of the first event there is also the short form that simple receivers read: event, user, resource, timestamp.
    """
    alert, rule = view.alert, view.alert.rule
    shown = {
        "id": alert.id,
        "rule_id": rule.id,
        "title": rule.title,
        "level": rule.level,
        "status": view.status,
        "summary": summary(alert),
        "description": rule.description,
        "response": response_of(alert),
        "runbook": rule.runbook,
        "tags": list(rule.tags),
        "falsepositives": list(rule.falsepositives),
        "group": dict(alert.group),
        "count": alert.events,
        "first": format_rfc3339(alert.first),
        "last": format_rfc3339(alert.last),
        "opened": format_rfc3339(alert.opened),
        "resolved": None if alert.resolved is None else format_rfc3339(alert.resolved),
        "resolution": alert.resolution,
        "by": view.by,
        "note": view.note,
        "muted": view.muted,
        "event_ids": list(view.event_ids),
        "evidence": [evidence_line(event) for event in events],
        **_short(events[0] if events else None, alert),
    }
    return {name: value for name, value in shown.items() if value is not None}


def trial_document(channel: str, now: int) -> Document:
    """Return what a test of a channel says: marked as one, but formed like any other."""
    alert = {
        "id": f"test-{now // 1_000_000}",
        "rule_id": "watchbook.test",
        "title": "Test of a notification channel",
        "level": "informational",
        "status": "open",
        "summary": f"Test of the channel {channel}: nothing happened",
        "description": f"Somebody ran 'watchbook notify test {channel}' to see whether messages arrive.",
        "response": "Nothing is to be done.",
        "tags": ["watchbook.test"],
        "falsepositives": [],
        "group": {"channel": channel},
        "count": 1,
        "first": format_rfc3339(now),
        "last": format_rfc3339(now),
        "opened": format_rfc3339(now),
        "event_ids": [],
        "evidence": ["this line stands where the first events of an alert would"],
        "timestamp": format_rfc3339(now),
        "event": "notification_test",
    }
    return {
        "id": f"test-{now}-{channel}",
        "reason": "test",
        "standing": "firing",
        "level": "informational",
        "time": format_rfc3339(now),
        "subject": f"TEST of the channel {channel}",
        "about": f"test-{now}-{channel}",
        "group": {"channel": channel},
        "counts": {"alerts": 1, "new": 1, "over": 0, "firing": 1},
        "alerts": [alert],
        "omitted": 0,
    }


def summary(alert: AlertState) -> str:
    """Return one line that says what it is about: ``Failure spike (actor.id alice): 12 events``."""
    about = ", ".join(f"{name} {'none' if value is None else value}" for name, value in alert.group)
    return f"{alert.rule.title}{f' ({about})' if about else ''}: {alert.events} event{'' if alert.events == 1 else 's'}"


def evidence_line(event: Mapping[str, Any]) -> str:
    """Return one line for an event: its time, and the original line, its sentence, or who did what to which."""
    text = event.get("raw") or event.get("message")
    if not text:
        who = event.get("actor.email") or event.get("actor.id") or event.get("actor.name") or event.get("actor.type")
        what = event.get("event_type") or event.get("action")
        which = event.get("resource.name") or event.get("resource.id") or event.get("resource.type")
        parts = (who, what, which, event.get("outcome"), event.get("source.ip"))
        text = " ".join(str(part) for part in parts if part is not None)
    line = one_line(f"{format_rfc3339(event['time'])[:19]}Z {text}")
    return line if len(line) <= _EVIDENCE_CHARS else f"{line[: _EVIDENCE_CHARS - 1]}…"


def one_line(text: str) -> str:
    """Return a text on one line, without characters that could pass for something else: an event chose them."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split(" ")).strip()


def _subject(tell: Tell, shown: Sequence[AlertView]) -> str:
    if tell.reason == "digest":
        new = sum(held.new for _, held in tell.held)
        return f"HELD BACK: {new} alert{'' if new == 1 else 's'} of {_plural(len(tell.held), 'rule')}"
    if tell.reason == "calm":
        return "Notifications are no longer held back"
    marks = {"resolved": "RESOLVED", "acknowledged": "ACKNOWLEDGED", "firing": tell.level.upper()}
    mark = f"STILL {tell.level.upper()}" if tell.reason == "repeat" else marks[tell.standing]
    first = summary(shown[0].alert) if shown else "alert"
    more = f" and {_plural(len(shown) - 1, 'more alert')}" if len(shown) > 1 else ""
    return f"{mark}: {first}{more}"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _held(rule_id: str, held: Held) -> dict[str, Any]:
    return {
        "rule_id": rule_id, "title": held.title, "level": held.level, "new": held.new, "over": held.over,
        "repeats": held.repeats,
    }  # fmt: skip


def _short(event: Mapping[str, Any] | None, alert: AlertState) -> dict[str, Any]:
    if event is None:
        return {"timestamp": format_rfc3339(alert.first)}
    return {
        "event": event.get("event_type") or "_".join(
            part for part in (event.get("resource.type"), event.get("action")) if part
        ),
        "user": event.get("actor.email") or event.get("actor.id") or event.get("actor.name") or event.get("actor.type"),
        "resource": event.get("resource.name") or event.get("resource.id") or event.get("resource.type"),
        "timestamp": format_rfc3339(event["time"]),
    }  # fmt: skip
