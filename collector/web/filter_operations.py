"""The operations on saved filters, as OpenAPI 3.1 says them."""

from typing import Any, Final

from collector.web.operation import ETAG, ID, JSON, READ_ERRORS, Operation, conditional, header, operation
from collector.web.schemas import ref

_IF_MATCH: Final = header(
    "If-Match", "The ETag of the version that is changed; `*`: whichever there is.", {"type": "string"}, required=True
)
_CHANGE_ERRORS: Final = (*READ_ERRORS, 404, 412, 428)
_BODY: Final[dict[str, Any]] = {"content": {JSON: {"schema": ref("NewFilter")}}, "required": True}


def filter_operations() -> dict[tuple[str, str], Operation]:
    """Return the operations by (method in capitals, path)."""
    listed = operation("listFilters", "List the saved filters that the caller may see.", ref("FilterList"),
                       errors=READ_ERRORS)  # fmt: skip
    got = operation("getFilter", "Get one saved filter.", ref("Filter"), parameters=[ID], errors=(*READ_ERRORS, 404))
    removed = operation(
        "removeFilter",
        "Remove a saved filter: one's own, or with the scope admin anybody's that everyone sees.",
        None,
        parameters=[ID, _IF_MATCH],
        errors=_CHANGE_ERRORS,
        status=204,
    )
    return {
        ("GET", "/v1/filters"): conditional(listed),
        ("POST", "/v1/filters"): _create(),
        ("GET", "/v1/filters/{id}"): conditional(got),
        ("PUT", "/v1/filters/{id}"): _change(),
        ("DELETE", "/v1/filters/{id}"): removed,
    }


def _create() -> Operation:
    described = operation(
        "saveFilter", "Save a filter.", ref("Filter"), errors=(*READ_ERRORS, 409, 413, 422), status=201
    )
    location = {"description": "Where the filter is.", "schema": {"type": "string"}}
    described["responses"]["201"]["headers"] = {"ETag": ETAG, "Location": location}
    return {**described, "requestBody": _BODY}


def _change() -> Operation:
    described = operation(
        "changeFilter",
        "Replace a saved filter: one's own, or one that everyone sees.",
        ref("Filter"),
        parameters=[ID, _IF_MATCH],
        errors=(*_CHANGE_ERRORS, 409, 413, 422),
    )
    described["responses"]["200"]["headers"] = {"ETag": ETAG}
    return {**described, "requestBody": _BODY}
