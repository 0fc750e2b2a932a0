"""``/v1/export`` over HTTP: whole, or visibly broken off."""

import asyncio
import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiohttp import ClientPayloadError, ClientResponse, ClientSession

from collector.problem import ApiProblem
from tests.collector.web.conftest import Face, plain
from tests.collector.web.memory_answers import an_event

SMALL_PAGES = {"export_page_events": 7}


def events(number: int) -> list[dict[str, Any]]:
    return [an_event(action=f"a{n}", actor={"email": f"user{n}@example.com"}) for n in range(number)]


async def exported(face: Face, expect: int = 200, /, **parameters: Any) -> tuple[bytes, ClientResponse]:
    async with face.client.get("/v1/export", params=parameters) as response:
        assert response.status == expect, await response.text()
        return await response.read(), response


def ended(face: Face, kind: str, how: str) -> float | None:
    return face.registry.get_sample_value("watchbook_exports_total", {"format": kind, "ended": how})


@pytest.mark.parametrize("settings", [SMALL_PAGES])
@pytest.mark.parametrize("number", [0, 1, 7, 50])
async def test_every_format_holds_every_event_newest_first(face: Face, number: int, tmp_path: Path) -> None:
    face.append(*events(number))
    wanted = [f"a{n}" for n in reversed(range(number))]

    body, _ = await exported(face, format="csv")
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert [row["action"] for row in rows] == wanted
    assert body.startswith(b"timestamp,user,action,resource,status,ip_address\r\n")

    body, _ = await exported(face, format="json")
    assert [event["action"] for event in json.loads(body)] == wanted
    body, _ = await exported(face, format="ndjson")
    assert [json.loads(line)["action"] for line in body.splitlines()] == wanted

    body, response = await exported(face, format="sqlite")
    assert response.headers["X-Watchbook-Events"] == str(number)
    (tmp_path / "a.db").write_bytes(body)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT action FROM events ORDER BY rowid").fetchall() == [(a,) for a in wanted]

    body, _ = await exported(face, format="parquet")
    (tmp_path / "a.parquet").write_bytes(body)
    with duckdb.connect(":memory:") as database:
        assert database.execute(f"SELECT action FROM '{tmp_path}/a.parquet'").fetchall() == [(a,) for a in wanted]
    assert await asyncio.to_thread(lambda: list(face.scratch.iterdir())) == []


async def test_an_export_is_what_the_query_finds_and_csv_when_nothing_else_is_said(face: Face) -> None:
    face.append(*events(20))
    body, response = await exported(face, user="user7", action="a*", **{"from": "30d"})
    assert body.count(b"\r\n") == 1
    body, response = await exported(face, user="user7@example.com", columns="id,action,details.x")
    assert body.decode().splitlines() == ["id,action,details.x", f"{'5' * 32}-1-7,a7,"]
    assert response.headers["Content-Disposition"] == 'attachment; filename="watchbook-events.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert response.headers["Transfer-Encoding"] == "chunked"


@pytest.mark.parametrize("coding", ["zstd", "gzip"])
@pytest.mark.parametrize("settings", [SMALL_PAGES])
async def test_a_stream_may_be_compressed(face: Face, raw: ClientSession, coding: str) -> None:
    face.append(*events(100))
    async with raw.get("/v1/export?format=ndjson", headers={"Accept-Encoding": coding}) as response:
        assert response.headers["Content-Encoding"] == coding
        assert len(plain(await response.read(), coding).splitlines()) == 100


async def test_large_events_make_smaller_pages(face: Face) -> None:
    face.append(*(an_event(raw="x" * 500_000) for _ in range(40)))
    body, _ = await exported(face, format="ndjson")
    assert len(body.splitlines()) == 40


