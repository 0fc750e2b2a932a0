"""The gate, in front of a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from prometheus_client import CollectorRegistry
from pytest_aiohttp.plugin import AiohttpClient
from sqlite_utils.db import Database

from collector.access import ENROLMENT_PREFIX, MIGRATIONS, AccessSettings, Gate, TokenStore, new_token
from collector.problem import ApiProblem
from watchbook.daemon import Stop
from watchbook.database import connect
from watchbook.units import Seconds

Client = TestClient[web.Request, web.Application]


class Door:
    """A gate, the table behind it, and a client in front of it."""

    def __init__(self, path: Path) -> None:
        self.store = TokenStore(path, 1, lambda: 7)
        self.registry = CollectorRegistry()
        settings = AccessSettings(refresh=Seconds(0.001), note_use_every=Seconds(1e6))
        self.gate = Gate(TokenStore(path, 1), settings, self.registry, lambda: 42)
        self.client: Client

    async def make(self, name: str, *scopes: str) -> str:
        return await asyncio.to_thread(self.store.create, name, scopes)

    async def get(self, token: str | None, scope: str = "read", scheme: str = "Bearer") -> tuple[int, str, str]:
        headers = {} if token is None else {"Authorization": f"{scheme} {token}"}
        async with self.client.get(f"/{scope}", headers=headers) as response:
            return response.status, await response.text(), response.headers.get("WWW-Authenticate", "")

    async def handle(self, request: web.Request) -> web.Response:
        try:
            principal = self.gate.authorise(request, request.match_info["scope"])
        except ApiProblem as problem:
            return web.Response(status=problem.status, text=problem.detail, headers=problem.headers)
        return web.Response(text=principal.name)


@pytest.fixture
async def door(tmp_path: Path, aiohttp_client: AiohttpClient) -> AsyncIterator[Door]:
    def prepare() -> None:
        with closing(connect(tmp_path / "state.db", compatibility=1)) as connection:
            MIGRATIONS.apply(Database(connection))

    await asyncio.to_thread(prepare)
    door = Door(tmp_path / "state.db")
    app = web.Application(middlewares=[door.gate.middleware()])
    app.router.add_get("/{scope}", door.handle)
    door.client = await aiohttp_client(app)
    yield door
    await door.gate.close()


async def test_a_token_made_by_another_process_works_with_its_first_request(door: Door) -> None:
    assert await door.get(await door.make("alice", "read")) == (200, "alice", "")
    assert (await door.get(await door.make("bob", "read"), scheme="bearer"))[:2] == (200, "bob")


async def test_no_token_and_a_wrong_one_are_401_with_a_challenge(door: Door) -> None:
    status, text, challenge = await door.get(None)
    assert (status, challenge) == (401, 'Bearer realm="watchbook"')
    assert "token create --name NAME --scope read" in text
    status, text, challenge = await door.get("wb_wrong")
    assert (status, challenge) == (401, 'Bearer realm="watchbook", error="invalid_token"')
    assert (await door.get(await door.make("alice", "read"), scheme="Basic"))[0] == 401
    assert door.registry.get_sample_value("watchbook_access_refused_total", {"reason": "unknown"}) == 1
    assert door.registry.get_sample_value("watchbook_access_refused_total", {"reason": "missing"}) == 2


async def test_a_scope_that_the_token_lacks_is_403(door: Door) -> None:
    token = await door.make("agent-1", "ingest")
    status, text, challenge = await door.get(token)
    assert status == 403
    assert text == "the token 'agent-1' may ingest, this needs read"
    assert 'error="insufficient_scope", scope="read"' in challenge
    assert (await door.get(token, "ingest"))[0] == 200


async def test_a_revoked_token_ends_with_the_next_refresh(door: Door) -> None:
    token = await door.make("alice", "read")
    assert (await door.get(token))[0] == 200
    await asyncio.to_thread(door.store.revoke, "alice")
    await door.gate.refresh()
    status, text, challenge = await door.get(token)
    assert (status, challenge) == (401, 'Bearer realm="watchbook", error="invalid_token"')
    assert "this token, named 'alice', was revoked" in text
    assert door.registry.get_sample_value("watchbook_access_refused_total", {"reason": "revoked"}) == 1


async def test_a_one_time_token_says_what_it_is_for(door: Door) -> None:
    status, text, _ = await door.get(new_token(ENROLMENT_PREFIX))
    assert status == 401
    assert "run 'watchbook agent enroll' on its host" in text


async def test_the_gate_keeps_itself_up_to_date_and_notes_uses_when_it_stops(door: Door) -> None:
    token = await door.make("alice", "read")
    stop = Stop()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(door.gate.run(stop))
        while door.gate.authenticate(token) is None:
            await asyncio.sleep(0.001)
        stop.asked.set()
    (noted,) = await asyncio.to_thread(door.store.tokens)
    assert noted.last_used == 42


async def test_tokens_known_so_far_work_while_the_database_cannot_be_read(door: Door, tmp_path: Path) -> None:
    token = await door.make("alice", "read")
    assert (await door.get(token))[0] == 200
    await door.gate.close()

    def break_it() -> None:
        for file in tmp_path.iterdir():
            file.unlink()
        (tmp_path / "state.db").write_bytes(b"no database at all" * 100)

    await asyncio.to_thread(break_it)
    assert (await door.get("wb_other"))[0] == 401
    assert (await door.get(token))[0] == 200


async def test_many_unknown_tokens_at_once_are_all_answered(door: Door) -> None:
    good = await door.make("alice", "read")
    answers = await asyncio.gather(*(door.get(f"wb_{number}") for number in range(50)), door.get(good))
    assert [status for status, _, _ in answers] == [401] * 50 + [200]
