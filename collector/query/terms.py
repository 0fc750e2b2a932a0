"""What a value means for a field: ``actor:alice``, ``outcome:failed``, ``ip:192.168.1``, ``duration:>1.5s``."""

import math
import re
from ipaddress import ip_address, ip_network
from typing import Final, cast

from collector.query.errors import QueryError, nearest
from collector.query.fields import ADDRESS_FIELDS, TEXT_FIELDS, Target
from collector.query.moments import comparison, period, within
from collector.query.pattern import Value
from collector.query.plan import (
    AddressPrefix,
    Between,
    Compare,
    Equals,
    HasLike,
    HasWords,
    InNetwork,
    Like,
    LocalPart,
    Operator,
    Or,
    Plan,
    Present,
    StartsWith,
    Term,
    Test,
)
from watchbook.units import parse_duration, parse_size

_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_UNITS: Final = re.compile(r"\d{1,20}(\.\d{1,20})?[A-Za-z]{1,3}", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9a-fA-F:.]+(/\d{1,3})?", re.ASCII)
_NUMERIC: Final = ("number", "duration", "loose")
RANGE: Final = ".."
#: Other words for the values of ``outcome``.
OUTCOME_WORDS: Final = {
    "succeeded": "success", "successful": "success", "ok": "success",
    "failed": "failure", "fail": "failure", "error": "failure", "unsuccessful": "failure",
    "in progress": "in_progress", "in-progress": "in_progress", "running": "in_progress",
    "waiting": "pending",
}  # fmt: skip
#: What people call an action that was done; stored is its verb.
ACTION_WORDS: Final = {
    "created": "create", "added": "create", "viewed": "read", "accessed": "read", "opened": "read",
    "updated": "update", "changed": "update", "edited": "update", "modified": "update", "deleted": "delete",
    "removed": "delete", "executed": "execute", "cancelled": "cancel", "canceled": "cancel", "shared": "share",
    "revoked": "revoke", "granted": "grant", "promoted": "promote", "restored": "restore", "moved": "move",
    "exported": "export", "downloaded": "export", "imported": "import", "invited": "invite", "approved": "approve",
    "rejected": "reject", "enabled": "enable", "disabled": "disable", "rotated": "rotate", "started": "start",
    "stopped": "stop",
}  # fmt: skip


def value_term(target: Target, value: Value, now: int) -> Plan:
    """Return the plan of one value; ``now`` is what relative times count from.  Raises QueryError."""
    if value.anything:
        return Term(target.fields, Present())
    if value.plain and not value.quoted and RANGE in value.text:
        found = _range_test(target, value, now)
        if found is not None:
            return Term(target.fields, found)
    text = value.pieces[0].casefold()
    match target.kind:
        case "time":
            return Term(target.fields, within(value, now))
        case "actor" if value.plain and "@" not in text:
            return Or((Term(target.fields, Equals(text)), Term(ADDRESS_FIELDS, LocalPart(text))))
        case "action" if value.plain and text in ACTION_WORDS:
            return Or((Term(target.fields, Equals(ACTION_WORDS[text])), Term(target.fields, Equals(text))))
        case "choice" if value.plain:
            return Term(target.fields, Equals(_choice(target, text, value.position)))
        case "number" | "duration":
            return Term(target.fields, Compare("=", number_of(target, value.text, value.position)))
        case "words" if value.text:
            return Term(target.fields, _words_test(value))
        case "address":
            return Term(target.fields, _address_test(value))
    return Term(target.fields, _text_test(value))


def comparison_term(target: Target, operator: str, value: Value, now: int) -> Plan:
    """Return the plan of ``field:>value``; raises QueryError when the field holds nothing to compare."""
    position = None if value.position is None else value.position - len(operator)
    if target.kind == "time":
        return Term(target.fields, comparison(cast(Operator, operator), value, now))
    if target.kind not in _NUMERIC:
        raise QueryError(
            f"{target.name!r} holds no numbers to compare; {operator}{value.text[:20]} works with duration_ms, time, "
            "received, measures.NAME and details.NAME",
            position,
        )
    return Term(target.fields, Compare(cast(Operator, operator), number_of(target, value.text, value.position)))


def text_term(value: Value) -> Plan:
    """Return the plan of free text: the words, in this order, in one of the fields people read."""
    return Term(TEXT_FIELDS, _words_test(value))


def number_of(target: Target, text: str, position: int | None) -> float:
    """Return the number a text is; raises QueryError."""
    number = _number(target, text)
    if number is None or not math.isfinite(number):
        example = "250 (milliseconds), 250ms or 1.5s" if target.kind == "duration" else "1000, 2.5 or 10MiB"
        raise QueryError(
            f"{target.name!r} holds numbers: expected one such as {example}, found {text[:40]!r}", position
        )
    return number


def _number(target: Target, text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        # An int stays one: a float cannot tell 2**53 from 2**53 + 1.
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if not _UNITS.fullmatch(text):
        return None
    try:
        return parse_duration(text) * 1000 if target.kind == "duration" else parse_size(text)
    except ValueError:
        return None


def _range_test(target: Target, value: Value, now: int) -> Test | None:
    """Return the test of ``low..high``, None where dots are but a part of a text."""
    if target.kind == "time":
        return period(value, now)
    if target.kind not in _NUMERIC:
        return None
    low_text, _, high_text = value.text.partition(RANGE)
    if target.kind == "loose" and any(text and _number(target, text) is None for text in (low_text, high_text)):
        return None
    if not low_text and not high_text:
        raise QueryError("expected a number on a side of the '..'", value.position)
    low = number_of(target, low_text, value.position) if low_text else -math.inf
    high = number_of(target, high_text, value.position) if high_text else math.inf
    if low > high:
        raise QueryError(f"the range is empty: {low_text[:40]} is above {high_text[:40]}", value.position)
    if not low_text:
        return Compare("<=", high)
    return Between(low, high) if high_text else Compare(">=", low)


def _text_test(value: Value) -> Test:
    if value.plain:
        return Equals(value.folded[0])
    return StartsWith(value.folded[0]) if value.open_end else Like(value.folded)


def _words_test(value: Value) -> Test:
    if value.plain or value.open_end:
        return HasWords(value.folded[0], value.open_end)
    return HasLike(value.folded)


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


def _address_test(value: Value) -> Test:
    if not all(_ADDRESS.fullmatch(piece) for piece in value.pieces if piece or value.plain):
        raise QueryError(
            f"expected an IP address, its beginning (192.168.1) or a network (10.0.0.0/8), found {value.text[:60]!r}",
            value.position,
        )
    if not value.plain:
        return _text_test(value)
    text = value.text
    if "/" in text:
        try:
            return InNetwork(ip_network(text, strict=False))
        except ValueError as error:
            raise QueryError(f"{text!r} is no network: {error}", value.position) from error
    try:
        return AddressPrefix(str(ip_address(text)))
    except ValueError:
        return AddressPrefix(text.casefold())
