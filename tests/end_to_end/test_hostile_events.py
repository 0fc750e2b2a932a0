"""What nobody sends on purpose, or somebody does: stored whole, found, counted, exported, verified, or refused clearly.

Events as large as they may be, with ten thousand fields, with names and values that break quoting, of 1970 and of 2100,
through a real collector; hot, after sealing, after a reindex.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.stand import COLLECTOR, Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]

EVER = "1900-01-01T00:00:00Z"
RTL = "\u202eevil\u200f"
NAMES = ['"', "'", "=", "a=b", "", " ", "\0", "a\0b", RTL, "a.b.c", "{", "]", "\\", "\n", "💥", "ß", "é", "é", "null"]
VALUES: list[Any] = ['"', "=1+1", "\0", "x\0y", RTL, "\\", "💥", 2**63, -(2**63), 1e308, True, None, [], {}]
#: 1 MB of text.
LARGE = "needle " + "straw " * 170_000


def hostile_events() -> list[dict[str, Any]]:
    return [
        _event("large", message=LARGE),
        _event("wide", details={f"field {n} {NAMES[n % len(NAMES)]}": VALUES[n % len(VALUES)] for n in range(10_000)}),
        _event("names", details={name: index for index, name in enumerate(NAMES)}),
        *(_event(f"value-{index}", details={"v": value}) for index, value in enumerate(VALUES)),
        *(_event(f"actor-{index}", actor={"id": name}) for index, name in enumerate(NAMES) if name.strip()),
        _event("first", time="1970-01-01T00:00:00Z"),
        _event("before", time="1969-12-31T23:59:59.999999Z"),
        _event("last", time="2100-01-01T00:00:00Z"),
        _event("deep", details=_nested(63)),
    ]


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"action": "test", "event_type": kind, "time": "2026-11-01T00:00:00Z", **fields}


def _nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"k": value}
    return value


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path / "stand", collector_extra="store:\n  segment_events_max: 20\n")
    made.collector.start()
    made.wait_until_up()
    yield made
    made.close()


def post(stand: Stand, body: bytes) -> tuple[int, Any]:
    """Post a body; return the status and the answer."""
    request = urllib.request.Request(f"{stand.url}/v1/events", data=body)
    request.add_header("Authorization", f"Bearer {(stand.folder / 'agent.token').read_text().strip()}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


def asked(stand: Stand, route: str, **parameters: object) -> Any:
    return stand.get(f"/v1/{route}?{urlencode({'from': EVER, **parameters}, doseq=True)}")


def answers(stand: Stand) -> list[Any]:
    """Everything that must stay the same, whatever becomes of the files."""
    return [
        asked(stand, "events", limit=1000)["events"],
        asked(stand, "events", q="needle")["events"],
        [asked(stand, "events", q=_actor(name))["events"] for name in NAMES if name.strip()],
        asked(stand, "facets", field=["actor", "event_type"], size=1000)["facets"],
        asked(stand, "events", to="1970-01-01T00:00:01Z")["events"],
        stand.get("/v1/events?from=2099-01-01T00:00:00Z")["events"],
        asked(stand, "facets", field="details.v", size=100)["facets"],
        exported(stand),
    ]


def _actor(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'actor.id:"{escaped}"'


def exported(stand: Stand) -> list[Any]:
    request = urllib.request.Request(f"{stand.url}/v1/export?{urlencode({'from': EVER, 'format': 'ndjson'})}")
    request.add_header("Authorization", f"Bearer {stand.token}")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def said(stand: Stand, *words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_hostile_events_are_whole_and_found_in_every_form_of_the_store(stand: Stand) -> None:
    events = hostile_events()
    for event in events:
        status, answer = post(stand, json.dumps(event).encode())
        assert (status, answer.get("accepted")) == (200, 1), (event["event_type"], answer)
    wait_for("the sealing", lambda: len(list(stand.segments.glob("*.sealed.blk"))) >= 1, 90, stand.evidence)
    before = answers(stand)
    by_type = {event["event_type"]: event for event in before[0]}
    assert len(by_type) == len(events)
    for event in events:
        stored = by_type[event["event_type"]]
        for name in ("details", "message", "actor"):
            if name in event:
                part = stored[name]
                assert part == (event[name] if name != "actor" else {"type": "user", **event[name]})
    assert [event["event_type"] for event in before[1]] == ["large"]
    found = {name: [event["actor"]["id"] for event in page] for name, page in _by_name(before[2])}
    assert all(name in ids for name, ids in found.items())
    assert [event["event_type"] for event in before[4]] == ["first", "before"]
    assert [event["event_type"] for event in before[5]] == ["last"]
    assert sorted(map(json.dumps, before[7])) == sorted(map(json.dumps, before[0]))
    stand.collector.stop()
    said(stand, *COLLECTOR, "seal", "--config", str(stand.collector_yaml))
    assert "intact" in said(stand, "-m", "watchbook", "verify", str(stand.segments))
    said(stand, *COLLECTOR, "reindex", "--config", str(stand.collector_yaml))
    stand.collector.start()
    stand.wait_until_up()
    assert answers(stand) == before


def _by_name(pages: list[Any]) -> list[tuple[str, Any]]:
    return list(zip([name for name in NAMES if name.strip()], pages, strict=True))


#: Body, status, and what the detail of the answer says.
REFUSED = [
    (b"[" * 10_000 + b"]" * 10_000, 422, "array"),
    (b'{"action":"x","details":' + b'{"k":' * 10_000 + b"1" + b"}" * 10_001, 422, "event 0"),
    (b'{"action":"x","details":' + b"[" * 65 + b"]" * 65 + b"}", 422, "details"),
    (json.dumps({"action": "x", "details": _nested(65)}).encode(), 422, "nests deeper than 64"),
    (b'{"action":"x","message":"' + b"x" * (17 << 20) + b'"}', 413, "bytes"),
    (b'{"action":"\xff\xfe"}', 422, "event 0"),
    (b'{"action":"x","time":"2026-13-01T00:00:00Z"}', 422, "RFC 3339"),
    (b'{"action":"x"} {"action":"y"}', 422, "event 0"),
    (b'{"action":"x","source":{"ip":"10.0.0.0/8"}}', 422, "IPv4"),
    (b"\0", 422, "event 0"),
]


def test_what_cannot_be_taken_is_refused_with_its_place_and_nothing_of_it_is_stored(stand: Stand) -> None:
    for body, status, text in REFUSED:
        found, answer = post(stand, body)
        assert (found, text in answer["detail"]) == (status, True), (body[:60], answer)
    assert stand.stored_events() == 0
    assert post(stand, b'{"action":"fine"}')[0] == 200
