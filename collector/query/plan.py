"""The plan: what a query asks for, as a tree of values, without any word on how it is found.

A leaf is a :class:`Term`: *some value of one of these fields passes this test*.  An event without any of the fields
does not pass, so ``Not(Term)`` finds the events that lack them.  Every engine (``match`` over decoded events, ``masks``
over indexes, an archive over its own files) compiles this tree; :func:`document` is its form for engines elsewhere.

Field names are those of :data:`watchbook.event.FIELD_NAMES`, :data:`RECEIVED`, ``measures.NAME``, ``details.PATH`` and
:data:`CHANGED_FIELD`.  Texts in tests are case-folded.  Times are numbers: microseconds since the epoch.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, Literal

#: The names of the fields that an event's ``changes`` speak of.
CHANGED_FIELD: Final = "changes.field"
#: When the event was made durable: known of the block it lies in, not a column of it.
RECEIVED: Final = "received"

Operator = Literal["=", ">", ">=", "<", "<="]


@dataclass(frozen=True, slots=True)
class Present:
    """Any value."""


@dataclass(frozen=True, slots=True)
class Equals:
    """The whole text, without regard to case."""

    text: str


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The beginning of the text, without regard to case; the empty text: any text."""

    text: str


@dataclass(frozen=True, slots=True)
class Like:
    """The pieces in this order, the first at the beginning, the last at the end, anything between them.

    There are two pieces or more; only the first and the last may be empty.
    """

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocalPart:
    """What stands before the ``@`` of an e-mail address."""

    text: str


@dataclass(frozen=True, slots=True)
class HasWords:
    """These words in this order, whole, anywhere in the text; ``open_end``: the last may go on."""

    text: str
    open_end: bool = False


@dataclass(frozen=True, slots=True)
class HasLike:
    """As :class:`Like`, but anywhere in the text: the first piece begins and the last one ends a word."""

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddressPrefix:
    """An IP address or its first groups: ``192.168.1`` is a prefix of 192.168.1.7, not of 192.168.10.7."""

    text: str


@dataclass(frozen=True, slots=True)
class InNetwork:
    """An IP address within a network (CIDR, RFC 4632)."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Compare:
    """A number that stands in this relation to ``number``."""

    operator: Operator
    number: float


@dataclass(frozen=True, slots=True)
class Between:
    """A number from ``low`` to ``high``, both included."""

    low: float
    high: float


Test = (
    Present
    | Equals
    | StartsWith
    | Like
    | LocalPart
    | HasWords
    | HasLike
    | AddressPrefix
    | InNetwork
    | Compare
    | Between
)


@dataclass(frozen=True, slots=True)
class Term:
    """Some value of one of the fields passes the test."""

    fields: tuple[str, ...]
    test: Test


@dataclass(frozen=True, slots=True)
class And:
    """All parts; without parts: every event."""

    parts: "tuple[Plan, ...]" = ()


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part."""

    parts: "tuple[Plan, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """Not this part."""

    part: "Plan"


Plan = And | Or | Not | Term

EVERYTHING: Final = And()


def all_of(parts: "list[Plan]") -> Plan:
    """Return the plan that asks for all parts."""
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def any_of(parts: "list[Plan]") -> Plan:
    """Return the plan that asks for at least one part."""
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def fields_of(plan: Plan) -> frozenset[str]:
    """Return the names of all fields that a plan looks at."""
    match plan:
        case Term(fields, _):
            return frozenset(fields)
        case Not(part):
            return fields_of(part)
        case And(parts) | Or(parts):
            return frozenset().union(*map(fields_of, parts))


def column_of(field: str) -> str:
    """Return the event's field that a name is a part of: ``details`` of ``details.a.b``."""
    group = field.partition(".")[0]
    return group if group in ("details", "measures", "changes") else field


def document(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON-able values.

    ``{"and": [plan …]}``, ``{"or": [plan …]}``, ``{"not": plan}``, ``{"fields": [name …], "test": NAME, "value": …}``:
    NAME is that of the test's class in lower case with ``_`` and ``value`` what it holds: a text, a list of
    pieces, ``[text, open_end]``, ``[operator, number]``, ``[low, high]``, or None for ``present``.
    """
    match plan:
        case And(parts):
            return {"and": [document(part) for part in parts]}
        case Or(parts):
            return {"or": [document(part) for part in parts]}
        case Not(part):
            return {"not": document(part)}
        case Term(fields, test):
            return {"fields": list(fields), "test": TEST_NAMES[type(test)], "value": _value(test)}


TEST_NAMES: Final[dict[type, str]] = {
    Present: "present", Equals: "equals", StartsWith: "starts_with", Like: "like", LocalPart: "local_part",
    HasWords: "has_words", HasLike: "has_like", AddressPrefix: "address_prefix", InNetwork: "in_network",
    Compare: "compare", Between: "between",
}  # fmt: skip


def _value(test: Test) -> Any:
    match test:
        case Present():
            return None
        case HasWords(text, open_end):
            return [text, open_end]
        case Like(pieces) | HasLike(pieces):
            return list(pieces)
        case InNetwork(network):
            return str(network)
        case Compare(operator, number):
            return [operator, number]
        case Between(low, high):
            return [low, high]
    return test.text
