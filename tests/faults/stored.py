"""What a collector's files hold, read without it; and what it answers, for comparing."""

import http
import json
import time
import urllib.error
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from collector.archive import EVERY_ROW, ArchiveReader, ArchiveSettings
from collector.block import DecodedBlock
from collector.store import SegmentReader
from tests.faults.ingest import KEPT
from tests.stand import Stand
from watchbook.clock import TIME_MAX_US, TIME_MIN_US

_QUESTIONS: Final = (
    "/v1/events?limit=500",
    "/v1/events?limit=200&q=actor:user13",
    "/v1/events?limit=200&q=actor:user13+outcome:failure&total=true",
    "/v1/events?limit=100&q=action:update+-actor:user1*",
    "/v1/facets?field=action&field=actor&field=outcome",
    "/v1/facets?field=outcome&q=actor:user7",
    "/v1/histogram?interval=1m&by=outcome",
)
#: Of an answer, what may differ although it says the same.
_PASSING: Final = ("last_number", "next_cursor")
_TRIES: Final = 5
_AGAIN_S: Final = 2.0


def stored_numbers(stand: Stand) -> Counter[int]:
    """Return how often each event's number is in the files, in whatever form they are."""
    numbers: Counter[int] = Counter()
    for block in _blocks(stand):
        column = block.batch.column("details") or ()
        for raw in column:
            number = None if raw is None else msgspec.json.decode(raw).get("seq")
            if number is not None:
                numbers[number] += 1
    return numbers


def _blocks(stand: Stand) -> Iterator[DecodedBlock]:
    reader = SegmentReader(stand.segments, 1 << 30)
    archives = ArchiveReader(stand.segments, ArchiveSettings())
    try:
        for segment in reader.segments():
            if segment.tier == "archived":
                yield from archives.scan(segment.path, EVERY_ROW, TIME_MIN_US, TIME_MAX_US + 1)
            else:
                yield from (reader.read(info) for info in reader.blocks(segment))
    finally:
        archives.close()
        reader.close()


def tiers(stand: Stand) -> Counter[str]:
    """Return how many segments there are in each form."""
    reader = SegmentReader(stand.segments, 1 << 30)
    try:
        return Counter(segment.tier for segment in reader.segments())
    finally:
        reader.close()


def answers(stand: Stand, time_from: str, time_to: str) -> dict[str, Any]:
    """Return the answers to some questions about the events that are kept, with all pages of one of them."""
    between = urllib.parse.urlencode({"from": time_from, "to": time_to, "org": KEPT})
    found = {question: _asked(stand, f"{question}&{between}") for question in _QUESTIONS}
    found["pages"] = _ids_of_all_pages(stand, between)
    for answer in found.values():
        for name in _PASSING:
            answer.pop(name, None)
    return found


def _ids_of_all_pages(stand: Stand, between: str) -> dict[str, Any]:
    ids: list[str] = []
    path = f"/v1/events?limit=1000&q=outcome:failure&{between}"
    page = _asked(stand, path)
    while True:
        ids += [event["id"] for event in page["events"]]
        if page["next_cursor"] is None:
            return {"ids": ids}
        page = _asked(stand, f"{path}&cursor={urllib.parse.quote(page['next_cursor'])}")


def _asked(stand: Stand, path: str) -> Any:
    """Return an answer; one that is put off (segments may still be moved) is asked for again."""
    for attempt in range(_TRIES):
        try:
            return stand.get(path)
        except urllib.error.HTTPError as error:
            said = f"{path} was answered {error.code}: {error.read().decode()[:500]}"
            if error.code != http.HTTPStatus.SERVICE_UNAVAILABLE or attempt == _TRIES - 1:
                raise AssertionError(f"{said}\n{stand.evidence()}") from error
            print(f"put off: {said}")
            time.sleep(_AGAIN_S)
    return None


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Say which answers differ, and how they begin."""
    wrong = [question for question in before if before[question] != after[question]]
    return "\n".join(
        f"{question}\n  before {json.dumps(before[question])[:600]}\n  after  {json.dumps(after[question])[:600]}"
        for question in wrong
    )
