"""The batch: golden bytes, round trips, and everything a body can be that is no batch."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from watchbook import wire
from watchbook.clock import TIME_MAX_US, TIME_MIN_US
from watchbook.coded import json_pieces
from watchbook.event import FIELDS, Field
from watchbook.wire import Batch, WireError

GOLDEN = Path(__file__).parent / "golden"
BYTES_MAX = 1 << 20

#: Every kind of column, a constant, absent values, and offsets and times that go back.
EVENTS: list[dict[str, Any]] = [
    {
        "time": 1_795_269_909_123_456,
        "actor.type": "user",
        "actor.id": "alice",
        "action": "update",
        "category": "permission",
        "resource.type": "database",
        "outcome": "success",
        "duration_ms": 245,
        "source.ip": "2001:db8::1",
        "changes": [{"field": "plan", "old": "Premium", "new": "Enterprise"}],
        "details": {"k": [1, None, {"ü": "…"}]},
        "origin.file": "/var/log/app.log",
        "origin.offset": 1000,
    },
    {
        "time": 1_795_269_909_123_400,
        "actor.type": "anonymous",
        "action": "read",
        "duration_ms": 1.5,
        "measures": {"rows": 10, "bytes": 2.5},
        "flags": ["no_resource", "time_assumed"],
        "origin.file": "/var/log/app.log",
    },
    {
        "time": 1_795_269_910_000_000,
        "actor.type": "user",
        "actor.id": "bob",
        "action": "read",
        "details": {},
        "origin.file": "/var/log/app.log",
        "origin.offset": 0,
        "raw": '10.0.0.1 - - "GET / HTTP/1.1"\t\\',
    },
]


def events_of(batch: Batch) -> list[dict[str, Any]]:
    return [batch.event(index) for index in range(batch.n)]


def body(n: int = 2, **columns: Any) -> bytes:
    """A batch of two good events, with the columns given put over it (a column of None is left out)."""
    good: dict[str, Any] = {"time": [1, 1], "actor.type": "user", "action": ["read", "read"]}
    changed = {name.replace("__", "."): column for name, column in columns.items()}
    kept = {name: column for name, column in (good | changed).items() if column is not None}
    return msgspec.json.encode({"v": 1, "n": n, "c": kept})


def coded(values: list[Any], codes: str) -> dict[str, Any]:
    return {"d": values, "i": codes}


def refusal(data: bytes) -> WireError:
    with pytest.raises(WireError) as caught:
        wire.decode_json(data)
    return caught.value


def test_the_bytes_before_compression_are_the_golden_ones() -> None:
    encoded = wire.encode_json(len(EVENTS), wire.columns_of(EVENTS))
    assert encoded == (GOLDEN / "batch-v2.json").read_bytes()


@pytest.mark.parametrize("version", [1, 2])
def test_the_golden_bytes_can_be_read_for_ever(version: int) -> None:
    batch = wire.decode_batch((GOLDEN / f"batch-v{version}.zst").read_bytes(), bytes_max=BYTES_MAX)
    assert events_of(batch) == EVENTS


def test_a_batch_is_one_zstd_frame_that_says_its_content_size() -> None:
    data = wire.encode_batch(len(EVENTS), wire.columns_of(EVENTS))
    content = (GOLDEN / "batch-v2.json").read_bytes()
    assert zstandard.get_frame_parameters(data).content_size == len(content)
    assert zstandard.ZstdDecompressor().decompress(data) == content


def test_a_text_that_all_events_share_is_sent_once() -> None:
    columns = wire.columns_of(EVENTS)
    assert columns["origin.file"] == "/var/log/app.log"
    assert columns["actor.type"] == ["user", "anonymous", "user"]
    assert "org" not in columns


def test_a_batch_of_no_events_holds_nothing() -> None:
    batch = wire.decode_batch(wire.encode_batch(0, wire.columns_of([])), bytes_max=100)
    assert (batch.n, dict(batch.columns), events_of(batch)) == (0, {}, [])


def test_columns_values_and_times_of_a_batch_can_be_asked_for_one_by_one() -> None:
    batch = wire.decode_batch((GOLDEN / "batch-v2.zst").read_bytes(), bytes_max=BYTES_MAX)
    assert batch.times == [event["time"] for event in EVENTS]
    assert batch.column("origin.file") == ["/var/log/app.log"] * 3
    assert batch.column("actor.id") == ["alice", None, "bob"]
    assert batch.column("org") is None
    assert batch.value("details", 0) == EVENTS[0]["details"]
    assert batch.value("details", 1) is None
    assert batch.value("origin.file", 1) == "/var/log/app.log"
    assert batch.value("origin.offset", 2) == 0


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "time": st.integers(TIME_MIN_US, TIME_MAX_US),
    "text": TEXTS,
    "integer": st.integers(0, 2**63 - 1),
    "number": NUMBERS,
    "numbers": st.dictionaries(TEXTS, NUMBERS, max_size=3),
    "object": st.dictionaries(TEXTS, JSON, max_size=3),
    "changes": st.lists(st.fixed_dictionaries({"field": TEXTS}, optional={"old": JSON, "new": JSON}), max_size=3),
    "texts": st.lists(TEXTS, max_size=3),
}


def values_of(field: Field) -> st.SearchStrategy[Any]:
    return st.sampled_from(sorted(field.values)) if field.values else VALUES[field.kind]


ANY_EVENT = st.fixed_dictionaries(
    {field.name: values_of(field) for field in FIELDS if field.name in ("time", "actor.type", "action")},
    optional={field.name: values_of(field) for field in FIELDS if field.name not in ("time", "actor.type", "action")},
)


@given(st.lists(ANY_EVENT, max_size=5))
def test_every_list_of_events_comes_back_as_it_went(events: list[dict[str, Any]]) -> None:
    data = wire.encode_batch(len(events), wire.columns_of(events))
    assert events_of(wire.decode_batch(data, bytes_max=BYTES_MAX)) == events


@given(st.lists(ANY_EVENT, min_size=1, max_size=4), st.lists(st.integers(0, 3), min_size=1, max_size=600))
def test_events_that_repeat_values_come_back_as_they_went(pool: list[dict[str, Any]], picks: list[int]) -> None:
    events = [pool[pick % len(pool)] for pick in picks]
    batch = wire.decode_batch(wire.encode_batch(len(events), wire.columns_of(events)), bytes_max=1 << 26)
    assert [batch.event(index) for index in range(batch.n)] == events  # one by one, before a column is written out
    assert wire.encode_json(batch.n, dict(batch.columns)) == wire.encode_json(batch.n, wire.columns_of(events))


def test_a_column_of_few_values_comes_as_values_and_codes() -> None:
    events = [{"time": 1, "actor.type": "user", "action": "read", "org": f"org-{n % 3}"} for n in range(300)]
    batch = wire.decode_batch(wire.encode_batch(300, wire.columns_of(events)), bytes_max=BYTES_MAX)
    found = batch.coded("org")
    assert found is not None
    assert list(found.values) == [None, "org-0", "org-1", "org-2"]
    assert found.codes()[:4] == bytes([1, 2, 3, 1])
    assert batch.column("org") == [event["org"] for event in events]
    assert batch.coded("actor.type") is None  # one text for all


@pytest.mark.parametrize(
    ("data", "message", "index", "field"),
    [
        (body(actor__id=["a", 5]), "Expected `str | null`, got `int`", 1, "actor.id"),
        (body(actor__id=["a"]), "column 'actor.id' has 1 values, the batch has 2 events", None, "actor.id"),
        (body(actor__id=7), "Expected `str | object | array | null`, got `int`", None, "actor.id"),
        (body(actor__type=["user", "bot"]), "'bot' is not one of anonymous, api_key, service, system", 1, "actor.type"),
        (body(actor__type="robot"), "'robot' is not one of", 0, "actor.type"),
        (body(outcome=["success", "maybe"]), "'maybe' is not one of failure, in_progress, pending", 1, "outcome"),
        (body(action=["read", None]), "the event has no 'action'", 1, "action"),
        (body(action=None), "no event has 'action', which every event must have", 0, "action"),
        (body(time=None), "no event has 'time'", 0, "time"),
        (body(time=[1, None]), "Expected `int`, got `null`", 1, "time"),
        (body(time=[1, 1.5]), "Expected `int`, got `float`", 1, "time"),
        (body(time=[1, True]), "Expected `int`, got `bool`", 1, "time"),
        (body(time=[1, TIME_MAX_US]), "the time lies outside the years 1 to 9999", 1, "time"),
        (body(time=[TIME_MIN_US - 1, 1]), "the time lies outside the years 1 to 9999", 0, "time"),
        (body(time=[10**30, 1]), "the time lies outside the years 1 to 9999", 0, "time"),
        (body(origin__offset=[5, -6]), "the offset is negative or too large", 1, "origin.offset"),
        (body(origin__offset=[None, 2**63]), "the offset is negative or too large", 1, "origin.offset"),
        (body(details=[{}, [1]]), "expected object, found b'[1]'", 1, "details"),
        (body(details="x"), "Expected `object | array | null`, got `str`", None, "details"),
        (body(changes=[None, {}]), "expected changes, found b'{}'", 1, "changes"),
        (body(changes=[[], [1]]), "expected a list of {field, old, new}", 1, "changes"),
        (body(changes=[[], [{"old": 1}]]), "Object missing required field `field`", 1, "changes"),
        (body(measures=[None, {"rows": "10"}]), "Expected `int | float`, got `str`", 1, "measures"),
        (body(flags=[None, ["a", None]]), "Expected `str`, got `null`", 1, "flags"),
        (body(colour=["red", "red"]), "Object contains unknown field `colour`", None, None),
        (body(n=3), "has 2 values, the batch has 3 events", None, "time"),
        (body(n=-1), "Expected `int` >= 0", None, None),
        (body(n=4097), "Expected `int` <= 4096", None, None),
        (body(outcome=coded(["success", "maybe"], "#$")), "'maybe' is not one of", 1, "outcome"),
        (body(outcome=coded(["success"], "#")), "1 characters of codes, expected 1 for each of 2", None, "outcome"),
        (body(outcome=coded(["success"], "#$")), "a code is no digit or above 1", None, "outcome"),
        (body(outcome=coded(["success"], "#é")), "0 characters of codes, expected 1", None, "outcome"),
        (body(outcome=coded(["success", None], "##")), "Expected `str`, got `null`", None, "outcome"),
        (body(action=coded(["read"], "#!")), "the event has no 'action'", 1, "action"),
        (body(details=coded([{}, [1]], "#$")), "expected object, found b'[1]'", 1, "details"),
        (body(details=coded([{}, None], "#$")), "a coded column holds no nulls", None, "details"),
        (body(changes=coded([[{"old": 1}]], "!#")), "Object missing required field `field`", 1, "changes"),
        (body(measures=coded([{"rows": "10"}], "!#")), "Expected `int | float`, got `str`", None, "measures"),
        (body(time=coded([1], "##")), "Expected `array | null`, got `object`", None, "time"),
        (b'{"v":3,"n":0,"c":{}}', "Invalid enum value 3", None, None),
        (b'{"v":1,"c":{}}', "Object missing required field `n`", None, None),
        (b'{"v":1,"n":0,"c":{},"x":1}', "Object contains unknown field `x`", None, None),
        (b"[]", "Expected `object`, got `array`", None, None),
        (b"", "Input data was truncated", None, None),
        (b'{"v":1', "Input data was truncated", None, None),
        (b'{"v":1,"n":0,"c":{}}x', "JSON is malformed", None, None),
        (b'{"v":1,"n":0,"c":{"raw":["\xff"]}}', "invalid start byte", None, None),
        (b'{"v":1,"n":0,"c":{"details":[{"a":"\xff"}]}}', "invalid start byte", None, None),
        (b'{"v":1,"n":1,"c":{"details":[{"a":01}]}}', "JSON is malformed", None, None),
        (b'{"v":1,"n":1,"c":{"details":' + b"[" * 100_000, "recursion", None, None),
    ],
)  # fmt: skip
def test_a_malformed_body_is_refused_with_the_event_and_field_to_blame(
    data: bytes, message: str, index: int | None, field: str | None
) -> None:
    error = refusal(data)
    assert message in str(error)
    assert (error.index, error.field, error.too_large) == (index, field, False)


@pytest.mark.parametrize(
    ("details", "read"),
    [
        (b'{"a":1e999}', '{"a":1e999}'),
        (b'{"a":' + b"9" * 5000 + b"}", '{"a":' + "9" * 5000 + "}"),
        (b'{"a":1' + b"0" * 30 + b"}", {"a": 10**30}),
    ],
)
def test_an_event_that_was_accepted_can_always_be_read(details: bytes, read: Any) -> None:
    data = body().replace(b'"action"', b'"details":[' + details + b',null],"action"')
    assert wire.decode_json(data).event(0)["details"] == read


def test_details_that_nest_as_deep_as_they_are_accepted_can_be_read_from_deep_within_the_program() -> None:
    def depth(levels: int, call: Callable[[], Any]) -> Any:
        return depth(levels - 1, call) if levels else call()

    data = body().replace(b'"action"', b'"details":[{"a":' + b"[" * 900 + b"]" * 900 + b'},null],"action"')
    try:
        batch = wire.decode_json(data)
    except WireError:
        pytest.skip("this interpreter's limit is lower: such a batch is refused")
    assert depth(200, lambda: batch.event(0))["details"]


def test_a_body_that_is_no_zstd_is_refused() -> None:
    for data in (b"", b"hello", wire.compress(b"{}")[:-1], wire.compress(b"{}") + b"more"):
        with pytest.raises(WireError, match="is no zstd frame") as caught:
            wire.decode_batch(data, bytes_max=BYTES_MAX)
        assert not caught.value.too_large


def test_a_damaged_frame_is_refused() -> None:
    data = bytearray(wire.encode_batch(len(EVENTS), wire.columns_of(EVENTS)))
    for position in range(len(data)):
        data[position] ^= 0xFF
        with contextlib.suppress(WireError):
            wire.decode_batch(bytes(data), bytes_max=BYTES_MAX)
        data[position] ^= 0xFF


def test_a_bomb_is_refused_by_the_size_it_names_before_it_is_opened() -> None:
    bomb = zstandard.ZstdCompressor(level=1).compress(b" " * (64 << 20))
    assert len(bomb) < 16 << 10
    with pytest.raises(WireError, match="decompresses to 67108864 bytes, the limit is 1048576") as caught:
        wire.decode_batch(bomb, bytes_max=BYTES_MAX)
    assert caught.value.too_large


def test_a_frame_that_does_not_say_its_size_is_refused() -> None:
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(body())
    with pytest.raises(WireError, match="does not say its content size; compress the batch in one call"):
        wire.decode_batch(frame, bytes_max=BYTES_MAX)


def test_a_frame_that_lies_about_its_size_is_refused() -> None:
    frame = bytearray(wire.compress(body()))
    size = len(body())
    place = bytes(frame).index(bytes([size - 256 & 0xFF, size - 256 >> 8]) if size >= 256 else bytes([size]), 4)
    frame[place] -= 1
    with pytest.raises(WireError, match="is no zstd frame"):
        wire.decode_batch(bytes(frame), bytes_max=BYTES_MAX)


def test_untouched_json_over_several_lines_is_written_as_it_is_beside_absent_values() -> None:
    spread = msgspec.Raw(b'{"k":\n1}')
    assert json_pieces([spread, None, {"k": "\n"}]) == [b'{"k":\n1}', None, b'{"k":"\\n"}']
    assert json_pieces([{"k": 1}, None]) == [b'{"k":1}', None]
    assert json_pieces([]) == []


def test_columns_that_came_coded_are_written_with_their_codes() -> None:
    data = wire.encode_json(3, {"time": [1, 2, 3], "actor.type": "user", "action": ["a", "b", "a"]})
    assert wire.encode_json(3, wire.decode_json(data).columns) == data
