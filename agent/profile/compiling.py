"""From a definition to a normaliser: what only the formats at hand can tell is checked here, then plans are set up."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from agent.profile.casts import VERB
from agent.profile.checking import LineFormat, check_definition, groups_of, made_format
from agent.profile.choice import Choice, Decoding, Envelope, Steps, line_finder, line_getter, make_test
from agent.profile.compiled import CompiledProfile
from agent.profile.definition import DETAILS, MEASURES, Definition, Part, Rule
from agent.profile.dispatch import NONE, Dispatch, Variant
from agent.profile.learning import Learner
from agent.profile.meaning import Meaning, TimeSource
from agent.profile.paths import parse_path
from agent.profile.plan import Plans
from agent.profile.regexes import tells_all
from agent.profile.rowcode import VERB_FIELDS
from agent.profile.times import time_reader, zone_named
from agent.profile.values import Keys
from agent.records import Redactor
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
    include: Collection[str] = (),
    exclude: Collection[str] = (),
) -> CompiledProfile:
    """Return the normaliser of a profile.

    ``constants`` are text fields that events have unless their line says otherwise (``origin.host``, ``org`` …); they
    come before the profile's own.  ``zone`` replaces the profile's time zone for times that do not name theirs.
    ``keep_raw`` adds the (redacted) line to every event.  ``include`` and ``exclude`` are optional kinds of lines (see
    :attr:`Definition.kinds`) that are switched on and off, whatever their defaults.  Raises ConfigError when the
    profile and its format do not fit, and ValueError for a ``zone`` that is not known.
    """
    line_format = made_format(definition.format, formats)
    check_definition(definition, line_format)
    off = {
        name for name, default in definition.kinds.items() if name in exclude or (not default and name not in include)
    }
    if definition.redact_without or definition.redact_keep:
        redactor = redactor.for_source(definition.redact_without, definition.redact_keep)
    parts = (*definition.patterns, *definition.cases)
    compiler = _Compiler(definition, line_format, constants or {}, zone)
    choice = Choice(definition.name, compiler.steps(formats, off), compiler.keys(), compiler.plans)
    return CompiledProfile(
        definition.name,
        line_format,
        redactor,
        choice,
        compiler.learner(choice),
        compiler.columns,
        compiler.shared,
        [line_finder(path, compiler.keys()) for path in definition.each],
        frozenset(key for path in definition.each for key in compiler.keys().first_keys(path)),
        keep_raw=keep_raw,
        secret_keys=frozenset(
            key
            for key in (*(line_format.keys or ()), *(group for part in parts for group in groups_of(part)))
            if redactor.hides(key)
        ),
    )


class _Compiler:
    """Compiles one profile."""

    def __init__(
        self, definition: Definition, line_format: LineFormat, constants: Mapping[str, str], zone: str | None
    ) -> None:
        self._definition = definition
        self._format = line_format
        self._given = {**definition.constants, **constants}
        self._zone = zone
        parts = (*definition.patterns, *definition.cases)
        varying = {*definition.rules, *(field for part in parts for field in part.rules)}
        varying.update(field for part in parts for field in part.constants)
        self.columns = _columns(definition, parts, varying)
        shared = {field: value for field, value in self._given.items() if field not in self.columns}
        self.shared = {**shared, "origin.profile": definition.name}
        if zone is not None:
            zone_named(zone)

    def keys(self, *parts: Part) -> Keys:
        """Return what the paths of the profile and the groups of some parts can begin with."""
        paths = [path for path, _ in self._definition.path_nodes]
        return Keys(
            [*paths, *(group for part in parts for group in groups_of(part))], loose=self._definition.loose_keys
        )

    def plans(self, pattern: int, case: int) -> Plans:
        """Return the plans of the lines of a pattern and a case, by their places."""
        parts: list[Part] = []
        if pattern != NONE:
            parts.append(self._definition.patterns[pattern])
        if case != NONE:
            parts.append(self._definition.cases[case])
        title = " ".join([self._definition.name, *(part.name for part in parts)])
        return Plans(title, self._meaning(parts))

    def learner(self, choice: Choice) -> Learner | None:
        """Return a learner for logs whose lines are all of one pattern and case."""
        if self._format.decoder_of is None or choice.only is None or self._definition.each:
            return None
        return Learner(self._definition.name, self._meaning([]), self._format.decoder_of)

    def steps(self, formats: Mapping[str, LineFormat], off: Collection[str]) -> Steps:
        """Return what happens to a line until it is known what it is; ``off`` are the kinds that are left out."""
        definition, keys = self._definition, self.keys()
        looked_at = dict.fromkeys(f"'{pattern.of}'" for pattern in definition.patterns)
        parse_json = None if "json" not in formats else _reader(formats["json"])
        return Steps(
            lifts=tuple(
                Envelope(keys.first_keys(path), line_finder(path, keys), parse_json or _refuse)
                for path in definition.lift
            ),
            match=None if definition.match is None else (definition.match, make_test(definition.match, keys)),
            patterns=_dispatch(
                definition.patterns, keys, None if definition.lift or definition.each else self._format.keys
            ),
            looked_at=" or ".join(looked_at),
            keeps_unmatched=definition.keeps_unmatched,
            decodings=tuple(
                Decoding(line_finder(path, keys), _reader(made_format(wanted, formats)))
                for path, wanted in definition.decode.items()
            ),
            dropped=tuple((each.name, make_test(each.when, keys)) for each in definition.optional if each.name in off),
            cases=_dispatch(definition.cases, keys),
            dropped_cases=frozenset(
                place for place, case in enumerate(definition.cases) if case.default is not None and case.name in off
            ),
        )

    def _is_told(self, part: Part) -> bool:
        """Return whether a part tells all of the text that it is about, so that it need not stay in the details."""
        if part.regex is None or part.keep is not None:
            return part.keep is False
        return self._definition.format.name == "text" and part in self._definition.patterns and tells_all(part.regex)

    def _meaning(self, parts: Collection[Part]) -> Meaning:
        definition = self._definition
        rules, constants = dict(definition.rules), dict(self._given)
        time, changes = definition.time, definition.changes
        for part in parts:
            # What a part says of a field stands in place of what the profile says of it.
            rules = {name: rule for name, rule in rules.items() if name not in part.constants} | dict(part.rules)
            constants.update(part.constants)
            time = time if part.time is None else part.time
            changes = changes if part.changes is None else part.changes
        readers = []
        for rule in time:
            zone = self._zone or rule.zone
            readers.append(
                TimeSource(rule.sources, time_reader(rule.format, zone_named(zone) if zone else None), rule.nanos)
            )
        return Meaning(
            rules,
            constants,
            readers,
            changes,
            self.keys(*parts),
            self.columns,
            keeps_rest=definition.keeps_rest,
            told=[part.of for part in parts if self._is_told(part)],
        )


def _columns(definition: Definition, parts: Collection[Part], varying: set[str]) -> tuple[str, ...]:
    """Return the fields of a row: what may differ between lines, in the order of the event's fields."""
    names = {*_ALWAYS}
    for field in varying:
        names.add("measures" if field.startswith(MEASURES) else "details" if field.startswith(DETAILS) else field)
    if _has_verb(definition.rules) or any(_has_verb(part.rules) for part in parts):
        names.update(VERB_FIELDS)
    if definition.changes or any(part.changes for part in parts):
        names.add("changes")
    if definition.keeps_rest:
        names.add("details")
    return tuple(name for name in FIELD_NAMES if name in names)


