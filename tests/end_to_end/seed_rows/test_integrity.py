"""That nobody changes what was recorded: not through any door, and not in the files without being seen."""

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tests.end_to_end.seed_rows.desk import EVER, Desk
from tests.end_to_end.seed_rows.keeping import House
from watchbook.cli import cli

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(180)]

#: The suffix of a segment's file in each tier.
TIERS = {"archived": "*.parquet", "sealed": "*.sealed.blk", "hot": "*[0-9].blk"}


@pytest.fixture
def copy(desk: Desk, tmp_path: Path) -> Path:
    """A copy of the folder of segments, taken while the collector runs."""
    return _copied(desk, tmp_path / "segments")


def _copied(desk: Desk, folder: Path) -> Path:
    """Copy the folder once nothing in it is being moved."""
    desk.wait_for("what is finished to be sealed", lambda: [s["tier"] for s in desk.segments()].count("hot") == 1)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(desk.stand.segments, folder)
    return folder


def _verify(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["verify", str(folder), *words])


def _findings(folder: Path, *words: str) -> list[dict[str, Any]]:
    result = _verify(folder, "--json", *words)
    document = json.loads(result.stdout)
    assert result.exit_code == (0 if document["intact"] else 1)
    return list(document["findings"])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_no_request_changes_or_deletes_an_event(desk: Desk, method: str) -> None:
    """Row 22: there is no such operation, for whatever token."""
    (event,) = desk.events(q="action:share resource.id:q2")
    almighty = desk.make_token(f"almighty-{method}", "read", "ingest", "admin")
    for path in (f"/v1/events/{event['id']}", "/v1/events"):
        if (method, path) != ("POST", "/v1/events"):
            answer = desk.send(method, path, {"action": "read"}, token=almighty)
            assert answer.status == 405
    assert desk.get(f"/v1/events/{event['id']}") == event


def test_the_description_of_the_api_has_no_operation_that_changes_events(desk: Desk) -> None:
    """Row 22: events are posted and read, nothing else."""
    paths = desk.get("/v1/openapi.json")["paths"]
    changing = {
        (method, path) for path, item in paths.items() for method in item if method in ("put", "patch", "delete")
    }
    assert {path for _, path in changing} == {
        "/v1/agents/{id}", "/v1/exceptions/{id}", "/v1/filters/{id}", "/v1/silences/{id}"
    }  # fmt: skip
    assert set(paths["/v1/events/{id}"]) & {"get", "put", "post", "patch", "delete"} == {"get"}


def test_no_word_of_the_command_line_changes_an_event() -> None:
    """Row 22: none that takes an event's id changes it; organizations go by 'purge', with a tombstone (row 116)."""
    words = {" ".join(path): command for path, command in _commands(cli, ())}
    deleting = [path for path in words if {*path.split()} & {"edit", "update", "delete", "remove", "rm", "purge"}]
    assert deleting == ["collector purge", "filters rm"]
    ids = {"event", "event_id", "id", "ids"}
    taking = [path for path, command in words.items() if ids & {parameter.name for parameter in command.params}]
    assert taking == ["rules explain"], "which says why a rule fired"


