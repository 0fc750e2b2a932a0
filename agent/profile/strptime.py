"""Times written after a pattern: ``%d.%m.%Y %H:%M:%S,%f`` as in strptime(3), read without it, which is slow.

What stands between the directives must be just so; a space stands for one or more.  Without a year the latest one is
meant that does not put the time more than a day into the future.  ``%f`` takes one to nine digits.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from watchbook.clock import EPOCH, SECOND_US, TIME_MAX_US, TIME_MIN_US

TimeReader = Callable[[Any, int], int | None]

_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_DAY_US: Final = 86_400 * SECOND_US
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
            "sep september sept", "oct october", "nov november", "dec december",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_DIRECTIVES: Final = {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "m": "(?P<m>[0-9]{1,2})",
    "d": "(?P<d> ?[0-9]{1,2})",
    "e": "(?P<d> ?[0-9]{1,2})",
    "b": "(?P<b>[A-Za-z]{3,9})\\.?",
    "B": "(?P<b>[A-Za-z]{3,9})",
    "a": "[A-Za-z]{2,9}",
    "A": "[A-Za-z]{2,9}",
    "j": "(?P<j>[0-9]{1,3})",
    "H": "(?P<H>[0-9]{1,2})",
    "I": "(?P<I>[0-9]{1,2})",
    "p": "(?P<p>[AaPp])\\.?[Mm]\\.?",
    "M": "(?P<M>[0-9]{1,2})",
    "S": "(?P<S>[0-9]{1,2})",
    "f": "(?P<f>[0-9]{1,9})",
    "z": "(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
    "Z": "(?P<Z>UTC|GMT|Z)",
    "%": "%",
}
_SHORT: Final = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "R": "%H:%M", "D": "%m/%d/%y"}
#: Minutes remembered by a reader; it starts afresh when it has so many.
_MINUTES_MAX: Final = 1024
_LEAP_YEARS_APART_MAX: Final = 8


def time_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; raises ValueError with what is wrong with it."""
    for name, longer in _SHORT.items():
        pattern = pattern.replace(f"%{name}", longer)
    names = re.findall("%(.?)", pattern)
    strange = [name for name in names if name not in _DIRECTIVES]
    if strange:
        known = " ".join(f"%{name}" for name in (*_DIRECTIVES, *_SHORT))
        raise ValueError(f"there is no '%{strange[0]}' in a time format; known here: {known}")
    twice = [name for name in names if names.count(name) > 1 and name != "%"]
    if twice:
        raise ValueError(f"'%{twice[0]}' is in the time format twice")
    if not (({"d", "e"} & {*names} and {"m", "b", "B"} & {*names}) or "j" in names) or not {"H", "I"} & {*names}:
        raise ValueError("a time format needs a day (%d), a month (%m or %b) and an hour (%H)")
    if ("I" in names) != ("p" in names):
        raise ValueError("a time format that has one of %I and %p needs the other too")
    return re.compile("".join(_pieces(pattern)))


def _pieces(pattern: str) -> Iterator[str]:
    for found in re.finditer("%(.)|( +)|([^% ]+)", pattern):
        yield _DIRECTIVES[found[1]] if found[1] else " +" if found[2] else re.escape(found[3])


def pattern_reader(pattern: str, zone: tzinfo | None) -> TimeReader:
    """Return the reader of times written after a pattern; ``zone`` (UTC without one) for those that name none."""
    fullmatch = time_pattern(pattern).fullmatch
    memo: dict[tuple[str | int | None, ...], tuple[int, ...]] = {}
    assumed = zone or UTC

    def read(value: Any, read_us: int) -> int | None:
        found = fullmatch(value.strip()) if value.__class__ is str else None
        if found is None:
            return None
        parts = found.groupdict()
        second, fraction = parts.pop("S", None), parts.pop("f", None)
        within_us = int(second or 0) * SECOND_US + int((fraction or "0").ljust(9, "0")) // 1000
        limit_us = TIME_MAX_US if "Y" in parts or "y" in parts else read_us + _DAY_US
        latest = 0 if limit_us == TIME_MAX_US else (EPOCH + limit_us * _MICROSECOND).year + 1
        key = (latest, *parts.values())
        if key not in memo:
            if len(memo) >= _MINUTES_MAX:
                memo.clear()
            memo[key] = tuple(_minutes_us(parts, assumed, latest))
        for minute_us in memo[key]:
            if minute_us + within_us <= limit_us and within_us <= 61 * SECOND_US:
                return minute_us + within_us if minute_us >= TIME_MIN_US else None
        return None

    return read


def _minutes_us(parts: dict[str, str | None], zone: tzinfo, latest: int) -> Iterator[int]:
    """Yield the minutes that may be meant, the latest first."""
    year = parts.get("Y")
    if year is None and parts.get("y") is not None:
        short = int(parts["y"] or 0)
        year = str(short + (2000 if short < 69 else 1900))
    years = [int(year)] if year is not None else range(latest, latest - _LEAP_YEARS_APART_MAX - 2, -1)
    for each in years:
        minute = _moment_us(each, parts, zone)
        if minute is not None:
            yield minute


def _moment_us(year: int, parts: dict[str, str | None], zone: tzinfo) -> int | None:
    number = {name: int(text) for name in "mdjHIM" if (text := parts.get(name)) is not None}
    hour = number.get("H", 0)
    if "I" in number:
        hour = number["I"] % 12 + (12 if str(parts.get("p")).lower() == "p" else 0)
        if not 1 <= number["I"] <= 12:
            return None
    if parts.get("b") is not None:
        number["m"] = _MONTHS.get(str(parts["b"]).lower(), 0)
    offset = parts.get("z")
    try:
        if parts.get("Z") is not None or offset == "Z":
            zone = UTC
        elif offset is not None:
            minutes = int(offset[1:3]) * 60 + int(offset[-2:])
            zone = timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
        if "j" in number:
            moment = datetime(year, 1, 1, hour, number.get("M", 0), tzinfo=zone) + _DAY * (number["j"] - 1)
        else:
            moment = datetime(year, number["m"], number["d"], hour, number.get("M", 0), tzinfo=zone)
    except (ValueError, OverflowError):
        return None
    return (moment - EPOCH) // _MICROSECOND
