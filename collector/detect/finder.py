"""Finds what many rules match in a batch, at the cost of what is really there.

Rules of other log sources than the batch's are put aside first (*routes*).  Of those that are left, the witnesses
(:mod:`collector.detect.witness`) are asked of the distinct values of each column, and of the members of ``details``.
Only rules with a hit are evaluated, and where their hits are few only at those events.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from collector.detect.expression import And, Atom, Equals, Expression, Or
from collector.detect.field_index import FieldIndex, Hits
from collector.detect.fields import resolve, split_object
from collector.detect.matcher import Matcher
from collector.detect.view import BatchView
from collector.detect.witness import witnesses_of
from watchbook.coded import BASE, Coded

_PROFILE: Final = "origin.profile"
#: Sets of profiles whose index is kept.
_ROUTES_MAX: Final = 64
#: So few rules are asked without looking for witnesses first.
_FEW: Final = 8
#: Of the events of a batch: with more hits a rule is put to the whole columns.
_MANY: Final = 0.25


class Finder:
    """The matchers of a set of rules.  ``cost_ns`` and ``asked`` (events) are what each has cost so far, by number.

    ``few``: where no more rules may match, each is simply asked.
    """

    def __init__(self, matchers: Sequence[Matcher], few: int = _FEW) -> None:
        self._matchers = matchers
        self._few = few
        self._routes: dict[frozenset[str | None], _Index] = {}
        self._profiles = [_profiles_of(matcher.expression) for matcher in matchers]
        self.cost_ns = [0] * len(matchers)
        self.asked = [0] * len(matchers)
        #: The numbers of matchers that are asked no more.
        self.aside: set[int] = set()

    def put_aside(self, number: int) -> None:
        """Ask a matcher no more."""
        self.aside.add(number)
        self._routes.clear()

    def go_on_from(self, other: "Finder") -> None:
        """Take over what matchers that ask the same have cost in another finder."""
        known = {matcher.key: number for number, matcher in enumerate(other._matchers)}
        for number, matcher in enumerate(self._matchers):
            before = known.get(matcher.key)
            if before is not None:
                self.cost_ns[number], self.asked[number] = other.cost_ns[before], other.asked[before]

    def prepare(self, other: "Finder") -> None:
        """Make the indexes for the profiles that another finder has met."""
        for profiles in list(other._routes):
            self._index_of(profiles)

    def find(self, view: BatchView) -> Mapping[int, Sequence[int]]:
        """Return the indices of the events that each matcher finds, ascending, by the number of those that find any."""
        index = self._index_for(view)
        found: dict[int, Sequence[int]] = {}
        for number in index.always:
            self._ask(number, view, None, found)
        for number, indices in index.candidates(view):
            self._ask(number, view, indices, found)
        return found

    def _ask(
        self, number: int, view: BatchView, indices: Sequence[int] | None, found: dict[int, Sequence[int]]
    ) -> None:
        began = time.thread_time_ns()  # of this thread alone: what others do meanwhile is no rule's fault
        matcher = self._matchers[number]
        matched = matcher(view) if indices is None else matcher.among(view, indices)
        self.cost_ns[number] += time.thread_time_ns() - began
        self.asked[number] += view.n if indices is None else len(indices)
        if matched:
            found[number] = matched

    def _index_for(self, view: BatchView) -> "_Index":
        return self._index_of(frozenset(_distinct(view, _PROFILE)))

    def _index_of(self, profiles: frozenset[str | None]) -> "_Index":
        index = self._routes.get(profiles)
        if index is None:
            lowered = {profile.lower() for profile in profiles if profile is not None}
            live = [
                number
                for number, asked in enumerate(self._profiles)
                if number not in self.aside and (asked is None or not asked.isdisjoint(lowered))
            ]
            if len(self._routes) >= _ROUTES_MAX:
                self._routes.clear()
            index = self._routes[profiles] = _Index(
                [(number, self._matchers[number]) for number in live], ask_all=len(live) <= self._few
            )
        return index


class _Index:
    """The witnesses of the rules that may match in batches of some profiles.  ``always``: rules without a witness."""

    def __init__(self, matchers: Sequence[tuple[int, Matcher]], *, ask_all: bool) -> None:
        self.always: list[int] = []
        witnesses: defaultdict[str, list[Any]] = defaultdict(list)
        for number, matcher in matchers:
            found = None if ask_all else witnesses_of(matcher.expression)
            if found is None:
                self.always.append(number)
                continue
            for atom in found.atoms:
                witnesses[atom.field].append((number, atom.test))
        self._columns: dict[str, FieldIndex] = {}
        self._members: dict[str, list[tuple[tuple[str, ...], FieldIndex]]] = {}
        for name, tests in witnesses.items():
            place = split_object(name)
            if place is None:
                self._columns[name] = FieldIndex(tests)
                continue
            path, field = place[1], FieldIndex(tests)
            for end in range(1, len(path) + 1):  # a key may hold dots
                self._members.setdefault(".".join(path[:end]), []).append((path, field))

    def candidates(self, view: BatchView) -> Iterator[tuple[int, Sequence[int] | None]]:
        """Yield the rules with a hit and where, ascending; None: at so many events that all may be asked at once."""
        places: defaultdict[int, list[Any]] = defaultdict(list)
        for name, field in self._columns.items():
            _hits_in_column(view, name, field, places)
        if self._members and view.has("details"):
            self._hits_in_details(view, places)
        many = view.n * _MANY
        for number, parts in places.items():
            indices = parts[0] if len(parts) == 1 else _joined(parts)
            yield number, None if len(indices) > many else indices

    def _hits_in_details(self, view: BatchView, places: "defaultdict[int, list[Any]]") -> None:
        members, single = self._members, defaultdict[int, list[int]](list)
        for index, details in enumerate(view.all_decoded("details")):
            if details.__class__ is not dict:
                continue
            for key in details:
                for path, field in members.get(key, ()):
                    value = details[key] if len(path) == 1 else resolve(details, path)
                    hits = field.remembered[value] if value.__class__ is str else field.hits(value)
                    for number in hits:
                        single[number].append(index)
        for number, indices in single.items():
            places[number].append(list(dict.fromkeys(indices)))


def _hits_in_column(view: BatchView, name: str, field: FieldIndex, places: "defaultdict[int, list[Any]]") -> None:
    column = view.batch.columns.get(name)
    if column is None:
        return
    if isinstance(column, str):
        for number in field.remembered[column]:
            places[number].append(range(view.n))
        return
    coded = view.coded(name)
    if coded is not None:
        for number, codes in _codes_by_rule(coded, field).items():
            places[number].append(_where(coded, codes))
        return
    remembered, single = field.remembered, defaultdict[int, list[int]](list)
    for index, value in enumerate(column):
        if value is not None:
            for number in remembered[value]:
                single[number].append(index)
    for number, indices in single.items():
        places[number].append(indices)


def _codes_by_rule(coded: Coded, field: FieldIndex) -> Mapping[int, list[int]]:
    codes: defaultdict[int, list[int]] = defaultdict(list)
    for code, value in enumerate(coded.values):
        if value is not None:
            hits: Hits = field.remembered[value]
            for number in hits:
                codes[number].append(code)
    return codes


def _where(coded: Coded, codes: Sequence[int]) -> list[int]:
    """Return the indices of the events with one of some codes, ascending."""
    low = np.frombuffer(coded.low, np.uint8)
    passing = np.zeros(BASE * BASE if coded.high is not None else 256, np.bool_)
    passing[list(codes)] = True
    if coded.high is None:
        return np.flatnonzero(passing[low]).tolist()
    return np.flatnonzero(passing[np.frombuffer(coded.high, np.uint8).astype(np.intp) * BASE + low]).tolist()


def _joined(parts: Sequence[Sequence[int]]) -> Sequence[int]:
    return sorted(set().union(*parts))


def _distinct(view: BatchView, name: str) -> Sequence[str | None]:
    column = view.batch.columns.get(name)
    if column is None or isinstance(column, str):
        return (column,)
    coded = view.coded(name)
    return tuple(set(column)) if coded is None else tuple(coded.values)


def _profiles_of(expression: Expression) -> frozenset[str] | None:
    """Return the profiles (lower case) of which every event that a condition matches has one; None when any will do."""
    if isinstance(expression, And):
        found = [asked for arg in expression.args if (asked := _profiles_of(arg)) is not None]
        return min(found, key=len, default=None)
    if isinstance(expression, Or):
        each = list(map(_profiles_of, expression.args))
        return None if None in each else frozenset[str]().union(*filter(None, each))
    if isinstance(expression, Atom) and expression.field == _PROFILE and isinstance(expression.test, Equals):
        return frozenset(text.lower() for text in expression.test.texts)
    return None
