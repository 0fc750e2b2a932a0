"""The query language: a text becomes a plan, or an error that names the place.

::

    query  = and { "OR" and }
    and    = part { [ "AND" ] part }
    part   = ( "-" | "NOT" ) part | "(" query ")" | term
    term   = field ":" ( value { "," value } | ( ">" | ">=" | "<" | "<=" ) value )
           | "has" ":" field { "," field }
           | value
    field  = word | '"' text '"'
    value  = piece { "*" piece }
    piece  = word | '"' text '"' | nothing

Terms side by side must all hold; values in a list are alternatives.  A value without a field is free text: whole words,
in any of the fields people read.  Quotes make everything literal, with ``\\"`` and ``\\\\`` inside.  A ``*`` outside of
quotes stands for anything.  ``low..high`` is a range where the field holds numbers, durations or times, and either end
may be missing.  Case never matters, except in the words OR, AND, NOT and in the paths of ``details`` and ``measures``.
"""

from collections.abc import Callable
from typing import Final

from collector.query.errors import QueryError
from collector.query.fields import HAS, Target, present_target, target_of
from collector.query.pattern import Value, joined
from collector.query.plan import EVERYTHING, Not, Plan, Present, Term, all_of, any_of
from collector.query.terms import comparison_term, text_term, value_term

#: Longest query that is read, in characters.
QUERY_CHARS_MAX: Final = 4096
#: Most values in one query.
VALUES_MAX: Final = 256
#: Deepest nesting of parentheses and negations.
DEPTH_MAX: Final = 32

_ENDS_WORD: Final = frozenset('()"')
_ENDS_VALUE: Final = frozenset('(),"')


def parse_query(text: str, now: int = 0, *, chars_max: int = QUERY_CHARS_MAX) -> Plan:
    """Return the plan of a query; the empty query asks for every event.

    ``now`` (microseconds since the epoch) is what relative times count from.  Raises QueryError.
    """
    if len(text) > chars_max:
        raise QueryError(f"the query has {len(text)} characters, the limit is {chars_max}", chars_max)
    return _Parser(text, now).parse()


