"""The quick way with posted events against the slow one, which is the truth; and times against the clock's reading."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from collector.receive.instants import instants
from collector.receive.posted import NDJSON, PostedError, flat_event, split_body
from collector.receive.quick import quick_batch
from watchbook import wire
from watchbook.clock import format_rfc3339, parse_rfc3339

NOW = 1_763_733_909_000_000
DEPTH = 6


def slow(body: bytes, content_type: str) -> list[dict[str, Any]] | None:
    """Return what the slow way makes of a body, as it can be read back from the wire; None when it refuses it."""
    try:
        flat = [
            flat_event(index, part, lambda: NOW, DEPTH) for index, part in enumerate(split_body(body, content_type))
        ]
    except PostedError:
        return None
    return events_of(wire.Batch(len(flat), wire.columns_of(flat)))


def quick(body: bytes, content_type: str) -> list[dict[str, Any]] | None:
    """Return what the quick way makes of it; None when it leaves it to the slow one."""
    batch = quick_batch(body, lines=content_type == NDJSON, events_max=100, now=lambda: NOW, depth_max=DEPTH)
    return None if batch is None else events_of(batch)


def events_of(batch: wire.Batch) -> list[dict[str, Any]]:
    read = wire.decode_batch(wire.encode_batch(batch.n, batch.columns), bytes_max=1 << 26)
    assert [batch.event(index) for index in range(batch.n)] == msgspec.to_builtins(
        [read.event(index) for index in range(read.n)]
    )
    return [read.event(index) for index in range(read.n)]


def ordinary(**fields: Any) -> dict[str, Any]:
    return {
        "time": "2026-11-21T14:00:00.25Z",
        "action": "update",
        "actor": {"type": "user", "id": "alice", "email": "a@x.com"},
        "resource": {"type": "plan", "id": "p", "name": "Plan"},
        "source": {"ip": "10.1.2.3", "request_id": "r1"},
        "outcome": "success",
        "measures": {"rows": 3, "seconds": 0.5},
        "changes": [{"field": "plan", "old": None, "new": {"a": [1]}}],
        "details": {"k": [1, None, {"x": "y"}]},
        **fields,
    }


texts = st.one_of(st.none(), st.sampled_from(["", "a", "user", "10.1.2.3", 'é\0"\\\u202e=[{']), st.text(max_size=4))
plain = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), texts)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)
objects = st.dictionaries(st.text(max_size=3), values, max_size=3)
times = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "2026-11-21T14:00:00Z", "2026-11-21t14:00:00z", "2026-11-21T14:00:00+02:00", "2026-11-21 14:00:00Z",
            "1970-01-01T00:00:00Z", "2100-02-29T00:00:00Z", "2000-02-29T23:59:59.999Z", "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59.999999Z", "2026-11-21T14:00:00", "2026-11-21T24:00:00Z", "2026-11-21T14:00:60Z", "",
            "yesterday", "２026-11-21T14:00:00Z", "2026-W01-1T00:00:00Z", "2026-11-21T14:00:00.123456789Z",
        ]
    ),
)  # fmt: skip
ips = st.sampled_from(
    [None, "10.0.0.1", "010.0.0.1", "1.2.3", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", "x", "1.2.3.4\0"]
)


def some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


events = st.fixed_dictionaries(
    {"action": st.sampled_from(["read", "update", "read", " ", ""]) | st.text(min_size=1, max_size=3)},
    optional={
        "time": times,
        "actor": st.none() | some({"type": st.sampled_from([None, "user", "system", "alien"]), "id": texts}),
        "resource": st.none() | some({"type": texts, "name": texts}),
        "source": st.none() | some({"ip": ips, "session_id": texts}),
        "origin": st.none() | some({"file": texts, "offset": st.none() | st.integers(-1, 2**63)}),
        "outcome": st.sampled_from([None, "success", "failure", "maybe"]),
        "category": st.sampled_from([None, "export", "else"]),
        "org": texts,
        "duration_ms": st.none() | st.integers(0, 2**65) | st.floats(0, 1e9),
        "measures": st.none() | st.dictionaries(st.text(max_size=3), st.integers() | st.floats(-1e9, 1e9), max_size=2),
        "changes": st.none() | st.lists(some({"field": st.just("f"), "old": values, "new": values}), max_size=2),
        "before": st.none() | objects | plain,
        "after": st.none() | objects | plain,
        "details": st.none() | objects,
        "flags": st.none() | st.lists(st.sampled_from(["a", "b", "time_assumed"]), max_size=3),
        "raw": texts,
    },
)


@given(st.lists(events, min_size=1, max_size=5), st.booleans())
@example([ordinary()], True)
@example([ordinary(), {"action": "tick"}], False)
def test_what_the_quick_way_takes_it_takes_as_the_slow_one_does(posted: list[Any], lines: bool) -> None:
    if lines:
        body, content_type = b"\n".join(json.dumps(event).encode() for event in posted), NDJSON
    else:
        body, content_type = json.dumps(posted).encode(), "application/json"
    found = quick(body, content_type)
    if found is not None:
        assert found == slow(body, content_type)


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 4), st.integers(0, 6))
@example(700, 150, 1, 0)  # codes of two digits
@example(64, 33, 1, 0)
@example(64, 32, 1, 0)
@settings(max_examples=40)
def test_many_events_become_the_same_columns_as_the_slow_way_makes(
    n: int, distinct: int, every: int, rest: int
) -> None:
    posted = [
        ordinary(
            action=f"a{index % distinct}",
            actor={"id": f"u{index % distinct}"} if index % every == 0 else None,
            source={"ip": f"10.0.{index % distinct // 250}.{index % distinct % 250}"},
            outcome=("success", "failure", None)[index % 3],
            details={"k": index % distinct, "é": ["\n\u2028"]} if index % (every + rest) == 0 else None,
            changes=[{"field": "f", "new": index % distinct}] if index % (rest + 1) == 0 else None,
            flags=["x"] if index % (rest + 1) == 1 else None,
        )
        for index in range(n)
    ]
    body = json.dumps(posted).encode()
    batch = quick_batch(body, lines=False, events_max=n, now=lambda: NOW, depth_max=DEPTH)
    assert batch is not None
    flat = [flat_event(index, part, lambda: NOW, DEPTH) for index, part in enumerate(split_body(body, ""))]
    assert msgspec.json.decode(wire.encode_json(n, batch.columns)) == msgspec.json.decode(
        wire.encode_json(n, wire.columns_of(flat))
    )
    assert [batch.event(index) for index in (0, n - 1)] == [events_of(batch)[index] for index in (0, n - 1)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"action":"a"}\n{"action":"b"}\n',
        b'{"action":"a"}\r\n{"action":"b"}',
        b'\n{"action":"a"}\n\n{"action":"b"}\n ',
        b'{"action":"a"}\r{"action":"b"}',
        b'{"action":\n"a"}',
        b'{"action":"a"}{"action":"b"}',
        b'{"action":"a"} {"action":"b"}\n\n',
        b'{"action":\n"a"}{"action":"b"}',
        b'{"action":"x","changes":[{"field":"a"}\n{"field":"b"}]},{"action":"y"}',
        b'{"action":"x","changes":[{"field":"a"},{"field":"b"}]}\n{"action":"y","flags":["b"\n"c"]}',
        b'{"action":"a"}\x0c\n{"action":"b"}',
        b"[" * 2000,
        b"\xff",
        b"",
    ],
)
def test_lines_mean_the_same_to_both_ways(body: bytes) -> None:
    found = quick(body, NDJSON)
    if found is not None:
        assert found == slow(body, NDJSON)


@pytest.mark.parametrize("content_type", ["application/json", NDJSON])
def test_ordinary_events_are_taken_the_quick_way(content_type: str) -> None:
    posted = [
        ordinary(),
        {"action": "tick"},
        ordinary(time="2026-11-21T14:00:00+02:00", source={"ip": "::1"}),
        {"action": "update", "before": {"plan": "a"}, "after": {"plan": "b"}, "flags": ["x"]},
    ]
    separator = b"\n" if content_type == NDJSON else b","
    body = separator.join(json.dumps(event).encode() for event in posted)
    body = body if content_type == NDJSON else b"[" + body + b"]"
    found = quick(body, content_type)
    assert found is not None
    assert found == slow(body, content_type)
    assert [len(event) > 3 for event in found] == [True] * 4


@given(st.lists(st.integers(parse_rfc3339("0001-01-01T00:00:00Z"), parse_rfc3339("9999-12-31T23:59:59Z")), min_size=1))
def test_times_are_read_as_the_clock_writes_them(moments: list[int]) -> None:
    assert instants([format_rfc3339(moment) for moment in moments]) == moments
    whole = [moment // 1_000_000 * 1_000_000 for moment in moments]
    assert instants([format_rfc3339(moment)[:19] + "Z" for moment in whole]) == whole


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T00:60:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-2１T00:00:00Z",
        "2026-11-21T00:00:00",
        "2026-11-21T00:00:00.1234567z",
        "2026/11/21T00:00:00Z",
        "",
        "2026-11-31T00:00:00.000000Z",
        "1900-02-29T00:00:00.000Z",
    ],
)
def test_what_is_no_time_is_refused_among_times_as_alone(text: str) -> None:
    good = "2026-11-21T00:00:00Z"
    try:
        expected: int | None = parse_rfc3339(text)
    except ValueError:
        expected = None
    try:
        found: int | None = instants([good[: len(text)] if len(text) > len(good) else good, text])[1]
    except ValueError:
        found = None
    assert found == expected