def _has_verb(rules: Mapping[str, Rule]) -> bool:
    return "action" in rules and any(source.cast == VERB for source in rules["action"].sources)


def _dispatch(parts: Sequence[Part], keys: Keys, line_keys: frozenset[str] | None = None) -> Dispatch | None:
    variants = [
        Variant(
            part.name,
            part.when,
            None if part.when is None else make_test(part.when, keys),
            part.of,
            None if part.regex is None else re.compile(part.regex),
            groups_of(part),
        )
        for part in parts
    ]

    def key_of(path: str) -> str | None:
        steps, _ = parse_path(path)
        return str(steps[0]) if len(steps) == 1 and not keys.is_loose else None

    return Dispatch(variants, lambda path: line_getter(path, keys), line_keys, key_of) if variants else None


def _reader(line_format: LineFormat) -> Callable[[str], dict[str, Any]]:
    """Return what takes the text of a value apart; it raises ValueError."""
    if line_format.read is not None:
        return line_format.read
    decode = line_format.decode

    def read(text: str) -> dict[str, Any]:
        if text.lstrip()[:1] != "{":
            raise ValueError("is no object")
        return decode(text.encode())

    return read


def _refuse(text: str) -> dict[str, Any]:
    raise ValueError(f"there is no format 'json' to read {text[:20]!r}")
