"""Query parameters: declared once, read and checked from here, described from here."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from collector.finding import LEVELS
from collector.problem import ApiProblem, ErrorEntry


@dataclass(frozen=True)
class Parameter:
    """A query parameter: its name, what it means, the JSON schema of its value, and whether it may be repeated."""

    name: str
    doc: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    repeated: bool = False

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI object."""
        schema = {"type": "array", "items": dict(self.schema)} if self.repeated else dict(self.schema)
        return {"name": self.name, "in": "query", "required": False, "description": self.doc, "schema": schema}


LIMIT_MAX: Final = 1000
LIMIT_DEFAULT: Final = 50
#: The value of ``after`` that asks for the number of the newest event and nothing else.
LATEST: Final = "latest"

_LIMIT: Final = Parameter(
    "limit",
    "Most items in the answer.",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
_CURSOR: Final = Parameter("cursor", "`next_cursor` of the page before; repeat that page's other parameters with it.")

#: Fields of the event that are parameters of their own: repeated values are alternatives, a trailing `*` is a wildcard.
FILTERS: Final = tuple(
    Parameter(name, f"{doc} Repeat it for alternatives; a trailing `*` stands for whatever follows.", repeated=True)
    for name, doc in (
        ("actor", "Id, name, e-mail address (or what stands before its @) of the actor, or who they acted for."),
        ("action", "The action."),
        ("resource.type", "The type of the resource."),
        ("resource.id", "The identifier of the resource."),
        ("outcome", "How it ended: success, failure, in_progress or pending."),
        ("category", "The kind of activity."),
        ("org", "The organization."),
        ("project", "The project."),
        ("module", "The part of the source system."),
        ("source.ip", "The address, its first groups (192.168.1) or a network (10.0.0.0/8)."),
    )
)
_MOMENT: Final = "RFC 3339 with a zone, or relative to now: `-1h`, `7d` (both in the past), `now`."
EVENTS: Final = (
    Parameter("from", f"Beginning of the range (included); by default 7 days before its end. {_MOMENT}"),
    Parameter("to", f"End of the range (not included); by default there is none. {_MOMENT}"),
    *FILTERS,
    Parameter("q", 'A query: `actor:alice -outcome:success measures.rows:>1000 "free text"`.'),
    _LIMIT,
    _CURSOR,
    Parameter(
        "after",
        "Answer in order of arrival, with the events that arrived after this number (`last_number` of an answer); "
        f"`{LATEST}`: no events, only the newest number. Goes with the filters, `q` and `limit`.",
        {"anyOf": [{"type": "integer", "minimum": 0}, {"const": LATEST}]},
    ),
)
ALERTS: Final = (
    Parameter("status", "The alert's status.", {"type": "string", "enum": ["open", "resolved"]}),
    Parameter("rule", "The id of the rule."),
    Parameter("level", "The severity.", {"type": "string", "enum": list(LEVELS)}),
    _LIMIT,
    _CURSOR,
)


def read_parameters(request: web.Request, known: Sequence[Parameter]) -> dict[str, list[str]]:
    """Return the values of a request's parameters; raises ApiProblem 400 naming every one that is wrong."""
    by_name = {parameter.name: parameter for parameter in known}
    values: dict[str, list[str]] = {}
    errors: list[ErrorEntry] = []
    for name in dict.fromkeys(request.query):
        values[name] = request.query.getall(name)
        message = _mistake(name, values[name], by_name)
        if message:
            errors.append({"parameter": name, "message": message})
    if errors:
        raise parameter_problem(errors)
    return values


def read_limit(values: Mapping[str, Sequence[str]]) -> int:
    """Return how many items are asked for; raises ApiProblem 400."""
    text = one(values, "limit")
    return LIMIT_DEFAULT if text is None else _whole_number("limit", text, 1, LIMIT_MAX)


def read_after(values: Mapping[str, Sequence[str]]) -> int | None:
    """Return the number that ``after`` (which is there) gives, None for ``latest``; raises ApiProblem 400."""
    clashing = sorted({"from", "to", "cursor"} & values.keys())
    if clashing:
        message = f"'after' answers in order of arrival and goes without {', '.join(map(repr, clashing))}"
        raise parameter_problem([{"parameter": "after", "message": message}])
    text = values["after"][0]
    return None if text == LATEST else _whole_number("after", text, 0, 2**62)


def one(values: Mapping[str, Sequence[str]], name: str) -> str | None:
    """Return the value of a parameter that is given once at most."""
    return values[name][0] if name in values else None


def parameter_problem(errors: Sequence[ErrorEntry]) -> ApiProblem:
    """Return the answer to wrong parameters."""
    detail = "; ".join(error["message"] for error in errors)
    return ApiProblem(400, "parameters", detail, title="A parameter is wrong", errors=errors)


def _mistake(name: str, values: Sequence[str], known: Mapping[str, Parameter]) -> str | None:
    if name not in known:
        hint = _meant(name, known) or f"; known here: {', '.join(known) or 'none'}"
        return f"there is no parameter {name[:80]!r}{hint}"
    if len(values) > 1 and not known[name].repeated:
        return f"{name!r} is given {len(values)} times, once is enough"
    choices = known[name].schema.get("enum")
    if choices and values[0] not in choices:
        return f"{name!r} is one of {', '.join(choices)}; found {values[0][:40]!r}{_meant(values[0], choices)}"
    return None


def _whole_number(name: str, text: str, low: int, high: int) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
    if not low <= number <= high:
        message = f"{name!r}: expected a whole number from {low} to {high}, found {text[:40]!r}"
        raise parameter_problem([{"parameter": name, "message": message}])
    return number


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word.lower()[:64], list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
