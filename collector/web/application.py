"""Makes the aiohttp application: what every request goes through, and the routes of the reading side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry

from collector.block import Answerer
from collector.web.agents import AgentHandlers
from collector.web.alerts import AlertHandlers
from collector.web.catalogue import CatalogueHandlers
from collector.web.events import EventHandlers
from collector.web.export import ExportHandlers
from collector.web.filters import FilterHandlers
from collector.web.health import HealthHandlers
from collector.web.hiding import Hiding
from collector.web.middleware import add_security_headers, counting, finish_changes, problems
from collector.web.notifications import NotificationHandlers
from collector.web.ports import (
    AgentKeeper,
    AlertKeeper,
    Authorise,
    FilterKeeper,
    News,
    NotificationKeeper,
    ReadinessCheck,
    RuleDesk,
    RuleKeeper,
    RunAlone,
)
from collector.web.reading import NoteRead, noting, remembering
from collector.web.representation import representing
from collector.web.rule_trials import RuleTrialHandlers
from collector.web.rules import RuleHandlers
from collector.web.settings import WebSettings
from collector.web.silences import SilenceHandlers
from collector.web.tail import TailHandlers
from watchbook.catalogue import Catalogues


def make_application(
    registry: CollectorRegistry,
    *,
    body_bytes_max: int,
    middlewares: Sequence[Middleware] = (),
    settings: WebSettings | None = None,
    note_read: NoteRead | None = None,
) -> web.Application:
    """Return an application without routes; ``middlewares`` of other rooms run inside the one that makes problems.

    ``note_read`` is given each read that was answered.
    """
    represent = representing((settings or WebSettings()).compress_from)
    app = web.Application(
        middlewares=[
            counting(registry),
            problems,
            *middlewares,
            finish_changes,
            represent,
            *([] if note_read is None else [noting(note_read)]),
        ],
        client_max_size=body_bytes_max,
    )
    app.on_response_prepare.append(add_security_headers)
    return app


def add_routes(
    app: web.Application,
    settings: WebSettings,
    *,
    answerer: Answerer,
    news: News,
    run_alone: RunAlone,
    scratch: Path,
    filters: FilterKeeper,
    alerts: AlertKeeper,
    notifications: NotificationKeeper,
    agents: AgentKeeper,
    rules: RuleKeeper,
    rule_desk: RuleDesk,
    authorise: Authorise,
    registry: CollectorRegistry,
    readiness: Mapping[str, ReadinessCheck],
    catalogues: Catalogues,
) -> None:
    """Add the routes of the reading side.

    ``scratch`` is a folder for exports that are built as files; the face makes it, and empties it at the start.
    """
    authorise = remembering(authorise)
    hidden = list(catalogues.hidden())
    answerer, run_alone = Hiding(answerer.ask, hidden), Hiding(run_alone, hidden).ask
    health = HealthHandlers(
        registry, readiness, authorise, open_metrics=settings.open_metrics, problems=lambda: rules.problems
    )
    app.router.add_get("/", health.root)
    app.router.add_get("/healthz", health.healthz)
    app.router.add_get("/readyz", health.readyz)
    app.router.add_get("/metrics", health.metrics)
    app.router.add_get("/v1/openapi.json", health.openapi)
    _add_events(app, EventHandlers(answerer, authorise))
    _add_streams(
        app,
        TailHandlers(answerer, news, authorise, settings, registry),
        ExportHandlers(answerer, run_alone, scratch, authorise, settings, registry),
    )
    _add_filters(app, FilterHandlers(filters, answerer, authorise))
    app.router.add_get("/v1/catalogue", CatalogueHandlers(catalogues, answerer, authorise).list)
    agent_handlers = AgentHandlers(agents, authorise)
    app.router.add_get("/v1/agents", agent_handlers.list)
    app.router.add_get("/v1/agents/{id}", agent_handlers.get)
    app.router.add_patch("/v1/agents/{id}", agent_handlers.change)
    app.router.add_delete("/v1/agents/{id}", agent_handlers.remove)
    _add_rules(app, RuleHandlers(rules, authorise), RuleTrialHandlers(rule_desk, run_alone, scratch, authorise))
    add_alerts(app, alerts, authorise)
    add_notifications(app, notifications, authorise)


def runner_options(settings: WebSettings) -> dict[str, Any]:
    """Return the keywords for ``web.AppRunner``: what a request's head may hold, and that a client may hang up."""
    return {
        "handle_signals": False,
        "handler_cancellation": True,
        "access_log": None,
        "max_line_size": settings.request_line_bytes_max,
        "max_field_size": settings.request_line_bytes_max,
    }


