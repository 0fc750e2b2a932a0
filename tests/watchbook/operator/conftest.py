"""A real server with the collector's face over the real query room, and the words run against it."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from collector.access.tokens import Principal
from collector.detect import load_rules
from collector.filters import FilterSettings, FilterStore
from collector.lifecycle import History, LifecycleSettings
from collector.news import News
from collector.problem import ApiProblem
from collector.query import Answers, NoIndexes, QuerySettings
from collector.questions import make_questions
from collector.state import COMPATIBILITY, open_state
from collector.web import WebSettings, add_routes, make_application
from tests.collector.query.memory_source import MemorySource
from tests.collector.web.catalogued import CATALOGUES
from tests.collector.web.kept_notifications import notifications_of
from tests.collector.web.kept_rules import KeptRules
from tests.collector.web.listed_alerts import desk_of
from tests.collector.web.registered import enrolments_of, registry_of
from watchbook.cli import cli
from watchbook.clock import parse_rfc3339
from watchbook.shipped import shipped_folder
from watchbook.units import Seconds

NOW = parse_rfc3339("2026-11-21T12:00:00Z")
TOKEN = "wb_of_the_test"


def authorise(request: web.Request, scope: str) -> Principal:
    """Let in who holds the test's token."""
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        raise ApiProblem(401, "token-missing", "this needs a token")
    return Principal(1, "operator", frozenset({"admin"}))


class Threads:
    """Answers questions in threads of this process: stands where the pool of query processes stands."""

    def __init__(self, answers: Answers, history: History) -> None:
        self._questions = {**make_questions(answers), "rollup": history.answer}

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        return await asyncio.to_thread(self._questions[question], parameters)


class Desk:
    """A collector's face at work, and the operator in front of it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.source = MemorySource()
        self.news = News(0)
        self.registry = registry = CollectorRegistry()
        answers = Answers(self.source, NoIndexes(), QuerySettings(**settings), registry, clock=lambda: NOW)
        self.rollups = folder / "rollups.db"
        answerer = Threads(answers, History(self.rollups, LifecycleSettings(), lambda: NOW))
        state = folder / "state.db"
        open_state(state).close()
        alerts, alert_store = desk_of(state, lambda: NOW)
        notifications, kept, self.told = notifications_of(state, lambda: NOW)
        self.enrolments = enrolments_of(state, lambda: NOW)
        self.agents = registry_of(state, lambda: NOW)
        self.rules = folder / "rules"
        shutil.copytree(shipped_folder("rules"), self.rules)
        self.kept = KeptRules(state, lambda: load_rules([self.rules]), lambda: NOW)
        web_settings = WebSettings(tail_heartbeat=Seconds(0.1), tail_interval=Seconds(0.001))
        app = make_application(registry, body_bytes_max=10_000)
        add_routes(
            app,
            web_settings,
            answerer=answerer,
            news=self.news,
            run_alone=answerer.ask,
            scratch=folder / "exports",
            filters=FilterStore(state, COMPATIBILITY, FilterSettings(), lambda: NOW),
            alerts=alerts,
            notifications=notifications,
            agents=self.agents,
            rules=self.kept.keeper,
            rule_desk=self.kept.desk,
            authorise=authorise,
            registry=registry,
            readiness={},
            catalogues=CATALOGUES,
        )
        app.on_cleanup.append(lambda _: asyncio.to_thread(alert_store.close))
        app.on_cleanup.append(lambda _: self.kept.close())
        app.on_cleanup.append(lambda _: asyncio.to_thread(kept.close))
        self.server = TestServer(app)

    def append(self, events: list[dict[str, Any]]) -> None:
        """Store events, and tell whoever waits for them."""
        self.source.append(events)
        self.news.arrived(self.source.last_number())

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


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """Give a desk whose queries have other limits."""
    desk = await asyncio.to_thread(lambda: Desk(folder, **settings))
    await desk.server.start_server()
    try:
        yield desk
    finally:
        await desk.server.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as desk:
        yield desk


@asynccontextmanager
async def another_server(**routes: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    """Give the address of a server with ``/v1/NAME`` for each name."""
    app = web.Application()
    for name, handler in routes.items():
        app.router.add_get(f"/v1/{name}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
