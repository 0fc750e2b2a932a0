"""The spool: batches and positions in one transaction, numbers that are never given out twice."""

import json
from pathlib import Path

import pytest

from agent.spool import FolderInUseError, FolderUnusableError, Group, Mark, Spool, StoredBatch
from agent.spool.look import look_into
from watchbook import wire
from watchbook.database import NewerDatabaseError, connect

NOTHING = Mark("", 0)


def group(*texts: str, position: bytes = b"{}") -> Group:
    events = [{"time": 5, "actor.type": "user", "actor.id": text, "action": "read"} for text in texts]
    batch = (len(events), wire.encode_json(len(events), wire.columns_of(events)))
    return Group([batch] if texts else [], {1: position}, ["/log"], {("app", "lines"): len(texts)})


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, lambda: 7)


def test_a_sequence_is_never_given_out_twice_even_when_the_spool_was_empty(tmp_path: Path, spool: Spool) -> None:
    (first,) = spool.commit(group("a"), NOTHING)
    spool.commit(group(), Mark(spool.stream, first.sequence))
    assert spool.after(0, 10) == []
    spool.close()
    again = Spool(tmp_path, lambda: 7)
    (second,) = again.commit(group("b"), NOTHING)
    assert (first.sequence, second.sequence) == (1, 2)
    assert (second.stream, again.acknowledged()) == (first.stream, Mark(first.stream, 1))


def test_positions_counters_and_patterns_come_back_with_the_batches(tmp_path: Path, spool: Spool) -> None:
    spool.commit(group("a", "b", position=b'{"offset":10}'), NOTHING)
    spool.commit(group("c", position=b'{"offset":15}'), NOTHING)
    assert (spool.positions(), spool.started()) == ([b'{"offset":15}'], ["/log"])
    view = look_into(tmp_path)
    assert (view.batches, view.events, view.counters) == (2, 3, {"app": {"lines": 3}})
    assert view.size == spool.bytes == sum(len(batch.data) for batch in spool.after(0, 10))


def test_a_group_that_cannot_be_stored_leaves_everything_as_it_was(tmp_path: Path, spool: Spool) -> None:
    spool.commit(group("a", position=b"old"), NOTHING)
    bad = Group(group("b").batches, {1: b"new", 2: object()}, [], {})  # type: ignore[dict-item]
    with pytest.raises(Exception, match="type"):
        spool.commit(bad, Mark(spool.stream, 1))
    assert [batch.sequence for batch in spool.after(0, 10)] == [1]
    assert spool.positions() == [b"old"]
    (stored,) = spool.commit(group("b"), NOTHING)
    assert stored.sequence == 2


def texts_of(batch: StoredBatch) -> list[str]:
    decoded = wire.decode_batch(batch.data, bytes_max=1 << 20)
    return [decoded.value("actor.id", index) for index in range(decoded.n)]


def rejected_in(folder: Path) -> list[tuple[str, str]]:
    connection = connect(folder / "spool.db", compatibility=1)
    rows = connection.execute("SELECT reason, document FROM rejected").fetchall()
    connection.close()
    return [(reason, json.loads(text)["actor.id"]) for reason, text in rows]


def test_a_rejected_event_is_kept_and_the_rest_goes_out_under_the_same_number(tmp_path: Path, spool: Spool) -> None:
    spool.commit(group("a", "bad", "c"), NOTHING)
    rejection = spool.reject(1, [1], "422 no good", 1 << 20)
    assert rejection is not None
    assert (rejection.aside, texts_of(rejection.replacement), rejection.moved) == (1, ["a", "c"], None)
    spool.reject(1, [0, 1], "413 too large", 1 << 20)
    (left,) = spool.after(0, 10)
    assert (left.sequence, left.n) == (1, 0)
    assert rejected_in(tmp_path) == [("422 no good", "bad"), ("413 too large", "a"), ("413 too large", "c")]
    assert spool.bytes == len(left.data)


@pytest.mark.parametrize("indexes", [None, (), (7,), (-1, 5)])
def test_a_batch_whose_bad_event_is_not_named_is_halved_and_no_other_changes_its_number(
    spool: Spool, indexes: tuple[int, ...] | None
) -> None:
    spool.commit(group(*"abcde"), NOTHING)
    spool.commit(group("next"), NOTHING)
    rejection = spool.reject(1, indexes, "422", 1 << 20)
    assert rejection is not None
    assert rejection.aside == 0
    assert [(b.sequence, b.n, texts_of(b)) for b in spool.after(0, 10)] == [
        (1, 2, ["a", "b"]),
        (2, 1, ["next"]),
        (3, 3, ["c", "d", "e"]),
    ]
    assert rejection.moved == spool.after(2, 1)[0]
    assert (spool.batches, spool.bytes) == (3, sum(len(b.data) for b in spool.after(0, 10)))
    (stored,) = spool.commit(group("later"), NOTHING)
    assert stored.sequence == 4


