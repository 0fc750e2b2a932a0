"""The parts that operations of the description are put together from (OpenAPI 3.1, section 4.8.10)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from collector.problem import CONTENT_TYPE as PROBLEM
from collector.web.parameters import Parameter
from collector.web.schemas import Schema, ref

JSON: Final = "application/json"
Operation = dict[str, Any]

_STATUS_WORDS: Final = {
    304: "Nothing has changed since the answer whose ETag was sent.",
    400: "A parameter, a header or the query is wrong.",
    401: "No token, or one that is not valid.",
    403: "The token's scopes do not allow this.",
    404: "There is no such thing.",
    409: "It clashes with what there is already.",
    412: "It was changed meanwhile: it is not the version that If-Match names.",
    413: "Too large.",
    415: "A content type that is not taken.",
    422: "The body is malformed; nothing of the request was stored.",
    428: "A change needs If-Match.",
    429: "Too many requests; Retry-After says when to come back.",
    503: "Busy, stopping or not able to; Retry-After says when to come back.",
}
#: What every operation of a token's holder may answer.
READ_ERRORS: Final = (400, 401, 403, 503)
OPEN: Final[list[dict[str, list[str]]]] = []


def operation(
    name: str,
    summary: str,
    answer: Schema | None,
    *,
    parameters: Sequence[Mapping[str, Any]] = (),
    errors: Sequence[int] = (),
    security: list[dict[str, list[str]]] | None = None,
    status: int = 200,
) -> Operation:
    """Return an operation; ``answer`` is the schema of its JSON, None: it has no body."""
    content = {} if answer is None else {"content": {JSON: {"schema": answer}}}
    described: Operation = {
        "operationId": name,
        "summary": summary,
        "responses": {
            str(status): {"description": "As asked.", **content},
            **{str(code): _error(code) for code in errors},
            "default": {"description": "Another error.", "content": {PROBLEM: {"schema": ref("Problem")}}},
        },
    }
    if parameters:
        described["parameters"] = list(parameters)
    if security is not None:
        described["security"] = security
    return described


def conditional(described: Operation) -> Operation:
    """Return an operation whose answer has an ETag and is left out when the client has it."""
    described["parameters"] = [*described.get("parameters", ()), IF_NONE_MATCH]
    responses = described["responses"]
    responses["200"]["headers"] = {"ETag": ETAG}
    responses["304"] = {"description": _STATUS_WORDS[304], "headers": {"ETag": ETAG}}
    return described


def of_parameters(parameters: Sequence[Parameter]) -> list[dict[str, Any]]:
    """Return query parameters as the description has them."""
    return [parameter.document() for parameter in parameters]


def header(name: str, doc: str, schema: Schema, *, required: bool) -> dict[str, Any]:
    """Return a header of a request."""
    return {"name": name, "in": "header", "required": required, "description": doc, "schema": schema}


def plain_object() -> Schema:
    """Return the schema of any JSON object."""
    return {"type": "object", "additionalProperties": True}


def _error(status: int) -> dict[str, Any]:
    return {"description": _STATUS_WORDS[status], "content": {PROBLEM: {"schema": ref("Problem")}}}


ID: Final[dict[str, Any]] = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
EVENT_ID: Final[dict[str, Any]] = {
    **ID, "schema": {"type": "string", "pattern": "^.{32}-[0-9]{1,18}-[0-9]{1,9}$"}
}  # fmt: skip
ETAG: Final[dict[str, Any]] = {"description": "Names this answer's content.", "schema": {"type": "string"}}
IF_NONE_MATCH: Final = header(
    "If-None-Match", "The ETag of an answer that the client has.", {"type": "string"}, required=False
)
