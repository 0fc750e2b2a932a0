"""What an answer of the collector means.  Pure; the wire is described in the collector's OpenAPI document."""

import random
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from agent.ship.settings import ShipSettings
from watchbook.clock import EPOCH, SECOND_US

_OURS: Final = "urn:watchbook:problem:"
#: Problems with the headers: whatever stands between takes them away, the batch is not at fault.
_OF_HEADERS: Final = (f"{_OURS}stream", f"{_OURS}sequence")
_SHOWN_MAX: Final = 300


class Kind(Enum):
    """What to do after an answer."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # 401, 403: pause and show it
    RETRY = "retry"
    BUSY = "busy"  # 429: try again, nothing has failed
    POISON = "poison"  # 400, 413, 422: the batch itself is at fault
    GAP = "gap"  # 409: the collector expects another sequence
    CONFLICT = "conflict"  # 409: another sender uses this stream


class Verdict(NamedTuple):
    """``indexes``: the events at fault, None when it is not said; ``wait_s``: what Retry-After asks for."""

    kind: Kind
    reason: str = ""
    expected: int | None = None
    indexes: tuple[int, ...] | None = None
    wait_s: float | None = None


def judge(status: int, headers: Mapping[str, str], body: Any, now: int) -> Verdict:
    """Return what an HTTP answer means; ``body`` is the decoded JSON, or None, ``now`` microseconds since the epoch."""
    problem: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    reason = f"{status} {problem.get('detail') or problem.get('title') or ''}".strip()[:_SHOWN_MAX]
    if status == 200:
        return Verdict(Kind.ACCEPTED)
    if status in (401, 403):
        return Verdict(Kind.REFUSED, reason)
    if 300 <= status < 400:
        return Verdict(Kind.RETRY, moved(status, headers))
    if status == 407:
        return Verdict(Kind.RETRY, "407: the proxy wants a user and a password; check 'collector.proxy'")
    if status == 409:
        expected = problem.get("expected")
        return Verdict(Kind.GAP, reason, expected) if isinstance(expected, int) else Verdict(Kind.CONFLICT, reason)
    # Only a Watchbook problem says that the batch is at fault: a proxy's 413 page must not cost an event.
    if status in (400, 413, 422) and is_ours(problem) and problem["type"] not in _OF_HEADERS:
        errors = [error for error in problem.get("errors") or () if isinstance(error, Mapping)]
        places = tuple(error["index"] for error in errors if isinstance(error.get("index"), int))
        return Verdict(Kind.POISON, reason, indexes=places or None)
    return Verdict(Kind.BUSY if status == 429 else Kind.RETRY, reason, wait_s=retry_after(headers, now))


def is_ours(body: Any) -> bool:
    """Whether a decoded body is a problem of a Watchbook collector, and not of something in between."""
    return isinstance(body, Mapping) and str(body.get("type")).startswith(_OURS)


def moved(status: int, headers: Mapping[str, str]) -> str:
    """Return what a redirect means for a sysadmin."""
    location = headers.get("Location", "").removesuffix("/v1/batches")[:_SHOWN_MAX]
    if not location or not location.isprintable():
        return f"{status}: the collector's address has changed, the answer does not say to which; check 'collector.url'"
    return (
        f"{status}: the collector's address is now {location}; set 'collector.url' to it "
        "(a redirect is not followed: it would carry the token along)"
    )


def retry_wait(settings: ShipSettings, attempt: int) -> float:
    """Return seconds before the next try: doubling from ``retry_min`` to ``retry_max``, jittered by half."""
    longest = min(float(settings.retry_max), settings.retry_min * 2.0 ** min(attempt, 32))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret


def retry_after(headers: Mapping[str, str], now: int) -> float | None:
    """Return the seconds that Retry-After asks for (RFC 9110, section 10.2.3), None when it does not, or not clearly.

    A date counts from the answer's own Date: the clocks of the two hosts may differ.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal() and value.isascii():
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    sent = _http_date(headers.get("Date", ""))
    return max(0.0, (until - (now if sent is None else sent)) / SECOND_US)


def _http_date(text: str) -> int | None:
    from email.utils import parsedate_to_datetime  # half a megabyte, and hardly any answer has a date to read

    try:
        moment: datetime = parsedate_to_datetime(text)
        return None if moment.tzinfo is None else int((moment - EPOCH).total_seconds()) * SECOND_US
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
