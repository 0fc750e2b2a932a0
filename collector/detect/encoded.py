"""Expressions as plain lists and back: the form in which compiled rules are kept in the cache.

``["a", field, test]``, ``["&", args]``, ``["|", args]``, ``["!", arg]``; a test is ``["=", texts, cased]``,
``["*", [[text, wild] …], cased]``, ``["~", source, flags]``, ``["n", network]``, ``["c", operator, number]`` or
``["0"]``.  Equal expressions have equal lists.
"""

import hashlib
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import msgspec

from collector.detect.expression import (
    Absent,
    And,
    Atom,
    Compares,
    Equals,
    Expression,
    Glob,
    InNetwork,
    Matches,
    Not,
    Or,
    Piece,
    Test,
)
from collector.detect.patterns import matches

_DIGEST_BYTES = 16
#: Most globs begin or end with a star: they share this piece.
_NOTHING = Piece("")


def encode_expression(expression: Expression) -> list[Any]:
    """Return an expression as plain lists."""
    if isinstance(expression, Atom):
        return ["a", expression.field, _encode_test(expression.test)]
    if isinstance(expression, Not):
        return ["!", encode_expression(expression.arg)]
    return ["&" if isinstance(expression, And) else "|", [encode_expression(arg) for arg in expression.args]]


def decode_expression(plain: Sequence[Any]) -> Expression:
    """Return the expression of plain lists; raises ValueError, TypeError, KeyError or IndexError when it is none."""
    kind = plain[0]
    if kind == "a":
        return Atom(plain[1], _decode_test(plain[2]))
    if kind == "!":
        return Not(decode_expression(plain[1]))
    if kind == "&":
        return And(tuple(map(decode_expression, plain[1])))
    if kind == "|":
        return Or(tuple(map(decode_expression, plain[1])))
    raise ValueError(f"{kind!r} is no kind of expression")


def digest(value: Any) -> str:
    """Return what names a plain value: the same for equal ones."""
    return hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=_DIGEST_BYTES).hexdigest()


def _encode_test(test: Test) -> list[Any]:
    if isinstance(test, Equals):
        return ["=", sorted(test.texts), test.cased]
    if isinstance(test, Glob):
        return ["*", [[piece.text, list(piece.wild)] for piece in test.pieces], test.cased]
    if isinstance(test, Matches):
        return ["~", test.source, test.flags]
    if isinstance(test, InNetwork):
        return ["n", str(test.network)]
    if isinstance(test, Compares):
        return ["c", test.operator, test.number]
    return ["0"]


def _decode_test(plain: Sequence[Any]) -> Test:
    kind = plain[0]
    if kind == "=":
        return Equals(frozenset(plain[1]), plain[2])
    if kind == "*":
        pieces = [Piece(text, tuple(wild)) if text else _NOTHING for text, wild in plain[1]]
        return Glob(tuple(pieces), plain[2])
    if kind == "~":
        return matches(plain[1], plain[2])
    if kind == "n":
        return InNetwork(ip_network(plain[1]))
    if kind == "c":
        return Compares(plain[1], plain[2])
    if kind == "0":
        return Absent()
    raise ValueError(f"{kind!r} is no kind of test")
