"""The block that Watchbook adds to a Sigma rule: ``watchbook: {group-by, quiet, missing, response, runbook, …}``.

Sigma keeps attributes it does not know, so a rule with this block is still a Sigma rule.
"""

import difflib
from dataclasses import dataclass
from typing import Final, Literal

from collector.detect.fields import group_complaint
from watchbook.configfile import ConfigError, Node, Problem
from watchbook.units import parse_duration

#: What happens to an event that lacks a field to group by: it is not counted, or it counts in a group of its own kind.
Missing = Literal["skip", "group"]

KEY: Final = "watchbook"
QUIET_US: Final = 15 * 60 * 1_000_000
GROUP_BY: Final = ("actor.id",)
_KNOWN: Final = ("group-by", "quiet", "missing", "response", "runbook", "inhibits", "shadow", "absence")
_KNOWN_OF_ABSENCE: Final = ("remember", "expected")
_MISSING: Final[dict[str, Missing]] = {"skip": "skip", "group": "group"}


@dataclass(frozen=True)
class Inhibits:
    """A rule whose alerts stay quiet, and the fields whose values must be equal; with their places in the file.

    ``inhibits: [{rule: a name or an id, equal: [actor.id]}]``
    """

    rule: str
    place: tuple[int, int]
    equal: tuple[str, ...]
    equal_places: tuple[tuple[int, int], ...]


@dataclass
class AbsenceOptions:
    """What a rule about silence says beside its correlation; 0 and () where it says nothing."""

    remember_us: int = 0
    expected: tuple[tuple[str, ...], ...] = ()


@dataclass
class Extension:
    """What the block says; None where it says nothing."""

    group_by: tuple[str, ...] | None = None
    quiet_us: int | None = None
    missing: Missing | None = None
    response: str | None = None
    runbook: str | None = None
    inhibits: tuple[Inhibits, ...] = ()
    shadow: bool | None = None
    absence: AbsenceOptions | None = None


def read_extension(document: Node, *, correlation: bool, problems: list[Problem]) -> Extension:
    """Return what a rule's block says and add what is wrong with it to ``problems``."""
    extension = Extension()
    block = document.mapping().get(KEY)
    if block is None or block.is_null:
        return extension
    try:
        options = list(block.items())
    except ConfigError as error:
        problems.extend(error.problems)
        return extension
    for name, key, value in options:
        try:
            _read_option(extension, name, key, value, correlation=correlation)
        except ConfigError as error:
            problems.extend(error.problems)
    return extension


def read_group_by(node: Node) -> tuple[str, ...]:
    """Return the fields of a ``group-by``, one text or a list; raises ConfigError when one cannot be grouped by."""
    items = node.sequence() if node.is_sequence else [node]
    problems = [item.problem(complaint) for item in items if (complaint := group_complaint(item.text()))]
    if problems:
        raise ConfigError(problems)
    return tuple(item.text() for item in items)


def _read_option(extension: Extension, name: str, key: Node, value: Node, *, correlation: bool) -> None:
    if name not in _KNOWN:
        close = difflib.get_close_matches(name, _KNOWN, n=1)
        raise key.error(
            f"there is no such option; {f'did you mean {close[0]!r}?' if close else 'known: ' + ', '.join(_KNOWN)}"
        )
    if correlation and name in ("group-by", "quiet"):
        where = "group-by" if name == "group-by" else "timespan"
        raise key.error(f"a correlation says this in 'correlation.{where}'; remove it here")
    if name == "absence" and not correlation:
        raise key.error("is for a correlation of 'type: event_count' with 'condition: {lt: 1}'; remove it here")
    if name == "group-by":
        extension.group_by = read_group_by(value)
    elif name == "quiet":
        extension.quiet_us = _duration_us(value)
    elif name == "missing":
        extension.missing = _missing(value)
    elif name == "response":
        extension.response = value.text().strip()
    elif name == "shadow":
        extension.shadow = _truth(value)
    elif name == "inhibits":
        extension.inhibits = tuple(map(_inhibits, value.sequence()))
    elif name == "absence":
        extension.absence = _absence(value)
    else:
        extension.runbook = value.text().strip()


def _inhibits(node: Node) -> Inhibits:
    """Return one entry of ``inhibits``; raises ConfigError."""
    options = node.mapping()
    unknown = next((options[name] for name in options if name not in ("rule", "equal")), None)
    if unknown is not None or "rule" not in options:
        raise (unknown or node).error("expected {rule: NAME or id, equal: [fields]}")
    equal = options.get("equal")
    fields = () if equal is None or equal.is_null else equal.sequence() if equal.is_sequence else [equal]
    rule = options["rule"]
    return Inhibits(
        rule.text(),
        (rule.line, rule.column),
        tuple(field.text() for field in fields),
        tuple((field.line, field.column) for field in fields),
    )


def _truth(value: Node) -> bool:
    found = value.plain()
    if not isinstance(found, bool):
        raise value.error(f"expected true or false, found {value.described()}")
    return found


def _absence(value: Node) -> AbsenceOptions:
    found = AbsenceOptions()
    for name, key, option in value.items():
        if name == "remember":
            found.remember_us = _duration_us(option)
        elif name == "expected":
            found.expected = tuple(
                tuple(part.text() for part in (item.sequence() if item.is_sequence else [item]))
                for item in option.sequence()
            )
        else:
            close = difflib.get_close_matches(name, _KNOWN_OF_ABSENCE, n=1)
            known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_KNOWN_OF_ABSENCE)}"
            raise key.error(f"there is no such option; {known}")
    return found


def _missing(value: Node) -> Missing:
    found = _MISSING.get(value.text())
    if found is None:
        raise value.error(f"expected one of {', '.join(_MISSING)}, found {value.described()}")
    return found


def _duration_us(value: Node) -> int:
    try:
        seconds = parse_duration(value.text())
    except ValueError as error:
        raise value.error(f"expected a duration, found {value.described()} ({error})") from error
    if seconds <= 0:
        raise value.error(f"expected a duration above zero, found {value.described()}")
    return round(seconds * 1_000_000)
