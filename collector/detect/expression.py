"""A rule's condition as a tree of plain values: the form that is left when pySigma has done its work.

Leaves test one field.  ``any_of`` and ``all_of`` build flat trees and join equalities of one field into one set, which
is what makes the matcher's column tests cheap.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Literal, Protocol

Operator = Literal["lt", "lte", "gt", "gte"]

#: The field of a value without a field (a keyword), until it is known in which fields it is searched.
KEYWORD_MARK: Final = "\0keywords"


class Pattern(Protocol):
    """A compiled regular expression (RE2)."""

    def search(self, text: str, /) -> object:
        """Return a match or None."""
        ...


@dataclass(frozen=True)
class Equals:
    """The text is one of these; they are in lower case unless ``cased``.  Numbers and booleans count as their text."""

    texts: frozenset[str]
    cased: bool = False


@dataclass(frozen=True)
class Glob:
    """The text matches a pattern with ``*``: ``pieces`` are what stands between the stars, in order.

    The first piece is anchored at the start and the last at the end; an empty one there means that a star begins or
    ends the pattern.
    """

    pieces: tuple["Piece", ...]
    cased: bool = False


@dataclass(frozen=True)
class Piece:
    """A run of a glob without ``*``: the text, and the places in it where any one character will do."""

    text: str
    wild: tuple[int, ...] = ()


@dataclass(frozen=True)
class Matches:
    """A regular expression is found somewhere in the text; ``flags`` are letters of RE2: ``i``, ``m``, ``s``."""

    source: str
    pattern: Pattern
    flags: str = ""

    @property
    def whole(self) -> str:
        """The regular expression with its flags."""
        return f"(?{self.flags}){self.source}" if self.flags else self.source


@dataclass(frozen=True)
class InNetwork:
    """The text is an address in this network."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True)
class Compares:
    """The value is a number (or the text of one) and compares like this."""

    operator: Operator
    number: int | float


@dataclass(frozen=True)
class Absent:
    """The event has no such field."""


Test = Equals | Glob | Matches | InNetwork | Compares | Absent


@dataclass(frozen=True)
class Atom:
    """One field is tested."""

    field: str
    test: Test


@dataclass(frozen=True)
class And:
    """All of these hold."""

    args: tuple["Expression", ...]


@dataclass(frozen=True)
class Or:
    """At least one of these holds."""

    args: tuple["Expression", ...]


@dataclass(frozen=True)
class Not:
    """This does not hold."""

    arg: "Expression"


Expression = Atom | And | Or | Not


def any_of(args: Iterable[Expression]) -> Expression:
    """Return the disjunction of one or more expressions."""
    flat = [inner for arg in args for inner in (arg.args if isinstance(arg, Or) else (arg,))]
    sets: dict[tuple[str, bool], frozenset[str]] = {}
    rest: list[Expression] = []
    for arg in flat:
        if isinstance(arg, Atom) and isinstance(arg.test, Equals):
            key = (arg.field, arg.test.cased)
            sets[key] = sets.get(key, frozenset()) | arg.test.texts
        else:
            rest.append(arg)
    joined = [Atom(field, Equals(texts, cased)) for (field, cased), texts in sets.items()]
    return _one_or(Or, (*joined, *rest))


def all_of(args: Iterable[Expression]) -> Expression:
    """Return the conjunction of one or more expressions."""
    return _one_or(And, tuple(inner for arg in args for inner in (arg.args if isinstance(arg, And) else (arg,))))


def changed(expression: Expression, change: Callable[[Atom], Expression]) -> Expression:
    """Return an expression with something else in place of each of its leaves."""
    if isinstance(expression, Atom):
        return change(expression)
    if isinstance(expression, Not):
        return Not(changed(expression.arg, change))
    args = [changed(arg, change) for arg in expression.args]
    return all_of(args) if isinstance(expression, And) else any_of(args)


def fields_of(expression: Expression) -> Iterator[str]:
    """Yield the field of each leaf."""
    if isinstance(expression, Atom):
        yield expression.field
    elif isinstance(expression, Not):
        yield from fields_of(expression.arg)
    else:
        for arg in expression.args:
            yield from fields_of(arg)


def _one_or(kind: Callable[[tuple[Expression, ...]], Expression], args: tuple[Expression, ...]) -> Expression:
    return args[0] if len(args) == 1 else kind(args)
