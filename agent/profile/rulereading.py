"""The rules of a profile file: where event fields, the time and the changes come from."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final, cast

from agent.profile.casts import CASTS, LOSSY, VERB
from agent.profile.collecting import NAME, Collector, checked_path
from agent.profile.conditionreading import read_condition, read_presence
from agent.profile.conditions import Condition
from agent.profile.definition import (
    DETAILS,
    MEASURES,
    NOT_FROM_FIELDS,
    ChangesRule,
    Keep,
    ListRule,
    Rule,
    SingleRule,
    Source,
    StatesRule,
    TemplatePath,
    TimeRule,
)
from agent.profile.options import choice, regex, suggestion, texts
from agent.profile.paths import parse_path
from agent.profile.strptime import time_pattern
from agent.profile.times import TIME_FORMATS, zone_named
from watchbook.configfile import Node
from watchbook.event import FIELD_BY_NAME

SOURCE: Final = (
    "from", "value", "template", "extract", "join", "as", "map", "default", "absent", "with", "when", "keep",
)  # fmt: skip
#: The key of a map that stands for every other word.
ANY_OTHER: Final = "*"
#: Flags that constants may set.
FLAGS: Final = ("system",)
_WAYS: Final = ("from", "value", "template")
_NOTHING: Final[tuple[str, ...]] = ()
_FIELDS: Final = tuple(name for name in FIELD_BY_NAME if name not in NOT_FROM_FIELDS)
_TEMPLATE_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([^{}]+)|([{}])")


class RuleReader:
    """Reads rules, collecting their mistakes."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def rules(self, node: Node) -> dict[str, Rule]:
        """Return the rules of a mapping of fields; raises ConfigError."""
        rules: dict[str, Rule] = {}
        for name, key, value in node.items():
            rule = self._collector.attempt(partial(self._rule, name, key), value, None)
            if rule is not None:
                rules[name] = rule
        return rules

    def constants(self, node: Node) -> dict[str, str]:
        """Return the fields that a mapping fixes; raises ConfigError."""
        constants: dict[str, str] = {}
        for name, key, value in node.items():
            if name == "flags":
                constants[name] = " ".join(self._collector.attempt(_flags, value, _NOTHING))
            elif name not in _FIELDS or FIELD_BY_NAME[name].kind != "text":
                known = [field for field in _FIELDS if FIELD_BY_NAME[field].kind == "text"]
                text = f"there is no such event field of text{suggestion(name, known)}"
                self._collector.problems.append(key.problem(text))
            else:
                constants[name] = self._collector.attempt(partial(_allowed, name), value, "")
        return constants

    def time(self, node: Node) -> tuple[TimeRule, ...]:
        """Return a rule of the time, or a list of them; raises ConfigError."""
        return self._collector.each(self._time, node) if node.is_sequence else (self._time(node),)

    def changes(self, node: Node) -> tuple[ChangesRule, ...]:
        """Return a rule of the changes, or a list of them; raises ConfigError."""
        return self._collector.each(self._changes, node) if node.is_sequence else (self._changes(node),)

    def _time(self, node: Node) -> TimeRule:
        parts = self._collector.mapping(node, ("from", "format", "zone", "nanos"))
        name = self._collector.part(parts, "format", _time_format, "auto")
        zone = self._collector.part(parts, "zone", _zone, None)
        if "from" not in parts:
            raise node.error("the option 'from' is missing; add the path of the time")
        none: tuple[Source, ...] = ()
        nanos = self._collector.part(parts, "nanos", self._single_source, none)
        sources = self._collector.part(parts, "from", self._single_source, none)
        return TimeRule(sources, name, zone, nanos[0] if nanos else None)

    def _single_source(self, node: Node) -> tuple[Source, ...]:
        return (Source(self._single_paths(node), node),)

    def _single_paths(self, node: Node) -> tuple[str, ...]:
        """Return paths that lead to one value each; raises ConfigError."""
        paths = self._collector.path_list(node)
        for path in paths:
            if parse_path(path).has_every:
                raise node.error(f"expected a path to one value, found {path!r}; write '[0]' or '[key=text]'")
        return paths

    def _changes(self, node: Node) -> ChangesRule:
        if node.is_mapping and "each" in node.mapping():
            return self._listed_changes(node)
        if node.is_mapping and not node.mapping().keys().isdisjoint(("field", "name")):
            return self._single_change(node)
        parts = self._collector.mapping(node, ("before", "after"))
        for name in ("before", "after"):
            if name not in parts:
                raise node.error(f"the option '{name}' is missing; changes need both 'before' and 'after'")
        (before,), (after,) = (self._single_source(parts[name]) for name in ("before", "after"))
        return StatesRule(before, after)

    def _single_change(self, node: Node) -> SingleRule:
        parts = self._collector.mapping(node, ("field", "name", "old", "new"))
        self._check_change(parts, node)
        paths: dict[str, str] = {}
        for name in ("field", "old", "new"):
            if name in parts:
                found = self._single_paths(parts[name])
                if len(found) > 1:
                    raise parts[name].error("expected one path, found a list")
                paths[name] = found[0]
        constant = self._collector.part(parts, "name", Node.text, None)
        return SingleRule(paths.get("field"), paths.get("old"), paths.get("new"), constant)

    def _listed_changes(self, node: Node) -> ListRule:
        parts = self._collector.mapping(node, ("each", "field", "name", "old", "new"))
        self._check_change(parts, node)
        inner: dict[str, str] = {}
        for name in ("field", "old", "new"):
            if name in parts:
                inner[name] = parts[name].text("a path")
                checked_path(inner[name], parts[name])
        (each,) = self._single_paths(parts["each"])[:1]
        constant = self._collector.part(parts, "name", Node.text, None)
        return ListRule(each, inner.get("field"), inner.get("old"), inner.get("new"), constant)

    def _check_change(self, parts: Mapping[str, Node], node: Node) -> None:
        if "field" in parts and "name" in parts:
            raise parts["name"].error("give 'field' or 'name', not both")
        if "field" not in parts and "name" not in parts:
            raise node.error("the option 'field' is missing; add the path of the changed field's name")
        if "old" not in parts and "new" not in parts:
            raise node.error("the options 'old' and 'new' are missing; changes need at least one of them")

    def _rule(self, name: str, key: Node, node: Node) -> Rule:
        if not (name.startswith((MEASURES, DETAILS)) and NAME.fullmatch(name)) and name not in _FIELDS:
            raise key.error(
                f"there is no such event field{suggestion(name, (*_FIELDS, 'measures.NAME', 'details.NAME'))}"
            )
        entries = node.sequence() if node.is_sequence else [node]
        rule = Rule(name, (), node)
        sources: list[Source] = []
        default = None
        for entry in entries:
            if not entry.is_mapping:
                sources.append(self._source(rule, entry, {"from": entry}))
                continue
            parts = self._collector.mapping(entry, SOURCE)
            sources.append(self._source(rule, entry, parts))
            default = self._collector.part(parts, "default", partial(_allowed, name), default)
        return Rule(name, tuple(sources), node, default)

    def _source(self, rule: Rule, node: Node, parts: Mapping[str, Node]) -> Source:
        _check_source(node, parts)
        part = self._collector.part
        values = part(parts, "map", partial(self._map, rule.field), None)
        cast_name = part(parts, "as", partial(_cast, rule), None)
        made_of_text = "extract" in parts or "template" in parts
        if cast_name is None and values is None and rule.kind == "number" and made_of_text:
            cast_name = "number"
        keep: Keep = part(parts, "keep", _keep, _kept(parts, values, cast_name))
        source = Source(
            paths=part(parts, "from", self._collector.path_list, ()),
            node=node,
            cast=cast_name,
            values=values,
            absent=frozenset(text.lower() for text in part(parts, "absent", texts, _NOTHING)),
            when=self._when(parts),
            keep=keep,
            value=part(parts, "value", partial(_allowed, rule.field), None),
            template=part(parts, "template", self._template, ()),
            extract=part(parts, "extract", _extract, None),
            join=part(parts, "join", _separator, None),
        )
        if source.cast == VERB and source.join is None and any(parse_path(path).has_every for path in source.paths):
            raise parts["from"].error("a verb is of one value; write '[0]' instead of '[]'")
        return source

    def _when(self, parts: Mapping[str, Node]) -> Condition | None:
        found = [
            self._collector.part(parts, "with", partial(read_presence, self._collector), None),
            self._collector.part(parts, "when", partial(read_condition, self._collector), None),
        ]
        given = [each for each in found if each is not None]
        if len(given) < 2:
            return given[0] if given else None
        return tuple((*first, *second) for first in given[0] for second in given[1])

    def _template(self, node: Node) -> tuple[str | TemplatePath, ...]:
        text = node.text("a template such as '{kind}/{name}'")
        pieces: list[str | TemplatePath] = []
        for found in _TEMPLATE_PIECE.finditer(text):
            if found[3]:
                raise node.error(f"expected '{{PATH}}', found a single '{found[3]}'; write '{found[3] * 2}' for itself")
            if found[1] is not None:
                pieces.append(TemplatePath(self._collector.named_path(found[1], node)))
            else:
                pieces.append(found[2] or found[0][0])
        if not any(isinstance(piece, TemplatePath) for piece in pieces):
            raise node.error(f"expected at least one '{{PATH}}', found {text!r}; use 'value' for a fixed text")
        return tuple(pieces)

    def _map(self, field: str, node: Node) -> dict[str, str]:
        values: dict[str, str] = {}
        for name, _, value in node.items():
            values[name.lower()] = self._collector.attempt(partial(_allowed, field), value, "")
        return values


