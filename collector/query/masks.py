"""Compiles a plan for one segment's index: for each chunk, which rows surely and which perhaps match.

A plan becomes a *node*: a :class:`Pair` where the dictionaries alone decide it for the whole segment (a user that never
appears there), else a function of a chunk.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo
from collector.query.addresses import ipv4_mask, may_be_ipv6
from collector.query.numbers import number_masks, time_mask
from collector.query.plan import (
    RECEIVED,
    And,
    Between,
    Compare,
    Equals,
    HasLike,
    HasWords,
    Not,
    Or,
    Plan,
    Present,
    Term,
    Test,
)
from collector.query.sure import (
    ALL,
    NONE,
    PERHAPS,
    AnyMask,
    Pair,
    and_mask,
    both_pairs,
    either_pair,
    negated_pair,
    or_mask,
    tidy,
)
from collector.query.values import number_test
from collector.query.wanted import wanted
from collector.view import (
    MULTI_VALUED,
    AddressColumn,
    ChunkInfo,
    CodedColumn,
    Codes,
    Column,
    HashedColumn,
    IndexView,
    Mask,
    NumberColumn,
    Passing,
)
from collector.words import checksum
from watchbook.event import FIELD_BY_NAME

OfChunk = Callable[[ChunkInfo], Pair]
Node = Pair | OfChunk
#: Finds the blocks of a chunk's rows.
Blocks = Callable[[ChunkInfo], Sequence[BlockInfo]]

#: Fields whose columns are never coded, whatever their kind; see :meth:`collector.view.IndexView.column`.
_UNCODED: Final = frozenset({"source.ip", "source.session_id", "source.request_id"})
#: Fields of which an index may know no more than that there is something.
_LOOSE: Final = frozenset({"changes", "details", "measures"})
#: The kinds of an address column.
_OTHER: Final = 1
_IPV4: Final = 4
_IPV6: Final = 6
#: Up to so many codes are compared one by one; more are looked up in a table.
_COMPARED_MAX: Final = 3


class SegmentMasks:
    """A plan, compiled for one segment's index."""

    def __init__(self, plan: Plan, view: IndexView, blocks: Blocks) -> None:
        self._view = view
        self._blocks = blocks
        self._node = self._compile(plan)

    @property
    def never(self) -> bool:
        """Whether surely nothing in the segment's index matches."""
        return isinstance(self._node, Pair) and self._node.upper is False

    def of(self, chunk: ChunkInfo) -> Pair:
        """Return which rows of a chunk match."""
        return self._node if isinstance(self._node, Pair) else self._node(chunk)

    def _compile(self, plan: Plan) -> Node:
        match plan:
            case Term(fields, test):
                return either([self._field(field, test) for field in fields])
            case And(parts):
                return both([self._compile(part) for part in sorted(parts, key=_cost)])
            case Or(parts):
                return either([self._compile(part) for part in parts])
            case Not(part):
                return negated(self._compile(part))

    def _field(self, field: str, test: Test) -> Node:
        if field == "time":
            return lambda chunk: _time_pair(self._view.times(chunk), test)
        if field == RECEIVED:
            return lambda chunk: _received_pair(self._blocks(chunk), chunk, test)
        if is_coded(field):
            if isinstance(test, Compare | Between):
                return NONE
            return self._coded(field, test)
        column_of = field.partition(".")[0] if field.startswith("details.") else field
        return lambda chunk: _column_pair(self._view.column(chunk, column_of), field, test)

    def _coded(self, field: str, test: Test) -> Node:
        if isinstance(test, Present):
            return lambda chunk: _column_pair(self._view.column(chunk, field), field, test)
        passing = self._view.passing(field, wanted(field, test))
        if not len(passing.upper):
            return NONE
        lookup = _Lookup(passing, self._view.size(field))

        def of_chunk(chunk: ChunkInfo) -> Pair:
            column = self._view.column(chunk, field)
            if isinstance(column, CodedColumn):
                return lookup.pair(column.codes)
            return _column_pair(column, field, test)

        return of_chunk


class _Lookup:
    """Finds the codes that pass, of a dictionary with codes up to ``size``."""

    def __init__(self, passing: Passing, size: int) -> None:
        self._upper = _codes_mask(passing.upper, size)
        same = len(passing.lower) == len(passing.upper)
        self._lower = self._upper if same else _codes_mask(passing.lower, size)

    def pair(self, codes: Codes) -> Pair:
        upper = tidy(self._upper(codes))
        if upper is False or self._lower is self._upper:
            return Pair(upper, upper)
        return Pair(tidy(self._lower(codes)), upper)


def _codes_mask(wanted_codes: NDArray[np.int64], size: int) -> Callable[[Codes], AnyMask]:
    known = wanted_codes.tolist()
    if not known:
        return lambda _: False
    table = np.zeros(max(known[-1], size) + 1, np.bool_)
    table[wanted_codes] = True

    def mask(codes: Codes) -> AnyMask:
        if codes.strides == (0,):  # one code for all rows
            return bool(len(codes)) and bool(table[codes[0]])
        if len(known) > _COMPARED_MAX:
            looked_up: Mask = table[codes]
            return looked_up
        found: Mask = codes == known[0]
        for code in known[1:]:
            found |= codes == code
        return found

    return mask


