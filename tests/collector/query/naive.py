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
    Compare,
    Equals,
    HasWords,
    InNetwork,
    LocalPart,
    Not,
    Or,
    Plan,
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
    inside = group in ("details", "measures")
    value = (event.get(group) or {}).get(key) if inside else event.get(field)
    return value if isinstance(value, list) else [] if value is None else [value]


def passes(test: Any, value: Any) -> bool:
    match test, value:
        case Compare(operator, number), int() | float() if not isinstance(value, bool):
            return bool(COMPARE[operator](value, number))
        case Equals(text), str():
            return value.casefold() == text
        case Equals(text), bool():
            return str(value).lower() == text
        case Equals(text), int() | float():
            return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None and float(text) == value
        case StartsWith(text), _:
            return (str(value).lower() if isinstance(value, bool) else str(value).casefold()).startswith(text)
        case LocalPart(text), str():
            return value.casefold().split("@")[:-1] == [text]
        case HasWords(text, open_end), str():
            end = "" if open_end else rf"(?!{LETTER})"
            begin = rf"(?<!{LETTER})"
            return re.search(begin + re.escape(text) + end, value.casefold()) is not None
        case AddressPrefix(text), str():
            return value == text or value.startswith((text.rstrip(".:") + ".", text.rstrip(".:") + ":"))
        case InNetwork(network), str():
            try:
                return ip_address(value) in network
            except (ValueError, TypeError):
                return False
    return False
