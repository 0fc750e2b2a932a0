"""Profile files: YAML to a :class:`Definition`, every mistake with its line and column, all of a file at once."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from agent.profile.collecting import Collector, name_of
from agent.profile.conditionreading import read_condition
from agent.profile.definition import Definition, FormatChoice, Optional, Part, Rule
from agent.profile.options import choice, regex, texts
from agent.profile.rulereading import SOURCE, RuleReader
from agent.profile.samplereading import read_sample
from watchbook.configfile import ConfigError, Node, Problem, load

_TOP: Final = (
    "profile", "description", "logsource", "format", "record", "keys", "each", "lift", "match", "redact", "optional",
    "decode", "time", "fields", "constants", "changes", "details", "patterns", "unmatched", "cases", "samples",
)  # fmt: skip
_SOURCE: Final = SOURCE
_LOGSOURCE: Final = ("product", "category", "service")
_RECORD: Final = ("start", "continuation", "indented", "join", "end")
_PART: Final = ("name", "when", "of", "match", "fields", "constants", "changes", "time")
_PATTERN: Final = (*_PART, "keep")
_CASE: Final = (*_PART, "optional")
_OPTIONAL: Final = ("name", "description", "default", "when")
_NOTHING: Final[tuple[str, ...]] = ()


def load_profile(path: Path) -> Definition:
    """Return the profile that a file describes; raises ConfigError with everything that is wrong in it."""
    return read_profile(load(path))


def read_profile(root: Node) -> Definition:
    """Return the profile that a YAML document describes; raises ConfigError with everything that is wrong in it."""
    return _Reader().definition(root)


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
        self._collector = Collector()
        self._rules = RuleReader(self._collector)

    def definition(self, root: Node) -> Definition:
        collector = self._collector
        parts = collector.mapping(root, _TOP)
        for name in ("profile", "format"):
            if name not in parts:
                collector.problems.append(root.problem(f"the option '{name}' is missing; add it"))
        part = partial(collector.part, parts)
        redact: dict[str, Node] = part("redact", lambda node: collector.mapping(node, ("without", "keep")), {})
        definition = Definition(
            name=part("profile", name_of, ""),
            description=part("description", Node.text, ""),
            format=part("format", _format, FormatChoice("", {}, root, {})),
            loose_keys=part("keys", lambda node: choice(node, ("exact", "loose")), "exact") == "loose",
            each=part("each", collector.path_list, _NOTHING),
            lift=part("lift", collector.path_list, _NOTHING),
            match=part("match", self._condition, None),
            optional=part("optional", partial(collector.each, self._optional), ()),
            time=part("time", self._rules.time, ()),
            rules=part("fields", self._rules.rules, {}),
            constants=part("constants", self._rules.constants, {}),
            changes=part("changes", self._rules.changes, ()),
            keeps_rest=part("details", lambda node: choice(node, ("rest", "none")), "rest") == "rest",
            patterns=part("patterns", partial(collector.each, self._pattern), ()),
            keeps_unmatched=part("unmatched", lambda node: choice(node, ("unparsed", "keep")), "unparsed") == "keep",
            decode=part("decode", self._decode, {}),
            cases=part("cases", partial(collector.each, self._case), ()),
            samples=part("samples", partial(collector.each, partial(read_sample, collector)), ()),
            logsource=part("logsource", self._logsource, {}),
            record=part("record", self._record, {}),
            record_node=parts.get("record"),
            redact_without=collector.part(redact, "without", texts, _NOTHING),
            redact_keep=collector.part(redact, "keep", texts, _NOTHING),
            node=root,
            path_nodes=tuple(collector.paths),
        )
        if not collector.problems:
            collector.problems.extend(_without_action(definition))
            collector.problems.extend(_repeated_names(definition))
        if collector.problems:
            raise ConfigError(collector.problems)
        return definition

    def _condition(self, node: Node) -> Any:
        return read_condition(self._collector, node)

    def _optional(self, node: Node) -> Optional:
        parts = self._collector.mapping(node, _OPTIONAL)
        for name in ("name", "when"):
            if name not in parts:
                raise node.error(f"the option '{name}' is missing; an optional kind has a name and a condition")
        return Optional(
            self._collector.part(parts, "name", name_of, ""),
            self._collector.part(parts, "description", Node.text, ""),
            self._collector.part(parts, "default", lambda inner: choice(inner, ("on", "off")), "off") == "on",
            self._collector.part(parts, "when", self._condition, ()),
        )

    def _pattern(self, node: Node) -> Part:
        parts = self._collector.mapping(node, _PATTERN)
        for name in ("name", "match"):
            if name not in parts:
                raise node.error(f"the option '{name}' is missing; a pattern has a name and a regular expression")
        return self._made_part(node, parts)

    def _case(self, node: Node) -> Part:
        parts = self._collector.mapping(node, _CASE)
        if "name" not in parts:
            raise node.error("the option 'name' is missing; a case has a name")
        if "when" not in parts and "match" not in parts:
            raise node.error("the option 'when' is missing; a case has a condition ('when' or 'match')")
        return self._made_part(node, parts)

    def _made_part(self, node: Node, parts: Mapping[str, Node]) -> Part:
        part = partial(self._collector.part, parts)
        return Part(
            name=part("name", name_of, ""),
            when=part("when", self._condition, None),
            of=part("of", self._collector.path, "message"),
            regex=part("match", regex, None),
            rules=part("fields", self._rules.rules, {}),
            constants=part("constants", self._rules.constants, {}),
            changes=part("changes", self._rules.changes, None),
            time=part("time", self._rules.time, None),
            default=part("optional", lambda inner: choice(inner, ("true", "off", "on")) == "on", None),
            node=node,
            keep=part("keep", lambda inner: choice(inner, ("yes", "no")) == "yes", None),
        )

    def _decode(self, node: Node) -> dict[str, FormatChoice]:
        decode: dict[str, FormatChoice] = {}
        for name, key, value in node.items():
            path = self._collector.attempt(partial(self._collector.named_path, name), key, None)
            choice_made = self._collector.attempt(_format, value, None)
            if path is not None and choice_made is not None:
                decode[path] = choice_made
        return decode

    def _logsource(self, node: Node) -> dict[str, str]:
        return {name: value.text() for name, value in self._collector.mapping(node, _LOGSOURCE).items()}

    def _record(self, node: Node) -> dict[str, Any]:
        parts = self._collector.mapping(node, _RECORD)
        return {name: regex(part) if name != "indented" else part.plain() for name, part in parts.items()}


def _format(node: Node) -> FormatChoice:
    if not node.is_mapping:
        return FormatChoice(node.text("the name of a format"), {}, node, {})
    parts = node.mapping()
    if "name" not in parts:
        raise node.error("the option 'name' is missing; add the name of the format")
    name = parts.pop("name")
    options = {key: part.plain() for key, part in parts.items()}
    return FormatChoice(name.text("the name of a format"), options, name, parts)


def _without_action(definition: Definition) -> Iterable[Problem]:
    """Yield a problem for each part whose events may have no action: every event must have one."""
    profile = _Actions(definition.rules, definition.constants, definition.node)
    parts: list[_Actions] = [profile] if not definition.patterns or definition.keeps_unmatched else []
    patterns = [profile.over(pattern) for pattern in definition.patterns]
    parts += patterns
    for case in definition.cases:
        parts += [each.over(case) for each in (patterns or [profile])][:1]
    nodes = {id(each.node): each.node for each in parts if not each.is_sure}
    text = "the field 'action' may stay empty; give it a 'default', or name it in 'constants'"
    return [node.problem(text) for node in nodes.values()]


class _Actions:
    """What a part of a profile says of the action."""

    def __init__(self, rules: Mapping[str, Rule], constants: Mapping[str, str], node: Node) -> None:
        rule = rules.get("action")
        self._rules, self._constants = rules, constants
        self.node = node if rule is None else rule.node
        fixed = rule is not None and any(each.value is not None and each.when is None for each in rule.sources)
        self.is_sure = "action" in constants or fixed or (rule is not None and rule.default is not None)

    def over(self, part: Part) -> "_Actions":
        """Return what holds where a pattern or case stands on top."""
        return _Actions({**self._rules, **part.rules}, {**self._constants, **part.constants}, part.node)


def _repeated_names(definition: Definition) -> Iterable[Problem]:
    """Yield a problem for each name that two patterns, two cases or two optional kinds share."""
    seen: set[tuple[str, str]] = set()
    named: list[tuple[str, str, Callable[[str], Problem]]] = [
        *(("pattern", each.name, each.node.problem) for each in definition.patterns),
        *(("case", each.name, each.node.problem) for each in definition.cases),
    ]
    for kind, name, problem in named:
        if (kind, name) in seen:
            yield problem(f"there is another {kind} called '{name}'; give each a name of its own")
        seen.add((kind, name))
