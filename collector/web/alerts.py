"""``/v1/alerts``: what the rules found, and what people do about it."""

from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from collector.web.documents import read_document
from collector.web.parameters import one, parameter_problem, read_number, read_parameters
from collector.web.ports import AlertKeeper, Authorise
from collector.web.representation import json_response
from collector.web.vocabulary import ALERTS, DAYS, LIMIT, RATIOS
from watchbook.clock import Clock, now_us
from watchbook.units import parse_moment

#: What somebody may who acts on alerts; it includes ``read``.
RESPOND: Final = "respond"


class _Note(msgspec.Struct, forbid_unknown_fields=True):
    note: str | None = None


class _Disposition(msgspec.Struct, forbid_unknown_fields=True):
    disposition: str
    note: str | None = None


class _Field(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    value: str | int | float | bool | msgspec.UnsetType | None = msgspec.UNSET


class _Exception(msgspec.Struct, forbid_unknown_fields=True):
    fields: list[_Field]
    until: str
    reason: str


class AlertHandlers:
    """Answers what is asked about alerts, and does what people want done with them."""

    def __init__(self, alerts: AlertKeeper, authorise: Authorise, clock: Clock = now_us) -> None:
        self._alerts = alerts
        self._authorise = authorise
        self._clock = clock

    async def list(self, request: web.Request) -> web.Response:
        """Answer with a page of alerts, newest first."""
        self._authorise(request, "read")
        values = read_parameters(request, ALERTS)
        limit = read_number(values, LIMIT)
        wanted: dict[str, Any] = {name: tuple(values[name]) for name in ("status", "level") if name in values}
        wanted |= {name: values[name][0] for name in ("rule", "tag", "disposition") if name in values}
        wanted |= {name: values[name][0] == "true" for name in ("silenced", "inhibited") if name in values}
        wanted["group"] = tuple(map(_group_filter, values.get("group", ())))
        wanted |= {f"opened_{name}": self._moment(name, values[name][0]) for name in ("from", "to") if name in values}
        try:
            page = await self._alerts.page(wanted, limit, one(values, "cursor"))
        except ValueError as error:
            raise parameter_problem([{"parameter": "cursor", "message": str(error)}]) from error
        return json_response(page)

    async def get(self, request: web.Request) -> web.Response:
        """Answer with one alert."""
        self._authorise(request, "read")
        read_parameters(request, ())
        return json_response(await self._alerts.get(request.match_info["id"]))

    async def ratios(self, request: web.Request) -> web.Response:
        """Answer with how often each rule was right."""
        self._authorise(request, "read")
        values = read_parameters(request, RATIOS)
        return json_response(await self._alerts.ratios(read_number(values, DAYS)))

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Note that somebody looks after an alert."""
        return await self._act(request, "acknowledge")

    async def resolve(self, request: web.Request) -> web.Response:
        """Resolve an alert by hand."""
        return await self._act(request, "resolve")

    async def reopen(self, request: web.Request) -> web.Response:
        """Open an alert again."""
        return await self._act(request, "reopen")

    async def dispose(self, request: web.Request) -> web.Response:
        """Say what an alert turned out to be."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        given = read_document(await request.read(), _Disposition)
        alert_id = request.match_info["id"]
        return json_response(await self._alerts.dispose(alert_id, given.disposition, caller.name, given.note))

    async def make_exception(self, request: web.Request) -> web.Response:
        """Make an exception of an alert's rule."""
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        given = read_document(await request.read(), _Exception)
        fields = [msgspec.to_builtins(field) for field in given.fields]
        made = await self._alerts.make_exception(
            request.match_info["id"], fields, given.until, given.reason, caller.name
        )
        return json_response(made, status=201)

    async def _act(self, request: web.Request, act: str) -> web.Response:
        caller = self._authorise(request, RESPOND)
        read_parameters(request, ())
        given = read_document(await request.read() or b"{}", _Note)
        return json_response(await self._alerts.act(request.match_info["id"], act, caller.name, given.note))

    def _moment(self, name: str, text: str) -> int:
        try:
            return parse_moment(text, self._clock())
        except ValueError as error:
            raise parameter_problem([{"parameter": name, "message": str(error)}]) from error


def _group_filter(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name:
        message = f"'group': expected a field and its value, such as actor.id:alice, found {text[:60]!r}"
        raise parameter_problem([{"parameter": "group", "message": message}])
    return name, value
