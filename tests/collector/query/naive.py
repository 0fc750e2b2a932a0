"""What a plan means, said as simply as possible over one decoded event: the yardstick for the real matcher."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from operator import eq, ge, gt, le, lt
from typing import Any

from collector.query.plan import (
    CHANGED_FIELD,
    AddressPrefix,
    And,
    Between,
    Compare,
    Equals,
    HasLike,
    HasWords,
    InNetwork,
    Like,
    LocalPart,
    Not,
    Or,
    Plan,
    Present,
    StartsWith,
    Term,
)  # fmt: skip

COMPARE = {"=": eq, ">": gt, ">=": ge, "<": lt, "<=": le}
#: A letter or digit of a script that puts blanks between words.
LETTER = r"[^\W_\u2e80-\U0010ffff]"


def holds(plan: Plan, event: Mapping[str, Any]) -> bool:
    """Return whether a flat event is what the plan asks for."""
    match plan:
        case And(parts):
            return all(holds(part, event) for part in parts)
        case Or(parts):
            return any(holds(part, event) for part in parts)
        case Not(part):
            return not holds(part, event)
        case Term(fields, test):
            return any(passes(test, value) for field in fields for value in values_of(field, event))


def values_of(field: str, event: Mapping[str, Any]) -> list[Any]:
    if field == CHANGED_FIELD:
        return [change["field"] for change in event.get("changes") or []]
    group, _, key = field.partition(".")
    inside = group in ("details", "measures") and key
    if field == "details.k.m":
        inner = (event.get("details") or {}).get("k")
        value = inner.get("m") if isinstance(inner, dict) else None
    else:
        value = (event.get(group) or {}).get(key) if inside else event.get(field)
    return value if isinstance(value, list) else [] if value is None else [value]


def passes(test: Any, value: Any) -> bool:
    match test, value:
        case Present(), _:
            return value is not None
        case Between(low, high), int() | float() if not isinstance(value, bool):
            return bool(low <= value <= high)
        case Compare(operator, number), int() | float() if not isinstance(value, bool):
            return bool(COMPARE[operator](value, number))
        case Equals(text), str():
            return value.casefold() == text
        case Equals(text), bool():
            return str(value).lower() == text
        case Equals(text), int() | float():
            return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None and float(text) == value
        case StartsWith(text), str() | int() | float():
            return (str(value).lower() if isinstance(value, bool) else str(value).casefold()).startswith(text)
        case LocalPart(text), str():
            return value.casefold().split("@")[:-1] == [text]
        case AddressPrefix(text), str():
            return value == text or value.startswith((text.rstrip(".:") + ".", text.rstrip(".:") + ":"))
        case InNetwork(network), str():
            try:
                return ip_address(value) in network
            except (ValueError, TypeError):
                return False
    return has_pieces(test, value)


def has_pieces(test: Any, value: Any) -> bool:
    """The tests that a regular expression says best."""
    match test, value:
        case Like(pieces), str() | int() | float():
            text = str(value).lower() if isinstance(value, bool) else str(value).casefold()
            return re.fullmatch(".*".join(map(re.escape, pieces)), text, re.DOTALL) is not None
        case HasLike(pieces), str():
            return has_words(pieces, value)
        case HasWords(text, open_end), str():
            return has_words((text, "") if open_end else (text,), value)
    return False


def has_words(pieces: tuple[str, ...], value: str) -> bool:
    begin = rf"(?<!{LETTER})" if in_word(pieces[0][:1]) else ""
    end = rf"(?!{LETTER})" if in_word(pieces[-1][-1:]) else ""
    pattern = begin + ".*".join(map(re.escape, pieces)) + end
    return re.search(pattern, value.casefold(), re.DOTALL) is not None


def in_word(character: str) -> bool:
    return re.fullmatch(LETTER, character) is not None
