"""RFC 3339 to and from microseconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbook.clock import TIME_MAX_US, TIME_MIN_US, format_rfc3339, now_us, parse_rfc3339


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-21T14:05:09.123456Z", 1_795_269_909_123_456),
        ("2026-11-21T16:05:09.123456+02:00", 1_795_269_909_123_456),
        ("2026-11-21t14:05:09.123456z", 1_795_269_909_123_456),
        ("2026-11-21 14:05:09Z", 1_795_269_909_000_000),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("0001-01-01T00:00:00Z", TIME_MIN_US),
        ("9999-12-31T23:59:59.999999Z", TIME_MAX_US),
    ],
)
def test_a_date_time_with_a_zone_is_microseconds_since_the_epoch(text: str, time_us: int) -> None:
    assert parse_rfc3339(text) == time_us


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2026-11-21T14:05:09", "has no time zone"),
        ("2026-11-21", "has no time zone"),
        ("yesterday", "Invalid isoformat"),
        ("", "Invalid isoformat"),
        ("2026-13-01T00:00:00Z", "month"),
        ("0001-01-01T00:00:00+01:00", "outside the years"),
        ("9999-12-31T23:59:59-01:00", "outside the years"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_rfc3339(text)


@given(st.integers(TIME_MIN_US, TIME_MAX_US))
def test_every_time_survives_being_written_and_read(time_us: int) -> None:
    text = format_rfc3339(time_us)
    assert len(text) == len("2026-11-21T14:05:09.123456Z")
    assert parse_rfc3339(text) == time_us


def test_now_is_in_microseconds() -> None:
    assert parse_rfc3339("2024-01-01T00:00:00Z") < now_us() < parse_rfc3339("2100-01-01T00:00:00Z")
