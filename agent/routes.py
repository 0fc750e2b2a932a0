"""What becomes of each input's lines, made from a configuration: the last of what can be found wrong with it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from agent.batch import Origin
from agent.config import AgentSettings, InputSettings, load_settings
from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, compile_profile
from agent.pump import Route
from agent.records import Normaliser, Redactor
from agent.redact import NoRedactor, SecretRedactor, make_redactor
from agent.select import Selection
from agent.tail import Records
from agent.unwrap import WRAPPERS, Unwrapping
from watchbook.configfile import ConfigError, Problem


class Plan(NamedTuple):
    """A configuration that can be run."""

    settings: AgentSettings
    routes: dict[str, Route]
    redactor: SecretRedactor | NoRedactor


def make_plan(settings: AgentSettings, profiles: Mapping[str, Definition]) -> Plan:
    """Compile what a configuration needs; raises ConfigError with everything that does not fit."""
    redactor = make_redactor(settings.redact)
    routes: dict[str, Route] = {}
    problems: dict[Problem, None] = {}
    for each in settings.inputs:
        try:
            normalise = make_normaliser(settings, each, profiles, redactor)
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        origin = Origin(settings.host, settings.name, each.name, each.profile)
        routes[each.name] = Route(normalise, origin, make_selection(settings, each, normalise))
    if problems:
        raise ConfigError(list(problems))
    return Plan(settings, routes, redactor)


def make_normaliser(
    settings: AgentSettings, source: InputSettings, profiles: Mapping[str, Definition], redactor: Redactor
) -> Normaliser:
    """Return what makes events of an input's lines; raises ConfigError."""
    normalise = compile_input(source, profiles, redactor)
    if source.unwrap is None:
        return normalise
    return Unwrapping(normalise, WRAPPERS[source.unwrap], redactor, _begins(source, settings))


def compile_input(source: InputSettings, profiles: Mapping[str, Definition], redactor: Redactor) -> CompiledProfile:
    """Return the profile of an input with the input's options, for lines out of their wrapper; raises ConfigError."""
    return compile_profile(
        profiles[source.profile],
        FORMATS,
        redactor,
        constants=source.constants,
        zone=source.zone,
        keep_raw=source.keep_raw,
        include=source.include,
        exclude=source.exclude,
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
