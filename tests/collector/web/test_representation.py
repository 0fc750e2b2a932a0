"""Entity tags and compression of answers."""

import pytest
from aiohttp import ClientSession

from collector.web.coding import accepted_coding
from tests.collector.web.conftest import Face, plain
from tests.collector.web.memory_answers import STREAM, an_event


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;Q=1.0, zstd;q=0.5", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("*;q=0", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=x", None),
        ("zstd ; q=0.3 , gzip ; q=0.2", "zstd"),
    ],
)
def test_the_coding_is_the_one_the_client_likes_best(header: str, coding: str | None) -> None:
    assert accepted_coding(header) == coding


@pytest.mark.parametrize("coding", ["zstd", "gzip", None])
@pytest.mark.parametrize("events", [20, 1000])
async def test_an_answer_is_the_same_in_every_coding(
    face: Face, raw: ClientSession, coding: str | None, events: int
) -> None:
    face.append(*(an_event(message=f"number {number}") for number in range(events)))
    headers = {"Accept-Encoding": coding or "identity"}
    async with raw.get(f"/v1/events?limit={events}", headers=headers) as response:
        assert response.headers.get("Content-Encoding") == coding
        assert response.headers["Vary"] == "Accept-Encoding"
        body = plain(await response.read(), coding)
    assert body == face.answers.answer("search", face.parameters())


async def test_a_small_answer_is_not_compressed(raw: ClientSession) -> None:
    async with raw.get("/healthz", headers={"Accept-Encoding": "gzip"}) as response:
        assert "Content-Encoding" not in response.headers
        assert await response.json() == {"status": "up"}


@pytest.mark.parametrize("settings", [{"compress_from": 100}])
async def test_metrics_are_compressed_too(raw: ClientSession) -> None:
    async with raw.get("/metrics", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert b"watchbook_tails 0.0" in plain(await response.read(), "gzip")


async def test_an_answer_that_the_client_has_is_not_sent_again(face: Face, raw: ClientSession) -> None:
    face.append(*(an_event() for _ in range(100)))
    for path in ("/v1/events", f"/v1/events/{STREAM}-1-0", "/v1/alerts", "/v1/filters", "/v1/openapi.json", "/healthz"):
        async with raw.get(path) as response:
            tag = response.headers["ETag"]
            assert tag.startswith('W/"')
        # The tag names the content, whatever its coding.
        async with raw.get(path, headers={"If-None-Match": f'"x", {tag}', "Accept-Encoding": "zstd"}) as response:
            assert (response.status, await response.read()) == (304, b"")
            assert response.headers["ETag"] == tag
            assert response.headers["Cache-Control"] == "no-store"
        async with raw.get(path, headers={"If-None-Match": 'W/"other"'}) as response:
            assert response.status == 200


async def test_a_changed_answer_has_another_tag(face: Face, raw: ClientSession) -> None:
    async with raw.get("/v1/events") as response:
        tag = response.headers["ETag"]
    face.append(an_event())
    async with raw.get("/v1/events", headers={"If-None-Match": tag}) as response:
        assert response.status == 200
        assert response.headers["ETag"] != tag


async def test_problems_have_no_tag(raw: ClientSession) -> None:
    async with raw.get("/v1/events?limit=0", headers={"If-None-Match": "*"}) as response:
        assert response.status == 400
        assert "ETag" not in response.headers
