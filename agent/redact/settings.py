"""Settings of the redaction."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from agent.redact.gate import pattern_problem
from agent.redact.names import KEY_NAMES
from agent.redact.pseudonyms import KeyFileError, read_key
from agent.redact.shapes import OPTIONAL_RULES, RULE_NAMES
from watchbook.configfile import setting
from watchbook.event import FIELD_BY_NAME

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _known_rules(names: Sequence[str]) -> str | None:
    strange = [name for name in names if name not in RULE_NAMES]
    return f"only names of rules: {', '.join(RULE_NAMES)}" if strange else None


def _optional_rules(names: Sequence[str]) -> str | None:
    strange = [name for name in names if name not in OPTIONAL_RULES]
    return f"only names of rules that are off by default: {', '.join(OPTIONAL_RULES)}" if strange else None


def _plain_names(names: Sequence[str]) -> str | None:
    plain = all(name.strip("_") and name.isascii() and name.replace("_", "").isalnum() for name in names)
    return None if plain else "names of letters, digits and underscores"


def _event_fields(names: Sequence[str]) -> str | None:
    fit = [name for name in names if name in FIELD_BY_NAME and FIELD_BY_NAME[name].kind == "text"]
    return None if len(fit) == len(names) else "names of text fields of the event, for instance actor.id"


def _key_file(path: Path) -> str | None:
    try:
        read_key(path)
    except KeyFileError as error:
        return f"a file of a key: {error}"
    return None


def _pattern_name(name: str) -> str | None:
    if name in RULE_NAMES:
        return "a name that no rule has"
    return None if _NAME.fullmatch(name) else "a name of small letters, digits and underscores"


@dataclass(frozen=True)
class OwnPattern:
    """A pattern of the user's own."""

    name: str = setting("Name of the rule, as counts show it.", check=_pattern_name)
    match: str = setting(
        "Regular expression (RE2) of what is taken out; with a group named s only that group.",
        check=lambda text: (problem := pattern_problem(text)) and f"a regular expression of RE2: {problem}",
    )


@dataclass(frozen=True)
class PseudonymSettings:
    """What stays recognisable without being readable."""

    key_file: Path = setting(
        "File of the key, of at least 32 bytes, that only the agent can read (mode 600).", check=_key_file
    )
    fields: tuple[str, ...] = setting(
        "Event fields whose value becomes a pseudonym, wherever it stands in the event.", (), check=_event_fields
    )
    rules: tuple[str, ...] = setting(
        "Rules whose findings become pseudonyms instead of [REDACTED], for instance email.", (), check=_known_rules
    )


@dataclass(frozen=True)
class RedactSettings:
    """What is taken out of lines before they are spooled."""

    enabled: bool = setting("Whether secrets are replaced by [REDACTED] before anything is written or sent.", True)
    key_names: tuple[str, ...] = setting(
        "Values under these keys, and under keys ending in them, are secrets.", KEY_NAMES, check=_plain_names
    )
    more_key_names: tuple[str, ...] = setting("Key names besides those of 'key_names'.", (), check=_plain_names)
    keep: tuple[str, ...] = setting(
        "Key names that are of no secret though they end like one, for instance session_token.", (), check=_plain_names
    )
    without: tuple[str, ...] = setting(
        f"Rules that are switched off; known: {', '.join(RULE_NAMES)}.", (), check=_known_rules
    )
    also: tuple[str, ...] = setting(
        f"Rules that are switched on besides; known: {', '.join(OPTIONAL_RULES)}.", (), check=_optional_rules
    )
    patterns: tuple[OwnPattern, ...] = setting("Patterns of your own.", ())
    pseudonymise: PseudonymSettings | None = setting("What becomes a pseudonym that is always the same.", None)


@dataclass(frozen=True)
class InputRedactSettings:
    """What is different for one input."""

    enabled: bool | None = setting("Whether secrets of this input are replaced; without it as for all inputs.", None)
    more_key_names: tuple[str, ...] = setting("More key names of secrets.", (), check=_plain_names)
    keep: tuple[str, ...] = setting("More key names that are of no secret.", (), check=_plain_names)
    without: tuple[str, ...] = setting("More rules that are switched off.", (), check=_known_rules)
    also: tuple[str, ...] = setting("More rules that are switched on.", (), check=_optional_rules)
    patterns: tuple[OwnPattern, ...] = setting("More patterns of your own.", ())
    pseudonymise: PseudonymSettings | None = setting("What becomes a pseudonym, in place of what all inputs do.", None)


def for_input(settings: RedactSettings, own: InputRedactSettings | None) -> RedactSettings:
    """Return what holds for an input: the settings of all, with its own on top.

    What an input says overrides: a rule that it switches on is on, though all others are without it.
    """
    if own is None:
        return settings
    return replace(
        settings,
        enabled=settings.enabled if own.enabled is None else own.enabled,
        more_key_names=(*settings.more_key_names, *own.more_key_names),
        keep=(*settings.keep, *own.keep),
        without=(*(name for name in settings.without if name not in own.also), *own.without),
        also=(*(name for name in settings.also if name not in own.without), *own.also),
        patterns=(*settings.patterns, *own.patterns),
        pseudonymise=own.pseudonymise or settings.pseudonymise,
    )


def repeated_patterns(settings: RedactSettings) -> Mapping[str, int]:
    """Return the names that more than one pattern of the user's has."""
    names = [each.name for each in settings.patterns]
    return {name: names.count(name) for name in names if names.count(name) > 1}
