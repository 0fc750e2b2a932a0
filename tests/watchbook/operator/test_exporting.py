"""``watchbook export`` against a real server."""

import asyncio
import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tests.collector.query.memory_source import an_event
from tests.watchbook.operator.conftest import NOW, Desk, another_server
from watchbook.operator.records import record_counter


def stored(desk: Desk, number: int) -> list[str]:
    """Store events with hostile messages; return their messages, newest first."""
    messages = [f'=n{n},"\r\n\n{{' for n in range(number)]
    for start in range(0, number, 500):
        desk.append([an_event(NOW - n, message=messages[n]) for n in range(start, min(start + 500, number))])
    return messages


def actions_in(path: Path) -> list[str]:
    """Return the messages of the events in a file, in its order."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [row["message"] for row in csv.DictReader(file)]
    if path.suffix == ".json":
        return [event["message"] for event in json.loads(path.read_bytes())]
    if path.suffix == ".ndjson":
        return [json.loads(line)["message"] for line in path.read_bytes().split(b"\n") if line]
    if path.suffix == ".parquet":
        with duckdb.connect(":memory:") as database:
            return [row[0] for row in database.execute(f"SELECT message FROM '{path}'").fetchall()]
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT message FROM events ORDER BY rowid")]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.ndjson", "a.parquet", "a.db"])
async def test_every_event_of_the_query_is_written(desk: Desk, tmp_path: Path, name: str) -> None:
    messages = stored(desk, 2500)
    desk.append([an_event(NOW, message="hidden", action="create")])
    columns = ["--columns", "message,action"] if name == "a.csv" else []
    result = await desk.run("export", "-action:create", "--to", str(tmp_path / name), *columns)
    assert result.exit_code == 0, result.output
    neutralised = [f"'{message}" for message in messages] if name == "a.csv" else messages
    assert await asyncio.to_thread(actions_in, tmp_path / name) == neutralised
    size = (tmp_path / name).stat().st_size
    assert result.stderr == f"2500 events, {size} bytes written to {tmp_path / name}\n"
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


async def test_a_csv_has_the_seeds_header(desk: Desk, tmp_path: Path) -> None:
    desk.append([an_event(NOW, actor_id="alice", outcome="success", resource_name="sales_db", source_ip="10.0.0.1")])
    assert (await desk.run("export", "--to", str(tmp_path / "a.csv"))).exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == (
        b"timestamp,user,action,resource,status,ip_address\r\n"
        b"2026-11-21 12:00:00,alice,read,sales_db,success,10.0.0.1\r\n"
    )


async def test_an_export_may_go_to_standard_output(desk: Desk) -> None:
    stored(desk, 3)
    result = await desk.run("export", "--to", "-", "--format", "ndjson")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == ""


async def broken_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    if request.query["format"] == "sqlite":
        response.content_length = 1000
    await response.prepare(request)
    await response.write(b'{"id": "a"}\n' * 10)
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize("name", ["a.ndjson", "a.db"])
async def test_what_is_broken_off_leaves_nothing_behind_and_an_older_file_as_it_was(
    desk: Desk, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("older")
    async with another_server(export=broken_off) as url:
        result = await desk.run("export", "--to", str(tmp_path / name), url=url)
    assert result.exit_code == 1
    assert "broken off before its end" in result.stderr
    assert (tmp_path / name).read_text() == "older"
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith((".", "a"))} == {name}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--to", "events.xls"], 2, "'--to': expected a name that ends in one of .csv"),
        (["--to", "/nowhere/events.csv"], 1, "'--to': /nowhere/events.csv cannot be written: No such file"),
        (["--to", "-", "--format", "csv", "--columns", "usr"], 2, "did you mean 'user'?"),
        (["--to", "-", "--format", "csv", "--since", "soon"], 2, "'from'"),
        ([], 2, "--to"),
    ],
)
async def test_a_mistake_says_what_to_do(desk: Desk, words: list[str], code: int, message: str) -> None:
    result = await desk.run("export", *words)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


@given(st.lists(st.lists(st.text(alphabet='a,"\r\n{'), min_size=1, max_size=3), max_size=5), st.integers(1, 7))
def test_records_of_a_csv_are_counted_wherever_a_piece_ends(rows: list[list[str]], size: int) -> None:
    import io

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(["head"])
    writer.writerows(rows)
    body = buffer.getvalue().encode()
    counter = record_counter("csv")
    assert counter is not None
    added = [counter.add(body[start : start + size]) for start in range(0, len(body), size)]
    assert (counter.records, sum(added)) == (len(rows), len(rows))


@given(st.integers(0, 5), st.integers(1, 7), st.sampled_from(["json", "ndjson"]))
def test_records_of_json_are_counted_wherever_a_piece_ends(number: int, size: int, kind: str) -> None:
    lines = [json.dumps({"a": {"b": "\n{"}})] * number
    body = ("[\n" + ",\n".join(lines) + "\n]\n" if kind == "json" else "".join(f"{line}\n" for line in lines)).encode()
    counter: Any = record_counter(kind)
    for start in range(0, len(body), size):
        counter.add(body[start : start + size])
    assert counter.records == number
