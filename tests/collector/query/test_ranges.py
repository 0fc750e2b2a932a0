"""Time ranges, as people write them."""

import pytest

from collector.query.errors import QueryError
from collector.query.ranges import TimeRange, resolve_range
from watchbook.clock import TIME_MIN_US, parse_rfc3339

NOW = parse_rfc3339("2026-11-21T12:00:00Z")
DAY_S = 86400.0
HOUR_US = 3_600_000_000


@pytest.mark.parametrize(
    ("time_from", "time_to", "expected"),
    [
        (None, None, TimeRange(NOW - 7 * 24 * HOUR_US, None, default=True)),
        ("-1h", None, TimeRange(NOW - HOUR_US, None)),
        ("1h", "now", TimeRange(NOW - HOUR_US, NOW)),
        ("2h", "-1h", TimeRange(NOW - 2 * HOUR_US, NOW - HOUR_US)),
        (None, "-1h", TimeRange(NOW - 169 * HOUR_US, NOW - HOUR_US, default=True)),
        ("2026-11-21T11:00:00Z", "2026-11-21T14:00:00+02:00", TimeRange(NOW - HOUR_US, NOW)),
        ("9" * 30 + "d", None, TimeRange(TIME_MIN_US, None)),
        ("9" * 400 + "w", None, TimeRange(TIME_MIN_US, None)),
    ],
)
def test_a_range_is_read(time_from: str | None, time_to: str | None, expected: TimeRange) -> None:
    assert resolve_range(time_from, time_to, NOW, 7 * DAY_S) == expected


@pytest.mark.parametrize(
    ("time_from", "time_to", "parameter", "message"),
    [
        ("yesterday", None, "from", "-1h (an hour ago) or now, found 'yesterday'"),
        (None, "2026-11-21T14:00:00", "to", "expected a time such as"),
        ("2026-11-21T14:00:00 02:00", None, "from", "%2B"),
        ("now", "-1h", "from", "the range is empty"),
        ("", None, "from", "found ''"),
        ("1e9", None, "from", "found '1e9'"),
    ],
)
def test_a_wrong_range_names_its_parameter(
    time_from: str | None, time_to: str | None, parameter: str, message: str
) -> None:
    with pytest.raises(QueryError) as caught:
        resolve_range(time_from, time_to, NOW, 7 * DAY_S)
    assert caught.value.parameter == parameter
    assert message in str(caught.value)


def test_the_answer_says_the_range() -> None:
    assert TimeRange(NOW, None, default=True).document() == {
        "from": "2026-11-21T12:00:00.000000Z",
        "to": None,
        "default": True,
    }