def _add_events(app: web.Application, events: EventHandlers) -> None:
    app.router.add_get("/v1/events", events.search)
    app.router.add_get("/v1/events/{id}", events.get)
    app.router.add_get("/v1/facets", events.facets)
    app.router.add_get("/v1/histogram", events.histogram)
    app.router.add_get("/v1/history", events.history)
    app.router.add_get("/v1/values", events.values)
    app.router.add_get("/v1/query/explain", events.explain)


def _add_streams(app: web.Application, tails: TailHandlers, exports: ExportHandlers) -> None:
    # Without HEAD: it would take a place, and a tail has no end.
    app.router.add_get("/v1/tail", tails.tail, allow_head=False)
    app.router.add_get("/v1/export", exports.export, allow_head=False)
    app.on_startup.append(exports.startup)
    app.on_shutdown.extend((tails.shutdown, exports.shutdown))


def _add_rules(app: web.Application, rules: RuleHandlers, trials: RuleTrialHandlers) -> None:
    app.router.add_post("/v1/rules/backtest", trials.backtest)
    app.router.add_post("/v1/rules/explain", trials.explain_text)
    app.router.add_get("/v1/rules/{id}/explain", trials.explain)
    app.router.add_get("/v1/rules", rules.list)
    app.router.add_post("/v1/rules/reload", rules.reload)
    app.router.add_get("/v1/rules/{id}", rules.get)
    app.router.add_post("/v1/rules/{id}/enable", rules.enable)
    app.router.add_post("/v1/rules/{id}/disable", rules.disable)
    app.router.add_post("/v1/rules/{id}/shadow", rules.shadow)


def add_alerts(app: web.Application, keeper: AlertKeeper, authorise: Authorise) -> None:
    """Add the routes of alerts, silences and exceptions."""
    alerts, silences = AlertHandlers(keeper, authorise), SilenceHandlers(keeper, authorise)
    app.router.add_get("/v1/alerts", alerts.list)
    app.router.add_get("/v1/alerts/ratios", alerts.ratios)
    app.router.add_get("/v1/alerts/{id}", alerts.get)
    app.router.add_post("/v1/alerts/{id}/acknowledge", alerts.acknowledge)
    app.router.add_post("/v1/alerts/{id}/resolve", alerts.resolve)
    app.router.add_post("/v1/alerts/{id}/reopen", alerts.reopen)
    app.router.add_post("/v1/alerts/{id}/disposition", alerts.dispose)
    app.router.add_post("/v1/alerts/{id}/exceptions", alerts.make_exception)
    app.router.add_get("/v1/silences", silences.list)
    app.router.add_post("/v1/silences", silences.add)
    app.router.add_post("/v1/silences/preview", silences.preview)
    app.router.add_get("/v1/silences/{id}", silences.get)
    app.router.add_delete("/v1/silences/{id}", silences.end)
    app.router.add_get("/v1/exceptions", silences.list_exceptions)
    app.router.add_get("/v1/exceptions/{id}", silences.get_exception)
    app.router.add_delete("/v1/exceptions/{id}", silences.end_exception)


def add_notifications(app: web.Application, keeper: NotificationKeeper, authorise: Authorise) -> None:
    """Add the routes of notifications and channels."""
    notifications = NotificationHandlers(keeper, authorise)
    app.router.add_get("/v1/notifications", notifications.list)
    app.router.add_post("/v1/notifications/{number}/retry", notifications.retry)
    app.router.add_post("/v1/notifications/{number}/drop", notifications.drop)
    app.router.add_get("/v1/channels", notifications.channels)
    app.router.add_post("/v1/channels/{name}/test", notifications.test)


def _add_filters(app: web.Application, filters: FilterHandlers) -> None:
    app.router.add_get("/v1/filters", filters.list)
    app.router.add_post("/v1/filters", filters.create)
    app.router.add_get("/v1/filters/{id}", filters.get)
    app.router.add_put("/v1/filters/{id}", filters.change)
    app.router.add_delete("/v1/filters/{id}", filters.remove)
