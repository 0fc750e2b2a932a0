"""Conditions to Python: one function that finds, among the rows of a profile, those that some rule wants.

What the profile's constants decide is decided once, here; what texts can be asked directly is written out; the rest is
asked by small functions.  A rule costs tens of nanoseconds an event.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, Final

from agent.select.conditions import Asked, Conditions, Each, OfKind, Step, Test
from watchbook.event import FIELD_BY_NAME

_ADDRESSES_REMEMBERED: Final = 4096
#: Finds (place of the row, number of the first rule that wants it) among rows.
Find = Callable[[Sequence[tuple[Any, ...]]], list[tuple[int, int]]]


def compile_conditions(wanted: Sequence[Conditions], fields: Sequence[str], constants: Mapping[str, str]) -> Find:
    """Return the function that finds the rows of a profile that rules want; the first rule of a row counts."""
    return _Writer(fields, constants).function(wanted)


class _Writer:
    def __init__(self, fields: Sequence[str], constants: Mapping[str, str]) -> None:
        self._places = {name: place for place, name in enumerate(fields)}
        self._constants = constants
        self._namespace: dict[str, Any] = {}

    def function(self, wanted: Sequence[Conditions]) -> Find:
        lines = ["def find(rows):", "    found = []", "    for place, row in enumerate(rows):"]
        word = "if"
        for number, conditions in enumerate(wanted):
            expression = self._any_of(conditions)
            if expression == "False":
                continue
            lines += [f"        {word} {expression}:", f"            found.append((place, {number}))"]
            word = "elif"
        if word == "if":
            return lambda _rows: []
        lines.append("    return found")
        exec("\n".join(lines), self._namespace)  # noqa: S102 - texts of the configuration come in as values only
        find: Find = self._namespace["find"]
        return find

    def _any_of(self, conditions: Conditions) -> str:
        parts = [self._all_of(alternative) for alternative in conditions.alternatives]
        if "True" in parts:
            return "True"
        parts = [part for part in parts if part != "False"]
        return " or ".join(parts) if parts else "False"

    def _all_of(self, alternative: Sequence[Asked]) -> str:
        parts = [part for asked in alternative for part in self._asked(asked)]
        if "False" in parts:
            return "False"
        # What is quick to ask comes first.
        parts = sorted((part for part in parts if part != "True"), key=lambda part: "(" in part)
        return f"({' and '.join(parts)})" if parts else "True"

    def _asked(self, asked: Asked) -> Iterator[str]:
        place = self._places.get(asked.field)
        if place is None:
            value = at(self._constants.get(asked.field), asked.steps)
            yield str(all(check_of(test, asked.field)(value) for test in asked.tests))
            return
        for test in asked.tests:
            if not asked.steps and FIELD_BY_NAME[asked.field].kind == "text":
                yield self._of_text(f"row[{place}]", test, asked.field)
            else:
                yield self._by_function(f"row[{place}]", test, asked)

    def _of_text(self, value: str, test: Test, field: str) -> str:
        has_network = field == "source.ip" and test.operator in ("is", "not")
        if test.operator == "present":
            return f"{value} is not None" if test.given else f"{value} is None"
        if test.operator in ("is", "not") and not has_network:
            if len(test.given) == 1:
                return f"{value} {'==' if test.operator == 'is' else '!='} {self._named(test.given[0])}"
            return f"{value} {'in' if test.operator == 'is' else 'not in'} {self._named(frozenset(test.given))}"
        if test.operator in ("starts", "ends"):
            return f"{value} is not None and {value}.{test.operator}with({self._named(test.given)})"
        if test.operator == "contains":
            parts = " or ".join(f"{self._named(part)} in {value}" for part in test.given)
            return f"{value} is not None and ({parts})"
        return f"{self._named(check_of(test, field))}({value})"

    def _by_function(self, value: str, test: Test, asked: Asked) -> str:
        if any(isinstance(step, Each) for step in asked.steps):
            check = self._named(_check_of_any(test, asked.field))
            return f"{check}({self._named(all_at)}({value}, {self._named(asked.steps)}))"
        check = self._named(check_of(test, asked.field))
        if not asked.steps:
            return f"{check}({value})"
        if len(asked.steps) == 1 and isinstance(asked.steps[0], str):
            step = self._named(asked.steps[0])
            missing = str(check_of(test, asked.field)(None))
            return f"({missing} if {value} is None else {check}({value}.get({step})))"
        return f"{check}({self._named(at)}({value}, {self._named(asked.steps)}))"

    def _named(self, value: Any) -> str:
        name = f"given_{len(self._namespace)}"
        self._namespace[name] = value
        return name


def at(value: Any, steps: Sequence[Step]) -> Any:
    """Return what stands at the end of a path that names one place, None when there is nothing."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else None
        elif not isinstance(value, list | tuple):
            return None
        elif isinstance(step, OfKind):
            members = (each for each in value if isinstance(each, Mapping))
            value = next((each for each in members if text_of(each.get(step.key)) == step.text), None)
        elif isinstance(step, int):
            value = value[step] if -len(value) <= step < len(value) else None
        if value is None:
            return None
    return value