def _check_source(node: Node, parts: Mapping[str, Node]) -> None:
    ways = [name for name in _WAYS if name in parts]
    if not ways:
        raise node.error("the option 'from' is missing; add the path of the value")
    if len(ways) > 1:
        raise parts[ways[1]].error(f"give '{ways[0]}' or '{ways[1]}', not both")
    if "as" in parts and "map" in parts:
        raise parts["as"].error("give 'as' or 'map', not both")
    if "extract" in parts and "join" in parts:
        raise parts["join"].error("give 'extract' or 'join', not both")
    useless = {"value": ("as", "map", "absent", "extract", "join", "keep"), "template": ("extract", "join", "absent")}
    for name in useless.get(ways[0], ()):
        if name in parts:
            raise parts[name].error(f"goes with 'from', not with '{ways[0]}'; remove it")


def _keep(node: Node) -> Keep:
    return cast(Keep, choice(node, ("no", "changed", "yes")))


def _kept(parts: Mapping[str, Node], values: Mapping[str, str] | None, cast_name: str | None) -> Keep:
    """Return what stays in the details unless the profile says so: whatever the field does not tell."""
    if "template" in parts or "extract" in parts:
        return "yes"
    return "changed" if cast_name in LOSSY or (values is not None and ANY_OTHER in values) else "no"