def _commands(group: click.Group, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    context, found = click.Context(group), []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            found += _commands(command, (*path, name))
        else:
            found.append(((*path, name), command))
    return found


def test_what_was_posted_again_under_its_key_is_not_changed(desk: Desk) -> None:
    """Row 22: the one way to name what is stored already does not overwrite it."""
    event = {"action": "read", "time": desk.journal.ago(days=650), "details": {"n": -6}}
    first = desk.send("POST", "/v1/events", event, token=desk.sender, Idempotency_Key="k1")
    assert first.status == 200
    other = {**event, "action": "delete"}
    assert desk.send("POST", "/v1/events", other, token=desk.sender, Idempotency_Key="k1").status in (409, 422)
    assert desk.get(f"/v1/events/{first.document['ids'][0]}")["action"] == "read"


def test_an_untouched_folder_is_intact_while_the_collector_writes(desk: Desk, copy: Path) -> None:
    """Row 22: all three tiers; no alarm without a reason."""
    assert all(list(copy.glob(pattern)) for pattern in TIERS.values())
    assert _findings(copy) == []
    live = _verify(desk.stand.segments)
    assert live.exit_code == 0, live.output
    assert "intact" in live.stdout


@pytest.mark.parametrize("tier", TIERS)
def test_a_byte_changed_in_the_files_is_found(copy: Path, tier: str) -> None:
    """Row 22: whoever can write to the disk is seen, and the segment is named."""
    path = min(copy.glob(TIERS[tier]))
    if tier == "hot":
        _change_a_block(path)
    else:
        _flip(path, path.stat().st_size // 2 if tier == "archived" else _place_of_a_block(path))
    findings = _findings(copy)
    assert findings
    assert path.name.split(".")[0] in str(findings)


@pytest.mark.parametrize("tier", TIERS)
def test_a_removed_segment_is_found(copy: Path, tier: str) -> None:
    """Row 22: what vanished is missed, wherever it lay."""
    path = min(copy.glob(TIERS[tier]))
    for each in copy.glob(f"{path.name}*"):
        each.unlink()
    assert _findings(copy)


def test_another_store_in_the_place_of_this_one_is_found_by_the_key_that_was_kept(
    desk: Desk, house: House, copy: Path
) -> None:
    """Row 22: everything exchanged, and well-formed in itself; so is a store whose key was exchanged."""
    kept, other = _public_key(desk), _public_key(house)
    assert _findings(copy, "--key", kept) == []
    assert _findings(copy, "--key", other)
    assert house.verified() == 0
    assert house.verified("--key", kept) == 1


def _public_key(desk: Desk) -> str:
    """Return the store's public key as its operator would have kept it."""
    (path,) = desk.stand.segments.glob("*.pub")
    return path.read_text().strip()


def test_an_export_is_held_against_the_record_and_a_changed_one_is_caught(
    desk: Desk, copy: Path, tmp_path: Path
) -> None:
    """Row 106: evidence of who changed what and when, that a third party can verify without the collector."""
    export = tmp_path / "evidence.ndjson"
    told = desk.operate("export", "org:company action:update", "--since", EVER, "--to", str(export))
    assert told.exit_code == 0, told.output
    copy = _copied(desk, copy)
    assert _findings(copy, "--export", str(export)) == []
    lines = export.read_text().splitlines()
    assert len(lines) == len(desk.events(q="org:company action:update", since=EVER))

    forgeries = ({"actor": {"type": "user", "id": "mallory"}}, {"id": f"{'0' * 32}-1-0"})
    for number, change in enumerate(forgeries):
        forged = tmp_path / f"forged-{number}.ndjson"
        event = json.loads(lines[3]) | change
        forged.write_text("\n".join([*lines[:3], json.dumps(event), *lines[4:]]) + "\n")
        findings = _findings(copy, "--export", str(forged))
        assert len(findings) == 1
        assert str(event["id"]) in str(findings[0])


def test_an_export_of_archived_events_is_held_against_the_record_too(desk: Desk, copy: Path, tmp_path: Path) -> None:
    """Row 106: the evidence of years ago as well as that of yesterday."""
    export = tmp_path / "old.ndjson"
    told = desk.operate("export", "type:PROJECT", "--since", EVER, "--until", desk.journal.ago(90), "--to", str(export))
    assert told.exit_code == 0, told.output
    assert len(export.read_text().splitlines()) == 5
    assert _findings(copy, "--export", str(export)) == []
    export.write_text(export.read_text().replace("eve0@", "eve9@", 1))
    assert len(_findings(copy, "--export", str(export))) == 1


def _flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
        os.fsync(file.fileno())


def _place_of_a_block(path: Path) -> int:
    """Return where in the file the events of a segment lie; not every byte of a database is one of its content."""
    connection = sqlite3.connect(path)
    (data,) = connection.execute("SELECT data FROM block ORDER BY length(data) LIMIT 1").fetchone()
    connection.close()
    return path.read_bytes().index(data[:64]) + 40


def _change_a_block(path: Path) -> None:
    """Change a byte of a batch, as an update of the database would."""
    connection = sqlite3.connect(path)
    number, data = connection.execute("SELECT number, data FROM block ORDER BY number LIMIT 1").fetchone()
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    connection.execute("UPDATE block SET data = ? WHERE number = ?", (changed, number))
    connection.commit()
    connection.close()
