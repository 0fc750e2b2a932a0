"""The activity of the five systems with real processes: from six log files to what an operator is answered."""

import json
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.seeds.activity import Activity, activity
from tests.stand import Stand, wait_for

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

SINCE = "2026-01-01T00:00:00Z"
STEPS = ("START", "END", "STAGE_START", "STAGE_END")
#: What an agent sends unless an input asks for all.
SENT = [each for each in activity() if each.about.split(" ")[0] not in STEPS or each.profile != "harness-audit"]
PROFILES = list(dict.fromkeys(each.profile for each in SENT))


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Both programs, after everything that was written is stored."""
    folder = tmp_path_factory.mktemp("systems") / "stand"
    inputs = "".join(
        f"  - {{name: {name}, files: ['{folder}/logs/{name}.log'], profile: {name}}}\n" for name in PROFILES
    )
    made = Stand(folder, agent_extra=inputs)
    try:
        for name in PROFILES:
            lines = [each.line for each in activity() if each.profile == name]
            (made.logs / f"{name}.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
        made.collector.start()
        made.wait_until_up()
        made.agent.start()
        wait_for("all events", lambda: made.stored_events() >= len(SENT), 60, made.evidence)
        yield made
    finally:
        made.close()


def found(stand: Stand, **parameters: str) -> list[dict[str, Any]]:
    """Return the events of a query, page by page."""
    events: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        query = urllib.parse.urlencode({"from": SINCE, "limit": "1000", **parameters, **cursor})
        page = stand.get(f"/v1/events?{query}")
        events += page["events"]
        if page["next_cursor"] is None:
            return events
        cursor = {"cursor": page["next_cursor"]}


def value(event: dict[str, Any], field: str) -> Any:
    group, _, member = field.partition(".")
    inner = event.get(group)
    return inner.get(member) if member and isinstance(inner, dict) else inner


@pytest.mark.parametrize("profile", PROFILES)
def test_every_line_is_answered_as_the_event_that_its_name_means(stand: Stand, profile: str) -> None:
    lines = [each for each in SENT if each.profile == profile]
    events = found(stand, q=f"origin.profile:{profile}")
    assert len(events) == len(lines)
    by_offset = {event["origin"]["offset"]: event for event in events}
    for each, offset in _offsets(stand, lines):
        event = by_offset[offset]
        for field, wanted in each.expected.items():
            assert value(event, field) == wanted, (each.about, field, stand.evidence())


def test_nothing_stays_unparsed_and_what_is_left_out_is_counted(stand: Stand) -> None:
    assert found(stand, q="flags:unparsed") == []
    assert Counter(event["origin"]["profile"] for event in found(stand)) == Counter(each.profile for each in SENT)


def test_the_catalogue_of_the_running_collector_knows_every_name_that_came(stand: Stand) -> None:
    seen = stand.get(f"/v1/catalogue?seen=true&from={SINCE}")["seen"]
    assert seen["aliases"] == []
    assert {each["value"] for each in seen["unlisted"]} <= {
        "data_share", "service_account", "process_instance", "asset", "connector", "export", "organization", "product",
        "secret", "subscription", "user", "stage",
    }  # fmt: skip


def test_hidden_event_types_can_be_left_out_by_the_query_processes(stand: Stand) -> None:
    everything = {event["event_type"] for event in found(stand, q="origin.profile:harbr")}
    shown = {event["event_type"] for event in found(stand, q="origin.profile:harbr", exclude="hidden")}
    assert everything - shown == {"Process instance queued", "Process instance dequeued"}


def _offsets(stand: Stand, lines: list[Activity]) -> Iterator[tuple[Activity, int]]:
    """Yield each line that was sent with where it begins in its file."""
    path: Path = stand.logs / f"{lines[0].profile}.log"
    sent = {each.line: each for each in lines}
    offset = 0
    for line in path.read_bytes().splitlines(keepends=True):
        text = line.decode().rstrip("\n")
        if text in sent:
            yield sent[text], offset
        else:
            assert json.loads(text)["action"] in STEPS
        offset += len(line)
