"""Card numbers: digits that a card could have, that pass Luhn's check, and that nothing says are an id.

One in ten numbers passes the check, and identifiers of 16 digits are common: so a number without gaps counts only when
what stands before it does not call it an id, an order, a time …
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from agent.redact.rule import Rule, Span

_GAP: Final = r"(?:[ -]|%20|\+)"
_PLAIN: Final = r"4\d{15}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35[2-8]\d{13}|62\d{14}"
_GROUPED: Final = (
    rf"(?:4\d{{3}}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d|4[4-9]\d|2\d\d)|35[2-8]\d)(?:{_GAP}\d{{4}}){{3}}"
    rf"|3[47]\d\d{_GAP}\d{{6}}{_GAP}\d{{5}}|3(?:0[0-5]|[68]\d)\d{_GAP}\d{{6}}{_GAP}\d{{4}}"
)
_NUMBER: Final = re.compile(
    rf"(?:(?<![A-Za-z0-9_.+-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{{2}})|(?<=\\u00[0-9A-Fa-f]{{2}})|(?<=\\x[0-9A-Fa-f]{{2}}))"
    rf"(?:{_GROUPED}|{_PLAIN})(?![A-Za-z0-9_]|-[A-Za-z0-9]|\.\d)",
    re.ASCII,
)
_GATE: Final = (
    rf"(?:^|[^A-Za-z0-9_.-]|\\[nrt]|%[0-9a-f]{{2}})(?:(?:4\d|5[1-5]|2[2-7]|6[0-5]|35)\d\d(?:{_GAP}?\d{{4}}){{3}}"
    rf"|3[04678]\d\d{_GAP}?\d{{6}}{_GAP}?\d{{4,5}})(?:[^A-Za-z0-9_]|$)"
)
#: How far before a number the word is looked for that says what it is.
_BEFORE_CHARACTERS: Final = 48
_WORDS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ASSIGNED: Final = re.compile(
    r"(?P<key>[A-Za-z][\w.-]*)(?:[\\\"'\]]|%22)*\s?(?:=>?|:|%3D|%3A)\s?(?:[\\\"']|%22)*$|<(?P<tag>[\w:.-]+)[^<>]*>$"
)
_OF_CARDS: Final = re.compile(r"(?i)card|credit|debit|visa|amex|master|payment|\bpan\b|\bcc|ccnum|pan$")
_OF_IDS: Final = re.compile(
    r"(?i)(?:^|[^a-z])(?:id|ids|no|nr|num|number|ref|seq|ts|sn|uid|gid|pid|tid|key|hash|rev|lsn|oid|xid|txid|imei|epoch)$"
    r"|(?:id|ref|no|num|number|seq|key|code|count|time|stamp|serial|offset|version|build|hash|size|bytes|ms|us|ns)$"
    r"|order|invoice|track|trace|span|request|transaction|session|account|customer|user|ticket|parcel|shipment|event|batch"
    r"|job|task|message|device|product|item|sku|barcode|nonce|counter|total|isbn|phone|tel|snowflake|tweet|object|record"
)


def _find(text: str) -> Iterator[Span]:
    for found in _NUMBER.finditer(text):
        digits = re.sub(r"\D|%20", "", found[0].replace("%20", " "))
        if _passes_luhn(digits) and len(set(digits)) > 1 and not _is_an_id(text, found):
            yield found.span()


def _is_an_id(text: str, found: re.Match[str]) -> bool:
    before = text[max(0, found.start() - _BEFORE_CHARACTERS) : found.start()]
    assigned = _ASSIGNED.search(before)
    near = assigned["key"] or assigned["tag"] if assigned else " ".join(_WORDS.findall(before)[-3:])
    if _OF_CARDS.search(near):
        return False
    if not found[0].isdigit():
        return False
    if before.endswith(("/", "#", "\\")) and not before.endswith("//"):
        return True
    return bool(_OF_IDS.search(near if assigned else (_WORDS.findall(before) or [""])[-1]))


@lru_cache(4096)
def says_id(key: str) -> bool:
    """Return whether a key says that its number is an id, an order, a time …, and not a card's."""
    return not _OF_CARDS.search(key) and bool(_OF_IDS.search(key))


def _passes_luhn(digits: str) -> bool:
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


CARD_NUMBER: Final = Rule("card_number", _find, _GATE, is_local=True)
