"""A collector that keeps each organization's events for another time, filled with events of several ages.

Every lot of events is a segment of its own, so that it can go as a whole; one segment holds two organizations.
"""

from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.end_to_end.seed_rows.desk import Desk
from watchbook.cli import cli

#: Events of a segment, and of one lot.
SEGMENT_EVENTS = 40
#: Events of each of the two organizations that share a segment.
MIXED = 20
#: Organization -> ages in days.
AGES = {
    "usual": (10, 340, 400), "two-years": (700, 740), "compliance": (3000,), "tiered": (10, 40, 400, 1900),
    "held": (500,), "leaving": (5, 3000), "filler": (1,),
}  # fmt: skip
#: What is past its time from the beginning.
GONE = {("usual", 400), ("two-years", 740), ("tiered", 1900)}
_SETTINGS = f"""\
store: {{segment_events_max: {SEGMENT_EVENTS}, checkpoint_every: 200ms}}
query: {{scanned_events_max: 100, total_events_max: 50}}
retention:
  every: 1s
  scopes:
    - {{org: compliance, keep: forever}}
    - {{org: leaving, keep: forever}}
    - {{org: tiered, keep: 1826d, archive_after: 365d}}
    - {{org: two-years, keep: 731d}}
checkpoints:
  every: 1s
  send:
    - {{name: evidence, file: {{path: FOLDER/evidence}}}}
    - {{name: second, file: {{path: FOLDER/second}}}}
"""


class House(Desk):
    """The desk in front of it; ``first_ids`` has the id of the first event of each lot by (organization, age)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _SETTINGS.replace("FOLDER", str(folder)))
        self.first_ids: dict[tuple[str, int], str] = {}

    def fill(self, org: str, age: int, events: int = SEGMENT_EVENTS) -> None:
        """Store events of one organization and age in one request."""
        about = {"action": "read", "org": org, "category": "data", "details": {"age": str(age)}}
        lot = [{**about, "time": self.journal.ago(days=age, minutes=number / 60)} for number in range(events)]
        answer = self.send("POST", "/v1/events", lot, token=self.sender)
        assert answer.status == 200, answer.body
        self.first_ids[org, age] = answer.document["ids"][0]

    def fill_all(self) -> None:
        """Store every lot, and the segment that two share."""
        self.fill("leaving", 5, MIXED)
        self.fill("staying", 5, MIXED)
        for org, ages in AGES.items():
            for age in ages:
                self.fill(org, age)
        self.fill("filler", 0, 1)

    def tier_of(self, org: str, age: int) -> str:
        """Return the tier of the segment that holds a lot."""
        ends = [self.journal.ago(days=age, minutes=minutes) for minutes in (1, 0)]
        explained = self.get("/v1/query/explain", q=f"org:{org}", since=ends[0], to=ends[1])["segments"]
        (tier,) = [
            segment["tier"] for segment in explained if segment["sure"] + segment["perhaps"] or len(explained) == 1
        ]
        return str(tier)

    def verified(self, *words: str) -> int:
        """Return how ``watchbook verify`` ends."""
        return CliRunner().invoke(cli, ["verify", str(self.stand.segments), *words]).exit_code


def stored(house: Desk, org: str) -> dict[str, int]:
    """Return how many events of an organization there are, by age."""
    facet = house.get("/v1/facets", since="9000d", org=org, field="details.age")["facets"]["details.age"]
    return {str(each["value"]): each["count"] for each in facet["values"]}


def settled(house: Desk) -> bool:
    """Whether nothing is left to seal and nothing to remove."""
    segments: list[dict[str, Any]] = house.segments()
    return sum(segment["tier"] == "hot" for segment in segments) == 1 and not any(
        str(age) in stored(house, org) for org, age in GONE
    )
