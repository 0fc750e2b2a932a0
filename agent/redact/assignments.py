"""Secrets in text: ``password=x``, ``"api_key": "x"``, ``Authorization: Bearer x``, ``--token x``, ``?token=x``, …"""

import re
from typing import Final

from agent.redact.names import NAMED_KEYS, NAMING_KEYS, KeyNames, ends_pattern
from agent.redact.rule import Span
from agent.redact.values import QUOTE, value_span

_INDEX: Final = r"%(?:25){0,3}5D|%(?:25){0,3}5B\d{0,3}%(?:25){0,3}5D"
_QUOTES: Final = rf"(?:\[\d{{0,3}}\])?(?:{QUOTE}|[\\\]]|{_INDEX}){{0,8}}"
_ASSIGNED: Final = (
    r"(?::=|=>|-{1,2}>|→|\\{1,8}u2192|={1,2}|::?(?!//)|%(?:25){0,3}3[AD]|\\{1,8}(?:x3[ad]|u003[ad])|&#61;"
    r"|(?<=[\"']);s:\d{1,7}:)"
)
#: What parts the words of a command: in a shell, in ``/proc``, in a list, in an EXECVE record of auditd.
PARTING: Final = (
    r"(?:[ \t\x00]{1,4}|\\{1,8}(?:0|u0000|x00)|\\{0,16}[\"']\s{0,4},\s{0,4}(?=\\{0,16}[\"'])"
    r"|\\{0,16}[\"'][ \t]a\d{1,3}=)"
)
# What stands for "nothing here", or was taken out before.
_NO_SECRET: Final = re.compile(
    r"(?i)(?:null|none|nil|true|false|undefined|n/a|-|\*+|x{3,}|\.{3}|•+|\[REDACTED\]?|%5BREDACTED%5D|p_[a-z2-7]{16}|hmac-sha256:[0-9a-f]{64}"
    r"|[\[(<{]{0,2}(?:redacted|filtered|masked|hidden|removed|sensitive|secret|protected)[\])>}]{0,2}"
    r"|HIDDEN_DUE_TO_SECURITY_REASONS|[\s,:;{}\[\]()]+|\$\{[\w.:-]*\}|\{\{[^{}]*\}\}|%[sv]|string|Bearer|Basic)?"
)
#: Words that tell about a secret where it would stand: ``invalid token: expired``.
_TELLING: Final = re.compile(
    r"(?i)(?:expired|invalid|missing|required|not|is|was|are|has|had|must|should|will|can|cannot|could|unable|no|the|a|an|unexpected"
    r"|unknown|wrong|incorrect|denied|failed|failure|error|revoked|unchanged|changed|updated|created|deleted|rotated|present"
    r"|absent|yes|ok|set|unset|empty|default|for|from|by|of|in|on|at|to|with|and|or|signature|malformed|authentication|bad"
    r"|user|found|type|length|too|does|did|do|need|needs|use|using|if|when|please|only|you|your|this|that|it|invalidated|rejected"
    r"|accepted|verified|valid|ignored|skipped|disabled|enabled|refreshed|refresh|issued|loaded|provided|context|EOF|json)"
    r"(?=\s|[,.;:!?)\]}]*$)"
)
_WHOLE_NUMBER: Final = re.compile(r"\d{1,3}")
#: How far from ``"name": "password"`` its ``"value"`` is looked for, in each direction.
_OBJECT_CHARACTERS_MAX: Final = 512
_BESIDE_CHARACTERS_MAX: Final = 160
_NAMED: Final = re.compile(
    rf"(?ai)(?:(?<![A-Za-z_])|(?<=\\[nrt]))(?:{'|'.join(sorted(NAMED_KEYS))}|old_value|new_value|string_value)"
    rf"{_QUOTES}\s{{0,4}}(?:=>|[:=])\s{{0,4}}"
)
_VALUE_BESIDE: Final = re.compile(
    rf"(?ai)(?:(?<![A-Za-z_])|(?<=\\[nrt]))(?:value|val|old|new|old_?value|new_?value|before|after)"
    rf"{_QUOTES}[ \t]{{0,4}}[:=][ \t]{{0,4}}"
)
#: Secrets of several words.
_PHRASES: Final = ("phrase", "mnemonic")
_LINE_BEGINS: Final = re.compile(r"(?:^|[\r\n]|\\n)[ \t>*-]*[\w.-]*$")


