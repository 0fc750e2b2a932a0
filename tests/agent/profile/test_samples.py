"""The shipped profiles on the shipped sample logs: each line becomes exactly the event beside it in ``expected/``."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, flat
from watchbook import wire
from watchbook.event import FIELD_BY_NAME, REQUIRED, nest
from watchbook.shipped import shipped_folder

EXPECTED = Path(__file__).parent / "expected"
SAMPLES = shipped_folder("config") / "samples"
FILES = {
    "journal": "journal.jsonl",
    "jsonl": "app.jsonl",
    "nginx": "nginx-access.log",
    "sshd": "auth.log",
    "syslog": "syslog.log",
}


def sample_lines(profile: str) -> list[bytes]:
    return (SAMPLES / FILES[profile]).read_bytes().splitlines()


def expected(profile: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EXPECTED / f"{profile}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_shipped_profile_has_a_sample_log_or_samples_of_its_own() -> None:
    assert {name for name, each in DEFINITIONS.items() if len(each.samples) < 8} <= FILES.keys()
    assert all(len(sample_lines(name)) >= 12 for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_each_sample_line_becomes_the_expected_event(name: str) -> None:
    profile = compiled(DEFINITIONS[name])
    for line, wanted in zip(sample_lines(name), expected(name), strict=True):
        made = profile([line], READ_US)
        assert len(made.rows) + len(made.unparsed) + made.blank == 1
        if "event" in wanted:
            (row,) = made.rows
            assert nest(flat(profile, row)) == wanted["event"]
        elif "unparsed" in wanted:
            (unparsed,) = made.unparsed
            assert unparsed == (0, wanted["raw"], wanted["unparsed"])
        else:
            assert made.blank == 1


@pytest.mark.parametrize("name", FILES)
def test_a_whole_sample_log_gives_the_same_events_as_its_lines_alone(name: str) -> None:
    profile = compiled(DEFINITIONS[name])
    made = profile(sample_lines(name) * 20, READ_US)
    wanted = expected(name) * 20
    places = made.row_lines
    assert places == [place for place, one in enumerate(wanted) if "event" in one]
    assert [nest(flat(profile, row)) for row in made.rows] == [one["event"] for one in wanted if "event" in one]
    assert [line.line for line in made.unparsed] == [place for place, one in enumerate(wanted) if "unparsed" in one]
    assert made.blank == sum("blank" in one for one in wanted)


@pytest.mark.parametrize("name", FILES)
def test_the_rows_can_go_over_the_wire(name: str) -> None:
    profile = compiled(DEFINITIONS[name], constants={"origin.host": "web01"}, keep_raw=True)
    rows = profile(sample_lines(name), READ_US).rows
    events = [flat(profile, row) for row in rows]
    batch = wire.decode_batch(wire.encode_batch(len(events), wire.columns_of(events)), bytes_max=1 << 20)
    assert [batch.event(index) for index in range(batch.n)] == events
    assert set(profile.fields) | set(profile.constants) <= set(FIELD_BY_NAME)
    assert all(set(REQUIRED) <= set(event) for event in events)


@pytest.mark.parametrize("name", FILES)
def test_the_kept_raw_line_is_redacted(name: str) -> None:
    profile = compiled(DEFINITIONS[name], keep_raw=True)
    lines = sample_lines(name)
    made = profile(lines, READ_US)
    raws = {place: row[-1] for place, row in zip(made.row_lines or range(len(lines)), made.rows, strict=True)}
    for place, raw in raws.items():
        changed = raw != lines[place].decode()
        assert changed == ("[REDACTED]" in raw or "(actual key not shown)" in raw)
    assert not any(secret in str(made) for secret in ("hunter2", "s3cr3t", "ak_live_0123", '"one"', '"two"'))
