"""Profile files: YAML to a :class:`Definition`, every mistake with its line and column, all of a file at once."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TypeVar, cast

from agent.profile.casts import CASTS, VERB
from agent.profile.definition import (
    DETAILS,
    MEASURES,
    NOT_FROM_FIELDS,
    ChangesRule,
    Definition,
    Keep,
    Pattern,
    Rule,
    Source,
    TimeRule,
)
from agent.profile.options import choice, regex, suggestion, texts
from agent.profile.times import TIME_FORMATS, zone_named
from watchbook.configfile import ConfigError, Node, Problem, load
from watchbook.event import FIELD_BY_NAME

ValueT = TypeVar("ValueT")

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_TOP: Final = (
    "profile", "description", "format", "keys", "match", "time", "fields", "constants", "changes", "details",
    "patterns",
)  # fmt: skip
_SOURCE: Final = ("from", "as", "map", "default", "absent", "with", "keep")
_NOTHING: Final[tuple[str, ...]] = ()
_FIELDS: Final = tuple(name for name in FIELD_BY_NAME if name not in NOT_FROM_FIELDS)


def load_profile(path: Path) -> Definition:
    """Return the profile that a file describes; raises ConfigError with everything that is wrong in it."""
    return _Reader().definition(load(path))


def load_profiles(folder: Path) -> dict[str, Definition]:
    """Return the profiles of a folder's ``*.yaml`` files by name; raises ConfigError with all that is wrong in them."""
    problems: list[Problem] = []
    profiles: dict[str, Definition] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            definition = load_profile(path)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        if definition.name in profiles:
            first = profiles[definition.name].node.path
            problems.append(definition.node.problem(f"the profile '{definition.name}' is also in {first}; rename one"))
        profiles[definition.name] = definition
    if problems:
        raise ConfigError(problems)
    return profiles


