"""Time formats: how a line's time becomes microseconds since the epoch.

A reader takes the value and when the line was read (microseconds), and returns None for what is no such time.  A time
without a zone is in the profile's zone; one without a year is in the latest year that does not put it more than a day
into the future.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from agent.profile.strptime import pattern_reader
from watchbook.clock import EPOCH, SECOND_US, TIME_MAX_US, TIME_MIN_US

TimeReader = Callable[[Any, int], int | None]

_DAY_S: Final = 86_400
DAY_US: Final = _DAY_S * SECOND_US
_MICROSECOND: Final = timedelta(microseconds=1)
_MONTHS: Final = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_CLF: Final = re.compile(r"[0-3][0-9]/[A-Z][a-z]{2}/[0-9]{4}:[0-2][0-9]:[0-5][0-9]:[0-5][0-9](?: [+-][0-9]{4})?")
_SYSLOG: Final = re.compile(r"[A-Z][a-z]{2} [ 0-3]?[0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?")
_STAMP_CHARACTERS: Final = len("Nov 21 14:05:09")
_WITHIN_MINUTE: Final = {f"{second:02}": second * SECOND_US for second in range(60)}
# A day alone is no time; a week date or a bare number would be read by fromisoformat as one.
_ISO: Final = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T t_][0-9]{2}:?[0-9]{2}.*", re.DOTALL)
_LEAP_YEARS_APART_MAX: Final = 8
_NAMED_ZONE: Final = re.compile(r" (?:([A-Z]{3,5})|([+-][0-9]{2}(?::?[0-9]{2})?))$")
#: Abbreviations that mean one zone wherever logs are written, or nearly so; IST (three of them) is none.
_ABBREVIATIONS: Final = {
    name: offset
    for offset, names in (
        ("+00:00", "UTC GMT WET"), ("+01:00", "CET WEST BST MEZ"), ("+02:00", "CEST EET SAST MESZ"),
        ("+03:00", "EEST MSK"), ("+08:00", "AWST HKT SGT"), ("+09:00", "JST KST"), ("+09:30", "ACST"),
        ("+10:00", "AEST"), ("+10:30", "ACDT"), ("+11:00", "AEDT"), ("+12:00", "NZST"), ("+13:00", "NZDT"),
        ("-03:00", "ADT"), ("-04:00", "EDT"), ("-05:00", "EST CDT"), ("-06:00", "CST MDT"), ("-07:00", "MST PDT"),
        ("-08:00", "PST AKDT"), ("-09:00", "AKST"), ("-10:00", "HST"),
    )
    for name in names.split()
}  # fmt: skip


def zone_named(name: str) -> tzinfo:
    """Return a time zone by its IANA name; raises ValueError when there is no such zone on this machine."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"no time zone is called {name!r}") from error


def rfc3339(zone: tzinfo | None) -> TimeReader:
    """Return a reader of RFC 3339 and its ISO 8601 relatives; without a ``zone`` of its own the text must name one."""
    fromisoformat = datetime.fromisoformat

    def read(value: Any, _read_us: int) -> int | None:
        try:
            since = fromisoformat(value) - EPOCH
        except (TypeError, ValueError):
            return _iso_slowly(value, zone)
        time_us = (since.days * _DAY_S + since.seconds) * SECOND_US + since.microseconds  # half the time of a division
        return time_us if TIME_MIN_US <= time_us <= TIME_MAX_US else None

    return read


def epoch(unit_us: int) -> TimeReader:
    """Return a reader of numbers since the epoch, counted in units of ``unit_us`` microseconds."""

    def read(value: Any, _read_us: int) -> int | None:
        return _in_range(value * unit_us) if _is_number(value) else _number_text(value, unit_us)

    return read