class Assignments:
    """Finds the values that a text gives to secret names."""

    def __init__(self, names: KeyNames) -> None:
        self._names = names
        name = ends_pattern(names.names)
        self._found = re.compile(
            rf"(?ai)(?P<name>{name})(?P<quotes>{_QUOTES})(?P<assigned>[ \t]{{0,8}}{_ASSIGNED}[ \t]{{0,8}})"
            rf"|(?<![\w=-])--?[\w.-]{{0,40}}?(?P<option>{name})(?P<parting>{PARTING})(?!-)"
        )
        naming = "|".join(sorted(NAMING_KEYS))
        assigned = r"\s{0,4}(?:=>|[:=])\s{0,4}"
        self._naming = re.compile(
            rf"(?ai)(?<![A-Za-z_])(?:{naming}){_QUOTES}{assigned}(?P<quote>{QUOTE})[^\"'\\`]{{0,128}}?{name}\s{{0,8}}{QUOTE}"
            rf"|(?<![A-Za-z_])type{_QUOTES}{assigned}{QUOTE}password(?P<typed>{QUOTE})"
            rf"|(?<![A-Za-z_])(?:{naming})[ \t]{{0,4}}[:=][ \t]{{0,4}}[\w.-]{{0,128}}?{name}(?=[\s,;&}}]|\\[nrt]|$)"
        )
        self._element = re.compile(
            rf"(?ai)(?:<|&lt;|\\u003c)(?:[\w.-]{{1,64}}:)?[\w.-]{{0,64}}?(?P<name>{name})(?:\s[^<>]{{0,256}})?(?<!/)(?:>|&gt;|\\u003e)"
            rf"(?:<!\[CDATA\[)?(?P<s>[^<>]+?)(?:\]\]>|<|&lt;|\\u003c|$)"
            rf"|\s(?:{naming})=(?P<quote>{QUOTE})[^\"'\\`<>]{{0,128}}?{name}{QUOTE}[^<>]{{0,256}}(?<!/)(?:>|&gt;|\\u003e)(?P<t>[^<>]+?)(?:<|&lt;|\\u003c|$)"
            rf"|\bname=\\{{0,8}}[\"'][^\"'\\]{{0,64}}?{name}\\{{0,8}}[\"'](?:\s|\\{{1,8}}[rn]){{2,12}}(?P<u>(?:(?!\\r|\\n)\S)+)"
        )
        self._pair = re.compile(
            rf"(?ai)[\[({{]\s{{0,4}}b?(?:{QUOTE})?[\w.-]{{0,64}}?(?P<name>{name})(?:{QUOTE})?\s{{0,4}},\s{{0,4}}(?=b?{QUOTE}|<<)"
        )

    def find(self, text: str) -> list[Span]:
        """Return the places of the values, in no order."""
        return [*self._named(text), *self._elements(text), *self._pairs(text), *self._assigned(text)]

    def _named(self, text: str) -> set[Span]:
        """Return the values that stand beside the names of secrets: ``{"name": "password", "value": "x"}``."""
        spans: set[Span] = set()
        for naming in self._naming.finditer(text):
            if naming["quote"] is None and naming["typed"] is None:
                end = naming.end() + _BESIDE_CHARACTERS_MAX
                places = [found.end() for found in _VALUE_BESIDE.finditer(text, naming.end(), end)]
            else:
                opening, closing = _enclosing_object(text, naming.start(), naming.end())
                places = [found.end() for found in _NAMED.finditer(text, opening, closing)]
            for place in places:
                spans.add(value_span(text, place))
        return {span for span in spans if not is_no_secret(text[span[0] : span[1]])}

    def _elements(self, text: str) -> list[Span]:
        spans = []
        if ">" in text or "&gt;" in text or "\\u003e" in text or "name=" in text:
            for found in self._element.finditer(text):
                span = next(found.span(group) for group in ("s", "t", "u") if found[group] is not None)
                if not is_no_secret(text[span[0] : span[1]]):
                    spans.append(span)
        return spans

    def _pairs(self, text: str) -> list[Span]:
        """Return the second of each pair: ``["Authorization", "Bearer x"]``, ``(b'cookie', b'x')``."""
        spans = []
        for found in self._pair.finditer(text):
            start, end = value_span(text, found.end())
            after = text[end : end + 8].lstrip("\\\"'`>")
            if after.lstrip()[:1] in ("]", ")", "}") and is_paired(text[start:end]):
                spans.append((start, end))
        return spans

    def _assigned(self, text: str) -> list[Span]:
        spans, done = [], 0
        while (found := self._found.search(text, done)) is not None:
            name = (found["name"] or "").lower()
            done = found.end()
            if self._names.is_kept(text, found.end("name") if name else found.end("option")):
                continue
            place = found.end()
            if name and found["quotes"] and text[place : place + 1] in "\r\n\\":
                place += len(_BLANK.match(text, place)[0])  # type: ignore[index]  # pretty JSON
            if name == "authorization" and text[place : place + 1] == "{":
                continue
            assigned = found["assigned"] or ""
            line = name.endswith(_PHRASES) or (
                assigned.endswith(" ")
                and ":" in assigned
                and bool(_LINE_BEGINS.search(text[max(0, found.start() - 80) : found.start()]))
            )
            start, end = value_span(text, place, name, encoded="%" in assigned, line=line)
            if self._is_secret(text, found, place, start, end):
                spans.append((start, end))
            done = max(end, done)
        return spans

    def _is_secret(self, text: str, found: re.Match[str], place: int, start: int, end: int) -> bool:
        value = text[start:end]
        if is_no_secret(value):
            return False
        name, assigned = found["name"] or "", found["assigned"] or ""
        if ("->" in assigned or "→" in assigned or "u2192" in assigned) and not any(map(str.isdigit, value)):
            return False  # what becomes what
        if start == place and not found["option"] and _TELLING.match(value):
            return False  # only words that stand there without quotes tell
        if name.lower() in ("pass", "pw", "psk", "jwt", "otp") and _WHOLE_NUMBER.fullmatch(value):
            return False
        if name == "PASS" and ":" in assigned and value.startswith(("Test", "Benchmark", "Example")):
            return False  # the result of a test of Go
        # pam_unix(passwd:chauthtok) names a service and what it does.
        if _SERVICE.match(text, place) and _MODULE.search(text, max(0, found.start() - 48), found.end("name")):
            return False
        # PWD=/home/alice in a line of sudo is the working directory.
        return not (name.lower() == "pwd" and value.startswith("/"))