def is_coded(field: str) -> bool:
    """Return whether an index holds a field as codes."""
    known = FIELD_BY_NAME.get(field)
    return field in MULTI_VALUED or (known is not None and known.kind == "text" and field not in _UNCODED)


def present(column: Column) -> AnyMask:
    """Return which rows of a column have a value."""
    match column:
        case CodedColumn(codes) | HashedColumn(codes):
            there: AnyMask = bool(len(codes)) and bool(codes[0]) if codes.strides == (0,) else codes != 0
            return there
        case NumberColumn(values):
            return ~np.isnan(values)
        case AddressColumn(_, kinds):
            is_there: Mask = kinds != 0
            return is_there
    return column.present


def _column_pair(column: Column | None, field: str, test: Test) -> Pair:
    """Return what a column says about a test, whatever kind of column it is."""
    if column is None:
        return NONE
    if isinstance(test, Present):
        there = present(column)
        # Changes may be an empty list, and nothing is known of what lies in details.
        known = isinstance(column, CodedColumn | NumberColumn) or field.partition(".")[0] not in _LOOSE
        return Pair(there, there) if known or field in ("details", "measures") else Pair(False, there)
    if isinstance(column, NumberColumn):
        masks = number_masks(column, test)
        return Pair(False, present(column)) if masks is None else Pair(*masks)
    if isinstance(column, AddressColumn | HashedColumn) and isinstance(test, Compare | Between):
        return NONE
    if isinstance(column, AddressColumn):
        return _address_pair(column, test)
    if isinstance(column, HashedColumn) and isinstance(test, Equals):
        return Pair(False, tidy(column.checksums == checksum(test.text)))
    return Pair(False, present(column))


def _address_pair(column: AddressColumn, test: Test) -> Pair:
    passing = ipv4_mask(column.numbers, test)
    if passing is None:
        return Pair(False, present(column))
    sure = tidy(and_mask(passing, _is_kind(column.kinds, _IPV4)))
    perhaps = _is_kind(column.kinds, _OTHER)
    if may_be_ipv6(test):
        perhaps = or_mask(perhaps, _is_kind(column.kinds, _IPV6))
    perhaps = tidy(perhaps)
    return Pair(sure, sure) if perhaps is False else Pair(sure, or_mask(sure, perhaps))


def _is_kind(kinds: NDArray[np.uint8], kind: int) -> AnyMask:
    if kinds.strides == (0,):  # one kind for all rows
        return bool(len(kinds)) and int(kinds[0]) == kind
    mask: Mask = kinds == kind
    return mask


def _time_pair(times: NDArray[np.int64], test: Test) -> Pair:
    mask = time_mask(times, test)
    return PERHAPS if mask is None else Pair(mask, mask)


def _received_pair(infos: Sequence[BlockInfo], chunk: ChunkInfo, test: Test) -> Pair:
    """Return what the blocks say: of a mixed one only the latest receipt is known, so the others may be earlier."""
    passes = number_test(test)
    upper, lower = np.zeros(chunk.n, np.bool_), np.zeros(chunk.n, np.bool_)
    low = test.low if isinstance(test, Between) else None
    for info in infos:
        rows = slice(max(0, info.row - chunk.row), max(0, info.row + info.n - chunk.row))
        if info.stream:
            lower[rows] = upper[rows] = passes(info.received)
        elif low is not None:
            upper[rows] = info.received >= low
        elif isinstance(test, Compare):
            bound, operator = test.number, test.operator
            upper[rows] = passes(info.received) if operator in (">", ">=") else True
            lower[rows] = operator in ("<", "<=") and passes(info.received)
            if operator == "=":
                upper[rows] = info.received >= bound
        else:
            upper[rows] = True
    return Pair(lower, upper)


def both(nodes: Sequence[Node]) -> Node:
    """Return the node of rows that all nodes have."""
    waiting = [node for node in nodes if not isinstance(node, Pair)]
    known = ALL
    for node in nodes:
        if isinstance(node, Pair):
            known = both_pairs(known, node)
    if known.upper is False or not waiting:
        return known

    def of_chunk(chunk: ChunkInfo) -> Pair:
        pair = known
        for node in waiting:
            pair = both_pairs(pair, node(chunk))
            if pair.upper is False:
                return NONE
        return pair

    return of_chunk


def either(nodes: Sequence[Node]) -> Node:
    """Return the node of rows that at least one node has."""
    waiting = [node for node in nodes if not isinstance(node, Pair)]
    known = NONE
    for node in nodes:
        if isinstance(node, Pair):
            known = either_pair(known, node)
    if known.lower is True or not waiting:
        return known

    def of_chunk(chunk: ChunkInfo) -> Pair:
        pair = known
        for node in waiting:
            pair = either_pair(pair, node(chunk))
        return pair

    return of_chunk


def negated(node: Node) -> Node:
    """Return the node of the other rows."""
    if isinstance(node, Pair):
        return negated_pair(node)
    return lambda chunk: negated_pair(node(chunk))


def _cost(plan: Plan) -> int:
    match plan:
        case Term(fields, HasWords() | HasLike()):
            return 4 + len(fields)
        case Term(fields, _):
            return sum(1 if is_coded(field) else 3 for field in fields)
        case Not(part):
            return _cost(part)
        case Or(parts) | And(parts):
            return sum(map(_cost, parts))