def all_at(value: Any, steps: Sequence[Step]) -> list[Any]:
    """Return everything at the end of a path in which ``[]`` stands for each element of a list."""
    place = next((place for place, step in enumerate(steps) if isinstance(step, Each)), None)
    if place is None:
        found = at(value, steps)
        return [] if found is None else [found]
    listed = at(value, steps[:place])
    if not isinstance(listed, list | tuple):
        return []
    return [found for each in listed for found in all_at(each, steps[place + 1 :])]


def _check_of_any(test: Test, field: str) -> Callable[[list[Any]], bool]:
    """Return the function that answers a test for several values: one must be so; with ``not``, all."""
    check = check_of(test, field)
    if test.operator == "present":
        return lambda values: bool(values) is test.given
    if test.operator == "not":
        return lambda values: all(map(check, values))
    return lambda values: any(map(check, values))


def check_of(test: Test, field: str) -> Callable[[Any], bool]:
    """Return the function that answers a test for any value; None stands for one that is not there."""
    given = test.given
    match test.operator:
        case "present":
            return (lambda value: value is not None) if given else (lambda value: value is None)
        case "is" | "not":
            equals = _in_networks(given) if field == "source.ip" else _equal_to(given)
            return equals if test.operator == "is" else lambda value: not equals(value)
        case "below":
            return lambda value: (number := number_of(value)) is not None and number < given
        case "above":
            return lambda value: (number := number_of(value)) is not None and number > given
        case "match":
            search = re.compile(given).search
            return lambda value: (text := text_of(value)) is not None and search(text) is not None
        case "starts":
            return lambda value: (text := text_of(value)) is not None and text.startswith(given)
        case "ends":
            return lambda value: (text := text_of(value)) is not None and text.endswith(given)
        case _:
            return lambda value: (text := text_of(value)) is not None and any(part in text for part in given)


def text_of(value: Any) -> str | None:
    """Return a value as conditions compare it: None for what is no text, number or truth value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return None


def number_of(value: Any) -> float | None:
    """Return a number, also of a text that is one; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def _equal_to(given: tuple[str, ...]) -> Callable[[Any], bool]:
    texts = frozenset(given)

    def equals(value: Any) -> bool:
        if isinstance(value, list | tuple):  # flags: one of them
            return any(text_of(item) in texts for item in value)
        return text_of(value) in texts

    return equals


def _in_networks(given: tuple[str, ...]) -> Callable[[Any], bool]:
    networks = [ip_network(text, strict=False) for text in given]

    @lru_cache(_ADDRESSES_REMEMBERED)
    def within(text: str | None) -> bool:
        try:
            address = ip_address(text or "")
        except ValueError:
            return False
        return any(address in network for network in networks)

    return within
