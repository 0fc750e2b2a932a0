"""The one text of a plan: what ``explain`` shows, and what parses back to the same plan."""

import re
from typing import Final

from collector.query.fields import ACTOR_FIELDS, ADDRESS_FIELDS, RESOURCE_FIELDS, TEXT_FIELDS
from collector.query.plan import (
    CHANGED_FIELD,
    RECEIVED,
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
)
from collector.query.terms import ACTION_WORDS, RANGE
from watchbook.clock import format_rfc3339

_BARE: Final = re.compile(r"[a-z0-9_@/][a-z0-9_@./-]*", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]*", re.ASCII)
_NAMES: Final = {ACTOR_FIELDS: "actor", RESOURCE_FIELDS: "resource", (CHANGED_FIELD,): "changed"}
_TIMES: Final = ("time", RECEIVED)


def canonical(plan: Plan) -> str:
    """Return the text of a plan that came from :func:`collector.query.language.parse_query` or from filters."""
    match plan:
        case And(parts):
            return " ".join(_within(part, (And, Or)) for part in parts)
        case Or(parts):
            listed = _listed(plan)
            return listed or " OR ".join(_within(part, (Or,)) for part in parts)
        case Not(part):
            return f"-{_within(part, (And, Or, Not))}"
    return _term(plan)


def _within(plan: Plan, bracketed: tuple[type, ...]) -> str:
    """Return the text of a part, in brackets if it is of these kinds and would come apart without."""
    if isinstance(plan, bracketed) and not (isinstance(plan, Or) and _listed(plan)):
        return f"({canonical(plan)})"
    return canonical(plan)


def _listed(plan: Or) -> str | None:
    """Return ``field:a,b`` where all parts are values of one field."""
    one_value = _one_value(plan)
    if one_value is not None:
        return one_value
    texts = [_value_of(part) for part in plan.parts]
    names = {text[0] for text in texts if text is not None}
    if None in texts or len(names) != 1:
        return None
    return f"{names.pop()}:{','.join(text[1] for text in texts if text is not None)}"


def _value_of(part: Plan) -> tuple[str, str] | None:
    text = _one_value(part) or (_term(part) if isinstance(part, Term) else "")
    name, colon, value = text.partition(":")
    plain = colon and not text.startswith('"') and not value.startswith(("<", ">"))
    return (name, value) if plain and not _is_free_text(part) else None


def _is_free_text(part: Plan) -> bool:
    return isinstance(part, Term) and part.fields == TEXT_FIELDS and isinstance(part.test, HasWords | HasLike)


def _one_value(plan: Plan) -> str | None:
    """Return ``actor:alice`` or ``action:updated`` for the two terms that it means."""
    match plan:
        case Or((Term(fields, Equals(text)), Term(addresses, LocalPart(local)))):
            if (fields, addresses, text) == (ACTOR_FIELDS, ADDRESS_FIELDS, local):
                return f"actor:{_text(text)}"
        case Or((Term(("action",), Equals(verb)), Term(("action",), Equals(word)))):
            if ACTION_WORDS.get(word) == verb:
                return f"action:{_text(word)}"
    return None


def _term(term: Term) -> str:
    name, test = _NAMES.get(term.fields, term.fields[0]), term.test
    if isinstance(test, Present):
        return f"has:{_text(name)}"
    name = name if _NAME.fullmatch(name) else _quoted(name)
    match test:
        case HasWords(text, open_end) if term.fields == TEXT_FIELDS:
            return _text(text) + "*" * open_end
        case HasLike(pieces) if term.fields == TEXT_FIELDS:
            return _starred(pieces)
        case Compare(operator, number):
            return f"{name}:{operator.removeprefix('=')}{_number(name, number)}"
        case Between(low, high):
            return f"{name}:{_number(name, low)}{RANGE}{_number(name, high)}"
        case AddressPrefix(text):
            return f"{name}:{text}"
        case InNetwork(network):
            return f"{name}:{network}"
        case HasWords(text, True) | StartsWith(text):
            return f"{name}:{_text(text)}*"
        case HasLike(pieces) | Like(pieces):
            return f"{name}:{_starred(pieces)}"
    return f"{name}:{_text(test.text)}"


def _number(name: str, number: float) -> str:
    return format_rfc3339(int(number)) if name in _TIMES else str(number)


def _starred(pieces: tuple[str, ...]) -> str:
    return "*".join(piece and _text(piece) for piece in pieces)


def _text(text: str) -> str:
    if _BARE.fullmatch(text) and RANGE not in text:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
