"""Notes who read what: each answer with events, or with counts of them, is noted once, with the query that asked.

The note is about the answer and made after it; a read of the notes is noted like any other, and that note is read by
nobody but the next who asks, so it ends there.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collector.problem import ApiProblem
from collector.web.ports import Authorise, Caller

#: Route -> what reading it is called, as the event's ``event_type``.
NOTED: Final[Mapping[str, str]] = {
    "/v1/events": "events listed",
    "/v1/events/{id}": "event viewed",
    "/v1/facets": "events counted",
    "/v1/histogram": "events counted",
    "/v1/history": "events counted",
    "/v1/values": "events counted",
    "/v1/export": "events exported",
    "/v1/tail": "events followed",
}
_STREAMS: Final = ("/v1/export", "/v1/tail")
#: The caller of the request that the task at work answers.
_caller: ContextVar[str | None] = ContextVar("caller", default=None)


class Read(NamedTuple):
    """One read: by whom, of what, with which query, how many results (None: a stream), and from where."""

    caller: str
    event_type: str
    route: str
    event_id: str | None
    query: Mapping[str, list[str]]
    results: int | None
    address: str | None
    user_agent: str | None


NoteRead = Callable[[Read], None]


class _Counted(msgspec.Struct):
    """What of an answer tells how much it holds."""

    events: list[msgspec.Raw] | None = None
    values: list[msgspec.Raw] | None = None
    total: dict[str, Any] | None = None


_counted: Final = msgspec.json.Decoder(_Counted)


def remembering(authorise: Authorise) -> Authorise:
    """Return an ``authorise`` that leaves the caller's name in the task's context, for :func:`noting`."""

    def remember(request: web.Request, scope: str) -> Caller:
        caller = authorise(request, scope)
        _caller.set(caller.name)
        return caller

    return remember


def noting(note: NoteRead) -> Middleware:
    """Return a middleware that gives every read that was answered to ``note``."""

    @web.middleware
    async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else ""
        if request.method != "GET" or route not in NOTED:
            return await handler(request)
        _caller.set(None)
        try:
            response = await handler(request)
        except ApiProblem:
            raise
        except BaseException:  # whoever reads a stream ends it by going away: what they had, they have read
            if route in _STREAMS and (caller := _caller.get()) is not None:
                note(_read(request, caller, route, None))
            raise
        if response.status == HTTPStatus.OK and (caller := _caller.get()) is not None:
            note(_read(request, caller, route, response))
        return response

    return noted


def _read(request: web.Request, caller: str, route: str, response: web.StreamResponse | None) -> Read:
    return Read(
        caller=caller,
        event_type=NOTED[route],
        route=route,
        event_id=request.match_info.get("id"),
        query={name: request.query.getall(name) for name in dict.fromkeys(request.query)},
        results=_results(route, response),
        address=request.remote,
        user_agent=request.headers.get("User-Agent"),
    )


def _results(route: str, response: web.StreamResponse | None) -> int | None:
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return None
    if route == "/v1/events/{id}":
        return 1
    found = _counted.decode(response.body)
    for listed in (found.events, found.values):
        if listed is not None:
            return len(listed)
    return None if found.total is None else int(found.total["value"])
