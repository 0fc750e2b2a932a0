"""What becomes of each input's lines, made from a configuration: the last of what can be found wrong with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from agent.batch import Origin
from agent.config import AgentSettings, load_settings
from agent.parse import FORMATS
from agent.profile import Definition, compile_profile
from agent.pump import Route
from agent.records import Normaliser
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
from watchbook.configfile import ConfigError, Problem


class Plan(NamedTuple):
    """A configuration that can be run; ``routes`` and ``redactors`` by input."""

    settings: AgentSettings
    routes: dict[str, Route]
    redactors: dict[str, SecretRedactor | NoRedactor]


def make_plan(settings: AgentSettings, profiles: Mapping[str, Definition]) -> Plan:
    """Compile what a configuration needs; raises ConfigError with everything that does not fit."""
    redactors: dict[str, SecretRedactor | NoRedactor] = {}
    routes: dict[str, Route] = {}
    problems: dict[Problem, None] = {}
    for each in settings.inputs:
        redact = for_input(settings.redact, each.redact)
        redactor = redactors[each.name] = make_redactor(redact)
        try:
            normalise: Normaliser = compile_profile(
                profiles[each.profile],
                FORMATS,
                redactor,
                constants=each.constants,
                zone=each.zone,
                keep_raw=each.keep_raw,
            )
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        normalise = _with_pseudonyms(normalise, redact, redactor)
        routes[each.name] = Route(normalise, Origin(settings.host, settings.name, each.name, each.profile))
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


def load_plan(path: Path) -> Plan:
    """Return what a file asks for; raises ConfigError with everything that is wrong with it and its profiles."""
    return make_plan(*load_settings(path))
