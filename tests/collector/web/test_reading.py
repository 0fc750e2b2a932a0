"""Who read what: each read that was answered is noted once, with its query and how much it held."""

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from collector.web import Read
from tests.collector.web.conftest import Face
from tests.collector.web.memory_answers import STREAM, an_event


@pytest.fixture
def notes() -> list[Read]:
    return []


@pytest.fixture
async def noted_face(aiohttp_client: AiohttpClient, tmp_path: Path, notes: list[Read]) -> Face:
    face = await asyncio.to_thread(lambda: Face(tmp_path, note_read=notes.append))
    face.client = await aiohttp_client(face.app)
    face.append(*(an_event(actor={"id": name}, message=name) for name in ("alice", "bob", "alice")))
    return face


async def test_a_list_is_noted_with_who_asked_what_and_how_much_it_held(noted_face: Face, notes: list[Read]) -> None:
    await noted_face.get("/v1/events", actor="alice", limit="10")
    (read,) = notes
    assert (read.caller, read.event_type, read.results) == ("alice", "events listed", 2)
    assert read.query == {"actor": ["alice"], "limit": ["10"]}
    assert read.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("path", "parameters", "called", "results"),
    [
        (f"/v1/events/{STREAM}-1-0", {}, "event viewed", 1),
        ("/v1/facets", {}, "events counted", 3),
        ("/v1/histogram", {}, "events counted", 3),
        ("/v1/values", {"field": "actor.id"}, "events counted", 2),
        ("/v1/events", {"after": "0"}, "events listed", 3),
    ],
)
async def test_every_way_of_reading_is_noted(
    noted_face: Face, notes: list[Read], path: str, parameters: dict[str, str], called: str, results: int
) -> None:
    await noted_face.get(path, **parameters)
    assert [(read.event_type, read.results) for read in notes] == [(called, results)]


async def test_what_is_refused_or_holds_no_events_is_not_noted(noted_face: Face, notes: list[Read]) -> None:
    await noted_face.get("/v1/events", 400, q="wrong")
    await noted_face.get("/v1/events", 400, colour="red")
    await noted_face.get("/v1/filters")
    await noted_face.get("/v1/catalogue")
    await noted_face.get(f"/v1/events/{STREAM}-9-9", 404)
    assert notes == []


async def test_an_export_is_noted_when_it_ended(noted_face: Face, notes: list[Read]) -> None:
    client: TestClient = noted_face.client  # type: ignore[type-arg]
    async with client.get("/v1/export", params={"format": "ndjson"}) as response:
        await response.read()
    assert [(read.event_type, read.results) for read in notes] == [("events exported", None)]


async def test_a_tail_is_noted_when_its_reader_goes_away(noted_face: Face, notes: list[Read]) -> None:
    client: TestClient = noted_face.client  # type: ignore[type-arg]
    async with client.get("/v1/tail", params={"after": "0"}) as response:
        await response.content.readline()
    async with asyncio.timeout(10):
        while not notes:
            await asyncio.sleep(0.01)
    assert [(read.event_type, read.route) for read in notes] == [("events followed", "/v1/tail")]
