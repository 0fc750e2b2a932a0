"""What answers mean: no I/O."""

from typing import Any

import pytest

from agent.ship.rota import Rota
from agent.ship.verdict import Kind, judge

NOW = 1_763_733_909_000_000  # 2025-11-21T14:05:09Z
OURS = {"type": "urn:watchbook:problem:invalid-batch", "detail": "no"}


def wait_of(headers: dict[str, str]) -> float | None:
    return judge(503, headers, None, NOW).wait_s


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Fri, 21 Nov 2025 14:05:39 GMT", 30.0),
        ("Friday, 21-Nov-25 14:05:39 GMT", 30.0),
        ("Fri, 21 Nov 2025 14:00:00 GMT", 0.0),
        ("", None),
        ("-3", None),
        ("1e9", None),
        ("soon", None),
        ("Fri, 21 Nov 2025", None),
        ("Fri, 99 Nov 2025 14:05:39 GMT", None),
    ],
)
def test_retry_after_as_seconds_and_as_a_date(value: str, wait_s: float | None) -> None:
    assert wait_of({"Retry-After": value}) == wait_s


def test_a_date_counts_from_the_date_of_the_answer_and_not_from_our_clock() -> None:
    far_off = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2024 00:00:12 GMT"}
    assert wait_of(far_off) == 12.0


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {}, Kind.ACCEPTED),
        (401, None, Kind.REFUSED),
        (403, OURS, Kind.REFUSED),
        (409, {"expected": 4}, Kind.GAP),
        (409, OURS, Kind.CONFLICT),
        (422, OURS, Kind.POISON),
        (413, OURS, Kind.POISON),
        (413, {"title": "Too Large"}, Kind.RETRY),
        (415, OURS, Kind.RETRY),
        (400, {"type": "urn:watchbook:problem:stream"}, Kind.RETRY),
        (429, OURS, Kind.BUSY),
        (308, None, Kind.RETRY),
        (407, None, Kind.RETRY),
        (500, ["what"], Kind.RETRY),
    ],
)
def test_what_an_answer_means(status: int, body: Any, kind: Kind) -> None:
    assert judge(status, {}, body, NOW).kind is kind


def test_a_redirect_without_a_place_says_so() -> None:
    assert "does not say to which" in judge(301, {}, None, NOW).reason


def test_a_collector_is_left_only_when_it_has_failed_for_long_enough() -> None:
    rota = Rota(3, 0, 30.0)
    assert rota.note(Kind.RETRY, 0.0, 10.0) is None
    assert rota.note(Kind.RETRY, 10.0, 29.0) is None
    assert rota.note(Kind.ACCEPTED, 29.0, 29.5) is None
    assert rota.note(Kind.RETRY, 30.0, 59.0) is None
    assert rota.note(Kind.RETRY, 59.0, 60.0) == 1
    rota.use(1)
    assert rota.note(Kind.RETRY, 60.0, 61.0) is None, "each collector is given its time"
    assert rota.note(Kind.RETRY, 61.0, 91.0) == 2
    rota.use(2)
    assert rota.note(Kind.RETRY, 100.0, 160.0) == 0, "one request that hung for so long is enough"


def test_a_refused_token_is_waited_for_at_the_first_collector_and_not_at_a_stand_in() -> None:
    rota = Rota(2, 0, 30.0)
    assert rota.note(Kind.REFUSED, 0.0, 100.0) is None
    rota.use(1)
    assert rota.note(Kind.REFUSED, 0.0, 100.0) == 0


def test_a_collector_that_is_busy_or_refuses_a_batch_has_not_failed() -> None:
    rota = Rota(2, 0, 30.0)
    for kind in (Kind.BUSY, Kind.POISON, Kind.GAP, Kind.CONFLICT):
        assert rota.note(kind, 0.0, 100.0) is None


def test_a_single_collector_is_never_left() -> None:
    assert Rota(1, 0, 30.0).note(Kind.RETRY, 0.0, 1000.0) is None