class _Reader:
    """Reads one file, collecting its mistakes."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._paths: list[tuple[str, Node]] = []

    def definition(self, root: Node) -> Definition:
        parts = self._mapping(root, _TOP)
        for name in ("profile", "format"):
            if name not in parts:
                self._problems.append(root.problem(f"the option '{name}' is missing; add it"))
        definition = Definition(
            name=self._part(parts, "profile", self._name, ""),
            description=self._part(parts, "description", Node.text, ""),
            format=self._part(parts, "format", Node.text, ""),
            loose_keys=self._part(parts, "keys", lambda node: choice(node, ("exact", "loose")), "exact") == "loose",
            match=self._part(parts, "match", self._match, {}),
            time=self._part(parts, "time", self._time, None),
            rules=self._part(parts, "fields", self._rules, {}),
            constants=self._part(parts, "constants", self._constants, {}),
            changes=self._part(parts, "changes", self._changes, None),
            keeps_rest=self._part(parts, "details", lambda node: choice(node, ("rest", "none")), "rest") == "rest",
            patterns=self._part(parts, "patterns", self._patterns, ()),
            node=root,
            format_node=parts.get("format", root),
            path_nodes=tuple(self._paths),
        )
        if not self._problems:
            self._check_action(definition)
        if self._problems:
            raise ConfigError(self._problems)
        return definition

    def _part(self, parts: Mapping[str, Node], name: str, read: Callable[[Node], ValueT], default: ValueT) -> ValueT:
        return self._try(read, parts[name], default) if name in parts else default

    def _try(self, read: Callable[[Node], ValueT], node: Node, default: ValueT) -> ValueT:
        try:
            return read(node)
        except ConfigError as error:
            self._problems.extend(error.problems)
            return default

    def _mapping(self, node: Node, known: Collection[str]) -> dict[str, Node]:
        """Return the options of a mapping that are known; the others are mistakes."""
        parts: dict[str, Node] = {}
        for name, key, value in node.items():
            if name in known:
                parts[name] = value
            else:
                self._problems.append(key.problem(f"there is no such option{suggestion(name, known)}"))
        return parts

    def _name(self, node: Node) -> str:
        name = node.text()
        if not _NAME.fullmatch(name):
            raise node.error(f"expected a name of small letters, digits, '_', '.' and '-', found {name!r}")
        return name

    def _match(self, node: Node) -> dict[str, frozenset[str]]:
        match: dict[str, frozenset[str]] = {}
        for name, key, value in node.items():
            self._paths.append((name, key))
            match[name] = frozenset(self._try(texts, value, _NOTHING))
        return match

    def _time(self, node: Node) -> TimeRule:
        parts = self._mapping(node, ("from", "format", "zone"))
        name = self._part(parts, "format", lambda inner: choice(inner, tuple(TIME_FORMATS)), "auto")
        zone = self._part(parts, "zone", self._zone, None)
        if "from" not in parts:
            raise node.error("the option 'from' is missing; add the path of the time")
        return TimeRule(self._part(parts, "from", self._sources_of_paths, ()), name, zone)

    def _zone(self, node: Node) -> str:
        name = node.text("the name of a time zone")
        try:
            zone_named(name)
        except ValueError as error:
            raise node.error(f"{error}; write a name of the IANA database, for example UTC or Europe/Berlin") from error
        return name

    def _changes(self, node: Node) -> ChangesRule:
        parts = self._mapping(node, ("before", "after"))
        for name in ("before", "after"):
            if name not in parts:
                raise node.error(f"the option '{name}' is missing; changes need both 'before' and 'after'")
        (before,) = self._sources_of_paths(parts["before"])
        (after,) = self._sources_of_paths(parts["after"])
        return ChangesRule(before, after)

    def _sources_of_paths(self, node: Node) -> tuple[Source, ...]:
        return (Source(self._path_list(node), node),)

    def _path_list(self, node: Node) -> tuple[str, ...]:
        items = node.sequence() if node.is_sequence else [node]
        if not items:
            raise node.error("expected a path or a list of paths, found an empty list")
        return tuple(self._path(item) for item in items)

    def _path(self, node: Node) -> str:
        path = node.text("a path")
        if not all(path.split(".")):
            raise node.error(f"expected a path such as 'user' or 'user.name', found {path!r}")
        self._paths.append((path, node))
        return path

    def _patterns(self, node: Node) -> tuple[Pattern, ...]:
        patterns = []
        for item in node.sequence():
            pattern = self._try(self._pattern, item, None)
            if pattern is not None:
                patterns.append(pattern)
        return tuple(patterns)

    def _pattern(self, node: Node) -> Pattern | None:
        parts = self._mapping(node, ("name", "of", "match", "fields", "constants"))
        for name in ("name", "match"):
            if name not in parts:
                raise node.error(f"the option '{name}' is missing; a pattern has a name and a regular expression")
        if "of" in parts:
            self._paths.append((self._part(parts, "of", Node.text, "message"), parts["of"]))
        return Pattern(
            name=self._part(parts, "name", self._name, ""),
            of=self._part(parts, "of", Node.text, "message"),
            regex=self._part(parts, "match", regex, ""),
            rules=self._part(parts, "fields", self._rules, {}),
            constants=self._part(parts, "constants", self._constants, {}),
            node=node,
        )

    def _rules(self, node: Node) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        for name, key, value in node.items():
            rule = self._try(partial(self._rule, name, key), value, None)
            if rule is not None:
                rules[name] = rule
        return rules

    def _rule(self, name: str, key: Node, node: Node) -> Rule:
        if not (name.startswith((MEASURES, DETAILS)) and _NAME.fullmatch(name)) and name not in _FIELDS:
            raise key.error(
                f"there is no such event field{suggestion(name, (*_FIELDS, 'measures.NAME', 'details.NAME'))}"
            )
        entries = node.sequence() if node.is_sequence else [node]
        rule = Rule(name, (), node)
        sources: list[Source] = []
        default = None
        for entry in entries:
            if not entry.is_mapping:
                sources.append(Source((self._path(entry),), entry))
                continue
            parts = self._mapping(entry, _SOURCE)
            sources.append(self._source(rule, entry, parts))
            default = self._part(parts, "default", partial(_allowed, name), default)
        return Rule(name, tuple(sources), node, default)

    def _source(self, rule: Rule, node: Node, parts: Mapping[str, Node]) -> Source:
        if "from" not in parts:
            raise node.error("the option 'from' is missing; add the path of the value")
        if "as" in parts and "map" in parts:
            raise parts["as"].error("give 'as' or 'map', not both")
        return Source(
            paths=self._part(parts, "from", self._path_list, ()),
            node=node,
            cast=self._part(parts, "as", partial(_cast, rule), None),
            values=self._part(parts, "map", partial(self._map, rule.field), None),
            absent=frozenset(text.lower() for text in self._part(parts, "absent", texts, _NOTHING)),
            needs=self._part(parts, "with", self._path, None),
            keep=cast(Keep, self._part(parts, "keep", lambda inner: choice(inner, ("no", "changed", "yes")), "no")),
        )

    def _map(self, field: str, node: Node) -> dict[str, str]:
        values: dict[str, str] = {}
        for name, _, value in node.items():
            values[name.lower()] = self._try(partial(_allowed, field), value, "")
        return values

    def _constants(self, node: Node) -> dict[str, str]:
        constants: dict[str, str] = {}
        for name, key, value in node.items():
            if name not in _FIELDS or FIELD_BY_NAME[name].kind != "text":
                known = [field for field in _FIELDS if FIELD_BY_NAME[field].kind == "text"]
                self._problems.append(key.problem(f"there is no such event field of text{suggestion(name, known)}"))
            else:
                constants[name] = self._try(partial(_allowed, name), value, "")
        return constants

    def _check_action(self, definition: Definition) -> None:
        """Every event must have an action, whatever the line says."""
        for part in definition.patterns or (definition,):
            rule = part.rules.get("action", definition.rules.get("action"))
            constant = {**definition.constants, **part.constants}.get("action")
            if constant is None and (rule is None or rule.default is None):
                node = rule.node if rule is not None else part.node
                text = "the field 'action' may stay empty; give it a 'default', or name it in 'constants'"
                self._problems.append(node.problem(text))


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
