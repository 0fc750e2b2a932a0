"""What every request goes through: counting, errors made problems, headers that keep browsers careful."""

import asyncio
import secrets
import time
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Histogram

from collector.problem import CONTENT_TYPE, ApiProblem
from collector.web.ports import CLIENT_GONE
from watchbook.logs import get_logger

log = get_logger("web")

SECURITY_HEADERS: Final = {
    "Server": "watchbook",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


async def add_security_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Set the headers that every answer has, unless the handler knew better."""
    for name, value in SECURITY_HEADERS.items():
        if name == "Server":
            response.headers[name] = value
        else:
            response.headers.setdefault(name, value)


def counting(registry: CollectorRegistry) -> Middleware:
    """Return a middleware that counts requests and their time by route, method and status."""
    seconds = Histogram(
        "watchbook_http_request_seconds",
        "Time from a request's head to its answer.",
        ["route", "method", "status"],
        buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 10),
        registry=registry,
    )

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        response = await handler(request)
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        seconds.labels(route, method, str(response.status)).observe(time.monotonic() - began)
        return response

    return count


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into ``application/problem+json``."""
    try:
        return await handler(request)
    except ApiProblem as problem:
        return problem_response(problem)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return problem_response(_http_problem(request, error))
    except CLIENT_GONE:
        raise  # the client went away: nobody is left to answer
    except Exception:  # whatever it was, the client gets an answer and the log gets the cause
        error_id = secrets.token_hex(8)
        log.exception("request_failed", error_id=error_id, method=request.method, path=request.path)
        detail = f"something went wrong here; the collector's log has the cause under error_id {error_id}"
        return problem_response(ApiProblem(500, "internal", detail, extensions={"error_id": error_id}))


@web.middleware
async def finish_changes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request that changes something run to its end when its client goes away; a question ends there and then."""
    if request.method in ("GET", "HEAD"):
        return await handler(request)
    return await asyncio.shield(handler(request))


def problem_response(problem: ApiProblem) -> web.Response:
    """Return a problem as an answer."""
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(problem.document()),
        headers={**problem.headers, "Content-Type": CONTENT_TYPE},
    )


def _http_problem(request: web.Request, error: web.HTTPException) -> ApiProblem:
    if error.status == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {request.path[:200]!r}; /v1/openapi.json lists what there is"
        return ApiProblem(404, "not-found", detail)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{request.method[:20]} is not possible here; possible: {allowed}"
        return ApiProblem(405, "method", detail, headers={"Allow": allowed})
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return ApiProblem(413, "body-too-large", f"{error.text or 'the body is too large'}; send less at once")
    return ApiProblem(error.status, "http", error.text or error.reason)
