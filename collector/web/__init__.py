"""The HTTP face: routes, parameters, errors, the description of them all.

- ``application`` makes the aiohttp application and adds the routes; ``middleware`` is what every request goes through.
- ``events``, ``tail``, ``export``, ``filters``, ``alerts``, ``silences``, ``agents`` and ``health`` hold the handlers;
  they ask the rooms behind ``ports``, and the query processes through :class:`collector.block.Answerer`.
- ``vocabulary`` declares query parameters once, for reading them (``parameters``, ``asking``) and for the description.
- ``representation`` and ``coding``: entity tags and compression; ``stream``: the frames of a tail.
- ``catalogue`` lists what sources call their events, ``hiding`` leaves out what is hidden; ``reading`` notes who read.
- ``tls`` follows the files of the certificate.
- ``openapi``, ``operations`` and ``schemas`` are the description (OpenAPI 3.1), tested against the handlers.

Invariants: every error is a problem (RFC 9457); a parameter that is not known is refused and never ignored; handlers
never block the loop; an answer that cannot be finished is broken off and never ends early.
"""

from collector.web.application import add_routes, make_application, runner_options
from collector.web.openapi import openapi_document
from collector.web.ports import (
    AgentKeeper,
    AlertKeeper,
    Authorise,
    Caller,
    FilterKeeper,
    News,
    ReadinessCheck,
    RuleKeeper,
    RunAlone,
)
from collector.web.reading import Read
from collector.web.settings import ReadSettings, WebSettings
from collector.web.tls import ServerTls, tls_findings

__all__ = [
    "AgentKeeper",
    "AlertKeeper",
    "Authorise",
    "Caller",
    "FilterKeeper",
    "News",
    "Read",
    "ReadSettings",
    "ReadinessCheck",
    "RuleKeeper",
    "RunAlone",
    "ServerTls",
    "WebSettings",
    "add_routes",
    "make_application",
    "openapi_document",
    "runner_options",
    "tls_findings",
]
