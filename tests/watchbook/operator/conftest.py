"""A real server with the collector's face, and the words run against it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from collector.access.tokens import Principal
from collector.problem import ApiProblem
from collector.query import QuerySettings, Searcher
from collector.web import WebSettings, add_routes, make_application
from tests.collector.query.memory_source import MemorySource
from tests.collector.web.listed_alerts import ListedAlerts
from watchbook.cli import cli
from watchbook.clock import parse_rfc3339

NOW = parse_rfc3339("2026-11-21T12:00:00Z")
TOKEN = "wb_of_the_test"


def authorise(request: web.Request, scope: str) -> Principal:
    """Let in who holds the test's token."""
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        raise ApiProblem(401, "token-missing", "this needs a token")
    return Principal(1, "operator", frozenset({"read"}))


class Desk:
    """A collector's face at work, and the operator in front of it."""

    def __init__(self, **settings: Any) -> None:
        self.source = MemorySource()
        registry = CollectorRegistry()
        self.searcher = Searcher(self.source, QuerySettings(**settings), registry, lambda: NOW)
        app = make_application(registry, body_bytes_max=1000)
        add_routes(
            app, WebSettings(), searcher=self.searcher, alerts=ListedAlerts(), authorise=authorise, registry=registry,
            readiness={},
        )  # fmt: skip
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def run(self, *words: str, token: str | None = TOKEN, url: str | None = None, columns: int = 160) -> Result:
        """Run ``watchbook`` in a thread, its output no terminal."""
        environment = {
            "WATCHBOOK_URL": url or self.url, "WATCHBOOK_TOKEN": token, "COLUMNS": str(columns), "TZ": "UTC",
            "NO_COLOR": "1",
        }  # fmt: skip
        return await asyncio.to_thread(CliRunner().invoke, cli, words, env=environment)

    async def lines(self, *words: str) -> list[Any]:
        """Run ``watchbook`` and return the objects it writes, one a line."""
        result = await self.run(*words)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.server.start_server()
    yield desk
    await desk.server.close()
    await desk.searcher.close()
