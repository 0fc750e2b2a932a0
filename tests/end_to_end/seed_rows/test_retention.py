"""How long events stay: by age, in tiers, for ever, on hold, and until their organization is deleted."""

import re
from pathlib import Path
from typing import Any

import pytest

from collector.lifecycle import LifecycleSettings, RetentionState, ScopeSettings, read_buckets
from collector.lifecycle.state import StoredHold
from tests.collector.test_upkeep import DAY_US, START, World
from tests.end_to_end.seed_rows.keeping import MIXED, SEGMENT_EVENTS, House, settled, stored

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

_SETTINGS_PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
_AGES = LifecycleSettings(
    keep="1826d", archive_after="365d", scopes=(ScopeSettings(org="short", keep="1826d", archive_after="365d"),)
)


def _told(house: House, event_type: str, **resource: str) -> list[dict[str, Any]]:
    found = house.events(q=f'module:retention event_type:"{event_type}"')
    return [event for event in found if resource.items() <= event["resource"].items()]


def test_events_are_kept_for_two_years_where_that_is_asked_for(house: House) -> None:
    """Row 110: by the age of the event; what is younger stays."""
    assert stored(house, "two-years") == {"700": SEGMENT_EVENTS}


def test_events_are_kept_for_a_year_by_default(house: House) -> None:
    """Row 119."""
    assert stored(house, "usual") == {"10": SEGMENT_EVENTS, "340": SEGMENT_EVENTS}
    assert LifecycleSettings().keep == "365d"


def test_the_default_is_documented() -> None:
    """Row 110."""
    documented = re.search(r"^\| `retention\.keep` \|[^|]*\| `365d` \|", _SETTINGS_PAGE.read_text(), re.MULTILINE)
    assert documented, "docs/settings.md does not tell the default"


def test_what_is_past_its_time_is_removed_for_good_and_counted(house: House) -> None:
    """Row 119: permanently removed: in no answer, under no id, in no file; an event says how many went."""
    house.wait_for("the report", lambda: _removed(house, "usual"))
    (gone,) = _removed(house, "usual")
    assert gone["measures"]["events"] == SEGMENT_EVENTS
    assert gone["details"]["reason"] == "age"
    assert (gone["actor"]["type"], gone["category"]) == ("system", "lifecycle")
    if gone["event_type"] == "Segment removed":  # else a report lay in it too, and stays
        assert list(house.stand.segments.glob(f"{gone['resource']['id']}.*")) == []
    assert house.ask(f"/v1/events/{house.first_ids['usual', 400]}").status == 404
    assert house.ask(f"/v1/events/{house.first_ids['usual', 340]}").status == 200
    assert house.verified() == 0


def _removed(house: House, org: str) -> list[dict[str, Any]]:
    """Return the reports of what was removed of an organization."""
    reports = [*_told(house, "Segment removed"), *_told(house, "Events removed")]
    return [each for each in reports if org in [scope.get("org") for scope in each["details"]["scopes"]]]


def test_events_that_are_kept_for_ever_stay(house: House) -> None:
    """Row 116: permanent retention, whatever the age."""
    assert stored(house, "compliance") == {"3000": SEGMENT_EVENTS}


def test_an_organization_that_is_deleted_goes_as_a_whole_and_leaves_a_tombstone(house: House) -> None:
    """Row 116: the only delete; nothing of anybody else goes with it."""
    assert stored(house, "leaving") == {"5": SEGMENT_EVENTS + MIXED, "3000": SEGMENT_EVENTS}
    house.administer("purge", "--org", "leaving", "--reason", "contract ended", "--yes")
    house.fill("filler", 1)  # what lies in the newest segment goes when that is finished
    house.wait_for("the tombstone", lambda: _told(house, "Organization purged", id="leaving"))
    assert stored(house, "leaving") == {}
    assert stored(house, "staying") == {"5": MIXED}
    assert stored(house, "compliance") == {"3000": SEGMENT_EVENTS}
    (tombstone,) = _told(house, "Organization purged")
    (asked,) = _told(house, "Organization purge requested")
    assert asked["reason"] == "contract ended"
    assert asked["actor"]["type"] == "user"
    assert tombstone["resource"] == {"type": "organization", "id": "leaving"}
    removed = _removed(house, "leaving")
    assert sum(event["measures"]["events"] for event in removed) == 2 * SEGMENT_EVENTS + MIXED
    assert all(event["details"]["reason"].startswith("purge") for event in removed)
    assert house.verified() == 0


