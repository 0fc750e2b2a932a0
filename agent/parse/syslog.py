r"""Syslog: lines of files and messages from the network, in whichever of its forms each one is.

- RFC 5424: ``<34>1 2026-11-21T14:05:09.003Z HOST PROGRAM PID MSGID [ID NAME="VALUE"] MESSAGE``; ``-`` is no value.
- RFC 3164 and what stands in files: ``<34>TIMESTAMP HOST PROGRAM[PID]: MESSAGE``.  The timestamp is that of the RFC
  (``Nov 21 14:05:09``, no year), one with a year (``Nov 21 2026 14:05:09``, Cisco), or an ISO 8601 one, as rsyslog and
  systemd write it.  The priority may be missing, and so may the host (programs leave it out when they write to
  ``/dev/log``).  A line without ``PROGRAM:`` has a message only.  The stamp's day may have one digit (busybox), and
  more than one blank may follow it (macOS); ``[PROGRAM]`` for host and program is metalog's, and
  ``[ID NUMBER FACILITY.SEVERITY]`` before the message is Solaris'.
- a priority and then anything: a message without a time.
- an entry of the systemd journal as JSON: ``agent.parse.journal_entry``.

A priority becomes ``facility`` and ``severity``; one that is none (above 191, or ``<007>``) is kept as ``priority``.
Structured data becomes ``{ID: {NAME: VALUE}}``, a NAME that comes twice a list of its values; what does not keep to
the RFC is left in the message.
"""

import re
from typing import Any, Final

from agent.parse.format import text_format
from agent.parse.journal_entry import FIELDS, read_entry

KEYS: Final = frozenset(
    {
        "facility", "severity", "priority", "timestamp", "host", "program", "pid", "msgid", "structured_data",
        "message", FIELDS,
    }
)  # fmt: skip

FACILITIES: Final = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", *(f"local{number}" for number in range(8)),
)  # fmt: skip
SEVERITIES: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_SEVERITY_NAMES: Final = {name: name for name in SEVERITIES} | {"error": "err", "warn": "warning", "panic": "emerg"}
_PRIORITIES: Final = {
    str(facility * 8 + severity): (FACILITIES[facility], SEVERITIES[severity])
    for facility in range(24)
    for severity in range(8)
}
_HEADS_5424: Final = {f"<{priority}>1": names for priority, names in _PRIORITIES.items()}

# Digits written out one by one, and nothing given back: half the time of counts.
_D2: Final = "[0-9][0-9]"
_SHORT: Final = rf"[A-Z][a-z][a-z] [ 0-9]?[0-9] {_D2}:{_D2}:{_D2}(?:\.[0-9]{{1,6}}+)?+"
_ISO: Final = rf"{_D2}{_D2}-{_D2}-{_D2}[T ]{_D2}:{_D2}(?::{_D2}(?:[.,][0-9]++)?+)?+(?:Z|[+-]{_D2}:?{_D2})?+"
# A line in order, with all its parts; every other is taken apart step by step.
_BEHIND_STAMP: Final = r" ([^ ]++) ([^ :\[]++)(?:\[([0-9]++)\])?+: ?+(.*+)"
_ORDINARY: Final = re.compile(rf"(?:<([0-9]{{1,3}}+)>)?+({_SHORT}|{_ISO}){_BEHIND_STAMP}", re.DOTALL)
_PRIORITY: Final = re.compile(r"<([0-9]{1,3})>")
_STAMP: Final = re.compile(rf"({_SHORT}|{_ISO}) +")
_STAMP_WITH_YEAR: Final = re.compile(r"([A-Z][a-z]{2} [ 0-9][0-9]) ([0-9]{4}) ([0-9]{2}:[0-9]{2}:[0-9]{2})(?: |(?=:))")
_TAG: Final = re.compile(r"[^ :\[]+(?:\[[^\]]*\])?:")
_BRACKETED: Final = re.compile(r"\[([A-Za-z_][\w./-]*)\](?::| (?=\S))")
_MESSAGE_ID: Final = re.compile(r"\[ID ([0-9]+) ([a-z0-9]+)\.([a-z]+)\] ")
_NAMED: Final = re.compile(r"[A-Za-z_/.(][^ :\[]*(?:\[[^\]]*\])?: ")

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Structured data: what stands before a value in the quick way, and element by element.
_BEFORE_VALUE: Final = re.compile(r'(?:\]\[([^ ="\]]++))? ([^ ="\]]++)=')
_ELEMENT: Final = re.compile(r'\[([^ ="\]]++)')
_PARAMETER: Final = re.compile(r' ([^ ="\]]++)="((?:[^"\\]|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(["\\\]])')
#: Shapes of structured data that are remembered.
_SHAPES_MAX: Final = 1024

