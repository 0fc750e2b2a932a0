"""``GET /v1/events``, ``/v1/events/{id}``, and what is counted over events: facets, histogram, values, explain.

``GET /v1/history`` asks of the counts that outlive events.
"""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from collector.block import Answerer
from collector.problem import ApiProblem
from collector.web.asking import (
    Asked,
    arrived_asked,
    facets_asked,
    histogram_asked,
    history_asked,
    ranged,
    search_asked,
    values_asked,
)
from collector.web.parameters import Parameter, Values, read_parameters
from collector.web.ports import Authorise
from collector.web.representation import passed_on
from collector.web.vocabulary import EVENTS, EXPLAIN, FACETS, HISTOGRAM, HISTORY, VALUES

_NOTHING = b"null"


class EventHandlers:
    """Puts the questions of requests to the answerer and passes its JSON on, untouched."""

    def __init__(self, answerer: Answerer, authorise: Authorise) -> None:
        self._answerer = answerer
        self._authorise = authorise
        self.facets = self._asking("facets", FACETS, facets_asked)
        self.histogram = self._asking("histogram", HISTOGRAM, histogram_asked)
        self.history = self._asking("rollup", HISTORY, history_asked)
        self.values = self._asking("values", VALUES, values_asked)
        self.explain = self._asking("explain", EXPLAIN, ranged)

    async def search(self, request: web.Request) -> web.Response:
        """Answer with a page of events: newest first, or with ``after`` in order of arrival."""
        caller = self._authorise(request, "read").name
        values = read_parameters(request, EVENTS)
        if "after" in values:
            return passed_on(await self._answerer.ask("arrived", arrived_asked(values, caller)))
        return passed_on(await self._answerer.ask("search", search_asked(values, caller)))

    async def get(self, request: web.Request) -> web.Response:
        """Answer with one event."""
        self._authorise(request, "read")
        read_parameters(request, ())
        event_id = request.match_info["id"]
        event = await self._answerer.ask("event", {"id": event_id})
        if event == _NOTHING:
            raise ApiProblem(404, "not-found", f"there is no event {event_id[:80]}; retention may have removed it")
        return passed_on(event)

    def _asking(self, question: str, known: tuple[Parameter, ...], asked: Callable[[Values, str], Asked]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            caller = self._authorise(request, "read").name
            return passed_on(await self._answerer.ask(question, asked(read_parameters(request, known), caller)))

        return handle
