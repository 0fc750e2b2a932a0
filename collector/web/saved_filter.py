"""A saved filter as clients send it: the same words as the query parameters, checked.  Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from collector.problem import ApiProblem, ErrorEntry
from collector.web.parameters import meant
from collector.web.vocabulary import FILTERS

NAME_CHARS_MAX: Final = 100
_TEXT_CHARS_MAX: Final = 4096
VALUES_MAX: Final = 256
_NAMES: Final = frozenset(parameter.name for parameter in FILTERS)

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=_TEXT_CHARS_MAX)]


class _Range(msgspec.Struct, rename={"time_from": "from", "time_to": "to"}, forbid_unknown_fields=True):
    time_from: _Text | None = None
    time_to: _Text | None = None


class _Filter(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    visibility: Literal["mine", "everyone"] = "mine"
    q: Annotated[str, msgspec.Meta(max_length=_TEXT_CHARS_MAX)] | None = None
    filters: dict[str, Annotated[list[_Text], msgspec.Meta(min_length=1, max_length=VALUES_MAX)]] = {}
    exclude: list[Literal["login", "system", "hidden"]] = []
    range: _Range | None = None


def read_filter(body: bytes) -> dict[str, Any]:
    """Return ``{name, visibility, q, filters, exclude, range}``; raises ApiProblem 422 naming what is wrong.

    ``range`` is None unless the client asked for one to be kept.
    """
    try:
        found = msgspec.json.decode(body, type=_Filter)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ApiProblem(422, "filter", f"the body is no filter: {error}") from error
    errors = [*_name_mistakes(found.name), *_filter_mistakes(found.filters)]
    if errors:
        raise ApiProblem(422, "filter", "; ".join(error["message"] for error in errors), errors=errors)
    document: dict[str, Any] = msgspec.to_builtins(found)
    return {**document, "exclude": sorted(set(found.exclude))}


def parameters_of(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a saved filter as the query parameters that it stands for."""
    parameters = {name: list(values) for name, values in document["filters"].items()}
    if document["exclude"]:
        parameters["exclude"] = list(document["exclude"])
    for name, value in (("q", document["q"]), *(document["range"] or {}).items()):
        if value is not None:
            parameters[name] = [value]
    return parameters


def _name_mistakes(name: str) -> list[ErrorEntry]:
    if name.isprintable() and name == name.strip():
        return []
    return [{"field": "name", "message": f"'name': expected printable characters, found {name!r}"}]


def _filter_mistakes(filters: Mapping[str, Any]) -> list[ErrorEntry]:
    return [
        {
            "field": f"filters.{name[:80]}",
            "message": f"'filters': there is no filter {name[:80]!r}{meant(name, _NAMES)}",
        }
        for name in filters
        if name not in _NAMES
    ]
