"""A collector's face over a source in memory, behind a real aiohttp server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient
from prometheus_client import CollectorRegistry
from pytest_aiohttp.plugin import AiohttpClient

from collector.access.tokens import Principal
from collector.problem import ApiProblem
from collector.query import QuerySettings, Searcher
from collector.web import WebSettings, add_routes, make_application
from tests.collector.query.memory_source import MemorySource
from tests.collector.web.listed_alerts import ListedAlerts
from watchbook.clock import parse_rfc3339

NOW = parse_rfc3339("2026-11-21T12:00:00Z")


class Face:
    """The server's parts that a test may change, and a client."""

    def __init__(self) -> None:
        self.source = MemorySource()
        self.registry = CollectorRegistry()
        self.searcher = Searcher(self.source, QuerySettings(), self.registry, lambda: NOW)
        self.not_ready: str | None = None
        self.refused: ApiProblem | None = None
        self.asked: list[str] = []
        self.app = make_application(self.registry, body_bytes_max=1000)
        self.client: TestClient[web.Request, web.Application]

    def authorise(self, request: web.Request, scope: str) -> Principal:
        self.asked.append(scope)
        if self.refused:
            raise self.refused
        return Principal(1, request.headers.get("X-Caller", "alice"), frozenset({"read"}))

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
async def face(aiohttp_client: AiohttpClient) -> AsyncIterator[Face]:
    face = Face()
    add_routes(
        face.app,
        WebSettings(),
        searcher=face.searcher,
        alerts=ListedAlerts(),
        authorise=face.authorise,
        registry=face.registry,
        readiness={"store": lambda: face.not_ready},
    )
    face.app.router.add_post("/v1/batches", post)
    face.app.router.add_post("/v1/events", post)
    face.client = await aiohttp_client(face.app)
    yield face
    await face.searcher.close()
