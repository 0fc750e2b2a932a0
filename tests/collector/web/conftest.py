"""A collector's face over answers in memory and saved filters on disk, behind a real aiohttp server."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestClient
from prometheus_client import CollectorRegistry
from pytest_aiohttp.plugin import AiohttpClient

from collector.access.tokens import Principal
from collector.filters import FilterSettings, FilterStore
from collector.news import News
from collector.problem import ApiProblem
from collector.state import COMPATIBILITY, open_state
from collector.web import WebSettings, add_routes, make_application
from collector.web.reading import NoteRead
from tests.collector.web.catalogued import CATALOGUES
from tests.collector.web.kept_notifications import notifications_of
from tests.collector.web.kept_rules import KeptRules
from tests.collector.web.listed_alerts import desk_of
from tests.collector.web.memory_answers import NOW, InProcess, MemoryAnswers
from tests.collector.web.registered import enrolments_of, registry_of

__all__ = ["NOW", "Face", "plain"]

SETTINGS = {"tail_heartbeat": 0.05, "tail_interval": 0.001, "busy_pause": 0.001}


class Face:
    """The server's parts that a test may change, and a client."""

    def __init__(self, folder: Path, note_read: NoteRead | None = None, **settings: Any) -> None:
        self.answers = MemoryAnswers()
        self.news = News(0)
        self.registry = CollectorRegistry()
        self.not_ready: str | None = None
        self.refused: ApiProblem | None = None
        self.asked: list[str] = []
        self.scratch = folder / "exports"
        state = folder / "state.db"
        open_state(state).close()
        self.enrolments = enrolments_of(state, lambda: NOW)
        self.agents = registry_of(state, lambda: NOW)
        self.kept = KeptRules(state, clock=lambda: NOW)
        self.desk, alerts = desk_of(state, lambda: NOW)
        self.notifications, kept, self.told = notifications_of(state, lambda: NOW)
        self.filters = FilterStore(state, COMPATIBILITY, FilterSettings(per_owner_max=50), lambda: NOW)
        chosen = WebSettings(**{**SETTINGS, **settings})
        self.app = make_application(self.registry, body_bytes_max=1000, settings=chosen, note_read=note_read)
        answerer = InProcess(self.answers)
        self.app.on_cleanup.append(lambda _: self.kept.close())
        add_routes(
            self.app,
            chosen,
            answerer=answerer,
            news=self.news,
            run_alone=answerer.alone,
            scratch=self.scratch,
            filters=self.filters,
            alerts=self.desk,
            notifications=self.notifications,
            agents=self.agents,
            rules=self.kept.keeper,
            rule_desk=self.kept.desk,
            authorise=self.authorise,
            registry=self.registry,
            readiness={"store": lambda: self.not_ready},
            catalogues=CATALOGUES,
        )
        self.app.on_cleanup.append(lambda _: asyncio.to_thread(alerts.close))
        self.app.on_cleanup.append(lambda _: asyncio.to_thread(kept.close))
        self.app.router.add_post("/v1/batches", post)
        self.app.router.add_post("/v1/events", post)
        self.app.router.add_post("/v1/enroll", post)
        self.app.router.add_post("/v1/heartbeat", post)
        self.client: TestClient[web.Request, web.Application]

    def authorise(self, request: web.Request, scope: str) -> Principal:
        """Let everyone in: ``X-Caller`` is their name, ``X-Scopes`` what they may."""
        self.asked.append(scope)
        if self.refused:
            raise self.refused
        scopes = frozenset(request.headers.get("X-Scopes", "read").split())
        return Principal(1, request.headers.get("X-Caller", "alice"), scopes)

    def append(self, *events: Mapping[str, Any]) -> None:
        """Store events, and tell whoever waits for them."""
        self.answers.append(*events)
        self.news.arrived(len(self.answers.events))

    def parameters(self) -> Mapping[str, Any]:
        """Return the parameters of the question that was asked last."""
        return self.answers.asked[-1][1]

    async def get(self, path: str, expect: int = 200, /, **parameters: Any) -> Any:
        async with self.client.get(path, params=parameters) as response:
            return await self.checked(response, expect)

    async def checked(self, response: ClientResponse, status: int) -> Any:
        assert response.status == status, await response.text()
        problem = status >= 400
        assert response.content_type == ("application/problem+json" if problem else "application/json")
        return await response.json()


async def post(request: web.Request) -> web.Response:
    """Stand where the receiving room's handlers stand."""
    if request.query.get("fail"):
        raise RuntimeError("no such luck")
    return web.Response(text=str(len(await request.read())))


@pytest.fixture
def settings() -> dict[str, Any]:
    """Return the settings of the face that differ from the defaults."""
    return {}


@pytest.fixture
async def face(aiohttp_client: AiohttpClient, tmp_path: Path, settings: dict[str, Any]) -> Face:
    face = await asyncio.to_thread(Face, tmp_path, **settings)
    face.client = await aiohttp_client(face.app)
    return face


@pytest.fixture
async def raw(face: Face) -> AsyncIterator[ClientSession]:
    """A client that decompresses nothing by itself."""
    async with ClientSession(face.client.make_url("/"), auto_decompress=False) as session:
        yield session


def plain(body: bytes, coding: str | None) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return zlib.decompress(body, 31) if coding == "gzip" else body
