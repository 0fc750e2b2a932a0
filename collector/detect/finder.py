"""Finds what many rules match in a batch, at the cost of what is really there.

Rules of other log sources than the batch's are put aside first (*routes*).  Of those that are left, the witnesses
(:mod:`collector.detect.witness`) are asked of the distinct values of each column, and of the members of ``details``
and ``changes``.
Only rules with a hit are evaluated, and where their hits are few only at those events.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from collector.detect.expression import And, Atom, Equals, Expression, Or, Test, fields_of
from collector.detect.field_index import FieldIndex, Hits
from collector.detect.fields import resolve, split_object
from collector.detect.masks import Mask, either, indices_of, mask_of_codes, mask_of_indices
from collector.detect.matcher import Matcher
from collector.detect.rarity import Rarity
from collector.detect.view import BatchView
from collector.detect.witness import witnesses_of
from watchbook.coded import Coded

_PROFILE: Final = "origin.profile"
#: Sets of profiles whose index is kept.
_ROUTES_MAX: Final = 64
#: So few rules are asked without looking for witnesses first.
_FEW: Final = 8
#: The witnesses are chosen anew after so many batches, and whenever the last number of them has come again.
_LEARNT_AT: Final = (8, 64, 512, 4096)
#: Later, of so many batches one is looked at.
_LOOK_EVERY: Final = 64
#: Where the rules, by number, have hits.
Masks = dict[int, Mask]
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
        took: list[tuple[int, int]] = []
        cpu, began = time.thread_time_ns(), time.perf_counter_ns()
        for number in index.always:
            self._ask(number, view, None, found, took)
        for number, indices in index.candidates(view):
            self._ask(number, view, indices, found, took)
        if took:
            # Of this thread alone: what others do meanwhile is no rule's fault.  Asking that clock each time would cost
            # as much as many rules do.
            part = min(1.0, (time.thread_time_ns() - cpu) / max(1, time.perf_counter_ns() - began))
            for number, nanoseconds in took:
                self.cost_ns[number] += round(nanoseconds * part)
        return found

    def _ask(
        self,
        number: int,
        view: BatchView,
        indices: Sequence[int] | None,
        found: dict[int, Sequence[int]],
        took: list[tuple[int, int]],
    ) -> None:
        began = time.perf_counter_ns()
        matcher = self._matchers[number]
        matched = matcher(view) if indices is None else matcher.among(view, indices)
        self.asked[number] += view.n if indices is None else len(indices)
        if matched:
            found[number] = matched
        took.append((number, time.perf_counter_ns() - began))

    def _index_for(self, view: BatchView) -> "_Index":
        profiles = frozenset(_distinct(view, _PROFILE))
        index = self._index_of(profiles)
        if index.learns(view):
            index = self._routes[profiles] = index.relearnt()
        return index

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
            ask_all = len(live) <= self._few
            index = self._routes[profiles] = _Index({n: self._matchers[n].expression for n in live}, ask_all=ask_all)
        return index


class _Index:
    """The witnesses of the rules that may match in batches of some profiles.  ``always``: rules without a witness.

    Which witnesses are the rarest is learnt from the first batches and from some of those that follow.
    """

    def __init__(
        self, expressions: Mapping[int, Expression], *, ask_all: bool = False, before: "_Index | None" = None
    ) -> None:
        self._expressions = expressions
        self._batches: int = 0 if before is None else before._batches
        self._rarity: Rarity | None = None
        if before is not None:
            self._rarity = before._rarity
        elif not ask_all:
            self._rarity = Rarity({name for expression in expressions.values() for name in fields_of(expression)})
        share_of = None if self._rarity is None else self._rarity.share
        self.always: list[int] = []
        self._witnesses: defaultdict[str, list[tuple[int, Test]]] = defaultdict(list)
        for number, expression in expressions.items():
            found = None if ask_all else witnesses_of(expression, share_of)
            if found is None:
                self.always.append(number)
                continue
            for atom in found.atoms:
                self._witnesses[atom.field].append((number, atom.test))
        self._fields: dict[str, FieldIndex] = {}
        self._columns: dict[str, FieldIndex] = {}
        self._changes: dict[str, FieldIndex] = {}
        self._members: dict[str, list[tuple[tuple[str, ...], FieldIndex]]] = {}
        for name, tests in self._witnesses.items():
            same = before is not None and before._witnesses.get(name) == tests
            self._put(name, before._fields[name] if same and before is not None else FieldIndex(tests))

    def _put(self, name: str, field: FieldIndex) -> None:
        self._fields[name] = field
        place = split_object(name)
        if place is None:
            self._columns[name] = field
            return
        path = place[1]
        if place[0] == "changes":
            self._changes[path[0]] = field
            return
        for end in range(1, len(path) + 1):  # a key may hold dots
            self._members.setdefault(".".join(path[:end]), []).append((path, field))

    def learns(self, view: BatchView) -> bool:
        """Take note of a batch; return whether it is time to choose the witnesses anew."""
        rarity = self._rarity
        if rarity is None:
            return False
        self._batches = batches = self._batches + 1
        if batches > _LEARNT_AT[0] and batches % _LOOK_EVERY:
            return False
        rarity.note(view)
        return batches in _LEARNT_AT or batches % _LEARNT_AT[-1] == 0

    def relearnt(self) -> "_Index":
        """Return the same with the witnesses that are the rarest by what was seen."""
        return _Index(self._expressions, before=self)

    def candidates(self, view: BatchView) -> Iterator[tuple[int, Sequence[int] | None]]:
        """Yield the rules with a hit and where, ascending; None: at so many events that all may be asked at once."""
        masks: Masks = {}
        for name, field in self._columns.items():
            _hits_in_column(view, name, field, masks)
        if self._changes and view.has("changes"):
            for member, field in self._changes.items():
                _hits_in_changes(view, member, field, masks)
        if self._members and view.has("details"):
            self._hits_in_details(view, masks)
        many = view.n * _MANY
        known: dict[Mask, Sequence[int]] = {}  # many rules ask for the same
        for number, mask in masks.items():
            if mask is False:
                continue
            if mask is True or mask.bit_count() > many:
                yield number, None
                continue
            indices = known.get(mask)
            if indices is None:
                indices = known[mask] = indices_of(mask, view.n)
            yield number, indices

    def _hits_in_details(self, view: BatchView, masks: Masks) -> None:
        members, places = self._members, defaultdict[int, list[int]](list)
        for place, details in enumerate(view.distinct_objects("details")):
            if details.__class__ is not dict:
                continue
            for key in details:
                for path, field in members.get(key, ()):
                    value = details[key] if len(path) == 1 else resolve(details, path)
                    hits = field.remembered[value] if value.__class__ is str else field.hits(value)
                    for number in hits:
                        places[number].append(place)
        _add_places(masks, places, view, "details")


def _hits_in_column(view: BatchView, name: str, field: FieldIndex, masks: Masks) -> None:
    coded = view.coded(name)
    if coded is not None:
        _add_coded(masks, _codes_by_rule(coded, field), coded)
        return
    column = view.batch.columns.get(name)
    if column is None:
        return
    if isinstance(column, str):
        for number in field.remembered[column]:
            masks[number] = True
        return
    remembered, single = field.remembered, defaultdict[int, list[int]](list)
    for index in view.where_any(name, field.few_texts) if field.few_texts else range(view.n):
        value = column[index]
        if value is not None:
            for number in remembered[value]:
                single[number].append(index)
    _add(masks, single, view.n)


def _hits_in_changes(view: BatchView, member: str, field: FieldIndex, masks: Masks) -> None:
    texts, others = view.change_values(member)
    places = defaultdict[int, list[int]](list)
    for text, where in texts.items():
        for number in field.remembered[text]:
            places[number] += where
    for value, place in others:
        for number in field.hits(value):
            places[number].append(place)
    _add_places(masks, places, view, "changes")


def _add_places(masks: Masks, places: Mapping[int, Sequence[int]], view: BatchView, name: str) -> None:
    coded = view.coded(name)
    if coded is None:
        _add(masks, places, view.n)
    else:
        _add_coded(masks, places, coded)


def _add(masks: Masks, indices: Mapping[int, Sequence[int]], n: int) -> None:
    for number, where in indices.items():
        masks[number] = either(masks.get(number, False), mask_of_indices(where, n))


def _add_coded(masks: Masks, codes: Mapping[int, Sequence[int]], coded: Coded) -> None:
    for number, those in codes.items():
        passing = bytearray(len(coded.values))
        for code in those:
            passing[code] = 1
        masks[number] = either(masks.get(number, False), mask_of_codes(coded, passing))


def _codes_by_rule(coded: Coded, field: FieldIndex) -> Mapping[int, list[int]]:
    codes: defaultdict[int, list[int]] = defaultdict(list)
    for code, value in enumerate(coded.values):
        if value is not None:
            hits: Hits = field.remembered[value]
            for number in hits:
                codes[number].append(code)
    return codes


def _distinct(view: BatchView, name: str) -> Sequence[str | None]:
    coded = view.coded(name)
    if coded is not None:
        return tuple(coded.values)
    column = view.batch.columns.get(name)
    return (column,) if column is None or isinstance(column, str) else tuple(set(column))


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
