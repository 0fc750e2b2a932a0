"""Times: every format, zones, and the year that a syslog stamp does not name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profile.times import DAY_US, TIME_FORMATS, syslog, zone_named
from tests.agent.profile.shipped import DEFINITIONS, compiled, event
from watchbook.clock import TIME_MAX_US, TIME_MIN_US, format_rfc3339, parse_rfc3339

UTC = zone_named("UTC")
NOW = parse_rfc3339("2026-11-21T12:00:00Z")


@pytest.mark.parametrize(
    ("name", "value", "moment"),
    [
        ("rfc3339", "2026-11-21T09:00:00.5Z", "2026-11-21T09:00:00.5Z"),
        ("rfc3339", "2026-11-21t09:00:00z", "2026-11-21T09:00:00Z"),
        ("rfc3339", "2026-11-21 09:00:00 GMT", "2026-11-21T09:00:00Z"),
        ("rfc3339", "2026-11-21T09:00:00.123456789+02:00", "2026-11-21T07:00:00.123456Z"),
        ("epoch_s", 1795251600.000001, "2026-11-21T09:00:00.000001Z"),
        ("epoch_s", "1795251600", "2026-11-21T09:00:00Z"),
        ("epoch_ms", 1795251600123, "2026-11-21T09:00:00.123Z"),
        ("epoch_us", 1795251600123456, "2026-11-21T09:00:00.123456Z"),
        ("clf", "21/Nov/2026:10:00:07 +0100", "2026-11-21T09:00:07Z"),
        ("clf", "21/Nov/2026:10:00:07", "2026-11-21T10:00:07Z"),
        ("syslog", "Nov 21 09:00:07", "2026-11-21T09:00:07Z"),
        ("syslog", "Nov  1 09:00:07.25", "2026-11-01T09:00:07.25Z"),
        ("syslog", "2026-11-21T10:00:07+01:00", "2026-11-21T09:00:07Z"),
        ("auto", -1, "1969-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_read_in_its_format(name: str, value: Any, moment: str) -> None:
    assert TIME_FORMATS[name](UTC)(value, NOW) == parse_rfc3339(moment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rfc3339", "2026-11-21"),
        ("rfc3339", "20261121"),
        ("rfc3339", "2026-11-21T25:00:00Z"),
        ("rfc3339", 1795251600),
        ("epoch_s", "today"),
        ("epoch_s", True),
        ("epoch_s", 1e30),
        ("epoch_ms", None),
        ("clf", "21/Foo/2026:10:00:07 +0100"),
        ("clf", "31/Feb/2026:10:00:07 +0100"),
        ("clf", 5),
        ("syslog", "Foo 21 09:00:07"),
        ("syslog", "Feb 30 09:00:07"),
        ("syslog", "Nov 21 24:61:07"),
        ("auto", "12:00"),
        ("auto", {}),
        ("auto", 10**18 * 10**6),
    ],
)
def test_what_is_no_such_time_is_not_read_as_one(name: str, value: Any) -> None:
    assert TIME_FORMATS[name](UTC)(value, NOW) is None


def test_without_a_zone_the_text_must_name_one() -> None:
    assert TIME_FORMATS["rfc3339"](None)("2026-11-21T09:00:00", NOW) is None
    berlin = TIME_FORMATS["rfc3339"](zone_named("Europe/Berlin"))
    assert berlin("2026-11-21T10:00:00", NOW) == parse_rfc3339("2026-11-21T09:00:00Z")
    assert berlin("2026-07-21T11:00:00", NOW) == parse_rfc3339("2026-07-21T09:00:00Z")


@pytest.mark.parametrize(
    ("stamp", "read", "moment"),
    [
        ("Dec 31 23:59:59", "2027-01-01T00:00:05Z", "2026-12-31T23:59:59Z"),
        ("Jan  1 00:00:01", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01Z"),
        ("Nov 22 11:59:59", "2026-11-21T12:00:00Z", "2026-11-22T11:59:59Z"),
        ("Nov 22 12:00:01", "2026-11-21T12:00:00Z", "2025-11-22T12:00:01Z"),
        ("Feb 29 10:00:00", "2026-11-21T12:00:00Z", "2024-02-29T10:00:00Z"),
        ("Feb 29 10:00:00", "2103-01-01T12:00:00Z", "2096-02-29T10:00:00Z"),
    ],
)
def test_the_year_is_the_latest_that_is_no_more_than_a_day_ahead(stamp: str, read: str, moment: str) -> None:
    assert syslog(UTC)(stamp, parse_rfc3339(read)) == parse_rfc3339(moment)


@given(st.integers(TIME_MIN_US + 10 * 366 * DAY_US, TIME_MAX_US - DAY_US), st.integers(0, 300 * DAY_US))
def test_a_stamp_that_was_read_soon_after_is_read_right(time_us: int, later_us: int) -> None:
    time_us -= time_us % 1_000_000
    moment = format_rfc3339(time_us)
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    stamp = f"{months[int(moment[5:7]) - 1]} {int(moment[8:10]):2d} {moment[11:19]}"
    assert syslog(UTC)(stamp, min(time_us + later_us, TIME_MAX_US - DAY_US)) == time_us


def test_the_zone_of_a_profile_can_be_set_for_an_input() -> None:
    line = "Nov 21 10:00:07 web01 sshd[1]: Invalid user x from ::1 port 2"
    utc, berlin = compiled(DEFINITIONS["sshd"]), compiled(DEFINITIONS["sshd"], zone="Europe/Berlin")
    assert event(utc, line)["time"] - event(berlin, line)["time"] == 3600 * 1_000_000
    with pytest.raises(ValueError, match="no time zone is called 'Mars'"):
        compiled(DEFINITIONS["sshd"], zone="Mars")


@pytest.mark.parametrize(
    ("value", "zone", "utc"),
    [
        ("2026-11-21 14:05:09.123 UTC", None, "2026-11-21T14:05:09.123000+00:00"),
        ("2026-11-21 14:05:09 CET", None, "2026-11-21T13:05:09+00:00"),
        ("2026-11-21 14:05:09.123 +01", None, "2026-11-21T13:05:09.123000+00:00"),
        ("2026-11-21 14:05:09 -0330", "UTC", "2026-11-21T17:35:09+00:00"),
        ("2026-07-21 14:05:09 EDT", "UTC", "2026-07-21T18:05:09+00:00"),
        # In October both hours of the clock's change are told apart by the name.
        ("2026-10-25 02:30:00 CEST", "Europe/Berlin", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25 02:30:00 CET", "Europe/Berlin", "2026-10-25T01:30:00+00:00"),
        # A name of several zones means that of the given zone, or nothing.
        ("2026-11-21 14:05:09 CST", "Asia/Shanghai", "2026-11-21T06:05:09+00:00"),
        ("2026-11-21 14:05:09 IST", "Asia/Kolkata", "2026-11-21T08:35:09+00:00"),
        ("2026-11-21 14:05:09 IST", "UTC", None),
        ("2026-11-21 14:05:09 LOG", "UTC", None),
    ],
)
def test_a_zone_may_be_named_behind_the_time(value: str, zone: str | None, utc: str | None) -> None:
    read = TIME_FORMATS["auto"](None if zone is None else zone_named(zone))
    expected = None if utc is None else parse_rfc3339(utc)
    assert read(value, 0) == expected
