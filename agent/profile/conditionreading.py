"""Conditions in a profile file: ``match``, ``when`` and ``with``."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.profile.collecting import Collector
from agent.profile.conditions import OPERATORS, Check, Clause, Condition, present
from agent.profile.options import regex, texts
from watchbook.configfile import ConfigError, Node


def read_condition(collector: Collector, node: Node) -> Condition:
    """Return a condition: a mapping of paths, or a list of such mappings; raises ConfigError."""
    alternatives = node.sequence() if node.is_sequence else [node]
    if not alternatives:
        raise node.error("expected a mapping of paths to what they hold, found an empty list")
    return tuple(_alternative(collector, each) for each in alternatives)


def read_presence(collector: Collector, node: Node) -> Condition:
    """Return a condition that may also be just a path: there is a value; raises ConfigError."""
    if node.is_mapping or node.is_sequence:
        return read_condition(collector, node)
    return present(collector.path(node))


def _alternative(collector: Collector, node: Node) -> tuple[Clause, ...]:
    clauses = []
    for name, key, value in node.items():
        try:
            clauses.append(Clause(collector.named_path(name, key), _tests(collector, value)))
        except ConfigError as error:
            collector.problems.extend(error.problems)
    if not clauses and not collector.problems:
        raise node.error("expected a mapping of paths to what they hold, found nothing; leave it out instead")
    return tuple(clauses)


def _tests(collector: Collector, node: Node) -> tuple[Check, ...]:
    if not node.is_mapping:
        return (Check("is", _words(node)),)
    parts = collector.mapping(node, OPERATORS)
    if not parts and not collector.problems:
        raise node.error(f"expected one of {', '.join(OPERATORS)}, found nothing")
    return tuple(Check(name, _ARGUMENTS[name](value)) for name, value in parts.items())


def _words(node: Node) -> frozenset[str]:
    if node.is_null:
        raise node.error("expected a text, a number or a list of them, found nothing; say {present: false} for that")
    found = texts(node)
    if not found:
        raise node.error("expected a text, a number or a list of them, found an empty list")
    return frozenset(found)


def _parts(node: Node) -> tuple[str, ...]:
    return tuple(sorted(_words(node)))


def _flag(node: Node) -> bool:
    text = node.text("true or false")
    if text not in ("true", "false"):
        raise node.error(f"expected true or false, found {text!r}")
    return text == "true"


def _limit(node: Node) -> float:
    text = node.text("a number")
    try:
        return float(text)
    except ValueError as error:
        raise node.error(f"expected a number, found {text!r}") from error


_ARGUMENTS: Final[Mapping[str, Callable[[Node], Any]]] = {
    "present": _flag,
    "not": _words,
    "starts": _parts,
    "ends": _parts,
    "contains": _parts,
    "match": regex,
    "below": _limit,
    "above": _limit,
}
