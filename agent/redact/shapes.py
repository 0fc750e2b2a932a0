"""The shapes of secrets that are of no one service, and the list of all rules."""
# ruff: noqa: E501 - a table of patterns or lines, one a line

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from agent.redact.cards import CARD_NUMBER
from agent.redact.personal import PERSONAL
from agent.redact.rule import START, Rule, Span, spans_of, token
from agent.redact.vendors import VENDORS

#: A rule for what is said about keys: ``key=value`` and ``"key": "value"``.  It has no single pattern.
KEY_NAME_RULE: Final = "key_name"
#: A rule for the arguments of commands and statements: ``-u user:pass``, ``IDENTIFIED BY 'x'``.
COMMAND_RULE: Final = "command"

PRIVATE_KEY_RULE: Final = "private_key"

_SLASH: Final = r"\\?/"
_COLUMN: Final = r"(?:password|passwd|pwd)[-_]?(?:hash|digest|salt)"
_KEY_CHANGED: Final = r"api key (?:updated|changed|rotated|regenerated|replaced|created)"
_KEY_GIVEN: Final = r"(?:\s{0,4}[:=]\s{0,4}[^\s,;\"']+|\s(?:to|from)\s(?=[^\s,;.]*\d)[\w-]{8,}(?=[\s,;.]|$))+"
_NOT_SHOWN: Final = " (actual key not shown)"
_COLON_SLASHES: Final = r"(?::(?:\\{0,8}/){2}|%(?:25){0,3}3A(?:%(?:25){0,3}2F){2})"

_AWS_ID: Final = re.compile(START + r"(?:A[KS]IA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])", re.ASCII)
_AWS_SECRET: Final = re.compile(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])", re.ASCII)
_AWS_SESSION: Final = re.compile(START + r"(?:IQoJ|FwoG|FQoG|AQoD|AgoJ)[A-Za-z0-9+/=%]{80,}", re.ASCII)
#: A secret access key has no shape of its own: it counts near an access key's id.
_AWS_PAIR_CHARACTERS: Final = 200


def _find_aws(text: str) -> Iterator[Span]:
    ids = [found.span() for found in _AWS_ID.finditer(text)]
    yield from ids
    yield from (found.span() for found in _AWS_SESSION.finditer(text))
    for found in _AWS_SECRET.finditer(text) if ids else ():
        mixed = re.search(r"[A-Z]", found[0]) and re.search(r"[a-z]", found[0]) and re.search(r"\d", found[0])
        if mixed and any(
            start - _AWS_PAIR_CHARACTERS < found.start() < end + _AWS_PAIR_CHARACTERS for start, end in ids
        ):
            yield found.span()


_BASIC: Final = re.compile(r"(?ai)(?:\bbasic(?:\s|%20|\+){1,4})(?P<s>[A-Za-z0-9+/]{8,}={0,2})")


#: ``{"auths": {"example.com": {"auth": "dXNlcjpwYXNz"}}}``
_AUTH: Final = re.compile(r"(?ai)(?<![A-Za-z])auth[\\\"']{0,8}\s?[:=]\s?[\\\"']{0,8}(?P<s>[A-Za-z0-9+/]{8,}={0,2})")


