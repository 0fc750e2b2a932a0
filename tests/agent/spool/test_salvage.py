"""A damaged spool: what can be read of it goes on, and what cannot is never forgotten in silence."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.spool import Group, Mark, Spool, SpoolDamagedError, asides, open_spool
from watchbook import wire
from watchbook.cli import cli

PAGE = 4096


def clock() -> int:
    return 1_763_733_909_000_000


def filled(folder: Path, batches: int = 12) -> str:
    """Make a spool with batches of a page each and a position, and return its stream."""
    spool = Spool(folder, clock)
    for number in range(batches):
        document = b'{"path":"/app.log","offset":%d}' % number
        events = [{"time": 1, "actor.type": "user", "action": "read", "details": {"n": number, "pad": "x" * 40}}] * 300
        batch = (300, wire.encode_json(300, wire.columns_of(events)))
        spool.commit(Group([batch], {1: document}, ["/app.log"], {("app", "lines"): 300}), Mark(spool.stream, 0))
    spool.close()
    with sqlite3.connect(folder / "spool.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return str(connection.execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()[0])


def pages_of(folder: Path, table: str) -> list[int]:
    """Return the numbers of a table's leaf pages, found by what is on them."""
    with sqlite3.connect(folder / "spool.db") as connection:
        root = int(connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0])
    data = (folder / "spool.db").read_bytes()
    page = data[(root - 1) * PAGE : root * PAGE]
    if page[0] != 5:  # no interior page: all rows are on the root
        return [root]
    cells = int.from_bytes(page[3:5], "big")
    places = [int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell], "big") for cell in range(cells)]
    return [int.from_bytes(page[place : place + 4], "big") for place in places] + [int.from_bytes(page[8:12], "big")]


def overwrite(folder: Path, pages: Iterable[int]) -> None:
    with (folder / "spool.db").open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xa5" * PAGE)


def test_a_spool_in_order_is_opened_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path)
    spool, salvaged = open_spool(tmp_path, clock)
    assert (salvaged, spool.batches, asides(tmp_path)) == (None, 12, [])
    spool.close()


def test_what_can_be_read_goes_on_in_the_same_stream_and_the_rest_is_counted(tmp_path: Path) -> None:
    stream = filled(tmp_path, 120)
    leaves = pages_of(tmp_path, "batch")
    assert len(leaves) > 2
    overwrite(tmp_path, leaves[1:2])
    spool, salvaged = open_spool(tmp_path, clock)
    assert salvaged is not None
    assert salvaged.batches_lost > 0
    assert salvaged.batches + salvaged.batches_lost == 120
    assert (spool.stream, spool.last_sequence()) == (stream, 120)
    assert [batch.sequence for batch in spool.after(0, 200)] == list(range(1, 121))
    kept = [wire.decode_batch(batch.data, bytes_max=1 << 24) for batch in spool.after(0, 200) if batch.n]
    assert len(kept) == salvaged.batches
    assert spool.positions() == [b'{"path":"/app.log","offset":119}']
    assert (salvaged.folder / "spool.db").stat().st_size > 0
    spool.close()
    again, nothing = open_spool(tmp_path, clock)
    assert (nothing, again.batches) == (None, 120)
    again.close()


def test_a_salvage_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    stream = filled(tmp_path, 120)
    overwrite(tmp_path, pages_of(tmp_path, "batch")[1:2])
    spool, salvaged = open_spool(tmp_path, clock)
    assert salvaged is not None
    spool.close()
    (salvaged.folder / "salvaged.json").unlink()
    for path in tmp_path.glob("spool.db*"):
        path.unlink()
    again, done = open_spool(tmp_path, clock)
    assert done is not None
    assert (done.batches, again.stream, again.last_sequence()) == (salvaged.batches, stream, 120)
    again.close()


@pytest.mark.parametrize("what", ["positions", "everything", "no database"])
def test_without_the_positions_nothing_is_changed_and_the_next_step_is_named(tmp_path: Path, what: str) -> None:
    filled(tmp_path)
    if what == "positions":
        overwrite(tmp_path, pages_of(tmp_path, "position"))
    elif what == "everything":
        overwrite(tmp_path, range(1, (tmp_path / "spool.db").stat().st_size // PAGE + 1))
    else:
        (tmp_path / "spool.db").write_bytes(b"this is a letter, no database\n" * 400)
    before = (tmp_path / "spool.db").read_bytes()
    with pytest.raises(SpoolDamagedError, match="set-aside"):
        open_spool(tmp_path, clock)
    assert (tmp_path / "spool.db").read_bytes() == before
    assert asides(tmp_path) == []


def test_set_aside_makes_room_for_a_new_spool(tmp_path: Path) -> None:
    state = tmp_path / "state"
    filled(state)
    (state / "spool.db").write_bytes(b"no database\n" * 1000)
    config = tmp_path / "agent.yaml"
    config.write_text(
        f"collector: {{url: 'http://127.0.0.1:1', token: t}}\nstate: {state}\n"
        "inputs: [{name: a, files: [/nowhere.log], profile: jsonl}]\n"
    )
    done = CliRunner().invoke(cli, ["agent", "spool", "set-aside", "--config", str(config)])
    assert done.exit_code == 0, done.output
    spool, salvaged = open_spool(state, clock)
    assert (salvaged, spool.batches, spool.positions()) == (None, 0, [])
    assert len(asides(state)) == 1
    held = CliRunner().invoke(cli, ["agent", "spool", "set-aside", "--config", str(config)])
    assert held.exit_code == 65
    assert "in use" in held.output
    spool.close()
