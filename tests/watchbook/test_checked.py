"""Reading again what was checked before gives the same events, whatever is asked first."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.watchbook.test_wire import ANY_EVENT, BYTES_MAX, EVENTS, GOLDEN
from watchbook import wire
from watchbook.checked import decode_checked
from watchbook.event import FIELD_NAMES
from watchbook.wire import WireError


@given(
    st.lists(ANY_EVENT, min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=1, max_size=200),
    st.permutations(FIELD_NAMES),
)
def test_every_column_is_the_same_in_whatever_order_they_are_asked_for(
    pool: list[dict[str, Any]], picks: list[int], names: list[str]
) -> None:
    events = [pool[pick % len(pool)] for pick in picks]
    data = wire.encode_batch(len(events), wire.columns_of(events))
    again, first = decode_checked(data, bytes_max=1 << 26), wire.decode_batch(data, bytes_max=1 << 26)
    fresh = decode_checked(data, bytes_max=1 << 26)
    assert [fresh.row(index) for index in range(fresh.n)] == [first.row(index) for index in range(first.n)]
    assert [again.value(name, 0) for name in names] == [first.value(name, 0) for name in names]
    assert [again.coded(name) for name in names] == [first.coded(name) for name in names]
    assert list(again.columns) == list(first.columns)
    assert (len(again.columns), again.times) == (len(first.columns), first.times)
    assert [again.event(index) for index in range(again.n)] == events
    assert dict(again.columns) == dict(first.columns)


@given(st.lists(ANY_EVENT, min_size=1, max_size=30))
def test_rows_are_picked_out_of_json_however_it_is_written(events: list[dict[str, Any]]) -> None:
    data = wire.encode_batch(len(events), wire.columns_of(events))
    document = json.loads(wire.decompress(data, bytes_max=BYTES_MAX))
    spaced = wire.compress(json.dumps(document, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    for row in range(len(events)):
        picked = decode_checked(spaced, bytes_max=BYTES_MAX).row(row)
        assert {name: _plain(value) for name, value in picked.items()} == events[row]


def _plain(value: Any) -> Any:
    return json.loads(bytes(value)) if isinstance(value, msgspec.Raw) else value


@pytest.mark.parametrize("version", [1, 2])
def test_batches_of_every_version_are_read(version: int) -> None:
    batch = decode_checked((GOLDEN / f"batch-v{version}.zst").read_bytes(), bytes_max=BYTES_MAX)
    assert [batch.event(index) for index in range(batch.n)] == EVENTS
    assert batch.columns.get("org") is None
    assert "org" not in batch.columns


def test_bytes_that_are_no_batch_are_refused() -> None:
    for data in (b"", wire.compress(b"[]"), wire.compress(b'{"n":1}')):
        with pytest.raises(WireError):
            decode_checked(data, bytes_max=BYTES_MAX)


def test_what_a_column_surely_lacks_is_told_by_its_json() -> None:
    events: list[dict[str, Any]] = [
        {"time": 1, "actor.type": "user", "actor.id": actor, "action": "read", "message": message, "reason": "Ärger"}
        for actor, message in (("Alice", 'said "no"'), ("bob", "left"), ("carol", "came"))
    ]
    batch = decode_checked(wire.encode_batch(3, wire.columns_of(events)), bytes_max=BYTES_MAX)
    assert not batch.surely_lacks("actor.id", b'"alice"')
    assert not batch.surely_lacks("actor.id", b"aro")
    assert batch.surely_lacks("actor.id", b'"dave"')
    assert batch.surely_lacks("org", b"acme"), "nobody has an organization"
    assert not batch.surely_lacks("message", b"other"), "it has escapes: nothing is sure"
    assert not batch.surely_lacks("reason", b"other"), "it is not ASCII: nothing is sure"
