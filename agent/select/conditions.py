"""Conditions over the fields of an event, as a configuration writes them.

::

    when: {action: [read, log], source.ip: 10.0.0.0/8, duration_ms: {below: 5}}     # all must hold
    when: [{outcome: failure}, {details.level: {not: debug}}]                       # any of several

A key is an event field, or something in one that holds several values: ``measures.rows``, ``details.user.groups[0]``,
``details.items[].name`` (any of them; with ``not``: none), ``details.items[type=file].name`` (the first of that type).
An expectation is a text, number or truth value (or a list of them: any), compared as text; or a mapping of operators
that must all hold.  What an event does not have fulfils only ``{present: false}`` and ``{not: …}``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from watchbook.configfile import ConfigError, Node, Problem
from watchbook.event import FIELD_BY_NAME, FIELD_NAMES

#: Fields that hold several values, which a key names behind the field's own name.
CONTAINERS: Final = ("measures", "details")
#: Fields of an event that no rule can look at: they are set behind the place where rules are applied.
_LATER: Final = frozenset({"raw", *(name for name in FIELD_NAMES if name.startswith("origin."))})
_PART: Final = re.compile(r'"([^"]+)"|([^.\[\]"]+)|\[(-?\d+)\]|\[([^\[\]=]+)=([^\[\]]*)\]|(\[\])')


@dataclass(frozen=True)
class OfKind:
    """A step of a path: the first object of a list whose member ``key`` is ``text``."""

    key: str
    text: str


@dataclass(frozen=True)
class Each:
    """A step of a path: every element of a list."""


Step = str | int | OfKind | Each


@dataclass(frozen=True)
class Test:
    """One thing that is asked of a value; ``given`` is a tuple of texts, a number or a truth value, by operator."""

    operator: str
    given: Any


@dataclass(frozen=True)
class Asked:
    """What is asked of one field: ``steps`` lead from the field to the value in it, and all tests must hold."""

    field: str
    steps: tuple[Step, ...]
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Conditions:
    """What a rule asks of an event: all of any of ``alternatives``."""

    alternatives: tuple[tuple[Asked, ...], ...]

    #: How the table of settings names this kind of value.
    WORDS = "conditions on event fields"

    @classmethod
    def from_node(cls, node: Node) -> "Conditions":
        """Read what a configuration says; raises ConfigError with everything that is wrong in it."""
        problems: list[Problem] = []
        mappings = node.sequence() if node.is_sequence else [node]
        if not mappings:
            raise node.error("expected conditions, found an empty list")
        alternatives = tuple(_collected(problems, each, _all_of) or () for each in mappings)
        if problems:
            raise ConfigError(problems)
        return cls(alternatives)


def _collected(problems: list[Problem], node: Node, read: Callable[[Node, list[Problem]], Any]) -> Any:
    try:
        return read(node, problems)
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _all_of(node: Node, problems: list[Problem]) -> tuple[Asked, ...]:
    asked = []
    for name, key, value in node.items():
        try:
            field, steps = _field(name, key)
            asked.append(Asked(field, steps, _tests(field, value)))
        except ConfigError as error:
            problems.extend(error.problems)
    if not asked and not problems:
        raise node.error("expected at least one field and what it must be, for instance action: read")
    return tuple(asked)


def _close(name: str, known: Iterable[str]) -> list[str]:
    import difflib  # only for mistakes

    return difflib.get_close_matches(name, list(known), n=1)


def _field(name: str, key: Node) -> tuple[str, tuple[Step, ...]]:
    if name in _LATER:
        raise key.error(f"'{name}' is no field that rules can look at: it is set after them")
    if name == "time":
        raise key.error("'time' is no field that rules can look at; choose by other fields")
    if name in FIELD_BY_NAME:
        return name, ()
    for container in CONTAINERS:
        if name.startswith(f"{container}."):
            return container, _steps(name[len(container) + 1 :], key)
    known = [field for field in FIELD_NAMES if field not in _LATER and field != "time"]
    close = _close(name, known)
    hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}, measures.NAME, details.NAME"
    raise key.error(f"there is no event field {name!r}; {hint}")


def _steps(path: str, key: Node) -> tuple[Step, ...]:
    """Return the keys and places that a path names: ``user."a.b".groups[0]``."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _PART.match(path, at)
        if found is None:
            raise key.error(f"expected a path such as details.user.groups[0], found {path!r}")
        quoted, plain, place, kind, text, each = found.groups()
        if kind is not None:
            steps.append(OfKind(kind, text))
        elif each is not None:
            steps.append(Each())
        else:
            steps.append(int(place) if place is not None else quoted or plain)
        at = found.end()
        if path[at : at + 1] == ".":
            at += 1
            if at == len(path):
                raise key.error(f"expected a path such as details.user.groups[0], found {path!r}")
    return tuple(steps)


def _tests(field: str, node: Node) -> tuple[Test, ...]:
    if not node.is_mapping:
        return (_equals("is", field, node),)
    tests = []
    for name, key, value in node.items():
        if name not in OPERATORS:
            close = _close(name, OPERATORS)
            hint = f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(OPERATORS)}"
            raise key.error(f"there is no such operator; {hint}")
        tests.append(OPERATORS[name](field, value))
    if not tests:
        raise node.error(f"expected a value or operators, found none; known here: {', '.join(OPERATORS)}")
    return tuple(tests)


def _texts(node: Node) -> tuple[str, ...]:
    items = node.sequence() if node.is_sequence else [node]
    if not items:
        raise node.error("expected a value or a list of values, found an empty list")
    return tuple(item.text("a value") for item in items)


def _equals(operator: str, field: str, node: Node) -> Test:
    given = _texts(node)
    values = FIELD_BY_NAME[field].values
    for text in given if values is not None else ():
        if text not in (values or ()):
            raise node.error(f"expected one of {', '.join(sorted(values or ()))}, found {text!r}")
    if field == "source.ip":
        for text in given:
            try:
                ip_network(text, strict=False)
            except ValueError as error:
                raise node.error(f"expected an address or a network such as 10.0.0.0/8: {error}") from error
    return Test(operator, given)


def _present(_field: str, node: Node) -> Test:
    text = node.text("true or false")
    if text not in ("true", "false"):
        raise node.error(f"expected true or false, found {text!r}")
    return Test("present", text == "true")


def _regex(_field: str, node: Node) -> Test:
    text = node.text("a regular expression")
    try:
        re.compile(text)
    except re.error as error:
        raise node.error(f"is no regular expression: {error}") from error
    return Test("match", text)


def _number(operator: str) -> Callable[[str, Node], Test]:
    def read(_field: str, node: Node) -> Test:
        text = node.text("a number")
        try:
            return Test(operator, float(text))
        except ValueError as error:
            raise node.error(f"expected a number, found {text!r}") from error

    return read


def _part_of(operator: str) -> Callable[[str, Node], Test]:
    return lambda _field, node: Test(operator, _texts(node))


#: Operator -> how what is written behind it is read.
OPERATORS: Final[Mapping[str, Callable[[str, Node], Test]]] = {
    "present": _present,
    "not": lambda field, node: _equals("not", field, node),
    "starts": _part_of("starts"),
    "ends": _part_of("ends"),
    "contains": _part_of("contains"),
    "match": _regex,
    "below": _number("below"),
    "above": _number("above"),
}
