"""The builder: rows of several inputs to batches of columns, nothing lost between them."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agent.batch import BatchSettings, Builder, Origin
from agent.records import Chunk, Normalised, Unparsed
from watchbook import wire
from watchbook.units import Bytes

ORIGIN = Origin("web01", "agent1", "app", "jsonl")


def chunk(lines: list[bytes], file: str = "/app.log", truncated: tuple[int, ...] = ()) -> Chunk:
    offsets = [sum(len(line) + 1 for line in lines[:place]) for place in range(len(lines))]
    return Chunk("app", file, lines, offsets, truncated)


def events_of(builder: Builder) -> list[dict[str, Any]]:
    batches = [wire.decode_json(data) for _, data in builder.take()]
    return [batch.event(index) for batch in batches for index in range(batch.n)]


def add(builder: Builder, lines: list[bytes], fields: tuple[str, ...] = ("time", "actor.id"), **keys: Any) -> None:
    rows = [(10 + place, line.decode())[: len(fields)] for place, line in enumerate(lines)]
    constants = {"actor.type": "user", "action": "read"}
    builder.add(Normalised(rows, None, []), fields, constants, chunk(lines, **keys), ORIGIN, 99)


def test_what_all_events_share_is_one_text_in_the_batch() -> None:
    builder = Builder(BatchSettings())
    add(builder, [b"a", b"b"])
    ((n, data),) = builder.take()
    assert n == 2
    assert b'"origin.host":"web01"' in data
    assert b'"actor.id":["a","b"]' in data


def test_an_unparsed_line_becomes_an_event_that_says_why() -> None:
    builder = Builder(BatchSettings())
    lines = [b"good", b"what?"]
    normalised = Normalised([(10, "good")], [0], [Unparsed(1, "what?", "no JSON: at character 7")])
    builder.add(normalised, ("time", "actor.id"), {"actor.type": "user", "action": "read"}, chunk(lines), ORIGIN, 99)
    good, bad = events_of(builder)
    assert good["actor.id"] == "good"
    assert good["origin.offset"] == 0
    expected = {
        "time": 99, "actor.type": "system", "action": "log", "event_type": "unparsed", "category": "meta",
        "raw": "what?", "reason": "no JSON (profile 'jsonl')", "details": {"unparsed_detail": "at character 7"},
        "flags": ["unparsed"], "origin.host": "web01", "origin.agent": "agent1",
        "origin.input": "app", "origin.file": "/app.log", "origin.offset": 5,
    }  # fmt: skip
    assert bad == expected


def test_a_cut_line_is_flagged_and_the_others_are_not() -> None:
    builder = Builder(BatchSettings())
    add(builder, [b"a", b"b"], truncated=(1,))
    assert [event.get("flags") for event in events_of(builder)] == [None, ["truncated"]]


def test_lines_too_large_for_one_batch_are_cut_into_several() -> None:
    builder = Builder(BatchSettings(line_bytes_max=Bytes(10)))
    add(builder, [b"x" * 6, b"y" * 6, b"z" * 20, b"a"])
    assert [n for n, _ in builder.take()] == [1, 1, 1, 1]


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.booleans()), max_size=12), st.integers(1, 30))
def test_every_row_comes_out_once_and_in_order(runs: list[tuple[int, bool, bool]], events_max: int) -> None:
    builder = Builder(BatchSettings(events_max=events_max))
    expected: list[str] = []
    for number, (count, other_fields, other_file) in enumerate(runs):
        lines = [f"{number}.{place}".encode() for place in range(count)]
        fields = ("time", "actor.id", "message") if other_fields else ("time", "actor.id")
        rows: list[tuple[Any, ...]] = [(5, line.decode(), "m")[: len(fields)] for line in lines]
        file = "/b.log" if other_file else "/a.log"
        builder.add(
            Normalised(rows, None, []), fields, {"actor.type": "user", "action": "read"},
            chunk(lines, file), ORIGIN, 99,
        )  # fmt: skip
        expected += [line.decode() for line in lines]
    assert builder.n == len(expected)
    batches = builder.take()
    assert all(0 < n <= events_max for n, _ in batches)
    found = [wire.decode_json(data) for _, data in batches]
    assert [batch.value("actor.id", i) for batch in found for i in range(batch.n)] == expected


def test_batches_that_were_encoded_early_keep_the_order_and_lose_nothing() -> None:
    builder = Builder(BatchSettings(events_max=10))
    numbers = [f"{n}".encode() for n in range(97)]
    for start in range(0, len(numbers), 7):
        add(builder, numbers[start : start + 7])
    assert builder.n == 97
    batches = [wire.decode_json(data) for _, data in builder.take()]
    assert all(5 <= batch.n <= 10 for batch in batches[:-1])
    found = [batch.event(index)["actor.id"] for batch in batches for index in range(batch.n)]
    assert found == [number.decode() for number in numbers]
    assert builder.n == 0
    assert builder.take() == []


DETAILS = ("time", "actor.type", "action", "details")


def details_of(kind: str, place: int) -> dict[str, Any] | None:
    if kind == "varied" or (kind == "some" and place % 3):
        return {"id": place, "text": "a,b\n\u00e9"}
    return {"level": "info"} if kind == "same" else None


def rows_with_details(kind: str, n: int, first: int) -> list[tuple[Any, ...]]:
    return [(1000 + place, "user", "read", details_of(kind, place)) for place in range(first, first + n)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["varied", "varied", "same", "some", "none"]), st.sampled_from([1, 63, 64, 150])),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([100, 300, 4096]),
    st.booleans(),
)
def test_details_written_early_are_those_of_each_event(
    chunks: list[tuple[str, int]], events_max: int, two_files: bool
) -> None:
    builder = Builder(BatchSettings(events_max=events_max))
    rows: list[tuple[Any, ...]] = []
    for number, (kind, n) in enumerate(chunks):
        added = rows_with_details(kind, n, len(rows))
        file = f"/{number % 2 if two_files else 0}.log"
        builder.add(Normalised(added, None, []), DETAILS, {}, chunk([b"x"] * n, file), ORIGIN, 99)
        rows += added
    expected = [{name: value for name, value in zip(DETAILS, row, strict=True) if value is not None} for row in rows]
    assert [{name: event[name] for name in DETAILS if name in event} for event in events_of(builder)] == expected


def test_details_written_early_make_the_same_batch_as_all_at_once() -> None:
    builder = Builder(BatchSettings(events_max=4096))
    sizes = [150, 20, 64, 1]
    rows = rows_with_details("varied", sum(sizes), 0)
    start = 0
    for n in sizes:
        builder.add(Normalised(rows[start : start + n], None, []), DETAILS, {}, chunk([b"x"] * n), ORIGIN, 99)
        start += n
    ((n, data),) = builder.take()
    assert n == len(msgspec.json.decode(data)["c"]["details"]) == len(rows)
    assert msgspec.json.encode([row[3] for row in rows]) in data


def test_details_that_are_json_spread_over_lines_stay_one_an_event() -> None:
    builder = Builder(BatchSettings(events_max=4096))
    for first in (0, 100):
        rows = [(1000, "user", "read", msgspec.Raw(b'{"id":\n%d}' % place)) for place in range(first, first + 100)]
        builder.add(Normalised(rows, None, []), DETAILS, {}, chunk([b"x"] * 100), ORIGIN, 99)
    assert [event["details"] for event in events_of(builder)] == [{"id": place} for place in range(200)]
