r"""The shapes that secrets have, each with a strict pattern (``re``) and a gate (RE2) that is never stricter.

The gates run over undecoded bytes, so they allow for what JSON does to a text: ``\/`` for a slash, ``\n`` before a
word.  Every pattern starts at a literal and is bounded, so that no line makes a scan quadratic.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

REDACTED: Final = "[REDACTED]"

#: A rule for what is said about keys: ``key=value`` and ``"key": "value"``.  It has no single pattern.
KEY_NAME_RULE: Final = "key_name"


class Rule(NamedTuple):
    """A shape: its name, the strict pattern, what replaces a match, the gate, and whether it holds for mere labels.

    A label is the value of a key such as ``type`` or ``action``: the name of a kind, where a column name or a sentence
    about a key gives nothing away.  ``in_phrases``: whether it holds for labels of several words, which may say more.
    """

    name: str
    pattern: re.Pattern[str]
    replacement: str
    gate: str
    in_labels: bool = True
    in_phrases: bool = True


# Where a token can start: not inside a longer word, but right behind an escaped line end.
_START: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\n)|(?<=\\r)|(?<=\\t))"


def _token(name: str, shape: str) -> Rule:
    return Rule(name, re.compile(_START + shape, re.ASCII), REDACTED, shape)


_SLASH: Final = r"\\?/"
_COLUMN: Final = r"(?:password|passwd|pwd)[-_]?(?:hash|digest|salt)"
_KEY_CHANGED: Final = r"api key (?:updated|changed|rotated|regenerated|replaced|created)"
_KEY_GIVEN: Final = r"(?:\s{0,4}[:=]\s{0,4}[^\s,;\"']+|\s(?:to|from)\s(?=[^\s,;.]*\d)[\w-]{8,}(?=[\s,;.]|$))+"
# CREATE USER … PASSWORD 'x', SET PASSWORD = PASSWORD('x'), IDENTIFIED [WITH plugin] BY 'x'.
_SQL_GIVES: Final = (
    r"(?ai)\b(identified\s{1,4}(?:(?:with|via)\s{1,4}[^\s'\";]{1,64}\s{1,4})?(?:by|as|using)\s{1,4}"
    r"(?:password(?:\s{1,4}|\s?\(\s?))?\\{0,8}['\"]{1,2}|password(?:\s{1,4}|\s?\(\s?)\\{0,8}'{1,2})"
)

SHAPES: Final[tuple[Rule, ...]] = (
    Rule(
        "private_key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL | re.ASCII,
        ),
        REDACTED,
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    ),
    Rule(
        "url_password",
        re.compile(r"(:(?:\\?/){2}[^\s:/@\"'\\]{0,256}:)(?!\[REDACTED\]@)[^\s/@\"'\\]{1,512}(?=@)", re.ASCII),
        r"\1" + REDACTED,
        rf":{_SLASH}{_SLASH}[^\s:/@\"'\\]*:[^\s/@\"'\\]+@",
    ),
    Rule(
        "bearer_token",
        re.compile(r"(?ai)\b(bearer\s{1,4})(?=[^\s\d]{0,40}\d|\S{20})[\w.~+/=-]{8,}"),
        r"\1" + REDACTED,
        r"bearer(?:\s|\\[nrt])+[\w.~+/=\\-]{8}",
    ),
    _token("jwt", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    _token("aws_access_key", r"A[KS]IA[A-Z0-9]{16}\b"),
    _token("google_api_key", r"AIza[A-Za-z0-9_-]{35}"),
    _token("github_token", r"(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    _token("gitlab_token", r"gl(?:pat|ptt|dt|rt|cbt)-[A-Za-z0-9_-]{16,}"),
    _token("slack_token", r"(?:xox[abeoprs]-|xapp-)[A-Za-z0-9-]{8,}"),
    Rule(
        "slack_webhook",
        re.compile(rf"(hooks\.slack\.com{_SLASH}(?:services|workflows){_SLASH})[A-Za-z0-9/\\_-]{{8,}}", re.ASCII),
        r"\1" + REDACTED,
        r"hooks\.slack\.com",
    ),
    _token("live_key", r"(?:sk|rk|pk|ak)_(?:live|test|prod)_[A-Za-z0-9]{4,}"),
    _token("webhook_secret", r"whsec_[A-Za-z0-9+/=]{16,}"),
    _token("openai_key", r"sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{32,}"),
    _token("npm_token", r"npm_[A-Za-z0-9]{36}"),
    _token("pypi_token", r"pypi-[A-Za-z0-9_-]{32,}"),
    _token("sendgrid_key", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    Rule(
        "api_key_value",
        re.compile(rf"(?ai)\b({_KEY_CHANGED}){_KEY_GIVEN}"),
        r"\1 (actual key not shown)",
        _KEY_CHANGED,
    ),
    Rule(
        "api_key_sentence",
        re.compile(rf"(?ai)\b({_KEY_CHANGED})\b(?! \(actual key not shown\))"),
        r"\1 (actual key not shown)",
        _KEY_CHANGED,
        in_labels=False,
        in_phrases=False,
    ),
    Rule(
        "sql_password",
        re.compile(_SQL_GIVES + r"(?!\[REDACTED\])[^'\"\\\s][^'\"\\]{0,511}(?=\\{0,8}['\"])"),
        r"\1" + REDACTED,
        r"(?:identified|password)(?:\s|\\[nrt])[^;]*['\"]|password\(",
    ),
    Rule(
        "secret_column",
        re.compile(rf"(?ai)(?<![A-Za-z0-9]){_COLUMN}(?![A-Za-z0-9])(?![\\\"'\]\s]{{0,8}}[:=])"),
        REDACTED,
        _COLUMN,
        in_labels=False,
    ),
)
RULE_NAMES: Final = (KEY_NAME_RULE, *(rule.name for rule in SHAPES))


def names_pattern(names: Sequence[str]) -> str:
    """Return a pattern for any of the key names; ``api_key`` also finds ``apiKey``, ``api-key`` and ``API Key``."""
    return "(?:" + "|".join(sorted(("[-_. ]?".join(name.strip("_").split("_")) for name in names), key=len)) + ")"


#: Keys whose value names what another value in the same object is: ``{"name": "password", "value": "x"}``.
NAMING_KEYS: Final = frozenset({"name", "field", "key", "header", "parameter", "variable", "option", "property"})
#: Keys of that other value.
NAMED_KEYS: Final = frozenset(
    {
        "value", "values", "old", "new", "oldvalue", "newvalue", "before", "after", "previous", "current", "from", "to",
        "default", "data", "content",
    }
)  # fmt: skip
#: Longer texts name nothing.
NAMING_CHARACTERS_MAX: Final = 128


def gates_of_keys(names: Sequence[str]) -> list[str]:
    """Return the gates of what is said about the keys with these names, in JSON or in plain text."""
    if not names:
        return []
    key = names_pattern(names)
    naming = "|".join(sorted(NAMING_KEYS))
    blank = r"(?:\s|\\[nrt])*"
    return [
        rf"{key}(?:[\\\"'\]\s]|\\[nrt]|\\u00(?:2[027]|0[9ad]|5[cd])){{0,24}}(?:=|:|\\u003[ad])",
        rf"--[\w-]*{key}\s",
        rf"(?:{naming})[\\\"']+{blank}:{blank}[\\\"']+[^\"]*{key}{blank}[\\\"']",
    ]


#: JSON may write any character as \u00XX: letters, digits and the punctuation of tokens are suspect when it does; the
#: ``<``, ``>`` and ``&`` that many writers always escape are not.
ESCAPE_GATE: Final = r"\\u00(?:2[bdef]|3[0-9a]|[4567][0-9a-f])"
