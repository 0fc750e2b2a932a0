"""The samples of a profile file: lines, and what must become of each."""

from collections.abc import Mapping
from typing import Any, Final

from agent.profile.collecting import Collector, name_of
from agent.profile.definition import Sample
from watchbook.clock import parse_rfc3339
from watchbook.configfile import Node

#: When samples are read unless they say so: 2026-11-21T22:26:40Z, in microseconds.
READ_US: Final = 1_795_300_000_000_000
SAMPLE: Final = ("note", "line", "event", "events", "unparsed", "dropped", "read", "include")
_OUTCOMES: Final = ("event", "events", "unparsed", "dropped")


def read_sample(collector: Collector, node: Node) -> Sample:
    """Return a sample; raises ConfigError."""
    parts = collector.mapping(node, SAMPLE)
    if "line" not in parts:
        raise node.error("the option 'line' is missing; a sample has a line, and what becomes of it")
    given = [name for name in _OUTCOMES if name in parts]
    if len(given) > 1:
        raise parts[given[1]].error(f"give one of {', '.join(_OUTCOMES)}; there is '{given[0]}' already")
    events: tuple[Mapping[str, Any], ...] | None = None
    if "event" in parts:
        events = (_event(parts["event"]),)
    elif "events" in parts:
        events = tuple(_event(item) for item in parts["events"].sequence())
    return Sample(
        line=parts["line"].text("a line"),
        note=collector.part(parts, "note", Node.text, ""),
        events=events,
        unparsed=collector.part(parts, "unparsed", Node.text, None),
        dropped=collector.part(parts, "dropped", name_of, None),
        read_us=collector.part(parts, "read", _moment, READ_US),
        include=collector.part(parts, "include", _names, ()),
        node=node,
    )


def _event(node: Node) -> Mapping[str, Any]:
    if not node.is_mapping:
        raise node.error(f"expected an event, found {node.described()}")
    event: Mapping[str, Any] = node.plain()
    return event


def _moment(node: Node) -> int:
    text = node.text("a time such as 2026-11-21T22:26:40Z")
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise node.error(f"expected a time such as 2026-11-21T22:26:40Z, found {text!r}") from error


def _names(node: Node) -> tuple[str, ...]:
    items = node.sequence() if node.is_sequence else [node]
    return tuple(name_of(item) for item in items)
