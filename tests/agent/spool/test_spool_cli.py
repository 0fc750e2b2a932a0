"""The words about the spool, on a spool that its agent holds: nothing is changed, all is shown, damage is said."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.spool import Group, Mark, Spool
from collector.receive.posted import flat_event
from tests.agent.spool.test_spool import group
from watchbook import wire
from watchbook.cli import cli

NOW = 1_763_733_909_000_000


class Host:
    """A configured agent's spool, held open as the running agent holds it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "agent.yaml"
        self.config.write_text(
            f"collector: {{url: 'http://127.0.0.1:1', token: wb_x}}\nstate: {folder}/state\n"
            f"inputs:\n  - {{name: app, files: [{folder}/app.log], profile: jsonl}}\n"
        )
        self.spool = Spool(folder / "state", lambda: NOW)
        self.file = folder / "state" / "spool.db"

    def store(self, *texts: str) -> None:
        made = group(*texts, position=b'{"path":"/log"}')
        self.spool.commit(Group(*made), Mark("", 0))

    def say(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["agent", "spool", *words, "--config", str(self.config)])
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.spool.close()


def test_unsent_batches_are_listed_and_shown(host: Host) -> None:
    assert "0 events in 0 batches" in host.say("ls").output
    host.store("alice", "bob")
    host.store("carol")
    output = host.say("ls").output
    assert "3 events in 2 batches" in output
    assert [line.split()[0] for line in output.splitlines()[-2:]] == ["1", "2"]
    rows = [json.loads(line) for line in host.say("ls", "--json").output.splitlines()]
    assert [(row["sequence"], row["n"]) for row in rows] == [(1, 2), (2, 1)]
    shown = [json.loads(line) for line in host.say("show", "1").output.splitlines()]
    assert [event["actor"]["id"] for event in shown] == ["alice", "bob"]
    assert "no batch 9 is unsent" in host.say("show", "9", code=1).output
    assert "--refused" in host.say("show", code=2).output


def test_what_the_collector_refused_is_shown_with_its_reason(host: Host) -> None:
    host.store("alice", "bob")
    host.spool.reject(1, [1], "resource.id: too long", 1 << 20)
    assert "refused   1 events" in host.say("ls").output
    (refused,) = [json.loads(line) for line in host.say("show", "--refused").output.splitlines()]
    assert (refused["reason"], refused["event"]["actor"]["id"]) == ("resource.id: too long", "bob")
    exported = host.say("export", "--refused", "-").stdout
    assert json.loads(exported)["actor"]["id"] == "bob"


def test_an_export_is_what_another_collector_takes(host: Host, tmp_path: Path) -> None:
    host.store("alice", "bob")
    host.store("carol")
    assert "3 events written" in host.say("export", str(tmp_path / "out")).output
    lines = (tmp_path / "out").read_bytes().splitlines()
    flat = [flat_event(index, line, lambda: 0, 64) for index, line in enumerate(lines)]
    assert [(event["actor.id"], event["time"]) for event in flat] == [("alice", 5), ("bob", 5), ("carol", 5)]
    assert "3 events in 2 batches" in host.say("ls").output, "they stay where they were"


def test_a_whole_spool_is_said_to_be_and_damage_is_named(host: Host, tmp_path: Path) -> None:
    for text in ("alice", "bob", "carol", "dave"):
        host.store(text)
    assert "4 unsent events in 4 batches, all readable" in host.say("verify").output
    with closing(sqlite3.connect(host.file)) as connection:
        connection.execute("UPDATE batch SET data = x'00' WHERE sequence = 2")
        connection.execute("UPDATE batch SET n = 7 WHERE sequence = 4")
        connection.execute("DELETE FROM batch WHERE sequence = 3")
        connection.execute("UPDATE position SET document = 'no document'")
        connection.commit()
    output = host.say("verify", code=1).output
    for text in ("batch 2 cannot be read", "batches 3 to 3 are gone", "batch 4 holds 1 events", "position 1 cannot"):
        assert text in output
    host.say("show", "2", code=65)
    assert "left out: batch 2" in host.say("export", str(tmp_path / "out"), code=1).output
    assert len((tmp_path / "out").read_bytes().splitlines()) == 2


def test_a_spool_that_is_none_or_not_there_is_said(host: Host) -> None:
    host.spool.close()
    host.file.write_bytes(b"no database, but long enough to be looked at as one" * 100)
    for ending in ("-wal", "-shm"):
        host.file.with_name(host.file.name + ending).unlink(missing_ok=True)
    for word in ("ls", "verify", "export"):
        assert "cannot be read" in host.say(word, code=65).output
    host.file.unlink()
    assert "cannot be read" in host.say("ls", code=65).output
    host.spool = Spool(host.file.parent, lambda: NOW)


def test_every_event_of_a_batch_is_shown_whatever_it_holds(host: Host) -> None:
    event = {"time": NOW, "actor.type": "user", "action": "x", "details": {"k": [1, None, "\0"]}, "message": 'ä\n"q"'}
    host.spool.commit(Group([(1, wire.encode_json(1, wire.columns_of([event])))], {}, [], {}), Mark("", 0))
    (shown,) = [json.loads(line) for line in host.say("show", "1").output.splitlines()]
    assert (shown["details"], shown["message"]) == (event["details"], event["message"])
