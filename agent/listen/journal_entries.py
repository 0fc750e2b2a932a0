"""What ``journalctl --output=json`` prints, made ready for a profile.  Pure.

Each entry is an object of texts.  A field that is no UTF-8 comes as a list of bytes, one that was given several times
as a list of values, one that is too large as null (not with ``--all``).  Here bytes become text (U+FFFD for what is no
UTF-8), a MESSAGE given several times becomes lines of one, and the cursor, unique for each entry, is taken out.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from watchbook.clock import SECOND_US

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_CURSOR: Final = "__CURSOR"
_DROPPED: Final = ("__MONOTONIC_TIMESTAMP", "__SEQNUM", "__SEQNUM_ID")
#: The parts of a cursor that name the entry; "s" and "i" are of the file that it is read from.
_IDENTITY: Final = ("b=", "m=", "t=", "x=")


class Entry(NamedTuple):
    """A line for the profile, and the cursor of its entry; None for a line that is no entry (it was cut)."""

    line: bytes
    cursor: str | None


class Position(NamedTuple):
    """Where a journal was read to: the mark of the input, as JSON.

    ``cursor``: of the last entry, None before the first of an empty journal.  ``filters``: with which options; only
    with the same ones that entry must be found again.
    """

    cursor: str | None
    filters: tuple[str, ...]


def encode_position(position: Position) -> bytes:
    """Return a position as it is stored."""
    return msgspec.json.encode({"cursor": position.cursor, "filters": position.filters})


def decode_position(mark: bytes | None) -> Position | None:
    """Return a stored position, None when there is none."""
    if mark is None:
        return None
    document = json.loads(mark)
    return Position(document["cursor"], tuple(document["filters"]))


def same_entry(one: str | None, other: str | None) -> bool:
    """Return whether two cursors name the same entry (sd_journal_test_cursor(3))."""
    return one == other or (one is not None and other is not None and _identity(one) == _identity(other))


def read_entry(line: bytes, form: Literal["json", "syslog"]) -> Entry:
    """Return what the profile is given of a line of journalctl's."""
    try:
        fields = _decode(line)
    except (msgspec.DecodeError, RecursionError):
        return Entry(line, None)
    cursor = fields.pop(_CURSOR, None)
    for name in _DROPPED:
        fields.pop(name, None)
    for name, value in fields.items():
        if value.__class__ is list:
            fields[name] = _text_or_list(name, value)
    return Entry(msgspec.json.encode(fields) if form == "json" else _syslog(fields), cursor)


def _text_or_list(name: str, values: list[Any]) -> Any:
    if _is_bytes(values):
        return bytes(values).decode(errors="replace")
    texts = [bytes(value).decode(errors="replace") if _is_bytes(value) else value for value in values]
    return "\n".join(map(str, texts)) if name == "MESSAGE" else texts


def _is_bytes(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(item.__class__ is int and 0 <= item < 256 for item in value)


def _syslog(fields: dict[str, Any]) -> bytes:
    """Return an entry as a syslog daemon writes it, with a stamp of RFC 3339."""
    us = int(fields.get("__REALTIME_TIMESTAMP", 0))
    stamp = datetime.fromtimestamp(us // SECOND_US, UTC).replace(microsecond=us % SECOND_US)
    host = str(fields.get("_HOSTNAME") or "localhost").replace(" ", "_")
    program = str(fields.get("SYSLOG_IDENTIFIER") or fields.get("_COMM") or "unknown").replace(" ", "_")
    pid = fields.get("SYSLOG_PID") or fields.get("_PID")
    tag = f"{program}[{pid}]" if pid else program
    message = fields.get("MESSAGE")
    return f"{stamp.isoformat(timespec='microseconds')} {host} {tag}: {'' if message is None else message}".encode()


def _identity(cursor: str) -> list[str]:
    return [part for part in cursor.split(";") if part.startswith(_IDENTITY)]
