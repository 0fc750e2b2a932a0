"""What an answer of the collector means.  Pure; the wire is described in the collector's OpenAPI document."""

import random
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from agent.ship.settings import ShipSettings

_OURS = "urn:watchbook:problem:"


class Kind(Enum):
    """What to do after an answer."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # 401, 403: pause and show it
    RETRY = "retry"
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


def judge(status: int, headers: Mapping[str, str], body: Any) -> Verdict:
    """Return what an HTTP answer means; ``body`` is the decoded JSON, or None."""
    problem: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    reason = f"{status} {problem.get('detail') or problem.get('title') or ''}".strip()
    if status == 200:
        return Verdict(Kind.ACCEPTED)
    if status in (401, 403):
        return Verdict(Kind.REFUSED, reason)
    if status == 409:
        expected = problem.get("expected")
        return Verdict(Kind.GAP, reason, expected) if isinstance(expected, int) else Verdict(Kind.CONFLICT, reason)
    # Only a Watchbook problem says that the batch is at fault: a proxy's 413 page must not cost an event.
    if status in (400, 413, 422) and str(problem.get("type")).startswith(_OURS):
        errors = [error for error in problem.get("errors") or () if isinstance(error, Mapping)]
        places = tuple(error["index"] for error in errors if isinstance(error.get("index"), int))
        return Verdict(Kind.POISON, reason, indexes=places or None)
    return Verdict(Kind.RETRY, reason, wait_s=_retry_after(headers))


def retry_wait(settings: ShipSettings, attempt: int) -> float:
    """Return seconds before the next try: doubling from ``retry_min`` to ``retry_max``, jittered by half."""
    longest = min(float(settings.retry_max), settings.retry_min * 2.0 ** min(attempt, 32))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isdecimal() and value.isascii() else None
