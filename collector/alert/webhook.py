"""Webhooks after the Standard Webhooks specification (https://www.standardwebhooks.com, version 1).

The signature is ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.  The id is the same for every
attempt; the timestamp (Unix seconds) is the attempt's own, because receivers refuse what is older than five minutes.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from collector.alert.settings import WebhookSettings
from watchbook import __version__
from watchbook.clock import SECOND_US, Clock

_SHOWN_OF_ANSWER: Final = 200
_GONE: Final = 410


class AttemptFailedError(Exception):
    """An attempt that the receiver did not take.

    ``retry_after_s`` is what the receiver asked for, None when it asked for nothing.  ``gone`` tells that it wants no
    more notifications at all.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, gone: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.gone = gone


class Webhook:
    """A receiver of notifications.  ``session`` belongs to the caller."""

    def __init__(self, settings: WebhookSettings, session: aiohttp.ClientSession, clock: Clock) -> None:
        self._settings = settings
        self._session = session
        self._clock = clock

    async def send(self, notification: str, payload: str) -> None:
        """Make one attempt; raises AttemptFailedError unless the receiver answered with 2xx in time."""
        try:
            key = await asyncio.to_thread(self._settings.key)  # read anew each time, so that a secret can be renewed
        except (OSError, ValueError) as error:
            raise AttemptFailedError(f"the secret cannot be used: {error}") from error
        headers = signed_headers(key, notification, self._clock() // SECOND_US, payload.encode())
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout)
        try:
            async with self._session.post(
                self._settings.url, data=payload.encode(), headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if not 200 <= response.status < 300:
                    raise self._refused(response.status, response.headers, await _beginning(response))
        except TimeoutError as error:
            raise AttemptFailedError(f"no answer within {self._settings.timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AttemptFailedError(str(error) or type(error).__name__) from error

    def _refused(self, status: int, headers: Mapping[str, str], answer: str) -> AttemptFailedError:
        words = f"answered {status}"
        if 300 <= status < 400:
            words += (
                f" to {headers.get('Location', 'nowhere')}; redirects are not followed, set 'url' to the final address"
            )
        elif answer:
            words += f": {answer}"
        return AttemptFailedError(
            words, retry_after_s=retry_after_s(headers.get("Retry-After"), self._clock()), gone=status == _GONE
        )


def signed_headers(key: bytes, notification: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt (Standard Webhooks, "Webhook headers")."""
    signed = f"{notification}.{timestamp_s}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": f"watchbook/{__version__}",
        "webhook-id": notification,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{signature}",
    }


def retry_after_s(value: str | None, now_us: int) -> float | None:
    """Return the seconds that a Retry-After asks for (RFC 9110, section 10.2.3); None when it cannot be read."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:10])
    try:
        moment = parsedate_to_datetime(text)
        return max(moment.timestamp() - now_us / SECOND_US, 0.0)
    except (ValueError, OverflowError):
        return None


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """Return the beginning of an answer on one line; a receiver decides what it sends, so no more is read."""
    data = await response.content.read(_SHOWN_OF_ANSWER)
    return " ".join(data.decode("utf-8", "replace").split())
