"""``GET /v1/alerts`` and ``GET /v1/alerts/{id}``."""

import asyncio

from aiohttp import web

from collector.problem import ApiProblem
from collector.web.parameters import one, parameter_problem, read_number, read_parameters
from collector.web.ports import AlertReader, Authorise
from collector.web.representation import json_response
from collector.web.vocabulary import ALERTS, LIMIT


class AlertHandlers:
    """Answers what is asked about alerts."""

    def __init__(self, alerts: AlertReader, authorise: Authorise) -> None:
        self._alerts = alerts
        self._authorise = authorise

    async def list(self, request: web.Request) -> web.Response:
        """Answer with a page of alerts, newest first."""
        self._authorise(request, "read")
        values = read_parameters(request, ALERTS)
        limit = read_number(values, LIMIT)
        status, rule, level, cursor = (one(values, name) for name in ("status", "rule", "level", "cursor"))
        try:
            page = await asyncio.to_thread(
                self._alerts.page, status=status, rule=rule, level=level, limit=limit, cursor=cursor
            )
        except ValueError as error:
            raise parameter_problem([{"parameter": "cursor", "message": str(error)}]) from error
        return json_response(page)

    async def get(self, request: web.Request) -> web.Response:
        """Answer with one alert."""
        self._authorise(request, "read")
        read_parameters(request, ())
        alert_id = request.match_info["id"]
        alert = await asyncio.to_thread(self._alerts.get, alert_id)
        if alert is None:
            raise ApiProblem(404, "not-found", f"there is no alert {alert_id[:80]!r}")
        return json_response(alert)
