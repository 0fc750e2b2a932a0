"""One attempt: what can go wrong with it, and how HTTP is spoken in it."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import aiohttp

from collector.notify.document import Document
from watchbook import __version__
from watchbook.clock import SECOND_US

USER_AGENT: Final = f"watchbook/{__version__}"
_SHOWN_OF_ANSWER: Final = 200
_GONE: Final = 410
#: Answers to a request that will be the same the next time: what was said is not understood.
_NEVER: Final = (400, 413, 414, 415, 422)


class AttemptFailedError(Exception):
    """An attempt that the receiver did not take.

    ``retry_after_s`` is what the receiver asked for, None when it asked for nothing.  ``gone`` tells that it wants no
    more notifications at all, ``permanent`` that it will never take this one.
    """

    def __init__(
        self, reason: str, *, retry_after_s: float | None = None, gone: bool = False, permanent: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.gone = gone
        self.permanent = permanent


class Channel(Protocol):
    """Somebody who can be told."""

    async def send(self, notification: str, document: Document) -> str:
        """Make one attempt; return what the receiver said, raise AttemptFailedError when it did not take it."""
        ...


class Http:
    """Posts to one receiver.  ``session`` belongs to the caller.  ``named`` stands for the address in errors."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float, *, secret_url: bool = False) -> None:
        self._session = session
        self._timeout_s = timeout_s
        self._secret_url = secret_url

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], now_us: int) -> str:
        """Return the beginning of the answer to a request; raises AttemptFailedError unless it is 2xx in time."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers}
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                answer = await _beginning(response)
                if not 200 <= response.status < 300:
                    raise self._refused(response.status, response.headers, answer, now_us)
                return f"answered {response.status}{f': {answer}' if answer else ''}"
        except TimeoutError as error:
            raise AttemptFailedError(f"no answer within {self._timeout_s:g} s") from error
        except aiohttp.InvalidURL as error:
            raise AttemptFailedError("the address is none that can be posted to") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise AttemptFailedError(self._words(error)) from error

    def _words(self, error: Exception) -> str:
        text = str(error) or type(error).__name__
        return type(error).__name__ if self._secret_url and "/" in text else text

    def _refused(self, status: int, headers: Mapping[str, str], answer: str, now_us: int) -> AttemptFailedError:
        words = f"answered {status}"
        if 300 <= status < 400:
            where = "elsewhere" if self._secret_url else headers.get("Location", "nowhere")
            words += f" to {where}; redirects are not followed, set 'url' to the final address"
        elif answer:
            words += f": {answer}"
        return AttemptFailedError(
            words,
            retry_after_s=retry_after_s(headers.get("Retry-After"), now_us),
            gone=status == _GONE,
            permanent=status in _NEVER,
        )


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
    return " ".join("".join(c if c.isprintable() else " " for c in data.decode("utf-8", "replace")).split())
