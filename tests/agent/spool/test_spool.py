"""The spool: batches and positions in one transaction, numbers that are never given out twice."""

import json
from pathlib import Path

import pytest

from agent.spool import FolderInUseError, FolderUnusableError, Group, Mark, Spool
from agent.spool.spool import look_into
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


def test_a_rejected_event_is_kept_and_the_rest_goes_out_under_the_same_number(tmp_path: Path, spool: Spool) -> None:
    spool.commit(group("a", "bad", "c"), NOTHING)
    replaced = spool.reject(1, [1], "422 no good", 1 << 20)
    assert replaced is not None
    batch = wire.decode_batch(replaced.data, bytes_max=1 << 20)
    assert [batch.value("actor.id", index) for index in range(batch.n)] == ["a", "c"]
    spool.reject(1, None, "413 too large", 1 << 20)
    (left,) = spool.after(0, 10)
    assert (left.sequence, left.n) == (1, 0)
    connection = connect(tmp_path / "spool.db", compatibility=1)
    kept = [
        (reason, json.loads(text)["actor.id"])
        for reason, text in connection.execute("SELECT reason, document FROM rejected")
    ]
    connection.close()
    assert kept == [("422 no good", "bad"), ("413 too large", "a"), ("413 too large", "c")]
    assert spool.bytes == len(left.data)


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
    replaced = spool.reject(1, None, "422", 1 << 20)
    assert replaced is not None
    assert (replaced.sequence, replaced.n, spool.rejected()) == (1, 0, 1)
    assert wire.decode_batch(replaced.data, bytes_max=1000).n == 0


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
