"""Tests of single values: texts, numbers, addresses, lists.

A list passes when one of its items does.  Numbers and booleans are compared as texts where a rule gives a text, and
texts as numbers where it gives a bound.  Globs are an ordered search for their pieces, never a regular expression: one
glob turned into a regular expression was measured to cost 350 times as much.
"""

from collections.abc import Callable
from ipaddress import ip_address
from operator import ge, gt, le, lt
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Final

from collector.detect.expression import (
    Absent,
    Atom,
    Compares,
    Equals,
    Expression,
    Glob,
    InNetwork,
    Matches,
    Not,
    Operator,
    Piece,
    Test,
)
from collector.detect.fields import resolve, split_object

TextPredicate = Callable[[str], bool]
ValuePredicate = Callable[[Any], bool]

OPERATORS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


def value_predicate(test: Test) -> ValuePredicate:
    """Return the test of a value of any kind: None, text, number, boolean, list or object."""
    if isinstance(test, Absent):
        return lambda value: value is None
    if isinstance(test, Compares):
        return _number_predicate(test)
    passes = text_predicate(test)

    def predicate(value: Any) -> bool:
        if value is None:
            return False
        if type(value) is str:
            return passes(value)
        if isinstance(value, list):
            return any(map(predicate, value))
        text = text_of(value)
        return text is not None and passes(text)

    return predicate


def text_predicate(test: Equals | Glob | Matches | InNetwork) -> TextPredicate:
    """Return the test of a text."""
    if isinstance(test, Equals):
        texts = test.texts
        return (lambda text: text in texts) if test.cased else (lambda text: text.lower() in texts)
    if isinstance(test, Glob):
        return glob_predicate(test)
    if isinstance(test, Matches):
        search = test.pattern.search
        return lambda text: search(text) is not None
    return _network_predicate(test)


def glob_predicate(glob: Glob) -> TextPredicate:
    """Return the test of a text against a glob."""
    passes = _plain_glob(glob) or _ordered_search(glob)
    return passes if glob.cased else lambda text: passes(text.lower())


def text_of(value: Any) -> str | None:
    """Return the text that a scalar is compared as: ``5`` for 5 and 5.0, ``true`` for True; None for what has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else None


def number_of(value: Any) -> int | float | None:
    """Return a value as a number, None when it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def member_predicate(place: tuple[str, tuple[str, ...]], test: Test) -> ValuePredicate:
    """Return the test of what stands at a path of a decoded object (None: there is no object)."""
    (name, path), passes = place, value_predicate(test)
    if name == "measures":
        measure = ".".join(path)
        return lambda value: passes(None if value is None else value.get(measure))
    if name == "changes" and not isinstance(test, Absent):
        return _change_predicate(path[0], test, passes)  # the wire lets only lists of flat objects through
    return lambda value: passes(None if value is None else resolve(value, path))


def _change_predicate(member: str, test: Test, passes: ValuePredicate) -> ValuePredicate:
    texts = test.texts if isinstance(test, Equals) and not test.cased else None

    def predicate(changes: Any) -> bool:
        for change in changes or ():
            if member in change:
                value = change[member]
                if value.lower() in texts if texts is not None and type(value) is str else passes(value):
                    return True
        return False

    return predicate


def effort(expression: Expression) -> int:
    """Return how dear it is to evaluate: what decodes an object comes last."""
    if isinstance(expression, Not):
        return effort(expression.arg)
    if isinstance(expression, Atom):
        place = split_object(expression.field)
        if place is not None:
            return 2 if place[0] == "measures" else 100
        return 1 if isinstance(expression.test, Equals | Absent) else 10
    return sum(effort(arg) for arg in expression.args)


def _number_predicate(test: Compares) -> ValuePredicate:
    compare, bound = OPERATORS[test.operator], test.number

    def predicate(value: Any) -> bool:
        if isinstance(value, list):
            return any(map(predicate, value))
        number = number_of(value)
        return number is not None and compare(number, bound)

    return predicate


def _plain_glob(glob: Glob) -> TextPredicate | None:
    """Return contains, startswith or endswith where a glob is one of them."""
    if any(piece.wild for piece in glob.pieces):
        return None
    match [piece.text for piece in glob.pieces]:
        case ["", text, ""]:
            return lambda value: text in value
        case [text, ""]:
            return lambda value: value.startswith(text)
        case ["", text]:
            return lambda value: value.endswith(text)
    return None


def _ordered_search(glob: Glob) -> TextPredicate:
    first, *middle = glob.pieces
    if not middle:
        return lambda text: len(text) == len(first.text) and _stands_at(text, first, 0)
    last = middle.pop()

    def passes(text: str) -> bool:
        end = len(text) - len(last.text)
        position = len(first.text)
        if end < position or not _stands_at(text, first, 0) or not _stands_at(text, last, end):
            return False
        for piece in middle:
            # The leftmost place leaves the most room for the pieces that follow, so no other needs to be tried.
            position = _find(text, piece, position, end)
            if position < 0:
                return False
            position += len(piece.text)
        return True

    return passes


def _find(text: str, piece: Piece, start: int, end: int) -> int:
    if not piece.wild:
        return text.find(piece.text, start, end)
    for position in range(start, end - len(piece.text) + 1):
        if _stands_at(text, piece, position):
            return position
    return -1


def _stands_at(text: str, piece: Piece, position: int) -> bool:
    if not piece.wild:
        return text.startswith(piece.text, position)
    if position + len(piece.text) > len(text):
        return False
    begin = 0
    for wild in (*piece.wild, len(piece.text)):
        if not text.startswith(piece.text[begin:wild], position + begin):
            return False
        begin = wild + 1
    return True


def _network_predicate(test: InNetwork) -> TextPredicate:
    version, mask, prefix = test.network.version, int(test.network.netmask), int(test.network.network_address)

    def passes(text: str) -> bool:
        address = _address(text)
        return address is not None and address[0] == version and address[1] & mask == prefix

    return passes


def _address(text: str) -> tuple[int, int] | None:
    """Return the version and the number of an address, None for any other text.

    The C library reads what is usual in a tenth of the time; what it refuses (``fe80::1%eth0``), Python may know.
    """
    try:
        if ":" in text:
            return 6, int.from_bytes(inet_pton(AF_INET6, text))
        return 4, int.from_bytes(inet_pton(AF_INET, text))
    except (OSError, ValueError):  # a ValueError for a NUL or a lone surrogate
        pass
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.version, int(address)
