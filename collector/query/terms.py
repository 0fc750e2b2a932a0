"""What a value means for a field: ``actor:alice``, ``outcome:failed``, ``ip:192.168.1``, ``measures.rows:>1000``."""

import re
from ipaddress import ip_address, ip_network
from typing import Final, cast

from collector.query.errors import QueryError, nearest
from collector.query.fields import ADDRESS_FIELDS, TEXT_FIELDS, Target
from collector.query.plan import (
    AddressPrefix,
    Compare,
    Equals,
    HasWords,
    InNetwork,
    LocalPart,
    Operator,
    Or,
    Plan,
    StartsWith,
    Term,
    Test,
)

_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9a-fA-F:.]+(/\d{1,3})?", re.ASCII)
#: Other words for the values of ``outcome``.
OUTCOME_WORDS: Final = {
    "succeeded": "success", "successful": "success", "ok": "success",
    "failed": "failure", "fail": "failure", "error": "failure", "unsuccessful": "failure",
    "in progress": "in_progress", "in-progress": "in_progress", "running": "in_progress",
    "waiting": "pending",
}  # fmt: skip


def value_term(target: Target, value: str, *, open_end: bool, position: int | None = None) -> Plan:
    """Return the plan of one value; ``open_end``: it was written with a trailing ``*``.  Raises QueryError."""
    folded = value.casefold()
    match target.kind:
        case "actor" if not open_end:
            return Or((Term(target.fields, Equals(folded)), Term(ADDRESS_FIELDS, LocalPart(folded))))
        case "choice" if not open_end:
            return Term(target.fields, Equals(_choice(target, folded, position)))
        case "number" if value or not open_end:
            return Term(target.fields, Compare("=", number_of(target, value + "*" * open_end, position)))
        case "words" if folded:
            return Term(target.fields, HasWords(folded, open_end))
        case "address":
            return Term(target.fields, _address_test(value, open_end=open_end, position=position))
    return Term(target.fields, StartsWith(folded) if open_end else Equals(folded))


def comparison_term(target: Target, operator: str, value: str, position: int) -> Plan:
    """Return the plan of ``field:>value``; raises QueryError when the field holds no numbers or the value is none."""
    if target.kind not in ("number", "loose"):
        raise QueryError(
            f"{target.name!r} holds no numbers to compare; {operator}{value[:20]} works with duration_ms, "
            "measures.NAME and details.NAME",
            position,
        )
    return Term(target.fields, Compare(cast(Operator, operator), number_of(target, value, position + len(operator))))


def text_term(text: str, *, open_end: bool) -> Plan:
    """Return the plan of free text: the words, in this order, in one of the fields people read."""
    return Term(TEXT_FIELDS, HasWords(text.casefold(), open_end))


def number_of(target: Target, value: str, position: int | None) -> float:
    """Return the number a value is; raises QueryError."""
    if not _NUMBER.fullmatch(value):
        raise QueryError(
            f"{target.name!r} holds numbers: expected one such as 1000 or 2.5, found {value[:40]!r}", position
        )
    # An int stays one: a float cannot tell 2**53 from 2**53 + 1.
    return int(value) if value.lstrip("+-").isdigit() else float(value)


def _choice(target: Target, folded: str, position: int | None) -> str:
    word = OUTCOME_WORDS.get(folded, folded) if target.name == "outcome" else folded
    if word in target.choices:
        return word
    choices = sorted(target.choices)
    raise QueryError(
        f"{target.name!r} is one of {', '.join(choices)}; found {folded[:40]!r}",
        position,
        suggestion=nearest(folded, choices),
    )


def _address_test(value: str, *, open_end: bool, position: int | None) -> Test:
    if not value and open_end:
        return StartsWith("")
    if not _ADDRESS.fullmatch(value):
        raise QueryError(
            f"expected an IP address, its beginning (192.168.1) or a network (10.0.0.0/8), found {value[:60]!r}",
            position,
        )
    if "/" in value:
        try:
            return InNetwork(ip_network(value, strict=False))
        except ValueError as error:
            raise QueryError(f"{value!r} is no network: {error}", position) from error
    if open_end:
        return StartsWith(value.casefold())
    try:
        return AddressPrefix(str(ip_address(value)))
    except ValueError:
        return AddressPrefix(value.casefold())
