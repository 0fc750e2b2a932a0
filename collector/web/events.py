"""``GET /v1/events`` and ``GET /v1/events/{id}``."""

from aiohttp import web

from collector.problem import ApiProblem
from collector.web.middleware import json_response
from collector.web.parameters import EVENTS, FILTERS, one, read_after, read_limit, read_parameters
from collector.web.ports import Authorise, EventSearcher


class EventHandlers:
    """Answers what is asked about events."""

    def __init__(self, searcher: EventSearcher, authorise: Authorise) -> None:
        self._searcher = searcher
        self._authorise = authorise

    async def search(self, request: web.Request) -> web.Response:
        """Answer with a page of events: newest first, or with ``after`` in order of arrival."""
        self._authorise(request, "read")
        values = read_parameters(request, EVENTS)
        filters = {parameter.name: values[parameter.name] for parameter in FILTERS if parameter.name in values}
        limit = read_limit(values)
        q = one(values, "q")
        if "after" in values:
            after = read_after(values)
            return json_response(await self._searcher.arrived(filters=filters, q=q, after=after, limit=limit))
        page = await self._searcher.search(
            filters=filters,
            q=q,
            time_from=one(values, "from"),
            time_to=one(values, "to"),
            limit=limit,
            cursor=one(values, "cursor"),
        )
        return json_response(page)

    async def get(self, request: web.Request) -> web.Response:
        """Answer with one event."""
        self._authorise(request, "read")
        read_parameters(request, ())
        event_id = request.match_info["id"]
        event = await self._searcher.event(event_id)
        if event is None:
            raise ApiProblem(404, "not-found", f"there is no event {event_id}; retention may have removed it")
        return json_response(event)
