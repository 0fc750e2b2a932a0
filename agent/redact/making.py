"""From the settings to a redactor."""

from collections import Counter
from collections.abc import Collection
from functools import lru_cache

import re2

from agent.records import Redactor
from agent.redact.names import KeyNames
from agent.redact.pseudonyms import Pseudonyms, read_key
from agent.redact.redactor import NoRedactor, SecretRedactor
from agent.redact.rule import Rule
from agent.redact.settings import OwnPattern, RedactSettings
from agent.redact.shapes import COMMAND_RULE, KEY_NAME_RULE, SHAPES


def make_redactor(
    settings: RedactSettings, *, without: Collection[str] = (), keep: Collection[str] = ()
) -> SecretRedactor | NoRedactor:
    """Return the redactor that the settings describe, with counts of its own.

    ``without`` and ``keep`` are what a profile says of its source: rules that do not apply to it, and key names (in any
    case, with or without ``_`` and ``-``) whose values are no secrets.  A rule that the settings ask for by ``also``
    stays on.  Raises KeyFileError when the key of pseudonyms cannot be had.
    """
    if not settings.enabled:
        return NoRedactor()
    off = {*settings.without, *without} - {*settings.also}
    shapes = [rule for rule in SHAPES if rule.name not in off and (not rule.optional or rule.name in settings.also)]
    shapes += [_own(pattern) for pattern in settings.patterns]
    names = (*settings.key_names, *settings.more_key_names) if KEY_NAME_RULE not in off else ()
    chosen = settings.pseudonymise
    pseudonyms = Pseudonyms(read_key(chosen.key_file)) if chosen is not None and chosen.rules else None

    def narrowed(more_without: Collection[str], more_keep: Collection[str], counts: Counter[str]) -> Redactor:
        made = make_redactor(settings, without={*without, *more_without}, keep={*keep, *more_keep})
        made.counts = counts
        return made

    return SecretRedactor(
        KeyNames(names, (*settings.keep, *keep)),
        shapes,
        commands_too=COMMAND_RULE not in off,
        pseudonyms={} if pseudonyms is None or chosen is None else dict.fromkeys(chosen.rules, pseudonyms.of),
        narrowed=narrowed,
    )


@lru_cache
def _own(pattern: OwnPattern) -> Rule:
    """Return the rule of a pattern of the user's.

    RE2 finds the places, so that no pattern can make a line take long.  The gate allows for the escapes of JSON no
    further than RE2 can: a pattern of quotes or slashes is looked for in decoded text only where the raw line has it.
    """
    compiled = re2.compile(pattern.match)
    group = compiled.groupindex.get("s", 0)

    def find(text: str) -> list[tuple[int, int]]:
        return [found.span(group) for found in compiled.finditer(text) if found.end() > found.start()]

    # Lines are scanned together: each of them has a beginning and an end.
    return Rule(pattern.name, find, f"(?m-i:{pattern.match})", is_own=True)