_SERVICE: Final = re.compile(r"\w+\)")
_MODULE: Final = re.compile(r"\bpam_\w{1,24}\([\w.-]{1,40}\Z")
_BLANK: Final = re.compile(r"(?:[\s]|\\[nrt]){0,64}")


def is_no_secret(value: str) -> bool:
    """Return whether a value is nothing, a mask, or was taken out before."""
    return bool(_NO_SECRET.fullmatch(value.strip()))


def is_paired(value: str) -> bool:
    """Return whether the second of two texts, of which the first is the name of a secret, may be that secret.

    ``["password", "mfa"]`` are ways to log in, ``["password", "email"]`` are columns.
    """
    return not is_no_secret(value) and _PLAIN_WORD.fullmatch(value) is None


_PLAIN_WORD: Final = re.compile(r"[a-z][a-z_-]*")


def _enclosing_object(text: str, start: int, end: int) -> Span:
    """Return the bounds of the braces, or of the tag, around a place; the farthest looked at when they are away."""
    opening, closing = max(0, start - _OBJECT_CHARACTERS_MAX), min(len(text), end + _OBJECT_CHARACTERS_MAX)
    depth, marks = 0, "{}"
    for found in reversed(list(_BRACES.finditer(text, opening, start))):
        mark = found[0]
        if mark == "<" and depth == 0:
            opening, marks = found.start(), "<>"
            break
        depth += (mark == "}") - (mark == "{")
        if depth < 0:
            opening = found.start()
            break
    depth = 0
    for found in _BRACES.finditer(text, end, closing):
        depth += (found[0] == marks[0]) - (found[0] == marks[1])
        if depth < 0:
            closing = found.end()
            break
    return opening, closing


_BRACES: Final = re.compile(r"[{}<>]")
