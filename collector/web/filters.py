"""``/v1/filters``: saved filters, with their versions as entity tags."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from collector.block import Answerer
from collector.problem import ApiProblem
from collector.web.asking import ranged
from collector.web.parameters import read_parameters
from collector.web.ports import Authorise, FilterKeeper
from collector.web.representation import json_response
from collector.web.saved_filter import parameters_of, read_filter

_NEXT_STEP: Final = "get the filter, and send its ETag as 'If-Match'"


class FilterHandlers:
    """Lists, saves, changes and removes saved filters."""

    def __init__(self, keeper: FilterKeeper, answerer: Answerer, authorise: Authorise) -> None:
        self._keeper = keeper
        self._answerer = answerer
        self._authorise = authorise

    async def list(self, request: web.Request) -> web.Response:
        """Answer with the filters that the caller may see."""
        caller = self._authorise(request, "read")
        read_parameters(request, ())
        return json_response({"filters": await asyncio.to_thread(self._keeper.visible, caller.name)})

    async def get(self, request: web.Request) -> web.Response:
        """Answer with one of them."""
        caller = self._authorise(request, "read")
        read_parameters(request, ())
        return _answer(await asyncio.to_thread(self._keeper.get, request.match_info["id"], caller.name))

    async def create(self, request: web.Request) -> web.Response:
        """Save a new filter."""
        caller = self._authorise(request, "read")
        read_parameters(request, ())
        document = await self._document(request, caller.name)
        made = await asyncio.to_thread(self._keeper.create, document, caller.name)
        response = _answer(made, status=201)
        response.headers["Location"] = f"/v1/filters/{made['id']}"
        return response

    async def change(self, request: web.Request) -> web.Response:
        """Replace a filter that nobody changed meanwhile."""
        caller = self._authorise(request, "read")
        read_parameters(request, ())
        version = _expected_version(request)
        document = await self._document(request, caller.name)
        filter_id = request.match_info["id"]
        return _answer(await asyncio.to_thread(self._keeper.change, filter_id, document, caller.name, version))

    async def remove(self, request: web.Request) -> web.Response:
        """Remove a filter that nobody changed meanwhile."""
        caller = self._authorise(request, "read")
        read_parameters(request, ())
        version, filter_id = _expected_version(request), request.match_info["id"]
        await asyncio.to_thread(self._keeper.remove, filter_id, caller.name, version, any_owner=caller.may("admin"))
        return web.Response(status=204)

    async def _document(self, request: web.Request, caller: str) -> Mapping[str, Any]:
        """Return the filter that a request holds, once a query with it has been understood."""
        document = read_filter(await request.read())
        await self._answerer.ask("explain", ranged(parameters_of(document), caller))
        return document


def _answer(found: Mapping[str, Any], status: int = 200) -> web.Response:
    return json_response(found, status=status, etag=f'"{found["version"]}"')


def _expected_version(request: web.Request) -> int | None:
    """Return the version that ``If-Match`` names, None for ``*``; raises ApiProblem 428 without one, 412."""
    tags = request.if_match or ()
    if "If-Match" not in request.headers:
        raise ApiProblem(428, "precondition-missing", f"a change names the version it changes: {_NEXT_STEP}")
    if any(tag.value == "*" for tag in tags):
        return None
    versions = [int(tag.value) for tag in tags if tag.value.isascii() and tag.value.isdecimal() and len(tag.value) < 16]
    if len(tags) != 1 or not versions or tags[0].is_weak:
        raise ApiProblem(412, "precondition-failed", f"'If-Match' names no version of this filter: {_NEXT_STEP}")
    return versions[0]
