"""Durations, sizes and moments as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbook.clock import TIME_MIN_US
from watchbook.units import format_duration, format_size, parse_duration, parse_moment, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10), ("1.5 h", 5400), ("5m", 300), ("7d", 604_800), ("4w", 2_419_200), ("3us", 3e-6)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["10", "", "s", "-1s", "1h30m", "10 parsecs", "1e3s", "10S"])
def test_what_is_no_duration_says_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and a unit: 250ms"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [("now", 10**15), ("-1h", 10**15 - 3_600_000_000), (" 1s ", 10**15 - 1_000_000), ("1970-01-01T00:00:01Z", 10**6)],
)
def test_a_moment_is_a_time_or_so_long_ago(text: str, moment: int) -> None:
    assert parse_moment(text, 10**15) == moment


def test_longer_ago_than_all_time_is_its_beginning() -> None:
    assert parse_moment(f"{'9' * 400}w", 10**15) == TIME_MIN_US


@pytest.mark.parametrize("text", ["", "yesterday", "--1h", "+1h", "2026-11-21T14:00:00", "12"])
def test_what_is_no_moment_says_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time such as 2026-11-21T14:00:00Z, -1h"):
        parse_moment(text, 0)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("512B", 512), ("64KiB", 65_536), ("10MB", 10_000_000), ("1.5GiB", 1_610_612_736), ("1 kib", 1024)],
)
def test_a_size_is_a_number_and_a_binary_or_decimal_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "-1", "10 bytes", "1TiB", "0x10"])
def test_what_is_no_size_says_how_one_looks(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and a unit: 512"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "250ms"), (10, "10s"), (90, "90s"), (300, "5m"), (7200, "2h"), (604_800, "7d"), (1_234_567, "1234567s")],
)
def test_a_duration_is_written_as_people_do(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10**13))
def test_every_duration_in_microseconds_survives_being_written_and_read(microseconds: int) -> None:
    assert parse_duration(format_duration(microseconds / 1e6)) == pytest.approx(microseconds / 1e6, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (1023, "1023B"), (1024, "1KiB"), (1536, "1.5KiB"), (1000 << 20, "1000MiB"), (3 << 30, "3GiB")],
)
def test_a_size_is_written_in_the_largest_unit_that_keeps_it_readable(size: int, text: str) -> None:
    assert format_size(size) == text
