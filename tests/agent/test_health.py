"""Lag in time and the last error of a file, told at moments that the test chooses."""

from agent.health import FileHealth
from agent.tail import Track
from watchbook.clock import SECOND_US


def track(offset: int, size: int, identifier: int = 1) -> Track:
    return Track(id=identifier, input="a", path=f"/{identifier}", device=1, inode=identifier, offset=offset, size=size)


def lags(health: FileHealth, now_s: int) -> dict[str, float]:
    return dict(health.report(now_s * SECOND_US)["lags"])


def test_lag_is_the_age_of_the_oldest_unread_byte() -> None:
    health = FileHealth()
    for second, offset, size in ((0, 100, 100), (10, 100, 150), (20, 100, 200), (30, 120, 250)):
        health.note([track(offset, size)], {}, second * SECOND_US)
    assert lags(health, 30) == {"1": 20}  # byte 120 was first seen at 10
    health.note([track(150, 250)], {}, 40 * SECOND_US)
    assert lags(health, 40) == {"1": 20}  # byte 150 was first seen at 20
    health.note([track(200, 260)], {}, 50 * SECOND_US)
    assert lags(health, 52) == {"1": 22}
    health.note([track(260, 260)], {}, 60 * SECOND_US)
    assert lags(health, 60) == {}


def test_a_busy_file_that_is_read_as_it_grows_has_no_growing_lag() -> None:
    health = FileHealth()
    for second in range(1000):
        health.note([track(100 * second, 100 * second + 99)], {}, second * SECOND_US)
    assert lags(health, 999) == {"1": 0}


def test_a_long_stall_is_remembered_in_bounded_memory() -> None:
    health = FileHealth()
    for second in range(5000):
        health.note([track(0, 1 + second)], {}, second * SECOND_US)
    assert lags(health, 5000) == {"1": 5000}
    assert len(health._sizes[1]) <= 8
    health.note([track(2500, 5000)], {}, 5000 * SECOND_US)
    assert 1500 <= lags(health, 5000)["1"] <= 2500


def test_a_truncated_file_begins_anew() -> None:
    health = FileHealth()
    health.note([track(0, 500)], {}, 0)
    health.note([track(0, 50)], {}, 100 * SECOND_US)
    assert lags(health, 101) == {"1": 1}


def test_the_last_error_stays_with_its_time_when_it_is_over() -> None:
    health = FileHealth()
    health.note([], {"/1": "Permission denied"}, 0)
    health.note([], {"/1": "Permission denied"}, 5 * SECOND_US)
    health.note([], {}, 6 * SECOND_US)
    error = {"time": "1970-01-01T00:00:00.000000Z", "error": "Permission denied"}
    assert health.report(7 * SECOND_US)["last_errors"] == {"/1": error}
    health.note([], {"/1": "Permission denied"}, 8 * SECOND_US)
    assert health.report(9 * SECOND_US)["last_errors"]["/1"]["time"] == "1970-01-01T00:00:08.000000Z"
    health.note([], {f"/{number}": "x" for number in range(3000)}, 10 * SECOND_US)
    assert len(health.report(11 * SECOND_US)["last_errors"]) == 1000
