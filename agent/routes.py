"""What becomes of each input's lines, made from a configuration: the last of what can be found wrong with it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from agent.autoroute import AutoRoutes
from agent.batch import Origin
from agent.config import AUTO, AgentSettings, InputSettings, load_settings
from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, ProfileFolder, compile_profile
from agent.pump import Route
from agent.records import Normaliser, Redactor
from agent.redact import (
    NoRedactor,
    Pseudonymising,
    Pseudonyms,
    RedactSettings,
    SecretRedactor,
    for_input,
    make_redactor,
    read_key,
)
from agent.routing import Candidate, Router, Undecided
from agent.select import Selection
from agent.tail import Records, join_lines
from agent.unwrap import WRAPPERS, Unwrapping
from watchbook.clock import Clock, now_us
from watchbook.configfile import ConfigError, Problem

#: Formats that lines of many logs have.
_GENERAL_FORMATS: Final = frozenset({"json", "logfmt", "pairs", "syslog", "text", "csv"})


class Plan(NamedTuple):
    """A configuration that can be run; ``routes`` and ``redactors`` by input."""

    settings: AgentSettings
    routes: dict[str, Route]
    redactors: dict[str, SecretRedactor | NoRedactor]


def make_plan(settings: AgentSettings, profiles: Mapping[str, Definition], clock: Clock = now_us) -> Plan:
    """Compile what a configuration needs; raises ConfigError with everything that does not fit."""
    redactors: dict[str, SecretRedactor | NoRedactor] = {}
    routes: dict[str, Route] = {}
    problems: dict[Problem, None] = {}
    for each in settings.inputs:
        redact = for_input(settings.redact, each.redact)
        redactor = redactors[each.name] = make_redactor(redact)
        try:
            routes[each.name] = _make_route(settings, each, profiles, redact, redactor, clock)
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ConfigError(list(problems))
    return Plan(settings, routes, redactors)


def _with_pseudonyms(
    normalise: Normaliser, settings: RedactSettings, redactor: SecretRedactor | NoRedactor
) -> Normaliser:
    chosen = settings.pseudonymise
    if chosen is None or not chosen.fields or not settings.enabled:
        return normalise
    return Pseudonymising(normalise, chosen.fields, Pseudonyms(read_key(chosen.key_file)), redactor.counts)


def _make_route(
    settings: AgentSettings,
    source: InputSettings,
    profiles: Mapping[str, Definition],
    redact: RedactSettings,
    redactor: SecretRedactor | NoRedactor,
    clock: Clock,
) -> Route:
    def route_of(names: tuple[str, ...]) -> Route:
        origin = Origin(settings.host, settings.name, source.name, ", ".join(names) or AUTO)
        if not names:
            return Route(Undecided(redactor.text), origin)
        normalise = make_normaliser(settings, replace(source, profile=names), profiles, redactor)
        normalise = _with_pseudonyms(normalise, redact, redactor)
        return Route(normalise, origin, make_selection(settings, source, normalise))

    if source.profile_names:
        return route_of(source.profile_names)

    def candidates() -> list[Candidate]:
        plain = replace(source, keep_raw=False)
        found = candidates_of(
            profiles, lambda name: make_normaliser(settings, replace(plain, profile=name), profiles, redactor)
        )
        if isinstance(profiles, ProfileFolder):
            profiles.forget()
        return found

    def join(lines: list[bytes]) -> list[bytes]:
        peel = WRAPPERS[source.unwrap].peel if source.unwrap else None
        return join_lines(lines, source.multiline, int(settings.tail.max_line_bytes), peel)

    auto = AutoRoutes(source.name, settings.auto.lines, candidates, route_of, join, clock)
    return route_of(())._replace(choose=auto)


def candidates_of(profiles: Mapping[str, Definition], make: Callable[[str], Normaliser]) -> list[Candidate]:
    """Return the profiles that a log may be of; ``make`` compiles one by its name."""
    return [
        Candidate(name, each.format.name, is_specific(each), make(name))
        for name, each in profiles.items()
        if is_specific(each) or each.format.name != "text"  # plain text takes any line of any log
    ]


def is_specific(definition: Definition) -> bool:
    """Return whether a profile looks for signs of its own, so that not every line of its format is of it."""
    by_patterns = bool(definition.patterns) and not definition.keeps_unmatched
    return definition.match is not None or by_patterns or definition.format.name not in _GENERAL_FORMATS


def make_normaliser(
    settings: AgentSettings, source: InputSettings, profiles: Mapping[str, Definition], redactor: Redactor
) -> Normaliser:
    """Return what makes events of an input's lines; raises ConfigError."""
    normalise = compile_input(source, profiles, redactor)
    if source.unwrap is None:
        return normalise
    return Unwrapping(normalise, WRAPPERS[source.unwrap], redactor, _begins(source, settings))


def compile_input(
    source: InputSettings, profiles: Mapping[str, Definition], redactor: Redactor
) -> CompiledProfile | Router:
    """Return the profiles of an input with the input's options, for lines out of their wrapper; raises ConfigError."""
    compiled = [_compiled(source, profiles[name], redactor) for name in source.profile_names]
    return compiled[0] if len(compiled) == 1 else Router(compiled, redactor.suspects)


def _compiled(source: InputSettings, definition: Definition, redactor: Redactor) -> CompiledProfile:
    return compile_profile(
        definition,
        FORMATS,
        redactor,
        constants=source.constants,
        zone=source.zone,
        keep_raw=source.keep_raw,
        # Of several profiles each knows the kinds of its own.
        include=tuple(kind for kind in source.include if kind in definition.kinds),
        exclude=tuple(kind for kind in source.exclude if kind in definition.kinds),
    )


def make_selection(settings: AgentSettings, source: InputSettings, normalise: Normaliser) -> Selection | None:
    """Return the rules for an input's events, its own before those of all inputs; None when there are none."""
    drop, sample = (*source.drop, *settings.drop), (*source.sample, *settings.sample)
    if not drop and not sample:
        return None
    return Selection(drop, sample, normalise.fields, normalise.constants)


def _begins(each: InputSettings, settings: AgentSettings) -> Callable[[list[bytes]], list[int]] | None:
    """Return what tells which of a program's lines make one record, once they are out of their wrapper."""
    if each.multiline is None:
        return None
    records = Records(each.multiline, int(settings.tail.max_line_bytes))
    return lambda lines: records.begins(lines)[0]


def load_plan(path: Path) -> Plan:
    """Return what a file asks for; raises ConfigError with everything that is wrong with it and its profiles."""
    return make_plan(*load_settings(path))