#: Texts before the values, in order -> the elements: (id, names, and from where to where in the values).
_Shape = tuple[tuple[str, tuple[str, ...], int, int], ...]
_shapes: dict[tuple[str, ...], _Shape] = {}


def read(text: str) -> dict[str, Any]:
    """Return the values of a line; raises ValueError with the reason."""
    if text[:1] == "<":
        parts = text.split(" ", 6)
        names = _HEADS_5424.get(parts[0])
        if names is not None and len(parts) == 7 and (parts[1] == "-" or parts[1][10:11] == "T"):
            return _read_5424(names, parts)
    found = _ORDINARY.fullmatch(text)
    if found is None:
        return _read_parts(text)
    priority, stamp, host, program, pid, message = found.groups()
    if host[-1] == ":":
        return _read_parts(text)
    if message[-1:] in "\r\n":  # or empty
        message = message.rstrip("\r\n")
    if pid is None:
        values: dict[str, Any] = {"timestamp": stamp, "host": host, "program": program, "message": message}
    else:
        number = int(pid) if len(pid) < 19 and (pid[0] != "0" or pid == "0") else pid
        values = {"timestamp": stamp, "host": host, "program": program, "pid": number, "message": message}
    if priority is not None:
        values = {**_of_priority(priority), **values}
    if message[:1] == "[" and message[:4] == "[ID ":
        _take_message_id(values)
    return values


def _read_5424(names: tuple[str, str], parts: list[str]) -> dict[str, Any]:
    _, stamp, host, program, pid, msgid, rest = parts
    values: dict[str, Any] = {
        "facility": names[0], "severity": names[1], "timestamp": stamp, "host": host, "program": program, "pid": pid,
        "msgid": msgid,
    }  # fmt: skip
    if "-" in parts:
        values = {key: value for key, value in values.items() if value != "-"}
    if pid.isdecimal():
        values["pid"] = _number_or_text(pid)
    if rest[:1] == "[":
        found = _quick_elements(rest)
        if found is None:
            found = _elements(rest)
        elements, end = found
        if elements:
            values["structured_data"] = elements
        rest = rest[end + 1 :] if rest[end : end + 1] == " " else rest[end:]
    elif rest[:2] == "- ":
        rest = rest[2:]
    elif rest.rstrip("\r\n") == "-":
        return values
    if rest[-1:] in ("\r", "\n"):
        rest = rest.rstrip("\r\n")
    if rest[:1] == "\ufeff":
        rest = rest[1:]
    if rest:
        values["message"] = rest
    return values


def _read_parts(text: str) -> dict[str, Any]:
    """Read what is not RFC 5424 and lacks something, step by step."""
    if text[:1] == "{":
        entry = read_entry(text)
        if entry is not None:
            return entry
    values: dict[str, Any] = {}
    found = _PRIORITY.match(text)
    if found is not None:
        values = _of_priority(found[1])
        text = text[found.end() :]
    if stamp := _STAMP.match(text):
        values["timestamp"] = stamp[1]
        text = text[stamp.end() :]
    elif (stamp := _STAMP_WITH_YEAR.match(text)) and stamp[1][:3] in _MONTHS:
        month = _MONTHS.index(stamp[1][:3]) + 1
        values["timestamp"] = f"{stamp[2]}-{month:02}-{int(stamp[1][4:]):02}T{stamp[3]}"
        text = text[stamp.end() :].removeprefix(": ")
    elif values:
        return _read_without_stamp(text.rstrip("\r\n"), values)
    else:
        raise ValueError("is not in the syslog format: expected a timestamp such as 'Nov 21 14:05:09' at its start")
    return _read_behind_stamp(text.rstrip("\r\n"), values)


def _read_without_stamp(text: str, values: dict[str, Any]) -> dict[str, Any]:
    if _NAMED.match(text):
        _read_tag(text, values)
    elif text:
        values["message"] = text
    return values


def _read_behind_stamp(text: str, values: dict[str, Any]) -> dict[str, Any]:
    if (tag := _BRACKETED.match(text)) is not None:
        values["program"] = tag[1]
        values["message"] = text[tag.end() :].removeprefix(" ")
        return values
    host, _, rest = text.partition(" ")
    if not host:
        raise ValueError("is not in the syslog format: expected a host name after the timestamp")
    if _TAG.fullmatch(host) or host[0] == "%":
        rest = text
    else:
        values["host"] = host
    _read_tag(rest, values)
    return values


