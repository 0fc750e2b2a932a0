"""The code that profiles become: made once for a set of keys, learnt for the usual lines, bounded for hostile logs."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.parse import FORMATS
from agent.profile import CompiledProfile, compile_profile, learning, plan
from agent.redact import NoRedactor
from tests.agent.profile.shipped import DEFINITIONS, READ_US, compiled, event, events, written

LINE = {
    "ts": "2026-11-21T09:00:00Z",
    "user": {"id": "u1", "team": "x"},
    "action": "viewed",
    "resource": "r",
    "level": "info",
}


def slow() -> CompiledProfile:
    """Return the JSON profile without the learnt code."""
    formats = {"json": FORMATS["json"]._replace(decoder_of=None)}
    return compile_profile(DEFINITIONS["jsonl"], formats, NoRedactor())


def learner_of(profile: CompiledProfile) -> learning.Learner:
    learner = profile._learner
    assert learner is not None
    return learner


def test_the_usual_lines_get_code_of_their_own() -> None:
    profile = compiled(DEFINITIONS["jsonl"])
    line = json.dumps(LINE)
    first = events(profile, [line] * learning.FIRST_LINES)
    learner = learner_of(profile)
    assert learner.make_rows is not None
    assert learner.source.startswith("def rows(lines, read_us, append, otherwise,")
    assert events(profile, [line] * 3) == first[:3]


def test_a_line_unlike_the_learnt_ones_loses_nothing() -> None:
    profile = compiled(DEFINITIONS["jsonl"])
    events(profile, [json.dumps(LINE)] * 20)
    assert learner_of(profile).make_rows is not None
    for strange in (
        {**LINE, "user": "bob"},
        {**LINE, "user": {}},
        {**LINE, "user": {"id": "u1", "age": 7}},
        {**LINE, "action": ""},
        {**LINE, "more": [1]},
        {**LINE, "level": None},
        {"ts": LINE["ts"]},
        {},
    ):
        assert event(profile, json.dumps(strange)) == event(slow(), json.dumps(strange))


def test_rows_keep_the_order_of_their_lines_when_some_are_strange() -> None:
    profile = compiled(DEFINITIONS["jsonl"])
    events(profile, [json.dumps(LINE)] * 20)
    lines = [json.dumps({**LINE, "request_id": str(n)} if n % 3 else LINE | {"rows": n}).encode() for n in range(60)]
    lines[7:7] = [b"", b"{"]
    made = profile(lines, READ_US)
    assert made == slow()(lines, READ_US)
    assert made.row_lines == [n for n in range(62) if n not in (7, 8)]


def test_what_is_refused_often_is_learnt_too() -> None:
    profile = compiled(DEFINITIONS["jsonl"])
    events(profile, [json.dumps(LINE)] * learning.FIRST_LINES)
    before = learner_of(profile).source
    events(profile, [json.dumps({**LINE, "rows": 5})] * 4 * learning.FIRST_LINES)
    after = learner_of(profile).source
    assert before != after
    assert "measures_rows" in after


def test_a_log_of_ever_new_keys_stops_being_learnt_and_stays_right() -> None:
    profile = compiled(DEFINITIONS["jsonl"])
    lines = [json.dumps({**LINE, f"key{n}": n}).encode() for n in range(400)]
    assert profile(lines, READ_US) == slow()(lines, READ_US)
    assert learner_of(profile).make_rows is None


def test_keys_that_mean_different_things_from_line_to_line_are_not_learnt() -> None:
    profile = compiled(DEFINITIONS["jsonl"])
    lines = [json.dumps({"user": {"id": "u1"} if n % 2 else "u2"}).encode() for n in range(100)]
    assert profile(lines, READ_US) == slow()(lines, READ_US)
    assert learner_of(profile).make_rows is None


def test_the_code_for_many_sets_of_keys_is_shared_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["user", "action", "resource", "org", "status", "ip", "rows", "msg", "before", "after"]
    sets = [[key for place, key in enumerate(known) if number >> place & 1] for number in range(1 << len(known))]
    lines = [json.dumps(dict.fromkeys(keys, "x")).encode() for keys in sets[:300]]
    free = [slow()([line], READ_US).rows[0] for line in lines[:80:7]]
    monkeypatch.setattr(plan, "PLANS_MAX", 3)
    monkeypatch.setattr(plan, "ORDERS_MAX", 5)
    monkeypatch.setattr(plan, "SHARED_KEYS_MAX", 6)
    bounded = slow()
    assert [bounded([line], READ_US).rows[0] for line in lines[:80:7]] == free
    plans = bounded._choice.only
    assert plans is not None
    assert len(plans) <= 5
    assert len(plans._by_keys) == 3


def test_a_profile_that_fails_on_a_line_leaves_it_unparsed_and_says_why(tmp_path: Path) -> None:
    definition = written(tmp_path, "profile: x\nformat: json\nconstants: {action: log}\n")

    def broken(line: bytes) -> tuple[dict[str, Any], bool]:
        raise KeyError(line.decode())

    formats = {"json": FORMATS["json"]._replace(decode_leniently=broken)}
    profile = compile_profile(definition, formats, NoRedactor())
    made = profile([b"{}", b"{nonsense", b"{}"], READ_US)
    assert made.unparsed == [(1, "{nonsense", "the profile failed: KeyError: '{nonsense'")]
    assert made.row_lines == [0, 2]
