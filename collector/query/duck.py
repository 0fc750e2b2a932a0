"""A plan as SQL for DuckDB over an archive's columns: true of every event that matches, and of few others.

As for an index there are two conditions of each plan, what surely and what perhaps matches, and Not swaps them.  Every
value is a named parameter: no text of a user is part of the SQL.

What SQL cannot say exactly is said loosely.  DuckDB lowers letters, we fold them: the two agree on ASCII, so a text
with any other sign is "perhaps".  JSON texts (``details``, ``changes``, ``measures``, ``flags``) are looked through as
texts: a name or a value that stands in one must be in its text, unless it is written with a backslash.
"""

import re
from ipaddress import IPv4Network
from typing import Final, NamedTuple

from collector.query.archive import Condition
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
    Test,
)
from watchbook.event import FIELD_BY_NAME

_TRUE: Final = "TRUE"
_FALSE: Final = "FALSE"
_TIMES: Final = ("time", RECEIVED)
_PARAMETER: Final = re.compile(r"\$(q\d+)")
_GROUP_BITS: Final = 8
_GROUPS: Final = 4


class Bounds(NamedTuple):
    """SQL for what surely and for what perhaps matches; a NULL counts as false."""

    lower: str
    upper: str


def condition_of(plan: Plan) -> Condition:
    """Return a condition that holds for every event that matches."""
    compiler = _Compiler()
    sql = compiler.bounds(plan).upper
    # The other bound has parameters too, and DuckDB refuses a value that nothing in the SQL stands for.
    used = set(_PARAMETER.findall(sql))
    return Condition(sql, {name: value for name, value in compiler.values.items() if name in used})


