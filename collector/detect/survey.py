"""A condition decided on whole columns, as far as they say: the first of the two steps of matching.

A test of a column with few distinct values is made once of each of them, whatever the number of events, and what it
said of a text is remembered from batch to batch.  The rest is Boolean algebra on masks.  A test that would cost as much
as looking at every event is left open: a survey says which events match surely and which possibly.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from collector.detect.expression import And, Atom, Compares, Equals, Expression, Not
from collector.detect.fields import TEXT_FIELDS, split_object
from collector.detect.masks import Mask, both, either, mask_of_codes, mask_of_indices, neither
from collector.detect.values import ValuePredicate, effort, member_predicate, value_predicate
from collector.detect.view import BatchView

_MEMORY: Final = 8192


class Survey(NamedTuple):
    """What columns say of a condition: ``sure`` events match, those that are not ``possible`` do not.

    The two are the very same object when nothing is open.
    """

    sure: Mask
    possible: Mask


Surveyor = Callable[[BatchView], Survey]
_NOTHING: Final = Survey(sure=False, possible=False)
_OPEN: Final = Survey(sure=False, possible=True)


def surveyor_of(expression: Expression) -> Surveyor:
    """Return the function that surveys a batch for a condition."""
    if isinstance(expression, Atom):
        return _surveyor_of_atom(expression)
    if isinstance(expression, Not):
        return partial(_none_of, surveyor_of(expression.arg))
    args = tuple(surveyor_of(arg) for arg in sorted(expression.args, key=effort))
    return partial(_all_of if isinstance(expression, And) else _any_of, args)


def _all_of(args: Sequence[Surveyor], view: BatchView) -> Survey:
    sure: Mask = True
    possible: Mask = True
    for arg in args:
        found = arg(view)
        closed = sure is possible and found.sure is found.possible
        possible = both(possible, found.possible)
        if possible is False:
            return _NOTHING
        sure = possible if closed else both(sure, found.sure)
    return Survey(sure, possible)


def _any_of(args: Sequence[Surveyor], view: BatchView) -> Survey:
    sure: Mask = False
    possible: Mask = False
    for arg in args:
        found = arg(view)
        closed = sure is possible and found.sure is found.possible
        possible = either(possible, found.possible)
        sure = possible if closed else either(sure, found.sure)
        if sure is True:
            break
    return Survey(sure, possible)


def _none_of(arg: Surveyor, view: BatchView) -> Survey:
    found = arg(view)
    impossible = neither(found.possible, view.n)
    return Survey(impossible, impossible if found.sure is found.possible else neither(found.sure, view.n))


def _surveyor_of_atom(atom: Atom) -> Surveyor:
    place = split_object(atom.field)
    if place is not None:
        bound = atom.test if place[0] == "measures" and isinstance(atom.test, Compares) else None
        return partial(_of_objects, *place, member_predicate(place, atom.test), bound)
    passes = value_predicate(atom.test)
    if atom.field not in TEXT_FIELDS:
        return partial(_of_values, atom.field, passes)
    equals = atom.test if isinstance(atom.test, Equals) else None
    return partial(_of_texts, atom.field, _Memory(passes), equals)


class _Memory(dict[str | None, bool]):
    """What a test said of texts, as long as they are not too many."""

    def __init__(self, passes: ValuePredicate) -> None:
        super().__init__()
        self._passes = passes

    def __missing__(self, text: str | None) -> bool:
        if len(self) >= _MEMORY:
            self.clear()
        passed = self[text] = self._passes(text)
        return passed


def _of_texts(name: str, passes: _Memory, equals: Equals | None, view: BatchView) -> Survey:
    coded = view.coded(name)
    if coded is not None:
        return _closed(mask_of_codes(coded, bytes(map(passes.__getitem__, coded.values))))
    column = view.batch.columns.get(name)
    if column is None or isinstance(column, str):
        return _closed(passes[column])
    if equals is None:
        return _OPEN
    found = view.where_equal(name, equals.texts, cased=equals.cased)
    return _closed(mask_of_indices(found, view.n))


def _of_values(name: str, passes: ValuePredicate, view: BatchView) -> Survey:
    coded = view.coded(name)
    if coded is not None:
        return _closed(mask_of_codes(coded, bytes(map(passes, coded.values))))
    return _OPEN if view.has(name) else _closed(passes(None))


def _of_objects(
    name: str, path: tuple[str, ...], passes: ValuePredicate, bound: Compares | None, view: BatchView
) -> Survey:
    coded = view.coded(name)
    if coded is not None:
        return _closed(mask_of_codes(coded, bytes(map(passes, view.objects(name)))))
    if not view.has(name):
        return _closed(passes(None))
    if bound is None:
        return _OPEN
    return _closed(mask_of_indices(view.where_measured(".".join(path), bound.operator, bound.number), view.n))


def _closed(mask: Mask) -> Survey:
    return Survey(mask, mask)
