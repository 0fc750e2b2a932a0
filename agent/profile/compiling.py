"""From a definition to a normaliser: what only the formats at hand can tell is checked here, then plans are set up."""

import re
from collections.abc import Mapping
from typing import Final

from agent.profile.casts import VERB
from agent.profile.choice import Choice, Variant
from agent.profile.compiled import CompiledProfile, LineFormat
from agent.profile.definition import DETAILS, MEASURES, Definition, Pattern, Rule
from agent.profile.learning import Learner
from agent.profile.meaning import Meaning
from agent.profile.options import suggestion
from agent.profile.plan import Plans
from agent.profile.rowcode import VERB_FIELDS
from agent.profile.times import TIME_FORMATS, zone_named
from agent.profile.values import Keys
from agent.records import Redactor
from watchbook.configfile import ConfigError, Problem
from watchbook.event import FIELD_NAMES

_ALWAYS: Final = ("time", "actor.type", "actor.email", "action", "flags")


def compile_profile(
    definition: Definition,
    formats: Mapping[str, LineFormat],
    redactor: Redactor,
    *,
    constants: Mapping[str, str] | None = None,
    zone: str | None = None,
    keep_raw: bool = False,
) -> CompiledProfile:
    """Return the normaliser of a profile.

    ``constants`` are text fields that events have unless their line says otherwise (``origin.host``, ``org`` …); they
    come before the profile's own.  ``zone`` replaces the profile's time zone for times that do not name theirs.
    ``keep_raw`` adds the (redacted) line to every event.  Raises ConfigError when the profile and its format do not
    fit, and ValueError for a ``zone`` that is not known.
    """
    line_format = _checked_format(definition, formats)
    given = {**definition.constants, **(constants or {})}
    parts: tuple[Definition | Pattern, ...] = (definition, *definition.patterns)
    varying = {field for part in parts for field in part.rules} | {
        field for pattern in definition.patterns for field in pattern.constants
    }
    columns = _columns(definition, varying)
    meanings = [_meaning(definition, part, given, columns, zone, nests=line_format.keys is None) for part in parts]
    plans = Plans(definition.name, meanings[0], definition.changes)
    variants = [
        _variant(definition, pattern, meaning)
        for pattern, meaning in zip(definition.patterns, meanings[1:], strict=True)
    ]
    shared = {field: value for field, value in given.items() if field not in columns}
    return CompiledProfile(
        definition.name,
        line_format,
        redactor,
        Choice(definition.name, definition.match, plans, variants),
        _learner(definition, line_format, meanings[0]),
        columns,
        {**shared, "origin.profile": definition.name},
        keep_raw=keep_raw,
        secret_keys=frozenset(
            key
            for key in (*(line_format.keys or ()), *(group for variant in variants for group in variant.groups))
            if redactor.hides(key)
        ),
    )


def _learner(definition: Definition, line_format: LineFormat, meaning: Meaning) -> Learner | None:
    """Return a learner for logs whose lines are all of one profile and pattern."""
    if line_format.decoder_of is None or definition.match or definition.patterns:
        return None
    return Learner(definition.name, meaning, definition.changes, line_format.decoder_of)


def _columns(definition: Definition, varying: set[str]) -> tuple[str, ...]:
    """Return the fields of a row: what may differ between lines, in the order of the event's fields."""
    names = {*_ALWAYS}
    for field in varying:
        names.add("measures" if field.startswith(MEASURES) else "details" if field.startswith(DETAILS) else field)
    if _has_verb(definition.rules) or any(_has_verb(pattern.rules) for pattern in definition.patterns):
        names.update(VERB_FIELDS)
    if definition.changes is not None:
        names.add("changes")
    if definition.keeps_rest:
        names.add("details")
    return tuple(name for name in FIELD_NAMES if name in names)


def _has_verb(rules: Mapping[str, Rule]) -> bool:
    return "action" in rules and any(source.cast == VERB for source in rules["action"].sources)


def _meaning(
    definition: Definition,
    part: Definition | Pattern,
    given: Mapping[str, str],
    columns: tuple[str, ...],
    zone: str | None,
    *,
    nests: bool,
) -> Meaning:
    rules = dict(definition.rules)
    constants = dict(given)
    if isinstance(part, Pattern):
        # What a pattern says of a field stands in place of what the profile says of it.
        rules = {name: rule for name, rule in rules.items() if name not in part.constants} | dict(part.rules)
        constants.update(part.constants)
    time = definition.time
    zone_name = zone or (time.zone if time is not None else None)
    return Meaning(
        rules,
        constants,
        time.sources if time is not None else (),
        None if time is None else TIME_FORMATS[time.format](zone_named(zone_name) if zone_name else None),
        Keys([*_paths(definition), *_groups(part)], loose=definition.loose_keys),
        columns,
        keeps_rest=definition.keeps_rest,
        nests=nests,
    )


def _paths(definition: Definition) -> list[str]:
    return [path for path, _ in definition.path_nodes]


def _groups(part: Definition | Pattern) -> tuple[str, ...]:
    return tuple(re.compile(part.regex).groupindex) if isinstance(part, Pattern) else ()


def _variant(definition: Definition, pattern: Pattern, meaning: Meaning) -> Variant:
    regex = re.compile(pattern.regex)
    groups = tuple(regex.groupindex)
    plans = Plans(f"{definition.name} {pattern.name}", meaning, definition.changes)
    return Variant(pattern.of, regex, groups, plans)


def _checked_format(definition: Definition, formats: Mapping[str, LineFormat]) -> LineFormat:
    found = formats.get(definition.format)
    if found is None:
        text = f"there is no format {definition.format!r}{suggestion(definition.format, sorted(formats))}"
        raise definition.format_node.error(text)
    problems = [*_wrong_paths(definition, found.keys), *_wrong_groups(definition, found.keys)]
    if problems:
        raise ConfigError(problems)
    return found


def _wrong_paths(definition: Definition, keys: frozenset[str] | None) -> list[Problem]:
    """Return the paths that lines of a format with fixed keys can never have."""
    if keys is None:
        return []
    known = {*keys, *(group for pattern in definition.patterns for group in _groups(pattern))}
    return [
        node.problem(f"lines of the format '{definition.format}' have no {path!r}{suggestion(path, sorted(known))}")
        for path, node in definition.path_nodes
        if path not in known
    ]


def _wrong_groups(definition: Definition, keys: frozenset[str] | None) -> list[Problem]:
    problems = []
    for pattern in definition.patterns:
        regex = re.compile(pattern.regex)
        if regex.groups != len(regex.groupindex):
            problems.append(pattern.node.problem("every group needs a name: write (?P<name>…), or (?:…) for none"))
        problems += [
            pattern.node.problem(f"the group '{group}' would hide a value of the format; give it another name")
            for group in regex.groupindex
            if keys is not None and group in keys
        ]
    return problems
