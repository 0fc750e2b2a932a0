"""What becomes of each input's lines, made from a configuration: the last of what can be found wrong with it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from agent.batch import Origin
from agent.config import AgentSettings, InputSettings, load_settings
from agent.parse import FORMATS
from agent.profile import Definition, compile_profile
from agent.pump import Route
from agent.records import Normaliser
from agent.redact import NoRedactor, SecretRedactor, make_redactor
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
        if each.unwrap is not None:
            normalise = Unwrapping(normalise, WRAPPERS[each.unwrap], redactor, _begins(each, settings))
        routes[each.name] = Route(normalise, Origin(settings.host, settings.name, each.name, each.profile))
    if problems:
        raise ConfigError(list(problems))
    return Plan(settings, routes, redactor)


def _begins(each: InputSettings, settings: AgentSettings) -> Callable[[list[bytes]], list[int]] | None:
    """Return what tells which of a program's lines make one record, once they are out of their wrapper."""
    if each.multiline is None:
        return None
    records = Records(each.multiline, int(settings.tail.max_line_bytes))
    return lambda lines: records.begins(lines)[0]


def load_plan(path: Path) -> Plan:
    """Return what a file asks for; raises ConfigError with everything that is wrong with it and its profiles."""
    return make_plan(*load_settings(path))
