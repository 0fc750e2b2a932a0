"""Answers as JSON-able documents."""

from typing import Any, Final

import msgspec

from collector.query.budget import Reason
from collector.query.cursor import encode_cursor
from collector.query.ranges import TimeRange
from collector.query.search import Page
from watchbook.clock import TIME_MAX_US, format_rfc3339

Document = dict[str, Any]
_WORDS: Final[dict[Reason, str]] = {
    "deadline": "the query's time was up",
    "scan_budget": "the query had looked at as many events as one may",
    "stopping": "the collector is stopping",
}
encode: Final = msgspec.json.Encoder().encode


def array(items: list[bytes]) -> msgspec.Raw:
    """Return a JSON array of encoded items."""
    return msgspec.Raw(b"[" + b",".join(items) + b"]")


def page_document(page: Page, time_range: TimeRange, digest: str, last_number: int, damaged: int) -> Document:
    """Return ``{events, next_cursor, range, last_number, incomplete?}``."""
    document: Document = {
        "events": array(page.events),
        "next_cursor": page.after and encode_cursor(digest, time_range, page.after),
        "range": time_range.document(),
        "last_number": last_number,
    }
    if page.incomplete is not None:
        next_step = "go on with 'next_cursor'" if page.after is not None else "narrow the range with 'from' and 'to'"
        to = max(time_range.time_from, min(page.incomplete.searched_to, TIME_MAX_US))
        document["incomplete"] = {
            "reason": page.incomplete.reason,
            "message": f"{_WORDS[page.incomplete.reason]} before the whole range was searched; {next_step}",
            "searched_to": format_rfc3339(to),
        }
    elif damaged:
        document["incomplete"] = {**_damaged(damaged), "searched_to": format_rfc3339(time_range.time_from)}
    return document


def count_incomplete(reason: Reason | None, damaged: int, time_range: TimeRange) -> Document:
    """Return ``{"incomplete": …}`` for an answer that counts, nothing when it is complete."""
    searched_to = format_rfc3339(time_range.time_from)
    if reason is not None:
        message = f"{_WORDS[reason]} before everything was counted; narrow the range with 'from' and 'to'"
        return {"incomplete": {"reason": reason, "message": message, "searched_to": searched_to}}
    return {"incomplete": {**_damaged(damaged), "searched_to": searched_to}} if damaged else {}


def _damaged(blocks: int) -> Document:
    message = f"{blocks} blocks of events cannot be read; 'watchbook verify' says which"
    return {"reason": "damaged", "message": message}
