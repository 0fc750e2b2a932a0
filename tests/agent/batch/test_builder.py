"""The builder: rows of several inputs to batches of columns, nothing lost between them."""

from typing import Any

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
