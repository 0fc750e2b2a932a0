"""``/v1/agents``, ``/v1/enroll`` and ``/v1/heartbeat`` over the real registry, gate and database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from pytest_aiohttp import AiohttpClient

from collector.access import (
    AccessSettings,
    Gate,
    TokenStore,
    digest_of,
    issue_agent_token,
    withdraw_agent_tokens,
)
from collector.agents import AgentDoor, AgentRegistry, AgentsSettings, AgentStore, AgentTokens
from collector.exposition import add_agent_metrics
from collector.state import COMPATIBILITY, open_state
from collector.web import make_application, openapi_document
from collector.web.agents import AgentHandlers
from tests.collector.web.registered import enrolments_of
from watchbook.clock import now_us
from watchbook.units import Bytes

HEARTBEAT: dict[str, Any] = {
    "name": "web01", "host": "host1", "version": "1.0", "stream": "a" * 32, "started": "2026-11-21T14:00:00Z",
    "sending": "idle", "paused": None, "stopping": False, "interval_s": 30,
    "backlog": {"batches": 1, "events": 7, "bytes": 100, "oldest_age_s": 2.5, "newest": 1},
    "lag": {"bytes": 10, "worst_bytes": 9, "worst_file": "/var/log/a"},
    "counters": {"app": {"lines": 5, "unparsed": 2, "bytes_lost": 3, "invented_later": 1}, "b": {"unparsed": 1}},
    "problems": ["a", "b"], "mood": {"not": "known yet"},
}  # fmt: skip


class Desk:
    """The routes of agents, and who asks."""

    def __init__(self, path: Path, settings: AgentsSettings) -> None:
        open_state(path).close()
        self.tokens = TokenStore(path, COMPATIBILITY)
        self.admin = self.tokens.create("admin", ["admin"])
        self.reader = self.tokens.create("reader", ["read"])
        self.plain = self.tokens.create("plain", ["ingest"])
        self.enrolments = enrolments_of(path)
        self.metrics = CollectorRegistry()
        self.gate = Gate(TokenStore(path, COMPATIBILITY), AccessSettings(), self.metrics)
        tokens = AgentTokens(digest_of, issue_agent_token, withdraw_agent_tokens)
        self.agents = AgentRegistry(
            AgentStore(path, COMPATIBILITY, tokens), settings, tokens_changed=self.gate.refresh, clock=now_us
        )
        add_agent_metrics(self.metrics, self.agents)
        self.app = make_application(self.metrics, body_bytes_max=1 << 20, middlewares=[self.gate.middleware()])
        AgentDoor(
            self.agents, settings, authorise=lambda request: self.gate.authorise(request, "ingest"), clock=now_us,
            registry=self.metrics,
        ).add_routes(self.app)  # fmt: skip
        handlers = AgentHandlers(self.agents, self.gate.authorise)
        self.app.router.add_get("/v1/agents", handlers.list)
        self.app.router.add_get("/v1/agents/{id}", handlers.get)
        self.app.router.add_patch("/v1/agents/{id}", handlers.change)
        self.app.router.add_delete("/v1/agents/{id}", handlers.remove)
        self.client: TestClient[web.Request, web.Application]

    async def one_time_token(self, name: str | None = None) -> str:
        made = await asyncio.to_thread(
            lambda: self.enrolments.create(ttl_s=60, uses=1, name=name, note=None, user="root")
        )
        return made[0]

    async def ask(self, method: str, path: str, token: str | None = None, body: Any = None) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        keywords: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.client.request(method, path, headers=headers, **keywords) as answer:
            document = None if answer.status == 204 else await answer.json(content_type=None)
            if document is not None:
                route = "/v1/agents/{id}" if path.count("/") > 2 else path.partition("?")[0]
                _check(document, method, route, answer.status)
            return answer.status, document

    async def enrolled(self, name: str = "web01") -> tuple[str, str]:
        """Return the id and the token of a fresh agent."""
        body = {"token": await self.one_time_token(), "name": name, "host": "host1", "version": "1.0"}
        status, answer = await self.ask("POST", "/v1/enroll", body=body)
        assert status == 201, answer
        return answer["id"], answer["token"]


def _check(document: Any, method: str, path: str, status: int) -> None:
    described = openapi_document()
    responses = described["paths"][path][method.lower()]["responses"]
    (content,) = responses.get(str(status), responses["default"])["content"].values()
    schema = {**content["schema"], "components": described["components"]}
    OAS31Validator(schema, format_checker=oas31_format_checker).validate(document)


@pytest.fixture
def settings() -> AgentsSettings:
    return AgentsSettings(heartbeat_bytes_max=Bytes(2000), enrolment_failures_max=3)


@pytest.fixture
async def desk(tmp_path: Path, settings: AgentsSettings, aiohttp_client: AiohttpClient) -> AsyncIterator[Desk]:
    desk = await asyncio.to_thread(Desk, tmp_path / "state.db", settings)
    await desk.gate.refresh()
    await desk.agents.load()
    desk.client = await aiohttp_client(desk.app)
    yield desk
    await desk.gate.close()
    await asyncio.to_thread(desk.tokens.close)


async def test_an_enrolled_agent_may_send_and_nothing_else(desk: Desk) -> None:
    identifier, token = await desk.enrolled()
    status, receipt = await desk.ask("POST", "/v1/heartbeat", token, HEARTBEAT)
    assert (status, receipt) == (200, {"id": identifier, "name": "web01", "enrolled": True})
    status, problem = await desk.ask("GET", "/v1/agents", token)
    assert status == 403
    assert "may ingest, this needs read" in problem["detail"]


async def test_the_list_and_the_page_show_what_the_heartbeat_said(desk: Desk) -> None:
    identifier, token = await desk.enrolled()
    await desk.ask("POST", "/v1/heartbeat", token, HEARTBEAT)
    _, found = await desk.ask("GET", "/v1/agents", desk.reader)
    (agent,) = found["agents"]
    assert (agent["state"], agent["unparsed"], agent["lost_bytes"], agent["backlog"]["events"]) == ("ok", 3, 3, 7)
    assert agent["backlog"]["oldest_age_s"] >= 2.5
    _, page = await desk.ask("GET", f"/v1/agents/{identifier}", desk.reader)
    assert page["counters"] == HEARTBEAT["counters"]  # also the one that nobody here knows
    assert page["lag"] == HEARTBEAT["lag"]
    assert (await desk.ask("GET", "/v1/agents?state=silent", desk.reader))[1] == {"agents": []}


async def test_a_used_a_wrong_and_no_one_time_token_are_refused_and_counted(desk: Desk) -> None:
    token = await desk.one_time_token("web01")
    body = {"token": token, "host": "host1"}
    assert (await desk.ask("POST", "/v1/enroll", body=body))[0] == 201
    status, problem = await desk.ask("POST", "/v1/enroll", body=body)
    assert (status, problem["type"]) == (403, "urn:watchbook:problem:enrolment-used")
    status, problem = await desk.ask("POST", "/v1/enroll", body={**body, "token": "wbe_wrong"})
    assert (status, problem["type"]) == (401, "urn:watchbook:problem:enrolment-unknown")
    status, problem = await desk.ask("POST", "/v1/enroll", body={"host": "host1"})
    assert (status, problem["type"]) == (422, "urn:watchbook:problem:invalid-document")
    status, problem = await desk.ask("POST", "/v1/enroll", body={**body, "token": await desk.one_time_token()})
    assert (status, problem["type"]) == (429, "urn:watchbook:problem:too-many-attempts")
    for result, count in (("enrolled", 1), ("enrolment-used", 1), ("enrolment-unknown", 1), ("too-many-attempts", 1)):
        assert desk.metrics.get_sample_value("watchbook_agent_enrolments_total", {"result": result}) == count


async def test_a_one_time_token_opens_nothing_else(desk: Desk) -> None:
    status, problem = await desk.ask("POST", "/v1/heartbeat", await desk.one_time_token(), HEARTBEAT)
    assert status == 401
    assert "watchbook agent enroll" in problem["detail"]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (b"{", 422, "JSON"),
        ({}, 422, "name"),
        ({**HEARTBEAT, "name": "x" * 101}, 422, "name"),
        ({**HEARTBEAT, "name": ""}, 422, "name"),
        ({**HEARTBEAT, "counters": {"app": {"lines": "5"}}}, 422, "counters"),
        ({**HEARTBEAT, "counters": {"app": {"lines": 2**63}}}, 422, "counters"),
        ({**HEARTBEAT, "interval_s": 1e9}, 422, "interval_s"),
        ({**HEARTBEAT, "problems": ["x"] * 51}, 422, "problems"),
        ({**HEARTBEAT, "more": "x" * 2000}, 413, "heartbeat_bytes_max"),
        (b"[" * 1500, 422, "Expected"),
    ],
)
async def test_a_heartbeat_that_is_not_as_it_should_be_is_refused(
    desk: Desk, body: Any, status: int, named: str
) -> None:
    found, problem = await desk.ask("POST", "/v1/heartbeat", desk.plain, body)
    assert found == status
    assert named in str(problem)
    assert (await desk.ask("GET", "/v1/agents", desk.reader))[1] == {"agents": []}
    assert desk.metrics.get_sample_value("watchbook_agent_heartbeats_total", {"result": "refused"}) == 1


async def test_no_heartbeat_can_make_the_list_unreadable(desk: Desk) -> None:
    _, token = await desk.enrolled()
    counters = {f"input{number}": {"unparsed": 2**62, "bytes_lost": -(2**62)} for number in range(20)}
    huge = {"batches": 2**62, "events": 2**62, "bytes": 2**62, "oldest_age_s": 1e12}
    body = {"name": "\x1b[2J", "counters": counters, "backlog": huge, "lag": {"bytes": 2**62}}
    assert (await desk.ask("POST", "/v1/heartbeat", token, body))[0] == 200
    _, found = await desk.ask("GET", "/v1/agents", desk.reader)
    assert (found["agents"][0]["unparsed"], found["agents"][0]["lost_bytes"]) == (2**62, 0)


async def test_a_revoked_agent_is_refused_at_once_and_told_why(desk: Desk) -> None:
    identifier, token = await desk.enrolled()
    assert (await desk.ask("POST", "/v1/heartbeat", token, HEARTBEAT))[0] == 200
    assert (await desk.ask("DELETE", f"/v1/agents/{identifier}", desk.admin))[0] == 204
    status, problem = await desk.ask("POST", "/v1/heartbeat", token, HEARTBEAT)
    assert (status, problem["type"]) == (401, "urn:watchbook:problem:token-revoked")
    assert "was revoked; to let it in again, enrol it" in problem["detail"]
    assert (await desk.ask("GET", f"/v1/agents/{identifier}", desk.reader))[1]["state"] == "revoked"
    assert (await desk.ask("DELETE", f"/v1/agents/{identifier}", desk.admin))[0] == 409


async def test_changes_need_the_scope_admin(desk: Desk) -> None:
    identifier, token = await desk.enrolled()
    for caller in (desk.reader, desk.plain, token):
        assert (await desk.ask("DELETE", f"/v1/agents/{identifier}", caller))[0] == 403
        assert (await desk.ask("PATCH", f"/v1/agents/{identifier}", caller, {"name": "x"}))[0] == 403
    assert (await desk.ask("PATCH", f"/v1/agents/{identifier}", desk.admin, {"name": "web02"}))[1]["name"] == "web02"


async def test_a_name_that_is_taken_or_none_is_refused(desk: Desk) -> None:
    identifier, _ = await desk.enrolled("web01")
    await desk.enrolled("web02")
    for body, status in (({"name": "web02"}, 409), ({"name": "a\tb"}, 422), ({"nam": "x"}, 422), ({}, 422)):
        assert (await desk.ask("PATCH", f"/v1/agents/{identifier}", desk.admin, body))[0] == status
    assert (await desk.ask("PATCH", "/v1/agents/none", desk.admin, {"name": "x"}))[0] == 404


async def test_agents_are_counted_by_state(desk: Desk) -> None:
    _, token = await desk.enrolled("web01")
    await desk.enrolled("web02")
    await desk.ask("POST", "/v1/heartbeat", token, HEARTBEAT)
    exposition = generate_latest(desk.metrics).decode()
    assert 'watchbook_agents{state="ok"} 1.0' in exposition
    assert 'watchbook_agents{state="never_seen"} 1.0' in exposition
    assert 'watchbook_agents{state="silent"} 0.0' in exposition
