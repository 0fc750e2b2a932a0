"""The one home of the wall clock, and RFC 3339 to and from microseconds.

A time in Watchbook is an ``int``: microseconds since 1970-01-01T00:00:00Z.  Everything that needs "now" takes a
``Clock``, so that a test can hand it another one.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

Clock = Callable[[], int]

SECOND_US = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What RFC 3339 can write: the years 1 to 9999.
TIME_MIN_US = -62_135_596_800 * SECOND_US
TIME_MAX_US = 253_402_300_800 * SECOND_US - 1


def now_us() -> int:
    """Return the wall clock in microseconds since the epoch."""
    return time.time_ns() // 1000


def process_start_us() -> int:
    """Return when this process was started (to about a second, never later), where /proc says so; else now."""
    try:
        ticks = int(Path("/proc/self/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[19])
        boot = next(
            line for line in Path("/proc/stat").read_text(encoding="ascii").splitlines() if line[:6] == "btime "
        )
        return int(boot.split()[1]) * SECOND_US + ticks * SECOND_US // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return now_us()


def format_rfc3339(time_us: int) -> str:
    """Return ``2026-11-21T14:05:09.123456Z`` for microseconds since the epoch (RFC 3339, section 5.6)."""
    return (EPOCH + timedelta(microseconds=time_us)).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_rfc3339(text: str) -> int:
    """Return the microseconds since the epoch that an RFC 3339 date-time with a zone names.

    Raises ValueError when the text is no date-time, has no zone, or falls outside the years 1 to 9999 in UTC.
    """
    moment = datetime.fromisoformat(text.upper())  # RFC 3339 allows a small t and z
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; add Z or an offset such as +02:00")
    time_us = (moment - EPOCH) // timedelta(microseconds=1)
    if not TIME_MIN_US <= time_us <= TIME_MAX_US:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999")
    return time_us
