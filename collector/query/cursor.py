"""The cursor: where the next page goes on, bound to the query it belongs to.

Format (opaque to clients): base64url without padding of a JSON array ``[1, digest, from, to, default, time, stream,
sequence, index]``.  ``digest`` names the query, so that a cursor cannot be used with another one; ``from`` and ``to``
are the resolved range, so that ``-1h`` means the same hour on every page.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from collector.query.errors import QueryError
from collector.query.order import Position
from collector.query.ranges import TimeRange
from watchbook.clock import TIME_MAX_US, TIME_MIN_US

VERSION: Final = 1
CURSOR_CHARS_MAX: Final = 512


#: What the store and RFC 3339 can hold; the exclusive end of all time is one more.
_Time = Annotated[int, msgspec.Meta(ge=TIME_MIN_US, le=TIME_MAX_US + 1)]


class _Content(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    digest: str
    time_from: _Time
    time_to: _Time | None
    default: bool
    time: _Time
    stream: str
    sequence: int
    index: int


def digest_of(filters: Mapping[str, Sequence[str]], texts: Sequence[str | None]) -> str:
    """Return a name for a query: the same for the same filters and texts, in whatever order the filters came.

    Of the texts, not of the plan: what was relative to the time of the first page would be another plan on the next.
    """
    canonical = msgspec.json.encode([sorted((name, sorted(values)) for name, values in filters.items()), list(texts)])
    return hashlib.sha256(canonical).hexdigest()[:16]


def encode_cursor(digest: str, time_range: TimeRange, position: Position) -> str:
    """Return the cursor that goes on after ``position``."""
    content = _Content(VERSION, digest, time_range.time_from, time_range.time_to, time_range.default, *position)
    return urlsafe_b64encode(msgspec.json.encode(content)).rstrip(b"=").decode()


def decode_cursor(text: str, digest: str) -> tuple[TimeRange, Position]:
    """Return the range and the position that a cursor holds; raises QueryError when it is none or another query's."""
    try:
        if len(text) > CURSOR_CHARS_MAX:
            raise ValueError("too long")
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        content = msgspec.json.decode(data, type=_Content)
    except (ValueError, msgspec.MsgspecError) as error:
        raise QueryError("this is no cursor; take 'next_cursor' from an answer as it is", parameter="cursor") from error
    if content.version != VERSION or content.digest != digest:
        raise QueryError(
            "the cursor belongs to another query; repeat the filters of the page it came from, or leave it out",
            parameter="cursor",
        )
    time_range = TimeRange(content.time_from, content.time_to, content.default)
    return time_range, Position(content.time, content.stream, content.sequence, content.index)