class _Parser:
    """Recursive descent over the text itself; ``_at`` is the offset of the next character."""

    def __init__(self, text: str, now: int) -> None:
        self._text = text
        self._now = now
        self._at = 0
        self._depth = 0
        self._values = 0

    def parse(self) -> Plan:
        self._skip_space()
        if not self._next():
            return EVERYTHING
        plan = self._query()
        if self._next():
            raise QueryError("this ')' closes nothing; quote it to search for it", self._at)
        return plan

    def _query(self) -> Plan:
        parts = [self._and()]
        while self._keyword("OR"):
            parts.append(self._and())
        return any_of(parts)

    def _and(self) -> Plan:
        parts: list[Plan] = []
        while True:
            self._skip_space()
            if not self._next() or self._next() == ")" or (parts and self._sees("OR")):
                break
            if parts:
                self._keyword("AND")
            parts.append(self._part())
        if not parts:
            raise QueryError("expected a word, a field:value or a '(' here", self._at)
        return all_of(parts)

    def _part(self) -> Plan:
        self._skip_space()
        start = self._at
        if self._next() == "-":
            self._at += 1
            if not self._next() or self._next().isspace() or self._next() == "-":
                raise QueryError("expected what to leave out right after '-'; quote a '-' to search for it", start)
            return self._nested(start, lambda: Not(self._part()))
        if self._keyword("NOT"):
            return self._nested(start, lambda: Not(self._part()))
        if self._next() == "(":
            return self._nested(start, self._group)
        return self._term()

    def _nested(self, start: int, read: Callable[[], Plan]) -> Plan:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise QueryError(f"the query nests deeper than {DEPTH_MAX} levels", start)
        plan = read()
        self._depth -= 1
        return plan

    def _group(self) -> Plan:
        start = self._at
        self._at += 1
        plan = self._query()
        if self._next() != ")":
            raise QueryError("this '(' is never closed; add a ')', or quote it to search for it", start)
        self._at += 1
        return plan

    def _term(self) -> Plan:
        start = self._at
        if self._next() in ("", ")") or self._sees("OR") or self._sees("AND"):
            raise QueryError("expected a word, a field:value or a '(' here", start)
        if self._next() != '"':
            name, colon, _ = self._peek_word().partition(":")
            if colon and "*" not in name:
                self._at += len(name) + 1
                return self._named(name, start)
        value = self._read_value(_ENDS_WORD)
        if value.quoted and self._next() == ":":
            self._at += 1
            return self._named(value.text, start)
        if value.anything:
            raise QueryError("expected a word before '*'", start)
        return text_term(value)

    def _named(self, name: str, start: int) -> Plan:
        if not name:
            raise QueryError("expected the name of a field before ':'; quote it to search for it", start)
        return self._has() if name.lower() == HAS else self._field(target_of(name, start))

    def _has(self) -> Plan:
        return self._list(HAS, lambda value: Term(present_target(value.text, value.position).fields, Present()))

    def _field(self, target: Target) -> Plan:
        if self._next() in ("<", ">"):
            return self._comparison(target)
        return self._list(target.name, lambda value: value_term(target, value, self._now))

    def _list(self, name: str, plan_of: Callable[[Value], Plan]) -> Plan:
        start = self._at
        parts: list[Plan] = []
        while True:
            value = self._read_value(_ENDS_VALUE)
            if value.plain and not value.text and not value.quoted:
                raise QueryError(f"expected a value for {name!r}", value.position)
            parts.append(plan_of(value))
            if self._next() != ",":
                break
            self._at += 1
        if self._next() in ("(", '"'):
            raise QueryError(f"expected a blank after the value of {name!r} that begins at {start}", self._at)
        return any_of(parts)

    def _comparison(self, target: Target) -> Plan:
        start = self._at
        operator = self._text[start : start + 2] if self._text.startswith("=", start + 1) else self._next()
        self._at += len(operator)
        value = self._read_value(_ENDS_VALUE)
        if self._next() == ",":
            raise QueryError("a comparison takes one number; write the field again for another", self._at)
        return comparison_term(target, operator, value, self._now)

    def _read_value(self, ends: frozenset[str]) -> Value:
        self._values += 1
        if self._values > VALUES_MAX:
            raise QueryError(f"the query has more than {VALUES_MAX} values", self._at)
        start = self._at
        quoted = self._next() == '"'
        pieces = [self._read_piece(ends)]
        while self._next() == "*":
            self._at += 1
            pieces.append(self._read_piece(ends))
        return Value(joined(pieces), start, quoted and len(pieces) == 1)

    def _read_piece(self, ends: frozenset[str]) -> str:
        if self._next() == '"':
            return self._read_quoted()
        start = self._at
        while self._next() and not self._next().isspace() and self._next() not in ends and self._next() != "*":
            self._at += 1
        return self._text[start : self._at]

    def _read_quoted(self) -> str:
        start = self._at
        self._at += 1
        characters: list[str] = []
        while (character := self._next()) and character != '"':
            if character == "\\" and self._text[self._at + 1 : self._at + 2] in ('"', "\\"):
                self._at += 1
                character = self._next()
            characters.append(character)
            self._at += 1
        if not character:
            raise QueryError("this quote is never closed; add a '\"'", start)
        self._at += 1
        return "".join(characters)

    def _peek_word(self) -> str:
        end = self._at
        while end < len(self._text) and not self._text[end].isspace() and self._text[end] not in _ENDS_WORD:
            end += 1
        return self._text[self._at : end]

    def _keyword(self, word: str) -> bool:
        """Step over an operator word, if it stands here."""
        self._skip_space()
        if not self._sees(word):
            return False
        self._at += len(word)
        return True

    def _sees(self, word: str) -> bool:
        after = self._text[self._at + len(word) : self._at + len(word) + 1]
        return self._text.startswith(word, self._at) and (not after or after.isspace() or after == "(")

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_space(self) -> None:
        while self._next().isspace():
            self._at += 1
