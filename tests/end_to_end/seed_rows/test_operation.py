"""What the operator can see of the collector's work, and what the collector says about itself."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.end_to_end.seed_rows.desk import Desk
from tests.end_to_end.seed_rows.journal import Event, rfc3339
from tests.end_to_end.seed_rows.keeping import House
from watchbook.clock import EPOCH, SECOND_US, now_us, parse_rfc3339

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]


def _metric(desk: Desk, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", desk.ask("/metrics").body.decode(), re.MULTILINE)
    assert found, sample
    return float(found[1])


def test_an_event_is_found_by_the_first_question_after_it_was_taken(desk: Desk) -> None:
    """Row 23: not "a few minutes": nothing has to be waited for, and no index has to catch up first."""
    for number in range(5):
        desk.post([{"action": "read", "resource": {"type": "lag", "id": str(number)}, "details": {"n": -7}}])
        assert [e["resource"]["id"] for e in desk.events(type="lag", limit=1)][:1] == [str(number)]


def test_how_long_events_took_to_be_there_is_measured(desk: Desk) -> None:
    """Row 23: from when it happened to when it could be found, as a metric; each event says both times."""
    counted, late = (f"watchbook_ingest_lag_seconds_{what}" for what in ("count", "sum"))
    before = _metric(desk, counted), _metric(desk, late)
    happened = EPOCH + timedelta(microseconds=now_us()) - timedelta(seconds=100)
    desk.post([{"action": "read", "time": rfc3339(happened), "resource": {"type": "late"}, "details": {"n": -8}}])
    (event,) = desk.events(type="late")
    lag_s = (parse_rfc3339(event["received"]) - parse_rfc3339(event["time"])) / SECOND_US
    assert 100 <= lag_s < 160
    assert _metric(desk, counted) == before[0] + 1
    assert _metric(desk, late) - before[1] == pytest.approx(lag_s, abs=1)


def test_what_is_not_indexed_yet_is_shown(desk: Desk) -> None:
    """Row 23: how far the index is behind is a metric too."""
    stored = _metric(desk, "watchbook_store_events")
    assert stored >= len(desk.journal.events)
    assert 0 <= _metric(desk, "watchbook_index_behind_events") <= stored


def test_a_question_that_costs_too_much_says_so_and_how_to_go_on(house: House) -> None:
    """Row 91: within its limit it answers with what is certain, and names the time down to which that is."""
    page = house.get("/v1/events", since="9000d", q="details.nothing:here", limit=5)
    assert page["incomplete"]["reason"] == "scan_budget"
    assert "narrow the range" in page["incomplete"]["message"] or "next_cursor" in page["incomplete"]["message"]
    assert page["incomplete"]["searched_to"] > page["range"]["from"]
    counted = house.get("/v1/facets", since="9000d", q="details.nothing:here")
    assert counted["incomplete"]["reason"] == "scan_budget"
    told = house.operate("facets", "details.nothing:here", "--since", "9000d")
    assert "narrow the range" in told.stderr


def test_a_total_that_costs_too_much_is_a_lower_bound_and_marked(house: House) -> None:
    """Row 86: exact or capped, and one can tell which."""
    capped = house.get("/v1/events", since="9000d", q="-details.nothing:here", limit=5, total="true")["total"]
    assert capped["exact"] is False
    assert 0 < capped["value"] <= _metric(house, "watchbook_store_events")
    told = house.operate("search", "-details.nothing:here", "--since", "9000d", "--limit", "5", "--total")
    assert told.stderr.startswith("5 of at least ")


def test_a_question_of_a_narrow_range_is_answered_in_full_within_the_same_limit(house: House) -> None:
    """Row 91: the seed's advice, "narrow scope, consider time ranges"."""
    page = house.get("/v1/events", since="9000d", to="2990d", q="details.nothing:here")
    assert "incomplete" not in page
    assert page["events"] == []


def test_where_the_log_is_sent_is_itself_on_record(house: House) -> None:
    """Row 99: creating, altering and removing a destination writes an event each; what it was sent verifies the log."""

    def told(action: str) -> dict[str, Event]:
        found = house.events(q=f"action:{action} type:streaming_destination")
        assert all(event["actor"]["type"] == "system" for event in found)
        return {event["resource"]["id"]: event for event in found}

    evidence = house.stand.folder / "evidence"
    house.wait_for("a checkpoint", evidence.exists)
    assert set(told("create")) == {"evidence", "second"}
    assert house.verified("--checkpoint", str(_first_note(evidence))) == 0

    config = house.stand.collector_yaml
    kept = [line for line in config.read_text().splitlines() if "name: second" not in line]
    config.write_text("\n".join(kept).replace(str(evidence), f"{evidence}-elsewhere"))
    house.restart()
    house.wait_for("the changes to be told", lambda: told("delete"))
    assert set(told("create")) == {"evidence", "second"}
    assert set(told("delete")) == {"second"}
    (change,) = told("update")["evidence"]["changes"]
    assert (change["old"], change["new"]) == (f"file {evidence} (append)", f"file {evidence}-elsewhere (append)")


def _first_note(kept: Path) -> Path:
    """Return a file with the first of the checkpoints that a file holds, each followed by an empty line."""
    note = kept.with_name("first-note")
    text, signatures = kept.read_text().split("\n\n")[:2]
    note.write_text(f"{text}\n\n{signatures}\n")
    return note