def _read_tag(rest: str, values: dict[str, Any]) -> None:
    tag, colon, message = rest.partition(":")
    program, bracket, pid = tag.partition("[")
    if not colon or not program or " " in tag or (bracket and not pid.endswith("]")):
        values["message"] = rest
        return
    values["program"] = program
    if pid[:-1]:
        values["pid"] = _number_or_text(pid[:-1])
    values["message"] = message.removeprefix(" ")
    _take_message_id(values)


def _take_message_id(values: dict[str, Any]) -> None:
    """Take what Solaris writes before a message: its number, and the facility and severity."""
    found = _MESSAGE_ID.match(values["message"])
    if found is not None and found[2] in FACILITIES and found[3] in _SEVERITY_NAMES:
        values.setdefault("facility", found[2])
        values.setdefault("severity", _SEVERITY_NAMES[found[3]])
        values["msgid"] = found[1]
        values["message"] = values["message"][found.end() :]


def _of_priority(priority: str) -> dict[str, Any]:
    names = _PRIORITIES.get(priority)
    return {"priority": priority} if names is None else {"facility": names[0], "severity": names[1]}


def _number_or_text(text: str) -> int | str:
    """Return a number that is written as numbers are, any other text as it is."""
    plain = text.isascii() and text.isdecimal() and len(text) < 19 and (text[0] != "0" or text == "0")
    return int(text) if plain else text


def _quick_elements(rest: str) -> tuple[dict[str, Any], int] | None:
    """Return structured data and where it ends; None when it is not of the usual kind.

    Machines keep the order of names: what stands between the quotes of the values is a shape that comes again, and
    the values are every other piece.
    """
    end = rest.find('"]')
    behind = rest[end + 2 : end + 3]
    while behind == "[" and end >= 0:
        end = rest.find('"]', end + 2)
        behind = rest[end + 2 : end + 3]
    pieces = rest[1:end].split('"')
    if end < 0 or len(pieces) & 1 or behind not in (" ", "") or "\\" in rest[:end]:
        return None
    between = tuple(pieces[::2])
    shape = _shapes.get(between)
    if shape is None:
        shape = _learn(between)
        if shape is None:
            return None
    values = pieces[1::2]
    # zip's strict=True takes as long as all the rest; a shape has as many names as there are values.
    if len(shape) == 1:
        element, names, _, _ = shape[0]
        return {element: dict(zip(names, values))}, end + 2  # noqa: B905
    return {
        element: dict(zip(names, values[start:stop]))  # noqa: B905
        for element, names, start, stop in shape
    }, end + 2


def _learn(between: tuple[str, ...]) -> _Shape | None:
    """Return the shape of elements that all have parameters, none of them twice; None for any other."""
    elements: list[tuple[str, list[str], int]] = []
    for place, text in enumerate((f"][{between[0]}", *between[1:])):
        found = _BEFORE_VALUE.fullmatch(text)
        if found is None:
            return None
        if found[1] is not None:
            elements.append((found[1], [], place))
        elements[-1][1].append(found[2])
    if len({each for each, _, _ in elements}) < len(elements):
        return None
    if any(len(set(names)) < len(names) for _, names, _ in elements):
        return None
    shape = tuple((each, tuple(names), start, start + len(names)) for each, names, start in elements)
    if len(_shapes) >= _SHAPES_MAX:
        _shapes.clear()
    _shapes[between] = shape
    return shape


def _elements(rest: str) -> tuple[dict[str, Any], int]:
    """Return structured data and where it ends: nothing, and 0, when it is malformed."""
    elements: dict[str, Any] = {}
    end = 0
    while found := _ELEMENT.match(rest, end):
        element: dict[str, Any] = elements.setdefault(found[1], {})
        end = found.end()
        while parameter := _PARAMETER.match(rest, end):
            _add_parameter(element, parameter[1], _ESCAPE.sub(r"\1", parameter[2]))
            end = parameter.end()
        if rest[end : end + 1] != "]":
            return {}, 0
        end += 1
    return elements, end


def _add_parameter(element: dict[str, Any], name: str, value: str) -> None:
    given = element.get(name)
    if given is None:
        element[name] = value
    elif isinstance(given, list):
        given.append(value)
    else:
        element[name] = [given, value]


SYSLOG: Final = text_format("syslog", KEYS, read, frozenset({"structured_data", FIELDS}))
