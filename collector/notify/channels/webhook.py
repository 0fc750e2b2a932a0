"""Webhooks after the Standard Webhooks specification (https://www.standardwebhooks.com, version 1).

The signature is ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.  The id is the same for every
attempt; the timestamp (Unix seconds) is the attempt's own, because receivers refuse what is older than five minutes.

The body is ``{type, timestamp, data}``.  Of a notification about one alert ``data`` is that alert; of one about
several it is ``{group, counts, alerts}``; of a digest ``{held, since}``.
"""

import asyncio
import base64
import hashlib
import hmac
from typing import Any, Final

import aiohttp
import orjson

from collector.notify.attempt import AttemptFailedError, Http
from collector.notify.channel_settings import WebhookSettings
from collector.notify.document import Document
from collector.notify.secret_files import SecretError
from watchbook.clock import SECOND_US, Clock

_TYPES: Final = {"new": "opened", "resolved": "resolved", "acknowledged": "acknowledged", "repeat": "repeated"}


class WebhookChannel:
    """A receiver of signed requests.  ``session`` belongs to the caller."""

    def __init__(self, settings: WebhookSettings, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._http = Http(session, settings.timeout)
        self._clock = clock

    async def send(self, notification: str, document: Document) -> str:
        """Make one attempt; see :class:`collector.notify.attempt.Channel`."""
        try:
            key = await asyncio.to_thread(self._settings.key)  # read anew each time, so that a secret can be renewed
        except SecretError as error:
            raise AttemptFailedError(f"the secret cannot be used: {error}") from error
        body = short_body(document) if self._settings.body == "short" else standard_body(document)
        now = self._clock()
        return await self._http.post(
            self._settings.url, body, signed_headers(key, notification, now // SECOND_US, body), now
        )


def standard_body(document: Document) -> bytes:
    """Return ``{type, timestamp, data}`` as Standard Webhooks recommends it (section "Payload structure")."""
    if "body" in document:  # what waited when an older version was replaced: its very bytes
        return str(document["body"]).encode()
    return orjson.dumps({"type": _type(document), "timestamp": document["time"], "data": _data(document)})


def short_body(document: Document) -> bytes:
    """Return ``{event, user, resource, timestamp}`` of the first event, without what it lacks."""
    if "body" in document:
        source = orjson.loads(document["body"]).get("data", {})
    else:
        source = document["alerts"][0] if document["alerts"] else {"event": document["subject"]}
    shown = {name: source.get(name) for name in ("event", "user", "resource", "timestamp")}
    shown["event"] = shown["event"] or source.get("title")
    shown["timestamp"] = shown["timestamp"] or document.get("time")
    return orjson.dumps({name: value for name, value in shown.items() if value is not None})


def signed_headers(key: bytes, notification: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt (Standard Webhooks, "Webhook headers")."""
    signed = f"{notification}.{timestamp_s}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "webhook-id": notification,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{signature}",
    }


def _type(document: Document) -> str:
    reason = document["reason"]
    if reason in ("digest", "calm"):
        return f"notifications.{'held_back' if reason == 'digest' else 'calm'}"
    if reason == "test":
        return "notification.test"
    return f"alert{'' if document['counts']['alerts'] == 1 else 's'}.{_TYPES[reason]}"


def _data(document: Document) -> dict[str, Any]:
    if document["reason"] in ("digest", "calm"):
        return {name: document[name] for name in ("held", "since") if name in document}
    if document["counts"]["alerts"] == 1:
        return dict(document["alerts"][0])
    return {name: document[name] for name in ("group", "standing", "level", "counts", "omitted", "alerts")}
