"""A little webhook receiver: takes alerts, checks their Standard Webhooks signature, and keeps each of them once.

The signature scheme (standardwebhooks.com, "v1"): HMAC-SHA256 over ``{id}.{timestamp}.{body}`` with the secret's bytes,
in base64, in the header ``webhook-signature`` as one or more ``v1,…`` separated by spaces.  The secret is written as
``whsec_`` and base64.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from watchbook.clock import SECOND_US, Clock, now_us

TOLERANCE_S: Final = 300
BODY_BYTES_MAX: Final = 1 << 20
PATH: Final = "/hook"

OnAlert = Callable[[Mapping[str, Any]], None]


class SignatureError(Exception):
    """The request was not signed with our secret, or not just now."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, time_us: int) -> str:
    """Return the message's id; raises SignatureError."""
    try:
        message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        signatures = headers["webhook-signature"].split()
        age_s = abs(time_us / SECOND_US - int(timestamp))
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (KeyError, ValueError, binascii.Error) as error:
        raise SignatureError(f"a header is missing or malformed: {error}") from error
    if age_s > TOLERANCE_S:
        raise SignatureError(f"the timestamp is {age_s:.0f} s away from now")
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    expected = f"v1,{base64.b64encode(digest).decode()}"
    if not any(hmac.compare_digest(expected, signature) for signature in signatures):
        raise SignatureError("the signature does not fit the body")
    return message_id


class Receiver:
    """Takes alerts at ``url`` while it is entered; hands each new one to ``on_alert``."""

    def __init__(self, secret: str, on_alert: OnAlert, clock: Clock = now_us) -> None:
        self.url = ""
        self.refused = 0
        self._secret = secret
        self._on_alert = on_alert
        self._clock = clock
        self._seen: set[str] = set()
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> "Receiver":
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}{PATH}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            message_id = verify(self._secret, request.headers, body, self._clock())
            message = json.loads(body)
        except (SignatureError, ValueError) as error:
            self.refused += 1
            return web.Response(status=401, text=f"{error}\n")
        if message_id not in self._seen:  # an alert is sent at least once
            self._seen.add(message_id)
            self._on_alert(message)
        return web.Response(status=204)
