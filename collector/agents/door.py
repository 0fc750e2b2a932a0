"""``POST /v1/enroll`` and ``POST /v1/heartbeat``."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from collector.agents.attempts import WINDOW_S, FailedAttempts
from collector.agents.records import Heartbeat
from collector.agents.registry import AgentRegistry, Sender
from collector.agents.settings import AgentsSettings
from collector.agents.store import Asked
from collector.problem import ApiProblem, ErrorEntry
from watchbook.clock import Clock

#: What an enrolment may fail with, as its counter shows it.
_FAILURES: Final = (
    "enrolment-unknown", "enrolment-used", "enrolment-expired", "enrolment-revoked", "enrolment-name",
    "agent-name", "agent-name-taken", "too-many-attempts",
)  # fmt: skip

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Enrolment(msgspec.Struct):
    """What an agent that wants in says."""

    token: _Text
    host: _Text
    name: _Text | None = None
    version: _Text = "unknown"


class AgentDoor:
    """Handlers of what agents say of themselves.

    ``authorise(request)`` returns whose token it is, or raises the problem that answers it.
    """

    def __init__(
        self,
        agents: AgentRegistry,
        settings: AgentsSettings,
        *,
        authorise: Callable[[web.Request], Sender],
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._agents = agents
        self._settings = settings
        self._authorise = authorise
        self._failed = FailedAttempts(settings.enrolment_failures_max, clock)
        self._heartbeats = Counter(
            "watchbook_agent_heartbeats", "Heartbeats of agents, by what became of them.", ["result"], registry=registry
        )
        self._enrolments = Counter(
            "watchbook_agent_enrolments", "Agents that were enrolled, and enrolments that were refused, by the kind of "
            "the problem.", ["result"], registry=registry,
        )  # fmt: skip
        for result in ("enrolled", *_FAILURES):
            self._enrolments.labels(result)
        for result in ("taken", "unlisted", "refused"):
            self._heartbeats.labels(result)

    def add_routes(self, app: web.Application) -> None:
        """Add the two routes."""
        app.router.add_post("/v1/enroll", self.enrol)
        app.router.add_post("/v1/heartbeat", self.heartbeat)

    async def enrol(self, request: web.Request) -> web.Response:
        """Give an agent a token of its own for a one-time token."""
        address = request.remote or "unknown"
        wait_s = self._failed.wait_s(address)
        try:
            if wait_s:
                detail = (
                    f"too many enrolments from {address} failed within {WINDOW_S} s ('agents.enrolment_failures_max'); "
                    f"try again in {wait_s} s"
                )
                raise ApiProblem(429, "too-many-attempts", detail, headers={"Retry-After": str(wait_s)})
            asked = _decoded(await self._body(request), Enrolment)
            agent, token = await self._agents.enrol(
                Asked(asked.token, asked.name, asked.host, asked.version, request.remote)
            )
        except ApiProblem as problem:
            if not wait_s and problem.status < 500:
                self._failed.failed(address)
            if problem.kind in _FAILURES:
                self._enrolments.labels(problem.kind).inc()
            raise
        self._enrolments.labels("enrolled").inc()
        return _answer({"id": agent.id, "name": agent.name, "token": token}, status=201)

    async def heartbeat(self, request: web.Request) -> web.Response:
        """Take in how an agent says that it goes."""
        sender = self._authorise(request)
        try:
            agent = self._agents.heartbeat(sender, _decoded(await self._body(request), Heartbeat))
        except ApiProblem:
            self._heartbeats.labels("refused").inc()
            raise
        self._heartbeats.labels("unlisted" if agent is None else "taken").inc()
        if agent is None:
            return _answer({"enrolled": False})
        return _answer({"id": agent.id, "name": agent.name, "enrolled": agent.enrolled is not None})

    async def _body(self, request: web.Request) -> bytes:
        limit = self._settings.heartbeat_bytes_max
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        body = await request.read()
        if len(body) > limit:
            raise _too_large(limit)
        return body


def _too_large(limit: int) -> ApiProblem:
    return ApiProblem(413, "body-too-large", f"the body is over {limit} bytes ('agents.heartbeat_bytes_max')")


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        text, _, place = str(error).partition(" - at `$.")
        entry = ErrorEntry(message=text)
        if place:
            entry["field"] = place.rstrip("`")
        detail = f"the body is not the JSON that /v1/openapi.json describes: {error}"
        raise ApiProblem(422, "invalid-document", detail, errors=[entry]) from error


def _answer(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json", status=status)
