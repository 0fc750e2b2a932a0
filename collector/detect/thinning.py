"""Matches of stored blocks, put back into the order in which they arrived.

Sealed and archived segments hold their events in order of time.  Whether an event matches does not depend on that
order, what it counts for does: so matches are found block by block as they lie, and what the rules need to know of each
is kept and given back as the batches that once came, without the events that match nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo, DecodedBlock, Identity, IdentityColumns
from collector.detect.expression import Atom, Expression, Not
from collector.detect.fields import split_object
from collector.detect.rule import Rule
from collector.detect.view import BatchView
from watchbook.wire import Batch

_Numbers = NDArray[np.int64]
_TIME: Final = "time"


class Thinned:
    """The matches of some blocks.  ``fields`` are the columns that are kept of each."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in dict.fromkeys([_TIME, *fields])}
        self._names: dict[str, int] = {}
        self._parts: list[tuple[_Numbers, ...]] = []
        self._segments: list[str] = []

    def __len__(self) -> int:
        return len(self._columns[_TIME])

    def add(self, block: DecodedBlock, view: BatchView, indices: Sequence[int]) -> None:
        """Keep the events at some indices of a block."""
        for name, values in self._columns.items():
            values.extend(_picked(view, name, indices))
        columns, at = block.identity_columns(), np.asarray(indices, np.int64)
        codes = np.array([self._names.setdefault(name, len(self._names)) for name in columns.names], np.int64)
        self._parts.append(
            (
                columns.numbers[at],
                codes[columns.streams[at]],
                columns.sequences[at],
                columns.indexes[at],
                columns.received[at],
            )
        )

    def blocks(self, segment: str) -> Iterator[DecodedBlock]:
        """Yield what is left of each batch, in order of arrival, as a block of a segment.

        A block's ``info`` is that of the whole batch as far as it is known: ``n`` reaches to its last event here.
        """
        if not self._parts:
            return
        joined = [np.concatenate(parts) for parts in zip(*self._parts, strict=True)]
        order = np.argsort(joined[0], kind="stable")
        numbers, streams, sequences, indexes, received = (column[order] for column in joined)
        firsts = numbers - indexes
        begins = np.flatnonzero(np.concatenate(([True], firsts[1:] != firsts[:-1])))
        places = order.tolist()
        names = list(self._names)
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(places)], strict=True):
            taken = places[begin:end]
            columns = {name: [values[place] for place in taken] for name, values in self._columns.items()}
            times = columns[_TIME]
            first = int(firsts[begin])
            info = BlockInfo(
                number=first,
                n=int(numbers[end - 1]) - first + 1,
                tmin=min(times),
                tmax=max(times),
                received=int(received[begin]),
                stream=names[int(streams[begin])],
                sequence=int(sequences[begin]),
                segment=segment,
            )
            there = {name: values for name, values in columns.items() if any(value is not None for value in values)}
            yield DecodedBlock(info, Batch(len(taken), there), _Places(info, indexes[begin:end]))


class _Places(Sequence[Identity]):
    """The identities of some events of one batch."""

    def __init__(self, info: BlockInfo, indexes: _Numbers) -> None:
        self._info = info
        self._indexes = indexes

    def __len__(self) -> int:
        return len(self._indexes)

    def __getitem__(self, at: Any) -> Any:
        info, index = self._info, int(self._indexes[at])
        return Identity(info.stream, info.sequence, index, info.received, info.number + index)

    def columns(self) -> IdentityColumns:
        """Return them as columns."""
        info, zeros = self._info, np.zeros(len(self._indexes), np.int64)
        return IdentityColumns(
            (info.stream,), zeros, zeros + info.sequence, self._indexes, zeros + info.received,
            info.number + self._indexes,
        )  # fmt: skip


def fields_of(rules: Iterable[Rule], also: Iterable[str] = ()) -> list[str]:
    """Return the columns that some rules look at, to match, to group and to count; ``also``: other fields."""
    names: dict[str, None] = dict.fromkeys(also)
    for rule in rules:
        for number, matcher in enumerate(rule.matchers):
            names.update(dict.fromkeys(_fields_in(matcher.expression)))
            names.update(dict.fromkeys(rule.fields_of(number)))
        names.update(dict.fromkeys(rule.condition.fields))
    return list(dict.fromkeys(name if (place := split_object(name)) is None else place[0] for name in names))


def _fields_in(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Atom):
        yield expression.field
    elif isinstance(expression, Not):
        yield from _fields_in(expression.arg)
    else:
        for arg in expression.args:
            yield from _fields_in(arg)


def _picked(view: BatchView, name: str, indices: Sequence[int]) -> Sequence[Any]:
    column = view.batch.columns.get(name)
    if column is None or isinstance(column, str):
        return [column] * len(indices)
    if len(indices) == view.n:
        return column
    return view.at(name, indices)
