"""``/v1/silences`` and ``/v1/exceptions``: what people hide, and what they take out of rules."""

from typing import Annotated, Any

import msgspec
from aiohttp import web

from collector.web.alerts import RESPOND
from collector.web.documents import read_document
from collector.web.parameters import one, read_parameters
from collector.web.ports import AlertKeeper, Authorise
from collector.web.representation import json_response
from collector.web.vocabulary import DAYS_MAX, EXCEPTIONS, SILENCES

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class _Matcher(msgspec.Struct, forbid_unknown_fields=True):
    name: _Name
    value: str
    operator: str = "="


class _Silence(msgspec.Struct, forbid_unknown_fields=True):
    matchers: list[_Matcher]
    ends: str
    reason: str
    starts: str | None = None


class _Preview(msgspec.Struct, forbid_unknown_fields=True):
    matchers: list[_Matcher]
    days: Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)] = 7


class SilenceHandlers:
    """Lists, makes and ends silences and exceptions."""

    def __init__(self, alerts: AlertKeeper, authorise: Authorise) -> None:
        self._alerts = alerts
        self._authorise = authorise

    async def list(self, request: web.Request) -> web.Response:
        """Answer with all silences, or those in one state."""
        self._authorise(request, "read")
        values = read_parameters(request, SILENCES)
        return json_response({"silences": await self._alerts.silenced(one(values, "state"))})

    async def get(self, request: web.Request) -> web.Response:
        """Answer with one silence."""
        self._authorise(request, "read")
        read_parameters(request, ())
        return json_response(await self._alerts.get_silence(request.match_info["id"]))

    async def add(self, request: web.Request) -> web.Response:
        """Hide alerts for a time."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        given = read_document(await request.read(), _Silence)
        made = await self._alerts.silence(
            _matchers(given.matchers), given.starts, given.ends, given.reason, caller.name
        )
        response = json_response(made, status=201)
        response.headers["Location"] = f"/v1/silences/{made['id']}"
        return response

    async def preview(self, request: web.Request) -> web.Response:
        """Answer with what a silence would hide; nothing is changed."""
        self._authorise(request, "read")
        read_parameters(request, ())
        given = read_document(await request.read(), _Preview)
        return json_response(await self._alerts.preview(_matchers(given.matchers), given.days))

    async def end(self, request: web.Request) -> web.Response:
        """End a silence before its time."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        return json_response(await self._alerts.end_silence(request.match_info["id"], caller.name))

    async def list_exceptions(self, request: web.Request) -> web.Response:
        """Answer with all exceptions, or those in one state or of one rule."""
        self._authorise(request, "read")
        values = read_parameters(request, EXCEPTIONS)
        return json_response({"exceptions": await self._alerts.excepted(one(values, "state"), one(values, "rule"))})

    async def get_exception(self, request: web.Request) -> web.Response:
        """Answer with one exception."""
        self._authorise(request, "read")
        read_parameters(request, ())
        return json_response(await self._alerts.get_exception(request.match_info["id"]))

    async def end_exception(self, request: web.Request) -> web.Response:
        """Take an exception out again."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        return json_response(await self._alerts.end_exception(request.match_info["id"], caller.name))


def _matchers(given: "list[_Matcher]") -> "list[dict[str, Any]]":
    return [msgspec.to_builtins(each) for each in given]