def test_a_single_event_that_is_refused_is_set_aside(tmp_path: Path, spool: Spool) -> None:
    spool.commit(group("a"), NOTHING)
    rejection = spool.reject(1, None, "413 too large", 1 << 20)
    assert rejection is not None
    assert (rejection.aside, rejection.replacement.n, rejection.moved) == (1, 0, None)
    assert rejected_in(tmp_path) == [("413 too large", "a")]
    assert spool.reject(9, None, "413 too large", 1 << 20) is None


def test_a_change_of_collector_drops_what_the_one_before_has_taken(tmp_path: Path, spool: Spool) -> None:
    for text in "abc":
        spool.commit(group(text), NOTHING)
    assert spool.collector() is None
    spool.change_collector("http://b", Mark(spool.stream, 2))
    assert spool.batches == 1
    spool.close()
    again = Spool(tmp_path, lambda: 7)
    assert (again.collector(), again.acknowledged()) == ("http://b", Mark(again.stream, 2))
    again.change_collector("http://a", Mark("another stream", 3))
    assert (again.collector(), again.batches) == ("http://a", 1)


def test_a_renewed_stream_numbers_what_is_unsent_from_one(spool: Spool) -> None:
    old = spool.stream
    for text in "abcde":
        spool.commit(group(text), NOTHING)
    last = spool.renew_stream(Mark(old, 2))
    assert last == Mark(spool.stream, 3)
    assert spool.stream != old
    texts = [wire.decode_batch(b.data, bytes_max=1 << 20).value("actor.id", 0) for b in spool.after(0, 10)]
    assert texts == ["c", "d", "e"]
    assert [(b.stream, b.sequence) for b in spool.after(0, 10)] == [(spool.stream, n) for n in (1, 2, 3)]
    (stored,) = spool.commit(group("f"), Mark(old, 99))
    assert stored.sequence == 4, "an acknowledgement in the old stream says nothing of the new one"
    assert len(spool.after(0, 10)) == 4


def test_a_spool_of_a_newer_version_is_refused(tmp_path: Path, spool: Spool) -> None:
    spool.close()
    connection = connect(tmp_path / "spool.db", compatibility=1)
    connection.execute("PRAGMA user_version=9")
    connection.close()
    with pytest.raises(NewerDatabaseError, match=r"spool\.db: written by a newer Watchbook \(format 9"):
        Spool(tmp_path, lambda: 7)


def test_two_agents_cannot_share_a_folder(tmp_path: Path, spool: Spool) -> None:
    with pytest.raises(FolderInUseError, match="in use by another agent"):
        Spool(tmp_path, lambda: 7)
    spool.close()
    Spool(tmp_path, lambda: 7).close()


def test_a_batch_damaged_in_the_spool_is_set_aside_as_it_is(tmp_path: Path, spool: Spool) -> None:
    spool.commit(group("a"), NOTHING)
    spool._connection.execute("UPDATE batch SET data = x'00ff'")
    rejection = spool.reject(1, None, "422", 1 << 20)
    assert rejection is not None
    assert (rejection.replacement.sequence, rejection.replacement.n, spool.rejected()) == (1, 0, 1)
    assert wire.decode_batch(rejection.replacement.data, bytes_max=1000).n == 0


def test_a_folder_that_cannot_be_made_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderUnusableError, match="file/state: Not a directory"):
        Spool(tmp_path / "file" / "state", lambda: 7)


def test_dropping_with_the_reserve_frees_what_was_acknowledged_and_takes_the_reserve_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, lambda: 7, reserve_bytes=10_000)
    batches = spool.commit(group("a"), NOTHING) + spool.commit(group("b"), NOTHING)
    spool.drop(Mark(spool.stream, batches[0].sequence))
    assert spool.after(0, 10) == batches[1:]
    assert (spool.batches, spool.bytes) == (1, len(batches[1].data))
    assert (tmp_path / "reserve").stat().st_size == 10_000
    spool.close()
    Spool(tmp_path, lambda: 7, reserve_bytes=0).close()
    assert not (tmp_path / "reserve").exists()
