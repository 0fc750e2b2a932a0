"""The operations on agents, as OpenAPI 3.1 says them."""

from typing import Any, Final

from collector.web.operation import ID, JSON, OPEN, READ_ERRORS, Operation, conditional, of_parameters, operation
from collector.web.schemas import ref
from collector.web.vocabulary import AGENTS

_CHANGE_ERRORS: Final = (*READ_ERRORS, 404, 409)


def agent_operations() -> dict[tuple[str, str], Operation]:
    """Return the operations by (method in capitals, path)."""
    listed = operation(
        "listAgents",
        "List the agents: enrolled ones, and those that were seen under a plain token.",
        ref("AgentList"),
        parameters=of_parameters(AGENTS),
        errors=READ_ERRORS,
    )
    got = operation(
        "getAgent", "Get all that is known of one agent.", ref("Agent"), parameters=[ID], errors=(*READ_ERRORS, 404)
    )
    renamed = operation(
        "renameAgent", "Give an enrolled agent another name (scope admin).", ref("Agent"), parameters=[ID],
        errors=(*_CHANGE_ERRORS, 413, 422),
    )  # fmt: skip
    revoked = operation(
        "revokeAgent", "Revoke an enrolled agent: its token is refused at once (scope admin).", None, parameters=[ID],
        errors=_CHANGE_ERRORS, status=204,
    )  # fmt: skip
    enrolled = operation(
        "enrolAgent", "Give an agent a token of its own for a one-time token.", ref("Enrolled"),
        errors=(400, 401, 403, 409, 413, 422, 429, 503), security=OPEN, status=201,
    )  # fmt: skip
    beat = operation(
        "postHeartbeat", "Say how an agent is (scope ingest).", ref("HeartbeatReceipt"),
        errors=(400, 401, 403, 413, 422, 503),
    )  # fmt: skip
    return {
        ("GET", "/v1/agents"): conditional(listed),
        ("GET", "/v1/agents/{id}"): conditional(got),
        ("PATCH", "/v1/agents/{id}"): {**renamed, "requestBody": _body("AgentName")},
        ("DELETE", "/v1/agents/{id}"): revoked,
        ("POST", "/v1/enroll"): {**enrolled, "requestBody": _body("Enrolment")},
        ("POST", "/v1/heartbeat"): {**beat, "requestBody": _body("Heartbeat")},
    }


def _body(name: str) -> dict[str, Any]:
    return {"content": {JSON: {"schema": ref(name)}}, "required": True}