def epoch_ns(_zone: tzinfo | None) -> TimeReader:
    """Return a reader of nanoseconds since the epoch."""

    def read(value: Any, _read_us: int) -> int | None:
        number = value if _is_number(value) else _exact(value)
        return None if number is None else _in_range(number // 1000)

    return read


def auto(zone: tzinfo | None) -> TimeReader:
    """Return a reader of RFC 3339, or of numbers since the epoch whose size tells seconds, milli-, micro- or nano-."""
    fromisoformat = datetime.fromisoformat

    def read(value: Any, _read_us: int) -> int | None:
        try:
            since = fromisoformat(value) - EPOCH
        except (TypeError, ValueError):
            number = value if _is_number(value) else _exact(value)
            return _iso_slowly(value, zone) if number is None else _of_any_size(number)
        time_us = (since.days * _DAY_S + since.seconds) * SECOND_US + since.microseconds
        return time_us if TIME_MIN_US <= time_us <= TIME_MAX_US else None

    return read


def _of_any_size(number: float) -> int | None:
    size = abs(number)
    if size >= 1e17:
        return _in_range(number // 1000)
    return _in_range(number * (SECOND_US if size < 1e11 else 1000 if size < 1e14 else 1))


def clf(zone: tzinfo | None) -> TimeReader:
    """Return a reader of the common log format: ``21/Nov/2026:14:05:09 +0100``; ``zone`` if that is left out."""
    assumed = zone or UTC

    @lru_cache(maxsize=256)
    def minute_us(minute: str, offset: str) -> int:
        stamp = f"{minute[7:11]}-{_MONTHS[minute[3:6]]:02}-{minute[:2]}T{minute[12:]}{offset}"
        moment = datetime.fromisoformat(stamp)
        return ((moment if offset else moment.replace(tzinfo=assumed)) - EPOCH) // _MICROSECOND

    def read(value: Any, _read_us: int) -> int | None:
        if value.__class__ is not str or not _CLF.fullmatch(value):
            return None
        try:
            return minute_us(value[:17], value[21:]) + int(value[18:20]) * SECOND_US
        except (ValueError, KeyError):
            return None

    return read


def syslog(zone: tzinfo | None) -> TimeReader:
    """Return a reader of RFC 3164 stamps (``Nov 21 14:05:09``, year inferred) and of ISO 8601 ones."""
    iso = rfc3339(zone or UTC)
    base_us = _minutes_of(zone or UTC)
    #: The minute last met, when it began, and when that of the next year would.
    minute, began, next_began = "", 0, 0

    def read(value: Any, read_us: int) -> int | None:
        nonlocal minute, began, next_began
        if value.__class__ is not str or value[4:5] == "-":
            return iso(value, read_us)
        if value[:13] == minute and value[13:] in _WITHIN_MINUTE:
            time_us = began + _WITHIN_MINUTE[value[13:]]
            if time_us <= read_us + DAY_US < time_us + next_began - began:
                return time_us
        if not _SYSLOG.fullmatch(value):
            return iso(value, read_us)
        month, day, clock = value.split()
        limit = read_us + DAY_US
        within_us = round(float(clock[6:]) * SECOND_US)
        year = (EPOCH + timedelta(microseconds=limit)).year
        for candidate in range(year, year - _LEAP_YEARS_APART_MAX - 1, -1):
            found = base_us(candidate, month, int(day), clock[:5])
            if found is not None and found + within_us <= limit:
                if len(value) == _STAMP_CHARACTERS:
                    following = base_us(candidate + 1, month, int(day), clock[:5])
                    # A 29th of February is none of the next year; a year on is early enough to look again.
                    minute, began = value[:13], found
                    next_began = found + 365 * DAY_US if following is None else following
                return found + within_us
        return None

    return read


def _minutes_of(zone: tzinfo) -> Callable[[int, str, int, str], int | None]:
    @lru_cache(maxsize=256)
    def minute_us(year: int, month: str, day: int, clock: str) -> int | None:
        try:
            moment = datetime(year, _MONTHS[month], day, int(clock[:2]), int(clock[3:]), tzinfo=zone)
        except (ValueError, KeyError):
            return None
        return (moment - EPOCH) // _MICROSECOND

    return minute_us


def _iso_slowly(value: Any, zone: tzinfo | None) -> int | None:
    """Read what fromisoformat refused, or what has no zone: small letters, a zone behind a space (`CET`, `+01`)."""
    if value.__class__ is not str or not _ISO.fullmatch(value):
        return None
    plain = value.strip().upper()
    try:
        if (named := _NAMED_ZONE.search(plain)) is not None:
            plain = plain[: named.start()]
            if named[2] is not None:
                plain += named[2]
            elif (offset := _offset_of(named[1], plain, zone)) is None:
                return None
            else:
                plain += offset
        moment = datetime.fromisoformat(plain)
        if moment.tzinfo is None:
            if zone is None:
                return None
            moment = moment.replace(tzinfo=zone)
        return _in_range((moment - EPOCH) // _MICROSECOND)
    except (ValueError, OverflowError):
        return None


def _offset_of(name: str, plain: str, zone: tzinfo | None) -> str | None:
    """Return the offset that an abbreviation stands for: in the given zone if that uses it, else where it is usual."""
    if zone is not None:
        moment = datetime.fromisoformat(plain)
        for fold in (0, 1):
            there = moment.replace(tzinfo=zone, fold=fold)
            if there.tzname() == name:
                return there.isoformat()[len(moment.isoformat()) :]
    return _ABBREVIATIONS.get(name)


def _is_number(value: Any) -> bool:
    return value.__class__ is int or value.__class__ is float


def _number_text(value: Any, unit_us: int) -> int | None:
    number = _exact(value)
    return None if number is None else _in_range(number * unit_us)


def _exact(value: Any) -> int | float | None:
    if value.__class__ is not str or not _NUMBER.fullmatch(value):
        return None
    return float(value) if "." in value else int(value)


def _in_range(time_us: float) -> int | None:
    return round(time_us) if TIME_MIN_US <= time_us <= TIME_MAX_US else None


#: Name in a profile -> the maker of its reader, given the profile's zone.
TIME_FORMATS: Final[Mapping[str, Callable[[tzinfo | None], TimeReader]]] = {
    "auto": auto,
    "rfc3339": rfc3339,
    "epoch_s": lambda _zone: epoch(SECOND_US),
    "epoch_ms": lambda _zone: epoch(1000),
    "epoch_us": lambda _zone: epoch(1),
    "epoch_ns": epoch_ns,
    "clf": clf,
    "syslog": syslog,
}


def time_reader(name: str, zone: tzinfo | None) -> TimeReader:
    """Return the reader of a format: one of TIME_FORMATS, or a pattern as of strptime."""
    return pattern_reader(name, zone) if "%" in name else TIME_FORMATS[name](zone)
