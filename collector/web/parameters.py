"""Query parameters: how one is declared, read and checked.  Which there are stands in ``vocabulary``."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from collector.problem import ApiProblem, ErrorEntry


@dataclass(frozen=True)
class Parameter:
    """A query parameter: its name, what it means, the JSON schema of its value, whether it may be repeated or must be
    there.

    ``stands_for`` is the event's field (or the query language's word) that a filter stands for.
    """

    name: str
    doc: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    repeated: bool = False
    required: bool = False
    stands_for: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI object."""
        schema = {"type": "array", "items": dict(self.schema)} if self.repeated else dict(self.schema)
        return {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "description": self.doc,
            "schema": schema,
        }


Values = Mapping[str, Sequence[str]]
_TRUTH: Final = ("true", "false")


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
    errors += [
        {"parameter": parameter.name, "message": f"{parameter.name!r} is missing: {parameter.doc}"}
        for parameter in known
        if parameter.required and parameter.name not in values
    ]
    if errors:
        raise parameter_problem(errors)
    return values


def read_number(values: Values, parameter: Parameter) -> int:
    """Return a whole number within its schema's bounds, by default the schema's; raises ApiProblem 400."""
    text = one(values, parameter.name)
    schema = parameter.schema
    if text is None:
        return int(schema["default"])
    return whole_number(parameter.name, text, schema["minimum"], schema["maximum"])


def read_truth(values: Values, name: str) -> bool:
    """Return whether a boolean parameter is ``true``; absent is false."""
    return one(values, name) == "true"


def one(values: Values, name: str) -> str | None:
    """Return the value of a parameter that is given once at most."""
    return values[name][0] if name in values else None


def whole_number(name: str, text: str, low: int, high: int) -> int:
    """Return the number that a parameter's text is; raises ApiProblem 400."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1
    if not low <= number <= high:
        message = f"{name!r}: expected a whole number from {low} to {high}, found {text[:40]!r}"
        raise parameter_problem([{"parameter": name, "message": message}])
    return number


def parameter_problem(errors: Sequence[ErrorEntry]) -> ApiProblem:
    """Return the answer to wrong parameters."""
    detail = "; ".join(error["message"] for error in errors)
    return ApiProblem(400, "parameters", detail, title="A parameter is wrong", errors=errors)


def meant(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` when a known word is near, else nothing."""
    close = difflib.get_close_matches(word.lower()[:64], list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _mistake(name: str, values: Sequence[str], known: Mapping[str, Parameter]) -> str | None:
    if name not in known:
        hint = meant(name, known) or f"; known here: {', '.join(known) or 'none'}"
        return f"there is no parameter {name[:80]!r}{hint}"
    if len(values) > 1 and not known[name].repeated:
        return f"{name!r} is given {len(values)} times, once is enough"
    schema = known[name].schema
    choices: Sequence[str] = _TRUTH if schema.get("type") == "boolean" else schema.get("enum", ())
    wrong = next((value for value in values if choices and value not in choices), None)
    if wrong is not None:
        return f"{name!r} is one of {', '.join(choices)}; found {wrong[:40]!r}{meant(wrong, choices)}"
    return None