def _flags(node: Node) -> tuple[str, ...]:
    return tuple(choice(item, FLAGS) for item in (node.sequence() if node.is_sequence else [node]))


def _time_format(node: Node) -> str:
    name = node.text("a time format")
    if "%" not in name:
        return choice(node, tuple(TIME_FORMATS))
    try:
        time_pattern(name)
    except ValueError as error:
        raise node.error(str(error)) from error
    return name


def _zone(node: Node) -> str:
    name = node.text("the name of a time zone")
    try:
        zone_named(name)
    except ValueError as error:
        raise node.error(f"{error}; write a name of the IANA database, for example UTC or Europe/Berlin") from error
    return name


def _extract(node: Node) -> str:
    text = regex(node)
    if re.compile(text).groups < 1:
        raise node.error("expected a regular expression with a group: write (…) around what is wanted")
    return text


def _separator(node: Node) -> str:
    return node.text("the text between the values")


def _cast(rule: Rule, node: Node) -> str:
    if rule.field == "action":
        return choice(node, (VERB, "text", "lower"))
    kind = rule.kind
    fitting = tuple(name for name, (_, made) in CASTS.items() if made == kind or rule.field.startswith(DETAILS))
    return choice(node, fitting)


def _allowed(field: str, node: Node) -> str:
    """Return a value given in the file for an event field; some fields take only some values."""
    if field.startswith(DETAILS):
        return node.text()
    if field not in FIELD_BY_NAME or FIELD_BY_NAME[field].kind != "text":
        raise node.error(f"'{field}' holds numbers, which come from the line only; remove this")
    values = FIELD_BY_NAME[field].values
    if values is not None:
        return choice(node, sorted(values))
    text = node.text()
    if not text:
        raise node.error("expected a text, found an empty one; leave it out instead")
    return text
