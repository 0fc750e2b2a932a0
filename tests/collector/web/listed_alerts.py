"""Alerts in a list, as the alert store gives them; its cursors are numbers."""

from collections.abc import Mapping
from typing import Any

EVENT_ID = f"{'5' * 32}-1-0"


def an_alert(number: int) -> dict[str, Any]:
    """Return an alert; every second one is open."""
    is_open = bool(number % 2)
    alert: dict[str, Any] = {
        "id": f"a{number}",
        "rule_id": "11111111-2222-4333-8444-555555555555",
        "title": "Many failures",
        "level": "high",
        "status": "open" if is_open else "resolved",
        "summary": f"Many failures (actor.id mallory): {number} events",
        "tags": ["attack.t1110"],
        "falsepositives": [],
        "group": {"actor.id": "mallory", "org": None},
        "count": number,
        "first": "2026-11-21T11:59:00.000000Z",
        "last": "2026-11-21T12:00:00.000000Z",
        "opened": "2026-11-21T12:00:00.000000Z",
    }
    return alert if is_open else {**alert, "resolved": "2026-11-21T12:30:00.000000Z", "resolution": "quiet"}


class ListedAlerts:
    """Nine alerts, newest first."""

    def __init__(self) -> None:
        self.alerts = [an_alert(number) for number in range(9, 0, -1)]

    def page(
        self,
        *, status: str | None = None, rule: str | None = None, level: str | None = None, limit: int = 50,
        cursor: str | None = None,
    ) -> Mapping[str, Any]:  # fmt: skip
        start = int(cursor or 0)
        found = [alert for alert in self.alerts if status in (None, alert["status"])]
        more = start + limit < len(found)
        return {"alerts": found[start : start + limit], "next_cursor": str(start + limit) if more else None}

    def get(self, id: str) -> Mapping[str, Any] | None:  # noqa: A002
        return next(({**alert, "event_ids": [EVENT_ID]} for alert in self.alerts if alert["id"] == id), None)