def test_the_four_tiers_lie_side_by_side(house: House) -> None:
    """Row 120: of one organization, events of ten days, forty days, four hundred days, over five years."""
    assert stored(house, "tiered") == {"10": SEGMENT_EVENTS, "40": SEGMENT_EVENTS, "400": SEGMENT_EVENTS}
    lying = {age: house.tier_of("tiered", age) for age in (10, 40, 400)}
    assert lying == {10: "sealed", 40: "sealed", 400: "archived"}


def test_of_the_last_tier_the_counts_stay(house: House) -> None:
    """Row 120: what is gone after five years is still counted by the hour, for whoever asks over HTTP or types it."""
    ends = [house.journal.ago(days=age) for age in (1901, 1899)]
    assert house.get("/v1/events", since=ends[0], to=ends[1])["events"] == []
    counted = house.get("/v1/history", since=ends[0], to=ends[1], by="org", interval="1h")
    assert counted["total"] == {"value": SEGMENT_EVENTS, "exact": True}
    assert sum(bucket["by"]["tiered"] for bucket in counted["buckets"]) == SEGMENT_EVENTS
    assert (counted["other"], counted["missing"]) == (0, 0)
    (typed,) = house.said("history", "--since", ends[0], "--until", ends[1], "--by", "org", "--interval", "1h")
    assert typed == counted
    younger = {"since": "11d", "to": house.journal.ago(days=9), "by": "org"}
    for gone, events in (("false", SEGMENT_EVENTS), ("true", 0)):
        buckets = house.get("/v1/history", gone=gone, **younger)["buckets"]
        assert sum(bucket["by"].get("tiered", 0) for bucket in buckets) == events


def test_a_legal_hold_blocks_deletion_until_it_is_lifted(house: House) -> None:
    """Row 120: "unless compliance required"; it says what it kept, and who lifted it is on record."""
    assert stored(house, "held") == {"500": SEGMENT_EVENTS}
    (held,) = _told(house, "Deletion held")
    assert held["details"]["hold"] == "case-17"
    assert held["measures"]["events"] == SEGMENT_EVENTS
    assert "case-17" in house.administer("hold", "list").stdout
    house.administer("hold", "lift", "case-17")
    house.wait_for("the held events to go", lambda: settled(house) and stored(house, "held") == {})
    assert (
        len(_told(house, "Legal hold set", id="case-17")) == len(_told(house, "Legal hold lifted", id="case-17")) == 1
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A data folder whose clock is the test's."""
    return World(tmp_path, _AGES)


def test_a_segment_passes_the_four_tiers_as_years_go_by(world: World) -> None:
    """Row 120: keep all; after 30 days counted and packed; after a year in cold storage; after five years gone."""
    world.fill(0, 1, 2)  # three segments, of which the newest stays open
    seen: dict[int, list[str]] = {}
    for days in (2, 31, 200, 364, 367, 1000, 1825, 1829):
        world.work(days)
        seen[days] = [segment.tier for segment in world.segments()]
    assert seen[2] == seen[31] == seen[200] == seen[364] == ["sealed", "sealed", "hot"]
    assert seen[367] == seen[1000] == seen[1825] == ["archived", "archived", "hot"]
    assert seen[1829] == ["hot"]
    assert world.events() == list(range(80, 120))
    assert [each["measures"]["events"] for each in world.told("Segment removed")] == [40, 40]
    counts = read_buckets(world.settings.rollups_db, START - DAY_US, START + 2 * DAY_US, field="action", only_gone=True)
    assert sum(bucket.events for bucket in counts) == 80


def test_a_hold_stands_for_years_after_the_last_tier(world: World) -> None:
    """Row 120: a hold keeps one organization's events beyond five years, and nobody else's."""
    world.fill(0, 1)
    state = RetentionState(world.settings.retention_db)
    told = {"time": 1, "actor.type": "user", "action": "create", "event_type": "Legal hold set"}
    assert state.add_hold(StoredHold("case-1", "short", None, "court", 1), told)
    for days in (31, 400, 1900, 3650):
        world.work(days)
    assert [n for n in world.events() if n < 40] == [n for n in range(40) if n % 4 == 0]
    assert state.remove_hold("case-1", world.now, told)
    state.close()
    world.work(3700)
    assert [n for n in world.events() if n < 40] == []
