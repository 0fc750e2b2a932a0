"""Makes the aiohttp application: what every request goes through, and the routes of the reading side."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry

from collector.web.alerts import AlertHandlers
from collector.web.events import EventHandlers
from collector.web.health import HealthHandlers
from collector.web.middleware import add_security_headers, counting, problems
from collector.web.ports import AlertReader, Authorise, EventSearcher, ReadinessCheck
from collector.web.settings import WebSettings


def make_application(
    registry: CollectorRegistry, *, body_bytes_max: int, middlewares: Sequence[Middleware] = ()
) -> web.Application:
    """Return an application without routes; ``middlewares`` of other rooms run inside the one that makes problems."""
    app = web.Application(middlewares=[counting(registry), problems, *middlewares], client_max_size=body_bytes_max)
    app.on_response_prepare.append(add_security_headers)
    return app


def add_routes(
    app: web.Application,
    settings: WebSettings,
    *,
    searcher: EventSearcher,
    alerts: AlertReader,
    authorise: Authorise,
    registry: CollectorRegistry,
    readiness: Mapping[str, ReadinessCheck],
) -> None:
    """Add the routes of the reading side."""
    events = EventHandlers(searcher, authorise)
    alert_handlers = AlertHandlers(alerts, authorise)
    health = HealthHandlers(registry, readiness, authorise, open_metrics=settings.open_metrics)
    app.router.add_get("/", health.root)
    app.router.add_get("/healthz", health.healthz)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.metrics)
    app.router.add_get("/v1/openapi.json", health.openapi)
    app.router.add_get("/v1/events", events.search)
    app.router.add_get("/v1/events/{id}", events.get)
    app.router.add_get("/v1/alerts", alert_handlers.list)
    app.router.add_get("/v1/alerts/{id}", alert_handlers.get)


def runner_options(settings: WebSettings) -> dict[str, Any]:
    """Return the keywords for ``web.AppRunner`` that bound what a request's head may hold."""
    return {
        "handle_signals": False,
        "access_log": None,
        "max_line_size": settings.request_line_bytes_max,
        "max_field_size": settings.request_line_bytes_max,
    }
