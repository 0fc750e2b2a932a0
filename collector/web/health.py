"""``/``, ``/healthz``, ``/readyz``, ``/metrics`` and ``/v1/openapi.json``."""

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from collector.problem import ApiProblem, ErrorEntry
from collector.web.openapi import openapi_document
from collector.web.ports import Authorise, ReadinessCheck
from collector.web.representation import json_response
from watchbook import __version__


class HealthHandlers:
    """Answers what machines ask about the collector itself."""

    def __init__(
        self,
        registry: CollectorRegistry,
        checks: Mapping[str, ReadinessCheck],
        authorise: Authorise,
        *,
        open_metrics: bool,
        problems: Callable[[], list[str]] = list,
    ) -> None:
        self._registry = registry
        self._checks = checks
        self._authorise = authorise
        self._open_metrics = open_metrics
        self._problems = problems

    async def root(self, _: web.Request) -> web.Response:
        """Say what this is and where to read on."""
        return json_response({"name": "Watchbook collector", "version": __version__, "openapi": "/v1/openapi.json"})

    async def healthz(self, _: web.Request) -> web.Response:
        """Say that the process is up, and what an operator should know of it all the same."""
        problems = self._problems()
        return json_response({"status": "up"} | ({"problems": problems} if problems else {}))

    async def readyz(self, _: web.Request) -> web.Response:
        """Say whether events can be taken and found, and if not, why."""
        reasons = {name: await asyncio.to_thread(check) for name, check in self._checks.items()}
        errors: list[ErrorEntry] = [{"field": name, "message": text} for name, text in reasons.items() if text]
        if errors:
            detail = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
            raise ApiProblem(503, "not-ready", detail, errors=errors, headers={"Retry-After": "5"})
        return json_response({"status": "ready", "checks": list(self._checks)})

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer with every metric, as Prometheus asks for it."""
        if not self._open_metrics:
            self._authorise(request, "read")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encode, self._registry)  # the other processes are looked at in /proc
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def openapi(self, _: web.Request) -> web.Response:
        """Answer with the description of the API."""
        return json_response(openapi_document())