@pytest.mark.parametrize(
    ("parameters", "parameter", "message"),
    [
        ({"q": "wrong"}, "q", "that is wrong"),
        ({"format": "parquet", "q": "wrong"}, "q", "that is wrong"),
        ({"columns": "usr"}, "columns", "did you mean 'user'?"),
        ({"columns": "id", "format": "json"}, "columns", "'columns' goes with format=csv only"),
        ({"format": "xls"}, "format", "'format' is one of csv, json, ndjson, parquet, sqlite"),
        ({"limit": "5"}, "limit", "there is no parameter 'limit'"),
    ],
)
async def test_a_mistake_is_answered_as_one(
    face: Face, parameters: dict[str, str], parameter: str, message: str
) -> None:
    problem = await face.get("/v1/export", 400, **parameters)
    assert problem["errors"][0]["parameter"] == parameter
    assert message in problem["detail"]
    assert await asyncio.to_thread(lambda: list(face.scratch.glob("*"))) == []


@pytest.mark.parametrize("settings", [SMALL_PAGES])
@pytest.mark.parametrize("kind", ["csv", "json", "ndjson"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_what_cannot_be_finished_is_broken_off(face: Face, kind: str, coding: str) -> None:
    face.append(*events(50))
    face.answers.refusals = [None, None, None, ApiProblem(500, "internal", "the segment is damaged")]
    headers = {"Accept-Encoding": coding}
    async with face.client.get("/v1/export", params={"format": kind}, headers=headers) as response:
        assert response.status == 200
        with pytest.raises(ClientPayloadError):
            await response.read()
    assert ended(face, kind, "broken") == 1


async def test_an_export_whose_search_ends_before_its_range_is_broken_off(face: Face) -> None:
    face.append(*events(5))
    face.answers.incomplete = {"reason": "deadline", "message": "time was up", "searched_to": "2026-11-21T00:00:00Z"}
    async with face.client.get("/v1/export?format=ndjson") as response:
        with pytest.raises(ClientPayloadError):
            await response.read()
    problem = await face.get("/v1/export", 503, format="sqlite")
    assert "time was up" in problem["detail"]
    assert await asyncio.to_thread(lambda: list(face.scratch.iterdir())) == []


@pytest.mark.parametrize("settings", [SMALL_PAGES])
async def test_an_export_waits_for_a_worker_that_is_busy(face: Face) -> None:
    face.append(*events(30))
    face.answers.refusals = [
        None,
        *[ApiProblem(503, "busy", "later")] * 3,
        None,
        None,
        ApiProblem(503, "busy", "later"),
    ]
    body, _ = await exported(face, format="ndjson")
    assert len(body.splitlines()) == 30
    assert face.answers.refusals == []
    face.answers.refusals = [ApiProblem(503, "busy", "later", headers={"Retry-After": "1"})] * 10
    assert (await face.get("/v1/export", 503))["detail"] == "later"


@pytest.mark.parametrize("settings", [{**SMALL_PAGES, "exports_max": 1}])
async def test_the_number_of_exports_is_limited_and_a_client_that_left_frees_its_place(face: Face) -> None:
    face.append(*(an_event(message="x" * 100_000) for _ in range(700)))
    response = await face.client.get("/v1/export?format=ndjson", headers={"Accept-Encoding": "identity"})
    assert response.status == 200
    assert "'web.exports_max'" in (await face.get("/v1/export", 503))["detail"]
    # It writes no faster than the client reads.
    pages = len(face.answers.asked)
    assert pages < 90
    response.close()
    async with asyncio.timeout(20):
        while face.registry.get_sample_value("watchbook_exports_under_way"):
            await asyncio.sleep(0.01)
    assert ended(face, "ndjson", "gone") == 1
    assert len(face.answers.asked) < 100


async def test_what_another_run_left_behind_is_removed_at_the_start(tmp_path: Path, aiohttp_client: Any) -> None:
    def with_leftovers() -> Face:
        face = Face(tmp_path)
        face.scratch.mkdir()
        (face.scratch / "old.parquet.rows").write_bytes(b"x")
        return face

    face = await asyncio.to_thread(with_leftovers)
    await aiohttp_client(face.app)
    assert await asyncio.to_thread(lambda: list(face.scratch.iterdir())) == []
