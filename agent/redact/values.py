"""Where a value in a text starts and ends, however it is quoted: by JSON at any depth, CSV, URLs, XML, a shell."""

import re
from typing import Final

from agent.records import REDACTED
from agent.redact.rule import Span

#: A quote, as it is or as some writer escapes it.
QUOTE: Final = (
    r"(?:\\{0,16}[\"'`]|\\{1,8}(?:x2[27]|u002[27])|%(?:25){0,3}2[27]|&(?:amp;)?(?:quot|apos|#34|#39|#x22|#x27);)"
)
_QUOTE: Final = re.compile(QUOTE, re.IGNORECASE)
#: What may stand between an assignment and the quote of its value: ``b'x'``, ``N'x'``, ``string(3) "x"``.
_PREFIX: Final = re.compile(
    rf"(?:[a-zA-Z@$]{{1,2}}|string\(\d{{1,6}}\)\s|<<|(?:[a-zA-Z_]\w{{0,32}})?\()(?={QUOTE})", re.IGNORECASE
)
_WORD: Final = re.compile(
    r"(?:[^\s\"'`,;&<>|\\\x00]"
    r"|,(?!\s|[\w.-]{1,64}[=:]|$)"
    r"|;(?!\s|[\w .-]{1,40}=|$)"
    r"|&(?![\w.%\[\]-]{1,64}(?:=|%3D)|amp;|quot;|apos;|#\d|\s|$|\\?[\"'])"
    r"|\|(?!\s|[\w.-]{1,64}[=:]|$)"
    r"|\\(?![\"'`nrtux0]))+"
)
# In what is encoded for a URL the characters that end a value are encoded too.
_ENCODED_WORD: Final = re.compile(r"(?i)(?:[^\s\"'`<>&\\%]|%(?!(?:25){0,3}(?:2[02367c]|0[ad]|3b|5d|7d)))+")
_CONNECTION: Final = re.compile(r"[^\s;\"'=&\\\x00][^;\"'\r\n=&\\\x00]{0,200}(?=;[ ]?[A-Za-z][\w ]{0,40}=)")
_LINE: Final = re.compile(r"[^\s\"'\\\x00][^\r\n\"'\\\x00]*")
_MORE_ASSIGNMENTS: Final = re.compile(r"\s[\w.-]+[\"']?(?:=|:\s)|[,;]\s|\s#")
_BLOCK: Final = re.compile(r"[|>][-+]?[ \t]*(?:\r?\n|\\n)(?P<s>(?:[ \t]+[^\r\n\\\"]+(?:\r?\n|\\n|$|(?=\\*[\"'])))+)")
_REST_OF_LINE: Final = re.compile(r"[^\r\n\"'\\\x00]+")
_SCHEME: Final = re.compile(
    r"(?i)(?:bearer|basic|token|negotiate|ntlm|api-?key|ssws|splunk|genie-?key|key|hawk|mac)(?:[ \t]|%20|\+)+"
)
# Their parameters are quoted one by one: all of the line is the secret.
_LONG_SCHEME: Final = re.compile(r"(?i)(?:digest|oauth|hawk|aws4-hmac-sha256)[ \t][^\r\n\x00]+")
_CLOSING: Final = {"{": "}", "[": "]"}
_OPENING: Final = {")": "(", "]": "[", "}": "{"}
_DOUBLED_BEFORE: Final = re.compile(r"(?P<mark>\\{0,16}[\"'])(?P=mark)\s{0,4}(?:=>|[:=,])\s{0,4}$")
_AFTER_EMPTY: Final = ",}]) \t\r\n;&|:<>/"


def value_span(text: str, start: int, name: str = "", *, encoded: bool = False, line: bool = False) -> Span:
    """Return where the value starts and ends, without its quotes.

    ``name``: that of the key in small letters; ``encoded``: the text is part of a URL; ``line``: the key stands at the
    beginning of a line, so that its value may be all of the rest.
    """
    prefix = _PREFIX.match(text, start)
    if prefix is not None:
        start = prefix.end()
    quote = _QUOTE.match(text, start)
    if quote is not None:
        return _quoted(text, quote)
    if text[start : start + 1] in _CLOSING and not text.startswith(REDACTED, start):
        return start, _closing_bracket(text, start)
    block = _BLOCK.match(text, start)
    if block is not None:
        return block.start("s") + len(block["s"]) - len(block["s"].lstrip()), block.end("s")
    return _unquoted(text, start, name, encoded, line)


def _unquoted(text: str, start: int, name: str, encoded: bool, line: bool) -> Span:
    if encoded:
        found = _ENCODED_WORD.match(text, start)
        return start, found.end() if found else start
    found = _LONG_SCHEME.match(text, start)
    if found is None and name in ("cookie", "authorization", "cookies"):
        wide = name != "authorization" or _SCHEME.match(text, start)
        found = (_REST_OF_LINE if wide else _WORD).match(text, start)
        return start, found.end() if found else start
    if found is None:
        found = _CONNECTION.match(text, start)
    if found is None and line:
        found = _LINE.match(text, start)
        if found is not None and _MORE_ASSIGNMENTS.search(found[0]):
            found = None
    if found is None:
        found = _WORD.match(text, start)
        return start, _without_closers(text, start, found.end()) if found else start
    return start, found.end()


def _without_closers(text: str, start: int, end: int) -> int:
    """Leave out the brackets at the end that were opened before the value."""
    while end > start + 1 and text[end - 1] in _OPENING:
        value = text[start:end]
        if value.count(text[end - 1]) <= value.count(_OPENING[text[end - 1]]):
            break
        end -= 1
    return end


def _quoted(text: str, quote: re.Match[str]) -> Span:
    start, mark = quote.end(), quote[0]
    if mark[-1] not in "\"'`":  # an escape that is no backslash
        end = text.find(mark, start)
        return start, end if end >= 0 else len(text)
    if text.startswith(mark, start) and (
        text[start + len(mark) : start + len(mark) + 1] not in f"{_AFTER_EMPTY}\\"
        or _DOUBLED_BEFORE.search(text, max(0, start - 64), quote.start())
    ):
        # Quotes within a CSV cell are doubled.
        end = text.find(mark * 2, start + len(mark))
        return start + len(mark), end if end >= 0 else len(text)
    return start, _closing_quote(text, start, mark)


def _closing_quote(text: str, start: int, quote: str) -> int:
    """Return where the quote that opened ends: one with no more backslashes than it had, and not doubled."""
    backslashes, character = len(quote) - 1, quote[-1]
    at = text.find(character, start)
    while at >= 0:
        before = 0
        while at - before > start and text[at - before - 1] == "\\":
            before += 1
        if (before % 2 == 0) if backslashes == 0 else before <= backslashes:
            if before or at == start or text[at + 1 : at + 2] != character or text[at + 2 : at + 3] in _AFTER_EMPTY[:9]:
                return at - min(before, backslashes)
            at += 1
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
