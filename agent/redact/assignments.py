"""Secrets in text: ``password=x``, ``"api_key": "x"``, ``Authorization: Bearer x``, ``--token x``, ``?token=x``."""

import re
from collections.abc import Sequence
from typing import Final

from agent.redact.rules import NAMED_KEYS, NAMING_KEYS, REDACTED, names_pattern

_QUOTE: Final = re.compile(r"\\{0,8}[\"']")
_WORD: Final = re.compile(r"(?:[^\s\"',;&<>|\\]|,(?!\s|[\w.-]{1,64}[=:])|\\(?![\"'nrt]))+")
_REST_OF_LINE: Final = re.compile(r"[^\r\n\"'\\]+")
_SCHEME: Final = re.compile(r"(?i)(?:bearer|basic|token|negotiate|ntlm|apikey)[ \t]+")
# Their parameters are quoted one by one: all of the line is the secret.
_LONG_SCHEME: Final = re.compile(r"(?i)(?:digest|oauth|aws4-hmac-sha256)[ \t][^\r\n]+")
# "pam_unix(passwd:chauthtok)": the program passwd and what it asked PAM for.
_PAM_KIND: Final = r"(?:auth|account|session|chauthtok|setcred)\)"
# What stands for "nothing here", or was taken out before.
_NO_SECRET: Final = re.compile(r"(?i)(?:null|none|nil|true|false|undefined|-|\*+|\[REDACTED\]?|%5BREDACTED%5D)?")
#: How far from ``"name": "password"`` its ``"value"`` is looked for, in each direction.
_OBJECT_CHARACTERS_MAX: Final = 512
_NAMED: Final = re.compile(rf"(?ai)\\{{0,8}}[\"'](?:{'|'.join(sorted(NAMED_KEYS))})\\{{0,8}}[\"']\s{{0,4}}:\s{{0,4}}")
_CLOSING: Final = {"{": "}", "[": "]"}


class Assignments:
    """Finds the values that a text gives to secret names."""

    def __init__(self, names: Sequence[str]) -> None:
        name = names_pattern(names)
        self._found = re.compile(
            rf"(?ai)(?P<name>{name})[\\\"'\]]{{0,8}}[ \t]{{0,4}}(?::=|=>|={{1,2}}|:(?!//|{_PAM_KIND}))[ \t]{{0,4}}"
            rf"|--[\w-]{{0,40}}?{name}[ \t]{{1,4}}(?!-)"
        )

        naming = "|".join(sorted(NAMING_KEYS))
        self._naming = re.compile(
            rf"(?ai)[\"'](?:{naming})\\{{0,8}}[\"']\s{{0,4}}:\s{{0,4}}\\{{0,8}}[\"'][^\"'\\]{{0,128}}{name}\s{{0,8}}\\{{0,8}}[\"']"
        )

    def redact(self, text: str) -> tuple[str, int]:
        """Return the text with the values replaced, and how many there were."""
        named, count = self._redact_named(text)
        redacted, more = self._redact_assigned(named)
        return redacted, count + more

    def _redact_named(self, text: str) -> tuple[str, int]:
        """Replace the values that stand beside the names of secrets: ``{"name": "password", "value": "x"}``."""
        spans: set[tuple[int, int]] = set()
        for naming in self._naming.finditer(text):
            opening, closing = _enclosing_object(text, naming.start(), naming.end())
            for named in _NAMED.finditer(text, opening, closing):
                spans.add(_value_span(text, named.end(), ""))
        pieces: list[str] = []
        count = done = 0
        for start, end in sorted(spans):
            if start >= done and not _NO_SECRET.fullmatch(text[start:end].strip()):
                pieces += text[done:start], REDACTED
                count, done = count + 1, end
        return "".join((*pieces, text[done:])), count

    def _redact_assigned(self, text: str) -> tuple[str, int]:
        pieces: list[str] = []
        count = done = 0
        while (found := self._found.search(text, done)) is not None:
            start, end = _value_span(text, found.end(), (found["name"] or "").lower())
            if _is_secret(text[start:end], found[0]):
                pieces += text[done:start], REDACTED
                count += 1
            else:
                pieces.append(text[done:end])
            done = max(end, found.end())
        return "".join((*pieces, text[done:])), count


def _enclosing_object(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the braces around a place; the farthest looked at when they are farther away."""
    depth, opening = 0, start
    for opening in range(start - 1, max(-1, start - _OBJECT_CHARACTERS_MAX), -1):
        depth += (text[opening] == "}") - (text[opening] == "{")
        if depth < 0:
            break
    depth, closing = 0, end
    for closing in range(end, min(len(text), end + _OBJECT_CHARACTERS_MAX)):
        depth += (text[closing] == "{") - (text[closing] == "}")
        if depth < 0:
            break
    return max(0, opening), closing + 1


def _is_secret(value: str, assignment: str) -> bool:
    if _NO_SECRET.fullmatch(value.strip()):
        return False
    # PWD=/home/alice in a sudo line is the working directory.
    return not (assignment.startswith("PWD") and value.startswith("/"))


def _value_span(text: str, start: int, name: str) -> tuple[int, int]:
    """Return where the value starts and ends, without its quotes."""
    quote = _QUOTE.match(text, start)
    if quote is not None:
        return quote.end(), _closing_quote(text, quote.end(), quote[0])
    if text[start : start + 1] in _CLOSING and not text.startswith(REDACTED, start):
        return start, _closing_bracket(text, start)
    found = _LONG_SCHEME.match(text, start)
    if found is None:
        wide = name in ("cookie", "authorization") and (name == "cookie" or _SCHEME.match(text, start))
        found = (_REST_OF_LINE if wide else _WORD).match(text, start)
    return start, found.end() if found else start


def _closing_quote(text: str, start: int, quote: str) -> int:
    """Return where the quote that opened ends: one with no more backslashes than it had."""
    backslashes, character = len(quote) - 1, quote[-1]
    at = text.find(character, start)
    while at >= 0:
        before = 0
        while at - before > start and text[at - before - 1] == "\\":
            before += 1
        if (before % 2 == 0) if backslashes == 0 else before <= backslashes:
            return at - min(before, backslashes)
        at = text.find(character, at + 1)
    return len(text)


def _closing_bracket(text: str, start: int) -> int:
    """Return the end of an object or list that stands in a text; the end of the text when it is cut off."""
    opening = text[start]
    closing, depth = _CLOSING[opening], 0
    for at in range(start, len(text)):
        if text[at] == opening:
            depth += 1
        elif text[at] == closing:
            depth -= 1
            if depth == 0:
                return at + 1
    return len(text)
