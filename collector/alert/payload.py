"""An alert as JSON shows it."""

from typing import Any

from collector.finding import AlertState, response_of
from watchbook.clock import format_rfc3339


def alert_json(alert: AlertState) -> dict[str, Any]:
    """Return an alert as the API shows it, without its event ids and without what it lacks."""
    shown = {
        "id": alert.id,
        "rule_id": alert.rule.id,
        "title": alert.rule.title,
        "level": alert.rule.level,
        "status": "open" if alert.resolved is None else "resolved",
        "summary": summary(alert),
        "description": alert.rule.description,
        "response": response_of(alert),
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
