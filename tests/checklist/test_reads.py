"""Row 45: reading the log is in the log, with a real collector."""

import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]

META = "/v1/events?q=" + urllib.parse.quote('category:meta event_type:"events listed" -details.query.q:*meta*')


@pytest.fixture
def stand(tmp_path: Any) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand", collector_extra="web: {reads: {log: true, every: 100ms}}\n")
    try:
        made.collector.start()
        made.wait_until_up()
        yield made
    finally:
        made.close()


@pytest.mark.row(45)
def test_each_read_is_an_event_with_who_asked_what_and_how_much_it_held(stand: Stand) -> None:
    stand.get("/v1/events?actor=alice&limit=5")
    wait_for("the event of the read", lambda: stand.get(META)["events"], 30, stand.evidence)
    (read,) = stand.get(META)["events"]
    assert read["actor"] == {"type": "user", "id": "operator"}
    assert (read["action"], read["category"], read["outcome"]) == ("read", "meta", "success")
    assert read["details"]["query"] == {"actor": ["alice"], "limit": ["5"]}
    assert read["measures"] == {"items": 0}
    assert read["source"]["ip"] == "127.0.0.1"
    one = stand.get(f"/v1/events/{read['id']}")
    assert one["id"] == read["id"]
    viewed = "/v1/events?q=" + urllib.parse.quote('event_type:"event viewed"')
    wait_for("the event of the view", lambda: stand.get(viewed)["events"], 30, stand.evidence)
    assert stand.get(viewed)["events"][0]["resource"] == {"type": "event", "id": read["id"]}


@pytest.mark.row(45)
def test_reading_of_reads_ends_with_one_event_a_read(stand: Stand) -> None:
    for _ in range(5):
        stand.get("/v1/events?q=category:meta")
    wait_for("five events", lambda: stand.stored_events() >= 5, 30, stand.evidence)
    assert not stand.wait_until_stored(6, 2)
    assert stand.collector.stop() == 0
    assert stand.stored_events() == 5
