"""The plan: what a query asks for, as a tree of values, without any word on how it is found.

A leaf is a :class:`Term`: *some value of one of these fields passes this test*.  An event without any of the fields
does not pass, so ``Not(Term)`` finds the events that lack them.  Every engine (today: ``match``) compiles this tree.

Field names are those of :data:`watchbook.event.FIELD_NAMES`, ``measures.NAME``, ``details.PATH`` and
:data:`CHANGED_FIELD`.  Texts in tests are case-folded.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Literal

#: The names of the fields that an event's ``changes`` speak of.
CHANGED_FIELD: Final = "changes.field"

Operator = Literal["=", ">", ">=", "<", "<="]


@dataclass(frozen=True, slots=True)
class Equals:
    """The whole text, without regard to case."""

    text: str


@dataclass(frozen=True, slots=True)
class StartsWith:
    """The beginning of the text, without regard to case; the empty text: any value."""

    text: str


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


Test = Equals | StartsWith | LocalPart | HasWords | AddressPrefix | InNetwork | Compare


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
