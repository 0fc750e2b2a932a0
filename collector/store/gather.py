"""Puts events of several batches together as one, in any order."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from collector.store.packing import Numbers
from watchbook.event import FIELD_BY_NAME
from watchbook.wire import Batch, Column


class Gathered:
    """Chosen events of some batches, one after the other: of each batch those at the given positions."""

    def __init__(self, pieces: Iterable[tuple[Batch, Numbers]]) -> None:
        pieces = list(pieces)
        self.n = sum(len(positions) for _, positions in pieces)
        picks = [_pick_of(batch, positions) for batch, positions in pieces]
        names = dict.fromkeys(chain.from_iterable(batch.columns for batch, _ in pieces))
        self._columns = {name: _joined(name, pieces, picks) for name in names}

    def batch(self, order: Numbers) -> Batch:
        """Return the events at these positions, in this order."""
        pick = _pick(order, self.n)
        columns: dict[str, Column] = {}
        for name, column in self._columns.items():
            if isinstance(column, str):
                columns[name] = column
                continue
            values = pick(column)
            first = values[0] if values else None
            if isinstance(first, str) and FIELD_BY_NAME[name].kind == "text" and _are_all(first, values):
                columns[name] = first
            elif first is not None or values.count(None) != len(values):
                columns[name] = values
        return Batch(len(order), columns)


def _are_all(value: str, values: Sequence[Any]) -> bool:
    return bool(values[-1] == value and values[len(values) // 2] == value and values.count(value) == len(values))


def _joined(name: str, pieces: Sequence[tuple[Batch, Numbers]], picks: Sequence[Any]) -> Column:
    constants = {column for batch, _ in pieces if isinstance(column := batch.columns.get(name), str)}
    if len(constants) == 1 and all(isinstance(batch.columns.get(name), str) for batch, _ in pieces):
        return constants.pop()
    return list(chain.from_iterable(_picked(name, pieces, picks)))


def _picked(name: str, pieces: Sequence[tuple[Batch, Numbers]], picks: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for (batch, positions), pick in zip(pieces, picks, strict=True):
        column = batch.columns.get(name)
        if column is None or isinstance(column, str):
            yield [column] * len(positions)
        else:
            yield pick(column)


def _pick_of(batch: Batch, positions: Numbers) -> Any:
    return _pick(positions, batch.n)


def _pick(positions: Numbers, size: int) -> Any:
    """Return what takes the values at the positions out of a list of ``size``."""
    count = len(positions)
    if count == 0:
        return lambda _: []
    first = int(positions[0])
    if count == 1:
        return lambda column: [column[first]]
    if bool((np.diff(positions) == 1).all()):
        if count == size:
            return lambda column: column
        return lambda column: column[first : first + count]
    getter = itemgetter(*positions.tolist())
    return lambda column: list(getter(column))