def _find_basic(text: str) -> Iterator[Span]:
    for found in (*_BASIC.finditer(text), *_AUTH.finditer(text)):
        given = found["s"]
        if len(given) % 4 == 1:
            continue
        try:
            said = base64.b64decode(given.rstrip("=") + "=" * (-len(given.rstrip("=")) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if b":" in said and not re.search(rb"[\0-\x1f]", said):
            yield found.span("s")


_AFTER_USER: Final = re.compile(
    rf"(?i){_COLON_SLASHES}[^\s:/@\"'\\<>]{{0,256}}?(?::|%(?:25){{0,3}}3A)(?!\[REDACTED\](?:@|%))"
    r"(?P<s>[^\s/@\"'\\<>?#]{1,512}?)(?:@|%(?:25){0,3}40)"
)
#: A token in the place of the user, as of Git hosts and Sentry.
_AS_USER: Final = re.compile(
    rf"{_COLON_SLASHES}(?P<s>(?=[\w%.-]*\d)(?=[\w%.-]*[A-Za-z])[\w-]{{20}}[\w%.-]{{0,256}})@", re.ASCII
)


def _find_url_passwords(text: str) -> Iterator[Span]:
    yield from (found.span("s") for found in _AFTER_USER.finditer(text))
    yield from (found.span("s") for found in _AS_USER.finditer(text))


_GAP: Final = r"(?:[ +]|%(?:25){0,3}20)"
_PEM_KIND: Final = rf"(?:[A-Z0-9]{{1,16}}{_GAP}){{0,4}}PRIVATE{_GAP}KEY(?:{_GAP}BLOCK)?"
_PRIVATE_KEY: Final = (
    rf"-----BEGIN{_GAP}{_PEM_KIND}-----.*?(?:-----END{_GAP}{_PEM_KIND}-----|\Z)"
    rf"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----.*?(?:---- END SSH2 ENCRYPTED PRIVATE KEY ----|\Z)"
    r"|(?<=Private-Lines: )\d{1,4}(?:\\r|\\n|\s)+.*?(?:Private-(?:MAC|Hash): ?[0-9a-f]+|\Z)"
    r"|<RSAKeyValue>.*?(?:</RSAKeyValue>|\Z)"
)

SHAPES: Final[tuple[Rule, ...]] = (
    Rule(
        PRIVATE_KEY_RULE,
        spans_of(_PRIVATE_KEY, flags=re.DOTALL | re.ASCII),
        r"-----BEGIN[A-Z0-9 +%]*PRIVATE(?:[ +]|%(?:25)*20)KEY|---- BEGIN SSH2 ENCR|private-lines: [0-9]|<rsakeyvalue>|\\u003crsakeyvalue",
    ),
    Rule(
        "url_password",
        _find_url_passwords,
        rf"(?::{_SLASH}{_SLASH}|%(?:25)*3A%(?:25)*2F%(?:25)*2F)[^\s:/@\"'\\<>]*(?::|%(?:25)*3A)[^\s/@\"'\\<>?#]+(?:@|%(?:25)*40)"
        rf"|:{_SLASH}{_SLASH}[\w-]{{20}}[\w%.-]*@",
    ),
    Rule(
        "bearer_token",
        spans_of(r"(?ai)\bbearer(?:\s{1,4}|%20|\+)(?P<s>(?=[^\s\d]{0,40}\d|\S{20})[\w.~+/%-]{8,}={0,2})(?![\w=])", flags=0),
        r"bearer(?:\s|\\[nrt]|%20|\+)+[\w.~+/\\%-]{8}",
        is_local=True,
    ),
    Rule(
        "basic_auth",
        _find_basic,
        r"basic(?:\s|%20|\+|\\t)+[A-Za-z0-9+/\\]{8}|auth[\\\"']*\s?[:=]\s?[\\\"']*[A-Za-z0-9+/\\]{8}",
        is_local=True,
    ),
    token("jwt", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){3,4}"),
    Rule(
        "aws_access_key",
        _find_aws,
        r"(?-i:A(?:[KS]I|BI|CC)A[A-Z0-9]{16}|(?:IQoJ|F[wQ]oG|AQoD|AgoJ)[A-Za-z0-9+/=%\\]{16})",
        shapes=("A[KS]IA", "A(?:BI|CC)A", "IQoJ", "F[wQ]oG", "A(?:QoD|goJ)"),
        begins_word=True,
    ),
    Rule(
        "azure_sas",
        spans_of(
            r"(?ai)(?:(?<![A-Za-z0-9])|(?<=u0026)|(?<=%26)|(?<=%3F)|(?<=%2526))sig[\\\"']{0,8}\s?(?:=|:|%3D|%253D|\\u003d)\s?[\\\"']{0,8}"
            r"(?P<s>[A-Za-z0-9+/_-]{20,}(?:%[0-9A-F]{2,4}|=){0,3}|(?:[A-Za-z0-9+/_-]|%[0-9A-F]{2}|%25[0-9A-F]{2}){40,})",
            flags=0,
        ),
        r"sig[\\\"']*\s?(?:=|:|%3D|%253D|\\u003d)\s?[\\\"']*[A-Za-z0-9%+/\\_-]{20}",
    ),
    Rule(
        "url_signature",
        spans_of(
            r"(?ai)(?:x-(?:amz|goog)-signature|x-amz-security-token|[?&]signature|&amp;signature|\\u0026signature)(?:=|%3D)(?P<s>[A-Za-z0-9%+/=_-]{20,})",
            flags=0,
        ),
        r"(?:[?&;]|\\u0026|%26|x-amz-|x-goog-)(?:signature|security-token)(?:=|%3D|\\u003d)",
    ),
    *VENDORS,
    Rule(
        "slack_webhook",
        spans_of(
            r"(?:hooks\.slack\.com|discord(?:app)?\.com(?:\\?/)api|[\w.-]*webhook\.office\.com)(?:\\?/)(?:services|workflows|triggers|webhooks|webhookb2)(?:\\?/)(?P<s>[A-Za-z0-9/\\@_-]{8,})"
        ),
        rf"hooks\.slack\.com|discord(?:app)?\.com{_SLASH}api{_SLASH}webh|webhook\.office\.com",
    ),
    CARD_NUMBER,
    Rule(
        "api_key_value",
        spans_of(rf"(?ai)\b(?:{_KEY_CHANGED})(?P<s>{_KEY_GIVEN})", flags=0),
        _KEY_CHANGED,
        _NOT_SHOWN,
    ),
    Rule(
        "api_key_sentence",
        spans_of(rf"(?ai)\b(?:{_KEY_CHANGED})\b(?P<s>)(?! \(actual key not shown\))", flags=0),
        _KEY_CHANGED,
        _NOT_SHOWN,
        in_labels=False,
        in_phrases=False,
    ),
    Rule(
        "secret_column",
        spans_of(rf"(?ai)(?<![A-Za-z0-9]){_COLUMN}(?![A-Za-z0-9])(?![\\\"'\]\s]{{0,8}}[:=])", flags=0),
        _COLUMN,
        in_labels=False,
    ),
    *PERSONAL,
)  # fmt: skip
RULE_NAMES: Final = (KEY_NAME_RULE, COMMAND_RULE, *(rule.name for rule in SHAPES))
#: Rules that are off until the settings ask for them.
OPTIONAL_RULES: Final = tuple(rule.name for rule in SHAPES if rule.optional)
