"""Durations, sizes and moments as people write them: ``250ms``, ``5m``, ``64KiB``, ``1GiB``, ``-1h``, ``now``."""

import re
from typing import NewType

from watchbook.clock import SECOND_US, TIME_MIN_US, parse_rfc3339

Seconds = NewType("Seconds", float)
Bytes = NewType("Bytes", int)

_DURATION = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_NUMBER_AND_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def parse_duration(text: str) -> Seconds:
    """Return seconds; raises ValueError unless the text is a number with one of us, ms, s, m, h, d, w."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None or match[2] not in _DURATION:
        raise ValueError(f"{text!r} is no duration; write a number and a unit: 250ms, 10s, 5m, 2h, 7d, 4w")
    return Seconds(float(match[1]) * _DURATION[match[2]])


def parse_moment(text: str, now: int) -> int:
    """Return the microseconds that ``2026-11-21T14:00:00Z``, ``1h`` or ``-1h`` (an hour ago) or ``now`` names.

    Raises ValueError.
    """
    stripped = text.strip()
    if stripped == "now":
        return now
    try:
        ago_s = parse_duration(stripped.removeprefix("-"))
    except ValueError:
        return _absolute(stripped)
    # Longer than all time (also: infinite) means from its beginning.
    reach_s = (now - TIME_MIN_US) // SECOND_US
    return now - int(min(ago_s, reach_s) * SECOND_US)


def parse_size(text: str) -> Bytes:
    """Return bytes; raises ValueError unless the text is a number with one of B, KB, MB, GB, KiB, MiB, GiB."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None or match[2].upper() not in _SIZE:
        raise ValueError(f"{text!r} is no size; write a number and a unit: 512, 64KiB, 10MB, 1GiB")
    return Bytes(int(float(match[1]) * _SIZE[match[2].upper()]))


def format_duration(seconds: float) -> str:
    """Return the shortest of the forms that :func:`parse_duration` reads."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0)):
        if seconds >= size and seconds % size == 0:
            return f"{_plain(seconds / size)}{unit}"
    return f"{_plain(seconds * 1000)}ms" if seconds < 1 else f"{_plain(seconds)}s"


def format_size(size: int) -> str:
    """Return a size in the largest binary unit that keeps it readable."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            value = size / factor
            return f"{value:.0f}{unit}" if value >= 100 else f"{value:.3g}{unit}"
    return f"{size}B"


def _absolute(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError) as error:
        hint = "; a + in an address is written %2B" if " " in text else ""
        raise ValueError(
            f"expected a time such as 2026-11-21T14:00:00Z, -1h (an hour ago) or now, found {text[:60]!r}{hint}"
        ) from error


def _plain(number: float) -> str:
    """Return up to 6 decimals and never an exponent."""
    return f"{number:.6f}".rstrip("0").rstrip(".")
