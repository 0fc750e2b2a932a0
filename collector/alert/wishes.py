"""What people ask for, read strictly: notes, reasons, moments ahead, matchers.  Pure; raises ApiProblem 422."""

from collections.abc import Sequence
from typing import Any, Final

from collector.alert.matchers import MATCHERS_MAX, Matcher, matcher_complaint
from collector.problem import ApiProblem, ErrorEntry
from watchbook.clock import SECOND_US, TIME_MAX_US, format_rfc3339, parse_rfc3339
from watchbook.units import format_duration, parse_duration

NOTE_CHARS_MAX: Final = 2000
REASON_CHARS_MAX: Final = 500


def wrong(field: str, message: str, kind: str = "invalid-document") -> ApiProblem:
    """Return the problem of one member of a request's body."""
    entry: ErrorEntry = {"field": field, "message": message}
    return ApiProblem(422, kind, f"{field!r}: {message}", errors=[entry])


def check_note(note: str | None) -> str | None:
    """Return a note without what surrounds it, None when nothing is left."""
    stripped = (note or "").strip()
    if len(stripped) > NOTE_CHARS_MAX:
        raise wrong("note", f"expected up to {NOTE_CHARS_MAX} characters, found {len(stripped)}")
    return stripped or None


def check_reason(reason: str) -> str:
    """Return a reason without what surrounds it."""
    stripped = reason.strip()
    if not 0 < len(stripped) <= REASON_CHARS_MAX:
        raise wrong("reason", f"expected why, in 1 to {REASON_CHARS_MAX} characters, found {len(stripped)}")
    return stripped


def moment_ahead(field: str, text: str, now: int, max_s: float) -> int:
    """Return the time that ``30d`` (from now), or RFC 3339, names: later than now, and not too far ahead."""
    try:
        ahead_s = parse_duration(text)
    except ValueError:
        try:
            moment = parse_rfc3339(text.strip())
        except (ValueError, OverflowError):
            expected = "expected how long from now (2h, 30d) or a time such as 2026-11-21T14:00:00Z"
            raise wrong(field, f"{expected}, found {text[:60]!r}") from None
    else:
        moment = now + round(min(ahead_s, TIME_MAX_US / SECOND_US) * SECOND_US)
    if moment <= now:
        raise wrong(field, f"expected a time ahead, found {format_rfc3339(moment)}")
    if moment - now > round(max_s * SECOND_US):
        raise wrong(field, f"expected at most {format_duration(max_s)} from now, found {text[:60]!r}")
    return moment


def check_matchers(given: Sequence[dict[str, Any]]) -> tuple[Matcher, ...]:
    """Return the matchers of a silence; every wrong one is named."""
    if not 0 < len(given) <= MATCHERS_MAX:
        raise wrong("matchers", f"expected 1 to {MATCHERS_MAX} matchers, found {len(given)}")
    matchers = [Matcher(each["name"], each.get("operator", "="), each["value"]) for each in given]
    found = [(index, complaint) for index, each in enumerate(matchers) if (complaint := matcher_complaint(each))]
    if found:
        errors: list[ErrorEntry] = [{"field": f"matchers[{index}]", "message": complaint} for index, complaint in found]
        raise ApiProblem(422, "invalid-matcher", "; ".join(complaint for _, complaint in found), errors=errors)
    return tuple(matchers)
