"""Compiles a plan into a selection over a block: column first, so that most events are never looked at one by one.

A :data:`Select` takes a block and ascending candidate indexes and returns those that match, ascending.  Constant
columns and columns nobody filled are decided at once; the cheap parts of an And come first; ``details`` and ``changes``
are decoded only for what the other parts left over.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from collector.block import DecodedBlock
from collector.query.plan import RECEIVED, And, HasLike, HasWords, Not, Or, Plan, Term
from collector.query.values import loose_test, number_test, piece_of, text_test, values_at, whole_words
from watchbook.coded import Coded
from watchbook.event import FIELD_BY_NAME

Select = Callable[[DecodedBlock, Sequence[int]], Sequence[int]]

#: From this many candidates on it pays to test the distinct values of a column instead of every one.
_DISTINCT_FROM: Final = 32


def compile_plan(plan: Plan) -> Select:
    """Return the selection that a plan asks for."""
    match plan:
        case Term():
            return _term(plan)
        case Not(part):
            return _not(compile_plan(part))
        case Or(parts):
            return _or([compile_plan(part) for part in parts])
        case And(parts):
            return _and([compile_plan(part) for part in sorted(parts, key=_cost)])


def _cost(plan: Plan) -> int:
    match plan:
        case Term(fields, HasWords() | HasLike()):
            return 4 + len(fields)
        case Term(fields, _):
            return sum(20 if _is_loose(field) else 1 for field in fields)
        case Not(part):
            return _cost(part)
        case Or(parts) | And(parts):
            return sum(map(_cost, parts))


def _and(parts: Sequence[Select]) -> Select:
    def select(block: DecodedBlock, candidates: Sequence[int]) -> Sequence[int]:
        for part in parts:
            if not candidates:
                break
            candidates = part(block, candidates)
        return candidates

    return select


def _or(parts: Sequence[Select]) -> Select:
    def select(block: DecodedBlock, candidates: Sequence[int]) -> Sequence[int]:
        found: set[int] = set()
        for part in parts:
            found.update(part(block, [index for index in candidates if index not in found]))
        return [index for index in candidates if index in found]

    return select


def _not(part: Select) -> Select:
    def select(block: DecodedBlock, candidates: Sequence[int]) -> Sequence[int]:
        left_out = set(part(block, candidates))
        return [index for index in candidates if index not in left_out]

    return select


def _term(term: Term) -> Select:
    return _or([_field(field, term) for field in term.fields])


def _field(field: str, term: Term) -> Select:
    if field == RECEIVED:
        return _received(term)
    if field not in FIELD_BY_NAME or FIELD_BY_NAME[field].kind != "text":
        return _loose(field, term)
    return _words(field, term.test) if isinstance(term.test, HasWords | HasLike) else _text(field, term)


def _is_loose(field: str) -> bool:
    """Whether the field's values are not simply texts in a column."""
    return field not in FIELD_BY_NAME or FIELD_BY_NAME[field].kind != "text"


def _text(field: str, term: Term) -> Select:
    test, piece = text_test(term.test), piece_of(term.test)

    def select(block: DecodedBlock, candidates: Sequence[int]) -> Sequence[int]:
        if _surely_lacks(block, field, piece, candidates):
            return ()
        coded = block.batch.coded(field)
        if coded is not None:
            return _passing_codes(coded, test, candidates)
        column = block.batch.columns.get(field)
        if column is None:
            return ()
        if isinstance(column, str):
            return candidates if test(column) else ()
        if len(candidates) < _DISTINCT_FROM:
            return [index for index in candidates if (value := column[index]) is not None and test(value)]
        passing = {value for value in set(column) if value is not None and test(value)}
        return [index for index in candidates if column[index] in passing] if passing else ()

    return select


def _surely_lacks(block: DecodedBlock, field: str, piece: bytes | None, candidates: Sequence[int]) -> bool:
    return piece is not None and len(candidates) >= _DISTINCT_FROM and block.batch.surely_lacks(field, piece)


def _words(field: str, words: HasWords | HasLike) -> Select:
    has_words = whole_words(words)
    needle = words.text if isinstance(words, HasWords) else max(words.pieces, key=len)
    piece = piece_of(words)

    def select(block: DecodedBlock, candidates: Sequence[int]) -> Sequence[int]:
        if _surely_lacks(block, field, piece, candidates):
            return ()
        coded = block.batch.coded(field)
        if coded is not None:
            return _passing_codes(coded, lambda value: has_words(value.casefold()), candidates)
        column = block.batch.columns.get(field)
        if column is None:
            return ()
        if isinstance(column, str):
            return candidates if has_words(column.casefold()) else ()
        # One search over the whole column: most columns do not hold the words at all.
        if len(candidates) >= _DISTINCT_FROM and needle not in "\n".join(filter(None, column)).casefold():
            return ()
        return [index for index in candidates if (value := column[index]) is not None and has_words(value.casefold())]

    return select


def _passing_codes(coded: Coded, test: Callable[[str], bool], candidates: Sequence[int]) -> Sequence[int]:
    if len(candidates) < _DISTINCT_FROM:
        return [index for index in candidates if (value := coded.at(index)) is not None and test(value)]
    passing = {code for code, value in enumerate(coded.values) if value is not None and test(value)}
    if not passing:
        return ()
    codes = coded.codes()
    return [index for index in candidates if codes[index] in passing]


def _loose(field: str, term: Term) -> Select:
    test = loose_test(term.test)
    values = values_at(field)

    def select(block: DecodedBlock, candidates: Sequence[int]) -> Sequence[int]:
        found = values(block.batch)
        return [index for index in candidates if any(map(test, found(index)))] if found else ()

    return select


def _received(term: Term) -> Select:
    test: Callable[[Any], bool] = number_test(term.test)

    def select(block: DecodedBlock, candidates: Sequence[int]) -> Sequence[int]:
        if block.identities is None:
            return candidates if test(block.info.received) else ()
        return [index for index in candidates if test(block.identities[index].received)]

    return select