class _Compiler:
    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def bounds(self, plan: Plan) -> Bounds:
        match plan:
            case Term(fields, test):
                return _joined(" OR ", [self._field(field, test) for field in fields], _FALSE)
            case And(parts):
                return _joined(" AND ", [self.bounds(part) for part in parts], _TRUE)
            case Or(parts):
                return _joined(" OR ", [self.bounds(part) for part in parts], _FALSE)
            case Not(part):
                lower, upper = self.bounds(part)
                return Bounds(f"({upper} IS NOT TRUE)", f"({lower} IS NOT TRUE)")

    def _field(self, field: str, test: Test) -> Bounds:
        if field in _TIMES:
            return Bounds(_FALSE, self._number(f'"{field}"', test))
        known = FIELD_BY_NAME.get(field)
        if known is not None and known.kind == "text":
            return self._text(f'"{field}"', test)
        if known is not None and known.kind in ("number", "integer"):
            return Bounds(_FALSE, self._number(f'"{field}"', test))
        group, _, path = field.partition(".")
        if group in ("details", "measures") and path:
            return Bounds(_FALSE, self._inside(f'"{group}"', path, test))
        if field == CHANGED_FIELD or (known is not None and known.kind == "texts"):
            column = '"changes"' if field == CHANGED_FIELD else f'"{field}"'
            return Bounds(_FALSE, f"({column} IS NOT NULL AND {self._written(column, _needle(test))})")
        return Bounds(_FALSE, _TRUE)

    def _text(self, column: str, test: Test) -> Bounds:
        if isinstance(test, Present) or (isinstance(test, StartsWith) and not test.text):
            return Bounds(f"({column} IS NOT NULL)", f"({column} IS NOT NULL)")
        if isinstance(test, Compare | Between):
            return Bounds(_FALSE, _FALSE)
        plain, exotic = f"strlen({column}) = length({column})", f"strlen({column}) != length({column})"
        found, exact = self._ascii_text(column, test)
        if found is None:
            return Bounds(_FALSE, f"({exotic})")
        return Bounds(f"({found} AND {plain})" if exact else _FALSE, f"({found} OR {exotic})")

    def _ascii_text(self, column: str, test: Test) -> tuple[str | None, bool]:
        """Return SQL for the ASCII texts that perhaps pass (None: none does), and whether it is exact."""
        lowered = f"lower({column})"
        if isinstance(test, InNetwork):
            return self._network(column, test), False
        if not all(map(str.isascii, _texts(test))):
            return None, False
        match test:
            case Equals(text):
                return f"{lowered} = {self._bind(text)}", True
            case StartsWith(text):
                return f"starts_with({lowered}, {self._bind(text)})", True
            case AddressPrefix(text):
                return f"starts_with({lowered}, {self._bind(text.casefold())})", False
            case LocalPart(text):
                return f"starts_with({lowered}, {self._bind(f'{text}@')})", False
            case Like((first, *_, last)):
                begins = f"starts_with({lowered}, {self._bind(first)})"
                return f"({begins} AND ends_with({lowered}, {self._bind(last)}))", False
        return f"contains({lowered}, {self._bind(_needle(test) or '')})", False

    def _network(self, column: str, test: InNetwork) -> str:
        """Return SQL for the groups that all addresses of a network share."""
        network = test.network
        if not isinstance(network, IPv4Network):
            return f"contains({column}, {self._bind(':')})"
        whole = network.prefixlen // _GROUP_BITS
        beginning = ".".join(str(network.network_address).split(".")[:whole])
        if not whole:
            return f"contains({column}, {self._bind('.')})"
        return f"starts_with({column}, {self._bind(beginning + '.' * (whole < _GROUPS))})"

    def _number(self, column: str, test: Test) -> str:
        """Return SQL for the numbers that perhaps pass: a double may stand for its neighbours."""
        try:
            match test:
                case Between(low, high):
                    return f"({column} BETWEEN {self._bind(float(low))} AND {self._bind(float(high))})"
                case Compare(operator, number):
                    loose = operator if operator == "=" else f"{operator[0]}="
                    return f"({column} {loose} {self._bind(float(number))})"
        except OverflowError:
            pass
        return f"({column} IS NOT NULL)"

    def _inside(self, column: str, path: str, test: Test) -> str:
        """Return SQL for objects that perhaps have a value of the test on a path."""
        name = path.partition(".")[0]
        parts = [f"contains({column}, {self._bind(chr(34) + name)})"] if _is_written_plainly(name) else []
        needle = _needle(test) if column == '"details"' and not _may_be_number(test) else None
        escaped = f"contains({column}, {self._bind(chr(92))})"
        named = f"(({' AND '.join(parts)}) OR {escaped})" if parts else _TRUE
        return f"({column} IS NOT NULL AND {named} AND {self._written(column, needle)})"

    def _written(self, column: str, needle: str | None) -> str:
        """Return SQL for JSON texts in which a text may stand."""
        if not needle or not needle.isascii() or not _is_written_plainly(needle):
            return _TRUE
        exotic = f"strlen({column}) != length({column})"
        escaped = f"contains({column}, {self._bind(chr(92))})"
        return f"(contains(lower({column}), {self._bind(needle)}) OR {escaped} OR {exotic})"

    def _bind(self, value: object) -> str:
        name = f"q{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def _texts(test: Test) -> tuple[str, ...]:
    match test:
        case Like(pieces) | HasLike(pieces):
            return pieces
        case Equals(text) | StartsWith(text) | LocalPart(text) | HasWords(text, _) | AddressPrefix(text):
            return (text,)
    return ()


def _needle(test: Test) -> str | None:
    """Return a text that is in every text that passes, case-folded; None: nothing is known to be."""
    longest = max(_texts(test), key=len, default="")
    return longest.casefold() or None


def _may_be_number(test: Test) -> bool:
    """Return whether a number may pass: its text in JSON need not be the one that is asked for."""
    match test:
        case HasWords() | HasLike() | LocalPart() | AddressPrefix():
            return False
        case Like(pieces):
            return not any(char.isalpha() and char != "e" for piece in pieces for char in piece)
    return not any(text[0].isalpha() for text in _texts(test) if text)


def _is_written_plainly(text: str) -> bool:
    """Return whether JSON writes a text as it is, if it does not escape what it need not."""
    return text.isprintable() and not any(char in text for char in '"\\')


def _joined(operator: str, parts: list[Bounds], empty: str) -> Bounds:
    if not parts:
        return Bounds(empty, empty)
    return Bounds(
        f"({operator.join(part.lower for part in parts)})", f"({operator.join(part.upper for part in parts)})"
    )
