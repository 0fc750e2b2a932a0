"""The description of the API: OpenAPI 3.1, put together from the operations and schemas."""

from functools import cache
from typing import Any

from collector.web.operations import operations
from collector.web.schemas import schemas
from watchbook import __version__


@cache
def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document; it is shared, do not change it."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in operations().items():
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchbook collector",
            "version": __version__,
            "description": "An activity log: who did what to which resource, when, from where, with what result.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`watchbook collector token create`"}
            },
        },
    }
