"""The clock decides nothing while what was not heard may still be on its way."""

from collector.detect import Hearing
from watchbook.clock import SECOND_US

MINUTE = 60 * SECOND_US
LATENESS = 2 * MINUTE
NOW = 1_795_000_000 * SECOND_US


def test_a_first_run_has_nothing_to_wait_for() -> None:
    hearing = Hearing(LATENESS, 0)
    assert hearing.advance(NOW) == NOW
    assert hearing.advance(NOW + 5 * SECOND_US) == NOW + 5 * SECOND_US
    assert hearing.interrupted == 0


def test_after_a_restart_the_clock_decides_nothing_for_one_lateness() -> None:
    hearing = Hearing(LATENESS, NOW - 60 * MINUTE)
    for passed in range(0, 120, 5):
        assert hearing.advance(NOW + passed * SECOND_US) == NOW - 60 * MINUTE
    assert hearing.advance(NOW + LATENESS) == NOW + LATENESS


def test_after_a_jump_forward_as_if_nobody_had_listened() -> None:
    hearing = Hearing(LATENESS, 0)
    hearing.advance(NOW)
    jumped = NOW + 60 * MINUTE
    assert hearing.advance(jumped) == NOW
    assert hearing.advance(jumped + MINUTE) == NOW
    assert hearing.advance(jumped + 2 * MINUTE) == jumped + 2 * MINUTE
    assert hearing.interrupted == 1


def test_after_a_jump_back_what_is_received_now_is_not_old() -> None:
    hearing = Hearing(LATENESS, 0)
    hearing.advance(NOW)
    back = NOW - 60 * MINUTE
    assert hearing.advance(back) == back
    assert hearing.advance(back + MINUTE) == back
    assert hearing.advance(back + 2 * MINUTE) == back + 2 * MINUTE
