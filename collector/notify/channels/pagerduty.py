"""PagerDuty Events API v2 (https://developer.pagerduty.com/docs/events-api-v2/trigger-events/).

The ``dedup_key`` is that of the group, so that an incident is triggered, acknowledged and resolved as one.
"""

import asyncio
from typing import Any, Final

import aiohttp
import orjson

from collector.notify.attempt import AttemptFailedError, Http
from collector.notify.channel_settings import PagerDutySettings
from collector.notify.document import Document
from collector.notify.message import plain_text, subject_of
from collector.notify.secret_files import SecretError, read_secret
from watchbook.clock import Clock

_SUMMARY_CHARS: Final = 1024
_DETAIL_CHARS: Final = 20_000
_KEY_CHARS: Final = 255
_SEVERITIES: Final = {
    "critical": "critical", "high": "error", "medium": "warning", "low": "info", "informational": "info"
}  # fmt: skip
_ACTIONS: Final = {"firing": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}


class PagerDutyChannel:
    """A service of PagerDuty.  ``session`` belongs to the caller."""

    def __init__(self, settings: PagerDutySettings, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._http = Http(session, settings.timeout)
        self._clock = clock

    async def send(self, notification: str, document: Document) -> str:
        """Make one attempt; see :class:`collector.notify.attempt.Channel`.  A test is triggered and resolved."""
        try:
            key = await asyncio.to_thread(read_secret, self._settings.routing_key_file)
        except SecretError as error:
            raise AttemptFailedError(f"the integration key cannot be used: {error}") from error
        said = await self._post(pagerduty_event(key, notification, document))
        if document["reason"] == "test":
            said = f"{said}; resolved: {await self._post(pagerduty_event(key, notification, document, 'resolve'))}"
        return said

    async def _post(self, event: dict[str, Any]) -> str:
        return await self._http.post(self._settings.url, orjson.dumps(event), {}, self._clock())


def pagerduty_event(key: str, notification: str, document: Document, action: str | None = None) -> dict[str, Any]:
    """Return the event of a notification; ``action`` is said by how the group stands unless given."""
    action = action or _ACTIONS[document["standing"]]
    event: dict[str, Any] = {
        "routing_key": key, "event_action": action, "dedup_key": f"watchbook-{document['about']}"[:_KEY_CHARS]
    }  # fmt: skip
    if action != "trigger":
        return event
    first = document["alerts"][0] if document["alerts"] else {}
    payload = {
        "summary": subject_of(document)[:_SUMMARY_CHARS],
        "source": str(next((value for value in first.get("group", {}).values() if value is not None), "watchbook")),
        "severity": _SEVERITIES.get(document["level"], "error"),
        "timestamp": document["time"],
        "component": "watchbook",
        "group": first.get("title"),
        "class": first.get("rule_id"),
        "custom_details": {
            "text": plain_text(document)[:_DETAIL_CHARS],
            "notification": notification,
            "alerts": [alert["id"] for alert in document["alerts"]],
        },
    }
    event["payload"] = {name: value for name, value in payload.items() if value is not None}
    event["client"] = "Watchbook"
    links = [{"href": alert["runbook"], "text": f"Runbook: {alert['title']}"} for alert in document["alerts"]
             if str(alert.get("runbook", "")).startswith(("https://", "http://"))]  # fmt: skip
    if links:
        event["links"] = links
    return event
