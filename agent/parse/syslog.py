"""Syslog as it stands in files: ``TIMESTAMP HOST PROGRAM[PID]: MESSAGE``.

The timestamp is that of RFC 3164 (``Nov 21 14:05:09``, no year) or an ISO 8601 one, as rsyslog and systemd write it.
A line without ``PROGRAM:`` has a message only.  A leading ``<34>`` priority is kept.
"""

import re
from typing import Any, Final

from agent.parse.format import text_format

KEYS: Final = frozenset({"priority", "timestamp", "host", "program", "pid", "message"})

_PRIORITY: Final = re.compile(r"<([0-9]{1,3})>")
_SHORT_STAMP: Final = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")
_ISO_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)? ")


def read(text: str) -> dict[str, Any]:
    """Return the values of a line; raises ValueError with the reason."""
    values: dict[str, Any] = {}
    if text.startswith("<"):
        text = _read_priority(text, values)
    found = _SHORT_STAMP.match(text) or _ISO_STAMP.match(text)
    if found is None:
        raise ValueError("is not in the syslog format: expected a timestamp such as 'Nov 21 14:05:09' at its start")
    end = found.end()
    values["timestamp"] = text[: end - 1]
    host, _, rest = text[end:].partition(" ")
    if not host:
        raise ValueError("is not in the syslog format: expected a host name after the timestamp")
    values["host"] = host
    _read_tag(rest.rstrip("\r\n"), values)
    return values


def _read_priority(text: str, values: dict[str, Any]) -> str:
    found = _PRIORITY.match(text)
    if found is None:
        return text
    values["priority"] = int(found[1])
    return text[found.end() :]


def _read_tag(rest: str, values: dict[str, Any]) -> None:
    tag, colon, message = rest.partition(":")
    program, bracket, pid = tag.partition("[")
    if not colon or not program or " " in tag or (bracket and not pid.endswith("]")):
        values["message"] = rest
        return
    values["program"] = program
    number = pid[:-1]
    if number:
        values["pid"] = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else number
    values["message"] = message.removeprefix(" ")


SYSLOG: Final = text_format("syslog", KEYS, read)
