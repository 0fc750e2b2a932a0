"""Prometheus Alertmanager, API v2: ``POST /api/v2/alerts`` (its ``api/v2/openapi.yaml``).

An alert is known there by its labels, which therefore never change.  One that fires is told with an ``endsAt`` in the
future, and again before that (:meth:`AlertmanagerChannel.refresh`), as Prometheus does it; one that is over with an
``endsAt`` that has passed.  What is told and what is refreshed take turns, so that a refresh never brings back what has
just ended.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import aiohttp
import orjson

from collector.notify.attempt import AttemptFailedError, Http
from collector.notify.channel_settings import AlertmanagerSettings
from collector.notify.channels.refreshed import Refreshed
from collector.notify.document import Document
from collector.notify.secret_files import SecretError, read_secret
from watchbook.clock import SECOND_US, Clock, format_rfc3339, parse_rfc3339

_RESENDS: Final = 4
_AT_ONCE: Final = 200
_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_OWN: Final = frozenset({"alertname", "severity", "rule", "alert_id", "source"})


class AlertmanagerChannel(Refreshed):
    """All instances of one Alertmanager.  ``session`` belongs to the caller."""

    def __init__(self, settings: AlertmanagerSettings, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._http = Http(session, settings.timeout)
        self._clock = clock
        self._turn = asyncio.Lock()

    @property
    def refresh_s(self) -> float:
        """How often :meth:`refresh` is to be called."""
        return self._settings.resend

    async def send(self, notification: str, document: Document) -> str:  # noqa: ARG002 - the labels are the key there
        """Make one attempt; see :class:`collector.notify.attempt.Channel`."""
        async with self._turn:
            return await self._post(document["alerts"], over=document["standing"] == "resolved")

    async def refresh(self, firing: Callable[[], Awaitable[Sequence[dict[str, Any]]]]) -> int:
        """Tell of all that fires again; return how many.  Raises AttemptFailedError."""
        async with self._turn:
            alerts = await firing()
            for start in range(0, len(alerts), _AT_ONCE):
                await self._post(alerts[start : start + _AT_ONCE], over=False)
        return len(alerts)

    async def _post(self, alerts: Sequence[dict[str, Any]], *, over: bool) -> str:
        now = self._clock()
        ends_in = round(self._settings.resend * _RESENDS * SECOND_US)
        body = orjson.dumps([alertmanager_alert(alert, now, now if over else now + ends_in) for alert in alerts])
        headers = await self._headers()
        told, failed = [], []
        for url in self._settings.urls:
            try:
                await self._http.post(f"{url.rstrip('/')}/api/v2/alerts", body, headers, now)
                told.append(url)
            except AttemptFailedError as error:
                failed.append((url, error))
        if not told:
            # The first one stands for all; who wants another attempt is asked again.
            first = failed[0][1]
            raise AttemptFailedError(
                "; ".join(f"{url}: {error}" for url, error in failed), retry_after_s=first.retry_after_s,
                permanent=all(error.permanent for _, error in failed),
            )  # fmt: skip
        return "; ".join([*(f"{url} took it" for url in told), *(f"{url}: {error}" for url, error in failed)])

    async def _headers(self) -> dict[str, str]:
        if self._settings.token_file is None:
            return {}
        try:
            token = await asyncio.to_thread(read_secret, self._settings.token_file)
        except SecretError as error:
            raise AttemptFailedError(f"the token cannot be used: {error}") from error
        return {"Authorization": f"Bearer {token}"}


def alertmanager_alert(alert: dict[str, Any], now: int, ends: int) -> dict[str, Any]:
    """Return a ``postableAlert``; ``ends`` has passed for one that is over."""
    starts = min(parse_rfc3339(alert["first"]), now)
    annotations = {
        "summary": alert["summary"],
        "description": alert.get("description"),
        "response": alert.get("response"),
        "runbook_url": alert.get("runbook"),
        "evidence": "\n".join(alert.get("evidence", ())),
        "acknowledge": f"watchbook ack {alert['id']}",
        "tags": ", ".join(alert.get("tags", ())),
    }
    return {
        "labels": labels_of(alert),
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": format_rfc3339(starts),
        "endsAt": format_rfc3339(max(ends, starts)),
    }


def labels_of(alert: dict[str, Any]) -> dict[str, str]:
    """Return the labels of an alert: its group's fields with ``_`` for what a label's name may not hold."""
    labels = {
        "alertname": alert["title"], "severity": alert["level"], "rule": alert["rule_id"], "alert_id": alert["id"],
        "source": "watchbook",
    }  # fmt: skip
    for name, value in alert["group"].items():
        label = _LABEL.sub("_", name)
        if value is not None and label not in _OWN and label and not label[0].isdigit():
            labels.setdefault(label, str(value))
    return {name: value for name, value in labels.items() if value}
